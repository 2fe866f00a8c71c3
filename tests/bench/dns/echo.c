/* echo.c: sends each UDP packet back with one bit changed (a DNS client then takes it for an answer): what a server that thinks nothing would cost.
 * usage: dns-echo PORT [single]   on 127.0.0.1; 32 packets a system call, or one */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 32, BYTES = 4160 };

static unsigned char bytes[BATCH][BYTES];
static struct sockaddr_in peers[BATCH];

static void one_by_one(int fd) {
        for (;;) {
                socklen_t n_peer = sizeof peers[0];
                ssize_t n = recvfrom(fd, bytes[0], BYTES, 0, (struct sockaddr *) &peers[0], &n_peer);
                if (n < 3)
                        continue;
                bytes[0][2] |= 0x80;
                (void) sendto(fd, bytes[0], (size_t) n, 0, (const struct sockaddr *) &peers[0], n_peer);
        }
}

static void batches(int fd) {
        static struct mmsghdr in[BATCH];
        static struct iovec iov[BATCH];
        for (;;) {
                for (int i = 0; i < BATCH; i++) {
                        iov[i] = (struct iovec) { bytes[i], BYTES };
                        in[i].msg_hdr = (struct msghdr) { .msg_name = &peers[i], .msg_namelen = sizeof peers[i], .msg_iov = &iov[i], .msg_iovlen = 1 };
                }
                int n = recvmmsg(fd, in, BATCH, MSG_WAITFORONE, NULL);
                for (int i = 0; i < n; i++) {
                        bytes[i][2] |= 0x80;
                        iov[i].iov_len = in[i].msg_len;
                }
                for (int sent = 0, r; sent < n; sent += r)
                        if ((r = sendmmsg(fd, in + sent, (unsigned) (n - sent), 0)) <= 0)
                                r = 1;
        }
}

int main(int argc, char **argv) {
        int fd = socket(AF_INET, SOCK_DGRAM, 0), port = 0, size = 4 << 20;
        if (argc < 2 || sscanf(argv[1], "%d", &port) != 1 || fd < 0)
                return 2;
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((unsigned short) port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        (void) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        if (bind(fd, (const struct sockaddr *) &a, sizeof a) < 0)
                return 1;
        if (argc > 2 && strcmp(argv[2], "single") == 0)
                one_by_one(fd);
        batches(fd);
        return 0;
}
