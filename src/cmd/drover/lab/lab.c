#include "lab.h"

#include "base/options.h"
#include "base/vec.h"
#include "host.h"
#include "hostinit.h"
#include "image.h"
#include "keeper.h"
#include "prog.h"
#include "switch.h"
#include "up.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char *arg(const struct opts *o, size_t i) { return opts_args(o, NULL)[i]; }

static int run_up(struct lab *l, const struct opts *o, struct dr_error *err) {
        struct up_options up = { .hosts = (uint64_t) opts_int(o, "hosts"), .server = opts_str(o, "server"), .mirror = opts_str(o, "registry-mirror"),
                                 .subnet = opts_str(o, "subnet"), .join_command = opts_str(o, "join-command"), .access_key = opts_str(o, "access-key"),
                                 .secret_key = opts_str(o, "secret-key"), .project = opts_str(o, "environment"), .cgroup2 = opts_bool(o, "cgroup2") };
        int r = up_run(l, &up, err);
        if (r >= 0)
                printf("lab \"%s\" is up: \"drover lab ls\", \"drover lab docker host1 ps\", \"drover lab exec host1 -- sh\", \"drover lab down\"\n", l->name);
        return r;
}

static const char *host_state(const struct lab *l, const struct lab_host *h) {
        return !host_pid(l, h) ? "down" : host_is_frozen(l, h) ? "frozen" : switch_is_cut(l, h) ? "cut" : "running";
}

static int run_ls(struct lab *l, const struct opts *o, struct dr_error *err) {
        if (!opts_bool(o, "quiet"))
                printf("%-8s %-15s %-8s %-8s %s\n", "NAME", "ADDRESS", "STATE", "PID", "ENGINE");
        for (size_t n = 1; n <= l->n_hosts; n++) {
                struct lab_host h;
                lab_host_get(l, n, &h);
                auto_free char *sock = host_socket(l, &h);
                if (opts_bool(o, "quiet"))
                        printf("%s\n", h.name);
                else
                        printf("%-8s %-15s %-8s %-8d %s%s\n", h.name, h.address, host_state(l, &h), host_pid(l, &h), sock ? "unix://" : "-", sock ? sock : "");
        }
        return 0;
}

/* What follows HOST, with or without "--" before it. */
static const char *const *program_args(const struct opts *o) {
        const char *const *args = opts_args(o, NULL) + 1;
        return str_eq(args[0], "--") ? args + 1 : args;
}

static int run_exec(struct lab *l, const struct opts *o, struct dr_error *err) {
        const char *const *argv = program_args(o);
        if (!argv[0])
                return dr_fail(err, DR_E_MISSING_REQUIRED, NULL, "no command given: drover lab exec HOST -- COMMAND");
        if (str_eq(arg(o, 0), "switch"))
                return host_exec_switch(l, argv, err);
        struct lab_host h;
        int r = lab_host_find(l, arg(o, 0), &h, err);
        return r < 0 ? r : host_exec(l, &h, argv, NULL, err);
}

/* The docker program runs outside, so that its files and folders are the user's. */
static int run_docker(struct lab *l, const struct opts *o, struct dr_error *err) {
        struct lab_host h;
        int r = lab_host_find(l, arg(o, 0), &h, err);
        if (r < 0)
                return r;
        auto_free char *sock = host_socket(l, &h);
        if (!sock)
                return dr_fail(err, DR_E_UNAVAILABLE, NULL, "%s is down; start it with \"drover lab reboot %s\" or \"drover lab up\"", h.name, h.name);
        auto_free char *url = dr_xasprintf("unix://%s", sock);
        VEC(const char *) argv = { 0 };
        vec_push(&argv, "docker");
        vec_push(&argv, "-H");
        vec_push(&argv, url);
        for (const char *const *a = program_args(o); *a; a++)
                vec_push(&argv, *a);
        vec_push(&argv, NULL);
        unsetenv("DOCKER_HOST");
        unsetenv("DOCKER_CONTEXT");
        unsetenv("DOCKER_TLS_VERIFY");
        signal(SIGPIPE, SIG_DFL);
        execvp("docker", (char *const *) (uintptr_t) argv.v);
        vec_done(&argv);
        return dr_fail(err, DR_E_NOT_FOUND, NULL, "could not run \"docker\": %m; install package docker.io");
}

