/* Placement, rule by rule (orchestration.md 3); numbers are its acceptance scenarios. */
#include "engine/place.h"
#include "formats/json.h"

#include "check.h"

static struct world *w;
static struct rng rng;

static bool usable(void *arg, const struct record *h) {
        (void) arg;
        return h->state == S_active;
}
static struct value json(const char *text) {
        AUTO(json_free) struct json_object *o = NULL;
        CHECK_INT(json_parse(text, strlen(text), 1 << 20, &o, NULL), ==, 0);
        return value_json(o);
}
static struct record *host(const char *labels) {
        struct record *h = record_new(T_host, T_host, world_next_id(w, T_host));
        h->state = S_active;
        h->account_id = 5;
        if (labels)
                record_put(h, F_labels, json(labels));
        world_insert(w, h);
        return h;
}
static struct record *container(const char *name, const struct record *on, const char *lc) {
        struct record *i = record_new(T_instance, T_container, world_next_id(w, T_instance));
        i->state = on ? S_running : S_creating;
        i->account_id = 5;
        rng_seed(&rng, (uint64_t) i->id);
        uuid_make(&rng, &i->uuid);
        record_put(i, F_name, value_str(name));
        if (on)
                record_put(i, F_hostId, value_int(on->id));
        record_put(i, F_launchConfigText, json(lc));
        world_insert(w, i);
        return i;
}
static int place(struct record *i, struct record **ret, struct dr_error *err) {
        struct place_request req = { .world = w, .rng = &rng, .usable = usable };
        vec_push(&req.instances, i);
        int r = place_unit(&req, ret, err);
        vec_done(&req.instances);
        return r;
}
static void begin(void) {
        w = world_new();
        rng_seed(&rng, 7);
}
static void end(void) {
        w = world_free(w);
        CHECK_INT(text_count(), ==, 0);
}
#define PLACED_ON(i, h) do { struct record *on_ = NULL; struct dr_error e_ = { 0 }; CHECK_OK(place((i), &on_, &e_), &e_); CHECK(on_ == (h)); } while (0)
#define REFUSED(i, text) do { struct record *on_; struct dr_error e_; CHECK_INT(place((i), &on_, &e_), <, 0); CHECK_STR(e_.message, ==, (text)); } while (0)

TEST(s56_without_a_usable_host_it_says_so) {
        begin();
        host(NULL)->state = S_inactive;
        REFUSED(container("a", NULL, "{}"), "No healthy hosts with sufficient resources available");
        end();
}
TEST(the_host_with_the_fewest_containers_is_taken) {
        begin();
        struct record *a = host(NULL), *b = host(NULL), *c = host(NULL);
        container("1", a, "{}");
        container("2", c, "{}");
        PLACED_ON(container("x", NULL, "{}"), b);
        end();
}
TEST(s57_a_published_port_is_there_once_per_address_and_protocol) {
        begin();
        struct record *h = host(NULL);
        container("1", h, "{\"ports\":[\"8081:81/tcp\"]}");
        REFUSED(container("2", NULL, "{\"ports\":[\"8081:81/tcp\"]}"), "host needs ports 8081/tcp available");
        PLACED_ON(container("3", NULL, "{\"ports\":[\"8081:81/udp\"]}"), h);
        PLACED_ON(container("4", NULL, "{\"ports\":[\"127.2.2.2:8081:81/tcp\"]}"), h);
        PLACED_ON(container("5", NULL, "{\"ports\":[\"8081:81/tcp\"],\"requestedHostId\":1}"), h);
        end();
}
TEST(s59_host_labels_must_must_not_should) {
        begin();
        struct record *huge = host("{\"size\":\"Huge\"}"), *tiny = host("{\"size\":\"tiny\"}");
#define LABEL(kind, value) "{\"labels\":{\"io.rancher.scheduler.affinity:" kind "\":\"" value "\"}}"
        PLACED_ON(container("1", NULL, LABEL("host_label", "size=huge")), huge);
        PLACED_ON(container("2", NULL, LABEL("host_label_ne", "size=huge")), tiny);
        REFUSED(container("3", NULL, LABEL("host_label", "size=none")), "needs host with label size: none");
        struct record *on = NULL;
        struct dr_error err = { 0 };
        CHECK_OK(place(container("4", NULL, LABEL("host_label_soft", "size=none")), &on, &err), &err);
        CHECK(on);
        PLACED_ON(container("5", NULL, LABEL("host_label_soft", "size=tiny")), tiny);
        PLACED_ON(container("6", NULL, "{\"environment\":{\"constraint:size==tiny\":\"\"}}"), tiny);
        end();
}
TEST(s62_container_affinity_by_name) {
        begin();
        struct record *a = host(NULL), *b = host(NULL);
        container("c1", a, "{}");
        PLACED_ON(container("2", NULL, LABEL("container", "C1")), a);
        PLACED_ON(container("3", NULL, LABEL("container_ne", "c1")), b);
        PLACED_ON(container("4", NULL, "{\"environment\":{\"affinity:container!=c1\":\"\"}}"), b);
        end();
}
TEST(a_member_that_has_a_host_binds_its_unit_to_it) {
        begin();
        struct record *a = host(NULL), *b = host(NULL);
        container("x", b, "{}");
        struct place_request req = { .world = w, .rng = &rng, .usable = usable };
        vec_push(&req.instances, container("one", b, "{}"));
        vec_push(&req.instances, container("two", NULL, "{}"));
        struct record *on = NULL;
        struct dr_error err = { 0 };
        CHECK_OK(place_unit(&req, &on, &err), &err);
        CHECK(on == b && on != a);
        b->state = S_inactive;
        CHECK_INT(place_unit(&req, &on, &err), <, 0);
        CHECK_STR(err.message, ==, "valid host(s) [2]");
        vec_done(&req.instances);
        end();
}
TEST(s58_one_port_twice_in_a_unit_is_refused) {
        begin();
        host(NULL);
        struct place_request req = { .world = w, .rng = &rng, .usable = usable };
        vec_push(&req.instances, container("one", NULL, "{\"ports\":[\"5555:1/tcp\"]}"));
        vec_push(&req.instances, container("two", NULL, "{\"ports\":[\"5555:2/tcp\"]}"));
        struct record *on = NULL;
        struct dr_error err;
        CHECK_INT(place_unit(&req, &on, &err), <, 0);
        CHECK_STR(err.message, ==, "Port 5555/tcp requested more than once.");
        vec_done(&req.instances);
        end();
}
TEST_MAIN("engine/place")
