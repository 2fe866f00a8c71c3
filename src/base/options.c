#include "options-internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>

#include "parse.h"
#include "suggest.h"

static const char *const sources[OPT_SOURCE_MAX] = {
        [OPT_FROM_DEFAULT] = "default", [OPT_FROM_FILE] = "config file", [OPT_FROM_ENV] = "environment", [OPT_FROM_FLAG] = "flag",
};
_Static_assert(ARRAY_LEN(sources) == OPT_SOURCE_MAX, "one name per source");

const char *opt_source_to_string(enum opt_source s) {
        return (unsigned) s < OPT_SOURCE_MAX ? sources[s] : NULL;
}

const char *opt_next_word(const char *list, char sep, char *buf, size_t n) {
        while (list && (*list == ' ' || (sep && *list == sep)))
                list++;
        if (!list || !*list)
                return NULL;
        size_t len = 0;
        for (; *list && *list != ' ' && !(sep && *list == sep); list++)
                if (len + 1 < n)
                        buf[len++] = *list;
        buf[len] = '\0';
        return list;
}

static bool list_has(const char *list, char sep, const char *word, size_t len, size_t *ret_index) {
        char buf[OPT_NAME_BYTES_MAX];
        size_t i = 0;
        for (const char *p = list; (p = opt_next_word(p, sep, buf, sizeof buf)); i++)
                if (strlen(buf) == len && memcmp(buf, word, len) == 0) {
                        if (ret_index)
                                *ret_index = i;
                        return true;
                }
        return false;
}

static void first_name(const struct opt_row *r, char buf[OPT_NAME_BYTES_MAX]) {
        (void) opt_next_word(r->name, 0, buf, OPT_NAME_BYTES_MAX);
}

const struct opt_command *opt_command_find(const struct opt_command *parent, const char *name) {
        for (size_t i = 0; i < parent->n_sub; i++)
                if (str_eq(parent->sub[i]->name, name) || list_has(parent->sub[i]->aliases, 0, name, strlen(name), NULL))
                        return parent->sub[i];
        return NULL;
}

static void enter(struct opts *o, const struct opt_command *c) {
        assert(o->depth < OPT_DEPTH_MAX);
        for (size_t i = 0; i < c->n_rows; i++)
                vec_push(&o->values, ((struct opt_value) { .row = &c->rows[i], .level = o->depth }));
        o->path[o->depth++] = c;
}

struct opts *opts_free(struct opts *o) {
        if (!o)
                return NULL;
        for (size_t i = 0; i < o->values.n; i++) {
                free(o->values.v[i].text);
                for (size_t k = 0; k < o->values.v[i].list.n; k++)
                        free(o->values.v[i].list.v[k]);
                vec_done(&o->values.v[i].list);
        }
        vec_done(&o->values);
        for (size_t i = 0; i < o->args.n; i++)
                free(o->args.v[i]);
        vec_done(&o->args);
        free(o);
        return NULL;
}

int opt_split_listen(const char *s, char *host, size_t n, uint16_t *ret_port, struct dr_error *err) {
        const char *port = s, *end = NULL, *start = s;
        if (*s == '[') {
                start = s + 1;
                end = strchr(s, ']');
                if (!end || end[1] != ':')
                        return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "\"%.64s\" is not an address: write [ADDR]:PORT", s);
                port = end + 2;
        } else if ((end = strrchr(s, ':'))) {
                port = end + 1;
                if (memchr(s, ':', (size_t) (end - s)))
                        return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "\"%.64s\" is not an address: an IPv6 address needs [brackets]", s);
        }
        uint64_t p;
        if (parse_u64(port, 65535, &p) < 0)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "\"%.64s\" is not an address: \"%.32s\" is no port from 0 to 65535", s, port);
        size_t len = end ? (size_t) (end - start) : 0;
        if (len >= n)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "\"%.64s\" is not an address: it is too long", s);
        if (len == 0)
                snprintf(host, n, "0.0.0.0");
        else
                snprintf(host, n, "%.*s", (int) len, start);
        *ret_port = (uint16_t) p;
        return 0;
}