static int run_kill(struct lab *l, const struct opts *o, struct dr_error *err) {
        struct lab_host h;
        int r = lab_host_find(l, arg(o, 0), &h, err);
        return r < 0 ? r : host_kill(l, &h, err);
}

static int run_reboot(struct lab *l, const struct opts *o, struct dr_error *err) {
        struct lab_host h;
        int r = lab_host_find(l, arg(o, 0), &h, err);
        if (r >= 0 && opts_bool(o, "clean"))
                r = host_shut_down(l, &h, err);
        return r < 0 ? r : up_reboot(l, &h, err);
}

static int freeze(struct lab *l, const struct opts *o, bool frozen, struct dr_error *err) {
        struct lab_host h;
        int r = lab_host_find(l, arg(o, 0), &h, err);
        return r < 0 ? r : host_freeze(l, &h, frozen, err);
}
static int run_freeze(struct lab *l, const struct opts *o, struct dr_error *err) { return freeze(l, o, true, err); }
static int run_thaw(struct lab *l, const struct opts *o, struct dr_error *err) { return freeze(l, o, false, err); }

static int run_cut(struct lab *l, const struct opts *o, struct dr_error *err) {
        struct lab_host h, peer;
        int r = lab_host_find(l, arg(o, 0), &h, err);
        if (r < 0 || !arg(o, 1))
                return r < 0 ? r : switch_cut(l, &h, NULL, err);
        if (str_eq(arg(o, 1), "server"))
                return switch_cut(l, &h, "server", err);
        r = lab_host_find(l, arg(o, 1), &peer, err);
        if (r >= 0 && peer.n == h.n)
                return dr_fail(err, DR_E_INVALID_REFERENCE, NULL, "%s cannot be cut from itself", h.name);
        return r < 0 ? r : switch_cut(l, &h, peer.name, err);
}

static int run_heal(struct lab *l, const struct opts *o, struct dr_error *err) {
        struct lab_host h;
        int r = arg(o, 0) ? lab_host_find(l, arg(o, 0), &h, err) : 0;
        return r < 0 ? r : switch_heal(l, arg(o, 0) ? &h : NULL, err);
}

static int run_down(struct lab *l, const struct opts *o, struct dr_error *err) {
        bool exists = lab_exists(l);
        int r = up_down(l, opts_bool(o, "delete"), err);
        if (r >= 0 && exists && !opts_bool(o, "delete"))
                printf("lab \"%s\" is down; its data is kept in %s (\"drover lab down --delete\" erases it)\n", l->name, l->dir);
        return r;
}

/* docker load on one host or all, side by side. */
static int load(struct lab *l, const char *where, const char *tar, struct dr_error *err) {
        pid_t pids[LAB_HOSTS_MAX + 1] = { 0 };
        struct lab_host only = { 0 };
        bool all = str_eq(where, "all");
        int r = all ? 0 : lab_host_find(l, where, &only, err);
        if (r < 0)
                return r;
        fflush(NULL);
        for (size_t n = 1; n <= l->n_hosts; n++) {
                struct lab_host h;
                lab_host_get(l, n, &h);
                auto_free char *sock = host_socket(l, &h);
                if (!all && n != only.n)
                        continue;
                if (!sock) {
                        fprintf(stderr, "%s is down\n", h.name);
                        r = dr_fail(err, DR_E_UNAVAILABLE, NULL, "could not load \"%s\" on every host: %s is down", tar, h.name);
                        continue;
                }
                auto_free char *url = dr_xasprintf("unix://%s", sock);
                pids[n] = fork();
                if (pids[n] == 0) {
                        struct dr_error one = { 0 };
                        auto_free char *out = NULL;
                        unsetenv("DOCKER_HOST");
                        unsetenv("DOCKER_CONTEXT");
                        int code = prog_run(&(struct prog) { .argv = PROG("docker", "-H", url, "load", "-q", "-i", tar), .ret_output = &out }, &one);
                        if (code < 0)
                                fprintf(stderr, "%s: %s\n", h.name, one.message);
                        else
                                printf("%s: %s", h.name, out);
                        fflush(NULL);
                        _exit(code < 0);
                }
        }
        for (size_t n = 1; n <= l->n_hosts; n++) {
                int status = 0;
                if (pids[n] > 0 && waitpid(pids[n], &status, 0) == pids[n] && status != 0)
                        r = dr_fail(err, DR_E_INTERNAL, NULL, "could not load \"%s\" on host%zu", tar, n);
        }
        return r;
}

