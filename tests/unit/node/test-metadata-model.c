#include "check.h"

#include "base/rng.h"
#include "base/sbuf.h"
#include "node/metadata/render.h"

enum { BODY_BYTES_MAX = 8 << 20 };

static const char *const versions[MD_VERSION_MAX] = { "2015-07-25", "2015-12-19", "2016-07-29" };

static int apply(struct mdata *m, const char *text) {
        struct dr_error err = { 0 };
        return mdata_apply_text(m, text, strlen(text), &err);
}

/* Random worlds --------------------------------------------------------------------------------------------------- */

static const char *const names[] = { "web", "Web", "WEB", "db", "Ärger", "ärger", "u-1", "0", "x/y z" };
static const char *some_name(struct rng *r) { return names[rng_below(r, ARRAY_LEN(names))]; }

static void write_container(struct rng *r, struct sbuf *b) {
        static const char *const states[] = { "running", "stopped", "starting", "removed" };
        unsigned u = (unsigned) rng_below(r, 6);
        sbuf_printf(b, "\"container/u-%u\":{\"uuid\":\"u-%u\",\"name\":\"%s\",\"state\":\"%s\",\"host_uuid\":\"u-%u\",\"network_uuid\":\"u-%u\",", u, u, some_name(r),
                    states[rng_below(r, 4)], (unsigned) rng_below(r, 3), (unsigned) rng_below(r, 3));
        if (rng_chance(r, 700))
                sbuf_printf(b, "\"primary_ip\":\"10.0.0.%u\",", (unsigned) rng_below(r, 4));
        if (rng_chance(r, 200))
                sbuf_printf(b, "\"network_from_container_uuid\":\"u-%u\",", (unsigned) rng_below(r, 6));
        if (rng_chance(r, 500))
                sbuf_printf(b, "\"labels\":{\"io.rancher.stack_service.name\":\"%s/%s\"},", some_name(r), some_name(r));
        sbuf_printf(b, "\"host_ip\":\"192.168.0.1\",\"ports\":[\"%u:80/tcp\",\"0.0.0.0:1:2/udp\",\"1.2.3.4:5:6\"]}", (unsigned) rng_below(r, 9));
}

static void write_service(struct rng *r, struct sbuf *b) {
        unsigned u = (unsigned) rng_below(r, 3), stack = (unsigned) rng_below(r, 3);
        const char *primary = some_name(r), *name = rng_chance(r, 500) ? primary : some_name(r);
        sbuf_printf(b, str_eq(name, primary) ? "\"service/u-%u\"" : "\"service/u-%u/%s\"", u, name);
        sbuf_printf(b, ":{\"uuid\":\"u-%u\",\"name\":\"%s\",\"primary_service_name\":\"%s\",\"stack_name\":\"%s\",\"stack_uuid\":\"u-%u\",\"token\":\"t-%u\","
                    "\"sidekicks\":[%s]}", u, name, primary, some_name(r), stack, u, rng_chance(r, 500) ? "\"Side\"" : "");
}

static void write_link(struct rng *r, struct sbuf *b) {
        unsigned a = (unsigned) rng_below(r, 3), c = (unsigned) rng_below(r, 6), k = (unsigned) rng_below(r, 3);
        const char *name = some_name(r);
        switch (rng_below(r, 4)) {
        case 0:
                sbuf_printf(b, "\"serviceLink/u-%u/S/%u\":{\"service_uuid\":\"u-%u\",\"key\":\"S/%u\",\"value\":\"%s\"}", a, k, a, k, name);
                break;
        case 1:
                sbuf_printf(b, "\"containerLink/u-%u/L%u\":{\"container_uuid\":\"u-%u\",\"key\":\"L%u\",\"value\":\"u-%u\"}", c, k, c, k, a);
                break;
        default:
                sbuf_printf(b, "\"serviceContainerLink/u-%u/%s/u-%u\":{\"service_uuid\":\"u-%u\",\"service_name\":\"%s\",\"container_uuid\":\"u-%u\"}", a, name, c, a, name, c);
                break;
        }
}

static void write_plain(struct rng *r, struct sbuf *b) {
        static const char *const kinds[] = { "stack", "host", "network" };
        const char *kind = kinds[rng_below(r, 3)];
        unsigned u = (unsigned) rng_below(r, 3);
        sbuf_printf(b, "\"%s/u-%u\":{\"uuid\":\"u-%u\",\"name\":\"%s\",\"hostId\":%u}", kind, u, u, some_name(r), (unsigned) rng_below(r, 9));
}

