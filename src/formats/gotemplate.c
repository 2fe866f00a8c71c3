/* gotemplate.c: text into a tree. */
#include "gotemplate-internal.h"

#include <ctype.h>
#include <stdio.h>

#include "base/parse.h"

struct parser {
        const char *p, *end;            /* of the text */
        const char *a, *a_end;          /* inside the action being read */
        const char *name;
        int line, depth;
        unsigned loops;                 /* of range around here */
        bool trim;                      /* the text that follows loses its leading blanks */
        bool comment;                   /* the action was one */
        struct dr_error *err;
};

static int bad(struct parser *x, enum dr_code code, const char *fmt, ...) DR_PRINTF(3, 4);
static int bad(struct parser *x, enum dr_code code, const char *fmt, ...) {
        char text[256];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        return dr_fail(x->err, code, NULL, "%.100s:%d: %s", x->name, x->line, text);
}

/* ---- freeing ---- */
static void pipe_free(struct gt_pipe *p);
static void operand_done(struct gt_operand *o) {
        json_object_put(o->literal);
        free(o->name);
        pipe_free(o->pipe);
        for (size_t i = 0; i < o->fields.n; i++)
                free(o->fields.v[i]);
        vec_done(&o->fields);
}
static void pipe_free(struct gt_pipe *p) {
        if (!p)
                return;
        for (size_t i = 0; i < p->commands.n; i++) {
                for (size_t k = 0; k < p->commands.v[i].operands.n; k++)
                        operand_done(&p->commands.v[i].operands.v[k]);
                vec_done(&p->commands.v[i].operands);
        }
        vec_done(&p->commands);
        free(p->vars[0]);
        free(p->vars[1]);
        free(p);
}
static void list_done(struct gt_list *l) {
        for (size_t i = 0; i < l->n; i++) {
                struct gt_node *n = l->v[i];
                free(n->text);
                pipe_free(n->pipe);
                list_done(&n->body);
                list_done(&n->otherwise);
                free(n);
        }
        vec_done(l);
}
struct gotemplate *gotemplate_free(struct gotemplate *t) {
        if (!t)
                return NULL;
        list_done(&t->list);
        free(t->name);
        free(t);
        return NULL;
}

/* ---- inside an action ---- */
static void blanks(struct parser *x) {
        while (x->a < x->a_end && isspace((unsigned char) *x->a)) {
                x->line += *x->a == '\n';
                x->a++;
        }
}
static bool is_word(char c) { return isalnum((unsigned char) c) || c == '_' || (unsigned char) c >= 0x80; }
static size_t word_len(const struct parser *x, const char *p) {
        size_t n = 0;
        while (p + n < x->a_end && is_word(p[n]))
                n++;
        return n;
}
static bool take_char(struct parser *x, char c) {
        blanks(x);
        if (x->a >= x->a_end || *x->a != c)
                return false;
        x->a++;
        return true;
}
/* The word, and nothing that would make it longer. */
static bool take_word(struct parser *x, const char *word) {
        blanks(x);
        size_t n = strlen(word);
        if (word_len(x, x->a) != n || memcmp(x->a, word, n) != 0)
                return false;
        x->a += n;
        return true;
}

static int hex(char c) { return isdigit((unsigned char) c) ? c - '0' : tolower((unsigned char) c) - 'a' + 10; }

