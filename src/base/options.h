/* options.h: a program's configuration from one table: flags > environment > config file > defaults.
 *
 * A program describes itself as a static tree of struct opt_command (the program is the root, verbs hang below it), each
 * with rows of options. From the same rows come the parser, --help, shell completion and manual pages. Does no I/O except
 * reading the config file that the row of type OPT_CONFIG names. Any thread; a struct opts does not change after parsing.
 *
 * Command line: "--name VALUE", "--name=VALUE", "-n VALUE", "-nVALUE", "-abc" for flags, "--flag=false" and "--no-flag" for
 * flags, "--" ends options. A verb's own options come after it; the options of the levels above it may stand anywhere,
 * and where two levels share a name or letter the inner one wins. "-h/--help" everywhere and "--version" at the root exist
 * without a row.
 * Environment: root rows are read from ENV_PREFIX + NAME in capitals ('-' becomes '_'), then from the names in .env in
 * order; rows of verbs only from .env. An empty variable counts as not set.
 * Config file: lines "name = value", '#' starts a comment line, values may be in "double quotes"; OPT_LIST rows may repeat.
 * Only root rows may stand in it; an unknown name is an error with file and line. A missing file is an error only
 * when it was named by flag or environment.
 *
 * Example (a program without verbs):
 *      static const struct opt_row rows[] = {
 *              { .name = "listen", .arg = "ADDR:PORT", .type = OPT_LISTEN, .dflt = "0.0.0.0:8080", .help = "address to serve on" },
 *              { .name = "no-auth", .type = OPT_FLAG, .help = "everybody may do everything" },
 *              { .name = "workers", .letter = 'w', .arg = "N", .type = OPT_INT, .dflt = "4", .min = 1, .max = 64, .help = "..." },
 *      };
 *      static const struct opt_command program = { .name = "drover-server", .summary = "...", .env_prefix = "DROVER_", OPT_ROWS(rows) };
 *      AUTO(opts_free) struct opts *o = NULL;
 *      if (opts_parse(&program, argc, argv, environ, &o, &err) < 0) { fprintf(stderr, "drover-server: %s\n", err.message); return 2; }
 *      if (opts_action(o) == OPTS_HELP) { auto_free char *s = opts_help(o); fputs(s, stdout); return 0; }
 *      if (opts_action(o) == OPTS_VERSION) ...
 *      const char *listen = opts_str(o, "listen");  bool open = opts_bool(o, "no-auth");  int64_t n = opts_int(o, "workers"); */
#pragma once
#include "base.h"
#include "sbuf.h"

enum opt_type {
        OPT_FLAG,               /* bool; no argument */
        OPT_STRING,
        OPT_LIST,               /* string, may be given several times; the environment splits at commas */
        OPT_INT,                /* decimal; .min and .max unless both are 0 */
        OPT_DURATION,           /* parse_duration_ms(); .min and .max in milliseconds */
        OPT_BYTES,              /* parse_bytes(); .min and .max in bytes */
        OPT_ENUM,               /* one of .values, separated by '|' */
        OPT_LISTEN,             /* ADDR:PORT, :PORT, PORT, [V6]:PORT; see opt_split_listen() */
        OPT_PATH,               /* string; completion offers files */
        OPT_CONFIG,             /* OPT_PATH of the config file; at most one, at the root */
        OPT_TYPE_MAX
};

enum {
        OPT_HIDDEN = 1,         /* works, but help and completion do not show it */
        OPT_SECRET = 2,         /* help never shows its value */
        OPT_NO_ENV = 4,         /* not from the environment */
        OPT_NO_FILE = 8,        /* not from the config file */
        OPT_REQUIRED = 16,      /* an error when no source gives it */
};

struct opt_row {
        const char *name;       /* long name without dashes; other long names follow after blanks: "environment env" */
        char letter;            /* 0: none */
        const char *arg;        /* argument's name in help; NULL: "VALUE" */
        const char *env;        /* further environment names separated by blanks, or NULL */
        const char *dflt;       /* as it would be typed; NULL: "", 0, false or an empty list */
        const char *help;       /* lower case, no final period */
        const char *values;     /* OPT_ENUM */
        const char *complete;   /* what completion offers, as the program understands it ("service", "host"); or NULL */
        enum opt_type type;
        unsigned flags;
        int64_t min, max;
        /* Optional further check of the text; fills err (without naming the option) and returns negative errno. */
        int (*check)(const char *value, struct dr_error *err);
};

struct opts;

