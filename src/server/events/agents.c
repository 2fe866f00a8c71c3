/* agents.c: events for agents of containers, from the core to those who subscribe with the agent's key (core/agent_event.h). */
#include "core/agent_event.h"
#include "events-internal.h"

static bool takes(const struct subscriber *s, const char *name) {
        for (size_t i = 0; i < s->n_names; i++)
                if (name_matches(s->names[i], name))
                        return s->ws && !ws_is_closing(s->ws);
        return false;
}

static bool send(void *arg, int64_t agent_id, const char *name, const char *text, size_t len) {
        struct events *e = arg;
        AUTO(buf_unref) struct buf *frame = text ? ws_frame_text(text, len) : NULL;
        bool any = false;
        for (struct audience *a = e->first; a; a = a->next)
                for (struct subscriber *s = a->first, *next; s && a->agent_id == agent_id && a->role == ROLE_agent; s = next) {
                        next = s->next;
                        if (!takes(s, name))
                                continue;
                        any |= !frame || ws_send_frame(s->ws, frame) == 0;
                }
        return any;
}

void agents_start(struct events *e) { agent_events_listen(e->core, send, e); }
void agents_stop(struct events *e) { agent_events_listen(e->core, NULL, NULL); }
