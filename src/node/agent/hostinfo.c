#include "hostinfo.h"

#include "base/file.h"
#include "base/parse.h"
#include "base/log.h"
#include "net/http.h"
#include "net/rsa.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

enum { PROC_BYTES_MAX = 4 << 20, MOUNTS_MAX = 64, CPUS_MAX = 4096, KEY_BYTES_MAX = 8192 };

void hostinfo_done(struct hostinfo *h) {
        free(h->cpus);
        *h = (struct hostinfo) { 0 };
}

static char *proc_text(const struct hostinfo_input *in, const char *name) {
        auto_free char *path = dr_xasprintf("%s/%s", in->proc ? in->proc : "/proc", name);
        char *text = NULL;
        size_t len;
        return file_read(path, PROC_BYTES_MAX, &text, &len, NULL) == 0 ? text : dr_xstrdup("");
}

/* "MemTotal:  123 kB" in MiB; 0 when absent. */
static int64_t meminfo_mib(const char *text, const char *key) {
        size_t n = strlen(key);
        for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
                if (strncmp(p, key, n) == 0 && p[n] == ':') {
                        p += n + 1;
                        p += strspn(p, " \t");
                        auto_free char *digits = dr_xstrndup(p, strspn(p, "0123456789"));
                        uint64_t kb;
                        return parse_u64(digits, INT64_MAX, &kb) == 0 ? (int64_t) (kb / 1024) : 0;
                }
        return 0;
}

void hostinfo_two_part(const char *version, char *buf, size_t n) {
        size_t major = strspn(version, "0123456789"), minor = version[major] == '.' ? strspn(version + major + 1, "0123456789") : 0;
        snprintf(buf, n, "%.*s", major && minor ? (int) (major + 1 + minor) : 0, version);
}

static char *trimmed(const char *s, size_t len) {
        char *text = http_unescape(s, len, true);
        if (!text)
                return dr_xstrdup("");
        size_t from = strspn(text, " \t"), n = strlen(text);
        while (n > from && isspace((unsigned char) text[n - 1]))
                n--;
        memmove(text, text + from, n - from);
        text[n - from] = 0;
        return text;
}

json_object *hostinfo_labels_parse(const char *s) {
        json_object *labels = json_object_new_object();
        for (const char *p = s ? s : ""; *p;) {
                size_t n = strcspn(p, "&"), k = strcspn(p, "=&");
                auto_free char *key = trimmed(p, k), *value = k < n ? trimmed(p + k + 1, n - k - 1) : dr_xstrdup("");
                if (*key && !jv_get(labels, key))
                        json_object_object_add(labels, key, json_object_new_string(value));
                p += n + (p[n] == '&');
        }
        return labels;
}

/* info ------------------------------------------------------------------------------------------------------------ */

static void add_text(json_object *o, const char *key, const char *value) { json_object_object_add(o, key, json_object_new_string(value)); }
static void add_int(json_object *o, const char *key, int64_t value) { json_object_object_add(o, key, json_object_new_int64(value)); }

static json_object *memory_info(const char *meminfo) {
        static const struct { const char *key, *proc; } rows[] = {
                { "memTotal", "MemTotal" }, { "memFree", "MemFree" }, { "memAvailable", "MemAvailable" }, { "buffers", "Buffers" }, { "cached", "Cached" },
                { "active", "Active" }, { "inactive", "Inactive" }, { "swaptotal", "SwapTotal" }, { "swapfree", "SwapFree" },
        };
        json_object *o = json_object_new_object();
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                add_int(o, rows[i].key, meminfo_mib(meminfo, rows[i].proc));
        add_int(o, "swapCached", meminfo_mib(meminfo, "SwapTotal") - meminfo_mib(meminfo, "SwapFree"));        /* swap used (agent.md 7) */
        return o;
}

/* Percentages are of the time since the last call; 0 at the first. */
static json_object *cpu_percentages(struct hostinfo *h, const char *stat, size_t *ret_count) {
        json_object *list = json_object_new_array();
        size_t i = 0;
        for (const char *p = stat; (p = strstr(p, "\ncpu")) && i < CPUS_MAX; i++) {
                p += 4;
                uint64_t v[8] = { 0 };
                if (sscanf(p, "%*u %lu %lu %lu %lu %lu %lu %lu %lu", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]) < 4)
                        break;
                struct hostinfo_cpu now = { 0 };
                for (unsigned k = 0; k < 8; k++)
                        now.total += v[k];
                now.busy = now.total - v[3] - v[4];
                if (i >= h->n_cpus) {
                        h->cpus = dr_xrealloc(h->cpus, (i + 1) * sizeof *h->cpus);
                        h->cpus[i] = now;
                        h->n_cpus = i + 1;
                }
                uint64_t total = now.total - h->cpus[i].total, busy = now.busy - h->cpus[i].busy;
                h->cpus[i] = now;
                char text[32];
                double percent = total > 0 && total < UINT64_MAX / 2 && busy <= total ? (double) busy * 100 / (double) total : 0;
                snprintf(text, sizeof text, "%.2f", percent);
                json_object_array_add(list, json_object_new_double_s(percent, text));
        }
        *ret_count = i;
        return list;
}

