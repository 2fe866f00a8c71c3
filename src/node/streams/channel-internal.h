/* channel-internal.h: what a kind of stream provides and may use. A kind is a file of this folder and a row in channel.c. */
#pragma once
#include "base/map.h"
#include "base/sbuf.h"
#include "node/streams/channel.h"
#include "node/streams/frame.h"

struct channel;
struct channel_kind {
        const char *name;
        /* Begins; may end the channel at once. data: the message's, borrowed, may be NULL. c->state is the kind's own. */
        void (*open)(struct channel *c, json_object *data);
        /* Bytes from the server. Calls channel_consumed() once they are passed on. NULL: nothing is taken, it ends the channel. */
        void (*input)(struct channel *c, const char *p, size_t n);
        void (*control)(struct channel *c, json_object *o);             /* NULL: ignored */
        /* The source is (not) to be read: more is queued than there is credit for. NULL: never much. */
        void (*pause)(struct channel *c, bool paused);
        /* Over: lets go of everything. Called exactly once, also after channel_end(). The channel must not be used in it. */
        void (*close)(struct channel *c);
        void (*event)(struct channel *c, const struct docker_event *e); /* NULL: not wanted; likewise below */
        void (*engine_connected)(struct channel *c);
};
extern const struct channel_kind channel_logs, channel_exec, channel_docker_socket, channel_tcp, channel_container_stats, channel_host_stats;

void exec_starts_free(struct channels *cs);

struct channel {
        struct channels *all;
        uint32_t id;
        const struct channel_kind *kind;        /* NULL: closed, what is queued still leaves */
        void *state;                    /* the kind's */
        struct channel *prev, *next;
        struct channel *next_ready;
        struct sbuf out;                /* frames to send: u32 length (host order), frame */
        size_t at;                      /* of the first that is not sent */
        size_t credit;                  /* bytes of data that may be sent */
        size_t in_credit;               /* bytes of data that may come */
        size_t give;                    /* credit to be given back */
        bool is_ready, paused;
};

struct sampler;
struct channels {
        struct channels_config cfg;
        struct map by_id;               /* to struct channel */
        struct channel *first, *ready, **ready_end;
        size_t n;
        uint32_t last_id;
        bool pumping;
        struct exec_start *exec_starts; /* the engine was asked to start */
        struct sampler *sampler;        /* statistics; NULL: nobody listens */
};
static inline struct loop *channel_loop(const struct channel *c) { return c->all->cfg.loop; }
static inline struct docker *channel_docker(const struct channel *c) { return c->all->cfg.docker; }

/* One data frame; n is at most FRAME_DATA_MAX and not 0. */
void channel_send(struct channel *c, const char *p, size_t n);
/* The same in two parts, which saves the caller to join them. */
void channel_send2(struct channel *c, const char *p, size_t n, const char *q, size_t m);
void channel_send_raw(struct channel *c, const char *p, size_t n);      /* any number of bytes, without borders */
void channel_send_control(struct channel *c, const char *json);         /* in order with the data */
bool channel_is_idle(const struct channel *c);                          /* nothing queued */
void channel_consumed(struct channel *c, size_t n);
/* Ends in order. code NULL: it is simply over (fmt NULL too). Calls kind->close() before it returns; c itself stays until its end was sent. */
void channel_end(struct channel *c, const char *code, const char *fmt, ...) DR_PRINTF(3, 4);
void channel_end_error(struct channel *c, const struct dr_error *err);
