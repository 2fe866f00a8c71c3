#include "check.h"

#include "node/agent/reconcile.h"

enum { G = 7, E = 100, E2 = 200 };

/* One row per rule of docs/host-protocol.md, "Rules for the agent". started etc. are generations. */
static const struct row {
        const char *name;
        enum want want;
        bool once;
        uint64_t made, intent, started, ended, failed, seen_engine;
        int64_t prev_ms;
        enum seen_state state;
        int64_t started_ms;
        bool server, alone, lost;
        bool foreign;
        uint64_t done;
        enum step step;
        enum told told;
} rows[] = {
        /* rule 3: running */
        { "missing and new: create", WANT_RUNNING, .state = SEEN_MISSING, .server = true, .step = STEP_CREATE, .told = TOLD_CREATING },
        { "missing, made for an earlier generation: create", WANT_RUNNING, .made = G - 1, .started = G - 1, .state = SEEN_MISSING, .server = true, .step = STEP_CREATE, .told = TOLD_CREATING },
        { "there and running: report", WANT_RUNNING, .state = SEEN_RUNNING, .server = true, .step = STEP_NONE, .told = TOLD_RUNNING },
        { "there and running although it had failed: report", WANT_RUNNING, .failed = G, .state = SEEN_RUNNING, .server = true, .step = STEP_NONE, .told = TOLD_RUNNING },
        { "created, not yet started: start", WANT_RUNNING, .made = G, .state = SEEN_CREATED, .server = true, .step = STEP_START, .told = TOLD_CREATING },
        { "stopped, this generation not yet started: start", WANT_RUNNING, .made = G - 1, .started = G - 1, .ended = G - 1, .seen_engine = E, .state = SEEN_STOPPED, .started_ms = 5, .server = true, .step = STEP_START, .told = TOLD_CREATING },
        { "stopped, started already, same engine: it ended by itself", WANT_RUNNING, .made = G, .started = G, .seen_engine = E, .state = SEEN_STOPPED, .started_ms = 5, .server = true, .step = STEP_NONE, .told = TOLD_STOPPED },
        { "stopped, known to have ended, engine restarted since: stays", WANT_RUNNING, .made = G, .started = G, .ended = G, .seen_engine = E2, .state = SEEN_STOPPED, .started_ms = 5, .server = true, .step = STEP_NONE, .told = TOLD_STOPPED },
        { "stopped because the engine went down: start again", WANT_RUNNING, .made = G, .started = G, .seen_engine = E2, .state = SEEN_STOPPED, .started_ms = 5, .server = true, .step = STEP_START, .told = TOLD_CREATING },
        { "the same without the server", WANT_RUNNING, .made = G, .started = G, .seen_engine = E2, .state = SEEN_STOPPED, .started_ms = 5, .step = STEP_START, .told = TOLD_CREATING },
        { "stopped because the engine went down, start once: stays", WANT_RUNNING, .once = true, .made = G, .started = G, .seen_engine = E2, .state = SEEN_STOPPED, .started_ms = 5, .server = true, .step = STEP_NONE, .told = TOLD_STOPPED },
        { "start once, never started: start", WANT_RUNNING, .once = true, .made = G, .state = SEEN_CREATED, .server = true, .step = STEP_START, .told = TOLD_CREATING },
        { "agent killed after the start, same engine: it ended by itself", WANT_RUNNING, .made = G, .intent = G, .prev_ms = 0, .state = SEEN_STOPPED, .started_ms = 9, .server = true, .step = STEP_NONE, .told = TOLD_STOPPED },
        { "agent killed before the start: start", WANT_RUNNING, .made = G, .intent = G, .prev_ms = 9, .state = SEEN_STOPPED, .started_ms = 9, .server = true, .step = STEP_START, .told = TOLD_CREATING },
        { "start failed: stays so", WANT_RUNNING, .made = G, .failed = G, .state = SEEN_CREATED, .server = true, .step = STEP_NONE, .told = TOLD_FAILED },
        { "create failed: stays so", WANT_RUNNING, .failed = G, .state = SEEN_MISSING, .server = true, .step = STEP_NONE, .told = TOLD_FAILED },
        { "an earlier generation failed: tried anew", WANT_RUNNING, .failed = G - 1, .state = SEEN_MISSING, .server = true, .step = STEP_CREATE, .told = TOLD_CREATING },
        { "being removed by somebody: wait", WANT_RUNNING, .made = G, .started = G, .state = SEEN_REMOVING, .server = true, .step = STEP_WAIT, .told = TOLD_CREATING },
        /* rule 4: stopped and absent */
        { "shall stop, runs: stop", WANT_STOPPED, .state = SEEN_RUNNING, .server = true, .step = STEP_STOP, .told = TOLD_RUNNING },
        { "shall stop, stopped: report", WANT_STOPPED, .state = SEEN_STOPPED, .server = true, .step = STEP_NONE, .told = TOLD_STOPPED },
        { "shall stop, only created: report", WANT_STOPPED, .state = SEEN_CREATED, .server = true, .step = STEP_NONE, .told = TOLD_STOPPED },
        { "shall stop, missing: absent", WANT_STOPPED, .state = SEEN_MISSING, .server = true, .step = STEP_NONE, .told = TOLD_ABSENT },
        { "shall stop, stopping failed: stays so", WANT_STOPPED, .failed = G, .state = SEEN_RUNNING, .server = true, .step = STEP_NONE, .told = TOLD_FAILED },
        { "shall be gone, runs: remove", WANT_ABSENT, .state = SEEN_RUNNING, .server = true, .step = STEP_REMOVE, .told = TOLD_RUNNING },
        { "shall be gone, stopped: remove", WANT_ABSENT, .state = SEEN_STOPPED, .server = true, .step = STEP_REMOVE, .told = TOLD_STOPPED },
        { "shall be gone, being removed: wait", WANT_ABSENT, .state = SEEN_REMOVING, .server = true, .step = STEP_WAIT, .told = TOLD_STOPPED },
        { "shall be gone, is gone: forget", WANT_ABSENT, .state = SEEN_MISSING, .server = true, .step = STEP_FORGET, .told = TOLD_ABSENT },
        { "shall be gone, removal failed: stays so", WANT_ABSENT, .failed = G, .state = SEEN_STOPPED, .server = true, .step = STEP_NONE, .told = TOLD_FAILED },
        /* rule 5: disappeared */
        { "disappeared: absent, not made again", WANT_RUNNING, .made = G, .started = G, .seen_engine = E, .state = SEEN_MISSING, .server = true, .step = STEP_NONE, .told = TOLD_ABSENT },
        { "disappeared before its start: absent", WANT_RUNNING, .made = G, .state = SEEN_MISSING, .server = true, .step = STEP_NONE, .told = TOLD_ABSENT },
        { "disappeared, server lost a moment ago: absent", WANT_RUNNING, .made = G, .started = G, .seen_engine = E, .state = SEEN_MISSING, .step = STEP_NONE, .told = TOLD_ABSENT },
        { "start once, disappeared without the server: not made again", WANT_RUNNING, .once = true, .made = G, .started = G, .alone = true, .state = SEEN_MISSING, .step = STEP_NONE, .told = TOLD_ABSENT },
        { "made again without the server: start", WANT_RUNNING, .made = G, .started = G, .seen_engine = E, .alone = true, .state = SEEN_CREATED, .step = STEP_START, .told = TOLD_CREATING },
        { "disappeared without the server: made again", WANT_RUNNING, .alone = true, .made = G, .started = G, .seen_engine = E, .state = SEEN_MISSING, .step = STEP_CREATE, .told = TOLD_ABSENT },
        { "disappeared without the server with the engine's data: reported only", WANT_RUNNING, .alone = true, .made = G, .started = G, .seen_engine = E2, .lost = true, .state = SEEN_MISSING, .step = STEP_NONE, .told = TOLD_ABSENT },
        { "disappeared without the server after it had ended: not made again", WANT_RUNNING, .alone = true, .made = G, .started = G, .ended = G, .state = SEEN_MISSING, .step = STEP_NONE, .told = TOLD_ABSENT },
        /* rule 7: without the server */
        { "new without the server: not created", WANT_RUNNING, .alone = true, .state = SEEN_MISSING, .step = STEP_NONE, .told = TOLD_ABSENT },
        { "created, not started, without the server: start", WANT_RUNNING, .made = G, .state = SEEN_CREATED, .step = STEP_START, .told = TOLD_CREATING },
        /* rule 6: foreign ones; an order is carried out once */
        { "foreign, missing: never made", WANT_RUNNING, .foreign = true, .state = SEEN_MISSING, .server = true, .step = STEP_FORGET, .told = TOLD_ABSENT },
        { "foreign, missing without the server: never made", WANT_RUNNING, .foreign = true, .made = G, .started = G, .alone = true, .state = SEEN_MISSING, .step = STEP_FORGET, .told = TOLD_ABSENT },
        { "foreign, shall run, stopped: start", WANT_RUNNING, .foreign = true, .state = SEEN_STOPPED, .started_ms = 5, .server = true, .step = STEP_START, .told = TOLD_CREATING },
        { "foreign, was started and ended: only told", WANT_RUNNING, .foreign = true, .done = G, .started = G, .state = SEEN_STOPPED, .started_ms = 5, .server = true, .step = STEP_NONE, .told = TOLD_STOPPED },
        { "foreign, the engine went down: not started again", WANT_RUNNING, .foreign = true, .done = G, .started = G, .seen_engine = E2, .state = SEEN_STOPPED, .started_ms = 5, .server = true, .step = STEP_NONE, .told = TOLD_STOPPED },
        { "foreign, shall stop, runs: stop", WANT_STOPPED, .foreign = true, .done = G - 1, .state = SEEN_RUNNING, .server = true, .step = STEP_STOP, .told = TOLD_RUNNING },
        { "foreign, was stopped and started by somebody: only told", WANT_STOPPED, .foreign = true, .done = G, .state = SEEN_RUNNING, .server = true, .step = STEP_NONE, .told = TOLD_RUNNING },
        { "foreign, stopping failed: what is, is told", WANT_STOPPED, .foreign = true, .failed = G, .state = SEEN_RUNNING, .server = true, .step = STEP_NONE, .told = TOLD_RUNNING },
        { "foreign, shall be gone, runs: remove", WANT_ABSENT, .foreign = true, .state = SEEN_RUNNING, .server = true, .step = STEP_REMOVE, .told = TOLD_RUNNING },
        { "shall be gone, without the server: remove", WANT_ABSENT, .state = SEEN_STOPPED, .step = STEP_REMOVE, .told = TOLD_STOPPED },
};

