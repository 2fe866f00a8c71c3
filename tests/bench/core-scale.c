/* core-scale: many containers on hosts simulated in the process, through the real core and a real store.
 *
 * usage: core-scale [CONTAINERS [SERVICES [HOSTS [mem|sqlite|fill DIR|load DIR]]]]; fill leaves a database in DIR, load measures one
 * DROVER_BENCH_SUBNET=10.42.0.0/15: on a network of this subnet; else there is none.
 * Time is simulated between events (nothing waits) and real for what the core and the store do. */
#include "figure.h"

#include "core/core.h"
#include "core/hosts.h"
#include "core/simhost.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/times.h"
#include "formats/json.h"

#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ENVIRONMENT = 5, IN_FLIGHT_MAX = 8, SERVICES_AT_ONCE = 4, TURN_ITEMS = 256, TENTHS = 10, SERVICES_PER_STACK = 10, TRIES = 5, GIVE_UP_MS = 600000 };

struct bench {
        uint64_t now_ms, jumped_ms;     /* simulated; of it, passed by waiting */
        unsigned containers, services, host_count;
        const char *dir;                /* of the database; NULL: memory store */
        struct mem_disk *disk;
        struct store *store;
        struct core *core;
        struct simhosts *hosts;
        uint64_t running;               /* containers that became running, as a listener hears it after the commit */
        double tenth_at[TENTHS + 1];    /* real time at which so many tenths ran; [0] the start */
};

static int64_t wall(void *arg) { return 1488450030000 + (int64_t) ((struct bench *) arg)->now_ms; }
static uint64_t mono(void *arg) { return ((struct bench *) arg)->now_ms; }

static void die(const char *what, const struct dr_error *err) {
        fprintf(stderr, "core-scale: %s: %s\n", what, err ? err->message : "failed");
        exit(1);
}

static void on_change(void *arg, const struct record *r) {
        struct bench *b = arg;
        if (r->type != T_instance || r->state != S_running)
                return;
        b->running++;
        unsigned step = b->containers / TENTHS;
        if (b->running % step == 0 && b->running / step <= TENTHS)
                b->tenth_at[b->running / step] = figure_seconds();
}

static void open_core(struct bench *b) {
        struct dr_error err;
        if (!b->dir)
                b->store = store_open_mem(b->disk);
        else if (store_open_sqlite(b->dir, &b->store, &err) < 0)
                die("could not open the store", &err);
        struct core_conf conf = { .store = b->store, .clock = { wall, mono, b }, .seed = 1, .simulator = true, .no_auth = true };
        b->core = core_new(&conf);
        if (core_load(b->core, &err) < 0)
                die("could not load", &err);
}

static void close_core(struct bench *b) {
        b->core = core_free(b->core);
        b->store->ops->close(b->store);
}

/* One turn of the loop; false when too much simulated time has passed with nothing to do. */
static bool turn(struct bench *b) {
        simhosts_turn(b->hosts);
        bool more = core_turn(b->core, TURN_ITEMS);
        core_commit(b->core);
        if (core_in_flight(b->core) > IN_FLIGHT_MAX)
                b->store->ops->wait(b->store);
        if (core_store_event(b->core) < 0)
                die("the store failed", NULL);
        if (more || core_next_ms(b->core) <= b->now_ms || simhosts_next_ms(b->hosts) <= b->now_ms)
                return true;
        if (core_in_flight(b->core)) {
                b->store->ops->wait(b->store);
                return true;
        }
        uint64_t next = MIN(core_next_ms(b->core), simhosts_next_ms(b->hosts));
        if (next == UINT64_MAX)
                return false;
        b->jumped_ms += next - b->now_ms;
        b->now_ms = next;
        return b->jumped_ms < GIVE_UP_MS;
}

static void drain(struct bench *b) {
        for (unsigned i = 0; i < 1000 && (!core_idle(b->core) || core_next_ms(b->core) <= b->now_ms); i++)
                turn(b);
}

static void add_hosts(struct bench *b) {
        static const struct simhosts_conf conf = { .op_min_ms = 0 };
        b->hosts = simhosts_new(b->core, &conf);
        for (unsigned i = 0; i < b->host_count; i++) {
                char name[32];
                snprintf(name, sizeof name, "host-%u", i + 1);
                simhosts_add(b->hosts, ENVIRONMENT, name);
        }
        for (;;) {
                const struct records *l = world_all(core_world(b->core), T_host);
                size_t active = 0;
                for (size_t i = 0; i < l->n; i++)
                        active += l->v[i]->state == S_active;
                if (active == b->host_count)
                        break;
                if (!turn(b))
                        die("the hosts did not become active", NULL);
        }
        drain(b);
}

