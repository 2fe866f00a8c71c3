/* Batches: nothing out before its commit, everything back after a failed one. */
#include "core/core.h"
#include "formats/json.h"
#include "store/store.h"

#include "base/log.h"
#include "check.h"

struct fixture { struct mem_disk *disk; struct store *store; struct core *core; };

static void start(struct fixture *f) {
        struct dr_error err;
        log_init(LOG_ERROR, LOG_LOGFMT, NULL);
        f->store = store_open_mem(f->disk);
        struct core_conf conf = { .store = f->store, .clock = core_real_clock, .seed = 1 };
        f->core = core_new(&conf);
        CHECK_OK(core_load(f->core, &err), &err);
}
static void settle(struct fixture *f) {
        for (int i = 0; i < 50; i++) {
                core_turn(f->core, 0);
                core_commit(f->core);
                CHECK_INT(core_store_event(f->core), ==, 0);
        }
}
static void stop(struct fixture *f) {
        core_free(f->core);
        f->store->ops->close(f->store);
}
static void open_all(struct fixture *f) {
        f->disk = mem_disk_new();
        start(f);
        settle(f);
}
static void close_all(struct fixture *f) {
        stop(f);
        mem_disk_free(f->disk);
        CHECK_INT(text_count(), ==, 0);
}

static int results[8], n_results;
static void note(void *arg, int result) { results[n_results++] = result * 10 - (int) (intptr_t) arg; }

static struct record *stack(struct fixture *f, const char *name) {
        struct record *r = core_create(f->core, T_stack, 5);
        core_put_str(f->core, r, F_name, name);
        CHECK_INT(core_process_start(f->core, r, P_stack_create, NULL, NULL), ==, 0);
        return r;
}

