/* metastore.h: the metadata topics of a host (docs/host-protocol.md, "Metadata"): complete ones in memory and on disk. No network, no clock.
 *
 * A snapshot counts when all of it is there; it then turns into the changes from what was held before. Every topic has a file of snapshot messages in
 * the folder, replaced as a whole; one that cannot be read is as good as none. Loop thread only. */
#pragma once
#include "formats/json.h"

enum {
        METASTORE_BYTES_MAX = 256 << 20,        /* of all objects */
        METASTORE_TOPICS_MAX = 20000, METASTORE_OBJECTS_MAX = 500000, METASTORE_KEY_BYTES_MAX = 1024, METASTORE_TOPIC_BYTES_MAX = 160,
};

/* One message without newline, for whoever follows the topics: {"topic","rev","base","set","del","more"}, or with "gone". */
typedef void metastore_tell(void *arg, const char *line, size_t len);

struct metastore;
/* dir is copied; it is made when missing, and what it has is read; NULL: memory only. NULL tell: nobody is told. */
struct metastore *metastore_new(const char *dir, metastore_tell *tell, void *arg);
struct metastore *metastore_free(struct metastore *m);          /* saves nothing; NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct metastore *, metastore_free)

/* Takes one message of the server. Returns 1 when a topic changed, 0 when nothing did (a piece, an equal snapshot), -ESTALE when its base is not what is
 * here (ask for the topic again), or negative with *err: InvalidFormat or TooLarge, with nothing changed. */
int metastore_take(struct metastore *m, const struct json_object *message, struct dr_error *err);
/* topic -> revision. The caller owns it. */
struct json_object *metastore_revisions(const struct metastore *m);
uint64_t metastore_rev(const struct metastore *m, const char *topic);   /* 0: not here */
size_t metastore_objects(const struct metastore *m);             /* of complete topics */
/* What brings somebody who has these revisions up to date: snapshots of those topics that differ, "gone" for those that are not here. have may be NULL. */
void metastore_write(const struct metastore *m, const struct json_object *have, metastore_tell *tell, void *arg);
void metastore_drop_pieces(struct metastore *m);                /* the connection was lost: what comes next begins anew */
void metastore_clear(struct metastore *m);                      /* of another environment: nothing of it stays, on disk neither; followers are told */

/* Writes the files of changed topics whose time has come: at most one every second for each, large ones more rarely. Returns the time of the next one,
 * UINT64_MAX: none. now_ms UINT64_MAX: all. */
uint64_t metastore_save(struct metastore *m, uint64_t now_ms);
