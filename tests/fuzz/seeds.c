/* seeds.c: runs a fuzz target once over every file of a folder, given as the only argument, and over the empty input. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEED_BYTES_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *folder, const char *name) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, name);
        FILE *f = fopen(path, "rbe");
        uint8_t *data = malloc(SEED_BYTES_MAX);
        if (!f || !data) {
                fprintf(stderr, "could not read seed \"%s\"\n", path);
                return 1;
        }
        size_t n = fread(data, 1, SEED_BYTES_MAX, f);
        fclose(f);
        /* An exact allocation, so that reading one byte too far is seen. */
        uint8_t *exact = realloc(data, n ? n : 1);
        LLVMFuzzerTestOneInput(exact, n);
        free(exact);
        return 0;
}

int main(int argc, char **argv) {
        DIR *d = argc == 2 ? opendir(argv[1]) : NULL;
        if (!d) {
                fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
                return 2;
        }
        int failed = 0, n = 0;
        LLVMFuzzerTestOneInput((const uint8_t *) "", 0);
        for (struct dirent *e; (e = readdir(d)); )
                if (e->d_name[0] != '.') {
                        failed += run_file(argv[1], e->d_name);
                        n++;
                }
        closedir(d);
        printf("%d seeds\n", n);
        return failed || !n;
}
