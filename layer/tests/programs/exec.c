// Starts the program that it is given in every way that libc has.
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void spawned(const char *how, int error, pid_t pid) {
    int status = 0;
    if (error == 0) waitpid(pid, &status, 0);
    printf("%s: %d %d\n", how, error, status);
    fflush(stdout);
}

#define CHILD(how, call)                                                                                               \
    do {                                                                                                               \
        pid_t pid = fork();                                                                                            \
        if (pid == 0) {                                                                                                \
            call;                                                                                                      \
            perror(how);                                                                                               \
            _exit(1);                                                                                                  \
        }                                                                                                              \
        waitpid(pid, NULL, 0);                                                                                         \
    } while (0)

int main(int count, char **given) {
    const char *path = given[1], *name = strrchr(path, '/') + 1;
    char *empty[] = {NULL}, *list[] = {"listed", "1", NULL};
    char search[4096];
    snprintf(search, sizeof search, "PATH=/nowhere:%.*s", (int)(name - path - 1), path);
    if (count > 2) { // a shell in an environment that has been cleared
        clearenv();
        system(given[2]);
        FILE *pipe = popen(given[2], "r");
        char line[4096];
        while (fgets(line, sizeof line, pipe)) fputs(line, stdout);
        return pclose(pipe);
    }
    putenv(search);
    CHILD("execve", execve(path, list, empty));
    CHILD("execv", execv(path, list));
    CHILD("execvp", execvp(name, list));
    CHILD("execvpe", execvpe(name, list, empty));
    CHILD("fexecve", fexecve(open(path, O_RDONLY), list, environ));
    CHILD("execveat", execveat(open(path, O_PATH), "", list, environ, AT_EMPTY_PATH));
    CHILD("execl", execl(path, "none", (char *)NULL));
    CHILD("execl", execl(path, "few", "2", "3", "4", (char *)NULL));
    CHILD("execl", execl(path, "many", "2", "3", "4", "5", "6", "7", "8", "9", (char *)NULL));
    CHILD("execlp", execlp(name, "searched", "2", "3", "4", "5", (char *)NULL));
    CHILD("execle", execle(path, "few", "2", (char *)NULL, empty));
    CHILD("execle", execle(path, "five", "2", "3", "4", "5", (char *)NULL, environ));
    CHILD("execle", execle(path, "many", "2", "3", "4", "5", "6", "7", (char *)NULL, empty));
    CHILD("missing", execl("/nowhere/program", "none", (char *)NULL));

    pid_t pid = 0;
    int error = posix_spawn(&pid, path, NULL, NULL, list, empty);
    spawned("posix_spawn", error, pid);
    error = posix_spawnp(&pid, name, NULL, NULL, list, environ);
    spawned("posix_spawnp", error, pid);
    error = posix_spawn(&pid, "/nowhere/program", NULL, NULL, list, environ);
    spawned("posix_spawn missing", error, pid);
    error = posix_spawn(&pid, "/etc/passwd", NULL, NULL, list, environ);
    spawned("posix_spawn not executable", error, pid);

    pid = vfork();
    if (pid == 0) {
        execv(path, list);
        _exit(1);
    }
    waitpid(pid, NULL, 0);
    return 0;
}
