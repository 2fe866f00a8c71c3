#!/usr/bin/env python3
"""echo.py serve NAME PORT: answers TCP and UDP with "NAME CALLER_ADDRESS".   echo.py ask tcp|udp ADDRESS PORT [TRIES]: prints the answer, or nothing.
echo.py keep ADDRESS PORT FILE: one UDP socket asks every 20 ms; each answer is a line "SECONDS ANSWER" of FILE."""
import socket
import sys
import threading
import time


def serve(name, port):
    tcp = socket.socket()
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tcp.bind(('0.0.0.0', port))
    tcp.listen(64)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(('0.0.0.0', port))

    def datagrams():
        while True:
            _, who = udp.recvfrom(2048)
            udp.sendto(f'{name} {who[0]}'.encode(), who)
    threading.Thread(target=datagrams, daemon=True).start()
    print('ready', flush=True)
    while True:
        s, who = tcp.accept()
        s.sendall(f'{name} {who[0]}'.encode())
        s.close()


def ask(kind, address, port, tries=1):
    for _ in range(tries):
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == 'tcp' else socket.SOCK_DGRAM)
        s.settimeout(1)
        try:
            s.connect((address, port))
            if kind == 'udp':
                s.send(b'?')
            answer = s.recv(2048).decode()
            if answer:
                return answer
        except OSError:
            time.sleep(0.05)
        finally:
            s.close()
    return ''


def keep(address, port, path):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((address, port))
    s.settimeout(0.02)
    with open(path, 'w') as f:
        while True:
            try:
                s.send(b'?')
                f.write(f'{time.monotonic()} {s.recv(2048).decode()}\n')
                f.flush()
                time.sleep(0.02)
            except OSError:
                time.sleep(0.005)


if sys.argv[1] == 'serve':
    serve(sys.argv[2], int(sys.argv[3]))
elif sys.argv[1] == 'keep':
    keep(sys.argv[2], int(sys.argv[3]), sys.argv[4])
else:
    print(ask(sys.argv[2], sys.argv[3], int(sys.argv[4]), *map(int, sys.argv[5:])))
