#include "check.h"
#include "formats/json.h"
#include "model/record.h"

TEST(equal_texts_are_one_object_until_the_last_reference_goes) {
        size_t before = text_count();
        struct text *a = text_get("launch", 6), *b = text_get("launchX", 6), *c = text_get("other", 5);
        CHECK(a == b);
        CHECK(a != c);
        CHECK_INT(text_count(), ==, before + 2);
        text_unref(a);
        CHECK_STR(b->s, ==, "launch");
        CHECK_INT(text_count(), ==, before + 2);
        text_unref(b);
        text_unref(c);
        CHECK_INT(text_count(), ==, before);
}

TEST(many_texts_stay_findable_while_the_table_grows) {
        size_t before = text_count();
        enum { N = 5000 };
        static struct text *t[N];
        char s[32];
        for (int i = 0; i < N; i++) {
                snprintf(s, sizeof s, "text-%d", i);
                t[i] = text_get(s, strlen(s));
        }
        CHECK_INT(text_count(), ==, before + N);
        for (int i = 0; i < N; i++) {
                snprintf(s, sizeof s, "text-%d", i);
                struct text *again = text_get(s, strlen(s));
                CHECK(again == t[i]);
                text_unref(again);
                text_unref(t[i]);
        }
        CHECK_INT(text_count(), ==, before);
}

TEST(json_values_are_equal_whatever_the_order_of_their_keys) {
        AUTO(json_free) struct json_object *a = NULL, *b = NULL;
        CHECK_INT(json_parse("{\"a\":1,\"b\":[2]}", 15, 100, &a, NULL), ==, 0);
        CHECK_INT(json_parse("{ \"b\":[2], \"a\":1 }", 18, 100, &b, NULL), ==, 0);
        auto_value struct value x = value_json(a), y = value_json(b);
        CHECK(value_eq(x, y));
        CHECK_INT(json_int(text_json(x.t), "a", 0), ==, 1);
        CHECK(text_json(x.t) == text_json(y.t));
}

TEST(values_of_different_tags_are_not_equal) {
        auto_value struct value s = value_str("1");
        CHECK(!value_eq(value_int(1), value_bool(true)));
        CHECK(!value_eq(value_int(1), s));
        CHECK(!value_eq(value_null(), value_int(0)));
        CHECK(value_eq(value_null(), value_str(NULL)));
        CHECK(value_eq(value_float(1.5), value_float(1.5)));
        CHECK(!value_eq(value_bool(false), value_bool(true)));
}

TEST(a_record_reads_back_what_was_put_whatever_the_order) {
        size_t before = text_count();
        struct record *r = record_new(T_instance, T_container, 5);
        record_put(r, F_uuid, value_str("x"));
        record_put(r, F_accountId, value_int(7));
        record_put(r, F_name, value_str("web"));
        record_put(r, F_privileged, value_bool(true));
        record_put(r, F_name, value_str("web-2"));
        for (unsigned i = 1; i < r->n; i++)
                CHECK_INT(r->slots[i - 1].field, <, r->slots[i].field);
        CHECK_STR(record_name(r), ==, "web-2");
        CHECK_INT(record_int(r, F_accountId), ==, 7);
        CHECK(record_bool(r, F_privileged));
        CHECK(record_value(r, F_privileged).b);
        CHECK_INT(record_int_or(r, F_memory, -1), ==, -1);
        CHECK(record_str(r, F_accountId) == NULL);
        record_put(r, F_accountId, value_null());
        CHECK(!record_has(r, F_accountId));
        CHECK_INT(r->n, ==, 3);
        record_free(r);
        CHECK_INT(text_count(), ==, before);
}

TEST(a_copy_shares_texts_and_outlives_the_original) {
        size_t before = text_count();
        struct record *r = record_new(T_instance, T_container, 5);
        record_put(r, F_name, value_str("web"));
        r->run = dr_xnew(struct run);
        r->run->error = text_get("boom", 4);
        struct record *c = record_copy(r);
        CHECK(record_text(c, F_name) == record_text(r, F_name));
        record_put(c, F_memory, value_int(1));
        CHECK(!record_has(r, F_memory));
        record_free(r);
        CHECK_STR(record_name(c), ==, "web");
        CHECK_STR(c->run->error->s, ==, "boom");
        record_free(c);
        CHECK_INT(text_count(), ==, before);
}

TEST(swapping_content_keeps_undo_where_it_was) {
        struct record *a = record_new(T_instance, T_container, 5), *b = record_new(T_instance, T_container, 5);
        int mark;
        a->undo = &mark;
        record_put(a, F_name, value_str("a"));
        record_put(b, F_name, value_str("b"));
        b->state = S_running;
        record_swap_content(a, b);
        CHECK_STR(record_name(a), ==, "b");
        CHECK_STR(record_name(b), ==, "a");
        CHECK_INT(a->state, ==, S_running);
        CHECK(a->undo == &mark && b->undo == NULL);
        record_free(a);
        record_free(b);
}

TEST(uuids_are_kept_as_bytes_and_other_names_as_text) {
        struct record *r = record_new(T_account, T_account, 1);
        char buf[RECORD_UUID_MAX];
        record_set_uuid(r, "0d4f6bb6-1c39-4a9f-9c8e-0123456789ab");
        CHECK(!record_has(r, F_uuid));
        CHECK_STR(record_uuid(r, buf), ==, "0d4f6bb6-1c39-4a9f-9c8e-0123456789ab");
        record_set_uuid(r, "adminProject");
        CHECK_STR(record_uuid(r, buf), ==, "adminProject");
        record_set_uuid(r, "0D4F6BB6-1c39-4a9f-9c8e-0123456789ab");
        CHECK_STR(record_uuid(r, buf), ==, "0D4F6BB6-1c39-4a9f-9c8e-0123456789ab");
        record_free(r);
}

TEST_MAIN("model/record")
