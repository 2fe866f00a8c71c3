/* agent_key.h: key pairs that agents show: sealed, since they are given out again (agent.md 1, 9). Loop thread only. */
#pragma once
#include "core.h"

/* The active agentApiKey of an account; made if it is missing. Borrowed. */
struct record *agent_key(struct core *c, int64_t account_id);
struct record *agent_key_find(struct core *c, int64_t account_id);      /* NULL: none */
/* Whoever showed a key of this account shows it in vain from now on: all its credentials go. */
void agent_keys_drop(struct core *c, int64_t account_id);
