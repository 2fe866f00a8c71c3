#include "node/netmgr/cni_run.h"

#include "base/log.h"
#include "base/times.h"
#include "net/child.h"
#include "node/entry/netstate.h"
#include "node/netmgr/plugin_result.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { ERR_BYTES_MAX = 16 << 10, ENV_MAX = 16 };

#define PLUGIN_PATH "/opt/cni/bin:/var/lib/cni/bin:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
static const char *const built_in[] = { "rancher-bridge", "drover-bridge", "rancher-cni-ipam", "drover-ipam" };
static const char *const kept[] = { "RANCHER_METADATA_ADDRESS", "DOCKER_HOST", "DROVER_LOG_LEVEL" };

struct cni_run {
        struct cni_spec spec;
        char *args, *state, *error, ip[64];
        size_t step;
        struct child *child;
};

bool cni_is_built_in(const char *type) {
        for (size_t i = 0; i < ARRAY_LEN(built_in); i++)
                if (str_eq(type, built_in[i]))
                        return true;
        return false;
}

int cni_links_make(const char *bin_dir, const char *program, struct dr_error *err) {
        if (mkdir(bin_dir, 0755) < 0 && errno != EEXIST)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not make folder \"%s\": %m", bin_dir);
        for (size_t i = 0; i < ARRAY_LEN(built_in); i++) {
                auto_free char *path = dr_xasprintf("%s/%s", bin_dir, built_in[i]), *temp = dr_xasprintf("%s/.%s", bin_dir, built_in[i]);
                (void) unlink(temp);
                if (symlink(program, temp) < 0 || rename(temp, path) < 0)
                        return dr_fail(err, DR_E_INTERNAL, NULL, "could not link \"%s\": %m", path);
        }
        return 0;
}

static void run_next(void *arg);

static const struct cni_file *file_at(const struct cni_run *r) {
        size_t n = r->spec.files->n;
        return r->step >= n ? NULL : &r->spec.files->v[str_eq(r->spec.command, "DEL") ? n - 1 - r->step : r->step];
}

static void failed(struct cni_run *r, const char *type, const char *why) {
        if (!r->error)
                r->error = dr_xasprintf("plugin %s: %s", type, why);
}

static void finish(struct cni_run *r) {
        r->spec.done(r->error ? NULL : r->state, r->ip, r->error, r->spec.arg);
        cni_run_cancel(r);
}

static void on_exit_plugin(struct child *c, const struct child_result *res, void *arg) {
        struct cni_run *r = arg;
        const struct cni_file *f = file_at(r);
        r->child = NULL;
        bool add = str_eq(r->spec.command, "ADD");
        if (res->timed_out) {
                failed(r, f->type, "it did not end in time");
        } else if (res->exit_status != 0 || res->signal) {
                auto_free char *why = plugin_error_text(res->out, res->out_len, res->err, res->exit_status, res->signal);
                failed(r, f->type, why);
        } else if (add) {
                struct dr_error err;
                auto_free char *state = NULL;
                char ip[64];
                if (plugin_result_read(res->out, res->out_len, &state, ip, &err) < 0) {
                        failed(r, f->type, err.message);
                } else if (state) {
                        free(r->state);
                        r->state = dr_take(state);
                        memcpy(r->ip, ip, sizeof r->ip);
                }
        }
        r->step++;
        if (r->error && add)
                return finish(r);
        run_next(r);
}

static void run_next(void *arg) {
        struct cni_run *r = arg;
        const struct cni_file *f = file_at(r);
        if (!f)
                return finish(r);
        auto_free char *id = dr_xasprintf("CNI_CONTAINERID=%s", r->spec.id), *args = dr_xasprintf("CNI_ARGS=%s", r->args);
        auto_free char *command = dr_xasprintf("CNI_COMMAND=%s", r->spec.command), *path = dr_xasprintf("PATH=%s:%s", r->spec.bin_dir, PLUGIN_PATH);
        auto_free char *cni_path = dr_xasprintf("CNI_%s", path);
        /* By descriptor: the namespace stays the one that was looked at, whatever becomes of the container's pid. */
        auto_free char *netns = r->spec.netns_fd < 0 ? dr_xstrdup("CNI_NETNS=") : dr_xasprintf("CNI_NETNS=/proc/%d/fd/%d", (int) getpid(), r->spec.netns_fd);
        const char *env[ENV_MAX] = { command, id, netns, "CNI_IFNAME=" NETSTATE_INTERFACE, cni_path, path, args };
        size_t n = 7;
        auto_free char *more[ARRAY_LEN(kept)] = { 0 };
        for (size_t i = 0; i < ARRAY_LEN(kept); i++)
                if (getenv(kept[i]))
                        env[n++] = more[i] = dr_xasprintf("%s=%s", kept[i], getenv(kept[i]));
        auto_free char *own = dr_xasprintf("%s/%s", r->spec.bin_dir, f->type);
        const char *const argv[] = { cni_is_built_in(f->type) ? own : f->type, NULL };
        struct dr_error err;
        r->child = child_spawn(r->spec.loop, &(struct child_spec) {
                .argv = argv, .env = env, .in = f->text, .in_len = strlen(f->text), .out_max = PLUGIN_RESULT_BYTES_MAX, .err_max = ERR_BYTES_MAX,
                .deadline_ms = r->spec.deadline_ms, .group = true, .on_exit = on_exit_plugin, .arg = r }, &err);
        if (r->child)
                return;
        failed(r, f->type, err.message);
        r->step++;
        if (str_eq(r->spec.command, "ADD"))
                return finish(r);
        run_next(r);
}

struct cni_run *cni_run_start(const struct cni_spec *spec) {
        struct cni_run *r = dr_xnew(struct cni_run);
        r->spec = *spec;
        r->args = dr_xstrdup(spec->args);
        loop_defer(spec->loop, run_next, r);
        return r;
}

void cni_run_cancel(struct cni_run *r) {
        if (!r)
                return;
        loop_defer_cancel(r->spec.loop, run_next, r);
        if (r->child)
                child_abandon(r->child);
        free(r->args);
        free(r->state);
        free(r->error);
        free(r);
}
