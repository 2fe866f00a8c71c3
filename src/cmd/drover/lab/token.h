/* token.h: asks a server for a registration token and its join command, through the lab's relay. */
#pragma once
#include "state.h"

struct token_options {
        const char *server;             /* as this machine reaches it */
        const char *access_key, *secret_key;    /* NULL: RANCHER_ACCESS_KEY, RANCHER_SECRET_KEY; without any: no authentication */
        const char *project;            /* name or id; NULL: RANCHER_ENVIRONMENT, else the first active one */
};

/* *ret: the token's "command"; caller frees. An http server is asked through the relay, so it sees the address that
 * the hosts use; an https server directly, since its certificate names what the user wrote. */
int token_join_command(const struct lab *l, const struct token_options *o, char **ret, struct dr_error *err);
