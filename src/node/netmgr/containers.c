#include "node/netmgr/containers.h"

#include "base/log.h"
#include "base/map.h"
#include "node/entry/netstate.h"
#include "node/netlink/netns.h"
#include "node/netlink/rtnetlink.h"
#include "node/netmgr/cni_run.h"
#include "node/netmgr/etc_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

enum { PARALLEL = 16, RETRY_FIRST_MS = 250, RETRY_MAX_MS = 4000, RELIST_MS = 60000, LIST_BYTES_MAX = 32 << 20, INSPECT_BYTES_MAX = 8 << 20, PLUGIN_MS = 20000, DOMAINS_MAX = 64 };

static const char label_network[] = "io.rancher.cni.network", label_managed[] = "io.rancher.container.network", label_ip[] = "io.rancher.container.ip";
static const char label_dns[] = "io.rancher.container.dns", label_priority[] = "io.rancher.container.dns.priority", label_service[] = "io.rancher.stack_service.name";

struct box {                            /* one container */
        char id[DOCKER_ID_CHARS + 1];
        struct containers *all;
        char *network;                  /* its CNI network; NULL: not known yet */
        char run[NETSTATE_NAME_MAX];    /* the run being worked on or done, as StartedAt; "" none */
        bool up, failed;                /* run has its network; run was given up */
        bool working, queued, again;    /* again: look once more when the work is done */
        char resolved[NETSTATE_NAME_MAX];       /* run whose resolv.conf was completed */
        struct docker_call *call;
        struct cni_run *cni;
        cni_file_list files;
        int netns_fd, pid;
        char *hostname, *hosts_path, *error;
        uint64_t deadline_ms;           /* of run */
        unsigned tries;
        struct timer *retry;
};

struct containers {
        struct containers_config cfg;
        struct smap boxes;
        VEC(struct box *) queue;
        size_t working;
        bool pumping, list_again;
        struct docker_call *listing;
        struct timer *relist;
};

static void look(struct box *b);
static void wake(struct box *b);

/* Work: at most PARALLEL containers at a time -------------------------------------------------------------------- */

static void pump_now(void *arg) {
        struct containers *c = arg;
        c->pumping = false;
        size_t n = 0;
        while (n < c->queue.n && c->working < PARALLEL) {
                struct box *b = c->queue.v[n++];
                b->queued = false;
                b->working = true;
                c->working++;
                look(b);
        }
        memmove(c->queue.v, c->queue.v + n, (c->queue.n - n) * sizeof *c->queue.v);
        c->queue.n -= n;
}

static void pump_later(struct containers *c) {
        if (c->pumping || c->queue.n == 0)
                return;
        c->pumping = true;
        loop_defer(c->cfg.loop, pump_now, c);
}

static void wake(struct box *b) {
        struct containers *c = b->all;
        timer_stop(b->retry);
        if (b->working) {
                b->again = true;
        } else if (!b->queued) {
                b->queued = true;
                vec_push(&c->queue, b);
                pump_later(c);
        }
}

static void on_retry(void *arg) { wake(arg); }

static struct box *box_get(struct containers *c, const char *id) {
        struct box *b = smap_get(&c->boxes, id);
        if (b || strlen(id) > DOCKER_ID_CHARS || !*id)
                return b;
        b = dr_xnew(struct box);
        snprintf(b->id, sizeof b->id, "%s", id);
        b->all = c;
        b->netns_fd = -1;
        b->retry = timer_new(c->cfg.loop, on_retry, b);
        smap_set(&c->boxes, b->id, b);
        return b;
}

static void let_go_of_run(struct box *b) {
        if (b->netns_fd >= 0)
                close(b->netns_fd);
        b->netns_fd = -1;
        cni_files_done(&b->files);
}

static void box_free(struct box *b) {
        let_go_of_run(b);
        if (b->call)
                docker_call_cancel(b->call);
        cni_run_cancel(b->cni);
        timer_free(b->retry);
        free(b->network);
        free(b->hostname);
        free(b->hosts_path);
        free(b->error);
        free(b);
}

/* The work on b is over. forget: there is nothing to remember about it. */
static void end(struct box *b, bool forget) {
        struct containers *c = b->all;
        let_go_of_run(b);
        b->working = false;
        c->working--;
        pump_later(c);
        if (b->again) {
                b->again = false;
                wake(b);
        } else if (forget) {
                smap_del(&c->boxes, b->id);
                box_free(b);
        }
}

static void end_retry(struct box *b, uint64_t after_ms) {
        timer_start(b->retry, after_ms);
        end(b, false);
}

