/* verb_doctor.c: drover doctor ...: checks a host or server (doctor/). */
#include "cli.h"
#include "doctor/doctor.h"
#include "verbs.h"

static int run(const struct opts *o, void *context) {
        size_t n;
        const char *const *args = opts_args(o, &n);
        (void) context;
        char **argv = dr_xcalloc(n + 2, sizeof *argv);
        argv[0] = dr_xstrdup("doctor");
        for (size_t i = 0; i < n; i++)
                argv[i + 1] = dr_xstrdup(args[i]);
        int r = doctor_main((int) n + 1, argv);
        for (size_t i = 0; i <= n; i++)
                free(argv[i]);
        free(argv);
        return r;
}

const struct opt_command verb_doctor = { .name = "doctor", .summary = "check whether this machine is fit to be a host or a server", .args = "[OPTIONS]",
                                         .max_args = OPT_ANY, .passthrough = true, .run = run };
