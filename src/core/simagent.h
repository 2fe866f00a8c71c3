/* simagent.h: agents that are simulated in this process (spec simulator.md): each agent whose uri begins with sim:// gets its hosts here,
 * as many as its data says. With --simulator only.
 *
 * The owner calls simagents_turn() when simagents_next_ms() says so. Loop thread only. */
#pragma once
#include "hosts.h"

/* Keys of an agent's data. */
#define SIM_SCOPE "io.cattle.platform.agent.connection.simulator.AgentConnectionSimulator"      /* {hosts, addPhysicalHost, externalId} */
#define SIM_ACTIVATE_SCOPE "io.cattle.platform.process.agent.AgentActivate"                     /* {waitForPing} */
#define SIM_URI "sim://"
#define SIM_IMAGE "sim:"        /* images that only hosts of kind SIM_HOST_KIND run */
#define SIM_HOST_KIND "sim"

struct simagents;
struct simagents *simagents_new(struct core *c);
void simagents_free(struct simagents *s);       /* NULL is fine */
/* n agents of one host each in this environment, if they are not there from a former run. */
void simagents_make(struct simagents *s, int64_t account_id, size_t n);
void simagents_turn(struct simagents *s);
uint64_t simagents_next_ms(const struct simagents *s);  /* monotonic */
