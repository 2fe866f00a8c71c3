/* questions.h: gets a template's questions answered: from a file, from --set, from what was answered before, and on the terminal.
 *
 * What an answer must be is decided by formats/catalog.h; this module asks, and says which answers are missing. Spec catalog.md 3.1. */
#pragma once
#include "base/base.h"
#include "formats/json.h"

enum { QUESTIONS_FILE_BYTES_MAX = 1 << 20 };

struct questions_config {
        struct json_object *questions;          /* list as /v1-catalog shows it; NULL: none */
        struct json_object *given;              /* variable -> scalar: answered already, not asked; NULL: none */
        struct json_object *before;             /* variable -> scalar: answers of the stack so far, shown as defaults; NULL: none */
        bool ask;                               /* there is a person at the terminal */
        /* Names that may answer a question of type service, secret or certificate: an array, the caller's of it. NULL: not offered. */
        struct json_object *(*choices)(void *ctx, const char *type);
        void *ctx;
};

/* *ret: variable -> boolean or string for every question that has an answer, and all else that is in given; the caller owns it.
 * Fails (-EINVAL) naming every variable whose answer is missing or not allowed, each with its reason on stderr, and when the terminal ends. */
int questions_answer(const struct questions_config *cfg, struct json_object **ret, struct dr_error *err);

/* Adds the answers of a file (formats/answers.h; "-" is standard input) and of "NAME=VALUE" words to *answers, which is made when it is NULL. */
int questions_read(const char *file, const char *const *words, size_t n_words, struct json_object **answers, struct dr_error *err);
