/* options-internal.h: what options.c and options-text.c share, and tests may look at. */
#pragma once
#include "options.h"
#include "vec.h"

enum { OPT_DEPTH_MAX = 6, OPT_NAME_BYTES_MAX = 64, OPT_CONFIG_BYTES_MAX = 64 * 1024, OPT_ARGS_MAX = 4096, OPT_VALUE_BYTES_MAX = 64 * 1024 };

struct opt_value {
        const struct opt_row *row;
        size_t level;                   /* index in opts.path of the command that has the row */
        enum opt_source source;
        bool set;                       /* some source gave it */
        char *text;
        bool flag;
        int64_t number;
        VEC(char *) list;               /* ends in NULL after parsing */
};

struct opts {
        const struct opt_command *path[OPT_DEPTH_MAX];
        size_t depth;
        VEC(struct opt_value) values;
        VEC(char *) args;               /* ends in NULL after parsing; n does not count it */
        enum opts_action action;
};

/* Copies the next word of a blank-separated list to buf, cut; returns where to go on, or NULL at the end. sep: further separator. */
const char *opt_next_word(const char *list, char sep, char *buf, size_t n);
static inline bool opt_takes_value(const struct opt_row *r) { return r->type != OPT_FLAG; }
