/* verb_secrets.c: drover secrets ls, create, rm. Values go in and never come out again. */
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>

#include "cli.h"
#include "read_fd.h"
#include "verbs.h"

enum { SECRET_BYTES_MAX = 1 << 20 };

static const struct opt_row ls_rows[] = { CLI_ALL_ROW, CLI_LIST_ROWS };

static int run_ls(const struct opts *o, void *context) {
        static const struct table_column columns[] = {
                { "ID", "ID" }, { "NAME", "Secret.Name" }, { "CREATED", "Secret.Created" }, { "STATE", "Secret.State" }, { "DESCRIPTION", "Secret.Description" },
        };
        struct cli *c = context;
        AUTO(json_free) struct json_object *list = NULL, *out = json_object_new_array();
        int r = cli_connect_project(c);
        if (r < 0)
                return r;
        auto_free char *path = api_project_path(c->api, "/secrets");
        if ((r = api_list(c->api, path, &list, &c->err)) < 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *s = json_object_array_get_idx(list, i), *row;
                if (cli_is_hidden(s) && !opts_bool(o, "all"))
                        continue;
                row = json_object_new_object();
                json_set_str(row, "ID", json_str(s, "id", NULL));
                json_set(row, "Secret", json_object_get(s));
                json_object_array_add(out, row);
        }
        return cli_print(c, columns, ARRAY_LEN(columns), out);
}

static const struct opt_row create_rows[] = {
        { .name = "description", .arg = "TEXT", .type = OPT_STRING, .help = "description" },
};

static int run_create(const struct opts *o, void *context) {
        struct cli *c = context;
        const char *const *args = opts_args(o, NULL), *name = args[0], *file = args[1];
        bool from_stdin = str_eq(file, "-");
        auto_free char *value = NULL, *text = NULL;
        size_t n = 0;
        int fd = from_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return dr_fail(&c->err, DR_E_NOT_FOUND, NULL, "could not read %s: %m", file);
        int r = fd_read_all(fd, file, SECRET_BYTES_MAX, &value, &n, &c->err);
        if (!from_stdin)
                close(fd);
        if (r < 0 || (r = cli_connect_project(c)) < 0)
                return r;
        size_t size = sodium_base64_encoded_len(n, sodium_base64_VARIANT_ORIGINAL);
        text = dr_xmalloc(size);
        sodium_bin2base64(text, size, (const unsigned char *) value, n, sodium_base64_VARIANT_ORIGINAL);
        AUTO(json_free) struct json_object *body = json_object_new_object(), *made = NULL;
        json_set_str(body, "name", name);
        json_set_str(body, "value", text);
        sodium_memzero(value, n);
        sodium_memzero(text, size);
        if (opts_str(o, "description"))
                json_set_str(body, "description", opts_str(o, "description"));
        auto_free char *path = api_project_path(c->api, "/secrets");
        if ((r = api_call(c->api, "POST", path, body, &made, &c->err)) < 0)
                return dr_prefix(&c->err, r, "could not create secret \"%s\"", name);
        printf("%s\n", json_str(made, "id", ""));
        return 0;
}

static int run_rm(const struct opts *o, void *context) {
        struct cli *c = context;
        size_t n;
        const char *const *names = opts_args(o, &n);
        AUTO(json_free) struct json_object *list = NULL;
        int r = cli_connect_project(c);
        if (r < 0)
                return r;
        auto_free char *path = api_project_path(c->api, "/secrets");
        if ((r = api_list(c->api, path, &list, &c->err)) < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                AUTO(json_free) struct json_object *gone = NULL;
                struct json_object *found = NULL;
                struct dr_error err = { 0 };
                for (size_t k = 0; k < json_object_array_length(list) && !found; k++) {
                        struct json_object *s = json_object_array_get_idx(list, k);
                        if (str_eq(json_str(s, "id", ""), names[i]) || str_eq(json_str(s, "name", ""), names[i]))
                                found = s;
                }
                if (!found)
                        dr_fail(&err, DR_E_NOT_FOUND, NULL, "there is no secret \"%.100s\"", names[i]);
                else if (api_call(c->api, "DELETE", json_str(json_get_object(found, "links"), "self", ""), NULL, &gone, &err) >= 0)
                        printf("%s\n", json_str(found, "id", ""));
                if (err.code != DR_OK)
                        cli_complain(c, &err);
        }
        return 0;
}

static const struct opt_command ls = { .name = "ls", .aliases = "list", .summary = "list secrets", OPT_ROWS(ls_rows), .run = run_ls };
static const struct opt_command create = { .name = "create", .summary = "create a secret from a file", .args = "NAME FILE", .min_args = 2, .max_args = 2,
                                           .about = "\"-\" reads standard input. The value cannot be read back.", OPT_ROWS(create_rows), .run = run_create };
static const struct opt_command rm = { .name = "rm", .aliases = "delete", .summary = "remove secrets", .args = "NAME...", .min_args = 1, .max_args = OPT_ANY, .run = run_rm };
static const struct opt_command *const sub[] = { &ls, &create, &rm };
const struct opt_command verb_secrets = { .name = "secrets", .aliases = "secret", .summary = "list, create and remove secrets", OPT_ROWS(ls_rows), OPT_SUB(sub), .run = run_ls };
