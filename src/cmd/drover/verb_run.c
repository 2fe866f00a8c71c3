/* verb_run.c: drover run IMAGE: a service from the command line, as upstream's `rancher run`. */
#include <stdio.h>

#include "cli.h"
#include "verbs.h"

enum kind { TEXT, LIST, FLAG, NUMBER, MAP };
#define OPTION(option, letter_, arg_, type_, help_) { .name = option, .letter = letter_, .arg = arg_, .type = type_, .help = help_ }
static const struct opt_row rows[] = {
        OPTION("name", 'n', "[STACK/]NAME", OPT_STRING, "name of the service; without a stack it goes to stack Default"),
        OPTION("scale", 0, "N", OPT_INT, "how many containers"),
        OPTION("schedule-global", 0, NULL, OPT_FLAG, "a container on every host"),
        OPTION("env", 'e', "KEY=VALUE", OPT_LIST, "environment variable"),
        OPTION("label", 'l', "KEY=VALUE", OPT_LIST, "label"),
        OPTION("publish", 'p', "[IP:][HOST:]PORT[/PROTO]", OPT_LIST, "port of the hosts that leads to a port of the container"),
        OPTION("volume", 'v', "[SOURCE:]PATH[:ro]", OPT_LIST, "volume"),
        OPTION("volume-driver", 0, "DRIVER", OPT_STRING, "driver of new volumes"),
        OPTION("hostname", 0, "NAME", OPT_STRING, "hostname in the container"),
        OPTION("user", 'u', "USER", OPT_STRING, "user of the command"),
        OPTION("workdir", 0, "PATH", OPT_STRING, "folder of the command"),
        OPTION("entrypoint", 0, "WORD", OPT_LIST, "instead of the image's entry point"),
        OPTION("net", 0, "MODE", OPT_STRING, "managed, bridge, host or none"),
        OPTION("memory", 'm', "BYTES", OPT_BYTES, "memory limit (512m)"),
        OPTION("cpu-shares", 0, "N", OPT_INT, "share of the processors, 1024 is usual"),
        OPTION("cpuset-cpus", 0, "CPUS", OPT_STRING, "processors it may use (0-2)"),
        OPTION("cap-add", 0, "CAP", OPT_LIST, "capability to add"),
        OPTION("cap-drop", 0, "CAP", OPT_LIST, "capability to drop"),
        OPTION("device", 0, "PATH[:PATH]", OPT_LIST, "device of the host"),
        OPTION("dns", 0, "ADDRESS", OPT_LIST, "name server"),
        OPTION("dns-search", 0, "DOMAIN", OPT_LIST, "search domain"),
        OPTION("add-host", 0, "NAME:IP", OPT_LIST, "line of /etc/hosts"),
        OPTION("log-driver", 0, "DRIVER", OPT_STRING, "log driver"),
        OPTION("log-opt", 0, "KEY=VALUE", OPT_LIST, "option of the log driver"),
        OPTION("pid", 0, "MODE", OPT_STRING, "\"host\": the host's processes"),
        OPTION("privileged", 0, NULL, OPT_FLAG, "all rights on the host"),
        OPTION("read-only", 0, NULL, OPT_FLAG, "the container's root cannot be written"),
        OPTION("interactive", 'i', NULL, OPT_FLAG, "keep the input open"),
        OPTION("tty", 't', NULL, OPT_FLAG, "give it a terminal"),
        OPTION("pull", 0, NULL, OPT_FLAG, "pull the image before every start"),
};

static const struct { const char *option, *field; enum kind kind; } fields[] = {
        { "env", "environment", MAP }, { "label", "labels", MAP }, { "publish", "ports", LIST }, { "volume", "dataVolumes", LIST },
        { "volume-driver", "volumeDriver", TEXT }, { "hostname", "hostname", TEXT }, { "user", "user", TEXT }, { "workdir", "workingDir", TEXT },
        { "entrypoint", "entryPoint", LIST }, { "net", "networkMode", TEXT }, { "memory", "memory", NUMBER }, { "cpu-shares", "cpuShares", NUMBER },
        { "cpuset-cpus", "cpuSet", TEXT }, { "cap-add", "capAdd", LIST }, { "cap-drop", "capDrop", LIST }, { "device", "devices", LIST },
        { "dns", "dns", LIST }, { "dns-search", "dnsSearch", LIST }, { "add-host", "extraHosts", LIST }, { "pid", "pidMode", TEXT },
        { "privileged", "privileged", FLAG }, { "read-only", "readOnly", FLAG }, { "interactive", "stdinOpen", FLAG }, { "tty", "tty", FLAG },
};

static struct json_object *words(const char *const *v, size_t n) {
        struct json_object *list = json_object_new_array();
        for (size_t i = 0; i < n; i++)
                json_object_array_add(list, json_object_new_string(v[i]));
        return list;
}

static struct json_object *pairs(const char *const *v, size_t n) {
        struct json_object *map = json_object_new_object();
        for (size_t i = 0; i < n; i++) {
                const char *eq = strchr(v[i], '=');
                auto_free char *key = dr_xstrndup(v[i], eq ? (size_t) (eq - v[i]) : strlen(v[i]));
                json_set_str(map, key, eq ? eq + 1 : "");
        }
        return map;
}

