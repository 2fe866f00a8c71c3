/* agent_event.h: what the core asks of containers that offer a service (label io.rancher.container.agent_service.X; orchestrators.md 1).
 *
 * A handler asks and waits: the event goes to those who subscribe as the container's agent, once it is durable that it is waited for; the
 * reply, published under the event's replyTo, resumes the run, after a restart too. The event's id ends in the agent's number, so a reply
 * of another agent is known as such. Loop thread only. */
#pragma once
#include "core.h"

struct json_object;

/* The way to subscribers: sends to those of this agent who take this name, and says whether there are any. text NULL: only says. Borrowed. */
typedef bool agent_event_fn(void *arg, int64_t agent_id, const char *name, const char *text, size_t len);
void agent_events_listen(struct core *c, agent_event_fn *fn, void *arg);        /* fn NULL: no more */

/* Of the environment's containers with label agent_service.<service>: one with an agent that runs, is healthy (no check counts as healthy)
 * and whose host's agent is active; the one with the lowest label value ("true": 1), then the oldest. NULL: none. */
struct record *agent_service_provider(struct core *c, int64_t account_id, const char *service);

/* Makes run wait for the reply to a new event. timeout_ms ends in run->deadline_ms. False: nobody listens to this agent's name now. */
bool agent_event_ask(struct core *c, struct record *r, struct run *run, int64_t agent_id, const char *name, struct json_object *data, int64_t timeout_ms);
/* What became of it. ret_data (ANSWER_GIVEN): borrowed from the run; an empty object when the reply has none. */
enum agent_answer { ANSWER_NOT_YET, ANSWER_GIVEN, ANSWER_REFUSED, ANSWER_NEVER };
enum agent_answer agent_event_answer(struct core *c, struct record *r, struct run *run, int64_t timeout_ms, struct json_object **ret_data, struct dr_error *err);
/* The answer is used: the run waits for nothing. */
void agent_event_over(struct core *c, struct run *run);
/* May this agent reply to this event? */
bool agent_event_is_for(const char *event_id, int64_t agent_id);
