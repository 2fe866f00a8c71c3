/* What a checked server answers, and the request lines users write. Input: a byte for how the answer comes in pieces, the answer; behind a NUL a line. */
#include "node/healthcheck/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum answer_verdict judge(const char *p, size_t n, size_t step) {
        struct answer a = { .n = 0 };
        for (size_t at = 0; at < n; at += step) {
                enum answer_verdict v = answer_take(&a, p + at, MIN(step, n - at));
                int status = answer_status(&a);
                if (status < 0 || status > 999 || (v == ANSWER_UP && (status < 200 || status >= 400)))
                        abort();
                if (v != ANSWER_MORE)
                        return v;
        }
        enum answer_verdict v = answer_end(&a);
        if (v == ANSWER_MORE)
                abort();
        return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size < 1)
                return 0;
        const char *answer = (const char *) data + 1, *nul = memchr(answer, 0, size - 1);
        size_t n = nul ? (size_t) (nul - answer) : size - 1;
        if (judge(answer, n, 1 + data[0] % 32) != judge(answer, n, n ? n : 1))
                abort();
        auto_free char *line = nul ? strndup(nul + 1, size - 2 - n) : NULL, *request = NULL;
        struct dr_error err;
        if (request_make(line, "[::1]:80", &request, &err) < 0) {
                if (request || !*err.message)
                        abort();
                return 0;
        }
        size_t len = request ? strlen(request) : 0;
        if (request && (len < 16 || strcmp(request + len - 4, "\r\n\r\n") != 0 || !strstr(request, " HTTP/")))
                abort();
        return 0;
}
