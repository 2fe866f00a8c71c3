#include "agent-side.h"

#include <stdio.h>

#include "node/agent/protocol.h"

static struct node_state *state;

void agent_forget(void) { state = state_free(state); }

int agent_hear(const char *buf, size_t len, struct agent_heard *ret, struct dr_error *err) {
        static const char *const kinds[] = { [SERVER_OTHER] = "other", [SERVER_HELLO] = "hello", [SERVER_DESIRED] = "desired",
                                             [SERVER_REQUEST] = "request", [SERVER_BYE] = "bye" };
        struct server_message m;
        int r = server_message_parse(buf, len, &m, err);
        if (r < 0)
                return r;
        *ret = (struct agent_heard) { .kind = kinds[m.kind], .epoch = m.epoch, .rev = m.rev, .heartbeat_ms = m.heartbeat_ms, .deadline_ms = m.deadline_ms };
        snprintf(ret->text[0], sizeof ret->text[0], "%s", m.kind == SERVER_HELLO ? m.host_id : m.kind == SERVER_REQUEST ? m.id : m.reason);
        snprintf(ret->text[1], sizeof ret->text[1], "%s", m.kind == SERVER_HELLO ? m.project : m.name);
        if (m.kind == SERVER_DESIRED) {
                agent_forget();
                state = state_new();
                r = protocol_take_desired(&m, state, err);
        }
        server_message_done(&m);
        return r;
}

bool agent_wants(const char *uuid, struct agent_wants *ret) {
        const struct entry *e = state ? state_entry(state, uuid) : NULL;
        if (e)
                *ret = (struct agent_wants) { e->record.gen, want_to_string(e->record.want), e->stop_timeout_s, e->record.start_once };
        return e != NULL;
}

const char *agent_told(int t) { return told_to_string((enum told) t); }

void agent_report(const char *uuid, struct sbuf *out) {
        struct docker_port port = { "0.0.0.0", "tcp", 80, 8080 };
        struct docker_container c = {
                .id = "d0c", .name = (char *) "r-a", .image = (char *) "i:1", .ip = (char *) "172.17.0.2", .error = (char *) "", .mounts = (char *) "[]",
                .state = DOCKER_RUNNING, .started_ms = 1488450030000, .finished_ms = 5, .exit_code = 137, .ports = &port, .n_ports = 1,
        };
        struct report r = { .uuid = uuid, .gen = 4, .told = TOLD_RUNNING, .c = &c, .progress = "p" };
        sbuf_puts(out, "{\"t\":\"observed\",\"full\":true,\"containers\":[");
        report_format(&r, out);
        sbuf_puts(out, "]}");
}
