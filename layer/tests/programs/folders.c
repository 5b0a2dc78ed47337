// Listing and walking.
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>

static int visible(const struct dirent *entry) {
    // The program's own calls in a callback come to us.
    char path[PATH_MAX];
    struct stat s;
    snprintf(path, sizeof path, "/data/folder/%s", entry->d_name);
    return entry->d_name[0] != '.' && !stat(p(path), &s);
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char **)a, *(char **)b);
}

static void list(const char *call, DIR *folder) {
    char *names[16];
    int count = 0;
    if (!folder) {
        printf("%s: %s\n", call, strerrorname_np(errno));
        return;
    }
    for (struct dirent *entry; count < 16 && (entry = readdir(folder));) names[count++] = strdup(entry->d_name);
    qsort(names, count, sizeof *names, compare);
    printf("%s:", call);
    for (int i = 0; i < count; i++) printf(" %s", names[i]);
    printf("\n");
    closedir(folder);
}

static char *lines[64];
static int line_count;

static void shown(void) {
    qsort(lines, line_count, sizeof *lines, compare);
    for (int i = 0; i < line_count; i++) printf("%s", lines[i]), free(lines[i]);
    line_count = 0;
}

static int visit(const char *path, const struct stat *s, int kind) {
    if (asprintf(&lines[line_count], "    %s kind %d size %d\n", seen(path), kind, S_ISREG(s->st_mode) ? (int)s->st_size : 0) > 0) line_count++;
    return 0;
}

static int visit_fully(const char *path, const struct stat *s, int kind, struct FTW *position) {
    struct stat here;
    int found = !stat(path + position->base, &here);
    if (asprintf(&lines[line_count], "    %s kind %d %s level %d here %d\n", seen(path), kind, path + position->base, position->level, found) > 0) line_count++;
    return 0;
}

static int stop(const char *path, const struct stat *s, int kind, struct FTW *position) {
    return position->level == 1 ? 42 : 0;
}

static int skip(const char *path, const struct stat *s, int kind, struct FTW *position) {
    visit(path, s, kind);
    return kind == FTW_D && position->level == 1 ? FTW_SKIP_SUBTREE : FTW_CONTINUE;
}

static void globbed(const char *pattern, int flags) {
    glob_t found = {0};
    glob64_t found64 = {0};
    int result = glob(p(pattern), flags, 0, &found), result64 = glob64(p(pattern), flags, 0, &found64);
    printf("glob %s: %d %d %d %d:", pattern, result, result64, (int)found.gl_pathc, (int)found64.gl_pathc);
    for (size_t i = 0; i < found.gl_pathc; i++) printf(" %s", seen(found.gl_pathv[i]));
    printf("\n");
    if (!result) globfree(&found);
    if (!result64) globfree64(&found64);
}

int main(int argc, char **argv) {
    begin(argc, argv);
    struct dirent **found;
    struct dirent64 **found64;
    list("opendir", opendir(p("/data/folder")));
    list("opendir with a slash", opendir(p("/data/folder/")));
    list("opendir of a file", opendir(p("/data/file")));
    list("opendir of nothing", opendir(p("/data/none")));
    int fd = open(p("/data/folder"), O_RDONLY | O_DIRECTORY);
    list("fdopendir", fdopendir(fd));
    SAY(scandir(p("/data/folder"), &found, visible, alphasort)), printf("%s %s\n", found[0]->d_name, found[1]->d_name);
    SAY(scandir64(p("/data/folder"), &found64, 0, alphasort64)), printf("%s %s\n", found64[0]->d_name, found64[2]->d_name);
    SAY(scandir(p("/data/none"), &found, 0, 0));
    fd = open(p("/data"), O_RDONLY | O_DIRECTORY);
    SAY(scandirat(fd, "folder", &found, visible, alphasort));
    SAY(scandirat64(fd, "folder", &found64, 0, alphasort64));
    SAY(scandirat(fd, "file", &found, visible, alphasort));

    globbed("/data/folder/*", 0);
    globbed("/data/f*/[ot]*", GLOB_MARK);
    globbed("/data/fo{l,x}der/one", GLOB_BRACE);
    globbed("/data/file", 0);
    globbed("/data/none", 0);
    globbed("/data/none*", GLOB_NOCHECK);
    globbed("/data/*", GLOB_ONLYDIR);

    mkdir(p("/data/rw/deep"), 0755), mkdir(p("/data/rw/deep/er"), 0755), close(creat(p("/data/rw/deep/er/file"), 0644));
    symlink("none", p("/data/rw/deep/dangling"));
    SAY(ftw(p("/data/rw"), visit, 4)), shown();
    SAY(ftw64(p("/data/folder/"), (void *)visit, 4)), shown();
    SAY(ftw(p("/data/none"), visit, 4));
    SAY(ftw(p("/data/file"), visit, 4)), shown();
    symlink("er", p("/data/rw/deep/link"));
    SAY(nftw(p("/data/rw"), visit_fully, 4, FTW_PHYS)), shown();
    SAY(nftw(p("/data/rw"), visit_fully, 4, FTW_PHYS | FTW_DEPTH | FTW_CHDIR)), shown();
    SAY(nftw(p("/data/rw/deep/dangling"), visit_fully, 4, 0)), shown();
    SAY(nftw64(p("/data/rw"), (void *)stop, 4, FTW_PHYS));
    SAY(nftw(p("/data/rw"), skip, 4, FTW_ACTIONRETVAL | FTW_PHYS)), shown();
    return 0;
}
