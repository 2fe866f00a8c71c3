#include "check.h"
#include "cmd/drover/waiter.h"

static struct json_object *parse(const char *text) {
        struct json_object *o = NULL;
        assert(json_parse(text, strlen(text), 1 << 20, &o, NULL) == 0);
        return o;
}

TEST(the_verdict_follows_state_health_and_transition) {
        static const struct { const char *text, *state; bool up; enum wait_verdict verdict; } rows[] = {
                { "{\"type\":\"service\",\"state\":\"active\",\"transitioning\":\"no\"}", NULL, false, WAIT_DONE },
                { "{\"type\":\"service\",\"state\":\"activating\",\"transitioning\":\"yes\"}", NULL, false, WAIT_AGAIN },
                { "{\"type\":\"service\",\"state\":\"inactive\",\"transitioning\":\"no\"}", NULL, false, WAIT_DONE },
                { "{\"type\":\"service\",\"state\":\"requested\",\"transitioning\":\"no\"}", NULL, false, WAIT_AGAIN },
                { "{\"type\":\"service\",\"state\":\"activating\",\"transitioning\":\"error\"}", NULL, false, WAIT_ERROR },
                { "{\"type\":\"container\",\"state\":\"error\",\"transitioning\":\"no\"}", NULL, false, WAIT_ERROR },
                { "{\"type\":\"container\",\"state\":\"removed\"}", NULL, false, WAIT_DONE },
                { "{\"type\":\"container\",\"state\":\"removed\"}", "removed", false, WAIT_DONE },
                { "{\"type\":\"container\",\"state\":\"removed\"}", "running", false, WAIT_ERROR },
                { "{\"type\":\"service\",\"state\":\"active\",\"healthState\":\"degraded\"}", "healthy", false, WAIT_AGAIN },
                { "{\"type\":\"service\",\"state\":\"active\",\"healthState\":\"healthy\"}", "healthy", false, WAIT_DONE },
                { "{\"type\":\"service\",\"state\":\"active\",\"healthState\":\"healthy\"}", "active", false, WAIT_DONE },
                { "{\"type\":\"service\",\"state\":\"inactive\",\"healthState\":\"healthy\"}", "healthy", false, WAIT_AGAIN },
                { "{\"type\":\"service\",\"state\":\"active\",\"healthState\":\"unhealthy\"}", NULL, true, WAIT_AGAIN },
                { "{\"type\":\"service\",\"state\":\"active\",\"healthState\":\"started-once\"}", NULL, true, WAIT_DONE },
                { "{\"type\":\"loadBalancerService\",\"state\":\"active\",\"healthState\":\"initializing\"}", NULL, true, WAIT_AGAIN },
                { "{\"type\":\"service\",\"state\":\"inactive\",\"healthState\":\"healthy\"}", NULL, true, WAIT_AGAIN },
                { "{\"type\":\"service\",\"state\":\"active\"}", NULL, true, WAIT_DONE },
                { "{\"type\":\"service\",\"state\":\"removed\"}", NULL, true, WAIT_ERROR },
                { "{\"type\":\"host\",\"state\":\"active\",\"agentState\":\"reconnecting\"}", "reconnecting", false, WAIT_DONE },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                AUTO(json_free) struct json_object *o = parse(rows[i].text);
                enum wait_verdict v = waiter_judge(o, rows[i].state, rows[i].up);
                if (v != rows[i].verdict)
                        print_error("row %zu: %s\n", i, rows[i].text);
                CHECK_INT(v, ==, rows[i].verdict);
        }
}

TEST(the_description_counts_containers_and_quotes_what_holds_it_up) {
        static const struct { const char *text, *wanted; } rows[] = {
                { "{\"type\":\"service\",\"state\":\"activating\",\"transitioning\":\"yes\",\"transitioningMessage\":\"pulling\",\"scale\":3,\"instanceIds\":[\"1i1\"]}",
                  "activating 1/3: pulling" },
                { "{\"type\":\"service\",\"state\":\"active\",\"healthState\":\"healthy\",\"transitioning\":\"no\",\"transitioningMessage\":\"old\",\"scale\":2,"
                  "\"instanceIds\":[\"1i1\",\"1i2\"]}", "healthy 2/2" },
                { "{\"type\":\"service\",\"state\":\"active\",\"scale\":1,\"instanceIds\":[\"1i1\",\"1i2\"],"
                  "\"launchConfig\":{\"labels\":{\"io.rancher.scheduler.global\":\"true\"}}}", "active 2" },
                { "{\"type\":\"host\",\"state\":\"active\",\"agentState\":\"reconnecting\"}", "reconnecting" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                AUTO(json_free) struct json_object *o = parse(rows[i].text);
                auto_free char *s = waiter_describe(o);
                CHECK_STR(s, ==, rows[i].wanted);
        }
}

TEST(ids_tell_their_type_and_types_their_names) {
        static const struct { const char *id; int type; } rows[] = {
                { "1s5", RES_SERVICE }, { "1st5", RES_STACK }, { "1i12", RES_CONTAINER }, { "1h1", RES_HOST }, { "1a5", RES_PROJECT }, { "1v3", RES_VOLUME },
                { "1x5", -EINVAL }, { "web", -EINVAL }, { "1s", -EINVAL }, { "15", -EINVAL }, { "1s5a", -EINVAL }, { "2s5", -EINVAL }, { "", -EINVAL },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                CHECK_INT(res_type_of_id(rows[i].id), ==, rows[i].type);
        for (int t = 0; t < RES_TYPE_MAX; t++) {
                CHECK_INT(res_type_from_string(res_type_to_string((enum res_type) t)), ==, t);
                CHECK_INT(res_type_from_string(res_type_plural((enum res_type) t)), ==, t);
        }
        CHECK(res_type_to_string(RES_TYPE_MAX) == NULL);
        CHECK_INT(res_type_from_string("environment"), ==, RES_PROJECT);
        CHECK_INT(res_type_from_string("pod"), ==, -EINVAL);
}

TEST_MAIN("cmd/waiter")
