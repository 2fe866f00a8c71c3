/* forward.h: what must change in an iptables back end so that its forward chain lets our packets through. Pure: text to text.
 *
 * An accept in a table of our own does not undo another table's drop, and the engine and administrators set FORWARD's policy to DROP. So each
 * iptables back end that has a FORWARD chain gets the chain CATTLE_FORWARD and one jump to it at the head of DOCKER-USER, or of FORWARD where
 * DOCKER-USER is not there or nothing leads to it (spec networking.md 6.1, 12.2). */
#pragma once
#include "node/netmgr/rules.h"

#define FORWARD_CHAIN "CATTLE_FORWARD"
enum { FORWARD_BYTES_MAX = 8 << 20 };

/* save: what iptables-save -t filter prints. out: input of iptables-restore -n that puts things right; empty when they are. remove: chain and
 * jumps shall go. Returns 1 when something is to be done, 0 when nothing is or the back end is not in use. */
int forward_plan(const char *save, const struct rules *r, bool remove, struct sbuf *out);
/* Whether packets that nothing accepts are dropped there: the policy of FORWARD. */
bool forward_drops(const char *save);
/* chains: what "nft -j list chains" prints. Names the first base chain at the forward hook that is neither iptables' nor ours and drops what nothing in it
 * accepts (a firewall of its own): no rule of ours is put there, so an administrator has to let the networks through. "" : none. */
void forward_other_drops(const char *chains, size_t len, char *ret, size_t size);
