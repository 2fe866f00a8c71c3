/* check.h: what a check of "drover doctor" gets and gives. One file checks-THEME.c per theme; to add a check, write the function
 * and its row in doctor.c. Checks look, they never change the machine. Blocking, one thread. */
#pragma once
#include "base/base.h"

struct http_sync;
struct json_object;

enum check_status { CHECK_OK, CHECK_WARN, CHECK_FAIL, CHECK_STATUS_MAX };

struct check_result {
        enum check_status status;
        char message[300];              /* what was found; one line, lower case, no final period */
        char advice[400];               /* what to do; empty when it is fine */
};

struct check_input {
        const char *server;             /* URL to compare with, or NULL */
        const char *engine_socket;      /* path */
        bool server_machine;            /* it is to be a server: no engine needed */
        struct http_sync *http;
};

void check_ok(struct check_result *r, const char *fmt, ...) DR_PRINTF(2, 3);
/* status CHECK_WARN or CHECK_FAIL. */
void check_bad(struct check_result *r, enum check_status status, const char *advice, const char *fmt, ...) DR_PRINTF(4, 5);

/* checks-engine.c */
void check_engine(const struct check_input *in, struct check_result *r);
void check_disk(const struct check_input *in, struct check_result *r);
/* checks-system.c */
void check_machine(const struct check_input *in, struct check_result *r);
void check_clock(const struct check_input *in, struct check_result *r);
void check_systemd(const struct check_input *in, struct check_result *r);
void check_privileges(const struct check_input *in, struct check_result *r);
void check_cgroups(const struct check_input *in, struct check_result *r);
/* checks-kernel.c */
void check_overlay(const struct check_input *in, struct check_result *r);
void check_links(const struct check_input *in, struct check_result *r);
void check_nftables(const struct check_input *in, struct check_result *r);
/* checks-network.c */
void check_server(const struct check_input *in, struct check_result *r);
void check_mtu(const struct check_input *in, struct check_result *r);
void check_ports(const struct check_input *in, struct check_result *r);
void check_firewall(const struct check_input *in, struct check_result *r);
void check_forwarding(const struct check_input *in, struct check_result *r);

/* GET with a cap of 1 MB and 5 s. Returns the HTTP status with *ret (may be NULL; caller frees) and *ret_date (the Date header's
 * Unix time, 0 without; may be NULL), or a negative errno. */
int check_get(const struct check_input *in, const char *url, char **ret, int64_t *ret_date, struct dr_error *err);
