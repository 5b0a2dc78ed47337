// Each way of C to open and to ask about a file.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int __open_2(const char *, int);
int __openat_2(int, const char *, int);
int __open64_2(const char *, int);
int __openat64_2(int, const char *, int);
int __xstat(int, const char *, struct stat *);
int __lxstat(int, const char *, struct stat *);
int __xstat64(int, const char *, struct stat *);
int __lxstat64(int, const char *, struct stat *);
int __fxstat(int, int, struct stat *);
int __fxstat64(int, int, struct stat *);
int __fxstatat(int, int, const char *, struct stat *, int);
int __fxstatat64(int, int, const char *, struct stat *, int);
ssize_t __readlink_chk(const char *, char *, size_t, size_t);
ssize_t __readlinkat_chk(int, const char *, char *, size_t, size_t);
char *__realpath_chk(const char *, char *, size_t);
int eaccess(const char *, int);

#define PATH "/data/file"

static void show(const char *name, int fd) {
    char text[64] = "";
    if (fd < 0) {
        printf("%s: %s\n", name, strerrorname_np(errno));
        return;
    }
    ssize_t len = read(fd, text, sizeof text - 1);
    if (len > 0) printf("%s: %.*s", name, (int)len, text);
    else printf("%s: open, %s\n", name, len ? strerrorname_np(errno) : "empty");
    close(fd);
}

static void show_stream(const char *name, FILE *stream) {
    char line[64] = "";
    if (!stream || !fgets(line, sizeof line, stream)) {
        printf("%s: %s\n", name, strerrorname_np(errno));
        return;
    }
    printf("%s: %s", name, line);
    fclose(stream);
}

static void show_stat(const char *name, int result, struct stat *s) {
    if (result) printf("%s: %s\n", name, strerrorname_np(errno));
    else printf("%s: mode %o size %ld uid %u mtime %ld.%ld\n", name, s->st_mode, (long)s->st_size, s->st_uid, (long)s->st_mtim.tv_sec, s->st_mtim.tv_nsec);
}

