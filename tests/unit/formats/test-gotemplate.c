/* Templates of catalogs and --format (spec catalog.md 6). */
#include "check.h"

#include <stdlib.h>

#include "formats/gotemplate.h"

static const char values[] = "{\"Values\":{\"A\":\"false\",\"E\":\"\",\"V\":\"/data\",\"N\":\"3\",\"L\":\"a 'b c' d\"},\"Stack\":{\"Name\":\"demo\"},"
                             "\"list\":[\"x\",\"y\"],\"map\":{\"b\":2,\"a\":1},\"f\":1.5,\"none\":null,\"id\":7}";

static int render(const char *template, unsigned flags, struct sbuf *out, struct dr_error *err) {
        AUTO(json_free) struct json_object *data = NULL;
        AUTO(gotemplate_free) struct gotemplate *t = NULL;
        CHECK_OK(json_parse(values, strlen(values), strlen(values), &data, err), err);
        int r = gotemplate_parse(template, strlen(template), "t.tpl", &t, err);
        return r < 0 ? r : gotemplate_execute(t, data, flags, out, err);
}

#define SAYS(template, text) do {                                                               \
        auto_sbuf struct sbuf out_ = SBUF(4096);                                                  \
        struct dr_error error_ = { 0 };                                                           \
        CHECK_OK(render(template, 0, &out_, &error_), &error_);                                       \
        CHECK_STR(sbuf_str(&out_), ==, text);                                                     \
} while (0)
#define REFUSES(template, error, words) do {                                                    \
        auto_sbuf struct sbuf out_ = SBUF(4096);                                                  \
        struct dr_error error_ = { 0 };                                                           \
        CHECK(render(template, 0, &out_, &error_) < 0);                                             \
        CHECK_INT(error_.code, ==, error);                                                        \
        if (!strstr(error_.message, words))                                                       \
                CHECK_STR(error_.message, ==, words);                                             \
} while (0)

TEST(the_specs_examples) {
        SAYS("a{{if .Values.A}}T{{else}}F{{end}}b", "aTb");
        SAYS("{{.Values.MISSING}}", "<no value>");
        SAYS("{{if eq .Values.MISSING \"\"}}T{{else}}F{{end}}", "F");
        SAYS("{{if eq (printf \"%.1s\" .Values.V) \"/\"}}T{{end}}", "T");
        SAYS("{{range $i, $e := atoi .Values.N | until}}{{$i}}{{end}}", "012");
        SAYS("{{range $i, $e := splitPreserveQuotes .Values.L}}[{{$e}}]{{end}}", "[a]['b c'][d]");
        SAYS("{{if contains \"/\" .Values.V}}T{{end}}", "T");
}

TEST(trim_markers_take_blanks_and_newlines) {
        SAYS("a \n {{- \"b\" -}} \n c", "abc");
        SAYS("a {{\"b\"}} c", "a b c");
        SAYS("x:\n{{- if ne .Values.A \"true\"}}\n  y\n{{- end}}\nz", "x:\n  y\nz");
        SAYS("{{- /* nothing */ -}} a", "a");
        SAYS("a{{/* with }} inside */}}b", "ab");
}

TEST(conditions_and_their_branches) {
        SAYS("{{if eq .id 1}}a{{else if eq .id 7}}b{{else}}c{{end}}", "b");
        SAYS("{{if and (ne .Values.A \"true\") (eq .Values.N \"1\" \"2\" \"3\")}}T{{end}}", "T");
        SAYS("{{or .Values.E .Values.V}} {{and .Values.E .Values.V}}.", "/data .");
        SAYS("{{if not .none}}T{{end}}{{with .Stack}}{{.Name}}{{else}}no{{end}}{{with .Values.E}}x{{else}}y{{end}}", "Tdemoy");
        SAYS("{{if lt 1 2}}a{{end}}{{if ge .f 1}}b{{end}}{{if gt \"b\" \"a\"}}c{{end}}", "abc");
}

TEST(variables_live_as_long_as_their_block) {
        SAYS("{{$a := \"x\"}}{{if true}}{{$a = \"y\"}}{{$b := 1}}{{end}}{{$a}}", "y");
        SAYS("{{$image:=\"rancher/dns:v1\"}}image: {{$image}}", "image: rancher/dns:v1");
        SAYS("{{range $k, $v := .map}}{{$k}}={{$v}},{{end}}{{$.Stack.Name}}", "a=1,b=2,demo");
        SAYS("{{range .list}}{{.}}{{else}}none{{end}}{{range .none}}x{{else}}none{{end}}", "xynone");
        SAYS("{{range $x := .list}}{{if eq $x \"y\"}}{{break}}{{end}}{{$x}}{{end}}{{range until 3}}{{if eq . 1}}{{continue}}{{end}}{{.}}{{end}}", "x02");
        REFUSES("{{if true}}{{$b := 1}}{{end}}{{$b}}", DR_E_INVALID_FORMAT, "t.tpl:1: variable $b is not defined");
}

