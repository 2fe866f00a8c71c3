#include "lookup.h"

#include "base/sbuf.h"
#include "base/times.h"
#include "net/http_sync.h"
#include "node/json_view.h"
#include "node/metadata/feed.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { SOCKET_MS = 5000, HTTP_MS = 5000, LINE_BYTES_MAX = (8 << 20) + 4096, BODY_BYTES_MAX = 64 << 20 };

static const char socket_path[] = FEED_SOCKET;
static const char service_address[] = "169.254.169.250";

static const char *env_or(const char *name, const char *other) {
        const char *s = getenv(name);
        return s && *s ? s : other;
}

static bool is_it(json_object *o, const char *uuid, const char *id) {
        return (uuid && str_eq(jv_str(o, "uuid"), uuid)) || (id && *id && str_eq(jv_str(o, "external_id"), id));
}

/* The container in the objects of one message. */
static json_object *in_message(json_object *message, const char *uuid, const char *id) {
        json_object *set = jv_obj(message, "set");
        if (!set)
                return NULL;
        json_object_object_foreach(set, key, value)
                if (str_starts(key, "container/") && is_it(value, uuid, id))
                        return json_object_get(value);
        return NULL;
}

/* Lines that cannot hold it are not parsed: everything that the agent knows comes through here. */
static bool may_hold(const char *line, size_t len, const char *uuid, const char *id) {
        return (uuid && memmem(line, len, uuid, strlen(uuid))) || (id && *id && memmem(line, len, id, strlen(id)));
}

/* 1: found; 0: everything was sent and it was not there; -1 with *err. */
static int ask_stream(int fd, const char *uuid, const char *id, json_object **ret, struct cni_error *err) {
        static const char resume[] = "{\"resume\":{}}\n";
        if (send(fd, resume, sizeof resume - 1, MSG_NOSIGNAL) != (ssize_t) sizeof resume - 1)
                return cni_fail(err, CNI_E_LATER, "could not ask the agent for metadata: %s", strerror(errno));
        auto_sbuf struct sbuf in = SBUF(LINE_BYTES_MAX);
        uint64_t deadline = time_mono_ms() + SOCKET_MS;
        for (size_t scanned = 0;;) {
                char *end = in.len > scanned ? memchr(in.data + scanned, '\n', in.len - scanned) : NULL;
                if (!end) {
                        scanned = in.len;
                        struct pollfd p = { .fd = fd, .events = POLLIN };
                        uint64_t now = time_mono_ms();
                        char buf[65536];
                        if (now >= deadline || poll(&p, 1, (int) (deadline - now)) <= 0)
                                return cni_fail(err, CNI_E_LATER, "the agent did not send its metadata in time");
                        ssize_t n = read(fd, buf, sizeof buf);
                        if (n < 0 && errno == EINTR)
                                continue;
                        if (n <= 0)
                                return cni_fail(err, CNI_E_LATER, "the agent closed its metadata socket");
                        sbuf_add(&in, buf, (size_t) n);
                        if (!sbuf_ok(&in))
                                return cni_fail(err, CNI_E_LATER, "the agent sent a metadata message above the limit");
                        continue;
                }
                size_t len = (size_t) (end - in.data);
                bool last = memmem(in.data, len, "\"sync\"", 6) && len < 64;
                if (may_hold(in.data, len, uuid, id)) {
                        json_object *message = jv_parse(in.data, len, LINE_BYTES_MAX, NULL), *found = in_message(message, uuid, id);
                        json_object_put(message);
                        if (found) {
                                *ret = found;
                                return 1;
                        }
                }
                if (last)
                        return 0;
                sbuf_consume(&in, len + 1);
                scanned = 0;
        }
}

/* 1: found; 0: not known there; -1 with *err; -ENOENT: there is no such socket. */
static int ask_socket(const char *uuid, const char *id, json_object **ret, struct cni_error *err) {
        struct sockaddr_un addr = { .sun_family = AF_UNIX };
        const char *path = env_or("DROVER_METADATA_SOCKET", socket_path);
        if (strlen(path) >= sizeof addr.sun_path)
                return cni_fail(err, CNI_E_ENV, "DROVER_METADATA_SOCKET is longer than a socket's path");
        memcpy(addr.sun_path, path, strlen(path) + 1);
        auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *) &addr, sizeof addr) < 0)
                return -ENOENT;
        return ask_stream(fd, uuid, id, ret, err);
}

static int ask_service(const char *uuid, const char *id, json_object **ret, struct cni_error *err) {
        struct dr_error why = { 0 };
        const char *address = env_or("RANCHER_METADATA_ADDRESS", service_address);
        auto_free char *url = dr_xasprintf("http://%s/2015-12-19/containers", address);
        AUTO(http_sync_free) struct http_sync *s = NULL;
        struct http_response res = { 0 };
        struct http_header accept = { .name = (char *) "Accept", .value = (char *) "application/json" };
        struct http_call_spec spec = { .url = url, .headers = &accept, .n_headers = 1, .connect_ms = HTTP_MS, .total_ms = HTTP_MS, .body_max = BODY_BYTES_MAX };
        if (http_sync_new(&(struct http_client_config) { 0 }, &s, &why) < 0 || http_sync_call(s, &spec, &res, &why) < 0)
                return cni_fail(err, CNI_E_LATER, "could not ask metadata at %.64s: %s", address, why.message);
        json_object *list = res.status == 200 ? jv_parse(res.body, res.body_len, BODY_BYTES_MAX, &why) : NULL;
        int status = res.status;
        http_response_done(&res);
        if (!list)
                return cni_fail(err, CNI_E_LATER, "metadata at %.64s answered with status %d and without a list of containers", address, status);
        int found = 0;
        for (size_t i = 0; i < jv_len(list) && !found; i++)
                if (is_it(jv_at(list, i), uuid, id)) {
                        *ret = json_object_get(jv_at(list, i));
                        found = 1;
                }
        json_object_put(list);
        return found;
}

int lookup_container(const char *uuid, const char *container_id, struct json_object **ret, struct cni_error *err) {
        int r = getenv("RANCHER_METADATA_ADDRESS") ? -ENOENT : ask_socket(uuid, container_id, ret, err);
        if (r == -ENOENT)
                r = ask_service(uuid, container_id, ret, err);
        if (r == 0)
                return cni_fail(err, CNI_E_LATER, "metadata does not know container %.64s yet", uuid ? uuid : container_id);
        return r > 0 ? 0 : -1;
}
