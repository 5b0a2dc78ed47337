// Asks for the host's name through libc and behind its back, here and in a child; then starts programs.
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void look(const char *where) {
    struct utsname name;
    uname(&name);
    printf("%slibc: %s\n", where, name.nodename);
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_uname), "D"(&name) : "rcx", "r11", "memory");
    printf("%sraw: %s\n", where, result == -EXDEV ? "supervised" : "alone");
    fflush(stdout);
}

int main(int count, char **arguments) {
    look("");
    FILE *file = fopen("/data/file", "r");
    char line[100] = "nothing\n", shell[4200];
    if (file) fgets(line, sizeof line, file);
    printf("file: %s", line);
    fflush(stdout);
    if (fork() == 0) {
        look("fork, ");
        _exit(0);
    }
    wait(NULL);
    pid_t pid;
    char *list[] = {"child", NULL};
    posix_spawn(&pid, arguments[1], NULL, NULL, list, environ);
    wait(NULL);
    snprintf(shell, sizeof shell, "echo \"system: [$LD_PRELOAD]\"; %s", arguments[1]);
    return system(shell);
}