static int quoted(struct parser *x, struct json_object **ret) {
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_BYTES_MAX);
        char quote = *x->a++;
        for (;;) {
                if (x->a >= x->a_end || (quote == '"' && *x->a == '\n'))
                        return bad(x, DR_E_INVALID_FORMAT, "a quoted string has no end");
                char c = *x->a++;
                if (c == quote)
                        break;
                x->line += c == '\n';
                if (c != '\\' || quote == '`') {
                        sbuf_putc(&b, c);
                        continue;
                }
                static const char from[] = "abfnrtv\\\"'", to[] = "\a\b\f\n\r\t\v\\\"'";
                const char *at = x->a < x->a_end ? strchr(from, *x->a) : NULL;
                if (x->a < x->a_end && at && *at) {
                        sbuf_putc(&b, to[at - from]);
                        x->a++;
                } else if (x->a + 2 < x->a_end && *x->a == 'x' && isxdigit((unsigned char) x->a[1]) && isxdigit((unsigned char) x->a[2])) {
                        sbuf_putc(&b, (char) (hex(x->a[1]) << 4 | hex(x->a[2])));
                        x->a += 3;
                } else {
                        return bad(x, DR_E_INVALID_FORMAT, "an escape in a quoted string is not known");
                }
        }
        *ret = json_object_new_string_len(sbuf_str(&b), (int) b.len);
        return 0;
}

static int number(struct parser *x, struct json_object **ret) {
        size_t n = 0;
        bool point = false;
        if (x->a < x->a_end && (*x->a == '-' || *x->a == '+'))
                n++;
        while (x->a + n < x->a_end && (is_word(x->a[n]) || x->a[n] == '.')) {
                point |= x->a[n] == '.';
                n++;
        }
        char text[64];
        if (n >= sizeof text)
                return bad(x, DR_E_INVALID_FORMAT, "a number is too long");
        memcpy(text, x->a, n);
        text[n] = 0;
        double d;
        int64_t i;
        if (point ? parse_double(text, &d) == 0 : parse_i64(text, &i) == 0)
                *ret = point ? json_object_new_double(d) : json_object_new_int64(i);
        if (!*ret)
                return bad(x, DR_E_INVALID_FORMAT, "\"%s\" is no number", text);
        x->a += n;
        return 0;
}

static int pipeline(struct parser *x, bool range, struct gt_pipe **ret);

static int fields(struct parser *x, struct gt_operand *o) {
        while (x->a < x->a_end && *x->a == '.') {
                size_t n = word_len(x, x->a + 1);
                if (!n)
                        return bad(x, DR_E_INVALID_FORMAT, "a name belongs behind \".\"");
                vec_push(&o->fields, dr_xstrndup(x->a + 1, n));
                x->a += n + 1;
        }
        return 0;
}

/* true, false, nil or a function. */
static int named(struct parser *x, struct gt_operand *o) {
        size_t n = word_len(x, x->a);
        static const char *const constants[] = { "true", "false", "nil" };
        for (size_t i = 0; i < ARRAY_LEN(constants); i++)
                if (n == strlen(constants[i]) && memcmp(x->a, constants[i], n) == 0) {
                        o->kind = GT_LITERAL;
                        o->literal = i < 2 ? json_object_new_boolean(i == 0) : NULL;
                        x->a += n;
                        return 0;
                }
        o->kind = GT_CALL;
        o->function = gt_function_get(x->a, n);
        if (!o->function)
                return bad(x, DR_E_INVALID_REFERENCE, "function \"%.*s\" is not defined", (int) MIN(n, (size_t) 100), x->a);
        x->a += n;
        return 0;
}

static int operand(struct parser *x, struct gt_operand *o) {
        char c = *x->a;
        int r = 0;
        if (c == '"' || c == '`') {
                o->kind = GT_LITERAL;
                r = quoted(x, &o->literal);
        } else if (isdigit((unsigned char) c) || ((c == '-' || c == '+') && x->a + 1 < x->a_end && isdigit((unsigned char) x->a[1]))) {
                o->kind = GT_LITERAL;
                r = number(x, &o->literal);
        } else if (c == '$') {
                size_t n = word_len(x, x->a + 1);
                o->kind = GT_VARIABLE;
                o->name = dr_xstrndup(x->a, n + 1);
                x->a += n + 1;
                r = fields(x, o);
        } else if (c == '.') {
                o->kind = GT_DOT;
                if (word_len(x, x->a + 1))
                        r = fields(x, o);
                else
                        x->a++;
        } else if (c == '(') {
                x->a++;
                o->kind = GT_PIPE;
                r = pipeline(x, false, &o->pipe);
                if (r == 0 && !take_char(x, ')'))
                        r = bad(x, DR_E_INVALID_FORMAT, "\")\" is missing");
                if (r == 0)
                        r = fields(x, o);
        } else if (is_word(c)) {
                r = named(x, o);
        } else {
                r = bad(x, DR_E_INVALID_FORMAT, "\"%c\" is not expected here", isprint((unsigned char) c) ? c : '?');
        }
        if (r == 0 && x->a < x->a_end && !isspace((unsigned char) *x->a) && *x->a != ')' && *x->a != '|')
                r = bad(x, DR_E_INVALID_FORMAT, "\"%c\" is not expected here", isprint((unsigned char) *x->a) ? *x->a : '?');
        return r;
}

