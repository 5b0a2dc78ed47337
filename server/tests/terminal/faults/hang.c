// Makes one call that never ends, for what signals do meanwhile: `hang CALL [handle]`. What it needs is made before it
// says `ready`; the call begins when it has read a line. `handle` sets a handler, without SA_RESTART.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const message = "/app/config/message.txt";
static const char *const large = "/app/large";
static char text[1 << 20];

static void handle(int number) {
    (void)number;
    (void)!write(1, "handled\n", 8);
}

int main(int count, char **words) {
    const char *call = words[1];
    int fd = -1;
    if (!strcmp(call, "read")) {
        // Larger than what is fetched ahead.
        fd = open(large, O_RDWR | O_CREAT | O_TRUNC, 0600);
        if (ftruncate(fd, 200 << 20)) return 3;
    } else if (!strcmp(call, "fsync") || !strcmp(call, "close")) {
        fd = open("/app/written", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (fd < 0) return 3;
    }
    if (count > 2) sigaction(SIGINT, &(struct sigaction){.sa_handler = handle}, 0);
    (void)!write(1, "ready\n", 6);
    if (read(0, text, 1) != 1) return 4;
    if (fd >= 0 && strcmp(call, "read") && write(fd, text, 1000) != 1000) return 5;
    (void)!write(1, "calls\n", 6);
    int result = -1;
    if (!strcmp(call, "open")) {
        result = open(message, O_RDONLY);
    } else if (!strcmp(call, "stat")) {
        struct stat status;
        result = stat(message, &status);
    } else if (!strcmp(call, "list")) {
        result = opendir("/app") ? 0 : -1;
    } else if (!strcmp(call, "rename")) {
        result = rename(message, "/app/config/renamed");
    } else if (!strcmp(call, "readlink")) {
        result = readlink(message, text, sizeof text) < 0 && errno == EINVAL ? 0 : -1;
    } else if (!strcmp(call, "chdir")) {
        result = chdir("/app/config");
    } else if (!strcmp(call, "read")) {
        result = pread(fd, text, sizeof text, 100 << 20);
    } else if (!strcmp(call, "fsync")) {
        result = fsync(fd);
    } else if (!strcmp(call, "close")) {
        result = close(fd);
    } else if (!strcmp(call, "connect")) {
        struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(80)};
        inet_pton(AF_INET, "10.20.0.3", &there.sin_addr);
        fd = socket(AF_INET, SOCK_STREAM, 0);
        result = connect(fd, (struct sockaddr *)&there, sizeof there);
    } else if (!strcmp(call, "getaddrinfo")) {
        struct addrinfo *found;
        result = getaddrinfo("backend", "80", 0, &found);
        errno = 0;
    }
    printf("%s: %s\n", call, result < 0 ? strerrorname_np(errno) ? strerrorname_np(errno) : "none" : "done");
    return 0;
}
