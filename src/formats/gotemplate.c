/* gotemplate.c: tokens into a tree, as Go's text/template/parse/parse.go does, with its messages. The first error sticks: after it only end-of-text
 * tokens come, so that every loop ends. */
#include "gotemplate-internal.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

#include "base/parse.h"
#include "utf8.h"

enum { NODES_MAX = 500000, DEFINES_MAX = 1000, BACK_MAX = 3 };

struct parser {
        struct gotemplate *t;
        struct gt_lexer lexer;
        struct gt_token back[BACK_MAX];         /* tokens given back; the last one comes first */
        unsigned n_back;
        int line, action_line;          /* of the last token taken; of the {{ of this action */
        unsigned depth, loops, defines;
        size_t nodes;
        VEC(const char *) vars;
        int r;
        struct dr_error *err;
};

static void bad(struct parser *x, const char *fmt, ...) DR_PRINTF(2, 3);
static void bad(struct parser *x, const char *fmt, ...) {
        char text[400];
        va_list ap;
        if (x->r < 0)
                return;
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        x->r = dr_fail(x->err, DR_E_INVALID_FORMAT, NULL, "%.100s:%d: %s", x->t->name, x->line, text);
}

static void *node(struct parser *x, size_t n) {
        if (++x->nodes > NODES_MAX)
                bad(x, "the template has more than %d parts", NODES_MAX);
        return yarena_alloc(x->t->arena, n);
}

static const char *copy(struct parser *x, const char *s, size_t n) {
        char *p = yarena_alloc(x->t->arena, n + 1);
        memcpy(p, s, n);
        return p;
}

/* ---- tokens ---- */
static struct gt_token next(struct parser *x) {
        struct gt_token t = { GT_T_EOF, x->lexer.end, 0, x->line };
        if (x->r < 0)
                return t;
        if (x->n_back)
                t = x->back[--x->n_back];
        else
                gt_lex(&x->lexer, &t);
        x->line = t.line;
        return t;
}
static void give_back(struct parser *x, struct gt_token t) {
        if (x->r == 0)
                x->back[x->n_back++] = t;
}
static struct gt_token peek(struct parser *x) {
        struct gt_token t = next(x);
        give_back(x, t);
        return t;
}
static struct gt_token next_solid(struct parser *x) {
        struct gt_token t;
        do
                t = next(x);
        while (t.type == GT_T_SPACE);
        return t;
}
static struct gt_token peek_solid(struct parser *x) {
        struct gt_token t = next_solid(x);
        give_back(x, t);
        return t;
}
static size_t offset(const struct parser *x, struct gt_token t) { return t.type == GT_T_ERROR ? x->t->len : (size_t) (t.s - x->t->source); }

/* As Go prints tokens in messages. */
static void describe(struct gt_token t, char *buf, size_t n) {
        if (t.type == GT_T_EOF) {
                snprintf(buf, n, "EOF");
        } else if (t.type > GT_T_KEYWORD) {
                snprintf(buf, n, "<%.*s>", (int) t.n, t.s);
        } else {
                auto_sbuf struct sbuf b = SBUF(200);
                size_t cut = 0;
                for (unsigned k = 0; k < 10 && cut < t.n; k++)
                        cut += MAX(utf8_sequence((const unsigned char *) t.s + cut, t.n - cut), (size_t) 1);
                gt_quote(t.s, t.n > 10 ? cut : t.n, &b);
                snprintf(buf, n, "%s%s", sbuf_str(&b), t.n > 10 ? "..." : "");
        }
}

static void unexpected(struct parser *x, struct gt_token t, const char *context) {
        char what[240];
        if (t.type == GT_T_ERROR && x->action_line && x->action_line != t.line)
                bad(x, "%.*s%s started at line %d", (int) t.n, t.s, str_eq(t.s, "unclosed action") ? "" : " in action", x->action_line);
        else if (t.type == GT_T_ERROR)
                bad(x, "%.*s", (int) t.n, t.s);
        describe(t, what, sizeof what);
        bad(x, "unexpected %s in %s", what, context);
}