static int command(struct parser *x, bool first, struct gt_command *cmd) {
        for (blanks(x); x->a < x->a_end && *x->a != '|' && *x->a != ')'; blanks(x)) {
                vec_push(&cmd->operands, (struct gt_operand) { 0 });
                int r = operand(x, &cmd->operands.v[cmd->operands.n - 1]);
                if (r < 0)
                        return r;
        }
        if (!cmd->operands.n)
                return bad(x, DR_E_INVALID_FORMAT, "a value is missing");
        bool call = cmd->operands.v[0].kind == GT_CALL;
        if (!call && (cmd->operands.n > 1 || !first))
                return bad(x, DR_E_INVALID_FORMAT, "arguments are given to something that is no function");
        return 0;
}

/* $a, $b := ... */
static int declaration(struct parser *x, bool range, struct gt_pipe *p) {
        const char *from = x->a;
        int line = x->line;
        char *vars[2] = { NULL };
        size_t n = 0;
        blanks(x);
        while (n < (range ? 2 : 1) && x->a < x->a_end && *x->a == '$') {
                size_t len = word_len(x, x->a + 1);
                vars[n++] = dr_xstrndup(x->a, len + 1);
                x->a += len + 1;
                if (!take_char(x, ','))
                        break;
                blanks(x);
        }
        blanks(x);
        bool declares = n && x->a + 1 < x->a_end && x->a[0] == ':' && x->a[1] == '=', assigns = n && !declares && x->a < x->a_end && *x->a == '=';
        if (!declares && !assigns) {
                x->a = from;
                x->line = line;
                free(vars[0]);
                free(vars[1]);
                return 0;
        }
        x->a += declares ? 2 : 1;
        p->vars[0] = vars[0];
        p->vars[1] = vars[1];
        p->n_vars = n;
        p->declares = declares;
        return 0;
}

static int pipeline(struct parser *x, bool range, struct gt_pipe **ret) {
        struct gt_pipe *p = dr_xnew(struct gt_pipe);
        int r = ++x->depth > GOTEMPLATE_DEPTH_MAX ? bad(x, DR_E_INVALID_FORMAT, "more than %d levels", GOTEMPLATE_DEPTH_MAX) : declaration(x, range, p);
        p->line = x->line;
        while (r == 0) {
                vec_push(&p->commands, (struct gt_command) { 0 });
                r = command(x, p->commands.n == 1, &p->commands.v[p->commands.n - 1]);
                if (r < 0 || !take_char(x, '|'))
                        break;
        }
        x->depth--;
        if (r < 0) {
                pipe_free(p);
                return r;
        }
        *ret = p;
        return 0;
}