/* All containers are of mode managed: with this network each gets an address. */
static void add_network(struct bench *b) {
        const char *subnet = getenv("DROVER_BENCH_SUBNET");
        if (!subnet)
                return;
        AUTO(json_free) struct json_object *subnets = json_object_new_array(), *o = json_object_new_object();
        json_set_str(o, "networkAddress", subnet);
        json_object_array_add(subnets, json_object_get(o));
        struct record *n = core_create(b->core, T_network, ENVIRONMENT);
        core_put_str(b->core, n, F_name, "bench");
        core_put_str(b->core, n, F_kind, "cni");
        core_put(b->core, n, F_subnets, value_json(subnets));
        (void) core_process_start(b->core, n, P_network_create, NULL, NULL);
        drain(b);
}

static struct record *add_service(struct bench *b, unsigned n, int64_t *stack) {
        if (n % SERVICES_PER_STACK == 0) {
                struct record *r = core_create(b->core, T_stack, ENVIRONMENT);
                char name[32];
                snprintf(name, sizeof name, "stack-%u", n / SERVICES_PER_STACK + 1);
                core_put_str(b->core, r, F_name, name);
                (void) core_process_start(b->core, r, P_stack_create, NULL, NULL);
                *stack = r->id;
        }
        static const char lc_json[] = "{\"imageUuid\":\"sim:busybox:1\",\"command\":[\"httpd\",\"-f\",\"-p\",\"80\"],\"tty\":true,\"networkMode\":\"managed\","
                                      "\"labels\":{\"app\":\"web\",\"tier\":\"front\"},\"environment\":{\"MODE\":\"production\"}}";
        AUTO(json_free) struct json_object *lc = NULL;
        if (json_parse(lc_json, sizeof lc_json - 1, sizeof lc_json, &lc, NULL) < 0)
                die("launch config", NULL);
        struct record *r = core_create(b->core, T_service, ENVIRONMENT);
        char name[32];
        snprintf(name, sizeof name, "service-%u", n + 1);
        core_put_str(b->core, r, F_name, name);
        core_put_int(b->core, r, F_stackId, *stack);
        core_put_int(b->core, r, F_scale, b->containers / b->services);
        core_put(b->core, r, F_launchConfig, value_json(lc));
        core_put_bool(b->core, r, F_startOnCreate, true);
        (void) core_process_start(b->core, r, P_service_create, NULL, NULL);
        return r;
}

/* Says what is left over: nothing is due any more and not everything runs. */
static void stuck(struct bench *b) {
        static const enum type_id tables[] = { T_agent, T_host, T_service, T_instance };
        for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
                unsigned by_state[S_MAX] = { 0 };
                const struct records *l = world_all(core_world(b->core), tables[t]);
                for (size_t i = 0; i < l->n; i++)
                        by_state[l->v[i]->state]++;
                for (unsigned s = 0; s < S_MAX; s++)
                        if (by_state[s])
                                fprintf(stderr, "core-scale: %u of type %s are %s\n", by_state[s], type_name(tables[t]), state_name((enum state_id) s));
        }
        die("nothing is due any more and not all containers run", NULL);
}

static void fill(struct bench *b) {
        unsigned asked = 0, scale = b->containers / b->services;
        int64_t stack = 0;
        while (b->running < b->containers) {
                for (; asked < b->services && asked * scale < b->running + SERVICES_AT_ONCE * scale; asked++)
                        add_service(b, asked, &stack);
                if (!turn(b) && asked == b->services && b->running < b->containers)
                        stuck(b);
        }
        drain(b);
}

static void check_all_run(struct bench *b) {
        const struct records *l = world_all(core_world(b->core), T_instance);
        if (l->n != b->containers)
                die("wrong number of containers", NULL);
        for (size_t i = 0; i < l->n; i++)
                if (l->v[i]->state != S_running || (getenv("DROVER_BENCH_SUBNET") && !record_str(l->v[i], F_primaryIpAddress)))
                        die("a container does not run, or has no address", NULL);
}

static bool measure_fill(struct bench *b) {
        char name[128];
        const char *store = b->dir ? "SQLite" : "memory";
        bool ok = true;
        open_core(b);
        core_on_change(b->core, on_change, b);
        add_hosts(b);
        add_network(b);
        struct core_stats before = core_stats(b->core);
        malloc_trim(0);
        uint64_t pss = figure_pss_bytes();
        double start = figure_seconds(), cpu = figure_cpu_seconds();
        b->tenth_at[0] = start;
        fill(b);
        double seconds = b->tenth_at[TENTHS] - start;
        cpu = figure_cpu_seconds() - cpu;
        check_all_run(b);
        struct core_stats after = core_stats(b->core);
        snprintf(name, sizeof name, "containers placed and reported running per second, %s store", store);
        ok &= figure(name, b->containers / seconds, "/s", 0, true);
        snprintf(name, sizeof name, "flatness: last tenth's time / first tenth's, %s store", store);
        ok &= figure(name, (b->tenth_at[TENTHS] - b->tenth_at[TENTHS - 1]) / (b->tenth_at[1] - b->tenth_at[0]), "times", 0, false);
        snprintf(name, sizeof name, "row writes per container, request to running, %s store", store);
        ok &= figure(name, (double) (after.rows - before.rows) / b->containers, "rows", 4, false);
        figure_note("CPU time per container %.1f us; %llu batches", cpu / b->containers * 1e6, (unsigned long long) (after.batches - before.batches));
        if (b->dir) {
                malloc_trim(0);
                uint64_t grown = figure_pss_bytes() - pss;
                size_t used = mallinfo2().uordblks;
                simhosts_free(b->hosts);        /* what stands for the hosts is not the server's */
                b->hosts = NULL;
                size_t simulated = used - mallinfo2().uordblks;
                ok &= figure("resident memory per container, without the simulated hosts' own", ((double) grown - (double) simulated) / b->containers,
                             "bytes", 2048, false);
                figure_note("the simulated hosts themselves: %.0f bytes per container", (double) simulated / b->containers);
        }
        if (b->hosts)
                simhosts_free(b->hosts);
        close_core(b);
        return ok;
}

