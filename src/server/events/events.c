#include "events-internal.h"

struct events *events_new(struct loop *l, struct core *c, struct api *api) {
        struct events *e = dr_xnew(struct events);
        *e = (struct events) { .loop = l, .core = c, .api = api };
        changes_start(e);
        agents_start(e);
        api_add_special(api, "subscribe", false, subscribe_special, e);
        api_add_special(api, "publish", false, publish_special, e);
        return e;
}

void events_free_if_over(struct events *e) {
        if (e->closed && !e->pending)
                free(e);
}

struct events *events_free(struct events *e) {
        if (!e)
                return NULL;
        changes_stop(e);
        agents_stop(e);
        while (e->first) {              /* their last callbacks are still to come */
                struct subscriber *s = e->first->first;
                subscriber_leave(s);
                s->ping = timer_free(s->ping);
        }
        e->closed = true;
        events_free_if_over(e);
        return NULL;
}

size_t events_subscribers(const struct events *e) { return e->n; }
