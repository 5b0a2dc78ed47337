// Names of addresses, and the addresses of interfaces.
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static struct sockaddr_storage address;
static socklen_t length;

static void set(const char *text) {
    struct sockaddr_in *v4 = (void *)&address;
    struct sockaddr_in6 *v6 = (void *)&address;
    memset(&address, 0, sizeof address);
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(443);
        length = sizeof *v4;
    } else {
        inet_pton(AF_INET6, text, &v6->sin6_addr);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(443);
        length = sizeof *v6;
    }
}

static void show(const char *text, socklen_t room, int flags) {
    char host[64] = "-", service[32] = "-";
    set(text);
    int error = getnameinfo((void *)&address, length, room ? host : NULL, room, service, sizeof service, flags);
    printf("%s %u %#x: ", text, room, flags);
    if (error) printf("error %d\n", error);
    else printf("%s %s\n", host, service);
}

static void show_host(const char *what, const struct hostent *host) {
    char text[64];
    printf("%s:", what);
    if (!host) {
        printf(" error %d\n", h_errno);
        return;
    }
    printf(" %s", host->h_name);
    for (char **at = host->h_aliases; *at; at++) printf(" or %s", *at);
    for (char **at = host->h_addr_list; *at; at++) printf(" %s", inet_ntop(host->h_addrtype, *at, text, sizeof text));
    printf(" %d\n", host->h_length);
}

static void at(const char *what, const struct sockaddr *address) {
    char text[64];
    if (!address) return;
    if (address->sa_family == AF_INET) {
        printf(" %s %s", what, inet_ntop(AF_INET, &((struct sockaddr_in *)address)->sin_addr, text, sizeof text));
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (void *)address;
        printf(" %s %s%%%u", what, inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text), v6->sin6_scope_id);
    } else if (address->sa_family == AF_PACKET) {
        const struct sockaddr_ll *link = (void *)address;
        printf(" %s %d kind %d", what, link->sll_ifindex, link->sll_hatype);
        for (int i = 0; i < link->sll_halen; i++) printf(":%02x", link->sll_addr[i]);
    }
}

int main(void) {
    show("10.1.2.3", 64, 0);
    show("10.1.2.3", 64, NI_NUMERICSERV | NI_NAMEREQD);
    show("::ffff:10.1.2.3", 64, NI_NAMEREQD);
    show("10.1.2.3", 64, NI_NOFQDN);
    show("10.1.2.3", 12, 0);
    show("10.1.2.3", 11, 0);
    show("10.1.2.3", 64, NI_NUMERICHOST);
    show("10.1.2.3", 0, 0);
    show("10.1.2.3", 64, 0x4000);
    show("10.1.2.9", 64, 0);
    show("10.1.2.9", 64, NI_NAMEREQD);
    show("10.1.2.8", 64, 0);
    show("fd00::3", 64, 0);
    char host[64];
    set("10.1.2.3");
    printf("without a service: %d %s\n", getnameinfo((void *)&address, length, host, sizeof host, NULL, 0, 0), host);

    struct in_addr db = {inet_addr("10.1.2.3")}, nobody = {inet_addr("10.1.2.9")}, silent = {inet_addr("10.1.2.8")};
    struct in6_addr mapped;
    inet_pton(AF_INET6, "::ffff:10.1.2.3", &mapped);
    show_host("gethostbyaddr", gethostbyaddr(&db, sizeof db, AF_INET));
    show_host("gethostbyaddr", gethostbyaddr(&mapped, sizeof mapped, AF_INET6));
    show_host("gethostbyaddr", gethostbyaddr(&nobody, sizeof nobody, AF_INET));
    show_host("gethostbyaddr", gethostbyaddr(&silent, sizeof silent, AF_INET));
    struct hostent entry, *found;
    char buffer[256];
    int error = 0, code = gethostbyaddr_r(&db, sizeof db, AF_INET, &entry, buffer, 16, &found, &error);
    printf("gethostbyaddr_r: %d %d\n", code, !found);
    code = gethostbyaddr_r(&db, sizeof db, AF_INET, &entry, buffer, sizeof buffer, &found, &error);
    printf("%d ", code), show_host("gethostbyaddr_r", found);
    code = gethostbyaddr_r(&nobody, sizeof nobody, AF_INET, &entry, buffer, sizeof buffer, &found, &error);
    printf("gethostbyaddr_r: %d %d %d\n", code, !found, error);

    for (int i = 0; i < 100; i++) {
        struct ifaddrs *all;
        if (getifaddrs(&all)) {
            printf("getifaddrs: errno %d\n", errno);
            break;
        }
        for (struct ifaddrs *one = all; !i && one; one = one->ifa_next) {
            printf("%s %#x", one->ifa_name, one->ifa_flags);
            at("address", one->ifa_addr);
            at("mask", one->ifa_netmask);
            at("other", one->ifa_broadaddr);
            printf("\n");
        }
        freeifaddrs(all);
    }

    struct if_nameindex *list = if_nameindex();
    for (struct if_nameindex *one = list; one && one->if_index; one++) {
        char name[IF_NAMESIZE] = "";
        char *text = if_indextoname(one->if_index, name);
        printf("%u %s: %u %s\n", one->if_index, one->if_name, if_nametoindex(one->if_name), text ? name : "none");
    }
    if_freenameindex(list);
    errno = 0;
    unsigned number = if_nametoindex("absent");
    printf("no such name: %u %d\n", number, errno);
    char name[IF_NAMESIZE];
    char *none = if_indextoname(99, name);
    printf("no such index: %d %d\n", none != NULL, errno);
    return 0;
}