static int check_range(const struct opt_row *r, const char *text, int64_t x, struct dr_error *err) {
        if (r->min == 0 && r->max == 0)
                return 0;
        const char *unit = r->type == OPT_DURATION ? " ms" : r->type == OPT_BYTES ? " bytes" : "";
        if (x < r->min)
                return dr_fail(err, DR_E_MIN_LIMIT, NULL, "\"%.64s\" is too small: at least %lld%s", text, (long long) r->min, unit);
        if (x > r->max)
                return dr_fail(err, DR_E_MAX_LIMIT, NULL, "\"%.64s\" is too large: at most %lld%s", text, (long long) r->max, unit);
        return 0;
}

/* Checks text by the row's type and stores it in v. */
static int take_text(struct opt_value *v, const char *text, struct dr_error *err) {
        const struct opt_row *r = v->row;
        uint64_t u = 0;
        bool flag = false;
        int64_t number = 0;
        size_t index;
        char host[64];
        uint16_t port;
        int e = 0;

        if (strnlen(text, OPT_VALUE_BYTES_MAX) == OPT_VALUE_BYTES_MAX)
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "the value is longer than %d bytes", OPT_VALUE_BYTES_MAX);
        switch (r->type) {
        case OPT_FLAG:
                if (parse_bool(text, &flag) < 0)
                        return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "\"%.64s\" is neither true nor false", text);
                break;
        case OPT_INT:
                if ((e = parse_i64(text, &number)) < 0)
                        return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "\"%.64s\" is not a whole number%s", text, e == -ERANGE ? " of 64 bits" : "");
                break;
        case OPT_DURATION:
                if (parse_duration_ms(text, &u) < 0 || u > INT64_MAX)
                        return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "\"%.64s\" is not a time: write 250ms, 10s, 5m or 2h", text);
                number = (int64_t) u;
                break;
        case OPT_BYTES:
                if (parse_bytes(text, &number) < 0)
                        return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "\"%.64s\" is not a size: write 64k, 512m or 2g", text);
                break;
        case OPT_ENUM:
                if (!list_has(r->values, '|', text, strlen(text), &index))
                        return dr_fail(err, DR_E_INVALID_OPTION, NULL, "\"%.64s\" is not one of %s", text, r->values);
                number = (int64_t) index;
                break;
        case OPT_LISTEN:
                if ((e = opt_split_listen(text, host, sizeof host, &port, err)) < 0)
                        return e;
                break;
        default:
                break;
        }
        if ((r->type == OPT_INT || r->type == OPT_DURATION || r->type == OPT_BYTES) && (e = check_range(r, text, number, err)) < 0)
                return e;
        if (r->check && (e = r->check(text, err)) < 0)
                return e;
        if (r->type == OPT_LIST) {
                vec_push(&v->list, dr_xstrdup(text));
        } else {
                free(v->text);
                v->text = dr_xstrdup(text);
        }
        v->flag = flag;
        v->number = number;
        return 0;
}

/* where: how the person wrote it, for the message: "--name", "environment variable X" or "FILE:LINE: name". */
static int set_value(struct opt_value *v, const char *text, enum opt_source source, const char *where, struct dr_error *err) {
        int r = take_text(v, text, err);
        if (r < 0) {
                if (err)
                        first_name(v->row, err->field);
                return dr_prefix(err, r, "%s", where);
        }
        v->set = true;
        v->source = source;
        return 0;
}

static struct opt_value *find_long(struct opts *o, const char *name, size_t len) {
        for (size_t i = o->values.n; i > 0; i--)
                if (list_has(o->values.v[i - 1].row->name, 0, name, len, NULL))
                        return &o->values.v[i - 1];
        return NULL;
}

static struct opt_value *find_letter(struct opts *o, char letter) {
        for (size_t i = o->values.n; i > 0; i--)
                if (o->values.v[i - 1].row->letter == letter)
                        return &o->values.v[i - 1];
        return NULL;
}

static const char *path_string(const struct opts *o, char *buf, size_t n) {
        size_t len = 0;
        buf[0] = '\0';
        for (size_t i = 0; i < o->depth && len < n; i++)
                len += (size_t) snprintf(buf + len, n - len, "%s%s", i ? " " : "", o->path[i]->name);
        return buf;
}

