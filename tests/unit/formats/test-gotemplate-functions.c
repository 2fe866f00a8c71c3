/* The functions of sprig that Rancher's templates have (spec catalog.md 6, docs/templates.md), and drover's few besides. */
#include "check.h"
#include "gotemplate_check.h"
#include "formats/gotemplate-internal.h"

TEST(letters) {
        SAYS("{{upper \"a\xc3\xa4\xce\xb1\xd1\x8f\xc5\xbe\xc3\x9f\"}}", "A\xc3\x84\xce\x91\xd0\xaf\xc5\xbd\xc3\x9f");
        SAYS("{{lower \"A\xc3\x84\xce\x91\xd0\xaf\xc5\xbd\"}}", "a\xc3\xa4\xce\xb1\xd1\x8f\xc5\xbe");
        SAYS("{{title \"first try, o'neil 2nd_x\"}}|{{untitle \"First Try\"}}|{{swapcase \"aBc D\"}}", "First Try, O'Neil 2nd_x|first try|AbC d");
        SAYS("{{nospace \" a b\\tc\\n\"}}|{{initials \"First Try\"}}|{{initials \"\"}}", "abc|FT|");
        SAYS("{{trim \" \\t a b\xc2\xa0 \\n\"}}|{{trim \"   \"}}|{{trimAll \"$\" \"$5.00$\"}}|{{trimall \"ab\" \"abcba\"}}|{{trimAll \"\xc3\xa4\" \"\xc3\xa4x\xc3\xa4\"}}", "a b||5.00|c|x");
        SAYS("{{trimPrefix \"-\" \"-a-\"}}|{{trimSuffix \"-\" \"-a-\"}}|{{hasPrefix \"/\" .Values.V}}{{hasSuffix \"a\" .Values.V}}{{hasPrefix \"x\" \"\"}}", "a-|-a|truetruefalse");
        SAYS("{{contains \"at\" \"data\"}}{{contains \"\" \"\"}}{{contains \"x\" \"data\"}}", "truetruefalse");
}

TEST(parts_of_texts) {
        SAYS("{{trunc 3 \"abcdef\"}}|{{trunc 9 \"abc\"}}|{{substr 1 3 \"abcdef\"}}|{{substr -1 2 \"abcdef\"}}|{{substr 2 -1 \"abcdef\"}}", "abc|abc|bc|ab|cdef");
        SAYS("{{abbrev 5 \"hello world\"}}|{{abbrev 3 \"hello\"}}|{{abbrev 20 \"hello\"}}|{{abbrevboth 5 10 \"1234 5678 9123\"}}|{{abbrevboth 0 7 \"1234567890\"}}|"
             "{{abbrevboth 9 7 \"1234567890\"}}", "he...|hello|hello|...5678...|1234...|...7890");
        SAYS("{{wrap 5 \"Hello World\"}}|{{wrap 5 \"Hello Incomprehensible World\"}}|{{wrapWith 5 \"\\t\" \"Hello Incompre x\"}}|{{wrap 80 \"a b\"}}",
             "Hello\nWorld|Hello\nIncomprehensible\nWorld|Hello\tIncom\tpre x|a b");
        SAYS("{{replace \" \" \"-\" \"I Am Henry\"}}|{{replace \"\" \"-\" \"ab\"}}|{{replace \"aa\" \"b\" \"aaa\"}}", "I-Am-Henry|-a-b-|ba");
        SAYS("{{indent 2 \"a\\nb\"}}|{{indent 0 \"a\"}}|{{repeat 3 \"ab\"}}|{{repeat 0 \"a\"}}", "  a\n  b|a|ababab|");
        SAYS("{{plural \"one\" \"many\" 1}} {{plural \"one\" \"many\" 2}} {{len \"abc\" | plural \"one\" \"many\"}}", "one many many");
}

TEST(joining_and_quoting) {
        SAYS("{{cat \"a\" 1 nil true}}|{{cat}}", "a 1 <nil> true|");
        SAYS("{{quote \"a\\\"b\" 1 true}}|{{quote \"\xc3\xa4\\n\\x01\"}}|{{squote \"a\" 1}}", "\"a\\\"b\" \"1\" \"true\"|\"\xc3\xa4\\n\\x01\"|'a' '1'");
        SAYS("{{join \",\" (splitList \"-\" \"a-b-\")}}|{{$s := split \"$\" \"foo$bar$baz\"}}{{$s._0}}{{$s._2}}|{{typeOf $s}}|{{splitList \"\" \"ab\"}}|{{join \"+\" (tuple 1 2)}}",
             "a,b,|foobaz|map[string]string|[a b]|1+2");
        SAYS("{{range splitPreserveQuotes .Values.L}}[{{.}}]{{end}}{{len (splitPreserveQuotes \"\")}}{{range splitPreserveQuotes \"a  b\"}}<{{.}}>{{end}}"
             "{{range splitPreserveQuotes \"\xe2\x80\x9c" "a b\xe2\x80\x9d c \"}}({{.}}){{end}}", "[a]['b c'][d]0<a><><b>(\xe2\x80\x9c" "a b\xe2\x80\x9d)(c )");
}

