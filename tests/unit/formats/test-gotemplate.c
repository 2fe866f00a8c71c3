/* Templates of catalogs, compose files and --format (spec catalog.md 6): the language, and what it refuses. */
#include "check.h"
#include "gotemplate_check.h"

TEST(the_specs_examples) {
        SAYS("a{{if .Values.A}}T{{else}}F{{end}}b", "aTb");
        SAYS("{{.Values.MISSING}}", "<no value>");
        SAYS("{{if eq .Values.MISSING \"\"}}T{{else}}F{{end}}", "F");
        SAYS("{{if ne .Values.MISSING \"\"}}T{{else}}F{{end}}", "T");
        SAYS("{{if eq (printf \"%.1s\" .Values.V) \"/\"}}T{{end}}", "T");
        SAYS("{{if (contains .Values.V \"/\")}}T{{else}}F{{end}}", "F");
        SAYS("{{range $i, $e := atoi .Values.N | until}}[{{$i}}{{$e}}]{{end}}", "[00][11][22]");
        SAYS("{{range $i, $e := splitPreserveQuotes .Values.L}}[{{$e}}]{{end}}", "[a]['b c'][d]");
        SAYS("x  \n {{- if eq .Values.E \"\" -}} \n y {{- end }} z", "xy z");
        SAYS("{{if or (eq .Values.A \"false\") .Values.E}}T{{end}}", "T");
        REFUSES("a{{if (ne .Values.A \"x\") and .Values.A}}T{{end}}b", DR_E_INVALID_FORMAT,
                "t.tpl:1:6: at <(ne .Values.A \"x\") and .Values.A>: can't give argument to non-function ne .Values.A \"x\"");
}

TEST(trim_markers_take_blanks_and_newlines) {
        SAYS("a \n {{- \"b\" -}} \n c", "abc");
        SAYS("a {{\"b\"}} c", "a b c");
        SAYS("x:\n{{- if ne .Values.A \"true\"}}\n  y\n{{- end}}\nz", "x:\n  y\nz");
        SAYS("a \t\r\n {{- /* nothing */ -}} \t b", "ab");
        SAYS("a{{/* with }} inside */}}b", "ab");
        SAYS("{{- 3 -}}", "3");
        SAYS("{{ -3 }}", "-3");
        SAYS("{{-3}}", "-3");
}

TEST(conditions_and_their_branches) {
        SAYS("{{if eq .id 1}}a{{else if eq .id 7}}b{{else}}c{{end}}", "b");
        SAYS("{{if eq .id 1}}a{{else if eq .id 2}}b{{else if eq .id 3}}b{{else}}c{{end}}", "c");
        SAYS("{{if and (ne .Values.A \"true\") (eq .Values.N \"1\" \"2\" \"3\")}}T{{end}}", "T");
        SAYS("{{or .Values.E .Values.V}} {{and .Values.E .Values.V}}.", "/data .");
        SAYS("{{if not .none}}T{{end}}{{with .Stack}}{{.Name}}{{else}}no{{end}}{{with .Values.E}}x{{else}}y{{end}}", "Tdemoy");
        SAYS("{{with .Values.E}}x{{else with .Values.V}}{{.}}{{else}}y{{end}}", "/data");
        SAYS("{{if lt 1 2}}a{{end}}{{if ge .f 1.0}}b{{end}}{{if gt \"b\" \"a\"}}c{{end}}{{if le 2 2}}d{{end}}", "abcd");
        SAYS("{{with $x := .Stack}}{{$x.Name}}{{end}}{{if $y := 1}}{{$y}}{{end}}", "demo1");
        SAYS("{{and true 0 (index .list 9)}} {{or 0 \"x\" (index .list 9)}}", "0 x");       /* what is not needed is not evaluated */
}

