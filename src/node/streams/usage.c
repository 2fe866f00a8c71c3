#include "usage.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/times.h"

enum { FILE_BYTES_MAX = 64 * 1024, PATH_BYTES_MAX = 4096, SECTOR_BYTES = 512 };

static const char *const net_keys[8] = { "rx_bytes", "rx_packets", "rx_errors", "rx_dropped", "tx_bytes", "tx_packets", "tx_errors", "tx_dropped" };

static char scratch[FILE_BYTES_MAX + 1];

/* A small kernel file as text in the scratch buffer; NULL: not there. */
static char *read_text(const char *path) {
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return NULL;
        size_t len = 0;
        for (ssize_t n; len < FILE_BYTES_MAX && (n = read(fd, scratch + len, FILE_BYTES_MAX - len)) > 0; )
                len += (size_t) n;
        scratch[len] = 0;
        return scratch;
}

static char *read_in(const char *folder, const char *name) {
        char path[PATH_BYTES_MAX];
        if ((size_t) snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
                return NULL;
        return read_text(path);
}

static char *next_line(char **at) {
        char *line = *at;
        if (!line || !*line)
                return NULL;
        char *end = strchr(line, '\n');
        *at = end ? end + 1 : line + strlen(line);
        if (end)
                *end = 0;
        return line;
}

/* Decimal digits behind blanks; *at goes behind them. False: none. */
static bool take_u64(char **at, uint64_t *ret) {
        char *p = *at + strspn(*at, " \t");
        uint64_t v = 0;
        if (*p < '0' || *p > '9')
                return false;
        for (; *p >= '0' && *p <= '9'; p++)
                v = v * 10 + (uint64_t) (*p - '0');     /* the kernel's own numbers; wraps on nonsense */
        *at = p;
        *ret = v;
        return true;
}

static uint64_t number_in(const char *folder, const char *name) {
        char *text = read_in(folder, name);
        uint64_t v = 0;
        if (text)
                (void) take_u64(&text, &v);
        return v;
}

/* The value behind "KEY " at the beginning of a line. */
static uint64_t value_of(const char *text, const char *key) {
        size_t n = strlen(key);
        for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
                if (strncmp(p, key, n) == 0 && (p[n] == ' ' || p[n] == ':' || p[n] == '\t')) {
                        char *at = (char *) p + n + 1;
                        uint64_t v = 0;
                        (void) take_u64(&at, &v);
                        return v;
                }
        return 0;
}

static uint64_t tick_ns(void) {
        static uint64_t ns;
        if (!ns) {
                long hz = sysconf(_SC_CLK_TCK);
                ns = 1000000000u / (uint64_t) (hz > 0 ? hz : 100);
        }
        return ns;
}

static void add_io(struct usage *u, unsigned major, unsigned minor, const char *op, size_t op_len, uint64_t bytes) {
        if (u->n_io == USAGE_IO_MAX)
                return;
        struct usage_io *io = &u->io[u->n_io++];
        *io = (struct usage_io) { .major = major, .minor = minor, .bytes = bytes };
        snprintf(io->op, sizeof io->op, "%.*s", (int) op_len, op);
}

/* Network ---------------------------------------------------------------------------------------------------------- */

static void read_net(const char *path, struct usage *u) {
        static const unsigned columns[8] = { 0, 1, 2, 3, 8, 9, 10, 11 };
        char *at = read_text(path), *line;
        while ((line = next_line(&at)) && u->n_nets < USAGE_NETS_MAX) {
                char *colon = strchr(line, ':');
                if (!colon)
                        continue;                       /* the two lines of headings */
                *colon++ = 0;
                const char *name = line + strspn(line, " ");
                uint64_t v[12] = { 0 };
                unsigned n = 0;
                while (n < ARRAY_LEN(v) && take_u64(&colon, &v[n]))
                        n++;
                if (str_eq(name, "lo") || n < ARRAY_LEN(v))
                        continue;
                struct usage_net *net = &u->nets[u->n_nets++];
                snprintf(net->name, sizeof net->name, "%s", name);
                for (unsigned i = 0; i < 8; i++)
                        net->n[i] = v[columns[i]];
        }
}

/* Containers ------------------------------------------------------------------------------------------------------- */

static bool has_word(const char *list, const char *word) {
        size_t n = strlen(word);
        for (const char *p = list; ; p++) {
                if (strncmp(p, word, n) == 0 && (p[n] == ',' || !p[n]))
                        return true;
                p = strchr(p, ',');
                if (!p)
                        return false;
        }
}

/* ROOT/NAME with the cgroup below it. What is mounted may be a part of the tree that paths begin at: then their first names are left out. */
static bool place(const char *root, const char *name, const char *path, int len, char *ret, size_t n) {
        for (;;) {
                snprintf(ret, n, "%s%s%s%.*s", root, *name ? "/" : "", name, len, path);
                if (access(ret, F_OK) == 0)
                        return true;
                const char *next = len > 1 ? memchr(path + 1, '/', (size_t) len - 1) : NULL;
                if (!next)
                        return false;
                len -= (int) (next - path);
                path = next;
        }
}

/* Folder of a controller's cgroup; "" when there is none. membership: text of /proc/PID/cgroup, unchanged. */
static void folder_of(const char *root, const char *membership, const char *controller, char *ret, size_t n) {
        *ret = 0;
        for (const char *line = membership; line && *line; ) {
                const char *end = strchrnul(line, '\n'), *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
                if (path && path < end) {
                        char list[128];
                        snprintf(list, sizeof list, "%.*s", (int) (path - names - 1), names + 1);
                        int len = (int) (end - path - 1);
                        if (*controller ? has_word(list, controller) : !*list) {
                                if (!place(root, list, path + 1, len, ret, n) && !place(root, controller, path + 1, len, ret, n))
                                        *ret = 0;
                                return;
                        }
                }
                line = *end ? end + 1 : NULL;
        }
}

static void read_io_v1(char *at, struct usage *u) {
        for (char *line; (line = next_line(&at)); ) {
                uint64_t major, minor, bytes;
                char *p = line;
                if (!take_u64(&p, &major) || *p++ != ':' || !take_u64(&p, &minor) || *p++ != ' ')
                        continue;                       /* the sum over all devices */
                size_t len = strcspn(p, " ");
                char *value = p + len;
                if (take_u64(&value, &bytes))
                        add_io(u, (unsigned) major, (unsigned) minor, p, len, bytes);
        }
}

static void read_io_v2(char *at, struct usage *u) {
        static const struct { const char *key, *op; } ops[] = { { " rbytes=", "Read" }, { " wbytes=", "Write" }, { " dbytes=", "Discard" } };
        for (char *line; (line = next_line(&at)); ) {
                uint64_t major, minor, bytes;
                char *p = line;
                if (!take_u64(&p, &major) || *p++ != ':' || !take_u64(&p, &minor))
                        continue;
                for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
                        char *value = strstr(p, ops[i].key);
                        if (!value)
                                continue;
                        value += strlen(ops[i].key);
                        if (take_u64(&value, &bytes))
                                add_io(u, (unsigned) major, (unsigned) minor, ops[i].op, strlen(ops[i].op), bytes);
                }
        }
}

