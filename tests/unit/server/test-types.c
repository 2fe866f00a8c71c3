/* What types do beyond the general rules, and who may do it: over a core in memory with simulated hosts. */
#include <stdio.h>

#include "api-fixture.h"
#include "core/hosts.h"
#include "core/simhost.h"
#include "server/api/context.h"

#define P "/v2-beta/projects/1a5"

/* Who asks: as the server's authenticator would say. */
static struct { struct core *core; enum role role; bool all; const char *uuid; } who;
static int say_who(void *arg, struct api_req *req, struct dr_error *err) {
        struct record *account = world_by_uuid(core_world(who.core), T_account, who.uuid);
        (void) arg;
        (void) err;
        api_set_caller(req, account, who.role, who.all);
        return 0;
}

static uint64_t now_ms = 1000;
static int64_t wall_ms(void *arg) { return 1488450030000 + (int64_t) now_ms; }
static uint64_t mono_ms(void *arg) { return now_ms; }

static struct api_fix fix_with_callers(void) {
        struct api_fix f = fix_new_clock((struct core_clock) { wall_ms, mono_ms, NULL });
        who.core = f.core;
        who.role = ROLE_admin;
        who.all = true;
        who.uuid = "admin";
        return f;
}
/* The fixture lives where its callback finds it: called once it does. */
static void open_api(struct api_fix *f) {
        f->api = api_new(&(struct api_conf) { .core = f->core, .store = f->store, .reply = fix_keep, .reply_arg = f, .authenticate = say_who });
}
static void as(enum role role, bool all) {
        who.role = role;
        who.all = all;
}

static struct simhosts *add_hosts(struct api_fix *f, int n) {
        static const struct simhosts_conf conf = { .quiet = true };
        struct simhosts *s = simhosts_new(f->core, &conf);
        for (int i = 0; i < n; i++) {
                char name[16];
                snprintf(name, sizeof name, "h%d", i + 1);
                simhosts_add(s, 5, name);
        }
        return s;
}
/* Lets time pass until the condition holds. */
static bool until(struct api_fix *f, struct simhosts *s, const char *target, const char *name, const char *value) {
        for (int i = 0; i < 20000; i++) {
                simhosts_turn(s);
                (void) core_turn(f->core, 0);
                core_commit(f->core);
                (void) core_store_event(f->core);
                if (i % 20 == 0 && ask(f, "GET", target, NULL) == 200 && str_eq(field(f, name), value))
                        return true;
                now_ms += 5;
        }
        print_error("%s: %s is not %s: %s\n", target, name, value, f->text);
        return false;
}
static bool offers(const struct api_fix *f, const char *action) { return json_has(json_get(f->body, "actions"), action); }

TEST(a_service_runs_on_hosts_restarts_and_leaves_an_evacuated_host) {
        struct api_fix f = fix_with_callers();
        open_api(&f);
        struct simhosts *s = add_hosts(&f, 2);
        CHECK(until(&f, s, P "/hosts/1h2", "state", "active"));
        CHECK_INT(ask(&f, "POST", P "/stacks", "{\"name\":\"web\"}"), ==, 201);
        CHECK_INT(ask(&f, "POST", P "/services", "{\"name\":\"a\",\"stackId\":\"1st1\",\"scale\":2,\"startOnCreate\":true,"
                      "\"launchConfig\":{\"imageUuid\":\"docker:x\",\"labels\":{\"l\":\"v\"}}}"), ==, 201);
        CHECK(until(&f, s, P "/services/1s1", "state", "active"));
        CHECK_INT(json_int(f.body, "currentScale", 0), ==, 2);
        CHECK_INT(json_object_array_length(json_get_array(f.body, "instanceIds")), ==, 2);
        CHECK_INT(ask(&f, "POST", P "/services/1s1?action=restart", "{\"rollingRestartStrategy\":{\"intervalMillis\":100}}"), ==, 202);
        CHECK_STR(field(&f, "state"), ==, "restarting");
        CHECK(until(&f, s, P "/services/1s1", "state", "active"));
        CHECK_INT(ask(&f, "GET", P "/containers/1i2", NULL), ==, 200);
        CHECK_INT(json_int(f.body, "startCount", 0), ==, 2);
        CHECK_STR(json_str(json_get(f.body, "labels"), "io.rancher.stack_service.name", NULL), ==, "web/a");
        auto_free char *host = dr_xasprintf(P "/hosts/%s", field(&f, "hostId"));
        auto_free char *evacuate = dr_xasprintf("%s?action=evacuate", host);
        CHECK_INT(ask(&f, "DELETE", host, NULL), ==, 405);                      /* active: deactivated first */
        CHECK_INT(ask(&f, "POST", evacuate, "{}"), ==, 200);
        CHECK(until(&f, s, host, "state", "inactive"));
        CHECK(until(&f, s, P "/services/1s1", "state", "active"));
        CHECK_INT(ask(&f, "GET", host, NULL), ==, 200);
        CHECK_INT(json_object_array_length(json_get_array(f.body, "instanceIds")), ==, 0);
        CHECK(offers(&f, "activate") && offers(&f, "remove") && !offers(&f, "deactivate"));
        simhosts_free(s);
        fix_done(&f);
}

