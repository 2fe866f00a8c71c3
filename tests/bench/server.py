"""Figures of a real drover-server: start, idle memory, API gets with many idle hosts connected, the size of drover-node.

usage: server.py BIN_DIR CORE_SCALE [HOSTS]
Programs are those of BIN_DIR; CORE_SCALE is the benchmark that can fill a store. Everything runs on loopback with its data in a temporary folder."""
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from figures import MB, Server, cpu_seconds, figure, note, pss  # noqa: E402

START_TRIES = 5
ROUNDS = 6
GETS = 3000


def start_and_memory(bin_dir, work):
    times, cpu = [], []
    memory = 0
    for i in range(START_TRIES):
        data = os.path.join(work, 'start-%d' % i)
        os.mkdir(data)
        s = Server(bin_dir, data)
        try:
            times.append(s.first_ping())
            cpu.append(cpu_seconds(s.process.pid))
            if i == 0:
                time.sleep(1)                   # what is started once has been
                memory = pss(s.process.pid)
        finally:
            s.stop()
    ok = figure('drover-server: exec to first answer, empty store, median of %d' % START_TRIES, statistics.median(times), 's', 0.1)
    note('CPU time of the start %.3f s' % statistics.median(cpu))
    ok &= figure('drover-server: idle memory (PSS)', memory / MB, 'MB', 30)
    return ok


class Client:
    """One connection, kept open; the same bytes each time."""

    def __init__(self, port, path):
        self.s = socket.create_connection(('127.0.0.1', port), 20)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request = ('GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: application/json\r\n\r\n' % (path, port)).encode()

    def get(self):
        self.s.sendall(self.request)
        data = b''
        while b'\r\n\r\n' not in data:
            data += self.s.recv(65536)
        head, body = data.split(b'\r\n\r\n', 1)
        if not head.startswith(b'HTTP/1.1 200'):
            raise RuntimeError(head[:200])
        length = int(next(h for h in head.lower().split(b'\r\n') if h.startswith(b'content-length:')).split(b':')[1])
        while len(body) < length:
            body += self.s.recv(65536)
        return body


def measure_gets(server, path):
    """(median latency, CPU seconds of the server per get, seconds in all)."""
    c = Client(server.port, path)
    for _ in range(100):
        c.get()
    latencies = []
    cpu = cpu_seconds(server.process.pid)
    start = time.monotonic()
    for _ in range(GETS):
        t = time.monotonic()
        c.get()
        latencies.append(time.monotonic() - t)
    took = time.monotonic() - start
    cpu = cpu_seconds(server.process.pid) - cpu
    c.s.close()
    return statistics.median(latencies), cpu / GETS, took


def wait_line(process, word):
    for line in process.stdout:
        text = line.decode(errors='replace').rstrip()
        if word in text:
            return text
    raise RuntimeError('drover simulate ended: %s' % process.wait())


def project_path(server):
    project = server.call('GET', '/v2-beta/projects')['data'][0]['id']
    container = server.call('POST', '/v2-beta/projects/%s/containers' % project, {'name': 'one', 'imageUuid': 'docker:busybox', 'startOnCreate': False})
    return '/v2-beta/projects/%s/containers/%s' % (project, container['id'])


