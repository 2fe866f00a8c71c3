/* queue.c: the work queue keyed by resource, and timers. */
#include "core-internal.h"

static char here;                       /* any non-NULL value: the map is a set */

void queue_push(struct core *c, uint64_t key) {
        if (map_set(&c->queued, key, &here))
                return;
        if (c->queue_head > 1024 && c->queue_head * 2 > c->queue.n) {
                c->queue.n -= c->queue_head;
                memmove(c->queue.v, c->queue.v + c->queue_head, c->queue.n * sizeof *c->queue.v);
                c->queue_head = 0;
        }
        vec_push(&c->queue, key);
}

bool queue_pop(struct core *c, uint64_t *key) {
        if (c->queue_head == c->queue.n) {
                c->queue_head = c->queue.n = 0;
                return false;
        }
        *key = c->queue.v[c->queue_head++];
        map_del(&c->queued, *key);
        return true;
}

static void swap(struct timer_entry *a, struct timer_entry *b) {
        struct timer_entry t = *a;
        *a = *b;
        *b = t;
}

void queue_at(struct core *c, uint64_t key, uint64_t due_ms) {
        uintptr_t former = (uintptr_t) map_get(&c->timer_due, key);
        if (former && former - 1 <= due_ms)
                return;                 /* an earlier one wakes it; who is woken too early asks again */
        map_set(&c->timer_due, key, (void *) (uintptr_t) (due_ms + 1));
        vec_push(&c->timers, ((struct timer_entry) { due_ms, key }));
        struct timer_entry *h = c->timers.v;
        for (size_t i = c->timers.n - 1; i > 0 && h[(i - 1) / 2].due_ms > h[i].due_ms; i = (i - 1) / 2)
                swap(&h[i], &h[(i - 1) / 2]);
}

static struct timer_entry heap_pop(struct core *c) {
        struct timer_entry *h = c->timers.v, top = h[0];
        h[0] = vec_pop(&c->timers);
        for (size_t i = 0;;) {
                size_t l = 2 * i + 1, r = l + 1, m = i;
                if (l < c->timers.n && h[l].due_ms < h[m].due_ms)
                        m = l;
                if (r < c->timers.n && h[r].due_ms < h[m].due_ms)
                        m = r;
                if (m == i)
                        return top;
                swap(&h[i], &h[m]);
                i = m;
        }
}

void queue_fire_timers(struct core *c) {
        uint64_t now = core_mono_ms(c);
        while (c->timers.n && c->timers.v[0].due_ms <= now) {
                struct timer_entry e = heap_pop(c);
                uintptr_t counts = (uintptr_t) map_get(&c->timer_due, e.key);
                if (counts != e.due_ms + 1)
                        continue;       /* replaced by an earlier one that has fired */
                map_del(&c->timer_due, e.key);
                queue_push(c, e.key);
        }
}

uint64_t queue_next_ms(const struct core *c) {
        if (c->queue_head < c->queue.n)
                return 0;
        return c->timers.n ? c->timers.v[0].due_ms : UINT64_MAX;
}
