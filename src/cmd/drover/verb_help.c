/* verb_help.c: drover help [COMMAND...], on the terminal or as manual pages. */
#include <stdio.h>
#include <sys/stat.h>

#include "cli.h"
#include "verbs.h"

enum { DEPTH_MAX = 8 };

static const struct opt_row rows[] = {
        { .name = "man", .type = OPT_FLAG, .help = "print the manual page (roff)" },
        { .name = "man-dir", .arg = "DIR", .type = OPT_PATH, .help = "write the manual pages of all commands into this folder" },
};

static int run(const struct opts *o, void *context) {
        struct cli *c = context;
        const struct opt_command *path[DEPTH_MAX + 1] = { c->root };
        size_t n = 1, n_args;
        const char *dir = opts_str(o, "man-dir");
        const char *const *args = opts_args(o, &n_args);
        for (size_t i = 0; i < n_args && n < DEPTH_MAX; i++) {
                const struct opt_command *sub = opt_command_find(path[n - 1], args[i]);
                if (!sub)
                        return dr_fail(&c->err, DR_E_INVALID_OPTION, NULL, "there is no command \"%.64s\"", args[i]);
                path[n++] = sub;
        }
        if (dir) {
                if (mkdir(dir, 0755) < 0 && errno != EEXIST)
                        return dr_fail(&c->err, DR_E_INTERNAL, NULL, "could not make %s: %m", dir);
                return opt_command_man_write(dir, path, n, &c->err);
        }
        auto_free char *text = opts_bool(o, "man") ? opt_command_man(path, n) : opt_command_help(path, n);
        fputs(text, stdout);
        return 0;
}

const struct opt_command verb_help = { .name = "help", .summary = "show help of a command", .args = "[COMMAND...]", .max_args = 6,
                                       .complete = "command", OPT_ROWS(rows), .run = run };
