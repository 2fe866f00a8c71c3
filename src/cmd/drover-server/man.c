/* man-pages: writes the program's manual pages from its tables of options, for packages. */
#include <stdio.h>

#include "commands.h"

static int run_man(const struct opts *o, void *context) {
        const struct opt_command *root = context;
        struct dr_error err;
        if (opt_command_man_write(opts_args(o, NULL)[0], &root, 1, &err) == 0)
                return EXIT_OK;
        fprintf(stderr, "%s: %s\n", root->name, err.message);
        return EXIT_FAILED;
}

const struct opt_command command_man = {
        .name = "man-pages", .summary = "writes this program's manual pages into a folder", .args = "DIR", .min_args = 1, .max_args = 1, .hidden = true, .run = run_man,
};