/* Topic 0 has what an environment has, the others containers and links. */
static void write_object(struct rng *r, unsigned topic, struct sbuf *b) {
        if (topic && rng_chance(r, 500))
                write_container(r, b);
        else if (topic)
                write_link(r, b);
        else if (rng_chance(r, 100))
                sbuf_printf(b, "\"defaultData\":{\"version\":\"%u\",\"self\":{\"host\":{\"uuid\":\"u-%u\",\"name\":\"n\"}}}", (unsigned) rng_below(r, 9), (unsigned) rng_below(r, 3));
        else if (rng_chance(r, 500))
                write_service(r, b);
        else
                write_plain(r, b);
}

static void write_dels(struct rng *r, const struct mdata *m, struct sbuf *b) {
        unsigned written = 0;
        for (enum md_kind k = 0; k <= MD_NETWORK; k++)
                for (size_t i = 0; i < mdata_list(m, k)->n; i++)
                        if (rng_chance(r, 100)) {
                                const char *key = mdata_list(m, k)->v[i]->key;
                                sbuf_puts(b, written++ ? "," : "");
                                sbuf_json_string(b, key, strlen(key));
                        }
}

/* One random message; revs: revision of each topic, 0 when it is not there; partial: a snapshot of it is being sent. */
enum { TOPICS = 4 };
static void random_message(struct rng *r, const struct mdata *m, unsigned *revs, bool *partial, struct sbuf *b) {
        static const char *const topics[TOPICS] = { "env", "stack/u-0", "stack/-", "remote/far/env" };
        unsigned t = (unsigned) rng_below(r, TOPICS), base = rng_chance(r, 850) ? revs[t] : 0;
        sbuf_printf(b, "{\"topic\":\"%s\",", topics[t]);
        if (rng_chance(r, 20)) {
                sbuf_puts(b, "\"gone\":true}");
                revs[t] = 0;
                partial[t] = false;
                return;
        }
        partial[t] = (base == 0 || partial[t]) && rng_chance(r, 300);
        sbuf_printf(b, "\"rev\":%u,\"base\":%u,\"more\":%s,\"set\":{", ++revs[t], base, partial[t] ? "true" : "false");
        for (uint64_t i = 0, n = rng_below(r, base ? 4 : 20); i < n; i++) {
                if (i)
                        sbuf_putc(b, ',');
                write_object(r, t % 3, b);
        }
        sbuf_puts(b, "},\"del\":[");
        write_dels(r, m, b);
        sbuf_puts(b, "]}");
}

/* What clients see ------------------------------------------------------------------------------------------------ */

static void look(struct md_tree *t, enum md_version v, const char *address, enum md_format f, struct sbuf *ret) {
        static const char *const keys[] = { "containers", "services", "stacks", "hosts", "networks", "self", "environments" };
        struct md_node root, n;
        if (!md_tree_root(t, v, address, &root))
                return;
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
                if (md_node_step(&root, keys[i], &n)) {
                        sbuf_printf(ret, "\n%s %s %s: ", versions[v], address, keys[i]);
                        md_render(&n, f, ret);
                }
}

static void look_at_all(struct md_tree *t, struct sbuf *ret) {
        static const char *const addresses[] = { "10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.9.9.9" };
        sbuf_reset(ret);
        for (enum md_version v = 0; v < MD_VERSION_MAX; v++)
                for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
                        look(t, v, addresses[i], MD_JSON, ret);
        look(t, MD_V3, "10.0.0.1", MD_TEXT, ret);
        look(t, MD_V1, "10.0.0.1", MD_YAML, ret);
        CHECK(sbuf_ok(ret));
}

/* The first element called seg, the slow way. */
static const char *first_called(const struct md_node *list, const char *seg) {
        const char *ret = NULL;
        md_children children = { 0 };
        md_node_children(list, &children);
        for (size_t i = 0; i < children.n && !ret; i++) {
                struct md_node name, uuid;
                if (!md_node_step(&children.v[i].node, "name", &name) || !md_node_step(&children.v[i].node, "uuid", &uuid))
                        continue;
                if (str_eq(json_object_get_string(name.json), seg) || str_eq(json_object_get_string(uuid.json), seg))
                        ret = children.v[i].node.object->key;
        }
        vec_done(&children);
        return ret;
}

