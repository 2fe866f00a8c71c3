/* verb_login.c: drover login: a user's password, or the server's admin.json, becomes an API key in cli.json. */
#include <stdio.h>
#include <time.h>

#include "base/times.h"
#include "cli.h"
#include "config_file.h"
#include "verbs.h"

enum { KEY_ACTIVE_MS = 10000, KEY_POLL_MS = 50, PASSWORD_BYTES_MAX = 1024 };

static const struct opt_row rows[] = {
        { .name = "admin-file", .arg = "FILE", .type = OPT_PATH, .help = "take address and keys from DIR/admin.json of a server on this machine" },
        { .name = "username", .letter = 'u', .arg = "NAME", .type = OPT_STRING, .help = "user; asked for when missing" },
        { .name = "password-stdin", .type = OPT_FLAG, .help = "read the password from standard input" },
        { .name = "key-name", .arg = "NAME", .type = OPT_STRING, .help = "name of the key that is made" },
};

static int save(struct cli *c, const char *url, const char *access, const char *secret) {
        json_set_str(c->config, "url", url);
        json_set_str(c->config, "accessKey", access);
        json_set_str(c->config, "secretKey", secret);
        json_set(c->config, "environment", NULL);

        struct dr_error none = { 0 };
        const char *project = NULL;
        struct api_config cfg = { .url = url, .access_key = access, .secret_key = secret, .environment = opts_str(c->opts, "environment"),
                                  .ca_file = opts_str(c->opts, "ca-file"), .insecure = opts_bool(c->opts, "insecure"),
                                  .debug = opts_bool(c->opts, "debug") };
        c->api = api_free(c->api);
        int r = api_new(&cfg, &c->api, &c->err);
        if (r < 0)
                return r;
        r = api_project(c->api, &project, &none);
        if (r < 0 && (api_last_problem(c->api)->status != 0 || none.code == DR_E_UNAVAILABLE || opts_str(c->opts, "environment"))) {
                c->err = none;
                return r;
        }
        if (project)
                json_set_str(c->config, "environment", project);
        if ((r = config_file_save(c->config_path, c->config, &c->err)) < 0)
                return r;
        fprintf(stderr, "signed in to %s, remembered in %s\n", url, c->config_path);
        if (project)
                fprintf(stderr, "environment: %s (%s)\n", str_or(api_project_name(c->api), ""), project);
        else
                fprintf(stderr, "no environment is chosen: %s\n", none.message);
        return 0;
}

static int login_by_file(struct cli *c, const char *file, const char *url) {
        AUTO(json_free) struct json_object *o = NULL;
        int r = config_file_read_json(file, &o, &c->err);
        if (r < 0) {
                c->hint = "the server writes admin.json into its --data folder at its first start; only its owner can read it";
                return r;
        }
        const char *access = json_str(o, "accessKey", NULL), *secret = json_str(o, "secretKey", NULL);
        url = url ? url : json_str(o, "url", NULL);
        if (!access || !secret || !url)
                return dr_fail(&c->err, DR_E_INVALID_FORMAT, NULL, "%s: \"url\", \"accessKey\" and \"secretKey\" are not all there", file);
        return save(c, url, access, secret);
}

static int read_password(struct cli *c, char **ret) {
        char line[PASSWORD_BYTES_MAX];
        if (opts_bool(c->opts, "password-stdin")) {
                if (!fgets(line, sizeof line, stdin))
                        return dr_fail(&c->err, DR_E_MISSING_REQUIRED, NULL, "no password came on standard input");
                line[strcspn(line, "\r\n")] = '\0';
                *ret = dr_xstrdup(line);
                explicit_bzero(line, sizeof line);
                return 0;
        }
        *ret = cli_ask("Password", NULL, true);
        return *ret ? 0 : dr_fail(&c->err, DR_E_MISSING_REQUIRED, NULL, "no password: there is no terminal to ask on, use --password-stdin");
}