static int run_load(struct lab *l, const struct opts *o, struct dr_error *err) { return load(l, arg(o, 0), arg(o, 1), err); }

static int run_image(struct lab *l, const struct opts *o, struct dr_error *err) {
        if (!opts_bool(o, "from-busybox"))
                return dr_fail(err, DR_E_MISSING_REQUIRED, NULL, "say what the image is made of: --from-busybox");
        size_t n_add = 0;
        const char *const *add = opts_list(o, "add", &n_add);
        struct image_spec s = { .name = arg(o, 0), .cmd = opts_str(o, "cmd"), .entrypoint = opts_str(o, "entrypoint"), .env = opts_list(o, "env", NULL) };
        char *parts[IMAGE_FILES_MAX] = { NULL };
        int r = n_add > IMAGE_FILES_MAX ? dr_fail(err, DR_E_TOO_LARGE, NULL, "--add is given more than %d times", IMAGE_FILES_MAX) : 0;
        for (size_t i = 0; i < n_add && r >= 0; i++) {
                parts[i] = dr_xstrdup(add[i]);
                char *colon = strrchr(parts[i], ':');
                if (!colon) {
                        r = dr_fail(err, DR_E_INVALID_FORMAT, "add", "\"%s\" is not of the form FILE:/PATH/IN/IMAGE", add[i]);
                        break;
                }
                *colon = '\0';
                s.files[s.n_files++] = (struct image_file) { parts[i], colon + 1 };
        }
        const char *output = opts_str(o, "output");
        auto_free char *tar = output ? dr_xstrdup(output) : lab_path(l, "image.tar");
        r = r < 0 ? r : image_write(&s, tar, err);
        if (!output) {
                r = r < 0 ? r : load(l, "all", tar, err);
                (void) unlink(tar);     /* absent when it could not be written */
        }
        for (size_t i = 0; i < ARRAY_LEN(parts); i++)
                free(parts[i]);
        return r;
}

enum { LAB_MAYBE = 1, LAB_LOCKED = 2 };  /* works without a lab; changes it */

static int run_verb(const struct opts *o, struct lab *l, int flags, int (*fn)(struct lab *, const struct opts *, struct dr_error *)) {
        struct dr_error err = { 0 };
        auto_close int lock = -1;
        AUTO(lab_free) struct lab *again = NULL;
        int r = 0;
        if (!(flags & LAB_MAYBE) && !lab_exists(l))
                r = dr_fail(&err, DR_E_NOT_FOUND, NULL, "there is no lab \"%s\" in \"%s\"; \"drover lab up\" makes it", l->name, l->dir);
        if (r >= 0 && (flags & LAB_LOCKED) && (lab_exists(l) || fn == run_up)) {
                r = lab_lock(l, &lock, &err);
                /* The settings may have changed while we waited. */
                r = r < 0 ? r : lab_open(l->name, l->dir, &again, &err);
        }
        r = r < 0 ? r : fn(again ? again : l, o, &err);
        if (r < 0)
                fprintf(stderr, "drover lab: %s\n", err.message);
        return r < 0 || fflush(stdout) != 0 ? EXIT_FAILED : r;
}

#define VERB(verb, verb_flags) \
        static int start_##verb(const struct opts *o, void *lab) { return run_verb(o, lab, verb_flags, run_##verb); }
