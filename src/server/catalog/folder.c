/* folder.c: a catalog in a folder of this machine. Never leaves the folder: no link is followed below it, and only regular files are opened. */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "fileset.h"

struct found { char *path; size_t bytes; };
struct walk {
        struct fileset *files;
        int root;
        VEC(struct found) found;
        size_t entries;
        uint64_t mark;
};

static void walk_done(struct walk *w) {
        for (size_t i = 0; i < w->found.n; i++)
                free(w->found.v[i].path);
        vec_done(&w->found);
        if (w->root >= 0)
                close(w->root);
}

static void mark(struct walk *w, const char *path, const struct stat *st) {
        uint64_t facts[] = { hash_bytes(path, strlen(path)), (uint64_t) st->st_size, (uint64_t) st->st_mtim.tv_sec,
                             (uint64_t) st->st_mtim.tv_nsec, st->st_ino };
        w->mark += hash_bytes(facts, sizeof facts);     /* a sum: the order in which a folder lists its names does not matter */
}

static int look_into(struct walk *w, const char *path, unsigned depth, struct dr_error *err);

static int look_at(struct walk *w, const char *path, unsigned depth, struct dr_error *err) {
        struct stat st;
        if (++w->entries > FILESET_FILES_MAX)
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "it has more than %d files", FILESET_FILES_MAX);
        if (fstatat(w->root, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;                       /* gone meanwhile: the next look sees it */
        if (S_ISDIR(st.st_mode)) {
                if (depth < FILESET_DEPTH_MAX)
                        return look_into(w, path, depth, err);
                fileset_skip(w->files, path, "deeper than %d folders", FILESET_DEPTH_MAX);
                return 0;
        }
        if (!fileset_counts(path))
                return 0;
        mark(w, path, &st);
        if (S_ISLNK(st.st_mode))
                fileset_skip(w->files, path, "a symbolic link; links are not followed");
        else if (!S_ISREG(st.st_mode))
                fileset_skip(w->files, path, "no regular file");
        else if (st.st_size > FILESET_FILE_BYTES_MAX)
                fileset_skip(w->files, path, "longer than %d KiB", FILESET_FILE_BYTES_MAX >> 10);
        else
                vec_push(&w->found, ((struct found) { dr_xstrdup(path), (size_t) st.st_size }));
        return 0;
}

/* path: "" is the root. Below it only names that can matter are entered. */
static int look_into(struct walk *w, const char *path, unsigned depth, struct dr_error *err) {
        int fd = openat(w->root, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return errno == EMFILE || errno == ENFILE
                               ? dr_fail(err, DR_E_UNAVAILABLE, NULL, "could not open folder \"%.200s\": %m", path)
                               : 0;
        DIR *d = fdopendir(fd);
        if (!d) {
                close(fd);
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not read folder \"%.200s\": %m", path);
        }
        int r = 0;
        for (const struct dirent *e; r == 0 && (e = readdir(d)); ) {
                if (*e->d_name == '.')
                        continue;
                if (depth == 0 && !str_eq(e->d_name, "templates") && !str_ends(e->d_name, "-templates"))
                        continue;
                auto_free char *sub = dr_xasprintf("%s%s%s", path, *path ? "/" : "", e->d_name);
                if (strlen(sub) > FILESET_PATH_BYTES_MAX)
                        fileset_skip(w->files, sub, "the name is too long");
                else
                        r = look_at(w, sub, depth + 1, err);
        }
        closedir(d);
        return r;
}

/* The parts of a path were folders a moment ago; each is entered without following links, so that nobody can exchange one for a link. */
static int open_below(int root, const char *path) {
        auto_free char *copy = dr_xstrdup(path);
        int at = dup(root);
        char *p = copy;
        for (char *slash; at >= 0 && (slash = strchr(p, '/')); p = slash + 1) {
                *slash = 0;
                int next = openat(at, p, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                close(at);
                at = next;
        }
        if (at < 0)
                return -1;
        int fd = openat(at, p, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        dr_closep(&at);
        return fd;
}

static int read_one(struct walk *w, const struct found *x, struct dr_error *err) {
        struct stat st;
        auto_close int fd = open_below(w->root, x->path);
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
                fileset_skip(w->files, x->path, "could not be opened: %s", fd < 0 ? strerror(errno) : "no regular file");
                return 0;
        }
        struct blob *b = blob_new(x->bytes);
        size_t n = 0;
        for (ssize_t k; n < b->len && (k = read(fd, b->data + n, b->len - n)) != 0; n += (size_t) k)
                if (k < 0) {
                        fileset_skip(w->files, x->path, "could not be read: %m");
                        free(b);
                        return 0;
                }
        b->len = n;                             /* shorter than it was: the mark changes with it */
        b->data[n] = 0;
        b = fileset_blob(w->files, b, err);
        return b ? fileset_add(w->files, x->path, b, err) : -E2BIG;
}

int fileset_read_folder(struct fileset *f, const char *dir, const char *known, char ret_mark[FILESET_MARK_MAX], struct dr_error *err) {
        struct walk w = { .files = f, .root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
        if (w.root < 0)
                return dr_fail(err, errno == ENOENT ? DR_E_NOT_FOUND : DR_E_INTERNAL, "url", "could not open folder \"%.200s\": %m", dir);
        int r = look_into(&w, "", 0, err);
        char now[FILESET_MARK_MAX];
        snprintf(now, sizeof now, "%016" PRIx64, w.mark);
        bool same = r == 0 && str_eq(now, known);
        for (size_t i = 0; r == 0 && !same && i < w.found.n; i++)
                r = read_one(&w, &w.found.v[i], err);
        walk_done(&w);
        if (r < 0)
                return r;
        memcpy(ret_mark, now, sizeof now);
        fileset_sort(f);
        return same ? 0 : 1;
}
