#include "../../check.h"
#include "formats/dns_message.h"

static void name_of(const char *text, struct dns_name *n) { CHECK_INT(dns_name_from_text(text, n), ==, 0); }

TEST(texts_become_names_and_names_texts) {
        static const struct { const char *text, *wire; size_t n; } rows[] = {
                { ".", "", 1 }, { "", "", 1 }, { "a.", "\1a", 3 }, { "web.Shop", "\3web\4Shop", 10 }, { "a\\.b.c.", "\3a.b\1c", 7 }, { "\\255x", "\2\377x", 4 },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct dns_name n, again;
                char text[DNS_TEXT_BYTES_MAX];
                name_of(rows[i].text, &n);
                CHECK_INT(n.len, ==, rows[i].n);
                CHECK(memcmp(n.b, rows[i].wire, rows[i].n) == 0);
                dns_name_to_text(n.b, text, sizeof text);
                name_of(text, &again);
                CHECK(again.len == n.len && memcmp(again.b, n.b, n.len) == 0);
        }
}

TEST(texts_that_are_no_names_are_refused) {
        char label[70], name[300];
        memset(label, 'a', 64);
        label[64] = 0;
        memset(name, 'a', sizeof name);
        for (size_t i = 50; i < sizeof name; i += 51)
                name[i] = '.';
        name[255] = 0;
        const char *rows[] = { "a..b", ".a", "..", "a\\", "a\\25", "a\\256", label, name };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct dns_name n;
                CHECK_INT(dns_name_from_text(rows[i], &n), ==, -EINVAL);
        }
        name[253] = 0;                          /* 253 characters are 255 bytes: the longest there is */
        struct dns_name n;
        name_of(name, &n);
        CHECK_INT(n.len, ==, 255);
}

TEST(a_suffix_begins_at_a_label) {
        struct dns_name name, suffix, other;
        name_of("web.rancher.internal", &name);
        name_of("rancher.internal", &suffix);
        name_of("xrancher.internal", &other);
        CHECK(dns_name_ends(&name, &suffix, true));
        CHECK(!dns_name_ends(&other, &suffix, true));
        CHECK(!dns_name_ends(&suffix, &suffix, true));
        CHECK(dns_name_ends(&suffix, &suffix, false));
        /* the bytes of the suffix, but inside a label */
        struct dns_name inside = { .len = 8, .b = "\6x\1a\1by" }, ab = { .len = 5, .b = "\1a\1b" };
        inside.b[7] = 0;
        CHECK(!dns_name_ends(&inside, &ab, true));
}

