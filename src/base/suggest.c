#include "suggest.h"
#include <strings.h>

enum { WORD_BYTES_MAX = 64 };

static char lower(char c) {
        return c >= 'A' && c <= 'Z' ? (char) (c + 32) : c;
}

unsigned suggest_distance(const char *a, const char *b) {
        size_t n = strnlen(a, WORD_BYTES_MAX), m = strnlen(b, WORD_BYTES_MAX);
        unsigned rows[3][WORD_BYTES_MAX + 1];
        unsigned *before = rows[0], *last = rows[1], *now = rows[2];

        for (size_t j = 0; j <= m; j++)
                last[j] = (unsigned) j;
        for (size_t i = 1; i <= n; i++) {
                now[0] = (unsigned) i;
                for (size_t j = 1; j <= m; j++) {
                        bool same = lower(a[i - 1]) == lower(b[j - 1]);
                        unsigned d = MIN(MIN(last[j] + 1, now[j - 1] + 1), last[j - 1] + (same ? 0 : 1));
                        if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
                                d = MIN(d, before[j - 2] + 1);
                        now[j] = d;
                }
                unsigned *free_row = before;
                before = last;
                last = now;
                now = free_row;
        }
        return last[m];
}

const char *suggest_nearest(const char *word, const char *const *names, size_t n) {
        const char *best = NULL;
        size_t len = strnlen(word, WORD_BYTES_MAX);
        unsigned limit = (unsigned) MAX(len / 3, (size_t) 1), best_distance = limit + 1;

        for (size_t i = 0; i < n; i++) {
                if (!names[i])
                        continue;
                unsigned d = suggest_distance(word, names[i]);
                if (d < best_distance) {
                        best_distance = d;
                        best = names[i];
                }
        }
        for (size_t i = 0; !best && len >= 2 && i < n; i++)
                if (names[i] && strncasecmp(names[i], word, len) == 0)
                        best = names[i];
        return best;
}