static struct gt_token expect(struct parser *x, enum gt_token_type type, const char *context) {
        struct gt_token t = next_solid(x);
        if (t.type != type)
                unexpected(x, t, context);
        return t;
}

/* ---- literals ---- */
static struct json_object *literal(struct parser *x, struct json_object *o) {
        vec_push(&x->t->literals, o);
        return o;
}

static void string_literal(struct parser *x, struct gt_token t, struct gt_operand *o) {
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_BYTES_MAX);
        o->kind = GT_STRING;
        o->text = copy(x, t.s, t.n);
        if (!gt_unquote(t, &b))
                bad(x, "invalid syntax");
        o->value = literal(x, json_object_new_string_len(sbuf_str(&b), (int) b.len));
}

static void number_literal(struct parser *x, struct gt_token t, struct gt_operand *o) {
        char plain[80];
        size_t n = 0;
        uint64_t u;
        double d;
        o->kind = GT_NUMBER;
        o->text = copy(x, t.s, t.n);
        bool negative = *o->text == '-', signed_ = negative || *o->text == '+';
        for (const char *p = o->text; *p && n < sizeof plain - 1; p++)
                if (*p != '_' && *p != '+')
                        plain[n++] = *p;
        plain[n] = '\0';
        if (gt_whole(o->text + signed_, &u)) {
                o->is_int = o->is_float = true;
                if (u > (uint64_t) INT64_MAX + negative)
                        bad(x, "%.60s overflows int", o->text);
                o->value = literal(x, json_object_new_int64(negative ? (int64_t) -u : (int64_t) u));
        } else if (t.n < sizeof plain && strpbrk(plain, ".eEpP") && parse_double(plain, &d) == 0 && isfinite(d)) {
                o->is_float = true;
                o->is_int = d == floor(d) && fabs(d) < 0x1p63;
                o->value = literal(x, json_object_new_double(d));
        } else {
                bad(x, "illegal number syntax: \"%.60s\"", o->text);
        }
}

static void char_literal(struct parser *x, struct gt_token t, struct gt_operand *o) {
        auto_sbuf struct sbuf b = SBUF(16);
        o->kind = GT_NUMBER;
        o->text = copy(x, t.s, t.n);
        o->is_int = o->is_float = true;
        size_t n = 0;
        unsigned c = gt_unquote(t, &b) && b.len ? gt_rune(sbuf_str(&b), b.len, &n) : 0;
        if (!n || n != b.len)
                bad(x, "malformed character constant: %.60s", o->text);
        if (b.len == 1)                 /* '\xff' is no character, but a number */
                c = (unsigned char) b.data[0];
        o->value = literal(x, json_object_new_int64(c));
}

/* ---- operands ---- */
static struct gt_pipe *pipeline(struct parser *x, const char *context, enum gt_token_type end);

static void add_field(struct parser *x, struct gt_operand *o, struct gt_token t) {
        struct gt_name *name = node(x, sizeof *name);
        name->s = copy(x, t.s + 1, t.n - 1);
        if (o->fields_end)
                o->fields_end->next = name;
        else
                o->fields = name;
        o->fields_end = name;
}

static void function(struct parser *x, struct gt_token t, struct gt_operand *o) {
        o->kind = GT_FUNCTION;
        o->function = gt_function_get(t.s, t.n);
        if (!o->function && x->r == 0) {
                bad(x, "function \"%.*s\" not defined", (int) MIN(t.n, (size_t) 200), t.s);
                if (x->err)
                        x->err->code = DR_E_INVALID_REFERENCE;
        }
}

static void variable(struct parser *x, struct gt_token t, struct gt_operand *o) {
        o->kind = GT_VARIABLE;
        o->text = copy(x, t.s, t.n);
        for (size_t i = 0; i < x->vars.n; i++)
                if (str_eq(x->vars.v[i], o->text))
                        return;
        bad(x, "undefined variable \"%.100s\"", o->text);
}