static int fail_unknown_option(const struct opts *o, const char *name, size_t len, struct dr_error *err) {
        const char *names[256];
        char words[256][OPT_NAME_BYTES_MAX], wanted[OPT_NAME_BYTES_MAX], path[128];
        size_t n = 0;
        snprintf(wanted, sizeof wanted, "%.*s", (int) MIN(len, (size_t) OPT_NAME_BYTES_MAX - 1), name);
        for (size_t i = 0; i < o->values.n; i++)
                if (!(o->values.v[i].row->flags & OPT_HIDDEN))
                        for (const char *p = o->values.v[i].row->name; n < ARRAY_LEN(names) && (p = opt_next_word(p, 0, words[n], sizeof words[n])); n++)
                                names[n] = words[n];
        const char *near = suggest_nearest(wanted, names, n);
        if (near)
                return dr_fail(err, DR_E_INVALID_OPTION, NULL, "unknown option \"--%s\" of \"%s\": did you mean \"--%s\"?",
                               wanted, path_string(o, path, sizeof path), near);
        return dr_fail(err, DR_E_INVALID_OPTION, NULL, "unknown option \"--%s\" of \"%s\"", wanted, path_string(o, path, sizeof path));
}

static int fail_unknown_verb(const struct opts *o, const char *word, struct dr_error *err) {
        const struct opt_command *c = o->path[o->depth - 1];
        const char *names[128];
        char path[128];
        size_t n = 0;
        for (size_t i = 0; i < c->n_sub && n < ARRAY_LEN(names); i++)
                if (!c->sub[i]->hidden)
                        names[n++] = c->sub[i]->name;
        const char *near = suggest_nearest(word, names, n);
        if (near)
                return dr_fail(err, DR_E_INVALID_OPTION, NULL, "unknown command \"%.64s\" of \"%s\": did you mean \"%s\"?",
                               word, path_string(o, path, sizeof path), near);
        return dr_fail(err, DR_E_INVALID_OPTION, NULL, "unknown command \"%.64s\" of \"%s\"", word, path_string(o, path, sizeof path));
}

static int fail_needs_value(const struct opt_value *v, const char *where, struct dr_error *err) {
        return dr_fail(err, DR_E_MISSING_REQUIRED, NULL, "option \"%s\" needs a value: %s %s", where, where, str_or(v->row->arg, "VALUE"));
}

struct words { int argc, i; char *const *argv; };

static int parse_long(struct opts *o, struct words *w, struct dr_error *err) {
        const char *name = w->argv[w->i] + 2, *eq = strchr(name, '=');
        size_t len = eq ? (size_t) (eq - name) : strlen(name);
        char where[OPT_NAME_BYTES_MAX + 8];
        struct opt_value *v = find_long(o, name, len);
        snprintf(where, sizeof where, "--%.*s", (int) MIN(len, (size_t) OPT_NAME_BYTES_MAX), name);

        if (!v && len == 4 && memcmp(name, "help", 4) == 0) {
                o->action = OPTS_HELP;
                return 0;
        }
        if (!v && o->depth == 1 && len == 7 && memcmp(name, "version", 7) == 0) {
                o->action = OPTS_VERSION;
                return 0;
        }
        if (!v && len > 3 && memcmp(name, "no-", 3) == 0 && (v = find_long(o, name + 3, len - 3)) && v->row->type == OPT_FLAG) {
                if (eq)
                        return dr_fail(err, DR_E_INVALID_OPTION, NULL, "option \"%s\" takes no value", where);
                return set_value(v, "false", OPT_FROM_FLAG, where, err);
        }
        if (!v || (v->row->type != OPT_FLAG && !list_has(v->row->name, 0, name, len, NULL)))
                return fail_unknown_option(o, name, len, err);
        if (eq)
                return set_value(v, eq + 1, OPT_FROM_FLAG, where, err);
        if (v->row->type == OPT_FLAG)
                return set_value(v, "true", OPT_FROM_FLAG, where, err);
        if (w->i + 1 >= w->argc)
                return fail_needs_value(v, where, err);
        return set_value(v, w->argv[++w->i], OPT_FROM_FLAG, where, err);
}

