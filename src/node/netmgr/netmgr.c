#include "node/netmgr/netmgr.h"

#include "base/file.h"
#include "base/log.h"
#include "node/metadata/feed.h"
#include "node/netmgr/cni_files.h"
#include "node/netmgr/cni_run.h"
#include "node/netmgr/containers.h"
#include "node/netmgr/links.h"
#include "node/netmgr/packets.h"

#include <stdio.h>
#include <sys/stat.h>

struct netmgr {
        struct netmgr_config cfg;
        char *state_dir, *bin_dir, *cache;
        struct mdata *model;
        struct feed *feed;
        struct docker *docker;
        struct containers *containers;
        struct packets *packets;
        struct links *links;
        char said[300];
};

static void on_changed(struct mdata *m, void *arg) {
        struct netmgr *n = arg;
        struct dr_error err = { 0 };
        if (!*mdata_host_uuid(m))
                return;                                 /* who we are is not known yet */
        int r = cni_files_write(n->cfg.cni_dir, m, &err);
        if (r < 0 && !str_eq(n->said, err.message)) {
                snprintf(n->said, sizeof n->said, "%s", err.message);
                log_error("CNI configuration cannot be written", "reason", err.message, NULL);
        }
        if (r > 0) {
                log_info("CNI configuration written", NULL);
                containers_config_changed(n->containers);
        }
        packets_changed(n->packets, m);
}

static void on_health(bool healthy, const char *message, void *arg) {
        if (healthy)
                log_info("engine is there", NULL);
        else
                log_warning("engine is away", "reason", message, NULL);
}
static void on_connected(void *arg) { containers_connected(((struct netmgr *) arg)->containers); }
static void on_event(const struct docker_event *e, void *arg) { containers_event(((struct netmgr *) arg)->containers, e); }
static const struct docker_watch docker_events = { .on_health = on_health, .on_connected = on_connected, .on_event = on_event };

static void on_listed(const char *const *running, size_t count, void *arg) { links_collect(((struct netmgr *) arg)->links, running, count); }
static bool is_busy(const char *id_prefix, void *arg) { return containers_is_busy(((struct netmgr *) arg)->containers, id_prefix); }

static int prepare(struct netmgr *n, struct dr_error *err) {
        char self[4096];
        ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
        if (len < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not find out which program this is: %m");
        self[len] = 0;
        (void) mkdir(n->cfg.state_dir, 0700);           /* the agent's; here for a manager that is first */
        int r = folder_make(n->state_dir, 0755, err);
        if (r < 0 || (r = folder_make(n->cfg.run_dir, 0755, err)) < 0)
                return r;
        return cni_links_make(n->bin_dir, self, err);
}

static struct netmgr *make(struct loop *l, const struct netmgr_config *cfg) {
        struct netmgr *n = dr_xnew(struct netmgr);
        n->cfg = *cfg;
        n->state_dir = dr_xasprintf("%s/cni", cfg->state_dir);
        n->bin_dir = dr_xasprintf("%s/cni-bin", cfg->run_dir);
        n->cache = dr_xasprintf("%s/network-manager.cache", cfg->state_dir);
        n->packets = packets_new(&(struct packets_config) { .loop = l, .metadata_ip = cfg->metadata_ip });
        n->links = links_new(&(struct links_config) { .loop = l, .metadata_ip = cfg->metadata_ip, .bridge = cfg->bridge, .is_busy = is_busy, .arg = n });
        return n;
}

struct netmgr *netmgr_new(struct loop *l, const struct netmgr_config *cfg, struct dr_error *err) {
        struct netmgr *n = make(l, cfg);
        if (prepare(n, err) < 0 || docker_new(l, cfg->docker_socket, &docker_events, n, &n->docker, err) < 0)
                return netmgr_free(n);
        n->containers = containers_new(&(struct containers_config) { .loop = l, .docker = n->docker, .cni_dir = cfg->cni_dir, .bin_dir = n->bin_dir, .state_dir = n->state_dir,
                                                                      .dns = cfg->metadata_ip, .on_listed = on_listed, .arg = n });
        n->model = mdata_new();
        n->feed = feed_new(l, n->model, &(struct feed_config) { .socket_path = cfg->metadata_socket, .file = cfg->metadata_file, .cache = cfg->metadata_file ? NULL : n->cache,
                                                                .changed = on_changed, .arg = n }, err);
        if (!n->feed)
                return netmgr_free(n);
        on_changed(n->model, n);
        docker_start(n->docker);
        return n;
}

struct netmgr *netmgr_free(struct netmgr *n) {
        if (!n)
                return NULL;
        feed_free(n->feed);
        mdata_free(n->model);
        containers_free(n->containers);
        docker_free(n->docker);
        packets_free(n->packets);
        links_free(n->links);
        free(n->state_dir);
        free(n->bin_dir);
        free(n->cache);
        free(n);
        return NULL;
}

void netmgr_reload(struct netmgr *n) {
        struct dr_error err = { 0 };
        if (n->cfg.metadata_file && feed_reload(n->feed, &err) < 0)
                log_error("metadata cannot be read", "reason", err.message, NULL);
}

static void on_removed(void *arg) { loop_stop(arg); }

int netmgr_uninstall(struct loop *l, const struct netmgr_config *cfg, struct dr_error *err) {
        struct netmgr *n = make(l, cfg);
        int r = links_remove_route(n->links, err);
        packets_remove(n->packets, on_removed, l);
        loop_run(l);
        const char *why;
        if (r >= 0 && !packets_are_right(n->packets, &why))
                r = dr_fail(err, DR_E_INTERNAL, NULL, "%s", why);
        netmgr_free(n);
        return r;
}
