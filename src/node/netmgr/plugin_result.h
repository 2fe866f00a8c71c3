/* plugin_result.h: what CNI plugins of any version print, as the network state of a container (node/entry/netstate.h). Pure. Any thread. */
#pragma once
#include "base/base.h"

enum { PLUGIN_RESULT_BYTES_MAX = 64 << 10 };

/* Reads a result of versions 0.1.0 to 1.1.0. ret: {"ip4":{"ip","gateway","routes"},"dns":{}}, the caller frees; NULL when there is no IPv4
 * address in it. ret_ip: that address without its prefix. Returns 0, or -EINVAL with *err. */
int plugin_result_read(const char *buf, size_t len, char **ret, char ret_ip[64], struct dr_error *err);
/* What a plugin that failed said: "msg: details" of its error object, else the last line of its standard error, else its exit status. */
char *plugin_error_text(const char *out, size_t out_len, const char *err_text, int exit_status, int signum);
