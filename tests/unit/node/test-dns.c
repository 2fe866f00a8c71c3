/* The answer table, what is generated out of metadata, and what is said to queries; the whole over sockets is tests/host/dns. */
#include "../../check.h"
#include "node/dns/answer.h"
#include "node/dns/answer_file.h"
#include "node/dns/cache.h"
#include "node/dns/generate.h"

#include <arpa/inet.h>

static const struct generate_config config = { .ttl = 1, .metadata_answer = "169.254.169.250", .never_recurse = "169.254.169.250", .resolv_conf = "nameserver 192.0.2.53\n" };

static void apply(struct mdata *m, const char *text) {
        struct dr_error err;
        CHECK_OK(mdata_apply_text(m, text, strlen(text), &err), &err);
}

struct world { struct mdata *m; struct dns_table *t; struct answerer a; uint32_t serial; };

static void set(struct world *w, const char *topic, const char *key, const char *fmt, ...) DR_PRINTF(4, 5);
static void set(struct world *w, const char *topic, const char *key, const char *fmt, ...) {
        static unsigned rev = 1;
        char object[4096];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(object, sizeof object, fmt, ap);
        va_end(ap);
        auto_free char *text = dr_xasprintf("{\"topic\":\"%s\",\"rev\":%u,\"base\":0,\"set\":{}}", topic, rev);
        struct json_object *revisions = mdata_revisions(w->m);
        int64_t base = json_int(revisions, topic, 0);
        json_free(revisions);
        if (!base) {
                apply(w->m, text);
                base = rev;
        }
        auto_free char *change = dr_xasprintf("{\"topic\":\"%s\",\"rev\":%u,\"base\":%lld,\"set\":{\"%s\":%s}}", topic, rev + 1, (long long) base, key, object);
        apply(w->m, change);
        rev += 2;
}

static void service(struct world *w, const char *name, const char *kind, const char *more) {
        auto_free char *key = dr_xasprintf("service/sv-%s", name);
        set(w, "env", key, "{\"uuid\":\"sv-%s\",\"name\":\"%s\",\"stack_name\":\"s\",\"stack_uuid\":\"st\",\"kind\":\"%s\",\"primary_service_name\":\"%s\","
            "\"environment_uuid\":\"e\"%s}", name, name, kind, name, more);
}

static void container(struct world *w, const char *of, const char *name, const char *ip, const char *state, const char *health) {
        auto_free char *key = dr_xasprintf("container/c-%s", name), *link = dr_xasprintf("serviceContainerLink/sv-%s/%s/c-%s", of, of, name);
        set(w, "stack/st", key, "{\"uuid\":\"c-%s\",\"name\":\"%s\",\"primary_ip\":\"%s\",\"state\":\"%s\",\"health_state\":\"%s\",\"host_uuid\":\"h\",\"environment_uuid\":\"e\","
            "\"dns_search\":[\"s.rancher.internal\",\"rancher.internal\"],\"dns\":[\"169.254.169.250\"]}", name, name, ip, state, health);
        set(w, "stack/st", link, "{\"service_uuid\":\"sv-%s\",\"service_name\":\"%s\",\"container_uuid\":\"c-%s\"}", of, of, name);
}

static void links(struct world *w, const char *from, const char *to, const char *alias) {
        auto_free char *key = dr_xasprintf("serviceLink/sv-%s/%s", from, to);
        set(w, "env", key, "{\"service_uuid\":\"sv-%s\",\"key\":\"%s\",\"value\":\"%s\"}", from, to, alias);
}

static void world_init(struct world *w) {
        *w = (struct world) { .m = mdata_new() };
        w->a = (struct answerer) { .serial = &w->serial, .ttl = 1 };
        rng_seed(&w->a.rng, 7);
        set(w, "env", "host/h", "{\"uuid\":\"h\",\"name\":\"h\",\"agent_ip\":\"192.0.2.1\",\"environment_uuid\":\"e\"}");
        set(w, "env", "environment", "{\"uuid\":\"e\",\"name\":\"prod\",\"region_name\":\"r\"}");
        set(w, "env", "defaultData", "{\"version\":\"1\",\"self\":{\"host\":{\"uuid\":\"h\",\"agent_ip\":\"192.0.2.1\"}}}");
        set(w, "env", "stack/st", "{\"uuid\":\"st\",\"name\":\"s\",\"environment_uuid\":\"e\"}");
}
static void world_make(struct world *w) {
        table_unref(w->t);
        w->t = dns_generate(w->m, &config, true);
}
static void world_done(struct world *w) {
        table_unref(w->t);
        mdata_free(w->m);
}

