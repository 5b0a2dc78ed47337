// Linked statically: says whether uname(2) is answered by a supervisor, and what it was given.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

int main(int count, char **arguments) {
    struct utsname name;
    int supervised = uname(&name) == -1 && errno == EXDEV;
    const char *preload = getenv("LD_PRELOAD");
    printf("%s:", supervised ? "supervised" : "alone");
    for (int i = 0; i < count; i++) printf(" %s", arguments[i]);
    printf("%s%s\n", preload && *preload ? " LD_PRELOAD=" : "", preload ? preload : "");
    fflush(stdout);
    if (count > 1 && arguments[1][0] == '/') execv(arguments[1], arguments + 1);
    return 0;
}
