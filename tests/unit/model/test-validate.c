#include "check.h"
#include "formats/json.h"
#include "model/validate.h"

enum { NOW_MS = 1488450030 };

/* Things 1 to 99 exist, and the identity "rancher_id:1a1". Web is taken. */
static bool exists(enum type_id type, int64_t id, const char *name, void *arg) {
        return name ? type == T_identity && str_eq(name, "rancher_id:1a1") : id > 0 && id < 100;
}
static bool taken(const struct type_def *def, enum field_id field, struct value value, void *arg) {
        return field == F_name && value.tag == V_STR && str_eq(value.t->s, "web");
}

struct request { enum api_version version; enum type_id type; enum role role; enum validate_op op; bool plain; };
#define REQ(type_, role_, op_) ((struct request) { API_V2_BETA, type_, role_, op_, false })
#define POST(type)          REQ(type, ROLE_project, VALIDATE_CREATE)
#define POST_AS(type, role) REQ(type, role, VALIDATE_CREATE)
#define PUT(type)           REQ(type, ROLE_project, VALIDATE_UPDATE)
#define PUT_AS(type, role)  REQ(type, role, VALIDATE_UPDATE)
#define INPUT(type)         REQ(type, ROLE_project, VALIDATE_INPUT)

static int run(struct request q, const char *json, struct field_values *ret, struct dr_error *err) {
        AUTO(json_free) struct json_object *in = NULL;
        *err = (struct dr_error) { 0 };
        CHECK_INT(json_parse(json, strlen(json), 1 << 20, &in, err), ==, 0);
        struct validate c = { .version = q.version, .role = q.role, .op = q.op, .plain_ids = q.plain, .now_ms = NOW_MS,
                              .exists = exists, .taken = taken };
        const struct type_def *def = type_get(q.version, q.type);
        CHECK(def != NULL);
        return validate(&c, def, in, ret, err);
}

static char *text_of_value(const struct value *v) {
        if (!v)
                return dr_xstrdup("absent");
        switch (v->tag) {
        case V_NULL: return dr_xstrdup("null");
        case V_BOOL: return dr_xstrdup(v->b ? "true" : "false");
        case V_INT: return dr_xasprintf("%lld", (long long) v->i);
        case V_FLOAT: return dr_xasprintf("%g", v->f);
        case V_STR: return dr_xasprintf("'%s'", v->t->s);
        case V_JSON: return dr_xstrdup(v->t->s);
        }
        return dr_xstrdup("?");
}

static void check_value(struct request q, const char *json, enum field_id f, const char *want) {
        __attribute__((cleanup(field_values_done_auto))) struct field_values out = { 0 };
        struct dr_error err;
        print_message("%s %s\n", type_name(q.type), json);
        CHECK_OK(run(q, json, &out, &err), &err);
        auto_free char *got = text_of_value(field_values_get(&out, f));
        CHECK_STR(got, ==, want);
}

static void check_error(struct request q, const char *json, enum dr_code code, const char *field) {
        struct field_values out = { 0 };
        struct dr_error err;
        print_message("%s %s\n", type_name(q.type), json);
        CHECK_INT(run(q, json, &out, &err), <, 0);
        CHECK_STR(dr_error_row(err.code)->api_code, ==, dr_error_row(code)->api_code);
        CHECK_STR(err.field, ==, field);
        CHECK_INT(out.n, ==, 0);
        CHECK(err.message[0] != 0);
}

#define IMAGE "\"imageUuid\":\"docker:busybox\""

