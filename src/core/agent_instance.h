/* agent_instance.h: containers with an account of their own (label io.rancher.container.create_agent; agent.md 9, orchestrators.md 1).
 *
 * Such a container has an agent (uri event:///instanceId=N) and an account with a key pair for each of its roles; the agent's own
 * account is the first of them. The keys are in no field of the container: they are put into the spec that its host gets, and are the
 * same ones at each start. All of it goes with the container. Loop thread only. */
#pragma once
#include "core.h"

struct json_object;

/* The words of io.rancher.container.agent.role that count. */
enum agent_role { AGENT_ROLE_AGENT, AGENT_ROLE_ENVIRONMENT, AGENT_ROLE_ENVIRONMENT_ADMIN, AGENT_ROLE_MAX };
const char *agent_role_to_string(enum agent_role r);    /* "agent", "environment", "environmentAdmin"; NULL out of range */
/* Of an account that a container's agent has (F_agentRole); AGENT_ROLE_MAX: another kind of account. */
enum agent_role agent_role_of(const struct record *account);
/* The agent that an agent's account speaks for; NULL: it is removed. */
struct record *agent_of_account(struct core *c, const struct record *account);

/* Before the container starts: makes what is missing. */
void agent_instance_ensure(struct core *c, struct record *instance);
/* Environment, labels and the mount of the server's certificate, into the spec for the host. */
void agent_instance_spec(struct core *c, const struct record *instance, struct json_object *spec, struct json_object *labels);
/* The container is removed. */
void agent_instance_gone(struct core *c, struct record *instance);
/* Keys and accounts of an agent that is being removed. */
void agent_accounts_drop(struct core *c, struct record *agent);
