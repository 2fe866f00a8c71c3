/* What every store promises: the same bodies run on each kind. */
#include "store-fixture.h"

static void rows_survive(enum kind kind) {
        struct fix f = fix_new(kind);
        struct store_batch *b = store_batch_new(1);
        add(b, STORE_PUT, "service", 2, "{\"a\":1}");
        add(b, STORE_PUT, "instance", 10, "{}");
        add(b, STORE_PUT, "instance", 9, "{\"name\":\"q\\u0000\"}");
        add(b, STORE_PUT, "instance", 11, "gone");
        add(b, STORE_BLOB_PUT, "blob", 7, "long text");
        add(b, STORE_BLOB_PUT, "blob", 8, "gone");
        add(b, STORE_META_PUT, "next.instance", 0, "12");
        submit(&f, b);
        b = store_batch_new(2);
        add(b, STORE_PUT, "service", 2, "{\"a\":2}");
        add(b, STORE_DELETE, "instance", 11, NULL);
        add(b, STORE_BLOB_DELETE, "blob", 8, NULL);
        add(b, STORE_META_PUT, "next.instance", 0, "13");
        submit(&f, b);
        fix_poll(&f);
        CHECK_INT(f.seqs.n, ==, 2);
        CHECK_INT(f.results.v[0], ==, STORE_OK);
        CHECK_INT(f.results.v[1], ==, STORE_OK);
        fix_reopen(&f);
        auto_free char *text = dump(&f);
        CHECK_STR(text, ==, "meta next.instance 13\nblob 7 long text\ninstance 9 {\"name\":\"q\\u0000\"}\ninstance 10 {}\nservice 2 {\"a\":2}\n");
        fix_done(&f);
}
TEST(rows_survive_a_reopen_in_memory) { rows_survive(KIND_MEM); }
TEST(rows_survive_a_reopen_in_sqlite) { rows_survive(KIND_SQLITE); }

static void answers_in_order(enum kind kind) {
        struct fix f = fix_new(kind);
        for (uint64_t i = 1; i <= 200; i++)
                submit_put(&f, i, "instance", 1, "x");
        fix_poll(&f);
        CHECK_INT(f.seqs.n, ==, 200);
        for (uint64_t i = 0; i < 200; i++)
                CHECK_INT(f.seqs.v[i], ==, i + 1);
        struct store_stats stats = f.store->ops->stats(f.store);
        CHECK_INT(stats.commits, ==, 200);
        CHECK_INT(stats.rows, ==, 200);
        CHECK_INT(stats.bytes, ==, 200);
        fix_done(&f);
}
TEST(batches_are_answered_in_the_order_submitted_in_memory) { answers_in_order(KIND_MEM); }
TEST(batches_are_answered_in_the_order_submitted_in_sqlite) { answers_in_order(KIND_SQLITE); }

static void fails_until_recover(enum kind kind) {
        struct fix f = fix_new(kind);
        submit_put(&f, 1, "instance", 1, "kept");
        fix_poll(&f);
        fix_fail_next(&f);
        submit_put(&f, 2, "instance", 2, "failed");
        submit_put(&f, 3, "instance", 3, "stacked on it");
        fix_poll(&f);
        fix_heal(&f);
        submit_put(&f, 4, "instance", 4, "space is there again, but nobody recovered");
        fix_poll(&f);
        CHECK_INT(f.seqs.n, ==, 4);
        CHECK_INT(f.results.v[0], ==, STORE_OK);
        for (size_t i = 1; i < 4; i++)
                CHECK_INT(f.results.v[i], ==, STORE_FAILED);
        CHECK_STR(f.message, ==, "an earlier batch failed");
        submit_put(&f, 5, "instance", 5, "submitted before recover");
        f.store->ops->recover(f.store);
        submit_put(&f, 6, "instance", 6, "kept");
        fix_poll(&f);
        CHECK_INT(f.results.n, ==, 6);
        CHECK_INT(f.results.v[4], ==, STORE_FAILED);
        CHECK_INT(f.results.v[5], ==, STORE_OK);
        CHECK_INT(f.store->ops->stats(f.store).failed, ==, 4);
        fix_reopen(&f);
        auto_free char *text = dump(&f);
        CHECK_STR(text, ==, "instance 1 kept\ninstance 6 kept\n");
        fix_done(&f);
}
TEST(after_a_failure_all_batches_fail_until_recover_in_memory) { fails_until_recover(KIND_MEM); }
TEST(after_a_failure_all_batches_fail_until_recover_in_sqlite) { fails_until_recover(KIND_SQLITE); }

