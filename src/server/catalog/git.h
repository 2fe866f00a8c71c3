/* git.h: one look at a branch of a remote git repository, by running the program git as a child, and the files of its newest commit.
 *
 * Nothing is ever checked out: one commit of one branch is fetched into a bare repository, its tree is listed, and the files that count are
 * read out of it by their ids. So no link, device, hook, filter, submodule or odd name of the remote reaches the file system, and sizes are
 * known before anything is read. The child has no terminal, asks nothing, speaks only the given protocols, reads no configuration of this
 * machine, and is killed with all it started when its time is over or it stores too much. Loop thread only. */
#pragma once
#include "fileset.h"
#include "net/loop.h"

enum { GIT_ID_MAX = 65 };               /* SHA-1 or SHA-256 in hex, with NUL */

struct git_conf {                       /* strings are copied */
        struct loop *loop;
        const char *home;               /* folder of all copies, which holds "gitconfig" (git_home_make()) */
        const char *dir;                /* bare repository that is read; made anew when something is fetched */
        const char *url, *branch;       /* branch "": master, or what the remote has as HEAD when there is no master */
        bool local;                     /* ssh and file may be used too */
        bool offline;                   /* reads what is in dir already */
        const char *known, *bad;        /* ids of the branch that need no new look: what is loaded, what could not be used; "" none */
        uint64_t deadline_ms;           /* for all of it */
};
enum git_outcome { GIT_READ, GIT_SAME, GIT_FAILED };
struct git_read {
        enum git_outcome outcome;       /* SAME: the branch is at known (or bad) still */
        struct dr_error err;            /* FAILED: why */
        char id[GIT_ID_MAX];            /* of the branch; with FAILED too when it was found out */
        char commit[GIT_ID_MAX];        /* READ: the commit */
        struct git_content *content;    /* READ: the receiver's: git_content_read(), git_content_free() */
};
struct git;
/* done(arg, read) once, never inside this call. read is borrowed, but its content is the receiver's. */
typedef void git_done_fn(void *arg, const struct git_read *read);
struct git *git_start(const struct git_conf *conf, git_done_fn *done, void *arg);
void git_abandon(struct git *g);        /* kills; done is not called */

/* For this module and its fuzz target: out of what git ls-tree -r -l -z prints (n bytes with a NUL behind; changed by the call), then what
 * git cat-file --batch prints for the files that count. */
int git_content_list(char *list, size_t n, struct git_content **ret, struct dr_error *err);
void git_content_give(struct git_content *c, const char *p, size_t n);
/* On a worker: the files, out of what git printed. */
int git_content_read(const struct git_content *c, struct fileset *f, struct dr_error *err);
void git_content_free(struct git_content *c);   /* NULL is fine */

/* The folder for copies with its configuration file. */
int git_home_make(const char *home, struct dr_error *err);
void git_remove_tree(const char *path);         /* on a worker: a folder and all below it; links are removed, not followed */
