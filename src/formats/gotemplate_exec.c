/* gotemplate_exec.c: the tree and a value into text, as Go's text/template/exec.go does, with its messages.
 *
 * Values are borrowed. What functions make belongs to the run, which drops it when the action is done; variables hold references of their own. */
#include "gotemplate-internal.h"

#include <math.h>
#include <stdio.h>
#include <strings.h>

enum { RANGE_MAX = 1000000, ARGS_MAX = 1000, CALL_DEPTH_MAX = 100, NEST_MAX = 1000, BYTES_PER_STEP = 64, HELD_DEPTH_MAX = 50, HELD_PARTS_MAX = 100000 };

struct variable { const char *name; struct gt_value value; };
struct gt_run {
        const struct gotemplate *t;
        unsigned flags;
        struct sbuf *out;
        struct gotemplate_lines *lines;
        struct dr_error *err;
        VEC(struct variable) vars;
        VEC(struct json_object *) made;
        size_t steps;
        unsigned depth, nest;           /* of {{template}}; of lists in lists */
        size_t at;                      /* what is evaluated, for messages */
        const struct gt_operand *operand;
        const struct gt_command *command;
        const struct gt_pipe *pipe;
};
enum flow { GO_ON, BREAK_OFF, NEXT_ONE };
static const struct gt_value nothing = { .missing = true };

/* ---- errors ---- */
static void at_pipe(struct gt_run *x, const struct gt_pipe *p) {
        x->at = p->at;
        x->pipe = p;
        x->command = NULL;
        x->operand = NULL;
}
static void at_command(struct gt_run *x, const struct gt_command *cmd) {
        x->at = cmd->at;
        x->command = cmd;
        x->operand = NULL;
}
static void at_operand(struct gt_run *x, const struct gt_operand *o) {
        x->at = o->at;
        x->operand = o;
}

static void place_of(const struct gotemplate *t, size_t at, unsigned *line, unsigned *column) {
        *line = 1;
        *column = 0;
        for (size_t i = 0; i < at && i < t->len; i++)
                if (t->source[i] == '\n') {
                        ++*line;
                        *column = 0;
                } else {
                        ++*column;
                }
}

static int bad(struct gt_run *x, const char *fmt, ...) DR_PRINTF(2, 3);
static int bad(struct gt_run *x, const char *fmt, ...) {
        auto_sbuf struct sbuf context = SBUF(4096);
        char text[400];
        unsigned line, column;
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        place_of(x->t, x->at, &line, &column);
        if (x->operand)
                gt_write_operand(x->operand, &context);
        else if (x->command)
                gt_write_command(x->command, &context);
        else if (x->pipe)
                gt_write_pipe(x->pipe, &context);
        if (!context.len)
                return dr_fail(x->err, DR_E_INVALID_FORMAT, NULL, "%.100s:%u:%u: %s", x->t->name, line, column, text);
        return dr_fail(x->err, DR_E_INVALID_FORMAT, NULL, "%.100s:%u:%u: at <%.150s>: %s", x->t->name, line, column, sbuf_str(&context), text);
}

static int spend(struct gt_run *x, size_t steps) {
        x->steps += steps;
        return x->steps > GOTEMPLATE_STEPS_MAX ? bad(x, "the template does more than %d steps", GOTEMPLATE_STEPS_MAX) : 0;
}

