#include "check.h"
#include "base/options.h"

#include <fcntl.h>
#include <sys/stat.h>

static int even(const char *value, struct dr_error *err) {
        return (value[strlen(value) - 1] - '0') % 2 == 0 ? 0 : dr_fail(err, DR_E_INVALID_FORMAT, NULL, "\"%s\" is odd", value);
}
static int run_nothing(const struct opts *o, void *context) {
        (void) o; (void) context;
        return 0;
}

static const struct opt_row root_rows[] = {
        { .name = "config", .letter = 'c', .arg = "FILE", .type = OPT_CONFIG, .dflt = "/nonexistent/drover.conf", .help = "config file" },
        { .name = "listen", .arg = "ADDR:PORT", .type = OPT_LISTEN, .dflt = "0.0.0.0:8080", .help = "address to serve on" },
        { .name = "environment env", .arg = "NAME", .type = OPT_STRING, .env = "RANCHER_ENVIRONMENT", .help = "environment" },
        { .name = "secret-key", .arg = "KEY", .type = OPT_STRING, .dflt = "hidden", .flags = OPT_SECRET, .help = "secret" },
        { .name = "workers", .letter = 'w', .arg = "N", .type = OPT_INT, .dflt = "4", .min = 1, .max = 64, .help = "threads" },
        { .name = "auth", .type = OPT_FLAG, .dflt = "true", .help = "access control" },
        { .name = "level", .type = OPT_ENUM, .values = "debug|info|error", .dflt = "info", .help = "log level" },
        { .name = "grace", .type = OPT_DURATION, .dflt = "10s", .min = 1000, .max = 60000, .help = "time to stop" },
        { .name = "cache", .type = OPT_BYTES, .dflt = "1m", .help = "memory" },
        { .name = "label", .letter = 'l', .arg = "K=V", .type = OPT_LIST, .help = "label" },
        { .name = "even", .type = OPT_STRING, .check = even, .help = "even number" },
};
static const struct opt_row ps_rows[] = {
        { .name = "containers", .letter = 'c', .type = OPT_FLAG, .help = "show containers" },
        { .name = "quiet", .letter = 'q', .type = OPT_FLAG, .help = "ids only" },
};
static const struct opt_row make_rows[] = {
        { .name = "name", .arg = "NAME", .type = OPT_STRING, .flags = OPT_REQUIRED, .help = "name" },
};
static const struct opt_command ps = { .name = "ps", .summary = "list services", .args = "[SERVICE...]", .max_args = OPT_ANY,
        .complete = "service", OPT_ROWS(ps_rows), .run = run_nothing };
static const struct opt_command make = { .name = "make", .summary = "make a thing", OPT_ROWS(make_rows), .run = run_nothing };
static const struct opt_command host_ls = { .name = "ls", .summary = "list hosts", .run = run_nothing };
static const struct opt_command host_rm = { .name = "rm", .summary = "remove hosts", .args = "HOST...", .min_args = 1, .max_args = 2, .run = run_nothing };
static const struct opt_command *const host_sub[] = { &host_ls, &host_rm };
static const struct opt_command host = { .name = "hosts", .aliases = "host", .summary = "hosts", OPT_SUB(host_sub), .run = run_nothing };
static const struct opt_command exec = { .name = "exec", .summary = "run in a host", .args = "HOST CMD...", .min_args = 1, .max_args = OPT_ANY,
        .first_ends = true, OPT_ROWS(ps_rows), .run = run_nothing };
static const struct opt_command lab = { .name = "lab", .summary = "make hosts", .passthrough = true, .run = run_nothing };
static const struct opt_command *const verbs[] = { &ps, &make, &host, &exec, &lab };
static const struct opt_command program = { .name = "drover", .summary = "drives herds", .env_prefix = "DROVER_", OPT_ROWS(root_rows), OPT_SUB(verbs) };

static struct dr_error err;
enum { WORDS_MAX = 16 };

