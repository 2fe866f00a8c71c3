/* context.h: one request to the API: what was asked, by whom, and the answer as it grows. Source: spec api.md 1.1, 1.2, 1.6, 2.2. */
#pragma once
#include "api.h"
#include "arena.h"
#include "base/sbuf.h"
#include "base/vec.h"
#include "formats/json.h"
#include "model/ids.h"

struct revealed;
/* Where the answer to a request of the server itself goes (internal.h). status 0: none yet. */
struct api_answer { int status; struct json_object *body; struct dr_error err; };
struct api_special { const char *name; bool open; api_special_fn *fn; void *arg; };
struct api_task { const char *name; void (*fn)(void *arg); void *arg; };

struct api {
        struct api_conf conf;
        VEC(struct api_special) specials;
        VEC(struct api_task) tasks;     /* behind those of types/task.c */
};

enum { API_ANSWER_BYTES_MAX = 256 << 20, API_SEGMENTS_MAX = 16 };

struct api_req {
        struct api *api;
        struct http_request *http;      /* NULL: the client left */
        struct api_answer *internal;    /* the server asks itself: answered at once, nothing may wait; NULL: a client asks */
        struct arena arena;

        /* What was asked. Strings live in the arena or the request. */
        enum api_version version;
        enum verb method;               /* after _method */
        const char *base;               /* "http://server:8080" */
        const char *url;                /* "http://server:8080/v2-beta/projects/1a5": in front of every generated path */
        const char *self;               /* URL of this request without its query */
        const char *client_ip;
        const char *seg[API_SEGMENTS_MAX];      /* behind version and project context */
        size_t n_seg;
        const char *path_project;       /* id text behind /projects/, or NULL */
        const char *action;             /* ?action=NAME, or NULL */
        bool to_service;                /* below /r/: HTTP for a service, not for the API: seg is "r" and the service's name */
        const char *service_auth;       /* then: the header Authorization as it came; NULL: none */
        bool html, browser;
        bool action_links;              /* X-API-Action-Links: the map of actions has another name */
        bool plain_ids, removed, all;   /* _plainId, _removed, all=true */
        bool conditions_all;            /* collection.c: the filters name a project, so the member list does not narrow */
        struct json_object *body;       /* object or array; NULL: none */

        /* Who asks. */
        struct record *caller;          /* the authenticated account */
        struct record *agent;           /* when the caller is an agent */
        int64_t account_id;             /* effective: the project inside one, else the caller's */
        int64_t project_id;             /* 0: outside a project */
        enum role role;
        bool all_accounts;              /* sees and changes everybody's rows */
        bool may_role;                  /* _role and _plainId count */
        const char *auth_type;          /* the way in that was taken ("BasicAuth" ...; api.md 2.1); NULL: none. Static storage */
        enum type_id subject_kind;      /* what the answer is about (change.c), for the audit log; id 0: nothing yet */
        int64_t subject_id;
        struct record *key;             /* the credential or session that was shown; NULL: none. Not after waiting */

        /* The answer. */
        int status;
        struct sbuf out;
        const char *content_type;
        struct http_headers headers;
        uint64_t seq;                   /* newest batch the answer was read from */
        bool wrote;                     /* the answer waits for everything changed so far */
        bool failed;
        VEC(struct record *) made;      /* records that exist for this answer only: views, history */
        struct revealed *revealed;      /* fields.c: secrets that this answer may tell */
        void *state;                    /* of a handler that waits, or between the hooks of a type: in the arena */
};

/* Reads everything that needs no caller. On failure *err says why: the request can be answered with it. */
int api_req_read(struct api_req *req, struct dr_error *err);
/* The authenticator's word: account is an account record that lives. all_accounts as for admin and service accounts. */
void api_set_caller(struct api_req *req, struct record *account, enum role role, bool all_accounts);
/* Role and account inside a project; -EPERM (Forbidden) when there is no way into it (api.md 2.2). */
int api_enter_project(struct api_req *req, struct dr_error *err);
/* Is the account member of the project with this role ("owner"), or any when role is NULL? */
const char *api_member_role(const struct api_req *req, const struct record *account, const struct record *project);

/* Reads of a request parameter: query first, then nothing. */
const char *api_param(const struct api_req *req, const char *name);
const char *api_header(const struct api_req *req, const char *name);

static inline struct core *api_core(const struct api_req *req) { return req->api->conf.core; }
static inline struct world *api_world(const struct api_req *req) { return core_world(req->api->conf.core); }
static inline void api_saw(struct api_req *req, uint64_t seq) { req->seq = MAX(req->seq, seq); }
/* A record that lives as long as the request. */
static inline struct record *api_keep(struct api_req *req, struct record *r) {
        vec_push(&req->made, r);
        return r;
}

/* URLs: "…/containers/1i5", "…/containers"; in the arena. */
const char *api_url_type(struct api_req *req, const struct type_def *def);
const char *api_url_record(struct api_req *req, const struct record *r, const struct type_def *def);
/* The definition a record shows itself with to this caller; NULL: it does not. */
const struct type_def *api_type_of(const struct api_req *req, const struct record *r);
const struct type_def *api_visible_type(const struct api_req *req, enum type_id id);    /* NULL: hidden from the role */

/* Ends of a request. The answer was written to req->out; it goes when what it depends on is durable. req is gone afterwards. */
void api_reply(struct api_req *req, int status);
void api_reply_empty(struct api_req *req, int status);
void api_fail(struct api_req *req, const struct dr_error *err);
/* Bare status: api_fail_code(req, DR_E_NOT_FOUND, NULL). field may be NULL. */
void api_fail_code(struct api_req *req, enum dr_code code, const char *field);
void api_header_add(struct api_req *req, const char *name, const char *value);
/* Hands the connection to the caller (websockets): req is gone afterwards, the HTTP request is the caller's. */
struct http_request *api_detach(struct api_req *req);

/* reply.c */
bool api_csrf_ok(struct api_req *req);
const struct api_special *api_special_of(const struct api_req *req);    /* NULL: none has this path */

/* dispatch.c */
void api_dispatch(struct api_req *req);
