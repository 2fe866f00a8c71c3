/* Stands in for the drover program in the lab's own tests. */
#include "lab.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
        if (argc > 1 && strcmp(argv[1], "lab") == 0)
                return lab_main(argc - 1, argv + 1);
        fprintf(stderr, "usage: drover-lab-test lab ...\n");
        return 2;
}
