/* The tables of processes as the API shows them (spec api.md 4.5): definitions, and what runs and waits now. */
#include "server/api/plain.h"
#include "types.h"

static struct jw *open_row(struct api_req *req, struct jw *w, enum type_id type, const char *name) {
        const struct type_def *def = type_get(req->version, type);
        const char *id = arena_printf(&req->arena, "%s!%s", def->prefix, name);
        plain_begin(w, def, id, arena_printf(&req->arena, "%s/%s/%s", req->url, def->plural, id));
        return w;
}

/* ---- definitions ---- */
static void extension_point(struct jw *w, const char *key, const char *name, bool has) {
        jw_key(w, key);
        jw_begin_object(w);
        jw_kstring(w, "type", "extensionPoint");
        jw_kstring(w, "name", name);
        jw_key(w, "implementations");
        jw_begin_array(w);
        if (has) {
                jw_begin_object(w);
                jw_kstring(w, "type", "extensionImplementation");
                jw_kstring(w, "name", "drover");
                jw_end(w);
        }
        jw_end(w);
        jw_end(w);
}

static void transition(struct jw *w, const char *field, enum state_id from, enum state_id to, const char *type) {
        if (from == S_NONE || to == S_NONE)
                return;
        jw_begin_object(w);
        jw_kstring(w, "type", type);
        jw_kstring(w, "field", field);
        jw_kstring(w, "fromState", state_name(from));
        jw_kstring(w, "toState", state_name(to));
        jw_end(w);
}

static void definition(struct api_req *req, struct jw *w, const struct process_def *p) {
        open_row(req, w, T_processDefinition, p->name);
        jw_kstring(w, "name", p->name);
        jw_kstring(w, "resourceType", type_name(p->base));
        jw_kbool(w, "extensionBased", false);
        extension_point(w, "preProcessListeners", arena_printf(&req->arena, "process.%s.pre.listeners", p->name), false);
        extension_point(w, "processHandlers", arena_printf(&req->arena, "process.%s.handlers", p->name), core_is_handled(api_core(req), (enum process_id) p->id));
        extension_point(w, "postProcessListeners", arena_printf(&req->arena, "process.%s.post.listeners", p->name), false);
        jw_key(w, "stateTransitions");
        jw_begin_array(w);
        for (size_t i = 0; i < p->n_edges; i++)
                transition(w, field_name(p->state_field), p->edges[i].from, p->edges[i].via, "transitioning");
        for (size_t i = 0; i < p->n_done; i++)
                transition(w, field_name(p->state_field), p->done[i].via, p->done[i].to, "done");
        jw_end(w);
        jw_end(w);
}

static void all_definitions(struct api_req *req, struct jw *w, void *arg) {
        for (int p = P_NONE + 1; p < P_MAX; p++)
                definition(req, w, process_get((enum process_id) p));
}

bool process_definition_list(struct api_req *req, const struct type_def *def) {
        plain_collection(req, def, all_definitions, NULL);
        return true;
}

static void one_definition(struct api_req *req, struct jw *w, void *arg) { definition(req, w, arg); }

/* Name of "1pd!instance.start", or of "instance.start". */
static const char *name_of(const struct type_def *def, const char *id) {
        size_t n = strlen(def->prefix);
        return strncmp(id, def->prefix, n) == 0 && id[n] == '!' ? id + n + 1 : id;
}

int process_definition_item(struct api_req *req, const struct type_def *def, const char *id, struct dr_error *err) {
        if (req->method != VERB_GET)
                return dr_fail(err, DR_E_METHOD, NULL, "process definitions are only read");
        enum process_id p = process_by_name(name_of(def, id));
        if (p == P_NONE)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "there is no process \"%.80s\"", id);
        plain_reply(req, 200, one_definition, (void *) process_get(p));
        return 1;
}

/* ---- what runs now ---- */
struct count { int64_t running, delay; };

static void count_runs(struct api_req *req, struct count counts[P_MAX]) {
        int64_t now = core_wall_ms(api_core(req));
        for (int t = T_NONE + 1; t < T_MAX; t++) {
                const struct records *l = type_base((enum type_id) t) == (enum type_id) t ? world_all(api_world(req), (enum type_id) t) : NULL;
                for (size_t i = 0; l && i < l->n; i++) {
                        const struct run *run = l->v[i]->run;
                        if (run && run->run_after_ms > now)
                                counts[run->process].delay++;
                        else if (run)
                                counts[run->process].running++;
                }
        }
}

static void summary(struct api_req *req, struct jw *w, enum process_id p, const struct count *n) {
        open_row(req, w, T_processSummary, process_get(p)->name);
        jw_kstring(w, "processName", process_get(p)->name);
        jw_kint(w, "running", n->running);
        jw_kint(w, "ready", 0);         /* what is due runs in this turn of the loop */
        jw_kint(w, "delay", n->delay);
        jw_end(w);
}

static void all_summaries(struct api_req *req, struct jw *w, void *arg) {
        struct count counts[P_MAX] = { 0 };
        count_runs(req, counts);
        for (int p = P_NONE + 1; p < P_MAX; p++)
                if (counts[p].running || counts[p].delay)
                        summary(req, w, (enum process_id) p, &counts[p]);
}

bool process_summary_list(struct api_req *req, const struct type_def *def) {
        plain_collection(req, def, all_summaries, NULL);
        return true;
}

static void one_summary(struct api_req *req, struct jw *w, void *arg) {
        struct count counts[P_MAX] = { 0 };
        enum process_id p = *(enum process_id *) arg;
        count_runs(req, counts);
        summary(req, w, p, &counts[p]);
}

int process_summary_item(struct api_req *req, const struct type_def *def, const char *id, struct dr_error *err) {
        enum process_id p = process_by_name(name_of(def, id));
        if (req->method != VERB_GET)
                return dr_fail(err, DR_E_METHOD, NULL, "process summaries are only read");
        if (p == P_NONE)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "there is no process \"%.80s\"", id);
        plain_reply(req, 200, one_summary, &p);
        return 1;
}

/* One thread owns the state: one pool of one. */
static void pool(struct api_req *req, struct jw *w, void *arg) {
        struct core_stats s = core_stats(api_core(req));
        open_row(req, w, T_processPool, "core");
        jw_kstring(w, "name", "core");
        jw_kint(w, "poolSize", 1);
        jw_kint(w, "minPoolSize", 1);
        jw_kint(w, "maxPoolSize", 1);
        jw_kint(w, "activeTasks", 1);   /* this request */
        jw_kint(w, "queueSize", (int64_t) s.queued);
        jw_kint(w, "queueRemainingCapacity", INT32_MAX);
        jw_kint(w, "completedTasks", (int64_t) s.runs);
        jw_kint(w, "rejectedTasks", 0); /* nothing that is due is turned away */
        jw_end(w);
}

bool process_pool_list(struct api_req *req, const struct type_def *def) {
        plain_collection(req, def, pool, NULL);
        return true;
}

int process_pool_item(struct api_req *req, const struct type_def *def, const char *id, struct dr_error *err) {
        if (req->method != VERB_GET)
                return dr_fail(err, DR_E_METHOD, NULL, "process pools are only read");
        if (!str_eq(name_of(def, id), "core"))
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "there is no pool \"%.80s\"", id);
        plain_reply(req, 200, pool, NULL);
        return 1;
}
