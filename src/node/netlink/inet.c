#include "inet.h"

#include "base/parse.h"

#include <arpa/inet.h>
#include <stdio.h>

int inet_parse(const char *s, struct inet *ret) {
        struct inet ip = { .family = s && strchr(s, ':') ? AF_INET6 : AF_INET };
        if (!s || inet_pton(ip.family, s, ip.bytes) != 1)
                return -EINVAL;
        *ret = ip;
        return 0;
}

int inet_cidr_parse(const char *s, int default_prefix, struct inet_cidr *ret) {
        const char *slash = s ? strchr(s, '/') : NULL;
        if (!s || (!slash && default_prefix < 0))
                return -EINVAL;
        char text[INET_TEXT_MAX];
        size_t len = slash ? (size_t) (slash - s) : strlen(s);
        if (len >= sizeof text)
                return -EINVAL;
        memcpy(text, s, len);
        text[len] = 0;
        struct inet_cidr c = { 0 };
        uint64_t prefix = (uint64_t) default_prefix;
        if (inet_parse(text, &c.ip) < 0)
                return -EINVAL;
        if (slash ? parse_u64(slash + 1, inet_bits(c.ip.family), &prefix) < 0 : prefix > inet_bits(c.ip.family))
                return -EINVAL;
        c.prefix = (unsigned) prefix;
        *ret = c;
        return 0;
}

const char *inet_text(const struct inet *ip, char *buf) {
        if (!ip->family || !inet_ntop(ip->family, ip->bytes, buf, INET_TEXT_MAX))
                buf[0] = 0;
        return buf;
}

const char *inet_cidr_text(const struct inet_cidr *c, char *buf) {
        inet_text(&c->ip, buf);
        size_t len = strlen(buf);
        if (len > 0)
                snprintf(buf + len, INET_TEXT_MAX - len, "/%u", c->prefix);
        return buf;
}

bool inet_eq(const struct inet *a, const struct inet *b) {
        return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool inet_cidr_eq(const struct inet_cidr *a, const struct inet_cidr *b) { return a->prefix == b->prefix && inet_eq(&a->ip, &b->ip); }

bool inet_is_zero(const struct inet *ip) {
        static const uint8_t zero[16];
        return memcmp(ip->bytes, zero, sizeof zero) == 0;
}

struct inet_cidr inet_cidr_net(const struct inet_cidr *c) {
        struct inet_cidr net = *c;
        for (unsigned bit = c->prefix; bit < inet_bits(c->ip.family); bit++)
                net.ip.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
        return net;
}

bool inet_cidr_has(const struct inet_cidr *net, const struct inet *ip) {
        struct inet_cidr a = inet_cidr_net(net), b = inet_cidr_net(&(struct inet_cidr) { *ip, net->prefix });
        return inet_eq(&a.ip, &b.ip);
}

int inet_first_host(const struct inet_cidr *c, struct inet_cidr *ret) {
        unsigned bits = inet_bits(c->ip.family);
        if (!c->ip.family || c->prefix + 1 >= bits)
                return -EINVAL;
        struct inet_cidr first = inet_cidr_net(c);
        first.ip.bytes[bits / 8 - 1] |= 1;
        *ret = first;
        return 0;
}

int mac_parse(const char *s, uint8_t ret[MAC_BYTES]) {
        static const char digits[] = "0123456789abcdef";
        uint8_t mac[MAC_BYTES], any = 0;
        if (!s || strlen(s) != MAC_TEXT_MAX - 1)
                return -EINVAL;
        for (size_t i = 0; i < MAC_BYTES; i++) {
                unsigned value = 0;
                for (size_t k = 0; k < 2; k++) {
                        char c = s[3 * i + k];
                        const char *at = memchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c, 16);
                        if (!at)
                                return -EINVAL;
                        value = value << 4 | (unsigned) (at - digits);
                }
                if (i + 1 < MAC_BYTES && s[3 * i + 2] != ':')
                        return -EINVAL;
                mac[i] = (uint8_t) value;
                any |= mac[i];
        }
        if (mac[0] & 1 || !any)
                return -EINVAL;
        memcpy(ret, mac, MAC_BYTES);
        return 0;
}

const char *mac_text(const uint8_t mac[MAC_BYTES], char *buf) {
        snprintf(buf, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
        return buf;
}
