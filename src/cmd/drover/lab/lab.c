#include "lab.h"

#include "base/log.h"
#include "base/parse.h"
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

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE, ENV_MAX = 32 };

/* Everything that options can set, for all verbs. */
struct options {
        const char *name, *dir;
        struct up_options up;
        bool quiet, clean, erase, busybox, help;
        const char *cmd, *entrypoint, *output;
        const char *env[ENV_MAX + 1];
        const char *add[IMAGE_FILES_MAX];
        size_t n_env, n_add;
        char **args;                    /* what is no option */
        size_t n_args;
};

struct option_row { const char *name, *alias; size_t offset; enum { OPT_STRING, OPT_FLAG, OPT_NUMBER } kind; const char *help; };
#define ROW(field) offsetof(struct options, field)
static const struct option_row option_rows[] = {
        { "--name", NULL, ROW(name), OPT_STRING, "LAB       which lab; \"lab\" without it" },
        { "--dir", NULL, ROW(dir), OPT_STRING, "DIR        the lab's folder; $DROVER_LAB_DIR/LAB or ~/.drover/lab/LAB without it" },
        { "--hosts", NULL, ROW(up.hosts), OPT_NUMBER, "N        up: how many hosts, 3 for a new lab" },
        { "--server", NULL, ROW(up.server), OPT_STRING, "URL     up: join this server ($RANCHER_ACCESS_KEY, $RANCHER_SECRET_KEY)" },
        { "--access-key", NULL, ROW(up.access_key), OPT_STRING, "KEY up: instead of $RANCHER_ACCESS_KEY" },
        { "--secret-key", NULL, ROW(up.secret_key), OPT_STRING, "KEY up: instead of $RANCHER_SECRET_KEY" },
        { "--env-name", NULL, ROW(up.project), OPT_STRING, "NAME  up: environment to join; the first one without it" },
        { "--join-command", NULL, ROW(up.join_command), OPT_STRING, "CMD  up: run this inside each host instead of asking the server" },
        { "--registry-mirror", NULL, ROW(up.mirror), OPT_STRING, "URL  up: where engines look for images first" },
        { "--subnet", NULL, ROW(up.subnet), OPT_STRING, "A.B.C.0/24  up: the hosts' network" },
        { "--cgroup2", NULL, ROW(up.cgroup2), OPT_FLAG, "          up: cgroup2 inside the hosts where the machine has v1" },
        { "--quiet", "-q", ROW(quiet), OPT_FLAG, "        ls: names only" },
        { "--clean", NULL, ROW(clean), OPT_FLAG, "            reboot: shut down in order instead of cutting the power" },
        { "--delete", NULL, ROW(erase), OPT_FLAG, "           down: erase the hosts' data too" },
        { "--from-busybox", NULL, ROW(busybox), OPT_FLAG, "     image: of this machine's static busybox" },
        { "--cmd", NULL, ROW(cmd), OPT_STRING, "TEXT       image: what a container runs (/bin/sh -c TEXT)" },
        { "--entrypoint", NULL, ROW(entrypoint), OPT_STRING, "WORD  image: entry point" },
        { "--output", "-o", ROW(output), OPT_STRING, "TAR   image: write an archive for \"docker load\" and load nothing" },
        { "--help", "-h", ROW(help), OPT_FLAG, "" },
};

struct verb {
        const char *name, *args, *help;
        size_t args_min, args_max;
        bool rest;                      /* options end at the first argument */
        bool lock;
        int (*run)(struct lab *l, const struct options *o, struct dr_error *err);       /* exit code, or negative errno */
};

static int run_up(struct lab *l, const struct options *o, struct dr_error *err) {
        int r = up_run(l, &o->up, err);
        if (r >= 0 && !o->quiet)
                printf("lab \"%s\" is up: \"drover lab ls\", \"drover lab docker host1 ps\", \"drover lab exec host1 -- sh\", \"drover lab down\"\n", l->name);
        return r;
}

static const char *host_state(const struct lab *l, const struct lab_host *h) {
        return !host_pid(l, h) ? "down" : host_is_frozen(l, h) ? "frozen" : switch_is_cut(l, h) ? "cut" : "running";
}