/* NULL: what comes is none; it is given back. */
static struct gt_operand *term(struct parser *x) {
        struct gt_token t = next_solid(x);
        struct gt_operand *o = node(x, sizeof *o);
        o->at = offset(x, t);
        switch (t.type) {
        case GT_T_IDENTIFIER:           function(x, t, o); break;
        case GT_T_DOT:                  o->kind = GT_DOT; break;
        case GT_T_NIL:                  o->kind = GT_NIL; break;
        case GT_T_VARIABLE:             variable(x, t, o); break;
        case GT_T_FIELD:
                o->kind = GT_FIELD;
                add_field(x, o, t);
                break;
        case GT_T_BOOL:
                o->kind = GT_BOOL;
                o->truth = t.n == 4;
                break;
        case GT_T_CHAR_CONSTANT:        char_literal(x, t, o); break;
        case GT_T_NUMBER:               number_literal(x, t, o); break;
        case GT_T_STRING:
        case GT_T_RAW_STRING:           string_literal(x, t, o); break;
        case GT_T_LPAREN:
                o->kind = GT_PIPE;
                if (++x->depth > GOTEMPLATE_DEPTH_MAX)
                        bad(x, "more than %d levels", GOTEMPLATE_DEPTH_MAX);
                o->pipe = pipeline(x, "parenthesized pipeline", GT_T_RPAREN);
                o->at = o->pipe->at;
                x->depth--;
                break;
        default:
                give_back(x, t);
                return NULL;
        }
        return o;
}

static struct gt_operand *operand(struct parser *x) {
        struct gt_operand *o = term(x);
        struct gt_token t = peek(x);
        if (!o || t.type != GT_T_FIELD)
                return o;
        if (o->kind == GT_BOOL || o->kind == GT_STRING || o->kind == GT_NUMBER || o->kind == GT_NIL || o->kind == GT_DOT) {
                auto_sbuf struct sbuf b = SBUF(4096), quoted = SBUF(8192);
                gt_write_operand(o, &b);
                gt_quote(sbuf_str(&b), b.len, &quoted);
                bad(x, "unexpected . after term %.200s", sbuf_str(&quoted));
                return o;
        }
        if (o->kind == GT_PIPE || o->kind == GT_FUNCTION) {
                struct gt_operand *chain = node(x, sizeof *chain);
                chain->kind = GT_CHAIN;
                chain->of = o;
                o = chain;
        }
        o->at = offset(x, t);           /* where Go places fields of fields, too */
        for (; t.type == GT_T_FIELD && x->r == 0; t = peek(x))
                add_field(x, o, next(x));
        return o;
}

static struct gt_command *command(struct parser *x) {
        struct gt_command *cmd = node(x, sizeof *cmd);
        struct gt_operand **end = &cmd->args;
        cmd->at = offset(x, peek_solid(x));
        for (;;) {
                struct gt_operand *o = operand(x);
                if (o) {
                        *end = o;
                        end = &o->next;
                }
                struct gt_token t = next(x);
                if (t.type == GT_T_SPACE)
                        continue;
                if (t.type == GT_T_RIGHT || t.type == GT_T_RPAREN)
                        give_back(x, t);
                else if (t.type != GT_T_PIPE)
                        unexpected(x, t, "operand");
                break;
        }
        if (!cmd->args)
                bad(x, "empty command");
        return cmd;
}

static void declare(struct parser *x, struct gt_pipe *p, struct gt_token v) {
        const char *name = copy(x, v.s, v.n);
        p->vars[p->n_vars++] = name;
        if (x->vars.n >= GOTEMPLATE_VARIABLES_MAX)
                bad(x, "more than %d variables", GOTEMPLATE_VARIABLES_MAX);
        else
                vec_push(&x->vars, name);
}