static json_object *cpu_info(struct hostinfo *h, const struct hostinfo_input *in, size_t *ret_count) {
        auto_free char *stat = proc_text(in, "stat"), *cpuinfo = proc_text(in, "cpuinfo"), *loadavg = proc_text(in, "loadavg");
        json_object *o = json_object_new_object(), *percentages = cpu_percentages(h, stat, ret_count), *load = json_object_new_array();
        add_int(o, "count", (int64_t) *ret_count);
        const char *model = strstr(cpuinfo, "model name"), *mhz = strstr(cpuinfo, "cpu MHz");
        const char *colon = model ? strchr(model, ':') : NULL;
        const char *model_name = colon ? colon + 1 + strspn(colon + 1, " ") : "";
        auto_free char *name = dr_xstrndup(model_name, strcspn(model_name, "\n"));
        add_text(o, "modelName", name);
        colon = mhz ? strchr(mhz, ':') : NULL;
        double frequency = 0;
        if (colon) {
                auto_free char *text = dr_xstrndup(colon + 2, strcspn(colon + 2, "\n"));
                (void) parse_double(text, &frequency);  /* 0 when it is no number */
        }
        json_object_object_add(o, "mhz", json_object_new_double(frequency));
        json_object_object_add(o, "cpuCoresPercentages", percentages);
        const char *p = loadavg;
        for (unsigned i = 0; i < 3 && *p; i++) {
                size_t n = strcspn(p, " \n");
                json_object_array_add(load, json_object_new_string_len(p, (int) n));
                p += n + (p[n] == ' ');
        }
        json_object_object_add(o, "loadAvg", load);
        return o;
}

/* Real devices only, each once; statvfs() on those does not hang as on network file systems. */
static json_object *disk_info(const struct hostinfo_input *in) {
        json_object *o = json_object_new_object(), *systems = json_object_new_object(), *points = json_object_new_object();
        auto_free char *mounts = proc_text(in, "mounts");
        unsigned n = 0;
        char *save = NULL;
        for (char *line = strtok_r(mounts, "\n", &save); line && n < MOUNTS_MAX; line = strtok_r(NULL, "\n", &save)) {
                char device[256], point[1024];
                struct statvfs v;
                if (sscanf(line, "%255s %1023s", device, point) != 2 || !str_starts(device, "/dev/") || str_starts(device, "/dev/loop")
                    || jv_get(points, device) || statvfs(point, &v) < 0 || v.f_blocks == 0)
                        continue;
                uint64_t unit = v.f_frsize ? v.f_frsize : v.f_bsize, mib = 1 << 20;
                uint64_t total = v.f_blocks * unit / mib, unused = v.f_bfree * unit / mib;
                json_object *system = json_object_new_object(), *p = json_object_new_object();
                add_int(system, "capacity", (int64_t) total);
                json_object_object_add(systems, device, system);
                add_int(p, "free", (int64_t) unused);
                add_int(p, "total", (int64_t) total);
                add_int(p, "used", (int64_t) (total - unused));
                char text[32];
                snprintf(text, sizeof text, "%.2f", total ? (double) (total - unused) * 100 / (double) total : 0);
                json_object_object_add(p, "percentage", json_object_new_double_s(total ? (double) (total - unused) * 100 / (double) total : 0, text));
                json_object_object_add(points, device, p);
                n++;
        }
        json_object_object_add(o, "fileSystems", systems);
        json_object_object_add(o, "mountPoints", points);
        add_text(o, "dockerStorageDriver", jv_str(in->engine_info, "Driver"));
        json_object *status = json_object_new_object(), *pairs = jv_arr(in->engine_info, "DriverStatus");
        for (size_t i = 0; i < jv_len(pairs); i++)
                if (*jv_text(jv_at(jv_at(pairs, i), 0)))
                        add_text(status, jv_text(jv_at(jv_at(pairs, i), 0)), jv_text(jv_at(jv_at(pairs, i), 1)));
        json_object_object_add(o, "dockerStorageDriverStatus", status);
        return o;
}

