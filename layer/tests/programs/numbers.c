// Calls by their numbers.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <utime.h>

#define A "/data/rw/a"
#define B "/data/rw/b"
#define F(path) AT_FDCWD, p(path)

int main(int argc, char **argv) {
    begin(argc, argv);
    char text[PATH_MAX] = "";
    struct stat s;
    struct statx x;
    struct timeval micro[2] = {{1000, 0}, {2000, 0}};
    struct timespec nano[2] = {{3000, 0}, {4000, 0}};
    struct utimbuf seconds = {5000, 6000};
    struct open_how how = {.flags = O_RDONLY}, strict = {.flags = O_RDONLY, .resolve = RESOLVE_BENEATH};
    int folder = open(p("/data/rw"), O_RDONLY | O_DIRECTORY);
    DONE(syscall(SYS_creat, p(A), 0666)), show(A);
    DONE(syscall(SYS_open, p(A), O_RDWR));
    DONE(syscall(SYS_openat, folder, "a", O_RDWR));
    DONE(syscall(SYS_openat2, F(A), &how, sizeof how));
    DONE(syscall(SYS_openat2, F("/data/none"), &how, sizeof how));
    DONE(syscall(SYS_openat2, folder, "a", &strict, sizeof strict));
    DONE(syscall(SYS_openat2, folder, "../file", &strict, sizeof strict));
    DONE(syscall(SYS_openat2, F(A), &how, 3));
    SAY(syscall(SYS_stat, p(A), &s));
    SAY(syscall(SYS_lstat, p("/data/link"), &s)), printf("%o\n", s.st_mode);
    SAY(syscall(SYS_fstat, folder, &s)), printf("%o\n", s.st_mode);
    SAY(syscall(SYS_newfstatat, folder, "a", &s, 0));
    SAY(syscall(SYS_statx, folder, "a", 0, STATX_BASIC_STATS, &x));
    SAY(syscall(SYS_access, p(A), W_OK));
    SAY(syscall(SYS_faccessat, folder, "a", X_OK));
    SAY(syscall(SYS_faccessat2, folder, "a", R_OK, AT_EACCESS));
    SAY(syscall(SYS_mkdir, p("/data/rw/d"), 0777)), show("/data/rw/d");
    SAY(syscall(SYS_mkdirat, folder, "e", 0777)), show("/data/rw/e");
    SAY(syscall(SYS_mknod, p("/data/rw/n"), S_IFIFO | 0666, 0)), show("/data/rw/n");
    SAY(syscall(SYS_mknodat, folder, "m", S_IFREG | 0666, 0)), show("/data/rw/m");
    SAY(syscall(SYS_rename, p("/data/rw/m"), p(B))), show(B);
    SAY(syscall(SYS_renameat, folder, "b", folder, "c"));
    SAY(syscall(SYS_renameat2, folder, "c", folder, "b", RENAME_NOREPLACE));
    SAY(syscall(SYS_link, p(A), p("/data/rw/l"))), show("/data/rw/l");
    SAY(syscall(SYS_linkat, folder, "a", folder, "o", 0)), show("/data/rw/o");
    SAY(syscall(SYS_symlink, "a", p("/data/rw/s"))), show("/data/rw/s");
    SAY(syscall(SYS_symlinkat, "b", folder, "t")), show("/data/rw/t");
    SAY(syscall(SYS_readlink, p("/data/rw/s"), text, sizeof text));
    SAY(syscall(SYS_readlinkat, folder, "t", text, sizeof text));
    SAY(syscall(SYS_unlink, p("/data/rw/l")));
    SAY(syscall(SYS_unlinkat, folder, "d", AT_REMOVEDIR)), show("/data/rw/d");
    SAY(syscall(SYS_rmdir, p("/data/rw/e"))), show("/data/rw/e");
    SAY(syscall(SYS_chmod, p(A), 0600)), show(A);
    SAY(syscall(SYS_fchmodat, folder, "a", 0644)), show(A);
    SAY(syscall(452 /* SYS_FCHMODAT2 */, folder, "a", 0640, 0)), show(A);
    SAY(syscall(SYS_chown, p(A), -1, -1));
    SAY(syscall(SYS_lchown, p("/data/rw/s"), -1, -1));
    SAY(syscall(SYS_fchownat, folder, "a", -1, -1, 0));
    SAY(syscall(SYS_truncate, p(A), 77L)), show(A);
    SAY(syscall(SYS_utime, p(A), &seconds)), stat(p(A), &s), printf("%ld\n", (long)s.st_mtime);
    SAY(syscall(SYS_utimes, p(A), micro)), stat(p(A), &s), printf("%ld\n", (long)s.st_mtime);
    SAY(syscall(SYS_futimesat, folder, "a", micro)), stat(p(A), &s), printf("%ld\n", (long)s.st_mtime);
    SAY(syscall(SYS_utimensat, folder, "a", nano, 0)), stat(p(A), &s), printf("%ld\n", (long)s.st_mtime);
    SAY(syscall(SYS_setxattr, p(A), "user.x", "1", 1L, 0));
    SAY(syscall(SYS_lsetxattr, p(A), "user.y", "2", 1L, 0));
    SAY(syscall(SYS_getxattr, p(A), "user.x", text, sizeof text));
    SAY(syscall(SYS_lgetxattr, p("/data/rw/s"), "user.x", text, sizeof text));
    SAY(syscall(SYS_listxattr, p(A), text, sizeof text));
    SAY(syscall(SYS_llistxattr, p("/data/rw/s"), text, sizeof text));
    SAY(syscall(SYS_removexattr, p(A), "user.x"));
    SAY(syscall(SYS_lremovexattr, p(A), "user.y"));
    SAY(syscall(SYS_chdir, p("/data/folder")));
    SAY(syscall(SYS_getcwd, text, sizeof text) == (long)strlen(text) + 1), printf("%s\n", seen(text));
    SAY(syscall(SYS_getcwd, text, 1L));
    SAY(syscall(SYS_fchdir, folder)), printf("%s\n", seen(getcwd(text, sizeof text)));
    SAY(syscall(SYS_chdir, "/"));
    SAY(syscall(SYS_unlink, (char *)1));
    return 0;
}