static int parse(struct opts **ret, const char *const *env, const char *line) {
        char copy[512], *argv[WORDS_MAX] = { "drover" }, *save = NULL;
        int argc = 1;
        snprintf(copy, sizeof copy, "%s", line);
        for (char *p = strtok_r(copy, " ", &save); p; p = strtok_r(NULL, " ", &save))
                argv[argc++] = p;
        memset(&err, 0, sizeof err);
        return opts_parse(&program, argc, argv, (char *const *) env, ret, &err);
}
#define PARSE(o, env, line) AUTO(opts_free) struct opts *o = NULL; CHECK_OK(parse(&o, env, line), &err)

static void write_config(char path[64], const char *text) {
        snprintf(path, 64, "/tmp/drover-test-options-XXXXXX");
        auto_close int fd = mkstemp(path);
        assert(fd >= 0);
        assert(write(fd, text, strlen(text)) == (ssize_t) strlen(text));
}

TEST(every_source_has_a_name_and_no_other_number_has) {
        for (int s = 0; s < OPT_SOURCE_MAX; s++)
                CHECK(opt_source_to_string((enum opt_source) s));
        CHECK(opt_source_to_string(OPT_SOURCE_MAX) == NULL);
}

TEST(defaults_hold_when_nothing_is_given) {
        PARSE(o, NULL, "ps");
        CHECK_STR(opts_str(o, "listen"), ==, "0.0.0.0:8080");
        CHECK_INT(opts_int(o, "workers"), ==, 4);
        CHECK_INT(opts_int(o, "grace"), ==, 10000);
        CHECK_INT(opts_int(o, "cache"), ==, 1 << 20);
        CHECK_INT(opts_enum(o, "level"), ==, 1);
        CHECK(opts_bool(o, "auth"));
        CHECK(opts_str(o, "environment") == NULL);
        CHECK_INT(opts_source(o, "workers"), ==, OPT_FROM_DEFAULT);
        size_t n;
        CHECK(opts_list(o, "label", &n)[0] == NULL);
        CHECK_INT(n, ==, 0);
}

TEST(a_flag_beats_environment_which_beats_the_file_which_beats_the_default) {
        char path[64], line[128];
        write_config(path, "# comment\n\nworkers = 5\nlisten = \"127.0.0.1:1\"\nlabel = a=1\nlabel = b=2\ncache=2k\r\n");
        const char *const env[] = { "DROVER_WORKERS=6", "DROVER_LISTEN=:2", NULL };
        snprintf(line, sizeof line, "--config %s -w 7 ps", path);
        PARSE(o, env, line);
        (void) unlink(path);
        CHECK_INT(opts_int(o, "workers"), ==, 7);
        CHECK_INT(opts_source(o, "workers"), ==, OPT_FROM_FLAG);
        CHECK_STR(opts_str(o, "listen"), ==, ":2");
        CHECK_INT(opts_source(o, "listen"), ==, OPT_FROM_ENV);
        CHECK_INT(opts_int(o, "cache"), ==, 2048);
        CHECK_INT(opts_source(o, "cache"), ==, OPT_FROM_FILE);
        size_t n;
        const char *const *labels = opts_list(o, "label", &n);
        CHECK_INT(n, ==, 2);
        CHECK_STR(labels[1], ==, "b=2");
}

TEST(the_further_environment_names_count_after_the_prefixed_one) {
        const char *const both[] = { "RANCHER_ENVIRONMENT=old", "DROVER_ENVIRONMENT=new", NULL };
        const char *const one[] = { "RANCHER_ENVIRONMENT=old", "DROVER_ENVIRONMENT=", "DROVER_LABEL=a=1,b=2", NULL };
        PARSE(o, both, "ps");
        CHECK_STR(opts_str(o, "environment"), ==, "new");
        PARSE(p, one, "ps");
        CHECK_STR(opts_str(p, "environment"), ==, "old");
        CHECK_STR(opts_list(p, "label", NULL)[1], ==, "b=2");
}

