/* result.h: what a CNI plugin made, in the form of every version (CNI specification, "Success"; spec networking.md 12.3).
 *
 * Any thread; no I/O. Text of results comes from other programs: numbers of elements and lengths are capped. */
#pragma once
#include "base/vec.h"
#include "node/cni/error.h"
#include "node/cni/version.h"
#include "node/netlink/inet.h"

#include <json-c/json.h>

enum { CNI_ELEMENTS_MAX = 256, CNI_RESULT_BYTES_MAX = 1 << 20 };

struct cni_interface { char name[64], mac[64], sandbox[512]; unsigned mtu; };   /* mtu 0: not told */
struct cni_ip { struct inet_cidr address; struct inet gateway; int interface; };        /* interface: index, -1: none */
struct cni_route { struct inet_cidr dst; struct inet gw; unsigned mtu, advmss, priority, table; int scope; };   /* 0: not told; scope -1: not told */

struct cni_result {
        VEC(struct cni_interface) interfaces;
        VEC(struct cni_ip) ips;
        VEC(struct cni_route) routes;
        struct json_object *dns;        /* owned; NULL: empty */
};
void cni_result_done(struct cni_result *r);
static inline void cni_result_done_auto(struct cni_result *r) { cni_result_done(r); }
#define auto_cni_result __attribute__((cleanup(cni_result_done_auto)))          /* auto_cni_result struct cni_result r = { 0 }; */

/* Reads a result of any version by its shape: "ip4"/"ip6" of 0.1.0 and 0.2.0, "ips" of all later ones. o: borrowed, NULL is empty.
 * Returns 0, or -1 with *err (CNI_E_DECODE); *ret is empty then. */
int cni_result_parse(struct json_object *o, struct cni_result *ret, struct cni_error *err);
/* The result as version v writes it. Older versions lose what they have no place for: 0.1.0 and 0.2.0 have one address of each
 * family and no interfaces. The caller owns it. */
struct json_object *cni_result_json(const struct cni_result *r, enum cni_version v);
/* {"cniVersion","code","msg","details"}. The caller owns it. */
struct json_object *cni_error_json(const struct cni_error *e, enum cni_version v);
