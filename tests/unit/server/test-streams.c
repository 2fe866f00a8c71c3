/* Who may open streams to containers and hosts; the tokens; the frames of clients and hosts; the credit, against a host that the test plays. */
#include <sodium.h>
#include <stdio.h>

#include "api-fixture.h"
#include "core/hosts.h"
#include "server/api/context.h"
#include "server/auth/host_token.h"
#include "server/auth/jwt.h"
#include "server/hosts/message.h"
#include "server/streams/frame.h"
#include "server/streams/targets.h"

#define P "/v2-beta/projects/1a5"

/* ---- a host that the test plays ---- */
struct sent { unsigned kind; size_t n; char data[256]; };
static struct {
        struct host_link link;
        struct host_stream *open;
        char kind[32];
        struct sent sent[16];
        size_t n_sent, forgotten;
} peer;

static void peer_desired(struct host_link *l, const struct desired *d, size_t n, uint64_t rev, bool full) { (void) l; }
static void peer_request(struct host_link *l, const char *id, const char *name, struct json_object *data, uint64_t deadline_ms) { (void) l; }
static void peer_close(struct host_link *l, const char *reason) { (void) l; }
static int peer_open(struct host_link *l, struct host_stream *s, const char *kind, struct json_object *data, struct dr_error *err) {
        if (peer.open)
                return dr_fail(err, DR_E_TOO_MANY_REQUESTS, NULL, "one is enough");
        peer.open = s;
        s->id = 1;
        snprintf(peer.kind, sizeof peer.kind, "%s", kind);
        return 0;
}
static void peer_send(struct host_link *l, struct host_stream *s, unsigned kind, const void *p, size_t n) {
        CHECK(peer.open == s);
        CHECK(peer.n_sent < ARRAY_LEN(peer.sent));
        struct sent *x = &peer.sent[peer.n_sent++];
        *x = (struct sent) { .kind = kind, .n = n };
        if (n)
                memcpy(x->data, p, MIN(n, sizeof x->data - 1));
}
static void peer_forget(struct host_link *l, struct host_stream *s) {
        CHECK(peer.open == s);
        peer.open = NULL;
        peer.forgotten++;
}
static const struct host_link_ops peer_ops = {
        .desired = peer_desired, .request = peer_request, .close = peer_close,
        .stream_open = peer_open, .stream_send = peer_send, .stream_forget = peer_forget,
};

/* An active host with an active agent, connected. */
static struct record *add_host(struct core *c) {
        struct record *agent = core_create(c, T_agent, 0);
        core_put_int(c, agent, F_resourceAccountId, 5);
        agent->state = S_active;
        AUTO(json_free) struct json_object *o = json_object_new_object();
        json_set_str(o, "uuid", "host-uuid");
        json_set_str(o, "hostname", "h");
        struct dr_error err;
        struct record *host = hosts_report(c, agent, o, &err);
        CHECK(host != NULL);
        memset(&peer, 0, sizeof peer);
        peer.link.ops = &peer_ops;
        hosts_attach(c, host, &peer.link, 0, 0);
        host->state = S_active;
        return host;
}
static struct record *add_container(struct core *c, const struct record *host, const char *docker_id) {
        struct record *i = core_create(c, T_container, 5);
        if (host)
                core_put_int(c, i, F_hostId, host->id);
        core_put_str(c, i, F_externalId, docker_id);
        core_put_str(c, i, F_primaryIpAddress, "10.42.1.2");
        i->state = S_running;
        return i;
}

/* ---- credit ---- */
struct owner { struct host_stream s; size_t got, credits, ends; char code[64]; };
static void on_data(struct host_stream *s, const char *p, size_t n) { container_of(s, struct owner, s)->got += n; }
static void on_credit(struct host_stream *s) { container_of(s, struct owner, s)->credits++; }
static void on_end(struct host_stream *s, const char *code, const char *message) {
        struct owner *o = container_of(s, struct owner, s);
        o->ends++;
        snprintf(o->code, sizeof o->code, "%s", code);
}
static const struct host_stream_events events = { .on_data = on_data, .on_credit = on_credit, .on_end = on_end };