def idle_hosts(bin_dir, work, hosts):
    """Two servers with the same content, one with the hosts connected, asked in turns."""
    bare_dir, busy_dir = os.path.join(work, 'bare'), os.path.join(work, 'busy')
    os.mkdir(bare_dir)
    os.mkdir(busy_dir)
    bare = Server(bin_dir, bare_dir)
    busy = Server(bin_dir, busy_dir)
    simulate = None
    try:
        bare.first_ping()
        busy.first_ping()
        before = pss(busy.process.pid)
        began = time.monotonic()
        env = {k: v for k, v in os.environ.items() if not k.startswith(('RANCHER_', 'DROVER_'))}
        env['HOME'] = work
        simulate = subprocess.Popen([os.path.join(bin_dir, 'drover'), 'simulate', '--hosts', str(hosts), '--idle', '--server',
                                     'http://127.0.0.1:%d' % busy.port, '--duration', '10m', '--joining', '128'], stdout=subprocess.PIPE, env=env)
        wait_line(simulate, 'ready:')
        note('%d hosts joined in %.1f s; the server takes %.1f KB for each' %
             (hosts, time.monotonic() - began, (pss(busy.process.pid) - before) / 1024 / hosts))
        paths = {s: project_path(s) for s in (bare, busy)}
        time.sleep(6)                           # one beat of everybody: what joining left behind is over
        results = {bare: [], busy: []}
        for _ in range(ROUNDS):
            for s in (bare, busy):
                results[s].append(measure_gets(s, paths[s]))
        background = cpu_seconds(busy.process.pid)
        time.sleep(5)
        background = (cpu_seconds(busy.process.pid) - background) / 5
        latency = {s: statistics.median(r[0] for r in results[s]) for s in results}
        cpu = {s: statistics.median(r[1] for r in results[s]) for s in results}
        took = statistics.median(r[2] for r in results[busy])
        ok = figure('API get with %d idle hosts / with none: latency (median)' % hosts, latency[busy] / latency[bare], 'times', 2)
        ok &= figure('API get with %d idle hosts / with none: CPU of the server' % hosts, cpu[busy] / cpu[bare], 'times', 2)
        note('latency %.0f and %.0f us, CPU %.0f and %.0f us a get; %d heartbeats a second cost %.1f %% of a core and count' %
             (latency[busy] * 1e6, latency[bare] * 1e6, cpu[busy] * 1e6, cpu[bare] * 1e6, hosts / 5, background * 100))
        note('without what the heartbeats take meanwhile: %.2f times' % ((cpu[busy] - background * took / GETS) / cpu[bare]))
        return ok
    finally:
        if simulate:
            simulate.send_signal(signal.SIGTERM)
            try:
                simulate.wait(20)
            except subprocess.TimeoutExpired:
                simulate.kill()
                simulate.wait()
        bare.stop()
        busy.stop()


def full_store(bin_dir, work, filler):
    """A store with 100,000 containers, made by core-scale, opened by the program."""
    data = os.path.join(work, 'full')
    os.mkdir(data)
    first = Server(bin_dir, data)               # makes the key and what else belongs into a folder
    try:
        first.first_ping()
    finally:
        first.stop()
    subprocess.run([filler, '100000', '100', '1000', 'fill', data], check=True, stdout=subprocess.DEVNULL)
    times = []
    memory = 0
    for i in range(3):
        s = Server(bin_dir, data)
        try:
            times.append(s.first_ping())
            memory = pss(s.process.pid)
            cpu = cpu_seconds(s.process.pid)
        finally:
            s.stop()
    ok = figure('drover-server: exec to first answer, 100,000 containers, median of 3', statistics.median(times), 's', 2)
    note('memory (PSS) then: %.0f MB; CPU time of the start %.2f s' % (memory / MB, cpu))
    return ok


def node_size(bin_dir):
    path = os.path.join(bin_dir, 'drover-node')
    with tempfile.NamedTemporaryFile() as f:
        subprocess.run(['strip', '-o', f.name, path], check=True)
        size = os.stat(f.name).st_size
    static = b'statically linked' in subprocess.run(['file', '-L', path], check=False, stdout=subprocess.PIPE).stdout or \
        'INTERP' not in subprocess.run(['readelf', '-lW', path], check=True, stdout=subprocess.PIPE).stdout.decode()
    ok = figure('drover-node: size, stripped', size / MB, 'MB', 12)
    note('static: %s' % ('yes' if static else 'NO'))
    return ok and static


def main():
    bin_dir, filler = sys.argv[1], sys.argv[2]
    hosts = int(sys.argv[3]) if len(sys.argv) > 3 else 9500
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    print('server: programs of %s; %d open files allowed (hard limit); load at the start %.1f on %d cores' %
          (bin_dir, hard, os.getloadavg()[0], os.cpu_count()))
    work = tempfile.mkdtemp(prefix='drover-bench-', dir='/var/tmp')
    try:
        ok = node_size(bin_dir)
        ok &= start_and_memory(bin_dir, work)
        ok &= full_store(bin_dir, work, filler)
        if hard < hosts + 500:
            note('%d hosts need %d open files: not measured' % (hosts, hosts + 500))
            return 77
        ok &= idle_hosts(bin_dir, work, hosts)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0 if ok else 2


if __name__ == '__main__':
    sys.exit(main())
