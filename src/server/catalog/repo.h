/* repo.h: one place of catalogs and what was read from it last. Shared by all catalogs with the same url and branch.
 *
 * A pass looks at the place and, if it has changed, reads it anew: git in a child, the rest on a worker. At most REPOS_AT_ONCE passes run; more
 * wait in order. A pass that fails leaves what is there and its reason. Loop thread only. */
#pragma once
#include "git.h"
#include "snapshot.h"
#include "source.h"

enum { REPOS_AT_ONCE = 2 };

struct repos;
struct repo {                           /* read-only for others */
        const char *url, *branch;
        struct snapshot *now;           /* NULL: nothing could be read yet */
        struct dr_error err;            /* of the newest pass; code DR_OK: it went well */
        char commit[GIT_ID_MAX];        /* git's; folders: a mark that changes with them; "" before something was read */
        int64_t checked_ms, loaded_ms;  /* wall clock; 0: never */
        bool running;                   /* a pass runs or waits for its turn */
        bool tried;                     /* something was read, or a pass that might have failed */
        struct repo_inside *inside;
};

struct repos_conf {
        struct loop *loop;
        const char *home;               /* folder of git copies; copied */
        int64_t (*wall_ms)(void *arg);
        uint64_t (*deadline_ms)(void *arg);             /* of git, for one pass */
        void (*on_change)(void *arg, struct repo *r);   /* r->now is another one, or the first pass is over */
        void *arg;
};
struct repos *repos_new(const struct repos_conf *conf);
/* Ends children, waits for workers; all repos must have been released. Returns NULL. */
struct repos *repos_free(struct repos *r);

/* Finds or makes it, one more holder. A new one reads what needs no network by itself, and looks at the network too if online. */
struct repo *repo_get(struct repos *all, const char *url, const char *branch, bool online);
void repo_release(struct repos *all, struct repo *r);   /* the last holder's: its copy on the disk goes too, unless repos_keep_copies() */
void repos_keep_copies(struct repos *all);
/* A pass that begins after this call. fn (may be NULL) is called when it is over, once, also when r goes away meanwhile. */
typedef void repo_seen_fn(void *arg, const struct dr_error *err);       /* err NULL: went well */
void repo_look(struct repo *r, repo_seen_fn *fn, void *arg);
/* Periodic: looks at those whose time has come; one that fails again and again is looked at less often. */
void repos_look_all(struct repos *all, uint64_t every_ms);
/* Removes copies on the disk that no repo has. Once, when all that are known have been made. */
void repos_sweep(struct repos *all);