static bool read_v1(const char *root, const char *membership, struct usage *u) {
        char cpu[PATH_BYTES_MAX], memory[PATH_BYTES_MAX], blkio[PATH_BYTES_MAX];
        folder_of(root, membership, "cpuacct", cpu, sizeof cpu);
        folder_of(root, membership, "memory", memory, sizeof memory);
        folder_of(root, membership, "blkio", blkio, sizeof blkio);
        char *text = *cpu ? read_in(cpu, "cpuacct.usage") : NULL;
        if (!text)
                return false;
        (void) take_u64(&text, &u->cpu_ns);
        text = read_in(cpu, "cpuacct.usage_percpu");
        while (text && u->n_cpus < USAGE_CPUS_MAX && take_u64(&text, &u->per_cpu_ns[u->n_cpus]))
                u->n_cpus++;
        text = read_in(cpu, "cpuacct.stat");
        if (text) {
                u->user_ns = value_of(text, "user") * tick_ns();
                u->system_ns = value_of(text, "system") * tick_ns();
        }
        u->memory_bytes = number_in(memory, "memory.usage_in_bytes");
        text = read_in(blkio, "blkio.throttle.io_service_bytes_recursive");
        if (!text)
                text = read_in(blkio, "blkio.throttle.io_service_bytes");
        read_io_v1(text, u);
        return true;
}

