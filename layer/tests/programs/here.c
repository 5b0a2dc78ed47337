// Going into folders, and starting there.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/wait.h>

char *__getcwd_chk(char *, size_t, size_t);
char *__getwd_chk(char *, size_t);

static void content(const char *path) {
    char text[32] = "";
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        printf("%s: %s\n", path, strerrorname_np(errno));
        return;
    }
    printf("%s: %.*s", path, (int)read(fd, text, sizeof text), text), close(fd);
}

int main(int argc, char **argv) {
    char text[PATH_MAX];
    begin(argc, argv);
    if (argc > 2) {
        // Executed by ourselves, in the folder that we have been in.
        printf("executed in: %s\n", seen(getcwd(text, sizeof text)));
        content("one");
        return 0;
    }
    symlink("../file", p("/data/rw/relative"));
    SAY(chdir(p("/data/none")));
    SAY(chdir(p("/data/file")));
    SAY(chdir(p("/data/folder")));
    printf("getcwd: %s\n", seen(getcwd(text, sizeof text)));
    printf("getcwd, allocated: %s\n", seen(getcwd(0, 0)));
    printf("getcwd, little room: %s\n", seen(getcwd(text, 2)));
    printf("getcwd, no room: %s\n", seen(getcwd(text, 0)));
    printf("__getcwd_chk: %s\n", seen(__getcwd_chk(text, sizeof text, sizeof text)));
    printf("getwd: %s\n", seen(getwd(text)));
    printf("__getwd_chk: %s\n", seen(__getwd_chk(text, sizeof text)));
    printf("get_current_dir_name: %s\n", seen(get_current_dir_name()));
    content("one"), content("./two"), content("../file"), content("../folder/one"), content("none");
    struct stat s;
    SAY(stat("one", &s)), printf("%ld\n", (long)s.st_size);
    SAY(access("one", R_OK));
    printf("realpath: %s\n", seen(realpath("../rw/relative", text)));
    printf("canonicalize_file_name: %s\n", seen(canonicalize_file_name(".")));
    glob_t found;
    SAY(glob("*", 0, 0, &found)), printf("%s %s\n", found.gl_pathv[0], found.gl_pathv[1]);
    SAY(mkdir("../rw/made", 0700)), show("/data/rw/made");
    DIR *folder = opendir(".");
    printf("opendir: %s\n", folder ? "ok" : strerrorname_np(errno));

    SAY(chdir("..")), printf("getcwd: %s\n", seen(getcwd(text, sizeof text)));
    content("file");
    SAY(fchdir(dirfd(folder))), printf("getcwd: %s\n", seen(getcwd(text, sizeof text)));
    SAY(chdir("/"));
    snprintf(text, sizeof text, "/proc/self/fd/%d", dirfd(folder));
    SAY(chdir(text)), printf("getcwd: %s\n", seen(getcwd(text, sizeof text))), content("one");
    int local = open("/proc/self", O_RDONLY | O_DIRECTORY);
    pid_t child = fork();
    if (!child) {
        content("one");
        SAY(chdir("/proc/self")), content("comm");
        printf("getcwd: %d\n", getcwd(text, sizeof text) && !strncmp(text, "/proc/", 6));
        exit(0);
    }
    waitpid(child, 0, 0);
    child = vfork();
    if (!child) {
        chdir(p("/data/folder"));
        execl("/proc/self/exe", "here", root, "again", NULL);
        _exit(1);
    }
    waitpid(child, 0, 0);
    // The child of vfork went somewhere, and we are where we were.
    content("one");
    SAY(chdir("/")), content("proc/self/comm");
    child = vfork();
    if (!child) {
        chdir(p("/data"));
        execl("/bin/true", "true", NULL);
        _exit(1);
    }
    waitpid(child, 0, 0);
    content("proc/self/comm");
    SAY(chdir(p("/data/folder")));
    SAY(fchdir(local)), content("comm");
    SAY(fchdir(99));
    SAY(chdir(""));
    mkdir(p("/data/rw/gone"), 0700), chdir(p("/data/rw/gone")), rmdir(p("/data/rw/gone"));
    printf("removed: %s\n", seen(getcwd(text, sizeof text)));
    return 0;
}
