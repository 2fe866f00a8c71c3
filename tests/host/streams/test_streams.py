#!/usr/bin/env python3
"""Streams on a real host: a client of the API sees logs, runs commands and reads figures of containers on a Docker host in a lab, through the server.

The client is this process, on loopback. Lab hosts are namespaces behind a switch without uplink: there is no route from here to them (a test looks),
and they have no port open for streams; all goes through the session that the host's agent opened to the server.
"""
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'e2e'), os.path.join(HERE, '..', '..', 'api')]
import harness
import wsclient
from harness import until

DATA, END, CONTROL = 0, 1, 3

# Ends at SIGTERM between two lines, never in the middle; counts on across restarts.
COUNTER = '''trap 'over=1' TERM; n=$(cat /n 2>/dev/null || echo 0)
while [ -z "$over" ]; do n=$((n+1)); echo $n >/n; echo "line $n"; sleep 0.02; done'''
CHATTER = 'trap "exit 0" TERM; while :; do i=0; while [ $i -lt 50 ]; do echo "$i ' + 'x' * 200 + '"; i=$((i+1)); done; sleep 0.1; done'


class Stream:
    """A client with the subprotocol drover.v1: binary messages, their first byte is the kind."""

    def __init__(self, server, access):
        self.ws = wsclient.open_access(server, access, protocol='drover.v1')
        if self.ws.status != 101:
            raise AssertionError(self.ws.head)
        self.data, self.controls, self.closed, self.end = b'', [], None, None

    def step(self):
        op, payload = self.ws.read()
        if op == 8:
            self.closed = struct.unpack('>H', payload[:2])[0] if payload else 1005
        elif payload[0] == DATA:
            self.data += payload[1:]
        elif payload[0] == CONTROL:
            self.controls.append(json.loads(payload[1:]))
        elif payload[0] == END:
            self.end = json.loads(payload[1:] or b'{}')

    def until(self, check):
        while not check():
            if self.closed:
                raise AssertionError(f'closed with {self.closed} {self.end} after {self.data[-500:]}')
            self.step()

    def finish(self):
        while self.closed is None:
            self.step()
        return self.data

    def put(self, data):
        self.ws.binary(bytes([DATA]) + data)

    def control(self, **o):
        self.ws.binary(bytes([CONTROL]) + json.dumps(o).encode())


