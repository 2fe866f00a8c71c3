/* stream: what bench vxlan sends. "stream serve PORT" takes connections for ever; "stream send ADDRESS PORT SECONDS" prints Gbit/s of one TCP
 * stream, "stream trip ADDRESS PORT COUNT" the median microseconds of a byte there and back. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 256 * 1024, TRIPS_MAX = 100000 };

static double now(void) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static void die(const char *what) {
        perror(what);
        exit(1);
}

/* The first byte says: 's' everything is thrown away, 't' everything comes back. */
static void serve_one(int fd) {
        static char buf[PIECE];
        char kind;
        int on = 1;
        if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 || read(fd, &kind, 1) != 1)
                exit(1);
        for (ssize_t n; (n = read(fd, buf, sizeof buf)) > 0;)
                if (kind == 't' && write(fd, buf, (size_t) n) != n)
                        break;
        exit(0);
}

static void serve(int port) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((unsigned short) port) };
        int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 || bind(fd, (struct sockaddr *) &a, sizeof a) < 0 || listen(fd, 10) < 0)
                die("listen");
        for (;;) {
                int c = accept(fd, NULL, NULL);
                if (c < 0)
                        die("accept");
                pid_t child = fork();
                if (child == 0)
                        serve_one(c);
                close(c);
        }
}

static int dial(const char *address, int port, char kind) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((unsigned short) port) };
        int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
        if (fd < 0 || inet_pton(AF_INET, address, &a.sin_addr) != 1 || connect(fd, (struct sockaddr *) &a, sizeof a) < 0)
                die("connect");
        if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 || write(fd, &kind, 1) != 1)
                die("write");
        return fd;
}

static int send_for(int fd, double seconds) {
        static char buf[PIECE];
        double began = now(), sent = 0, took;
        while ((took = now() - began) < seconds) {
                ssize_t n = write(fd, buf, sizeof buf);
                if (n < 0)
                        die("write");
                sent += (double) n;
        }
        printf("%.3f\n", sent * 8 / took / 1e9);
        return 0;
}

static int compare(const void *a, const void *b) { return (*(const double *) a > *(const double *) b) - (*(const double *) a < *(const double *) b); }

static int trips(int fd, int count) {
        static double took[TRIPS_MAX];
        char byte = 'x';
        count = count > TRIPS_MAX ? TRIPS_MAX : count;
        for (int i = 0; i < count; i++) {
                double began = now();
                if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
                        die("trip");
                took[i] = (now() - began) * 1e6;
        }
        qsort(took, (size_t) count, sizeof *took, compare);
        printf("%.1f\n", took[count / 2]);
        return 0;
}

int main(int argc, char **argv) {
        if (argc == 3 && strcmp(argv[1], "serve") == 0)
                serve(atoi(argv[2]));
        if (argc == 5 && strcmp(argv[1], "send") == 0)
                return send_for(dial(argv[2], atoi(argv[3]), 's'), atof(argv[4]));
        if (argc == 5 && strcmp(argv[1], "trip") == 0)
                return trips(dial(argv[2], atoi(argv[3]), 't'), atoi(argv[4]));
        fprintf(stderr, "stream serve PORT | send ADDRESS PORT SECONDS | trip ADDRESS PORT COUNT\n");
        return 2;
}
