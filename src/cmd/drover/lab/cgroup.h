/* cgroup.h: the control groups that hold a lab's processes, on cgroup v1 (each controller mounted alone) and v2.
 *
 * Groups are named by relative path ("drover-lab-ID/host1"); under v1 the group is made below every controller. Nothing else
 * outside the lab's own namespaces is ever changed. Blocking. */
#pragma once
#include "base/base.h"

enum cgroup_kind { CGROUP_V1, CGROUP_V2 };

struct cgroup_tree {
        enum cgroup_kind kind;
        char **roots;                   /* one per hierarchy */
        size_t n;
        int fd;                         /* v2 where it is not mounted: our own mount of it, else -1 */
};

/* force_v2: use cgroup2 although the machine's controllers are on v1. -ENOENT: neither is there. */
int cgroup_open(bool force_v2, struct cgroup_tree **ret, struct dr_error *err);
struct cgroup_tree *cgroup_free(struct cgroup_tree *t);
DR_DEFINE_AUTO(struct cgroup_tree *, cgroup_free)

int cgroup_make(const struct cgroup_tree *t, const char *path, struct dr_error *err);  /* with parents, controllers handed down */
int cgroup_enter(const struct cgroup_tree *t, const char *path, struct dr_error *err); /* moves the calling process */
/* Waits until the kernel says that it is done. -EOPNOTSUPP-like error when there is no freezer. */
int cgroup_freeze(const struct cgroup_tree *t, const char *path, bool frozen, struct dr_error *err);
bool cgroup_is_frozen(const struct cgroup_tree *t, const char *path);
/* Kills what is left inside, then removes the group with everything below it. */
int cgroup_remove(const struct cgroup_tree *t, const char *path, struct dr_error *err);
