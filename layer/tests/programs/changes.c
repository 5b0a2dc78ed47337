// Changing permissions, owner, size, times and attributes, and asking about the file system.
#include "check.h"
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <time.h>
#include <utime.h>

static void times(const char *path) {
    struct stat s;
    lstat(p(path), &s);
    printf("    %s: %ld.%09ld %ld.%09ld\n", path, (long)s.st_atim.tv_sec, s.st_atim.tv_nsec, (long)s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
}

static void owner(const char *path) {
    struct stat s;
    lstat(p(path), &s);
    printf("    %s: %u %u\n", path, s.st_uid, s.st_gid);
}

#define FILE_ "/data/rw/file"

int main(int argc, char **argv) {
    begin(argc, argv);
    char text[64];
    int fd = creat(p(FILE_), 0644), folder = open(p("/data/rw"), O_RDONLY | O_DIRECTORY);
    SAY(write(fd, "content", 7)), close(fd);
    symlink("file", p("/data/rw/link"));

    SAY(chmod(p(FILE_), 0)), show(FILE_);
    SAY(chmod(p(FILE_), S_IFMT | 04755)), show(FILE_);
    SAY(chmod(p("/data/rw/link"), 0600)), show(FILE_);
    SAY(lchmod(p(FILE_), 0640)), show(FILE_);
    SAY(fchmodat(folder, "file", 0644, 0)), show(FILE_);
    SAY(fchmodat(folder, "file", 0644, 1));
    SAY(chmod(p("/data/rw/none"), 0644));
    if (geteuid() == 0) {
        SAY(chown(p(FILE_), 5, 6)), owner(FILE_);
        SAY(chown(p(FILE_), -1, 7)), owner(FILE_);
        SAY(lchown(p("/data/rw/link"), 8, 9)), owner("/data/rw/link"), owner(FILE_);
        SAY(fchownat(folder, "file", 10, -1, 0)), owner(FILE_);
        SAY(fchownat(folder, "link", 11, 11, AT_SYMLINK_NOFOLLOW)), owner("/data/rw/link");
        SAY(fchownat(folder, "file", 1, 1, 3));
    }
    SAY(truncate(p(FILE_), 3)), show(FILE_);
    SAY(truncate64(p(FILE_), 5000)), show(FILE_);
    SAY(truncate(p(FILE_), -1));
    SAY(truncate(p("/data/rw"), 1));
    SAY(truncate(p("/data/rw/link"), 4)), show(FILE_);

    struct utimbuf seconds = {1000, 2000};
    struct timeval micro[2] = {{3000, 1}, {4000, 999999}}, wrong[2] = {{1, 1000000}, {1, 0}};
    struct timespec nano[2] = {{5000, 1}, {6000, 999999999}}, omit[2] = {{0, UTIME_OMIT}, {7000, 0}}, none[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
    struct timespec bad[2] = {{0, -1}, {0, 0}};
    SAY(utime(p(FILE_), &seconds)), times(FILE_);
    SAY(utimes(p(FILE_), micro)), times(FILE_);
    SAY(utimes(p(FILE_), wrong));
    SAY(lutimes(p("/data/rw/link"), micro)), times("/data/rw/link");
    SAY(futimesat(folder, "file", micro)), times(FILE_);
    SAY(utimensat(folder, "file", nano, 0)), times(FILE_);
    SAY(utimensat(AT_FDCWD, p(FILE_), omit, 0)), times(FILE_);
    SAY(utimensat(AT_FDCWD, p(FILE_), none, 0));
    SAY(utimensat(AT_FDCWD, p("/data/rw/none"), none, 0));
    SAY(utimensat(AT_FDCWD, p(FILE_), bad, 0));
    SAY(utimensat(AT_FDCWD, p(FILE_), nano, 7));
    SAY(utimensat(folder, "link", nano, AT_SYMLINK_NOFOLLOW)), times("/data/rw/link");
    SAY(utime(p("/data/rw/none"), 0));
    SAY(utime(p(FILE_), 0));
    struct stat s;
    stat(p(FILE_), &s), printf("now: %d\n", time(0) - s.st_mtime < 60);

    SAY(setxattr(p(FILE_), "user.a", "value", 5, 0));
    SAY(setxattr(p(FILE_), "user.a", "value", 5, XATTR_CREATE));
    SAY(setxattr(p(FILE_), "user.b", "", 0, XATTR_REPLACE));
    SAY(setxattr(p(FILE_), "user.b", "", 0, 0));
    SAY(setxattr(p(FILE_), "", "", 0, 0));
    SAY(getxattr(p(FILE_), "user.a", text, sizeof text)), printf("%.5s\n", text);
    SAY(getxattr(p("/data/rw/link"), "user.a", 0, 0));
    SAY(getxattr(p(FILE_), "user.a", text, 2));
    SAY(getxattr(p(FILE_), "user.c", text, 2));
    SAY(lgetxattr(p(FILE_), "user.b", text, 2));
    SAY(listxattr(p(FILE_), 0, 0));
    SAY(listxattr(p(FILE_), text, 3));
    SAY(listxattr(p(FILE_), text, sizeof text)), printf("%.5s %.5s\n", text, text + 7);
    SAY(llistxattr(p("/data/rw/link"), text, sizeof text));
    SAY(lsetxattr(p(FILE_), "user.c", "c", 1, 0));
    SAY(removexattr(p(FILE_), "user.a"));
    SAY(removexattr(p(FILE_), "user.a"));
    SAY(lremovexattr(p(FILE_), "user.c"));
    SAY(getxattr(p(FILE_), "user.a", text, sizeof text));

    // By a descriptor that only reads, which may be a copy.
    int reader = open(p(FILE_), O_RDONLY);
    struct stat open_;
    SAY(fchmod(reader, 0604)), show(FILE_), fstat(reader, &open_), printf("%o\n", open_.st_mode);
    SAY(fchown(reader, -1, -1));
    SAY(futimens(reader, nano)), times(FILE_), fstat(reader, &open_), printf("%ld\n", (long)open_.st_mtime);
    SAY(futimes(reader, micro)), times(FILE_);
    SAY(futimens(reader, bad));
    SAY(fsetxattr(reader, "user.f", "f", 1, 0));
    SAY(getxattr(p(FILE_), "user.f", text, sizeof text));
    SAY(fgetxattr(reader, "user.f", text, sizeof text));
    SAY(flistxattr(reader, 0, 0));
    SAY(fremovexattr(reader, "user.f"));
    SAY(fgetxattr(reader, "user.f", text, sizeof text));
    SAY(syscall(SYS_fchmod, reader, 0640)), show(FILE_);
    SAY(syscall(SYS_fchown, reader, -1, -1));
    SAY(syscall(SYS_fsetxattr, reader, "user.g", "f", 1L, 0));
    SAY(syscall(SYS_fgetxattr, reader, "user.g", text, sizeof text));
    SAY(syscall(SYS_flistxattr, reader, 0L, 0L));
    SAY(syscall(SYS_fremovexattr, reader, "user.g"));
    SAY(fsetxattr(99, "user.f", "f", 1, 0));
    return 0;
}