VERB(up, LAB_MAYBE | LAB_LOCKED)
VERB(ls, LAB_MAYBE)
VERB(exec, 0)
VERB(docker, 0)
VERB(kill, LAB_LOCKED)
VERB(reboot, LAB_LOCKED)
VERB(freeze, LAB_LOCKED)
VERB(thaw, LAB_LOCKED)
VERB(cut, LAB_LOCKED)
VERB(heal, LAB_LOCKED)
VERB(load, 0)
VERB(image, LAB_MAYBE | LAB_LOCKED)
VERB(down, LAB_MAYBE | LAB_LOCKED)

static const struct opt_row up_rows[] = {
        { .name = "hosts", .arg = "N", .type = OPT_INT, .min = 0, .max = LAB_HOSTS_MAX, .help = "how many hosts; 3 for a new lab" },
        { .name = "server", .arg = "URL", .type = OPT_STRING, .help = "let the hosts join this server, which may listen on loopback only" },
        { .name = "access-key", .arg = "KEY", .type = OPT_STRING, .env = "RANCHER_ACCESS_KEY", .help = "API key for the server" },
        { .name = "secret-key", .arg = "KEY", .type = OPT_STRING, .env = "RANCHER_SECRET_KEY", .flags = OPT_SECRET, .help = "the API key's secret" },
        { .name = "environment env", .arg = "ENV", .type = OPT_STRING, .env = "RANCHER_ENVIRONMENT", .help = "environment to join, by name or id; the first one without it" },
        { .name = "join-command", .arg = "COMMAND", .type = OPT_STRING, .help = "run this inside each host instead of asking the server" },
        { .name = "registry-mirror", .arg = "URL", .type = OPT_STRING, .help = "where engines look for images first" },
        { .name = "subnet", .arg = "A.B.C.0/24", .type = OPT_STRING, .help = "the hosts' network" },
        { .name = "cgroup2", .type = OPT_FLAG, .help = "cgroup2 inside the hosts where the machine has v1" },
};
static const struct opt_row ls_rows[] = { { .name = "quiet", .letter = 'q', .type = OPT_FLAG, .help = "names only" } };
static const struct opt_row reboot_rows[] = { { .name = "clean", .type = OPT_FLAG, .help = "shut down in order instead of cutting the power" } };
static const struct opt_row down_rows[] = { { .name = "delete", .type = OPT_FLAG, .help = "erase the hosts' data too" } };
static const struct opt_row image_rows[] = {
        { .name = "from-busybox", .type = OPT_FLAG, .help = "of this machine's static busybox" },
        { .name = "cmd", .arg = "TEXT", .type = OPT_STRING, .help = "what a container runs by default: /bin/sh -c TEXT" },
        { .name = "entrypoint", .arg = "WORD", .type = OPT_STRING, .help = "entry point" },
        { .name = "env", .arg = "NAME=VALUE", .type = OPT_LIST, .help = "environment variable, may be repeated" },
        { .name = "add", .arg = "FILE:PATH", .type = OPT_LIST, .help = "put a file in, may be repeated" },
        { .name = "output", .letter = 'o', .arg = "TAR", .type = OPT_PATH, .help = "write an archive for \"docker load\", load nothing" },
};

