/* verb_lab.c: drover lab ...: hosts on this machine (lab/). */
#include "cli.h"
#include "lab/lab.h"
#include "verbs.h"

static int run(const struct opts *o, void *context) {
        size_t n;
        const char *const *args = opts_args(o, &n);
        (void) context;
        char **argv = dr_xcalloc(n + 2, sizeof *argv);
        argv[0] = dr_xstrdup("lab");
        for (size_t i = 0; i < n; i++)
                argv[i + 1] = dr_xstrdup(args[i]);
        int r = lab_main((int) n + 1, argv);
        for (size_t i = 0; i <= n; i++)
                free(argv[i]);
        free(argv);
        return r;
}

const struct opt_command verb_lab = { .name = "lab", .summary = "several hosts on this machine, to try things and to test", .args = "COMMAND...",
                                      .max_args = OPT_ANY, .passthrough = true, .run = run };
