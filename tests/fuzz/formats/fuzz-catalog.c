/* Any bytes as one of the catalog's files, ids or versions; the first byte says which. What reads is read the same again, or fails with words. */
#include <stdlib.h>
#include <string.h>

#include "formats/answers.h"
#include "formats/catalog.h"
#include "formats/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_file(char kind, const char *text, size_t n, struct json_object **ret, struct dr_error *err) {
        switch (kind) {
        case 'c': return catalog_config_parse(text, n, "f", ret, err);
        case 'v': return catalog_version_parse(text, n, "f", "1", ret, err);
        case 'p': return catalog_project_parse(text, n, "f", ret, err);
        case 'a': return answers_parse("f", text, n, ret, err);
        default:  return answers_parse("f.yml", text, n, ret, err);
        }
}

static void ask_questions(const struct json_object *o, const char *text) {
        struct json_object *questions = json_get_array(o, "questions");
        for (size_t i = 0; questions && i < json_object_array_length(questions) && i < 20; i++) {
                AUTO(json_free) struct json_object *answer = NULL;
                struct dr_error err = { 0 };
                if (catalog_answer(json_object_array_get_idx(questions, i), text, &answer, &err) < 0 && (answer || !err.message[0]))
                        abort();
        }
}

static void read_names(const char *s) {
        struct catalog_id id;
        struct catalog_place place;
        struct dr_error err = { 0 };
        if (catalog_id_parse(s, &id, &err) == 0) {
                auto_free char *again = catalog_id_format(&id);
                struct catalog_id same;
                if (catalog_id_parse(again, &same, &err) < 0 || strcmp(same.folder, id.folder) != 0 || same.revision != id.revision)
                        abort();
        }
        if (catalog_place_parse(s, &place) == 0 && (strstr(place.folder, "..") == place.folder && place.folder[2] == '\0'))
                abort();
        const char *half = strchr(s, ' ');
        if (!half)
                return;
        auto_free char *version = dr_xstrndup(s, (size_t) (half - s));
        if (catalog_version_greater(version, half + 1) && catalog_version_greater(half + 1, version))
                abort();
        int r = catalog_version_in_range(version, half + 1);
        if (r != 0 && r != 1 && r != -EINVAL)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (!size)
                return 0;
        auto_free char *text = dr_xstrndup((const char *) data + 1, size - 1);
        AUTO(json_free) struct json_object *o = NULL, *again = NULL;
        struct dr_error err = { 0 };
        read_names(text);
        int r = read_file((char) data[0], (const char *) data + 1, size - 1, &o, &err);
        if (r < 0 && (o || !err.message[0]))
                abort();
        if (r == 0) {
                ask_questions(o, text);
                if (read_file((char) data[0], (const char *) data + 1, size - 1, &again, &err) < 0 || !json_equal(o, again))
                        abort();
        }
        return 0;
}
