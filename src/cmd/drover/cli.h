/* cli.h: what every verb of drover gets: options, the remembered configuration, the connection, printing.
 *
 * A verb is one file verb_NAME.c with its option rows, its struct opt_command and its run function, and one row in main.c.
 * run() gets the struct cli as context and returns 0, a positive exit code, or negative with cli->err filled. */
#pragma once
#include "api_client.h"
#include "base/options.h"
#include "lookup.h"
#include "table.h"
#include "waiter.h"

struct cli {
        const struct opt_command *root;
        const struct opts *opts;
        char *config_path;
        struct json_object *config;     /* cli.json; NULL until cli_load_config() */
        struct api *api;                /* NULL until cli_connect() */
        char *rancher_version;          /* catalog_entry.c: which the server is for templates; NULL until asked */
        struct dr_error err;
        const char *hint;               /* shown behind the error; static storage or NULL */
        bool complained;                /* errors were shown already: exit 1 without another */
};

int cli_load_config(struct cli *c);
/* url: instead of the configured one, or NULL. Does not talk to the server yet. */
int cli_connect(struct cli *c, const char *url);
int cli_connect_project(struct cli *c);         /* and finds the environment */
/* Option, then environment, then cli.json; NULL: nowhere. name: "url", "access-key", "secret-key", "environment". Borrowed. */
const char *cli_setting(const struct cli *c, const char *name);

/* Prints rows in the style that the verb's --quiet and --format ask for. */
int cli_print(struct cli *c, const struct table_column *columns, size_t n, const struct json_object *rows);
/* Shows an error now ("drover: ..."), the verb goes on; the exit code will be 1. */
void cli_complain(struct cli *c, const struct dr_error *err);

/* A waiter by --wait, --wait-timeout and --wait-state; NULL when not asked for and not forced. The caller frees it, then *ret_progress. */
struct waiter *cli_waiter(struct cli *c, bool forced, struct progress **ret_progress);
/* For each argument: finds it, calls fn, prints its id, waits if asked to. An error is shown and the next argument is done.
 * fn: may replace *resource (owned by the caller of fn) by what the API answered. */
typedef int cli_each_fn(struct cli *c, struct json_object **resource, struct dr_error *err);
int cli_each(struct cli *c, unsigned types, cli_each_fn *fn);
/* Types from --type, or all of allowed; error when --type names another. */
int cli_types(struct cli *c, unsigned allowed, unsigned *ret);
/* POSTs the first of the NULL-ended actions that *resource offers; InvalidAction when it offers none. */
int cli_act(struct cli *c, struct json_object **resource, const char *const *actions, struct json_object *body, struct dr_error *err);

/* Asks on the terminal; "" answers give other. secret: not echoed. NULL at the end of input or when there is no terminal. Caller frees. */
char *cli_ask(const char *question, const char *other, bool secret);

bool cli_can_read(int fd);              /* now, without waiting; also true at its end */

/* Option rows that listings share. */
#define CLI_LIST_ROWS                                                                                                   \
        { .name = "quiet", .letter = 'q', .type = OPT_FLAG, .help = "only show ids" },                                   \
        { .name = "format", .arg = "FORMAT", .type = OPT_STRING,                                                         \
          .help = "\"table\", \"json\" (an object a line), or a template such as '{{.ID}} {{.Name}}'" }
#define CLI_ALL_ROW { .name = "all", .letter = 'a', .type = OPT_FLAG, .help = "also show what is stopped, inactive or being removed" }
#define CLI_SYSTEM_ROW { .name = "system", .letter = 's', .type = OPT_FLAG, .help = "also show infrastructure services" }
#define CLI_TYPE_ROW(types) { .name = "type", .arg = "TYPE", .type = OPT_LIST, .help = "only of these types: " types }

/* What listings hide without --all. */
bool cli_is_hidden(const struct json_object *resource);