static json_object *os_info(const struct hostinfo_input *in, const char *kernel) {
        json_object *o = json_object_new_object();
        auto_free char *version = dr_xasprintf("Docker version %s, build %s", in->engine_version, in->engine_build);
        char two[32];
        hostinfo_two_part(kernel, two, sizeof two);
        size_t n = strspn(kernel, "0123456789.");
        auto_free char *numbers = dr_xstrndup(kernel, n);
        add_text(o, "dockerVersion", *in->engine_version ? version : "");
        add_text(o, "kernelVersion", numbers);
        add_text(o, "operatingSystem", jv_str(in->engine_info, "OperatingSystem"));
        return o;
}

static int64_t override_or(const char *text, int64_t measured) {
        uint64_t n;
        return text && parse_u64(text, INT64_MAX, &n) == 0 ? (int64_t) n : measured;
}

static void add_object(struct sbuf *out, const char *key, json_object *o) {
        sbuf_printf(out, "\"%s\":%s,", key, jv_print(o));
        json_object_put(o);
}

void hostinfo_format(struct hostinfo *h, const struct hostinfo_input *in, struct sbuf *out) {
        struct utsname uts = { 0 };
        (void) uname(&uts);
        char two[32];
        json_object *labels = json_object_new_object(), *create = hostinfo_labels_parse(in->host_labels), *info = json_object_new_object();
        hostinfo_two_part(in->engine_version, two, sizeof two);
        if (*two)
                add_text(labels, "io.rancher.host.docker_version", two);
        hostinfo_two_part(uts.release, two, sizeof two);
        add_text(labels, "io.rancher.host.linux_kernel_version", two);
        add_text(labels, "io.rancher.host.os", "linux");
        if (access("/dev/kvm", F_OK) == 0)
                add_text(labels, "io.rancher.host.kvm", "true");
        if (in->agent_image && *in->agent_image)
                add_text(labels, "io.rancher.host.agent_image", in->agent_image);
        if (in->scheduler_ips && *in->scheduler_ips)
                add_text(create, "io.rancher.scheduler.ips", in->scheduler_ips);
        if (in->scheduler_require_any && *in->scheduler_require_any)
                add_text(create, "io.rancher.scheduler.require_any", in->scheduler_require_any);
        size_t cpus = 0;
        auto_free char *meminfo = proc_text(in, "meminfo");
        json_object_object_add(info, "cpuInfo", cpu_info(h, in, &cpus));
        json_object_object_add(info, "memoryInfo", memory_info(meminfo));
        json_object_object_add(info, "osInfo", os_info(in, uts.release));
        json_object_object_add(info, "diskInfo", disk_info(in));
        json_object_object_add(info, "iopsInfo", json_object_new_object());
        json_object_object_add(info, "cloudProvider", NULL);
        json_object *key = json_object_new_object(), *agent = json_object_new_object();
        add_text(key, "data", str_or(in->host_key, ""));
        json_object_object_add(info, "hostKey", key);
        add_text(agent, "version", DROVER_VERSION);
        add_text(agent, "sha256", str_or(in->node_sha256, ""));
        if (in->upgrade_error && *in->upgrade_error)
                add_text(agent, "upgradeError", in->upgrade_error);
        json_object_object_add(info, "agentInfo", agent);       /* not upstream's: which program runs, and why not the server's */
        const char *root = jv_str(in->engine_info, "DockerRootDir");
        struct statvfs v = { 0 };
        int64_t storage_mb = statvfs(*root ? root : "/", &v) == 0 ? (int64_t) (v.f_bavail * (v.f_frsize ? v.f_frsize : v.f_bsize) >> 20) : 0;
        add_object(out, "labels", labels);
        add_object(out, "createLabels", create);
        add_object(out, "info", info);
        sbuf_printf(out, "\"memory\":%lld,\"milliCpu\":%lld,\"localStorageMb\":%lld",
                    (long long) override_or(in->memory_override, meminfo_mib(meminfo, "MemTotal") << 20),
                    (long long) override_or(in->milli_cpu_override, (int64_t) cpus * 1000), (long long) override_or(in->local_storage_mb_override, storage_mb));
}

/* Names and addresses --------------------------------------------------------------------------------------------- */

char **hostinfo_search_domains(const char *text) {
        const char *line = NULL;
        for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
                p += strspn(p, " \t");
                if ((str_starts(p, "search") && isblank((unsigned char) p[6])) || (str_starts(p, "domain") && isblank((unsigned char) p[6])))
                        line = p + 6;                   /* the last one counts */
        }
        size_t len = line ? strcspn(line, "\n#;") : 0;
        size_t max = len / 2 + 2;
        char **list = dr_xmalloc(max * sizeof *list + len + 1);
        char *copy = (char *) (list + max), *save = NULL;
        if (len)
                memcpy(copy, line, len);
        copy[len] = 0;
        size_t n = 0;
        for (char *word = strtok_r(copy, " \t\r", &save); word; word = strtok_r(NULL, " \t\r", &save))
                list[n++] = word;
        list[n] = NULL;
        return list;
}