static char *state_path(const struct box *b, const char *run) { return dr_xasprintf("%s/%s%s%s", b->all->cfg.state_dir, b->id, *run ? "/" : "", run); }

static bool has_state_folder(const struct box *b) {
        auto_free char *path = state_path(b, "");
        return access(path, F_OK) == 0;
}

/* Down ------------------------------------------------------------------------------------------------------------ */

static void on_deleted(const char *state, const char *ip, const char *error, void *arg) {
        struct box *b = arg;
        b->cni = NULL;
        if (error)
                log_warning("network of a container could not be taken down", "container", b->id, "reason", error, NULL);
        else
                log_info("network down", "container", b->id, NULL);
        netstate_remove(b->all->cfg.state_dir, b->id, NULL);
        b->up = b->failed = false;
        b->run[0] = 0;
        end(b, true);
}

static void run_plugins(struct box *b, const char *command, const char *args, void (*done)(const char *state, const char *ip, const char *error, void *arg)) {
        const struct containers_config *cfg = &b->all->cfg;
        b->cni = cni_run_start(&(struct cni_spec) { .loop = cfg->loop, .files = &b->files, .command = command, .id = b->id, .netns_fd = b->netns_fd, .args = args,
                                                    .bin_dir = cfg->bin_dir, .deadline_ms = PLUGIN_MS, .done = done, .arg = b });
}

/* The namespace is gone or about to go: an empty CNI_NETNS cannot hurt a run that begins meanwhile. */
static void down(struct box *b) {
        struct dr_error err;
        let_go_of_run(b);
        if (cni_files_read(b->all->cfg.cni_dir, str_or(b->network, "managed"), &b->files, &err) < 0)
                return on_deleted(NULL, NULL, NULL, b);
        run_plugins(b, "DEL", "IgnoreUnknown=1;DOCKER=true", on_deleted);
}

/* Up -------------------------------------------------------------------------------------------------------------- */

static void tell(struct box *b, const char *state) {
        struct dr_error err;
        if (netstate_write(b->all->cfg.state_dir, b->id, b->run, state, &err) < 0)
                log_error("network state could not be told to the agent", "container", b->id, "reason", err.message, NULL);
        netstate_remove(b->all->cfg.state_dir, b->id, b->run);
}

static void add_to_hosts(struct box *b, const char *ip) {
        if (!b->hostname || !*b->hostname)
                return;
        auto_close int fd = etc_open(str_or(b->hosts_path, ""), b->pid, "etc/hosts");
        auto_free char *text = NULL;
        auto_sbuf struct sbuf out = SBUF(ETC_BYTES_MAX);
        if (fd < 0 || etc_read(fd, &text) < 0)
                return log_warning("hosts file of a container cannot be completed", "container", b->id, NULL);
        hosts_add(text, ip, b->hostname, &out);
        if (!str_eq(text, sbuf_str(&out)) && etc_replace(fd, &out) < 0)
                log_warning("hosts file of a container cannot be completed", "container", b->id, NULL);
}

static void is_up(struct box *b, const char *state, const char *ip) {
        add_to_hosts(b, ip);
        b->up = true;
        tell(b, state);
        log_info("network up", "container", b->id, "network", str_or(b->network, ""), "ip", ip, NULL);
        end(b, false);
}

/* Another try until the run's deadline; then the agent and the entry wait are told why. */
static void not_up(struct box *b, const char *why) {
        uint64_t now = loop_now_ms(b->all->cfg.loop), wait = RETRY_FIRST_MS;
        for (unsigned i = 1; i < b->tries && wait < RETRY_MAX_MS; i++)
                wait *= 2;
        if (now + wait < b->deadline_ms) {
                log_warning("network of a container is not up; it is tried again", "container", b->id, "reason", why, NULL);
                return end_retry(b, wait);
        }
        AUTO(jv_put) json_object *o = json_object_new_object();
        json_object_object_add(o, "error", json_object_new_string(why));
        log_error("network of a container could not be set up", "container", b->id, "reason", why, NULL);
        b->failed = true;
        tell(b, jv_print(o));
        end(b, false);
}

static void on_cleared(const char *state, const char *ip, const char *error, void *arg) {
        struct box *b = arg;
        b->cni = NULL;
        auto_free char *why = dr_take(b->error);
        not_up(b, why);
}

