#include "catalog.h"

#include "base/parse.h"
#include "base/sbuf.h"
#include "json.h"
#include "yaml.h"

#include <stdio.h>

/* ---- places ---- */

static bool copy_part(const char *from, size_t n, char to[CATALOG_NAME_BYTES_MAX + 1]) {
        if (n > CATALOG_NAME_BYTES_MAX)
                return false;
        memcpy(to, from, n);
        to[n] = '\0';
        return true;
}

/* No empty part, no "." or "..": names that could lead elsewhere. */
static bool path_ok(const char *path) {
        for (const char *p = path;; p++) {
                size_t n = strcspn(p, "/");
                if (!n || n > CATALOG_NAME_BYTES_MAX || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
                        return false;
                p += n;
                if (!*p)
                        return true;
        }
}

static int64_t revision_of(const char *s) {
        int64_t n;
        return *s && strspn(s, "0123456789") == strlen(s) && parse_i64(s, &n) == 0 ? n : -1;
}

static enum catalog_file kind_of(const struct catalog_place *p, bool in_version) {
        static const char readme[] = "readme.md";
        if (in_version)
                return CATALOG_FILE_VERSION;
        if (str_eq(p->name, "config.yml"))
                return CATALOG_FILE_CONFIG;
        if (str_starts(p->name, "catalogIcon"))
                return CATALOG_FILE_ICON;
        return strncasecmp(p->name, readme, strlen(readme)) == 0 ? CATALOG_FILE_README : CATALOG_FILE_OTHER;
}

int catalog_place_parse(const char *path, struct catalog_place *ret) {
        struct catalog_place p = { .kind = CATALOG_FILE_OTHER, .revision = -1, .name = path };
        if (!path_ok(path))
                return -EINVAL;
        const char *slash = strchr(path, '/'), *last = strrchr(path, '/');
        if (last)
                p.name = last + 1;
        if (!slash || str_starts(path, ".git/"))
                goto done;
        const char *dash = memchr(path, '-', (size_t) (slash - path)), *folder = slash + 1, *folder_end = strchr(folder, '/');
        if ((dash && !copy_part(path, (size_t) (dash - path), p.base)) || !copy_part(folder, strcspn(folder, "/"), p.folder))
                return -EINVAL;
        if (!folder_end)
                goto done;              /* a file beside the templates */
        const char *version = folder_end + 1, *version_end = strchr(version, '/');
        bool in_version = false;
        if (version_end) {
                if (!copy_part(version, (size_t) (version_end - version), p.version))
                        return -EINVAL;
                p.revision = revision_of(p.version);
                in_version = p.revision >= 0 || catalog_version_is_semver(p.version);
        }
        if (!version_end || in_version)
                p.kind = kind_of(&p, in_version);
        if (p.kind != CATALOG_FILE_VERSION) {
                p.version[0] = '\0';
                p.revision = -1;
        }
done:
        *ret = p;
        return 0;
}

/* ---- files ---- */

static int parse(struct yarena *a, const char *text, size_t n, const char *name, struct ynode **ret, struct dr_error *err) {
        struct yaml_options o = { .size_max = CATALOG_FILE_BYTES_MAX, .duplicate_keys = true };
        struct dr_error e = { 0 };
        unsigned line, column;
        int at = 0, r = yaml_parse(a, text, n, &o, ret, &e);
        if (r < 0 && sscanf(e.message, "line %u, column %u: %n", &line, &column, &at) == 2 && at)
                return dr_fail(err, e.code, NULL, "%.80s:%u:%u: %s", name, line, column, e.message + at);
        if (r < 0)
                return dr_fail(err, e.code, NULL, "%.80s: %s", name, e.message);
        if ((*ret)->kind != YNODE_MAP && (*ret)->kind != YNODE_NULL)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "%.80s:%u:%u: a map is expected at the top level, not a %s", name, (*ret)->line,
                               (*ret)->column, ynode_kind_to_string((*ret)->kind));
        return 0;
}

/* As upstream prints it; versions, which people write without quotes, as they are written: 1.10 is not 1.1. */
static struct json_object *text_of(const struct ynode *n, bool as_written) {
        char buf[64];
        const char *text = "";
        if (n && ynode_is_scalar(n) && n->kind != YNODE_NULL) {
                if (as_written)
                        text = n->text;
                else
                        ynode_scalar_text(n, buf, sizeof buf, &text);
        }
        return json_object_new_string(text);
}

struct text_key { const char *key, *field; bool as_written; };

static void set_texts(struct json_object *o, const struct ynode *map, const struct text_key *keys, size_t n) {
        for (size_t i = 0; i < n; i++)
                json_set(o, keys[i].field, text_of(ynode_get(map, keys[i].key), keys[i].as_written));
}

static struct json_object *labels_of(const struct ynode *map) {
        const struct ynode *labels = ynode_get(map, "labels");
        struct json_object *o = json_object_new_object();
        for (size_t i = 0; labels && labels->kind == YNODE_MAP && i < labels->map.n; i++)
                if (ynode_is_scalar(labels->map.v[i].value))
                        json_set(o, labels->map.v[i].key->text, text_of(labels->map.v[i].value, false));
        return o;
}

