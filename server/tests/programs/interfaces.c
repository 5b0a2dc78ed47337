// The network interfaces of the pod of `mirrord demo`: all but IPv6, which not every kernel has.
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <sys/socket.h>

int main(void) {
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