TEST(pointers_lead_backwards_only) {
        static const struct { const char *p; size_t n, at; int ret; const char *name; } rows[] = {
                { "\1a\0\300\0", 5, 3, 0, "a." }, { "\1a\0\1b\300\0", 7, 3, 0, "b.a." },
                { "\300\0", 2, 0, -EBADMSG, NULL }, { "\300\2\300\0", 4, 0, -EBADMSG, NULL }, { "\1a\300\0", 4, 0, -EBADMSG, NULL },
                { "\1a", 2, 0, -EBADMSG, NULL }, { "\5ab", 3, 0, -EBADMSG, NULL }, { "\200a\0", 3, 0, -EBADMSG, NULL }, { "\300", 1, 0, -EBADMSG, NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct dns_name n;
                size_t at = rows[i].at;
                char text[DNS_TEXT_BYTES_MAX];
                CHECK_INT(dns_name_read((const uint8_t *) rows[i].p, rows[i].n, &at, &n), ==, rows[i].ret);
                if (rows[i].ret == 0) {
                        dns_name_to_text(n.b, text, sizeof text);
                        CHECK_STR(text, ==, rows[i].name);
                        CHECK_INT(at, ==, rows[i].n);
                }
        }
}

static size_t query(uint8_t *buf, const char *name, unsigned type, int edns_bytes) {
        struct dns_writer w;
        struct dns_name n;
        uint8_t head[DNS_HEADER_BYTES] = { 0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, edns_bytes >= 0 };
        name_of(name, &n);
        dns_write_begin(&w, buf, 512);
        dns_write_bytes(&w, head, sizeof head);
        dns_write_question(&w, n.b, type, DNS_CLASS_IN);
        if (edns_bytes >= 0)
                dns_write_opt(&w, (unsigned) edns_bytes, 0, true);
        return w.n;
}

TEST(a_query_tells_its_name_and_what_it_takes) {
        uint8_t buf[512];
        struct dns_query q;
        size_t n = query(buf, "Web.Shop.", DNS_A, 1232);
        CHECK_INT(dns_query_parse(buf, n, &q), ==, 0);
        CHECK_INT(q.id, ==, 0x1234);
        CHECK_INT(q.type, ==, DNS_A);
        CHECK_INT(q.udp_bytes, ==, 1232);
        CHECK(q.edns && q.dnssec_ok && q.edns_version == 0);
        CHECK(memcmp(q.name.b, "\3Web\4Shop", 10) == 0 && memcmp(q.lower.b, "\3web\4shop", 10) == 0);
        n = query(buf, "a", DNS_A, 100);
        CHECK_INT(dns_query_parse(buf, n, &q), ==, 0);
        CHECK_INT(q.udp_bytes, ==, 512);        /* less is not taken for an answer */
}

TEST(what_is_no_query_is_told_apart_from_a_bad_one) {
        uint8_t buf[512];
        struct dns_query q;
        size_t n = query(buf, "a", DNS_A, -1);
        CHECK_INT(dns_query_parse(buf, 11, &q), ==, -EBADMSG);
        CHECK_INT(dns_query_parse(buf, n - 1, &q), ==, -EINVAL);
        buf[2] |= 0x80;
        CHECK_INT(dns_query_parse(buf, n, &q), ==, -EBADMSG);
        n = query(buf, "a", DNS_A, 4096);
        CHECK_INT(dns_query_parse(buf, n - 3, &q), ==, -EINVAL);
}

TEST(names_are_written_once_and_pointed_at) {
        uint8_t buf[512];
        struct dns_writer w;
        struct dns_name a, b;
        name_of("web.shop.rancher.internal", &a);
        name_of("db.shop.rancher.internal", &b);
        dns_write_begin(&w, buf, sizeof buf);
        dns_write_name(&w, a.b);
        dns_write_name(&w, b.b);
        dns_write_name(&w, a.b);
        CHECK_INT(w.n, ==, 27 + 5 + 2);
        size_t at = 27;
        struct dns_name n;
        CHECK_INT(dns_name_read(buf, w.n, &at, &n), ==, 0);
        CHECK(n.len == b.len && memcmp(n.b, b.b, b.len) == 0);
        dns_write_begin(&w, buf, 5);
        dns_write_name(&w, a.b);
        CHECK(w.overflow);
        CHECK_INT(w.n, <=, 5);
}

/* A reply with one A record, one SOA and OPT. */
static size_t reply(uint8_t *buf) {
        struct dns_writer w;
        struct dns_name n;
        uint8_t head[DNS_HEADER_BYTES] = { 0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 1, 0, 1 };
        name_of("www.example.com", &n);
        dns_write_begin(&w, buf, 512);
        dns_write_bytes(&w, head, sizeof head);
        dns_write_question(&w, n.b, DNS_A, DNS_CLASS_IN);
        dns_write_record_head(&w, n.b, DNS_A, 300);
        dns_write_u16(&w, 4);
        dns_write_u32(&w, 0x01020304);
        dns_write_record_head(&w, n.b + 4, DNS_SOA, 120);
        dns_write_u16(&w, 2 + 2 + 20);
        dns_write_name(&w, n.b + 4);
        dns_write_name(&w, n.b + 4);
        static const uint32_t numbers[] = { 7, 3600, 600, 86400, 60 };
        for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
                dns_write_u32(&w, numbers[i]);
        dns_write_opt(&w, 1232, 0, false);
        return w.n;
}

TEST(a_reply_is_walked_to_its_end) {
        uint8_t buf[512];
        struct dns_reply r;
        size_t n = reply(buf);
        CHECK_INT(dns_reply_parse(buf, n, &r), ==, 0);
        CHECK_INT(r.ttl_min, ==, 120);
        CHECK(r.has_soa && r.negative_ttl == 60);
        CHECK_INT(r.end, ==, n);
        CHECK_INT(r.opt_bytes, ==, DNS_OPT_BYTES);
        for (size_t cut = 0; cut < n; cut++)
                CHECK_INT(dns_reply_parse(buf, cut, &r), ==, -EBADMSG);
        buf[7] = 2;                             /* one answer more than there is: what follows is no record of this kind, or the count ends it */
        CHECK_INT(dns_reply_parse(buf, n, &r), ==, -EBADMSG);
}

TEST(times_to_live_go_down_and_stay_below_the_ceiling) {
        uint8_t buf[512];
        struct dns_reply r;
        size_t n = reply(buf);
        CHECK_INT(dns_reply_parse(buf, n, &r), ==, 0);
        dns_reply_age(buf, n, &r, 130, 60);
        CHECK_INT(dns_reply_parse(buf, n, &r), ==, 0);
        CHECK_INT(r.ttl_min, ==, 0);            /* SOA's 120 are over */
        size_t at = r.answer_at;
        struct dns_record a;
        CHECK_INT(dns_record_read(buf, n, &at, &a), ==, 0);
        CHECK_INT(a.ttl, ==, 60);
}

TEST(addresses_of_wrong_size_are_refused) {
        uint8_t buf[512];
        struct dns_reply r;
        size_t n = reply(buf);
        CHECK_INT(dns_reply_parse(buf, n, &r), ==, 0);
        buf[r.answer_at + 2 + 8 + 1] = 0;       /* no data: what upstream sent for a container without address */
        CHECK_INT(dns_reply_parse(buf, n, &r), ==, -EBADMSG);
}

TEST_MAIN("formats/dns_message")