static bool read_v2(const char *root, const char *membership, struct usage *u) {
        char folder[PATH_BYTES_MAX];
        folder_of(root, membership, "", folder, sizeof folder);
        char *text = *folder ? read_in(folder, "cpu.stat") : NULL;
        if (!text)
                return false;
        u->cpu_ns = value_of(text, "usage_usec") * 1000;
        u->user_ns = value_of(text, "user_usec") * 1000;
        u->system_ns = value_of(text, "system_usec") * 1000;
        u->memory_bytes = number_in(folder, "memory.current");
        read_io_v2(read_in(folder, "io.stat"), u);
        return true;
}

int usage_read_container(const char *proc, const char *cgroup, int pid, struct usage *ret) {
        char path[PATH_BYTES_MAX];
        *ret = (struct usage) { 0 };
        snprintf(path, sizeof path, "%s/%d/cgroup", proc, pid);
        const char *text = read_text(path);
        if (!text)
                return -ESRCH;
        auto_free char *membership = dr_xstrdup(text);
        if (!read_v1(cgroup, membership, ret) && !read_v2(cgroup, membership, ret))
                return -ESRCH;
        snprintf(path, sizeof path, "%s/%d/net/dev", proc, pid);
        read_net(path, ret);
        return 0;
}

/* Host ------------------------------------------------------------------------------------------------------------- */

uint64_t usage_host_memory(const char *proc) {
        const char *text = read_in(proc, "meminfo");
        return text ? value_of(text, "MemTotal") * 1024 : 0;
}

static void read_stat(char *at, struct usage *u) {
        enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, TIMES };         /* guest times are in user */
        for (char *line; (line = next_line(&at)) && str_starts(line, "cpu"); ) {
                uint64_t v[TIMES] = { 0 };
                char *p = line + strcspn(line, " ");
                bool sum = p == line + 3;
                for (unsigned i = 0; i < TIMES && take_u64(&p, &v[i]); )
                        i++;
                uint64_t user = (v[USER] + v[NICE]) * tick_ns(), system = v[SYSTEM] * tick_ns();
                if (sum) {
                        u->user_ns = user;
                        u->system_ns = system;
                        u->cpu_ns = user + system + (v[IRQ] + v[SOFTIRQ] + v[STEAL]) * tick_ns();
                } else if (u->n_cpus < USAGE_CPUS_MAX) {
                        u->per_cpu_ns[u->n_cpus++] = user + system;
                }
        }
}

static bool one_of(const char *name, const char *const *prefixes, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (str_starts(name, prefixes[i]))
                        return true;
        return false;
}

/* Whole disks only: what is on a partition, loop device or volume is counted on its disk. */
static void read_disks(char *at, struct usage *u) {
        static const char *const layers[] = { "loop", "ram", "dm-", "md", "zram", "drbd", "nbd" };
        char disk[64] = "";
        uint64_t sectors_read = 0, sectors_written = 0;
        for (char *line; (line = next_line(&at)); ) {
                uint64_t skip, v[7] = { 0 };
                char *p = line, name[64];
                if (!take_u64(&p, &skip) || !take_u64(&p, &skip))
                        continue;
                p += strspn(p, " ");
                size_t n = strcspn(p, " "), m = strlen(disk);
                snprintf(name, sizeof name, "%.*s", (int) n, p);
                p += n;
                for (unsigned i = 0; i < ARRAY_LEN(v) && take_u64(&p, &v[i]); )
                        i++;
                if (one_of(name, layers, ARRAY_LEN(layers)))
                        continue;
                if (m && str_starts(name, disk) && strspn(name + m, "p0123456789") == strlen(name + m) && name[m])
                        continue;
                snprintf(disk, sizeof disk, "%s", name);
                sectors_read += v[2];
                sectors_written += v[6];
        }
        add_io(u, 0, 0, "Read", 4, sectors_read * SECTOR_BYTES);
        add_io(u, 0, 0, "Write", 5, sectors_written * SECTOR_BYTES);
}

/* The sum over the interfaces that lead out: what containers send passes bridges and their ends of veth pairs too. */
static void sum_nets(struct usage *u) {
        static const char *const inner[] = { "veth", "docker", "br-", "cni", "virbr", "vtep", "vxlan", "flannel", "dummy", "ifb", "tap", "tun", "vnet" };
        struct usage_net all = { .name = "all" };
        for (size_t i = 0; i < u->n_nets; i++)
                for (unsigned k = 0; k < 8 && !one_of(u->nets[i].name, inner, ARRAY_LEN(inner)); k++)
                        all.n[k] += u->nets[i].n[k];
        u->nets[0] = all;
        u->n_nets = 1;
}