/* ---- for functions ---- */
int gt_fail(struct gt_call *c, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(c->error, sizeof c->error, fmt, ap);
        va_end(ap);
        return -EINVAL;
}
int gt_spend(struct gt_call *c, size_t n) {
        c->run->steps += n / BYTES_PER_STEP + 1;
        return c->run->steps > GOTEMPLATE_STEPS_MAX ? gt_fail(c, "the template does more than %d steps", GOTEMPLATE_STEPS_MAX) : 0;
}
int gt_give(struct gt_call *c, struct json_object *o) {
        vec_push(&c->run->made, o);
        c->ret = (struct gt_value) { .o = o };
        return 0;
}
int gt_give_value(struct gt_call *c, const struct gt_value *v) {
        c->ret = *v;
        return 0;
}
int gt_give_text(struct gt_call *c, const char *s, size_t n) {
        if (n > GOTEMPLATE_VALUE_BYTES_MAX)
                return gt_fail(c, "the text becomes longer than %d bytes", GOTEMPLATE_VALUE_BYTES_MAX);
        int r = gt_spend(c, n);
        return r < 0 ? r : gt_give(c, json_object_new_string_len(s, (int) n));
}
int gt_give_sbuf(struct gt_call *c, const struct sbuf *b) {
        if (!sbuf_ok(b))
                return gt_fail(c, "the text becomes longer than %d bytes", GOTEMPLATE_VALUE_BYTES_MAX);
        return gt_give_text(c, sbuf_str(b), b->len);
}
int gt_give_int(struct gt_call *c, int64_t i, enum gt_type t) {
        struct json_object *o = json_object_new_int64(i);
        if (t != GT_TYPE_INT)
                gt_set_type(o, t);
        return gt_give(c, o);
}
int gt_give_bool(struct gt_call *c, bool b) { return gt_give(c, json_object_new_boolean(b)); }

void gt_keep(struct gt_call *c, struct json_object *o) { vec_push(&c->run->made, json_object_get(o)); }

/* A copy with all types, or nothing (*parts is above the cap then). Scalars never change and are shared. */
static struct json_object *copy(struct json_object *o, unsigned depth, size_t *parts) {
        struct gt_value v = { .o = o };
        struct json_object *to;
        *parts += depth > HELD_DEPTH_MAX ? HELD_PARTS_MAX : 1;
        if (*parts > HELD_PARTS_MAX)
                return NULL;
        if (json_object_is_type(o, json_type_array)) {
                to = json_object_new_array();
                for (size_t i = 0; i < json_object_array_length(o) && *parts <= HELD_PARTS_MAX; i++)
                        json_object_array_add(to, copy(json_object_array_get_idx(o, i), depth + 1, parts));
        } else if (json_object_is_type(o, json_type_object)) {
                to = json_object_new_object();
                json_object_object_foreach(o, key, value)
                        if (*parts <= HELD_PARTS_MAX)
                                json_object_object_add(to, key, copy(value, depth + 1, parts));
        } else {
                return json_object_get(o);
        }
        if (gt_type(&v) != GT_TYPE_LIST && gt_type(&v) != GT_TYPE_MAP)
                gt_set_type(to, gt_type(&v));
        return to;
}

int gt_hold(struct gt_call *c, const struct gt_value *v, struct json_object **ret) {
        size_t parts = 0;
        struct json_object *o = copy(v->o, 0, &parts);
        int r = parts > HELD_PARTS_MAX ? gt_fail(c, "a value of more than %d levels or %d parts", HELD_DEPTH_MAX, HELD_PARTS_MAX) : gt_spend(c, parts * BYTES_PER_STEP);
        if (r < 0)
                json_object_put(o);
        else
                *ret = o;
        return r;
}

/* ---- fields and variables ---- */
static struct gt_value member(const struct gt_run *x, struct json_object *o, const char *key) {
        struct json_object *v = NULL;
        struct gt_value map = { .o = o };
        if (json_object_object_get_ex(o, key, &v))
                return (struct gt_value) { .o = v, .slot = gt_type(&map) != GT_TYPE_STRING_MAP };
        if (x->flags & GOTEMPLATE_FOLD_CASE) {
                json_object_object_foreach(o, k, value)
                        if (strcasecmp(k, key) == 0)
                                return (struct gt_value) { .o = value };
        }
        return nothing;
}

static int walk(struct gt_run *x, const struct gt_name *fields, struct gt_value *v) {
        for (; fields; fields = fields->next) {
                enum gt_type t = gt_type(v);
                if (t == GT_TYPE_NONE && !v->missing && !(x->flags & GOTEMPLATE_JSON))
                        return bad(x, "nil pointer evaluating interface {}.%.80s", fields->s);
                if (t == GT_TYPE_NONE) {
                        *v = nothing;
                        continue;       /* nothing of nothing */
                }
                if (t != GT_TYPE_MAP && t != GT_TYPE_DICT && t != GT_TYPE_STRING_MAP)
                        return bad(x, "can't evaluate field %.80s in type %s", fields->s, v->slot ? "interface {}" : gt_type_name(v));
                *v = member(x, v->o, fields->s);
        }
        return 0;
}