TEST(variables_live_as_long_as_their_block) {
        SAYS("{{$a := \"x\"}}{{if true}}{{$a = \"y\"}}{{$b := 1}}{{end}}{{$a}}", "y");
        SAYS("{{$a := \"x\"}}{{if true}}{{$a := \"y\"}}{{$a}}{{end}}{{$a}}", "yx");
        SAYS("{{$image:=\"rancher/dns:v1\"}}image: {{$image}}", "image: rancher/dns:v1");
        SAYS("{{range $k, $v := .map}}{{$k}}={{$v}},{{end}}{{$.Stack.Name}}", "a=1,b=2,demo");
        SAYS("{{range .list}}{{.}}{{else}}none{{end}}{{range .none}}x{{else}}none{{end}}", "xynone");
        SAYS("{{range $x := .list}}{{if eq $x \"y\"}}{{break}}{{end}}{{$x}}{{end}}{{range until 3}}{{if eq . 1}}{{continue}}{{end}}{{.}}{{end}}", "x02");
        SAYS("{{range $i := until 2}}{{range $j := until 2}}{{$i}}{{$j}} {{end}}{{end}}", "00 01 10 11 ");
        SAYS("{{range $i, $e := 3}}{{$i}}{{$e}}{{end}}{{range 0}}x{{else}}none{{end}}", "001122none");
        SAYS("{{$l := until 3}}{{range $l}}{{$l = 1}}{{.}}{{end}}{{$l}}", "0121");
        SAYS("{{$d := dict \"a\" \"1\" \"b\" \"2\"}}{{range $d}}{{.}}{{$_ := unset $d \"b\"}}{{.}}{{end}}{{$d}}", "1122map[a:1]");
        REFUSES("{{if true}}{{$b := 1}}{{end}}{{$b}}", DR_E_INVALID_FORMAT, "t.tpl:1: undefined variable \"$b\"");
}

TEST(literals) {
        SAYS("{{`a\\n`}}{{\"\\t\\\"\\u00e4\\x41\\101\"}}{{'a'}} {{'\\n'}} {{'\xc3\xa4'}}", "a\\n\t\"\xc3\xa4" "AA97 10 228");
        SAYS("{{0x1f}} {{0b11}} {{017}} {{0o17}} {{1_000}} {{-5}} {{+5}} {{1.5}} {{1e3}} {{.5}} {{true}}", "31 3 15 15 1000 -5 5 1.5 1000 0.5 true");
        SAYS("{{`a\nb`}}", "a\nb");
        REFUSES("{{9223372036854775808}}", DR_E_INVALID_FORMAT, "overflows int");
        REFUSES("{{\"\\q\"}}", DR_E_INVALID_FORMAT, "t.tpl:1: invalid syntax");
        REFUSES("{{1a}}", DR_E_INVALID_FORMAT, "t.tpl:1: bad number syntax: \"1a\"");
}

TEST(templates_in_templates) {
        SAYS("{{define \"a\"}}[{{.}}]{{end}}{{template \"a\" 5}}{{template \"a\" .Stack.Name}}", "[5][demo]");
        SAYS("{{template \"a\"}}{{define \"a\"}}{{.}}{{end}}", "<no value>");
        SAYS("{{block \"b\" .Stack}}{{$.Name}}{{end}}", "demo");
        SAYS("{{define \"t\"}}{{if gt . 0}}{{.}}{{template \"t\" (int (sub . 1))}}{{end}}{{end}}{{template \"t\" 3}}", "321");
        REFUSES("{{template \"x\"}}", DR_E_INVALID_FORMAT, "t.tpl:1:11: at <{{template \"x\"}}>: template \"x\" not defined");
        REFUSES("{{define \"x\"}}{{template \"x\"}}{{end}}{{template \"x\"}}", DR_E_INVALID_FORMAT, "maximum template depth");
        REFUSES("{{define \"x\"}}a{{end}}{{define \"x\"}}b{{end}}", DR_E_INVALID_FORMAT, "multiple definition");
        REFUSES("{{define \"x\"}}{{$y}}{{end}}{{$y := 1}}", DR_E_INVALID_FORMAT, "undefined variable \"$y\"");
        REFUSES("{{if true}}{{define \"x\"}}{{end}}{{end}}", DR_E_INVALID_FORMAT, "unexpected <define> in command");
}

TEST(values_print_as_go_prints_them) {
        SAYS("{{.f}} {{.map}} {{.none}} {{.list}} {{index .map \"a\"}} {{.Values.NO.THING}}", "1.5 map[a:1 b:2] <no value> [x y] 1 <no value>");
        SAYS("{{print .none 1 2 \"a\" nil}}{{println 1 \"a\"}}", "<nil> 1 2a<nil>1 a\n");
        SAYS("{{1e21}} {{1234567.0}} {{100000.0}} {{123456.5}} {{0.0001}} {{0.00001}}", "1e+21 1.234567e+06 100000 123456.5 0.0001 1e-05");
        SAYS("{{tuple 1 \"a\" (dict \"k\" 1.5)}} {{slice \"abcd\" 1 3}} {{slice (tuple 1 2 3) 1}} {{len \"\xc3\xa4\"}} {{index \"abc\" 1}}", "[1 a map[k:1.5]] bc [2 3] 2 98");
        SAYS("{{html \"<a href='x'>&\"}} {{js \"a'<b>\"}} {{urlquery \"a b&c\"}} {{json .map}}", "&lt;a href=&#39;x&#39;&gt;&amp; a\\'\\u003Cb\\u003E a+b%26c {\"b\":2,\"a\":1}");
}