static int run_ls(struct lab *l, const struct options *o, struct dr_error *err) {
        if (!o->quiet)
                printf("%-8s %-15s %-8s %-8s %s\n", "NAME", "ADDRESS", "STATE", "PID", "ENGINE");
        for (size_t n = 1; n <= l->n_hosts; n++) {
                struct lab_host h;
                lab_host_get(l, n, &h);
                auto_free char *sock = host_socket(l, &h);
                if (o->quiet)
                        printf("%s\n", h.name);
                else
                        printf("%-8s %-15s %-8s %-8d %s%s\n", h.name, h.address, host_state(l, &h), host_pid(l, &h), sock ? "unix://" : "-", sock ? sock : "");
        }
        return 0;
}

static const char *const *program_args(const struct options *o) {
        char **args = o->args + 1;
        if (o->n_args > 1 && str_eq(args[0], "--"))
                args++;
        return (const char *const *) args;
}

static int run_exec(struct lab *l, const struct options *o, struct dr_error *err) {
        const char *const *argv = program_args(o);
        if (!argv[0])
                return dr_fail(err, DR_E_MISSING_REQUIRED, NULL, "no command given: drover lab exec HOST -- COMMAND");
        if (str_eq(o->args[0], "switch"))
                return host_exec_switch(l, argv, err);
        struct lab_host h;
        int r = lab_host_find(l, o->args[0], &h, err);
        return r < 0 ? r : host_exec(l, &h, argv, NULL, err);
}