static struct owner *open_one(struct api_fix *f) {
        struct dr_error err;
        static struct owner o;
        o = (struct owner) { .s = { .ev = &events } };
        struct record *host = add_host(f->core);
        CHECK_OK(host_stream_open(f->core, host, &o.s, "exec", NULL, &err), &err);
        return &o;
}
static char big[HOST_STREAM_WINDOW_BYTES + 1];

TEST(no_more_is_sent_than_there_is_credit_for) {
        struct api_fix f = fix_new();
        struct owner *o = open_one(&f);
        CHECK_INT(host_stream_send(&o->s, big, 1000), ==, 1000);
        CHECK_INT(host_stream_send(&o->s, big, sizeof big), ==, HOST_STREAM_WINDOW_BYTES - 1000);
        CHECK_INT(host_stream_send(&o->s, big, 1), ==, 0);
        host_stream_receive(&o->s, HOST_STREAM_CREDIT, "\0\0\0\5", 4);
        CHECK_INT(o->credits, ==, 1);
        CHECK_INT(host_stream_send(&o->s, big, 9), ==, 5);
        fix_done(&f);
}

TEST(what_was_passed_on_is_given_back_before_a_long_line_could_wait) {
        struct api_fix f = fix_new();
        struct owner *o = open_one(&f);
        host_stream_receive(&o->s, HOST_STREAM_DATA, big, 61440);
        CHECK_INT(o->got, ==, 61440);
        host_stream_passed(&o->s, 4095);
        CHECK_INT(peer.n_sent, ==, 0);
        host_stream_passed(&o->s, 1);
        CHECK_INT(peer.sent[0].kind, ==, HOST_STREAM_CREDIT);
        CHECK(memcmp(peer.sent[0].data, "\0\0\x10\0", 4) == 0);
        CHECK_INT(o->s.receive_credit, ==, HOST_STREAM_WINDOW_BYTES - 61440 + 4096);
        fix_done(&f);
}

TEST(a_host_that_sends_beyond_its_credit_loses_the_stream) {
        struct api_fix f = fix_new();
        struct owner *o = open_one(&f);
        host_stream_receive(&o->s, HOST_STREAM_DATA, big, HOST_STREAM_WINDOW_BYTES);
        CHECK_INT(o->ends, ==, 0);
        host_stream_receive(&o->s, HOST_STREAM_DATA, big, 1);
        CHECK_INT(o->got, ==, HOST_STREAM_WINDOW_BYTES);
        CHECK_STR(o->code, ==, "WindowExceeded");
        CHECK_INT(peer.forgotten, ==, 1);
        CHECK_INT(peer.sent[0].kind, ==, HOST_STREAM_END);
        CHECK(strstr(peer.sent[0].data, "WindowExceeded") != NULL);
        fix_done(&f);
}

TEST(credit_that_was_not_taken_or_is_no_number_ends_the_stream) {
        static const struct { const char *p; size_t n; } rows_[] = { { "\0\0\0\1", 4 }, { "\0\0\0\0", 4 }, { "\xff\xff\xff\xff", 4 }, { "\1", 1 }, { "", 0 } };
        for (size_t i = 0; i < ARRAY_LEN(rows_); i++) {
                struct api_fix f = fix_new();
                struct owner *o = open_one(&f);
                host_stream_receive(&o->s, HOST_STREAM_CREDIT, rows_[i].p, rows_[i].n);
                CHECK_STR(o->code, ==, "WindowExceeded");
                fix_done(&f);
        }
}