TEST(printf_is_gos) {
        SAYS("{{printf \"%5s|%-5s|%05d|%q|%v|%.2f|%x|%t|%%\" \"a\" \"b\" 42 \"c\\n\" .list 1.5 255 true}}", "    a|b    |00042|\"c\\n\"|[x y]|1.50|ff|true|%");
        SAYS("{{printf \"%d %s\" \"x\" 5}} {{printf \"%d\"}} {{printf \"a\" 1 \"b\"}} {{printf \"%\"}} {{printf \"%z\" 1}}",
             "%!d(string=x) %!s(int=5) %!d(MISSING) a%!(EXTRA int=1, string=b) %!(NOVERB) %!z(int=1)");
        SAYS("{{printf \"%+d|%o|%#x|%X|%b|%c|%U|%08.3f|%e|%g|%T|%6.2f|%-8d|%x|% x\" 5 8 255 255 5 65 65 3.14159 1500.0 0.5 1.5 2.5 7 \"hi\" \"hi\"}}",
             "+5|10|0xff|FF|101|A|U+0041|0003.142|1.500000e+03|0.5|float64|  2.50|7       |6869|68 69");
        SAYS("{{printf \"%.1s|%.2q|%*d|%-*d|\" \"\xc3\xa4" "b\" \"abc\" 4 1 3 2}}", "\xc3\xa4|\"ab\"|   1|2  |");
        SAYS("{{printf \"%s %v %d\" .none .none .none}} {{printf \"%d %s\" (tuple 1 2) (tuple \"a\")}}", "%!s(<nil>) <nil> %!d(<nil>) [1 2] [a]");
}