static struct json_object *texts_of(const struct ynode *list) {
        struct json_object *a = json_object_new_array();
        for (size_t i = 0; list && list->kind == YNODE_SEQ && i < list->seq.n; i++)
                if (ynode_is_scalar(list->seq.v[i]))
                        json_object_array_add(a, text_of(list->seq.v[i], false));
        return a;
}

int catalog_config_parse(const char *text, size_t n, const char *name, struct json_object **ret, struct dr_error *err) {
        static const struct text_key keys[] = {
                { "name", "name", false }, { "description", "description", false }, { "version", "defaultVersion", true },
                { "maintainer", "maintainer", false }, { "license", "license", false }, { "projectURL", "projectURL", false },
                { "isSystem", "isSystem", false }, { "path", "path", false }, { "upgradeFrom", "upgradeFrom", false },
        };
        AUTO(yarena_free) struct yarena *a = yarena_new(SIZE_MAX / 2);
        struct ynode *root;
        int r = parse(a, text, n, name, &root, err);
        if (r < 0)
                return r;
        struct json_object *o = json_object_new_object(), *categories = texts_of(ynode_get(root, "categories"));
        set_texts(o, root, keys, ARRAY_LEN(keys));
        const struct ynode *category = ynode_get(root, "category");
        if (category && ynode_is_scalar(category) && *category->text)
                json_object_array_add(categories, text_of(category, false));
        json_set(o, "categories", categories);
        json_set(o, "labels", labels_of(root));
        *ret = o;
        return 0;
}

/* ---- questions ---- */

static const struct ynode *catalog_section(const struct ynode *root) {
        const struct ynode *places[] = { ynode_get(root, "catalog"), ynode_get(root, ".catalog"), ynode_get(ynode_get(root, "services"), ".catalog") };
        for (size_t i = 0; i < ARRAY_LEN(places); i++)
                if (places[i] && places[i]->kind == YNODE_MAP)
                        return places[i];
        return NULL;
}

static bool truth_of(const struct ynode *n) {
        bool b = false;
        if (n && n->kind == YNODE_BOOL)
                return n->b;
        if (n && ynode_is_scalar(n) && parse_bool(n->text, &b) < 0)
                return false;
        return b;
}

static int64_t number_of(const struct ynode *n) {
        int64_t i = 0;
        if (n && n->kind == YNODE_INT)
                return n->i;
        if (n && ynode_is_scalar(n) && parse_i64(n->text, &i) < 0)
                return 0;
        return i;
}

static struct json_object *question_of(const struct ynode *q) {
        static const struct text_key keys[] = {
                { "variable", "variable", true }, { "label", "label", false }, { "description", "description", false }, { "type", "type", false },
                { "default", "default", false }, { "group", "group", false }, { "valid_chars", "validChars", false },
                { "invalid_chars", "invalidChars", false },
        };
        static const struct { const char *key, *field; } numbers[] = { { "min_length", "minLength" }, { "max_length", "maxLength" }, { "min", "min" }, { "max", "max" } };
        struct json_object *o = json_object_new_object();
        const struct ynode *options = ynode_get(q, "options");
        set_texts(o, q, keys, ARRAY_LEN(keys));
        json_set_bool(o, "required", truth_of(ynode_get(q, "required")));
        for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
                json_set_int(o, numbers[i].field, number_of(ynode_get(q, numbers[i].key)));
        json_set(o, "options", options && options->kind == YNODE_SEQ ? texts_of(options) : NULL);
        return o;
}

struct json_object *catalog_questions(const struct ynode *root) {
        const struct ynode *questions = ynode_get(catalog_section(root), "questions");
        struct json_object *list = json_object_new_array();
        for (size_t i = 0; questions && questions->kind == YNODE_SEQ && i < questions->seq.n && i < CATALOG_QUESTIONS_MAX; i++) {
                const struct ynode *variable = ynode_get(questions->seq.v[i], "variable");
                if (variable && ynode_is_scalar(variable) && *variable->text)
                        json_object_array_add(list, question_of(questions->seq.v[i]));
        }
        return list;
}

static struct json_object *version_of(const struct ynode *section, const char *folder) {
        static const struct text_key keys[] = {
                { "version", "version", true }, { "minimum_rancher_version", "minimumRancherVersion", true },
                { "maximum_rancher_version", "maximumRancherVersion", true }, { "upgrade_from", "upgradeFrom", true },
        };
        struct json_object *o = json_object_new_object();
        set_texts(o, section, keys, ARRAY_LEN(keys));
        if (!*json_str(o, "version", ""))
                json_set_str(o, "version", folder);
        json_set(o, "labels", labels_of(section));
        return o;
}

struct json_object *catalog_version_plain(const char *folder) {
        struct json_object *o = version_of(NULL, folder);
        json_set(o, "questions", json_object_new_array());
        return o;
}

