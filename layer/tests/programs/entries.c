// Making, naming and removing files.
#include "check.h"
#include <fcntl.h>
#include <sys/sysmacros.h>

int __xmknod(int, const char *, mode_t, dev_t *);
int __xmknodat(int, int, const char *, mode_t, dev_t *);

int main(int argc, char **argv) {
    begin(argc, argv);
    char text[64] = "";
    dev_t device = makedev(1, 3);
    SAY(mkdir(p("/data/rw/a"), 0777)), show("/data/rw/a");
    SAY(mkdir(p("/data/rw/a"), 0777));
    SAY(mkdir(p("/data/rw/none/b"), 0777));
    SAY(mkdir(p("/data/rw/b/"), 01755)), show("/data/rw/b");
    SAY(mkdir(p("/data/file/b"), 0777));
    int folder = open(p("/data/rw/a"), O_RDONLY | O_DIRECTORY);
    SAY(mkdirat(folder, "inner", 0700)), show("/data/rw/a/inner");
    SAY(mkdirat(AT_FDCWD, p("/data/rw/a/other"), 0700));
    SAY(mkdirat(99, "x", 0700));
    SAY(mkdirat(99, p("/data/rw/ninety"), 0700));
    SAY(mknod(p("/data/rw/a/node"), S_IFREG | 0666, 0)), show("/data/rw/a/node");
    SAY(mknod(p("/data/rw/a/plain"), 0644, 0)), show("/data/rw/a/plain");
    SAY(mknod(p("/data/rw/a/bad"), S_IFDIR | 0644, 0));
    SAY(mknodat(folder, "socket", S_IFSOCK | 0777, 0)), show("/data/rw/a/socket");
    SAY(__xmknod(0, p("/data/rw/a/xnode"), S_IFREG | 0600, &device)), show("/data/rw/a/xnode");
    SAY(__xmknodat(0, folder, "xat", S_IFREG | 0600, &device)), show("/data/rw/a/xat");
    SAY(mkfifo(p("/data/rw/a/fifo"), 0666)), show("/data/rw/a/fifo");
    SAY(mkfifoat(folder, "fifoat", 0600)), show("/data/rw/a/fifoat");

    int fd = open(p("/data/rw/made"), O_CREAT | O_EXCL | O_WRONLY, 0666);
    show("/data/rw/made");
    SAY(write(fd, "hello\n", 6));
    SAY(close(fd));
    SAY(open(p("/data/rw/made"), O_CREAT | O_EXCL | O_WRONLY, 0666));
    DONE(fd = open(p("/data/rw/made"), O_WRONLY | O_APPEND));
    SAY(write(fd, "more\n", 5)), close(fd), show("/data/rw/made");
    DONE(fd = open(p("/data/rw/made"), O_RDWR));
    SAY(pread(fd, text, 5, 6)), printf("%.5s\n", text);
    SAY(ftruncate(fd, 3)), close(fd), show("/data/rw/made");
    DONE(fd = open(p("/data/rw/made"), O_WRONLY | O_TRUNC)), close(fd), show("/data/rw/made");
    DONE(fd = openat(folder, "through", O_CREAT | O_RDWR, 0640)), close(fd), show("/data/rw/a/through");
    SAY(openat(folder, "none/x", O_CREAT | O_RDWR, 0640));
    SAY(openat(fd = open(p("/data/rw/made"), O_RDWR), "x", O_RDONLY)), close(fd);
    SAY(open(p("/data/rw"), O_WRONLY));
    SAY(open(p("/data/rw/made/"), O_RDONLY));
    SAY(open(p("/data/rw/made"), O_RDONLY | O_DIRECTORY));
    SAY(creat(p("/data/rw"), 0600));
    DONE(fd = creat64(p("/data/rw/created"), 0666)), close(fd), show("/data/rw/created");
    DONE(fd = open(p("/data/rw/a"), O_TMPFILE | O_RDWR, 0600));
    SAY(write(fd, "temporary", 9));
    snprintf(text, sizeof text, "/proc/self/fd/%d", fd);
    SAY(linkat(AT_FDCWD, text, AT_FDCWD, p("/data/rw/a/named"), AT_SYMLINK_FOLLOW)), show("/data/rw/a/named"), close(fd);

    FILE *stream = fopen(p("/data/rw/stream"), "wx");
    SAY(fputs("one\n", stream) >= 0), SAY(fclose(stream)), show("/data/rw/stream");
    DONE(fopen(p("/data/rw/stream"), "wx") ? 0 : -1);
    stream = fopen64(p("/data/rw/stream"), "a+");
    fputs("two\n", stream), rewind(stream), printf("%s", fgets(text, sizeof text, stream)), fclose(stream), show("/data/rw/stream");
    stream = fopen("/dev/null", "r");
    stream = freopen64(p("/data/rw/stream"), "r+", stream);
    printf("freopen64: %s", stream ? fgets(text, sizeof text, stream) : "none\n");
    fseek(stream, 0, SEEK_END), fputs("three\n", stream), fclose(stream), show("/data/rw/stream");
    stream = fopen("/dev/null", "w");
    printf("freopen: %s\n", freopen(p("/data/none/x"), "w", stream) ? "ok" : strerrorname_np(errno));

    SAY(symlink("made", p("/data/rw/link"))), show("/data/rw/link");
    SAY(symlink("", p("/data/rw/empty")));
    SAY(symlink("x", p("/data/rw/link")));
    SAY(symlinkat("../made", folder, "link")), show("/data/rw/a/link");
    SAY(readlinkat(folder, "link", text, sizeof text));
    SAY(link(p("/data/rw/stream"), p("/data/rw/hard"))), show("/data/rw/hard");
    SAY(link(p("/data/rw/stream"), p("/data/rw/hard")));
    SAY(link(p("/data/rw/a"), p("/data/rw/hard2")));
    SAY(linkat(folder, "node", folder, "node2", 0)), show("/data/rw/a/node2");
    SAY(linkat(AT_FDCWD, p("/data/rw/link"), AT_FDCWD, p("/data/rw/followed"), AT_SYMLINK_FOLLOW)), show("/data/rw/followed");
    SAY(linkat(AT_FDCWD, p("/data/rw/link"), AT_FDCWD, p("/data/rw/link2"), 0)), show("/data/rw/link2");
    SAY(linkat(AT_FDCWD, p("/data/rw/link"), AT_FDCWD, p("/data/rw/x"), 1));
    SAY(rename(p("/data/rw/stream"), p("/data/rw/renamed"))), show("/data/rw/stream"), show("/data/rw/renamed");
    SAY(rename(p("/data/rw/none"), p("/data/rw/x")));
    SAY(rename(p("/data/rw/a"), p("/data/rw/a/inner/x")));
    SAY(rename(p("/data/rw/renamed"), p("/data/rw/a")));
    SAY(renameat(folder, "plain", AT_FDCWD, p("/data/rw/moved"))), show("/data/rw/moved");
    SAY(renameat2(folder, "node", folder, "xnode", RENAME_NOREPLACE));
    SAY(renameat2(folder, "node", folder, "inner", RENAME_EXCHANGE)), show("/data/rw/a/node"), show("/data/rw/a/inner");
    SAY(renameat2(folder, "node", folder, "x", 99));

    SAY(rmdir(p("/data/rw/a")));
    SAY(rmdir(p("/data/rw/made")));
    SAY(rmdir(p("/data/rw/b/.")));
    SAY(rmdir(p("/data/rw/b/"))), show("/data/rw/b");
    SAY(unlink(p("/data/rw/a")));
    SAY(unlink(p("/data/rw/none")));
    SAY(unlink(p("/data/rw/made/")));
    SAY(unlink(p("/data/rw/link"))), show("/data/rw/link"), show("/data/rw/made");
    SAY(unlinkat(folder, "xnode", 0)), show("/data/rw/a/xnode");
    SAY(unlinkat(folder, "node", AT_REMOVEDIR)), show("/data/rw/a/node");
    SAY(unlinkat(folder, "inner", 7));
    SAY(unlinkat(folder, "inner", AT_REMOVEDIR));
    SAY(remove(p("/data/rw/made"))), show("/data/rw/made");
    SAY(remove(p("/data/rw/a/other"))), show("/data/rw/a/other");
    SAY(remove(p("/data/rw/a")));
    SAY(unlink(""));
    SAY(unlink((char *)1));
    char longer[PATH_MAX + 8];
    memset(longer, 'x', sizeof longer), memcpy(longer, p("/data/rw/"), strlen(root) + 9), longer[sizeof longer - 1] = 0;
    SAY(unlink(longer));
    longer[strlen(root) + 300] = 0;
    SAY(unlink(longer));
    SAY(close(folder));
    return 0;
}
