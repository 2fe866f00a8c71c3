"""Figures of the API: events to 2,000 subscribers, `drover ps` with 10,000 containers, reads beside nginx.

usage: api.py BIN_DIR CORE_SCALE [SUBSCRIBERS]
Programs are those of BIN_DIR; CORE_SCALE fills a store. Everything runs on loopback with its data in a temporary folder."""
import base64
import os
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from figures import MB, Server, cpu_seconds, figure, free_port, note, pss  # noqa: E402
from server import Client  # noqa: E402

CHANGES = 20
ROUNDS = 5
GETS = 3000


def subscribe(port, project):
    s = socket.create_connection(('127.0.0.1', port), 30)
    s.sendall(('GET /v2-beta/projects/%s/subscribe?eventNames=resource.change HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
               'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n' % (project, port, base64.b64encode(os.urandom(16)).decode())).encode())
    head = b''
    while b'\r\n\r\n' not in head:
        head += s.recv(4096)
    if b' 101 ' not in head.split(b'\r\n')[0]:
        raise RuntimeError(head[:200])
    s.setblocking(False)
    return s


def events(bin_dir, work, n):
    data = os.path.join(work, 'events')
    os.mkdir(data)
    server = Server(bin_dir, data)
    sockets = []
    try:
        server.first_ping()
        project = server.call('GET', '/v2-beta/projects')['data'][0]['id']
        stack = server.call('POST', '/v2-beta/projects/%s/stacks' % project, {'name': 'events'})
        before = pss(server.process.pid)
        sockets = [subscribe(server.port, project) for _ in range(n)]
        note('%d subscribers: %.1f KB each' % (n, (pss(server.process.pid) - before) / 1024 / n))
        poll = selectors.DefaultSelector()
        for s in sockets:
            poll.register(s, selectors.EVENT_READ, [b''])
        time.sleep(1.5)
        latencies, cpu, delivered = [], cpu_seconds(server.process.pid), 0
        for i in range(CHANGES):
            mark = ('change-%d-of-%d' % (i, os.getpid())).encode()
            waiting = set(sockets)
            began = time.monotonic()
            server.call('PUT', '/v2-beta/projects/%s/stacks/%s' % (project, stack['id']), {'description': mark.decode()})
            while waiting:
                for key, _ in poll.select(10):
                    data = key.fileobj.recv(1 << 16)
                    if not data:
                        raise RuntimeError('a subscriber was cut off')
                    if key.fileobj in waiting and mark in key.data[0] + data:
                        waiting.discard(key.fileobj)
                        latencies.append(time.monotonic() - began)
                        delivered += 1
                    key.data[0] = data[-64:]
                if time.monotonic() > began + 30:
                    raise RuntimeError('%d subscribers got nothing' % len(waiting))
            time.sleep(1.05)            # the next change is one of its own: events of a second are told together
        cpu = cpu_seconds(server.process.pid) - cpu
        latencies.sort()
        figure('events to %d subscribers: change to the last of 99 %%' % n, latencies[int(len(latencies) * 0.99)], 's')
        figure('the same: median', statistics.median(latencies), 's')
        return figure('the same: CPU of the server for each event delivered', cpu / delivered * 1e6, 'us')
    finally:
        for s in sockets:
            s.close()
        server.stop()


def ps(bin_dir, work, filler, containers):
    data = os.path.join(work, 'ps')
    os.mkdir(data)
    first = Server(bin_dir, data)
    try:
        first.first_ping()
    finally:
        first.stop()
    subprocess.run([filler, str(containers), '10', '100', 'fill', data], check=True, stdout=subprocess.DEVNULL)
    server = Server(bin_dir, data)
    env = {k: v for k, v in os.environ.items() if not k.startswith(('RANCHER_', 'DROVER_'))}
    env.update(HOME=work, RANCHER_URL='http://127.0.0.1:%d' % server.port)
    try:
        server.first_ping()
        projects = [p['id'] for p in server.call('GET', '/v2-beta/projects?all=true')['data']]
        env['RANCHER_ENVIRONMENT'] = max(projects, key=lambda p: len(server.call('GET', '/v2-beta/projects/%s/containers?limit=-1' % p)['data']))
        times, cpu, rows = [], cpu_seconds(server.process.pid), 0
        for _ in range(3):
            began = time.monotonic()
            out = subprocess.run([os.path.join(bin_dir, 'drover'), 'ps', '-c', '-a'], env=env, stdout=subprocess.PIPE, check=True).stdout
            times.append(time.monotonic() - began)
            rows = out.count(b'\n') - 1
        cpu = (cpu_seconds(server.process.pid) - cpu) / 3
        if rows < containers:
            raise RuntimeError('drover ps shows %d of %d containers' % (rows, containers))
        figure('drover ps -c with %d containers, median of 3' % rows, statistics.median(times), 's')
        return figure('the same: CPU of the server', cpu, 's')
    finally:
        server.stop()


