/* policy.h: what the server's settings and a host's labels say to its agent beside containers: which program it should be, and which unused
 * images it should remove (docs/images.md). Loop thread only. */
#pragma once
#include "core/core.h"

/* {"afterS", "diskPercent", "all"} for this host, "null" when no image shall be removed; the caller frees. */
char *policy_images(struct core *c, const struct record *host);
bool policy_upgrades(struct core *c);   /* setting drover.host.upgrade */
