#include "check.h"
#include "server/audit/scrub.h"

static char *scrubbed(const char *text, enum type_id type) {
        AUTO(json_free) struct json_object *o = NULL;
        struct sbuf b = SBUF(4096);
        struct dr_error err;
        CHECK_OK(json_parse(text, strlen(text), 4096, &o, &err), &err);
        scrub(o, type == T_NONE ? NULL : type_get(API_V2_BETA, type));
        json_write(o, JSON_SORT_KEYS, &b);
        return sbuf_steal(&b);
}

TEST(secrets_are_blanked_wherever_they_are) {
        static const struct { const char *in, *out; enum type_id type; } rows[] = {
                { "{\"name\":\"a\",\"secretValue\":\"x\"}", "{\"name\":\"a\",\"secretValue\":\"***\"}", T_apiKey },
                { "{\"oldSecret\":\"a\",\"newSecret\":\"b\"}", "{\"newSecret\":\"***\",\"oldSecret\":\"***\"}", T_password },
                { "{\"code\":\"u:p\"}", "{\"code\":\"***\"}", T_token },
                { "{\"key\":\"k\",\"cert\":\"c\"}", "{\"cert\":\"c\",\"key\":\"***\"}", T_certificate },
                { "{\"value\":\"v\"}", "{\"value\":\"***\"}", T_secret },
                { "{\"value\":\"v\"}", "{\"value\":\"v\"}", T_setting },
                { "{\"key\":\"k\"}", "{\"key\":\"k\"}", T_genericObject },
                { "{\"command\":[\"ls\"]}", "{\"command\":[\"ls\"]}", T_container },
                { "{\"command\":\"sudo docker run x\"}", "{\"command\":\"***\"}", T_registrationToken },
                { "{\"amazonec2Config\":{\"accessKey\":\"x\"},\"hostname\":\"h\"}", "{\"amazonec2Config\":\"***\",\"hostname\":\"h\"}", T_host },
                { "{\"launchConfig\":{\"environment\":{\"A\":\"x\",\"B\":null}}}", "{\"launchConfig\":{\"environment\":{\"A\":\"***\",\"B\":\"***\"}}}", T_service },
                { "{\"list\":[{\"password\":\"x\"}]}", "{\"list\":[{\"password\":\"***\"}]}", T_NONE },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_free char *out = scrubbed(rows[i].in, rows[i].type);
                CHECK_STR(out, ==, rows[i].out);
        }
}

TEST_MAIN("server/scrub")
