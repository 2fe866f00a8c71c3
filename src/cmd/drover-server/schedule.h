/* schedule.h: backups of the running server's database, every so often, the newest few of them kept. Loop thread; the copying is done by a worker. */
#pragma once
#include "net/loop.h"

struct schedule;
/* Files are DIR/drover-YYYYMMDD-HHMMSS.db (UTC). The first is made after one period. A failure is logged and tried again a period later. */
struct schedule *schedule_new(struct loop *l, const char *db, const char *dir, uint64_t every_ms, unsigned keep);
struct schedule *schedule_free(struct schedule *s);     /* a copy under way ends by itself; NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct schedule *, schedule_free)
