// New names from templates.
#include "check.h"
#include <fcntl.h>

static char template[PATH_MAX];

static char *t(const char *path) {
    return strcpy(template, p(path));
}

static void named(const char *pattern) {
    struct stat s;
    size_t blanks = strstr(pattern, "XXXXXX") ? (size_t)(strstr(pattern, "XXXXXX") - pattern) : 0;
    const char *name = seen(template);
    int same = strlen(name) == strlen(pattern) && !strncmp(name, pattern, blanks) && !strcmp(name + blanks + 6, pattern + blanks + 6);
    printf("    kept %d, changed %d, mode %o\n", same, strcmp(name, pattern) != 0, lstat(template, &s) ? 0 : s.st_mode);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    int fd;
    DONE(fd = mkstemp(t("/data/rw/aXXXXXX"))), named("/data/rw/aXXXXXX");
    SAY(write(fd, "x", 1));
    DONE(mkstemp64(t("/data/rw/bXXXXXX"))), named("/data/rw/bXXXXXX");
    DONE(fd = mkostemp(t("/data/rw/cXXXXXX"), O_CLOEXEC)), named("/data/rw/cXXXXXX"), printf("%d\n", fcntl(fd, F_GETFD));
    DONE(mkostemp64(t("/data/rw/dXXXXXX"), 0)), named("/data/rw/dXXXXXX");
    DONE(mkstemps(t("/data/rw/eXXXXXX.txt"), 4)), named("/data/rw/eXXXXXX.txt");
    DONE(mkstemps64(t("/data/rw/fXXXXXX.txt"), 4)), named("/data/rw/fXXXXXX.txt");
    DONE(mkostemps(t("/data/rw/gXXXXXX.txt"), 4, O_APPEND)), named("/data/rw/gXXXXXX.txt");
    DONE(mkostemps64(t("/data/rw/hXXXXXX.txt"), 4, 0)), named("/data/rw/hXXXXXX.txt");
    DONE(mkstemp(t("/data/rw/short")));
    DONE(mkstemps(t("/data/rw/iXXXXXX"), 40));
    DONE(mkstemp(t("/data/none/jXXXXXX")));
    printf("mkdtemp: %d\n", mkdtemp(t("/data/rw/kXXXXXX")) == template), named("/data/rw/kXXXXXX");
    printf("mkdtemp: %s\n", mkdtemp(t("/data/none/kXXXXXX")) ? "ok" : strerrorname_np(errno));
    printf("mktemp: %d\n", mktemp(t("/data/rw/lXXXXXX")) == template), named("/data/rw/lXXXXXX");
    printf("mktemp: %d\n", *mktemp(t("/data/rw/bad")));
    return 0;
}