static void check_lookups(struct md_tree *t) {
        static const char *const lists[] = { "containers", "stacks", "hosts", "networks" };
        for (enum md_version v = 0; v < MD_VERSION_MAX; v++)
                for (size_t i = 0; i < ARRAY_LEN(lists); i++)
                        for (size_t k = 0; k < ARRAY_LEN(names); k++) {
                                struct md_node root, list, found;
                                if (!md_tree_root(t, v, NULL, &root) || str_eq(names[k], "0"))          /* a number is an index */
                                        continue;
                                CHECK(md_node_step(&root, lists[i], &list));
                                const char *want = first_called(&list, names[k]);
                                bool got = md_node_step(&list, names[k], &found);
                                if (got != (want != NULL) || (got && !str_eq(found.object->key, want)))
                                        print_error("%s %s/%s: %s, not %s\n", versions[v], lists[i], names[k], got ? found.object->key : "none", want ? want : "none");
                                CHECK(got == (want != NULL));
                                CHECK(!got || str_eq(found.object->key, want));
                        }
}

static void run_world(uint64_t seed) {
        struct rng r;
        rng_seed(&r, seed);
        AUTO(mdata_free) struct mdata *m = mdata_new();
        AUTO(md_tree_free) struct md_tree *t = md_tree_new(m);
        unsigned revs[TOPICS] = { 0 };
        bool partial[TOPICS] = { 0 };
        auto_sbuf struct sbuf message = SBUF(1 << 20), dump = SBUF(BODY_BYTES_MAX), dump2 = SBUF(BODY_BYTES_MAX), here = SBUF(BODY_BYTES_MAX), there = SBUF(BODY_BYTES_MAX);
        for (int step = 0; step < 60; step++) {
                sbuf_reset(&message);
                random_message(&r, m, revs, partial, &message);
                struct dr_error err = { 0 };
                if (mdata_apply_text(m, sbuf_str(&message), message.len, &err) < 0)
                        print_error("seed %llu step %d: %s: %s\n", (unsigned long long) seed, step, err.message, sbuf_str(&message));
                CHECK(err.message[0] == 0);
                bool whole = true;
                for (size_t i = 0; i < TOPICS; i++)
                        whole &= !partial[i];
                look_at_all(t, &here);
                check_lookups(t);
                if (!whole)
                        continue;                       /* what a snapshot has not named yet is in no dump of its own */
                AUTO(mdata_free) struct mdata *again = mdata_new();
                AUTO(md_tree_free) struct md_tree *t2 = md_tree_new(again);
                sbuf_reset(&dump);
                mdata_dump(m, &dump);
                CHECK(mdata_become(again, m, &err) >= 0);
                sbuf_reset(&dump2);
                mdata_dump(again, &dump2);
                CHECK_STR(sbuf_str(&dump), ==, sbuf_str(&dump2));
                look_at_all(t2, &there);
                if (mdata_generation(again) && !str_eq(sbuf_str(&here), sbuf_str(&there)))
                        print_error("seed %llu step %d\nchanged: %s\nrebuilt: %s\n", (unsigned long long) seed, step, sbuf_str(&here), sbuf_str(&there));
                CHECK(!mdata_generation(again) || str_eq(sbuf_str(&here), sbuf_str(&there)));
        }
}

TEST(a_model_that_was_changed_step_by_step_shows_what_one_built_at_once_shows) {
        const char *seed = getenv("DROVER_TEST_SEED");
        for (uint64_t s = seed ? strtoull(seed, NULL, 10) : 1, last = seed ? s : 40; s <= last; s++)
                run_world(s);
}

/* Messages -------------------------------------------------------------------------------------------------------- */

TEST(a_message_that_does_not_follow_is_stale_and_changes_nothing) {
        AUTO(mdata_free) struct mdata *m = mdata_new();
        CHECK_INT(apply(m, "{\"topic\":\"env\",\"rev\":1,\"base\":0,\"set\":{\"host/h\":{\"uuid\":\"h\"}}}"), ==, 1);
        CHECK_INT(apply(m, "{\"topic\":\"env\",\"rev\":3,\"base\":2,\"del\":[\"host/h\"]}"), ==, -ESTALE);
        CHECK_INT(apply(m, "{\"topic\":\"stack/x\",\"rev\":3,\"base\":2}"), ==, -ESTALE);
        CHECK(mdata_by_key(m, "host/h"));
        CHECK_INT(mdata_generation(m), ==, 1);
}

