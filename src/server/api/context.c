#include "context.h"

#include <sodium.h>
#include <stdio.h>
#include <strings.h>

#include "base/parse.h"
#include "core/settings.h"
#include "form.h"

const char *api_param(const struct api_req *req, const char *name) {
        return req->http ? http_query_get(&req->http->query, name) : NULL;
}
const char *api_header(const struct api_req *req, const char *name) {
        return req->http ? http_headers_get(&req->http->headers, name) : NULL;
}

static bool contains_ci(const char *s, const char *word) {
        for (size_t n = strlen(word); s && *s; s++)
                if (strncasecmp(s, word, n) == 0)
                        return true;
        return false;
}

/* First element of a comma list, without blanks around it. */
static char *first_of(struct api_req *req, const char *list) {
        if (!list)
                return NULL;
        list += strspn(list, " \t");
        size_t n = strcspn(list, ",");
        while (n > 0 && (list[n - 1] == ' ' || list[n - 1] == '\t'))
                n--;
        return n ? arena_strndup(&req->arena, list, n) : NULL;
}

/* Cuts ":port" off a host value; IPv6 literals are in brackets. Returns the port's text or NULL. */
static char *cut_port(char *host) {
        char *end = *host == '[' ? strchr(host, ']') : NULL;
        char *colon = strchr(end ? end : host, ':');
        if (!colon || (!end && strchr(colon + 1, ':')))
                return NULL;
        *colon = '\0';
        return colon + 1;
}

static const char *base_url(struct api_req *req) {
        const char *override = api_header(req, "X-API-request-url");
        if (override && str_eq(setting_get(api_core(req), "api.allow.client.override"), "true")) {
                const char *path = strstr(override, "://");
                path = path ? strchr(path + 3, '/') : NULL;
                return path ? arena_strndup(&req->arena, override, (size_t) (path - override)) : arena_strdup(&req->arena, override);
        }
        char *proto = first_of(req, api_header(req, "X-Forwarded-Proto"));
        char *host = first_of(req, api_header(req, "X-Forwarded-Host")), *fport = first_of(req, api_header(req, "X-Forwarded-Port"));
        if (!host)
                host = arena_strdup(&req->arena, *str_or(req->http->host, "") ? req->http->host : "localhost");
        if (proto || fport) {
                char *port = cut_port(host);
                if (fport)
                        port = fport;
                if (!proto)
                        proto = str_eq(port, "443") || (port && contains_ci(setting_get(api_core(req), "proxy.protocol.https.ports"), port))
                                ? "https" : "http";
                bool standard = !port || str_eq(port, str_eq(proto, "https") ? "443" : "80");
                return arena_printf(&req->arena, "%s://%s%s%s", proto, host, standard ? "" : ":", standard ? "" : port);
        }
        return arena_printf(&req->arena, "%s://%s", req->http->tls ? "https" : "http", host);
}

static const char *client_ip(struct api_req *req) {
        char *ip = first_of(req, api_header(req, "X-Forwarded-For"));
        if (!ip)
                return arena_strdup(&req->arena, str_or(req->http->peer, ""));
        if (strchr(ip, '.'))
                (void) cut_port(ip);
        return ip;
}

/* Parameters as a map: a repeated one is a list. */
static void merge_params(struct json_object *args, const struct http_query *q) {
        for (size_t i = 0; i < q->n; i++) {
                const struct http_param *p = &q->v[i];
                struct json_object *old = NULL;
                if (*p->name == '_' || str_eq(p->name, "action") || str_eq(p->name, "projectId"))
                        continue;
                struct json_object *v = json_object_new_string(p->value);
                if (!json_object_object_get_ex(args, p->name, &old)) {
                        json_object_object_add(args, p->name, v);
                } else if (json_object_is_type(old, json_type_array)) {
                        json_object_array_add(old, v);
                } else {
                        struct json_object *list = json_object_new_array();
                        json_object_array_add(list, json_object_get(old));
                        json_object_array_add(list, v);
                        json_object_object_add(args, p->name, list);
                }
        }
}