/* $a := or $a = or, for range, $a, $b := in front of a pipeline. */
static void declarations(struct parser *x, const char *context, struct gt_pipe *p) {
        for (;;) {
                struct gt_token v = peek_solid(x);
                if (v.type != GT_T_VARIABLE)
                        return;
                next(x);
                struct gt_token after = peek(x), t = peek_solid(x);     /* peeking eats blanks */
                if (t.type == GT_T_ASSIGN || t.type == GT_T_DECLARE) {
                        p->assigns = t.type == GT_T_ASSIGN;
                        next_solid(x);
                        declare(x, p, v);
                        return;
                }
                if (t.type != GT_T_CHAR || *t.s != ',') {
                        if (after.type == GT_T_SPACE)
                                give_back(x, after);
                        give_back(x, v);
                        return;
                }
                next_solid(x);
                declare(x, p, v);
                if (!str_eq(context, "range") || p->n_vars > 1) {
                        bad(x, "too many declarations in %s", context);
                        return;
                }
                t = peek_solid(x);
                if (t.type != GT_T_VARIABLE && t.type != GT_T_RIGHT && t.type != GT_T_RPAREN) {
                        bad(x, "range can only initialize variables");
                        return;
                }
        }
}

static void check_pipeline(struct parser *x, const char *context, const struct gt_pipe *p) {
        if (!p->commands) {
                bad(x, "missing value for %s", context);
                return;
        }
        int stage = 2;
        for (const struct gt_command *cmd = p->commands->next; cmd; cmd = cmd->next, stage++) {
                enum gt_node_kind k = cmd->args ? cmd->args->kind : GT_NIL;
                if (k == GT_BOOL || k == GT_DOT || k == GT_NIL || k == GT_NUMBER || k == GT_STRING)
                        bad(x, "non executable command in pipeline stage %d", stage);
        }
}

static struct gt_pipe *pipeline(struct parser *x, const char *context, enum gt_token_type end) {
        struct gt_pipe *p = node(x, sizeof *p);
        struct gt_command **last = &p->commands;
        p->at = offset(x, peek_solid(x));
        declarations(x, context, p);
        while (x->r == 0) {
                struct gt_token t = next_solid(x);
                if (t.type == end) {
                        check_pipeline(x, context, p);
                        break;
                }
                switch (t.type) {
                case GT_T_BOOL: case GT_T_CHAR_CONSTANT: case GT_T_DOT: case GT_T_FIELD: case GT_T_IDENTIFIER: case GT_T_NUMBER: case GT_T_NIL:
                case GT_T_RAW_STRING: case GT_T_STRING: case GT_T_VARIABLE: case GT_T_LPAREN:
                        give_back(x, t);
                        *last = command(x);
                        last = &(*last)->next;
                        break;
                default:
                        unexpected(x, t, context);
                }
        }
        return p;
}

/* ---- actions ---- */
enum stop { STOP_NONE, STOP_EOF, STOP_END, STOP_ELSE };
static enum stop list(struct parser *x, struct gt_node **ret);

/* if, with, range: from behind the word to behind {{end}}. */
static struct gt_node *controlled(struct parser *x, enum gt_action kind, const char *context) {
        struct gt_node *n = node(x, sizeof *n);
        size_t vars = x->vars.n;
        int line = x->line;
        n->kind = kind;
        if (++x->depth > GOTEMPLATE_DEPTH_MAX)
                bad(x, "more than %d levels", GOTEMPLATE_DEPTH_MAX);
        n->pipe = pipeline(x, context, GT_T_RIGHT);
        n->at = n->pipe->at;
        x->loops += kind == GT_RANGE;
        enum stop stop = list(x, &n->body);
        x->loops -= kind == GT_RANGE;
        if (stop == STOP_ELSE) {
                struct gt_token t = peek_solid(x);
                if ((t.type == GT_T_IF && kind == GT_IF) || (t.type == GT_T_WITH && kind == GT_WITH)) {
                        next_solid(x);          /* one {{end}} serves both */
                        n->otherwise = controlled(x, kind, context);
                        goto done;
                }
                expect(x, GT_T_RIGHT, "else");
                stop = list(x, &n->otherwise);
                if (stop == STOP_ELSE)
                        bad(x, "expected end; found {{else}}");
        }
        if (stop == STOP_EOF)
                bad(x, "unexpected EOF: {{%s}} of line %d has no {{end}}", context, line);
done:
        x->vars.n = vars;
        x->depth--;
        return n;
}