TEST(all_forms_of_writing_an_option_mean_the_same) {
        static const char *const lines[] = { "--workers 9 ps", "--workers=9 ps", "-w 9 ps", "-w9 ps", "-w=9 ps", "ps -w 9", "ps --workers=9 x" };
        for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
                PARSE(o, NULL, lines[i]);
                CHECK_INT(opts_int(o, "workers"), ==, 9);
        }
        PARSE(o, NULL, "--env e ps -cq");
        CHECK_STR(opts_str(o, "environment"), ==, "e");
        CHECK(opts_bool(o, "containers") && opts_bool(o, "quiet"));
        PARSE(p, NULL, "--no-auth ps --containers=false");
        CHECK(!opts_bool(p, "auth") && !opts_bool(p, "containers"));
}

TEST(verbs_nest_have_aliases_and_keep_their_arguments) {
        size_t n;
        PARSE(o, NULL, "host rm a b");
        CHECK(opts_command(o) == &host_rm);
        CHECK_STR(opts_args(o, &n)[1], ==, "b");
        CHECK_INT(n, ==, 2);
        PARSE(p, NULL, "ps -- -x");
        CHECK_STR(opts_args(p, NULL)[0], ==, "-x");
        PARSE(q, NULL, "hosts");
        CHECK(opts_command(q) == &host);
}

TEST(words_behind_a_passthrough_verb_or_a_first_argument_are_not_options) {
        size_t n;
        PARSE(o, NULL, "lab up --hosts 3 --help");
        CHECK_STR(opts_args(o, &n)[3], ==, "--help");
        CHECK_INT(n, ==, 4);
        PARSE(p, NULL, "exec -q h1 ls -l ps");
        CHECK_STR(opts_args(p, &n)[2], ==, "-l");
        CHECK_INT(n, ==, 4);
        CHECK(opts_bool(p, "quiet"));
}

TEST(help_and_version_stop_all_checks) {
        PARSE(o, NULL, "host rm --help");
        CHECK_INT(opts_action(o), ==, OPTS_HELP);
        CHECK(opts_command(o) == &host_rm);
        PARSE(p, NULL, "--version");
        CHECK_INT(opts_action(p), ==, OPTS_VERSION);
        PARSE(q, NULL, "-h");
        CHECK_INT(opts_action(q), ==, OPTS_HELP);
}