static int parse_letters(struct opts *o, struct words *w, struct dr_error *err) {
        for (const char *p = w->argv[w->i] + 1; *p; p++) {
                char where[3] = { '-', *p, '\0' }, path[128];
                struct opt_value *v = find_letter(o, *p);
                int r;
                if (!v && *p == 'h') {
                        o->action = OPTS_HELP;
                        return 0;
                }
                if (!v && *p == 'v' && o->depth == 1) {
                        o->action = OPTS_VERSION;
                        return 0;
                }
                if (!v)
                        return dr_fail(err, DR_E_INVALID_OPTION, NULL, "unknown option \"%s\" of \"%s\"", where, path_string(o, path, sizeof path));
                if (v->row->type == OPT_FLAG) {
                        if ((r = set_value(v, "true", OPT_FROM_FLAG, where, err)) < 0)
                                return r;
                        continue;
                }
                if (p[1])
                        return set_value(v, p[1] == '=' ? p + 2 : p + 1, OPT_FROM_FLAG, where, err);
                if (w->i + 1 >= w->argc)
                        return fail_needs_value(v, where, err);
                return set_value(v, w->argv[++w->i], OPT_FROM_FLAG, where, err);
        }
        return 0;
}

static int parse_words(struct opts *o, struct words *w, struct dr_error *err) {
        bool ended = false;
        for (w->i = 1; w->i < w->argc; w->i++) {
                const char *word = w->argv[w->i];
                const struct opt_command *c = o->path[o->depth - 1], *sub;
                int r = 0;
                if (c->passthrough || ended || word[0] != '-' || word[1] == '\0') {
                        if (!ended && !c->passthrough && o->args.n == 0 && c->n_sub > 0) {
                                if ((sub = opt_command_find(c, word))) {
                                        enter(o, sub);
                                        continue;
                                }
                                if (!c->run || c->max_args == 0)
                                        return fail_unknown_verb(o, word, err);
                        }
                        if (o->args.n >= OPT_ARGS_MAX)
                                return dr_fail(err, DR_E_TOO_LARGE, NULL, "more than %d arguments", OPT_ARGS_MAX);
                        vec_push(&o->args, dr_xstrdup(word));
                        if (c->first_ends)
                                ended = true;
                } else if (str_eq(word, "--")) {
                        ended = true;
                } else {
                        r = word[1] == '-' ? parse_long(o, w, err) : parse_letters(o, w, err);
                }
                if (r < 0 || o->action != OPTS_RUN)
                        return r;
        }
        return 0;
}

static const char *env_get(char *const *envp, const char *name) {
        size_t len = strlen(name);
        for (; envp && *envp; envp++)
                if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=' && (*envp)[len + 1])
                        return *envp + len + 1;
        return NULL;
}

static void env_name(const char *prefix, const struct opt_row *r, char *buf, size_t n) {
        char name[OPT_NAME_BYTES_MAX];
        first_name(r, name);
        snprintf(buf, n, "%s%s", prefix, name);
        for (char *p = buf + MIN(strlen(prefix), n - 1); *p; p++)
                *p = *p == '-' ? '_' : *p >= 'a' && *p <= 'z' ? (char) (*p - 32) : *p;
}

static int set_from_env(struct opt_value *v, const char *name, const char *text, struct dr_error *err) {
        char where[OPT_NAME_BYTES_MAX + 32], item[1024];
        snprintf(where, sizeof where, "environment variable %s", name);
        if (v->row->type != OPT_LIST)
                return set_value(v, text, OPT_FROM_ENV, where, err);
        while (*text) {
                size_t len = strcspn(text, ",");
                if (len >= sizeof item)
                        return dr_fail(err, DR_E_TOO_LARGE, NULL, "%s: an item is longer than %zu bytes", where, sizeof item - 1);
                snprintf(item, sizeof item, "%.*s", (int) len, text);
                int r = len ? set_value(v, item, OPT_FROM_ENV, where, err) : 0;
                if (r < 0)
                        return r;
                text += len + (text[len] == ',');
        }
        return 0;
}

