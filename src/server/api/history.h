/* history.h: records that left memory: removed ones, finished processes, logs (spec api.md 1.5 "Removed rows", 4.3). The store
 * reads them off the loop; everything here answers later, on the loop. Loop thread only. */
#pragma once
#include "context.h"

/* Does a list of this type also show what is in history: finished processes and logs always, others with _removed? */
bool history_wanted(const struct api_req *req, const struct type_def *def);
enum history_wish { HISTORY_DROP, HISTORY_KEEP, HISTORY_ENOUGH };        /* of a row: forget it; keep it; keep it and read no more */
/* Rows of the caller's account in order of id, as many as there are or are wished for, a chunk at a time: row for each, then
 * done(arg, 0 or negative errno). At most HISTORY_READ_MAX rows are looked at. */
enum { HISTORY_READ_MAX = 300000 };
void history_list(struct api_req *req, enum type_id table, bool descending, enum history_wish (*row)(void *arg, struct record *r),
                  void (*done)(void *arg, int result), void *arg);
/* One row by id; r is NULL when there is none. Records live as long as the request. */
void history_get(struct api_req *req, enum type_id table, int64_t id, void (*done)(struct api_req *req, struct record *r));
