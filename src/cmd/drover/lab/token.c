#include "token.h"

int token_join_command(const struct lab *l, const struct token_options *o, char **ret, struct dr_error *err) {
        return dr_fail(err, DR_E_NOT_IMPLEMENTED, NULL, "give the join command with --join-command");
}
