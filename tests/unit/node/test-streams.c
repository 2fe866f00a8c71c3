#include "engine.h"

#define T(n) "2026-11-25T06:00:0" n ".000000000Z"
#define LOGS(more) "{\"container\":\"" CONTAINER "\",\"uuid\":\"u1\"" more "}"
#define STATE(running, start) "{\"Running\":" running ",\"Pid\":1,\"StartedAt\":\"2026-11-25T" start "Z\"}"

/* ---- logs ---- */
TEST(a_log_ends_after_its_last_line) {
        struct world w = world_new(&w, NULL, NULL);
        world_open(&w, 1, "logs", LOGS(",\"lines\":5,\"timestamps\":true"));
        struct conn *c = world_asked(&w, "/logs?");
        CHECK(strstr(c->in.data, "stdout=1&stderr=1&timestamps=1&follow=0&tail=5 "));
        conn_stream_head(c);
        conn_frame(c, 1, T("1") " one\n");
        conn_frame(c, 2, T("2") " two\n");
        conn_frame(c, 1, T("3") " three");
        conn_stream_end(c);
        UNTIL_END(&w, 1, "");
        UNTIL_DATA(&w, 1, "01 " T("1") " one\n02 " T("2") " two\n01 " T("3") " three");
        CHECK_INT(w.sent.v[0].len, ==, strlen("01 " T("1") " one\n"));
        UNTIL(&w, channels_count(w.channels) == 0);
        world_done(&w);
}

TEST(the_engines_answer_may_come_byte_by_byte) {
        struct world w = world_new(&w, NULL, NULL);
        world_open(&w, 1, "logs", LOGS());
        struct conn *c = world_asked(&w, "/logs?");
        CHECK(strstr(c->in.data, "tail=all "));
        static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (size_t i = 0; i < sizeof head - 1; i++, world_turn(&w))
                conn_write(c, head + i, 1);
        char frame[100] = { 1, 0, 0, 0, 0, 0, 0, 36 };
        memcpy(frame + 8, T("1") " line\n", 36);
        for (size_t i = 0; i < 44; i++, world_turn(&w))
                conn_chunk(c, frame + i, 1);
        conn_stream_end(c);
        UNTIL_END(&w, 1, "");
        UNTIL_DATA(&w, 1, "01 line\n");
        world_done(&w);
}

TEST(an_engine_that_breaks_off_or_sends_garbage_ends_a_log_with_a_code) {
        struct world w = world_new(&w, NULL, NULL);
        world_open(&w, 1, "logs", LOGS());
        struct conn *c = world_asked(&w, "/logs?");
        conn_stream_head(c);
        conn_frame(c, 1, T("1") " one\n");
        conn_chunk(c, "\x01\x00\x00\x00\x00\x00\x01\x00half", 12);
        UNTIL_DATA(&w, 1, "01 one\n");
        conn_close(c);
        UNTIL_END(&w, 1, "ServiceUnavailable");
        world_open(&w, 2, "logs", LOGS());
        c = world_asked(&w, "/logs?");
        conn_stream_head(c);
        conn_chunk(c, "this is no frame", 16);
        UNTIL_END(&w, 2, "InvalidFormat");
        world_open(&w, 3, "logs", LOGS());
        c = world_asked(&w, "/logs?");
        conn_answer(c, 501, "{\"message\":\"configured logging driver does not support reading\"}");
        UNTIL_END(&w, 3, "LogsUnavailable");
        CHECK(strstr(world_last(&w, 3, FRAME_END)->payload, "does not support reading"));
        UNTIL(&w, channels_count(w.channels) == 0);
        world_done(&w);
}

TEST(a_wrong_container_is_not_found) {
        struct world w = world_new(&w, NULL, NULL);
        world_open(&w, 1, "logs", "{\"container\":\"../etc\"}");
        UNTIL_END(&w, 1, "NotFound");
        w.more = ",\"Config\":{\"Labels\":{\"io.rancher.container.uuid\":\"other\"}}";
        world_open(&w, 2, "logs", LOGS());
        UNTIL_END(&w, 2, "NotFound");
        w.more = ",\"Config\":{\"Labels\":{\"io.rancher.container.uuid\":\"u1\",\"io.rancher.environment.uuid\":\"env-2\"}}";
        world_open(&w, 3, "exec", LOGS(",\"cmd\":[\"sh\"]"));
        UNTIL_END(&w, 3, "NotFound");
        w.state = NULL;
        world_open(&w, 4, "logs", LOGS());
        UNTIL_END(&w, 4, "NotFound");
        world_open(&w, 5, "logs", LOGS(",\"since\":\"yesterday\""));
        UNTIL_END(&w, 5, "InvalidFormat");
        world_done(&w);
}