static struct variable *find(struct gt_run *x, const char *name) {
        for (size_t i = x->vars.n; i-- > 0;)
                if (str_eq(x->vars.v[i].name, name))
                        return &x->vars.v[i];
        return NULL;
}

static void declare(struct gt_run *x, const char *name, const struct gt_value *v) {
        json_object_get(v->o);
        vec_push(&x->vars, ((struct variable) { name, *v }));
}

static int assign(struct gt_run *x, const char *name, const struct gt_value *v) {
        struct variable *old = find(x, name);
        if (!old)                       /* the parser knows it, but what gave it a value was no declaration */
                return bad(x, "undefined variable: %.100s", name);
        json_object_get(v->o);
        vec_push(&x->made, old->value.o);               /* still in use, perhaps */
        old->value = *v;
        return 0;
}

static void forget(struct gt_run *x, size_t mark) {
        while (x->vars.n > mark)
                json_object_put(vec_pop(&x->vars).value.o);
}
static void drop(struct gt_run *x, size_t mark) {
        while (x->made.n > mark)
                json_object_put(vec_pop(&x->made));
}

/* ---- evaluation ---- */
static int evaluate(struct gt_run *x, const struct gt_pipe *p, const struct gt_value *dot, struct gt_value *ret);
static int call(struct gt_run *x, const struct gt_operand *f, const struct gt_command *cmd, const struct gt_operand *args, const struct gt_value *dot,
                const struct gt_value *last, struct gt_value *ret);

static int operand_value(struct gt_run *x, const struct gt_operand *o, const struct gt_value *dot, struct gt_value *ret) {
        struct variable *v;
        int r = 0;
        *ret = nothing;
        switch (o->kind) {
        case GT_DOT:            *ret = *dot; break;
        case GT_NIL:            ret->missing = false; break;
        case GT_BOOL: {
                struct gt_call c = { .run = x };
                gt_give_bool(&c, o->truth);
                *ret = c.ret;
                break;
        }
        case GT_NUMBER:
        case GT_STRING:         ret->missing = false; ret->o = o->value; break;
        case GT_FIELD:          *ret = *dot; break;
        case GT_VARIABLE:
                v = find(x, o->text);
                if (v)
                        *ret = v->value;
                break;
        case GT_FUNCTION:       return call(x, o, NULL, NULL, dot, NULL, ret);
        case GT_PIPE:           return evaluate(x, o->pipe, dot, ret);
        case GT_CHAIN:
                at_operand(x, o);
                if (o->of->kind == GT_PIPE)
                        r = evaluate(x, o->of->pipe, dot, ret);
                else
                        r = call(x, o->of, NULL, NULL, dot, NULL, ret);
                break;
        }
        if (r < 0 || !o->fields)
                return r;
        at_operand(x, o);
        return walk(x, o->fields, ret);
}

static const char *expected(char param) {
        switch (param) {
        case 's': return "string";
        case 'i': return "int";
        case 'm':
        case 'M': return "map[string]interface {}";
        case 'S': return "[]string";
        case 't': return "time.Time";
        default:  return "interface {}";
        }
}

/* May v be given for a parameter of this kind? */
static int fits(struct gt_run *x, char param, const struct gt_value *v, struct gt_value *ret) {
        enum gt_type t = gt_type(v);
        *ret = *v;
        if (param == 'r')
                return 0;
        if (param == 'v') {
                ret->missing = ret->slot = false;
                return 0;
        }
        if (t == GT_TYPE_NONE && (param == 'M' || param == 'S' || (param == 's' && x->flags & GOTEMPLATE_JSON)))
                return 0;
        if (t == GT_TYPE_NONE && v->slot)
                return bad(x, "wrong type for value; expected %s; got interface {}", expected(param));
        if (t == GT_TYPE_NONE)
                return bad(x, "invalid value; expected %s", expected(param));
        if ((param == 's' && t == GT_TYPE_STRING) || (param == 'i' && t == GT_TYPE_INT) || (param == 't' && t == GT_TYPE_TIME) ||
            (param == 'm' && t == GT_TYPE_DICT) || (param == 'M' && (t == GT_TYPE_DICT || t == GT_TYPE_MAP || t == GT_TYPE_STRING_MAP)) || (param == 'S' && (t == GT_TYPE_STRINGS || t == GT_TYPE_INTS || t == GT_TYPE_LIST)))
                return 0;
        return bad(x, "wrong type for value; expected %s; got %s", expected(param), param == 'm' && t == GT_TYPE_MAP ? "a map that is not made here" : gt_type_name(v));
}