/* A new key is "registering" for a moment, in which it does not count. */
static int await_key(struct cli *c, const char *id) {
        auto_free char *path = dr_xasprintf("/apikeys/%s", id);
        uint64_t deadline = time_mono_ms() + KEY_ACTIVE_MS;
        for (;;) {
                AUTO(json_free) struct json_object *key = NULL;
                int r = api_get(c->api, path, &key, &c->err);
                if (r < 0)
                        return r;
                if (str_eq(json_str(key, "state", ""), "active"))
                        return 0;
                if (time_mono_ms() > deadline)
                        return dr_fail(&c->err, DR_E_TIMEOUT, NULL, "the new API key did not become active: it is %s", json_str(key, "state", "?"));
                (void) nanosleep(&(struct timespec) { .tv_nsec = KEY_POLL_MS * 1000000L }, NULL);
        }
}

static int login_by_password(struct cli *c, const char *url) {
        auto_free char *asked_url = NULL, *user = dr_xstrdup(opts_str(c->opts, "username")), *password = NULL, *project = NULL, *base = NULL;
        AUTO(json_free) struct json_object *token = NULL, *key = NULL;
        int r;

        url = url ? url : cli_setting(c, "url");
        if (opts_args(c->opts, NULL)[0] == NULL && isatty(STDIN_FILENO) && opts_source(c->opts, "url") == OPT_FROM_DEFAULT)
                url = asked_url = cli_ask("Server URL", url, false);
        if ((r = api_url_split(url, &base, &project, &c->err)) < 0) {
                c->hint = "drover login http://SERVER:8080";
                return r;
        }
        if (!user && !(user = cli_ask("User", "admin", false)))
                return dr_fail(&c->err, DR_E_MISSING_REQUIRED, NULL, "no user: there is no terminal to ask on, use --username");
        if ((r = read_password(c, &password)) < 0 || (r = cli_connect(c, url)) < 0)
                return r;

        AUTO(json_free) struct json_object *input = json_object_new_object(), *key_input = json_object_new_object();
        auto_free char *code = dr_xasprintf("%s:%s", user, password);
        json_set_str(input, "code", code);
        explicit_bzero(code, strlen(code));
        explicit_bzero(password, strlen(password));
        api_set_keys(c->api, NULL, NULL);
        if ((r = api_call(c->api, "POST", "/token", input, &token, &c->err)) < 0) {
                if (api_last_problem(c->api)->status == 401) {
                        c->hint = "the first password is in DIR/admin.json beside the server: \"drover login --admin-file DIR/admin.json\"";
                        return dr_fail(&c->err, DR_E_UNAUTHORIZED, NULL, "the server does not accept user \"%.64s\" with this password", user);
                }
                return r;
        }
        const char *jwt = json_str(token, "jwt", NULL);
        if (!jwt)
                return dr_fail(&c->err, DR_E_INVALID_BODY, NULL, "%s answered the login without a token", base);
        api_set_bearer(c->api, jwt);

        char host[64] = "";
        (void) gethostname(host, sizeof host - 1);
        auto_free char *name = opts_str(c->opts, "key-name") ? dr_xstrdup(opts_str(c->opts, "key-name")) : dr_xasprintf("drover on %s", host);
        json_set_str(key_input, "name", name);
        json_set_str(key_input, "description", "made by drover login");
        if ((r = api_call(c->api, "POST", "/apikeys", key_input, &key, &c->err)) < 0)
                return dr_prefix(&c->err, r, "could not make an API key");
        const char *access = json_str(key, "publicValue", NULL), *secret = json_str(key, "secretValue", NULL);
        if (!access || !secret)
                return dr_fail(&c->err, DR_E_INVALID_BODY, NULL, "%s made an API key without telling it", base);
        if ((r = await_key(c, json_str(key, "id", ""))) < 0)
                return r;
        return save(c, base, access, secret);
}

static int run(const struct opts *o, void *context) {
        struct cli *c = context;
        const char *file = opts_str(o, "admin-file"), *url = opts_args(o, NULL)[0];
        int r = cli_load_config(c);
        if (r < 0)
                return r;
        if (!url && opts_source(o, "url") != OPT_FROM_DEFAULT)
                url = opts_str(o, "url");
        return file ? login_by_file(c, file, url) : login_by_password(c, url);
}

const struct opt_command verb_login = {
        .name = "login", .summary = "sign in to a server and remember a key", .args = "[URL]", .max_args = 1,
        .about = "Makes an API key for the user and writes it, with the server's address, to ~/.drover/cli.json (mode 0600).\n"
                 "Beside a new server: drover login --admin-file DIR/admin.json",
        OPT_ROWS(rows), .run = run,
};