TEST(a_change_of_host_labels_is_a_process) {
        struct api_fix f = fix_with_callers();
        open_api(&f);
        struct simhosts *s = add_hosts(&f, 1);
        CHECK(until(&f, s, P "/hosts/1h1", "state", "active"));
        CHECK_INT(ask(&f, "PUT", P "/hosts/1h1", "{\"name\":\"n\",\"description\":\"d\"}"), ==, 200);
        CHECK_STR(field(&f, "state"), ==, "active");
        CHECK_STR(field(&f, "name"), ==, "n");
        CHECK_INT(ask(&f, "PUT", "/v1/projects/1a5/hosts/1h1", "{\"labels\":{\"zone\":\"a\"}}"), ==, 200);
        CHECK_STR(field(&f, "state"), ==, "updating-active");
        CHECK_STR(json_str(json_get(f.body, "labels"), "zone", NULL), ==, "a");
        CHECK(until(&f, s, P "/hosts/1h1", "state", "active"));
        simhosts_free(s);
        fix_done(&f);
}

TEST(a_port_without_public_part_gets_one_of_the_environment) {
        struct api_fix f = fix_with_callers();
        open_api(&f);
        CHECK_INT(ask(&f, "POST", P "/stacks", "{\"name\":\"web\"}"), ==, 201);
        CHECK_INT(ask(&f, "POST", P "/services", "{\"name\":\"a\",\"stackId\":\"1st1\",\"launchConfig\":{\"imageUuid\":\"docker:x\",\"ports\":[\"80\",\"81:82\"]}}"), ==, 201);
        fix_settle(&f);
        CHECK_INT(ask(&f, "GET", P "/services/1s1", NULL), ==, 200);
        CHECK_STR(field(&f, "state"), ==, "inactive");
        struct json_object *ports = json_get_array(json_get(f.body, "launchConfig"), "ports");
        int public = 0, private = 0;
        CHECK_INT(sscanf(json_object_get_string(json_object_array_get_idx(ports, 0)), "%d:%d/tcp", &public, &private), ==, 2);
        CHECK_INT(private, ==, 80);
        CHECK_INT(public, >=, 49153);
        CHECK_STR(json_object_get_string(json_object_array_get_idx(ports, 1)), ==, "81:82/tcp");
        fix_done(&f);
}

TEST(links_are_checked_and_shown_by_alias_or_by_stack_and_service) {
        struct api_fix f = fix_with_callers();
        open_api(&f);
        CHECK_INT(ask(&f, "POST", P "/stacks", "{\"name\":\"web\"}"), ==, 201);
        CHECK_INT(ask(&f, "POST", P "/services", "{\"name\":\"a\",\"stackId\":\"1st1\",\"launchConfig\":{\"imageUuid\":\"docker:x\"}}"), ==, 201);
        CHECK_INT(ask(&f, "POST", P "/services", "{\"name\":\"b\",\"stackId\":\"1st1\",\"launchConfig\":{\"imageUuid\":\"docker:x\"}}"), ==, 201);
        CHECK_INT(ask(&f, "POST", P "/services/1s1?action=addservicelink", "{\"serviceLink\":{\"serviceId\":\"1s2\"}}"), ==, 200);
        CHECK_STR(json_str(json_get(f.body, "linkedServices"), "web/b", NULL), ==, "1s2");
        CHECK_INT(ask(&f, "POST", P "/services/1s1?action=addservicelink", "{\"serviceLink\":{\"serviceId\":\"1s2\"}}"), ==, 422);
        CHECK_STR(field(&f, "code"), ==, "NotUnique");
        CHECK_INT(ask(&f, "POST", P "/services/1s1?action=removeservicelink", "{\"serviceLink\":{\"serviceId\":\"1s2\"}}"), ==, 200);
        CHECK_INT(ask(&f, "POST", P "/services/1s1?action=removeservicelink", "{\"serviceLink\":{\"serviceId\":\"1s2\"}}"), ==, 422);
        CHECK_STR(field(&f, "code"), ==, "InvalidReference");
        CHECK_INT(ask(&f, "POST", P "/services/1s1?action=upgrade", "{}"), ==, 422);            /* inactive does not matter: registering */
        fix_done(&f);
}