static int read_form(struct api_req *req, const char *type, struct json_object *args, struct dr_error *err) {
        struct http_query form = { 0 };
        int r = form_parse(type, req->http->body, req->http->body_len, &form, err);
        if (r == 0)
                merge_params(args, &form);
        http_query_done(&form);
        return r;
}

/* Body map with query and form fields merged in: the body wins (api.md 1.1). */
static int read_body(struct api_req *req, struct dr_error *err) {
        struct http_request *h = req->http;
        const char *type = api_header(req, "Content-Type");
        AUTO(json_free) struct json_object *args = json_object_new_object();
        int r;
        if (h->body && h->body_len && form_is(type, h->body, h->body_len)) {
                if ((r = read_form(req, type, args, err)) < 0)
                        return r;
        } else if (h->body && h->body_len) {
                struct json_object *o = NULL;
                if ((r = json_parse(h->body, h->body_len, h->body_len, &o, err)) < 0)
                        return r;
                if (json_object_is_type(o, json_type_object) || json_object_is_type(o, json_type_array))
                        req->body = o;
                else
                        json_object_put(o);
        }
        if (req->method != VERB_POST && req->method != VERB_PUT)
                return 0;
        if (!req->body)
                req->body = json_object_new_object();
        if (!json_object_is_type(req->body, json_type_object))
                return 0;
        merge_params(args, &h->query);
        json_object_object_foreach(args, key, value)
                if (!json_has(req->body, key))
                        json_object_object_add(req->body, key, json_object_get(value));
        return 0;
}

/* /r/[projects/PID/]SERVICE[:PORT]/... (orchestrators.md 1.2). */
static void read_service_path(struct api_req *req, const char *const *seg, size_t n) {
        bool project = n > 2 && str_eq(seg[1], "projects");
        size_t at = project ? 3 : 1;
        req->to_service = true;
        req->version = API_V2_BETA;
        req->path_project = project ? seg[2] : NULL;
        req->seg[req->n_seg++] = seg[0];
        if (at < n)
                req->seg[req->n_seg++] = seg[at];
}

/* "Bearer B", where B is base64 of another credential: kubectl can send nothing but bearers (orchestrators.md 1.2). */
static void unwrap_bearer(struct api_req *req) {
        struct http_headers *h = &req->http->headers;
        const char *given = http_headers_get(h, "Authorization");
        if (!given)
                return;
        req->service_auth = arena_strdup(&req->arena, given);
        if (strncasecmp(given, "Bearer ", 7) != 0)
                return;
        size_t len = strlen(given + 7), n = 0;
        auto_free char *inner = dr_xcalloc(1, len + 1);
        const char *end = NULL;
        if (sodium_base642bin((unsigned char *) inner, len, given + 7, len, NULL, &n, &end, sodium_base64_VARIANT_ORIGINAL) != 0 || *end || strlen(inner) != n)
                return;
        if (strncasecmp(inner, "Basic ", 6) == 0 || strncasecmp(inner, "Bearer ", 7) == 0)
                http_headers_set(h, "Authorization", inner);
}