int main(void) {
    struct stat s;
    struct statx x;
    char text[PATH_MAX];
    setvbuf(stdout, 0, _IONBF, 0);
    show("open", open(PATH, O_RDONLY));
    show("open64", open64(PATH, O_RDONLY | O_CLOEXEC));
    show("openat", openat(AT_FDCWD, PATH, O_RDONLY));
    show("openat64", openat64(-1, PATH, O_RDONLY));
    show("__open_2", __open_2(PATH, O_RDONLY));
    show("__openat_2", __openat_2(AT_FDCWD, PATH, O_RDONLY));
    show("__open64_2", __open64_2(PATH, O_RDONLY));
    show("__openat64_2", __openat64_2(AT_FDCWD, PATH, O_RDONLY));
    show("syscall open", syscall(SYS_open, PATH, O_RDONLY));
    show("syscall openat", syscall(SYS_openat, AT_FDCWD, PATH, O_RDONLY));
    show("dotted", open("/etc/../data//./file", O_RDONLY));
    show("nofollow", open("/data/link", O_RDONLY | O_NOFOLLOW));
    show("follow", open("/data/link", O_RDONLY));
    show("missing", open("/data/missing", O_RDONLY));
    show("hidden", open("/data/hidden", O_RDONLY));
    show("write stays local", open("/data/file", O_WRONLY));
    show("remote write", open("/data/rw/x", O_WRONLY | O_CREAT, 0600));
    show("creat", creat("/data/rw/x", 0600));
    show("folder", open("/data", O_RDONLY | O_DIRECTORY));
    show("no folder", open(PATH, O_RDONLY | O_DIRECTORY));
    show("path only", open(PATH, O_PATH));
    show("local", open("/proc/self/comm", O_RDONLY));
    show("null", open(0, O_RDONLY));

    int fd = open(PATH, O_RDONLY);
    printf("flags: cloexec %d mode %d\n", fcntl(fd, F_GETFD), fcntl(fd, F_GETFL) & O_ACCMODE);
    show_stat("fstat", fstat(fd, &s), &s);
    char *map = mmap(0, 6, PROT_READ, MAP_PRIVATE, fd, 0);
    printf("mmap: %.6s\n", map);
    printf("write: %s\n", write(fd, "x", 1) < 0 ? strerrorname_np(errno) : "ok");
    close(fd);
    fd = open(PATH, O_RDONLY | O_CLOEXEC);
    printf("flags: cloexec %d\n", fcntl(fd, F_GETFD));
    close(fd);

    show_stream("fopen", fopen(PATH, "r"));
    show_stream("fopen64", fopen64(PATH, "re"));
    show_stream("fopen missing", fopen("/data/missing", "r"));
    show_stream("fopen write", fopen("/data/rw/x", "w"));
    FILE *stream = fopen("/dev/null", "r");
    show_stream("freopen", freopen(PATH, "r", stream));

    show_stat("stat", stat(PATH, &s), &s);
    show_stat("lstat", lstat("/data/link", &s), &s);
    show_stat("fstatat", fstatat(AT_FDCWD, "/data/link", &s, AT_SYMLINK_NOFOLLOW), &s);
    show_stat("__xstat", __xstat(1, PATH, &s), &s);
    show_stat("__lxstat", __lxstat(1, "/data/missing", &s), &s);
    show_stat("stat64", stat64(PATH, (void *)&s), &s);
    show_stat("lstat64", lstat64("/data/link", (void *)&s), &s);
    show_stat("fstatat64", fstatat64(AT_FDCWD, PATH, (void *)&s, 0), &s);
    show_stat("__xstat64", __xstat64(1, PATH, &s), &s);
    show_stat("__lxstat64", __lxstat64(1, "/data/link", &s), &s);
    show_stat("__fxstatat", __fxstatat(1, AT_FDCWD, PATH, &s, 0), &s);
    show_stat("__fxstatat64", __fxstatat64(1, AT_FDCWD, PATH, &s, 0), &s);
    fd = open(PATH, O_RDONLY);
    show_stat("fstat64", fstat64(fd, (void *)&s), &s);
    show_stat("__fxstat", __fxstat(1, fd, &s), &s);
    show_stat("__fxstat64", __fxstat64(1, fd, &s), &s);
    close(fd);
    show_stat("syscall stat", syscall(SYS_newfstatat, AT_FDCWD, PATH, &s, 0), &s);
    // C leaves the order of a call's arguments open: the result first, what it filled in after.
    memset(&x, 0, sizeof x);
    int done = statx(AT_FDCWD, PATH, 0, STATX_BASIC_STATS, &x);
    printf("statx: %d mode %o size %llu\n", done, x.stx_mode, x.stx_size);
    memset(&x, 0, sizeof x);
    done = syscall(SYS_statx, AT_FDCWD, PATH, 0, STATX_BASIC_STATS, &x);
    printf("syscall statx: %d mode %o size %llu\n", done, x.stx_mode, x.stx_size);
    fd = open(PATH, O_RDONLY);
    memset(&x, 0, sizeof x);
    done = statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x);
    stat(PATH, &s);
    printf("statx of an open file: %d mode %o size %llu same %d\n", done, x.stx_mode, x.stx_size, x.stx_ino == s.st_ino);
    close(fd);
    printf("access: %d %d", access(PATH, R_OK), access(PATH, X_OK));
    printf(" %s\n", strerrorname_np(errno));
    printf("faccessat: %d, eaccess: %d, euidaccess: %d\n", faccessat(AT_FDCWD, PATH, R_OK, 0), eaccess(PATH, R_OK), euidaccess(PATH, F_OK));
    printf("access W_OK: %s\n", access(PATH, W_OK) ? strerrorname_np(errno) : "ok");
    ssize_t len = readlink("/data/link", text, sizeof text);
    printf("readlink: %.*s\n", (int)len, text);
    len = readlinkat(AT_FDCWD, "/data/link", text, 5);
    printf("readlinkat: %.*s\n", (int)len, text);
    printf("readlink of a file: %s\n", readlink(PATH, text, 5) < 0 ? strerrorname_np(errno) : "ok");
    len = __readlink_chk("/data/link", text, sizeof text, sizeof text);
    printf("__readlink_chk: %.*s\n", (int)len, text);
    len = __readlinkat_chk(AT_FDCWD, "/data/link", text, sizeof text, sizeof text);
    printf("__readlinkat_chk: %.*s\n", (int)len, text);
    printf("__realpath_chk: %s\n", __realpath_chk("/data/link", text, sizeof text));
    char *real = realpath("/data/./link", 0);
    printf("realpath: %s\n", real ? real : strerrorname_np(errno));
    free(real);
    printf("realpath: %s\n", realpath("/data/link/..//file", text) ? text : strerrorname_np(errno));
    printf("opendir: %s\n", opendir("/data") ? "ok" : strerrorname_np(errno));
    printf("opendir: %s\n", opendir("/data/missing") ? "ok" : strerrorname_np(errno));
    DIR *dir = opendir("/proc");
    printf("local opendir: %s\n", dir ? "ok" : strerrorname_np(errno));
    errno = E2BIG;
    close(open(PATH, O_RDONLY));
    printf("errno after success: %s\n", strerrorname_np(errno));
}