TEST(following_goes_on_across_a_restart_without_losing_or_doubling_lines) {
        struct world w = world_new(&w, NULL, NULL);
        w.state = STATE("true", "05:00:00");
        world_open(&w, 1, "logs", LOGS(",\"lines\":2,\"follow\":true"));
        struct conn *c = world_asked(&w, "/logs?");
        CHECK(strstr(c->in.data, "follow=1&tail=2 "));
        conn_stream_head(c);
        conn_frame(c, 1, T("1") " one\n");
        conn_frame(c, 2, T("1") " same moment\n");
        UNTIL_DATA(&w, 1, "01 one\n02 same moment\n");
        w.state = STATE("false", "05:00:00");
        unsigned inspects = w.inspects;
        conn_stream_end(c);
        UNTIL(&w, w.inspects > inspects);               /* looks whether it runs again */
        world_turns(&w, 50);
        CHECK(world_find(&w, "/logs?") == NULL);
        w.state = STATE("true", "06:00:02");
        world_event(&w, "start");
        c = world_asked(&w, "/logs?");
        CHECK(strstr(c->in.data, "follow=1&tail=all&since=1795586401.000000000 "));
        conn_stream_head(c);
        conn_frame(c, 1, T("1") " one\n");
        conn_frame(c, 2, T("1") " same moment\n");
        conn_frame(c, 2, T("1") " the same moment too\n");
        conn_frame(c, 2, T("4") " four\n");
        conn_frame(c, 1, T("3") " three, out of order\n");
        UNTIL_DATA(&w, 1, "01 one\n02 same moment\n02 the same moment too\n02 four\n01 three, out of order\n");
        w.state = NULL;                                 /* removed */
        conn_stream_end(c);
        UNTIL_END(&w, 1, "");
        world_done(&w);
}

TEST(following_a_stopped_container_waits_for_its_start_and_ends_with_its_removal) {
        struct world w = world_new(&w, NULL, NULL);
        w.state = STATE("false", "05:00:00");
        world_open(&w, 1, "logs", LOGS(",\"lines\":0,\"follow\":true"));
        struct conn *c = world_asked(&w, "/logs?");
        unsigned inspects = w.inspects;
        conn_stream_head(c);
        conn_stream_end(c);
        UNTIL(&w, w.inspects > inspects);
        world_turns(&w, 20);
        CHECK_INT(w.sent.n, ==, 0);
        world_event(&w, "destroy");
        UNTIL_END(&w, 1, "");
        world_done(&w);
}

TEST(following_survives_a_restart_of_the_engine) {
        struct world w = world_new(&w, NULL, NULL);
        world_open(&w, 1, "logs", LOGS(",\"follow\":true"));
        struct conn *c = world_asked(&w, "/logs?");
        conn_stream_head(c);
        conn_frame(c, 1, T("1") " one\n");
        UNTIL_DATA(&w, 1, "01 one\n");
        close(w.listener);
        for (size_t i = 0; i < w.n_conns; i++)
                if (w.conns[i].fd >= 0)
                        conn_close(&w.conns[i]);
        w.connected = false;
        UNTIL(&w, !docker_is_healthy(w.docker));
        world_listen(&w);
        UNTIL(&w, w.connected);
        c = world_asked(&w, "/logs?");
        CHECK(strstr(c->in.data, "since=1795586401.000000000 "));
        conn_stream_head(c);
        conn_frame(c, 1, T("1") " one\n");
        conn_frame(c, 1, T("2") " two\n");
        UNTIL_DATA(&w, 1, "01 one\n01 two\n");
        world_done(&w);
}

