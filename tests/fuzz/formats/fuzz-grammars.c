/* Any text as port spec, image reference and selector. What is accepted prints in a normal form that reads as itself; a selector that has
 * terms never matches an object without labels. */
#include <stdlib.h>

#include "formats/dockerref.h"
#include "formats/portspec.h"
#include "formats/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_port(const char *s) {
        struct portspec p, again;
        struct dr_error err = { 0 };
        char one[PORTSPEC_CHARS_MAX + 1], two[PORTSPEC_CHARS_MAX + 1];
        if (portspec_parse(s, &p, &err) < 0) {
                if (err.code < DR_E_PORT_FORMAT || err.code > DR_E_PORT_PROTOCOL || !str_eq(err.field, "ports"))
                        abort();
                return;
        }
        portspec_format(&p, one);
        if (portspec_parse(one, &again, &err) < 0)
                abort();
        portspec_format(&again, two);
        if (!str_eq(one, two) || !p.private_port || portspec_conflicts(&p, &again) != (p.public_port != 0))
                abort();
}

static void check_image(const char *s) {
        struct dockerref r, again;
        struct dr_error err = { 0 };
        char one[1100], two[1100], server[600];
        dockerref_server(s, server, sizeof server);
        if (dockerref_parse(s, &r, &err) < 0) {
                if (err.code != DR_E_INVALID_FORMAT)
                        abort();
                return;
        }
        dockerref_format(&r, one, sizeof one);
        if (strlen(one) > DOCKERREF_CHARS_MAX)
                return;                 /* ":latest" was added to the longest */
        if (dockerref_parse(one, &again, &err) < 0)
                abort();
        dockerref_format(&again, two, sizeof two);
        if (!str_eq(one, two) || !str_eq(r.server, server))
                abort();
}

static void check_selector(const char *s) {
        static const char *const labels[] = { "a", "1", "B", "two", "key", "" };
        AUTO(selector_free) struct selector *sel = NULL;
        struct dr_error err = { 0 };
        if (selector_parse(s, "selectorLink", &sel, &err) < 0) {
                if (sel || (err.code != DR_E_INVALID_FORMAT && err.code != DR_E_MAX_LENGTH))
                        abort();
                return;
        }
        if (selector_match_pairs(sel, labels, 0))
                abort();
        selector_match_pairs(sel, labels, ARRAY_LEN(labels) / 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        auto_free char *s = dr_xstrndup((const char *) data, size);
        check_port(s);
        check_image(s);
        check_selector(s);
        return 0;
}
