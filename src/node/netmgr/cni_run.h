/* cni_run.h: runs the CNI plugins of one container: ADD in the order of the files, DEL in reverse.
 *
 * Loop thread only. Each plugin is a child process; the built-in ones (rancher-bridge, drover-bridge, rancher-cni-ipam, drover-ipam) are this
 * program under another name, found before any file of that name. Environment: spec networking.md 4.3. */
#pragma once
#include "net/loop.h"
#include "node/netmgr/cni_files.h"

struct cni_spec {
        struct loop *loop;
        const cni_file_list *files;     /* borrowed until done */
        const char *command;            /* "ADD" or "DEL" */
        const char *id;                 /* Docker id */
        int netns_fd;                   /* borrowed until done; -1: CNI_NETNS is empty */
        const char *args;               /* CNI_ARGS; copied */
        const char *bin_dir;            /* links to the built-in plugins: first in CNI_PATH */
        uint64_t deadline_ms;           /* each plugin is killed after this long */
        /* Once. state: the last result with an IPv4 address (ADD), or NULL; error: of the first plugin that failed, or NULL. DEL goes on after a failure. */
        void (*done)(const char *state, const char *ip, const char *error, void *arg);
        void *arg;
};
struct cni_run;
struct cni_run *cni_run_start(const struct cni_spec *spec);     /* done comes later, never from inside */
void cni_run_cancel(struct cni_run *r);                         /* kills what runs; no done */

bool cni_is_built_in(const char *type);
/* Makes bin_dir with the links. program: path of this executable. */
int cni_links_make(const char *bin_dir, const char *program, struct dr_error *err);
