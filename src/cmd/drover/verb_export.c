/* verb_export.c: drover export STACK...: the compose files that make a stack again (spec compose.md 9). */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "cli.h"
#include "verbs.h"

enum { TAR_BLOCK = 512, TAR_NAME_MAX = 100 };

static const struct opt_row rows[] = {
        { .name = "file", .letter = 'f', .arg = "FILE", .type = OPT_PATH, .help = "one tar archive instead of folders; \"-\" is standard output" },
        { .name = "system", .letter = 's', .type = OPT_FLAG, .help = "without arguments: infrastructure stacks too" },
};

struct export {
        struct cli *cli;
        int tar_fd;                     /* -1: folders */
};

static int write_out(int fd, const void *p, size_t n, const char *path, struct dr_error *err) {
        return file_write_all(fd, p, n) < 0 ? dr_fail(err, DR_E_INTERNAL, NULL, "could not write \"%s\": %m", path) : 0;
}

/* One file of a ustar archive, mode 0600. */
static int add_to_tar(struct export *e, const char *stack, const char *file, const char *text) {
        static const char zeros[TAR_BLOCK];
        char head[TAR_BLOCK] = { 0 };
        size_t n = strlen(text), pad = (TAR_BLOCK - n % TAR_BLOCK) % TAR_BLOCK;
        unsigned sum = 0;
        if (snprintf(head, TAR_NAME_MAX, "%s/%s", stack, file) >= TAR_NAME_MAX)
                return dr_fail(&e->cli->err, DR_E_TOO_LARGE, NULL, "the name of stack \"%.60s\" is too long for a tar archive", stack);
        snprintf(head + 100, 8, "%07o", 0600U);
        snprintf(head + 108, 8, "%07o", 0U);
        snprintf(head + 116, 8, "%07o", 0U);
        snprintf(head + 124, 12, "%011zo", n);
        snprintf(head + 136, 12, "%011llo", (unsigned long long) time(NULL));
        memset(head + 148, ' ', 8);
        head[156] = '0';
        memcpy(head + 257, "ustar\0" "00", 8);
        for (size_t i = 0; i < sizeof head; i++)
                sum += (unsigned char) head[i];
        snprintf(head + 148, 8, "%06o", sum & 0777777U);
        const char *path = opts_str(e->cli->opts, "file");
        int r = write_out(e->tar_fd, head, sizeof head, path, &e->cli->err);
        if (r >= 0)
                r = write_out(e->tar_fd, text, n, path, &e->cli->err);
        return r < 0 ? r : write_out(e->tar_fd, zeros, pad, path, &e->cli->err);
}

static int add_to_folder(struct export *e, const char *stack, const char *file, const char *text) {
        struct dr_error *err = &e->cli->err;
        if (mkdir(stack, 0755) < 0 && errno != EEXIST)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not make the folder \"%s\": %m", stack);
        auto_free char *path = dr_xasprintf("%s/%s", stack, file);
        auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not write \"%s\": %m", path);
        return write_out(fd, text, strlen(text), path, err);
}

static int export_one(struct export *e, struct json_object *stack) {
        static const struct { const char *field, *file; } files[] = {
                { "dockerComposeConfig", "docker-compose.yml" }, { "rancherComposeConfig", "rancher-compose.yml" },
        };
        AUTO(json_free) struct json_object *config = NULL, *body = json_object_new_object();
        const char *name = json_str(stack, "name", "");
        int r = api_action(e->cli->api, stack, "exportconfig", body, &config, &e->cli->err);
        if (r < 0)
                return dr_prefix(&e->cli->err, r, "stack \"%s\"", name);
        if (!*name || strchr(name, '/') || name[0] == '.')
                return dr_fail(&e->cli->err, DR_E_INVALID_FORMAT, NULL, "\"%.100s\" is no name for a folder", name);
        for (size_t i = 0; i < ARRAY_LEN(files); i++) {
                const char *text = json_str(config, files[i].field, "");
                r = e->tar_fd >= 0 ? add_to_tar(e, name, files[i].file, text) : add_to_folder(e, name, files[i].file, text);
                if (r < 0)
                        return r;
        }
        if (e->tar_fd < 0)
                printf("%s\n", name);
        return 0;
}

static int export_all(struct export *e) {
        struct cli *c = e->cli;
        AUTO(json_free) struct json_object *list = NULL;
        auto_free char *path = api_project_path(c->api, "/stacks");
        int r = api_list(c->api, path, &list, &c->err);
        for (size_t i = 0; r >= 0 && i < json_object_array_length(list); i++) {
                struct json_object *stack = json_object_array_get_idx(list, i);
                if (!cli_is_hidden(stack) && (!json_bool(stack, "system", false) || opts_bool(c->opts, "system")))
                        r = export_one(e, stack);
        }
        return r;
}

static int run(const struct opts *o, void *context) {
        struct cli *c = context;
        struct export e = { .cli = c, .tar_fd = -1 };
        const char *file = opts_str(o, "file");
        size_t n;
        const char *const *words = opts_args(o, &n);
        auto_close int opened = -1;
        int r = cli_connect_project(c);
        if (r < 0)
                return r;
        if (file && str_eq(file, "-"))
                e.tar_fd = STDOUT_FILENO;
        else if (file && (e.tar_fd = opened = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) < 0)
                return dr_fail(&c->err, DR_E_INTERNAL, NULL, "could not write \"%s\": %m", file);
        for (size_t i = 0; r >= 0 && i < n; i++) {
                AUTO(json_free) struct json_object *stack = NULL;
                if ((r = lookup(c->api, words[i], (unsigned) BIT(RES_STACK), &stack, &c->err)) >= 0)
                        r = export_one(&e, stack);
        }
        if (n == 0)
                r = export_all(&e);
        if (r >= 0 && e.tar_fd >= 0) {
                static const char end[2 * TAR_BLOCK];
                r = write_out(e.tar_fd, end, sizeof end, file, &c->err);
        }
        return r;
}

const struct opt_command verb_export = {
        .name = "export", .summary = "write the compose files that make stacks again", .args = "[STACK...]", .max_args = OPT_ANY, .complete = "stack",
        .about = "Writes STACK/docker-compose.yml and STACK/rancher-compose.yml below this folder, readable by their owner only, for \"drover up\" and \"drover stacks\n"
                 "create\". Without arguments: all stacks of the environment.",
        OPT_ROWS(rows), .run = run,
};
