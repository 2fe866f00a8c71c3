#include "fileset.h"

#include <stdio.h>

enum { REASON_BYTES_MAX = 300 };

void fileset_done(struct fileset *f) {
        for (size_t i = 0; i < f->files.n; i++)
                free(f->files.v[i].path);
        for (size_t i = 0; i < f->blobs.n; i++)
                free(f->blobs.v[i]);
        for (size_t i = 0; i < f->skipped.n; i++)
                free(f->skipped.v[i]);
        vec_done(&f->files);
        vec_done(&f->blobs);
        vec_done(&f->skipped);
        map_done(&f->by_hash);
        *f = (struct fileset) { 0 };
}

bool fileset_counts(const char *path) {
        size_t parts = 0, len = strlen(path), first = strcspn(path, "/");
        if (len > FILESET_PATH_BYTES_MAX)
                return false;
        for (const char *p = path; p; parts++) {
                size_t n = strcspn(p, "/");
                if (!n || *p == '.')
                        return false;
                p = p[n] ? p + n + 1 : NULL;
        }
        if (parts < 3 || parts > FILESET_DEPTH_MAX)
                return false;
        static const char tail[] = "-templates";
        return (first == strlen("templates") && str_starts(path, "templates")) ||
                (first >= strlen(tail) && strncmp(path + first - strlen(tail), tail, strlen(tail)) == 0);
}

void fileset_skip(struct fileset *f, const char *path, const char *fmt, ...) {
        f->n_skipped++;
        if (f->skipped.n >= FILESET_SKIPPED_MAX)
                return;
        char why[REASON_BYTES_MAX];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(why, sizeof why, fmt, ap);
        va_end(ap);
        vec_push(&f->skipped, dr_xasprintf("%.200s: %s", path, why));
}

struct blob *blob_new(size_t len) {
        assert(len <= FILESET_FILE_BYTES_MAX);
        struct blob *b = dr_xmalloc(sizeof *b + len + 1);
        b->len = len;
        b->data[len] = 0;
        return b;
}

struct blob *fileset_blob(struct fileset *f, struct blob *b, struct dr_error *err) {
        uint64_t hash = hash_bytes(b->data, b->len);
        struct blob *same = map_get(&f->by_hash, hash);
        if (same && same->len == b->len && memcmp(same->data, b->data, b->len) == 0) {
                free(b);
                return same;
        }
        if (f->bytes + b->len > FILESET_BYTES_MAX) {
                free(b);
                (void) dr_fail(err, DR_E_TOO_LARGE, NULL, "its files have more than %d MiB together", FILESET_BYTES_MAX >> 20);
                return NULL;
        }
        f->bytes += b->len;
        vec_push(&f->blobs, b);
        map_set(&f->by_hash, hash, b);
        return b;
}

int fileset_add(struct fileset *f, const char *path, struct blob *blob, struct dr_error *err) {
        if (f->files.n >= FILESET_FILES_MAX)
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "it has more than %d files", FILESET_FILES_MAX);
        vec_push(&f->files, ((struct fileset_file) { dr_xstrdup(path), blob }));
        return 0;
}

static int by_path(const void *a, const void *b) {
        return strcmp(((const struct fileset_file *) a)->path, ((const struct fileset_file *) b)->path);
}
void fileset_sort(struct fileset *f) { vec_sort(&f->files, by_path); }

/* ---- what is built in: embed.py writes the table ---- */
struct builtin_file { const char *path, *data; size_t len; };
extern const struct builtin_file catalog_builtin_files[];       /* ended by a NULL path */

int fileset_read_builtin(struct fileset *f, const char *name, struct dr_error *err) {
        if (!str_eq(name, "library"))
                return dr_fail(err, DR_E_NOT_FOUND, "url", "there is no built-in catalog \"%.64s\", only \"library\"", name);
        for (const struct builtin_file *x = catalog_builtin_files; x->path; x++) {
                struct blob *b = blob_new(x->len);
                memcpy(b->data, x->data, x->len);
                b = fileset_blob(f, b, err);
                int r = b ? fileset_add(f, x->path, b, err) : -E2BIG;
                if (r < 0)
                        return r;
        }
        fileset_sort(f);
        return 0;
}
