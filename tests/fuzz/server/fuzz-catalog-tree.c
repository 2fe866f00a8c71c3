/* A catalog as its author may make it. The first byte picks what the rest is: 'f' files, each behind a line "=== PATH"; 'g' what git lists, "=== ",
 * and what git then gives; else the setting catalog.url. Whatever is made must be consistent: names in ids, versions in order, JSON that is JSON. */
#include <stdlib.h>
#include <string.h>

#include "formats/catalog.h"
#include "formats/json.h"
#include "server/catalog/git.h"
#include "server/catalog/snapshot.h"
#include "server/catalog/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 256 << 10 };

static void check_json(const char *text) {
        struct json_object *o = NULL;
        if (json_parse(text, strlen(text), strlen(text) + 1, &o, NULL) < 0)
                abort();
        json_object_put(o);
}

static void check(struct fileset *f) {
        struct snapshot *s = NULL;
        if (snapshot_new(f, &s, NULL) < 0)
                return;
        for (size_t i = 0; i < s->n_templates; i++) {
                const struct snapshot_template *t = &s->templates[i];
                if (!t->n_versions || snapshot_template(s, t->base, t->folder) != t || !snapshot_default(t, NULL) || !t->config)
                        abort();
                for (size_t k = 0; k < t->n_versions; k++) {
                        const struct snapshot_version *v = &t->versions[k];
                        if (!*v->version || (k && v->revision >= 0 && t->versions[k - 1].revision >= v->revision))
                                abort();
                        if (v->revision >= 0 && snapshot_version(t, v->revision, NULL) != v)
                                abort();
                        check_json(v->labels);
                        check_json(v->questions);
                        for (size_t n = 0; n < v->n_files; n++)
                                if (!*v->files[n].name || strchr(v->files[n].name, '/') || !snapshot_file(v, v->files[n].name))
                                        abort();
                }
        }
        snapshot_free(s);
}

static void files(const char *text) {
        struct fileset f = { 0 };
        for (const char *p = strstr(text, "=== "); p;) {
                const char *name = p + strlen("=== "), *nl = strchr(name, '\n'), *next = nl ? strstr(nl, "\n=== ") : NULL;
                if (!nl)
                        break;
                size_t n = next ? (size_t) (next - nl) : strlen(nl + 1);
                auto_free char *path = dr_xstrndup(name, (size_t) (nl - name));
                struct blob *b = blob_new(n);
                memcpy(b->data, nl + 1, n);
                b = fileset_blob(&f, b, NULL);
                if (b)
                        (void) fileset_add(&f, path, b, NULL);
                p = next ? next + 1 : NULL;
        }
        fileset_sort(&f);
        check(&f);
        fileset_done(&f);
}

static void git(char *text, size_t size) {
        static const char mark[] = "=== ";
        char *given = memmem(text, size, mark, strlen(mark));
        struct git_content *c = NULL;
        struct fileset f = { 0 };
        size_t n = given ? (size_t) (given - text) : size;
        auto_free char *list = dr_xmalloc(n + 1);
        memcpy(list, text, n);
        list[n] = 0;
        for (size_t i = 0; i < n; i++)          /* lines end in NUL there; seeds are text */
                if (list[i] == '\n')
                        list[i] = 0;
        if (git_content_list(list, n, &c, NULL) < 0)
                return;
        if (given)
                git_content_give(c, given + strlen(mark), size - n - strlen(mark));
        if (git_content_read(c, &f, NULL) == 0)
                check(&f);
        fileset_done(&f);
        git_content_free(c);
}

static void setting(const char *text) {
        struct sources s = { 0 };
        for (const char *p = text; *p; p++)
                if (*p & 0x80)
                        return;         /* settings come as JSON, so they are UTF-8; that is json.c's to check */
        (void) sources_parse(text, "v1.6.30", &s, NULL);
        for (size_t i = 0; i < s.n; i++) {
                bool local;
                auto_free char *where = NULL;
                if (source_check_name(s.v[i].name, NULL) < 0 || !*s.v[i].url)
                        abort();
                if (*s.v[i].url != '/' && strncmp(s.v[i].url, "file:", 5) != 0 && source_kind(s.v[i].url, &local, &where, NULL) == SOURCE_GIT && *where == '-')
                        abort();
        }
        AUTO(json_free) struct json_object *o = sources_to_json(&s);
        struct sources again = { 0 };
        auto_sbuf struct sbuf stored = SBUF(8 * INPUT_MAX);
        json_write(o, 0, &stored);
        if (sources_parse(sbuf_str(&stored), "v1.6.30", &again, NULL) < 0 || again.n != s.n)
                abort();
        sources_done(&again);
        sources_done(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (!size || size > INPUT_MAX)
                return 0;
        auto_free char *text = dr_xmalloc(size);
        memcpy(text, data + 1, size - 1);
        text[size - 1] = 0;
        if (*data == 'f')
                files(text);
        else if (*data == 'g')
                git(text, size - 1);
        else
                setting(text);
        return 0;
}