/* ---- text and actions ---- */
/* The next action: a..a_end is its inside. False: none before the end of the text. */
static int next_action(struct parser *x, struct gt_list *list, bool *ret_there) {
        const char *open = x->p;
        while (open + 1 < x->end && !(open[0] == '{' && open[1] == '{'))
                open++;
        *ret_there = open + 1 < x->end;
        const char *text_end = *ret_there ? open : x->end, *text = x->p;
        bool trim_before = *ret_there && open + 3 < x->end && open[2] == '-' && isspace((unsigned char) open[3]);
        int lines = 0;
        for (const char *p = text; p < text_end; p++)
                lines += *p == '\n';
        while (x->trim && text < text_end && isspace((unsigned char) *text))
                text++;
        while (trim_before && text_end > text && isspace((unsigned char) text_end[-1]))
                text_end--;
        x->trim = x->comment = false;
        if (text_end > text) {
                struct gt_node *n = dr_xnew(struct gt_node);
                n->kind = GT_TEXT;
                n->len = (size_t) (text_end - text);
                n->text = gt_copy(text, n->len);
                vec_push(list, n);
        }
        x->line += lines;
        if (!*ret_there)
                return 0;
        x->a = open + 2 + (trim_before ? 1 : 0);
        const char *p = x->a;
        while (p < x->end && isspace((unsigned char) *p))
                p++;
        if (p + 1 < x->end && p[0] == '/' && p[1] == '*') {
                for (p += 2; p + 1 < x->end && !(p[0] == '*' && p[1] == '/'); p++) { }
                p += 2;
                x->comment = true;
                x->a = p;
        } else {
                for (; p + 1 < x->end && !(p[0] == '}' && p[1] == '}'); p++)
                        if (*p == '"' || *p == '`') {
                                char quote = *p++;
                                while (p < x->end && *p != quote && !(quote == '"' && *p == '\n'))
                                        p += *p == '\\' && quote == '"' ? 2 : 1;
                                if (p >= x->end || *p != quote)
                                        return bad(x, DR_E_INVALID_FORMAT, "a quoted string has no end");
                        }
        }
        while (p + 1 < x->end && !(p[0] == '}' && p[1] == '}'))         /* behind a comment */
                p++;
        if (p + 1 >= x->end)
                return bad(x, DR_E_INVALID_FORMAT, "an action has no end: \"}}\" is missing");
        x->a_end = p;
        x->p = p + 2;
        if (p > open + 3 && p[-1] == '-' && isspace((unsigned char) p[-2])) {
                x->trim = true;
                x->a_end = p - 1;
        }
        return 0;
}

static int end_of_action(struct parser *x) {
        blanks(x);
        return x->a < x->a_end ? bad(x, DR_E_INVALID_FORMAT, "\"%.*s\" is not expected here", (int) MIN(x->a_end - x->a, (ptrdiff_t) 40), x->a) : 0;
}

enum stop { STOP_EOF, STOP_END, STOP_ELSE };
static int list_parse(struct parser *x, struct gt_list *list, enum stop *ret);

static int controlled(struct parser *x, struct gt_list *list, enum gt_node_kind kind);

/* Behind {{else: another of these in the same {{end}}, or the other branch. */
static int otherwise(struct parser *x, struct gt_node *n, bool chained) {
        blanks(x);
        if (chained && n->kind == GT_IF && take_word(x, "if"))
                return controlled(x, &n->otherwise, GT_IF);
        if (chained && n->kind == GT_WITH && take_word(x, "with"))
                return controlled(x, &n->otherwise, GT_WITH);
        enum stop stop;
        int r = end_of_action(x);
        if (r == 0)
                r = list_parse(x, &n->otherwise, &stop);
        if (r == 0 && stop != STOP_END)
                r = bad(x, DR_E_INVALID_FORMAT, stop == STOP_ELSE ? "a second {{else}}" : "an {{end}} is missing");
        return r;
}