static void on_added(const char *state, const char *ip, const char *error, void *arg) {
        struct box *b = arg;
        b->cni = NULL;
        if (state)
                return is_up(b, state, ip);
        free(b->error);
        b->error = dr_xstrdup(str_or(error, "the plugins gave no IPv4 address"));
        run_plugins(b, "DEL", "IgnoreUnknown=1;DOCKER=true", on_cleared);       /* what the failed one left */
}

static bool all_built_in(const cni_file_list *l) {
        for (size_t i = 0; i < l->n; i++)
                if (!cni_is_built_in(l->v[i].type))
                        return false;
        return true;
}

/* A manager before us may have died between a plugin that cannot be asked twice and its word: the address says that it was done. */
static char *state_of_namespace(const struct box *b, char ip[INET_TEXT_MAX]) {
        AUTO(netlink_free) struct netlink *n = NULL;
        struct nlk_link link;
        struct nlk_addr *addrs = NULL;
        size_t count = 0;
        char *state = NULL;
        if (netlink_open(b->netns_fd, &n, NULL) < 0 || nlk_link_get(n, NETSTATE_INTERFACE, &link, NULL) < 0 || !(link.flags & IFF_UP) ||
            nlk_addr_list(n, AF_INET, link.index, &addrs, &count, NULL) < 0)
                return NULL;
        if (count > 0) {
                char cidr[INET_TEXT_MAX];
                inet_text(&addrs[0].cidr.ip, ip);
                state = dr_xasprintf("{\"ip4\":{\"ip\":\"%s\"},\"dns\":{}}", inet_cidr_text(&addrs[0].cidr, cidr));
        }
        free(addrs);
        return state;
}

/* Opens the namespace, then makes sure that the process is still one of this container (its control group bears the id): the pid may have been given
 * to another since inspect. */
static int open_namespace(struct box *b, struct dr_error *err) {
        auto_free char *ns = dr_xasprintf("/proc/%d/ns/net", b->pid), *cgroup_path = dr_xasprintf("/proc/%d/cgroup", b->pid);
        if (netns_open(ns, &b->netns_fd, err) < 0)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "the container's network namespace is gone");
        auto_close int fd = open(cgroup_path, O_RDONLY | O_CLOEXEC);
        char buf[16 << 10];
        ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf - 1);
        buf[n > 0 ? n : 0] = 0;
        return strstr(buf, b->id) ? 0 : dr_fail(err, DR_E_NOT_FOUND, NULL, "process %d is no longer one of the container", b->pid);
}

static char *args_of(json_object *labels) {
        static const struct { const char *name, *label; } rows[] = {
                { "RancherContainerUUID", "io.rancher.container.uuid" }, { "LinkMTUOverhead", "io.rancher.cni.link_mtu_overhead" },
                { "MACAddress", "io.rancher.container.mac_address" }, { "IPAddress", "io.rancher.container.ip" },
        };
        auto_sbuf struct sbuf out = SBUF(4096);
        sbuf_puts(&out, "IgnoreUnknown=1;DOCKER=true");
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                const char *v = jv_str(labels, rows[i].label);
                if (*v && !strpbrk(v, ";=\n"))
                        sbuf_printf(&out, ";%s=%s", rows[i].name, v);
        }
        return sbuf_steal(&out);
}

static void up(struct box *b, const char *run, json_object *labels) {
        struct dr_error err = { 0 };
        struct netstate known;
        if (!str_eq(b->run, run)) {
                snprintf(b->run, sizeof b->run, "%s", run);
                b->up = b->failed = false;
                b->tries = 0;
                b->deadline_ms = loop_now_ms(b->all->cfg.loop) + NETSTATE_ADD_MS;
        }
        b->tries++;
        auto_free char *path = state_path(b, run);
        if (netstate_read(path, &known, &err) == 0 && *known.ip) {
                b->up = true;
                log_info("network was up", "container", b->id, "ip", known.ip, NULL);
                return end(b, false);
        }
        if (cni_files_read(b->all->cfg.cni_dir, b->network, &b->files, &err) < 0 || open_namespace(b, &err) < 0)
                return not_up(b, err.message);
        char ip[INET_TEXT_MAX];
        auto_free char *there = all_built_in(&b->files) || b->tries > 1 ? NULL : state_of_namespace(b, ip);
        if (there)
                return is_up(b, there, ip);
        auto_free char *args = args_of(labels);
        run_plugins(b, "ADD", args, on_added);
}

/* resolv.conf ----------------------------------------------------------------------------------------------------- */

