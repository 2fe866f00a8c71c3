"""ping.py ADDRESS [DATA_BYTES]: one ICMP echo, exit code 0 when it was answered within a second. With a size it must not be cut on the way."""
import os
import select
import socket
import struct
import sys
import time

IP_MTU_DISCOVER, IP_PMTUDISC_PROBE = 10, 3


def checksum(data):
    data += b'\0' * (len(data) % 2)
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def main():
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    if len(sys.argv) > 2:
        s.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
    me = os.getpid() & 0xffff
    data = os.urandom(int(sys.argv[2]) if len(sys.argv) > 2 else 56)
    head = struct.pack('!BBHHH', 8, 0, 0, me, 1)
    try:
        s.sendto(struct.pack('!BBHHH', 8, 0, checksum(head + data), me, 1) + data, (sys.argv[1], 0))
    except OSError:
        return 1
    end = time.monotonic() + 1
    while (left := end - time.monotonic()) > 0:
        if select.select([s], [], [], left)[0]:
            got = s.recv(65536)[20:]
            if got[0] == 0 and struct.unpack('!H', got[4:6])[0] == me and got[8:] == data:
                return 0
    return 1


sys.exit(main())
