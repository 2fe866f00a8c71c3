#include "plugin.h"

#include "base/sbuf.h"
#include "base/times.h"
#include "node/cni/bridge.h"
#include "node/cni/ipam.h"
#include "node/json_view.h"

#include <fcntl.h>
#include <stdio.h>

typedef int plugin_fn(const struct cni_request *r, struct cni_result *ret, struct cni_error *err);

static const struct { const char *name; plugin_fn *run; bool is_ipam; } plugins[] = {
        { "drover-bridge", bridge_plugin, false }, { "rancher-bridge", bridge_plugin, false },
        { "drover-ipam", ipam_plugin, true }, { "rancher-cni-ipam", ipam_plugin, true },
};

bool cni_plugin_is(const char *name) {
        for (size_t i = 0; i < ARRAY_LEN(plugins); i++)
                if (str_eq(plugins[i].name, name))
                        return true;
        return false;
}

static int read_input(struct sbuf *ret, struct cni_error *err) {
        char buf[16384];
        for (;;) {
                ssize_t n = read(0, buf, sizeof buf);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return cni_fail(err, CNI_E_IO, "could not read the configuration: %s", strerror(errno));
                if (n == 0)
                        return 0;
                sbuf_add(ret, buf, (size_t) n);
                if (!sbuf_ok(ret))
                        return cni_fail(err, CNI_E_IO, "the configuration is longer than %d bytes", CNI_CONF_BYTES_MAX);
        }
}

/* One line per call to the file of the configuration's logToFile; isDebugLevel "false" keeps failures only. Best effort. */
static void log_call(const struct cni_request *r, const char *name, bool is_ipam, int result, const struct cni_error *err, uint64_t took_us) {
        json_object *conf = is_ipam ? jv_obj(r->conf, "ipam") : r->conf;
        const char *path = jv_str(conf, "logToFile");
        bool debug = true;
        struct cni_error ignored;
        (void) cni_conf_bool(conf, "isDebugLevel", &debug, &ignored);
        if (!*path || (result == 0 && !debug))
                return;
        auto_close int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
        char now[32], line[1400];
        time_format_iso_ms(time_wall_ms(), now, sizeof now);
        int n = snprintf(line, sizeof line, "%s %s %s network=%s container=%.64s interface=%s took_ms=%llu.%03llu%s%.600s%s\n", now, name, str_or(cni_command_to_string(r->command), "?"),
                         str_or(r->network, "?"), str_or(r->env.container_id, ""), str_or(r->env.ifname, ""), (unsigned long long) took_us / 1000, (unsigned long long) took_us % 1000,
                         result < 0 ? " error=\"" : "", result < 0 ? err->msg : "", result < 0 ? "\"" : "");
        if (fd >= 0 && n > 0 && write(fd, line, MIN((size_t) n, sizeof line - 1)) < 0)
                return;                                         /* there is nowhere to say that */
}

static int print(json_object *o) {
        int r = printf("%s\n", jv_print(o)) < 0 || fflush(stdout) != 0;
        json_object_put(o);
        return r;
}

static json_object *versions_json(void) {
        json_object *o = json_object_new_object(), *list = json_object_new_array();
        for (int v = 0; v < CNI_VERSION_MAX; v++)
                json_object_array_add(list, json_object_new_string(cni_version_to_string((enum cni_version) v)));
        json_object_object_add(o, "cniVersion", json_object_new_string(cni_version_to_string(CNI_VERSION_MAX - 1)));
        json_object_object_add(o, "supportedVersions", list);
        return o;
}

int cni_plugin_main(const char *name) {
        size_t p = 0;
        while (p < ARRAY_LEN(plugins) && !str_eq(plugins[p].name, name))
                p++;
        assert(p < ARRAY_LEN(plugins));
        struct cni_env env = { .command = getenv("CNI_COMMAND"), .container_id = getenv("CNI_CONTAINERID"), .netns = getenv("CNI_NETNS"), .ifname = getenv("CNI_IFNAME"),
                               .path = getenv("CNI_PATH"), .args = getenv("CNI_ARGS") };
        uint64_t began = time_mono_us();
        auto_sbuf struct sbuf in = SBUF(CNI_CONF_BYTES_MAX);
        auto_cni_request struct cni_request r = { .version = CNI_1_1_0 };
        auto_cni_result struct cni_result result = { 0 };
        struct cni_error err = { 0 };
        bool reads = env.command && *env.command && !str_eq(env.command, "VERSION");
        int done = reads ? read_input(&in, &err) : 0;
        done = done < 0 ? done : cni_request_parse(&env, sbuf_str(&in), in.len, &r, &err);
        if (done == 0 && r.command == CNI_VERSION)
                return print(versions_json());
        done = done < 0 ? done : plugins[p].run(&r, &result, &err);
        log_call(&r, name, plugins[p].is_ipam, done, &err, time_mono_us() - began);
        if (done < 0) {
                (void) print(cni_error_json(&err, r.version));
                return 1;
        }
        return r.command == CNI_ADD ? print(cni_result_json(&result, r.version)) : 0;
}
