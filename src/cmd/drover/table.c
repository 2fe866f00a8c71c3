#include "table.h"

#include "formats/gotemplate.h"

#include <stdio.h>

#include <strings.h>

enum { COLUMNS_MAX = 16, GAP = 2 };

static struct json_object *member(const struct json_object *o, const char *key, size_t len) {
        if (!o || !json_object_is_type(o, json_type_object))
                return NULL;
        json_object_object_foreach((struct json_object *) o, k, v)
                if (strlen(k) == len && strncasecmp(k, key, len) == 0)
                        return v;
        return NULL;
}

char *table_value(const struct json_object *row, const char *path) {
        const struct json_object *o = row;
        while (o && *path) {
                size_t len = strcspn(path, ".");
                o = member(o, path, len);
                path += len + (path[len] == '.');
        }
        if (!o)
                return dr_xstrdup("");
        if (json_object_is_type(o, json_type_string))
                return dr_xstrdup(json_object_get_string((struct json_object *) o));
        auto_sbuf struct sbuf b = SBUF(TABLE_BYTES_MAX);
        json_write(o, 0, &b);
        return sbuf_steal(&b);
}

size_t table_width(const char *s) {
        size_t n = 0;
        for (; *s; s++)
                n += ((unsigned char) *s & 0xc0) != 0x80;
        return n;
}

static void clean(char *s) {
        for (; *s; s++)
                if ((unsigned char) *s < 0x20 || *s == 0x7f)
                        *s = ' ';
}

static void trim_line(struct sbuf *b) {
        while (b->len > 0 && b->data[b->len - 1] == ' ')
                b->data[--b->len] = '\0';
        sbuf_putc(b, '\n');
}

static void pad(struct sbuf *b, size_t from, size_t to) {
        for (; from < to; from++)
                sbuf_putc(b, ' ');
}

static void render_columns(const struct table_column *columns, size_t n, const struct json_object *rows, struct sbuf *ret) {
        size_t n_rows = json_object_array_length(rows), width[COLUMNS_MAX] = { 0 };
        char **cells = dr_xcalloc(n_rows * n + 1, sizeof *cells);

        for (size_t c = 0; c < n; c++)
                width[c] = table_width(columns[c].header);
        for (size_t r = 0; r < n_rows; r++)
                for (size_t c = 0; c < n; c++) {
                        char *cell = table_value(json_object_array_get_idx(rows, r), columns[c].path);
                        clean(cell);
                        cells[r * n + c] = cell;
                        width[c] = MAX(width[c], table_width(cell));
                }
        for (size_t c = 0; c < n; c++) {
                sbuf_puts(ret, columns[c].header);
                pad(ret, table_width(columns[c].header), width[c] + GAP);
        }
        trim_line(ret);
        for (size_t r = 0; r < n_rows; r++) {
                for (size_t c = 0; c < n; c++) {
                        sbuf_puts(ret, cells[r * n + c]);
                        pad(ret, table_width(cells[r * n + c]), width[c] + GAP);
                        free(cells[r * n + c]);
                }
                trim_line(ret);
        }
        free(cells);
}

/* "\\n" and "\\t" typed in a shell mean what they say. */
static char *unescape(const char *format) {
        char *copy = dr_xstrdup(format), *to = copy;
        for (const char *p = format; *p; p++) {
                bool escape = p[0] == '\\' && (p[1] == 'n' || p[1] == 't');
                *to++ = !escape ? *p : p[1] == 'n' ? '\n' : '\t';
                p += escape;
        }
        *to = '\0';
        return copy;
}

static int render_template(const struct gotemplate *t, struct json_object *row, struct sbuf *ret, struct dr_error *err) {
        auto_sbuf struct sbuf line = SBUF(TABLE_BYTES_MAX);
        int r = gotemplate_execute(t, row, GOTEMPLATE_FOLD_CASE | GOTEMPLATE_JSON, &line, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < line.len; i++) {         /* blanks that the template makes stay, other control characters do not */
                char c = line.data[i];
                sbuf_putc(ret, ((unsigned char) c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ? ' ' : c);
        }
        sbuf_putc(ret, '\n');
        return 0;
}

int table_render(const struct table_column *columns, size_t n, const struct json_object *rows, const struct table_style *style,
                 struct sbuf *ret, struct dr_error *err) {
        assert(n <= COLUMNS_MAX);
        if (!style->quiet && (!style->format || str_eq(style->format, "table"))) {
                render_columns(columns, n, rows, ret);
                return 0;
        }
        AUTO(gotemplate_free) struct gotemplate *t = NULL;
        if (!style->quiet && !str_eq(style->format, "json")) {
                auto_free char *text = unescape(style->format);
                int e = gotemplate_parse(text, strlen(text), "--format", &t, err);
                if (e < 0) {
                        snprintf(err->field, sizeof err->field, "format");
                        return e;
                }
        }
        for (size_t r = 0; r < json_object_array_length(rows); r++) {
                struct json_object *row = json_object_array_get_idx(rows, r);
                if (style->quiet) {
                        auto_free char *id = table_value(row, "ID");
                        sbuf_printf(ret, "%s\n", id);
                } else if (str_eq(style->format, "json")) {
                        json_write(row, 0, ret);
                        sbuf_putc(ret, '\n');
                } else {
                        int e = render_template(t, row, ret, err);
                        if (e < 0)
                                return e;
                }
        }
        return 0;
}
