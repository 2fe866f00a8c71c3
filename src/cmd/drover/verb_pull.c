/* verb_pull.c: drover pull IMAGE: an image onto hosts before it is needed. */
#include "pull.h"
#include "verbs.h"

static const struct opt_row rows[] = {
        { .name = "hosts", .arg = "LABEL=VALUE", .type = OPT_LIST, .help = "only hosts with this label" },
};

static int run(const struct opts *o, void *context) {
        struct cli *c = context;
        size_t n, n_labels;
        const char *const *images = opts_args(o, &n), *const *labels = opts_list(o, "hosts", &n_labels);
        auto_sbuf struct sbuf list = SBUF(4096);
        int r = cli_connect_project(c);
        if (r < 0)
                return r;
        for (size_t k = 0; k < n_labels; k++)
                sbuf_printf(&list, "%s%s", k ? "," : "", labels[k]);
        return pull_images(c, images, n, "all", list.len ? sbuf_str(&list) : NULL, true);
}

const struct opt_command verb_pull = { .name = "pull", .summary = "pull images onto hosts before they are needed", .args = "IMAGE...", .min_args = 1, .max_args = OPT_ANY,
                                       OPT_ROWS(rows), .run = run };
