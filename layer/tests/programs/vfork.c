// Children that share our memory, or that libc does not know of.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(const char *who) {
    char text[64];
    int fd = open("/data/file", O_RDONLY);
    int len = fd < 0 ? snprintf(text, sizeof text, "%s\n", strerrorname_np(errno)) : read(fd, text, sizeof text);
    dprintf(1, "%s: %.*s", who, len, text);
    close(fd);
}

static int descriptors(void) {
    int count = 0;
    for (int fd = 0; fd < 2048; fd++) count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

int main(void) {
    show("parent");
    int before = descriptors();
    pid_t pid = vfork();
    if (!pid) {
        show("vfork");
        closefrom(3);
        show("vfork, all closed");
        _exit(0);
    }
    waitpid(pid, 0, 0);
    show("parent");
    if (!fork()) {
        show("fork");
        _exit(0);
    }
    wait(0);
    if (!syscall(SYS_fork)) {
        show("raw fork");
        _exit(0);
    }
    wait(0);
    show("parent");
    printf("descriptors left over: %d\n", descriptors() - before);
    fflush(stdout);
    closefrom(3);
    show("all closed");
    // Our number, reused by the program.
    for (int fd = 3; fd < 1000; fd++) dup2(1, fd);
    show("all reused");
    char *arguments[] = {"cat", "/data/file", 0}, *environment[] = {0};
    pid = vfork();
    if (!pid) {
        execve("/bin/cat", arguments, environment);
        _exit(1);
    }
    waitpid(pid, 0, 0);
    show("parent");
}
