/* child.h: child processes: input given at start, output captured up to a cap, one callback at the end.
 *
 * Loop thread only. The child sees only descriptors 0, 1 and 2. Do not call waitpid(-1) anywhere in the process. */
#pragma once
#include "net/loop.h"

struct child;
struct child_result {
        int exit_status;                /* exit code; 0 when killed by a signal */
        int signal;                     /* 0: it exited */
        bool timed_out;                 /* killed by deadline_ms */
        const char *out, *err;          /* captured, NUL-terminated, valid during on_exit */
        size_t out_len, err_len;
        bool out_cut, err_cut;          /* more was written than the cap: the rest was read and dropped */
};
struct child_spec {
        const char *const *argv;        /* NULL-ended; argv[0] is looked up in PATH */
        const char *const *env;         /* NULL-ended NAME=VALUE; NULL: inherited */
        const char *cwd;                /* NULL: inherited */
        const void *in;                 /* copied; then end of file */
        size_t in_len;
        size_t out_max, err_max;        /* bytes captured; 0: read and dropped */
        uint64_t deadline_ms;           /* SIGKILL after this long; 0: none */
        bool group;                     /* a session of its own, without terminal: what kills it kills everything it started */
        void (*on_output)(struct child *c, bool is_err, const char *p, size_t n, void *arg);  /* optional; each piece as it comes */
        void (*on_exit)(struct child *c, const struct child_result *res, void *arg);    /* once; c is gone afterwards */
        void *arg;
};
/* Returns NULL with *err filled when the program cannot be started (on_exit is not called then). */
struct child *child_spawn(struct loop *l, const struct child_spec *spec, struct dr_error *err);
void child_kill(struct child *c, int signum);
int child_pid(const struct child *c);
/* The owner goes away: SIGKILL, no on_exit. */
void child_abandon(struct child *c);