TEST(a_snapshot_in_parts_takes_away_only_at_its_end) {
        AUTO(mdata_free) struct mdata *m = mdata_new();
        apply(m, "{\"topic\":\"env\",\"rev\":1,\"base\":0,\"set\":{\"host/a\":{\"uuid\":\"a\"},\"host/b\":{\"uuid\":\"b\"}}}");
        CHECK_INT(apply(m, "{\"topic\":\"env\",\"rev\":7,\"base\":0,\"more\":true,\"set\":{\"host/c\":{\"uuid\":\"c\"}}}"), ==, 1);
        CHECK(mdata_by_key(m, "host/a"));
        AUTO(json_free) struct json_object *revs = mdata_revisions(m);
        CHECK_INT(json_object_object_length(revs), ==, 0);      /* half a snapshot is nothing to go on from */
        CHECK_INT(apply(m, "{\"topic\":\"env\",\"rev\":7,\"base\":7,\"set\":{\"host/b\":{\"uuid\":\"b\"}}}"), ==, 1);
        CHECK(!mdata_by_key(m, "host/a"));
        CHECK(mdata_by_key(m, "host/b") && mdata_by_key(m, "host/c"));
}

TEST(the_same_data_again_is_no_new_generation) {
        AUTO(mdata_free) struct mdata *m = mdata_new();
        const char *snapshot = "{\"topic\":\"env\",\"rev\":1,\"base\":0,\"set\":{\"host/a\":{\"uuid\":\"a\",\"n\":[1,{\"b\":2.5,\"c\":null}]}}}";
        CHECK_INT(apply(m, snapshot), ==, 1);
        CHECK_INT(apply(m, snapshot), ==, 0);
        CHECK_INT(mdata_generation(m), ==, 1);
}

TEST(an_object_that_moves_to_another_topic_survives_the_end_of_the_first) {
        AUTO(mdata_free) struct mdata *m = mdata_new();
        apply(m, "{\"topic\":\"stack/-\",\"rev\":1,\"base\":0,\"set\":{\"container/a\":{\"uuid\":\"a\"}}}");
        apply(m, "{\"topic\":\"stack/s\",\"rev\":1,\"base\":0,\"set\":{\"container/a\":{\"uuid\":\"a\"}}}");
        CHECK_INT(apply(m, "{\"topic\":\"stack/-\",\"gone\":true}"), ==, 0);
        CHECK(mdata_by_key(m, "container/a"));
        CHECK_INT(apply(m, "{\"topic\":\"stack/s\",\"gone\":true}"), ==, 1);
        CHECK(!mdata_by_key(m, "container/a"));
}

TEST(bad_messages_are_refused_as_a_whole) {
        static const char *const rows[] = {
                "{}", "[]", "{\"topic\":\"\"}", "{\"topic\":\"env\",\"set\":[]}", "{\"topic\":\"env\",\"del\":{}}", "{\"topic\":\"env\",\"del\":[1]}",
                "{\"topic\":\"env\",\"set\":{\"host/a\":{\"uuid\":\"a\"},\"moon/b\":{}}}", "{\"topic\":\"env\",\"set\":{\"host/a\":{\"uuid\":\"b\"}}}",
                "{\"topic\":\"env\",\"set\":{\"host/a\":7}}", "{\"topic\":\"env\",\"set\":{\"service/a/b\":{\"uuid\":\"a\",\"name\":\"b\",\"primary_service_name\":\"b\"}}}",
                "{\"topic\":\"remote/x\"}", "{\"topic\":\"remote/a/remote/b/env\",\"set\":{\"host/a\":1}}", "{\"topic\":\"env\"", "{\"topic\":\"env\",\"set\":{\"container/\":{\"uuid\":\"\"}}}",
        };
        AUTO(mdata_free) struct mdata *m = mdata_new();
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                if (apply(m, rows[i]) >= 0)
                        print_error("taken: %s\n", rows[i]);
                CHECK_INT(apply(m, rows[i]), <, 0);
                CHECK(!mdata_by_key(m, "host/a"));
        }
        CHECK_INT(mdata_generation(m), ==, 0);
}

