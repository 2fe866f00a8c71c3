/* agent-side.h: the agent's half of the host protocol for tests of the server's, in a file of its own because both rooms have types
 * of the same name. */
#pragma once
#include "base/sbuf.h"

struct agent_heard {
        const char *kind;               /* "hello", "desired", "request", "bye", "other" */
        uint64_t epoch, rev, heartbeat_ms, deadline_ms;
        char text[3][64];               /* hello: host and project; request: id and name; bye: reason */
};
/* Reads a message as the agent does; desired ones are obeyed into a fresh state. */
int agent_hear(const char *buf, size_t len, struct agent_heard *ret, struct dr_error *err);
struct agent_wants { uint64_t gen; const char *want; int stop_timeout_s; bool start_once; };
/* What the state after the last agent_hear() says of a container; false: nothing. */
bool agent_wants(const char *uuid, struct agent_wants *ret);
void agent_forget(void);

const char *agent_told(int state);      /* names of the states that are told; NULL past the last */
/* A full report with one running container that has one published port. */
void agent_report(const char *uuid, struct sbuf *out);
