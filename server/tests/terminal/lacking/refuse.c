// Runs a program on a kernel that lacks something, as containers do it: `refuse ERRNO CALL... -- PROGRAM ARGUMENTS`. The
// calls fail with ERRNO for the program and all that it starts. `ioctl=NUMBER` is one request of ioctl(2).
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct { const char *name; unsigned number; } calls[] = {
    {"seccomp", SYS_seccomp}, {"process_vm_readv", SYS_process_vm_readv}, {"process_vm_writev", SYS_process_vm_writev},
    {"pidfd_open", SYS_pidfd_open}, {"pidfd_getfd", SYS_pidfd_getfd}, {"fsopen", SYS_fsopen}, {"fsmount", SYS_fsmount},
    {"memfd_create", SYS_memfd_create}, {"close_range", SYS_close_range}, {"openat2", SYS_openat2},
};

static unsigned number_of(const char *name) {
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (!strcmp(calls[i].name, name)) return calls[i].number;
    fprintf(stderr, "refuse: no call %s\n", name);
    exit(2);
}

int main(int count, char **words) {
    struct sock_filter program[100];
    unsigned short len = 0;
    unsigned refused = SECCOMP_RET_ERRNO | atoi(words[1]);
    int at = 2;
    program[len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (; at < count && strcmp(words[at], "--"); at++) {
        if (!strncmp(words[at], "ioctl=", 6)) {
            unsigned request = strtoul(words[at] + 6, NULL, 0);
            program[len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 4);
            program[len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1]));
            program[len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, request, 0, 1);
            program[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, refused);
            program[len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
            continue;
        }
        program[len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number_of(words[at]), 0, 1);
        program[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, refused);
    }
    program[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog filter = {len, program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) {
        perror("refuse");
        return 2;
    }
    execvp(words[at + 1], words + at + 1);
    perror(words[at + 1]);
    return 127;
}
