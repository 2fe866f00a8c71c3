/* netstate.h: the network state of one run of a container: what the network manager tells the agent and the entry wait.
 *
 * A file STATE_DIR/cni/DOCKER_ID/STARTED_AT (StartedAt as the engine's inspect has it), there once the network is set up or could not be:
 * a CNI result in the form of 0.1.0, {"ip4":{"ip":"10.42.17.5/16",...},"dns":{}}, or {"error":"..."}. Path and format are the contract
 * between agent and network manager (spec networking.md 4.2): another manager may keep it too. Keys are read in either case. */
#pragma once
#include "base/sbuf.h"

/* Deadlines of one start, in milliseconds from the moment each one sees it. The manager gives up first and says why. */
enum { NETSTATE_ADD_MS = 25000, NETSTATE_REPORT_MS = 30000, NETSTATE_ENTRY_MS = 35000 };
enum { NETSTATE_BYTES_MAX = 64 << 10, NETSTATE_NAME_MAX = 64 };
#define NETSTATE_INTERFACE "eth0"

struct netstate {
        char ip[64];                    /* IPv4 without its prefix; "" with an error */
        char error[400];                /* "": none */
};
/* Exactly one of ip and error is set. -EINVAL with *err: neither is there. */
int netstate_parse(const char *buf, size_t len, struct netstate *ret, struct dr_error *err);
/* -ENOENT: no word yet; *err stays as it was. */
int netstate_read(const char *path, struct netstate *ret, struct dr_error *err);
/* Whether name can be a StartedAt: "2026-11-25T10:00:00.123456789Z". Other names in the folder are nobody's state. */
bool netstate_is_name(const char *name);
/* Whole or not at all: another name first. Makes the folder cni/ID when it is missing. dir: STATE_DIR/cni. Readable for all. */
int netstate_write(const char *dir, const char *id, const char *started, const char *text, struct dr_error *err);
/* The folder of a container with what is in it; keep: the one name that stays (NULL: none). Missing is fine. */
void netstate_remove(const char *dir, const char *id, const char *keep);