TEST(after_its_end_a_stream_sends_nothing) {
        struct api_fix f = fix_new();
        struct owner *o = open_one(&f);
        host_stream_receive(&o->s, HOST_STREAM_END, "{\"code\":\"X\"}", 12);
        CHECK_STR(o->code, ==, "X");
        CHECK_INT(host_stream_send(&o->s, "a", 1), ==, 0);
        host_stream_passed(&o->s, 1);
        host_stream_control(&o->s, "{}", 2);
        host_stream_close(&o->s, NULL, NULL);
        CHECK_INT(peer.n_sent, ==, 0);
        CHECK_INT(o->ends, ==, 1);
        fix_done(&f);
}

TEST(ends_that_cannot_be_read_are_ends_in_order) {
        static const char *const bodies[] = { "", "x", "[]", "{\"code\":5}" };
        for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
                struct api_fix f = fix_new();
                struct owner *o = open_one(&f);
                host_stream_receive(&o->s, HOST_STREAM_END, bodies[i], strlen(bodies[i]));
                CHECK_INT(o->ends, ==, 1);
                CHECK_STR(o->code, ==, "");
                fix_done(&f);
        }
}

/* ---- frames ---- */
TEST(a_frame_of_a_host_has_a_number_and_a_kind) {
        struct host_frame fr;
        struct dr_error err;
        char head[HOST_FRAME_HEAD_BYTES];
        host_frame_head(0x01020304, 3, head);
        CHECK_OK(host_frame_parse(head, sizeof head, &fr, &err), &err);
        CHECK_INT(fr.id, ==, 0x01020304);
        CHECK_INT(fr.kind, ==, 3);
        CHECK_INT(fr.len, ==, 0);
        CHECK(host_frame_parse(head, 4, &fr, &err) < 0);
        auto_free char *long_one = dr_xcalloc(1, HOST_FRAME_HEAD_BYTES + HOST_STREAM_PAYLOAD_MAX + 1);
        CHECK(host_frame_parse(long_one, HOST_FRAME_HEAD_BYTES + HOST_STREAM_PAYLOAD_MAX + 1, &fr, &err) < 0);
}

TEST(messages_of_clients_are_read_in_their_dialects) {
        static const struct { enum client_dialect d; bool raw, binary; const char *msg; size_t n; int kind; const char *out; } rows_[] = {
                { DIALECT_TEXT, true, false, "aGk=", 4, CLIENT_DATA, "hi" },
                { DIALECT_TEXT, true, false, "aG\r\nk=\n", 7, CLIENT_DATA, "hi" },
                { DIALECT_TEXT, true, false, "", 0, CLIENT_IGNORE, "" },
                { DIALECT_TEXT, true, false, "aGk", 3, -1, NULL },
                { DIALECT_TEXT, true, false, "a:k=", 4, -1, NULL },
                { DIALECT_TEXT, true, false, ":resizeTTY:80,24", 16, CLIENT_CONTROL, "{\"resize\":{\"cols\":80,\"rows\":24}}" },
                { DIALECT_TEXT, true, false, ":resizeTTY:80", 13, -1, NULL },
                { DIALECT_TEXT, true, false, ":resizeTTY:-1,2", 15, -1, NULL },
                { DIALECT_TEXT, true, false, ":resizeTTY:99999,2", 18, -1, NULL },
                { DIALECT_TEXT, true, true, "hi", 2, CLIENT_DATA, "hi" },
                { DIALECT_BINARY, true, true, "hi", 2, CLIENT_DATA, "hi" },
                { DIALECT_BINARY, true, false, "aGk=", 4, CLIENT_DATA, "hi" },
                { DIALECT_TEXT, false, false, "anything", 8, CLIENT_IGNORE, NULL },
                { DIALECT_DROVER, true, true, "\0hi", 3, CLIENT_DATA, "hi" },
                { DIALECT_DROVER, true, true, "\1", 1, CLIENT_END, "" },
                { DIALECT_DROVER, true, true, "\3{\"eof\":true}", 13, CLIENT_CONTROL, "{\"eof\":true}" },
                { DIALECT_DROVER, true, true, "\3[]", 3, -1, NULL },
                { DIALECT_DROVER, true, true, "\3{", 2, -1, NULL },
                { DIALECT_DROVER, true, true, "\x09x", 2, CLIENT_IGNORE, NULL },
                { DIALECT_DROVER, true, true, "", 0, -1, NULL },
                { DIALECT_DROVER, true, false, "hi", 2, -1, NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows_); i++) {
                auto_sbuf struct sbuf buf = SBUF(4096);
                struct client_frame fr = { 0 };
                struct dr_error err;
                int r = client_frame_read(rows_[i].d, rows_[i].raw, rows_[i].binary, rows_[i].msg, rows_[i].n, &buf, &fr, &err);
                if ((r < 0 ? -1 : (int) fr.kind) != rows_[i].kind || (r == 0 && rows_[i].out && (fr.n != strlen(rows_[i].out) || (fr.n && memcmp(fr.p, rows_[i].out, fr.n) != 0)))) {
                        print_error("row %zu: %d %d %.*s\n", i, r, fr.kind, (int) fr.n, fr.p);
                        fail();
                }
        }
}

