/* An answer as the client reads it; the first byte chooses the method and the cut. */
#include "net/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_head(struct http_parse *p, struct http_head *h) {
        if (h->headers.n > HTTP_HEADERS_MAX)
                abort();
        return *(bool *) p->arg ? HTTP_GO_NO_BODY : HTTP_GO_BODY;
}
static int on_body(struct http_parse *p, const char *at, size_t n) { return 0; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size < 2)
                return 0;
        bool head = data[0] & 1;
        const char *text = (const char *) data + 1;
        size_t n = size - 1, cut = 1 + data[0] / 2 % n;
        struct http_parse p;
        http_parse_init(&p, true);
        p.on_head = on_head;
        p.on_body = on_body;
        p.arg = &head;
        int r = 0;
        for (size_t from = 0, to = cut; from < n && r >= 0; to = n) {
                size_t used;
                r = http_parse_run(&p, text + from, to - from, &used);
                from += used;
                if (r == HTTP_PARSE_DONE) {
                        if (p.head.upgrade)     /* raw bytes follow */
                                break;
                        http_parse_next(&p);
                }
        }
        if (r >= 0)
                (void) http_parse_eof(&p);
        http_parse_done(&p);
        return 0;
}
