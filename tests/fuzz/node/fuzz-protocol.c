/* Messages of the server, taken into a state; specs go on to the create body. A refused message leaves the state as it was. */
#include "node/agent/create_body.h"
#include "node/agent/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct server_message m;
        struct dr_error err;
        if (server_message_parse((const char *) data, size, &m, &err) < 0)
                return 0;
        AUTO(state_free) struct node_state *s = state_new();
        if (protocol_take_desired(&m, s, &err) < 0 && (s->entries.n > 0 || s->rev || s->epoch))
                abort();
        for (size_t i = 0; i < s->entries.n; i++) {
                const struct entry *e = s->entries.v[i];
                AUTO(jv_put) json_object *spec = e->spec ? jv_parse(e->spec, strlen(e->spec), PROTOCOL_BYTES_MAX, &err) : NULL;
                struct create_facts facts = { .api_minor = 44 };
                auto_free char *body = NULL, *warnings = NULL;
                if (spec && create_body(spec, e->uuid, &facts, &body, &warnings, &err) == 0) {
                        AUTO(jv_put) json_object *o = jv_parse(body, strlen(body), PROTOCOL_BYTES_MAX, NULL);
                        if (!o && strlen(body) < 1000)
                                abort();
                }
        }
        server_message_done(&m);
        return 0;
}