static size_t ask_message(uint8_t *buf, const char *name, unsigned type) {
        struct dns_writer w;
        struct dns_name n;
        uint8_t head[DNS_HEADER_BYTES] = { 0, 9, 1, 0, 0, 1 };
        CHECK_INT(dns_name_from_text(name, &n), ==, 0);
        dns_write_begin(&w, buf, 512);
        dns_write_bytes(&w, head, sizeof head);
        dns_write_question(&w, n.b, type, DNS_CLASS_IN);
        return w.n;
}

/* "NOERROR 10.0.0.1 10.0.0.2" with addresses in order, "CNAME x." before them, "RELAY", "CHASE x.". */
static const char *ask_from(struct world *w, const char *ip, const char *name, unsigned type, const struct chased *chased) {
        static char text[4096];
        static uint8_t out[DNS_MESSAGE_BYTES_MAX];
        uint8_t query[512];
        struct dns_query q;
        struct dns_name target;
        size_t n = ask_message(query, name, type), bytes = 0;
        uint32_t from = 0;
        char t[DNS_TEXT_BYTES_MAX];
        if (ip)
                inet_pton(AF_INET, ip, &from);
        enum answer_kind kind = answer_query(&w->a, w->t, from, false, query, n, chased, &q, out, &bytes, &target);
        if (kind == ANSWER_RELAY)
                return "RELAY";
        if (kind == ANSWER_CHASE) {
                dns_name_to_text(target.b, t, sizeof t);
                snprintf(text, sizeof text, "CHASE %s", t);
                return text;
        }
        struct dns_reply r;
        CHECK_INT(kind, ==, ANSWER_REPLY);
        CHECK_INT(dns_reply_parse(out, bytes, &r), ==, 0);
        CHECK_INT(r.end, ==, bytes);
        static const char *const codes[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED" };
        struct sbuf s = SBUF(4000);
        sbuf_puts(&s, codes[r.flags & DNS_RCODE]);
        uint32_t a[256];
        unsigned n_a = 0;
        size_t at = r.answer_at;
        for (unsigned i = 0; i < r.answers; i++) {
                struct dns_record rec;
                CHECK_INT(dns_record_read(out, bytes, &at, &rec), ==, 0);
                if (rec.type == DNS_A && n_a < 256) {
                        a[n_a++] = dns_u32(out + rec.rdata_at);
                } else if (rec.type == DNS_CNAME) {
                        size_t name_at = rec.rdata_at;
                        struct dns_name c;
                        CHECK_INT(dns_name_read(out, bytes, &name_at, &c), ==, 0);
                        dns_name_to_text(c.b, t, sizeof t);
                        sbuf_printf(&s, " CNAME %s", t);
                }
        }
        for (unsigned i = 0; i < n_a; i++)
                for (unsigned k = i + 1; k < n_a; k++)
                        if (a[k] < a[i]) {
                                uint32_t swap = a[i];
                                a[i] = a[k];
                                a[k] = swap;
                        }
        for (unsigned i = 0; i < n_a; i++)
                sbuf_printf(&s, " %u.%u.%u.%u", a[i] >> 24, a[i] >> 16 & 255, a[i] >> 8 & 255, a[i] & 255);
        snprintf(text, sizeof text, "%s", sbuf_str(&s));
        sbuf_done(&s);
        return text;
}
static const char *ask(struct world *w, const char *name) { return ask_from(w, NULL, name, DNS_A, NULL); }

TEST(only_healthy_containers_are_answered_and_the_last_one_when_none_is) {
        struct world w;
        world_init(&w);
        service(&w, "web", "service", ",\"health_check\":{\"port\":80}");
        container(&w, "web", "web-1", "10.42.0.1", "running", "healthy");
        container(&w, "web", "web-2", "10.42.0.2", "running", "unhealthy");
        container(&w, "web", "web-3", "10.42.0.3", "stopped", "healthy");
        container(&w, "web", "web-4", "10.42.0.4", "starting", "updating-healthy");
        container(&w, "web", "web-5", "10.42.0.5", "running", "");
        world_make(&w);
        CHECK_STR(ask(&w, "web.s.rancher.internal"), ==, "NOERROR 10.42.0.1 10.42.0.4");
        CHECK_STR(ask(&w, "web-2.rancher.internal"), ==, "NOERROR 10.42.0.2");
        container(&w, "web", "web-1", "10.42.0.1", "running", "unhealthy");
        container(&w, "web", "web-4", "10.42.0.4", "running", "initializing");
        world_make(&w);
        CHECK_STR(ask(&w, "web.s.rancher.internal"), ==, "NOERROR 10.42.0.5");
        container(&w, "web", "web-5", "", "running", "");       /* without an address it is not the last one */
        world_make(&w);
        CHECK_STR(ask(&w, "web.s.rancher.internal"), ==, "NOERROR 10.42.0.4");
        world_done(&w);
}

TEST(without_a_health_check_running_is_enough) {
        struct world w;
        world_init(&w);
        service(&w, "db", "service", "");
        container(&w, "db", "db-1", "10.42.0.1", "running", "");
        container(&w, "db", "db-2", "10.42.0.2", "stopped", "");
        world_make(&w);
        CHECK_STR(ask(&w, "db.s.rancher.internal"), ==, "NOERROR 10.42.0.1");
        CHECK_STR(ask(&w, "none.s.rancher.internal"), ==, "NXDOMAIN");
        CHECK_STR(ask_from(&w, NULL, "db.s.rancher.internal", DNS_AAAA, NULL), ==, "NOERROR");
        CHECK_STR(ask_from(&w, NULL, "db.s.rancher.internal", DNS_SRV, NULL), ==, "NOERROR");
        CHECK_STR(ask_from(&w, NULL, "none.s.rancher.internal", DNS_SRV, NULL), ==, "NXDOMAIN");
        CHECK_STR(ask_from(&w, NULL, "db.s.rancher.internal", DNS_ANY, NULL), ==, "NOTIMP");
        world_done(&w);
}

TEST(aliases_are_the_union_and_loops_of_them_end) {
        struct world w;
        world_init(&w);
        service(&w, "web", "service", "");
        service(&w, "db", "service", "");
        service(&w, "a", "dnsService", "");
        service(&w, "b", "dnsService", "");
        container(&w, "web", "web-1", "10.42.0.1", "running", "");
        container(&w, "db", "db-1", "10.42.0.2", "running", "");
        links(&w, "a", "s/web", "web");
        links(&w, "a", "s/b", "b");
        links(&w, "b", "s/a", "a");
        links(&w, "b", "s/db", "db");
        links(&w, "b", "s/missing", "missing");
        world_make(&w);
        CHECK_STR(ask(&w, "a.s.rancher.internal"), ==, "NOERROR 10.42.0.1 10.42.0.2");
        CHECK_STR(ask(&w, "b.s.rancher.internal"), ==, "NOERROR 10.42.0.1 10.42.0.2");
        world_done(&w);
}

TEST(a_client_sees_its_links_and_its_search_domains) {
        struct world w;
        world_init(&w);
        service(&w, "web", "service", "");
        service(&w, "db", "service", "");
        container(&w, "web", "web-1", "10.42.0.1", "running", "");
        container(&w, "db", "db-1", "10.42.0.2", "running", "");
        links(&w, "web", "s/db", "MyDB");
        world_make(&w);
        CHECK_STR(ask_from(&w, "10.42.0.1", "mydb", DNS_A, NULL), ==, "NOERROR 10.42.0.2");
        CHECK_STR(ask_from(&w, "10.42.0.1", "mydb.s", DNS_A, NULL), ==, "NOERROR 10.42.0.2");
        CHECK_STR(ask_from(&w, "10.42.0.2", "mydb", DNS_A, NULL), ==, "RELAY");
        CHECK_STR(ask_from(&w, "10.42.0.2", "web", DNS_A, NULL), ==, "NOERROR 10.42.0.1");
        CHECK_STR(ask_from(&w, "10.42.9.9", "web", DNS_A, NULL), ==, "RELAY");
        CHECK_STR(ask_from(&w, "10.42.9.9", "web.s", DNS_A, NULL), ==, "NOERROR 10.42.0.1");
        CHECK_STR(ask_from(&w, "10.42.0.2", "rancher-metadata", DNS_A, NULL), ==, "NOERROR 169.254.169.250");
        world_done(&w);
}

TEST(addresses_that_are_none_are_left_out) {
        struct world w;
        world_init(&w);
        service(&w, "ip", "externalService", ",\"external_ips\":[\"203.0.113.1\",\"not-an-ip\",\"2001:db8::1\",\"\",null,7]");
        service(&w, "six", "externalService", ",\"external_ips\":[\"2001:db8::1\"]");
        service(&w, "none", "externalService", ",\"external_ips\":[\"300.1.1.1\"]");
        service(&w, "noip", "service", "");
        container(&w, "noip", "noip-1", "", "running", "");
        world_make(&w);
        CHECK_STR(ask(&w, "ip.s.rancher.internal"), ==, "NOERROR 203.0.113.1");
        CHECK_STR(ask(&w, "six.s.rancher.internal"), ==, "NOERROR");
        CHECK_STR(ask(&w, "none.s.rancher.internal"), ==, "NXDOMAIN");
        CHECK_STR(ask(&w, "noip.s.rancher.internal"), ==, "NXDOMAIN");
        CHECK_STR(ask(&w, "noip-1.rancher.internal"), ==, "NXDOMAIN");
        world_done(&w);
}

static size_t recursed(uint8_t *buf, const char *owner, unsigned rcode, const char *other) {
        struct dns_writer w;
        struct dns_name n, o;
        size_t at = ask_message(buf, owner, DNS_A);
        (void) dns_name_from_text(owner, &n);
        (void) dns_name_from_text(other, &o);
        dns_write_begin(&w, buf, 512);
        w.n = at;
        dns_put16(buf + 2, DNS_QR | DNS_RA | rcode);
        if (rcode == 0) {
                dns_put16(buf + 6, 2);
                dns_write_record_head(&w, o.b, DNS_A, 300);     /* of a name nobody asked for */
                dns_write_u16(&w, 4);
                dns_write_u32(&w, 0x06060606);
                dns_write_record_head(&w, n.b, DNS_A, 300);
                dns_write_u16(&w, 4);
                dns_write_u32(&w, 0x01020304);
        }
        return w.n;
}

TEST(the_target_of_a_cname_is_chased_and_only_its_records_count) {
        struct world w;
        uint8_t buf[512];
        world_init(&w);
        service(&w, "www", "externalService", ",\"hostname\":\"www.example.com\"");
        service(&w, "both", "externalService", ",\"hostname\":\"www.example.com\",\"external_ips\":[\"203.0.113.20\"]");
        service(&w, "self", "externalService", ",\"hostname\":\"self.s.rancher.internal\"");
        world_make(&w);
        CHECK_STR(ask(&w, "www.s.rancher.internal"), ==, "CHASE www.example.com.");
        struct chased c = { .reply = buf };
        (void) dns_name_from_text("www.example.com", &c.target);
        c.reply_bytes = recursed(buf, "www.example.com", 0, "victim.example.com");
        CHECK_STR(ask_from(&w, NULL, "www.s.rancher.internal", DNS_A, &c), ==, "NOERROR CNAME www.example.com. 1.2.3.4");
        CHECK_STR(ask_from(&w, NULL, "www.s.rancher.internal", DNS_AAAA, &c), ==, "NOERROR");
        CHECK_STR(ask_from(&w, NULL, "www.s.rancher.internal", DNS_CNAME, NULL), ==, "NOERROR CNAME www.example.com.");
        c.reply_bytes = recursed(buf, "www.example.com", DNS_NXDOMAIN, "x");
        CHECK_STR(ask_from(&w, NULL, "www.s.rancher.internal", DNS_A, &c), ==, "NXDOMAIN");
        CHECK_STR(ask_from(&w, NULL, "both.s.rancher.internal", DNS_A, &c), ==, "NOERROR 203.0.113.20");
        c.failed = true;
        CHECK_STR(ask_from(&w, NULL, "www.s.rancher.internal", DNS_A, &c), ==, "SERVFAIL");
        CHECK_STR(ask_from(&w, NULL, "both.s.rancher.internal", DNS_A, &c), ==, "NOERROR 203.0.113.20");
        CHECK_STR(ask(&w, "self.s.rancher.internal"), ==, "NXDOMAIN");
        world_done(&w);
}

TEST(nothing_is_denied_before_anything_is_known) {
        struct world w = { .a = { .ttl = 1 } };
        w.a.serial = &w.serial;
        struct table_builder *b = builder_new(1, 0);
        builder_authoritative(b, "rancher.internal");
        w.t = builder_finish(b, false);
        builder_free(b);
        CHECK_STR(ask(&w, "web.s.rancher.internal"), ==, "SERVFAIL");
        CHECK_STR(ask(&w, "www.example.com"), ==, "RELAY");
        world_done(&w);
}

static void check_same(struct world *w, const struct mdata *other) {
        struct sbuf a = SBUF(1 << 20), b = SBUF(1 << 20);
        struct dns_table *t = dns_generate(other, &config, true);
        world_make(w);
        table_write(w->t, &a);
        table_write(t, &b);
        CHECK_STR(sbuf_str(&a), ==, sbuf_str(&b));
        CHECK_INT(a.len, >, 100);
        table_unref(t);
        sbuf_done(&a);
        sbuf_done(&b);
}

/* Property: whatever changes came in whatever order, the answers are those of the same objects given at once. */
TEST(answers_after_changes_are_those_of_a_fresh_start) {
        static const char *const states[] = { "running", "stopped", "starting" }, *const healths[] = { "", "healthy", "unhealthy" };
        for (uint64_t seed = 1; seed <= 20; seed++) {
                struct world w;
                struct rng r;
                rng_seed(&r, seed);
                world_init(&w);
                for (int step = 0; step < 120; step++) {
                        char name[16], c[24], ip[24], target[24];
                        snprintf(name, sizeof name, "s%u", (unsigned) rng_below(&r, 6));
                        unsigned n = (unsigned) rng_below(&r, 12);
                        snprintf(c, sizeof c, "%s-%u", name, n);
                        snprintf(ip, sizeof ip, "10.42.%c.%u", name[1], n + 1);
                        snprintf(target, sizeof target, "s/s%u", (unsigned) rng_below(&r, 6));
                        switch (rng_below(&r, 4)) {
                        case 0:
                                service(&w, name, rng_chance(&r, 300) ? "dnsService" : "service", rng_chance(&r, 500) ? ",\"health_check\":{\"port\":1}" : "");
                                break;
                        case 1:
                                links(&w, name, target, rng_chance(&r, 500) ? "peer" : "other");
                                break;
                        default:
                                container(&w, name, c, rng_chance(&r, 100) ? "" : ip, states[rng_below(&r, 3)], healths[rng_below(&r, 3)]);
                        }
                        if (step % 40 != 39)
                                continue;
                        struct mdata *fresh = mdata_new();
                        struct sbuf dump = SBUF(1 << 22);
                        mdata_dump(w.m, &dump);
                        for (char *line = dump.data, *end; line && *line; line = end ? end + 1 : NULL) {
                                end = strchr(line, '\n');
                                if (end)
                                        *end = 0;
                                if (*line)
                                        apply(fresh, line);
                        }
                        check_same(&w, fresh);
                        sbuf_done(&dump);
                        mdata_free(fresh);
                }
                world_done(&w);
        }
}

TEST(ten_thousand_names_are_all_found) {
        struct table_builder *b = builder_new(1, 0);
        struct world w = { 0 };
        char name[64];
        rng_seed(&w.a.rng, 1);
        w.a.serial = &w.serial;
        builder_authoritative(b, "rancher.internal");
        for (uint32_t i = 0; i < 10000; i++) {
                uint32_t ip = htonl(0x0a2a0000 + i);
                snprintf(name, sizeof name, "Svc-%u.stack%u.rancher.internal", i, i % 100);
                builder_a(b, DNS_EVERYBODY, name, &ip, 1, 1);
        }
        w.t = builder_finish(b, true);
        builder_free(b);
        CHECK_INT(table_names(w.t), ==, 10000);
        for (uint32_t i = 0; i < 10000; i++) {
                char want[64];
                snprintf(name, sizeof name, "svc-%u.stack%u.rancher.internal", i, i % 100);
                snprintf(want, sizeof want, "NOERROR 10.42.%u.%u", i >> 8, i & 255);
                CHECK_STR(ask(&w, name), ==, want);
        }
        CHECK_STR(ask(&w, "svc-10000.stack0.rancher.internal"), ==, "NXDOMAIN");
        world_done(&w);
}

TEST(the_answer_file_reads_back_as_it_was_written) {
        struct world w;
        world_init(&w);
        service(&w, "web", "service", "");
        service(&w, "www", "externalService", ",\"hostname\":\"www.example.com\"");
        container(&w, "web", "web-1", "10.42.0.1", "running", "");
        links(&w, "web", "s/www", "out");
        world_make(&w);
        struct sbuf a = SBUF(1 << 20), c = SBUF(1 << 20);
        struct dr_error err;
        table_write(w.t, &a);
        struct table_builder *b = builder_new(1, 0);
        CHECK_OK(answer_file_parse(a.data, a.len, 1, b, &err), &err);
        struct dns_table *t = builder_finish(b, true);
        table_write(t, &c);
        CHECK_STR(sbuf_str(&a), ==, sbuf_str(&c));
        CHECK(strstr(a.data, "\"authorative\":[\"rancher.internal\"]") != NULL);
        CHECK(strstr(a.data, "\"out.rancher.internal.\":{\"answer\":\"www.example.com.\"}") != NULL);
        builder_free(b);
        table_unref(t);
        sbuf_done(&a);
        sbuf_done(&c);
        world_done(&w);
}

TEST(a_written_answer_file_may_hold_other_types_and_be_yaml) {
        static const char text[] = "default:\n  recurse: [\"8.8.8.8:5353\", 127.0.0.1, 169.254.169.250]\n  authoritative: [corp.test]\n"
                                   "  a: {\"x.corp.test.\": {answer: [10.0.0.1, 10.0.0.2], ttl: 42}}\n  ptr: {\"10.42.1.2\": {answer: x.corp.test.}}\n"
                                   "  txt: {\"t.corp.test.\": {answer: [hello, world]}}\n";
        struct dr_error err;
        struct table_builder *b = builder_new(600, 0);
        CHECK_OK(answer_file_parse(text, strlen(text), 600, b, &err), &err);
        struct dns_table *t = builder_finish(b, true);
        builder_free(b);
        struct dns_name n;
        (void) dns_name_from_text("2.1.42.10.in-addr.arpa", &n);
        const struct dns_entry *e = table_find(t, DNS_EVERYBODY, &n);
        CHECK(e && e->ptr && e->ttl_ptr == 600);
        (void) dns_name_from_text("x.corp.test", &n);
        e = table_find(t, DNS_EVERYBODY, &n);
        CHECK(e && e->n_a == 2 && e->ttl_a == 42);
        (void) dns_name_from_text("t.corp.test", &n);
        e = table_find(t, DNS_EVERYBODY, &n);
        CHECK(e && e->txt_bytes == 12);
        CHECK_INT(table_client(t, 0, NULL)->recursers.n, ==, 1);
        table_unref(t);
        struct table_builder *bad = builder_new(1, 0);
        CHECK_INT(answer_file_parse("{\"x\":{}}", 8, 1, bad, &err), ==, -EINVAL);
        CHECK_INT(answer_file_parse("[]", 2, 1, bad, &err), <, 0);
        builder_free(bad);
}

TEST(the_cache_forgets_the_oldest_and_ages_what_it_keeps) {
        struct dns_cache *c = dns_cache_new(2);
        static uint8_t out[DNS_MESSAGE_BYTES_MAX];
        uint8_t buf[512];
        struct dns_key k[3];
        for (unsigned i = 0; i < 3; i++) {
                char name[16];
                snprintf(name, sizeof name, "n%u.test", i);
                memset(&k[i], 0, sizeof k[i]);
                (void) dns_name_from_text(name, &k[i].name);
                size_t n = recursed(buf, name, 0, "x");
                if (i == 2)
                        CHECK_INT(dns_cache_get(c, &k[0], 1000, out), >, 0);    /* used last: n1 goes */
                dns_cache_put(c, &k[i], 1000, 300000, buf, n);
        }
        CHECK_INT(dns_cache_get(c, &k[1], 1000, out), ==, 0);
        CHECK_INT(dns_cache_get(c, &k[0], 11500, out), >, 0);
        struct dns_reply r;
        CHECK_INT(dns_reply_parse(out, 512, &r), ==, 0);
        CHECK_INT(r.ttl_min, ==, 290);
        CHECK_INT(dns_cache_get(c, &k[0], 301000, out), ==, 0);
        k[2].flags = 1;                                                         /* the same question with EDNS is another */
        CHECK_INT(dns_cache_get(c, &k[2], 1000, out), ==, 0);
        dns_cache_free(c);
}

TEST_MAIN("node/dns")
