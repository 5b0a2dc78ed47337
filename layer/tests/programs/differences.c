// What the target's files do otherwise than this machine's.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <fts.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

int main(int argc, char **argv) {
    begin(argc, argv);
    char *paths[] = {"/data", 0}, *local[] = {"/proc/self/fd", 0};
    struct {
        struct file_handle head;
        char bytes[128];
    } handle = {.head.handle_bytes = 128};
    int mount;
    int watch = inotify_init1(IN_CLOEXEC);
    SAY(inotify_add_watch(watch, "/data/file", IN_MODIFY));
    SAY(inotify_add_watch(watch, "/data/none", IN_MODIFY));
    DONE(inotify_add_watch(watch, "/proc", IN_OPEN));
    SAY(syscall(SYS_inotify_add_watch, watch, "/data/file", IN_MODIFY));
    SAY(fanotify_mark(99, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, "/data/file"));
    SAY(syscall(SYS_fanotify_mark, 99, FAN_MARK_ADD, (long)FAN_OPEN, AT_FDCWD, "/data/file"));
    SAY(name_to_handle_at(AT_FDCWD, "/data/file", &handle.head, &mount, 0));
    SAY(syscall(SYS_name_to_handle_at, AT_FDCWD, "/data/file", &handle.head, &mount, 0));
    SAY(syscall(SYS_io_uring_setup, 4, &handle));
    printf("fts_open: %s\n", fts_open(paths, FTS_PHYSICAL, 0) ? "ok" : strerrorname_np(errno));
    printf("fts64_open: %s\n", fts64_open(paths, FTS_PHYSICAL, 0) ? "ok" : strerrorname_np(errno));
    printf("fts_open of local folders: %s\n", fts_open(local, FTS_PHYSICAL, 0) ? "ok" : strerrorname_np(errno));
    SAY(rename("/data/file", "/tmp/x"));
    SAY(rename("/tmp/nothing-here", "/data/x"));
    SAY(link("/data/file", "/tmp/x"));
    SAY(mknod("/data/rw/device", S_IFCHR | 0600, 0x103));

    struct statfs status;
    struct statvfs portable;
    SAY(statfs("/data/file", &status)), printf("%lx %ld %ld\n", (long)status.f_type, (long)status.f_bsize, (long)status.f_namelen);
    SAY(statfs64("/data/file", (void *)&status)), printf("%ld %ld %lx\n", (long)status.f_bavail, (long)status.f_files, (long)status.f_flags);
    SAY(syscall(SYS_statfs, "/data/none", &status));
    SAY(statvfs("/data/file", &portable)), printf("%ld %ld %ld %ld\n", portable.f_frsize, (long)portable.f_blocks, portable.f_namemax, portable.f_flag);
    SAY(statvfs64("/data/file", (void *)&portable));
    SAY(pathconf("/data/file", _PC_NAME_MAX));
    SAY(pathconf("/data/file", _PC_PATH_MAX));
    SAY(pathconf("/data/none", _PC_PATH_MAX));
    SAY(pathconf("/data/file", _PC_REC_MIN_XFER_SIZE));

    // A copy cannot be locked.
    int copy = open("/data/file", O_RDONLY);
    SAY(flock(copy, LOCK_EX));
    SAY(syscall(SYS_flock, copy, LOCK_SH));
    struct flock range = {.l_type = F_RDLCK};
    SAY(fcntl(copy, F_SETLK, &range));
    SAY(fcntl64(copy, F_GETLK, &range));
    SAY(syscall(SYS_fcntl, copy, F_OFD_SETLK, &range));
    SAY(lockf(copy, F_TEST, 0));
    SAY(lockf64(copy, F_TEST, 0));
    // Its file system is the file's.
    SAY(fstatfs(copy, &status)), printf("%lx %ld %ld\n", (long)status.f_type, (long)status.f_bsize, (long)status.f_namelen);
    SAY(fstatfs64(copy, (void *)&status));
    SAY(syscall(SYS_fstatfs, copy, &status));
    SAY(fstatvfs(copy, &portable)), printf("%ld\n", portable.f_namemax);
    SAY(fstatvfs64(copy, (void *)&portable));
    // There is nothing to be sent.
    SAY(fsync(copy));
    SAY(fdatasync(copy));
    SAY(syscall(SYS_fsync, copy));
    SAY(syscall(SYS_fdatasync, copy));
    SAY(syscall(SYS_close, copy));
    SAY(close(copy));
    DIR *folder = opendir("/data/rw");
    rewinddir(folder);
    SAY(closedir(folder));

    // What is open is what its path says.
    struct stat by_path, open_;
    int fd = open("/data/rw", O_RDONLY | O_DIRECTORY);
    stat("/data/rw", &by_path), fstat(fd, &open_);
    printf("same folder: %d\n", by_path.st_dev == open_.st_dev && by_path.st_ino == open_.st_ino);
    fd = open("/data/file", O_RDONLY);
    stat("/data/file", &by_path), fstat(fd, &open_);
    printf("same file: %d\n", by_path.st_dev == open_.st_dev && by_path.st_ino == open_.st_ino);
    return 0;
}