static void epoch_rises(enum kind kind) {
        struct fix f = fix_new(kind);
        uint64_t first = f.store->epoch;
        CHECK_INT(first, >, 0);
        fix_reopen(&f);
        CHECK_INT(f.store->epoch, >, first);
        fix_done(&f);
}
TEST(the_epoch_rises_with_each_open_in_memory) { epoch_rises(KIND_MEM); }
TEST(the_epoch_rises_with_each_open_in_sqlite) { epoch_rises(KIND_SQLITE); }

static void history_pages(enum kind kind) {
        struct fix f = fix_new(kind);
        struct store_batch *b = store_batch_new(1);
        for (int i = 1; i <= 6; i++)
                add_history(b, "audit", i, i % 2 ? 5 : 7, 1000 * i, i == 3 ? "three" : "x");
        add_history(b, "instance", 4, 5, 0, "other table");
        submit(&f, b);
        /* Asked before the batch was answered: it is seen all the same. */
        auto_free char *up = history(&f, (struct store_history_query) { .table = "audit", .limit = 3 });
        CHECK_STR(up, ==, "1/5:x 2/7:x 3/5:three ");
        auto_free char *next = history(&f, (struct store_history_query) { .table = "audit", .limit = 100, .after_id = 3 });
        CHECK_STR(next, ==, "4/7:x 5/5:x 6/7:x ");
        auto_free char *down = history(&f, (struct store_history_query) { .table = "audit", .limit = 2, .descending = true });
        CHECK_STR(down, ==, "6/7:x 5/5:x ");
        auto_free char *below = history(&f, (struct store_history_query) { .table = "audit", .limit = 3, .descending = true, .after_id = 5, .account_id = 5 });
        CHECK_STR(below, ==, "3/5:three 1/5:x ");
        auto_free char *one = history(&f, (struct store_history_query) { .table = "audit", .limit = 1, .id = 3 });
        CHECK_STR(one, ==, "3/5:three ");
        auto_free char *foreign = history(&f, (struct store_history_query) { .table = "audit", .limit = 1, .id = 3, .account_id = 7 });
        CHECK_STR(foreign, ==, "");
        auto_free char *none = history(&f, (struct store_history_query) { .table = "nothing", .limit = 1 });
        CHECK_STR(none, ==, "");
        CHECK_INT(f.store->ops->history_max_id(f.store, "audit"), ==, 6);
        CHECK_INT(f.store->ops->history_max_id(f.store, "nothing"), ==, 0);
        fix_reopen(&f);
        auto_free char *again = history(&f, (struct store_history_query) { .table = "instance", .limit = 3 });
        CHECK_STR(again, ==, "4/5:other table ");
        fix_done(&f);
}
TEST(history_is_read_by_pages_in_memory) { history_pages(KIND_MEM); }
TEST(history_is_read_by_pages_in_sqlite) { history_pages(KIND_SQLITE); }