static int read_env(struct opts *o, char *const *envp, struct dr_error *err) {
        for (size_t i = 0; i < o->values.n; i++) {
                struct opt_value *v = &o->values.v[i];
                char name[OPT_NAME_BYTES_MAX + 32];
                const char *text = NULL;
                if (v->set || (v->row->flags & OPT_NO_ENV))
                        continue;
                if (v->level == 0 && o->path[0]->env_prefix) {
                        env_name(o->path[0]->env_prefix, v->row, name, sizeof name);
                        text = env_get(envp, name);
                }
                for (const char *p = v->row->env; !text && (p = opt_next_word(p, 0, name, sizeof name)); )
                        text = env_get(envp, name);
                int r = text ? set_from_env(v, name, text, err) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

static char *trim(char *s) {
        while (*s == ' ' || *s == '\t')
                s++;
        size_t n = strlen(s);
        while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t' || s[n - 1] == '\r'))
                s[--n] = '\0';
        return s;
}

static int fail_unknown_setting(const struct opts *o, const char *path, unsigned line, const char *name, struct dr_error *err) {
        const char *names[256];
        char words[256][OPT_NAME_BYTES_MAX];
        size_t n = 0;
        for (size_t i = 0; i < o->path[0]->n_rows && n < ARRAY_LEN(names); i++, n++) {
                first_name(&o->path[0]->rows[i], words[n]);
                names[n] = words[n];
        }
        const char *near = suggest_nearest(name, names, n);
        return dr_fail(err, DR_E_INVALID_OPTION, NULL, "%s:%u: unknown setting \"%.64s\"%s%s%s", path, line, name,
                       near ? ": did you mean \"" : "", str_or(near, ""), near ? "\"?" : "");
}

static int read_line(struct opts *o, const char *path, unsigned line, char *text, struct dr_error *err) {
        text = trim(text);
        if (*text == '\0' || *text == '#')
                return 0;
        char *eq = strchr(text, '=');
        if (!eq)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "%s:%u: not \"name = value\"", path, line);
        *eq = '\0';
        char *name = trim(text), *value = trim(eq + 1), where[512];
        size_t n = strlen(value);
        if (n >= 1 && value[0] == '"') {
                if (n < 2 || value[n - 1] != '"')
                        return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "%s:%u: the closing quote is missing", path, line);
                value[n - 1] = '\0';
                value++;
        }
        for (size_t i = 0; i < o->values.n; i++) {
                struct opt_value *v = &o->values.v[i];
                if (v->level != 0 || !list_has(v->row->name, 0, name, strlen(name), NULL))
                        continue;
                if (v->row->type == OPT_CONFIG || (v->row->flags & OPT_NO_FILE))
                        return dr_fail(err, DR_E_INVALID_OPTION, NULL, "%s:%u: \"%s\" cannot be set in a file", path, line, name);
                if (v->set && v->source > OPT_FROM_FILE)
                        return 0;
                if (v->set && v->row->type != OPT_LIST)
                        return dr_fail(err, DR_E_NOT_UNIQUE, NULL, "%s:%u: \"%s\" is set twice", path, line, name);
                snprintf(where, sizeof where, "%s:%u: %s", path, line, name);
                return set_value(v, value, OPT_FROM_FILE, where, err);
        }
        return fail_unknown_setting(o, path, line, name, err);
}