/* What the container's searches shall have, NULL-ended; texts are kept in *own and in inspect. */
static void domains_of(json_object *labels, json_object *search, char *own[2], const char *ret[DOMAINS_MAX + 4]) {
        size_t n = 0;
        const char *service = jv_str(labels, label_service), *slash = strchr(service, '/');
        if (slash && !str_eq(jv_str(labels, label_priority), "None")) {
                size_t name_n = strcspn(slash + 1, "/");
                own[0] = dr_xasprintf("%.*s.%.*s.rancher.internal", (int) name_n, slash + 1, (int) (slash - service), service);
                own[1] = dr_xasprintf("%.*s.rancher.internal", (int) (slash - service), service);
                for (size_t i = 0; i < 2; i++) {
                        for (char *p = own[i]; *p; p++)
                                *p = *p >= 'A' && *p <= 'Z' ? (char) (*p + 32) : *p;
                        ret[n++] = own[i];
                }
        }
        for (size_t i = 0; i < jv_len(search) && n < DOMAINS_MAX; i++) {
                const char *d = jv_text(jv_at(search, i));
                bool seen = !*d || strpbrk(d, " \t\r\n") || str_eq(d, "rancher.internal");
                for (size_t k = 0; k < n; k++)
                        seen |= str_eq(ret[k], d);
                if (!seen)
                        ret[n++] = d;
        }
        ret[n++] = "rancher.internal";
        ret[n] = NULL;
}

static void complete_resolv_conf(struct box *b, json_object *inspect, const char *run) {
        json_object *labels = jv_obj(jv_obj(inspect, "Config"), "Labels");
        const char *wish = jv_str(labels, label_dns), *path = jv_str(inspect, "ResolvConfPath");
        bool wanted = *jv_str(labels, label_network) || str_eq(wish, "true") || str_eq(jv_str(labels, label_managed), "true");
        if (!wanted || str_eq(wish, "false") || !*path || str_eq(path, "/etc/resolv.conf") || str_eq(b->resolved, run))
                return;
        char *own[2] = { NULL, NULL };
        const char *domains[DOMAINS_MAX + 4];
        domains_of(labels, jv_arr(jv_obj(inspect, "HostConfig"), "DnsSearch"), own, domains);
        auto_close int fd = etc_open(path, b->pid, "etc/resolv.conf");
        auto_free char *text = NULL;
        auto_sbuf struct sbuf out = SBUF(ETC_BYTES_MAX);
        bool ok = fd >= 0 && etc_read(fd, &text) == 0;
        if (ok)
                resolv_rewrite(text, domains, str_eq(jv_str(labels, label_priority), "service_last"), b->all->cfg.dns, &out);
        if (!ok || (!str_eq(text, sbuf_str(&out)) && etc_replace(fd, &out) < 0))
                log_warning("resolv.conf of a container cannot be completed", "container", b->id, NULL);
        snprintf(b->resolved, sizeof b->resolved, "%s", run);
        free(own[0]);
        free(own[1]);
}

/* Looking --------------------------------------------------------------------------------------------------------- */

static const char *network_of(json_object *inspect) {
        json_object *labels = jv_obj(jv_obj(inspect, "Config"), "Labels");
        const char *name = jv_str(labels, label_network), *mode = jv_str(jv_obj(inspect, "HostConfig"), "NetworkMode");
        if (*name)
                return name;
        bool shares = str_eq(mode, "host") || str_starts(mode, "container:");
        return !shares && (str_eq(jv_str(labels, label_managed), "true") || *jv_str(labels, label_ip)) ? "managed" : NULL;
}

static void set_text(char **field, const char *value) {
        if (str_eq(*field, value))
                return;
        free(*field);
        *field = dr_xstrdup(value);
}

static void decide(struct box *b, json_object *inspect) {
        json_object *state = jv_obj(inspect, "State"), *labels = jv_obj(jv_obj(inspect, "Config"), "Labels");
        const char *name = inspect ? network_of(inspect) : NULL, *run = jv_str(state, "StartedAt");
        bool runs = jv_bool(state, "Running") && !jv_bool(state, "Restarting") && jv_i64(state, "Pid") > 0 && netstate_is_name(run);
        if (name)
                set_text(&b->network, name);
        if (!runs) {
                if (b->up || b->failed || *b->run || has_state_folder(b))
                        return down(b);
                return end(b, true);
        }
        b->pid = (int) jv_i64(state, "Pid");
        set_text(&b->hosts_path, jv_str(inspect, "HostsPath"));
        set_text(&b->hostname, jv_str(jv_obj(inspect, "Config"), "Hostname"));
        complete_resolv_conf(b, inspect, run);
        if (!name)
                return end(b, false);                   /* kept for its resolv.conf */
        if (str_eq(b->run, run) && (b->up || b->failed))
                return end(b, false);
        up(b, run, labels);
}

