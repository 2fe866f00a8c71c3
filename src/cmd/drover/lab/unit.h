/* unit.h: background processes that PID 1 of a lab host keeps running: the engine and the executables of /var/lib/drover/boot.d.
 *
 * A unit that ends is started again, at once after a long run, else after 0.25, 0.5, ... 8 s. One thread. */
#pragma once
#include "base/base.h"

#include <sys/types.h>

enum { UNITS_MAX = 32 };

struct unit {
        char *name;
        char **argv;                    /* ends in NULL */
        char **env;                     /* additions, "NAME=value", ends in NULL; NULL: none */
        char *log;
        pid_t pid;                      /* 0: not running */
        unsigned fails;
        uint64_t started_ms, restart_ms;/* restart_ms meaningful while pid is 0 */
        bool stopped;                   /* not to be started again */
};

struct units { struct unit v[UNITS_MAX]; size_t n; };

/* Copies everything. NULL: UNITS_MAX reached. It starts with the next units_step(). */
struct unit *unit_add(struct units *u, const char *name, const char *const *argv, const char *const *env, const char *log);
struct unit *unit_find(struct units *u, const char *name);
void unit_stop(struct unit *u);         /* SIGTERM to its process group; gone from the table once it has ended */
/* Starts what is due. Returns milliseconds until the next start is due, -1: nothing is waiting. */
int units_step(struct units *u, uint64_t now_ms);
/* Takes note of an ended child; any other orphan is ignored. The ended unit, or NULL. */
struct unit *units_reaped(struct units *u, pid_t pid, int status, uint64_t now_ms);
