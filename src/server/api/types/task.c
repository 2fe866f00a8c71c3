/* What the server does from time to time, as upstream's tasks (spec simulator.md, api.md 3): the list is fixed, `execute` does one now and
 * writes a taskInstance. drover does these by timers of the records concerned, so there are no rows of runs nobody asked for. */
#include "core/hosts.h"
#include "formats/json.h"
#include "server/api/change.h"
#include "server/api/views.h"
#include "types.h"

static void run_all(struct core *c, enum type_id table) {
        const struct records *l = world_all(core_world(c), table);
        for (size_t i = 0; i < l->n; i++)
                core_wake(c, l->v[i]);
}
static void evacuate_hosts(struct core *c) { run_all(c, T_host); }
static void reconcile_services(struct core *c) { run_all(c, T_service); }
static void replay_processes(struct core *c) {
        for (int t = T_NONE + 1; t < T_MAX; t++) {
                const struct records *l = type_base((enum type_id) t) == (enum type_id) t ? world_all(core_world(c), (enum type_id) t) : NULL;
                for (size_t i = 0; l && i < l->n; i++)
                        if (l->v[i]->run)
                                core_wake(c, l->v[i]);
        }
}

static const struct { const char *name; void (*fn)(struct core *c); } tasks[] = {
        { "agent.ping", hosts_ping },
        { "evacuate.hosts", evacuate_hosts },
        { "process.replay", replay_processes },
        { "purge.resources", core_purge },
        { "service.reconcile", reconcile_services },
};

void task_rows(struct api_req *req, struct record_list *ret) {
        for (size_t i = 0; i < ARRAY_LEN(tasks) + req->api->tasks.n; i++) {
                struct record *r = api_keep(req, record_new(T_task, T_task, (int64_t) i + 1));
                record_put(r, F_name, value_str(i < ARRAY_LEN(tasks) ? tasks[i].name : req->api->tasks.v[i - ARRAY_LEN(tasks)].name));
                vec_push(ret, r);
        }
}

static void run(struct api *a, size_t i) {
        if (i < ARRAY_LEN(tasks))
                tasks[i].fn(a->conf.core);
        else
                a->tasks.v[i - ARRAY_LEN(tasks)].fn(a->tasks.v[i - ARRAY_LEN(tasks)].arg);
}

int task_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err) {
        if (!str_eq(a->name, "execute"))
                return -ENOSYS;
        struct core *c = api_core(req);
        int64_t start = core_wall_ms(c);
        run(req->api, (size_t) r->id - 1);
        auto_sbuf struct sbuf b = SBUF(1 << 10);
        struct jw w = JW(&b, 0);
        jw_begin_object(&w);
        jw_kint(&w, "taskId", r->id);
        jw_kstring(&w, "name", record_name(r));
        jw_kint(&w, "startTime", start);
        jw_kint(&w, "endTime", core_wall_ms(c));
        jw_end(&w);
        size_t len = b.len;
        (void) core_history(c, T_taskInstance, 0, sbuf_steal(&b), len);
        return 0;
}