NGINX = '''daemon off; worker_processes 1; pid %(dir)s/pid; error_log %(dir)s/error.log;
events { worker_connections 64; }
http { access_log off; client_body_temp_path %(dir)s/a; proxy_temp_path %(dir)s/b; fastcgi_temp_path %(dir)s/c; uwsgi_temp_path %(dir)s/d; scgi_temp_path %(dir)s/e;
  keepalive_requests 1000000; default_type application/json; server { listen 127.0.0.1:%(port)d; root %(dir)s/www; } }
'''


def measure(port, pid, path):
    """(median latency, CPU seconds of the process per get)."""
    c = Client(port, path)
    for _ in range(100):
        c.get()
    latencies, cpu = [], cpu_seconds(pid)
    for _ in range(GETS):
        t = time.monotonic()
        c.get()
        latencies.append(time.monotonic() - t)
    cpu = cpu_seconds(pid) - cpu
    c.s.close()
    return statistics.median(latencies), cpu / GETS


def beside_nginx(bin_dir, work):
    """The same bytes: the API's object, and a file that holds it."""
    if not shutil.which('nginx'):
        note('nginx is not installed: not measured')
        return True
    data, www = os.path.join(work, 'api'), os.path.join(work, 'nginx')
    os.mkdir(data)
    os.makedirs(www + '/www')
    server, nginx = Server(bin_dir, data), None
    try:
        server.first_ping()
        project = server.call('GET', '/v2-beta/projects')['data'][0]['id']
        made = server.call('POST', '/v2-beta/projects/%s/containers' % project, {'name': 'one', 'imageUuid': 'docker:busybox', 'startOnCreate': False})
        path = '/v2-beta/projects/%s/containers/%s' % (project, made['id'])
        with open(www + '/www/one.json', 'wb') as f:
            f.write(Client(server.port, path).get())
        port = free_port()
        with open(www + '/conf', 'w', encoding='ascii') as f:
            f.write(NGINX % {'dir': www, 'port': port})
        os.chmod(work, 0o755)
        nginx = subprocess.Popen(['nginx', '-c', www + '/conf', '-g', 'user root;'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1)
        worker = int(subprocess.run(['pgrep', '-P', str(nginx.pid)], stdout=subprocess.PIPE, check=True).stdout.split()[0])
        results = {'drover': [], 'nginx': []}
        for _ in range(ROUNDS):
            results['drover'].append(measure(server.port, server.process.pid, path))
            results['nginx'].append(measure(port, worker, '/one.json'))
        latency, cpu = ({w: statistics.median(r[k] for r in results[w]) for w in results} for k in (0, 1))
        figure('get of a container / the same %d bytes from nginx: latency' % os.path.getsize(www + '/www/one.json'), latency['drover'] / latency['nginx'], 'times')
        ok = figure('the same: CPU of the server', cpu['drover'] / cpu['nginx'], 'times')
        note('latency %.0f and %.0f us, CPU %.1f and %.1f us a get' % tuple(x * 1e6 for x in (latency['drover'], latency['nginx'], cpu['drover'], cpu['nginx'])))
        return ok
    finally:
        if nginx:
            nginx.terminate()
            nginx.wait(20)
        server.stop()


def main():
    bin_dir, filler = sys.argv[1], sys.argv[2]
    n = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
    print('api: programs of %s; load at the start %.1f on %d cores; server %.1f MB' %
          (bin_dir, os.getloadavg()[0], os.cpu_count(), os.path.getsize(os.path.join(bin_dir, 'drover-server')) / MB))
    work = tempfile.mkdtemp(prefix='drover-bench-', dir='/var/tmp')
    try:
        ok = events(bin_dir, work, n)
        ok &= ps(bin_dir, work, filler, 10000)
        ok &= beside_nginx(bin_dir, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0 if ok else 2


if __name__ == '__main__':
    sys.exit(main())
