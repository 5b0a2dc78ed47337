// Makes every call on paths that a supervisor knows, by number, and prints what came of it: `call: value`, or the errno's
// name. /srv is the target's, /mapped/ is rewritten to the folder in MAPPED, /hidden does not exist.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

// musl has no strerrorname_np(3).
static const char *errno_name(void) {
    static const struct { int number; const char *name; } names[] = {
        {EPERM, "EPERM"}, {ENOENT, "ENOENT"}, {EIO, "EIO"}, {EBADF, "EBADF"}, {EACCES, "EACCES"}, {EFAULT, "EFAULT"},
        {EEXIST, "EEXIST"}, {EXDEV, "EXDEV"}, {ENOTDIR, "ENOTDIR"}, {EISDIR, "EISDIR"}, {EINVAL, "EINVAL"},
        {EROFS, "EROFS"}, {ERANGE, "ERANGE"}, {ENAMETOOLONG, "ENAMETOOLONG"}, {ENOSYS, "ENOSYS"},
        {ENOTEMPTY, "ENOTEMPTY"}, {ELOOP, "ELOOP"}, {ENODATA, "ENODATA"}, {ENOTSUP, "ENOTSUP"}, {ENXIO, "ENXIO"},
    };
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == errno) return names[i].name;
    return strerror(errno);
}

static void tell(const char *what, long value) {
    if (value == -1) {
        printf("%s: %s\n", what, errno_name());
    } else {
        printf("%s: %ld\n", what, value);
    }
}

// Descriptors are not worth comparing: 0 for one that was given, closed again.
static long closed(long fd) {
    if (fd < 0) return -1;
    close(fd);
    return 0;
}

static void content(const char *what, int fd) {
    char text[100] = {0};
    long len = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (len < 0) tell(what, -1);
    else printf("%s: %s\n", what, text);
    if (fd >= 0) close(fd);
}

#define CALL(name, ...) tell(#name, syscall(SYS_##name, __VA_ARGS__))