TEST(values_are_coerced_to_the_type_of_their_field) {
        static const struct { const char *json; enum field_id f; const char *want; } rows[] = {
                { "{\"memory\":\"5\"}", F_memory, "5" }, { "{\"memory\":5}", F_memory, "5" }, { "{\"memory\":5.0}", F_memory, "5" },
                { "{\"memory\":-7}", F_memory, "-7" }, { "{\"name\":5}", F_name, "'5'" }, { "{\"name\":true}", F_name, "'true'" },
                { "{\"name\":null}", F_name, "null" }, { "{\"privileged\":\"true\"}", F_privileged, "true" },
                { "{\"privileged\":\"FALSE\"}", F_privileged, "false" }, { "{\"privileged\":1}", F_privileged, "true" },
                { "{\"command\":\"sh\"}", F_command, "[\"sh\"]" }, { "{\"command\":[\"sh\",1]}", F_command, "[\"sh\",\"1\"]" },
                { "{\"command\":[]}", F_command, "[]" }, { "{\"command\":null}", F_command, "null" },
                { "{\"environment\":{\"b\":1,\"a\":null}}", F_environment, "{\"a\":null,\"b\":\"1\"}" },
                { "{\"networkIds\":\"1n5\"}", F_networkIds, "[5]" }, { "{\"networkIds\":[\"1n5\",\"1n6\"]}", F_networkIds, "[5,6]" },
                { "{\"requestedHostId\":\"1h12\"}", F_requestedHostId, "12" },
                { "{\"instanceLinks\":{\"db\":\"1i9\"}}", F_instanceLinks, "{\"db\":9}" },
                { "{\"capAdd\":\"ALL\"}", F_capAdd, "[\"ALL\"]" },
                { "{\"restartPolicy\":{\"name\":\"always\",\"other\":1}}", F_restartPolicy, "{\"name\":\"always\"}" },
                { "{\"dataVolumeMounts\":{\"/a\":\"1v3\"}}", F_dataVolumeMounts, "{\"/a\":3}" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                check_value(POST(T_container), rows[i].json, rows[i].f, rows[i].want);
}

TEST(values_that_do_not_fit_their_type_are_invalid_formats) {
        static const struct { const char *json; const char *field; } rows[] = {
                { "{\"memory\":\"5.5\"}", "memory" }, { "{\"memory\":5.5}", "memory" }, { "{\"memory\":\"x\"}", "memory" },
                { "{\"memory\":\"\"}", "memory" }, { "{\"memory\":true}", "memory" }, { "{\"memory\":[1]}", "memory" },
                { "{\"memory\":18446744073709551615}", "memory" }, { "{\"memory\":1e300}", "memory" }, { "{\"name\":{}}", "name" },
                { "{\"name\":[\"a\"]}", "name" }, { "{\"privileged\":\"maybe\"}", "privileged" }, { "{\"privileged\":{}}", "privileged" },
                { "{\"environment\":[\"a=b\"]}", "environment" }, { "{\"environment\":\"a=b\"}", "environment" },
                { "{\"command\":[{}]}", "command" }, { "{\"restartPolicy\":\"always\"}", "restartPolicy" },
                { "{\"restartPolicy\":[]}", "restartPolicy" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                check_error(POST(T_container), rows[i].json, DR_E_INVALID_FORMAT, rows[i].field);
}

TEST(references_must_decode_and_exist) {
        struct request q = POST(T_container);
        check_error(q, "{\"requestedHostId\":\"1h100\"}", DR_E_INVALID_REFERENCE, "requestedHostId");
        check_error(q, "{\"requestedHostId\":\"5\"}", DR_E_INVALID_REFERENCE, "requestedHostId");
        check_error(q, "{\"requestedHostId\":5}", DR_E_INVALID_REFERENCE, "requestedHostId");
        check_error(q, "{\"requestedHostId\":\"web\"}", DR_E_INVALID_REFERENCE, "requestedHostId");
        check_error(q, "{\"requestedHostId\":\"\"}", DR_E_INVALID_REFERENCE, "requestedHostId");
        check_error(q, "{\"requestedHostId\":{}}", DR_E_INVALID_REFERENCE, "requestedHostId");
        check_error(q, "{\"networkIds\":[\"1n5\",\"1n500\"]}", DR_E_INVALID_REFERENCE, "networkIds");
        check_value((struct request) { API_V2_BETA, T_container, ROLE_admin, VALIDATE_CREATE, true }, "{\"requestedHostId\":5}", F_requestedHostId, "5");
}

TEST(fields_that_the_role_may_not_set_are_dropped) {
        check_value(POST(T_container), "{\"state\":\"running\"}", F_state, "absent");
        check_value(POST(T_container), "{\"id\":\"1i5\"}", F_id, "absent");
        check_value(POST(T_container), "{\"serviceId\":{}}", F_serviceId, "absent");
        check_value(PUT(T_container), "{\"memory\":\"nonsense\"}", F_memory, "absent");
        check_value(PUT(T_container), "{\"description\":\"x\"}", F_description, "'x'");
        check_value(POST(T_stack), "{\"name\":\"x\",\"system\":true}", F_system, "absent");
        check_value(POST_AS(T_stack, ROLE_owner), "{\"name\":\"x\",\"system\":true}", F_system, "true");
        check_value(POST(T_apiKey), "{\"accountId\":\"1a5\"}", F_accountId, "absent");
        check_value(POST_AS(T_apiKey, ROLE_admin), "{\"accountId\":\"1a5\"}", F_accountId, "5");
        check_value(POST(T_container), "{\"noSuchField\":{}}", F_NONE, "absent");
}

TEST(nulls_are_kept_replaced_or_refused) {
        check_value(PUT(T_container), "{\"name\":null}", F_name, "null");
        check_error(POST(T_container), "{\"environment\":null}", DR_E_NOT_NULLABLE, "environment");
        check_value(POST(T_container), "{\"startOnCreate\":null}", F_startOnCreate, "true");
        check_error(POST(T_container), "{\"command\":[null]}", DR_E_NOT_NULLABLE, "command");
        check_error(POST(T_container), "{\"privileged\":null}", DR_E_NOT_NULLABLE, "privileged");
        check_value(POST(T_container), "{\"instanceTriggeredStop\":null}", F_instanceTriggeredStop, "null");
}

TEST(creates_get_defaults_and_updates_do_not) {
        check_value(POST(T_container), "{}", F_startOnCreate, "true");
        check_value(POST(T_container), "{}", F_instanceTriggeredStop, "'stop'");
        check_value(POST(T_container), "{}", F_version, "'0'");
        check_value(POST(T_container), "{\"startOnCreate\":false}", F_startOnCreate, "false");
        check_value(PUT(T_container), "{}", F_startOnCreate, "absent");
        check_value(POST(T_service), "{\"name\":\"x\",\"stackId\":\"1st1\"}", F_scale, "1");
}

TEST(required_fields_must_be_there_on_create_only) {
        check_error(POST(T_stack), "{}", DR_E_MISSING_REQUIRED, "name");
        check_error(POST(T_stack), "{\"name\":null}", DR_E_MISSING_REQUIRED, "name");
        check_value(PUT(T_stack), "{}", F_name, "absent");
        check_error(POST(T_loadBalancerService), "{\"name\":\"x\",\"stackId\":\"1st1\"}", DR_E_MISSING_REQUIRED, "launchConfig");
        check_error(INPUT(T_setProjectMembersInput), "{}", DR_E_MISSING_REQUIRED, "members");
        check_error(INPUT(T_setProjectMembersInput), "{\"members\":[]}", DR_E_MISSING_REQUIRED, "members");
}

TEST(nested_types_are_checked_as_creates_even_in_an_update) {
        check_error(PUT(T_loadBalancerService), "{\"lbConfig\":{\"portRules\":[{}]}}", DR_E_MISSING_REQUIRED, "sourcePort");
        check_value(PUT(T_service), "{\"scalePolicy\":{\"min\":\"2\"}}", F_scalePolicy, "{\"increment\":1,\"max\":1,\"min\":2}");
        check_error(POST(T_service), "{\"name\":\"x\",\"stackId\":\"1st1\",\"launchConfig\":{\"memory\":\"m\"}}", DR_E_INVALID_FORMAT, "memory");
        check_value(INPUT(T_lbConfig), "{\"portRules\":[{\"sourcePort\":\"80\",\"serviceId\":\"1s4\"}]}", F_portRules,
                    "[{\"protocol\":\"http\",\"serviceId\":4,\"sourcePort\":80}]");
}

TEST(criteria_are_checked_with_their_own_codes) {
        struct request lb = INPUT(T_portRule);
        check_error(lb, "{\"sourcePort\":0}", DR_E_MIN_LIMIT, "sourcePort");
        check_error(lb, "{\"sourcePort\":65536}", DR_E_MAX_LIMIT, "sourcePort");
        check_error(lb, "{\"sourcePort\":80,\"protocol\":\"gopher\"}", DR_E_INVALID_OPTION, "protocol");
        check_error(POST(T_container), "{\"capAdd\":[\"ALL\",\"FLY\"]}", DR_E_INVALID_OPTION, "capAdd");
        check_error(POST(T_container), "{\"hostname\":\"\"}", DR_E_MIN_LENGTH, "hostname");
        check_error(POST(T_stack), "{\"name\":\"\"}", DR_E_MIN_LENGTH, "name");
        check_error(POST(T_stack), "{\"name\":\"a_b\"}", DR_E_INVALID_CHARACTERS, "name");
        check_error(POST(T_stack), "{\"name\":\"1234567890123456789012345678901234567890123456789012345678901234\"}",
                    DR_E_MAX_LENGTH, "name");
        check_error(POST(T_container), "{\"name\":\"web\"}", DR_E_NOT_UNIQUE, "name");
        check_error(PUT(T_container), "{\"name\":\"web\"}", DR_E_NOT_UNIQUE, "name");
        check_value(POST(T_stack), "{\"name\":\"web\"}", F_name, "'web'");
}

TEST(lengths_count_utf16_units) {
        auto_sbuf struct sbuf b = SBUF(4096);
        sbuf_puts(&b, "{\"name\":\"");
        for (int i = 0; i < 127; i++)
                sbuf_puts(&b, "\xf0\x9f\x90\xb3");      /* two units each */
        sbuf_puts(&b, "\xc3\xa9\"}");                   /* one: 255 together */
        struct field_values out = { 0 };
        struct dr_error err;
        CHECK_OK(run(POST(T_container), sbuf_str(&b), &out, &err), &err);
        field_values_done(&out);
        b.len -= 2;
        sbuf_puts(&b, "x\"}");
        check_error(POST(T_container), sbuf_str(&b), DR_E_MAX_LENGTH, "name");
}

TEST(dates_come_in_four_forms) {
        static const struct { const char *json, *want; } rows[] = {
                { "\"2017-03-02T10:20:30Z\"", "1488450030000" }, { "1488450030000", "1488450030000" }, { "\"now\"", "1488450030" },
                { "\"\"", "null" }, { "\"  \"", "null" }, { "null", "null" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_free char *json = dr_xasprintf("{\"removed\":%s}", rows[i].json);
                check_value(PUT_AS(T_hostLabelMap, ROLE_superadmin), json, F_removed, rows[i].want);
        }
        struct request q = PUT_AS(T_hostLabelMap, ROLE_superadmin);
        check_error(q, "{\"removed\":\"yesterday\"}", DR_E_INVALID_DATE_FORMAT, "removed");
        check_error(q, "{\"removed\":{}}", DR_E_INVALID_DATE_FORMAT, "removed");
        check_error(q, "{\"removed\":true}", DR_E_INVALID_DATE_FORMAT, "removed");
}

TEST(character_classes_know_ranges_and_plain_dashes) {
        CHECK(chars_match("aZ0-._", "a-zA-Z0-9-._"));
        CHECK(!chars_match("a/b", "a-zA-Z0-9-._"));
        CHECK(chars_match("-", "a-z0-9_.-"));
        CHECK(chars_match("", "a-z"));
        CHECK(!chars_match("\xc3\xa9", "a-z"));
        CHECK(chars_match("\xc3\xa9", "\xc3\xa0-\xc3\xbf"));
        CHECK(chars_match("a-", "\\a\\-"));
        CHECK(!chars_match(",", "*._0-9a-zA-Z;="));
}

TEST(values_come_in_the_order_of_the_input_and_then_defaults) {
        struct field_values out = { 0 };
        struct dr_error err;
        CHECK_OK(run(POST(T_container), "{\"name\":\"b\",\"command\":[],\"description\":\"x\"}", &out, &err), &err);
        CHECK_INT(out.v[0].field, ==, F_name);
        CHECK_INT(out.v[1].field, ==, F_command);
        CHECK_INT(out.v[2].field, ==, F_description);
        for (size_t i = 4; i < out.n; i++)
                CHECK_INT(out.v[i - 1].field, <, out.v[i].field);
        field_values_done(&out);
}

TEST(the_first_broken_field_of_the_input_is_reported) {
        check_error(POST(T_container), "{\"memory\":\"m\",\"hostname\":\"\"}", DR_E_INVALID_FORMAT, "memory");
        check_error(POST(T_container), "{\"hostname\":\"\",\"memory\":\"m\"}", DR_E_MIN_LENGTH, "hostname");
}

TEST(a_body_that_is_no_object_counts_as_empty) {
        check_value(POST(T_container), "[1,2]", F_startOnCreate, "true");
        check_value(POST(T_container), "null", F_startOnCreate, "true");
        check_error(POST(T_stack), "[]", DR_E_MISSING_REQUIRED, "name");
}

TEST(v1_takes_environment_ids) {
        check_value((struct request) { API_V1, T_service, ROLE_project, VALIDATE_CREATE, false },
                    "{\"name\":\"x\",\"environmentId\":\"1e5\"}", F_environmentId, "5");
}

TEST(nothing_is_leaked) {
        size_t before = text_count();
        struct field_values out = { 0 };
        struct dr_error err;
        CHECK_OK(run(POST(T_container), "{\"name\":\"q\",\"command\":[\"zz\"],\"environment\":{\"a\":\"b\"}}", &out, &err), &err);
        CHECK_INT(text_count(), >, before);
        field_values_done(&out);
        CHECK_INT(text_count(), ==, before);
}

TEST_MAIN("model/validate")