static int read_config(struct opts *o, const char *path, bool must_exist, struct dr_error *err) {
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT && !must_exist)
                return 0;
        if (fd < 0)
                return dr_fail(err, errno == ENOENT ? DR_E_NOT_FOUND : DR_E_INTERNAL, NULL, "could not open config file \"%s\": %m", path);

        auto_free char *buf = dr_xmalloc(OPT_CONFIG_BYTES_MAX + 2);
        size_t n = 0;
        for (;;) {
                ssize_t r = read(fd, buf + n, OPT_CONFIG_BYTES_MAX + 1 - n);
                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return dr_fail(err, DR_E_INTERNAL, NULL, "could not read config file \"%s\": %m", path);
                if (r == 0)
                        break;
                n += (size_t) r;
                if (n > OPT_CONFIG_BYTES_MAX)
                        return dr_fail(err, DR_E_TOO_LARGE, NULL, "config file \"%s\" is longer than %d bytes", path, OPT_CONFIG_BYTES_MAX);
        }
        buf[n] = '\0';
        if (strlen(buf) != n)
                return dr_fail(err, DR_E_INVALID_CHARACTERS, NULL, "config file \"%s\" holds a zero byte", path);

        unsigned line = 0;
        for (char *p = buf, *next; *p; p = next) {
                next = p + strcspn(p, "\n");
                if (*next)
                        *next++ = '\0';
                int r = read_line(o, path, ++line, p, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_file_of_config_row(struct opts *o, struct dr_error *err) {
        for (size_t i = 0; i < o->values.n; i++) {
                struct opt_value *v = &o->values.v[i];
                if (v->row->type != OPT_CONFIG)
                        continue;
                const char *path = v->set ? v->text : v->row->dflt;
                return path && *path ? read_config(o, path, v->set, err) : 0;
        }
        return 0;
}

static int set_defaults(struct opts *o, struct dr_error *err) {
        for (size_t i = 0; i < o->values.n; i++) {
                struct opt_value *v = &o->values.v[i];
                char name[OPT_NAME_BYTES_MAX];
                int r;
                if (v->set)
                        continue;
                first_name(v->row, name);
                if (v->row->flags & OPT_REQUIRED)
                        return dr_fail(err, DR_E_MISSING_REQUIRED, name, "option \"--%s\" is required", name);
                if (v->row->dflt && (r = take_text(v, v->row->dflt, err)) < 0)
                        return dr_prefix(err, r, "default of --%s", name);
                v->source = OPT_FROM_DEFAULT;
        }
        return 0;
}

static int check_args(const struct opts *o, struct dr_error *err) {
        const struct opt_command *c = o->path[o->depth - 1];
        char path[128];
        path_string(o, path, sizeof path);
        if (c->passthrough)
                return 0;
        if (!c->run && c->n_sub > 0)
                return dr_fail(err, DR_E_MISSING_REQUIRED, NULL, "\"%s\" needs a command", path);
        if (o->args.n < c->min_args)
                return dr_fail(err, DR_E_MISSING_REQUIRED, NULL, "\"%s\" needs %s", path, str_or(c->args, "an argument"));
        if (o->args.n > c->max_args)
                return dr_fail(err, DR_E_INVALID_OPTION, NULL, "unexpected argument \"%.64s\" of \"%s\"", o->args.v[c->max_args], path);
        return 0;
}

int opts_parse(const struct opt_command *root, int argc, char *const *argv, char *const *envp, struct opts **ret, struct dr_error *err) {
        AUTO(opts_free) struct opts *o = dr_xnew(struct opts);
        struct words w = { .argc = argc, .argv = argv };
        int r;

        enter(o, root);
        if ((r = parse_words(o, &w, err)) < 0)
                return r;
        if (o->action == OPTS_RUN) {
                if ((r = check_args(o, err)) < 0 || (r = read_env(o, envp, err)) < 0 || (r = read_file_of_config_row(o, err)) < 0 ||
                    (r = set_defaults(o, err)) < 0)
                        return r;
        }
        vec_push(&o->args, NULL);
        o->args.n--;
        for (size_t i = 0; i < o->values.n; i++) {
                vec_push(&o->values.v[i].list, NULL);
                o->values.v[i].list.n--;
        }
        *ret = dr_take(o);
        return 0;
}

enum opts_action opts_action(const struct opts *o) {
        return o->action;
}

const struct opt_command *opts_command(const struct opts *o) {
        return o->path[o->depth - 1];
}

const char *const *opts_args(const struct opts *o, size_t *n) {
        if (n)
                *n = o->args.n;
        return (const char *const *) o->args.v;
}

bool opts_has(const struct opts *o, const char *name) {
        return find_long((struct opts *) o, name, strlen(name)) != NULL;
}

static const struct opt_value *value_of(const struct opts *o, const char *name) {
        const struct opt_value *v = find_long((struct opts *) o, name, strlen(name));
        assert(v);
        return v;
}

const char *opts_str(const struct opts *o, const char *name) {
        const struct opt_value *v = value_of(o, name);
        assert(v->row->type != OPT_LIST);
        return v->text;
}

bool opts_bool(const struct opts *o, const char *name) {
        const struct opt_value *v = value_of(o, name);
        assert(v->row->type == OPT_FLAG);
        return v->flag;
}

int64_t opts_int(const struct opts *o, const char *name) {
        const struct opt_value *v = value_of(o, name);
        assert(v->row->type == OPT_INT || v->row->type == OPT_DURATION || v->row->type == OPT_BYTES);
        return v->number;
}

size_t opts_enum(const struct opts *o, const char *name) {
        const struct opt_value *v = value_of(o, name);
        assert(v->row->type == OPT_ENUM);
        return (size_t) v->number;
}

const char *const *opts_list(const struct opts *o, const char *name, size_t *n) {
        const struct opt_value *v = value_of(o, name);
        assert(v->row->type == OPT_LIST);
        if (n)
                *n = v->list.n;
        return (const char *const *) v->list.v;
}

enum opt_source opts_source(const struct opts *o, const char *name) {
        return value_of(o, name)->source;
}
