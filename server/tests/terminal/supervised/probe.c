// A small program that stands on its own, for what happens around calls: `probe WHAT ARGUMENTS`.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

// Opens a file and prints its first line, or why it cannot.
static int show(const char *what, const char *path) {
    char text[100] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, text, sizeof text - 1) >= 0) text[strcspn(text, "\n")] = 0;
    printf("%s: %s\n", what, fd < 0 ? strerror(errno) : text);
    if (fd >= 0) close(fd);
    return fd < 0 ? errno : 0;
}

static void *remote(void *path) {
    show("remote", path);
    return 0;
}

// What is local works until the end.
static void part(int number) {
    (void)number;
    show("parts", "/proc/self/comm");
    exit(7);
}

int main(int count, char **words) {
    setvbuf(stdout, 0, _IOLBF, 0);
    pid_t parent = getpid();
    const char *what = count > 1 ? words[1] : "";
    if (!strcmp(what, "show")) {
        show("file", words[2]);
    } else if (!strcmp(what, "become")) { // become PROGRAM ARGUMENTS
        show("before", "/app/config/message.txt");
        execv("/nowhere", words + 2);
        execv(words[2], words + 2);
        return 1;
    } else if (!strcmp(what, "spawn")) { // spawn PROGRAM ARGUMENTS
        fflush(stdout);
        pid_t child = vfork();
        if (child == 0) {
            execv(words[2], words + 2);
            _exit(127);
        }
        int status;
        waitpid(child, &status, 0);
        return WEXITSTATUS(status);
    } else if (!strcmp(what, "side-by-side")) {
        // One thread waits for the target, this one and a child go on with what is local.
        pthread_t thread;
        getchar(); // until we are told that the target does not answer
        pthread_create(&thread, 0, remote, "/app/config/message.txt");
        usleep(100 * 1000);
        for (int i = 0; i < 1000; i++) close(open("/etc/passwd", O_RDONLY));
        show("local", "/proc/self/comm");
        if (fork() == 0) {
            show("child", "/proc/self/comm");
            exit(0);
        }
        wait(0);
        puts("waiting");
        pthread_join(thread, 0);
    } else if (!strcmp(what, "leave-daemon")) {
        show("program", "/app/config/message.txt");
        if (fork() == 0) {
            setsid();
            while (getppid() == parent) usleep(10 * 1000);
            for (;;) {
                show("daemon", "/app/config/message.txt");
                usleep(500 * 1000);
            }
        }
        puts("left");
    } else if (!strcmp(what, "part")) {
        // One that hears, one that does not, and one of whom nobody has heard either.
        show("file", "/app/config/message.txt");
        signal(SIGTERM, SIG_IGN);
        for (int mute = 0; mute < 2; mute++) {
            if (fork()) continue;
            if (!mute) show("deaf", "/proc/self/comm");
            puts(mute ? "mute" : "alive");
            for (;;) pause();
        }
        signal(SIGTERM, part);
        puts("hears");
        for (;;) pause();
    } else if (!strcmp(what, "until-it-fails")) {
        while (show("file", "/app/config/message.txt") == 0) usleep(20 * 1000);
        show("local", "/etc/passwd");
    }
    return 0;
}
