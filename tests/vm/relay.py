#!/usr/bin/env python3
"""relay.py PORT: joins standard input and output to a port of loopback. QEMU starts one for each connection that the guest makes to the server's address."""
import os
import socket
import sys
import threading

s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))


def up():
    while True:
        data = os.read(0, 65536)
        if not data:
            break
        s.sendall(data)
    s.shutdown(socket.SHUT_WR)


threading.Thread(target=up, daemon=True).start()
while True:
    data = s.recv(65536)
    if not data:
        break
    while data:
        data = data[os.write(1, data):]
