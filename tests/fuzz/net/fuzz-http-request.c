/* A request head and body, whole and cut in two: both ways must come to the same end. */
#include "net/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen { size_t heads, bodies; int last; };

static int on_head(struct http_parse *p, struct http_head *h) {
        struct seen *s = p->arg;
        if (!h->method || !h->target || h->headers.n > HTTP_HEADERS_MAX)
                abort();
        s->heads++;
        return HTTP_GO_BODY;
}
static int on_body(struct http_parse *p, const char *at, size_t n) {
        ((struct seen *) p->arg)->bodies += n;
        return 0;
}

static struct seen run(const char *data, size_t size, size_t cut) {
        struct seen s = { 0 };
        struct http_parse p;
        http_parse_init(&p, false);
        p.on_head = on_head;
        p.on_body = on_body;
        p.arg = &s;
        for (size_t from = 0, to = cut; from < size; to = size) {
                size_t used;
                s.last = http_parse_run(&p, data + from, to - from, &used);
                from += used;
                if (s.last < 0)
                        break;
                if (s.last == HTTP_PARSE_DONE)
                        http_parse_next(&p);
                else if (from < to)
                        abort();                /* MORE says that all was used */
                if (from == to && to == size)
                        break;
        }
        http_parse_done(&p);
        return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size < 2)
                return 0;
        const char *text = (const char *) data + 1;
        size_t n = size - 1;
        struct seen whole = run(text, n, n), cut = run(text, n, 1 + data[0] % n);
        if (whole.heads != cut.heads || (whole.last < 0) != (cut.last < 0) || (whole.last >= 0 && whole.bodies != cut.bodies))
                abort();
        return 0;
}