/* The docker program runs outside, so that its files and folders are the user's. */
static int run_docker(struct lab *l, const struct options *o, struct dr_error *err) {
        struct lab_host h;
        int r = lab_host_find(l, o->args[0], &h, err);
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

static int run_kill(struct lab *l, const struct options *o, struct dr_error *err) {
        struct lab_host h;
        int r = lab_host_find(l, o->args[0], &h, err);
        return r < 0 ? r : host_kill(l, &h, err);
}

static int run_reboot(struct lab *l, const struct options *o, struct dr_error *err) {
        struct lab_host h;
        int r = lab_host_find(l, o->args[0], &h, err);
        if (r >= 0 && o->clean)
                r = host_shut_down(l, &h, err);
        return r < 0 ? r : up_reboot(l, &h, err);
}

static int freeze(struct lab *l, const struct options *o, bool frozen, struct dr_error *err) {
        struct lab_host h;
        int r = lab_host_find(l, o->args[0], &h, err);
        return r < 0 ? r : host_freeze(l, &h, frozen, err);
}
static int run_freeze(struct lab *l, const struct options *o, struct dr_error *err) { return freeze(l, o, true, err); }
static int run_thaw(struct lab *l, const struct options *o, struct dr_error *err) { return freeze(l, o, false, err); }

static int run_cut(struct lab *l, const struct options *o, struct dr_error *err) {
        struct lab_host h, peer;
        int r = lab_host_find(l, o->args[0], &h, err);
        if (r < 0 || o->n_args == 1)
                return r < 0 ? r : switch_cut(l, &h, NULL, err);
        if (str_eq(o->args[1], "server"))
                return switch_cut(l, &h, "server", err);
        r = lab_host_find(l, o->args[1], &peer, err);
        if (r >= 0 && peer.n == h.n)
                return dr_fail(err, DR_E_INVALID_REFERENCE, NULL, "%s cannot be cut from itself", h.name);
        return r < 0 ? r : switch_cut(l, &h, peer.name, err);
}

static int run_heal(struct lab *l, const struct options *o, struct dr_error *err) {
        struct lab_host h;
        int r = o->n_args ? lab_host_find(l, o->args[0], &h, err) : 0;
        return r < 0 ? r : switch_heal(l, o->n_args ? &h : NULL, err);
}

static int run_down(struct lab *l, const struct options *o, struct dr_error *err) {
        bool exists = lab_exists(l);
        int r = up_down(l, o->erase, err);
        if (r >= 0 && !o->quiet && exists && !o->erase)
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

static int run_load(struct lab *l, const struct options *o, struct dr_error *err) { return load(l, o->args[0], o->args[1], err); }

static int run_image(struct lab *l, const struct options *o, struct dr_error *err) {
        if (!o->busybox)
                return dr_fail(err, DR_E_MISSING_REQUIRED, NULL, "say what the image is made of: --from-busybox");
        struct image_spec s = { .name = o->args[0], .cmd = o->cmd, .entrypoint = o->entrypoint, .env = o->env };
        auto_free char *parts[IMAGE_FILES_MAX] = { NULL };
        for (size_t i = 0; i < o->n_add; i++) {
                parts[i] = dr_xstrdup(o->add[i]);
                char *colon = strrchr(parts[i], ':');
                if (!colon)
                        return dr_fail(err, DR_E_INVALID_FORMAT, "add", "\"%s\" is not of the form FILE:/PATH/IN/IMAGE", o->add[i]);
                *colon = '\0';
                s.files[s.n_files++] = (struct image_file) { parts[i], colon + 1 };
        }
        if (o->output)
                return image_write(&s, o->output, err);
        auto_free char *tar = lab_path(l, "image.tar");
        int r = image_write(&s, tar, err);
        r = r < 0 ? r : load(l, "all", tar, err);
        (void) unlink(tar);
        return r;
}

static const struct verb verbs[] = {
        { "up", "", "make and start hosts, join them to a server", 0, 0, false, true, run_up },
        { "ls", "", "list the hosts", 0, 0, false, false, run_ls },
        { "exec", "HOST -- COMMAND", "run a program inside a host (or \"switch\")", 2, SIZE_MAX, true, false, run_exec },
        { "docker", "HOST ARGUMENTS", "run docker against a host's engine", 1, SIZE_MAX, true, false, run_docker },
        { "kill", "HOST", "power loss", 1, 1, false, true, run_kill },
        { "reboot", "HOST", "power cycle, or power on after a kill", 1, 1, false, true, run_reboot },
        { "freeze", "HOST", "hang everything in a host", 1, 1, false, true, run_freeze },
        { "thaw", "HOST", "end that", 1, 1, false, true, run_thaw },
        { "cut", "HOST [PEER|server]", "cut a host's network, or one path of it", 1, 2, false, true, run_cut },
        { "heal", "[HOST]", "undo the cuts of a host, or all", 0, 1, false, true, run_heal },
        { "load", "HOST|all TAR", "docker load", 2, 2, false, false, run_load },
        { "image", "NAME", "make an image and load it on all hosts", 1, 1, false, true, run_image },
        { "down", "", "stop everything of the lab", 0, 0, false, true, run_down },
};

static void usage(FILE *f) {
        fprintf(f, "Usage: drover lab VERB [OPTIONS] [ARGUMENTS]\nSeveral Docker hosts on this machine, on a network of their own.\n\n");
        for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
                fprintf(f, "  %-7s %-19s %s\n", verbs[i].name, verbs[i].args, verbs[i].help);
        fprintf(f, "\nOptions:\n");
        for (size_t i = 0; i < ARRAY_LEN(option_rows); i++)
                if (*option_rows[i].help)
                        fprintf(f, "  %s %s\n", option_rows[i].name, option_rows[i].help);
        fprintf(f, "  --env NAME=VALUE      image: an environment variable, may be repeated\n  --add FILE:PATH       image: put a file in, may be repeated\n");
}

static int set_option(struct options *o, const struct option_row *row, const char *value, struct dr_error *err) {
        void *field = (char *) o + row->offset;
        uint64_t n = 0;
        switch (row->kind) {
        case OPT_FLAG:
                *(bool *) field = true;
                return 0;
        case OPT_STRING:
                *(const char **) field = value;
                return 0;
        case OPT_NUMBER:
                if (parse_u64(value, LAB_HOSTS_MAX, &n) < 0 || n == 0)
                        return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "\"%s %s\" is not a number from 1 to %d", row->name, value, LAB_HOSTS_MAX);
                *(uint64_t *) field = n;
                return 0;
        }
        return 0;
}

/* --option VALUE and --option=VALUE. What is no option is collected in o->args, which the caller frees. */
static int parse_options(struct options *o, bool rest, int argc, char **argv, struct dr_error *err) {
        free(o->args);
        o->args = dr_xcalloc((size_t) argc + 1, sizeof *o->args);
        o->n_args = 0;
        for (int i = 0; i < argc; i++) {
                if (argv[i][0] != '-' || !argv[i][1] || str_eq(argv[i], "--")) {
                        o->args[o->n_args++] = argv[i];
                        while (rest && ++i < argc)
                                o->args[o->n_args++] = argv[i];
                        continue;
                }
                auto_free char *name = dr_xstrndup(argv[i], strcspn(argv[i], "="));
                const char *value = strchr(argv[i], '=') ? strchr(argv[i], '=') + 1 : NULL;
                const struct option_row *row = NULL;
                for (size_t k = 0; k < ARRAY_LEN(option_rows) && !row; k++)
                        if (str_eq(name, option_rows[k].name) || str_eq(name, option_rows[k].alias))
                                row = &option_rows[k];
                bool env = str_eq(name, "--env"), add = str_eq(name, "--add");
                if (!row && !env && !add)
                        return dr_fail(err, DR_E_INVALID_OPTION, NULL, "unknown option \"%s\"; see \"drover lab --help\"", argv[i]);
                bool flag = row && row->kind == OPT_FLAG;
                if (flag && value)
                        return dr_fail(err, DR_E_INVALID_OPTION, NULL, "option \"%s\" takes no value", name);
                if (!flag && !value && (value = i + 1 < argc ? argv[++i] : NULL) == NULL)
                        return dr_fail(err, DR_E_INVALID_OPTION, NULL, "option \"%s\" needs a value", name);
                if ((env && o->n_env == ENV_MAX) || (add && o->n_add == IMAGE_FILES_MAX))
                        return dr_fail(err, DR_E_TOO_LARGE, NULL, "option \"%s\" is given too often", name);
                if (env)
                        o->env[o->n_env++] = value;
                else if (add)
                        o->add[o->n_add++] = value;
                int r = row ? set_option(o, row, value, err) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

static int fail(const struct dr_error *err, int code) {
        fprintf(stderr, "drover lab: %s\n", err->message);
        return code;
}

static int run_verb(const struct verb *v, const struct options *o) {
        struct dr_error err = { 0 };
        AUTO(lab_free) struct lab *l = NULL;
        auto_close int lock = -1;
        if (o->n_args < v->args_min || o->n_args > v->args_max) {
                fprintf(stderr, "drover lab: usage: drover lab %s %s\n", v->name, v->args);
                return EXIT_USAGE;
        }
        int r = lab_open(o->name, o->dir, &l, &err);
        if (r < 0)
                return fail(&err, EXIT_USAGE);
        bool needs_lab = !str_eq(v->name, "up") && !str_eq(v->name, "ls") && !str_eq(v->name, "down") && !(str_eq(v->name, "image") && o->output);
        if (needs_lab && !lab_exists(l)) {
                (void) dr_fail(&err, DR_E_NOT_FOUND, NULL, "there is no lab \"%s\" in \"%s\"; \"drover lab up\" makes it", l->name, l->dir);
                return fail(&err, EXIT_FAILED);
        }
        if (v->lock && (lab_exists(l) || str_eq(v->name, "up"))) {
                r = lab_lock(l, &lock, &err);
                if (r < 0)
                        return fail(&err, EXIT_FAILED);
                /* The settings may have changed while we waited. */
                l = lab_free(l);
                r = lab_open(o->name, o->dir, &l, &err);
                if (r < 0)
                        return fail(&err, EXIT_FAILED);
        }
        r = v->run(l, o, &err);
        if (r < 0)
                return fail(&err, EXIT_FAILED);
        return fflush(stdout) == 0 ? r : EXIT_FAILED;
}

int lab_main(int argc, char **argv) {
        signal(SIGPIPE, SIG_IGN);
        prog_path_init();
        struct dr_error err = { 0 };
        struct options o = { 0 };
        if (argc > 1 && str_eq(argv[1], "hostinit"))
                return hostinit_main(argc - 2, argv + 2);
        if (argc > 1 && str_eq(argv[1], "pauseinit"))
                return keeper_main(argc - 2, argv + 2);
        /* Options may stand before the verb as well. */
        int at = 1;
        while (at < argc && argv[at][0] == '-' && argv[at][1])
                at += strchr(argv[at], '=') || str_eq(argv[at], "--help") || str_eq(argv[at], "-h") ? 1 : 2;
        const char *name = at < argc ? argv[at] : NULL;
        const struct verb *v = NULL;
        for (size_t i = 0; i < ARRAY_LEN(verbs) && !v && name; i++)
                if (str_eq(name, verbs[i].name))
                        v = &verbs[i];
        if (!v) {
                bool help = argc > 1 && (str_eq(argv[1], "--help") || str_eq(argv[1], "-h") || str_eq(argv[1], "help"));
                if (name && !help)
                        fprintf(stderr, "drover lab: unknown verb \"%s\"\n\n", name);
                usage(help ? stdout : stderr);
                return help ? EXIT_OK : EXIT_USAGE;
        }
        int code = EXIT_USAGE;
        if (parse_options(&o, false, at - 1, argv + 1, &err) < 0 || parse_options(&o, v->rest, argc - at - 1, argv + at + 1, &err) < 0) {
                fail(&err, code);
        } else if (o.help) {
                usage(stdout);
                code = EXIT_OK;
        } else {
                code = run_verb(v, &o);
        }
        free(o.args);
        return code;
}