TEST(a_clock_that_was_put_back_does_not_hide_the_lines_of_the_new_run) {
        struct world w = world_new(&w, NULL, NULL);
        w.state = STATE("true", "05:00:00");
        world_open(&w, 1, "logs", LOGS(",\"follow\":true"));
        struct conn *c = world_asked(&w, "/logs?");
        conn_stream_head(c);
        conn_frame(c, 1, T("9") " nine\n");
        UNTIL_DATA(&w, 1, "01 nine\n");
        w.state = STATE("true", "05:59:00");
        conn_stream_end(c);
        c = world_asked(&w, "/logs?");
        CHECK(strstr(c->in.data, "since=1795586340.000000000 "));
        conn_stream_head(c);
        conn_frame(c, 1, T("1") " one\n");
        UNTIL_DATA(&w, 1, "01 nine\n01 one\n");
        world_done(&w);
}

TEST(without_credit_the_source_is_not_read) {
        enum { LINES = 40000 };
        struct world w = world_new(&w, NULL, NULL);
        world_open(&w, 1, "logs", LOGS());
        struct conn *c = world_asked(&w, "/logs?");
        conn_stream_head(c);
        size_t written = 0, given = 0;
        int stalled = 0;
        auto_sbuf struct sbuf out = SBUF(1 << 20);
        for (int i = 0; i < LINES || out.len; ) {
                if (out.len == 0) {
                        char text[200];
                        snprintf(text, sizeof text, T("1") " %d ........................................................\n", i++);
                        size_t n = strlen(text);
                        char size[16], head[8] = { 1, 0, 0, 0, 0, 0, 0, (char) n };
                        snprintf(size, sizeof size, "%zx\r\n", n + 8);
                        sbuf_puts(&out, size);
                        sbuf_add(&out, head, 8);
                        sbuf_puts(&out, text);
                        sbuf_puts(&out, "\r\n");
                }
                ssize_t k = write(c->fd, out.data, out.len);
                if (k > 0) {
                        sbuf_consume(&out, (size_t) k);
                        written += (size_t) k;
                        stalled = 0;
                } else if (++stalled > 100) {           /* nothing more is taken: credit is used up, and gives more */
                        size_t told = world_bytes(&w, 1);
                        CHECK_INT(told - given, <=, FRAME_CREDIT);
                        CHECK_INT(told - given, >, FRAME_CREDIT - FRAME_DATA_MAX);
                        world_window(&w, 1, told - given);
                        given = told;
                        stalled = 0;
                }
                world_turn(&w);
        }
        CHECK_INT(written, >, 3 * FRAME_CREDIT);
        conn_stream_end(c);
        for (uint64_t end = time_mono_ms() + PATIENCE_MS; !world_last(&w, 1, FRAME_END); world_turn(&w)) {
                CHECK(time_mono_ms() < end);
                size_t told = world_bytes(&w, 1);
                if (told > given)
                        world_window(&w, 1, told - given);
                given = told;
        }
        auto_free char *all = world_data(&w, 1);
        char *p = all;
        for (int i = 0; i < LINES; i++) {
                char want[32];
                int n = snprintf(want, sizeof want, "01 %d .", i);
                CHECK(strncmp(p, want, (size_t) n) == 0);
                p = strchr(p, '\n') + 1;
        }
        CHECK(*p == 0);
        world_done(&w);
}

/* ---- the session ---- */
TEST(streams_share_the_connection_and_wait_while_it_is_full) {
        struct world w = world_new(&w, NULL, NULL);
        struct conn *c[3];
        w.queued = OUT_LOW_BYTES;
        for (unsigned i = 1; i <= 2; i++) {
                world_open(&w, i, "logs", LOGS());
                c[i] = world_asked(&w, "/logs?");
                conn_stream_head(c[i]);
                char text[2001];
                memset(text, 'a', sizeof text);
                memcpy(text, T("1") " ", 31);
                memcpy(text + sizeof text - 2, "\n", 2);
                for (int k = 0; k < 20; k++)
                        conn_frame(c[i], 1, text);
        }
        world_turns(&w, 50);
        CHECK_INT(w.sent.n, ==, 0);
        w.queued = 0;
        channels_drained(w.channels);
        UNTIL(&w, w.sent.n == 40);
        unsigned turns = 0;
        for (size_t i = 1; i < 40; i++)
                turns += w.sent.v[i].id != w.sent.v[i - 1].id;
        CHECK_INT(turns, >=, 3);
        world_done(&w);
}

