/* Whatever comes to the DNS service: queries, recursers' answers (relayed, kept, followed), answer files. First byte: which. */
#include "node/dns/answer.h"
#include "node/dns/answer_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dns_table *table(void) {
        static struct dns_table *t;
        if (t)
                return t;
        struct table_builder *b = builder_new(1, 0);
        uint32_t ips[300], client;
        for (uint32_t i = 0; i < 300; i++)
                ips[i] = 0x0a2a0000 + i;
        builder_authoritative(b, "rancher.internal");
        builder_search(b, DNS_EVERYBODY, "rancher.internal");
        builder_a(b, DNS_EVERYBODY, "web.shop.rancher.internal", ips, 2, 1);
        builder_a(b, DNS_EVERYBODY, "big.rancher.internal", ips, 300, 1);
        builder_cname(b, DNS_EVERYBODY, "www.rancher.internal", "www.example.com", 1);
        builder_cname(b, DNS_EVERYBODY, "in.rancher.internal", "big.rancher.internal", 1);
        builder_txt(b, DNS_EVERYBODY, "t.rancher.internal", (const char *const[]) { "x" }, 1, 1);
        (void) builder_scope(b, "10.0.0.1", &client);
        builder_search(b, client, "shop.rancher.internal");
        builder_cname(b, client, "db", "web.shop.rancher.internal", 1);
        t = builder_finish(b, true);
        builder_free(b);
        return t;
}

static struct answerer *answerer(void) {
        static uint32_t serial;
        static struct answerer a = { .serial = &serial, .ttl = 1 };
        rng_seed(&a.rng, 1);
        return &a;
}

static void on_query(const uint8_t *p, size_t n) {
        static uint8_t out[DNS_MESSAGE_BYTES_MAX];
        for (int tcp = 0; tcp < 2; tcp++) {
                struct dns_query q;
                struct dns_name target;
                struct dns_reply r;
                size_t bytes = 0;
                enum answer_kind kind = answer_query(answerer(), table(), 0x0100000a, tcp, p, n, NULL, &q, out, &bytes, &target);
                if (kind == ANSWER_REPLY && (bytes < DNS_HEADER_BYTES || (!tcp && bytes > q.udp_bytes)))
                        abort();
                if (kind == ANSWER_REPLY && dns_u16(out + 4) == 1 && dns_reply_parse(out, bytes, &r) < 0)
                        abort();
                if (kind == ANSWER_CHASE && target.len < 2)
                        abort();
        }
}

static void on_reply(const uint8_t *p, size_t n) {
        static uint8_t out[DNS_MESSAGE_BYTES_MAX], copy[DNS_MESSAGE_BYTES_MAX];
        static const uint8_t query[] = "\0\1\1\0\0\1\0\0\0\0\0\0\3www\7rancher\10internal\0\0\1\0\1";
        struct dns_reply r, again;
        struct dns_query q;
        struct dns_name target;
        size_t bytes = 0;
        if (n > DNS_MESSAGE_BYTES_MAX || dns_reply_parse(p, n, &r) < 0)
                return;
        q = (struct dns_query) { .id = 7, .type = r.type, .class = r.class, .questions = 1, .udp_bytes = 512, .name = r.name, .lower = r.name };
        dns_name_lower(&q.lower);
        size_t relayed = answer_relay(&q, false, p, n, out);
        if (relayed > 512 && r.answer_at + r.opt_bytes <= 512)
                abort();
        if (relayed && dns_reply_parse(out, relayed, &again) < 0)
                abort();
        memcpy(copy, p, r.end);
        dns_reply_age(copy, r.end, &r, 5, 60);
        if (dns_reply_parse(copy, r.end, &again) < 0 || (again.ttl_min != UINT32_MAX && again.ttl_min > 60))
                abort();
        struct chased c = { .reply = p, .reply_bytes = n };
        (void) dns_name_from_text("www.example.com", &c.target);
        if (answer_query(answerer(), table(), 0, false, query, sizeof query - 1, &c, &q, out, &bytes, &target) != ANSWER_REPLY || dns_reply_parse(out, bytes, &again) < 0)
                abort();
}

static void on_file(const uint8_t *p, size_t n) {
        struct dr_error err;
        AUTO(builder_free) struct table_builder *b = builder_new(1, 0);
        if (n > 65536 || answer_file_parse((const char *) p, n, 1, b, &err) < 0)
                return;
        auto_sbuf struct sbuf text = SBUF(16 << 20);
        struct dns_table *t = builder_finish(b, true);
        table_write(t, &text);
        table_unref(t);
        AUTO(builder_free) struct table_builder *again = builder_new(1, 0);
        if (sbuf_ok(&text) && answer_file_parse(text.data, text.len, 1, again, &err) < 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size == 0)
                return 0;
        if (data[0] == 'q')
                on_query(data + 1, size - 1);
        else if (data[0] == 'r')
                on_reply(data + 1, size - 1);
        else if (data[0] == 'f')
                on_file(data + 1, size - 1);
        return 0;
}
