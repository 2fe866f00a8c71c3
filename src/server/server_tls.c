#include "server_tls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/sbuf.h"
#include "core/settings.h"
#include "ca.h"
#include "net/tls.h"

enum { CERT_DAYS = 397, LOOK_MS = 5000, NAMES_MAX = 100, NAME_BYTES_MAX = 64, FILE_BYTES_MAX = 1 << 20 };

struct server_tls {
        struct loop *loop;
        struct core *core;
        const struct server_tls_conf *conf;
        struct tls_pair ca;             /* own: both; files: cert_pem or nothing */
        struct tls_ctx *ctx;
        struct timer *timer;
        char *names;                    /* of the current own certificate, joined by blanks */
        int64_t made_s, expires_s;
        struct timespec changed[2];     /* of the files */
};

/* ---- names ---- */
struct names { char v[NAMES_MAX][NAME_BYTES_MAX + 1]; size_t n; };

static void add(struct names *l, const char *s, size_t len) {
        if (!len || len > NAME_BYTES_MAX || l->n == NAMES_MAX)
                return;                 /* a host name of Linux has at most 64 bytes */
        for (size_t i = 0; i < len; i++)
                if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:*_", s[i]))
                        return;
        for (size_t i = 0; i < l->n; i++)
                if (strlen(l->v[i]) == len && memcmp(l->v[i], s, len) == 0)
                        return;
        memcpy(l->v[l->n], s, len);
        l->v[l->n++][len] = 0;
}

/* The host of "https://HOST:PORT/...", or of "HOST:PORT". */
static void add_host_of(struct names *l, const char *url) {
        const char *p = strstr(url, "://");
        p = p ? p + 3 : url;
        if (*p == '[') {
                const char *end = strchr(++p, ']');
                add(l, p, end ? (size_t) (end - p) : 0);
        } else {
                add(l, p, strcspn(p, ":/?#"));
        }
}

static void add_addresses(struct names *l) {
        struct ifaddrs *all = NULL;
        if (getifaddrs(&all) < 0)
                return;                 /* then the names have to do */
        for (struct ifaddrs *i = all; i; i = i->ifa_next) {
                char text[INET6_ADDRSTRLEN];
                const void *raw = NULL;
                if (!i->ifa_addr || !(i->ifa_flags & IFF_UP))
                        continue;
                if (i->ifa_addr->sa_family == AF_INET) {
                        raw = &((const struct sockaddr_in *) (const void *) i->ifa_addr)->sin_addr;
                } else if (i->ifa_addr->sa_family == AF_INET6) {
                        const struct in6_addr *a = &((const struct sockaddr_in6 *) (const void *) i->ifa_addr)->sin6_addr;
                        raw = IN6_IS_ADDR_LINKLOCAL(a) ? NULL : a;
                }
                if (raw && inet_ntop(i->ifa_addr->sa_family, raw, text, sizeof text))
                        add(l, text, strlen(text));
        }
        freeifaddrs(all);
}

static void collect(struct server_tls *t, struct names *l) {
        char host[NAME_BYTES_MAX + 1] = "";
        (void) gethostname(host, sizeof host - 1);
        for (size_t i = 0; i < t->conf->n_names; i++)
                add(l, t->conf->names[i], strlen(t->conf->names[i]));
        add_host_of(l, setting_get(t->core, "api.host"));
        add(l, host, strlen(host));
        static const char *const always[] = { "localhost", "127.0.0.1", "::1" };
        for (size_t i = 0; i < ARRAY_LEN(always); i++)
                add(l, always[i], strlen(always[i]));
        add_addresses(l);
}

static int read_file(const char *path, char **ret, struct dr_error *err) {
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "could not open \"%s\": %m", path);
        if (!S_ISREG(st.st_mode) || st.st_size > FILE_BYTES_MAX)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "\"%s\" is no file of at most %d bytes", path, FILE_BYTES_MAX);
        auto_free char *p = dr_xmalloc((size_t) st.st_size + 1);
        ssize_t n = read(fd, p, (size_t) st.st_size);
        if (n < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not read \"%s\": %m", path);
        p[n] = 0;
        *ret = dr_take(p);
        return 0;
}

/* What join scripts and downloads give out. pem NULL: none of ours. */
static int publish(const char *data_dir, const char *pem, struct dr_error *err) {
        auto_free char *dir = dr_xasprintf("%s/public", data_dir), *path = dr_xasprintf("%s/ca.pem", dir), *fresh = dr_xasprintf("%s.new", path);
        if (!pem) {
                (void) unlink(path);
                return 0;
        }
        if (mkdir(dir, 0755) < 0 && errno != EEXIST)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not make folder \"%s\": %m", dir);
        (void) unlink(fresh);
        auto_close int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
        size_t n = strlen(pem);
        if (fd < 0 || write(fd, pem, n) != (ssize_t) n || rename(fresh, path) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not write \"%s\": %m", path);
        return 0;
}

