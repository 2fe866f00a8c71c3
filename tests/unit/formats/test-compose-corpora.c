#include "check.h"
#include "base/sbuf.h"
#include "formats/compose.h"

#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

/* Reads every compose document below the folder named by DROVER_CORPORA (public catalogs, which are no part of drover) and prints how many
 * do not read, and why. Template files (.tpl, or text with {{ }}) need rendering first and are only counted. */
enum { FILE_BYTES_MAX = 1 << 20 };

static size_t files, templates, refused, services;

static const char *lookup(void *ctx, const char *name) { return "1"; }

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        const char *base = path + ftw->base;
        bool tpl = str_ends(base, ".tpl");
        if (type != FTW_F || (!str_starts(base, "docker-compose.yml") && !str_starts(base, "rancher-compose.yml")))
                return 0;
        FILE *f = fopen(path, "re");
        CHECK(f);
        auto_free char *text = dr_xmalloc(FILE_BYTES_MAX + 1);
        size_t n = fread(text, 1, FILE_BYTES_MAX, f);
        fclose(f);
        files++;
        if (tpl || memmem(text, n, "{{", 2)) {
                templates++;
                return 0;
        }
        struct compose_doc doc = { path, text, n };
        struct compose_env env = { .lookup = lookup };
        AUTO(compose_free) struct compose *c = NULL;
        struct dr_error err = { 0 };
        size_t count;
        int r = compose_read(&doc, 1, &env, &c, &err);
        compose_services(c, &count);
        services += count;
        if (r < 0) {
                refused++;
                print_message("%s\n", err.message);
        }
        return 0;
}

TEST(compose_documents_of_public_catalogs_read) {
        const char *folder = getenv("DROVER_CORPORA");
        if (!folder) {
                print_message("DROVER_CORPORA names no folder\n");
                skip();
        }
        CHECK_INT(nftw(folder, visit, 16, FTW_PHYS), ==, 0);
        print_message("%zu documents, %zu of them templates, %zu refused, %zu services\n", files, templates, refused, services);
        CHECK_INT(files, >, 0);
        /* Each document alone: links to services of the other document, and variables that must be numbers, are real errors then. */
        CHECK_INT(refused * 20, <, files);
}

TEST_MAIN("formats/compose-corpora")