static struct gt_node *jump(struct parser *x, enum gt_action kind, const char *context) {
        struct gt_node *n = node(x, sizeof *n);
        n->kind = kind;
        expect(x, GT_T_RIGHT, context);
        if (!x->loops)
                bad(x, "%s outside {{range}}", context);
        return n;
}

static const char *template_name(struct parser *x, const char *context) {
        struct gt_token t = next_solid(x);
        struct gt_operand o = { 0 };
        if (t.type != GT_T_STRING && t.type != GT_T_RAW_STRING) {
                unexpected(x, t, context);
                return "";
        }
        string_literal(x, t, &o);
        const char *name = json_object_get_string(o.value);
        return copy(x, name, strlen(name));
}

static struct gt_node *call_template(struct parser *x) {
        struct gt_node *n = node(x, sizeof *n);
        n->kind = GT_TEMPLATE;
        n->at = offset(x, peek_solid(x));
        n->text = template_name(x, "template clause");
        struct gt_token t = next_solid(x);
        if (t.type != GT_T_RIGHT) {
                give_back(x, t);
                n->pipe = pipeline(x, "template clause", GT_T_RIGHT);
        }
        return n;
}

/* The body of define and block, with variables of its own. */
static void define(struct parser *x, const char *name, const char *context, bool again) {
        struct gt_define *d = node(x, sizeof *d);
        VEC(const char *) outer = { x->vars.v, x->vars.n, x->vars.cap };
        unsigned loops = x->loops;
        x->vars.v = NULL;
        x->vars.n = x->vars.cap = 0;
        x->loops = 0;
        vec_push(&x->vars, "$");
        d->name = name;
        enum stop stop = list(x, &d->body);
        if (stop != STOP_END)
                bad(x, stop == STOP_EOF ? "unexpected EOF: %s has no {{end}}" : "unexpected {{else}} in %s", context);
        vec_done(&x->vars);
        x->vars.v = outer.v;
        x->vars.n = outer.n;
        x->vars.cap = outer.cap;
        x->loops = loops;
        for (const struct gt_define *old = x->t->defines; old && !again; old = old->next)
                if (str_eq(old->name, name) && old->body && d->body)
                        bad(x, "template: multiple definition of template \"%.100s\"", name);
        if (++x->defines > DEFINES_MAX)
                bad(x, "more than %d templates are defined", DEFINES_MAX);
        d->next = x->t->defines;
        x->t->defines = d;
}

static void definition(struct parser *x) {
        const char *name = template_name(x, "define clause");
        expect(x, GT_T_RIGHT, "define clause");
        x->depth++;
        define(x, name, "define clause", false);
        x->depth--;
}

static struct gt_node *block(struct parser *x) {
        struct gt_node *n = node(x, sizeof *n);
        n->kind = GT_TEMPLATE;
        n->at = offset(x, peek_solid(x));
        n->text = template_name(x, "block clause");
        n->pipe = pipeline(x, "block clause", GT_T_RIGHT);
        if (++x->depth > GOTEMPLATE_DEPTH_MAX)
                bad(x, "more than %d levels", GOTEMPLATE_DEPTH_MAX);
        define(x, n->text, "block clause", true);
        x->depth--;
        return n;
}