/* ---- the certificate ---- */
static int use(struct server_tls *t, const char *cert_pem, const char *key_pem, struct dr_error *err) {
        return t->ctx ? tls_server_ctx_renew(t->ctx, cert_pem, key_pem, err) : tls_server_ctx_new(cert_pem, key_pem, &t->ctx, err);
}

static int renew_own(struct server_tls *t, struct dr_error *err) {
        struct names l = { .n = 0 };
        const char *list[NAMES_MAX];
        auto_sbuf struct sbuf joined = SBUF((NAME_BYTES_MAX + 1) * NAMES_MAX + 1);
        collect(t, &l);
        for (size_t i = 0; i < l.n; i++) {
                list[i] = l.v[i];
                sbuf_printf(&joined, "%s%s", i ? " " : "", l.v[i]);
        }
        int64_t now_s = core_wall_ms(t->core) / 1000;
        if (t->names && str_eq(t->names, sbuf_str(&joined)) && (now_s - t->made_s) * 3 < (t->expires_s - t->made_s) * 2)
                return 0;
        struct tls_pair pair = { 0 };
        int r = tls_make_cert(&t->ca, list, l.n, CERT_DAYS, &pair, err);
        if (r == 0)
                r = use(t, pair.cert_pem, pair.key_pem, err);
        if (r == 0)
                r = tls_cert_expires(pair.cert_pem, &t->expires_s, err);
        tls_pair_done(&pair);
        if (r < 0)
                return r;
        t->made_s = now_s;
        free(t->names);
        t->names = dr_xstrdup(sbuf_str(&joined));
        log_info("a server certificate was made", "names", t->names, NULL);
        return 0;
}

static int renew_files(struct server_tls *t, struct dr_error *err) {
        const char *const paths[] = { t->conf->cert_file, t->conf->key_file };
        struct stat st[2];
        for (size_t i = 0; i < 2; i++)
                if (stat(paths[i], &st[i]) < 0)
                        return dr_fail(err, DR_E_NOT_FOUND, NULL, "could not open \"%s\": %m", paths[i]);
        if (t->ctx && memcmp(&st[0].st_mtim, &t->changed[0], sizeof t->changed[0]) == 0 && memcmp(&st[1].st_mtim, &t->changed[1], sizeof t->changed[1]) == 0)
                return 0;
        auto_free char *cert = NULL, *key = NULL;
        int r = read_file(paths[0], &cert, err);
        if (r == 0)
                r = read_file(paths[1], &key, err);
        if (r == 0)
                r = use(t, cert, key, err);
        if (key)
                sodium_memzero(key, strlen(key));
        if (r < 0)
                return r;
        if (t->changed[0].tv_sec)
                log_info("the server certificate was read again", "file", paths[0], NULL);
        t->changed[0] = st[0].st_mtim;
        t->changed[1] = st[1].st_mtim;
        return 0;
}

/* A failure leaves the certificate as it is: perhaps the files are just being written. */
static void look(void *arg) {
        struct server_tls *t = arg;
        struct dr_error err;
        int r = t->conf->own ? renew_own(t, &err) : renew_files(t, &err);
        if (r < 0)
                log_warning("the server certificate could not be renewed", "reason", err.message, NULL);
}

int server_tls_new(struct loop *l, struct core *c, const struct server_tls_conf *conf, struct server_tls **ret, struct dr_error *err) {
        if (!conf->own && !conf->cert_file) {
                *ret = NULL;
                return 0;               /* ca.pem may be an administrator's who has a proxy in front */
        }
        AUTO(server_tls_free) struct server_tls *t = dr_xnew(struct server_tls);
        *t = (struct server_tls) { .loop = l, .core = c, .conf = conf };
        int r = 0;
        if (conf->own && (r = ca_load(c, &t->ca, err)) == 0 && (r = ca_make(c, &t->ca, err)) == 0)
                core_commit(c);
        else if (!conf->own && conf->ca_file)
                r = read_file(conf->ca_file, &t->ca.cert_pem, err);
        if (r >= 0)
                r = publish(conf->data_dir, t->ca.cert_pem, err);
        if (r >= 0)
                r = conf->own ? renew_own(t, err) : renew_files(t, err);
        if (r < 0)
                return r;
        t->timer = timer_new(l, look, t);
        timer_start_periodic(t->timer, LOOK_MS, LOOK_MS);
        *ret = dr_take(t);
        return 0;
}

struct server_tls *server_tls_free(struct server_tls *t) {
        if (t) {
                timer_free(t->timer);
                tls_ctx_unref(t->ctx);
                tls_pair_done(&t->ca);
                free(t->names);
                free(t);
        }
        return NULL;
}

struct tls_ctx *server_tls_ctx(const struct server_tls *t) { return t ? t->ctx : NULL; }
const char *server_tls_ca_pem(const struct server_tls *t) { return t ? t->ca.cert_pem : NULL; }
