/* service_event.h: health reports of checkers (orchestration.md 4.4, 4.5). Loop thread only. */
#pragma once
#include "core.h"

/* What a report is about. */
struct checked { struct record *instance; int64_t host_id; int start; /* the run of the container it speaks of; -1: not said */ };
/* Finds it in an environment: by "HOSTUUID_CONTAINERUUID_STARTCOUNT", or by the uuid of the check. False: nobody makes such a check. */
bool service_event_find(struct core *c, int64_t account_id, const char *uuid, struct checked *ret);
/* A report of down cannot be taken now, for the network itself is being exchanged: which of its services is; NULL: none. */
const struct record *service_event_network_changes(struct core *c, int64_t account_id);
