/* catalog: how long catalogs take to be read cold, and what they weigh: the work of one worker from the folder to what is served.
 *
 * usage: catalog [FOLDER...]; without: rancher-catalog and community-catalog below DROVER_CORPORA, and without that a generated catalog as large
 * as both together. Nothing is kept between two readings but what the kernel caches. */
#include "figure.h"

#include "server/catalog/snapshot.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

enum {
        TEMPLATES = 120, VERSIONS = 5, QUESTIONS = 10, COMPOSE_LINES = 120,     /* generated: 600 versions, as both public ones have together */
        FOLDERS_MAX = 16,
};
static const double CPU_BUDGET_S = 1;

static void die(const char *what, const struct dr_error *err) {
        fprintf(stderr, "catalog: %s: %s\n", what, err ? err->message : strerror(errno));
        exit(1);
}

static FILE *make(const char *dir, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static FILE *make(const char *dir, const char *fmt, ...) {
        char name[256];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(name, sizeof name, fmt, ap);
        va_end(ap);
        auto_free char *path = dr_xasprintf("%s/%s", dir, name);
        for (char *p = strchr(path + strlen(dir) + 1, '/'); p; p = strchr(p + 1, '/')) {
                *p = 0;
                if (mkdir(path, 0700) < 0 && errno != EEXIST)
                        die(path, NULL);
                *p = '/';
        }
        FILE *f = fopen(path, "we");
        if (!f)
                die(path, NULL);
        return f;
}

static void generate_version(const char *dir, int t, int v) {
        FILE *f = make(dir, "templates/app-%d/%d/docker-compose.yml", t, v);
        fprintf(f, "version: '2'\nservices:\n");
        for (int i = 0; i < COMPOSE_LINES / 6; i++)
                fprintf(f, "  part%d:\n    image: example/app%d:%d\n    environment:\n      LEVEL: ${LEVEL_%d}\n    ports:\n      - %d:80\n", i, t, v, i % QUESTIONS, 8000 + i);
        fclose(f);
        f = make(dir, "templates/app-%d/%d/rancher-compose.yml", t, v);
        fprintf(f, "version: '2'\ncatalog:\n  name: App %d\n  version: v1.%d.0\n  minimum_rancher_version: v1.2.0\n  questions:\n", t, v);
        for (int i = 0; i < QUESTIONS; i++)
                fprintf(f, "    - variable: LEVEL_%d\n      label: Level %d\n      description: How much of level %d this application shall have\n      type: string\n"
                        "      required: true\n      default: medium\n", i, i, i);
        fprintf(f, "services:\n");
        for (int i = 0; i < COMPOSE_LINES / 6; i++)
                fprintf(f, "  part%d:\n    scale: 2\n    health_check:\n      port: 80\n      interval: 2000\n      request_line: GET / HTTP/1.0\n", i);
        fclose(f);
}

static void generate(const char *dir) {
        for (int t = 0; t < TEMPLATES; t++) {
                FILE *f = make(dir, "templates/app-%d/config.yml", t);
                fprintf(f, "name: App %d\ndescription: An application\nversion: v1.%d.0\ncategory: Tests\n", t, VERSIONS - 1);
                fclose(f);
                f = make(dir, "templates/app-%d/catalogIcon-app.svg", t);
                for (int i = 0; i < 100; i++)
                        fprintf(f, "<path d=\"M %d %d\"/>\n", t, i);
                fclose(f);
                for (int v = 0; v < VERSIONS; v++)
                        generate_version(dir, t, v);
        }
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) { return remove(path); }

/* Reads all folders. Returns the CPU it took. */
static double read_all(char *const *dirs, size_t n, struct snapshot **ret) {
        double began = figure_cpu_seconds();
        for (size_t i = 0; i < n; i++) {
                struct fileset files = { 0 };
                struct dr_error err;
                char mark[FILESET_MARK_MAX];
                if (fileset_read_folder(&files, dirs[i], "", mark, &err) < 0 || snapshot_new(&files, &ret[i], &err) < 0)
                        die(dirs[i], &err);
        }
        return figure_cpu_seconds() - began;
}

int main(int argc, char **argv) {
        char made[] = "/tmp/drover-bench-catalog-XXXXXX", *dirs[FOLDERS_MAX] = { 0 };
        struct snapshot *all[FOLDERS_MAX] = { 0 };
        const char *corpora = getenv("DROVER_CORPORA");
        size_t n = 0;
        bool generated = argc < 2 && !corpora;
        for (int i = 1; i < argc && n < FOLDERS_MAX; i++)
                dirs[n++] = dr_xstrdup(argv[i]);
        if (!n && corpora) {
                dirs[n++] = dr_xasprintf("%s/rancher-catalog", corpora);
                dirs[n++] = dr_xasprintf("%s/community-catalog", corpora);
        }
        if (generated) {
                if (!mkdtemp(made))
                        die("mkdtemp", NULL);
                generate(made);
                dirs[n++] = dr_xstrdup(made);
        }
        uint64_t before = figure_pss_bytes();
        double cpu = read_all(dirs, n, all);
        uint64_t after = figure_pss_bytes();
        size_t templates = 0, versions = 0, files = 0, bytes = 0;
        for (size_t i = 0; i < n; i++) {
                templates += all[i]->n_templates;
                versions += all[i]->n_versions;
                files += all[i]->n_files;
                bytes += all[i]->bytes;
                snapshot_free(all[i]);
                free(dirs[i]);
        }
        if (generated)
                (void) nftw(made, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        figure_note("%s: %zu templates, %zu versions, %zu files, %.1f MiB of different texts", generated ? "a generated catalog" : corpora ? "both public catalogs" : "given folders",
                    templates, versions, files, (double) bytes / (1 << 20));
        bool ok = figure("catalogs read cold: CPU", cpu, "s", CPU_BUDGET_S, false);
        ok = figure("the same: memory for each version", after > before ? (double) (after - before) / (double) versions / 1024 : 0, "KiB", 0, false) && ok;
        return ok && templates && versions ? 0 : 1;
}
