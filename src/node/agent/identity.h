/* identity.h: who this host is: the files of spec agent.md 1, and the keys that registration gave. May block on the disk; any thread. */
#pragma once
#include "base/base.h"

enum { REGISTRATION_KEY_CHARS = 128 };

struct identity {
        char key[REGISTRATION_KEY_CHARS + 1];   /* .registration_token: 128 hex characters, this host's own random key */
        char docker_uuid[64], physical_uuid[64];
        char *access_key, *secret_key;  /* of the agent account; NULL: not registered */
        bool removed;                   /* the server said that this host was removed; only a new registration ends it */
};
/* Reads dir, making it and the files that are missing. docker_uuid, physical_uuid: when not NULL or "", they replace what the files say
 * (CATTLE_DOCKER_UUID, CATTLE_PHYSICAL_HOST_UUID). Returns 0 or negative with *err filled. */
int identity_load(const char *dir, const char *docker_uuid, const char *physical_uuid, struct identity *ret, struct dr_error *err);
void identity_done(struct identity *i);
int identity_save_keys(const char *dir, struct identity *i, const char *access_key, const char *secret_key, struct dr_error *err);      /* 0600; ends removed */
int identity_set_removed(const char *dir, struct identity *i, struct dr_error *err);    /* forgets the keys */
