// resolver(3): questions of the program's own making.
#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>

static void show(const char *what, int result, const unsigned char *answer) {
    if (result < 0) printf("%s: %d, h_errno %d\n", what, result, h_errno);
    else printf("%s: %d bytes, %d answers, truncated %d\n", what, result, answer[6] << 8 | answer[7], !!(answer[2] & 2));
}

int main(void) {
    unsigned char answer[512], question[512];
    const char *names[] = {"db.svc", "db", "empty.cluster", "nobody.example", "silent.svc", ""};
    for (int i = 0; i < 6; i++) {
        char what[64];
        snprintf(what, sizeof what, "query %s", names[i]);
        show(what, res_query(names[i], ns_c_in, ns_t_a, answer, sizeof answer), answer);
        snprintf(what, sizeof what, "search %s", names[i]);
        show(what, res_search(names[i], ns_c_in, ns_t_a, answer, sizeof answer), answer);
    }
    show("little room", res_query("db.svc", ns_c_in, ns_t_srv, answer, 14), answer);
    struct __res_state state = {0};
    res_ninit(&state);
    show("nquery", res_nquery(&state, "db.svc", ns_c_in, ns_t_a, answer, sizeof answer), answer);
    show("nsearch", res_nsearch(&state, "db", ns_c_in, ns_t_a, answer, sizeof answer), answer);
    show("querydomain", res_querydomain("db", "svc", ns_c_in, ns_t_a, answer, sizeof answer), answer);
    show("querydomain without one", res_querydomain("db.svc.", NULL, ns_c_in, ns_t_a, answer, sizeof answer), answer);
    show("nquerydomain", res_nquerydomain(&state, "db", "svc", ns_c_in, ns_t_a, answer, sizeof answer), answer);
    const char *domains[] = {"cluster", "example"};
    for (int i = 0; i < 2; i++) {
        show("nquerydomain", res_nquerydomain(&state, i ? "nobody" : "empty", domains[i], ns_c_in, ns_t_a, answer, sizeof answer), answer);
        printf("  of the state: %d\n", state.res_h_errno);
    }
    show("nquery", res_nquery(&state, "empty.cluster", ns_c_in, ns_t_a, answer, sizeof answer), answer);
    printf("  of the state: %d\n", state.res_h_errno);
    show("nsearch", res_nsearch(&state, "silent.svc", ns_c_in, ns_t_a, answer, sizeof answer), answer);
    printf("  of the state: %d\n", state.res_h_errno);
    int len = res_mkquery(ns_o_query, "db.svc", ns_c_in, ns_t_a, NULL, 0, NULL, question, sizeof question);
    show("send", res_send(question, len, answer, sizeof answer), answer);
    show("nsend", res_nsend(&state, question, len, answer, sizeof answer), answer);
    printf("the same identifier: %d\n", !memcmp(question, answer, 2));
    return 0;
}