char *hostinfo_hostname(void) {
        char name[256] = "";
        if (gethostname(name, sizeof name - 1) < 0 || !*name)
                return dr_xstrdup("localhost");
        struct addrinfo hints = { .ai_flags = AI_CANONNAME, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *found = NULL;
        char *full = NULL;
        if (!strchr(name, '.') && getaddrinfo(name, NULL, &hints, &found) == 0 && found->ai_canonname) {
                size_t n = strlen(name);
                if (strncmp(found->ai_canonname, name, n) == 0 && found->ai_canonname[n] == '.')
                        full = dr_xstrdup(found->ai_canonname);
        }
        if (found)
                freeaddrinfo(found);
        return full ? full : dr_xstrdup(name);
}

char *hostinfo_host_key(const char *dir) {
        auto_free char *path = dr_xasprintf("%s/.host_key", dir), *text = NULL;
        AUTO(rsa_key_free) struct rsa_key *key = NULL;
        struct dr_error err;
        size_t len;
        if (file_read(path, KEY_BYTES_MAX, &text, &len, NULL) < 0 || rsa_key_read(text, &key, &err) < 0) {
                if (rsa_key_make(&key, &err) < 0)
                        return NULL;
                auto_free char *private = rsa_key_private_pem(key);
                if (file_replace(path, private, strlen(private), 0600, &err) < 0)
                        log_warning("the host's key could not be written", "reason", err.message, NULL);
                explicit_bzero(private, strlen(private));
        }
        if (text)
                explicit_bzero(text, strlen(text));
        auto_free char *pem = rsa_key_public_pem(key);
        auto_sbuf struct sbuf out = SBUF(KEY_BYTES_MAX);
        for (const char *p = pem, *at; p && *p; p = at ? at + strlen("PUBLIC KEY") : NULL) {
                at = strstr(p, "PUBLIC KEY");
                sbuf_add(&out, p, at ? (size_t) (at - p) : strlen(p));
                if (at)
                        sbuf_puts(&out, "RSA PUBLIC KEY");
        }
        return sbuf_steal(&out);
}

static bool is_loopback(const struct sockaddr *a) {
        if (a->sa_family == AF_INET)
                return ntohl(((const struct sockaddr_in *) a)->sin_addr.s_addr) >> 24 == 127;
        return a->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *) a)->sin6_addr);
}

static char *first_interface_address(void) {
        struct ifaddrs *list = NULL;
        char *best = NULL;
        if (getifaddrs(&list) < 0)
                return NULL;
        for (struct ifaddrs *i = list; i && !best; i = i->ifa_next) {
                char text[INET_ADDRSTRLEN];
                if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || is_loopback(i->ifa_addr) || !(i->ifa_flags & IFF_UP)
                    || str_starts(i->ifa_name, "docker") || str_starts(i->ifa_name, "br-") || str_starts(i->ifa_name, "cni"))
                        continue;
                if (inet_ntop(AF_INET, &((struct sockaddr_in *) i->ifa_addr)->sin_addr, text, sizeof text))
                        best = dr_xstrdup(text);
        }
        freeifaddrs(list);
        return best;
}

char *hostinfo_address(const char *server, unsigned port) {
        char service[8];
        snprintf(service, sizeof service, "%u", port ? port : 80);
        struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM }, *found = NULL;
        char *address = NULL;
        if (getaddrinfo(server, service, &hints, &found) != 0)
                found = NULL;
        for (struct addrinfo *a = found; a && !address; a = a->ai_next) {
                auto_close int fd = socket(a->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
                struct sockaddr_storage own = { 0 };
                socklen_t len = sizeof own;
                char text[INET6_ADDRSTRLEN];
                if (fd < 0 || connect(fd, a->ai_addr, a->ai_addrlen) < 0 || getsockname(fd, (struct sockaddr *) &own, &len) < 0
                    || is_loopback((struct sockaddr *) &own))
                        continue;
                const void *raw = own.ss_family == AF_INET ? (const void *) &((struct sockaddr_in *) &own)->sin_addr
                                                           : (const void *) &((struct sockaddr_in6 *) &own)->sin6_addr;
                if (inet_ntop(own.ss_family, raw, text, sizeof text))
                        address = dr_xstrdup(text);
        }
        if (found)
                freeaddrinfo(found);
        if (!address)
                address = first_interface_address();
        return address ? address : dr_xstrdup("");
}