static struct json_object *launch_config(const struct opts *o, const char *image, const char *const *command, size_t n_command) {
        struct json_object *lc = json_object_new_object();
        auto_free char *uuid = dr_xasprintf("%s%s", str_starts(image, "docker:") || str_starts(image, "sim:") ? "" : "docker:", image);
        size_t n;
        json_set_str(lc, "imageUuid", uuid);
        if (n_command)
                json_set(lc, "command", words(command, n_command));
        for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
                const char *const *list;
                switch (fields[i].kind) {
                case TEXT:
                        if (opts_str(o, fields[i].option))
                                json_set_str(lc, fields[i].field, opts_str(o, fields[i].option));
                        break;
                case FLAG:
                        if (opts_bool(o, fields[i].option))
                                json_set_bool(lc, fields[i].field, true);
                        break;
                case NUMBER:
                        if (opts_int(o, fields[i].option))
                                json_set_int(lc, fields[i].field, opts_int(o, fields[i].option));
                        break;
                case LIST:
                case MAP:
                        list = opts_list(o, fields[i].option, &n);
                        if (n)
                                json_set(lc, fields[i].field, fields[i].kind == LIST ? words(list, n) : pairs(list, n));
                        break;
                }
        }
        if (opts_str(o, "log-driver")) {
                struct json_object *log = json_object_new_object();
                const char *const *list = opts_list(o, "log-opt", &n);
                json_set_str(log, "driver", opts_str(o, "log-driver"));
                json_set(log, "config", pairs(list, n));
                json_set(lc, "logConfig", log);
        }
        struct json_object *labels = json_get_object(lc, "labels");
        if (!labels)
                json_set(lc, "labels", labels = json_object_new_object());
        if (opts_bool(o, "schedule-global"))
                json_set_str(labels, "io.rancher.scheduler.global", "true");
        if (opts_bool(o, "pull"))
                json_set_str(labels, "io.rancher.container.pull_image", "always");
        return lc;
}

/* The stack of this name, made if it is not there. */
static int stack_id(struct cli *c, const char *name, char **ret) {
        AUTO(json_free) struct json_object *list = NULL, *made = NULL, *body = NULL;
        auto_free char *path = api_project_path(c->api, "/stacks?name=%s", name), *collection = lookup_collection(c->api, RES_STACK);
        int r = api_list(c->api, path, &list, &c->err);
        if (r < 0)
                return r;
        if (json_object_array_length(list) == 0) {
                body = json_object_new_object();
                json_set_str(body, "name", name);
                if ((r = api_call(c->api, "POST", collection, body, &made, &c->err)) < 0)
                        return dr_prefix(&c->err, r, "could not create stack \"%s\"", name);
        }
        *ret = dr_xstrdup(json_str(made ? made : json_object_array_get_idx(list, 0), "id", ""));
        return 0;
}

/* Last part of the image's name, with what a service's name cannot have made '-'. */
static char *name_of_image(const char *image) {
        const char *slash = strrchr(image, '/'), *last = slash ? slash + 1 : image;
        char *name = dr_xstrndup(last, strcspn(last, ":@"));
        for (char *p = name; *p; p++)
                if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9')))
                        *p = '-';
        return name;
}

static int run(const struct opts *o, void *context) {
        struct cli *c = context;
        size_t n;
        const char *const *args = opts_args(o, &n), *given = opts_str(o, "name");
        const char *slash = given ? strchr(given, '/') : NULL;
        auto_free char *stack = slash ? dr_xstrndup(given, (size_t) (slash - given)) : dr_xstrdup("Default");
        auto_free char *service = slash ? dr_xstrdup(slash + 1) : given ? dr_xstrdup(given) : name_of_image(args[0]), *in = NULL;
        AUTO(json_free) struct json_object *body = json_object_new_object(), *made = NULL;
        int r = cli_connect_project(c);
        if (r < 0 || (r = stack_id(c, stack, &in)) < 0)
                return r;
        json_set_str(body, "name", service);
        json_set_str(body, "stackId", in);
        json_set_bool(body, "startOnCreate", true);
        if (opts_int(o, "scale"))
                json_set_int(body, "scale", opts_int(o, "scale"));
        json_set(body, "launchConfig", launch_config(o, args[0], args + 1, n - 1));
        auto_free char *path = lookup_collection(c->api, RES_SERVICE);
        if ((r = api_call(c->api, "POST", path, body, &made, &c->err)) < 0)
                return dr_prefix(&c->err, r, "could not create service \"%s/%s\"", stack, service);
        printf("%s\n", json_str(made, "id", ""));
        (void) fflush(stdout);
        AUTO(progress_free) struct progress *progress = NULL;
        AUTO(waiter_free) struct waiter *w = cli_waiter(c, false, &progress);
        if (w)
                waiter_add(w, made, service);
        return w ? waiter_run(w, &c->err) : 0;
}

const struct opt_command verb_run = {
        .name = "run", .summary = "start a service of one image", .args = "IMAGE [COMMAND...]", .min_args = 1, .max_args = OPT_ANY, .first_ends = true,
        .about = "Example: drover run --name web/front -p 80:8080 --scale 3 nginx", OPT_ROWS(rows), .run = run,
};
