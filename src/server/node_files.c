#include "node_files.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/log.h"
#include "base/parse.h"

enum { ARCH_BYTES_MAX = 32, FILE_BYTES_MAX = 256 << 20, PIECE_BYTES = 64 * 1024 };

/* Digest of one file as it was when looked at: read anew when size, time or inode differ. */
struct digest { struct stat st; char hex[NODE_SHA256_CHARS + 1]; };
struct node_files { char *dir; char arch[ARCH_BYTES_MAX]; struct digest digest; };

struct node_files *node_files_new(const char *dir) {
        struct node_files *f = dr_xnew(struct node_files);
        struct utsname u;
        f->dir = dr_xstrdup(dir);
        snprintf(f->arch, sizeof f->arch, "%s", uname(&u) == 0 ? u.machine : "x86_64");
        return f;
}

struct node_files *node_files_free(struct node_files *f) {
        if (f) {
                free(f->dir);
                free(f);
        }
        return NULL;
}

/* The file of an architecture, open, or -1. */
static int open_file(const struct node_files *f, const char *arch, struct stat *ret) {
        for (const char *p = arch; *p; p++)
                if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_'))
                        return -1;
        auto_free char *path = dr_xasprintf("%s/drover-node-%.32s", f->dir, arch);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 && str_eq(arch, f->arch)) {
                auto_free char *own = dr_xasprintf("%s/drover-node", f->dir);
                fd = open(own, O_RDONLY | O_CLOEXEC);
        }
        if (fd >= 0 && (fstat(fd, ret) < 0 || !S_ISREG(ret->st_mode) || ret->st_size > FILE_BYTES_MAX)) {
                close(fd);
                fd = -1;
        }
        return fd;
}

static bool same(const struct stat *a, const struct stat *b) {
        return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
               a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int digest_of(int fd, char hex[NODE_SHA256_CHARS + 1]) {
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        unsigned char mac[EVP_MAX_MD_SIZE], *piece = dr_xmalloc(PIECE_BYTES);
        unsigned n = 0;
        off_t at = 0;
        ssize_t got = -1;
        if (c && EVP_DigestInit_ex(c, EVP_sha256(), NULL))
                while ((got = pread(fd, piece, PIECE_BYTES, at)) > 0) {
                        EVP_DigestUpdate(c, piece, (size_t) got);
                        at += got;
                }
        bool ok = got == 0 && EVP_DigestFinal_ex(c, mac, &n) && n * 2 == NODE_SHA256_CHARS;
        EVP_MD_CTX_free(c);
        free(piece);
        for (unsigned i = 0; ok && i < n; i++)
                snprintf(hex + 2 * i, 3, "%02x", mac[i]);
        return ok ? 0 : -EIO;
}

static const char *digest_get(struct node_files *f, int fd, const struct stat *st) {
        if (!*f->digest.hex || !same(&f->digest.st, st)) {
                if (digest_of(fd, f->digest.hex) < 0) {
                        *f->digest.hex = 0;
                        return NULL;
                }
                f->digest.st = *st;
        }
        return f->digest.hex;
}

const char *node_files_sha256(struct node_files *f) {
        struct stat st;
        auto_close int fd = open_file(f, f->arch, &st);
        return fd >= 0 ? digest_get(f, fd, &st) : NULL;
}

/* ---- serving ---- */
struct sending { int fd; off_t at, end; };

static int produce(struct http_request *req, void *arg) {
        struct sending *s = arg;
        char piece[PIECE_BYTES];
        size_t want = (size_t) MIN(s->end - s->at, (off_t) sizeof piece);
        if (want == 0)
                return HTTP_STREAM_END;
        ssize_t n = pread(s->fd, piece, want, s->at);
        if (n <= 0)
                return -EIO;
        s->at += n;
        int r = http_stream_write(req, piece, (size_t) n);
        return r < 0 ? r : 1;
}
static void sent(void *arg) {
        struct sending *s = arg;
        close(s->fd);
        free(s);
}
static const struct http_producer producer = { produce, sent };

/* One range of "bytes=A-B", "bytes=A-" or "bytes=-N" within size bytes. 1: taken; 0: no range that is understood, send all; -ERANGE. */
static int read_range(const char *text, off_t size, off_t *ret_from, off_t *ret_end) {
        if (!text || !str_starts(text, "bytes=") || strchr(text, ','))
                return 0;
        const char *dash = strchr(text += strlen("bytes="), '-');
        if (!dash)
                return 0;
        auto_free char *first = dr_xstrndup(text, (size_t) (dash - text));
        uint64_t a = 0, b = (uint64_t) size - 1, max = (uint64_t) INT64_MAX;
        if ((*first && parse_u64(first, max, &a) < 0) || (dash[1] && parse_u64(dash + 1, max, &b) < 0) || (!*first && !dash[1]))
                return 0;
        if (!*first) {                  /* the last b bytes */
                a = b < (uint64_t) size ? (uint64_t) size - b : 0;
                if (b == 0)
                        return -ERANGE;
                b = (uint64_t) size - 1;
        }
        if (*first && dash[1] && b < a)
                return 0;
        if (a >= (uint64_t) size)
                return -ERANGE;
        *ret_from = (off_t) a;
        *ret_end = (off_t) MIN(b + 1, (uint64_t) size);
        return 1;
}

void node_files_serve(struct node_files *f, struct http_request *req, const char *arch, const char *version) {
        struct stat st;
        if (req->verb != VERB_GET && req->verb != VERB_HEAD) {
                http_reply_error(req, 405, "only GET works here");
                return;
        }
        bool known = str_eq(version, DROVER_VERSION) || str_eq(version, "latest");
        auto_close int fd = known ? open_file(f, arch, &st) : -1;
        const char *hex = fd >= 0 ? digest_get(f, fd, &st) : NULL;
        if (!hex) {
                char why[160];
                if (known)
                        snprintf(why, sizeof why, "there is no drover-node for \"%.40s\" on this server", arch);
                else
                        snprintf(why, sizeof why, "this server has drover-node %s, not \"%.40s\"", DROVER_VERSION, version);
                http_reply_error(req, 404, why);
                return;
        }
        char etag[NODE_SHA256_CHARS + 3], range[96];
        snprintf(etag, sizeof etag, "\"%s\"", hex);
        struct http_header headers[5] = {
                { "Content-Type", "application/octet-stream" }, { "X-Content-SHA256", hex }, { "ETag", etag }, { "Accept-Ranges", "bytes" },
        };
        size_t n = 4;
        off_t from = 0, end = st.st_size;
        const char *only_if = http_headers_get(&req->headers, "If-Range");
        int r = only_if && !str_eq(only_if, etag) ? 0 : read_range(http_headers_get(&req->headers, "Range"), st.st_size, &from, &end);
        if (r < 0) {
                snprintf(range, sizeof range, "bytes */%lld", (long long) st.st_size);
                headers[n++] = (struct http_header) { "Content-Range", range };
                http_reply(req, 416, headers, n, NULL, 0);
                return;
        }
        if (r > 0) {
                snprintf(range, sizeof range, "bytes %lld-%lld/%lld", (long long) from, (long long) end - 1, (long long) st.st_size);
                headers[n++] = (struct http_header) { "Content-Range", range };
        }
        struct sending *s = dr_xnew(struct sending);
        *s = (struct sending) { .fd = fd, .at = from, .end = end };
        fd = -1;                        /* sent() closes it */
        http_reply_stream(req, r > 0 ? 206 : 200, headers, n, end - from, &producer, s);
}