TEST(each_mistake_has_its_code_and_message) {
        static const char *const env[] = { "DROVER_WORKERS=many", NULL };
        static const struct { const char *line; const char *const *env; enum dr_code code; const char *field, *message; } rows[] = {
                { "--lisen :1 ps", NULL, DR_E_INVALID_OPTION, "", "unknown option \"--lisen\" of \"drover\": did you mean \"--listen\"?" },
                { "ps --contaners", NULL, DR_E_INVALID_OPTION, "", "unknown option \"--contaners\" of \"drover ps\": did you mean \"--containers\"?" },
                { "--zebra ps", NULL, DR_E_INVALID_OPTION, "", "unknown option \"--zebra\" of \"drover\"" },
                { "-x ps", NULL, DR_E_INVALID_OPTION, "", "unknown option \"-x\" of \"drover\"" },
                { "sp", NULL, DR_E_INVALID_OPTION, "", "unknown command \"sp\" of \"drover\": did you mean \"ps\"?" },
                { "frobnicate", NULL, DR_E_INVALID_OPTION, "", "unknown command \"frobnicate\" of \"drover\"" },
                { "", NULL, DR_E_MISSING_REQUIRED, "", "\"drover\" needs a command" },
                { "host rm", NULL, DR_E_MISSING_REQUIRED, "", "\"drover hosts rm\" needs HOST..." },
                { "host rm a b c", NULL, DR_E_INVALID_OPTION, "", "unexpected argument \"c\" of \"drover hosts rm\"" },
                { "ps --listen", NULL, DR_E_MISSING_REQUIRED, "", "option \"--listen\" needs a value: --listen ADDR:PORT" },
                { "ps -w", NULL, DR_E_MISSING_REQUIRED, "", "option \"-w\" needs a value: -w N" },
                { "make", NULL, DR_E_MISSING_REQUIRED, "name", "option \"--name\" is required" },
                { "ps --workers x", NULL, DR_E_INVALID_FORMAT, "workers", "--workers: \"x\" is not a whole number" },
                { "ps --workers 0", NULL, DR_E_MIN_LIMIT, "workers", "--workers: \"0\" is too small: at least 1" },
                { "ps --workers 65", NULL, DR_E_MAX_LIMIT, "workers", "--workers: \"65\" is too large: at most 64" },
                { "ps --grace 2h", NULL, DR_E_MAX_LIMIT, "grace", "--grace: \"2h\" is too large: at most 60000 ms" },
                { "ps --grace soon", NULL, DR_E_INVALID_FORMAT, "grace", "--grace: \"soon\" is not a time: write 250ms, 10s, 5m or 2h" },
                { "ps --cache big", NULL, DR_E_INVALID_FORMAT, "cache", "--cache: \"big\" is not a size: write 64k, 512m or 2g" },
                { "ps --level loud", NULL, DR_E_INVALID_OPTION, "level", "--level: \"loud\" is not one of debug|info|error" },
                { "ps --auth=maybe", NULL, DR_E_INVALID_FORMAT, "auth", "--auth: \"maybe\" is neither true nor false" },
                { "ps --even 3", NULL, DR_E_INVALID_FORMAT, "even", "--even: \"3\" is odd" },
                { "ps --listen a:b", NULL, DR_E_INVALID_FORMAT, "listen", "--listen: \"a:b\" is not an address: \"b\" is no port from 0 to 65535" },
                { "ps", env, DR_E_INVALID_FORMAT, "workers", "environment variable DROVER_WORKERS: \"many\" is not a whole number" },
                { "-c /nonexistent/file ps -w 1", NULL, DR_E_NOT_FOUND, "", "could not open config file \"/nonexistent/file\": No such file or directory" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct opts *o = NULL;
                int r = parse(&o, rows[i].env, rows[i].line);
                CHECK_STR(err.message, ==, rows[i].message);
                CHECK_STR(err.field, ==, rows[i].field);
                CHECK_INT(err.code, ==, rows[i].code);
                CHECK_INT(r, ==, -dr_error_row(rows[i].code)->err);
                CHECK(o == NULL);
        }
}

TEST(each_mistake_in_the_config_file_names_file_and_line) {
        static const struct { const char *text, *message; } rows[] = {
                { "workers = 3\nworkrs = 5\n", ":2: unknown setting \"workrs\": did you mean \"workers\"?" },
                { "listen\n", ":1: not \"name = value\"" },
                { "listen = \":1\n", ":1: the closing quote is missing" },
                { "workers = 3\n\nworkers = 4", ":3: \"workers\" is set twice" },
                { "workers = 99", ":1: workers: \"99\" is too large: at most 64" },
                { "config = x", ":1: \"config\" cannot be set in a file" },
                { "containers = true", ":1: unknown setting \"containers\"" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char path[64], line[128], wanted[256];
                AUTO(opts_free) struct opts *o = NULL;
                write_config(path, rows[i].text);
                snprintf(line, sizeof line, "--config %s ps", path);
                CHECK_INT(parse(&o, NULL, line), <, 0);
                snprintf(wanted, sizeof wanted, "%s%s", path, rows[i].message);
                CHECK_STR(err.message, ==, wanted);
                (void) unlink(path);
        }
}

TEST(a_config_file_beyond_the_cap_is_refused) {
        char path[64], line[128];
        AUTO(opts_free) struct opts *o = NULL;
        auto_free char *big = dr_xmalloc(70000);
        memset(big, '\n', 69999);
        big[69999] = '\0';
        write_config(path, big);
        snprintf(line, sizeof line, "--config %s ps", path);
        CHECK_INT(parse(&o, NULL, line), <, 0);
        CHECK_INT(err.code, ==, DR_E_TOO_LARGE);
        (void) unlink(path);
}

TEST(listen_addresses_split_into_host_and_port) {
        static const struct { const char *text, *host; unsigned port; } good[] = {
                { "8080", "0.0.0.0", 8080 }, { ":0", "0.0.0.0", 0 }, { "127.0.0.1:80", "127.0.0.1", 80 },
                { "[::1]:443", "::1", 443 }, { "localhost:1", "localhost", 1 },
        };
        static const char *const bad[] = { "", ":", "a:65536", "::1:80", "[::1]80", "[::1", "x", "a:1 " };
        char name[64];
        uint16_t port;
        for (size_t i = 0; i < ARRAY_LEN(good); i++) {
                CHECK_OK(opt_split_listen(good[i].text, name, sizeof name, &port, &err), &err);
                CHECK_STR(name, ==, good[i].host);
                CHECK_INT(port, ==, good[i].port);
        }
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                CHECK_INT(opt_split_listen(bad[i], name, sizeof name, &port, &err), <, 0);
}

TEST(help_shows_options_defaults_and_variables_but_no_secret_default) {
        PARSE(o, NULL, "--help");
        auto_free char *s = opts_help(o);
        CHECK(strstr(s, "Usage: drover [OPTIONS] COMMAND\n"));
        CHECK(strstr(s, "  -w, --workers N "));
        CHECK(strstr(s, "threads (default 4) [$DROVER_WORKERS]"));
        CHECK(strstr(s, "--environment, --env NAME"));
        CHECK(strstr(s, "$DROVER_ENVIRONMENT, $RANCHER_ENVIRONMENT"));
        CHECK(strstr(s, "hidden") == NULL);
        CHECK(strstr(s, "  hosts  hosts\n"));
        PARSE(p, NULL, "ps --help");
        auto_free char *t = opts_help(p);
        CHECK(strstr(t, "Usage: drover ps [OPTIONS] [SERVICE...]\n\nList services.\n"));
}

TEST(no_line_of_help_is_wider_than_a_hundred_columns) {
        PARSE(o, NULL, "--help");
        auto_free char *s = opts_help(o);
        for (const char *p = s; *p; p += strcspn(p, "\n") + 1)
                CHECK_INT(strcspn(p, "\n"), <=, 100);
}

TEST(manual_pages_escape_what_roff_would_take) {
        const struct opt_command c = { .name = "x-y", .summary = "does", .about = ".so it\\goes", OPT_ROWS(make_rows) };
        const struct opt_command *path[] = { &c };
        auto_free char *s = opt_command_man(path, 1);
        CHECK(strstr(s, ".SH DESCRIPTION\n\\&.so it\\egoes\n"));
        CHECK(strstr(s, ".B \\-\\-name NAME\n"));
}

TEST(the_hint_names_the_innermost_verb_typed) {
        char *argv[] = { "drover", "host", "rm", "--bad" };
        auto_free char *s = opts_usage_hint(&program, 4, argv);
        CHECK_STR(s, ==, "try \"drover hosts rm --help\"");
}

static void complete(const char *words, char *out, size_t n) {
        auto_free char *script = opt_completion(&program, "bash", false);
        char path[64], command[512];
        write_config(path, script);
        snprintf(command, sizeof command, "bash -c 'source %s; COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _drover; echo ${COMPREPLY[*]}'", path, words);
        FILE *f = popen(command, "r");
        assert(f);
        size_t len = fread(out, 1, n - 1, f);
        out[len] = '\0';
        CHECK_INT(pclose(f), ==, 0);
        (void) unlink(path);
}

TEST(bash_completes_verbs_options_and_values) {
        static const struct { const char *words, *reply; } rows[] = {
                { "drover p", "ps\n" },
                { "drover host \"\"", "ls rm\n" },
                { "drover --env ps h", "hosts\n" },
                { "drover ps -c --qu", "--quiet\n" },
                { "drover --level \"\"", "debug info error\n" },
                { "drover --workers \"\"", "\n" },
        };
        char out[1024];
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                complete(rows[i].words, out, sizeof out);
                CHECK_STR(out, ==, rows[i].reply);
        }
}

TEST(an_unknown_shell_has_no_completion) {
        CHECK(opt_completion(&program, "fish", true) == NULL);
}

TEST_MAIN("base/options")
