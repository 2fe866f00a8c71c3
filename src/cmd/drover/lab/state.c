#include "state.h"

#include "base/parse.h"
#include "base/rng.h"
#include "base/sbuf.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { CONF_BYTES_MAX = 16384, PROC_BYTES_MAX = 4096 };

char *lab_file_read(const char *path, size_t max) {
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return NULL;
        auto_sbuf struct sbuf b = SBUF(max);
        for (;;) {
                char buf[4096];
                ssize_t n = read(fd, buf, sizeof buf);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return NULL;
                if (n == 0)
                        return sbuf_steal(&b);
                sbuf_add(&b, buf, (size_t) n);
                if (!sbuf_ok(&b)) {
                        errno = EFBIG;
                        return NULL;
                }
        }
}

int lab_file_write(const char *path, const char *text, struct dr_error *err) {
        auto_free char *tmp = dr_xasprintf("%s.new", path);
        auto_close int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        size_t n = strlen(text);
        if (fd < 0 || write(fd, text, n) != (ssize_t) n || rename(tmp, path) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not write file \"%s\": %m", path);
        return 0;
}

int dir_make(const char *path, unsigned mode, struct dr_error *err) {
        auto_free char *p = dr_xstrdup(path);
        for (char *s = p + 1; ; s++) {
                if (*s && *s != '/')
                        continue;
                bool last = !*s;
                *s = '\0';
                if (mkdir(p, last ? mode : 0755) < 0 && errno != EEXIST)
                        return dr_fail(err, DR_E_INTERNAL, NULL, "could not make folder \"%s\": %m", p);
                if (last)
                        return 0;
                *s = '/';
        }
}

static int check_name(const char *name, struct dr_error *err) {
        size_t n = strlen(name);
        bool ok = n > 0 && n <= LAB_NAME_BYTES_MAX && isalnum((unsigned char) name[0]);
        for (const char *s = name; *s && ok; s++)
                ok = isalnum((unsigned char) *s) || *s == '-' || *s == '_';
        if (!ok)
                return dr_fail(err, DR_E_INVALID_FORMAT, "name", "lab name \"%s\" is not 1 to %d letters, digits, '-' or '_', a letter or digit first",
                               name, LAB_NAME_BYTES_MAX);
        return 0;
}

static char *default_dir(const char *name) {
        const char *base = getenv("DROVER_LAB_DIR");
        if (base && *base)
                return dr_xasprintf("%s/%s", base, name);
        const char *home = getenv("HOME");
        return dr_xasprintf("%s/.drover/lab/%s", home && *home ? home : "/root", name);
}

int lab_set_subnet(struct lab *l, const char *text, struct dr_error *err) {
        auto_free char *copy = dr_xstrdup(text);
        char *slash = strchr(copy, '/');
        struct in_addr a;
        if (slash)
                *slash = '\0';
        if (!slash || !str_eq(slash + 1, "24") || inet_pton(AF_INET, copy, &a) != 1 || (ntohl(a.s_addr) & 0xff))
                return dr_fail(err, DR_E_INVALID_FORMAT, "subnet", "subnet \"%s\" is not of the form A.B.C.0/24", text);
        memcpy(l->net, &a.s_addr, 3);
        return 0;
}

/* Labs never share a network; differing addresses only help the reader. "lab" is 172.28.0.0/24, others follow their names. */
static void default_subnet(struct lab *l) {
        unsigned sum = 0;
        for (const char *s = l->name; !str_eq(l->name, "lab") && *s; s++)
                sum = sum * 31 + (unsigned char) *s;
        l->net[0] = 172;
        l->net[1] = 28;
        l->net[2] = (unsigned char) sum;
}

