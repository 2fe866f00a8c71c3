#include "table.h"

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

static int render_template(const char *template, const struct json_object *row, struct sbuf *ret, struct dr_error *err) {
        for (const char *p = template; *p; ) {
                if (p[0] == '\\' && (p[1] == 'n' || p[1] == 't')) {
                        sbuf_putc(ret, p[1] == 'n' ? '\n' : '\t');
                        p += 2;
                        continue;
                }
                if (!str_starts(p, "{{")) {
                        sbuf_putc(ret, *p++);
                        continue;
                }
                const char *end = strstr(p, "}}"), *from = p + 2;
                if (!end)
                        return dr_fail(err, DR_E_INVALID_FORMAT, "format", "template: \"{{\" without \"}}\" in \"%.100s\"", p);
                size_t len = (size_t) (end - from);
                while (len > 0 && *from == ' ')
                        from++, len--;
                while (len > 0 && from[len - 1] == ' ')
                        len--;
                auto_free char *path = dr_xstrndup(from, len);
                if (*path != '.' || strpbrk(path, " |()$\""))
                        return dr_fail(err, DR_E_INVALID_FORMAT, "format", "template: \"{{%.100s}}\" is not a value: write {{.ID}} or {{.Service.Name}}", path);
                auto_free char *value = table_value(row, path + 1);
                clean(value);
                sbuf_puts(ret, value);
                p = end + 2;
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
        for (size_t r = 0; r < json_object_array_length(rows); r++) {
                struct json_object *row = json_object_array_get_idx(rows, r);
                if (style->quiet) {
                        auto_free char *id = table_value(row, "ID");
                        sbuf_printf(ret, "%s\n", id);
                } else if (str_eq(style->format, "json")) {
                        json_write(row, 0, ret);
                        sbuf_putc(ret, '\n');
                } else {
                        int e = render_template(style->format, row, ret, err);
                        if (e < 0)
                                return e;
                }
        }
        return 0;
}