static int controlled(struct parser *x, struct gt_list *list, enum gt_node_kind kind) {
        struct gt_node *n = dr_xnew(struct gt_node);
        enum stop stop;
        int line = x->line;
        n->kind = kind;
        vec_push(list, n);
        if (++x->depth > GOTEMPLATE_DEPTH_MAX)
                return bad(x, DR_E_INVALID_FORMAT, "more than %d levels", GOTEMPLATE_DEPTH_MAX);
        int r = pipeline(x, kind == GT_RANGE, &n->pipe);
        if (r == 0)
                r = end_of_action(x);
        x->loops += kind == GT_RANGE;
        if (r == 0)
                r = list_parse(x, &n->body, &stop);
        x->loops -= kind == GT_RANGE;
        if (r == 0 && stop == STOP_EOF) {
                x->line = line;
                r = bad(x, DR_E_INVALID_FORMAT, "this action has no {{end}}");
        }
        if (r == 0 && stop == STOP_ELSE)
                r = otherwise(x, n, true);
        x->depth--;
        return r;
}

static int jump(struct parser *x, struct gt_list *list, enum gt_node_kind kind) {
        struct gt_node *n = dr_xnew(struct gt_node);
        n->kind = kind;
        vec_push(list, n);
        return x->loops ? end_of_action(x) : bad(x, DR_E_INVALID_FORMAT, "break and continue belong inside range");
}

static int action(struct parser *x, struct gt_list *list, enum stop *ret, bool *ret_stops) {
        static const struct { const char *word; enum gt_node_kind kind; } controls[] = { { "if", GT_IF }, { "with", GT_WITH }, { "range", GT_RANGE } };
        static const char *const refused[] = { "define", "template", "block" };
        blanks(x);
        if (x->a >= x->a_end)
                return x->comment ? 0 : bad(x, DR_E_INVALID_FORMAT, "an action is empty");
        if (take_word(x, "end")) {
                *ret_stops = true;
                *ret = STOP_END;
                return end_of_action(x);
        }
        if (take_word(x, "else")) {
                *ret_stops = true;
                *ret = STOP_ELSE;
                return 0;
        }
        if (take_word(x, "break"))
                return jump(x, list, GT_BREAK);
        if (take_word(x, "continue"))
                return jump(x, list, GT_CONTINUE);
        for (size_t i = 0; i < ARRAY_LEN(controls); i++)
                if (take_word(x, controls[i].word))
                        return controlled(x, list, controls[i].kind);
        for (size_t i = 0; i < ARRAY_LEN(refused); i++)
                if (take_word(x, refused[i]))
                        return bad(x, DR_E_INVALID_FORMAT, "{{%s}} is not supported", refused[i]);
        struct gt_node *n = dr_xnew(struct gt_node);
        n->kind = GT_ACTION;
        vec_push(list, n);
        int r = pipeline(x, false, &n->pipe);
        return r < 0 ? r : end_of_action(x);
}

static int list_parse(struct parser *x, struct gt_list *list, enum stop *ret) {
        for (;;) {
                bool there, stops = false;
                int r = next_action(x, list, &there);
                if (r < 0)
                        return r;
                if (!there) {
                        x->p = x->end;
                        *ret = STOP_EOF;
                        return 0;
                }
                r = action(x, list, ret, &stops);
                if (r < 0 || stops)
                        return r;
        }
}

int gotemplate_parse(const char *text, size_t n, const char *name, struct gotemplate **ret, struct dr_error *err) {
        struct parser x = { .p = text, .end = text + n, .name = name, .line = 1, .err = err };
        struct gotemplate *t = dr_xnew(struct gotemplate);
        enum stop stop;
        t->name = dr_xstrdup(name);
        int r = n > GOTEMPLATE_BYTES_MAX ? dr_fail(err, DR_E_TOO_LARGE, NULL, "%.100s is longer than %d bytes", name, GOTEMPLATE_BYTES_MAX)
                                         : list_parse(&x, &t->list, &stop);
        if (r == 0 && stop != STOP_EOF)
                r = bad(&x, DR_E_INVALID_FORMAT, stop == STOP_END ? "an {{end}} without a beginning" : "an {{else}} without an {{if}}");
        if (r < 0) {
                gotemplate_free(t);
                return r;
        }
        *ret = t;
        return 0;
}
