/* Variables in values: compose.md 3. drover adds ${NAME:-default} and ${NAME-default}, which upstream refuses. */
#include "compose-internal.h"

#include "base/sbuf.h"
#include "json.h"

enum { STRING_BYTES_MAX = 1 << 20, TOTAL_BYTES_MAX = 16 << 20, NAME_BYTES_MAX = 256 };

const char *compose_lookup(struct compose *c, const char *name) {
        const char *v = json_str(c->answers, name, NULL);
        if (!v && c->env->lookup)
                v = c->env->lookup(c->env->ctx, name);
        return v ? v : json_str(c->defaults, name, NULL);
}

static bool name_start(char ch) { return (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z') || ch == '_'; }
static bool name_char(char ch) { return name_start(ch) || (ch >= '0' && ch <= '9'); }

static void substitute(struct compose *c, const char *name, const char *def, bool def_if_empty, const struct ynode *at, struct sbuf *out) {
        const char *v = compose_lookup(c, name);
        if (def && (!v || (def_if_empty && !*v)))
                v = def;
        if (v) {
                sbuf_puts(out, v);
                return;
        }
        if (smap_get(&c->unset, name))
                return;
        struct ynode *seen = ynode_string(c->arena, name, at);
        smap_set(&c->unset, seen->text, seen);
        compose_warn(c, at, "The %s variable is not set. Substituting a blank string.", name);
}

/* One "$..." at s (behind the dollar). Returns what follows it, or NULL when it is malformed. */
static const char *expand(struct compose *c, const char *s, const struct ynode *at, struct sbuf *out) {
        char name[NAME_BYTES_MAX];
        size_t n = 0;
        if (*s == '$') {
                sbuf_putc(out, '$');
                return s + 1;
        }
        bool braced = *s == '{';
        s += braced;
        if (!(braced ? name_char(*s) : name_start(*s)))
                return NULL;
        for (; name_char(*s) && n < sizeof name - 1; s++)
                name[n++] = *s;
        name[n] = 0;
        if (name_char(*s))
                return NULL;
        if (!braced) {
                substitute(c, name, NULL, false, at, out);
                return s;
        }
        if (*s == '}') {
                substitute(c, name, NULL, false, at, out);
                return s + 1;
        }
        bool if_empty = s[0] == ':' && s[1] == '-';
        if (!if_empty && *s != '-')
                return NULL;
        s += if_empty ? 2 : 1;
        const char *end = strchr(s, '}');
        if (!end)
                return NULL;
        auto_free char *def = dr_xstrndup(s, (size_t) (end - s));
        substitute(c, name, def, if_empty, at, out);
        return end + 1;
}

static struct ynode *interpolate_string(struct compose *c, const struct ynode *n, const char *key) {
        if (!strchr(n->text, '$'))
                return (struct ynode *) n;
        auto_sbuf struct sbuf out = SBUF(STRING_BYTES_MAX);
        for (const char *s = n->text; *s;) {
                const char *dollar = strchr(s, '$');
                sbuf_add(&out, s, dollar ? (size_t) (dollar - s) : strlen(s));
                if (!dollar)
                        break;
                s = expand(c, dollar + 1, n, &out);
                if (!s) {
                        compose_error(c, n, "Invalid interpolation format for key \"%s\": \"%.200s\"", key, n->text);
                        return (struct ynode *) n;
                }
        }
        c->text_bytes += out.len;
        if (!sbuf_ok(&out) || c->text_bytes > TOTAL_BYTES_MAX) {
                compose_error(c, n, "the values of variables are too large in key \"%s\"", key);
                return (struct ynode *) n;
        }
        return ynode_string(c->arena, sbuf_str(&out), n);
}

struct ynode *compose_interpolate(struct compose *c, const struct ynode *n, const char *key) {
        if (n->kind == YNODE_STRING)
                return interpolate_string(c, n, key);
        if (ynode_is_scalar(n))
                return (struct ynode *) n;
        size_t count = n->kind == YNODE_SEQ ? n->seq.n : n->map.n;
        struct ynode *copy = ynode_new(c->arena, n->kind, n);
        if (!compose_spend(c, count + 1, n))
                return copy;
        if (n->kind == YNODE_SEQ) {
                copy->seq.v = count ? yarena_alloc(c->arena, count * sizeof *copy->seq.v) : NULL;
                copy->seq.n = copy->seq.cap = count;
                for (size_t i = 0; i < count; i++)
                        copy->seq.v[i] = compose_interpolate(c, n->seq.v[i], key);
        } else {
                copy->map.v = count ? yarena_alloc(c->arena, count * sizeof *copy->map.v) : NULL;
                copy->map.n = copy->map.cap = count;
                for (size_t i = 0; i < count; i++)
                        copy->map.v[i] = (struct ypair) { n->map.v[i].key, compose_interpolate(c, n->map.v[i].value, key) };
        }
        return copy;
}
