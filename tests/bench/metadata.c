/* metadata: what one core of the metadata service answers: scalars and the list of all containers, and what a change costs.
 *
 * The service runs in a process of its own with 2,000 containers in 100 services; this process asks over 16 kept connections. Rates are
 * per second of the service's processor time, kernel's share included, so that a busy machine does not change them much. */
#include "figure.h"

#include "base/sbuf.h"
#include "node/metadata/feed.h"
#include "node/metadata/service.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

enum { CONTAINERS = 2000, SERVICES = 100, CONNECTIONS = 16, SCALARS = 200000, LISTS = 1000, CHANGES = 200, ANSWER_BYTES_MAX = 16 << 20 };
static const double SCALARS_BUDGET = 60000, LISTS_BUDGET = 350, CHANGE_BUDGET_MS = 5;

static void die(const char *what) {
        fprintf(stderr, "metadata: %s: %m\n", what);
        exit(1);
}

/* The data -------------------------------------------------------------------------------------------------------- */

static void add_container(struct sbuf *b, int i, const char *health) {
        sbuf_printf(b, "\"container/c-%d\":{\"metadata_kind\":\"container\",\"name\":\"stack-%d-service-%d-%d\",\"uuid\":\"c-%d\",\"external_id\":"
                    "\"%064d\",\"primary_ip\":\"10.42.%d.%d\",\"ips\":[\"10.42.%d.%d\"],\"primary_mac_address\":\"02:a1:00:00:%02x:%02x\","
                    "\"ports\":[\"%d:8080/tcp\"],", i, i % 10, i % SERVICES, i, i, i, i / 200 + 1, i % 200 + 1, i / 200 + 1, i % 200 + 1, i / 256, i % 256, 20000 + i);
        sbuf_puts(b, "\"labels\":{");
        for (int k = 0; k < 10; k++)
                sbuf_printf(b, "\"io.example.label.number-%d\":\"a value of usual length %d\",", k, i);
        sbuf_printf(b, "\"io.rancher.container.uuid\":\"c-%d\"},\"create_index\":%d,\"service_index\":\"%d\",\"start_count\":1,\"state\":\"running\",", i, i, i);
        sbuf_printf(b, "\"health_state\":\"%s\",\"health_check\":null,\"health_check_hosts\":[\"h-1\"],\"host_uuid\":\"h-1\",\"hostname\":\"host-%d\",", health, i);
        sbuf_puts(b, "\"network_uuid\":\"n-1\",\"network_from_container_uuid\":null,\"dns\":[\"169.254.169.250\"],\"dns_search\":[\"rancher.internal\"],"
                  "\"memory_reservation\":null,\"milli_cpu_reservation\":null,\"system\":false,\"environment_uuid\":\"env\",\"host_ip\":\"192.168.5.11\"}");
}

static void apply(struct mdata *m, struct sbuf *b) {
        struct dr_error err;
        if (!sbuf_ok(b) || mdata_apply_text(m, sbuf_str(b), b->len, &err) < 0) {
                fprintf(stderr, "metadata: %s\n", sbuf_ok(b) ? err.message : "too much data");
                exit(1);
        }
        sbuf_reset(b);
}

static void fill(struct mdata *m) {
        auto_sbuf struct sbuf b = SBUF(MDATA_MESSAGE_BYTES_MAX);
        sbuf_puts(&b, "{\"topic\":\"env\",\"rev\":1,\"base\":0,\"set\":{\"environment\":{\"name\":\"env\",\"uuid\":\"env\",\"region_name\":null},"
                  "\"host/h-1\":{\"name\":\"h-1\",\"uuid\":\"h-1\",\"agent_ip\":\"192.168.5.11\"},\"defaultData\":{\"version\":\"1\",\"self\":{\"host\":{\"uuid\":\"h-1\"}}}");
        for (int i = 0; i < SERVICES; i++)
                sbuf_printf(&b, ",\"service/s-%d\":{\"name\":\"service-%d\",\"uuid\":\"s-%d\",\"stack_name\":\"stack-%d\",\"stack_uuid\":\"t-%d\","
                            "\"primary_service_name\":\"service-%d\",\"sidekicks\":[],\"kind\":\"service\",\"scale\":20}", i, i, i, i % 10, i % 10, i);
        for (int i = 0; i < 10; i++)
                sbuf_printf(&b, ",\"stack/t-%d\":{\"name\":\"stack-%d\",\"uuid\":\"t-%d\"}", i, i, i);
        sbuf_puts(&b, "}}");
        apply(m, &b);
        sbuf_puts(&b, "{\"topic\":\"stack/-\",\"rev\":1,\"base\":0,\"set\":{");
        for (int i = 0; i < CONTAINERS; i++) {
                add_container(&b, i, "healthy");
                sbuf_printf(&b, ",\"serviceContainerLink/s-%d/service-%d/c-%d\":{\"service_uuid\":\"s-%d\",\"service_name\":\"service-%d\",\"container_uuid\":\"c-%d\"}%s",
                            i % SERVICES, i % SERVICES, i, i % SERVICES, i % SERVICES, i, i + 1 < CONTAINERS ? "," : "}}");
        }
        apply(m, &b);
}

/* The service ----------------------------------------------------------------------------------------------------- */

