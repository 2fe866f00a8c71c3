#include "check.h"
#include "formats/zip.h"

static unsigned at16(const struct sbuf *b, size_t i) { return (unsigned char) b->data[i] | (unsigned) (unsigned char) b->data[i + 1] << 8; }
static uint32_t at32(const struct sbuf *b, size_t i) { return at16(b, i) | (uint32_t) at16(b, i + 2) << 16; }

TEST(an_archive_without_files_is_its_end_alone) {
        auto_sbuf struct sbuf b = SBUF(1024);
        zip_write(&b, NULL, 0);
        CHECK_INT(b.len, ==, 22);
        CHECK_INT(at32(&b, 0), ==, 0x06054b50);
}

TEST(a_file_is_stored_with_its_checksum_and_found_from_the_end) {
        auto_sbuf struct sbuf b = SBUF(1024);
        const struct zip_file files[] = { { "a", "123456789", 9 }, { "bc", "", 0 } };
        zip_write(&b, files, 2);
        size_t end = b.len - 22;
        uint32_t central = at32(&b, end + 16);
        CHECK_INT(at16(&b, end + 10), ==, 2);
        CHECK_INT(at32(&b, end + 12), ==, end - central);
        CHECK_INT(at32(&b, central), ==, 0x02014b50);
        CHECK_INT(at32(&b, central + 16), ==, 0xcbf43926);      /* CRC-32 of "123456789", as every description of it says */
        CHECK_INT(at32(&b, central + 42), ==, 0);
        size_t second = central + 46 + 1;
        CHECK_INT(at32(&b, second + 42), ==, 30 + 1 + 9);
        CHECK_INT(at32(&b, at32(&b, second + 42)), ==, 0x04034b50);
        CHECK(memcmp(b.data + 31, "123456789", 9) == 0);
}

TEST(an_archive_is_appended_to_what_the_buffer_holds) {
        auto_sbuf struct sbuf b = SBUF(1024);
        const struct zip_file file = { "a", "x", 1 };
        sbuf_puts(&b, "before");
        zip_write(&b, &file, 1);
        CHECK_INT(at32(&b, 6), ==, 0x04034b50);
        CHECK_INT(at32(&b, b.len - 22 + 16), ==, 30 + 1 + 1);   /* offsets count from the archive's begin */
}

TEST_MAIN("formats/zip")
