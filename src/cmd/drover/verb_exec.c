/* verb_exec.c: drover exec CONTAINER COMMAND...: a command in a container, wherever it runs. */
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

#include "cli.h"
#include "host_stream.h"
#include "pick.h"
#include "verbs.h"

enum { LOOK_MS = 200, LOST = 255 };

static const struct opt_row rows[] = {
        { .name = "interactive", .letter = 'i', .type = OPT_FLAG, .help = "give the command this command's input" },
        { .name = "tty", .letter = 't', .type = OPT_FLAG, .help = "give it a terminal; its size follows this one's" },
};

static volatile sig_atomic_t resized;
static void on_winch(int sig) {
        (void) sig;
        resized = 1;
}

struct terminal { struct termios before; bool raw; };
static void terminal_raw(struct terminal *t) {
        struct termios raw;
        if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &t->before) < 0)
                return;
        raw = t->before;
        cfmakeraw(&raw);
        t->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}
static void terminal_restore(struct terminal *t) {
        if (t->raw)
                (void) tcsetattr(STDIN_FILENO, TCSADRAIN, &t->before);
}
#define auto_terminal __attribute__((cleanup(terminal_restore)))

static int send_size(struct host_stream *s, struct dr_error *err) {
        struct winsize size;
        resized = 0;
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
                return 0;
        return size.ws_col ? host_stream_resize(s, size.ws_col, size.ws_row, err) : 0;
}

static bool can_wait_for_input(void) {
        struct stat st;
        return fstat(STDIN_FILENO, &st) == 0 && !S_ISREG(st.st_mode);
}

/* Reads what there is and sends it. *open becomes false at the end of input. */
static int send_input(struct host_stream *s, bool *open, struct dr_error *err) {
        char chunk[HOST_STREAM_CHUNK];
        ssize_t n = read(STDIN_FILENO, chunk, sizeof chunk);
        if (n > 0)
                return host_stream_send(s, chunk, (size_t) n, err);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                return 0;
        *open = false;
        host_stream_watch(s, -1);
        return host_stream_eof(s, err);
}

static int write_out(const char *p, size_t n, struct dr_error *err) {
        while (n > 0) {
                ssize_t k = write(STDOUT_FILENO, p, n);
                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return dr_fail(err, DR_E_INTERNAL, NULL, "could not write the output: %m");
                p += k;
                n -= (size_t) k;
        }
        return 0;
}

static int pump(struct host_stream *s, bool input, bool tty, struct dr_error *err) {
        bool waits = input && can_wait_for_input();
        if (waits)
                host_stream_watch(s, STDIN_FILENO);
        int r = tty ? send_size(s, err) : 0;
        while (r >= 0) {
                auto_free char *p = NULL;
                size_t n = 0;
                r = host_stream_next(s, input && !waits ? 0 : LOOK_MS, &p, &n, err);
                if (r > 0)
                        r = write_out(p, n, err);
                else if (r == 0 && input && (!waits || cli_can_read(STDIN_FILENO)))
                        r = send_input(s, &input, err);
                if (r >= 0 && tty && resized)
                        r = send_size(s, err);
        }
        return r;
}

static int run(const struct opts *o, void *context) {
        struct cli *c = context;
        size_t n;
        const char *const *args = opts_args(o, &n);
        bool input = opts_bool(o, "interactive"), tty = opts_bool(o, "tty");
        AUTO(json_free) struct json_object *container = NULL, *body = json_object_new_object(), *access = NULL;
        if (tty && input && !isatty(STDIN_FILENO))
                return dr_fail(&c->err, DR_E_INVALID_OPTION, "tty", "the input is no terminal: leave out -t");
        int r = cli_connect_project(c);
        if (r < 0 || (r = pick_container(c, args[0], &container)) < 0)
                return r;
        struct json_object *command = json_object_new_array();
        for (size_t i = 1; i < n; i++)
                json_object_array_add(command, json_object_new_string(args[i]));
        json_set_bool(body, "attachStdin", input);
        json_set_bool(body, "attachStdout", true);
        json_set_bool(body, "tty", tty);
        json_set(body, "command", command);
        AUTO(host_stream_free) struct host_stream *s = NULL;
        if ((r = api_action(c->api, container, "execute", body, &access, &c->err)) < 0 || (r = host_stream_open(c->api, access, &s, &c->err)) < 0)
                return r;
        auto_terminal struct terminal t = { .raw = false };
        if (tty && input)
                terminal_raw(&t);
        (void) sigaction(SIGWINCH, &(struct sigaction) { .sa_handler = on_winch }, NULL);
        r = pump(s, input, tty, &c->err);
        if (r != -ENODATA)
                return r;
        int code = host_stream_exit_code(s);
        return code < 0 ? LOST : code;
}

const struct opt_command verb_exec = {
        .name = "exec", .summary = "run a command in a container", .args = "CONTAINER|SERVICE COMMAND [ARG...]", .min_args = 2, .max_args = OPT_ANY,
        .complete = "container,service", .first_ends = true,
        .about = "Of a service, its first running container is taken. The exit code is the command's; 255 when it is not known.\n"
                 "Example: drover exec -it demo/web sh",
        OPT_ROWS(rows), .run = run,
};
