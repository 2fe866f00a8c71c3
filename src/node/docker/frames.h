/* frames.h: the engine's multiplexed output (logs, attach and exec without a terminal): 8-byte heads {stream, 0, 0, 0, length big endian}.
 *
 * Borders of reads mean nothing. Nothing is buffered but a head. Any thread, one stream each. */
#pragma once
#include "base/base.h"

enum docker_output { DOCKER_STDIN, DOCKER_STDOUT, DOCKER_STDERR, DOCKER_SYSTEM_ERROR, DOCKER_OUTPUT_MAX };
struct docker_frames { unsigned char head[8]; unsigned n_head; uint32_t left; enum docker_output output; bool fresh; };  /* {0} at first */

/* Gives the payload on: starts: p begins a frame. Returns 0 or -EINVAL with *err (what came is no head; nothing more may be fed). */
int docker_frames_feed(struct docker_frames *f, const char *p, size_t n,
                       void (*fn)(enum docker_output output, bool starts, const char *p, size_t n, void *arg), void *arg, struct dr_error *err);
/* Whether the input may end here. */
static inline bool docker_frames_complete(const struct docker_frames *f) { return f->n_head == 0 && f->left == 0; }
