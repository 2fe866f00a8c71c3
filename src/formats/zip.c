#include "zip.h"

#include <assert.h>
#include <string.h>

enum { LOCAL_HEADER = 0x04034b50, CENTRAL_HEADER = 0x02014b50, END_OF_CENTRAL = 0x06054b50, VERSION = 20, DATE_1980_01_01 = 0x21, MADE_ON_UNIX = 3 << 8 };

static void put16(struct sbuf *b, unsigned v) {
        unsigned char p[2] = { (unsigned char) v, (unsigned char) (v >> 8) };
        sbuf_add(b, p, sizeof p);
}
static void put32(struct sbuf *b, uint32_t v) {
        put16(b, v & 0xffff);
        put16(b, v >> 16);
}

static uint32_t crc32_of(const char *p, size_t n) {
        uint32_t c = 0xffffffff;
        for (size_t i = 0; i < n; i++) {
                c ^= (unsigned char) p[i];
                for (int k = 0; k < 8; k++)
                        c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
        }
        return ~c;
}

/* What the two headers of a file have in common: from "version needed" to the length of the extra field. */
static void put_common(struct sbuf *b, const struct zip_file *f, uint32_t crc) {
        put16(b, VERSION);
        put16(b, 0);                    /* flags */
        put16(b, 0);                    /* method: stored */
        put16(b, 0);                    /* time */
        put16(b, DATE_1980_01_01);
        put32(b, crc);
        put32(b, (uint32_t) f->len);
        put32(b, (uint32_t) f->len);
        put16(b, (unsigned) strlen(f->name));
        put16(b, 0);
}

void zip_write(struct sbuf *out, const struct zip_file *files, size_t n) {
        uint32_t at[ZIP_FILES_MAX], crc[ZIP_FILES_MAX];
        size_t begin = out->len;
        assert(n <= ZIP_FILES_MAX);
        for (size_t i = 0; i < n; i++) {
                const struct zip_file *f = &files[i];
                assert(f->len <= ZIP_FILE_BYTES_MAX && strlen(f->name) <= ZIP_NAME_MAX);
                at[i] = (uint32_t) (out->len - begin);
                crc[i] = crc32_of(f->data, f->len);
                put32(out, LOCAL_HEADER);
                put_common(out, f, crc[i]);
                sbuf_puts(out, f->name);
                sbuf_add(out, f->data, f->len);
        }
        uint32_t central = (uint32_t) (out->len - begin);
        for (size_t i = 0; i < n; i++) {
                put32(out, CENTRAL_HEADER);
                put16(out, MADE_ON_UNIX | VERSION);
                put_common(out, &files[i], crc[i]);
                put16(out, 0);          /* comment */
                put16(out, 0);          /* disk */
                put16(out, 0);          /* internal attributes */
                put32(out, 0100600U << 16);
                put32(out, at[i]);
                sbuf_puts(out, files[i].name);
        }
        uint32_t end = (uint32_t) (out->len - begin);
        put32(out, END_OF_CENTRAL);
        put16(out, 0);
        put16(out, 0);
        put16(out, (unsigned) n);
        put16(out, (unsigned) n);
        put32(out, end - central);
        put32(out, central);
        put16(out, 0);
}