static void history_trims(enum kind kind) {
        struct fix f = fix_new(kind);
        struct store_batch *b = store_batch_new(1);
        for (int i = 1; i <= 10; i++)
                add_history(b, "audit", i, 1, 1000 * i, "x");
        add_history(b, "other", 1, 1, 1, "x");
        submit(&f, b);
        f.store->ops->history_trim(f.store, "audit", 3000, 5);
        fix_poll(&f);
        /* Trimming has no answer; close() waits for it only if it began, so ask until it shows. */
        auto_free char *text = NULL;
        for (int i = 0; i < 100000; i++) {
                free(text);
                text = history(&f, (struct store_history_query) { .table = "audit", .limit = 20 });
                if (str_eq(text, "6/1:x 7/1:x 8/1:x 9/1:x 10/1:x "))
                        break;
        }
        CHECK_STR(text, ==, "6/1:x 7/1:x 8/1:x 9/1:x 10/1:x ");
        f.store->ops->history_trim(f.store, "audit", INT64_MAX, 0);
        for (int i = 0; i < 100000; i++) {
                free(text);
                text = history(&f, (struct store_history_query) { .table = "audit", .limit = 20 });
                if (str_eq(text, "10/1:x "))
                        break;
        }
        CHECK_STR(text, ==, "10/1:x ");         /* the newest stays, so that ids are never given twice */
        auto_free char *other = history(&f, (struct store_history_query) { .table = "other", .limit = 20 });
        CHECK_STR(other, ==, "1/1:x ");
        fix_done(&f);
}
TEST(history_is_trimmed_by_age_and_number_in_memory) { history_trims(KIND_MEM); }
TEST(history_is_trimmed_by_age_and_number_in_sqlite) { history_trims(KIND_SQLITE); }

static void close_cancels(enum kind kind) {
        struct fix f = fix_new(kind);
        struct page p = { .ids = SBUF(1024) };
        struct store_history_query q = { .table = "audit", .limit = 1 };
        f.store->ops->history(f.store, &q, page_row, page_done, &p);
        submit_put(&f, 1, "instance", 1, "in flight");
        fix_close(&f);
        CHECK(p.done);
        CHECK_INT(p.result, ==, -ECANCELED);
        fix_open(&f);
        auto_free char *text = dump(&f);
        CHECK_STR(text, ==, "instance 1 in flight\n");
        sbuf_done(&p.ids);
        fix_done(&f);
}
TEST(close_commits_what_is_in_flight_and_cancels_readers_in_memory) { close_cancels(KIND_MEM); }
TEST(close_commits_what_is_in_flight_and_cancels_readers_in_sqlite) { close_cancels(KIND_SQLITE); }

/* ---- memory only ---- */
TEST(a_killed_memory_store_neither_writes_nor_answers) {
        struct fix f = fix_new(KIND_MEM);
        mem_store_fault(f.store, 2, STORE_OK, true, false);
        submit_put(&f, 1, "instance", 1, "x");
        submit_put(&f, 2, "instance", 2, "x");
        submit_put(&f, 3, "instance", 3, "x");
        fix_poll(&f);
        CHECK_INT(f.seqs.n, ==, 1);
        CHECK_INT(mem_disk_commits(f.disk), ==, 1);
        fix_reopen(&f);
        auto_free char *text = dump(&f);
        CHECK_STR(text, ==, "instance 1 x\n");
        fix_done(&f);
}
TEST(a_memory_store_killed_after_its_commit_wrote_but_does_not_answer) {
        struct fix f = fix_new(KIND_MEM);
        mem_store_fault(f.store, 1, STORE_OK, true, true);
        submit_put(&f, 1, "instance", 1, "x");
        submit_put(&f, 2, "instance", 2, "x");
        fix_poll(&f);
        CHECK_INT(f.seqs.n, ==, 0);
        fix_reopen(&f);
        auto_free char *text = dump(&f);
        CHECK_STR(text, ==, "instance 1 x\n");
        fix_done(&f);
}
TEST(a_second_memory_store_on_the_same_disk_makes_the_first_fatal) {
        struct fix f = fix_new(KIND_MEM);
        struct store *other = store_open_mem(f.disk);
        submit_put(&f, 1, "instance", 1, "x");
        fix_poll(&f);
        CHECK_INT(f.results.v[0], ==, STORE_FATAL);
        f.store->ops->recover(f.store);
        submit_put(&f, 2, "instance", 1, "x");
        fix_poll(&f);
        CHECK_INT(f.results.v[1], ==, STORE_FATAL);
        CHECK_INT(mem_disk_commits(f.disk), ==, 0);
        other->ops->close(other);
        fix_done(&f);
}

TEST_MAIN("store/store")