/* Splits the path: version, project context, rest. Runs of '/' collapse. */
static int read_path(struct api_req *req, struct dr_error *err) {
        const char *seg[API_SEGMENTS_MAX];
        size_t n = 0, at = 0;
        for (size_t i = 0; i < req->http->path.n; i++) {
                const char *s = req->http->path.seg[i];
                if (!*s)
                        continue;
                if (n == API_SEGMENTS_MAX && str_eq(seg[0], "r"))
                        break;          /* the rest is the service's */
                if (n == API_SEGMENTS_MAX)
                        return dr_fail(err, DR_E_NOT_FOUND, NULL, "the path has more than %d parts", API_SEGMENTS_MAX);
                seg[n++] = s;
        }
        if (n > 0 && str_eq(seg[0], "r")) {
                read_service_path(req, seg, n);
                return 0;
        }
        if (n > 0 && str_eq(seg[0], "v1-catalog")) {    /* its own resources and errors: server/catalog */
                req->version = API_V2_BETA;
                for (; at < n; at++)
                        req->seg[req->n_seg++] = seg[at];
                req->url = req->self = arena_printf(&req->arena, "%s/v1-catalog", req->base);
                return 0;
        }
        if (n > 0) {
                int v = api_version_from_string(seg[0], strlen(seg[0]));
                if (v < 0)
                        return dr_fail(err, DR_E_NOT_FOUND, NULL, "\"%.100s\" is no API version", seg[0]);
                req->version = (enum api_version) v;
                at = 1;
        } else {
                req->version = API_V1;          /* the root says v1 (api.md 1.1) */
        }
        const char *prefix = "";
        if (n >= at + 3 && (str_ieq(seg[at], "projects") || str_ieq(seg[at], "project")) && !str_ieq(seg[at + 2], "projectmembers") &&
            !str_ieq(seg[at + 2], "projectmember")) {
                req->path_project = seg[at + 1];
                prefix = arena_printf(&req->arena, "/projects/%s", arena_lower(&req->arena, seg[at + 1]));
                at += 2;
        }
        for (; at < n; at++)
                req->seg[req->n_seg++] = seg[at];
        req->url = arena_printf(&req->arena, "%s/%s%s", req->base, api_version_to_string(req->version), prefix);
        struct sbuf self = SBUF(HTTP_TARGET_BYTES_MAX * 4);
        sbuf_puts(&self, n ? req->url : req->base);
        for (size_t i = 0; i < req->n_seg; i++) {
                sbuf_putc(&self, '/');
                http_escape(&self, req->seg[i]);
        }
        req->self = arena_strdup(&req->arena, sbuf_str(&self));
        sbuf_done(&self);
        return 0;
}

int api_req_read(struct api_req *req, struct dr_error *err) {
        const char *agent = api_header(req, "User-Agent"), *accept = api_header(req, "Accept"), *format = api_param(req, "_format");
        req->method = req->http->verb;
        const char *override = api_param(req, "_method");
        if (override)
                req->method = verb_from_string(override);
        req->browser = contains_ci(agent, "mozilla");
        req->html = req->browser && (!accept || strstr(accept, "*/*"));
        if (format)
                req->html = str_eq(format, "html");
        req->base = base_url(req);
        req->url = req->self = req->base;
        req->client_ip = client_ip(req);
        req->action_links = api_header(req, "X-API-Action-Links") || api_param(req, "_actionLinks");
        req->removed = api_param(req, "_removed") != NULL;
        req->all = str_eq(api_param(req, "all"), "true");
        req->action = api_param(req, "action");
        int r = read_path(req, err);
        if (r == 0 && req->to_service) {
                unwrap_bearer(req);
                return 0;               /* the body is the service's */
        }
        return r < 0 ? r : read_body(req, err);
}

void api_set_caller(struct api_req *req, struct record *account, enum role role, bool all_accounts) {
        req->caller = account;
        req->account_id = account->id;
        req->role = role;
        req->all_accounts = all_accounts;
        api_saw(req, account->seq);
}

const char *api_member_role(const struct api_req *req, const struct record *account, const struct record *project) {
        char id[24];
        snprintf(id, sizeof id, "%lld", (long long) account->id);
        static const char *const order[] = { "owner", "member", "restricted", "readonly" };     /* the best one counts (api.md 2.2) */
        const char *best = NULL;
        size_t best_at = SIZE_MAX;
        const struct records *l = world_by_int(api_world(req), T_projectMember, F_projectId, project->id);
        for (size_t i = 0; i < l->n; i++) {
                const char *ext = record_str(l->v[i], F_externalId);
                if (l->v[i]->state != S_active || !str_eq(record_str(l->v[i], F_externalIdType), "rancher_id") || !ext)
                        continue;
                if (!str_eq(ext, id) && !(str_starts(ext, "1a") && str_eq(ext + 2, id)))
                        continue;
                const char *role = str_or(record_str(l->v[i], F_role), "member");
                size_t at = 0;
                while (at < ARRAY_LEN(order) && !str_eq(order[at], role))
                        at++;
                if (!best || at < best_at) {
                        best = role;
                        best_at = at;
                }
        }
        return best;
}

