/* up_files.h: finds and reads the files of "drover up" and gives them to the compose reader. I/O on local files only. */
#pragma once
#include "formats/compose.h"

enum { UP_FILE_BYTES_MAX = COMPOSE_TEXT_MAX };

struct up_files_config {
        const char *const *files;       /* NULL-ended; empty: docker-compose.yml and what stands beside it */
        size_t n;
        bool split_colons;              /* files came from COMPOSE_FILE: a path list */
        const char *rancher_file;       /* NULL: rancher-compose.yml beside the first file, if it is there */
        const char *env_file;           /* NULL: none */
        const char *(*environment)(void *ctx);  /* the environment's name, asked only when a document is a template; NULL: not known */
        void *ctx;
        const char *stack;              /* NULL: COMPOSE_PROJECT_NAME, else the first file's folder */
};

struct up_files {
        char *stack;
        struct compose *compose;
};
/* Asks the questions of the documents' catalog sections on the terminal, for variables that are not given (questions.h).
 * Prints warnings and errors of the documents to stderr. Returns 0 with *ret (up_files_done() it), or negative with *err. */
int up_files_read(const struct up_files_config *cfg, struct up_files *ret, struct dr_error *err);
/* The same, but prints the documents as they are after their templates to stdout. */
int up_files_render(const struct up_files_config *cfg, struct dr_error *err);
void up_files_done(struct up_files *f);
