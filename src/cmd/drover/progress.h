/* progress.h: lines that tell how far several things are: redrawn in place on a terminal, one line per change elsewhere.
 *
 * Writes to stderr, so that stdout keeps ids and data. One thread. */
#pragma once
#include "base/sbuf.h"

enum progress_mark { PROGRESS_WAITING, PROGRESS_RUNNING, PROGRESS_DONE, PROGRESS_FAILED, PROGRESS_MARK_MAX };

struct progress;
/* terminal: redraw in place; width: of the terminal, 0 for unknown. */
struct progress *progress_new(bool terminal, unsigned width);
struct progress *progress_new_stderr(void);             /* finds both out */
struct progress *progress_free(struct progress *p);     /* NULL is fine; leaves the last picture; returns NULL */
DR_DEFINE_AUTO(struct progress *, progress_free)

/* Sets the text of line key (a new key is a new line at the end). */
void progress_set(struct progress *p, const char *key, const char *label, enum progress_mark mark, const char *text);
void progress_draw(struct progress *p);                 /* to stderr, what changed since the last time */
/* What progress_draw() would write; the changes count as written. */
void progress_render(struct progress *p, struct sbuf *ret);
