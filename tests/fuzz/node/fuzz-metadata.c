/* Metadata: the input is lines of messages, then after an empty line request lines "ADDRESS ACCEPT PATH". A model that took the messages shows after a
 * dump and a load what it showed before, and no request makes it fall. */
#include "node/metadata/service.h"

#include "base/sbuf.h"
#include "net/loop.h"

enum { BODY_BYTES_MAX = 16 << 20, REQUESTS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(struct md_service *s, char *line, struct sbuf *ret) {
        char *accept = strchr(line, ' '), *path = accept ? strchr(accept + 1, ' ') : NULL;
        const char *type;
        if (!path)
                return;
        *accept++ = 0;
        *path++ = 0;
        (void) md_service_answer(s, path, line, accept, ret, &type);
        sbuf_putc(ret, '\n');
}

static void ask_all(struct md_service *s, const char *requests, struct sbuf *ret) {
        auto_free char *text = dr_xstrdup(requests);
        char *save = NULL;
        size_t n = 0;
        for (char *line = strtok_r(text, "\n", &save); line && n < REQUESTS_MAX; line = strtok_r(NULL, "\n", &save), n++)
                if (!strstr(line, "version"))           /* another one in each model */
                        ask(s, line, ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        auto_free char *text = dr_xstrndup((const char *) data, size);
        char *requests = strstr(text, "\n\n");
        if (requests)
                *requests = 0;
        struct loop *l = loop_new();
        AUTO(mdata_free) struct mdata *m = mdata_new(), *again = mdata_new();
        struct md_service *s = md_service_new(l, m, &(struct md_service_config) { 0 }), *t = md_service_new(l, again, &(struct md_service_config) { 0 });
        struct dr_error err;
        for (char *line = text, *end; *line; line = end) {
                end = line + strcspn(line, "\n");
                (void) mdata_apply_text(m, line, (size_t) (end - line), &err);
                end += *end == '\n';
        }
        auto_sbuf struct sbuf first = SBUF(BODY_BYTES_MAX), second = SBUF(BODY_BYTES_MAX);
        if (mdata_become(again, m, &err) < 0)
                abort();
        ask_all(s, requests ? requests + 2 : "", &first);
        ask_all(t, requests ? requests + 2 : "", &second);
        /* Not of lines with "more" (their topics are not whole), not before there were any data, and not of whole trees: they hold the version. */
        if (!strstr(text, "more") && mdata_generation(again) && sbuf_ok(&first) && sbuf_ok(&second) && !strstr(sbuf_str(&first), "version") &&
            !str_eq(sbuf_str(&first), sbuf_str(&second)))
                abort();
        md_service_free(s);
        md_service_free(t);
        loop_run(l);
        loop_free(l);
        return 0;
}
