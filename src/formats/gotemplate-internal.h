/* gotemplate-internal.h: what lexer, parser, executor and functions of templates share. Included by gotemplate*.c alone.
 *
 * The tree lives in the template's arena and is freed with it. Values are JSON trees; what JSON does not tell (int or int64, []string or
 * []interface {}, times) stands in a tag on the object: see gt_type. */
#pragma once
#include "base/vec.h"
#include "gotemplate.h"
#include "yaml.h"

enum { GT_LIST_MAX = 100000 };          /* elements of a list that a function makes */

/* ---- tokens (gotemplate_lex.c) ---- */
enum gt_token_type {
        GT_T_ERROR, GT_T_EOF, GT_T_TEXT, GT_T_LEFT, GT_T_RIGHT, GT_T_SPACE, GT_T_BOOL, GT_T_CHAR, GT_T_CHAR_CONSTANT, GT_T_ASSIGN, GT_T_DECLARE,
        GT_T_FIELD, GT_T_IDENTIFIER, GT_T_LPAREN, GT_T_RPAREN, GT_T_NUMBER, GT_T_PIPE, GT_T_RAW_STRING, GT_T_STRING, GT_T_VARIABLE,
        GT_T_KEYWORD,                   /* those below print as <word> */
        GT_T_BLOCK, GT_T_BREAK, GT_T_CONTINUE, GT_T_DOT, GT_T_DEFINE, GT_T_ELSE, GT_T_END, GT_T_IF, GT_T_NIL, GT_T_RANGE, GT_T_TEMPLATE, GT_T_WITH,
};
struct gt_token { enum gt_token_type type; const char *s; size_t n; int line; };        /* s: in the text, or the error's message */
struct gt_lexer {
        const char *text, *p, *end;
        int line, parens;
        bool inside, trim, done;        /* between {{ and }}; the text that follows loses its leading blanks; nothing comes any more */
        char error[160];
};
void gt_lex(struct gt_lexer *l, struct gt_token *ret);

/* ---- tree (gotemplate.c) ---- */
enum gt_node_kind { GT_DOT, GT_NIL, GT_BOOL, GT_NUMBER, GT_STRING, GT_FIELD, GT_VARIABLE, GT_FUNCTION, GT_CHAIN, GT_PIPE };
struct gt_function;
struct gt_pipe;
struct gt_name { const char *s; struct gt_name *next; };
struct gt_operand {
        enum gt_node_kind kind;
        bool truth;                     /* BOOL */
        bool is_int, is_float;          /* NUMBER: can be one */
        size_t at;                      /* offset in the text */
        const char *text;               /* NUMBER, STRING as written; VARIABLE with its $ */
        struct json_object *value;      /* of NUMBER and STRING, owned by the template's list of literals */
        const struct gt_function *function;
        struct gt_pipe *pipe;           /* PIPE; CHAIN behind ( ) */
        struct gt_operand *of;          /* CHAIN behind anything else */
        struct gt_name *fields, *fields_end;    /* FIELD, VARIABLE, CHAIN */
        struct gt_operand *next;
};
struct gt_command { struct gt_operand *args; size_t at; struct gt_command *next; };
struct gt_pipe {
        const char *vars[2];
        unsigned n_vars;
        bool assigns;                   /* = and not := */
        size_t at;
        struct gt_command *commands;
};

enum gt_action { GT_TEXT, GT_ACTION, GT_IF, GT_WITH, GT_RANGE, GT_BREAK, GT_CONTINUE, GT_TEMPLATE };
struct gt_node {
        enum gt_action kind;
        unsigned line;
        size_t at;
        const char *text;               /* TEXT, in the template's copy of the source; TEMPLATE: the name */
        size_t len;
        struct gt_pipe *pipe;
        struct gt_node *body, *otherwise, *next;
};
struct gt_define { const char *name; struct gt_node *body; struct gt_define *next; };
struct gotemplate {
        char *name, *source;
        size_t len;
        struct yarena *arena;
        VEC(struct json_object *) literals;
        struct gt_node *root;
        struct gt_define *defines;
};
/* As Go writes them in messages (gotemplate_write.c). */
void gt_write_operand(const struct gt_operand *o, struct sbuf *out);
void gt_write_command(const struct gt_command *cmd, struct sbuf *out);
void gt_write_pipe(const struct gt_pipe *p, struct sbuf *out);

