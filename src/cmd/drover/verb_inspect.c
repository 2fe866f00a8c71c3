/* verb_inspect.c: drover inspect ID...: the API's resource, as JSON or through a template. */
#include <stdio.h>

#include "cli.h"
#include "verbs.h"

static const struct opt_row rows[] = {
        CLI_TYPE_ROW("service, container, host, stack, project, volume"),
        { .name = "links", .type = OPT_FLAG, .help = "with links and actions" },
        { .name = "format", .arg = "FORMAT", .type = OPT_STRING, .help = "\"json\" (indented), \"compact\" (one line), or a template such as '{{.Name}}'" },
};

static int print_one(struct cli *c, struct json_object *o) {
        const char *format = opts_str(c->opts, "format");
        if (!opts_bool(c->opts, "links")) {
                json_object_object_del(o, "links");
                json_object_object_del(o, "actions");
        }
        if (!format || str_eq(format, "json")) {
                puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
                return 0;
        }
        AUTO(json_free) struct json_object *list = json_object_new_array();
        auto_sbuf struct sbuf b = SBUF(TABLE_BYTES_MAX);
        struct table_style style = { .format = str_eq(format, "compact") ? "json" : format };
        json_object_array_add(list, json_object_get(o));
        int r = table_render(NULL, 0, list, &style, &b, &c->err);
        if (r >= 0)
                fputs(sbuf_str(&b), stdout);
        return r;
}

static int run(const struct opts *o, void *context) {
        struct cli *c = context;
        unsigned types;
        size_t n;
        const char *const *args = opts_args(o, &n);
        int r = cli_types(c, (unsigned) (BIT(RES_TYPE_MAX) - 1), &types);
        if (r < 0 || (r = types == BIT(RES_PROJECT) ? cli_connect(c, NULL) : cli_connect_project(c)) < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                AUTO(json_free) struct json_object *resource = NULL;
                if ((r = lookup(c->api, args[i], types, &resource, &c->err)) < 0 || (r = print_one(c, resource)) < 0)
                        return r;
        }
        return 0;
}

const struct opt_command verb_inspect = { .name = "inspect", .summary = "show all that the API tells about something", .args = "NAME...", .min_args = 1,
                                          .max_args = OPT_ANY, .complete = "service,stack,container,host", OPT_ROWS(rows), .run = run };
