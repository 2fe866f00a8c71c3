/* join.h: makes lab hosts join a server by running its join command inside them. */
#pragma once
#include "state.h"

enum { JOIN_COMMAND_BYTES_MAX = 16384 };

/* Lets the hosts reach the server at *ret ("http://172.28.0.1:8080"), whatever it listens on. Caller frees. */
int join_relay(const struct lab *l, const char *server_url, char **ret, struct dr_error *err);

/* Runs command (shell text, as the server's registration token gives it) in hosts first to last, side by side, with CATTLE_AGENT_IP
 * and CATTLE_URL_OVERRIDE set and each address of the server in it replaced by the relay's.
 *   server_url   as this machine reaches it; NULL: the first URL in the command */
int join_hosts(const struct lab *l, const char *server_url, const char *command, size_t first, size_t last, struct dr_error *err);

/* "http://host:port" of the first URL in text, or NULL. Caller frees. */
char *join_find_origin(const char *text);
/* text with each from replaced by to, where from is not followed by a further digit or letter. Caller frees; NULL: too long. */
char *join_replace(const char *text, const char *from, const char *to);
