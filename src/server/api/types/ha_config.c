/* Whether several servers share the state (spec api.md 3.7): one object. This version runs as one server, so it only says so. */
#include "formats/json.h"
#include "server/api/plain.h"
#include "types.h"

#define ID "haConfig"

static void write_config(struct api_req *req, struct jw *w, void *arg) {
        (void) arg;
        struct store *store = core_config(api_core(req))->store;
        plain_begin(w, type_get(req->version, T_haConfig), ID, arena_printf(&req->arena, "%s/haconfigs/" ID, req->url));
        jw_kint(w, "clusterSize", 1);
        jw_knull(w, "dbHost");
        jw_kint(w, "dbSize", (int64_t) (store->ops->stats(store).bytes >> 20));
        jw_kbool(w, "enabled", false);
        jw_end(w);
}

bool ha_config_list(struct api_req *req, const struct type_def *def) {
        plain_collection(req, def, write_config, NULL);
        return true;
}

int ha_config_item(struct api_req *req, const struct type_def *def, const char *id, struct dr_error *err) {
        if (!str_ieq(id, ID))
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "there is one " ID);
        bool put = req->method == VERB_PUT && (type_methods(def, req->role) & TM_UPDATE), post = req->method == VERB_POST && req->action;
        if ((put && json_bool(req->body, "enabled", false)) || post) {
                (void) dr_fail(err, DR_E_NOT_IMPLEMENTED, NULL, "several servers are not there yet");
                api_fail(req, err);
                return 1;
        }
        if (req->method != VERB_GET && !put)
                return dr_fail(err, DR_E_METHOD, NULL, "%s is read and changed only", def->name);
        plain_reply(req, 200, write_config, NULL);
        return 1;
}
