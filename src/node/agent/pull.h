/* pull.h: brings one image onto this host's engine: pulls it, with credentials first and then without (agent.md 10), or builds it from
 * a remote context (agent.md 8, `build`), or makes it out of this program when it is drover/node (own_image.h). Loop thread only; callbacks never come from inside a call of yours. */
#pragma once
#include "node/docker/client.h"

enum pull_result { PULL_DONE, PULL_FAILED, PULL_NO_ANSWER };    /* NO_ANSWER: the engine went away, it is nobody's fault */

struct pull;
struct pull_request {
        struct loop *loop;
        struct docker *docker;          /* borrowed */
        const char *image;              /* without "docker:" */
        json_object *auth;              /* registryAuth of docs/host-protocol.md; NULL: none */
        json_object *build;             /* the spec's build; NULL, or without remote and context: it is pulled */
        /* At most one in half a second. text: as the engine says it; percent -1: unknown. NULL: nobody asks. */
        void (*on_progress)(const char *text, int percent, void *arg);
        /* Once, unless cancelled; p is freed behind it. why: the engine's text, the first error's when tried twice; "" when done. */
        void (*on_done)(enum pull_result result, const char *why, void *arg);
        void *arg;
};
/* NULL with *err filled: the image's name is missing or too long, or the engine is not known; then on_done is not called. */
struct pull *pull_start(const struct pull_request *r, struct dr_error *err);
void pull_cancel(struct pull *p);       /* no callback comes */