TEST(the_protocol_is_kept_by_closing_or_ending) {
        struct world w = world_new(&w, NULL, NULL);
        struct dr_error err;
        world_open(&w, 5, "logs", LOGS());
        CHECK_INT(world_try_open(&w, 5, "logs", LOGS(), &err), <, 0);
        CHECK_INT(world_try_open(&w, 4, "logs", LOGS(), &err), <, 0);
        CHECK_INT(world_try_open(&w, 0, "logs", LOGS(), &err), <, 0);
        CHECK_INT(world_try_open(&w, UINT64_C(1) << 32, "logs", LOGS(), &err), <, 0);
        CHECK_INT(channels_input(w.channels, "abc", 3, &err), <, 0);
        CHECK_INT(world_try_input(&w, 5, FRAME_WINDOW, "\0\0\0\1", 4, &err), <, 0);
        CHECK_INT(world_try_input(&w, 5, FRAME_CONTROL, "{", 1, &err), <, 0);
        world_puts(&w, 77, FRAME_DATA, "to nobody");
        world_puts(&w, 5, FRAME_KIND_MAX, "of the next version");
        world_puts(&w, 5, FRAME_DATA, "x");
        UNTIL_END(&w, 5, "BadRequest");
        world_open(&w, 6, "console", "{}");
        UNTIL_END(&w, 6, "NotImplemented");
        world_done(&w);
}

TEST(one_stream_too_many_is_refused_alone) {
        struct world w = world_new(&w, NULL, NULL);
        for (uint64_t i = 1; i <= CHANNELS_MAX; i++)
                world_open(&w, i, "hostStats", "{\"resourceId\":\"1h1\"}");
        world_open(&w, CHANNELS_MAX + 1, "hostStats", "{}");
        UNTIL_END(&w, CHANNELS_MAX + 1, "TooManyStreams");
        CHECK(world_last(&w, CHANNELS_MAX, FRAME_END) == NULL);
        UNTIL(&w, channels_count(w.channels) == CHANNELS_MAX);
        world_input(&w, 3, FRAME_END, NULL, 0);
        CHECK_INT(channels_count(w.channels), ==, CHANNELS_MAX - 1);
        world_open(&w, CHANNELS_MAX + 2, "hostStats", "{}");
        world_turns(&w, 5);
        CHECK(world_last(&w, CHANNELS_MAX + 2, FRAME_END) == NULL);
        channels_end_all(w.channels);
        CHECK_INT(channels_count(w.channels), ==, 0);
        world_open(&w, 1, "hostStats", "{}");           /* a new session */
        world_done(&w);
}

/* ---- exec ---- */
#define EXEC_ID "fedcba9876543210fedcba9876543210"
#define EXEC(more) LOGS(",\"attachStdin\":true,\"attachStdout\":true,\"cmd\":[\"sh\",\"-c\",\"a \\\"b\\\"\"]" more)

static struct conn *exec_started(struct world *w, bool tty) {
        struct conn *c = world_asked(w, "POST /v1.41/containers/" CONTAINER "/exec ");
        CHECK(strstr(c->in.data, tty ? "{\"AttachStdin\":true,\"AttachStdout\":true,\"AttachStderr\":true,\"Tty\":true,\"Cmd\":[\"sh\",\"-c\",\"a \\\"b\\\"\"]}" : "\"Tty\":false"));
        conn_answer(c, 201, "{\"Id\":\"" EXEC_ID "\"}");
        c = world_asked(w, "POST /v1.41/exec/" EXEC_ID "/start ");
        CHECK(strstr(c->in.data, "\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"));
        CHECK(strstr(c->in.data, tty ? "{\"Detach\":false,\"Tty\":true}" : "{\"Detach\":false,\"Tty\":false}"));
        sbuf_reset(&c->in);
        return c;
}
static const char upgraded[] = "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";

