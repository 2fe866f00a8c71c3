#include "check.h"
#include "compose_player.h"

#include <dirent.h>
#include <stdlib.h>

#include "base/sbuf.h"
#include "base/vec.h"

/* The stacks of tests/data/compose/stacks (README.md there). DROVER_WRITE_EXPECTED=1 writes expected.json and messages.txt anew: look at what
 * changed before it is committed. */
enum { TEXT_BYTES_MAX = 4 << 20 };
#define STACKS DROVER_TEST_DATA "/compose/stacks"

static char *read_text(const char *stack, const char *file, size_t *ret_len) {
        auto_free char *path = dr_xasprintf(STACKS "/%s/%s", stack, file);
        return player_read_file(path, ret_len);
}

/* Compares with a file, or writes it. An empty text is no file. */
static bool matches_file(const char *stack, const char *file, const char *text) {
        auto_free char *path = dr_xasprintf(STACKS "/%s/%s", stack, file), *want = player_read_file(path, NULL);
        if (str_eq(str_or(want, ""), text))
                return true;
        if (!getenv("DROVER_WRITE_EXPECTED")) {
                print_error("%s/%s:\n  got  %s\n  want %s\n", stack, file, text, str_or(want, ""));
                return false;
        }
        FILE *f = *text ? fopen(path, "we") : NULL;
        if (f)
                fputs(text, f);
        if (f ? fclose(f) != 0 : *text)
                return false;
        return true;
}

/* One request a line, keys in order, without empty values. */
static char *requests_text(const struct json_object *requests) {
        auto_sbuf struct sbuf b = SBUF(TEXT_BYTES_MAX);
        size_t n = json_object_array_length(requests);
        for (size_t i = 0; i < n; i++) {
                AUTO(json_free) struct json_object *r = player_reduced(json_object_array_get_idx(requests, i));
                auto_free char *line = player_text(r);
                sbuf_printf(&b, "%s%s%s", i ? " " : "[", line, i + 1 < n ? ",\n" : "]\n");
        }
        return sbuf_steal(&b);
}

static bool run_stack(const char *stack) {
        struct player_files files = { .name = "docker-compose.yml" };
        auto_free char *docker = read_text(stack, files.name, &files.len);
        if (!docker) {
                files.name = "docker-compose.yml.tpl";
                docker = read_text(stack, files.name, &files.len);
        }
        auto_free char *rancher = read_text(stack, "rancher-compose.yml", &files.rancher_len), *answers_text = read_text(stack, "answers.json", NULL);
        AUTO(json_free) struct json_object *answers = NULL;
        struct dr_error err = { 0 };
        if (!docker || (answers_text && json_parse(answers_text, strlen(answers_text), TEXT_BYTES_MAX, &answers, &err) < 0)) {
                print_error("%s: no document, or answers.json: %s\n", stack, err.message);
                return false;
        }
        files.text = docker;
        files.rancher = rancher;
        auto_free char *folder = dr_xasprintf(STACKS "/%s", stack);
        __attribute__((cleanup(player_done))) struct player p;
        player_init(&p, stack, answers);
        p.folder = folder;
        int r = player_create(&p, &files);
        auto_free char *requests = r < 0 ? dr_xstrdup("") : requests_text(p.requests);
        bool ok = matches_file(stack, "expected.json", requests);
        bool told = strstr(p.messages, "error: ") != NULL;      /* else the request failed, not the reading */
        auto_free char *messages = dr_xasprintf("%s%s%s%s", p.messages, r < 0 && !told ? "failed: " : "", r < 0 && !told ? p.error : "",
                                                r < 0 && !told ? "\n" : "");
        ok &= matches_file(stack, "messages.txt", messages);
        return (r < 0 || player_round_trip(&p, stack)) && ok;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *) a, *(char *const *) b); }

TEST(every_stack_gives_its_requests_and_messages_and_survives_export_and_import) {
        DIR *d = opendir(STACKS);
        CHECK(d);
        VEC(char *) names = { 0 };
        size_t failed = 0;
        for (struct dirent *e; (e = readdir(d));)
                if (e->d_name[0] != '.' && !strchr(e->d_name, '.'))
                        vec_push(&names, dr_xstrdup(e->d_name));
        closedir(d);
        vec_sort(&names, by_name);
        for (size_t i = 0; i < names.n; i++) {
                failed += !run_stack(names.v[i]);
                free(names.v[i]);
        }
        print_message("%zu stacks, %zu wrong\n", names.n, failed);
        CHECK_INT(names.n, >=, 60);
        CHECK_INT(failed, ==, 0);
        vec_done(&names);
}

TEST_MAIN("formats/compose-stacks")