TEST(a_text_message_is_utf8_whatever_a_container_prints) {
        auto_sbuf struct sbuf out = SBUF(4096);
        CHECK(!client_frame_write(DIALECT_TEXT, false, "a\xff\xc3\xa4\xc3", 5, &out));
        CHECK_STR(sbuf_str(&out), ==, "a\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd");
}

/* ---- tokens ---- */
static int64_t now_s = 1488450030;
static int64_t wall(void *arg) { return now_s * 1000; }
static uint64_t mono(void *arg) { return (uint64_t) now_s * 1000; }

TEST(a_token_is_good_until_its_end_and_only_unchanged) {
        struct api_fix f = fix_new_clock((struct core_clock) { wall, mono, NULL });
        AUTO(host_tokens_free) struct host_tokens *t = NULL;
        struct dr_error err;
        CHECK_OK(host_tokens_new(f.core, &t, &err), &err);
        AUTO(json_free) struct json_object *claims = json_object_new_object(), *got = NULL;
        json_set_str(claims, "hostUuid", "x");
        auto_free char *token = NULL;
        CHECK_OK(host_token_make(t, claims, 0, &token, &err), &err);
        size_t n = strlen(token);
        CHECK_OK(host_token_read(t, token, n, &got, &err), &err);
        CHECK_INT(json_int(got, "exp", 0) - json_int(got, "iat", 0), ==, 300);
        CHECK_STR(json_str(got, "hostUuid", ""), ==, "x");
        for (size_t i = 0; i < n; i += 7) {             /* another letter anywhere; the last of a part may hold bits that do not count */
                char was = token[i];
                json_object_put(dr_take(got));
                token[i] = was == 'A' ? 'B' : 'A';
                CHECK_INT(host_token_read(t, token, n, &got, &err), ==, -EACCES);
                CHECK_INT(err.code, ==, DR_E_UNAUTHORIZED);
                token[i] = was;
        }
        for (size_t i = 0; i < n; i += 11)
                CHECK_INT(host_token_read(t, token, i, &got, &err), ==, -EACCES);
        now_s += 299;
        CHECK_INT(host_token_read(t, token, n, &got, &err), ==, 0);
        now_s += 1;
        json_object_put(dr_take(got));
        CHECK_INT(host_token_read(t, token, n, &got, &err), ==, -EACCES);
        fix_done(&f);
}

TEST(the_key_is_kept_sealed_and_found_again) {
        struct api_fix f = fix_new();
        struct host_tokens *t = NULL;
        struct dr_error err;
        CHECK_OK(host_tokens_new(f.core, &t, &err), &err);
        auto_free char *pem = dr_xstrdup(host_tokens_public_pem(t));
        host_tokens_free(t);
        CHECK_OK(host_tokens_new(f.core, &t, &err), &err);
        CHECK_STR(host_tokens_public_pem(t), ==, pem);
        host_tokens_free(t);
        const struct records *l = world_by_str(core_world(f.core), T_credential, F_publicValue, "drover-host-token-key");
        CHECK_INT(l->n, ==, 1);
        CHECK(!strstr(record_str(l->v[0], F_secretValue), "PRIVATE"));
        fix_done(&f);
}

