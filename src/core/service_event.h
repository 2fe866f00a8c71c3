/* service_event.h: health reports of checkers (orchestration.md 4.4, 4.5). Loop thread only. */
#pragma once
#include "core.h"

/* The check (healthcheckInstanceHostMap) that a report names: by the uuid of the check, or "HOSTUUID_CONTAINERUUID_STARTCOUNT". NULL: none. */
struct record *service_event_check(struct core *c, const char *uuid);
