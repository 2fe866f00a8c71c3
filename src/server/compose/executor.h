/* executor.h: makes stacks what their compose text says: the processes stack.create, upgrade, finishupgrade, cancelupgrade and rollback
 * (spec compose.md 8). Upstream's rancher-compose-executor, inside the server.
 *
 * Text is read by a worker (a large document takes tens of milliseconds). Then the process goes on in small looks: each looks at what is there,
 * does a little of what is missing through the API itself (server/api/internal.h) in the name of whoever asked, and waits for what is under way.
 * Nothing but the run's own data is kept, so a restart at any moment reads the text again and goes on. Loop thread only. */
#pragma once
#include "core/core.h"
#include "net/loop.h"
#include "server/api/api.h"

struct executor;
/* Takes over the processes above in core; before the first core_turn(). loop NULL (tests): text is read at once. All borrowed. */
struct executor *executor_new(struct loop *loop, struct core *core, struct api *api);
struct executor *executor_free(struct executor *x);     /* after core's last turn; waits for workers; NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct executor *, executor_free)

/* Who acts on a stack from now on: called when it is created, upgraded and so on. account: the caller; role: in the stack's environment. */
void executor_remember(struct core *c, struct record *stack, int64_t account, enum role role);
