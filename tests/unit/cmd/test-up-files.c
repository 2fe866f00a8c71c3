#include "check.h"
#include "cmd/drover/up_files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/json.h"

/* A folder of its own: project/ with the documents, secret beside it. */
struct place { char folder[64], project[128]; };

static void write_text(const char *folder, const char *name, const char *text) {
        auto_free char *path = dr_xasprintf("%s/%s", folder, name);
        FILE *f = fopen(path, "we");
        CHECK(f);
        CHECK(fputs(text, f) >= 0);
        CHECK_INT(fclose(f), ==, 0);
}

static void make(struct place *p) {
        snprintf(p->folder, sizeof p->folder, "/tmp/drover-up-files-XXXXXX");
        CHECK(mkdtemp(p->folder));
        snprintf(p->project, sizeof p->project, "%s/project", p->folder);
        CHECK_INT(mkdir(p->project, 0755), ==, 0);
        auto_free char *sub = dr_xasprintf("%s/sub", p->project);
        CHECK_INT(mkdir(sub, 0755), ==, 0);
        write_text(p->folder, "secret", "PASSWORD=leaked\n");
        write_text(p->project, "web.env", "A=inside\n");
        write_text(sub, "base.yml", "base:\n  image: x\n  env_file: ../web.env\n");
        auto_free char *out = dr_xasprintf("%s/out.env", p->project), *in = dr_xasprintf("%s/in.env", p->project);
        CHECK_INT(symlink("../secret", out), ==, 0);
        CHECK_INT(symlink("web.env", in), ==, 0);
}

static void clear(struct place *p) {
        static const char *const names[] = { "project/sub/base.yml", "project/out.env", "project/in.env", "project/web.env", "project/docker-compose.yml", "secret" };
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                auto_free char *path = dr_xasprintf("%s/%s", p->folder, names[i]);
                (void) unlink(path);
        }
        auto_free char *sub = dr_xasprintf("%s/sub", p->project);
        (void) rmdir(sub);
        (void) rmdir(p->project);
        (void) rmdir(p->folder);
}

/* What variable A of the only service is; NULL: the documents do not read. The caller frees. */
static char *variable(struct place *p, const char *docker) {
        write_text(p->project, "docker-compose.yml", docker);
        auto_free char *path = dr_xasprintf("%s/docker-compose.yml", p->project);
        struct up_files_config cfg = { .files = (const char *const[]) { path, NULL }, .n = 1, .stack = "s" };
        struct up_files files = { 0 };
        struct dr_error err = { 0 };
        if (up_files_read(&cfg, &files, &err) < 0)
                return NULL;
        size_t n;
        const struct compose_service *s = compose_services(files.compose, &n);
        CHECK_INT(n, ==, 1);
        char *ret = dr_xstrdup(json_str(json_get(json_get(s->body, "launchConfig"), "environment"), "A", ""));
        up_files_done(&files);
        return ret;
}

TEST(documents_read_files_below_their_folder_and_none_elsewhere) {
        struct place p;
        make(&p);
        auto_free char *absolute = dr_xasprintf("web:\n  image: x\n  env_file: %s/web.env\n", p.project);
        const struct { const char *docker; bool read; } rows[] = {
                { "web:\n  image: x\n  env_file: web.env\n", true },
                { "web:\n  image: x\n  env_file: ./sub/../web.env\n", true },
                { "web:\n  image: x\n  env_file: in.env\n", true },
                { "web:\n  image: x\n  extends: {service: base, file: sub/base.yml}\n", true },
                { "web:\n  image: x\n  env_file: ../secret\n", false },
                { "web:\n  image: x\n  env_file: out.env\n", false },
                { "web:\n  image: x\n  env_file: /etc/passwd\n", false },
                { absolute, false },
                { "web:\n  image: x\n  env_file: sub\n", false },
                { "web:\n  image: x\n  extends: {service: base, file: ../secret}\n", false },
                { "version: '2'\nservices:\n  web: {image: x}\nsecrets:\n  s: {file: ../secret}\n", false },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_free char *a = variable(&p, rows[i].docker);
                if (!!a != rows[i].read)
                        print_error("row %zu: %s\n", i, rows[i].docker);
                CHECK_INT(a != NULL, ==, rows[i].read);
                if (rows[i].read)
                        CHECK_STR(a, ==, "inside");
        }
        clear(&p);
}

TEST_MAIN("cmd/up-files")