TEST(functions) {
        SAYS("{{printf \"%5s|%-5s|%05d|%q|%v|%.2f|%x|%t|%%\" \"a\" \"b\" 42 \"c\\n\" .list 1.5 255 true}}", "    a|b    |00042|\"c\\n\"|[x y]|1.50|ff|true|%");
        SAYS("{{upper \"a\"}}{{lower \"B\"}}{{trim \"  c \"}}{{replace \"a\" \"b\" \"aXa\"}}{{len .list}}{{index .list 1}}{{index .map \"a\"}}", "AbcbXb2y1");
        SAYS("{{join \",\" (split \"-\" \"a-b\")}} {{default \"d\" .Values.E}} {{\"v\" | default \"d\"}} {{quote .Values.V}} {{list 1 2}}", "a,b d v \"/data\" [1 2]");
        SAYS("{{add 1 2 3}} {{sub 5 2}} {{mul 2 3}} {{div 7 2}} {{mod 7 2}} {{int \"12\"}} {{json .map}} {{.f}} {{.map}} {{.none}}",
             "6 3 6 3 1 12 {\"b\":2,\"a\":1} 1.5 map[a:1 b:2] <nil>");
        SAYS("{{hasPrefix \"/\" .Values.V}} {{hasSuffix \"a\" .Values.V}} {{trimPrefix \"/\" .Values.V}} {{urlquery \"a b&c\"}} {{html \"<a>\"}}",
             "true true data a+b%26c &lt;a&gt;");
        SAYS("{{println 1 \"a\"}}{{print 1 2 \"a\"}}", "1 a\n1 2a");
}

TEST(mistakes_are_named_with_file_and_line) {
        REFUSES("a\n{{if .x}}b", DR_E_INVALID_FORMAT, "t.tpl:2: this action has no {{end}}");
        REFUSES("{{nothing .x}}", DR_E_INVALID_REFERENCE, "function \"nothing\" is not defined");
        REFUSES("{{service_name}}", DR_E_INVALID_REFERENCE, "service_name");
        REFUSES("{{if (ne .Values.A \"true\") and .Values.B}}x{{end}}", DR_E_INVALID_FORMAT, "no function");
        REFUSES("{{end}}", DR_E_INVALID_FORMAT, "without a beginning");
        REFUSES("{{if true}}{{else}}{{else}}{{end}}", DR_E_INVALID_FORMAT, "second");
        REFUSES("{{\"a}}", DR_E_INVALID_FORMAT, "no end");
        REFUSES("{{.a", DR_E_INVALID_FORMAT, "\"}}\" is missing");
        REFUSES("{{}}", DR_E_INVALID_FORMAT, "empty");
        REFUSES("{{eq 1}}", DR_E_INVALID_FORMAT, "1 arguments");
        REFUSES("{{eq 1 \"1\"}}", DR_E_INVALID_FORMAT, "different kinds");
        REFUSES("{{.Stack.Name.First}}", DR_E_INVALID_FORMAT, "no fields");
        REFUSES("{{range .id}}{{end}}{{range 1000000}}x{{end}}", DR_E_INVALID_FORMAT, "at most");
        REFUSES("{{define \"x\"}}{{end}}", DR_E_INVALID_FORMAT, "not supported");
        REFUSES("{{index .list 2}}", DR_E_INVALID_FORMAT, "no such element");
        REFUSES("{{div 1 0}}", DR_E_INVALID_FORMAT, "division");
        REFUSES("{{range until 5000}}xxxxxxxxxx{{end}}", DR_E_TOO_LARGE, "longer than");
        REFUSES("{{range until 100000}}{{range until 100000}}{{end}}{{end}}", DR_E_INVALID_FORMAT, "steps");
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
        CHECK_OK(render("{{.STACK.name}} {{.list}} {{.nothing}}{{.none}}.", GOTEMPLATE_FOLD_CASE | GOTEMPLATE_JSON, &b, &err), &err);
        CHECK_STR(sbuf_str(&b), ==, "demo [\"x\",\"y\"] .");
}

TEST_MAIN("formats/gotemplate")