static void on_inspected(struct docker_call *call, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct box *b = arg;
        b->call = NULL;
        AUTO(jv_put) json_object *inspect = result == 0 && status == 200 ? jv_parse(body, len, INSPECT_BYTES_MAX, NULL) : NULL;
        if (!inspect && !(result == 0 && status == 404))
                return end_retry(b, RETRY_FIRST_MS);    /* the engine's trouble */
        decide(b, inspect);
}

static void look(struct box *b) {
        char path[128];
        snprintf(path, sizeof path, "/containers/%s/json", b->id);
        struct docker_request r = { .path = path, .done = on_inspected, .arg = b };
        b->call = docker_call_start(b->all->cfg.docker, &r, NULL);
        if (!b->call)
                end_retry(b, RETRY_MAX_MS);
}

/* State folders of containers that are gone, or ended while nobody looked. */
static void look_at_leftovers(struct containers *c) {
        DIR *d = opendir(c->cfg.state_dir);
        for (struct dirent *e; d && (e = readdir(d)); ) {
                struct box *b = strlen(e->d_name) == DOCKER_ID_CHARS && !smap_get(&c->boxes, e->d_name) ? box_get(c, e->d_name) : NULL;
                if (b)
                        wake(b);
        }
        if (d)
                closedir(d);
}

static void on_listed(struct docker_call *call, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct containers *c = arg;
        c->listing = NULL;
        AUTO(jv_put) json_object *list = result == 0 && status == 200 ? jv_parse(body, len, LIST_BYTES_MAX, NULL) : NULL;
        timer_start(c->relist, list ? RELIST_MS : RETRY_MAX_MS);
        if (!list)
                return;
        VEC(const char *) running = { 0 };
        for (size_t i = 0; i < jv_len(list); i++) {
                const char *id = jv_str(jv_at(list, i), "Id"), *state = jv_str(jv_at(list, i), "State");
                if (!str_eq(state, "running") && !str_eq(state, "paused"))
                        continue;
                vec_push(&running, id);
                struct box *b = box_get(c, id);
                if (b)
                        wake(b);
        }
        smap_foreach(&c->boxes, slot) {
                struct box *b = slot->value;
                wake(b);
        }
        look_at_leftovers(c);
        if (c->cfg.on_listed)
                c->cfg.on_listed(running.v, running.n, c->cfg.arg);
        vec_done(&running);
        if (c->list_again)
                containers_connected(c);
}

void containers_connected(struct containers *c) {
        c->list_again = c->listing != NULL;
        if (c->listing)
                return;
        struct docker_request r = { .path = "/containers/json?all=1", .body_max = LIST_BYTES_MAX, .done = on_listed, .arg = c };
        c->listing = docker_call_start(c->cfg.docker, &r, NULL);
        if (!c->listing)
                timer_start(c->relist, RETRY_MAX_MS);
}

static void on_relist(void *arg) { containers_connected(arg); }

void containers_event(struct containers *c, const struct docker_event *e) {
        bool starts = str_eq(e->action, "start") || str_eq(e->action, "unpause");
        if (!starts && !str_eq(e->action, "die") && !str_eq(e->action, "destroy"))
                return;
        struct box *b = starts ? box_get(c, e->id) : smap_get(&c->boxes, e->id);
        if (b)
                wake(b);
}

void containers_config_changed(struct containers *c) {
        smap_foreach(&c->boxes, slot) {
                struct box *b = slot->value;
                if (timer_is_running(b->retry))
                        wake(b);
        }
}

bool containers_is_busy(const struct containers *c, const char *id_prefix) {
        smap_foreach(&c->boxes, slot) {
                const struct box *b = slot->value;
                if (str_starts(b->id, id_prefix) && (b->working || b->queued || timer_is_running(b->retry)))
                        return true;
        }
        return false;
}

struct containers *containers_new(const struct containers_config *cfg) {
        struct containers *c = dr_xnew(struct containers);
        c->cfg = *cfg;
        c->relist = timer_new(cfg->loop, on_relist, c);
        return c;
}

struct containers *containers_free(struct containers *c) {
        if (!c)
                return NULL;
        if (c->listing)
                docker_call_cancel(c->listing);
        loop_defer_cancel(c->cfg.loop, pump_now, c);
        timer_free(c->relist);
        smap_foreach(&c->boxes, slot)
                box_free(slot->value);
        smap_done(&c->boxes);
        vec_done(&c->queue);
        free(c);
        return NULL;
}