int catalog_version_parse(const char *text, size_t n, const char *name, const char *folder, struct json_object **ret, struct dr_error *err) {
        AUTO(yarena_free) struct yarena *a = yarena_new(SIZE_MAX / 2);
        struct ynode *root;
        int r = parse(a, text, n, name, &root, err);
        if (r < 0)
                return r;
        const struct ynode *section = catalog_section(root), *questions = ynode_get(section, "questions");
        if (questions && questions->kind == YNODE_SEQ && questions->seq.n > CATALOG_QUESTIONS_MAX)
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "%.80s:%u:%u: more than %d questions", name, questions->line, questions->column, CATALOG_QUESTIONS_MAX);
        *ret = version_of(section, folder);
        json_set(*ret, "questions", catalog_questions(root));
        return 0;
}

/* ---- project.yml ---- */

static struct json_object *stack_of(const struct ynode *s) {
        static const struct { const char *key, *other; bool map; } fields[] = {
                { "name", NULL, false }, { "description", NULL, false }, { "templateId", "template_id", false },
                { "templateVersionId", "template_version_id", false }, { "dockerCompose", "docker_compose", false },
                { "rancherCompose", "rancher_compose", false }, { "answers", NULL, true }, { "binding", NULL, true },
        };
        struct json_object *o = json_object_new_object();
        for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
                const struct ynode *v = ynode_get(s, fields[i].key);
                if (!v && fields[i].other)
                        v = ynode_get(s, fields[i].other);
                if (v && fields[i].map && v->kind == YNODE_MAP)
                        json_set(o, fields[i].key, ynode_to_json(v));
                else if (v && !fields[i].map && ynode_is_scalar(v) && v->kind != YNODE_NULL)
                        json_set(o, fields[i].key, text_of(v, true));
        }
        return o;
}

int catalog_project_parse(const char *text, size_t n, const char *name, struct json_object **ret, struct dr_error *err) {
        static const struct text_key keys[] = { { "name", "name", false }, { "description", "description", false } };
        AUTO(yarena_free) struct yarena *a = yarena_new(SIZE_MAX / 2);
        struct ynode *root;
        int r = parse(a, text, n, name, &root, err);
        if (r < 0)
                return r;
        const struct ynode *stacks = ynode_get(root, "stacks");
        if (stacks && stacks->kind != YNODE_SEQ && stacks->kind != YNODE_NULL)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "%.80s:%u:%u: stacks must be a list, not a %s", name, stacks->line, stacks->column,
                               ynode_kind_to_string(stacks->kind));
        size_t count = stacks && stacks->kind == YNODE_SEQ ? stacks->seq.n : 0;
        if (count > CATALOG_STACKS_MAX)
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "%.80s:%u:%u: more than %d stacks", name, stacks->line, stacks->column, CATALOG_STACKS_MAX);
        AUTO(json_free) struct json_object *o = json_object_new_object();
        struct json_object *list = json_object_new_array();
        set_texts(o, root, keys, ARRAY_LEN(keys));
        json_set(o, "stacks", list);
        for (size_t i = 0; i < count; i++) {
                const struct ynode *s = stacks->seq.v[i];
                if (s->kind != YNODE_MAP)
                        return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "%.80s:%u:%u: a stack must be a map, not a %s", name, s->line, s->column,
                                       ynode_kind_to_string(s->kind));
                json_object_array_add(list, stack_of(s));
        }
        *ret = dr_take(o);
        return 0;
}

/* ---- ids ---- */

int catalog_id_parse(const char *text, struct catalog_id *ret, struct dr_error *err) {
        struct catalog_id id = { .revision = -1 };
        const char *from = str_starts(text, "catalog://") ? text + strlen("catalog://") : text;
        const char *colon = strchr(from, ':');
        if (!colon || colon == from || !copy_part(from, (size_t) (colon - from), id.catalog))
                goto bad;
        const char *template = colon + 1, *third = strchr(template, ':'), *end = third ? third : template + strlen(template);
        const char *star = memchr(template, '*', (size_t) (end - template)), *folder = star ? star + 1 : template;
        if (star && !copy_part(template, (size_t) (star - template), id.base))
                goto bad;
        if (folder == end || memchr(folder, '*', (size_t) (end - folder)) || !copy_part(folder, (size_t) (end - folder), id.folder))
                goto bad;
        if (third && (!third[1] || strchr(third + 1, ':') || !copy_part(third + 1, strlen(third + 1), id.version)))
                goto bad;
        id.revision = revision_of(id.version);
        *ret = id;
        return 0;
bad:
        return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "\"%.100s\" is no template id: CATALOG:[BASE*]FOLDER[:VERSION] is expected", text);
}

char *catalog_id_format(const struct catalog_id *id) {
        return dr_xasprintf("%s:%s%s%s%s%s", id->catalog, id->base, *id->base ? "*" : "", id->folder, *id->version ? ":" : "", id->version);
}
