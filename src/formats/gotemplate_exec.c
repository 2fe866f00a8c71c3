/* gotemplate_exec.c: the tree and a value into text. */
#include "gotemplate-internal.h"

#include <math.h>
#include <stdio.h>
#include <strings.h>

enum { RANGE_MAX = 100000, VARIABLES_MAX = 1000 };

struct variable { const char *name; struct gt_value value; };
struct run {
        const struct gotemplate *t;
        unsigned flags;
        struct sbuf *out;
        struct dr_error *err;
        VEC(struct variable) vars;
        size_t steps;
        int line;
};
enum flow { GO_ON, BREAK_OFF, NEXT_ONE };

static int bad(struct run *x, const char *fmt, ...) DR_PRINTF(2, 3);
static int bad(struct run *x, const char *fmt, ...) {
        char text[300];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        return dr_fail(x->err, DR_E_INVALID_FORMAT, NULL, "%.100s:%d: %s", x->t->name, x->line, text);
}

static int step(struct run *x) { return ++x->steps > GOTEMPLATE_STEPS_MAX ? bad(x, "it does more than %d steps", GOTEMPLATE_STEPS_MAX) : 0; }

/* ---- values ---- */
bool gt_truth(const struct gt_value *v) {
        if (v->missing || !v->o)
                return false;
        switch (json_object_get_type(v->o)) {
        case json_type_boolean: return json_object_get_boolean(v->o);
        case json_type_int:     return json_object_get_int64(v->o) != 0;
        case json_type_double:  return json_object_get_double(v->o) != 0;
        case json_type_string:  return json_object_get_string_len(v->o) > 0;
        case json_type_array:   return json_object_array_length(v->o) > 0;
        case json_type_object:  return json_object_object_length(v->o) > 0;
        default:                return false;
        }
}

static void print_double(double d, struct sbuf *out) {
        char text[40];
        for (int precision = 1; precision <= 17; precision++) {
                snprintf(text, sizeof text, "%.*g", precision, d);
                if (strtod(text, NULL) == d)
                        break;
        }
        if (fabs(d) < 1e21 && d == floor(d))            /* Go turns to exponents later than C */
                snprintf(text, sizeof text, "%.0f", d);
        sbuf_puts(out, text);
}

static int by_key(const void *a, const void *b) { return strcmp(*(const char *const *) a, *(const char *const *) b); }

static void print_map(struct json_object *o, unsigned flags, struct sbuf *out) {
        VEC(const char *) keys = { 0 };
        json_object_object_foreach(o, key, unused) {
                (void) unused;
                vec_push(&keys, key);
        }
        vec_sort(&keys, by_key);
        sbuf_puts(out, "map[");
        for (size_t i = 0; i < keys.n; i++) {
                struct gt_value v = { .o = json_object_object_get(o, keys.v[i]) };
                sbuf_printf(out, "%s%s:", i ? " " : "", keys.v[i]);
                gt_print(&v, flags, out);
        }
        sbuf_putc(out, ']');
        vec_done(&keys);
}

void gt_print(const struct gt_value *v, unsigned flags, struct sbuf *out) {
        bool json = flags & GOTEMPLATE_JSON;
        if (v->missing || !v->o) {
                if (!json)
                        sbuf_puts(out, v->missing ? "<no value>" : "<nil>");
                return;
        }
        switch (json_object_get_type(v->o)) {
        case json_type_string:
                sbuf_add(out, json_object_get_string(v->o), (size_t) json_object_get_string_len(v->o));
                return;
        case json_type_double:
                print_double(json_object_get_double(v->o), out);
                return;
        case json_type_array:
                if (json)
                        break;
                sbuf_putc(out, '[');
                for (size_t i = 0; i < json_object_array_length(v->o); i++) {
                        struct gt_value e = { .o = json_object_array_get_idx(v->o, i) };
                        if (i)
                                sbuf_putc(out, ' ');
                        gt_print(&e, flags, out);
                }
                sbuf_putc(out, ']');
                return;
        case json_type_object:
                if (json)
                        break;
                print_map(v->o, flags, out);
                return;
        default:
                break;
        }
        json_write(v->o, 0, out);
}

static struct gt_value member(const struct run *x, struct json_object *o, const char *key) {
        struct json_object *v = NULL;
        if (json_object_object_get_ex(o, key, &v))
                return (struct gt_value) { .o = json_object_get(v) };
        if (x->flags & GOTEMPLATE_FOLD_CASE) {
                json_object_object_foreach(o, k, value)
                        if (strcasecmp(k, key) == 0)
                                return (struct gt_value) { .o = json_object_get(value) };
        }
        return (struct gt_value) { .missing = true };
}

static int walk(struct run *x, const struct gt_operand *o, struct gt_value *v) {
        for (size_t i = 0; i < o->fields.n; i++) {
                if (v->missing || !v->o) {
                        gt_value_done(v);
                        continue;       /* nothing of nothing */
                }
                if (!json_object_is_type(v->o, json_type_object))
                        return bad(x, "\".%.80s\" is asked of something that has no fields", o->fields.v[i]);
                struct gt_value next = member(x, v->o, o->fields.v[i]);
                gt_value_done(v);
                *v = next;
        }
        return 0;
}

