/* gotemplate-internal.h: what parser, executor and functions of templates share. */
#pragma once
#include "base/vec.h"
#include "gotemplate.h"

/* A value on the way. missing: a key that is not there, which is not the same as null. */
struct gt_value { struct json_object *o; bool missing; };
static inline void gt_value_done(struct gt_value *v) {
        json_object_put(v->o);
        *v = (struct gt_value) { .missing = true };
}

/* All n bytes, NULs too, and one behind them. The caller frees. */
static inline char *gt_copy(const char *p, size_t n) {
        char *copy = dr_xmalloc(n + 1);
        memcpy(copy, p, n);
        copy[n] = '\0';
        return copy;
}

struct gt_function {
        const char *name;
        unsigned min_args, max_args;
        /* args are borrowed; ret is the caller's. */
        int (*fn)(const struct gt_value *args, size_t n, struct gt_value *ret, struct dr_error *err);
};
const struct gt_function *gt_function_get(const char *name, size_t len);        /* NULL: there is none */

bool gt_truth(const struct gt_value *v);
/* As {{x}} prints it. */
void gt_print(const struct gt_value *v, unsigned flags, struct sbuf *out);
/* printf of Go: %s %v %d %q %t %f %x %%, with flags, width and precision. */
int gt_printf(const struct gt_value *args, size_t n, struct sbuf *out, struct dr_error *err);

enum gt_operand_kind { GT_LITERAL, GT_DOT, GT_VARIABLE, GT_CALL, GT_PIPE };
struct gt_pipe;
struct gt_operand {
        enum gt_operand_kind kind;
        struct json_object *literal;
        char *name;                     /* of the variable, with its $ */
        const struct gt_function *function;
        struct gt_pipe *pipe;           /* in parentheses */
        VEC(char *) fields;             /* .A.B behind it */
};
struct gt_command { VEC(struct gt_operand) operands; };
struct gt_pipe {
        char *vars[2];                  /* assigned; range may have two */
        size_t n_vars;
        bool declares;                  /* := and not = */
        int line;
        VEC(struct gt_command) commands;
};

enum gt_node_kind { GT_TEXT, GT_ACTION, GT_IF, GT_WITH, GT_RANGE, GT_BREAK, GT_CONTINUE };
struct gt_node;
struct gt_list { struct gt_node **v; size_t n, cap; };
struct gt_node {
        enum gt_node_kind kind;
        char *text;
        size_t len;
        struct gt_pipe *pipe;
        struct gt_list body, otherwise;
};

struct gotemplate { char *name; struct gt_list list; };
