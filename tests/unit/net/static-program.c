/* The network room in a fully static program: lookup, TLS, plain, websocket, as drover and drover-node use it. */
#include <stdio.h>

#include "net/http_server.h"
#include "net/http_sync.h"
#include "net/loop.h"

static struct loop *loop;
static int result, status;
static void handler(struct http_request *req, void *arg) { http_reply(req, 200, NULL, 0, req->tls ? "tls" : "plain", req->tls ? 3 : 5); }
static void on_done(struct http_call *c, int r, struct http_response *res, const struct dr_error *err, void *arg) {
        result = r;
        status = res->status;
        loop_stop(loop);
}
static const struct http_call_events events = { .on_done = on_done };

#define CHECK(cond) do { if (!(cond)) { fprintf(stderr, "line %d: not true: %s\n", __LINE__, #cond); return 1; } } while (0)
#define CHECK_OK(expr, err) CHECK((expr) >= 0)
#define CHECK_INT(a, op, b) CHECK((a) op (b))

int main(void) {
        struct dr_error err;
        struct tls_pair ca = { 0 }, cert = { 0 };
        struct tls_ctx *tls;
        struct http_client *c;
        unsigned short port;
        CHECK_OK(tls_make_ca("ca", 1, &ca, &err), &err);
        CHECK_OK(tls_make_cert(&ca, (const char *[]) { "localhost" }, 1, 1, &cert, &err), &err);
        CHECK_OK(tls_server_ctx_new(cert.cert_pem, cert.key_pem, &tls, &err), &err);
        loop = loop_new();
        struct http_server *s = http_server_new(loop, &(struct http_server_config) { .handler = handler });
        CHECK_OK(http_server_listen_tcp(s, "127.0.0.1", 0, tls, &port, &err), &err);
        CHECK_OK(http_client_new(loop, &(struct http_client_config) { .tls.ca_pem = ca.cert_pem }, &c, &err), &err);
        char url[64];
        snprintf(url, sizeof url, "https://localhost:%u/", port);
        CHECK(http_call_start(c, &(struct http_call_spec) { .url = url, .events = &events }, &err));
        loop_run(loop);
        CHECK_INT(result, ==, 0);
        CHECK_INT(status, ==, 200);
        http_client_free(c);
        http_server_free(s);
        loop_free(loop);
        tls_ctx_unref(tls);
        tls_pair_done(&ca);
        tls_pair_done(&cert);
        return 0;
}