/* ---- evaluation ---- */
static int evaluate(struct run *x, const struct gt_pipe *p, const struct gt_value *dot, struct gt_value *ret);
static int call(struct run *x, const struct gt_command *cmd, const struct gt_value *dot, const struct gt_value *last, struct gt_value *ret);

static struct variable *find(struct run *x, const char *name) {
        for (size_t i = x->vars.n; i-- > 0;)
                if (str_eq(x->vars.v[i].name, name))
                        return &x->vars.v[i];
        return NULL;
}

static int operand(struct run *x, const struct gt_operand *o, const struct gt_value *dot, struct gt_value *ret) {
        struct variable *v;
        int r = 0;
        switch (o->kind) {
        case GT_LITERAL:
                *ret = (struct gt_value) { .o = json_object_get(o->literal) };
                return 0;
        case GT_DOT:
                *ret = (struct gt_value) { .o = json_object_get(dot->o), .missing = dot->missing };
                break;
        case GT_VARIABLE:
                v = find(x, o->name);
                if (!v)
                        return bad(x, "variable %.80s is not defined", o->name);
                *ret = (struct gt_value) { .o = json_object_get(v->value.o), .missing = v->value.missing };
                break;
        case GT_PIPE:
                r = evaluate(x, o->pipe, dot, ret);
                break;
        case GT_CALL: {
                struct gt_command one = { .operands = { .v = (struct gt_operand *) o, .n = 1 } };
                return call(x, &one, dot, NULL, ret);
        }
        }
        return r < 0 ? r : walk(x, o, ret);
}

static int call(struct run *x, const struct gt_command *cmd, const struct gt_value *dot, const struct gt_value *last, struct gt_value *ret) {
        const struct gt_function *f = cmd->operands.v[0].function;
        VEC(struct gt_value) args = { 0 };
        int r = 0;
        for (size_t i = 1; i < cmd->operands.n && r == 0; i++) {
                vec_push(&args, (struct gt_value) { .missing = true });
                r = operand(x, &cmd->operands.v[i], dot, &args.v[args.n - 1]);
        }
        if (last)
                vec_push(&args, ((struct gt_value) { .o = json_object_get(last->o), .missing = last->missing }));
        if (r == 0 && (args.n < f->min_args || args.n > f->max_args))
                r = bad(x, "%s has %zu arguments", f->name, args.n);
        if (r == 0) {
                struct dr_error err = { 0 };
                r = f->fn(args.v, args.n, ret, &err);
                if (r < 0)
                        r = bad(x, "%s: %.200s", f->name, err.message);
        }
        for (size_t i = 0; i < args.n; i++)
                gt_value_done(&args.v[i]);
        vec_done(&args);
        return r;
}

static int assign(struct run *x, const struct gt_pipe *p, const char *name, const struct gt_value *v) {
        struct gt_value copy = { .o = json_object_get(v->o), .missing = v->missing };
        if (p->declares) {
                if (x->vars.n >= VARIABLES_MAX) {
                        gt_value_done(&copy);
                        return bad(x, "more than %d variables", VARIABLES_MAX);
                }
                vec_push(&x->vars, ((struct variable) { name, copy }));
                return 0;
        }
        struct variable *old = find(x, name);
        if (!old) {
                gt_value_done(&copy);
                return bad(x, "variable %.80s is not defined", name);
        }
        gt_value_done(&old->value);
        old->value = copy;
        return 0;
}

/* The value of the commands, without the assignment. */
static int value_of(struct run *x, const struct gt_pipe *p, const struct gt_value *dot, struct gt_value *ret) {
        struct gt_value v = { .missing = true };
        int r = 0;
        x->line = p->line;
        for (size_t i = 0; i < p->commands.n && r == 0; i++) {
                const struct gt_command *cmd = &p->commands.v[i];
                struct gt_value next = { .missing = true };
                r = step(x);
                if (r < 0)
                        break;
                if (cmd->operands.v[0].kind == GT_CALL)
                        r = call(x, cmd, dot, i ? &v : NULL, &next);
                else
                        r = operand(x, &cmd->operands.v[0], dot, &next);
                gt_value_done(&v);
                v = next;
        }
        if (r < 0)
                gt_value_done(&v);
        else
                *ret = v;
        return r;
}

static int evaluate(struct run *x, const struct gt_pipe *p, const struct gt_value *dot, struct gt_value *ret) {
        int r = value_of(x, p, dot, ret);
        for (size_t i = 0; i < p->n_vars && r == 0; i++)
                r = assign(x, p, p->vars[i], ret);
        if (r < 0)
                gt_value_done(ret);
        return r;
}

static void forget(struct run *x, size_t mark) {
        while (x->vars.n > mark)
                gt_value_done(&vec_pop(&x->vars).value);
}

static int list_run(struct run *x, const struct gt_list *l, const struct gt_value *dot, enum flow *flow);

