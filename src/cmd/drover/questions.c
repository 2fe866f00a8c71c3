#include "questions.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/parse.h"
#include "base/sbuf.h"
#include "cli.h"
#include "formats/answers.h"
#include "formats/catalog.h"
#include "read_fd.h"

enum { NAMES_BYTES_MAX = 4096, TRIES_MAX = 100, MULTILINE_BYTES_MAX = 64 * 1024 };

static const char *label_of(const struct json_object *q) {
        const char *label = json_str(q, "label", "");
        return *label ? label : json_str(q, "variable", "?");
}

static bool is_type(const struct json_object *q, const char *type) {
        return str_eq(json_str(q, "type", "string"), type);
}

/* A scalar as it would be typed: NULL for none. Caller frees. */
static char *text_of(const struct json_object *v) {
        return v ? dr_xstrdup(json_object_get_string((struct json_object *) v)) : NULL;
}

/* The answer without a person: what is given, else what was, else the default. */
static int settle(const struct json_object *q, const struct json_object *given, const struct json_object *before, struct json_object **ret,
                  struct dr_error *err) {
        auto_free char *text = text_of(given ? given : before);
        return catalog_answer(q, text, ret, err);
}

/* ---- on the terminal ---- */

static struct json_object *choices_of(const struct questions_config *cfg, const struct json_object *q) {
        if (is_type(q, "enum"))
                return json_object_get(json_get_array(q, "options"));
        bool named = is_type(q, "service") || is_type(q, "secret") || is_type(q, "certificate");
        return named && cfg->choices ? cfg->choices(cfg->ctx, json_str(q, "type", "")) : NULL;
}

static void show_head(const struct json_object *q, struct json_object *choices) {
        const char *description = json_str(q, "description", "");
        if (*description)
                fprintf(stderr, "  %s\n", description);
        for (size_t i = 0; choices && i < json_object_array_length(choices); i++)
                fprintf(stderr, "  %3zu) %s\n", i + 1, json_object_get_string(json_object_array_get_idx(choices, i)));
        if (is_type(q, "multiline"))
                fprintf(stderr, "  (several lines; a line with a single dot ends them)\n");
}

static char *ask_lines(const char *prompt, const char *other) {
        auto_sbuf struct sbuf b = SBUF(MULTILINE_BYTES_MAX);
        auto_free char *line = cli_ask(prompt, other && !strchr(other, '\n') ? other : NULL, false);
        if (!line)
                return NULL;
        if (!*line && other)
                return dr_xstrdup(other);
        if (other && str_eq(line, other))
                return dr_take(line);
        while (line && !str_eq(line, ".")) {
                sbuf_printf(&b, "%s%s", b.len ? "\n" : "", line);
                free(line);
                line = cli_ask("", NULL, false);
        }
        return sbuf_ok(&b) ? sbuf_steal(&b) : NULL;
}

/* "2" chooses the second, unless "2" itself is one of them. Takes over typed. */
static char *choose(struct json_object *choices, char *typed) {
        int64_t n;
        size_t count = choices ? json_object_array_length(choices) : 0;
        for (size_t i = 0; i < count; i++)
                if (str_eq(json_object_get_string(json_object_array_get_idx(choices, i)), typed))
                        return typed;
        if (count == 0 || parse_i64(typed, &n) < 0 || n < 1 || (uint64_t) n > count)
                return typed;
        free(typed);
        return dr_xstrdup(json_object_get_string(json_object_array_get_idx(choices, (size_t) n - 1)));
}

/* "yes" and "no" are what people type. Takes over typed. */
static char *say_boolean(char *typed) {
        bool yes = str_ieq(typed, "y") || str_ieq(typed, "yes"), no = str_ieq(typed, "n") || str_ieq(typed, "no");
        if (!yes && !no)
                return typed;
        free(typed);
        return dr_xstrdup(yes ? "true" : "false");
}

/* The default as the prompt shows it: what was answered before, else the question's own. Caller frees. */
static char *offered(const struct json_object *q, const struct json_object *before) {
        const char *own = json_str(q, "default", "");
        if (before)
                return text_of(before);
        if (is_type(q, "boolean"))
                return dr_xstrdup(str_eq(own, "true") ? "true" : "false");
        return *own ? dr_xstrdup(own) : NULL;
}

