#include "internal.h"

#include <stdio.h>

#include "context.h"

static int bad_path(const char *path, struct dr_error *err) { return dr_fail(err, DR_E_BAD_REQUEST, NULL, "\"%.200s\" is no path of the API", path); }

/* "stacks/1st5?action=upgrade" into the request's parts. The strings belong to http. */
static int read_target(struct http_request *http, const char *path, struct dr_error *err) {
        const char *slash = *path == '/' ? path : NULL;
        size_t n = strcspn(path, "?");
        auto_free char *raw = dr_xasprintf("%s%.*s", slash ? "" : "/", (int) n, path);
        if (http_path_parse(raw, strlen(raw), &http->path) < 0)
                return bad_path(path, err);
        if (path[n] && http_query_parse(path + n + 1, strlen(path + n + 1), &http->query) < 0)
                return bad_path(path, err);
        return http->path.n == 0 || http->path.n > API_SEGMENTS_MAX ? bad_path(path, err) : 0;
}

static int enter(struct api_req *req, const struct api_caller *who, struct dr_error *err) {
        struct record *account = world_get(api_world(req), T_account, who->account_id);
        struct record *project = who->project_id ? world_get(api_world(req), T_account, who->project_id) : NULL;
        if (!account)
                return dr_fail(err, DR_E_FORBIDDEN, NULL, "there is no account %lld", (long long) who->account_id);
        if (who->project_id && (!project || project->kind != T_project))
                return dr_fail(err, DR_E_FORBIDDEN, NULL, "there is no environment %lld", (long long) who->project_id);
        api_set_caller(req, account, who->role, !project && (who->role == ROLE_admin || who->role == ROLE_superadmin || who->role == ROLE_service));
        if (!project)
                return 0;
        char id[ID_TEXT_MAX];
        req->project_id = req->account_id = project->id;
        req->url = arena_printf(&req->arena, "/v2-beta/projects/%s", id_format(API_V2_BETA, T_account, project->id, id));
        return 0;
}

static void dispatch(struct api_req *req, struct json_object *body) {
        for (size_t i = 0; i < req->http->path.n; i++)
                if (*req->http->path.seg[i])
                        req->seg[req->n_seg++] = req->http->path.seg[i];
        req->self = arena_printf(&req->arena, "%s/%s", req->url, req->n_seg ? req->seg[0] : "");
        req->action = api_param(req, "action");
        if (req->method == VERB_POST || req->method == VERB_PUT)
                req->body = body ? json_copy(body) : json_object_new_object();
        if (api_special_of(req))
                api_fail_code(req, DR_E_NOT_IMPLEMENTED, NULL);
        else
                api_dispatch(req);
}

int api_internal(struct api *a, const struct api_caller *who, enum verb verb, const char *path, struct json_object *body, struct json_object **ret,
                 struct dr_error *err) {
        struct http_request http = { .verb = verb, .method = verb_to_string(verb), .target = path, .raw_path = path, .host = "", .minor = 1, .peer = "" };
        struct api_answer answer = { 0 };
        int r = read_target(&http, path, err);
        if (r == 0) {
                struct api_req *req = dr_xnew(struct api_req);
                *req = (struct api_req) { .api = a, .http = &http, .internal = &answer, .version = API_V2_BETA, .method = verb, .base = "", .url = "/v2-beta", .self = "",
                                          .client_ip = "", .out = SBUF(API_ANSWER_BYTES_MAX) };
                struct dr_error refused;
                if (enter(req, who, &refused) < 0)
                        api_fail(req, &refused);
                else
                        dispatch(req, body);
                assert(answer.status);          /* whatever would answer later has to refuse instead */
                if (answer.status >= 400) {
                        if (!*answer.err.message)
                                snprintf(answer.err.message, sizeof answer.err.message, "%s %s: %s", http.method, path, dr_error_row(answer.err.code)->api_code);
                        r = -dr_error_row(answer.err.code)->err;
                        if (err)
                                *err = answer.err;
                }
        }
        if (r == 0 && ret)
                *ret = dr_take(answer.body);
        json_object_put(answer.body);
        http_path_done(&http.path);
        http_query_done(&http.query);
        return r;
}
