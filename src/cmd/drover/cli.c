#include "cli.h"

#include <poll.h>
#include <stdio.h>
#include <termios.h>

#include "config_file.h"

enum { ERROR_GRACE_MS = 5000, ANSWER_BYTES_MAX = 16384 };

int cli_load_config(struct cli *c) {
        if (c->config)
                return 0;
        if (!c->config_path && !(c->config_path = config_file_path(opts_str(c->opts, "config"), &c->err)))
                return -EINVAL;
        return config_file_load(c->config_path, &c->config, &c->err);
}

const char *cli_setting(const struct cli *c, const char *name) {
        static const struct { const char *option, *member; } names[] = {
                { "url", "url" }, { "access-key", "accessKey" }, { "secret-key", "secretKey" }, { "environment", "environment" },
        };
        const char *value = opts_str(c->opts, name);
        for (size_t i = 0; (!value || !*value) && i < ARRAY_LEN(names); i++)
                if (str_eq(names[i].option, name))
                        value = json_str(c->config, names[i].member, NULL);
        return value && *value ? value : NULL;
}

int cli_connect(struct cli *c, const char *url) {
        int r = cli_load_config(c);
        if (r < 0)
                return r;
        struct api_config cfg = {
                .url = url ? url : cli_setting(c, "url"), .access_key = cli_setting(c, "access-key"), .secret_key = cli_setting(c, "secret-key"),
                .environment = cli_setting(c, "environment"), .ca_file = opts_str(c->opts, "ca-file"), .insecure = opts_bool(c->opts, "insecure"),
                .debug = opts_bool(c->opts, "debug"),
        };
        if (!cfg.url)
                c->hint = "\"drover login\" asks for a server and remembers it, or set RANCHER_URL";
        c->api = api_free(c->api);
        return api_new(&cfg, &c->api, &c->err);
}

int cli_connect_project(struct cli *c) {
        int r = cli_connect(c, NULL);
        return r < 0 ? r : api_project(c->api, NULL, &c->err);
}

int cli_print(struct cli *c, const struct table_column *columns, size_t n, const struct json_object *rows) {
        auto_sbuf struct sbuf b = SBUF(TABLE_BYTES_MAX);
        struct table_style style = { .quiet = opts_bool(c->opts, "quiet"), .format = opts_str(c->opts, "format") };
        int r = table_render(columns, n, rows, &style, &b, &c->err);
        if (r < 0)
                return r;
        if (!sbuf_ok(&b))
                return dr_fail(&c->err, DR_E_TOO_LARGE, NULL, "the listing is longer than %d bytes", TABLE_BYTES_MAX);
        if (fwrite(sbuf_str(&b), 1, b.len, stdout) != b.len || fflush(stdout) != 0)
                return dr_fail(&c->err, DR_E_INTERNAL, NULL, "could not write the output: %m");
        return 0;
}

void cli_complain(struct cli *c, const struct dr_error *err) {
        const char *hint = c->hint ? c->hint : c->api ? api_hint(c->api) : NULL;
        fprintf(stderr, "drover: %s\n", err->message);
        if (hint)
                fprintf(stderr, "hint: %s\n", hint);
        c->hint = NULL;
        c->complained = true;
}

struct waiter *cli_waiter(struct cli *c, bool forced, struct progress **ret_progress) {
        *ret_progress = NULL;
        if (!forced && !opts_bool(c->opts, "wait") && !opts_str(c->opts, "wait-state"))
                return NULL;
        *ret_progress = progress_new_stderr();
        struct waiter_config cfg = { .api = c->api, .timeout_ms = (uint64_t) opts_int(c->opts, "wait-timeout"), .error_grace_ms = ERROR_GRACE_MS,
                                     .state = opts_str(c->opts, "wait-state"), .progress = *ret_progress };
        return waiter_new(&cfg);
}

int cli_each(struct cli *c, unsigned types, cli_each_fn *fn) {
        int r = types == BIT(RES_PROJECT) ? cli_connect(c, NULL) : cli_connect_project(c);
        if (r < 0)
                return r;
        AUTO(progress_free) struct progress *progress = NULL;
        AUTO(waiter_free) struct waiter *w = cli_waiter(c, false, &progress);
        size_t n;
        const char *const *args = opts_args(c->opts, &n);
        for (size_t i = 0; i < n; i++) {
                AUTO(json_free) struct json_object *resource = NULL;
                struct dr_error err = { 0 };
                if (lookup(c->api, args[i], types, &resource, &err) < 0 || fn(c, &resource, &err) < 0) {
                        cli_complain(c, &err);
                        continue;
                }
                printf("%s\n", json_str(resource, "id", args[i]));
                if (w)
                        waiter_add(w, resource, args[i]);
        }
        (void) fflush(stdout);
        return w ? waiter_run(w, &c->err) : 0;
}

int cli_types(struct cli *c, unsigned allowed, unsigned *ret) {
        size_t n;
        const char *const *names = opts_list(c->opts, "type", &n);
        unsigned types = 0;
        for (size_t i = 0; i < n; i++) {
                int t = res_type_from_string(names[i]);
                if (t < 0 || !(allowed & BIT(t)))
                        return dr_fail(&c->err, DR_E_INVALID_OPTION, "type", "--type: \"%.64s\" cannot be used with this command", names[i]);
                types |= (unsigned) BIT(t);
        }
        *ret = n ? types : allowed;
        return 0;
}

int cli_act(struct cli *c, struct json_object **resource, const char *const *actions, struct json_object *body, struct dr_error *err) {
        const char *const *first = actions;
        while (*actions && !api_can(*resource, *actions))
                actions++;
        AUTO(json_free) struct json_object *answer = NULL;
        int r = api_action(c->api, *resource, *actions ? *actions : *first, body, &answer, err);
        if (r < 0)
                return r;
        if (json_str(answer, "id", NULL)) {
                json_free(*resource);
                *resource = dr_take(answer);
        }
        return 0;
}

char *cli_ask(const char *question, const char *other, bool secret) {
        char line[ANSWER_BYTES_MAX];
        struct termios before, quiet;
        if (!isatty(STDIN_FILENO))
                return NULL;
        bool hide = secret && tcgetattr(STDIN_FILENO, &before) == 0;
        if (hide) {                             /* before the question: an answer to it is never shown */
                quiet = before;
                quiet.c_lflag &= (tcflag_t) ~ECHO;
                (void) tcsetattr(STDIN_FILENO, TCSADRAIN, &quiet);
        }
        if (other && *other)
                fprintf(stderr, "%s [%s]: ", question, secret ? "unchanged" : other);
        else if (*question)
                fprintf(stderr, "%s: ", question);
        (void) fflush(stderr);
        char *got = fgets(line, sizeof line, stdin);
        if (hide) {
                (void) tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
                fputc('\n', stderr);
        }
        if (!got)
                return NULL;
        line[strcspn(line, "\r\n")] = '\0';
        return dr_xstrdup(*line || !other ? line : other);
}

bool cli_can_read(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        return poll(&p, 1, 0) > 0;
}

bool cli_is_hidden(const struct json_object *o) {
        const char *state = json_str(o, "state", "");
        return str_eq(state, "inactive") || str_eq(state, "stopped") || str_eq(state, "removing") || str_eq(state, "removed") ||
               str_eq(state, "purging") || str_eq(state, "purged");
}
