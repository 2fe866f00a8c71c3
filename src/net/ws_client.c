/* The websocket handshake from the client's side. */
#include <openssl/evp.h>

#include "base/rng.h"
#include "net/http_client.h"
#include "net/ws-internal.h"

enum { TIMEOUT_MS = 30000 };

struct handshake {
        struct ws_connect_spec spec;    /* events, on_open, arg, options are used after the start */
        char key[25];
        bool opened;
        struct dr_error err;            /* why the peer's 101 was not taken */
        int bad;
};

static void on_upgrade(struct http_call *call, struct stream *s, void *arg) {
        struct handshake *h = arg;
        (void) call;
        if (h->bad)
                return stream_close(s);
        h->opened = true;
        h->spec.on_open(ws_new(s, false, &h->spec.options, h->spec.events, h->spec.arg), NULL, NULL, h->spec.arg);
}

static void on_head(struct http_call *call, const struct http_response *res, void *arg) {
        struct handshake *h = arg;
        (void) call;
        if (res->status != 101)
                return;
        char want[WS_ACCEPT_CHARS + 1];
        ws_accept_value(h->key, want);
        if (!str_eq(http_headers_get(&res->headers, "sec-websocket-accept"), want))
                h->bad = dr_fail(&h->err, DR_E_UNAVAILABLE, NULL, "cannot open websocket: the peer's Sec-WebSocket-Accept is wrong");
        else if (!h->spec.protocol && http_headers_get(&res->headers, "sec-websocket-protocol"))
                h->bad = dr_fail(&h->err, DR_E_UNAVAILABLE, NULL, "cannot open websocket: the peer chose a subprotocol that was not asked for");
        else if (http_headers_get(&res->headers, "sec-websocket-extensions"))
                h->bad = dr_fail(&h->err, DR_E_UNAVAILABLE, NULL, "cannot open websocket: the peer uses an extension that was not asked for");
}

static void on_done(struct http_call *call, int result, struct http_response *res, const struct dr_error *err, void *arg) {
        struct handshake *h = arg;
        (void) call;
        if (!h->opened) {
                if (h->bad)
                        err = &h->err;
                else if (result == 0)
                        (void) dr_fail(&h->err, DR_E_UNAVAILABLE, NULL, "could not open websocket: the answer was %d %s", res->status,
                                       http_status_text(res->status));
                h->spec.on_open(NULL, res->status ? res : NULL, err ? err : &h->err, h->spec.arg);
        }
        free(h);
}

static const struct http_call_events events = { .on_head = on_head, .on_upgrade = on_upgrade, .on_done = on_done, .on_cancel = free };

struct http_call *http_client_websocket(struct http_client *c, const struct ws_connect_spec *spec, struct dr_error *err) {
        struct handshake *h = dr_xnew(struct handshake);
        h->spec = *spec;
        unsigned char nonce[16];
        random_bytes(nonce, sizeof nonce);
        EVP_EncodeBlock((unsigned char *) h->key, nonce, sizeof nonce);
        struct http_header *headers = dr_xcalloc(spec->n_headers + 4, sizeof *headers);
        size_t n = 0;
        for (size_t i = 0; i < spec->n_headers; i++)
                headers[n++] = spec->headers[i];
        auto_free char *basic = spec->user ? http_basic_value(spec->user, str_or(spec->password, "")) : NULL;
        if (basic)
                headers[n++] = (struct http_header) { "Authorization", basic };
        headers[n++] = (struct http_header) { "Sec-WebSocket-Version", "13" };
        headers[n++] = (struct http_header) { "Sec-WebSocket-Key", h->key };
        if (spec->protocol)
                headers[n++] = (struct http_header) { "Sec-WebSocket-Protocol", spec->protocol };
        struct http_call *call = http_call_start(c, &(struct http_call_spec) {
                .url = spec->url, .headers = headers, .n_headers = n, .upgrade = "websocket",
                .total_ms = spec->timeout_ms ? spec->timeout_ms : TIMEOUT_MS, .first_byte_ms = UINT64_MAX, .events = &events, .arg = h,
        }, err);
        free(headers);
        if (!call)
                free(h);
        return call;
}
