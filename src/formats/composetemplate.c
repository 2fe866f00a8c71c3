/* composetemplate.c: documents as templates, and the questions that give their values (spec compose.md 1, "Decided for drover"; catalog.md 6).
 *
 * Questions are read from the raw text, as upstream does; a document that is no YAML before it is rendered is rendered for them first, with the
 * values of the other documents' questions. */
#include "compose-internal.h"

#include "answers.h"
#include "catalog.h"
#include "gotemplate.h"
#include "json.h"

#include <ctype.h>
#include <stdio.h>

/* ---- values ---- */

void compose_take_answers(struct compose *c) {
        c->answers = json_object_new_object();
        if (!c->env->answers)
                return;
        json_object_object_foreach(c->env->answers, key, value) {
                auto_free char *text = answers_text(value);
                json_set_str(c->answers, key, text);
        }
}

struct json_object *compose_defaults(struct json_object *questions) {
        struct json_object *o = json_object_new_object();
        for (size_t i = 0; i < json_object_array_length(questions); i++) {
                const struct json_object *q = json_object_array_get_idx(questions, i);
                json_set_str(o, json_str(q, "variable", ""), json_str(q, "default", ""));
        }
        return o;
}

static struct json_object *release_of(const struct compose_env *env) {
        struct json_object *o = json_object_new_object();
        json_set_str(o, "Name", str_or(env->stack, "stack"));
        json_set_str(o, "Version", str_or(env->version, ""));
        json_set_str(o, "PreviousVersion", str_or(env->previous_version, ""));
        return o;
}

/* What a template is given. */
static struct json_object *data_of(const struct compose_env *env, struct json_object *questions) {
        struct json_object *data = json_object_new_object(), *values = compose_defaults(questions), *environment = json_object_new_object();
        for (size_t i = 0; env->lookup && i < json_object_array_length(questions); i++) {
                const char *variable = json_str(json_object_array_get_idx(questions, i), "variable", ""), *text = env->lookup(env->ctx, variable);
                if (text)
                        json_set_str(values, variable, text);
        }
        if (env->answers) {
                json_object_object_foreach(env->answers, key, value) {
                        auto_free char *text = answers_text(value);
                        json_set_str(values, key, text);
                }
        }
        json_set_str(environment, "Name", str_or(env->environment, ""));
        gotemplate_string_map(values);
        json_set(data, "Values", values);
        json_set(data, "Stack", release_of(env));
        json_set(data, "Release", release_of(env));
        json_set(data, "Environment", environment);
        return data;
}

/* ---- rendering ---- */

static bool is_template(const struct compose_doc *doc) {
        static const char *const marks[] = { "#notemplating", "# notemplating" };
        const char *p = doc->text, *end = doc->text + doc->len;
        while (p < end && isspace((unsigned char) *p))
                p++;
        for (size_t i = 0; i < ARRAY_LEN(marks); i++)
                if ((size_t) (end - p) >= strlen(marks[i]) && memcmp(p, marks[i], strlen(marks[i])) == 0)
                        return false;
        return memmem(doc->text, doc->len, "{{", 2) != NULL;
}

/* c NULL: nobody wants to hear of it. */
static void complain(struct compose *c, bool warning, size_t file, const struct dr_error *err) {
        struct ynode at = { .file = (uint16_t) file };
        unsigned line = 0, column = 0;
        const char *text = err->message;
        int n = 0;
        if (!c)
                return;
        if (sscanf(text, ":%u:%u: %n", &line, &column, &n) == 2 && n)
                text += n;
        else if (sscanf(text, ":%u: %n", &line, &n) == 1 && n)
                text += n, column = 0;
        else if (str_starts(text, ": "))
                text += 2;
        at.line = line;
        at.column = line ? column + 1 : 0;      /* Go counts columns from 0 */
        if (warning)
                compose_warn(c, &at, "the text is taken as it is, not as a template: %s", text);
        else
                compose_error(c, &at, "template: %s", text);
}

