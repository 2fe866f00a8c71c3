/* keeper.h: the process that holds a lab's switch (a network namespace with one bridge) and supervises its relays.
 *
 * It is started by "lab up" through the hidden verb "lab pauseinit" inside the new namespace and lives until "lab down".
 * Requests come one per connection over DIR/switch.sock: "relay PORT HOST PORT\n" is answered by "ok PORT\n" (the port it
 * listens on; the wanted one unless another target has it) or "error TEXT\n". Asking again gives the same answer. */
#pragma once
#include "base/base.h"

enum { KEEPER_RELAYS_MAX = 16, KEEPER_LINE_BYTES_MAX = 512 };

/* argv: DIR ADDRESS OUTER_NETNS_FD STATUS_FD. Writes "ok\n" or "error TEXT\n" to STATUS_FD once. Exit code. */
int keeper_main(int argc, char **argv);
