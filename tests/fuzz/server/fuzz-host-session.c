/* Plays a host on a real session, from the handshake on: whatever it says, in whatever order, another host's container stays as it is and the server lives.
 *
 * The input is a list of messages, each ended by a byte 0: "B..." is a binary frame of what follows, "H" a valid hello, anything else a text message. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/log.h"
#include "formats/json.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "server/auth/credential.h"
#include "server/hosts/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HELLO "{\"t\":\"hello\",\"version\":1,\"nodeVersion\":\"f\",\"epoch\":0,\"rev\":0,\"boot\":\"b\",\"host\":{\"uuid\":\"fuzzed-host\",\"hostname\":\"fuzzed\",\"labels\":{}}}"
#define OTHER_UUID "11111111-1111-4111-8111-111111111111"

enum { INPUT_BYTES_MAX = 60000, TURNS_MAX = 200 };

static const char key32[] = "0123456789abcdef0123456789abcdef";

/* ---- the honest host ---- */
static void no_desired(struct host_link *l, const struct desired *d, size_t n, uint64_t rev, bool full) { (void) l; }
static void no_request(struct host_link *l, const char *id, const char *name, struct json_object *data, uint64_t deadline_ms) { (void) l; }
static void must_stay(struct host_link *l, const char *reason) { abort(); }
static const struct host_link_ops honest_ops = { .desired = no_desired, .request = no_request, .close = must_stay };

static struct record *add_agent(struct core *c, const char *name) {
        struct record *agent = core_create(c, T_agent, 0), *account = core_create(c, T_account, 0);
        core_put_str(c, account, F_kind, "agent");
        core_put_str(c, account, F_name, name);
        core_set_account(c, agent, account->id);
        core_put_str(c, agent, F_uri, name);
        core_put_int(c, agent, F_resourceAccountId, 5);
        core_put_int(c, agent, F_agentResourcesAccountId, 5);
        agent->state = account->state = S_active;
        credential_agent_key(c, account->id)->state = S_active;
        return agent;
}

static struct record *add_honest(struct core *c, struct host_link *link, struct record **ret_container) {
        AUTO(json_free) struct json_object *o = json_object_new_object();
        json_set_str(o, "uuid", "honest-host");
        json_set_str(o, "hostname", "honest");
        struct record *host = hosts_report(c, add_agent(c, "honest"), o, NULL);
        if (!host)
                abort();
        link->ops = &honest_ops;
        hosts_attach(c, host, link, 0, 0);
        struct record *i = core_create(c, T_container, 5);
        core_set_uuid(c, i, OTHER_UUID);
        core_put_int(c, i, F_hostId, host->id);
        core_put_str(c, i, F_externalId, "honest-id");
        i->state = S_running;
        *ret_container = i;
        return host;
}

/* ---- the fuzzed one ---- */
static void add_frame(struct sbuf *out, unsigned opcode, const char *p, size_t n) {
        unsigned char head[8] = { (unsigned char) (0x80 | opcode) };
        size_t k = 2;
        head[1] = (unsigned char) (0x80 | (n < 126 ? n : 126));
        if (n >= 126) {
                head[2] = (unsigned char) (n >> 8);
                head[3] = (unsigned char) n;
                k = 4;
        }
        sbuf_add(out, head, k);
        sbuf_add(out, "\0\0\0\0", 4);           /* a mask that changes nothing */
        sbuf_add(out, p, n);
}

static void add_messages(struct sbuf *out, const char *p, size_t size) {
        while (size > 0) {
                const char *end = memchr(p, 0, size);
                size_t n = end ? (size_t) (end - p) : size;
                if (n == 1 && *p == 'H')
                        add_frame(out, 1, HELLO, strlen(HELLO));
                else if (n && *p == 'B')
                        add_frame(out, 2, p + 1, n - 1);
                else if (n)
                        add_frame(out, 1, p, n);
                p += MIN(n + 1, size);
                size -= MIN(n + 1, size);
        }
}

