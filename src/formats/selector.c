#include "selector.h"

#include "base/vec.h"

#include <strings.h>

enum op { OP_EQUAL, OP_NOT_EQUAL, OP_IN, OP_NOT_IN, OP_EXISTS };

struct term {
        enum op op;
        char *key;
        VEC(char *) values;
};

struct selector { VEC(struct term) terms; };

struct selector *selector_free(struct selector *s) {
        if (!s)
                return NULL;
        for (size_t i = 0; i < s->terms.n; i++) {
                struct term *t = &s->terms.v[i];
                for (size_t k = 0; k < t->values.n; k++)
                        free(t->values.v[k]);
                vec_done(&t->values);
                free(t->key);
        }
        vec_done(&s->terms);
        free(s);
        return NULL;
}

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static char *trimmed(const char *s, size_t n) {
        while (n && blank(*s)) {
                s++;
                n--;
        }
        while (n && blank(s[n - 1]))
                n--;
        return dr_xstrndup(s, n);
}

/* Case-insensitive search for a word of len bytes. */
static const char *find(const char *s, size_t n, const char *word, size_t len) {
        for (size_t i = 0; i + len <= n; i++)
                if (strncasecmp(s + i, word, len) == 0)
                        return s + i;
        return NULL;
}

static int parse_list(struct term *t, const char *s, size_t n, const char *field, struct dr_error *err) {
        auto_free char *list = trimmed(s, n);
        size_t len = strlen(list);
        if (len < 2 || list[0] != '(' || list[len - 1] != ')')
                return dr_fail(err, DR_E_INVALID_FORMAT, field, "cannot read selector: expected (value, ...) after \"in\" or \"notin\", found \"%.100s\"",
                               list);
        const char *p = list + 1, *end = list + len - 1;
        for (;;) {
                const char *comma = memchr(p, ',', (size_t) (end - p));
                vec_push(&t->values, trimmed(p, (size_t) ((comma ? comma : end) - p)));
                if (!comma)
                        return 0;
                p = comma + 1;
        }
}

static int parse_term(struct selector *sel, const char *s, size_t n, const char *field, struct dr_error *err) {
        static const struct { const char *text; enum op op; bool list; } ops[] = {
                { "!=", OP_NOT_EQUAL, false }, { "=", OP_EQUAL, false }, { " notin ", OP_NOT_IN, true }, { " in ", OP_IN, true },
        };
        if (sel->terms.n == SELECTOR_TERMS_MAX)
                return dr_fail(err, DR_E_MAX_LENGTH, field, "selector has more than %d terms", SELECTOR_TERMS_MAX);
        vec_push(&sel->terms, ((struct term) { .op = OP_EXISTS }));
        struct term *t = &sel->terms.v[sel->terms.n - 1];
        size_t key_len = n;
        for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
                size_t op_len = strlen(ops[i].text);
                const char *at = find(s, n, ops[i].text, op_len);
                if (!at)
                        continue;
                t->op = ops[i].op;
                key_len = (size_t) (at - s);
                const char *rest = at + op_len;
                size_t rest_len = n - key_len - op_len;
                if (!ops[i].list) {
                        vec_push(&t->values, trimmed(rest, rest_len));
                        break;
                }
                int r = parse_list(t, rest, rest_len, field, err);
                if (r < 0)
                        return r;
                break;
        }
        t->key = trimmed(s, key_len);
        if (!*t->key)
                return dr_fail(err, DR_E_INVALID_FORMAT, field, "cannot read selector: a term has no key");
        if (strpbrk(t->key, " \t\r\n"))
                return dr_fail(err, DR_E_INVALID_FORMAT, field, "cannot read selector: key \"%.100s\" has a blank in it", t->key);
        return 0;
}

int selector_parse(const char *s, const char *field, struct selector **ret, struct dr_error *err) {
        if (strlen(s) > SELECTOR_CHARS_MAX)
                return dr_fail(err, DR_E_MAX_LENGTH, field, "selector is longer than %d characters", SELECTOR_CHARS_MAX);
        AUTO(selector_free) struct selector *sel = dr_xnew(struct selector);
        auto_free char *whole = trimmed(s, strlen(s));
        const char *p = whole;
        while (*whole) {
                const char *q = p;
                for (int depth = 0; *q && (*q != ',' || depth); q++)
                        depth += *q == '(' ? 1 : *q == ')' && depth ? -1 : 0;
                int r = parse_term(sel, p, (size_t) (q - p), field, err);
                if (r < 0)
                        return r;
                if (!*q)
                        break;
                p = q + 1;
        }
        *ret = dr_take(sel);
        return 0;
}

struct look { const struct term *term; const char *value; };

static bool look_at(void *ctx, const char *key, const char *value) {
        struct look *l = ctx;
        bool same = l->term->op == OP_EXISTS ? str_eq(key, l->term->key) : str_ieq(key, l->term->key);
        if (same)
                l->value = value ? value : "";
        return !same;
}

static bool term_match(const struct term *t, const char *value) {
        if (!value)
                return false;
        if (t->op == OP_EXISTS)
                return true;
        bool listed = false;
        for (size_t i = 0; i < t->values.n && !listed; i++)
                listed = str_ieq(value, t->values.v[i]);
        return listed == (t->op == OP_EQUAL || t->op == OP_IN);
}

bool selector_match(const struct selector *s, const void *labels, selector_labels_fn walk) {
        for (size_t i = 0; i < s->terms.n; i++) {
                struct look l = { .term = &s->terms.v[i] };
                walk(labels, look_at, &l);
                if (!term_match(l.term, l.value))
                        return false;
        }
        return s->terms.n > 0;
}

struct pairs { const char *const *v; size_t n; };

static void walk_pairs(const void *labels, bool (*each)(void *ctx, const char *key, const char *value), void *ctx) {
        const struct pairs *p = labels;
        for (size_t i = 0; i < p->n; i++)
                if (!each(ctx, p->v[2 * i], p->v[2 * i + 1]))
                        return;
}

bool selector_match_pairs(const struct selector *s, const char *const *pairs, size_t n) {
        struct pairs p = { pairs, n };
        return selector_match(s, &p, walk_pairs);
}