static int create(const char *path, const char *text) {
    int fd = syscall(SYS_open, path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return -1;
    long len = strlen(text);
    int whole = write(fd, text, len) == len;
    return close(fd) == 0 && whole ? 0 : -1;
}

static void status(void) {
    struct stat s;
    // struct statx, which musl does not know in all versions.
    struct { uint32_t mask, blksize; uint64_t attributes; uint32_t nlink, uid, gid; uint16_t mode, spare; uint64_t ino, size, rest[28]; } x;
    struct statfs f;
    umask(027);
    tell("create", create("/srv/f", "hello"));
    CALL(stat, "/srv/f", &s);
    printf("mode %o size %ld links %ld\n", s.st_mode, (long)s.st_size, (long)s.st_nlink);
    ino_t ino = s.st_ino;
    CALL(symlink, "f", "/srv/l");
    CALL(lstat, "/srv/l", &s);
    printf("link %d\n", S_ISLNK(s.st_mode));
    CALL(newfstatat, AT_FDCWD, "/srv/l", &s, 0);
    printf("followed %d\n", S_ISREG(s.st_mode) && s.st_ino == ino);
    CALL(newfstatat, AT_FDCWD, "/srv/l", &s, AT_SYMLINK_NOFOLLOW);
    printf("not followed %d\n", S_ISLNK(s.st_mode));
    CALL(statx, AT_FDCWD, "/srv/f", 0, 0x7ff, &x);
    printf("mode %o size %ld same %d\n", x.mode, (long)x.size, x.ino == ino);
    CALL(statx, AT_FDCWD, "/srv/f", 0x6000, 0x7ff, &x);
    CALL(statfs, "/srv/f", &f);
    printf("names of %ld\n", (long)f.f_namelen);
    CALL(access, "/srv/f", R_OK);
    CALL(access, "/srv/none", F_OK);
    CALL(access, "/srv/f", 8);
    CALL(faccessat, AT_FDCWD, "/srv/f", W_OK);
    CALL(faccessat2, AT_FDCWD, "/srv/l", F_OK, AT_SYMLINK_NOFOLLOW);
    char text[10] = {0};
    CALL(readlink, "/srv/l", text, sizeof text);
    CALL(readlinkat, AT_FDCWD, "/srv/l", text, 0);
    CALL(readlinkat, AT_FDCWD, "/srv/f", text, sizeof text);
    // What the kernel says of bad arguments, and a hidden file.
    CALL(stat, 8L, &s);
    CALL(stat, "/srv/f", 8L);
    CALL(stat, "", &s);
    char longest[5000];
    memset(longest, 'x', sizeof longest);
    memcpy(longest, "/srv/", 5);
    longest[4999] = 0;
    CALL(stat, longest, &s);
    CALL(stat, "/hidden/x", &s);
    CALL(stat, "/srv/f/x", &s);
}

static void opening(void) {
    struct { uint64_t flags, mode, resolve; } how = {.flags = O_RDONLY | O_CLOEXEC};
    content("openat", syscall(SYS_openat, AT_FDCWD, "/srv/l", O_RDONLY));
    tell("O_NOFOLLOW", closed(syscall(SYS_openat, AT_FDCWD, "/srv/l", O_RDONLY | O_NOFOLLOW)));
    tell("O_DIRECTORY", closed(syscall(SYS_openat, AT_FDCWD, "/srv/f", O_RDONLY | O_DIRECTORY)));
    tell("O_EXCL", closed(syscall(SYS_openat, AT_FDCWD, "/srv/f", O_CREAT | O_EXCL | O_WRONLY, 0600)));
    content("openat2", syscall(SYS_openat2, AT_FDCWD, "/srv/f", &how, sizeof how));
    tell("openat2 too small", syscall(SYS_openat2, AT_FDCWD, "/srv/f", &how, 8));
    how.resolve = 8; // RESOLVE_BENEATH
    tell("openat2 beneath", closed(syscall(SYS_openat2, AT_FDCWD, "/srv/f", &how, sizeof how)));
    tell("creat", closed(syscall(SYS_creat, "/srv/c", 0666)));
    int fd = syscall(SYS_open, "/srv/c", O_WRONLY | O_APPEND);
    tell("write", write(fd, "one", 3));
    tell("close", close(fd));
    fd = syscall(SYS_open, "/srv/c", O_WRONLY | O_APPEND);
    tell("append", write(fd, "two", 3));
    tell("close", close(fd));
    content("both", syscall(SYS_open, "/srv/c", O_RDONLY));
    fd = syscall(SYS_open, "/srv/f", O_RDONLY | O_CLOEXEC);
    printf("close on exec %d\n", fcntl(fd, F_GETFD));
    struct stat s, by_path;
    tell("fstat", fstat(fd, &s));
    stat("/srv/f", &by_path);
    printf("fstat size %ld mode %o\n", (long)s.st_size, s.st_mode & 0170777);
    char *mapped = mmap(0, 5, PROT_READ, MAP_PRIVATE, fd, 0);
    printf("mmap %.5s\n", mapped == MAP_FAILED ? "no" : mapped);
    close(fd);
    content("local", syscall(SYS_open, "/proc/self/comm", O_RDONLY));
}

// Files that have no name get one, and what O_PATH gives names files.
static void nameless(void) {
    char named[40];
    int file = syscall(SYS_openat, AT_FDCWD, "/srv/d", O_TMPFILE | O_RDWR, 0640);
    tell("nameless", write(file, "content", 7));
    snprintf(named, sizeof named, "/proc/self/fd/%d", file);
    CALL(linkat, AT_FDCWD, named, AT_FDCWD, "/srv/d/n", AT_SYMLINK_FOLLOW);
    CALL(linkat, AT_FDCWD, named, AT_FDCWD, "/srv/d/n", AT_SYMLINK_FOLLOW);
    CALL(linkat, AT_FDCWD, named, AT_FDCWD, "/tmp/n", AT_SYMLINK_FOLLOW);
    CALL(linkat, AT_FDCWD, named, AT_FDCWD, "/srv/d/m", 0);
    content("named", open("/srv/d/n", O_RDONLY));
    int folder = open("/srv/d", O_PATH | O_DIRECTORY);
    CALL(linkat, file, "", folder, "m", 0x1000 /* AT_EMPTY_PATH */);
    close(file);
    content("named again", openat(folder, "m", O_RDONLY));
    file = open("/srv/d/m", O_PATH | O_NOFOLLOW);
    snprintf(named, sizeof named, "/proc/self/fd/%d", file);
    content("opened again", open(named, O_RDONLY));
    tell("chmod", chmod(named, 0604));
    close(file);
    CALL(unlinkat, folder, "n", 0);
    CALL(unlinkat, folder, "m", 0);
    tell("close", close(folder));
}

static void names(void) {
    CALL(mkdir, "/srv/d", 0777);
    CALL(mkdirat, AT_FDCWD, "/srv/d", 0777);
    struct stat s;
    stat("/srv/d", &s);
    printf("mode %o\n", s.st_mode);
    CALL(mknod, "/srv/d/fifo", S_IFIFO | 0666, 0);
    CALL(mknodat, AT_FDCWD, "/srv/d/device", S_IFCHR | 0666, 0x103);
    CALL(rename, "/srv/c", "/srv/d/c");
    CALL(renameat, AT_FDCWD, "/srv/d/c", AT_FDCWD, "/srv/c");
    CALL(renameat2, AT_FDCWD, "/srv/c", AT_FDCWD, "/srv/f", 1 /* RENAME_NOREPLACE */);
    CALL(rename, "/srv/c", "/tmp/c");
    CALL(link, "/srv/f", "/srv/d/f");
    CALL(linkat, AT_FDCWD, "/srv/l", AT_FDCWD, "/srv/d/l", 0);
    CALL(linkat, AT_FDCWD, "/srv/f", AT_FDCWD, "/tmp/f", 0);
    CALL(symlinkat, "/nowhere", AT_FDCWD, "/srv/d/s");
    CALL(rmdir, "/srv/d");
    CALL(unlink, "/srv/d/fifo");
    CALL(unlink, "/srv/d");
    CALL(unlinkat, AT_FDCWD, "/srv/d/s", 0);
    CALL(unlinkat, AT_FDCWD, "/srv/d/s", 1);
    nameless();
    DIR *folder = opendir("/srv/d");
    int found = 0;
    for (struct dirent *e; folder && (e = readdir(folder));) found += !strcmp(e->d_name, "f") + 10 * !strcmp(e->d_name, "l");
    printf("listed %d\n", found);
    if (folder) closedir(folder);
}

static void changes(void) {
    struct stat s;
    CALL(chmod, "/srv/f", 0604);
    CALL(fchmodat, AT_FDCWD, "/srv/f", 0640);
    CALL(fchmodat2, AT_FDCWD, "/srv/f", 0644, 0);
    CALL(chown, "/srv/f", -1, -1);
    CALL(lchown, "/srv/l", -1, -1);
    CALL(fchownat, AT_FDCWD, "/srv/f", -1, -1, 0x8000);
    CALL(truncate, "/srv/f", 3L);
    CALL(truncate, "/srv/f", -1L);
    struct timespec both[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 5, .tv_nsec = 7}};
    CALL(utimensat, AT_FDCWD, "/srv/f", both, 0);
    stat("/srv/f", &s);
    printf("mode %o size %ld mtime %ld.%ld\n", s.st_mode, (long)s.st_size, s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
    struct timeval times[2] = {{1, 2}, {3, 4}};
    CALL(utimes, "/srv/f", times);
    CALL(futimesat, AT_FDCWD, "/srv/f", times);
    stat("/srv/f", &s);
    printf("atime %ld.%ld mtime %ld.%ld\n", s.st_atim.tv_sec, s.st_atim.tv_nsec, s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
    struct utimbuf seconds = {8, 9};
    CALL(utime, "/srv/f", &seconds);
    stat("/srv/f", &s);
    printf("mtime %ld\n", (long)s.st_mtime);
    CALL(utime, "/srv/f", 0L);
    stat("/srv/f", &s);
    printf("now %d\n", s.st_mtime > 1000000000);
    char value[10] = {0};
    CALL(setxattr, "/srv/f", "user.a", "12345", 5L, 0);
    CALL(getxattr, "/srv/f", "user.a", value, 0L);
    CALL(getxattr, "/srv/f", "user.a", value, 2L);
    CALL(lgetxattr, "/srv/f", "user.a", value, sizeof value);
    CALL(listxattr, "/srv/f", value, 0L);
    CALL(llistxattr, "/srv/f", value, sizeof value);
    CALL(lsetxattr, "/srv/f", "user.a", "x", 1L, XATTR_CREATE);
    CALL(removexattr, "/srv/f", "user.a");
    CALL(lremovexattr, "/srv/f", "user.a");
    CALL(inotify_add_watch, -1, "/srv/f", 2);
}

static void directories(void) {
    char path[4096];
    char home[4096];
    getcwd(home, sizeof home);
    CALL(chdir, "/srv/f");
    CALL(chdir, "/srv/d");
    tell("getcwd", syscall(SYS_getcwd, path, sizeof path));
    printf("in %s\n", path);
    CALL(getcwd, path, 3L);
    content("relative", syscall(SYS_open, "f", O_RDONLY));
    content("parent", syscall(SYS_open, "../f", O_RDONLY));
    fflush(stdout);
    if (fork() == 0) {
        content("child", syscall(SYS_open, "f", O_RDONLY));
        exit(0);
    }
    wait(0);
    int folder = syscall(SYS_open, "/srv", O_RDONLY | O_DIRECTORY);
    content("in folder", syscall(SYS_openat, folder, "f", O_RDONLY));
    tell("mkdir in folder", syscall(SYS_mkdirat, folder, "e", 0700));
    tell("fchdir", syscall(SYS_fchdir, folder));
    content("after fchdir", syscall(SYS_open, "d/f", O_RDONLY));
    getcwd(path, sizeof path);
    printf("in %s\n", path);
    CALL(chdir, home);
    getcwd(path, sizeof path);
    printf("back %d\n", !strcmp(path, home));
    tell("relative is local", closed(syscall(SYS_open, "f", O_RDONLY)));
}

static void mapped(void) {
    struct stat s;
    umask(0);
    tell("mapped create", create("/mapped/new", "mapped"));
    stat("/mapped/new", &s);
    printf("mode %o size %ld\n", s.st_mode, (long)s.st_size);
    content("mapped", syscall(SYS_open, "/mapped/new", O_RDONLY));
    char real[4096];
    snprintf(real, sizeof real, "%s/new", getenv("MAPPED"));
    content("real", syscall(SYS_open, real, O_RDONLY));
    snprintf(real, sizeof real, "%s/moved", getenv("MAPPED"));
    tell("rename to real", rename("/mapped/new", real));
    tell("rename to remote", rename("/mapped/moved", "/srv/moved"));
    tell("chmod", chmod("/mapped/moved", 0600));
    tell("mkdir", mkdir("/mapped/d", 0777));
    stat(strcat(strcpy(real, getenv("MAPPED")), "/d"), &s);
    printf("mode %o\n", s.st_mode);
    tell("unlink", unlink("/mapped/moved"));
    tell("chdir", chdir("/mapped/d"));
}

int main(void) {
    setvbuf(stdout, 0, _IOLBF, 0); // what was said before a crash is worth reading
    struct utsname names_of;
    uname(&names_of);
    printf("host %s\n", names_of.nodename);
    status();
    opening();
    names();
    changes();
    directories();
    mapped();
    return 0;
}