static int argument(struct gt_run *x, char param, const struct gt_operand *o, const struct gt_value *dot, struct gt_value *ret) {
        auto_sbuf struct sbuf text = SBUF(200);
        struct gt_value v;
        bool constant = o->kind == GT_BOOL || o->kind == GT_NUMBER || o->kind == GT_STRING;
        at_operand(x, o);
        if (o->kind == GT_NIL && !strchr("vrMS", param))
                return bad(x, "cannot assign nil to %s", expected(param));
        if (constant)
                gt_write_operand(o, &text);
        if (constant && param == 's' && o->kind != GT_STRING)
                return bad(x, "expected string; found %s", sbuf_str(&text));
        if (constant && param == 'i' && !(o->kind == GT_NUMBER && o->is_int))
                return bad(x, "expected integer; found %s", sbuf_str(&text));
        if (constant && strchr("mMSt", param))
                return bad(x, "can't handle %s for arg of type %s", sbuf_str(&text), expected(param));
        int r = operand_value(x, o, dot, &v);
        if (r == 0 && constant && param == 'i' && json_object_is_type(v.o, json_type_double)) {         /* 1e3 is a whole number */
                struct gt_call c = { .run = x };
                gt_give_int(&c, (int64_t) json_object_get_double(v.o), GT_TYPE_INT);
                v = c.ret;
        }
        return r < 0 ? r : fits(x, param, &v, ret);
}

static int wrong_number(struct gt_run *x, const struct gt_function *f, size_t n) {
        size_t params = strlen(f->params);
        bool variadic = params && f->params[params - 1] == '*';
        size_t want = variadic ? params - 2 : params;
        if (n > ARGS_MAX)
                return bad(x, "more than %d arguments for %s", ARGS_MAX, f->name);
        if (variadic && n < want)
                return bad(x, "wrong number of args for %s: want at least %zu got %zu", f->name, want, n);
        if (!variadic && n != want)
                return bad(x, "wrong number of args for %s: want %zu got %zu", f->name, want, n);
        return 0;
}

static char parameter(const struct gt_function *f, size_t i) {
        size_t params = strlen(f->params);
        bool variadic = params && f->params[params - 1] == '*';
        return variadic && i >= params - 2 ? f->params[params - 2] : f->params[i];
}

/* and, or: the deciding argument; what comes behind it is not evaluated. */
static int decide(struct gt_run *x, bool either, const struct gt_operand *args, const struct gt_value *dot, const struct gt_value *last, struct gt_value *ret) {
        for (; args; args = args->next) {
                int r = argument(x, 'r', args, dot, ret);
                if (r < 0 || gt_truth(ret) == either)
                        return r;
        }
        if (last)
                *ret = *last;
        return 0;
}

static int call(struct gt_run *x, const struct gt_operand *f, const struct gt_command *cmd, const struct gt_operand *args, const struct gt_value *dot,
                const struct gt_value *last, struct gt_value *ret) {
        size_t n = last != NULL, used = 0, bytes = 0, len;
        for (const struct gt_operand *o = args; o; o = o->next)
                n++;
        at_operand(x, f);
        int r = wrong_number(x, f->function, n);
        if (r == 0)
                r = spend(x, 1);
        if (r < 0)
                return r;
        if (!f->function->fn)
                return decide(x, str_eq(f->function->name, "or"), args, dot, last, ret);
        struct gt_value *values = dr_xcalloc(n + 1, sizeof *values);
        for (; args && r == 0; args = args->next, used++)
                r = argument(x, parameter(f->function, used), args, dot, &values[used]);
        if (r == 0 && last)
                r = fits(x, parameter(f->function, used), last, &values[used]);
        for (size_t i = 0; i < n && r == 0; i++) {
                gt_text(&values[i], &len);
                bytes += len;
        }
        if (r == 0) {
                struct gt_call c = { .run = x, .a = values, .n = n, .ret = nothing };
                r = gt_spend(&c, bytes);
                if (r == 0)
                        r = f->function->fn(&c);
                if (r < 0) {
                        if (cmd)
                                at_command(x, cmd);
                        else
                                at_operand(x, f);
                        r = bad(x, "error calling %s: %s", f->function->name, c.error);
                }
                *ret = c.ret;
        }
        free(values);
        return r;
}

