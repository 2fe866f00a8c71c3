/* rtnetlink-internal.h: one request and its answers, for the modules of this folder. */
#pragma once
#include "rtnetlink.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

struct netlink {
        int fd;
        uint32_t seq;
        char said[160];                 /* the kernel's words about the last failure, or "" */
        char *buf;                      /* answers */
};

enum { NLK_ANSWER_BYTES_MAX = 256 * 1024, NLK_OBJECTS_MAX = 200000 };

/* A message of that type with its fixed part. The caller adds attributes and gives it to nlk_talk(). */
struct nl_msg *nlk_request(int type, int flags, const void *fixed, size_t len);
void nlk_put(struct nl_msg *m, int attr, const void *p, size_t n);
static inline void nlk_put_u32(struct nl_msg *m, int attr, uint32_t v) { nlk_put(m, attr, &v, sizeof v); }
static inline void nlk_put_u16(struct nl_msg *m, int attr, uint16_t v) { nlk_put(m, attr, &v, sizeof v); }
static inline void nlk_put_u8(struct nl_msg *m, int attr, uint8_t v) { nlk_put(m, attr, &v, sizeof v); }
static inline void nlk_put_text(struct nl_msg *m, int attr, const char *s) { nlk_put(m, attr, s, strlen(s) + 1); }
static inline void nlk_put_inet(struct nl_msg *m, int attr, const struct inet *ip) { nlk_put(m, attr, ip->bytes, inet_bits(ip->family) / 8); }

/* Sends and frees m, gives each answer to each (may be NULL; negative ends with that value), waits for the end. Returns 0 or the
 * kernel's negative errno; n->said then has its words. */
int nlk_talk(struct netlink *n, struct nl_msg *m, int (*each)(const struct nlmsghdr *h, void *arg), void *arg);
/* Fills err: "TEXT: errno's text (kernel's words)". Returns r. */
int nlk_error(const struct netlink *n, int r, struct dr_error *err, const char *fmt, ...) DR_PRINTF(4, 5);

struct inet nlk_inet(int family, const struct nlattr *a);       /* family 0 when a is NULL or of another length */