TEST(roles_that_may_not_change_infrastructure_are_refused) {
        struct api_fix f = fix_with_callers();
        open_api(&f);
        CHECK_INT(ask(&f, "POST", P "/stacks", "{\"name\":\"infra\",\"system\":true}"), ==, 201);
        CHECK_INT(ask(&f, "POST", P "/stacks", "{\"name\":\"web\"}"), ==, 201);
        fix_settle(&f);
        as(ROLE_project, false);
        who.uuid = "adminProject";
        CHECK_INT(ask(&f, "GET", P "/stacks/1st1", NULL), ==, 200);
        CHECK(offers(&f, "remove"));
        as(ROLE_restricted, false);
        CHECK_INT(ask(&f, "GET", P "/stacks/1st1", NULL), ==, 200);
        CHECK(!offers(&f, "remove"));
        CHECK_INT(ask(&f, "DELETE", P "/stacks/1st1", NULL), ==, 403);
        CHECK_INT(ask(&f, "PUT", P "/stacks/1st1", "{\"description\":\"x\"}"), ==, 403);
        CHECK_INT(ask(&f, "POST", P "/stacks/1st1?action=remove", NULL), ==, 422);
        CHECK_INT(ask(&f, "POST", P "/services", "{\"name\":\"a\",\"stackId\":\"1st1\",\"launchConfig\":{\"imageUuid\":\"docker:x\"}}"), ==, 403);
        CHECK_INT(ask(&f, "PUT", P "/stacks/1st2", "{\"description\":\"x\"}"), ==, 200);
        CHECK_INT(ask(&f, "POST", P "/registrationtokens", "{}"), ==, 404);        /* not even seen */
        as(ROLE_readonly, false);
        CHECK_INT(ask(&f, "GET", P "/stacks/1st2", NULL), ==, 200);
        CHECK(!offers(&f, "remove"));
        CHECK_INT(ask(&f, "DELETE", P "/stacks/1st2", NULL), ==, 405);
        fix_done(&f);
}

TEST(what_is_not_there_yet_says_so_and_structures_cannot_be_made) {
        static const struct { const char *method, *target, *body; int status; const char *code; } rows_[] = {
                { "POST", P "/virtualmachines", "{\"name\":\"x\",\"imageUuid\":\"docker:x\"}", 501, NULL },
                { "POST", P "/launchconfigs", "{\"imageUuid\":\"docker:x\"}", 405, "Method not allowed" },
                { "POST", P "/instancestops", "{\"timeout\":1}", 405, "Method not allowed" },
                { "POST", P "/containers", "{\"imageUuid\":\"docker:\"}", 422, "InvalidReference" },
                { "POST", P "/containers", "{\"imageUuid\":\"docker:a b\"}", 422, "InvalidReference" },
                { "POST", P "/containers", "{\"imageUuid\":\"docker:x\",\"ports\":[\"0:1\"]}", 422, "PortInvalidPublicPort" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows_); i++) {
                struct api_fix f = fix_with_callers();
                open_api(&f);
                int status = ask(&f, rows_[i].method, rows_[i].target, rows_[i].body);
                if (status != rows_[i].status || (rows_[i].code && !str_eq(field(&f, "code"), rows_[i].code)))
                        print_error("%s %s: %s\n", rows_[i].method, rows_[i].target, f.text);
                CHECK_INT(status, ==, rows_[i].status);
                CHECK(!rows_[i].code || str_eq(field(&f, "code"), rows_[i].code));
                fix_done(&f);
        }
}

TEST(an_upgrade_that_is_refused_changes_nothing) {
        struct api_fix f = fix_with_callers();
        open_api(&f);
        CHECK_INT(ask(&f, "POST", P "/stacks", "{\"name\":\"web\"}"), ==, 201);
        CHECK_INT(ask(&f, "POST", P "/services", "{\"name\":\"a\",\"stackId\":\"1st1\",\"launchConfig\":{\"imageUuid\":\"docker:x\"}}"), ==, 201);
        fix_settle(&f);
        CHECK_INT(ask(&f, "POST", P "/services/1s1?action=upgrade", "{}"), ==, 422);
        CHECK_STR(field(&f, "code"), ==, "MissingRequired");
        CHECK_INT(ask(&f, "GET", P "/services/1s1", NULL), ==, 200);
        CHECK_STR(field(&f, "state"), ==, "inactive");
        fix_done(&f);
}