static int command_value(struct gt_run *x, const struct gt_command *cmd, const struct gt_value *dot, const struct gt_value *last, struct gt_value *ret) {
        const struct gt_operand *first = cmd->args;
        if (first->kind == GT_FUNCTION)
                return call(x, first, cmd, first->next, dot, last, ret);
        if (first->next || last) {
                auto_sbuf struct sbuf text = SBUF(200);
                gt_write_operand(first, &text);
                if (first->kind == GT_FIELD || first->kind == GT_CHAIN || (first->kind == GT_VARIABLE && first->fields)) {
                        const struct gt_name *name = first->fields_end;
                        at_operand(x, first);
                        return bad(x, "%s is not a method but has arguments", name->s);
                }
                if (first->kind != GT_PIPE)
                        at_operand(x, first);
                return bad(x, "can't give argument to non-function %s", sbuf_str(&text));
        }
        if (first->kind != GT_PIPE)
                at_operand(x, first);
        if (first->kind == GT_NIL)
                return bad(x, "nil is not a command");
        return operand_value(x, first, dot, ret);
}

static int value_of(struct gt_run *x, const struct gt_pipe *p, const struct gt_value *dot, struct gt_value *ret) {
        struct gt_value v = nothing;
        at_pipe(x, p);
        for (const struct gt_command *cmd = p->commands; cmd; cmd = cmd->next) {
                struct gt_value given = v;
                int r = spend(x, 1);
                if (r == 0)
                        r = command_value(x, cmd, dot, cmd == p->commands ? NULL : &given, &v);
                if (r < 0)
                        return r;
                v.slot = false;
                if (!v.o)
                        v.missing = true;       /* nil inside an interface is nothing, from here on */
        }
        *ret = v;
        return 0;
}

static int evaluate(struct gt_run *x, const struct gt_pipe *p, const struct gt_value *dot, struct gt_value *ret) {
        int r = value_of(x, p, dot, ret);
        for (unsigned i = 0; i < p->n_vars && r == 0; i++) {
                if (p->assigns)
                        r = assign(x, p->vars[i], ret);
                else
                        declare(x, p->vars[i], ret);
        }
        return r;
}

/* ---- actions ---- */
static int list_run(struct gt_run *x, const struct gt_node *n, const struct gt_value *dot, enum flow *flow);

static int one_round(struct gt_run *x, const struct gt_node *n, struct json_object *key, struct json_object *element, bool slot, enum flow *flow) {
        struct gt_value k = { .o = key }, e = { .o = element, .slot = slot };
        const struct gt_pipe *p = n->pipe;
        size_t mark = x->vars.n;
        int r = spend(x, 1);
        *flow = GO_ON;
        json_object_get(element);       /* the body may take it out of its map */
        for (unsigned i = 0; i < p->n_vars && r == 0; i++) {
                const struct gt_value *v = p->n_vars == 2 && i == 0 ? &k : &e;
                if (p->assigns)
                        r = assign(x, p->vars[i], v);
                else
                        declare(x, p->vars[i], v);
        }
        if (r == 0)
                r = list_run(x, n->body, &e, flow);
        forget(x, mark);                /* with what the body declared */
        json_object_put(element);
        return r;
}

