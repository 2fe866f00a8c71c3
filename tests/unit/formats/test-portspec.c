#include "check.h"
#include "formats/portspec.h"

TEST(every_form_is_normalised_with_its_protocol) {
        static const struct { const char *in, *out; } rows[] = {
                { "80", "80/tcp" }, { "80/udp", "80/udp" }, { "8681:8681", "8681:8681/tcp" }, { "53:53/udp", "53:53/udp" },
                { "10.0.0.1:8080:80", "10.0.0.1:8080:80/tcp" }, { "10.0.0.1::80/tcp", "10.0.0.1::80/tcp" },
                { "[::1]:8080:80", "[::1]:8080:80/tcp" }, { "[0:0::1]::80", "[::1]::80/tcp" }, { "0.0.0.0:1:65535", "0.0.0.0:1:65535/tcp" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct portspec p, again;
                struct dr_error err = { 0 };
                char out[PORTSPEC_CHARS_MAX + 1];
                CHECK_OK(portspec_parse(rows[i].in, &p, &err), &err);
                portspec_format(&p, out);
                CHECK_STR(out, ==, rows[i].out);
                CHECK_OK(portspec_parse(out, &again, &err), &err);
                portspec_format(&again, out);
                CHECK_STR(out, ==, rows[i].out);
        }
}

TEST(each_mistake_has_its_own_code) {
        static const struct { const char *in; enum dr_code code; } rows[] = {
                { "", DR_E_PORT_PRIVATE }, { "abc", DR_E_PORT_PRIVATE }, { "0", DR_E_PORT_PRIVATE }, { "65536", DR_E_PORT_PRIVATE },
                { "80:", DR_E_PORT_PRIVATE }, { ":80", DR_E_PORT_PUBLIC }, { "0:80", DR_E_PORT_PUBLIC }, { "70000:80", DR_E_PORT_PUBLIC },
                { "8000-8010:80", DR_E_PORT_PUBLIC }, { "80-90", DR_E_PORT_PRIVATE }, { "80/sctp", DR_E_PORT_PROTOCOL },
                { "80/", DR_E_PORT_PROTOCOL }, { "80/TCP", DR_E_PORT_PROTOCOL }, { "1.2.3:1:80", DR_E_PORT_FORMAT },
                { "host:1:80", DR_E_PORT_FORMAT }, { "::1:8080:80", DR_E_PORT_FORMAT }, { "[::1]:80", DR_E_PORT_FORMAT },
                { "[::1:80", DR_E_PORT_FORMAT }, { "[1.2.3.4]:1:80", DR_E_PORT_FORMAT }, { "[::1]:1:2:3", DR_E_PORT_FORMAT },
                { " 80", DR_E_PORT_PRIVATE }, { "80:80 ", DR_E_PORT_PRIVATE }, { ":8080:80", DR_E_PORT_FORMAT },
                { "11111111111111111111111111111111111111111111111111111111111111111111111111", DR_E_PORT_FORMAT },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct portspec p = { .private_port = 7 };
                struct dr_error err = { 0 };
                int r = portspec_parse(rows[i].in, &p, &err);
                if (r >= 0 || err.code != rows[i].code)
                        print_error("row \"%s\": %d, %s\n", rows[i].in, r, err.message);
                CHECK_INT(r, <, 0);
                CHECK_INT(err.code, ==, rows[i].code);
                CHECK_STR(err.field, ==, "ports");
                CHECK_INT(p.private_port, ==, 7);
        }
}

TEST(conflicts_are_same_protocol_same_public_port_and_an_address_in_common) {
        static const struct { const char *a, *b; bool conflict; } rows[] = {
                { "80:80", "80:81", true }, { "80:80", "80:80/udp", false }, { "80:80", "81:80", false }, { "80", "80", false },
                { "10.0.0.1:80:80", "80:80", true }, { "10.0.0.1:80:80", "10.0.0.2:80:80", false }, { "0.0.0.0:80:80", "10.0.0.2:80:80", true },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct portspec a, b;
                struct dr_error err = { 0 };
                CHECK_OK(portspec_parse(rows[i].a, &a, &err), &err);
                CHECK_OK(portspec_parse(rows[i].b, &b, &err), &err);
                CHECK_INT(portspec_conflicts(&a, &b), ==, rows[i].conflict);
        }
}

TEST_MAIN("formats/portspec")
