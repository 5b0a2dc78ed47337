// Threads that are cancelled while they wait inside a hooked function.
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener;

static void cleaned(void *name) { printf("%s: cleaned up\n", (char *)name); }

static void *in_accept(void *name) {
    pthread_cleanup_push(cleaned, name);
    accept(listener, 0, 0);
    pthread_cleanup_pop(0);
    return 0;
}

static void *in_connect(void *name) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(12)};
    inet_aton("10.1.2.3", &to.sin_addr);
    pthread_cleanup_push(cleaned, name);
    connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&to, sizeof to);
    pthread_cleanup_pop(0);
    return 0;
}

static void *in_open(void *name) {
    pthread_cleanup_push(cleaned, name);
    // The call itself is not cancelled; the next point is.
    int fd = open("/data/slow", O_RDONLY);
    printf("%s: opened %d\n", (char *)name, fd >= 0);
    pthread_testcancel();
    pthread_cleanup_pop(0);
    return 0;
}

static void cancel(void *(*body)(void *), char *name) {
    pthread_t thread;
    void *result;
    pthread_create(&thread, 0, body, name);
    usleep(200000);
    pthread_cancel(thread);
    pthread_join(thread, &result);
    printf("%s: cancelled %d\n", name, result == PTHREAD_CANCELED);
}

int main(void) {
    setvbuf(stdout, 0, _IONBF, 0);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    listen(listener, 1);
    cancel(in_accept, "accept");
    cancel(in_connect, "connect");
    cancel(in_open, "open");
}
