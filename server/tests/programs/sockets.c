// Sockets in the pod of `mirrord demo`, in the ways of programs without a library: prints what each call says.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *POD = "10.20.0.2", *BACKEND = "10.20.0.3";

static const char *told(int result) {
    if (result >= 0) return "ok";
    switch (errno) {
#define NAME(error) case error: return #error
        NAME(EADDRINUSE); NAME(EADDRNOTAVAIL); NAME(EAGAIN); NAME(EALREADY); NAME(EBADF); NAME(ECONNABORTED); NAME(ECONNREFUSED); NAME(ECONNRESET);
        NAME(EFAULT); NAME(EINPROGRESS); NAME(EINTR); NAME(EINVAL); NAME(EISCONN); NAME(ENETUNREACH); NAME(ENOTCONN); NAME(ENOTSOCK);
    }
    static char number[16];
    snprintf(number, sizeof number, "%d", errno);
    return number;
}

static void say(const char *what, int result) { printf("%s: %s\n", what, told(result)); }

static int go(int fd, const char *ip, int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, ip, &to.sin_addr);
    return connect(fd, (void *)&to, sizeof to);
}

static void error_of(int fd) {
    int error = -1;
    socklen_t len = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    errno = error;
    say("  SO_ERROR", error ? -1 : 0);
}

static void names(int fd, int with_port) {
    for (int own = 0; own < 2; own++) {
        struct sockaddr_in a = {0};
        socklen_t len = sizeof a;
        int result = (own ? getsockname : getpeername)(fd, (void *)&a, &len);
        printf("  %s: %s", own ? "own" : "peer", told(result));
        if (!result) printf(" %s", inet_ntoa(a.sin_addr));
        if (!result && with_port) printf(":%d", ntohs(a.sin_port));
        printf("\n");
    }
}

static void wait_for(int fd) {
    struct pollfd p = {fd, POLLOUT, 0};
    int count = poll(&p, 1, 5000);
    printf("  poll %d, out %d err %d\n", count, !!(p.revents & POLLOUT), !!(p.revents & POLLERR));
}

static volatile int alarms;
static void on_alarm(int signal) { (void)signal; alarms++; }