static struct decision decide(const struct row *r) {
        struct record rec = { .gen = G, .want = r->want, .start_once = r->once, .made_gen = r->made, .intent_gen = r->intent, .intent_prev_ms = r->prev_ms,
                              .foreign = r->foreign, .done_gen = r->done, .intent_engine = r->intent ? E : 0, .started_gen = r->started, .ended_gen = r->ended, .failed_gen = r->failed, .seen_engine = r->seen_engine };
        struct seen seen = { r->state, r->started_ms };
        struct situation now = { .engine = E, .server = r->server, .alone = r->alone, .engine_data_lost = r->lost };
        return reconcile(&rec, &seen, &now);
}

TEST(each_rule_of_the_protocol_gives_its_step_and_report) {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct decision d = decide(&rows[i]);
                if (d.step != rows[i].step || d.told != rows[i].told)
                        fail_msg("%s: step %s, told %s", rows[i].name, step_to_string(d.step), told_to_string(d.told));
        }
}

TEST(deciding_again_on_the_decided_record_gives_the_same_step) {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct decision once = decide(&rows[i]);
                struct seen seen = { rows[i].state, rows[i].started_ms };
                struct situation now = { .engine = E, .server = rows[i].server, .alone = rows[i].alone, .engine_data_lost = rows[i].lost };
                struct decision twice = reconcile(&once.record, &seen, &now);
                if (twice.step != once.step || twice.told != once.told || twice.record_changed)
                        fail_msg("%s: %s then %s", rows[i].name, step_to_string(once.step), step_to_string(twice.step));
        }
}