TEST(a_key_that_cannot_be_opened_is_made_anew) {
        struct api_fix f = fix_new();
        struct host_tokens *t = NULL;
        struct dr_error err;
        CHECK_OK(host_tokens_new(f.core, &t, &err), &err);
        auto_free char *pem = dr_xstrdup(host_tokens_public_pem(t));
        host_tokens_free(t);
        const struct records *l = world_by_str(core_world(f.core), T_credential, F_publicValue, "drover-host-token-key");
        core_put_str(f.core, l->v[0], F_secretValue, "1:00");
        CHECK_OK(host_tokens_new(f.core, &t, &err), &err);
        CHECK(strcmp(host_tokens_public_pem(t), pem) != 0);
        CHECK_INT(world_by_str(core_world(f.core), T_credential, F_publicValue, "drover-host-token-key")->n, ==, 1);
        host_tokens_free(t);
        fix_done(&f);
}

/* A token with any header, signed with k by RS256 whatever the header says. */
static char *forge(struct rsa_key *k, const char *header, const char *claims) {
        enum { V = sodium_base64_VARIANT_URLSAFE_NO_PADDING };
        char h[256], c[256], s[1024], all[1024];
        unsigned char sig[RSA_SIGNATURE_BYTES_MAX];
        size_t n;
        sodium_bin2base64(h, sizeof h, (const unsigned char *) header, strlen(header), V);
        sodium_bin2base64(c, sizeof c, (const unsigned char *) claims, strlen(claims), V);
        snprintf(all, sizeof all, "%s.%s", h, c);
        CHECK_INT(rsa_sign(k, all, strlen(all), sig, &n, NULL), ==, 0);
        sodium_bin2base64(s, sizeof s, sig, n, V);
        return dr_xasprintf("%s.%s", all, s);
}

TEST(only_rs256_and_only_the_own_key_count) {
        AUTO(rsa_key_free) struct rsa_key *k = NULL;
        AUTO(rsa_key_free) struct rsa_key *other = NULL;
        struct dr_error err;
        CHECK_OK(rsa_key_make(&k, &err), &err);
        CHECK_OK(rsa_key_make(&other, &err), &err);
        static const struct { const char *header, *claims; bool other, good; } rows_[] = {
                { "{\"alg\":\"RS256\"}", "{\"a\":1}", false, true },
                { "{\"alg\":\"RS256\"}", "{\"a\":1}", true, false },
                { "{\"alg\":\"none\"}", "{\"a\":1}", false, false },
                { "{\"alg\":\"HS256\"}", "{\"a\":1}", false, false },
                { "{\"alg\":\"rs256\"}", "{\"a\":1}", false, false },
                { "{\"alg\":[\"RS256\"]}", "{\"a\":1}", false, false },
                { "{}", "{\"a\":1}", false, false },
                { "[]", "{\"a\":1}", false, false },
                { "", "{\"a\":1}", false, false },
                { "{\"alg\":\"RS256\"}", "[1]", false, false },
                { "{\"alg\":\"RS256\"}", "{", false, false },
                { "{\"alg\":\"RS256\"}", "", false, false },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows_); i++) {
                AUTO(json_free) struct json_object *o = NULL;
                auto_free char *token = forge(rows_[i].other ? other : k, rows_[i].header, rows_[i].claims);
                CHECK_INT(jwt_read(k, token, strlen(token), &o, &err) == 0, ==, rows_[i].good);
        }
}

