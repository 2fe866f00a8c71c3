/* gotemplate_check.h: SAYS(template, text) and REFUSES(template, code, words) over a small value. For tests only. */
#pragma once
#include <stdlib.h>

#include "formats/gotemplate.h"

static const char gotemplate_values[] = "{\"Values\":{\"A\":\"false\",\"E\":\"\",\"V\":\"/data\",\"N\":\"3\",\"L\":\"a 'b c' d\"},\"Stack\":{\"Name\":\"demo\"},"
                                        "\"list\":[\"x\",\"y\"],\"map\":{\"b\":2,\"a\":1},\"f\":1.5,\"none\":null,\"id\":7}";

static inline int render(const char *template, unsigned flags, struct sbuf *out, struct dr_error *err) {
        AUTO(json_free) struct json_object *data = NULL;
        AUTO(gotemplate_free) struct gotemplate *t = NULL;
        CHECK_OK(json_parse(gotemplate_values, strlen(gotemplate_values), strlen(gotemplate_values), &data, err), err);
        gotemplate_string_map(json_get(data, "Values"));
        int r = gotemplate_parse(template, strlen(template), "t.tpl", &t, err);
        return r < 0 ? r : gotemplate_execute(t, data, flags, out, err);
}

#define SAYS(template, text) do {                                                               \
        auto_sbuf struct sbuf out_ = SBUF(65536);                                                 \
        struct dr_error error_ = { 0 };                                                           \
        CHECK_OK(render(template, 0, &out_, &error_), &error_);                                       \
        CHECK_STR(sbuf_str(&out_), ==, text);                                                     \
} while (0)
#define REFUSES(template, error, words) do {                                                    \
        auto_sbuf struct sbuf out_ = SBUF(4096);                                                  \
        struct dr_error error_ = { 0 };                                                           \
        CHECK(render(template, 0, &out_, &error_) < 0);                                             \
        CHECK_INT(error_.code, ==, error);                                                        \
        if (!strstr(error_.message, words))                                                       \
                CHECK_STR(error_.message, ==, words);                                             \
} while (0)