static void serve(int to_parent) {
        struct dr_error err;
        struct loop *l = loop_new();
        struct mdata *m = mdata_new();
        fill(m);
        struct md_service_config cfg = { 0 };
        struct md_service *s = md_service_new(l, m, &cfg);
        unsigned short port;
        if (md_service_listen(s, "127.0.0.1", 0, &port, &err) < 0 || write(to_parent, &port, sizeof port) != sizeof port)
                _exit(1);
        close(to_parent);
        loop_run(l);                                    /* until it is killed */
        _exit(0);
}

/* Asking ---------------------------------------------------------------------------------------------------------- */

static char answer[ANSWER_BYTES_MAX];

/* One whole answer; its length. */
static size_t receive(int fd) {
        size_t have = 0, need = 0;
        while (!need || have < need) {
                ssize_t n = recv(fd, answer + have, sizeof answer - have, 0);
                if (n <= 0)
                        die("could not read an answer");
                have += (size_t) n;
                char *end = need ? NULL : memmem(answer, have, "\r\n\r\n", 4), *length = end ? memmem(answer, have, "Content-Length: ", 16) : NULL;
                if (end && (!length || strncmp(answer, "HTTP/1.1 200", 12) != 0)) {
                        fprintf(stderr, "metadata: answer is %.60s\n", answer);
                        exit(1);
                }
                if (end)
                        need = (size_t) (end + 4 - answer) + (size_t) strtoul(length + 16, NULL, 10);
        }
        return have;
}

static void ask(int fd, const char *path) {
        char request[512];
        int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: rancher-metadata\r\nUser-Agent: bench\r\nAccept: application/json\r\n\r\n", path);
        if (send(fd, request, (size_t) n, MSG_NOSIGNAL) != n)
                die("could not send");
}

static double cpu_of(pid_t pid) {                       /* seconds, by the kernel's clock of that process */
        clockid_t clock;
        struct timespec t;
        if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
                die("could not read the service's processor time");
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static double rate(pid_t pid, const int *fds, const char *path, int n, size_t *ret_bytes) {
        double before = cpu_of(pid);
        for (int i = 0; i < n; i += CONNECTIONS) {
                for (int k = 0; k < CONNECTIONS; k++)
                        ask(fds[k], path);
                for (int k = 0; k < CONNECTIONS; k++)
                        *ret_bytes = receive(fds[k]);
        }
        return n / (cpu_of(pid) - before);
}

/* Processor time of one change of one container and the list rendered anew behind it. */
static double change_ms(void) {
        struct mdata *m = mdata_new();
        struct loop *l = loop_new();
        fill(m);
        struct md_service_config cfg = { 0 };
        struct md_service *s = md_service_new(l, m, &cfg);
        auto_sbuf struct sbuf b = SBUF(1 << 20), body = SBUF(ANSWER_BYTES_MAX);
        const char *type;
        double from = 0;
        for (int i = -1; i < CHANGES; i++) {
                if (i == 0)
                        from = figure_cpu_seconds();
                sbuf_printf(&b, "{\"topic\":\"stack/-\",\"rev\":%d,\"base\":%d,\"set\":{", i + 3, i + 2);
                if (i < 0) {
                        sbuf_reset(&b);
                        sbuf_puts(&b, "{\"topic\":\"stack/-\",\"rev\":2,\"base\":1,\"set\":{");
                }
                add_container(&b, (i + 1) * 7 % CONTAINERS, "unhealthy");
                sbuf_puts(&b, "}}");
                apply(m, &b);
                sbuf_reset(&body);
                if (md_service_answer(s, "/latest/containers", "10.0.0.1", "application/json", &body, &type) != 200)
                        die("no list");
        }
        double took = figure_cpu_seconds() - from;
        md_service_free(s);
        loop_run(l);
        loop_free(l);
        mdata_free(m);
        return took * 1e3 / CHANGES;
}

int main(void) {
        int pipes[2], fds[CONNECTIONS];
        unsigned short port;
        if (pipe(pipes) < 0)
                die("pipe");
        pid_t pid = fork();
        if (pid == 0) {
                close(pipes[0]);
                serve(pipes[1]);
        }
        close(pipes[1]);
        if (pid < 0 || read(pipes[0], &port, sizeof port) != sizeof port)
                die("the service did not start");
        for (int i = 0; i < CONNECTIONS; i++) {
                struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
                fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                if (fds[i] < 0 || connect(fds[i], (struct sockaddr *) &a, sizeof a) < 0)
                        die("connect");
        }
        static const char *const scalars[] = { "/latest/version", "/2016-07-29/containers/stack-7-service-97-1497/primary_ip", "/latest/stacks/stack-3/services/service-13/scale" };
        size_t bytes;
        bool ok = true;
        for (size_t i = 0; i < ARRAY_LEN(scalars); i++) {
                auto_free char *name = dr_xasprintf("metadata: scalars per core, %s", scalars[i]);
                ok = figure(name, rate(pid, fds, scalars[i], SCALARS / 3, &bytes), "/s", SCALARS_BUDGET, true) && ok;
        }
        ok = figure("metadata: all containers per core", rate(pid, fds, "/latest/containers", LISTS, &bytes), "/s", LISTS_BUDGET, true) && ok;
        figure_note("%d containers are %.2f MB of JSON", CONTAINERS, (double) bytes / 1e6);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        ok = figure("metadata: one container changes, its list is rendered", change_ms(), "ms", CHANGE_BUDGET_MS, false) && ok;
        return !ok;
}
