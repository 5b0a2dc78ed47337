// Shows what calls give: the same text natively, below a folder, and in the target, at its root.
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *root = "";
// Where the root really is, when it is mapped.
static const char *real_root;

// A path below the root; a few at a time.
__attribute__((unused)) static char *p(const char *rest) {
    static char paths[8][PATH_MAX + 64];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s%s", root, rest);
    return path;
}

// A path as the program sees it, without the root.
__attribute__((unused)) static const char *seen(const char *path) {
    if (!path) return strerrorname_np(errno);
    if (*root && !strncmp(path, root, strlen(root))) return path + strlen(root);
    if (real_root && !strncmp(path, real_root, strlen(real_root))) return path + strlen(real_root);
    return path;
}

__attribute__((unused)) static long say(const char *call, long result) {
    if (result == -1) printf("%s: %s\n", call, strerrorname_np(errno));
    else printf("%s: %ld\n", call, result);
    return result;
}

// The call's own text and its result, 0 or a count.
#define SAY(call) say(#call, (errno = 0, (long)(call)))
// A call whose result is a descriptor or a pointer.
#define DONE(call) say(#call, (errno = 0, (long)(call)) < 0 ? -1 : 0)

__attribute__((unused)) static void show(const char *path) {
    struct stat s;
    if (lstat(p(path), &s)) printf("    %s: %s\n", path, strerrorname_np(errno));
    else printf("    %s: %o %ld links %ld\n", path, s.st_mode, S_ISDIR(s.st_mode) ? 0 : (long)s.st_size, S_ISDIR(s.st_mode) ? 0 : (long)s.st_nlink);
}

static void begin(int argc, char **argv) {
    if (argc > 1) root = argv[1];
    real_root = getenv("REAL_ROOT");
    setvbuf(stdout, 0, _IONBF, 0);
    umask(027);
}
