// Host names, the C way.
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void show(const char *node, const char *service, int family, int type, int flags) {
    struct addrinfo hints = {.ai_family = family, .ai_socktype = type, .ai_flags = flags}, *list = 0, *at;
    int error = getaddrinfo(node, service, &hints, &list);
    printf("%s %s %d %d %#x:", node ? node : "-", service ? service : "-", family, type, flags);
    if (error) {
        printf(" %s\n", gai_strerror(error));
        return;
    }
    for (at = list; at; at = at->ai_next) {
        char host[64], port[8];
        getnameinfo(at->ai_addr, at->ai_addrlen, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
        printf(" %s/%s/%d", host, port, at->ai_socktype);
        if (at->ai_canonname) printf("(%s)", at->ai_canonname);
    }
    printf("\n");
    freeaddrinfo(list);
}

static void show_host(struct hostent *host) {
    char text[64];
    if (!host) {
        printf(" error %d\n", h_errno);
        return;
    }
    printf(" %s", host->h_name);
    for (char **at = host->h_addr_list; *at; at++) printf(" %s", inet_ntop(host->h_addrtype, *at, text, sizeof text));
    printf("%s\n", *host->h_aliases ? " aliases" : "");
}

int main(void) {
    show("db", "80", AF_UNSPEC, SOCK_STREAM, 0);
    show("db", "80", AF_UNSPEC, 0, 0);
    show("db", 0, AF_INET, SOCK_DGRAM, AI_CANONNAME);
    show("db", "https", AF_INET6, SOCK_STREAM, AI_ADDRCONFIG);
    show("under_score", "1", AF_INET, SOCK_STREAM, 0);
    show("four", "1", AF_INET6, SOCK_STREAM, 0);
    show("four", "1", AF_INET6, SOCK_STREAM, AI_V4MAPPED);
    show("db", "1", AF_INET6, SOCK_STREAM, AI_V4MAPPED | AI_ALL);
    show("nobody", "1", AF_UNSPEC, SOCK_STREAM, 0);
    show("again", "1", AF_UNSPEC, SOCK_STREAM, 0);
    show("fail", "1", AF_UNSPEC, SOCK_STREAM, 0);
    show("db", "no-such-service", AF_UNSPEC, SOCK_STREAM, 0);
    show("db", "http", AF_UNSPEC, SOCK_STREAM, AI_NUMERICSERV);
    show("db", "1", 99, SOCK_STREAM, 0);
    show("127.1", "80", AF_UNSPEC, SOCK_STREAM, 0);
    show("1.2.3.4", "80", AF_UNSPEC, SOCK_STREAM, AI_NUMERICHOST);
    show("db", "80", AF_UNSPEC, SOCK_STREAM, AI_NUMERICHOST);
    show("::1", "80", AF_UNSPEC, SOCK_STREAM, 0);
    show(0, "80", AF_INET, SOCK_STREAM, AI_PASSIVE);
    printf("gethostbyname"), show_host(gethostbyname("db"));
    printf("gethostbyname2"), show_host(gethostbyname2("db", AF_INET6));
    printf("gethostbyname"), show_host(gethostbyname("nobody"));
    printf("gethostbyname"), show_host(gethostbyname("1.2.3.4"));
    struct hostent host, *result;
    char buffer[256];
    int error = 0, code = gethostbyname_r("db", &host, buffer, 8, &result, &error);
    printf("gethostbyname_r: %d %d\n", code, result == 0);
    code = gethostbyname_r("db", &host, buffer, sizeof buffer, &result, &error);
    printf("gethostbyname_r: %d", code), show_host(result);
    code = gethostbyname_r("nobody", &host, buffer, sizeof buffer, &result, &error);
    printf("gethostbyname_r: %d %d %d\n", code, result == 0, error);
    // Memory is whole after many lists.
    for (int i = 0; i < 1000; i++) {
        struct addrinfo hints = {.ai_flags = AI_CANONNAME}, *list;
        if (!getaddrinfo("db", "80", &hints, &list)) freeaddrinfo(list);
    }
    printf("freed\n");
}