class Streams(harness.Case):
    hosts = 1

    @classmethod
    def make_world(cls):
        """Heartbeats each half second: a host that misses three is called reconnecting."""
        w = harness.World(cls.hosts, join=False)
        w.api.put('/v2-beta/settings/drover.host.heartbeat.millis', {'value': '500'})
        w.join()
        return w

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api, cls.server = cls.world.api, cls.world.server
        cls.host = cls.world.host('host1')
        cls.box = cls.run_container('box')

    @classmethod
    def start_container(cls, name, command=None, **more):
        body = dict({'name': name, 'imageUuid': 'docker:' + harness.IMAGE, 'networkMode': 'bridge'}, **more)
        if command:
            body['command'] = ['/bin/sh', '-c', command]
        return cls.api.post('containers', body)

    @classmethod
    def wait_container(cls, c, state='running'):
        return until(lambda: (lambda x: x if x['state'] == state else None)(cls.api.get('containers/' + c['id'])),
                     lambda: f'{c["name"]} {state}: {cls.api.get("containers/" + c["id"])}', pause_s=0.05)

    @classmethod
    def run_container(cls, name, command=None, **more):
        return cls.wait_container(cls.start_container(name, command, **more))

    def clean(self):
        """The world's clean() waits for stacks, of which there are none here."""
        if self.server.process.poll() is not None:
            self.server.start()
        until(self.is_connected, 'the host, connected again')

    def is_connected(self):
        """The state may still be that of before: a stream is what tells."""
        ws = wsclient.open_access(self.server, self.api.action('containers/' + self.box['id'], 'logs', {'follow': False, 'lines': 1}))
        ws.close()
        return ws.status == 101

    def engine(self, *argv):
        return self.world.lab('docker', 'host1', *argv).stdout

    def execute(self, c, *command, tty=True):
        x = Stream(self.server, self.api.action('containers/' + c['id'], 'execute', {'command': list(command), 'tty': tty, 'attachStdin': True, 'attachStdout': True}))
        self.addCleanup(x.ws.close)
        return x

    def open(self, access):
        ws = wsclient.open_access(self.server, access)
        self.addCleanup(ws.close)
        return ws

    def logs(self, c, **more):
        return self.open(self.api.action('containers/' + c['id'], 'logs', dict({'follow': False, 'lines': 100, 'timestamps': False}, **more)))

    def link(self, resource, name):
        return self.api.get(resource['links'][name].split(f':{self.server.port}', 1)[1])

    # ---- exec ----
    def test_a_terminal_has_the_size_of_the_clients_window_and_ends_with_its_exit_code(self):
        x = self.execute(self.box, 'sh')
        x.control(resize={'cols': 123, 'rows': 45})
        # The first prompts may come before the window is resized: asked until it shows.
        deadline = time.monotonic() + harness.DEADLINE_S
        while b'45 123' not in x.data and time.monotonic() < deadline:
            seen = x.data.count(b'asked')
            x.put(b'stty size; echo as""ked\n')
            x.until(lambda: x.data.count(b'asked') > seen)
        self.assertIn(b'45 123', x.data)
        x.control(resize={'cols': 90, 'rows': 30})
        x.put(b'while [ "$(stty size)" != "30 90" ]; do sleep 0.01; done; echo re""sized; exit 7\n')
        x.until(lambda: b'resized' in x.data)
        x.finish()
        self.assertEqual((x.controls, x.closed), ([{'exitCode': 7}], 1000))

    def test_without_a_terminal_bytes_pass_unchanged_in_any_amount(self):
        x = self.execute(self.box, 'sh', '-c', 'echo to stderr >&2; exec cat', tty=False)
        x.until(lambda: x.data == b'to stderr\n')
        blob = os.urandom(3 << 20)

        def feed():
            for at in range(0, len(blob), 30000):
                x.put(blob[at:at + 30000])
            x.control(eof=True)
        feeder = threading.Thread(target=feed)
        feeder.start()
        got = x.finish()
        feeder.join()
        self.assertEqual(len(got), len(blob) + 10)
        self.assertEqual(got[10:], blob)
        self.assertEqual((x.controls, x.closed), ([{'exitCode': 0}], 1000))

    def test_a_program_that_is_not_there_tells_so(self):
        x = self.execute(self.box, '/no/such/program')
        x.finish()
        self.assertIn(b'/no/such/program', x.data + json.dumps(x.end).encode())
        self.assertNotIn({'exitCode': 0}, x.controls)

    def test_the_command_line_runs_programs_and_shows_logs(self):
        r = self.world.drover('exec', 'box', 'sh', '-c', 'echo hello; exit 3', check=False)
        self.assertEqual((r.returncode, r.stdout), (3, 'hello\n'), r.stderr)
        c = self.run_container('talks', 'echo hello; exec sleep 1000')
        self.engine_logs(c, 1)
        self.assertEqual(self.world.drover('logs', 'talks').stdout, 'hello\n')

    def processes(self, mark):
        return mark in self.engine('top', self.box['externalId'])

    def test_a_client_that_vanishes_ends_its_program(self):
        for tty in (True, False):
            mark = f'vanish-{tty}'
            x = self.execute(self.box, 'sh', '-s', mark, tty=tty)
            x.put(b'echo ready\n')
            x.until(lambda x=x: b'ready\r\n' in x.data or x.data == b'ready\n')
            self.assertTrue(self.processes(mark))
            # A reset, as when the client's machine dies: no close frame.
            x.ws.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            x.ws.close()
            until(lambda mark=mark: not self.processes(mark), f'end of {mark}')

    def test_a_server_that_dies_ends_the_programs_of_its_clients(self):
        x = self.execute(self.box, 'sh', '-s', 'server-died')
        x.put(b'echo ready\n')
        x.until(lambda: b'ready\r\n' in x.data)
        self.server.kill9()
        until(lambda: not self.processes('server-died'), 'end of the program')

    # ---- logs ----
    def test_lines_carry_where_they_were_written(self):
        c = self.run_container('three', 'echo one; echo two >&2; printf three; sleep 0.1; echo; exec sleep 1000')
        self.engine_logs(c, 3)
        lines, code, _ = self.logs(c).end()
        self.assertEqual(code, 1000)
        self.assertEqual(sorted(lines), [b'01 one\n', b'01 three\n', b'02 two\n'])
        self.assertEqual(len(self.logs(c, lines=1).end()[0]), 1)
        stamped = self.logs(c, timestamps=True).end()[0]
        last = max(stamped, key=lambda line: line.split()[1]).split()[1].decode()
        self.assertRegex(last, r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$')
        self.assertEqual(self.logs(c, since=last).end()[0], [b'01 three\n'])
        self.assertEqual(len(self.logs(c, since='1h').end()[0]), 3)
        t = self.run_container('terminal', 'echo one; echo two >&2; exec sleep 1000', tty=True)
        self.engine_logs(t, 2)
        self.assertEqual(self.logs(t).end()[0], [b'00 one\r\n', b'00 two\r\n'])

    def engine_logs(self, c, lines):
        until(lambda: self.engine('logs', c['externalId'] or self.api.get('containers/' + c['id'])['externalId']).count('\n') + self.stderr_lines(c) >= lines,
              f'{lines} lines of {c["name"]}')

    def stderr_lines(self, c):
        r = self.world.lab('docker', 'host1', 'logs', c['externalId'])
        return r.stderr.count('\n')

    def test_following_goes_on_across_restarts_and_ends_with_the_container(self):
        c = self.run_container('counter', COUNTER)
        ws = self.logs(c, follow=True, lines=100000)
        seen = []

        def until_line(n):
            while not seen or seen[-1] < n:
                op, payload = ws.read()
                if op == 8:
                    raise AssertionError(f'closed: {payload} after {seen[-3:]}')
                self.assertRegex(payload, rb'^01 line \d+\n$')
                seen.append(int(payload.split()[2]))

        def started():
            return json.loads(self.engine('inspect', c['externalId']))[0]['State']['StartedAt']
        until_line(20)
        for how in ('restart', 'stop'):
            before = started()
            self.api.action('containers/' + c['id'], how)
            if how == 'stop':
                self.wait_container(c, 'stopped')
                self.api.action('containers/' + c['id'], 'start')
            self.wait_container(c)
            until(lambda before=before: started() != before, 'another start', pause_s=0.05)
            last = int(self.engine('exec', c['externalId'], 'cat', '/n') or 0)
            until_line(last + 10)
        self.assertEqual(seen, list(range(1, seen[-1] + 1)), 'each line once, in order')
        self.api.delete('containers/' + c['id'])
        messages, code, _ = ws.end()
        seen += [int(m.split()[2]) for m in messages]
        self.assertEqual(code, 1000)
        self.assertEqual(seen, list(range(1, seen[-1] + 1)))

    # ---- figures ----
    def test_figures_of_containers_and_of_their_host(self):
        lone = self.run_container('lone', networkMode='none')
        ws = self.open(self.link(self.host, 'containerStats'))
        first, second = (json.loads(ws.read()[1]) for _ in range(2))
        by_id = {e['id']: e for e in second}
        self.assertEqual(len(by_id), len(second))
        for c in (self.box, lone):
            e = by_id[c['id']]
            self.assertEqual(e['resourceType'], 'container')
            self.assertGreater(e['cpu']['usage']['total'], 0)
            self.assertGreater(e['memory']['usage'], 4096)
            self.assertGreater(e['memLimit'], e['memory']['usage'])
        self.assertEqual([i['name'] for i in by_id[self.box['id']]['network']['interfaces']], ['eth0'])
        self.assertNotIn('interfaces', by_id[lone['id']]['network'])
        before = {e['id']: e for e in first}.get(self.box['id'])
        self.assertLessEqual(before['cpu']['usage']['total'], by_id[self.box['id']]['cpu']['usage']['total'])
        self.assertLess(before['timestamp'], by_id[self.box['id']]['timestamp'])
        self.engine('kill', lone['externalId'])
        while lone['id'] in {e['id'] for e in json.loads(ws.read()[1])}:
            pass
        ws = self.open(self.link(self.box, 'containerStats'))
        self.assertEqual([e['id'] for e in json.loads(ws.read()[1])], [self.box['id']])
        ws = self.open(self.link(self.host, 'hostStats'))
        host = json.loads(ws.read()[1])
        self.assertEqual([(e['id'], e['resourceType']) for e in host], [(self.host['id'], 'host')])
        self.assertEqual(len(host[0]['cpu']['usage']['per_cpu_usage']), os.cpu_count())
        self.assertEqual(host[0]['network']['name'], 'all')

    # ---- sockets ----
    def test_the_engines_socket_answers(self):
        x = Stream(self.server, self.api.action('hosts/' + self.host['id'], 'dockersocket'))
        self.addCleanup(x.ws.close)
        x.put(b'GET /version HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n')
        answer = x.finish()
        self.assertTrue(answer.startswith(b'HTTP/1.1 200 OK'), answer[:200])
        self.assertIn(b'"ApiVersion"', answer)

    def test_a_port_is_reached_whatever_network_its_container_has(self):
        serve = 'mkdir -p /www; echo "hello of %s" >/www/index.html; exec httpd -f -p %d -h /www'
        found = {}
        for network, port in (('bridge', 80), ('none', 8000), ('host', 18080)):
            c = found[network] = self.run_container('web-' + network, serve % (network, port), networkMode=network)
            a = self.api.action('containers/' + c['id'], 'proxy', {'port': port, 'scheme': 'http'})

            def fetch(a=a):
                try:
                    with urllib.request.urlopen(f'{a["url"].rstrip("/")}/index.html?token={a["token"]}', timeout=30) as r:
                        return r.read().decode()
                except urllib.error.HTTPError as e:
                    return e.code == 502 and None or f'{e.code} {e.read()}'        # httpd may still be starting
            self.assertEqual(until(fetch, f'answer of {network}'), f'hello of {network}\n')
        c = self.run_container('beside', networkMode='container', networkContainerId=found['none']['id'])
        a = self.api.action('containers/' + c['id'], 'proxy', {'port': 8000, 'scheme': 'http'})
        with urllib.request.urlopen(f'{a["url"].rstrip("/")}/?token={a["token"]}', timeout=30) as r:
            self.assertEqual(r.read().decode(), 'hello of none\n')

    def test_the_client_has_no_way_to_the_host_but_the_server(self):
        address = self.world.addresses()['host1']
        routes = subprocess.run(['ip', '-4', 'route', 'show', 'to', 'match', address], capture_output=True, text=True, check=True).stdout.splitlines()
        self.assertEqual([r for r in routes if not r.startswith('default')], [], 'no route to the lab')
        links = subprocess.run(['ip', '-o', '-4', 'addr', 'show'], capture_output=True, text=True, check=True).stdout
        self.assertNotIn(address.rsplit('.', 1)[0] + '.', links)

    # ---- many ----
    def test_two_hundred_streams_leave_the_session_its_heartbeats(self):
        c = self.run_container('chatter', CHATTER)
        access = self.api.action('containers/' + c['id'], 'logs', {'follow': True, 'lines': 1000, 'timestamps': False})
        clients, counts, over = [], [0] * 200, threading.Event()

        def read(i):
            ws = clients[i]
            try:
                while not over.is_set():
                    counts[i] += len(ws.read()[1])
            except (OSError, EOFError):
                pass
        for _ in range(200):
            clients.append(self.open(access))
        # Every second one reads nothing: what it does not take must hold up nobody.
        threads = [threading.Thread(target=read, args=(i,), daemon=True) for i in range(0, 200, 2)]
        for t in threads:
            t.start()
        until(lambda: all(counts[i] > 300000 for i in range(0, 200, 2)), lambda: f'bytes for everybody: {sorted(counts)[100:110]}')
        states = set()
        x = self.execute(self.box, 'sh', '-c', 'while read line; do echo "got $line"; done', tty=False)
        for n in range(20):
            x.put(b'%d\n' % n)
            x.until(lambda n=n: x.data.endswith(b'got %d\n' % n))
            states.add(self.api.get('hosts/' + self.host['id'])['state'])
            time.sleep(0.1)
        x.control(eof=True)
        x.finish()
        self.assertEqual(states, {'active'})
        self.assertEqual(self.execute(self.box, 'true').finish(), b'')
        over.set()
        for ws in clients:
            ws.close()
        for t in threads:
            t.join()
        until(lambda: self.engine('top', self.box['externalId']).count('\n') <= 3, 'end of all programs')
        self.api.delete('containers/' + c['id'])


if __name__ == '__main__':
    harness.main()
