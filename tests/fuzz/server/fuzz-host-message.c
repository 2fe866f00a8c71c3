/* Reads any bytes as a message of an agent; what is accepted keeps what its header promises. */
#include <stdlib.h>

#include "server/hosts/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct host_message m;
        struct dr_error err = { 0 };
        if (host_message_parse((const char *) data, size, &m, &err) < 0) {
                if (err.code == DR_OK || !*err.message)
                        abort();
                return 0;
        }
        if ((m.kind == HOST_HELLO || m.kind == HOST_HOST) && !m.host)
                abort();
        if (m.kind != HOST_OBSERVED && m.n_observed)
                abort();
        for (size_t i = 0; i < m.n_observed; i++)
                if (m.observed[i].state == OBS_NONE || m.observed[i].gen < 0 || !m.observed[i].docker_id)
                        abort();
        host_message_done(&m);
        return 0;
}