/* Behind {{. A node, or NULL for what stops a list or gives nothing. */
static struct gt_node *action(struct parser *x, enum stop *ret) {
        struct gt_token t = next_solid(x);
        struct gt_node *n;
        switch (t.type) {
        case GT_T_IF:           return controlled(x, GT_IF, "if");
        case GT_T_WITH:         return controlled(x, GT_WITH, "with");
        case GT_T_RANGE:        return controlled(x, GT_RANGE, "range");
        case GT_T_BREAK:        return jump(x, GT_BREAK, "{{break}}");
        case GT_T_CONTINUE:     return jump(x, GT_CONTINUE, "{{continue}}");
        case GT_T_TEMPLATE:     return call_template(x);
        case GT_T_BLOCK:        return block(x);
        case GT_T_END:
                expect(x, GT_T_RIGHT, "end");
                *ret = STOP_END;
                return NULL;
        case GT_T_ELSE: {
                struct gt_token after = peek_solid(x);
                if (after.type != GT_T_IF && after.type != GT_T_WITH && after.type != GT_T_RIGHT)
                        unexpected(x, after, "else");
                *ret = STOP_ELSE;
                return NULL;
        }
        case GT_T_DEFINE:
                if (x->depth)           /* at the top only */
                        break;
                definition(x);
                return NULL;
        default:
                break;
        }
        give_back(x, t);
        n = node(x, sizeof *n);
        n->kind = GT_ACTION;
        n->pipe = pipeline(x, "command", GT_T_RIGHT);
        n->at = n->pipe->at;
        return n;
}

static enum stop list(struct parser *x, struct gt_node **ret) {
        struct gt_node **last = ret;
        while (x->r == 0) {
                struct gt_token t = next(x);
                enum stop stop = STOP_NONE;
                struct gt_node *n = NULL;
                if (t.type == GT_T_EOF)
                        return STOP_EOF;
                if (t.type == GT_T_TEXT) {
                        n = node(x, sizeof *n);
                        n->kind = GT_TEXT;
                        n->at = offset(x, t);
                        n->text = t.s;
                        n->len = t.n;
                } else if (t.type == GT_T_LEFT) {
                        x->action_line = t.line;
                        n = action(x, &stop);
                        x->action_line = 0;
                } else {
                        unexpected(x, t, "input");
                }
                if (stop)
                        return stop;
                if (n) {
                        n->line = (unsigned) t.line;
                        *last = n;
                        last = &n->next;
                }
        }
        return STOP_NONE;
}

int gotemplate_parse(const char *text, size_t n, const char *name, struct gotemplate **ret, struct dr_error *err) {
        if (n > GOTEMPLATE_BYTES_MAX)
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "%.100s: the template is longer than %d bytes", name, GOTEMPLATE_BYTES_MAX);
        struct gotemplate *t = dr_xnew(struct gotemplate);
        t->name = dr_xstrdup(name);
        t->source = dr_xmalloc(n + 1);
        if (n)
                memcpy(t->source, text, n);
        t->source[n] = '\0';
        t->len = n;
        t->arena = yarena_new(SIZE_MAX / 2);
        struct parser x = { .t = t, .line = 1, .err = err, .lexer = { .text = t->source, .p = t->source, .end = t->source + n, .line = 1 } };
        vec_push(&x.vars, "$");
        enum stop stop = list(&x, &t->root);
        if (stop == STOP_END || stop == STOP_ELSE)
                bad(&x, "unexpected {{%s}}", stop == STOP_END ? "end" : "else");
        vec_done(&x.vars);
        if (x.r < 0) {
                gotemplate_free(t);
                return x.r;
        }
        *ret = t;
        return 0;
}

struct gotemplate *gotemplate_free(struct gotemplate *t) {
        if (!t)
                return NULL;
        for (size_t i = 0; i < t->literals.n; i++)
                json_object_put(t->literals.v[i]);
        vec_done(&t->literals);
        yarena_free(t->arena);
        free(t->source);
        free(t->name);
        free(t);
        return NULL;
}
