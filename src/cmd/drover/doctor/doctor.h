/* doctor.h: "drover doctor", checks whether this machine is fit to be a host or a server, with advice. Changes nothing. */
#pragma once

/* Options: --server URL, --json. Exit code: 0 (warnings at most), 1 (something fails), 2 (usage). */
int doctor_main(int argc, char **argv);
