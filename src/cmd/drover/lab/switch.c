#include "switch.h"

#include "base/parse.h"
#include "base/sbuf.h"
#include "cgroup.h"
#include "keeper.h"
#include "prog.h"
#include "self.h"
#include "unixsock.h"

#include <fcntl.h>
#include <netdb.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>

enum { CUTS_BYTES_MAX = 65536, STOP_MS = 5000 };

pid_t switch_pid(const struct lab *l) {
        auto_free char *path = lab_path(l, "switch.pid");
        return lab_pid_read(path);
}

int switch_netns(const struct lab *l, int *ret_fd, struct dr_error *err) {
        pid_t pid = switch_pid(l);
        if (!pid)
                return dr_fail(err, DR_E_UNAVAILABLE, NULL, "lab \"%s\" is down; start it with \"drover lab up\"", l->name);
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
        *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
        if (*ret_fd < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not open the switch's network namespace: %m");
        return 0;
}

/* In the child that becomes the keeper. */
static int enter(const struct lab *l, const struct cgroup_tree *tree, int *ret_outer, struct dr_error *err) {
        auto_free char *group = lab_cgroup(l, "switch");
        int r = cgroup_enter(tree, group, err);
        if (r < 0)
                return r;
        *ret_outer = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        if (*ret_outer < 0 || unshare(CLONE_NEWNET) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not make a network namespace: %m");
        return 0;
}

int switch_start(const struct lab *l, struct dr_error *err) {
        if (switch_pid(l))
                return 0;
        AUTO(cgroup_free) struct cgroup_tree *tree = NULL;
        auto_free char *group = lab_cgroup(l, "switch");
        auto_free char *address = lab_switch_address(l);
        auto_free char *log = lab_path(l, "log/switch.log");
        auto_free char *pid_path = lab_path(l, "switch.pid");
        int r = cgroup_open(false, &tree, err);
        r = r < 0 ? r : cgroup_make(tree, group, err);
        if (r < 0)
                return r;
        int status[2];
        if (pipe2(status, O_CLOEXEC) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not make a pipe: %m");
        pid_t pid = fork();
        if (pid == 0) {
                struct dr_error child_err = { 0 };
                int outer = -1;
                if (enter(l, tree, &outer, &child_err) < 0)
                        dprintf(status[1], "error %s\n", child_err.message);
                else
                        self_daemon(PROG("lab", "pauseinit", l->dir, address, "3", "4"), log, (int[]) { outer, status[1] }, 2, pid_path, status[1]);
                _exit(1);
        }
        close(status[1]);
        if (pid < 0)
                r = dr_fail(err, DR_E_INTERNAL, NULL, "could not start a process: %m");
        else
                r = self_wait_status(status[0], pid, err);
        close(status[0]);
        return r < 0 ? dr_prefix(err, r, "could not start the lab's switch") : 0;
}

int switch_stop(const struct lab *l, struct dr_error *err) {
        auto_free char *pid_path = lab_path(l, "switch.pid");
        auto_free char *sock = lab_path(l, "switch.sock");
        auto_free char *cuts = lab_path(l, "cuts");
        pid_t pid = switch_pid(l);
        if (pid && lab_pid_kill(pid, SIGTERM, STOP_MS, NULL) < 0) {
                int r = lab_pid_kill(pid, SIGKILL, STOP_MS, err);
                if (r < 0)
                        return r;
        }
        (void) unlink(pid_path);        /* each may be absent */
        (void) unlink(sock);
        (void) unlink(cuts);
        return 0;
}

static char *cuts_read(const struct lab *l) {
        auto_free char *path = lab_path(l, "cuts");
        char *text = lab_file_read(path, CUTS_BYTES_MAX);
        return text ? text : dr_xstrdup("");
}

/* Lines are "host1 *", "host1 host2" or "host1 server". */
static bool cuts_have(const char *cuts, const char *host, const char *peer) {
        auto_free char *line = dr_xasprintf("%s %s\n", host, peer);
        size_t n = strlen(line);
        for (const char *s = cuts; s && *s; s = strchr(s, '\n') ? strchr(s, '\n') + 1 : NULL)
                if (strncmp(s, line, n) == 0)
                        return true;
        return false;
}

bool switch_is_cut(const struct lab *l, const struct lab_host *h) {
        auto_free char *cuts = cuts_read(l);
        return cuts_have(cuts, h->name, "*");
}

int switch_port_up(const struct lab *l, const struct lab_host *h, struct dr_error *err) {
        auto_close int ns = -1;
        int r = switch_netns(l, &ns, err);
        if (r < 0)
                return r;
        bool cut = switch_is_cut(l, h);
        auto_free char *input = dr_xasprintf("link set %s %s\nlink set %s up\n", h->name, cut ? "master off0" : "master br0", h->name);
        return prog_run(&(struct prog) { .argv = PROG("ip", "-batch", "-"), .netns_fd = ns, .input = input }, err);
}

void switch_port_remove(const struct lab *l, const struct lab_host *h) {
        auto_close int ns = -1;
        if (switch_netns(l, &ns, NULL) < 0)
                return;
        /* Usually gone or going with the host's namespace: failure is normal. */
        (void) prog_status(&(struct prog) { .argv = PROG("ip", "link", "del", h->name), .netns_fd = ns }, NULL);
}

/* All pair cuts as one nft transaction; the first line makes the second one valid. */
static int apply_pairs(const struct lab *l, int ns, const char *cuts, struct dr_error *err) {
        auto_sbuf struct sbuf fwd = SBUF(CUTS_BYTES_MAX), in = SBUF(CUTS_BYTES_MAX), out = SBUF(CUTS_BYTES_MAX), all = SBUF(4 * CUTS_BYTES_MAX);
        auto_free char *copy = dr_xstrdup(cuts);
        char *save = NULL;
        bool any = false;
        for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char a[16] = "", b[16] = "";
                if (sscanf(line, "%15s %15s", a, b) != 2 || str_eq(b, "*"))
                        continue;
                any = true;
                if (str_eq(b, "server")) {
                        sbuf_printf(&in, "iifname \"%s\" drop\n", a);
                        sbuf_printf(&out, "oifname \"%s\" drop\n", a);
                } else {
                        sbuf_printf(&fwd, "iifname \"%s\" oifname \"%s\" drop\niifname \"%s\" oifname \"%s\" drop\n", a, b, b, a);
                }
        }
        if (!any && !prog_exists("nft"))
                return 0;
        sbuf_puts(&all, "table bridge drover_cut\ndelete table bridge drover_cut\n");
        if (any)
                sbuf_printf(&all, "table bridge drover_cut {\nchain f { type filter hook forward priority 0;\n%s}\n"
                            "chain i { type filter hook input priority 0;\n%s}\nchain o { type filter hook output priority 0;\n%s}\n}\n",
                            sbuf_str(&fwd), sbuf_str(&in), sbuf_str(&out));
        int r = prog_run(&(struct prog) { .argv = PROG("nft", "-f", "-"), .netns_fd = ns, .input = sbuf_str(&all) }, err);
        return r < 0 ? dr_prefix(err, r, "could not cut single peers (needs the nft program and nftables' bridge family)") : 0;
}

static int cuts_write(const struct lab *l, const char *text, struct dr_error *err) {
        auto_free char *path = lab_path(l, "cuts");
        return lab_file_write(path, text, err);
}

int switch_cut(const struct lab *l, const struct lab_host *h, const char *peer, struct dr_error *err) {
        auto_close int ns = -1;
        int r = switch_netns(l, &ns, err);
        if (r < 0)
                return r;
        auto_free char *cuts = cuts_read(l);
        const char *target = peer ? peer : "*";
        if (cuts_have(cuts, h->name, target) || (peer && cuts_have(cuts, peer, h->name)))
                return 0;
        auto_free char *new = dr_xasprintf("%s%s %s\n", cuts, h->name, target);
        r = peer ? apply_pairs(l, ns, new, err) : cuts_write(l, new, err);
        if (r < 0)
                return r;
        return peer ? cuts_write(l, new, err) : switch_port_up(l, h, err);
}

int switch_heal(const struct lab *l, const struct lab_host *h, struct dr_error *err) {
        auto_close int ns = -1;
        int r = switch_netns(l, &ns, err);
        if (r < 0)
                return r;
        auto_free char *cuts = cuts_read(l);
        auto_sbuf struct sbuf keep = SBUF(CUTS_BYTES_MAX);
        bool whole[LAB_HOSTS_MAX + 1] = { false };
        char *save = NULL;
        for (char *line = strtok_r(cuts, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char a[16] = "", b[16] = "";
                if (sscanf(line, "%15s %15s", a, b) != 2)
                        continue;
                if (h && !str_eq(a, h->name) && !str_eq(b, h->name)) {
                        sbuf_printf(&keep, "%s\n", line);
                        continue;
                }
                struct lab_host cut;
                if (str_eq(b, "*") && lab_host_find(l, a, &cut, NULL) >= 0)
                        whole[cut.n] = true;
        }
        r = apply_pairs(l, ns, sbuf_str(&keep), err);
        r = r < 0 ? r : cuts_write(l, sbuf_str(&keep), err);
        for (size_t n = 1; n <= l->n_hosts && r >= 0; n++) {
                struct lab_host cut;
                lab_host_get(l, n, &cut);
                auto_free char *pid_path = lab_path(l, "hosts/%s/pid", cut.name);
                if (whole[n] && lab_pid_read(pid_path))
                        r = switch_port_up(l, &cut, err);
        }
        return r;
}

struct url { char scheme[8], host[256], port[8]; };

static int url_parse(const char *text, struct url *ret, struct dr_error *err) {
        bool https = str_starts(text, "https://");
        if (!https && !str_starts(text, "http://"))
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "URL \"%s\" does not begin with http:// or https://", text);
        const char *s = text + (https ? 8 : 7);
        auto_free char *authority = dr_xstrndup(s, strcspn(s, "/?#"));
        char *host = strrchr(authority, '@') ? strrchr(authority, '@') + 1 : authority;
        char *port = NULL;
        if (host[0] == '[') {
                char *end = strchr(++host, ']');
                if (end) {
                        port = end[1] == ':' ? end + 2 : NULL;
                        *end = '\0';
                }
        } else if ((port = strchr(host, ':'))) {
                *port++ = '\0';
        }
        uint64_t n = https ? 443 : 80;
        if (!*host || strlen(host) >= sizeof ret->host || (port && (parse_u64(port, 65535, &n) < 0 || n == 0)))
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "URL \"%s\" has no valid host and port", text);
        snprintf(ret->scheme, sizeof ret->scheme, "%s", https ? "https" : "http");
        snprintf(ret->host, sizeof ret->host, "%s", host);
        snprintf(ret->port, sizeof ret->port, "%u", (unsigned) n);
        return 0;
}

/* The address as numbers: the relay does no look-ups. */
static int resolve(const struct url *u, char *buf, size_t size, struct dr_error *err) {
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV }, *found = NULL;
        int r = getaddrinfo(u->host, u->port, &hints, &found);
        if (r == 0) {
                r = getnameinfo(found->ai_addr, found->ai_addrlen, buf, (socklen_t) size, NULL, 0, NI_NUMERICHOST);
                freeaddrinfo(found);
        }
        if (r != 0)
                return dr_fail(err, DR_E_INVALID_REFERENCE, NULL, "could not find the address of \"%s\": %s", u->host, gai_strerror(r));
        return 0;
}

int switch_relay(const struct lab *l, const char *url, char **ret, struct dr_error *err) {
        struct url u;
        char numeric[128], line[KEEPER_LINE_BYTES_MAX];
        int r = url_parse(url, &u, err);
        r = r < 0 ? r : resolve(&u, numeric, sizeof numeric, err);
        if (r < 0)
                return r;
        auto_close int fd = -1;
        r = unixsock_connect(l->dir, "switch.sock", &fd, err);
        if (r < 0)
                return r;
        dprintf(fd, "relay %s %s %s\n", u.port, numeric, u.port);
        unsigned port = 0;
        if (unixsock_read_line(fd, line, sizeof line) < 0)
                return dr_fail(err, DR_E_UNAVAILABLE, NULL, "the lab's switch does not answer");
        if (sscanf(line, "ok %u", &port) != 1)
                return dr_fail(err, DR_E_UNAVAILABLE, NULL, "no relay to \"%s\": %s", url, line);
        auto_free char *address = lab_switch_address(l);
        *ret = dr_xasprintf("%s://%s:%u", u.scheme, address, port);
        return 0;
}