/* ---- who may ---- */
static struct { struct core *core; enum role role; bool all; } who;
static int say_who(void *arg, struct api_req *req, struct dr_error *err) {
        api_set_caller(req, world_by_uuid(core_world(who.core), T_account, who.all ? "admin" : "adminProject"), who.role, who.all);
        return 0;
}
struct access { struct api_fix f; struct host_tokens *tokens; struct record *host, *container; };
static void access_new(struct access *a) {
        struct dr_error err;
        *a = (struct access) { .f = fix_new() };
        who.core = a->f.core;
        who.role = ROLE_owner;
        who.all = false;
        CHECK_OK(host_tokens_new(a->f.core, &a->tokens, &err), &err);
        a->host = add_host(a->f.core);
        a->container = add_container(a->f.core, a->host, "d0c");
        a->f.api = api_new(&(struct api_conf) { .core = a->f.core, .store = a->f.store, .reply = fix_keep, .reply_arg = &a->f, .authenticate = say_who,
                                                .host_tokens = a->tokens });
}
static void access_done(struct access *a) {
        host_tokens_free(a->tokens);
        fix_done(&a->f);
}

TEST(readers_get_logs_and_nothing_that_acts) {
        struct access a;
        access_new(&a);
        who.role = ROLE_readonly;
        CHECK_INT(ask(&a.f, "POST", P "/containers/1i1?action=logs", "{}"), ==, 200);
        CHECK_STR(field(&a.f, "url"), ==, "ws://srv:8080/v1/logs/");
        CHECK_INT(ask(&a.f, "POST", P "/containers/1i1?action=execute", "{\"command\":[\"a\"]}"), ==, 422);
        CHECK_INT(ask(&a.f, "POST", P "/containers/1i1?action=proxy", "{}"), ==, 422);
        CHECK_INT(ask(&a.f, "POST", P "/hosts/1h1?action=dockersocket", "{}"), ==, 422);
        CHECK_INT(ask(&a.f, "GET", P "/containers/1i1/containerstats", NULL), ==, 200);
        access_done(&a);
}

TEST(the_restricted_get_no_shell_where_it_gives_more_than_the_container) {
        struct access a;
        access_new(&a);
        who.role = ROLE_restricted;
        CHECK_INT(ask(&a.f, "POST", P "/containers/1i1?action=execute", "{\"command\":[\"a\"]}"), ==, 200);
        CHECK_INT(ask(&a.f, "POST", P "/hosts/1h1?action=dockersocket", "{}"), ==, 422);
        core_put_bool(a.f.core, a.container, F_privileged, true);
        CHECK_INT(ask(&a.f, "POST", P "/containers/1i1?action=execute", "{\"command\":[\"a\"]}"), ==, 422);
        CHECK_INT(ask(&a.f, "POST", P "/containers/1i1?action=proxy", "{}"), ==, 422);
        CHECK_INT(ask(&a.f, "POST", P "/containers/1i1?action=logs", "{}"), ==, 200);
        who.all = true;
        who.role = ROLE_admin;
        CHECK_INT(ask(&a.f, "PUT", "/v2-beta/settings/allow.restricted.user.exec", "{\"value\":\"true\"}"), ==, 200);
        who.all = false;
        who.role = ROLE_restricted;
        CHECK_INT(ask(&a.f, "POST", P "/containers/1i1?action=execute", "{\"command\":[\"a\"]}"), ==, 200);
        access_done(&a);
}

TEST(logs_are_there_in_three_states_and_a_shell_in_one) {
        static const struct { enum state_id s; int logs, exec; } rows_[] = {
                { S_running, 200, 200 }, { S_stopped, 200, 422 }, { S_stopping, 200, 422 }, { S_starting, 422, 422 }, { S_removed, 422, 422 },
        };
        struct access a;
        access_new(&a);
        for (size_t i = 0; i < ARRAY_LEN(rows_); i++) {
                a.container->state = rows_[i].s;
                CHECK_INT(ask(&a.f, "POST", P "/containers/1i1?action=logs", "{}"), ==, rows_[i].logs);
                CHECK_INT(ask(&a.f, "POST", P "/containers/1i1?action=execute", "{\"command\":[\"a\"]}"), ==, rows_[i].exec);
        }
        access_done(&a);
}