TEST(a_start_is_recorded_with_what_was_seen_before_it) {
        struct record r = { .gen = G, .want = WANT_RUNNING, .made_gen = G };
        struct decision d = reconcile(&r, &(struct seen) { SEEN_STOPPED, 41 }, &(struct situation) { .engine = E, .server = true });
        CHECK(d.record_changed);
        CHECK_INT(d.record.intent_gen, ==, G);
        CHECK_INT(d.record.intent_prev_ms, ==, 41);
        CHECK_INT(d.record.intent_engine, ==, E);
}

TEST(a_container_started_just_before_agent_and_engine_died_is_started_again) {
        struct record r = { .gen = G, .want = WANT_RUNNING, .made_gen = G, .intent_gen = G, .intent_prev_ms = 0, .intent_engine = E2 };
        struct decision d = reconcile(&r, &(struct seen) { SEEN_STOPPED, 41 }, &(struct situation) { .engine = E, .server = true });
        CHECK_INT(d.step, ==, STEP_START);
        r.start_once = true;
        d = reconcile(&r, &(struct seen) { SEEN_STOPPED, 41 }, &(struct situation) { .engine = E, .server = true });
        CHECK_INT(d.step, ==, STEP_NONE);
        CHECK_INT(d.told, ==, TOLD_STOPPED);
}

