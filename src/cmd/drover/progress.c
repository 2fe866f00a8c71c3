#include "progress.h"

#include <stdio.h>
#include <sys/ioctl.h>

#include "base/vec.h"
#include "table.h"

enum { PROGRESS_BYTES_MAX = 1 << 20, WIDTH_UNKNOWN = 80 };

struct line { char *key, *label, *text; enum progress_mark mark; bool changed; };

struct progress {
        bool terminal;
        unsigned width;
        size_t drawn;                   /* lines on the screen, the cursor is below them */
        VEC(struct line) lines;
};

static const struct { const char *sign, *color; } marks[PROGRESS_MARK_MAX] = {
        [PROGRESS_WAITING] = { ".", "" }, [PROGRESS_RUNNING] = { "~", "\033[33m" },
        [PROGRESS_DONE] = { "+", "\033[32m" }, [PROGRESS_FAILED] = { "!", "\033[31m" },
};
_Static_assert(ARRAY_LEN(marks) == PROGRESS_MARK_MAX, "one sign per mark");

struct progress *progress_new(bool terminal, unsigned width) {
        struct progress *p = dr_xnew(struct progress);
        p->terminal = terminal;
        p->width = width ? width : WIDTH_UNKNOWN;
        return p;
}

struct progress *progress_new_stderr(void) {
        struct winsize size = { 0 };
        const char *term = getenv("TERM");
        bool terminal = isatty(STDERR_FILENO) && term && !str_eq(term, "dumb");
        if (terminal)
                (void) ioctl(STDERR_FILENO, TIOCGWINSZ, &size);         /* width stays 0: unknown */
        return progress_new(terminal, size.ws_col);
}

struct progress *progress_free(struct progress *p) {
        if (!p)
                return NULL;
        for (size_t i = 0; i < p->lines.n; i++) {
                free(p->lines.v[i].key);
                free(p->lines.v[i].label);
                free(p->lines.v[i].text);
        }
        vec_done(&p->lines);
        free(p);
        return NULL;
}

void progress_set(struct progress *p, const char *key, const char *label, enum progress_mark mark, const char *text) {
        struct line *line = NULL;
        for (size_t i = 0; i < p->lines.n && !line; i++)
                if (str_eq(p->lines.v[i].key, key))
                        line = &p->lines.v[i];
        if (!line) {
                vec_push(&p->lines, ((struct line) { .key = dr_xstrdup(key), .changed = true }));
                line = &p->lines.v[p->lines.n - 1];
        }
        if (str_eq(line->label, label) && str_eq(line->text, text) && line->mark == mark)
                return;
        free(line->label);
        free(line->text);
        line->label = dr_xstrdup(label);
        line->text = dr_xstrdup(text);
        line->mark = mark;
        line->changed = true;
        for (char *c = line->text; *c; c++)
                if ((unsigned char) *c < 0x20 || *c == 0x7f)
                        *c = ' ';
}

static void put_clipped(struct sbuf *b, const char *s, size_t max) {
        for (size_t n = 0; *s; s++) {
                if (((unsigned char) *s & 0xc0) != 0x80 && ++n > max)
                        return;
                sbuf_putc(b, *s);
        }
}

void progress_render(struct progress *p, struct sbuf *ret) {
        size_t label_width = 0;
        bool any = false;
        for (size_t i = 0; i < p->lines.n; i++) {
                label_width = MAX(label_width, table_width(p->lines.v[i].label));
                any = any || p->lines.v[i].changed;
        }
        if (!any)
                return;
        if (p->terminal && p->drawn > 0)
                sbuf_printf(ret, "\033[%zuA", p->drawn);
        for (size_t i = 0; i < p->lines.n; i++) {
                struct line *l = &p->lines.v[i];
                auto_sbuf struct sbuf text = SBUF(PROGRESS_BYTES_MAX);
                if (!p->terminal && !l->changed)
                        continue;
                sbuf_printf(&text, "%s %s", marks[l->mark].sign, l->label);
                for (size_t w = table_width(l->label); w < label_width; w++)
                        sbuf_putc(&text, ' ');
                sbuf_printf(&text, "  %s", l->text);
                if (p->terminal) {
                        sbuf_printf(ret, "\r\033[K%s", marks[l->mark].color);
                        put_clipped(ret, sbuf_str(&text), p->width - 1);
                        sbuf_puts(ret, *marks[l->mark].color ? "\033[0m\n" : "\n");
                } else {
                        sbuf_printf(ret, "%s\n", sbuf_str(&text));
                }
                l->changed = false;
        }
        p->drawn = p->lines.n;
}

void progress_draw(struct progress *p) {
        auto_sbuf struct sbuf b = SBUF(PROGRESS_BYTES_MAX);
        progress_render(p, &b);
        if (b.len > 0)
                (void) fwrite(b.data, 1, b.len, stderr);
        (void) fflush(stderr);
}