TEST(a_stack_made_in_v1_is_a_stack_like_any_other) {
        struct api_fix f = fix_with_callers();
        open_api(&f);
        CHECK_INT(ask(&f, "POST", "/v1/projects/1a5/environments", "{\"name\":\"web\"}"), ==, 201);
        CHECK_STR(field(&f, "id"), ==, "1e1");
        CHECK_STR(field(&f, "kind"), ==, "environment");
        CHECK_INT(ask(&f, "POST", "/v1/projects/1a5/services", "{\"name\":\"a\",\"environmentId\":\"1e1\",\"launchConfig\":{\"imageUuid\":\"docker:x\"}}"), ==, 201);
        CHECK_STR(field(&f, "environmentId"), ==, "1e1");
        CHECK_STR(json_str(json_get(f.body, "links"), "environment", NULL), ==, "http://srv:8080/v1/projects/1a5/services/1s1/environment");
        CHECK(!json_has(json_get(f.body, "links"), "stack"));
        CHECK_INT(ask(&f, "PUT", P "/services/1s1", "{\"scale\":3}"), ==, 200);          /* still registering: counts all the same */
        CHECK_INT(json_int(f.body, "scale", 0), ==, 3);
        fix_settle(&f);
        CHECK_INT(ask(&f, "GET", P "/stacks/1st1", NULL), ==, 200);
        CHECK_STR(field(&f, "kind"), ==, "stack");
        CHECK_INT(ask(&f, "POST", P "/stacks/1st1?action=activateservices", NULL), ==, 200);
        CHECK_INT(ask(&f, "POST", P "/stacks/1st1?action=deactivateservices", NULL), ==, 200);
        CHECK_INT(ask(&f, "GET", P "/services/1s1", NULL), ==, 200);
        CHECK_STR(field(&f, "state"), ==, "deactivating");
        fix_done(&f);
}

TEST(a_form_is_taken_as_a_body) {
        struct api_fix f = fix_with_callers();
        open_api(&f);
        http_headers_add(&f.send, "Content-Type", "multipart/form-data; boundary=xY");
        CHECK_INT(ask(&f, "POST", P "/stacks", "--xY\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nweb\r\n--xY--\r\n"), ==, 201);
        CHECK_STR(field(&f, "name"), ==, "web");
        CHECK_INT(ask(&f, "POST", P "/stacks", "--xY\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nweb"), ==, 400);
        CHECK_STR(field(&f, "code"), ==, "InvalidBodyContent");
        http_headers_set(&f.send, "Content-Type", "application/x-www-form-urlencoded");
        CHECK_INT(ask(&f, "POST", P "/stacks", "name=form&description=a+b"), ==, 201);
        CHECK_STR(field(&f, "description"), ==, "a b");
        CHECK_INT(ask(&f, "POST", P "/stacks", "{\"name\":\"json\"}"), ==, 201);        /* curl -d calls JSON a form too */
        fix_done(&f);
}

TEST(a_key_of_an_environment_names_it) {
        struct api_fix f = fix_with_callers();
        open_api(&f);
        CHECK_INT(ask(&f, "POST", P "/apikeys", "{\"name\":\"k\"}"), ==, 201);
        auto_free char *access = dr_xstrdup(field(&f, "publicValue"));
        fix_settle(&f);
        http_headers_add(&f.send, "X-API-Client-Access-Key", access);
        CHECK_INT(ask(&f, "POST", "/v2-beta/stacks", "{\"name\":\"web\"}"), ==, 201);
        CHECK_STR(field(&f, "accountId"), ==, "1a5");
        fix_done(&f);
}

TEST(links_of_what_is_removed_and_of_processes_that_ended_lead_on) {
        struct api_fix f = fix_with_callers();
        open_api(&f);
        CHECK_INT(ask(&f, "POST", P "/stacks", "{\"name\":\"web\"}"), ==, 201);
        fix_settle(&f);
        CHECK_INT(ask(&f, "DELETE", P "/stacks/1st1", NULL), ==, 200);
        fix_settle(&f);
        CHECK_INT(ask(&f, "GET", P "/stacks/1st1/account", NULL), ==, 200);
        CHECK_STR(field(&f, "id"), ==, "1a5");
        CHECK_INT(ask(&f, "GET", "/v2-beta/processinstances?processName=stack.create", NULL), ==, 200);
        CHECK_INT(rows(&f), ==, 1);
        auto_free char *url = dr_xasprintf("/v2-beta/processinstances/%s/account", json_str(row(&f, 0), "id", ""));
        CHECK_INT(ask(&f, "GET", url, NULL), ==, 200);
        fix_done(&f);
}

TEST(fields_are_documented) {
        struct api_fix f = fix_with_callers();
        open_api(&f);
        CHECK_INT(ask(&f, "GET", P "/typedocumentations/service", NULL), ==, 200);
        CHECK_STR(field(&f, "id"), ==, "service");
        CHECK(strstr(json_str(json_get(json_get(f.body, "resourceFields"), "name"), "description", ""), "63 characters or less"));
        CHECK_INT(ask(&f, "GET", P "/typedocumentations/nothing", NULL), ==, 404);
        fix_done(&f);
}

TEST_MAIN("server/types")
