/* message.h: what the Docker Engine says (inspect, list, info, version, events, pull progress) as structs.
 *
 * Pure: bytes to structs. Engines from API 1.24 on: a field that is absent counts as empty, addresses come from
 * NetworkSettings.Networks (newer engines no longer send NetworkSettings.IPAddress). Any thread. */
#pragma once
#include "node/json_view.h"

enum { DOCKER_ID_CHARS = 64, DOCKER_API_MIN = 24, DOCKER_API_MAX = 52 };        /* API 1.24 to 1.52 */

enum docker_state { DOCKER_CREATED, DOCKER_RUNNING, DOCKER_PAUSED, DOCKER_RESTARTING, DOCKER_REMOVING, DOCKER_EXITED, DOCKER_DEAD, DOCKER_STATE_MAX };
const char *docker_state_to_string(enum docker_state s);        /* as the engine writes it; NULL out of range */
int docker_state_from_string(const char *s);                    /* -EINVAL: unknown */

struct docker_port { char ip[46], proto[8]; unsigned private, public; };        /* public 0: exposed only */

struct docker_container {
        char id[DOCKER_ID_CHARS + 1];
        char *name;                     /* without the leading '/' */
        char *image;                    /* as it was asked for: Config.Image */
        char *uuid, *environment;       /* labels io.rancher.container.uuid, io.rancher.environment.uuid; NULL: none */
        char *ip;                       /* "" when none */
        char *error;                    /* State.Error; "" when none */
        char *mounts;                   /* the engine's Mounts list as compact JSON, "[]" when none */
        enum docker_state state;
        int64_t started_ms, finished_ms;        /* Unix time; 0: never */
        char started[40];               /* State.StartedAt as the engine writes it */
        int pid;                        /* of its first process; 0: none */
        bool cni;                       /* label io.rancher.cni.wait=true: the network manager gives it its network */
        int exit_code;
        struct docker_port *ports;
        size_t n_ports;
};
/* Reads GET /containers/ID/json. Returns 0 or -EINVAL with *err (no usable Id). ret is written on success only. */
int docker_container_parse(json_object *inspect, struct docker_container *ret, struct dr_error *err);
void docker_container_done(struct docker_container *c);

struct docker_event { char action[32], id[DOCKER_ID_CHARS + 1]; };      /* action without what follows a ':' or ' ' */
/* 1: an event about a container; 0: about something else; negative with *err: no event. */
int docker_event_parse(const char *buf, size_t len, struct docker_event *ret, struct dr_error *err);

struct docker_progress { char text[160]; char error[384]; int percent; };      /* percent -1: unknown */
int docker_progress_parse(const char *buf, size_t len, struct docker_progress *ret, struct dr_error *err);

struct docker_version { char version[64], build[32], api[16], min_api[16]; };
int docker_version_parse(const char *buf, size_t len, struct docker_version *ret, struct dr_error *err);
/* The highest API version both know, as its minor number, never below the engine's minimum. min "" counts as 1.24.
 * Returns 24 to 52, or negative with *err when the ranges do not meet or the texts are no versions. */
int docker_api_choose(const char *api, const char *min, struct dr_error *err);

/* "host:5000/a/b:tag" to repository and tag for POST /images/create: tag "latest" when none, a digest stands in the tag's place. */
void docker_image_split(const char *image, char **ret_repository, char **ret_tag);

/* The X-Registry-Auth value: base64url JSON of {username, password, email, serveraddress}; caller frees, NULL when auth is no object.
 * https://docker.io becomes https://index.docker.io (agent.md 10). */
char *docker_registry_auth(json_object *auth);

/* The "message" of an error body, or the body itself cut short; buf is always NUL-terminated. */
void docker_error_text(const char *body, size_t len, char *buf, size_t n);