TEST(a_terminal_carries_bytes_both_ways_and_ends_with_the_exit_code) {
        struct world w = world_new(&w, NULL, NULL);
        world_open(&w, 1, "exec", EXEC(",\"tty\":true"));
        world_puts(&w, 1, FRAME_DATA, "early\n");
        world_puts(&w, 1, FRAME_CONTROL, "{\"resize\":{\"cols\":120,\"rows\":40}}");
        struct conn *c = exec_started(&w, true);
        conn_puts(c, upgraded);
        conn_puts(c, "$ ");
        UNTIL_DATA(&w, 1, "$ ");
        UNTIL(&w, c->in.len >= 6);
        CHECK_STR(c->in.data, ==, "early\n");
        UNTIL(&w, world_last(&w, 1, FRAME_WINDOW));
        CHECK_INT(frame_get_u32(world_last(&w, 1, FRAME_WINDOW)->payload), ==, 6);
        struct conn *r = world_asked(&w, "/exec/" EXEC_ID "/resize?h=40&w=120 ");
        conn_answer(r, 500, "{\"message\":\"not started yet\"}");
        r = world_asked(&w, "/exec/" EXEC_ID "/resize?h=40&w=120 ");
        conn_answer(r, 200, "");
        world_puts(&w, 1, FRAME_CONTROL, "{\"resize\":{\"cols\":80,\"rows\":24}}");
        conn_answer(world_asked(&w, "/resize?h=24&w=80 "), 201, "");
        world_puts(&w, 1, FRAME_CONTROL, "{\"eof\":true}");
        UNTIL(&w, c->in.len >= 7);
        CHECK_STR(c->in.data, ==, "early\n\x04");
        CHECK(!c->eof);
        conn_puts(c, "bye\r\n");
        conn_close(c);
        conn_answer(world_asked(&w, "/exec/" EXEC_ID "/json "), 200, "{\"Running\":true,\"ExitCode\":null}");
        conn_answer(world_asked(&w, "/exec/" EXEC_ID "/json "), 200, "{\"Running\":false,\"ExitCode\":7}");
        UNTIL_END(&w, 1, "");
        UNTIL_DATA(&w, 1, "$ bye\r\n");
        CHECK_STR(world_last(&w, 1, FRAME_CONTROL)->payload, ==, "{\"exitCode\":7}");
        CHECK(world_last(&w, 1, FRAME_CONTROL) + 1 == world_last(&w, 1, FRAME_END));
        world_done(&w);
}

TEST(without_a_terminal_both_outputs_come_as_bytes_and_input_is_half_closed) {
        struct world w = world_new(&w, NULL, NULL);
        world_open(&w, 1, "exec", EXEC());
        struct conn *c = exec_started(&w, false);
        conn_puts(c, "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n");     /* an old engine */
        static const char out[] = "\x01\0\0\0\0\0\0\x04out\n\x02\0\0\0\0\0\0\x04" "err\n";
        for (size_t i = 0; i < sizeof out - 1; i++, world_turn(&w))
                conn_write(c, out + i, 1);
        UNTIL_DATA(&w, 1, "out\nerr\n");
        world_puts(&w, 1, FRAME_DATA, "in");
        world_puts(&w, 1, FRAME_CONTROL, "{\"eof\":true}");
        UNTIL(&w, c->eof);
        CHECK_STR(c->in.data, ==, "in");
        static const char more[] = "\x01\0\0\0\0\0\0\x04" "last";
        conn_write(c, more, sizeof more - 1);
        conn_close(c);
        conn_answer(world_asked(&w, "/json "), 200, "{\"Running\":false,\"ExitCode\":0}");
        UNTIL_END(&w, 1, "");
        UNTIL_DATA(&w, 1, "out\nerr\nlast");
        world_done(&w);
}

TEST(a_client_that_goes_away_ends_the_input_of_its_program) {
        for (int tty = 0; tty < 2; tty++) {
                struct world w = world_new(&w, NULL, NULL);
                world_open(&w, 1, "exec", tty ? EXEC(",\"tty\":true") : EXEC());
                struct conn *c = exec_started(&w, tty);
                conn_puts(c, upgraded);
                world_puts(&w, 1, FRAME_DATA, "x");
                UNTIL(&w, c->in.len == 1 && w.sent.n == 1);
                if (tty)
                        world_input(&w, 1, FRAME_END, NULL, 0);
                else
                        channels_end_all(w.channels);
                UNTIL(&w, c->eof);
                CHECK_STR(c->in.data, ==, tty ? "x\x04" : "x");
                CHECK_INT(channels_count(w.channels), ==, 0);
                CHECK_INT(w.sent.n, ==, 1);             /* the window; no end is answered */
                world_done(&w);
        }
}

