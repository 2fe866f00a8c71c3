/* switch.h: a lab's switch as seen from the commands: start, stop, ports, cuts, relays. Blocking; hold lab_lock(). */
#pragma once
#include "state.h"

int switch_start(const struct lab *l, struct dr_error *err);   /* fine when it runs */
int switch_stop(const struct lab *l, struct dr_error *err);    /* fine when it does not run; forgets the cuts */
pid_t switch_pid(const struct lab *l);                          /* 0: not running */
int switch_netns(const struct lab *l, int *ret_fd, struct dr_error *err);

/* The host's end of a new cable is made by the caller; this connects or removes the switch's end (named like the host). */
int switch_port_up(const struct lab *l, const struct lab_host *h, struct dr_error *err);
void switch_port_remove(const struct lab *l, const struct lab_host *h);

/* peer: a host's name, "server" (the switch's own address) or NULL (everything). Cuts are silent: the carrier stays. They outlive
 * the host's reboot. */
int switch_cut(const struct lab *l, const struct lab_host *h, const char *peer, struct dr_error *err);
int switch_heal(const struct lab *l, const struct lab_host *h, struct dr_error *err);  /* h NULL: all cuts */
bool switch_is_cut(const struct lab *l, const struct lab_host *h);      /* wholly */

/* "http://HOST:PORT/..." as this machine reaches it; *ret becomes the same with the switch's address and a relayed port, without
 * path. Caller frees. */
int switch_relay(const struct lab *l, const char *url, char **ret, struct dr_error *err);
