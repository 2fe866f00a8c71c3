/* map.h: hash maps from a 64-bit integer or a string to a pointer. Open addressing, grows by two; {0} is empty.
 *
 * Values are borrowed: the map never frees them. String keys are borrowed too and must live as long as their entry
 * (usual: the key is inside the value). Iteration order is unspecified; removing while iterating is not allowed,
 * setting an existing key is. */
#pragma once
#include "base.h"

struct map_slot { uint64_t key; void *value; };         /* value NULL: empty */
struct map { struct map_slot *slots; size_t n, cap; };

void *map_get(const struct map *m, uint64_t key);       /* NULL: absent */
void *map_set(struct map *m, uint64_t key, void *value);/* value not NULL; returns the former value or NULL */
void *map_del(struct map *m, uint64_t key);             /* returns the former value or NULL */
void map_done(struct map *m);
#define map_foreach(m, slot) \
        for (struct map_slot *slot = (m)->slots; slot && slot < (m)->slots + (m)->cap; slot++) if (slot->value)

struct smap_slot { const char *key; void *value; };
struct smap { struct smap_slot *slots; size_t n, cap; };

void *smap_get(const struct smap *m, const char *key);
void *smap_getn(const struct smap *m, const char *key, size_t len);
void *smap_set(struct smap *m, const char *key, void *value);   /* replaces the key pointer too */
void *smap_del(struct smap *m, const char *key);
void smap_done(struct smap *m);
#define smap_foreach(m, slot) \
        for (struct smap_slot *slot = (m)->slots; slot && slot < (m)->slots + (m)->cap; slot++) if (slot->value)

uint64_t hash_bytes(const void *p, size_t n);           /* not for untrusted floods beyond capped sizes; seeded per process */
uint64_t hash_u64(uint64_t x);
