/* The state file: what is accepted is written and read back unchanged. */
#include "node/agent/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        AUTO(state_free) struct node_state *s = NULL, *back = NULL;
        struct dr_error err;
        if (state_parse((const char *) data, size, &s, &err) < 0)
                return 0;
        auto_sbuf struct sbuf once = SBUF(STATE_BYTES_MAX), twice = SBUF(STATE_BYTES_MAX);
        state_format(s, &once);
        if (!sbuf_ok(&once))
                return 0;
        if (state_parse(once.data, once.len, &back, &err) < 0)
                abort();
        state_format(back, &twice);
        if (!str_eq(once.data, twice.data))
                abort();
        return 0;
}
