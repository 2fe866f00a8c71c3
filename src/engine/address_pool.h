/* address_pool.h: one subnet's IPv4 addresses: its range, and which of them are free. Pure: the caller rebuilds a pool from its records.
 *
 * Addresses are numbers in host byte order. The free one that has been free for longest is given first, so that an address rests before
 * another container has it. Every operation is O(1), taken over all of them, however large the range and however full it is. */
#pragma once
#include "base/base.h"

struct address_range { uint32_t network, gateway, first, last; unsigned prefix; };       /* prefix: 8 to 28 bits */

enum { ADDRESS_TEXT_MAX = 16 };         /* "255.255.255.255" and its end */
int address_parse(const char *s, uint32_t *ret);        /* "a.b.c.d"; -EINVAL */
const char *address_format(uint32_t a, char buf[ADDRESS_TEXT_MAX]);

/* What a subnet's fields say, with the defaults of networking.md 3: network "a.b.c.d" or "a.b.c.d/n" (NULL: 10.44.0.0/16; an n that is no number:
 * 24), prefix 0: not given; gateway, start and end NULL or "": first address, second, and the sixth before the end. Bits of the host are
 * dropped from the network. Negative (InvalidFormat, or InvalidOption for a range that does not fit) names the field in *err. */
int address_range_make(const char *network, int64_t prefix, const char *gateway, const char *start, const char *end, struct address_range *ret,
                       struct dr_error *err);

struct address_pool;
/* Everything free. first <= last: asserted. What is free and was never held is given from the one after `after` on, around. */
struct address_pool *address_pool_new(uint32_t first, uint32_t last);
struct address_pool *address_pool_free(struct address_pool *p);         /* returns NULL */
void address_pool_go_on_after(struct address_pool *p, uint32_t after);  /* for a pool that was rebuilt: before the first take */

/* One more holder of this address (two containers of one retained index share theirs). False: outside of the range, nothing changed. */
bool address_pool_hold(struct address_pool *p, uint32_t a);
void address_pool_release(struct address_pool *p, uint32_t a);          /* one holder less; the last one frees it. Outside or free: nothing */
bool address_pool_is_free(const struct address_pool *p, uint32_t a);    /* false outside */
/* Holds the address that has been free for longest and returns it; 0: none is free. */
uint32_t address_pool_take(struct address_pool *p);
uint32_t address_pool_size(const struct address_pool *p);
uint32_t address_pool_held(const struct address_pool *p);
