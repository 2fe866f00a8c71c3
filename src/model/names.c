#include "model/names.h"

#include <json-c/json.h>

#include "formats/portspec.h"

static bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

enum { ALLOW_DOUBLE = 1, ALLOW_UNDERSCORE = 2 };

/* One label: letters, digits and '-' inside. what names the kind of thing for the message. */
static int check_label(const char *s, size_t n, unsigned allow, const char *what, const char *field, struct dr_error *err) {
        if (n == 0)
                return dr_fail(err, DR_E_MIN_LENGTH, field, "%s name is empty", what);
        if (n > NAME_BYTES_MAX)
                return dr_fail(err, DR_E_MAX_LENGTH, field, "%s name \"%.80s\" is longer than %d characters", what, s, NAME_BYTES_MAX);
        for (size_t i = 0; i < n; i++) {
                bool fine = is_alnum(s[i]) || (s[i] == '-' && i > 0 && i < n - 1 && ((allow & ALLOW_DOUBLE) || s[i - 1] != '-')) ||
                        (s[i] == '_' && (allow & ALLOW_UNDERSCORE));
                if (!fine)
                        return dr_fail(err, DR_E_INVALID_CHARACTERS, field,
                                       "%s name \"%.*s\" has \"%c\" at position %zu: letters, digits and \"-\" inside are allowed%s",
                                       what, (int) n, s, (unsigned char) s[i] < 0x80 && s[i] >= ' ' ? s[i] : '?', i + 1,
                                       allow & ALLOW_DOUBLE ? "" : ", not two \"-\" in a row");
        }
        return 0;
}

int name_check_service(const char *name, const char *field, struct dr_error *err) {
        return check_label(name, strlen(name), 0, "service", field, err);
}

int name_check_stack(const char *name, const char *field, struct dr_error *err) {
        return check_label(name, strlen(name), ALLOW_DOUBLE, "stack", field, err);
}

int name_check_link(const char *name, const char *field, struct dr_error *err) {
        size_t len = strlen(name);
        if (len > LINK_NAME_BYTES_MAX)
                return dr_fail(err, DR_E_MAX_LENGTH, field, "link name \"%.80s\" is longer than %d characters", name,
                               LINK_NAME_BYTES_MAX);
        if (len == 0)
                return dr_fail(err, DR_E_MIN_LENGTH, field, "link name is empty");
        for (const char *s = name;; ) {
                size_t n = strcspn(s, ".");
                if (n == 0)
                        return dr_fail(err, DR_E_INVALID_CHARACTERS, field,
                                       "link name \"%s\" has a dot at its start or end, or two in a row", name);
                int r = check_label(s, n, ALLOW_UNDERSCORE, "link", field, err);
                if (r < 0)
                        return r;
                s += n;
                if (!*s)
                        return 0;
                s++;
        }
}

int ports_normalise(struct json_object *ports, struct json_object **ret, struct dr_error *err) {
        if (ports && !json_object_is_type(ports, json_type_array))
                return dr_fail(err, DR_E_PORT_FORMAT, "ports", "ports are not a list");
        struct json_object *out = json_object_new_array();
        size_t n = ports ? json_object_array_length(ports) : 0;
        for (size_t i = 0; i < n; i++) {
                struct json_object *o = json_object_array_get_idx(ports, i);
                struct portspec p;
                char text[PORTSPEC_CHARS_MAX + 1];
                int r = o ? portspec_parse(json_object_get_string(o), &p, err) :
                        dr_fail(err, DR_E_PORT_FORMAT, "ports", "port %zu is null", i + 1);
                if (r < 0) {
                        json_object_put(out);
                        return r;
                }
                portspec_format(&p, text);
                json_object_array_add(out, json_object_new_string(text));
        }
        *ret = out;
        return 0;
}
