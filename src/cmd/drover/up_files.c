#include "up_files.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/vec.h"
#include "beneath.h"
#include "formats/answers.h"
#include "formats/catalog.h"
#include "formats/json.h"
#include "questions.h"
#include "read_fd.h"
#include "up_plan.h"

struct doc { char *path, *text; size_t len; };

struct reader {
        VEC(struct doc) docs;
        struct json_object *env;        /* of the env file; NULL: none */
};

static int add_doc(struct reader *rd, const char *path, struct dr_error *err) {
        struct doc d = { 0 };
        if (rd->docs.n >= COMPOSE_DOCS_MAX)
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "more than %d files", COMPOSE_DOCS_MAX);
        for (size_t i = 0; i < rd->docs.n; i++)
                if (str_eq(rd->docs.v[i].path, path))
                        return 0;
        int r = fd_read_path(path, UP_FILE_BYTES_MAX, &d.text, &d.len, err);
        if (r < 0)
                return r;
        d.path = dr_xstrdup(path);
        vec_push(&rd->docs, d);
        return 0;
}

/* name in the folder of path. Caller frees. */
static char *beside(const char *path, const char *name) {
        const char *slash = strrchr(path, '/');
        return slash ? dr_xasprintf("%.*s/%s", (int) (slash - path), path, name) : dr_xstrdup(name);
}

static int add_beside(struct reader *rd, const char *name, struct dr_error *err) {
        auto_free char *path = beside(rd->docs.v[0].path, name);
        return access(path, F_OK) == 0 ? add_doc(rd, path, err) : 0;
}

static int add_docs(struct reader *rd, const struct up_files_config *cfg, struct dr_error *err) {
        int r = 0;
        for (size_t i = 0; i < cfg->n; i++) {
                auto_free char *copy = dr_xstrdup(cfg->files[i]);
                char *save = NULL, *path = cfg->split_colons ? strtok_r(copy, ":", &save) : copy;
                for (; path; path = cfg->split_colons ? strtok_r(NULL, ":", &save) : NULL)
                        if ((r = add_doc(rd, path, err)) < 0)
                                return r;
        }
        if (rd->docs.n == 0 && ((r = add_doc(rd, "docker-compose.yml", err)) < 0 || (r = add_beside(rd, "docker-compose.override.yml", err)) < 0))
                return r;
        return cfg->rancher_file ? add_doc(rd, cfg->rancher_file, err) : add_beside(rd, "rancher-compose.yml", err);
}

static int read_env_file(struct reader *rd, const char *path, struct dr_error *err) {
        auto_free char *text = NULL;
        size_t len;
        int r = fd_read_path(path, UP_FILE_BYTES_MAX, &text, &len, err);
        return r < 0 ? r : answers_parse(path, text, len, &rd->env, err);
}

/* The env file wins over the environment, as rancher-compose documents it. */
static const char *find_variable(void *ctx, const char *name) {
        struct reader *rd = ctx;
        return json_str(rd->env, name, getenv(name));
}

/* The folder that files named by doc must stay in: that of the given document in whose folder doc is, else the first one's. The caller frees. */
static char *folder_of(const struct reader *rd, const char *doc) {
        auto_free char *folder = NULL;
        for (size_t i = 0; i < rd->docs.n; i++) {
                auto_free char *own = beside(rd->docs.v[i].path, "");
                size_t n = strlen(own);
                if (strncmp(doc, own, n) == 0 && (!folder || n > strlen(folder))) {
                        free(folder);
                        folder = dr_take(own);
                }
        }
        return folder ? dr_take(folder) : beside(rd->docs.v[0].path, "");
}

/* Files that documents name (env_file, extends, secrets). */
static int read_named(void *ctx, const char *doc, const char *path, char **ret, size_t *ret_len, struct dr_error *err) {
        const struct reader *rd = ctx;
        auto_free char *folder = folder_of(rd, doc), *full = path[0] == '/' ? dr_xstrdup(path) : beside(doc, path);
        bool inside = path[0] != '/' && strncmp(full, folder, strlen(folder)) == 0;
        auto_close int fd = beneath_open(*folder ? folder : ".", inside ? full + strlen(folder) : full, err);
        return fd < 0 ? fd : fd_read_all(fd, full, UP_FILE_BYTES_MAX, ret, ret_len, err);
}

static char *stack_name(const struct up_files_config *cfg, const struct reader *rd) {
        const char *env = getenv("COMPOSE_PROJECT_NAME");
        if (cfg->stack)
                return dr_xstrdup(cfg->stack);
        if (env && *env)
                return up_stack_name(env);
        auto_free char *dir = beside(rd->docs.v[0].path, ".");
        char full[PATH_MAX];
        if (!realpath(dir, full))
                return dr_xstrdup("default");
        const char *slash = strrchr(full, '/');
        return up_stack_name(slash ? slash + 1 : full);
}

static void show_messages(const struct compose *c) {
        size_t n;
        const struct compose_message *m = compose_messages(c, &n);
        for (size_t i = 0; i < n; i++) {
                auto_free char *text = compose_message_format(&m[i]);
                fprintf(stderr, "%s: %s\n", m[i].warning ? "warning" : "error", text);
        }
}

static void reader_done(struct reader *rd) {
        for (size_t i = 0; i < rd->docs.n; i++) {
                free(rd->docs.v[i].path);
                free(rd->docs.v[i].text);
        }
        vec_done(&rd->docs);
        json_free(rd->env);
}