static void alarm_in(int milliseconds, int flags) {
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval timer = {.it_value = {0, milliseconds * 1000}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void outgoing(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    say("blocking, refused", go(fd, BACKEND, 81));
    say("once more", go(fd, BACKEND, 81));
    say("elsewhere, with the same socket", go(fd, BACKEND, 80));
    struct sockaddr_in peer;
    socklen_t len = sizeof peer;
    getpeername(fd, (void *)&peer, &len);
    printf("  peer %s:%d len %u\n", inet_ntoa(peer.sin_addr), ntohs(peer.sin_port), len);
    len = 4;
    getpeername(fd, (void *)&peer, &len);
    printf("  little room: len %u\n", len);
    say("connected already", go(fd, BACKEND, 80));
    char text[4096];
    int count, total = 0;
    if (write(fd, "GET /c HTTP/1.0\r\n\r\n", 19) < 0) say("write", -1);
    while ((count = read(fd, text + total, sizeof text - 1 - total)) > 0) total += count;
    text[total] = 0;
    printf("  %s\n", strstr(text, "answers /c") ? "the backend answers" : text);
    shutdown(fd, SHUT_WR);
    // Until the connection has ended.
    while (len = sizeof peer, !getpeername(fd, (void *)&peer, &len)) usleep(1000);
    printf(" ended:\n");
    names(fd, 0);
    close(fd);

    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    say("not blocking", go(fd, BACKEND, 80));
    wait_for(fd);
    error_of(fd);
    say("  connect", go(fd, BACKEND, 80));
    say("  connect", go(fd, BACKEND, 80));
    close(fd);

    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    say("not blocking, refused", go(fd, BACKEND, 81));
    wait_for(fd);
    error_of(fd);
    error_of(fd);
    close(fd);

    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    say("not blocking, refused", go(fd, BACKEND, 81));
    wait_for(fd);
    say("  connect", go(fd, BACKEND, 81));
    close(fd);

    fd = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
    inet_pton(AF_INET6, "::ffff:10.20.0.3", &mapped.sin6_addr);
    say("mapped", connect(fd, (void *)&mapped, sizeof mapped));
    len = sizeof mapped;
    getpeername(fd, (void *)&mapped, &len);
    printf("  peer %s len %u\n", inet_ntop(AF_INET6, &mapped.sin6_addr, text, sizeof text), len);
    close(fd);

    fd = socket(AF_INET, SOCK_STREAM, 0);
    say("no way there", go(fd, "10.99.99.99", 80));
    close(fd);
    say("no descriptor", go(fd, BACKEND, 80));
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) say("socketpair", -1);
    struct sockaddr_storage any;
    len = sizeof any;
    say("a socket of another kind", getsockname(pair[0], (void *)&any, &len));
}

static void look_up(const char *name) {
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
    int error = getaddrinfo(name, "80", &hints, &found);
    printf("%s: %s\n", name, error ? error == EAI_NONAME ? "unknown" : gai_strerror(error) : inet_ntoa(((struct sockaddr_in *)found->ai_addr)->sin_addr));
}

static void name_of(const char *ip) {
    struct sockaddr_in of = {.sin_family = AF_INET, .sin_port = htons(80)};
    char host[128];
    inet_pton(AF_INET, ip, &of.sin_addr);
    int error = getnameinfo((void *)&of, sizeof of, host, sizeof host, NULL, 0, NI_NAMEREQD);
    printf("%s: %s\n", ip, error ? error == EAI_NONAME ? "no name" : gai_strerror(error) : host);
    struct hostent *found = error ? NULL : gethostbyaddr(&of.sin_addr, sizeof of.sin_addr, AF_INET);
    if (!error) printf("  %s\n", found ? found->h_name : "no name");
}

static void client(int pause_milliseconds) {
    usleep(pause_milliseconds * 1000);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char text[8];
    if (go(fd, POD, 8080) || write(fd, "hi", 2) != 2 || read(fd, text, sizeof text) != 2) say("the client", -1);
    _exit(0);
}

static void served(int fd, struct sockaddr_in *from, socklen_t len) {
    char text[8];
    printf("  from %s len %u, read %d\n", inet_ntoa(from->sin_addr), len, (int)read(fd, text, sizeof text));
    names(fd, 0);
    if (write(fd, "ok", 2) != 2) say("write", -1);
    close(fd);
    wait(NULL);
}

static void incoming(void) {
    int listener = socket(AF_INET, SOCK_STREAM, 0), other = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in all = {.sin_family = AF_INET, .sin_port = htons(8080)}, from;
    say("bind", bind(listener, (void *)&all, sizeof all));
    say("listen", listen(listener, 5));
    say("bind of another", bind(other, (void *)&all, sizeof all));
    names(listener, 1);
    socklen_t len = sizeof from;

    alarm_in(200, 0);
    say("accept until a signal", accept(listener, (void *)&from, &len));
    printf("  alarms: %d\n", alarms);
    alarm_in(200, SA_RESTART);
    if (!fork()) client(600);
    len = sizeof from;
    int fd = accept4(listener, (void *)&from, &len, SOCK_CLOEXEC);
    say("accept past a signal", fd);
    printf("  alarms: %d, closed on exec %d\n", alarms, fcntl(fd, F_GETFD));
    served(fd, &from, len);

    if (!fork()) client(100);
    fd = accept(listener, NULL, NULL);
    say("accept of anybody", fd);
    getpeername(fd, (void *)&from, &len);
    served(fd, &from, len);

    struct timeval limit = {0, 100000};
    setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    len = sizeof from;
    say("accept with a limit", accept(listener, (void *)&from, &len));
    fcntl(listener, F_SETFL, O_NONBLOCK);
    say("accept without waiting", accept(listener, (void *)&from, &len));
    if (!fork()) client(0);
    struct pollfd p = {listener, POLLIN, 0};
    poll(&p, 1, 5000);
    fd = accept4(listener, (void *)&from, &len, SOCK_NONBLOCK);
    say("accept when there is one", fd);
    printf("  not blocking %d\n", !!(fcntl(fd, F_GETFL) & O_NONBLOCK));
    fcntl(fd, F_SETFL, 0);
    served(fd, &from, len);

    // A loopback address that the program itself listens at: the connection never leaves this machine.
    if (!fork()) {
        fd = socket(AF_INET, SOCK_STREAM, 0);
        say("own listener by loopback", go(fd, "127.0.0.1", 8080));
        _exit(0);
    }
    wait(NULL);
}

// Addresses of the pod that nobody has on this machine, with a port that the kernel chooses, and of datagrams.
static void own_address(int kind, int port) {
    int fd = socket(AF_INET, kind, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)}, shown = {0};
    socklen_t len = sizeof shown;
    inet_pton(AF_INET, POD, &at.sin_addr);
    say("bind of an own address", bind(fd, (void *)&at, sizeof at));
    say("  once more", bind(fd, (void *)&at, sizeof at));
    getsockname(fd, (void *)&shown, &len);
    printf("  %s, a port %d, that port %d\n", inet_ntoa(shown.sin_addr), shown.sin_port != 0, shown.sin_port == at.sin_port);
    if (kind == SOCK_STREAM) say("  listen", listen(fd, 1));
    close(fd);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    outgoing();
    look_up("backend");
    look_up("backend.demo.svc.cluster.local");
    look_up("nobody.demo.svc.cluster.local");
    name_of(POD);
    name_of(BACKEND);
    name_of("10.20.0.9");
    incoming();
    own_address(SOCK_STREAM, 0);
    own_address(SOCK_DGRAM, 0);
    own_address(SOCK_DGRAM, 40404);
    return 0;
}
