// Writes more than there is room for, in every way: `fill FOLDER`. The folder is looked at when a line has been read.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PIECE = 4096, MUCH = 64, LARGE = 1 << 20 };

static char piece[PIECE];

static int open_in(const char *folder, const char *name, int flags) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return open(path, O_RDWR | O_CREAT | flags, 0600);
}

// Prints the first error, of whichever call, and removes the file.
static void tell(const char *folder, const char *name, int fd, int error) {
    if (close(fd) && !error) error = errno;
    printf("%s: %s\n", name, error ? strerrorname_np(error) : "done");
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
}

static int write_pieces(int fd, int count) {
    while (count--)
        if (write(fd, piece, PIECE) != PIECE) return errno;
    return 0;
}

int main(int count, char **words) {
    const char *folder = words[1];
    memset(piece, 'x', PIECE); // zeros might take no room
    setvbuf(stdout, 0, _IOLBF, 0);
    puts("ready");
    getchar();
    int fd = open_in(folder, "written", 0);
    tell(folder, "written", fd, write_pieces(fd, MUCH));
    fd = open_in(folder, "appended", O_APPEND);
    tell(folder, "appended", fd, write_pieces(fd, MUCH));
    // One page more than there is: nothing but the end of the file can tell.
    int filler = open_in(folder, "filler", 0);
    // What was removed takes its room a moment longer: the pod is told of the last close(2) when that has returned.
    while (write_pieces(filler, 16) || fsync(filler)) lseek(filler, 0, SEEK_SET);
    fd = open_in(folder, "small", 0);
    tell(folder, "small", fd, write_pieces(fd, 1));
    close(filler);
    char path[200];
    snprintf(path, sizeof path, "%s/filler", folder);
    unlink(path);
    fd = open_in(folder, "synchronised", 0);
    int error = write_pieces(fd, MUCH);
    if (!error && fsync(fd)) error = errno;
    tell(folder, "synchronised", fd, error);
    fd = open_in(folder, "allocated", 0);
    tell(folder, "allocated", fd, fallocate(fd, 0, 0, LARGE) ? errno : 0);
    fd = open_in(folder, "mapped", 0);
    error = ftruncate(fd, LARGE) ? errno : 0;
    char *map = mmap(0, LARGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED) {
        memset(map, 'x', LARGE);
        if (msync(map, LARGE, MS_SYNC)) error = errno;
        munmap(map, LARGE);
    }
    tell(folder, "mapped", fd, error);
    fd = open_in(folder, "afterwards", 0);
    tell(folder, "afterwards", fd, write_pieces(fd, 1));
    return 0;
}
