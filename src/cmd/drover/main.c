/* main.c: drover, the command line. */
#include <signal.h>
#include <stdio.h>

#include "cli.h"
#include "verbs.h"

static const struct opt_row rows[] = {
        { .name = "url", .arg = "URL", .type = OPT_STRING, .env = "RANCHER_URL", .help = "the server, such as http://server:8080" },
        { .name = "access-key", .arg = "KEY", .type = OPT_STRING, .env = "RANCHER_ACCESS_KEY", .help = "API key" },
        { .name = "secret-key", .arg = "KEY", .type = OPT_STRING, .env = "RANCHER_SECRET_KEY", .flags = OPT_SECRET, .help = "the API key's secret" },
        { .name = "environment env", .arg = "ENV", .type = OPT_STRING, .env = "RANCHER_ENVIRONMENT", .complete = "environment",
          .help = "environment, by name or id" },
        { .name = "config", .letter = 'c', .arg = "FILE", .type = OPT_PATH, .env = "RANCHER_CLIENT_CONFIG",
          .help = "where \"drover login\" remembers server and keys, else ~/.drover/cli.json" },
        { .name = "wait", .letter = 'w', .type = OPT_FLAG, .flags = OPT_NO_ENV, .help = "wait until what was changed comes to rest" },
        { .name = "wait-timeout", .arg = "TIME", .type = OPT_DURATION, .dflt = "600", .min = 0, .max = 7 * 24 * 3600 * 1000LL,
          .help = "the longest wait (600, 90s, 10m); 0 for no limit" },
        { .name = "wait-state", .arg = "STATE", .type = OPT_STRING, .flags = OPT_NO_ENV, .help = "wait for this state (active, healthy, ...); implies --wait" },
        { .name = "ca-file", .arg = "FILE", .type = OPT_PATH, .help = "certificate authority (PEM) of the server" },
        { .name = "insecure", .type = OPT_FLAG, .help = "accept any certificate of the server" },
        { .name = "debug", .type = OPT_FLAG, .env = "RANCHER_CLIENT_DEBUG", .help = "show every call of the API" },
};

static const struct opt_command *const verbs[] = {
        &verb_login, &verb_config, &verb_env, &verb_hosts, &verb_stacks, &verb_services, &verb_ps, &verb_up, &verb_catalog, &verb_export, &verb_run, &verb_convert, &verb_start, &verb_stop,
        &verb_restart, &verb_scale, &verb_rm, &verb_logs, &verb_exec, &verb_docker, &verb_ssh, &verb_pull, &verb_volumes, &verb_secrets,
        &verb_inspect, &verb_events, &verb_wait, &verb_lab, &verb_doctor, &verb_simulate, &verb_completion,
        &verb_help, &verb_complete,
};

static const struct opt_command program = {
        .name = "drover", .summary = "drover, container infrastructure from the command line", .env_prefix = "DROVER_",
        .about = "Names or ids are accepted everywhere: \"web\", \"demo/web\" (stack/service), \"1s5\".\n"
                 "Server and keys come from options, then the environment, then ~/.drover/cli.json, which \"drover login\" writes.",
        OPT_ROWS(rows), OPT_SUB(verbs),
};

static int usage_error(int argc, char **argv, const struct dr_error *err) {
        auto_free char *hint = opts_usage_hint(&program, argc, argv);
        fprintf(stderr, "drover: %s\n%s\n", err->message, hint);
        return 2;
}

int main(int argc, char **argv) {
        AUTO(opts_free) struct opts *o = NULL;
        struct cli cli = { .root = &program };

        (void) signal(SIGPIPE, SIG_IGN);
        if (argc < 2) {
                const struct opt_command *path[] = { &program };
                auto_free char *help = opt_command_help(path, 1);
                fputs(help, stdout);
                return 0;
        }
        if (opts_parse(&program, argc, argv, environ, &o, &cli.err) < 0)
                return usage_error(argc, argv, &cli.err);
        if (opts_action(o) == OPTS_HELP) {
                auto_free char *help = opts_help(o);
                fputs(help, stdout);
                return 0;
        }
        if (opts_action(o) == OPTS_VERSION) {
                puts("drover " DROVER_VERSION);
                return 0;
        }
        cli.opts = o;
        int r = opts_command(o)->run(o, &cli);
        if (r < 0)
                cli_complain(&cli, &cli.err);
        api_free(cli.api);
        json_free(cli.config);
        free(cli.config_path);
        free(cli.rancher_version);
        return r < 0 || (r == 0 && cli.complained) ? 1 : r;
}