static int read_conf(struct lab *l, const char *text, struct dr_error *err) {
        auto_free char *copy = dr_xstrdup(text);
        char *save = NULL;
        bool have_id = false;
        for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char *value = strchr(line, '=');
                if (!value)
                        return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "file \"%s/lab.conf\" is damaged at \"%.60s\"", l->dir, line);
                *value++ = '\0';
                uint64_t u = 0;
                int r = 0;
                if (str_eq(line, "id")) {
                        have_id = strlen(value) == LAB_ID_CHARS && strspn(value, "0123456789abcdef") == LAB_ID_CHARS;
                        if (have_id)
                                memcpy(l->id, value, sizeof l->id);
                } else if (str_eq(line, "subnet")) {
                        r = lab_set_subnet(l, value, err);
                } else if (str_eq(line, "hosts")) {
                        if (parse_u64(value, LAB_HOSTS_MAX, &u) < 0)
                                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "file \"%s/lab.conf\" has no valid number of hosts", l->dir);
                        l->n_hosts = u;
                } else if (str_eq(line, "cgroup2")) {
                        l->cgroup2 = str_eq(value, "1");
                } else if (str_eq(line, "server")) {
                        l->server = dr_xstrdup(value);
                } else if (str_eq(line, "mirror")) {
                        l->mirror = dr_xstrdup(value);
                }
                if (r < 0)
                        return r;
        }
        if (!have_id)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "file \"%s/lab.conf\" has no valid id; remove the folder to start anew", l->dir);
        return 0;
}

int lab_open(const char *name, const char *dir, struct lab **ret, struct dr_error *err) {
        name = name && *name ? name : "lab";
        int r = check_name(name, err);
        if (r < 0)
                return r;
        AUTO(lab_free) struct lab *l = dr_xnew(struct lab);
        l->name = dr_xstrdup(name);
        auto_free char *path = dir && *dir ? dr_xstrdup(dir) : default_dir(name);
        auto_free char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0);
        l->dir = cwd ? dr_xasprintf("%s/%s", cwd, path) : dr_take(path);
        for (const char *s = l->dir; *s; s++)
                if ((unsigned char) *s < ' ')
                        return dr_fail(err, DR_E_INVALID_CHARACTERS, NULL, "the path of the lab's folder has control characters");
        default_subnet(l);
        auto_free char *conf = lab_path(l, "lab.conf");
        auto_free char *text = lab_file_read(conf, CONF_BYTES_MAX);
        if (!text && errno != ENOENT && errno != ENOTDIR)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not read file \"%s\": %m", conf);
        if (text)
                r = read_conf(l, text, err);
        else
                random_string("0123456789abcdef", l->id, LAB_ID_CHARS);
        if (r < 0)
                return r;
        *ret = dr_take(l);
        return 0;
}

struct lab *lab_free(struct lab *l) {
        if (!l)
                return NULL;
        free(l->name);
        free(l->dir);
        free(l->server);
        free(l->mirror);
        free(l);
        return NULL;
}

bool lab_exists(const struct lab *l) {
        auto_free char *conf = lab_path(l, "lab.conf");
        return access(conf, F_OK) == 0;
}

int lab_save(const struct lab *l, struct dr_error *err) {
        auto_free char *log = lab_path(l, "log");
        int r = dir_make(l->dir, 0700, err);
        r = r < 0 ? r : dir_make(log, 0755, err);
        if (r < 0)
                return r;
        auto_sbuf struct sbuf b = SBUF(CONF_BYTES_MAX);
        sbuf_printf(&b, "id=%s\nsubnet=%u.%u.%u.0/24\nhosts=%zu\ncgroup2=%d\n", l->id, l->net[0], l->net[1], l->net[2], l->n_hosts, l->cgroup2);
        if (l->server)
                sbuf_printf(&b, "server=%s\n", l->server);
        if (l->mirror)
                sbuf_printf(&b, "mirror=%s\n", l->mirror);
        if (!sbuf_ok(&b))
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "the lab's settings are longer than %d bytes", CONF_BYTES_MAX);
        auto_free char *conf = lab_path(l, "lab.conf");
        return lab_file_write(conf, sbuf_str(&b), err);
}

int lab_lock(const struct lab *l, int *ret_fd, struct dr_error *err) {
        int r = dir_make(l->dir, 0700, err);
        if (r < 0)
                return r;
        auto_free char *path = lab_path(l, "lock");
        auto_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not open file \"%s\": %m", path);
        while (flock(fd, LOCK_EX) < 0)
                if (errno != EINTR)
                        return dr_fail(err, DR_E_INTERNAL, NULL, "could not lock file \"%s\": %m", path);
        *ret_fd = fd;
        fd = -1;
        return 0;
}

