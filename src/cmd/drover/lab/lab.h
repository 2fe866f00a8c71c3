/* lab.h: "drover lab", several Docker hosts on this machine. User's view: docs/lab.md. */
#pragma once

/* argv[0] is "lab"; the verb follows. Exit code: 0, 1 (failed, told on stderr), 2 (usage); exec and docker give the program's. */
int lab_main(int argc, char **argv);