static void base64(const char *s, struct sbuf *out) {
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for (size_t i = 0, n = strlen(s); i < n; i += 3) {
                unsigned v = (unsigned char) s[i] << 16 | (i + 1 < n ? (unsigned char) s[i + 1] << 8 : 0) | (i + 2 < n ? (unsigned char) s[i + 2] : 0);
                for (unsigned k = 0; k < 4; k++)
                        sbuf_putc(out, k > n - i ? '=' : digits[v >> (18 - 6 * k) & 63]);
        }
}

static void on_request(struct http_request *req, void *arg) { host_sessions_connect(arg, req); }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static char path[64];
        if (size > INPUT_BYTES_MAX)
                return 0;
        if (!*path) {
                log_init(LOG_ERROR, LOG_LOGFMT, "fuzz");
                snprintf(path, sizeof path, "/tmp/drover-fuzz-%ld.sock", (long) getpid());
        }
        struct mem_disk *disk = mem_disk_new();
        struct store *store = store_open_mem(disk);
        AUTO(loop_free) struct loop *l = loop_new();
        struct core *c = core_new(&(struct core_conf) { .store = store, .clock = core_real_clock, .seed = 1, .data_key = key32 });
        if (core_load(c, NULL) < 0)
                abort();
        struct host_link honest = { 0 };
        struct record *container;
        struct record *host = add_honest(c, &honest, &container), *agent = add_agent(c, "fuzzed");
        struct record *pair = credential_agent_key(c, agent->account_id);
        auto_free char *secret = credential_secret(c, pair), *both = dr_xasprintf("%s:%s", record_str(pair, F_publicValue), secret);
        core_commit(c);
        (void) core_store_event(c);

        struct node_files *files = node_files_new("/nowhere");
        struct host_sessions *sessions = host_sessions_new(l, c, files);
        struct http_server *http = http_server_new(l, &(struct http_server_config) { .handler = on_request, .arg = sessions });
        if (http_server_listen_unix(http, path, 0600, NULL) < 0)
                abort();
        auto_sbuf struct sbuf out = SBUF(1 << 20);
        sbuf_puts(&out, "GET /v3/host/connect HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: MTIzNDU2Nzg5MGFiY2RlZg==\r\nAuthorization: Basic ");
        base64(both, &out);
        sbuf_puts(&out, "\r\n\r\n");
        add_messages(&out, (const char *) data, size);
        auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
        if (fd < 0 || connect(fd, (struct sockaddr *) &a, sizeof a) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
                abort();
        size_t sent = 0;
        bool upgraded = false, shut = false;
        for (unsigned i = 0; i < TURNS_MAX; i++) {
                ssize_t n = sent < out.len ? send(fd, out.data + sent, out.len - sent, MSG_NOSIGNAL) : 0;
                sent += n > 0 ? (size_t) n : 0;
                if (!shut && (sent == out.len || (n < 0 && errno == EPIPE)))
                        shut = shutdown(fd, SHUT_WR) == 0 || true;
                (void) loop_turn(l, false);
                (void) core_turn(c, 0);
                core_commit(c);
                (void) core_store_event(c);
                char in[65536];
                n = recv(fd, in, sizeof in, 0);
                upgraded |= n > 12 && memcmp(in, "HTTP/1.1 101", 12) == 0;
                if (n == 0)
                        break;
        }
        if (!upgraded)
                abort();                /* then nothing was tried */
        if (container->state != S_running || record_int(container, F_hostId) != host->id || !str_eq(record_str(container, F_externalId), "honest-id"))
                abort();
        http_server_free(http);
        for (unsigned i = 0; i < 3; i++)
                (void) loop_turn(l, false);
        host_sessions_free(sessions);
        node_files_free(files);
        core_free(c);
        (void) loop_turn(l, false);
        store->ops->close(store);
        mem_disk_free(disk);
        return 0;
}