static int by_value(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;
        return (x > y) - (x < y);
}

static bool measure_load(struct bench *b) {
        double s[TRIES], loaded_pss = 0, cpu = 0;
        for (int i = 0; i < TRIES; i++) {
                uint64_t pss = figure_pss_bytes();
                double start = figure_seconds(), cpu_start = figure_cpu_seconds();
                open_core(b);
                s[i] = figure_seconds() - start;
                cpu += figure_cpu_seconds() - cpu_start;
                malloc_trim(0);
                if (i == 0)
                        loaded_pss = (double) (figure_pss_bytes() - pss);
                if (world_all(core_world(b->core), T_instance)->n != b->containers)
                        die("not all containers were loaded", NULL);
                close_core(b);
        }
        qsort(s, TRIES, sizeof *s, by_value);
        bool ok = figure("opening the store and loading all of it, median of 5", s[TRIES / 2], "s", 2, false);
        figure_note("CPU time of it %.2f s", cpu / TRIES);
        figure_note("resident after loading, before any host has reported: %.0f bytes per container", loaded_pss / b->containers);
        return ok;
}

/* Each in a process of its own: memory is measured from a clean start. */
static bool in_child(bool (*fn)(struct bench *), struct bench *b) {
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0)
                exit(fn(b) ? 0 : 2);
        int status;
        if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 2)) {
                fprintf(stderr, "core-scale: a measurement did not finish\n");
                exit(1);
        }
        return WEXITSTATUS(status) == 0;
}

static bool measure_mem(struct bench *b) {
        b->disk = mem_disk_new();
        bool ok = measure_fill(b);
        mem_disk_free(b->disk);
        return ok;
}

static void remove_dir(const char *dir) {
        DIR *d = opendir(dir);
        for (struct dirent *e; d && (e = readdir(d));)
                if (e->d_name[0] != '.' || (e->d_name[1] && e->d_name[1] != '.'))
                        (void) unlinkat(dirfd(d), e->d_name, 0);
        if (d)
                closedir(d);
        (void) rmdir(dir);
}

int main(int argc, char **argv) {
        uint64_t n[3] = { 100000, 100, 1000 };
        for (int i = 0; i < 3 && i + 1 < argc; i++)
                if (parse_u64(argv[i + 1], 10000000, &n[i]) < 0 || n[i] == 0)
                        die("usage: core-scale [CONTAINERS [SERVICES [HOSTS [mem|sqlite|fill DIR|load DIR]]]]", NULL);
        const char *only = argc > 4 ? argv[4] : "";
        log_init(LOG_WARNING, LOG_LOGFMT, "core-scale");
        struct bench b = { .now_ms = 1000, .containers = (unsigned) n[0], .services = (unsigned) n[1], .host_count = (unsigned) n[2] };
        double load = 0;
        (void) getloadavg(&load, 1);
        printf("core-scale: %u containers of %u services on %u simulated hosts; the machine's load at the start is %.1f on %ld cores\n", b.containers,
               b.services, b.host_count, load, sysconf(_SC_NPROCESSORS_ONLN));
        bool ok = true;
        if ((str_eq(only, "fill") || str_eq(only, "load")) && argc == 6) {
                b.dir = argv[5];
                return in_child(str_eq(only, "fill") ? measure_fill : measure_load, &b) ? 0 : 2;
        }
        if (!str_eq(only, "sqlite"))
                ok &= in_child(measure_mem, &b);
        if (!str_eq(only, "mem")) {
                char dir[] = "/var/tmp/drover-bench-XXXXXX";
                if (!mkdtemp(dir))
                        die("could not make a temporary directory", NULL);
                b.dir = dir;
                ok &= in_child(measure_fill, &b);
                ok &= in_child(measure_load, &b);
                remove_dir(dir);
        }
        return ok ? 0 : 2;
}