TEST(an_agent_that_ends_tells_its_programs) {
        struct world w = world_new(&w, NULL, NULL);
        world_open(&w, 1, "exec", EXEC(",\"tty\":true"));
        struct conn *c = exec_started(&w, true);
        conn_puts(c, upgraded);
        world_puts(&w, 1, FRAME_DATA, "x");
        UNTIL(&w, c->in.len == 1);
        w.channels = channels_free(w.channels);
        char end[4] = "";
        CHECK_INT(read(c->fd, end, sizeof end), ==, 1);
        CHECK_STR(end, ==, "\x04");
        world_done(&w);
}

TEST(a_program_that_starts_after_its_client_left_hears_of_it) {
        struct world w = world_new(&w, NULL, NULL);
        world_open(&w, 1, "exec", EXEC(",\"tty\":true"));
        struct conn *c = exec_started(&w, true);
        world_input(&w, 1, FRAME_END, NULL, 0);
        world_turns(&w, 5);
        CHECK(!c->eof);
        conn_puts(c, upgraded);
        UNTIL(&w, c->eof);
        CHECK_STR(c->in.data, ==, "\x04");
        world_done(&w);
}

TEST(what_the_engine_refuses_is_told_with_its_reason) {
        struct world w = world_new(&w, NULL, NULL);
        w.state = STATE("false", "05:00:00");
        world_open(&w, 1, "exec", EXEC());
        UNTIL_END(&w, 1, "NotRunning");
        w.state = STATE("true", "05:00:00");
        world_open(&w, 2, "exec", EXEC());
        conn_answer(world_asked(&w, "/exec "), 409, "{\"message\":\"Container is paused\"}");
        UNTIL_END(&w, 2, "NotRunning");
        CHECK(strstr(world_last(&w, 2, FRAME_END)->payload, "Container is paused"));
        world_open(&w, 3, "exec", EXEC());
        conn_answer(world_asked(&w, "/exec "), 201, "{\"Id\":\"" EXEC_ID "\"}");
        conn_answer(world_asked(&w, "/start "), 400, "{\"message\":\"no such program\"}");
        UNTIL_END(&w, 3, "ExecFailed");
        world_open(&w, 4, "exec", EXEC());
        conn_answer(world_asked(&w, "/exec "), 201, "{\"Id\":\"../../x\"}");
        UNTIL_END(&w, 4, "ExecFailed");
        world_open(&w, 5, "exec", LOGS(",\"cmd\":[]"));
        UNTIL_END(&w, 5, "InvalidFormat");
        world_open(&w, 6, "exec", EXEC());
        struct conn *c = exec_started(&w, false);
        conn_puts(c, upgraded);
        conn_puts(c, "garbage!!");
        UNTIL_END(&w, 6, "InvalidFormat");
        UNTIL(&w, channels_count(w.channels) == 0);
        world_done(&w);
}

TEST(a_program_that_does_not_read_holds_its_client_back) {
        struct world w = world_new(&w, NULL, NULL);
        world_open(&w, 1, "exec", EXEC(",\"tty\":true"));
        struct conn *c = exec_started(&w, true);
        conn_puts(c, upgraded);
        UNTIL(&w, channels_count(w.channels) == 1);
        c->taken = true;
        int fd = c->fd;
        c->fd = -1;                                     /* nobody reads it */
        sbuf_done(&c->in);
        char block[16384] = { 0 };
        size_t given = 0, put = 0;
        for (int idle = 0; idle < 50; idle++) {
                while (put + sizeof block - given <= FRAME_CREDIT) {
                        world_input(&w, 1, FRAME_DATA, block, sizeof block);
                        put += sizeof block;
                }
                world_turns(&w, 3);
                size_t before = given;
                given = 0;
                for (size_t i = 0; i < w.sent.n; i++)
                        given += w.sent.v[i].kind == FRAME_WINDOW ? frame_get_u32(w.sent.v[i].payload) : 0;
                if (given > before)
                        idle = 0;
        }
        CHECK_INT(put - given, ==, FRAME_CREDIT);       /* all credit is used, and none comes back */
        struct dr_error err;
        CHECK_OK(world_try_input(&w, 1, FRAME_DATA, "x", 1, &err), &err);
        UNTIL_END(&w, 1, "WindowExceeded");
        close(fd);
        world_done(&w);
}

TEST_MAIN("node/streams")