void lab_host_get(const struct lab *l, size_t n, struct lab_host *ret) {
        ret->n = n;
        snprintf(ret->name, sizeof ret->name, "host%zu", n);
        snprintf(ret->address, sizeof ret->address, "%u.%u.%u.%zu", l->net[0], l->net[1], l->net[2], LAB_FIRST_ADDRESS - 1 + n);
        /* Locally administered. Fixed, because a host that comes back with another address is unreachable until ARP expires. */
        snprintf(ret->mac, sizeof ret->mac, "02:%.2s:%.2s:%.2s:00:%02zx", l->id, l->id + 2, l->id + 4, n);
}

int lab_host_find(const struct lab *l, const char *name, struct lab_host *ret, struct dr_error *err) {
        uint64_t n = 0;
        const char *digits = str_starts(name, "host") ? name + 4 : name;
        if (parse_u64(digits, LAB_HOSTS_MAX, &n) < 0 || n < 1 || n > l->n_hosts) {
                if (!l->n_hosts)
                        return dr_fail(err, DR_E_NOT_FOUND, NULL, "lab \"%s\" has no hosts; \"drover lab up\" makes some", l->name);
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "lab \"%s\" has no host \"%s\", only host1 to host%zu", l->name, name, l->n_hosts);
        }
        lab_host_get(l, n, ret);
        return 0;
}

char *lab_path(const struct lab *l, const char *fmt, ...) {
        auto_sbuf struct sbuf b = SBUF(8192);
        char tail[512];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(tail, sizeof tail, fmt, ap);
        va_end(ap);
        sbuf_printf(&b, "%s/%s", l->dir, tail);
        return sbuf_steal(&b);
}

char *lab_switch_address(const struct lab *l) { return dr_xasprintf("%u.%u.%u.1", l->net[0], l->net[1], l->net[2]); }

char *lab_cgroup(const struct lab *l, const char *leaf) {
        return dr_xasprintf("drover-lab-%s%s%s", l->id, leaf ? "/" : "", leaf ? leaf : "");
}

/* Field 22 of /proc/PID/stat, counted behind the program name's last ')'. 0: no such process, or a zombie. */
static uint64_t process_start(pid_t pid) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        auto_free char *text = lab_file_read(path, PROC_BYTES_MAX);
        char *s = text ? strrchr(text, ')') : NULL;
        if (!s || !s[1] || s[2] == 'Z' || s[2] == 'X')
                return 0;
        s++;
        for (int field = 2; field < 21 && s; field++)
                s = strchr(s + 1, ' ');
        if (!s)
                return 0;
        s[1 + strcspn(s + 1, " ")] = '\0';
        uint64_t start = 0;
        return parse_u64(s + 1, UINT64_MAX, &start) < 0 ? 0 : start;
}

static char *boot_id(void) {
        char *id = lab_file_read("/proc/sys/kernel/random/boot_id", 128);
        if (!id)
                return dr_xstrdup("unknown");
        id[strcspn(id, "\n")] = '\0';
        return id;
}

int lab_pid_write(const char *path, pid_t pid, struct dr_error *err) {
        auto_free char *boot = boot_id();
        auto_free char *text = dr_xasprintf("%d %llu %s\n", pid, (unsigned long long) process_start(pid), boot);
        return lab_file_write(path, text, err);
}

pid_t lab_pid_read(const char *path) {
        auto_free char *text = lab_file_read(path, 256);
        auto_free char *boot = boot_id();
        int pid = 0;
        unsigned long long start = 0;
        char id[64] = "";
        if (!text || sscanf(text, "%d %llu %63s", &pid, &start, id) != 3 || !str_eq(id, boot) || pid <= 1)
                return 0;
        uint64_t now = process_start(pid);
        return now && now == start ? pid : 0;
}

int lab_pid_kill(pid_t pid, int sig, int timeout_ms, struct dr_error *err) {
        if (pid <= 1)
                return 0;
        auto_close int fd = (int) syscall(SYS_pidfd_open, pid, 0);
        if (fd < 0 && errno == ESRCH)
                return 0;
        if (fd < 0 || (syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0) < 0 && errno != ESRCH))
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not signal process %d: %m", pid);
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (poll(&p, 1, timeout_ms) == 0)
                return dr_fail(err, DR_E_TIMEOUT, NULL, "process %d does not end", pid);
        return 0;
}
