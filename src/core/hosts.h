/* hosts.h: the one interface between the engine and whatever runs containers: drover's agent over a websocket, hosts
 * simulated in the process, later upstream's agent.
 *
 * Downwards the core gives desired entries (what should run, with a generation that rises on start, restart and update);
 * upwards a link reports what it observed. Both are state, not messages: any of them may be repeated or merged.
 * A link never calls back from inside its own operations. Loop thread only. */
#pragma once
#include "core.h"
#include "host_stream.h"

enum desired_state { DESIRED_RUNNING, DESIRED_STOPPED, DESIRED_ABSENT };
struct desired {
        int64_t instance_id;
        struct uuid uuid;
        int64_t gen;
        enum desired_state state;
        int stop_timeout_s;
        struct text *docker_id;         /* of a container that drover did not make: carried out once; else NULL */
        struct text *spec;              /* JSON, docs/host-protocol.md; NULL unless running, and for links that do not want it */
};

enum observed_state { OBS_NONE, OBS_PULLING, OBS_CREATING, OBS_RUNNING, OBS_STOPPED, OBS_ABSENT, OBS_FAILED };
const char *observed_state_to_string(enum observed_state s);
enum observed_state observed_state_from_string(const char *s);          /* OBS_NONE: unknown */

/* How many containers of a host were adopted in this minute. */
struct adopt_pace { uint64_t since_ms; size_t n; bool told; };

/* One report about one container. Strings are borrowed for the call; NULL where there is none. */
struct observed {
        struct uuid uuid;
        int64_t gen;
        enum observed_state state;
        int exit_code;
        int64_t started_ms, finished_ms;        /* Unix ms; 0: unknown */
        const char *docker_id, *ip, *error, *progress;  /* docker_id: always there for foreign ones */
        struct json_object *ports, *mounts;     /* borrowed */
        bool foreign;
        const char *name, *image;
        struct json_object *labels, *inspect;   /* of foreign ones */
};

struct host_link;
struct host_link_ops {
        bool wants_spec;
        /* rev is the host's desired revision after this message. full: what is not listed must not exist. */
        void (*desired)(struct host_link *l, const struct desired *entries, size_t n, uint64_t rev, bool full);
        /* One-off request; answer through hosts_reply(). data is borrowed. */
        void (*request)(struct host_link *l, const char *id, const char *name, struct json_object *data, uint64_t deadline_ms);
        void (*close)(struct host_link *l, const char *reason);         /* the core has forgotten l already */
        /* Streams (host_stream.h calls these, nobody else); all NULL: such hosts have none. open: gives s its id, or negative with *err. */
        int (*stream_open)(struct host_link *l, struct host_stream *s, const char *kind, struct json_object *data, struct dr_error *err);
        void (*stream_send)(struct host_link *l, struct host_stream *s, unsigned kind, const void *p, size_t n);
        void (*stream_forget)(struct host_link *l, struct host_stream *s);      /* s ended: no more of it */
};
struct host_link { const struct host_link_ops *ops; };

struct hosts;
struct hosts *hosts_new(struct core *c);
void hosts_free(struct hosts *h);
void hosts_loaded(struct core *c);                      /* after core_load(): every active agent gets the grace of a silent one */

/* What a host says of itself; keys of docs/host-protocol.md `host`. Finds or makes host, physicalHost and storagePool of this
 * agent and updates them. Returns the host record, or NULL with err. */
struct record *hosts_report(struct core *c, struct record *agent, struct json_object *host, struct dr_error *err);
/* A link for this host: replaces a former one (which gets close("replaced")). known_epoch, known_rev: what the other side obeyed
 * last; when that is what we would send, no snapshot goes out. */
void hosts_attach(struct core *c, struct record *host, struct host_link *l, uint64_t known_epoch, uint64_t known_rev);
void hosts_detach(struct core *c, struct host_link *l);
bool hosts_connected(const struct core *c, const struct record *host);
struct host_link *hosts_link(const struct core *c, const struct record *host);         /* NULL: not connected */
void hosts_heard(struct core *c, struct host_link *l);  /* any message counts as life */
void hosts_observed(struct core *c, struct host_link *l, const struct observed *obs, size_t n, bool full);
/* Asks every simulated host for a full report now; real ones report by themselves. How often it was asked: hosts_pings(). */
void hosts_ping(struct core *c);
uint64_t hosts_pings(const struct core *c);
/* False: the host is not connected. The reply comes to the run that waits for event id. */
bool hosts_request(struct core *c, const struct record *host, const char *id, const char *name, struct json_object *data, uint64_t deadline_ms);

/* ---- for the appliers ---- */
/* Puts the record's desired state in line after this batch: call after changing state, generation or host. */
void hosts_desire(struct core *c, struct record *instance, enum desired_state state);
/* The newest observation of an instance; NULL: none since its host connected. */
const struct observation *hosts_observation(const struct core *c, const struct record *instance);
struct observation {
        int64_t instance_id, gen;
        enum observed_state state;
        bool by_silence;                /* absent because a full report did not list it: true whatever the generation */
        int exit_code;
        int64_t started_ms, finished_ms;
        struct text *docker_id, *ip, *error, *ports, *mounts;   /* may be NULL */
};
/* The container spec of docs/host-protocol.md for an instance: new text reference. */
struct text *instance_spec(struct core *c, const struct record *instance);
/* Has the host been heard completely since its link came? Only then is a missing observation an absent container. */
bool hosts_synced(const struct core *c, int64_t host_id);
/* Takes the host out of use and stops and removes every container on it that is no system container (orchestration.md 3.9).
 * The host stays inactive. Negative with *err (Conflict) when it cannot be deactivated in its state. */
int hosts_evacuate(struct core *c, struct record *host, struct dr_error *err);
/* Active host with an active agent (orchestration.md 3.2). */
bool host_usable(const struct core *c, const struct record *host);
