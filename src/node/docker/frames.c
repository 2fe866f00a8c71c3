#include "frames.h"

int docker_frames_feed(struct docker_frames *f, const char *p, size_t n,
                       void (*fn)(enum docker_output, bool, const char *, size_t, void *), void *arg, struct dr_error *err) {
        while (n > 0) {
                if (f->left) {
                        size_t k = MIN(n, (size_t) f->left);
                        bool starts = f->fresh;
                        f->fresh = false;
                        f->left -= (uint32_t) k;
                        fn(f->output, starts, p, k, arg);
                        p += k;
                        n -= k;
                        continue;
                }
                f->head[f->n_head++] = (unsigned char) *p++;
                n--;
                const unsigned char *h = f->head;
                if (h[0] >= DOCKER_OUTPUT_MAX || (f->n_head > 1 && h[1]) || (f->n_head > 2 && h[2]) || (f->n_head > 3 && h[3]))
                        return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "the engine's output has no frame where one should begin");
                if (f->n_head < sizeof f->head)
                        continue;
                f->n_head = 0;
                f->output = (enum docker_output) h[0];
                f->left = (uint32_t) h[4] << 24 | (uint32_t) h[5] << 16 | (uint32_t) h[6] << 8 | h[7];
                f->fresh = true;
        }
        return 0;
}
