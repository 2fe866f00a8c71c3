/* verb_help.c: drover help [COMMAND...] */
#include <stdio.h>

#include "cli.h"
#include "verbs.h"

static int run(const struct opts *o, void *context) {
        struct cli *c = context;
        const struct opt_command *path[8] = { c->root };
        size_t n = 1, n_args;
        const char *const *args = opts_args(o, &n_args);
        for (size_t i = 0; i < n_args && n < ARRAY_LEN(path); i++) {
                const struct opt_command *sub = opt_command_find(path[n - 1], args[i]);
                if (!sub)
                        return dr_fail(&c->err, DR_E_INVALID_OPTION, NULL, "there is no command \"%.64s\"", args[i]);
                path[n++] = sub;
        }
        auto_free char *text = opt_command_help(path, n);
        fputs(text, stdout);
        return 0;
}

const struct opt_command verb_help = { .name = "help", .summary = "show help of a command", .args = "[COMMAND...]", .max_args = 6,
                                       .complete = "command", .run = run };