TEST(a_host_that_is_not_active_gives_nothing) {
        struct access a;
        access_new(&a);
        struct record *agent = world_get(core_world(a.f.core), T_agent, record_int(a.host, F_agentId));
        agent->state = S_reconnecting;
        CHECK_INT(ask(&a.f, "POST", P "/containers/1i1?action=logs", "{}"), ==, 503);
        CHECK_INT(ask(&a.f, "GET", P "/containers/1i1/containerstats", NULL), ==, 503);
        agent->state = S_active;
        CHECK_INT(ask(&a.f, "GET", P "/containers/1i1/containerstats", NULL), ==, 200);
        core_clear(a.f.core, a.container, F_hostId);
        CHECK_INT(ask(&a.f, "POST", P "/containers/1i1?action=logs", "{}"), ==, 404);
        access_done(&a);
}

TEST(labels_override_where_a_proxy_leads) {
        struct access a;
        access_new(&a);
        AUTO(json_free) struct json_object *labels = json_object_new_object();
        json_set_str(labels, "io.rancher.websocket.proxy.port", "9000");
        json_set_str(labels, "io.rancher.websocket.proxy.scheme", "https");
        core_put(a.f.core, a.container, F_labels, value_json(labels));
        CHECK_INT(ask(&a.f, "POST", P "/containers/1i1?action=proxy", "{\"port\":8080}"), ==, 200);
        AUTO(json_free) struct json_object *claims = NULL;
        struct dr_error err;
        const char *token = field(&a.f, "token");
        CHECK_OK(host_token_read(a.tokens, token, strlen(token), &claims, &err), &err);
        CHECK_STR(json_str(json_get_object(claims, "proxy"), "address", ""), ==, "10.42.1.2:9000");
        CHECK_STR(json_str(json_get_object(claims, "proxy"), "scheme", ""), ==, "https");
        struct stream_targets list = { 0 };
        CHECK_OK(stream_proxy_target(a.f.core, claims, &list, &err), &err);
        CHECK_STR(list.v[0].kind, ==, "tcp");
        CHECK_INT(json_int(list.v[0].data, "port", 0), ==, 9000);
        stream_targets_done(&list);
        access_done(&a);
}

TEST(a_token_for_a_host_that_left_or_a_container_that_moved_leads_nowhere) {
        struct access a;
        access_new(&a);
        AUTO(json_free) struct json_object *claims = NULL;
        struct stream_targets list = { 0 };
        struct dr_error err;
        CHECK_INT(ask(&a.f, "POST", P "/containers/1i1?action=logs", "{}"), ==, 200);
        const char *token = field(&a.f, "token");
        CHECK_OK(host_token_read(a.tokens, token, strlen(token), &claims, &err), &err);
        const struct stream_route *logs = stream_route_get("logs");
        CHECK_OK(logs->find(a.f.core, claims, "", &list, &err), &err);
        stream_targets_done(&list);
        core_put_int(a.f.core, a.container, F_hostId, 99);
        CHECK(logs->find(a.f.core, claims, "", &list, &err) < 0);
        CHECK_INT(err.code, ==, DR_E_NOT_FOUND);
        core_put_int(a.f.core, a.container, F_hostId, a.host->id);
        hosts_detach(a.f.core, &peer.link);
        CHECK(logs->find(a.f.core, claims, "", &list, &err) < 0);
        CHECK_INT(err.code, ==, DR_E_UNAUTHORIZED);
        json_set_str(claims, "hostUuid", "");
        CHECK(logs->find(a.f.core, claims, "", &list, &err) < 0);
        CHECK_INT(err.code, ==, DR_E_UNAUTHORIZED);
        stream_targets_done(&list);
        access_done(&a);
}

TEST_MAIN("server/streams")
