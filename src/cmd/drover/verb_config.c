/* verb_config.c: drover config: asks for server and keys and remembers them; --print shows what is in force. */
#include <stdio.h>

#include "cli.h"
#include "config_file.h"
#include "verbs.h"

static const struct opt_row rows[] = {
        { .name = "print", .type = OPT_FLAG, .help = "show the configuration in force, without the secret" },
};

static const struct { const char *setting, *member, *question; } items[] = {
        { "url", "url", "URL" }, { "access-key", "accessKey", "Access Key" }, { "secret-key", "secretKey", "Secret Key" },
        { "environment", "environment", "Environment" },
};

static int print(struct cli *c) {
        AUTO(json_free) struct json_object *o = json_object_new_object();
        auto_sbuf struct sbuf b = SBUF(CONFIG_FILE_BYTES_MAX);
        for (size_t i = 0; i < ARRAY_LEN(items); i++)
                json_set_str(o, items[i].member, cli_setting(c, items[i].setting));
        if (cli_setting(c, "secret-key"))
                json_set_str(o, "secretKey", "(set)");
        json_set_str(o, "path", c->config_path);
        json_write(o, 0, &b);
        puts(sbuf_str(&b));
        return 0;
}

static int run(const struct opts *o, void *context) {
        struct cli *c = context;
        int r = cli_load_config(c);
        if (r < 0)
                return r;
        if (opts_bool(o, "print"))
                return print(c);
        for (size_t i = 0; i < 3; i++) {
                auto_free char *answer = cli_ask(items[i].question, cli_setting(c, items[i].setting), str_eq(items[i].member, "secretKey"));
                if (!answer)
                        return dr_fail(&c->err, DR_E_MISSING_REQUIRED, NULL, "no answer: \"drover config\" asks on a terminal, \"drover login\" has options");
                json_set_str(c->config, items[i].member, answer);
        }
        struct api_config cfg = { .url = json_str(c->config, "url", NULL), .access_key = json_str(c->config, "accessKey", NULL),
                                  .secret_key = json_str(c->config, "secretKey", NULL), .environment = opts_str(o, "environment"),
                                  .ca_file = opts_str(o, "ca-file"), .insecure = opts_bool(o, "insecure"), .debug = opts_bool(o, "debug") };
        const char *project = NULL;
        if ((r = api_new(&cfg, &c->api, &c->err)) < 0)
                return r;
        json_set(c->config, "environment", NULL);
        if (api_project(c->api, &project, &c->err) == 0)
                json_set_str(c->config, "environment", project);
        else if (api_last_problem(c->api)->status != 0 || c->err.code != DR_E_MISSING_REQUIRED)
                return -EIO;            /* keys or server do not work; several environments are no reason to forget them */
        json_set_str(c->config, "url", api_base(c->api));
        if ((r = config_file_save(c->config_path, c->config, &c->err)) < 0)
                return r;
        fprintf(stderr, "remembered in %s\n", c->config_path);
        return 0;
}

const struct opt_command verb_config = { .name = "config", .summary = "set up server and keys by hand", OPT_ROWS(rows), .run = run };