void usage_read_host(const char *proc, struct usage *ret) {
        char path[PATH_BYTES_MAX];
        *ret = (struct usage) { 0 };
        read_stat(read_in(proc, "stat"), ret);
        const char *text = read_in(proc, "meminfo");
        if (text) {
                uint64_t total = value_of(text, "MemTotal"), free_kb = value_of(text, "MemAvailable");
                if (!free_kb)
                        free_kb = value_of(text, "MemFree") + value_of(text, "Buffers") + value_of(text, "Cached");
                ret->memory_bytes = (total - MIN(free_kb, total)) * 1024;
        }
        read_disks(read_in(proc, "diskstats"), ret);
        snprintf(path, sizeof path, "%s/net/dev", proc);
        read_net(path, ret);
        sum_nets(ret);
}

/* JSON ------------------------------------------------------------------------------------------------------------- */

static void format_begin(const struct usage *u, const char *type, uint64_t mem_limit, int64_t wall_ms, struct sbuf *out) {
        char when[40];
        time_format_iso_ms(wall_ms, when, sizeof when);
        sbuf_printf(out, "\"resourceType\":\"%s\",\"memLimit\":%" PRIu64 ",\"timestamp\":\"%s\",\"cpu\":{\"usage\":{\"total\":%" PRIu64, type, mem_limit, when, u->cpu_ns);
        for (size_t i = 0; i < u->n_cpus; i++)
                sbuf_printf(out, "%s%" PRIu64, i ? "," : ",\"per_cpu_usage\":[", u->per_cpu_ns[i]);
        sbuf_printf(out, "%s,\"user\":%" PRIu64 ",\"system\":%" PRIu64 "}},\"diskio\":{", u->n_cpus ? "]" : "", u->user_ns, u->system_ns);
}

static void format_net(const struct usage_net *net, struct sbuf *out) {
        sbuf_puts(out, "\"name\":");
        sbuf_json_string(out, net->name, strlen(net->name));
        for (unsigned i = 0; i < 8; i++)
                sbuf_printf(out, ",\"%s\":%" PRIu64, net_keys[i], net->n[i]);
}

void usage_format_container(const struct usage *u, uint64_t mem_limit, int64_t wall_ms, struct sbuf *out) {
        static const struct usage_net none;             /* a container has its interfaces only: clients would count twice */
        format_begin(u, "container", mem_limit, wall_ms, out);
        for (size_t i = 0; i < u->n_io; i++) {
                const struct usage_io *io = &u->io[i];
                sbuf_printf(out, "%s{\"major\":%u,\"minor\":%u,\"stats\":{\"%s\":%" PRIu64 "}}", i ? "," : "\"io_service_bytes\":[", io->major, io->minor, io->op, io->bytes);
        }
        sbuf_puts(out, u->n_io ? "]},\"network\":{" : "},\"network\":{");
        format_net(&none, out);
        for (size_t i = 0; i < u->n_nets; i++) {
                sbuf_puts(out, i ? ",{" : ",\"interfaces\":[{");
                format_net(&u->nets[i], out);
                sbuf_putc(out, '}');
        }
        sbuf_printf(out, "%s},\"memory\":{\"usage\":%" PRIu64 "}", u->n_nets ? "]" : "", u->memory_bytes);
}

void usage_format_host(const struct usage *u, uint64_t mem_limit, int64_t wall_ms, struct sbuf *out) {
        format_begin(u, "host", mem_limit, wall_ms, out);
        sbuf_puts(out, "\"io_service_bytes\":[{\"major\":0,\"minor\":0,\"stats\":{");
        for (size_t i = 0; i < u->n_io; i++)
                sbuf_printf(out, "%s\"%s\":%" PRIu64, i ? "," : "", u->io[i].op, u->io[i].bytes);
        sbuf_puts(out, "}}]},\"network\":{");
        format_net(&u->nets[0], out);
        sbuf_printf(out, "},\"memory\":{\"usage\":%" PRIu64 "}", u->memory_bytes);
}