static int one_round(struct run *x, const struct gt_node *n, struct json_object *key, struct json_object *element, enum flow *flow) {
        struct gt_value k = { .o = key }, e = { .o = element };
        size_t mark = x->vars.n;
        int r = step(x);
        if (r == 0 && n->pipe->n_vars == 2)
                r = assign(x, n->pipe, n->pipe->vars[0], &k);
        if (r == 0 && n->pipe->n_vars)
                r = assign(x, n->pipe, n->pipe->vars[n->pipe->n_vars - 1], &e);
        if (r == 0)
                r = list_run(x, &n->body, &e, flow);
        forget(x, mark);                /* with what the body declared */
        return r;
}

static int range(struct run *x, const struct gt_node *n, const struct gt_value *dot, enum flow *outer) {
        struct gt_value over = { .missing = true };
        enum flow flow = GO_ON;
        size_t rounds = 0;
        int r = value_of(x, n->pipe, dot, &over);
        if (r < 0)
                return r;
        enum json_type type = over.missing ? json_type_null : json_object_get_type(over.o);
        if (type == json_type_array) {
                for (size_t i = 0; i < json_object_array_length(over.o) && r == 0 && flow != BREAK_OFF; i++) {
                        AUTO(json_free) struct json_object *key = json_object_new_int64((int64_t) i);
                        flow = GO_ON;
                        r = one_round(x, n, key, json_object_array_get_idx(over.o, i), &flow);
                        rounds++;
                }
        } else if (type == json_type_object) {
                VEC(const char *) keys = { 0 };
                json_object_object_foreach(over.o, name, unused) {
                        (void) unused;
                        vec_push(&keys, name);
                }
                vec_sort(&keys, by_key);
                for (size_t i = 0; i < keys.n && r == 0 && flow != BREAK_OFF; i++) {
                        AUTO(json_free) struct json_object *key = json_object_new_string(keys.v[i]);
                        flow = GO_ON;
                        r = one_round(x, n, key, json_object_object_get(over.o, keys.v[i]), &flow);
                        rounds++;
                }
                vec_done(&keys);
        } else if (type == json_type_int) {
                int64_t to = json_object_get_int64(over.o);
                if (to > RANGE_MAX)
                        r = bad(x, "range over %lld: at most %d", (long long) to, RANGE_MAX);
                for (int64_t i = 0; i < to && r == 0 && flow != BREAK_OFF; i++) {
                        AUTO(json_free) struct json_object *key = json_object_new_int64(i);
                        flow = GO_ON;
                        r = one_round(x, n, key, key, &flow);
                        rounds++;
                }
        } else if (type != json_type_null) {
                r = bad(x, "range goes over lists, maps and whole numbers");
        }
        gt_value_done(&over);
        return r == 0 && rounds == 0 ? list_run(x, &n->otherwise, dot, outer) : r;
}

static int node_run(struct run *x, const struct gt_node *n, const struct gt_value *dot, enum flow *flow) {
        struct gt_value v = { .missing = true };
        size_t mark = x->vars.n;
        int r = 0;
        switch (n->kind) {
        case GT_TEXT:
                sbuf_add(x->out, n->text, n->len);
                break;
        case GT_ACTION:
                r = evaluate(x, n->pipe, dot, &v);
                if (r == 0 && !n->pipe->n_vars)
                        gt_print(&v, x->flags, x->out);
                break;
        case GT_IF:
        case GT_WITH:
                r = evaluate(x, n->pipe, dot, &v);
                if (r == 0)
                        r = gt_truth(&v) ? list_run(x, &n->body, n->kind == GT_WITH ? &v : dot, flow) : list_run(x, &n->otherwise, dot, flow);
                forget(x, mark);
                break;
        case GT_RANGE:
                r = range(x, n, dot, flow);
                break;
        case GT_BREAK:
                *flow = BREAK_OFF;
                break;
        case GT_CONTINUE:
                *flow = NEXT_ONE;
                break;
        }
        gt_value_done(&v);
        return r;
}

static int list_run(struct run *x, const struct gt_list *l, const struct gt_value *dot, enum flow *flow) {
        int r = 0;
        for (size_t i = 0; i < l->n && r == 0 && *flow == GO_ON; i++) {
                r = step(x);
                if (r == 0)
                        r = node_run(x, l->v[i], dot, flow);
                if (r == 0 && !sbuf_ok(x->out))
                        r = dr_fail(x->err, DR_E_TOO_LARGE, NULL, "%.100s: what it makes is longer than %zu bytes", x->t->name, x->out->max);
        }
        return r;
}

int gotemplate_execute(const struct gotemplate *t, struct json_object *data, unsigned flags, struct sbuf *out, struct dr_error *err) {
        struct run x = { .t = t, .flags = flags, .out = out, .err = err };
        struct gt_value dot = { .o = data };
        enum flow flow = GO_ON;
        vec_push(&x.vars, ((struct variable) { "$", { .o = json_object_get(data) } }));
        int r = list_run(&x, &t->list, &dot, &flow);
        forget(&x, 0);
        vec_done(&x.vars);
        return r;
}