/* A quoted literal's text; false: it is malformed. A whole number without its sign in Go's forms: 12, 0x1f, 0b11, 0o17, 017, 1_000. */
bool gt_unquote(struct gt_token t, struct sbuf *b);
bool gt_whole(const char *s, uint64_t *ret);

/* ---- values (gotemplate_value.c) ---- */
/* missing: a key that is not there; o NULL without it: nil. slot: out of an interface {} of a list or map, which messages name as its type. */
struct gt_value { struct json_object *o; bool missing, slot; };
enum gt_type { GT_TYPE_NONE, GT_TYPE_BOOL, GT_TYPE_STRING, GT_TYPE_INT, GT_TYPE_INT64, GT_TYPE_FLOAT, GT_TYPE_LIST, GT_TYPE_STRINGS, GT_TYPE_INTS,
               GT_TYPE_MAP, GT_TYPE_DICT, GT_TYPE_STRING_MAP, GT_TYPE_TIME };
enum gt_type gt_type(const struct gt_value *v);
void gt_set_type(struct json_object *o, enum gt_type t);        /* INT64, STRINGS, INTS, DICT (a map made here), STRING_MAP, TIME (int64 nanoseconds) */
const char *gt_type_name(const struct gt_value *v);             /* "map[string]interface {}" */
const char *gt_kind_name(const struct gt_value *v);             /* "map" */
bool gt_truth(const struct gt_value *v);
bool gt_is_string(const struct gt_value *v);
const char *gt_text(const struct gt_value *v, size_t *ret_n);   /* of a string; "" for others */
void gt_print(const struct gt_value *v, unsigned flags, struct sbuf *out);              /* as {{x}} does */
void gt_quote(const char *s, size_t n, struct sbuf *out);       /* %q of Go */
unsigned gt_rune(const char *s, size_t n, size_t *ret_len);     /* the first character of n > 0 bytes; U+FFFD, 1 byte, where it is none */
void gt_put_rune(struct sbuf *b, unsigned c);
struct gt_keys { const char **v; size_t n, cap; };              /* borrowed from the map; vec_done() */
void gt_sorted_keys(struct json_object *map, struct gt_keys *ret);
void gt_time_format(int64_t ns, const char *layout, struct sbuf *out);                  /* UTC */

/* ---- one run (gotemplate_exec.c) ---- */
struct gt_run;
/* A call of a function. Whatever it makes goes into ret by one of gt_give...(), which give the object to the run. */
struct gt_call {
        struct gt_run *run;
        const struct gt_value *a;
        size_t n;
        struct gt_value ret;
        char error[300];
};
struct gt_function {
        const char *name;
        /* Parameters: s string, i int, v anything, r anything (nil and missing stay apart), m a map made by dict, M any map, S a list, t a time;
         * "*" behind the last: any number of it. */
        const char *params;
        int (*fn)(struct gt_call *c);
};
const struct gt_function *gt_function_get(const char *name, size_t len);        /* NULL: there is none */

int gt_fail(struct gt_call *c, const char *fmt, ...) DR_PRINTF(2, 3);           /* -EINVAL */
int gt_give(struct gt_call *c, struct json_object *o);          /* takes o over */
int gt_give_value(struct gt_call *c, const struct gt_value *v); /* one of the arguments */
int gt_give_text(struct gt_call *c, const char *s, size_t n);
int gt_give_sbuf(struct gt_call *c, const struct sbuf *b);      /* an error when it ran over */
int gt_give_int(struct gt_call *c, int64_t i, enum gt_type t);
int gt_give_bool(struct gt_call *c, bool b);
/* n bytes or elements were worked on: an error when the run has done too much. */
int gt_spend(struct gt_call *c, size_t n);
/* A value to be made part of another, for the caller: a copy, so that nothing gets inside itself; an error when it is too deep or large. */
int gt_hold(struct gt_call *c, const struct gt_value *v, struct json_object **ret);
void gt_keep(struct gt_call *c, struct json_object *o);         /* o, taken out of a map, lives until the action is done */

int gt_printf(struct gt_call *c, struct sbuf *out);             /* gotemplate_printf.c: format and arguments are c's */
int64_t gt_to_int(const struct gt_value *v);                    /* sprig's: text by what it says, else 0 */
double gt_to_float(const struct gt_value *v);
extern const struct gt_function gt_text_functions[], gt_more_functions[];       /* end with a row without name */
