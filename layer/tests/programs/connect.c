// connect(2) in its ways: waits for the true result, or is told of it.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static const char *name(int error) { return error ? strerrorname_np(error) : "ok"; }

static int error_of(int fd) {
    int error = -1;
    socklen_t len = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    return error;
}

static void echo(int fd) {
    char text[8] = "";
    if (write(fd, "ping", 4) != 4 || read(fd, text, 8) != 4) printf(" (no echo: %s)", strerrorname_np(errno));
    else printf(" echo %s", text);
}

static void names(int fd) {
    struct sockaddr_storage a;
    char text[64];
    for (int own = 0; own < 2; own++) {
        socklen_t len = sizeof a;
        if ((own ? getsockname : getpeername)(fd, (void *)&a, &len)) {
            printf(" %s", strerrorname_np(errno));
            continue;
        }
        void *ip = a.ss_family == AF_INET ? (void *)&((struct sockaddr_in *)&a)->sin_addr : (void *)&((struct sockaddr_in6 *)&a)->sin6_addr;
        inet_ntop(a.ss_family, ip, text, sizeof text);
        printf(" %s=%s:%d", own ? "own" : "peer", text, ntohs(((struct sockaddr_in *)&a)->sin_port));
    }
}

static int target(struct sockaddr_storage *a, const char *ip, int port) {
    memset(a, 0, sizeof *a);
    struct sockaddr_in *v4 = (void *)a;
    struct sockaddr_in6 *v6 = (void *)a;
    if (inet_pton(AF_INET, ip, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return sizeof *v4;
    }
    inet_pton(AF_INET6, ip, &v6->sin6_addr);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    return sizeof *v6;
}

static void blocking(const char *ip, int port, int only) {
    struct sockaddr_storage a;
    int len = target(&a, ip, port), fd = socket(a.ss_family, SOCK_STREAM, 0);
    if (only) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, 4);
    double start = now();
    int result = connect(fd, (void *)&a, len), error = errno;
    printf("blocking %s:%d: %s, waited %d", ip, port, name(result ? error : 0), now() - start > 99);
    if (!result) echo(fd), names(fd);
    printf(", again %s\n", name(connect(fd, (void *)&a, len) ? errno : 0));
    close(fd);
}

static void nonblocking(const char *ip, int port, int edge) {
    struct sockaddr_storage a;
    int len = target(&a, ip, port), fd = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0), ep = epoll_create1(0);
    struct epoll_event e = {EPOLLIN | EPOLLOUT | EPOLLRDHUP | (edge ? EPOLLET : 0), {.fd = fd}}, out;
    double start = now();
    int result = connect(fd, (void *)&a, len), error = errno;
    printf("nonblocking %s:%d: %s", ip, port, name(result ? error : 0));
    if (now() - start > 60) printf(" (stalled)");
    printf(", at once %s", name(connect(fd, (void *)&a, len) ? errno : 0));
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
    int count = epoll_wait(ep, &out, 1, 3000);
    printf(", waited %d, events %d out %d err %d", now() - start > 99, count, !!(out.events & EPOLLOUT), !!(out.events & EPOLLERR));
    error = error_of(fd);
    printf(", SO_ERROR %s", name(error));
    if (!error) {
        printf(", connect %s", name(connect(fd, (void *)&a, len) ? errno : 0));
        printf(", connect %s", name(connect(fd, (void *)&a, len) ? errno : 0));
        fcntl(fd, F_SETFL, 0);
        echo(fd), names(fd);
    }
    printf("\n");
    close(fd);
    close(ep);
}

int main(void) {
    setvbuf(stdout, 0, _IONBF, 0);
    blocking("10.1.2.3", 7007, 0);
    blocking("10.1.2.3", 9, 0);
    blocking("10.1.2.3", 10, 0);
    blocking("10.1.2.3", 11, 0);
    blocking("::ffff:10.1.2.3", 7007, 0);
    blocking("fd00::3", 7007, 0);
    blocking("fd00::3", 7007, 1);
    blocking("fd00::3", 9, 1);
    for (int edge = 0; edge < 2; edge++) {
        nonblocking("10.1.2.3", 7007, edge);
        nonblocking("10.1.2.3", 9, edge);
        nonblocking("10.1.2.3", 10, edge);
        nonblocking("10.1.2.3", 11, edge);
        nonblocking("::ffff:10.1.2.3", 7007, edge);
        nonblocking("fd00::3", 9, edge);
    }
    // The pod's loopback.
    blocking("127.0.0.1", 7007, 0);
    blocking("::1", 7007, 0);
    // Time limit of the program's own.
    struct sockaddr_storage a;
    int len = target(&a, "10.1.2.3", 12), fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval limit = {0, 100000};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    double start = now();
    int result = connect(fd, (void *)&a, len), error = errno;
    printf("time limit: %s after 0.1 s: %d\n", name(result ? error : 0), now() - start > 90 && now() - start < 1500);
    close(fd);
    // A failed socket tries again.
    fd = socket(AF_INET, SOCK_STREAM, 0);
    len = target(&a, "10.1.2.3", 9);
    printf("retry: %s", name(connect(fd, (void *)&a, len) ? errno : 0));
    len = target(&a, "10.1.2.3", 7007);
    printf(" then %s\n", name(connect(fd, (void *)&a, len) ? errno : 0));
    close(fd);
    // A failed one does not mark the next attempt on the same socket.
    printf("closed: %s\n", name(connect(fd, (void *)&a, len) ? errno : 0));
    // UDP and Unix sockets are the kernel's.
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    printf("udp: %s\n", name(connect(fd, (void *)&a, len) ? errno : 0));
    // Multipath TCP.
    fd = socket(AF_INET, SOCK_STREAM, 262);
    if (fd < 0) printf("mptcp: not here\n");
    else printf("mptcp: %s\n", name(connect(fd, (void *)&a, len) ? errno : 0));
}
