/* compose_player.h: plays server and executor for compose tests: reads documents, keeps what the requests would have made, and writes down
 * the requests in the form of recorded data (tests/data/compose/README.md). For tests only. */
#pragma once
#include "formats/compose.h"
#include "formats/json.h"

/* What exists besides the stack's own: another stack "other" with services db, cache, web; secrets secret1, secret2; certificates cert1,
 * cert2; a host template "small". */
struct player {
        const char *stack;                      /* name of the stack under test, id "stack:main" */
        bool start;                             /* startOnCreate */
        struct json_object *answers;            /* the stack's environment; owned */
        char *version, *previous_version;       /* of the catalog section */
        struct json_object *services;           /* as an API would show them, in the order of creation */
        struct json_object *volumes;            /* volume templates */
        struct json_object *requests;           /* of the last run */
        struct json_object *warnings;           /* texts, of the last run */
        char *error;                            /* of the last run, NULL: none */
        char *messages;                         /* warnings and errors with their places, one per line */
        char *rendered[2];
        const char *folder;                     /* where documents may read files from; NULL: nowhere */
};

void player_init(struct player *p, const char *stack, const struct json_object *answers);
void player_done(struct player *p);

struct player_files { const char *name, *text; size_t len; const char *rancher; size_t rancher_len; };   /* rancher: NULL: none */

/* Returns 0, or negative with p->error. */
int player_create(struct player *p, const struct player_files *files);
int player_upgrade(struct player *p, const struct player_files *files, const struct json_object *answers);
struct json_object *player_service(const struct player *p, const char *name);   /* borrowed; NULL: there is none */

/* The stack as compose documents; the caller frees both. */
void player_export(struct player *p, char **ret_docker, char **ret_rancher);
/* Exports what the last run made and reads that back: the same services, and the same text when it is exported again. Prints differences. */
bool player_round_trip(struct player *p, const char *title);

/* Without empty values, hash labels read HASH; the caller owns it. */
struct json_object *player_reduced(const struct json_object *v);
char *player_text(const struct json_object *v);                                 /* canonical; the caller frees */

/* Compares the last run with recorded requests and prints every difference under that name. waves: the order counts too. */
bool player_matches(const struct player *p, const char *name, const struct json_object *requests, bool waves);

/* A document after its templates, of the last run that read; NULL: there is none. Borrowed. */
const char *player_rendered(const struct player *p, size_t document);

/* A whole file, NUL-terminated; NULL when it is not there. The caller frees. */
char *player_read_file(const char *path, size_t *ret_len);
