#include "map.h"

#include <sys/random.h>

static uint64_t seed(void) {
        static uint64_t s;
        if (!s) {
                uint64_t x = 0;
                if (getrandom(&x, sizeof x, 0) != sizeof x)
                        x = 0x9e3779b97f4a7c15u;
                s = x | 1;              /* two threads may both write: either value is fine only before first use,
                                         * so programs call hash_bytes() once in main before starting threads */
        }
        return s;
}

uint64_t hash_u64(uint64_t x) {
        x ^= x >> 30;
        x *= 0xbf58476d1ce4e5b9u;
        x ^= x >> 27;
        x *= 0x94d049bb133111ebu;
        return x ^ (x >> 31);
}

uint64_t hash_bytes(const void *p, size_t n) {
        const unsigned char *s = p;
        uint64_t h = seed() ^ n;
        for (; n >= 8; n -= 8, s += 8) {
                uint64_t w;
                memcpy(&w, s, 8);
                h = hash_u64(h ^ w);
        }
        uint64_t w = 0;
        memcpy(&w, s, n);
        return hash_u64(h ^ w);
}

static struct map_slot *find(const struct map *m, uint64_t key) {
        size_t i = hash_u64(key) & (m->cap - 1);
        while (m->slots[i].value && m->slots[i].key != key)
                i = (i + 1) & (m->cap - 1);
        return &m->slots[i];
}

void *map_get(const struct map *m, uint64_t key) { return m->cap ? find(m, key)->value : NULL; }

void *map_set(struct map *m, uint64_t key, void *value) {
        assert(value);
        if (m->n * 4 >= m->cap * 3) {
                struct map old = *m;
                m->cap = old.cap ? old.cap * 2 : 8;
                m->slots = dr_xcalloc(m->cap, sizeof *m->slots);
                map_foreach(&old, s)
                        *find(m, s->key) = *s;
                free(old.slots);
        }
        struct map_slot *s = find(m, key);
        void *former = s->value;
        if (!former)
                m->n++;
        *s = (struct map_slot) { key, value };
        return former;
}

void *map_del(struct map *m, uint64_t key) {
        if (!m->cap)
                return NULL;
        struct map_slot *s = find(m, key);
        void *former = s->value;
        if (!former)
                return NULL;
        m->n--;
        size_t hole = (size_t) (s - m->slots), mask = m->cap - 1;
        for (size_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
                size_t home = hash_u64(m->slots[i].key) & mask;
                if (((i - home) & mask) >= ((i - hole) & mask)) {
                        m->slots[hole] = m->slots[i];
                        hole = i;
                }
        }
        m->slots[hole].value = NULL;
        return former;
}

void map_done(struct map *m) {
        free(m->slots);
        *m = (struct map) { 0 };
}

static struct smap_slot *sfind(const struct smap *m, const char *key, size_t len) {
        size_t i = hash_bytes(key, len) & (m->cap - 1);
        while (m->slots[i].value && (strncmp(m->slots[i].key, key, len) != 0 || m->slots[i].key[len]))
                i = (i + 1) & (m->cap - 1);
        return &m->slots[i];
}

void *smap_getn(const struct smap *m, const char *key, size_t len) { return m->cap ? sfind(m, key, len)->value : NULL; }
void *smap_get(const struct smap *m, const char *key) { return smap_getn(m, key, strlen(key)); }

void *smap_set(struct smap *m, const char *key, void *value) {
        assert(value);
        if (m->n * 4 >= m->cap * 3) {
                struct smap old = *m;
                m->cap = old.cap ? old.cap * 2 : 8;
                m->slots = dr_xcalloc(m->cap, sizeof *m->slots);
                smap_foreach(&old, s)
                        *sfind(m, s->key, strlen(s->key)) = *s;
                free(old.slots);
        }
        struct smap_slot *s = sfind(m, key, strlen(key));
        void *former = s->value;
        if (!former)
                m->n++;
        *s = (struct smap_slot) { key, value };
        return former;
}

void *smap_del(struct smap *m, const char *key) {
        if (!m->cap)
                return NULL;
        struct smap_slot *s = sfind(m, key, strlen(key));
        void *former = s->value;
        if (!former)
                return NULL;
        m->n--;
        size_t hole = (size_t) (s - m->slots), mask = m->cap - 1;
        for (size_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
                size_t home = hash_bytes(m->slots[i].key, strlen(m->slots[i].key)) & mask;
                if (((i - home) & mask) >= ((i - hole) & mask)) {
                        m->slots[hole] = m->slots[i];
                        hole = i;
                }
        }
        m->slots[hole].value = NULL;
        return former;
}

void smap_done(struct smap *m) {
        free(m->slots);
        *m = (struct smap) { 0 };
}
