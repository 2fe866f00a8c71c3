/* verb_ssh.c: drover ssh HOST: a shell on the host itself, with the keys of the person who asks. */
#include <stdio.h>

#include "cli.h"
#include "verbs.h"

static const struct opt_row rows[] = {
        { .name = "login", .letter = 'l', .arg = "USER", .type = OPT_STRING, .help = "user on the host" },
};

static int run(const struct opts *o, void *context) {
        struct cli *c = context;
        size_t n;
        const char *const *args = opts_args(o, &n), *login = opts_str(o, "login");
        AUTO(json_free) struct json_object *host = NULL;
        int r = cli_connect_project(c);
        if (r < 0 || (r = lookup(c->api, args[0], (unsigned) BIT(RES_HOST), &host, &c->err)) < 0)
                return r;
        const char *address = json_str(host, "agentIpAddress", NULL);
        if (!address)
                return dr_fail(&c->err, DR_E_UNAVAILABLE, NULL, "host \"%s\" has told no address yet", args[0]);
        auto_free char *target = login ? dr_xasprintf("%s@%s", login, address) : dr_xstrdup(address);
        char **argv = dr_xcalloc(n + 3, sizeof *argv);
        size_t k = 0;
        argv[k++] = (char *) "ssh";
        argv[k++] = (char *) "--";
        argv[k++] = target;
        for (size_t i = 1; i < n; i++)
                argv[k++] = (char *) args[i];
        (void) execvp("ssh", argv);
        free(argv);
        return dr_fail(&c->err, DR_E_NOT_FOUND, NULL, "could not run ssh: %m");
}

const struct opt_command verb_ssh = {
        .name = "ssh", .summary = "open a shell on a host", .args = "HOST [COMMAND...]", .min_args = 1, .max_args = OPT_ANY, .complete = "host", .first_ends = true,
        .about = "Runs ssh to the address that the host tells, with your own keys: the host has to be reachable from here. To reach a host's engine through the\n"
                 "server use \"drover docker\".",
        OPT_ROWS(rows), .run = run,
};
