/* state.h: the desired state that the agent keeps on disk: epoch, revision, containers with what was done for each.
 *
 * One JSON file, replaced atomically (temporary file, fsync, rename, fsync of the folder), always before acting on what it says; so a
 * kill at any moment leaves the old or the new one. Loop thread only. */
#pragma once
#include "base/map.h"
#include "base/sbuf.h"
#include "base/vec.h"
#include "node/agent/reconcile.h"

enum { STATE_BYTES_MAX = 64 << 20, STATE_UUID_MAX = 128, STATE_CONTAINERS_MAX = 20000 };

struct entry {
        char *uuid;
        struct record record;
        int stop_timeout_s;             /* 0 to 86400 */
        char *spec;                     /* compact JSON object; NULL unless want is running (kept when later stopped) */
        char *docker_id;                /* a foreign container that the server addresses; NULL: found by label */
        char *error;                    /* why record.failed_gen failed; NULL: it did not */
};

struct node_state {
        uint64_t epoch, rev;            /* the highest epoch seen; the last revision obeyed; 0: none */
        char *owner;                    /* access key this state was received with; NULL: none yet */
        char *project;                  /* uuid of the environment; NULL: not told yet */
        uint64_t engine_data;           /* identity of the engine's data directory; 0: not known */
        VEC(struct entry *) entries;
        struct smap by_uuid;
};

struct node_state *state_new(void);
struct node_state *state_free(struct node_state *s);            /* NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct node_state *, state_free)
void state_clear(struct node_state *s);                         /* as new */

struct entry *state_entry(const struct node_state *s, const char *uuid);        /* NULL: none */
struct entry *state_entry_of(const struct node_state *s, const char *docker_id);        /* of a foreign container; NULL: none */
/* Finds or makes; uuid must be 1 to 128 bytes. NULL: too many containers or a bad uuid. A new one has gen 0, want running, 10 s. */
struct entry *state_entry_add(struct node_state *s, const char *uuid);
void state_entry_remove(struct node_state *s, struct entry *e); /* frees e */
void entry_set_text(char **field, const char *value);           /* value NULL or copied */

/* The file's text, and back. Pure. Returns 0 or negative with *err filled. */
void state_format(const struct node_state *s, struct sbuf *out);
int state_parse(const char *buf, size_t len, struct node_state **ret, struct dr_error *err);

/* Reads path. A missing file is an empty state. A file that cannot be understood is renamed to PATH.corrupt-MILLIS, which is logged, and the
 * state is empty: the server's next snapshot fills it. Returns 0, or negative with *err filled when the file cannot be read at all. */
int state_load(const char *path, struct node_state **ret, struct dr_error *err);
int state_save(const struct node_state *s, const char *path, struct dr_error *err);
