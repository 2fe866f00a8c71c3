#include <stdio.h>

#include "base/log.h"
#include "core/settings.h"
#include "events-internal.h"
#include "net/http_server.h"

enum { PING_MS_MIN = 100, PING_MS_MAX = 60000, PINGS_MAX = 8640, QUEUE_BYTES_MAX = 4 << 20 };

bool name_matches(const char *pattern, const char *name) {
        const char *star = NULL, *from = NULL;
        for (;;) {
                bool end = !*pattern || *pattern == ';';
                if (!end && *pattern == '*') {
                        star = ++pattern;
                        from = name;
                } else if (end && !*name) {
                        return true;
                } else if (!end && *name && *pattern == *name) {
                        pattern++;
                        name++;
                } else if (star && *from) {
                        pattern = star;
                        name = ++from;
                } else {
                        return false;
                }
        }
}

static bool name_is_valid(const char *s) {
        static const char allowed[] = "*._0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ;=";
        return *s && strlen(s) <= NAME_BYTES_MAX && strspn(s, allowed) == strlen(s);
}

/* ---- messages ---- */
static void knulls(struct jw *w, const char *const *names, size_t n) {
        for (size_t i = 0; i < n; i++)
                jw_knull(w, names[i]);
}

struct buf *event_frame(struct events *e, const char *name, const char *resource_type, const char *resource_id, const char *resource_json, size_t len) {
        static const char *const nulls[] = { "publisher", "transitioning", "transitioningMessage", "transitioningInternalMessage",
                                             "transitioningProgress", "previousIds", "previousNames" };
        auto_sbuf struct sbuf out = SBUF(EVENT_BYTES_MAX);
        char id[UUID_CHARS + 1];
        struct uuid u;
        uuid_make(core_rng(e->core), &u);
        uuid_format(&u, id);
        struct jw w = JW(&out, 0);
        jw_begin_object(&w);
        jw_kstring(&w, "id", id);
        jw_kstring(&w, "name", name);
        jw_knull(&w, "replyTo");
        jw_kstring(&w, "resourceId", resource_id);
        jw_kstring(&w, "resourceType", resource_type);
        knulls(&w, nulls, ARRAY_LEN(nulls));
        jw_key(&w, "data");
        jw_begin_object(&w);
        if (resource_json) {
                jw_key(&w, "resource");
                jw_raw(&w, resource_json, len);
        } else {
                jw_key(&w, "options");
                jw_begin_object(&w);
                jw_end(&w);
                jw_key(&w, "resources");
                jw_begin_array(&w);
                jw_end(&w);
        }
        jw_end(&w);
        jw_kint(&w, "time", core_wall_ms(e->core));
        jw_knull(&w, "timeoutMillis");
        jw_end(&w);
        return sbuf_ok(&out) ? ws_frame_text(sbuf_str(&out), out.len) : NULL;
}

static void ping(void *arg) {
        struct subscriber *s = arg;
        if (!subscriber_holds(s)) {     /* its session is over */
                AUTO(buf_unref) struct buf *bye = event_frame(s->audience->all, "logout", NULL, NULL, NULL, 0);
                subscriber_log_out(s, bye);
                return;
        }
        AUTO(buf_unref) struct buf *b = event_frame(s->audience->all, "ping", NULL, NULL, NULL, 0);
        (void) ws_send_frame(s->ws, b);         /* too slow or closing: on_close follows */
        if (++s->pings > PINGS_MAX) {
                timer_stop(s->ping);
                ws_close(s->ws, WS_CLOSE_GOING_AWAY, "subscribed for twelve hours");
        }
}

void subscriber_leave(struct subscriber *s) {
        struct audience *a = dr_take(s->audience);
        if (!a)
                return;
        *(s->prev ? &s->prev->next : &a->first) = s->next;
        if (s->next)
                s->next->prev = s->prev;
        s->prev = s->next = NULL;
        a->all->n--;
        a->n--;
        if (!a->first)
                audience_free(a);
}

void subscriber_free(struct subscriber *s) {
        subscriber_leave(s);
        timer_free(s->ping);
        for (size_t i = 0; i < s->n_names; i++)
                free(s->names[i]);
        free(s);
}

/* ---- the socket ---- */
static void on_message(struct ws *w, unsigned opcode, const char *p, size_t n, void *arg) {
        (void) w;                       /* subscribers have nothing to say */
        (void) opcode;
        (void) p;
        (void) n;
        (void) arg;
}
static void on_close(struct ws *w, unsigned code, const char *reason, void *arg) {
        (void) w;
        (void) code;
        (void) reason;
        subscriber_free(arg);
}
static const struct ws_events ws_events = { .on_message = on_message, .on_close = on_close };

