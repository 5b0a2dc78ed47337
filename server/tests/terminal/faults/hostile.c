// Looks at a folder whose names and links mean harm: `hostile FOLDER`. Whatever it reads is printed in hexadecimal digits.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

static void digits(const char *what, const char *text) {
    printf("%s ", what);
    for (; *text; text++) printf("%02x", (unsigned char)*text);
    puts("");
}

static int any(const struct dirent *entry) {
    return strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
}

// What an open of the path finds: the first line, or why not.
static void follow(const char *what, const char *path) {
    char text[100] = {0};
    int fd = open(path, O_RDONLY);
    if (fd < 0 || read(fd, text, sizeof text - 1) < 0) snprintf(text, sizeof text, "%s", strerrorname_np(errno));
    text[strcspn(text, "\n")] = 0;
    printf("%s: %s\n", what, text);
    if (fd >= 0) close(fd);
}

int main(int count, char **words) {
    setvbuf(stdout, 0, _IOLBF, 0);
    puts("ready");
    getchar();
    chdir(words[1]);
    struct dirent **entries;
    int found = scandir(words[1], &entries, any, alphasort);
    for (int i = 0; i < found; i++) {
        char path[PATH_MAX], text[PATH_MAX] = {0};
        snprintf(path, sizeof path, "%s/%s", words[1], entries[i]->d_name);
        digits("name", entries[i]->d_name);
        if (entries[i]->d_type == DT_LNK && readlink(path, text, sizeof text - 1) >= 0) digits("link", text);
        if (entries[i]->d_type != DT_DIR) continue;
        // All that is said in words about a folder.
        inotify_add_watch(inotify_init(), path, IN_CREATE);
        char *roots[] = {path, 0};
        fts_open(roots, FTS_PHYSICAL, 0);
        // It does not fit on the disk.
        strcat(path, "/\033[2Jlarge");
        static char much[1 << 20];
        int fd = open(path, O_WRONLY | O_CREAT, 0600);
        (void)!write(fd, much, sizeof much);
        close(fd);
    }
    char path[PATH_MAX];
    for (const char **name = (const char *[]){"up", "absolute", "around", 0}; *name; name++) {
        snprintf(path, sizeof path, "%s/%s", words[1], *name);
        follow(*name, path);
    }
    return 0;
}
