"""What the benchmarks of whole programs share: lines of figures, a server on a free port, what the kernel says of a process."""
import http.client
import json
import os
import signal
import socket
import subprocess
import time

MB = 1 << 20


def figure(name, value, unit, budget=None):
    ok = budget is None or value <= budget
    limit = 'no budget' if budget is None else 'at most %.6g %s' % (budget, unit)
    print('  %-62s %12.6g %-14s %-26s %s' % (name, value, unit, limit, '-' if budget is None else 'ok' if ok else 'over'), flush=True)
    return ok


def note(text):
    print('  ' + text, flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def pss(pid):
    with open('/proc/%d/smaps_rollup' % pid, encoding='ascii') as f:
        for line in f:
            if line.startswith('Pss:'):
                return int(line.split()[1]) * 1024
    raise RuntimeError('no Pss')


def cpu_seconds(pid):
    """User and system time of all threads, to the nanosecond: what the scheduler counted."""
    total = 0
    for task in os.listdir('/proc/%d/task' % pid):
        with open('/proc/%d/task/%s/schedstat' % (pid, task), encoding='ascii') as f:
            total += int(f.read().split()[0])
    return total / 1e9


class Server:
    def __init__(self, bin_dir, data, *options):
        self.port = free_port()
        self.log = open(os.path.join(data, 'server.log'), 'ab')
        self.started = time.monotonic()
        self.process = subprocess.Popen([os.path.join(bin_dir, 'drover-server'), '--listen', '127.0.0.1:%d' % self.port, '--data', data,
                                         '--no-auth', '--log-level', 'warning', *options], stdout=self.log, stderr=self.log)

    def first_ping(self):
        """Seconds from exec to the first answer of /ping."""
        deadline = self.started + 60
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(('127.0.0.1', self.port), 5) as s:
                    s.sendall(b'GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
                    if s.recv(64).startswith(b'HTTP/1.1 200'):
                        return time.monotonic() - self.started
            except ConnectionRefusedError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.0005)
        raise RuntimeError('the server did not answer; its log: %s' % self.log.name)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()

    def call(self, method, path, body=None):
        c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=20)
        c.request(method, path, None if body is None else json.dumps(body), {'Content-Type': 'application/json'})
        r = c.getresponse()
        data = r.read()
        c.close()
        if r.status >= 300:
            raise RuntimeError('%s %s: %d %s' % (method, path, r.status, data[:300]))
        return json.loads(data) if data else None