/* ---- questions ---- */

static bool is_template(const struct reader *rd) {
        for (size_t i = 0; i < rd->docs.n; i++)
                if (memmem(rd->docs.v[i].text, rd->docs.v[i].len, "{{", 2))
                        return true;
        return false;
}

/* The version that the catalog section of a document says. Caller frees; NULL: none says one. */
static char *find_version(const struct reader *rd) {
        for (size_t i = 0; i < rd->docs.n; i++) {
                AUTO(json_free) struct json_object *record = NULL;
                if (catalog_version_parse(rd->docs.v[i].text, rd->docs.v[i].len, rd->docs.v[i].path, "", &record, NULL) < 0)
                        continue;       /* YAML only after its template has run; what is wrong with it the compose reader tells */
                if (*json_str(record, "version", ""))
                        return dr_xstrdup(json_str(record, "version", ""));
        }
        return NULL;
}

/* Asks for the variables that neither the env file nor the environment has. */
static int answer_questions(struct reader *rd, struct json_object *questions, struct json_object **ret, struct dr_error *err) {
        AUTO(json_free) struct json_object *given = json_object_new_object();
        bool from_stdin = false;
        for (size_t i = 0; i < rd->docs.n; i++)
                from_stdin = from_stdin || str_eq(rd->docs.v[i].path, "-");
        for (size_t i = 0; i < json_object_array_length(questions); i++) {
                const char *variable = json_str(json_object_array_get_idx(questions, i), "variable", ""), *value = find_variable(rd, variable);
                if (value)
                        json_set_str(given, variable, value);
        }
        struct questions_config cfg = { .questions = questions, .given = given, .ask = !from_stdin && isatty(STDIN_FILENO) };
        return questions_answer(&cfg, ret, err);
}

static void add_env_file(const struct reader *rd, struct json_object *answers) {
        if (!rd->env)
                return;
        json_object_object_foreach(rd->env, name, value)
                if (!json_has(answers, name))
                        json_set(answers, name, json_object_get(value));
}

/* ---- all of it ---- */

static int read_docs(struct reader *rd, const struct up_files_config *cfg, struct dr_error *err) {
        int r = add_docs(rd, cfg, err);
        return r < 0 || !cfg->env_file ? r : read_env_file(rd, cfg->env_file, err);
}

static int fail_with_count(const struct compose *compose, int r, struct dr_error *err) {
        size_t n, errors = 0;
        const struct compose_message *m = compose_messages(compose, &n);
        for (size_t i = 0; i < n; i++)
                errors += !m[i].warning;
        return errors == 0 ? r : dr_fail(err, DR_E_INVALID_FORMAT, NULL, "nothing was changed: the files have %zu error%s", errors, errors == 1 ? "" : "s");
}

static int read_all(struct reader *rd, const struct up_files_config *cfg, struct up_files *ret, struct dr_error *err) {
        AUTO(json_free) struct json_object *questions = NULL, *answers = NULL;
        int r = read_docs(rd, cfg, err);
        if (r < 0)
                return r;
        struct compose_doc docs[COMPOSE_DOCS_MAX];
        for (size_t i = 0; i < rd->docs.n; i++)
                docs[i] = (struct compose_doc) { .name = rd->docs.v[i].path, .text = rd->docs.v[i].text, .len = rd->docs.v[i].len };
        auto_free char *stack = stack_name(cfg, rd), *version = find_version(rd);
        AUTO(compose_free) struct compose *compose = NULL;
        struct compose_env env = { .ctx = rd, .lookup = find_variable, .read_file = read_named, .stack = stack, .templates = true, .version = version,
                                   .environment = is_template(rd) && cfg->environment ? cfg->environment(cfg->ctx) : NULL };
        questions = compose_questions(docs, rd->docs.n, &env);
        if ((r = answer_questions(rd, questions, &answers, err)) < 0)
                return r;
        add_env_file(rd, answers);      /* templates see it as .Values, as upstream's command line does */
        env.answers = answers;
        r = compose_read(docs, rd->docs.n, &env, &compose, err);
        show_messages(compose);
        if (r < 0)
                return fail_with_count(compose, r, err);
        *ret = (struct up_files) { .stack = dr_take(stack), .compose = dr_take(compose) };
        return 0;
}

int up_files_read(const struct up_files_config *cfg, struct up_files *ret, struct dr_error *err) {
        struct reader rd = { 0 };
        int r = read_all(&rd, cfg, ret, err);
        reader_done(&rd);
        return r;
}

int up_files_render(const struct up_files_config *cfg, struct dr_error *err) {
        struct reader rd = { 0 };
        struct up_files files = { 0 };
        int r = read_all(&rd, cfg, &files, err);
        for (size_t i = 0; r >= 0 && i < rd.docs.n; i++) {
                const char *text = str_or(compose_rendered(files.compose, i), rd.docs.v[i].text);
                size_t n = strlen(text);
                printf("%s# %s\n%s%s", i ? "---\n" : "", rd.docs.v[i].path, text, n && text[n - 1] != '\n' ? "\n" : "");
        }
        up_files_done(&files);
        reader_done(&rd);
        return r;
}

void up_files_done(struct up_files *f) {
        free(f->stack);
        compose_free(f->compose);
        *f = (struct up_files) { 0 };
}
