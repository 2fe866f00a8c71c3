/* fileset.h: the files of a catalog as they were read: from a folder, from this program, or (git.h) out of a git repository.
 *
 * Only what counts is in it: regular files below templates/ or BASE-templates/, with at least a template's folder between. Links, devices, names
 * that begin with a dot, files that are too large: left out, each with a reason that people can read. Too many or too much: the whole is
 * refused. Equal contents are held once. Any thread; one thread at a time. */
#pragma once
#include "base/base.h"
#include "base/map.h"
#include "base/vec.h"

enum {
        FILESET_FILE_BYTES_MAX = 1 << 20,
        FILESET_BYTES_MAX = 64 << 20,           /* sum */
        FILESET_FILES_MAX = 50000,
        FILESET_PATH_BYTES_MAX = 1024,
        FILESET_DEPTH_MAX = 8,                  /* folders below BASE-templates */
        FILESET_SKIPPED_MAX = 50,               /* reasons kept; the rest is counted */
};

struct blob { size_t len; char data[]; };       /* NUL behind len */
struct fileset_file { char *path; struct blob *blob; };
struct fileset {                                /* {0} is empty */
        VEC(struct fileset_file) files;         /* path is owned, blob is one of blobs */
        VEC(struct blob *) blobs;               /* owned */
        struct map by_hash;
        VEC(char *) skipped;                    /* "PATH: reason"; owned */
        size_t n_skipped, bytes;
};
void fileset_done(struct fileset *f);
static inline void fileset_done_auto(struct fileset *f) { fileset_done(f); }

bool fileset_counts(const char *path); /* whether a file of this path can matter at all. Paths with "..", "." or empty parts do not */
void fileset_skip(struct fileset *f, const char *path, const char *fmt, ...) DR_PRINTF(3, 4);
struct blob *blob_new(size_t len);              /* the caller frees, or gives it to fileset_add() */
/* Takes b. Returns the blob that holds this content now, or NULL with *err when the sum is too large. */
struct blob *fileset_blob(struct fileset *f, struct blob *b, struct dr_error *err);
/* blob is one that fileset_blob() gave. */
int fileset_add(struct fileset *f, const char *path, struct blob *blob, struct dr_error *err);
void fileset_sort(struct fileset *f);           /* by path: readers need not know in which order files came */

/* Reads the folder. known: what *ret_mark was when it was read last ("" never): nothing is read when it is the same. ret_mark changes
 * whenever a file does (names, sizes, times). Returns 1 read, 0 the same as before, negative with *err. */
enum { FILESET_MARK_MAX = 24 };
int fileset_read_folder(struct fileset *f, const char *dir, const char *known, char ret_mark[FILESET_MARK_MAX], struct dr_error *err);
/* The catalog that is built into this program, by name ("library"). */
int fileset_read_builtin(struct fileset *f, const char *name, struct dr_error *err);