TEST(mistakes_of_form_have_gos_words_and_the_line) {
        static const struct { const char *text, *message; } rows[] = {
                { "a\n{{if .x}}b", "t.tpl:2: unexpected EOF: {{if}} of line 2 has no {{end}}" },
                { "{{nothing .x}}", "t.tpl:1: function \"nothing\" not defined" }, { "{{end}}", "t.tpl:1: unexpected {{end}}" },
                { "{{else}}", "t.tpl:1: unexpected {{else}}" }, { "{{if true}}{{else}}{{else}}{{end}}", "t.tpl:1: expected end; found {{else}}" },
                { "{{\"a}}", "t.tpl:1: unterminated quoted string" }, { "{{`a}}", "t.tpl:1: unterminated raw quoted string" }, { "{{'a}}", "t.tpl:1: unterminated character constant" },
                { "{{.a", "t.tpl:1: unclosed action" }, { "{{.a\n\n", "t.tpl:3: unclosed action started at line 1" }, { "{{}}", "t.tpl:1: missing value for command" },
                { "{{if}}{{end}}", "t.tpl:1: missing value for if" }, { "{{range}}{{end}}", "t.tpl:1: missing value for range" }, { "{{/* a", "t.tpl:1: unclosed comment" },
                { "{{/* a */ b}}", "t.tpl:1: comment ends before closing delimiter" }, { "{{(1}}", "t.tpl:1: unclosed left paren" }, { "{{1)}}", "t.tpl:1: unexpected \")\" in command" },
                { "{{:}}", "t.tpl:1: expected :=" }, { "{{$a,$b := 1}}", "t.tpl:1: too many declarations in command" },
                { "{{range $a,1 := .x}}{{end}}", "t.tpl:1: range can only initialize variables" }, { "{{1 | 2}}", "t.tpl:1: non executable command in pipeline stage 2" },
                { "{{\"abcdefghijkl\".b}}", "t.tpl:1: unexpected . after term \"\\\"abcdefghijkl\\\"\"" }, { "{{.a .b c,}}", "t.tpl:1: function \"c\" not defined" },
                { "{{.a ,}}", "t.tpl:1: unexpected \",\" in operand" }, { "{{break}}", "t.tpl:1: {{break}} outside {{range}}" },
                { "{{range .x}}{{end}}{{continue}}", "t.tpl:1: {{continue}} outside {{range}}" }, { "{{if true}}{{else .x}}{{end}}", "t.tpl:1: unexpected \".x\" in else" },
                { "{{template x}}", "t.tpl:1: unexpected \"x\" in template clause" }, { "{{.a!}}", "t.tpl:1: bad character U+0021 '!'" },
                { "{{eq \xe2\x80\x9c" "a\xe2\x80\x9d}}", "t.tpl:1: unrecognized character in action: U+201C '\xe2\x80\x9c'" }, { "{{ /* a */ }}", "t.tpl:1: unexpected \"/\" in command" },
                { "{{env \"HOME\"}}", "t.tpl:1: function \"env\" not defined" }, { "{{expandenv \"$HOME\"}}", "t.tpl:1: function \"expandenv\" not defined" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_sbuf struct sbuf out = SBUF(100);
                struct dr_error err = { 0 };
                CHECK(render(rows[i].text, 0, &out, &err) < 0);
                CHECK_INT(err.code, ==, strstr(rows[i].message, "function \"") ? DR_E_INVALID_REFERENCE : DR_E_INVALID_FORMAT);
                CHECK_STR(err.message, ==, rows[i].message);
        }
}

TEST(mistakes_on_the_way_have_gos_words_and_the_place) {
        static const struct { const char *text, *message; } rows[] = {
                { "{{eq 1 \"1\"}}", "t.tpl:1:2: at <eq 1 \"1\">: error calling eq: incompatible types for comparison" },
                { "\n {{eq 1}}", "t.tpl:2:3: at <eq 1>: error calling eq: missing argument for comparison" },
                { "{{eq .list .list}}", "error calling eq: non-comparable type [x y]: []interface {}" }, { "{{lt .none 1}}", "invalid type for comparison" },
                { "{{lt 1 1.5}}", "incompatible types for comparison" }, { "{{lt}}", "t.tpl:1:2: at <lt>: wrong number of args for lt: want 2 got 0" },
                { "{{printf}}", "wrong number of args for printf: want at least 1 got 0" },
                { "{{.Stack.Name.First}}", "t.tpl:1:8: at <.Stack.Name.First>: can't evaluate field First in type interface {}" },
                { "{{.none.x}}", "t.tpl:1:7: at <.none.x>: nil pointer evaluating interface {}.x" }, { "{{.id 1}}", "at <.id>: id is not a method but has arguments" },
                { "{{1 2}}", "t.tpl:1:2: at <1>: can't give argument to non-function 1" }, { "{{nil}}", "nil is not a command" },
                { "{{index .list 2}}", "error calling index: reflect: slice index out of range" }, { "{{index .list \"a\"}}", "cannot index slice/array with type string" },
                { "{{index .none 1}}", "index of untyped nil" }, { "{{index 5 1}}", "can't index item of type int" }, { "{{len 5}}", "len of type int" }, { "{{len nil}}", "len of nil pointer" },
                { "{{div 1 0}}", "at <div 1 0>: error calling div: runtime error: integer divide by zero" }, { "{{upper 5}}", "t.tpl:1:8: at <5>: expected string; found 5" },
                { "{{upper .id}}", "t.tpl:1:8: at <.id>: wrong type for value; expected string; got int" },
                { "{{upper .Values.MISSING}}", "at <.Values.MISSING>: invalid value; expected string" }, { "{{upper nil}}", "cannot assign nil to string" },
                { "{{until \"3\"}}", "expected integer; found \"3\"" }, { "{{add 1 2 | until}}", "wrong type for value; expected int; got int64" },
                { "{{range \"abc\"}}{{end}}", "range can't iterate over abc" }, { "{{fail \"no good\"}}", "error calling fail: no good" },
                { "{{set .map \"a\" 1}}", "wrong type for value; expected map[string]interface {}" }, { "{{repeat -1 \"a\"}}", "strings: negative Repeat count" },
                { "{{trunc -1 \"a\"}}", "runtime error: slice bounds out of range" }, { "{{substr 2 1 \"abc\"}}", "runtime error: slice bounds out of range [2:1]" },
                { "{{call .id}}", "non-function of type int" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_sbuf struct sbuf out = SBUF(100);
                struct dr_error err = { 0 };
                CHECK(render(rows[i].text, 0, &out, &err) < 0);
                CHECK_INT(err.code, ==, DR_E_INVALID_FORMAT);
                if (!strstr(err.message, rows[i].message))
                        CHECK_STR(err.message, ==, rows[i].message);
        }
}

TEST(every_recorded_template_gives_what_go_gave) {
        enum { DATA_BYTES_MAX = 4 << 20 };
        FILE *f = fopen(DROVER_TEST_DATA "/templates/go.jsonl", "re");
        CHECK(f);
        auto_free char *text = dr_xmalloc(DATA_BYTES_MAX + 1);
        text[fread(text, 1, DATA_BYTES_MAX, f)] = '\0';
        fclose(f);
        size_t n = 0;
        for (char *p = text, *nl; (nl = strchr(p, '\n')); p = nl + 1, n++) {
                auto_sbuf struct sbuf out = SBUF(65536);
                AUTO(json_free) struct json_object *row = NULL;
                struct dr_error err = { 0 };
                CHECK_OK(json_parse(p, (size_t) (nl - p), DATA_BYTES_MAX, &row, &err), &err);
                err.message[0] = '\0';
                int r = render(json_str(row, "template", ""), 0, &out, &err);
                if (!str_eq(sbuf_str(&out), json_str(row, "out", "")) || !str_eq(r < 0 ? err.message : "", json_str(row, "error", "")))
                        print_message("%s\n", json_str(row, "template", ""));
                CHECK_STR(sbuf_str(&out), ==, json_str(row, "out", ""));
                CHECK_STR(r < 0 ? err.message : "", ==, json_str(row, "error", ""));
        }
        CHECK_INT(n, >, 400);
}

TEST(bytes_that_are_no_text_pass_through) {
        static const char template[] = "a\0b{{upper \"x\0y\"}}";
        auto_sbuf struct sbuf b = SBUF(64);
        struct dr_error err = { 0 };
        AUTO(gotemplate_free) struct gotemplate *t = NULL;
        CHECK_OK(gotemplate_parse(template, sizeof template - 1, "t", &t, &err), &err);
        CHECK_OK(gotemplate_execute(t, NULL, 0, &b, &err), &err);
        CHECK(b.len == 6 && memcmp(b.data, "a\0bX\0Y", 6) == 0);
}

TEST(what_listings_want) {
        auto_sbuf struct sbuf b = SBUF(4096);
        struct dr_error err = { 0 };
        CHECK_OK(render("{{.STACK.name}} {{.list}} {{.nothing}}{{.none}}{{upper .nothing}}{{.none.x}}.", GOTEMPLATE_FOLD_CASE | GOTEMPLATE_JSON, &b, &err), &err);
        CHECK_STR(sbuf_str(&b), ==, "demo [\"x\",\"y\"] .");
}

TEST(lines_of_the_output_know_where_they_come_from) {
        static const char template[] = "a\n{{- if true}}\nb\n{{end}}c\n{{range until 2}}d\n{{end}}{{`e\nf`}}\ng";
        auto_sbuf struct sbuf b = SBUF(4096);
        struct dr_error err = { 0 };
        struct gotemplate_lines lines = { 0 };
        AUTO(gotemplate_free) struct gotemplate *t = NULL;
        CHECK_OK(gotemplate_parse(template, strlen(template), "t", &t, &err), &err);
        CHECK_OK(gotemplate_execute_lines(t, NULL, 0, &b, &lines, &err), &err);
        CHECK_STR(sbuf_str(&b), ==, "a\nb\nc\nd\nd\ne\nf\ng");
        static const unsigned from[] = { 1, 3, 4, 5, 6, 6, 6, 8 };
        CHECK_INT(lines.n, ==, ARRAY_LEN(from));
        for (size_t i = 0; i < lines.n; i++)
                if (i != 4)             /* "d" again: its line was begun by the newline of the round before */
                        CHECK_INT(lines.v[i], ==, from[i]);
        free(lines.v);
}

/* ---- limits: each of these would go on for hours, or fill the memory ---- */
TEST(endless_and_swelling_templates_are_refused) {
        static const char *const bombs[] = {
                "{{range until 999999999}}x{{end}}", "{{range until 100000}}{{range until 100000}}{{end}}{{end}}", "{{range 1000000000}}{{end}}",
                "{{range 1000000}}{{range 1000000}}{{end}}{{end}}", "{{repeat 999999999 \"x\"}}", "{{$x := repeat 8000000 \"x\"}}{{range until 100000}}{{$y := cat $x \"y\"}}{{end}}",
                "{{$x := \"xxxxxxxxxx\"}}{{range until 100}}{{$x = cat $x $x}}{{end}}", "{{$x := repeat 8000000 \"x\"}}{{range until 100000}}{{if contains \"y\" $x}}{{end}}{{end}}",
                "{{$x := repeat 8000000 \"x\"}}{{range until 100000}}{{$y := splitList \"\" $x}}{{end}}", "{{untilStep 0 999999999 1}}", "{{untilStep 0 9223372036854775807 1}}",
                "{{$x := tuple 1}}{{range until 100000}}{{$x = tuple $x $x}}{{end}}", "{{$d := dict}}{{range until 100000}}{{$d = dict \"a\" $d}}{{end}}{{$d}}",
                "{{$d := dict}}{{range until 100}}{{$_ := set $d \"a\" $d}}{{end}}{{$d}}", "{{printf \"%999999d%999999d%999999d%999999d%999999d%999999d%999999d%999999d%999999d\" 1 1 1 1 1 1 1 1 1}}",
                "{{indent 999999999 \"a\"}}", "{{$x := splitList \"\" (repeat 8000000 \"x\")}}", "{{$x := split \",\" (repeat 8000000 \",\")}}",
                "{{$x := splitPreserveQuotes (repeat 8000000 \" \")}}", "{{range until 10}}{{$k := genPrivateKey \"ecdsa\"}}{{end}}", "{{range until 5000}}xxxxxxxxxx{{end}}", "{{randAlpha 999999999}}",
                "{{wrapWith 1 (repeat 1000000 \"y\") (repeat 1000000 \"x\")}}", "{{replace \"\" (repeat 100000 \"y\") (repeat 100000 \"x\")}}",
        };
        for (size_t i = 0; i < ARRAY_LEN(bombs); i++) {
                auto_sbuf struct sbuf out = SBUF(4096);
                struct dr_error err = { 0 };
                if (render(bombs[i], 0, &out, &err) == 0)
                        CHECK_STR(bombs[i], ==, "refused");
                CHECK(str_starts(err.message, "t.tpl:1:"));
        }
}

TEST(maps_that_change_cannot_hold_themselves) {
        SAYS("{{$a := dict \"k\" 1}}{{$b := dict \"a\" $a}}{{$_ := set $a \"b\" $b}}{{$_ := set $a \"k\" 2}}{{$a.b}} {{$a.k}}", "map[a:map[k:1]] 2");
        SAYS("{{$cur := dict}}{{$root := $cur}}{{range until 200}}{{$n := dict}}{{$_ := set $cur \"a\" $n}}{{$cur = $n}}{{end}}{{$root}}", "map[a:map[]]");
}

static void deep(const char *open, const char *inside, const char *close, size_t levels, const char *message) {
        auto_sbuf struct sbuf b = SBUF(16 << 20), out = SBUF(4096);
        struct dr_error err = { 0 };
        for (size_t i = 0; i < levels; i++)
                sbuf_puts(&b, open);
        sbuf_puts(&b, inside);
        for (size_t i = 0; i < levels; i++)
                sbuf_puts(&b, close);
        CHECK(render(sbuf_str(&b), 0, &out, &err) < 0);
        if (!strstr(err.message, message))
                CHECK_STR(err.message, ==, message);
}

TEST(deep_and_large_templates_are_refused) {
        deep("{{if true}}", "x", "{{end}}", 100000, "more than 300 levels");
        deep("{{if true}}{{else ", "if true}}x", "{{end}}", 1000, "t.tpl:1: ");
        deep("", "{{", "(", 1000000, "t.tpl:1: ");
        deep("{{$a := 1}}", "", "", 100000, "more than 1000 variables");
        deep("{{.}}", "", "", 800000, "more than 500000 parts");
        deep("{{define \"a\"}}x{{end}}", "", "", 2, "multiple definition");
        deep("12345678901234567890123456789012345678901234567890", "", "", 200000, "longer than 4194304 bytes");
        auto_sbuf struct sbuf out = SBUF(4096);
        struct dr_error err = { 0 };
        CHECK(render("{{define \"x\"}}{{if true}}{{if true}}{{if true}}{{if true}}{{if true}}{{if true}}{{if true}}{{if true}}{{if true}}{{if true}}{{if true}}"
                     "{{template \"x\"}}{{end}}{{end}}{{end}}{{end}}{{end}}{{end}}{{end}}{{end}}{{end}}{{end}}{{end}}{{end}}{{template \"x\"}}", 0, &out, &err) < 0);
        CHECK(strstr(err.message, "more than 1000 levels") || strstr(err.message, "maximum template depth"));
}

TEST_MAIN("formats/gotemplate")
