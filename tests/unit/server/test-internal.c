#include "server/api/internal.h"

#include "api-fixture.h"

static const struct api_caller owner = { .account_id = 1, .project_id = 5, .role = ROLE_owner };

static int call(struct api_fix *f, const struct api_caller *who, enum verb verb, const char *path, const char *body, struct json_object **ret,
                struct dr_error *err) {
        AUTO(json_free) struct json_object *o = NULL;
        if (!f->api)
                f->api = api_new(&(struct api_conf) { .core = f->core, .store = f->store, .reply = fix_keep, .reply_arg = f });
        if (body)
                CHECK_INT(json_parse(body, strlen(body), strlen(body), &o, err), ==, 0);
        return api_internal(f->api, who, verb, path, o, ret, err);
}

TEST(the_answer_is_there_before_anything_is_stored) {
        struct api_fix f = fix_new();
        AUTO(json_free) struct json_object *made = NULL, *list = NULL;
        struct dr_error err = { 0 };
        CHECK_OK(call(&f, &owner, VERB_POST, "stacks", "{\"name\":\"web\"}", &made, &err), &err);
        CHECK_STR(json_str(made, "id", NULL), ==, "1st1");
        CHECK_STR(json_str(made, "accountId", NULL), ==, "1a5");
        CHECK(!core_idle(f.core));
        CHECK_OK(call(&f, &owner, VERB_GET, "/stacks?name=web&limit=5", NULL, &list, &err), &err);
        CHECK_INT(json_object_array_length(json_get_array(list, "data")), ==, 1);
        fix_settle(&f);
        CHECK_INT(ask(&f, "GET", "/v2-beta/projects/1a5/stacks/1st1", NULL), ==, 200);
        CHECK_STR(field(&f, "state"), ==, "active");
        fix_done(&f);
}

TEST(the_body_stays_the_callers_and_unchanged) {
        struct api_fix f = fix_new();
        struct dr_error err = { 0 };
        CHECK_OK(call(&f, &owner, VERB_POST, "stacks", "{\"name\":\"web\"}", NULL, &err), &err);
        AUTO(json_free) struct json_object *body = json_object_new_object(), *made = NULL;
        json_set_str(body, "name", "a");
        json_set_str(body, "stackId", "1st1");
        json_set_str(body, "selectorContainer", "a=b");
        CHECK_OK(api_internal(f.api, &owner, VERB_POST, "services?unknown=1", body, &made, &err), &err);
        CHECK_INT(json_object_object_length(body), ==, 3);
        CHECK_STR(json_str(made, "type", NULL), ==, "service");
        fix_done(&f);
}

TEST(refusals_are_those_of_the_api) {
        static const struct api_caller reader = { 1, 5, ROLE_readonly }, other = { 1, 6, ROLE_owner }, nobody = { 77777, 5, ROLE_owner },
                outside = { 1, 0, ROLE_user };
        static const struct { const struct api_caller *who; enum verb verb; const char *path, *body; enum dr_code code; const char *field, *says; } rows_[] = {
                { &owner, VERB_POST, "stacks", "{}", DR_E_MISSING_REQUIRED, "name", NULL },
                { &owner, VERB_POST, "stacks", "{\"name\":\"a b\"}", DR_E_INVALID_CHARACTERS, "name", NULL },
                { &owner, VERB_GET, "stacks/1st99", NULL, DR_E_NOT_FOUND, "", "GET stacks/1st99: Not Found" },
                { &owner, VERB_DELETE, "stacks", NULL, DR_E_METHOD, "", "DELETE stacks: Method not allowed" },
                { &owner, VERB_POST, "stacks/1st99?action=fly", NULL, DR_E_INVALID_ACTION, "action", NULL },
                { &owner, VERB_GET, "", NULL, DR_E_BAD_REQUEST, "", "\"\" is no path of the API" },
                { &owner, VERB_GET, "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", NULL, DR_E_BAD_REQUEST, "", NULL },
                { &owner, VERB_GET, "stacks/%zz", NULL, DR_E_BAD_REQUEST, "", NULL },
                { &owner, VERB_GET, "processinstances/1pi1", NULL, DR_E_NOT_FOUND, "", NULL },
                { &reader, VERB_POST, "stacks", "{\"name\":\"web\"}", DR_E_METHOD, "", NULL },
                { &nobody, VERB_GET, "stacks", NULL, DR_E_FORBIDDEN, "", "there is no account 77777" },
                { &other, VERB_GET, "stacks", NULL, DR_E_FORBIDDEN, "", "there is no environment 6" },
                { &outside, VERB_POST, "hosts", "{}", DR_E_METHOD, "", NULL },
        };
        struct api_fix f = fix_new();
        for (size_t i = 0; i < ARRAY_LEN(rows_); i++) {
                struct dr_error err = { 0 };
                struct json_object *ret = NULL;
                int r = call(&f, rows_[i].who, rows_[i].verb, rows_[i].path, rows_[i].body, &ret, &err);
                if (r >= 0 || err.code != rows_[i].code)
                        print_error("%s: %s %s\n", rows_[i].path, dr_error_row(err.code)->api_code, err.message);
                CHECK_INT(r, ==, -dr_error_row(rows_[i].code)->err);
                CHECK_INT(err.code, ==, rows_[i].code);
                CHECK(!ret);
                CHECK(*err.message);
                if (rows_[i].field)
                        CHECK_STR(err.field, ==, rows_[i].field);
                if (rows_[i].says)
                        CHECK_STR(err.message, ==, rows_[i].says);
        }
        fix_done(&f);
}

TEST(what_cannot_be_answered_at_once_is_refused) {
        struct api_fix f = fix_new();
        struct dr_error err = { 0 };
        AUTO(json_free) struct json_object *list = NULL;
        const struct api_caller admin = { 1, 0, ROLE_admin };
        CHECK_OK(call(&f, &admin, VERB_GET, "processinstances", NULL, &list, &err), &err);      /* those that run; what has ended is in the store */
        CHECK_OK(call(&f, &admin, VERB_GET, "auditlogs", NULL, NULL, &err), &err);
        CHECK_INT(call(&f, &admin, VERB_POST, "passwords", "{\"publicValue\":\"ann\",\"secretValue\":\"abcdefgh12\"}", NULL, &err), <, 0);
        CHECK_INT(err.code, ==, DR_E_UNAVAILABLE);
        CHECK_OK(call(&f, &owner, VERB_GET, "stacks?removed_notnull=1", NULL, NULL, &err), &err);
        fix_done(&f);
}

TEST(calls_are_in_the_audit_log_with_who_asked) {
        struct api_fix f = fix_new();
        struct dr_error err = { 0 };
        CHECK_OK(call(&f, &owner, VERB_POST, "stacks", "{\"name\":\"web\"}", NULL, &err), &err);
        fix_settle(&f);
        CHECK_INT(ask(&f, "GET", "/v2-beta/auditlogs", NULL), ==, 200);
        CHECK_INT(rows(&f), ==, 1);
        CHECK_STR(json_str(row(&f, 0), "eventType", NULL), ==, "api.stack.create");
        CHECK_STR(json_str(row(&f, 0), "authenticatedAsAccountId", NULL), ==, "1a1");
        CHECK_STR(json_str(row(&f, 0), "accountId", NULL), ==, "1a5");
        fix_done(&f);
}

TEST_MAIN("server/internal")