/* Who a client is ------------------------------------------------------------------------------------------------- */

TEST(of_containers_with_one_address_a_live_one_of_this_host_is_the_client) {
        AUTO(mdata_free) struct mdata *m = mdata_new();
        apply(m, "{\"topic\":\"env\",\"rev\":1,\"base\":0,\"set\":{\"defaultData\":{\"self\":{\"host\":{\"uuid\":\"here\"}}}}}");
        apply(m, "{\"topic\":\"stack/-\",\"rev\":1,\"base\":0,\"set\":{"
                 "\"container/a\":{\"uuid\":\"a\",\"name\":\"a\",\"primary_ip\":\"10.0.0.1\",\"state\":\"running\",\"host_uuid\":\"here\"},"
                 "\"container/b\":{\"uuid\":\"b\",\"name\":\"b\",\"primary_ip\":\"10.0.0.1\",\"state\":\"running\",\"host_uuid\":\"there\"},"
                 "\"container/c\":{\"uuid\":\"c\",\"name\":\"c\",\"primary_ip\":\"10.0.0.1\",\"state\":\"stopped\",\"host_uuid\":\"here\"}}}");
        CHECK_STR(mdata_container_by_source(m, "10.0.0.1")->uuid, ==, "a");
        apply(m, "{\"topic\":\"stack/-\",\"rev\":2,\"base\":1,\"del\":[\"container/a\"]}");
        CHECK_STR(mdata_container_by_source(m, "10.0.0.1")->uuid, ==, "b");
        apply(m, "{\"topic\":\"stack/-\",\"rev\":3,\"base\":2,\"del\":[\"container/b\"]}");
        CHECK_STR(mdata_container_by_source(m, "10.0.0.1")->uuid, ==, "c");
        CHECK(!mdata_container_by_source(m, "10.0.0.2"));
}

static int told[MD_REMOVED + 1];
static void count(struct mdata *m, struct md_object *o, enum md_change what, void *arg) {
        if (str_eq(o->key, arg))
                told[what]++;
}

TEST(a_service_is_told_of_what_its_containers_do) {
        AUTO(mdata_free) struct mdata *m = mdata_new();
        memset(told, 0, sizeof told);
        mdata_observe(m, count, (void *) "service/s");
        apply(m, "{\"topic\":\"env\",\"rev\":1,\"base\":0,\"set\":{\"service/s\":{\"uuid\":\"s\",\"name\":\"s\"}}}");
        CHECK_INT(told[MD_ADDED], ==, 1);
        apply(m, "{\"topic\":\"stack/-\",\"rev\":1,\"base\":0,\"set\":{\"container/c\":{\"uuid\":\"c\"},"
                 "\"serviceContainerLink/s/s/c\":{\"service_uuid\":\"s\",\"service_name\":\"s\",\"container_uuid\":\"c\"}}}");
        CHECK_INT(told[MD_NEIGHBOUR], >, 0);
        int before = told[MD_NEIGHBOUR];
        apply(m, "{\"topic\":\"stack/-\",\"rev\":2,\"base\":1,\"set\":{\"container/c\":{\"uuid\":\"c\",\"state\":\"running\"}}}");
        CHECK_INT(told[MD_NEIGHBOUR], >, before);
        CHECK_INT(told[MD_CHANGED], ==, 0);
        apply(m, "{\"topic\":\"env\",\"rev\":2,\"base\":1,\"del\":[\"service/s\"]}");
        CHECK_INT(told[MD_REMOVED], ==, 1);
}

/* Text ------------------------------------------------------------------------------------------------------------ */