TEST(a_disappearance_that_the_server_was_told_is_not_repaired_when_the_server_goes_away) {
        struct record r = { .gen = G, .want = WANT_RUNNING, .made_gen = G, .started_gen = G, .seen_engine = E };
        struct decision d = reconcile(&r, &(struct seen) { SEEN_MISSING, 0 }, &(struct situation) { .engine = E, .server = true });
        CHECK_INT(d.record.lost_gen, ==, G);
        d = reconcile(&d.record, &(struct seen) { SEEN_MISSING, 0 }, &(struct situation) { .engine = E, .alone = true });
        CHECK_INT(d.step, ==, STEP_NONE);
        d.record.gen = G + 1;
        d = reconcile(&d.record, &(struct seen) { SEEN_MISSING, 0 }, &(struct situation) { .engine = E, .server = true });
        CHECK_INT(d.step, ==, STEP_CREATE);
}

TEST(an_ended_container_that_runs_again_is_no_longer_ended) {
        struct record r = { .gen = G, .want = WANT_RUNNING, .started_gen = G, .ended_gen = G, .seen_engine = E };
        struct decision d = reconcile(&r, &(struct seen) { SEEN_RUNNING, 41 }, &(struct situation) { .engine = E2, .server = true });
        CHECK_INT(d.record.ended_gen, ==, 0);
        CHECK_INT(d.record.seen_engine, ==, E2);
}

TEST(names_go_to_text_and_back) {
        for (int w = 0; w < WANT_MAX; w++)
                CHECK_INT(want_from_string(want_to_string(w)), ==, w);
        CHECK_INT(want_from_string("paused"), ==, -EINVAL);
        for (int s = 0; s < STEP_MAX; s++)
                CHECK(step_to_string(s) != NULL);
        for (int t = 0; t < TOLD_MAX; t++)
                CHECK(told_to_string(t) != NULL);
        CHECK(want_to_string(WANT_MAX) == NULL && step_to_string(STEP_MAX) == NULL && told_to_string(TOLD_MAX) == NULL);
}

TEST_MAIN("node/reconcile")
