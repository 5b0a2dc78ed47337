// Questions to a name server, in all the ways that resolvers send and receive them.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_storage server;
static socklen_t server_len;

static void set_server(int family, const char *ip, int port) {
    memset(&server, 0, sizeof server);
    struct sockaddr_in *v4 = (void *)&server;
    struct sockaddr_in6 *v6 = (void *)&server;
    server.ss_family = family;
    v4->sin_port = htons(port);
    inet_pton(family, ip, family == AF_INET ? (void *)&v4->sin_addr : (void *)&v6->sin6_addr);
    server_len = family == AF_INET ? sizeof *v4 : sizeof *v6;
}

static void show(const char *how, long result, const char *text, struct sockaddr_storage *from, socklen_t len) {
    char ip[64] = "nobody";
    int port = 0;
    if (len) {
        struct sockaddr_in6 *v6 = (void *)from;
        struct sockaddr_in *v4 = (void *)from;
        inet_ntop(from->ss_family, from->ss_family == AF_INET ? (void *)&v4->sin_addr : (void *)&v6->sin6_addr, ip, sizeof ip);
        port = ntohs(v4->sin_port);
    }
    printf("%s: %s %.*s from %s:%d len %u\n", how, result < 0 ? strerrorname_np(errno) : "ok", result < 0 ? 0 : (int)result, text, ip, port, len);
}

static void ask(int family) {
    char text[64];
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    int fd = socket(family, SOCK_DGRAM, 0);
    sendto(fd, "one", 3, 0, (void *)&server, server_len);
    long got = recvfrom(fd, text, sizeof text, 0, (void *)&from, &len);
    show("recvfrom", got, text, &from, got < 0 ? 0 : len);

    struct iovec out = {"two", 3}, in = {text, sizeof text};
    struct msghdr message = {.msg_name = &server, .msg_namelen = server_len, .msg_iov = &out, .msg_iovlen = 1};
    sendmsg(fd, &message, 0);
    printf("the message keeps its address: %d\n", message.msg_name == &server && message.msg_namelen == server_len);
    struct msghdr answer = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &in, .msg_iovlen = 1};
    got = recvmsg(fd, &answer, 0);
    show("recvmsg", got, text, &from, answer.msg_namelen);

    struct mmsghdr several[2] = {{.msg_hdr = message}, {.msg_hdr = message}};
    int sent = 0, now;
    while (sent < 2 && (now = sendmmsg(fd, several + sent, 2 - sent, 0)) > 0) sent += now;
    printf("sendmmsg %d, lengths %u %u\n", sent, several[0].msg_len, several[1].msg_len);
    usleep(50000);
    struct mmsghdr answers[2] = {{.msg_hdr = answer}, {.msg_hdr = answer}};
    answers[0].msg_hdr.msg_namelen = answers[1].msg_hdr.msg_namelen = sizeof from;
    got = recvmmsg(fd, answers, 2, 0, NULL);
    show("recvmmsg", got < 0 ? got : answers[0].msg_len, text, &from, answers[got > 1].msg_hdr.msg_namelen);

    // Room for less than the address.
    sendto(fd, "cut", 3, 0, (void *)&server, server_len);
    len = 4;
    memset(&from, 0, sizeof from);
    got = recvfrom(fd, text, sizeof text, 0, (void *)&from, &len);
    printf("little room: %ld, family %d, length %u\n", got, from.ss_family, len);
    close(fd);

    fd = socket(family, SOCK_DGRAM, 0);
    printf("connect %d\n", connect(fd, (void *)&server, server_len));
    send(fd, "three", 5, 0);
    len = sizeof from;
    got = recvfrom(fd, text, sizeof text, 0, (void *)&from, &len);
    show("connected", got, text, &from, got < 0 ? 0 : len);
    len = sizeof from;
    got = getpeername(fd, (void *)&from, &len);
    show("getpeername", got, "", &from, len);
    close(fd);
}

int main(void) {
    set_server(AF_INET, "10.96.0.10", 53);
    ask(AF_INET);
    set_server(AF_INET6, "::ffff:10.96.0.10", 53);
    ask(AF_INET6);
    set_server(AF_INET6, "fd00::a", 53);
    ask(AF_INET6);
    set_server(AF_INET, "10.96.0.10", 53);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    long got = sendto(fd, "x", 1, MSG_FASTOPEN, (void *)&server, server_len);
    printf("fast open: %s\n", got < 0 ? strerrorname_np(errno) : "ok");
    // Not a name server: this machine's own business.
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    set_server(AF_INET, "127.0.0.1", 0);
    bind(fd, (void *)&server, server_len);
    getsockname(fd, (void *)&server, &server_len);
    got = sendto(fd, "self", 4, 0, (void *)&server, server_len);
    char text[8];
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    got = recvfrom(fd, text, sizeof text, 0, (void *)&from, &len);
    printf("elsewhere: %.*s, as sent %d\n", (int)got, text, !memcmp(&from, &server, server_len));
    return 0;
}
