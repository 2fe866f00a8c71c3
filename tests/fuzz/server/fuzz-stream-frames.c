/* Reads any bytes as a frame of a host and as a message of a client in each dialect; what is accepted keeps what the headers promise. */
#include <stdlib.h>

#include "formats/json.h"
#include "formats/utf8.h"
#include "server/hosts/message.h"
#include "server/streams/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_host(const char *p, size_t n) {
        struct host_frame f;
        if (host_frame_parse(p, n, &f, NULL) < 0)
                return;
        char head[HOST_FRAME_HEAD_BYTES];
        host_frame_head(f.id, f.kind, head);
        if (f.len > HOST_STREAM_PAYLOAD_MAX || f.payload + f.len != p + n || memcmp(head, p, sizeof head) != 0)
                abort();
}

static void read_client(enum client_dialect d, bool raw, bool binary, const char *p, size_t n) {
        auto_sbuf struct sbuf buf = SBUF(1 << 20), out = SBUF(1 << 20);
        struct client_frame f;
        struct dr_error err = { 0 };
        if (client_frame_read(d, raw, binary, p, n, &buf, &f, &err) < 0) {
                if (err.code == DR_OK || !*err.message)
                        abort();
        } else if (f.kind == CLIENT_CONTROL) {
                struct json_object *o = NULL;
                if (json_parse(f.p, f.n, f.n, &o, NULL) < 0 || !json_object_is_type(o, json_type_object))
                        abort();
                json_object_put(o);
        } else if (f.kind == CLIENT_DATA && (!f.n || f.n > n)) {
                abort();
        }
        if (!client_frame_write(d, raw, p, n, &out))
                for (size_t i = 0, k; i < out.len; i += k)
                        if (!(k = utf8_sequence((const unsigned char *) out.data + i, out.len - i)))
                                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size < 1 || size > 100000)
                return 0;
        const char *p = (const char *) data + 1;
        read_host(p, size - 1);
        read_client((enum client_dialect) (data[0] % 3), data[0] & 4, data[0] & 8, p, size - 1);
        return 0;
}