struct opt_command {
        const char *name;
        const char *aliases;            /* other names, separated by blanks; or NULL */
        const char *summary;            /* one line, lower case, no final period */
        const char *args;               /* positional arguments as usage shows them: "[SERVICE...]"; NULL: none */
        const char *about;              /* paragraphs below the summary; or NULL */
        const char *env_prefix;         /* root only; NULL: no automatic names */
        const char *complete;           /* what completion offers for positional arguments; or NULL */
        const struct opt_row *rows;
        size_t n_rows;
        const struct opt_command *const *sub;   /* verbs below */
        size_t n_sub;
        unsigned min_args, max_args;    /* positional; OPT_ANY: no upper limit. With .sub, only counts when no verb is given */
        bool passthrough;               /* all words behind the verb are positional, options too (not even --help is taken) */
        bool first_ends;                /* options end at the first positional: "exec HOST ls -l" */
        bool hidden;
        int (*run)(const struct opts *o, void *context);        /* for the program's use; NULL: needs a verb */
};
enum { OPT_ANY = 1u << 30 };
#define OPT_ROWS(array) .rows = (array), .n_rows = ARRAY_LEN(array)
#define OPT_SUB(array)  .sub = (array), .n_sub = ARRAY_LEN(array)

enum opts_action { OPTS_RUN, OPTS_HELP, OPTS_VERSION };
enum opt_source { OPT_FROM_DEFAULT, OPT_FROM_FILE, OPT_FROM_ENV, OPT_FROM_FLAG, OPT_SOURCE_MAX };
const char *opt_source_to_string(enum opt_source s);            /* "default", "config file", "environment", "flag"; NULL out of range */

/* Reads everything. argv[0] is skipped; argv and envp (NULL-terminated "K=V") are borrowed only during the call.
 * On --help or --version, stops checking and returns 0 with that action.
 * Returns 0 or a negative errno with *err filled: InvalidOption, MissingRequired, MinLimitExceeded, MaxLimitExceeded,
 * InvalidFormat, NotFound (config file); err->field is the option's name. */
int opts_parse(const struct opt_command *root, int argc, char *const *argv, char *const *envp, struct opts **ret, struct dr_error *err);
struct opts *opts_free(struct opts *o);                         /* NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct opts *, opts_free)

enum opts_action opts_action(const struct opts *o);
const struct opt_command *opts_command(const struct opts *o);   /* the innermost verb given; the root when none */
/* Positional arguments of the innermost verb, NULL-terminated; n may be NULL. Borrowed from o. */
const char *const *opts_args(const struct opts *o, size_t *n);

/* Values by the row's first name, looked for from the innermost verb outwards. A name that no row has is a bug and aborts,
 * so does asking with the wrong type. opts_str: NULL when not given and without default; borrowed from o. */
const char *opts_str(const struct opts *o, const char *name);   /* every type but OPT_LIST, as typed */
bool opts_bool(const struct opts *o, const char *name);
int64_t opts_int(const struct opts *o, const char *name);       /* OPT_INT, OPT_DURATION (ms), OPT_BYTES */
size_t opts_enum(const struct opts *o, const char *name);       /* index in .values */
const char *const *opts_list(const struct opts *o, const char *name, size_t *n);        /* NULL-terminated */
enum opt_source opts_source(const struct opts *o, const char *name);
/* Whether the chain of verbs has a row of this name at all. */
bool opts_has(const struct opts *o, const char *name);

/* Splits OPT_LISTEN text; host (at least 64 bytes) becomes "0.0.0.0" when only a port is given. -EINVAL with *err filled. */
int opt_split_listen(const char *s, char *host, size_t n, uint16_t *ret_port, struct dr_error *err);

/* Texts made from the tables. Caller frees. */
char *opts_help(const struct opts *o);                          /* of the innermost verb given */
char *opts_usage_hint(const struct opt_command *root, int argc, char *const *argv);     /* "try "drover ps --help"" */
/* path: root first, n >= 1 commands down to the one described. */
char *opt_command_help(const struct opt_command *const *path, size_t n);
char *opt_command_man(const struct opt_command *const *path, size_t n);         /* roff, section 1 */
/* Writes that page, and those of the verbs below it that are not hidden, as DIR/ROOT-VERB-VERB.1; dir must exist. Does file I/O. */
int opt_command_man_write(const char *dir, const struct opt_command *const *path, size_t n, struct dr_error *err);
/* Finds a verb by its name or alias; NULL: none. */
const struct opt_command *opt_command_find(const struct opt_command *parent, const char *name);
/* Completion script, all verbs and flags. dynamic: the program answers "PROGRAM __complete KIND" with one word a line for
 * .complete kinds; without it those places complete nothing. shell: "bash" or "zsh", else NULL is returned. */
char *opt_completion(const struct opt_command *root, const char *shell, bool dynamic);
