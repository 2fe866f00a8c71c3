#include "check.h"
#include "model/schema_json.h"

static struct json_object *schema_of(enum api_version v, enum type_id type, enum role role) {
        auto_sbuf struct sbuf b = SBUF(1 << 20);
        struct jw w = JW(&b, JSON_ESCAPE_SLASH);
        schema_write(&w, type_get(v, type), role, "http://h/V2/projects/1a5");
        CHECK(sbuf_ok(&b));
        struct json_object *o = NULL;
        struct dr_error err;
        CHECK_OK(json_parse(sbuf_str(&b), b.len, 1 << 20, &o, &err), &err);
        return o;
}

static void check_text(struct json_object *o, const char *key, const char *want) {
        struct json_object *v = NULL;
        CHECK(json_object_object_get_ex(o, key, &v));
        CHECK_STR(json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE), ==, want);
}

TEST(a_schema_names_methods_links_and_relatives) {
        AUTO(json_free) struct json_object *o = schema_of(API_V2_BETA, T_container, ROLE_project);
        check_text(o, "id", "\"container\"");
        check_text(o, "type", "\"schema\"");
        check_text(o, "pluralName", "\"containers\"");
        check_text(o, "resourceMethods", "[\"GET\",\"PUT\",\"DELETE\"]");
        check_text(o, "collectionMethods", "[\"GET\",\"POST\"]");
        check_text(o, "parent", "\"instance\"");
        check_text(o, "children", "[\"virtualMachine\",\"launchConfig\"]");
        check_text(o, "links", "{\"self\":\"http://h/V2/projects/1a5/schemas/container\",\"collection\":\"http://h/V2/projects/1a5/containers\"}");
        check_text(o, "collectionActions", "{}");
        check_text(o, "collectionFields", "{}");
}

TEST(fields_carry_their_rules) {
        AUTO(json_free) struct json_object *o = schema_of(API_V2_BETA, T_stack, ROLE_project);
        struct json_object *fields = json_get_object(o, "resourceFields");
        check_text(fields, "name", "{\"type\":\"string\",\"create\":true,\"update\":true,\"required\":true,\"nullable\":true,\"unique\":false,"
                   "\"minLength\":1,\"maxLength\":63,\"validChars\":\"a-zA-Z0-9-\"}");
        AUTO(json_free) struct json_object *c = schema_of(API_V2_BETA, T_container, ROLE_project);
        fields = json_get_object(c, "resourceFields");
        check_text(fields, "instanceTriggeredStop", "{\"type\":\"enum\",\"create\":true,\"update\":false,\"required\":false,\"nullable\":true,"
                   "\"unique\":false,\"default\":\"stop\",\"options\":[\"stop\",\"remove\"],\"maxLength\":128}");
        check_text(fields, "count", "{\"type\":\"int\",\"create\":true,\"update\":false,\"required\":false,\"nullable\":true,\"unique\":false,"
                   "\"includeInList\":false}");
        check_text(json_get_object(c, "collectionFilters"), "state", "{\"modifiers\":[\"eq\",\"ne\",\"null\",\"notnull\"]}");
}

TEST(roles_see_different_schemas) {
        AUTO(json_free) struct json_object *project = schema_of(API_V2_BETA, T_stack, ROLE_project);
        AUTO(json_free) struct json_object *owner = schema_of(API_V2_BETA, T_stack, ROLE_owner);
        CHECK(!json_get_bool(json_get(json_get(project, "resourceFields"), "system"), "create", true));
        CHECK(json_get_bool(json_get(json_get(owner, "resourceFields"), "system"), "create", false));
        AUTO(json_free) struct json_object *reader = schema_of(API_V2_BETA, T_container, ROLE_readonly);
        CHECK(!json_has(json_get(reader, "resourceFields"), "environment"));
        check_text(reader, "collectionMethods", "[\"GET\"]");
        struct json_object *actions = json_get(reader, "resourceActions");
        CHECK_INT(json_object_object_length(actions), ==, 1);
        check_text(actions, "logs", "{\"input\":\"containerLogs\",\"output\":\"hostAccess\"}");
        CHECK(schema_find(API_V2_BETA, ROLE_project, "processInstances", 16) == NULL);
        CHECK(schema_find(API_V2_BETA, ROLE_admin, "PROCESSinstances", 16) != NULL);
}

TEST(a_type_that_cannot_be_listed_has_no_collection_link) {
        AUTO(json_free) struct json_object *o = schema_of(API_V2_BETA, T_restartPolicy, ROLE_project);
        CHECK(!json_has(json_get(o, "links"), "collection"));
        check_text(o, "parent", "null");
}

TEST(v1_shows_environments) {
        AUTO(json_free) struct json_object *o = schema_of(API_V1, T_stack, ROLE_project);
        check_text(o, "id", "\"environment\"");
        check_text(o, "pluralName", "\"environments\"");
        check_text(o, "children", "[\"composeProject\",\"kubernetesStack\"]");
        AUTO(json_free) struct json_object *s = schema_of(API_V1, T_service, ROLE_project);
        check_text(json_get(json_get(s, "resourceFields"), "environmentId"), "type", "\"reference[environment]\"");
}

TEST(a_type_hidden_from_the_role_writes_nothing) {
        auto_sbuf struct sbuf b = SBUF(1 << 16);
        struct jw w = JW(&b, 0);
        schema_write(&w, type_get(API_V2_BETA, T_processInstance), ROLE_project, "http://h/v2-beta");
        CHECK_INT(b.len, ==, 0);
}

TEST(every_schema_of_every_role_is_valid_json) {
        for (unsigned v = 0; v < API_VERSION_MAX; v++)
                for (unsigned t = 1; t < T_MAX; t++)
                        for (unsigned r = 0; r < ROLE_MAX; r += 3) {
                                const struct type_def *d = type_get((enum api_version) v, (enum type_id) t);
                                if (!d || !type_visible(d, (enum role) r))
                                        continue;
                                AUTO(json_free) struct json_object *o = schema_of((enum api_version) v, (enum type_id) t, (enum role) r);
                                CHECK_STR(json_str(o, "id", NULL), ==, d->name);
                        }
}

TEST_MAIN("model/schema_json")
