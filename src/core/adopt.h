/* adopt.h: containers that drover did not make (agent.md 16 to 18): they get rows, follow what happens on their host, and are left alone
 * but for what a person asks of them. Loop thread only.
 *
 * An adopted one has F_nativeContainer and its Docker id in F_externalId. Its host is told about it only while something is asked
 * (desired entries with dockerId, each carried out once); losing its row never touches the container. */
#pragma once
#include "applier.h"

/* What a host says of a foreign container: its instance, made when it is new, may be adopted and is not one too many this minute; NULL: it has
 * none. The caller gives the observation on. */
struct record *adopt_seen(struct core *c, struct record *host, const struct observed *o, struct adopt_pace *pace);

/* The table of agent.md 16 and 17: brings the row to what was seen (running, stopped, absent). Nothing is told to the host. */
void adopt_follow(struct core *c, struct record *instance, enum observed_state seen);

/* The row goes and the container stays. */
void adopt_forget(struct core *c, struct record *instance);

/* Is nothing to be done on the host by the process that runs on this adopted container? It only follows, or the host goes. */
bool adopt_hands_off(struct core *c, const struct record *instance, const struct run *run);

core_handler adopt_create;              /* instance.create of an adopted one */
core_handler container_event_process;   /* containerevent.create */
void container_event_idle(struct core *c, struct record *event);        /* processed ones go after a while */
