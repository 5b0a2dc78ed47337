// The network interfaces of the pod of `mirrord demo`: all but IPv6, which not every kernel has.
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>

int main(void) {
    struct if_nameindex *list = if_nameindex();
    for (struct if_nameindex *one = list; one && one->if_index; one++) {
        char name[IF_NAMESIZE] = "none";
        if_indextoname(one->if_index, name);
        printf("%u %s: %u %s\n", one->if_index, one->if_name, if_nametoindex(one->if_name), name);
    }
    if_freenameindex(list);
    struct ifaddrs *all;
    if (getifaddrs(&all)) return 1;
    for (struct ifaddrs *one = all; one; one = one->ifa_next) {
        int family = one->ifa_addr ? one->ifa_addr->sa_family : 0;
        if (family == AF_PACKET) printf("%s\n", one->ifa_name);
        if (family != AF_INET) continue;
        printf("  %s", inet_ntoa(((struct sockaddr_in *)one->ifa_addr)->sin_addr));
        printf(" of %s\n", inet_ntoa(((struct sockaddr_in *)one->ifa_netmask)->sin_addr));
    }
    freeifaddrs(all);
    return 0;
}