static int range_map(struct gt_run *x, const struct gt_node *n, struct json_object *over) {
        struct gt_value map = { .o = over };
        struct gt_keys names = { 0 };
        VEC(struct json_object *) parts = { 0 };        /* key, value ... as they are now: the body may change the map */
        enum flow flow = GO_ON;
        int r = 0;
        gt_sorted_keys(over, &names);
        for (size_t i = 0; i < names.n; i++) {
                vec_push(&parts, json_object_new_string(names.v[i]));
                vec_push(&parts, json_object_get(json_object_object_get(over, names.v[i])));
        }
        vec_done(&names);
        for (size_t i = 0; i < parts.n && r == 0 && flow != BREAK_OFF; i += 2)
                r = one_round(x, n, parts.v[i], parts.v[i + 1], gt_type(&map) != GT_TYPE_STRING_MAP, &flow);
        for (size_t i = 0; i < parts.n; i++)
                json_object_put(parts.v[i]);
        vec_done(&parts);
        return r;
}

static int range_numbers(struct gt_run *x, const struct gt_node *n, struct json_object *list, int64_t to) {
        bool slot = gt_type(&(struct gt_value) { .o = list }) == GT_TYPE_LIST;
        enum flow flow = GO_ON;
        int r = 0;
        for (int64_t i = 0; i < to && r == 0 && flow != BREAK_OFF; i++) {
                AUTO(json_free) struct json_object *key = json_object_new_int64(i);
                r = one_round(x, n, key, list ? json_object_array_get_idx(list, (size_t) i) : key, slot, &flow);
        }
        return r;
}

/* *ret_to: how many rounds there were to do. */
static int rounds(struct gt_run *x, const struct gt_node *n, struct gt_value over, int64_t *ret_to) {
        auto_sbuf struct sbuf text = SBUF(100);
        int64_t to = 0;
        int r = 0;
        switch (gt_type(&over)) {
        case GT_TYPE_NONE:      break;
        case GT_TYPE_LIST: case GT_TYPE_STRINGS: case GT_TYPE_INTS:
                to = (int64_t) json_object_array_length(over.o);
                r = range_numbers(x, n, over.o, to);
                break;
        case GT_TYPE_MAP: case GT_TYPE_STRING_MAP: case GT_TYPE_DICT:
                to = json_object_object_length(over.o);
                r = range_map(x, n, over.o);
                break;
        case GT_TYPE_INT: case GT_TYPE_INT64:           /* Go has it since 1.22 */
                to = json_object_get_int64(over.o);
                if (to > RANGE_MAX)
                        return bad(x, "range over %lld: at most %d", (long long) to, RANGE_MAX);
                r = range_numbers(x, n, NULL, to);
                break;
        default:
                gt_print(&over, 0, &text);
                return bad(x, "range can't iterate over %s", sbuf_str(&text));
        }
        *ret_to = to;
        return r;
}

static int range(struct gt_run *x, const struct gt_node *n, const struct gt_value *dot, enum flow *flow) {
        struct gt_value over = nothing;
        int64_t to = 0;
        int r = value_of(x, n->pipe, dot, &over);
        if (r < 0)
                return r;
        size_t mark = x->vars.n;
        json_object_get(over.o);        /* the body may give its variable another value */
        for (unsigned i = 0; i < n->pipe->n_vars && !n->pipe->assigns; i++)
                declare(x, n->pipe->vars[i], &over);    /* what {{else}} sees */
        r = rounds(x, n, over, &to);
        if (r == 0 && to <= 0)
                r = list_run(x, n->otherwise, dot, flow);
        forget(x, mark);
        json_object_put(over.o);
        return r;
}

/* Notes the lines that are about to be written: the source's own for text, all one for what actions print. */
static void note_lines(struct gt_run *x, unsigned line, const char *s, size_t n, bool text) {
        const char *end = s + n, *p = x->lines ? memchr(s, '\n', n) : NULL;
        for (; p; p = memchr(p, '\n', (size_t) (end - p))) {
                line += text;
                vec_push(x->lines, line);
                p++;
        }
}

static int print_action(struct gt_run *x, const struct gt_node *n, const struct gt_value *dot) {
        struct gt_value v = nothing;
        int r = evaluate(x, n->pipe, dot, &v);
        size_t from = x->out->len;
        if (r < 0 || n->pipe->n_vars)
                return r;
        gt_print(&v, x->flags, x->out);
        if (x->out->len > from)
                note_lines(x, n->line, x->out->data + from, x->out->len - from, false);
        return spend(x, (x->out->len - from) / BYTES_PER_STEP);
}