TEST(a_fresh_store_has_the_well_known_accounts) {
        struct fixture f;
        open_all(&f);
        struct world *w = core_world(f.core);
        char buf[RECORD_UUID_MAX];
        CHECK_STR(record_uuid(world_get(w, T_account, 1), buf), ==, "admin");
        CHECK_STR(record_uuid(world_get(w, T_account, 5), buf), ==, "adminProject");
        CHECK_STR(record_name(world_get(w, T_account, 5)), ==, "Default");
        close_all(&f);
}
TEST(an_output_waits_for_the_commit_of_what_it_says) {
        struct fixture f;
        open_all(&f);
        n_results = 0;
        struct record *r = stack(&f, "a");
        core_output(f.core, note, (void *) 1);
        CHECK_INT(n_results, ==, 0);
        core_commit(f.core);
        CHECK_INT(n_results, ==, 0);            /* submitted is not durable */
        CHECK_INT(core_store_event(f.core), ==, 0);
        CHECK_INT(n_results, ==, 1);
        CHECK_INT(results[0], ==, -1);
        core_output_after(f.core, r->seq, note, (void *) 2);
        CHECK_INT(n_results, ==, 2);            /* nothing to wait for any more */
        close_all(&f);
}
TEST(a_failed_commit_takes_back_it_and_those_on_top_of_it) {
        struct fixture f;
        open_all(&f);
        struct record *kept = stack(&f, "kept");
        settle(&f);
        int64_t id = kept->id;
        n_results = 0;
        mem_store_fault(f.store, 1, STORE_FAILED, false, false);
        core_put_str(f.core, kept, F_description, "one");
        struct record *made = stack(&f, "made");
        int64_t made_id = made->id;
        core_output(f.core, note, (void *) 1);
        core_commit(f.core);
        core_put_str(f.core, kept, F_description, "two");
        core_output(f.core, note, (void *) 2);
        CHECK_INT(core_store_event(f.core), ==, 0);
        CHECK_INT(n_results, ==, 2);
        CHECK_INT(results[0], ==, -EIO * 10 - 1);
        CHECK_INT(results[1], ==, -EIO * 10 - 2);
        CHECK(world_get(core_world(f.core), T_stack, id) == kept);
        CHECK(!record_has(kept, F_description));
        CHECK(!world_get(core_world(f.core), T_stack, made_id));
        CHECK_INT(world_by_str(core_world(f.core), T_stack, F_name, "made")->n, ==, 0);
        core_put_str(f.core, kept, F_description, "three");
        settle(&f);
        CHECK_STR(record_str(kept, F_description), ==, "three");
        stop(&f);
        start(&f);
        CHECK_STR(record_str(world_get(core_world(f.core), T_stack, id), F_description), ==, "three");
        close_all(&f);
}
TEST(a_removed_record_leaves_memory_and_its_id_is_not_given_again) {
        struct fixture f;
        open_all(&f);
        int64_t id = stack(&f, "a")->id;
        settle(&f);
        struct record *r = world_get(core_world(f.core), T_stack, id);
        CHECK_INT(core_process_start(f.core, r, P_stack_remove, NULL, NULL), ==, 0);
        settle(&f);
        CHECK(!world_get(core_world(f.core), T_stack, id));
        stop(&f);
        start(&f);
        CHECK_INT(stack(&f, "b")->id, >, id);
        settle(&f);
        close_all(&f);
}
TEST(a_removal_whose_commit_fails_brings_the_record_back_and_is_done_later) {
        struct fixture f;
        open_all(&f);
        struct record *r = stack(&f, "a");
        int64_t id = r->id;
        settle(&f);
        CHECK_INT(core_process_start(f.core, r, P_stack_remove, NULL, NULL), ==, 0);
        core_commit(f.core);
        CHECK_INT(core_store_event(f.core), ==, 0);
        mem_store_fault(f.store, 1, STORE_FAILED, false, false);
        core_turn(f.core, 0);                   /* the run ends: out of memory, into history */
        CHECK(!world_get(core_world(f.core), T_stack, id));
        core_commit(f.core);
        CHECK_INT(core_store_event(f.core), ==, 0);
        CHECK(world_get(core_world(f.core), T_stack, id) == r);
        CHECK_STR(state_name(r->state), ==, "removing");
        usleep(60000);                          /* the pause after a failed commit (50 ms) is over */
        settle(&f);
        CHECK(!world_get(core_world(f.core), T_stack, id));
        close_all(&f);
}
TEST(a_process_cannot_start_from_a_state_that_its_table_does_not_have) {
        struct fixture f;
        open_all(&f);
        struct dr_error err;
        struct record *r = stack(&f, "a");
        settle(&f);
        CHECK_INT(core_process_start(f.core, r, P_stack_create, NULL, &err), ==, 0);    /* it is there already */
        CHECK_INT(core_process_start(f.core, r, P_stack_cancelupgrade, NULL, &err), <, 0);
        CHECK_STR(dr_error_row(err.code)->api_code, ==, "Conflict");
        CHECK_STR(core_transitioning(r), ==, "no");
        close_all(&f);
}
TEST(long_values_are_stored_once_and_come_back) {
        struct fixture f;
        open_all(&f);
        char json[1200] = "{\"imageUuid\":\"docker:busybox\",\"description\":\"";
        memset(json + strlen(json), 'x', 800);
        memcpy(json + strlen(json), "\"}", 3);
        AUTO(json_free) struct json_object *o = NULL;
        CHECK_INT(json_parse(json, strlen(json), 4096, &o, NULL), ==, 0);
        int64_t ids[2];
        uint64_t rows = core_stats(f.core).rows;
        for (int i = 0; i < 2; i++) {
                struct record *r = stack(&f, i ? "a" : "b");
                core_put(f.core, r, F_outputs, value_json(o));
                ids[i] = r->id;
        }
        core_commit(f.core);
        CHECK_INT(core_stats(f.core).rows - rows, ==, 3);       /* two records, one text */
        settle(&f);
        stop(&f);
        start(&f);
        struct record *a = world_get(core_world(f.core), T_stack, ids[0]), *b = world_get(core_world(f.core), T_stack, ids[1]);
        CHECK(record_text(a, F_outputs) == record_text(b, F_outputs));
        CHECK_STR(json_str(record_json(a, F_outputs), "imageUuid", ""), ==, "docker:busybox");
        settle(&f);
        close_all(&f);
}
TEST_MAIN("core/batch")
