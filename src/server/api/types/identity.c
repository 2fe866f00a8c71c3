/* Identities: people as members and owners name them, "rancher_id:1a7" (spec api.md 2.5). */
#include "server/api/plain.h"
#include "types.h"

enum { SHOWN_MAX = 100 };

static bool is_person(const struct record *a) {
        const char *kind = record_str(a, F_kind);
        return a->kind != T_project && !a->removed_ms && a->state != S_removed && a->state != S_purged && a->state != S_removing &&
               (!kind || str_eq(kind, "user") || str_eq(kind, "admin"));
}

static const char *login_of(struct api_req *req, const struct record *account) {
        const struct records *l = world_of_account(api_world(req), T_credential, account->id);
        for (size_t i = 0; i < l->n; i++)
                if (l->v[i]->kind == T_password && l->v[i]->state == S_active)
                        return record_str(l->v[i], F_publicValue);
        return record_name(account);
}

void identity_write(struct api_req *req, struct jw *w, const struct record *account) {
        const struct type_def *def = type_get(req->version, T_identity);
        char number[ID_TEXT_MAX];
        const char *id = arena_printf(&req->arena, "1i!rancher_id:%s", id_format(req->version, T_account, account->id, number));
        api_saw(req, account->seq);
        plain_begin(w, def, id, arena_printf(&req->arena, "%s/identities/%s", req->url, id));
        jw_kstring(w, "externalId", number);
        jw_kstring(w, "externalIdType", "rancher_id");
        jw_kstring(w, "login", login_of(req, account));
        jw_kstring(w, "name", record_name(account));
        jw_knull(w, "profilePicture");
        jw_knull(w, "profileUrl");
        jw_knull(w, "projectId");
        jw_knull(w, "role");
        jw_knull(w, "all");
        jw_kbool(w, "user", true);
        jw_end(w);
}

static bool contains(const char *s, const char *part) {
        size_t n = strlen(part);
        for (; *s; s++) {
                size_t k = 0;
                while (k < n && s[k] && (s[k] | 0x20) == (part[k] | 0x20))
                        k++;
                if (k == n)
                        return true;
        }
        return n == 0;
}

static void write_found(struct api_req *req, struct jw *w, void *arg) {
        const char *name = api_param(req, "name"), *all = api_param(req, "all");
        const struct records *l = world_all(api_world(req), T_account);
        api_saw(req, world_table_seq(api_world(req), T_account));
        size_t shown = 0;
        for (size_t i = 0; i < l->n && shown < SHOWN_MAX; i++) {
                const struct record *a = l->v[i];
                bool wanted = name ? str_ieq(login_of(req, a), name) || str_eq(record_name(a), name)
                            : all ? contains(login_of(req, a), all) || contains(record_name(a), all)
                                  : req->caller && a->id == req->caller->id;
                if (is_person(a) && wanted) {
                        identity_write(req, w, a);
                        shown++;
                }
        }
}

bool identity_list(struct api_req *req, const struct type_def *def) {
        plain_collection(req, def, write_found, NULL);
        return true;
}

static void write_one(struct api_req *req, struct jw *w, void *arg) { identity_write(req, w, arg); }

int identity_item(struct api_req *req, const struct type_def *def, const char *id, struct dr_error *err) {
        static const char type[] = "rancher_id:";
        const char *name;
        size_t len;
        int64_t n;
        if (req->method != VERB_GET)
                return dr_fail(err, DR_E_METHOD, NULL, "identities are only read");
        if (id_decode(id, strlen(id), req->plain_ids, &name, &len, &n) < 0 || n >= 0 || !str_starts(name, type))
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "there is no identity \"%.80s\"", id);
        name += sizeof type - 1;
        struct record *a = id_decode_number(name, strlen(name), true, &n) == 0 ? world_get(api_world(req), T_account, n) : NULL;
        if (!a || !is_person(a))
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "there is no identity \"%.80s\"", id);
        plain_reply(req, 200, write_one, a);
        return 1;
}
