/* Any text as compose documents: a line "%%" divides the first from the second. Without errors every service has a body that prints and
 * resolves, in an order in which waves never fall; with errors there is a message and no service. */
#include <stdio.h>
#include <stdlib.h>

#include "formats/compose.h"
#include "formats/json.h"

enum { TEXT_BYTES_MAX = 1 << 15 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *lookup(void *ctx, const char *name) { return name[0] == 'U' ? NULL : "1"; }

static int read_file(void *ctx, const char *doc, const char *path, char **ret, size_t *ret_len, struct dr_error *err) {
        static const char text[] = "A=1\nB\nbase: {image: x, extends: {file: f, service: base}}\n";
        if (path[0] == '.')
                return dr_fail(err, DR_E_FORBIDDEN, NULL, "no");
        *ret = dr_xstrdup(text);
        *ret_len = sizeof text - 1;
        return 0;
}

static int find(void *ctx, enum compose_ref kind, const char *stack, const char *name, char *id, size_t id_n) {
        if (name[0] == 'U')
                return -ENOENT;
        snprintf(id, id_n, "%d:%s", (int) kind, stack ? stack : "");
        return 0;
}

static void check_service(const struct compose_service *s) {
        struct compose_resolver r = { .find = find };
        AUTO(json_free) struct json_object *body = NULL, *links = compose_service_links(s, &r, NULL);
        struct dr_error err = { 0 };
        if (!s->name[0] || !s->type || !s->collection || !json_get_object(s->body, "launchConfig") || !links)
                abort();
        if (compose_service_body(s, "1st1", &r, &body, &err) < 0) {
                if (err.code != DR_E_INVALID_REFERENCE)
                        abort();
                return;
        }
        auto_sbuf struct sbuf b = SBUF(64 << 20);
        json_canonical(body, &b);
        AUTO(json_free) struct json_object *again = NULL;
        if (!sbuf_ok(&b) || json_parse(sbuf_str(&b), b.len, 64 << 20, &again, &err) < 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size > TEXT_BYTES_MAX)
                return 0;
        const char *text = (const char *) data, *divide = memmem(text, size, "\n%%\n", 4);
        size_t first = divide ? (size_t) (divide - text) + 1 : size, second = divide ? first + 3 : size;
        struct compose_doc docs[] = { { "one", text, first }, { "two", text + second, size - second } };
        AUTO(json_free) struct json_object *binding = NULL;
        static const char bound[] = "{\"services\":{\"web\":{\"labels\":{\"a\":\"$B\"},\"ports\":[\"80:80\"]}}}";
        if (json_parse(bound, sizeof bound - 1, sizeof bound, &binding, NULL) < 0)
                abort();
        struct compose_env env = { .lookup = lookup, .read_file = read_file, .templates = memmem(text, size, "{{", 2) != NULL, .environment = "Default",
                                   .version = "1", .binding = size % 2 ? binding : NULL };
        AUTO(compose_free) struct compose *c = NULL;
        struct dr_error err = { 0 };
        int r = compose_read(docs, divide ? 2 : 1, &env, &c, &err);
        size_t n, messages;
        const struct compose_service *s = compose_services(c, &n);
        const struct compose_message *m = compose_messages(c, &messages);
        auto_free char *errors = compose_errors(c);
        if ((r < 0) != (errors[0] != 0) || (r < 0 && (n || !err.message[0])))
                if (r >= 0 || messages < COMPOSE_MESSAGES_MAX)
                        abort();
        for (size_t i = 0; i < messages; i++) {
                auto_free char *line = compose_message_format(&m[i]);
                if (!line[0])
                        abort();
        }
        for (size_t i = 0; i < n; i++) {
                check_service(&s[i]);
                if (i && s[i].wave < s[i - 1].wave)
                        abort();
        }
        return 0;
}