static struct record *project_of(const struct api_req *req, const char *text) {
        int64_t id;
        if (id_decode_number(text, strlen(text), false, &id) < 0)
                return NULL;
        struct record *p = world_get(api_world(req), T_account, id);
        return p && p->kind == T_project ? p : NULL;
}

/* X-API-Client-Access-Key names a project by one of its keys (api.md 2.2). */
static const struct record *project_of_key(const struct api_req *req) {
        const char *key = api_header(req, "X-API-Client-Access-Key");
        const struct records *l = key && *key ? world_by_str(api_world(req), T_credential, F_publicValue, key) : NULL;
        for (size_t i = 0; l && i < l->n; i++) {
                const struct record *p = l->v[i]->state == S_active ? world_get(api_world(req), T_account, l->v[i]->account_id) : NULL;
                if (p && p->kind == T_project)
                        return p;
        }
        return NULL;
}

int api_enter_project(struct api_req *req, struct dr_error *err) {
        const char *text = req->path_project;
        if (!text)
                text = api_header(req, "X-API-Project-Id");
        if (!text || !*text)
                text = api_param(req, "projectId");
        if (str_eq(text, "global") && req->n_seg && str_eq(req->seg[0], "v1-catalog"))
                text = NULL;            /* what catalogs call "no environment" (catalog.md 5) */
        const struct record *by_key = text && *text ? NULL : project_of_key(req);
        bool plain = api_param(req, "_plainId") && (req->role == ROLE_admin || req->role == ROLE_superadmin || req->role == ROLE_service ||
                                                    req->role == ROLE_agent);
        req->plain_ids = plain;
        const char *as = api_param(req, "_role");
        if (as && (req->role == ROLE_admin || req->role == ROLE_superadmin)) {
                int r = role_from_string(as, strlen(as));
                if (r >= 0)
                        req->role = (enum role) r;
        }
        if ((!text || !*text) && !by_key) {
                if (req->role == ROLE_project)
                        req->project_id = req->account_id;
                return 0;
        }
        struct record *p = by_key ? world_get(api_world(req), T_account, by_key->id) : project_of(req, text);
        text = by_key ? record_name(by_key) : text;
        bool own = p && (req->caller->id == p->id || req->project_id == p->id);         /* its own key, or that of a container in it */
        if (!p || (p->state != S_active && p->state != S_upgrading && p->state != S_updating_active && !req->all_accounts))
                return dr_fail(err, DR_E_FORBIDDEN, NULL, "there is no active environment \"%.40s\" for this account", text);
        enum role role = req->role;
        if (req->all_accounts) {
                role = ROLE_owner;
        } else if (!own) {
                const char *m = api_member_role(req, req->caller, p);
                int r = m ? role_from_string(m, strlen(m)) : -1;
                if (r < 0)
                        return dr_fail(err, DR_E_FORBIDDEN, NULL, "this account is no member of environment \"%.40s\"", text);
                role = (enum role) r;
        }
        req->role = role;
        req->project_id = req->account_id = p->id;
        req->all_accounts = false;
        api_saw(req, p->seq);
        return 0;
}

/* ---- types and URLs ---- */
const struct type_def *api_visible_type(const struct api_req *req, enum type_id id) {
        const struct type_def *d = type_get(req->version, id);
        return d && type_visible(d, req->role) ? d : NULL;
}

const struct type_def *api_type_of(const struct api_req *req, const struct record *r) {
        const struct type_def *d = api_visible_type(req, (enum type_id) r->kind);
        return d ? d : api_visible_type(req, (enum type_id) r->type);
}

const char *api_url_type(struct api_req *req, const struct type_def *def) {
        return arena_printf(&req->arena, "%s/%s", req->url, arena_lower(&req->arena, def->plural));
}

const char *api_url_record(struct api_req *req, const struct record *r, const struct type_def *def) {
        char id[ID_TEXT_MAX];
        if (r->type == T_setting || r->type == T_activeSetting)
                return arena_printf(&req->arena, "%s/settings/%s", req->url, record_name(r));
        return arena_printf(&req->arena, "%s/%s/%s", req->url, arena_lower(&req->arena, def->plural),
                            id_format(req->version, (enum type_id) r->type, r->id, id));
}
