/* prog.h: runs other programs (ip, nft, docker, cp) from an argument vector, never through a shell.
 *
 * Blocking, any thread. Programs are looked up in PATH; prog_path_init() makes sure that the sbin folders are in it. */
#pragma once
#include "base/base.h"

#include <sys/types.h>

enum { PROG_OUTPUT_BYTES_MAX = 1 << 20 };

struct prog {
        const char *const *argv;        /* ends in NULL */
        int netns_fd;                   /* network namespace to run in; 0 or negative: the caller's */
        const char *input;              /* bytes for its stdin; NULL: /dev/null */
        int stdin_fd;                   /* used when input is NULL and this is above 0; borrowed */
        char **ret_output;              /* stdout, at most PROG_OUTPUT_BYTES_MAX; NULL: discarded. Caller frees */
        bool inherit;                   /* stdout and stderr are the caller's */
};

void prog_path_init(void);              /* once, before anything is run */
bool prog_exists(const char *name);
char *prog_find(const char *name);      /* absolute path; caller frees; NULL: not in PATH */

/* Runs to the end. Returns its exit code (128 + n when a signal ended it), or a negative errno with *err: it could not be
 * started. */
int prog_status(const struct prog *p, struct dr_error *err);
/* Like prog_status(), but any exit code other than 0 is an error that quotes what the program wrote to stderr. */
int prog_run(const struct prog *p, struct dr_error *err);
#define PROG(...) (const char *const[]) { __VA_ARGS__, NULL }