TEST(numbers) {
        SAYS("{{add 1 2 3}} {{add}} {{add1 5}} {{sub 5 2}} {{mul 2 3 4}} {{div 7 2}} {{div -7 2}} {{mod 7 2}} {{mod -7 2}}", "6 0 6 3 24 3 -3 1 -1");
        SAYS("{{max 1 3 2}} {{biggest 1 3 2}} {{min 2 1 3}} {{max \"5\" 3}}", "3 3 1 5");
        SAYS("{{atoi \"12\"}}{{atoi \"x\"}} {{int \"12\"}} {{int 1.9}} {{int64 \"-3\"}} {{int true}} {{float64 \"1.5\"}} {{float64 \"x\"}} {{float64 2}}", "120 12 1 -3 1 1.5 0 2");
        SAYS("{{until 3}} {{until -3}} {{untilStep 1 7 3}} {{untilStep 5 0 -2}} {{untilStep 0 3 0}} {{untilStep 3 0 1}} {{until 0}}", "[0 1 2] [0 -1 -2] [1 4] [5 3 1] [] [] []");
        SAYS("{{add 9223372036854775807 1}} {{div -9223372036854775807 -1}} {{mod 5 -1}}", "-9223372036854775808 9223372036854775807 0");
}

TEST(values_and_types) {
        SAYS("{{default \"d\" .Values.E}} {{default \"d\" \"v\"}} {{\"v\" | default \"d\"}} {{default \"d\" .Values.MISSING}} {{default 5 0}} {{default \"d\"}}", "d v v d 5 d");
        SAYS("{{empty \"\"}}{{empty 0}}{{empty .list}}{{empty nil}}{{empty (tuple)}}{{empty false}}{{empty now}}", "truetruefalsetruetruetruetrue");
        SAYS("{{typeOf 1}} {{typeOf \"\"}} {{typeOf 1.5}} {{typeOf true}} {{typeOf nil}} {{typeOf (add 1)}} {{typeOf (tuple)}} {{typeOf (dict)}} {{typeOf (until 1)}} {{typeOf now}}",
             "int string float64 bool <nil> int64 []interface {} map[string]interface {} []int time.Time");
        SAYS("{{kindOf 1}} {{kindOf (tuple)}} {{kindOf (dict)}} {{kindOf now}} {{kindIs \"string\" \"\"}} {{typeIs \"int\" 1}} {{typeIsLike \"*int\" 1}} {{typeIs \"int\" \"\"}}",
             "int slice map struct true true true false");
        SAYS("{{coalesce \"\" 0 \"x\" 1}} {{ternary \"a\" \"b\" true}} {{toString 5}} {{toJson (dict \"a\" 1)}} {{first .list}} {{last .list}} {{rest .list}} {{list 1 2}} {{hello}}",
             "x a 5 {\"a\":1} x y [y] [1 2] Hello!");
}

TEST(maps_and_lists) {
        SAYS("{{$d := dict \"a\" 1 \"b\"}}{{$d}} {{hasKey $d \"a\"}} {{hasKey $d \"c\"}} {{hasKey .Values \"A\"}}", "map[a:1 b:] true false true");
        SAYS("{{$d := dict}}{{$_ := set $d \"x\" (tuple 1 2)}}{{$d.x}}{{$_ := unset $d \"x\"}}{{$d}}{{range $k, $v := dict \"b\" 1 \"a\" 2}}{{$k}}{{$v}}{{end}}", "[1 2]map[]a2b1");
        SAYS("{{range tuple \"a\" 1}}{{.}} {{end}}{{index (tuple 1 (tuple 2 3)) 1 0}} {{index .Values \"MISSING\"}}| {{index .map \"no\"}}", "a 1 2 | <no value>");
}

