// What a child of posix_spawn does before it becomes the program.
#include "check.h"
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

// The child says where it is, and what it finds there and on its descriptors.
static int child(void) {
    char text[PATH_MAX];
    printf("    in %s\n", seen(getcwd(text, sizeof text)));
    for (int i = 0; i < 3; i++) {
        const char *name = (const char *[]){"one", "two", "file"}[i];
        char content[32] = "";
        int fd = open(name, O_RDONLY);
        if (fd < 0) continue;
        printf("    %s: %.*s", name, (int)read(fd, content, sizeof content), content), close(fd);
    }
    for (int fd = 7; fd < 10; fd++) {
        char content[32] = "";
        int count = read(fd, content, sizeof content);
        if (count >= 0) printf("    descriptor %d: %.*s", fd, count, content);
    }
    // Nothing of what it took to get here is left.
    for (int fd = 10; fd < 64; fd++) if (fcntl(fd, F_GETFD) != -1) printf("    descriptor %d is open\n", fd);
    return 0;
}

static void spawn(const char *what, posix_spawn_file_actions_t *actions, const char *program) {
    char *arguments[] = {"child", (char *)root, "child", NULL};
    pid_t pid;
    int status, error = posix_spawn(&pid, program, actions, NULL, arguments, environ);
    if (error) printf("%s: %s\n", what, strerrorname_np(error));
    else waitpid(pid, &status, 0), printf("%s: %d\n", what, status);
}

#define SPAWN(what, ...) do { \
        posix_spawn_file_actions_t actions, *a = &actions; \
        posix_spawn_file_actions_init(a); \
        int wrong = 0; __VA_ARGS__; \
        if (wrong) printf("%s: cannot be asked for\n", what); \
        spawn(what, a, "/proc/self/exe"), posix_spawn_file_actions_destroy(a); \
    } while (0)
#define CHDIR(path) wrong |= posix_spawn_file_actions_addchdir_np(a, path)
#define FCHDIR(fd) wrong |= posix_spawn_file_actions_addfchdir_np(a, fd)
#define OPEN(fd, path, flags) wrong |= posix_spawn_file_actions_addopen(a, fd, path, flags, 0640)
#define DUP2(from, to) wrong |= posix_spawn_file_actions_adddup2(a, from, to)
#define CLOSE(fd) wrong |= posix_spawn_file_actions_addclose(a, fd)

int main(int argc, char **argv) {
    begin(argc, argv);
    if (argc > 2) return child();
    SPAWN("a folder", CHDIR(p("/data/folder")));
    SPAWN("a folder and one from there", CHDIR(p("/data/folder")), CHDIR(".."));
    SPAWN("no folder", CHDIR(p("/data/none")));
    SPAWN("a file as folder", CHDIR(p("/data/file")));
    SPAWN("a file", OPEN(7, p("/data/file"), O_RDONLY));
    SPAWN("a file in a folder", CHDIR(p("/data/folder")), OPEN(7, "one", O_RDONLY), OPEN(8, "../file", O_RDONLY));
    SPAWN("copies of a file", OPEN(9, p("/data/file"), O_RDONLY), DUP2(9, 8), CLOSE(9), DUP2(8, 7));
    SPAWN("a new file", OPEN(1, p("/data/rw/output"), O_WRONLY | O_CREAT | O_TRUNC), CHDIR(p("/data/folder")));
    show("/data/rw/output");
    SPAWN("a file that is there", OPEN(7, p("/data/rw/output"), O_WRONLY | O_CREAT | O_EXCL));
    SPAWN("no file", OPEN(7, p("/data/none"), O_RDONLY));
    int folder = open(p("/data/folder"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    SPAWN("an open folder", FCHDIR(folder), OPEN(7, "two", O_RDONLY));
    SPAWN("an open folder under another number", DUP2(folder, 60), FCHDIR(60), CLOSE(60));
    SPAWN("a folder that is not open", FCHDIR(61));
    SPAWN("there and back", CHDIR(p("/data/folder")), CHDIR("/proc/self"), OPEN(1, "/dev/null", O_WRONLY));
    SAY(chdir(p("/data/folder")));
    SPAWN("where we are");
    SPAWN("from where we are", CHDIR(".."));
    SPAWN("a file where we are", OPEN(7, "one", O_RDONLY));
    SPAWN("away from where we are", CHDIR("/proc/self"), OPEN(1, "/dev/null", O_WRONLY));
    SAY(chdir("/"));

    // A list lasts: what it names may come to be later, and change.
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, p("/data/rw/later"));
    spawn("not yet", &actions, "/proc/self/exe");
    SAY(mkdir(p("/data/rw/later"), 0700));
    spawn("now", &actions, "/proc/self/exe");
    spawn("again", &actions, "/proc/self/exe");
    spawn("no program", &actions, "/proc/self/none");
    posix_spawn_file_actions_destroy(&actions);
    // We ourselves have what we had.
    for (int fd = 3; fd < 64; fd++) if (fd != folder && fcntl(fd, F_GETFD) != -1) printf("descriptor %d is open\n", fd);
    return 0;
}
