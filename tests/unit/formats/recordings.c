#include "recordings.h"

#include "compose_player.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/sbuf.h"
#include "base/vec.h"
#include "formats/json.h"

enum { LINE_BYTES_MAX = 8 << 20, KEY_BYTES_MAX = 1000 };

struct category { char *name; size_t lines, counts[RECORDINGS_VERDICTS_MAX]; };
static VEC(struct category) categories;
static const char *corpora, *golden;
static const char *const *keys;
static recordings_fn *judge;

static struct category *category_of(const char *name) {
        for (size_t i = 0; i < categories.n; i++)
                if (str_eq(categories.v[i].name, name))
                        return &categories.v[i];
        vec_push(&categories, ((struct category) { .name = dr_xstrdup(name) }));
        return &categories.v[categories.n - 1];
}

static char *key_of(const struct json_object *line) {
        auto_sbuf struct sbuf b = SBUF(KEY_BYTES_MAX);
        for (size_t i = 0; keys[i]; i++)
                sbuf_printf(&b, "%s%s", i ? "/" : "", json_str(line, keys[i], ""));
        return sbuf_steal(&b);
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        if (type != FTW_F || !str_ends(path, ".jsonl"))
                return 0;
        auto_free char *text = player_read_file(path, NULL), *name = dr_xstrndup(path + strlen(golden) + 1, strlen(path) - strlen(golden) - 1 - strlen(".jsonl"));
        auto_free char *folder = dr_xasprintf("%s/%s", corpora, name), *category = dr_xstrndup(name, (size_t) (strrchr(name, '/') - name));
        struct smap lines = { 0 };
        VEC(struct json_object *) all = { 0 };
        VEC(char *) names = { 0 };
        bool good = text != NULL;
        for (char *p = text, *nl; good && *p && (nl = strchr(p, '\n')); p = nl + 1) {
                struct json_object *line = NULL;
                struct dr_error err = { 0 };
                if (json_parse(p, (size_t) (nl - p), LINE_BYTES_MAX, &line, &err) < 0) {
                        print_error("%s: %s\n", path, err.message);
                        good = false;
                        break;
                }
                vec_push(&all, line);
                char *key = key_of(line);
                vec_push(&names, key);
                smap_set(&lines, key, line);
                const char *same = json_str(line, "same", NULL);
                const struct json_object *recorded = same ? smap_get(&lines, same) : line;
                if (!recorded) {
                        print_error("%s: there is no line %s\n", path, same);
                        good = false;
                        break;
                }
                unsigned verdict = judge(folder, line, recorded);
                struct category *c = category_of(category);
                c->lines++;
                c->counts[verdict]++;
        }
        smap_done(&lines);
        for (size_t i = 0; i < all.n; i++) {
                json_free(all.v[i]);
                free(names.v[i]);
        }
        vec_done(&all);
        vec_done(&names);
        return good ? 0 : -1;
}

char *recordings_folder(const char *variable) {
        const char *value = getenv(variable);
        char *folder = value && *value ? dr_xstrdup(value) : NULL;
        while (folder && str_ends(folder, "/"))
                folder[strlen(folder) - 1] = '\0';
        return folder;
}

bool recordings_each(const char *catalogs, const char *sub, const char *const *key_fields, recordings_fn *fn) {
        auto_free char *given = recordings_folder("DROVER_GOLDEN");
        auto_free char *recorded = given ? dr_xasprintf("%s/%s", given, sub) : dr_xasprintf("%s/../golden/%s", catalogs, sub);
        corpora = catalogs;
        golden = recorded;
        keys = key_fields;
        judge = fn;
        return nftw(golden, visit, 16, FTW_PHYS) == 0;
}

size_t recordings_report(const char *title, const char *const *verdicts, size_t n, size_t *ret) {
        size_t lines = 0;
        print_message("%s\n", title);
        for (size_t i = 0; i < categories.n; i++) {
                struct category *c = &categories.v[i];
                print_message("  %s: %zu\n", c->name, c->lines);
                lines += c->lines;
                for (size_t v = 0; v < n; v++) {
                        ret[v] += c->counts[v];
                        if (c->counts[v])
                                print_message("    %5zu %s\n", c->counts[v], verdicts[v]);
                }
                free(c->name);
        }
        vec_done(&categories);
        return lines;
}
