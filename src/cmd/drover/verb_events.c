/* verb_events.c: drover events: what changes, as it changes. */
#include <stdio.h>
#include <time.h>

#include "cli.h"
#include "verbs.h"

enum { RECONNECT_MS = 1000 };

static const struct opt_row rows[] = {
        { .name = "format", .arg = "FORMAT", .type = OPT_STRING, .help = "\"json\" (an event a line), or a template such as '{{.ResourceType}} {{.ResourceId}}'" },
        { .name = "reconnect", .letter = 'r', .type = OPT_FLAG, .help = "go on when the connection is lost" },
        { .name = "all", .letter = 'a', .type = OPT_FLAG, .help = "of all environments (for admins)" },
};

static int print_event(struct cli *c, const struct json_object *event) {
        const char *format = opts_str(c->opts, "format");
        struct json_object *o = json_get_object(json_get_object(event, "data"), "resource");
        if (format) {
                AUTO(json_free) struct json_object *list = json_object_new_array();
                auto_sbuf struct sbuf b = SBUF(TABLE_BYTES_MAX);
                struct table_style style = { .format = format };
                json_object_array_add(list, json_object_get((struct json_object *) event));
                int r = table_render(NULL, 0, list, &style, &b, &c->err);
                if (r < 0)
                        return r;
                fputs(sbuf_str(&b), stdout);
        } else {
                auto_free char *text = dr_xasprintf("%s %s %s [%s] %s", json_str(event, "resourceType", ""), json_str(event, "resourceId", ""),
                                                    waiter_combined_state(o), json_str(o, "name", ""), json_str(o, "transitioningMessage", ""));
                for (char *p = text; *p; p++)
                        if ((unsigned char) *p < 0x20 || *p == 0x7f)
                                *p = ' ';
                puts(text);
        }
        return fflush(stdout) == 0 ? 0 : dr_fail(&c->err, DR_E_INTERNAL, NULL, "could not write the output: %m");
}

static int follow(struct cli *c, bool all) {
        int r = api_subscribe(c->api, all, &c->err);
        while (r >= 0) {
                AUTO(json_free) struct json_object *event = NULL;
                r = api_next_event(c->api, UINT64_MAX, &event, &c->err);
                if (r > 0 && print_event(c, event) < 0)
                        return -EPIPE;
        }
        return r;
}

static int run(const struct opts *o, void *context) {
        struct cli *c = context;
        bool all = opts_bool(o, "all");
        int r = all ? cli_connect(c, NULL) : cli_connect_project(c);
        if (r < 0)
                return r;
        for (;;) {
                r = follow(c, all);
                if (!opts_bool(o, "reconnect") || r == -EPIPE || r == -EACCES)
                        return r;
                fprintf(stderr, "drover: %s, connecting again\n", c->err.message);
                (void) nanosleep(&(struct timespec) { .tv_sec = RECONNECT_MS / 1000 }, NULL);
        }
}

const struct opt_command verb_events = { .name = "events", .aliases = "event", .summary = "show changes as they happen", OPT_ROWS(rows), .run = run };
