// Asks for each name that it is given, by getaddrinfo(3) for one family and for both, gethostbyname(3) and res_query(3), and
// says what came back. A name that took longer than a resolver may is marked.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *error_name(int error) {
    switch (error) {
        case EAI_AGAIN: return "EAI_AGAIN";
        case EAI_FAIL: return "EAI_FAIL";
        case EAI_NONAME: return "EAI_NONAME";
        case EAI_NODATA: return "EAI_NODATA";
        case EAI_SYSTEM: return strerrorname_np(errno);
        default: return gai_strerror(error);
    }
}

static void look_up(const char *name, int family) {
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME}, *found;
    int error = getaddrinfo(name, NULL, &hints, &found);
    if (error) {
        printf(" %s", error_name(error));
        return;
    }
    char text[64], last[64] = "";
    int count = 0;
    for (struct addrinfo *at = found; at; at = at->ai_next, count++)
        getnameinfo(at->ai_addr, at->ai_addrlen, at->ai_next ? text : last, 64, NULL, 0, NI_NUMERICHOST);
    printf(" %d %s", count, last);
    freeaddrinfo(found);
}

static void by_name(const char *name) {
    struct hostent *found = gethostbyname(name);
    if (!found) printf(" h_errno %d", h_errno);
    else printf(" %s", found->h_name);
}

static void query(const char *name) {
    static unsigned char answer[65536];
    int len = res_query(name, C_IN, T_A, answer, sizeof answer);
    if (len < 0) printf(" h_errno %d", h_errno);
    else printf(" %d records", ntohs(((HEADER *)answer)->ancount));
}

int main(int count, char **words) {
    for (int at = 1; at < count; at++) {
        struct timespec begun, done;
        clock_gettime(CLOCK_MONOTONIC, &begun);
        printf("%.*s:", (int)strcspn(words[at], "."), words[at]);
        look_up(words[at], AF_INET);
        look_up(words[at], AF_UNSPEC);
        by_name(words[at]);
        query(words[at]);
        clock_gettime(CLOCK_MONOTONIC, &done);
        // Five questions that are asked once, for a second each, and what a busy machine takes.
        printf("%s\n", done.tv_sec - begun.tv_sec > 5 + 5 ? " late" : "");
        fflush(stdout);
    }
}
