#include "node/dns/answer_file.h"

#include "base/file.h"
#include "formats/json.h"
#include "formats/yaml.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { TEXTS_MAX = 256 };

static void strings(const struct json_object *client, const char *key, struct table_builder *b, uint32_t scope,
                    void (*fn)(struct table_builder *b, uint32_t scope, const char *s)) {
        struct json_object *list = json_get_array(client, key);
        for (size_t i = 0; list && i < json_object_array_length(list); i++) {
                const char *s = json_object_get_string(json_object_array_get_idx(list, i));
                if (s)
                        fn(b, scope, s);
        }
}

static void add_recurser(struct table_builder *b, uint32_t scope, const char *s) { (void) builder_recurser(b, scope, s); }
static void add_authoritative(struct table_builder *b, uint32_t scope, const char *s) {
        if (scope == DNS_EVERYBODY)
                builder_authoritative(b, s);
}

static uint32_t ttl_of(const struct json_object *record, uint32_t ttl) {
        int64_t v = json_int(record, "ttl", ttl);
        return v >= 0 && v <= INT32_MAX ? (uint32_t) v : ttl;
}

static void read_a(const struct json_object *record, const char *name, uint32_t ttl, struct table_builder *b, uint32_t scope) {
        struct json_object *list = json_get_array(record, "answer");
        size_t n = list ? MIN(json_object_array_length(list), (size_t) DNS_ADDRESSES_MAX) : 0, k = 0;
        auto_free uint32_t *v = dr_xcalloc(n + 1, sizeof *v);
        for (size_t i = 0; i < n; i++) {
                const char *s = json_object_get_string(json_object_array_get_idx(list, i));
                if (s && inet_pton(AF_INET, s, &v[k]) == 1)
                        k++;
        }
        if (k)
                builder_a(b, scope, name, v, k, ttl_of(record, ttl));
}

static void read_txt(const struct json_object *record, const char *name, uint32_t ttl, struct table_builder *b, uint32_t scope) {
        struct json_object *list = json_get_array(record, "answer");
        const char *texts[TEXTS_MAX];
        size_t n = 0;
        for (size_t i = 0; list && i < json_object_array_length(list) && n < TEXTS_MAX; i++)
                if ((texts[n] = json_object_get_string(json_object_array_get_idx(list, i))))
                        n++;
        builder_txt(b, scope, name, texts, n, ttl_of(record, ttl));
}

/* "10.42.1.2" as a key of ptr is "2.1.42.10.in-addr.arpa." */
static void read_ptr(const struct json_object *record, const char *name, uint32_t ttl, struct table_builder *b, uint32_t scope) {
        uint8_t ip[4];
        char reverse[64];
        const char *answer = json_str(record, "answer", NULL);
        if (!answer)
                return;
        if (inet_pton(AF_INET, name, ip) == 1) {
                snprintf(reverse, sizeof reverse, "%u.%u.%u.%u.in-addr.arpa.", ip[3], ip[2], ip[1], ip[0]);
                name = reverse;
        }
        builder_ptr(b, scope, name, answer, ttl_of(record, ttl));
}

static void read_cname(const struct json_object *record, const char *name, uint32_t ttl, struct table_builder *b, uint32_t scope) {
        const char *answer = json_str(record, "answer", NULL);
        if (answer)
                builder_cname(b, scope, name, answer, ttl_of(record, ttl));
}

static const struct {
        const char *key;
        void (*read)(const struct json_object *record, const char *name, uint32_t ttl, struct table_builder *b, uint32_t scope);
} kinds[] = { { "a", read_a }, { "cname", read_cname }, { "ptr", read_ptr }, { "txt", read_txt } };

static int read_client(const char *ip, const struct json_object *client, uint32_t ttl, struct table_builder *b, struct dr_error *err) {
        uint32_t scope = DNS_EVERYBODY;
        if (!*ip)
                return 0;                       /* upstream writes one for containers without address */
        if (!str_eq(ip, "default") && builder_scope(b, ip, &scope) < 0)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "client \"%s\" is no address and not \"default\"", ip);
        builder_clear_lists(b, scope, json_has(client, "search"), json_has(client, "recurse"));
        strings(client, "search", b, scope, builder_search);
        strings(client, "recurse", b, scope, add_recurser);
        strings(client, "authoritative", b, scope, add_authoritative);
        strings(client, "authorative", b, scope, add_authoritative);
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
                struct json_object *records = json_get_object(client, kinds[k].key);
                if (!records)
                        continue;
                json_object_object_foreach(records, name, record)
                        kinds[k].read(record, name, ttl, b, scope);
        }
        return 0;
}

static int parse_any(const char *text, size_t n, struct json_object **ret, struct dr_error *err) {
        size_t at = 0;
        while (at < n && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t'))
                at++;
        if (at == n || text[at] == '{')
                return json_parse(text, n, ANSWER_FILE_BYTES_MAX, ret, err);
        AUTO(yarena_free) struct yarena *arena = yarena_new(4 * (size_t) ANSWER_FILE_BYTES_MAX);
        struct yaml_options o = { .size_max = ANSWER_FILE_BYTES_MAX };
        struct ynode *root = NULL;
        int r = yaml_parse(arena, text, n, &o, &root, err);
        if (r < 0)
                return r;
        *ret = ynode_to_json(root);
        return 0;
}

int answer_file_parse(const char *text, size_t n, uint32_t ttl, struct table_builder *b, struct dr_error *err) {
        AUTO(json_free) struct json_object *root = NULL;
        int r = parse_any(text, n, &root, err);
        if (r < 0)
                return r;
        if (!json_object_is_type(root, json_type_object))
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "answers are a map from client to records");
        json_object_object_foreach(root, ip, client) {
                r = read_client(ip, client, ttl, b, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

int answer_file_read(const char *path, uint32_t ttl, struct table_builder *b, struct dr_error *err) {
        auto_free char *text = NULL;
        size_t len;
        int r = file_read(path, ANSWER_FILE_BYTES_MAX, &text, &len, err);
        if (r == 0)
                r = answer_file_parse(text, len, ttl, b, err);
        return r < 0 ? dr_prefix(err, r, "answer file \"%s\"", path) : 0;
}

int answer_file_write(const char *path, const struct dns_table *t, struct dr_error *err) {
        auto_sbuf struct sbuf text = SBUF(ANSWER_FILE_BYTES_MAX);
        table_write(t, &text);
        sbuf_putc(&text, '\n');
        if (!sbuf_ok(&text))
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "could not write answer file \"%s\": too large", path);
        int r = file_replace_unsynced(path, text.data, text.len, 0644, err);
        return r < 0 ? dr_prefix(err, r, "answer file") : 0;
}