TEST(names_are_lowered_as_unicode_has_it) {
        static const struct { const char *in, *out; } rows[] = {
                { "", "" }, { "Web-1_Z", "web-1_z" }, { "ÄÖÜß", "äöüß" }, { "ЖЯ", "жя" }, { "ΑΣ", "ασ" }, { "Ⱥ", "ⱥ" }, { "日本", "日本" }, { "\xff" "A", "\xff" "a" }, { "𐐀", "𐐨" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_free char *got = md_lower(rows[i].in);
                CHECK_STR(got, ==, rows[i].out);
        }
}

TEST(accept_headers_choose_the_format_that_rfc_7231_says) {
        static const struct { const char *accept; enum md_format f; } rows[] = {
                { NULL, MD_TEXT }, { "", MD_TEXT }, { "*/*", MD_TEXT }, { "text/html", MD_TEXT }, { "application/json", MD_JSON }, { "APPLICATION/JSON", MD_JSON },
                { "application/json;charset=utf-8", MD_JSON }, { "application/*", MD_JSON }, { "text/*", MD_TEXT }, { "application/json, text/plain", MD_TEXT },
                { "application/json, */*;q=0.1", MD_JSON }, { "text/plain;q=0.5, application/yaml;q=0.6", MD_YAML }, { "application/json;q=0", MD_TEXT },
                { "text/x-yaml", MD_YAML }, { "application/json; a=b ;q=0.1, text/yaml; Q=0.2", MD_YAML }, { ",,;q=,/;,application/json;q=x", MD_TEXT },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                if (md_format_negotiate(rows[i].accept) != rows[i].f)
                        print_error("Accept: %s\n", rows[i].accept);
                CHECK_INT(md_format_negotiate(rows[i].accept), ==, rows[i].f);
        }
}

TEST(floats_are_written_as_upstream_writes_them) {
        static const struct { double v; const char *plain, *json; } rows[] = {
                { 1.5, "1.5", "1.5" }, { 2, "2", "2" }, { 1e30, "1e+30", "1e+30" }, { 1e-9, "1e-09", "1e-9" }, { -0.25, "-0.25", "-0.25" }, { 0, "0", "0" },
                { 1e6, "1e+06", "1000000" }, { 123456, "123456", "123456" }, { 1e20, "1e+20", "100000000000000000000" }, { 0.00001, "1e-05", "0.00001" },
                { 0.1 + 0.2, "0.30000000000000004", "0.30000000000000004" }, { 1.7976931348623157e308, "1.7976931348623157e+308", "1.7976931348623157e+308" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_sbuf struct sbuf plain = SBUF(100), json = SBUF(100);
                md_float(rows[i].v, &plain);
                md_float_json(rows[i].v, &json);
                CHECK_STR(sbuf_str(&plain), ==, rows[i].plain);
                CHECK_STR(sbuf_str(&json), ==, rows[i].json);
        }
}

static void yaml_of(const char *json, struct sbuf *ret) {
        AUTO(json_free) struct json_object *o = NULL;
        struct dr_error err;
        CHECK_OK(json_parse(json, strlen(json), 1 << 20, &o, &err), &err);
        struct md_node n = { .type = MD_NODE_JSON, .json = o };
        md_render(&n, MD_YAML, ret);
}

TEST(yaml_is_what_the_original_library_writes) {
        static const struct { const char *json, *yaml; } rows[] = {
                { "\"1\"", "\"1\"\n" }, { "\"\"", "\"\"\n" }, { "\"yes\"", "\"yes\"\n" }, { "\"a: b\"", "'a: b'\n" }, { "\"- x\"", "'- x'\n" }, { "\"-x\"", "-x\n" }, { "\" x\"", "' x'\n" },
                { "\"it's #1 #\"", "'it''s #1 #'\n" }, { "\"1:30\"", "\"1:30\"\n" }, { "\"a\\tb\"", "\"a\\tb\"\n" }, { "\"a\\nb\"", "|-\n  a\n  b\n" }, { "\"a\\n\\n\"", "|+\n  a\n\n" },
                { "[]", "[]\n" }, { "{}", "{}\n" }, { "[[1,2],[]]", "- - 1\n  - 2\n- []\n" }, { "{\"a\":{\"b\":[{\"c\":1,\"d\":{}}]}}", "a:\n  b:\n  - c: 1\n    d: {}\n" },
                { "{\"a10\":1,\"a9\":2,\"b\":null}", "a9: 2\na10: 1\nb: null\n" }, { "{\"a\":\"x\\ny\\n\"}", "a: |\n  x\n  y\n" }, { "18446744073709551615", "18446744073709551615\n" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_sbuf struct sbuf b = SBUF(1000);
                yaml_of(rows[i].json, &b);
                CHECK_STR(sbuf_str(&b), ==, rows[i].yaml);
        }
}

TEST_MAIN("node/metadata-model")