static int ask_one(const struct questions_config *cfg, const struct json_object *q, const struct json_object *before, struct json_object **ret,
                   struct dr_error *err) {
        AUTO(json_free) struct json_object *choices = choices_of(cfg, q);
        auto_free char *other = offered(q, before);
        bool secret = is_type(q, "password") || is_type(q, "masked");
        auto_free char *prompt = dr_xasprintf("%s (%s)%s", label_of(q), json_str(q, "variable", "?"), is_type(q, "boolean") ? " yes/no" : "");
        show_head(q, choices);
        for (unsigned i = 0; i < TRIES_MAX; i++) {
                char *typed = is_type(q, "multiline") ? ask_lines(prompt, other) : cli_ask(prompt, other, secret);
                if (!typed)
                        return dr_fail(err, DR_E_MISSING_REQUIRED, NULL, "the input ended at question \"%s\"", json_str(q, "variable", "?"));
                auto_free char *text = is_type(q, "boolean") ? say_boolean(typed) : choose(choices, typed);
                int r = catalog_answer(q, text, ret, err);
                if (r >= 0)
                        return 0;
                fprintf(stderr, "  %s\n", err->message);
        }
        return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "no good answer to question \"%s\"", json_str(q, "variable", "?"));
}

/* ---- all of them ---- */

static void warn_unknown(const struct questions_config *cfg) {
        size_t n = cfg->questions ? json_object_array_length(cfg->questions) : 0;
        if (!cfg->given)
                return;
        json_object_object_foreach(cfg->given, variable, value) {
                bool known = false;
                (void) value;
                for (size_t i = 0; i < n; i++)
                        known = known || str_eq(json_str(json_object_array_get_idx(cfg->questions, i), "variable", NULL), variable);
                if (!known)
                        fprintf(stderr, "warning: no question asks for \"%s\": it is passed on as it is\n", variable);
        }
}

int questions_answer(const struct questions_config *cfg, struct json_object **ret, struct dr_error *err) {
        AUTO(json_free) struct json_object *answers = cfg->given ? json_copy(cfg->given) : json_object_new_object();
        auto_sbuf struct sbuf wrong = SBUF(NAMES_BYTES_MAX);
        size_t n = cfg->questions ? json_object_array_length(cfg->questions) : 0, n_wrong = 0;
        warn_unknown(cfg);
        for (size_t i = 0; i < n; i++) {
                const struct json_object *q = json_object_array_get_idx(cfg->questions, i);
                const char *variable = json_str(q, "variable", "");
                struct json_object *answer = NULL, *given = json_get(cfg->given, variable), *before = json_get(cfg->before, variable);
                if (!*variable)
                        continue;
                if (cfg->ask && !given) {
                        int r = ask_one(cfg, q, before, &answer, err);
                        if (r < 0)
                                return r;
                } else if (settle(q, given, before, &answer, err) < 0) {
                        fprintf(stderr, "%s: %s\n", variable, err->message);
                        sbuf_printf(&wrong, "%s%s", n_wrong++ ? ", " : "", variable);
                        continue;
                }
                json_set(answers, variable, answer);
        }
        if (n_wrong)
                return dr_fail(err, DR_E_MISSING_REQUIRED, NULL, "%zu question%s not answered: %s", n_wrong, n_wrong == 1 ? " is" : "s are", sbuf_str(&wrong));
        *ret = dr_take(answers);
        return 0;
}

static int read_file(const char *file, struct json_object **ret, struct dr_error *err) {
        auto_free char *text = NULL;
        size_t n;
        int r = fd_read_path(file, QUESTIONS_FILE_BYTES_MAX, &text, &n, err);
        return r < 0 ? r : answers_parse(file, text, n, ret, err);
}

int questions_read(const char *file, const char *const *words, size_t n_words, struct json_object **answers, struct dr_error *err) {
        AUTO(json_free) struct json_object *read = NULL;
        int r;
        if (!*answers)
                *answers = json_object_new_object();
        if (file && (r = read_file(file, &read, err)) < 0)
                return r;
        if (read) {
                json_object_object_foreach(read, name, value)
                        json_set(*answers, name, json_object_get(value));
        }
        for (size_t i = 0; i < n_words; i++) {
                const char *eq = strchr(words[i], '=');
                if (!eq || eq == words[i])
                        return dr_fail(err, DR_E_INVALID_FORMAT, "set", "--set takes NAME=VALUE, not \"%.100s\"", words[i]);
                auto_free char *name = dr_xstrndup(words[i], (size_t) (eq - words[i]));
                json_set_str(*answers, name, eq + 1);
        }
        return 0;
}