static int read_names(struct api_req *req, struct subscriber *s, struct dr_error *err) {
        for (size_t i = 0; i < req->http->query.n; i++) {
                const struct http_param *p = &req->http->query.v[i];
                if (!str_eq(p->name, "eventNames"))
                        continue;
                if (!name_is_valid(p->value))
                        return dr_fail(err, *p->value ? DR_E_INVALID_CHARACTERS : DR_E_MIN_LENGTH, "eventNames", "\"%.100s\" is no event name", p->value);
                if (s->n_names == NAMES_MAX)
                        return dr_fail(err, DR_E_MAX_LIMIT, "eventNames", "more than %d event names", NAMES_MAX);
                s->changes |= name_matches(p->value, "resource.change");
                s->names[s->n_names++] = dr_xstrdup(p->value);
        }
        return s->n_names ? 0 : dr_fail(err, DR_E_MISSING_REQUIRED, "eventNames", "no event name is given");
}

/* The spec's condition for agents: exactly one live agent belongs to the account. */
static int check_agent(struct api_req *req, struct dr_error *err) {
        if (req->role != ROLE_agent)
                return 0;
        const struct records *l = world_of_account(api_world(req), T_agent, req->caller->id);
        size_t live = 0;
        for (size_t i = 0; i < l->n; i++)
                live += l->v[i]->state == S_activating || l->v[i]->state == S_active || l->v[i]->state == S_reconnecting ||
                        l->v[i]->state == S_disconnected || l->v[i]->state == S_disconnecting || l->v[i]->state == S_finishing_reconnect ||
                        l->v[i]->state == S_reconnected;
        return live == 1 ? 0 : dr_fail(err, DR_E_MISSING_REQUIRED, "agentId", "this account has %zu live agents, not one", live);
}

/* One client that forgets to close what it opens shall not take all. */
static int check_number(struct events *e, struct api_req *req, struct dr_error *err) {
        int64_t max = setting_int(e->core, "drover.subscribers.per.account.max");
        size_t n = req->caller ? audience_subscribers_of(e, req->caller->id) : 0;
        return (int64_t) n < max ? 0 : dr_fail(err, DR_E_TOO_MANY_REQUESTS, NULL, "this account has %zu subscriptions already", n);
}

/* The links to tell along, "a,b" in lower case; what is no link of a type is left out when that type is told. */
static const char *read_includes(struct api_req *req) {
        const char *list = "";
        size_t n = 0;
        for (size_t i = 0; i < req->http->query.n && n < INCLUDES_MAX; i++) {
                const struct http_param *p = &req->http->query.v[i];
                if (str_eq(p->name, "include") && name_is_valid(p->value) && !strpbrk(p->value, "*;="))
                        list = arena_printf(&req->arena, "%s%s%s", list, n++ ? "," : "", arena_lower(&req->arena, p->value));
        }
        return list;
}

void subscribe_special(void *arg, struct api_req *req) {
        struct events *e = arg;
        struct dr_error err = { 0 };
        struct subscriber *s = dr_xnew(struct subscriber);
        int r = 0;
        if (req->n_seg != 1)
                r = dr_fail(&err, DR_E_NOT_FOUND, NULL, "nothing is below subscribe");
        if (r == 0)
                r = read_names(req, s, &err);
        if (r == 0)
                r = check_agent(req, &err);
        if (r == 0)
                r = check_number(e, req, &err);
        if (r == 0 && !http_request_wants_websocket(req->http))
                r = dr_fail(&err, DR_E_BAD_REQUEST, NULL, "subscribing needs a websocket: Upgrade: websocket");
        if (r < 0) {
                subscriber_free(s);
                api_fail(req, &err);
                return;
        }
        struct audience *a = audience_get(e, req, read_includes(req));
        s->key_table = req->key ? (enum type_id) req->key->type : T_NONE;
        s->key_id = req->key ? req->key->id : 0;
        s->open_door = str_eq(req->auth_type, "AdminAuth");
        static const struct ws_options options = { .queue_max = QUEUE_BYTES_MAX };
        struct http_request *http = api_detach(req);
        http_request_trust(http);
        s->audience = a;
        s->next = a->first;
        if (a->first)
                a->first->prev = s;
        a->first = s;
        e->n++;
        a->n++;
        s->ping = timer_new(e->loop, ping, s);
        s->ws = http_upgrade_websocket(http, NULL, &options, &ws_events, s);
        if (!s->ws) {                   /* answered */
                subscriber_free(s);
                return;
        }
        uint64_t every = (uint64_t) MIN(MAX(setting_int(e->core, "api.sub.ping.interval.millis"), (int64_t) PING_MS_MIN), (int64_t) PING_MS_MAX);
        timer_start_periodic(s->ping, every, every);
        ping(s);
}