static int call_template(struct gt_run *x, const struct gt_node *n, const struct gt_value *dot) {
        struct gt_value v = nothing;
        enum flow flow = GO_ON;
        const struct gt_define *d = x->t->defines;
        while (d && !str_eq(d->name, n->text))
                d = d->next;
        x->at = n->at;
        x->operand = NULL;
        x->command = NULL;
        x->pipe = NULL;
        if (!d) {
                auto_sbuf struct sbuf pipe = SBUF(200);
                if (n->pipe)
                        gt_write_pipe(n->pipe, &pipe);
                return bad(x, "at <{{template \"%.100s\"%s%s}}>: template \"%.100s\" not defined", n->text, pipe.len ? " " : "", sbuf_str(&pipe), n->text);
        }
        if (x->depth >= CALL_DEPTH_MAX)
                return bad(x, "exceeded maximum template depth (%d)", CALL_DEPTH_MAX);
        int r = n->pipe ? evaluate(x, n->pipe, dot, &v) : 0;
        if (r < 0)
                return r;
        size_t mark = x->vars.n;
        declare(x, "$", &v);
        x->depth++;
        r = list_run(x, d->body, &v, &flow);
        x->depth--;
        forget(x, mark);
        return r;
}

static int node_run(struct gt_run *x, const struct gt_node *n, const struct gt_value *dot, enum flow *flow) {
        struct gt_value v = nothing;
        size_t mark = x->vars.n;
        int r = 0;
        switch (n->kind) {
        case GT_TEXT:
                note_lines(x, n->line, n->text, n->len, true);
                sbuf_add(x->out, n->text, n->len);
                r = spend(x, n->len / BYTES_PER_STEP);
                break;
        case GT_ACTION:         r = print_action(x, n, dot); break;
        case GT_IF:
        case GT_WITH:
                r = evaluate(x, n->pipe, dot, &v);
                json_object_get(v.o);
                if (r == 0)
                        r = gt_truth(&v) ? list_run(x, n->body, n->kind == GT_WITH ? &v : dot, flow) : list_run(x, n->otherwise, dot, flow);
                forget(x, mark);
                json_object_put(v.o);
                break;
        case GT_RANGE:          r = range(x, n, dot, flow); break;
        case GT_BREAK:          *flow = BREAK_OFF; break;
        case GT_CONTINUE:       *flow = NEXT_ONE; break;
        case GT_TEMPLATE:       r = call_template(x, n, dot); break;
        }
        return r;
}

static int list_run(struct gt_run *x, const struct gt_node *n, const struct gt_value *dot, enum flow *flow) {
        int r = ++x->nest > NEST_MAX ? bad(x, "more than %d levels", NEST_MAX) : 0;
        for (; n && r == 0 && *flow == GO_ON; n = n->next) {
                size_t mark = x->made.n;
                x->at = n->at;
                r = spend(x, 1);
                if (r == 0)
                        r = node_run(x, n, dot, flow);
                drop(x, mark);
                if (r == 0 && !sbuf_ok(x->out)) {
                        unsigned line, column;
                        place_of(x->t, n->at, &line, &column);
                        r = dr_fail(x->err, DR_E_TOO_LARGE, NULL, "%.100s:%u:%u: what the template makes is longer than %zu bytes", x->t->name, line, column, x->out->max);
                }
        }
        x->nest--;
        return r;
}

int gotemplate_execute_lines(const struct gotemplate *t, struct json_object *data, unsigned flags, struct sbuf *out, struct gotemplate_lines *lines,
                             struct dr_error *err) {
        struct gt_run x = { .t = t, .flags = flags, .out = out, .lines = lines, .err = err };
        struct gt_value dot = { .o = data };
        enum flow flow = GO_ON;
        if (lines)
                vec_push(lines, 1U);
        declare(&x, "$", &dot);
        int r = list_run(&x, t->root, &dot, &flow);
        forget(&x, 0);
        drop(&x, 0);
        vec_done(&x.vars);
        vec_done(&x.made);
        return r;
}

int gotemplate_execute(const struct gotemplate *t, struct json_object *data, unsigned flags, struct sbuf *out, struct dr_error *err) {
        return gotemplate_execute_lines(t, data, flags, out, NULL, err);
}