TEST(paths) {
        SAYS("{{base \"a/b.c\"}} {{base \"/\"}} {{base \"\"}} {{base \"a//\"}} {{dir \"a/b/c\"}} {{dir \"/a\"}} {{dir \"a\"}} {{ext \"a.b/c\"}}|{{ext \"a/b.tar.gz\"}} {{isAbs \"/a\"}} {{isAbs \"a\"}}",
             "b.c / . a a/b / . |.gz true false");
        static const struct { const char *path, *clean; } rows[] = {
                { "", "." }, { "a/b/../c", "a/c" }, { "a//b/./c/", "a/b/c" }, { "/../a", "/a" }, { "../../a", "../../a" }, { "a/../..", ".." }, { "/", "/" }, { "/a/..", "/" },
                { "a/..", "." }, { "../a/..", ".." }, { "a/b/../../../c", "../c" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_free char *template = dr_xasprintf("{{clean \"%s\"}}", rows[i].path);
                SAYS(template, rows[i].clean);
        }
}

TEST(encodings) {
        SAYS("{{b64enc \"\"}}|{{b64enc \"f\"}} {{b64enc \"fo\"}} {{b64enc \"foo\"}} {{b64dec \"Zm9v\"}} {{b64dec \"Zg==\"}} {{b64dec \"!\"}}", "|Zg== Zm8= Zm9v foo f illegal base64 data at input byte 0");
        SAYS("{{b32enc \"foobar\"}} {{b32enc \"f\"}} {{b32dec \"MZXW6YTBOI======\"}} {{b32dec \"M\"}}", "MZXW6YTBOI====== MY====== foobar illegal base32 data at input byte 0");
        SAYS("{{sha256sum \"abc\"}}", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(dates) {
        SAYS("{{date \"2006-01-02 15:04:05\" 1136214245}} {{htmlDate 0}} {{dateInZone \"Mon Jan _2 3:04PM MST 06\" 1136214245 \"UTC\"}} {{date_in_zone \"02.1.2006\" 0 \"UTC\"}} "
             "{{htmlDateInZone 0 \"UTC\"}}", "2006-01-02 15:04:05 1970-01-01 Mon Jan  2 3:04PM UTC 06 01.1.1970 1970-01-01");
        SAYS("{{date \"Monday, January 2, 2006 at 15h 4m 5s .000 pm Z07:00 -0700\" 86399}}", "Thursday, January 1, 1970 at 23h 59m 59s .000 pm Z +0000");
        SAYS("{{$a := now}}{{eq (date \"2006\" (dateModify \"8784h\" $a)) (date \"2006\" $a)}} {{eq $a (date_modify \"nonsense\" $a | dateModify \"0s\")}} {{kindOf (dateModify \"-1.5h\" now)}}",
             "false true struct");
        SAYS("{{len (htmlDate now)}} {{len (date \"15:04\" now)}}", "10 5");
}

TEST(random_things) {
        SAYS("{{len (randAlpha 5)}}{{len (randAlphaNum 6)}}{{len (randNumeric 7)}}{{len (randAscii 8)}}{{len (randAlpha 0)}} {{ne (randAlphaNum 20) (randAlphaNum 20)}}", "56780 true");
        SAYS("{{len uuidv4}} {{ne uuidv4 uuidv4}} {{slice uuidv4 14 15}}", "36 true 4");
        SAYS("{{hasPrefix \"-----BEGIN RSA PRIVATE KEY-----\" (genPrivateKey \"rsa\")}} {{hasPrefix \"-----BEGIN EC PRIVATE KEY-----\" (genPrivateKey \"ecdsa\")}}", "true true");
        REFUSES("{{genPrivateKey \"dsa\"}}", DR_E_INVALID_FORMAT, "dsa keys are not made");
        REFUSES("{{genPrivateKey \"x\"}}", DR_E_INVALID_FORMAT, "unknown kind of key \"x\"");
}

/* The 84 of golden/templates/README.md without env and expandenv. */
TEST(every_function_of_upstream_is_there) {
        static const char names[] = "abbrev abbrevboth add add1 atoi b32dec b32enc b64dec b64enc base biggest cat clean contains date dateInZone dateModify date_in_zone date_modify "
                "default dict dir div empty ext float64 genPrivateKey hasKey hasPrefix hasSuffix hello htmlDate htmlDateInZone indent initials int int64 isAbs join kindIs kindOf lower max "
                "min mod mul nospace now plural quote randAlpha randAlphaNum randAscii randNumeric repeat replace set sha256sum split squote sub substr swapcase title trim trimAll "
                "trimPrefix trimSuffix trimall trunc tuple typeIs typeIsLike typeOf unset until untilStep untitle upper uuidv4 wrap wrapWith "
                "splitPreserveQuotes and call eq ge gt html index js le len lt ne not or print printf println slice urlquery";
        size_t n = 0;
        for (const char *p = names; *p; p += strspn(p, " ")) {
                size_t len = strcspn(p, " ");
                auto_free char *template = dr_xasprintf("{{if false}}{{%.*s}}{{end}}", (int) len, p);
                SAYS(template, "");
                p += len;
                n++;
        }
        CHECK_INT(n, ==, 82 + 1 + 19);
}

TEST(every_function_is_in_the_documentation) {
        enum { DOC_BYTES_MAX = 100000 };
        static const struct gt_function *const tables[] = { gt_text_functions, gt_more_functions };
        FILE *f = fopen(DROVER_DOCS "/templates.md", "re");
        CHECK(f);
        auto_free char *doc = dr_xmalloc(DOC_BYTES_MAX + 1);
        doc[fread(doc, 1, DOC_BYTES_MAX, f)] = '\0';
        fclose(f);
        for (size_t t = 0; t < ARRAY_LEN(tables); t++)
                for (const struct gt_function *fn = tables[t]; fn->name; fn++) {
                        auto_free char *quoted = dr_xasprintf("`%s`", fn->name);
                        if (!strstr(doc, quoted))
                                CHECK_STR(fn->name, ==, "named in docs/templates.md");
                }
}

TEST_MAIN("formats/gotemplate-functions")