/* *ret: the rendered text, or NULL when the document stays as it is. Negative: an error was noted. */
static int render(struct compose *c, const struct compose_doc *doc, size_t file, struct json_object *data, char **ret, size_t *ret_len,
                  struct gotemplate_lines *lines) {
        AUTO(gotemplate_free) struct gotemplate *t = NULL;
        struct dr_error err = { 0 };
        *ret = NULL;
        if (!is_template(doc))
                return 0;
        if (gotemplate_parse(doc->text, doc->len, "", &t, &err) < 0) {
                bool plain = !str_ends(doc->name, ".tpl");
                complain(c, plain, file, &err);
                return plain ? 0 : -EINVAL;
        }
        auto_sbuf struct sbuf out = SBUF(COMPOSE_TEXT_MAX);
        if (gotemplate_execute_lines(t, data, 0, &out, lines, &err) < 0) {
                if (lines)
                        lines->n = 0;   /* the message has the template's own line */
                complain(c, false, file, &err);
                return -EINVAL;
        }
        *ret_len = out.len;
        *ret = sbuf_steal(&out);
        return 0;
}

unsigned compose_line(const struct compose *c, const struct ynode *at) {
        const struct gotemplate_lines *lines = at->file < COMPOSE_DOCS_MAX ? &c->lines[at->file] : NULL;
        return lines && at->line && at->line <= lines->n ? lines->v[at->line - 1] : at->line;
}

int compose_render(struct compose *c, const struct compose_doc *docs, size_t n, struct compose_doc *ret) {
        AUTO(json_free) struct json_object *data = data_of(c->env, c->questions);
        size_t total = 0;
        int r = 0;
        for (size_t i = 0; i < n; i++) {
                char *text;
                ret[i] = docs[i];
                if (render(c, &docs[i], i, data, &text, &ret[i].len, &c->lines[i]) < 0)
                        r = -EINVAL;
                else if (text) {
                        c->rendered[i] = text;
                        ret[i].text = text;
                }
                total += ret[i].len;
        }
        if (r == 0 && total > COMPOSE_TEXT_MAX) {
                compose_error(c, NULL, "the documents make more than %d bytes of text", COMPOSE_TEXT_MAX);
                r = -EINVAL;
        }
        return r;
}

/* ---- questions ---- */

static void add_questions(struct json_object *list, struct smap *seen, struct json_object *more) {
        for (size_t i = 0; i < json_object_array_length(more); i++) {
                struct json_object *q = json_object_array_get_idx(more, i);
                const char *variable = json_str(q, "variable", "");
                size_t at = (size_t) smap_get(seen, variable);
                smap_set(seen, variable, (void *) (at ? at : json_object_array_length(list) + 1));     /* the later one's text: the former goes */
                if (at)
                        json_object_array_put_idx(list, at - 1, json_object_get(q));
                else
                        json_object_array_add(list, json_object_get(q));
        }
}

/* False: the text is no YAML. */
static bool questions_of(const char *text, size_t len, struct json_object *list, struct smap *seen) {
        AUTO(yarena_free) struct yarena *a = yarena_new(SIZE_MAX / 2);
        struct yaml_options o = { .size_max = COMPOSE_TEXT_MAX, .duplicate_keys = true };
        struct ynode *root;
        if (yaml_parse(a, text, len, &o, &root, NULL) < 0)
                return false;
        AUTO(json_free) struct json_object *more = catalog_questions(root);
        add_questions(list, seen, more);
        return true;
}

struct json_object *compose_questions(const struct compose_doc *docs, size_t n, const struct compose_env *env) {
        struct json_object *list = json_object_new_array();
        struct smap seen = { 0 };
        bool late[COMPOSE_DOCS_MAX] = { false };
        for (size_t i = 0; i < n && i < COMPOSE_DOCS_MAX; i++)
                late[i] = memmem(docs[i].text, docs[i].len, "questions", 9) && !questions_of(docs[i].text, docs[i].len, list, &seen);
        for (size_t i = 0; env && env->templates && i < n && i < COMPOSE_DOCS_MAX; i++) {
                auto_free char *text = NULL;
                size_t len;
                if (!late[i])
                        continue;
                AUTO(json_free) struct json_object *data = data_of(env, list);
                if (render(NULL, &docs[i], i, data, &text, &len, NULL) == 0 && text)
                        questions_of(text, len, list, &seen);
        }
        smap_done(&seen);
        return list;
}

const char *compose_rendered(const struct compose *c, size_t doc) { return doc < COMPOSE_DOCS_MAX ? c->rendered[doc] : NULL; }
