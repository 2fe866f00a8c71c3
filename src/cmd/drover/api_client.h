/* api_client.h: calls of drover's API (/v2-beta) for the command line: keys, errors in words, pages, events.
 *
 * Blocking, one thread. Paths are below the API version: "/projects/1a5/stacks"; "v1-catalog/..." is the catalog's; links that the API printed may be given too
 * and are always sent to the configured server (a link's host may be a name that only the server knows, and keys go nowhere
 * else). Behaviour: api.md 1.5 to 1.7, 2.1, 5.1. */
#pragma once
#include "base/base.h"
#include "formats/json.h"

enum { API_BODY_BYTES_MAX = 64 << 20, API_PAGES_MAX = 10000, API_PAGE_LIMIT = 1000 };

struct api_config {                     /* all borrowed for the call of api_new() */
        const char *url;                /* any form: origin, .../v1, .../v2-beta/projects/1a5/schemas */
        const char *access_key, *secret_key;    /* NULL or empty: none */
        const char *environment;        /* id or name; NULL: the only one */
        const char *ca_file;
        bool insecure;
        bool debug;                     /* one line per call to stderr, without keys and bodies */
};

/* What the last failed call answered; status 0: no answer came. */
struct api_problem {
        int status;
        char code[64];
        char field[64];
};

struct api;
int api_new(const struct api_config *cfg, struct api **ret, struct dr_error *err);
struct api *api_free(struct api *a);    /* NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct api *, api_free)

const char *api_base(const struct api *a);                      /* "http://host:8080" */
const struct api_problem *api_last_problem(const struct api *a);
/* What to do about the last problem; static storage or NULL. */
const char *api_hint(const struct api *a);
void api_set_keys(struct api *a, const char *access_key, const char *secret_key);
void api_set_bearer(struct api *a, const char *token);          /* instead of keys; NULL: back to keys */

/* method "GET", "POST", "PUT", "DELETE". body: borrowed, NULL for none. ret: may be NULL; gets the answer's object (the caller
 * owns it; NULL for an empty answer). A 409 to PUT and POST is tried three more times, 100 ms apart, as upstream's clients do.
 * Returns 0, or negative with *err in words: Unauthorized, Forbidden, NotFound, Conflict, Unprocessable, Unavailable, Timeout ... */
int api_call(struct api *a, const char *method, const char *path, struct json_object *body, struct json_object **ret, struct dr_error *err);
static inline int api_get(struct api *a, const char *path, struct json_object **ret, struct dr_error *err) {
        return api_call(a, "GET", path, NULL, ret, err);
}
/* All pages of a collection as one array. */
int api_list(struct api *a, const char *path, struct json_object **ret, struct dr_error *err);
/* Follows actions[name] of resource. InvalidAction with what is possible when the resource does not offer it. */
int api_action(struct api *a, struct json_object *resource, const char *name, struct json_object *body, struct json_object **ret, struct dr_error *err);
bool api_can(const struct json_object *resource, const char *action);

/* Finds the environment once: the configured one by id or name, else the URL's, else the only one there is. */
int api_project(struct api *a, const char **ret_id, struct dr_error *err);
const char *api_project_name(const struct api *a);              /* after api_project(); may be NULL */
/* "/projects/ID" + printf-made rest; the environment must have been found. Caller frees. */
char *api_project_path(struct api *a, const char *fmt, ...) DR_PRINTF(2, 3);

/* Events: resource.change of the environment over a websocket. all: of all environments (admin). */
int api_subscribe(struct api *a, bool all, struct dr_error *err);
void api_unsubscribe(struct api *a);
/* 1: *ret is an event (the caller owns it; pings are swallowed), 0: none within wait_ms, negative: the stream ended. */
int api_next_event(struct api *a, uint64_t wait_ms, struct json_object **ret, struct dr_error *err);

/* Splits any accepted URL form. ret_project: NULL unless it names one. Caller frees both. */
int api_url_split(const char *url, char **ret_base, char **ret_project, struct dr_error *err);
/* Words for an error body (NULL: none) of this status; fills err and problem. Returns the negative errno. */
int api_explain(int status, struct json_object *body, const char *method, const char *path, struct api_problem *problem, struct dr_error *err);
