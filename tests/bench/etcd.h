/* etcd.h: an etcd of our own on loopback, with its default durability (each commit is synced) and a quota of 1 GB, spoken to over the JSON gateway. */
#pragma once
#include "base/base.h"

struct etcd;
/* Starts it with its data below dir (removed by the caller). -ENOENT: not installed. -EIO: did not start. */
int etcd_start(const char *dir, struct etcd **ret);
struct etcd *etcd_stop(struct etcd *e);                 /* ends the process; NULL is fine; returns NULL */

/* Puts rows of value (value_len bytes) for `seconds`, `rows` of them a request (1: a put; more: one transaction), `clients`
 * requests at a time on as many connections. Returns durable rows per second; negative: a request failed. */
double etcd_puts(struct etcd *e, const char *value, size_t value_len, unsigned rows, unsigned clients, double seconds);