static const struct opt_command
        up = { .name = "up", .summary = "make and start hosts, let them join a server", OPT_ROWS(up_rows), .run = start_up,
               .about = "Does only what is missing, so it may be repeated. What it started is taken down again when it fails." },
        ls = { .name = "ls", .summary = "list the hosts", OPT_ROWS(ls_rows), .run = start_ls },
        exec = { .name = "exec", .summary = "run a program inside a host, or in the network of \"switch\"", .args = "HOST -- COMMAND...", .min_args = 2,
                 .max_args = OPT_ANY, .first_ends = true, .run = start_exec },
        docker = { .name = "docker", .summary = "run docker against a host's engine", .args = "HOST ARGUMENTS...", .min_args = 1, .max_args = OPT_ANY,
                   .first_ends = true, .run = start_docker },
        kill_verb = { .name = "kill", .summary = "power loss", .args = "HOST", .min_args = 1, .max_args = 1, .run = start_kill },
        reboot = { .name = "reboot", .summary = "power cycle, or power on after a kill", .args = "HOST", .min_args = 1, .max_args = 1,
                   OPT_ROWS(reboot_rows), .run = start_reboot },
        freeze_verb = { .name = "freeze", .summary = "hang everything in a host", .args = "HOST", .min_args = 1, .max_args = 1, .run = start_freeze },
        thaw = { .name = "thaw", .summary = "end that", .args = "HOST", .min_args = 1, .max_args = 1, .run = start_thaw },
        cut = { .name = "cut", .summary = "cut a host's network, or its way to one host or the server", .args = "HOST [PEER|server]", .min_args = 1,
                .max_args = 2, .run = start_cut },
        heal = { .name = "heal", .summary = "undo the cuts of a host, or all", .args = "[HOST]", .max_args = 1, .run = start_heal },
        load_verb = { .name = "load", .summary = "docker load on a host, or all", .args = "HOST|all TAR", .min_args = 2, .max_args = 2, .run = start_load },
        image = { .name = "image", .summary = "make an image without a registry and load it on all hosts", .args = "NAME", .min_args = 1, .max_args = 1,
                  OPT_ROWS(image_rows), .run = start_image },
        down = { .name = "down", .summary = "stop everything of the lab; its data stays", OPT_ROWS(down_rows), .run = start_down };

static const struct opt_command *const verbs[] = { &up, &ls, &exec, &docker, &kill_verb, &reboot, &freeze_verb, &thaw, &cut, &heal, &load_verb,
                                                   &image, &down };
static const struct opt_row rows[] = {
        { .name = "name", .arg = "LAB", .type = OPT_STRING, .dflt = "lab", .flags = OPT_NO_ENV, .help = "which lab" },
        { .name = "dir", .arg = "DIR", .type = OPT_PATH, .flags = OPT_NO_ENV, .help = "the lab's folder; $DROVER_LAB_DIR/LAB or ~/.drover/lab/LAB without it" },
};
static const struct opt_command program = {
        .name = "drover lab", .summary = "several Docker hosts on this machine, on a network of their own",
        .about = "Needs root and an installed Docker engine (it need not run). Hosts are called host1, host2, ...", OPT_ROWS(rows), OPT_SUB(verbs),
};

static int usage_error(int argc, char **argv, const struct dr_error *err) {
        auto_free char *hint = opts_usage_hint(&program, argc, argv);
        fprintf(stderr, "drover lab: %s\n%s\n", err->message, hint);
        return EXIT_USAGE;
}

int lab_main(int argc, char **argv) {
        signal(SIGPIPE, SIG_IGN);
        prog_path_init();
        if (argc > 1 && str_eq(argv[1], "hostinit"))
                return hostinit_main(argc - 2, argv + 2);
        if (argc > 1 && str_eq(argv[1], "pauseinit"))
                return keeper_main(argc - 2, argv + 2);
        if (argc < 2) {
                const struct opt_command *path[] = { &program };
                auto_free char *help = opt_command_help(path, 1);
                fputs(help, stdout);
                return 0;
        }
        AUTO(opts_free) struct opts *o = NULL;
        AUTO(lab_free) struct lab *l = NULL;
        struct dr_error err = { 0 };
        if (opts_parse(&program, argc, argv, environ, &o, &err) < 0)
                return usage_error(argc, argv, &err);
        if (opts_action(o) == OPTS_HELP) {
                auto_free char *help = opts_help(o);
                fputs(help, stdout);
                return 0;
        }
        if (opts_action(o) == OPTS_VERSION) {
                puts("drover " DROVER_VERSION);
                return 0;
        }
        if (lab_open(opts_str(o, "name"), opts_str(o, "dir"), &l, &err) < 0) {
                fprintf(stderr, "drover lab: %s\n", err.message);
                return EXIT_USAGE;
        }
        return opts_command(o)->run(o, l);
}
