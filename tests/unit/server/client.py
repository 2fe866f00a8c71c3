"""A small HTTP and websocket client and the server program under test, for test_server.py."""
import base64
import http.client
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import time

DEADLINE_S = 60         # only a hang is ended by it


class Socket:
    """One websocket. Messages are texts; a close is kept in .closed as (code, reason)."""
    all = []                # open ones: a test's end closes them

    def __init__(self, port, path, user=None, password=None):
        Socket.all.append(self)
        self.s = socket.create_connection(('127.0.0.1', port), timeout=DEADLINE_S)
        head = [f'GET {path} HTTP/1.1', f'Host: 127.0.0.1:{port}', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13',
                f'Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}']
        if user:
            head.append('Authorization: Basic ' + base64.b64encode(f'{user}:{password}'.encode()).decode())
        self.s.sendall(('\r\n'.join(head) + '\r\n\r\n').encode())
        self.f = self.s.makefile('rb')
        self.status = int(self.f.readline().split()[1])
        while self.f.readline().strip():
            pass
        self.closed = None

    def send(self, message, opcode=1):
        p = message if isinstance(message, bytes) else json.dumps(message).encode()
        mask = os.urandom(4)
        n = len(p)
        head = bytes([0x80 | opcode]) + (bytes([0x80 | n]) if n < 126 else bytes([0xfe]) + struct.pack('>H', n) if n < 65536 else bytes([0xff]) + struct.pack('>Q', n))
        self.s.sendall(head + mask + bytes(b ^ mask[i & 3] for i, b in enumerate(p)))

    def receive(self):
        """The next message, or None when the connection ended."""
        while True:
            head = self.f.read(2)
            if len(head) < 2:
                self.closed = self.closed or (1006, '')
                return None
            n = head[1] & 127
            if n == 126:
                n = struct.unpack('>H', self.f.read(2))[0]
            elif n == 127:
                n = struct.unpack('>Q', self.f.read(8))[0]
            p = self.f.read(n)
            if head[0] & 15 == 1:
                return json.loads(p)
            if head[0] & 15 == 8:
                self.closed = (struct.unpack('>H', p[:2])[0], p[2:].decode()) if n >= 2 else (1005, '')
                try:
                    self.send(p[:2], 8)
                except OSError:
                    pass
                return None
            if head[0] & 15 == 9:
                self.send(p, 10)

    def until(self, wanted):
        """The next message that wanted() takes; fails when the connection ends before."""
        while True:
            m = self.receive()
            if m is None:
                raise AssertionError(f'closed: {self.closed}')
            if wanted(m):
                return m

    def close(self):
        self.f.close()
        self.s.close()
        Socket.all.remove(self)


class Server:
    def __init__(self, program, data, node_dir, *options):
        self.argv = [program, '--listen', '127.0.0.1:0', '--data', data, '--node-dir', node_dir, '--config', '/dev/null', *options]
        self.data, self.key = data, None
        self.start()

    def start(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith(('DROVER_', 'CATTLE_')) and k != 'NOTIFY_SOCKET'}
        self.p = subprocess.Popen(self.argv, stderr=subprocess.PIPE, env=env)
        self.log = b''
        end = time.monotonic() + DEADLINE_S
        while True:
            m = re.search(rb'msg=serving .* port=(\d+)', self.log)
            if m:
                break
            if time.monotonic() > end or not self.read_log(end - time.monotonic()):
                raise AssertionError(f'the server does not start: {self.log.decode()}')
        self.port = int(m.group(1))
        path = os.path.join(self.data, 'admin.json')
        if os.path.exists(path):
            with open(path, encoding='utf-8') as f:
                o = json.load(f)
            self.key = (o['accessKey'], o['secretKey'])

    def read_log(self, wait_s):
        if not select.select([self.p.stderr], [], [], max(wait_s, 0))[0]:
            return False
        piece = os.read(self.p.stderr.fileno(), 65536)
        self.log += piece
        return bool(piece)

    def kill(self, signum=signal.SIGKILL):
        self.p.send_signal(signum)
        return self.wait()

    def wait(self):
        out = self.p.communicate(timeout=DEADLINE_S)[1]
        self.log += out
        return self.p.returncode

    def restart(self):
        self.kill()
        self.start()

    def stop(self):
        if self.p.poll() is None:
            code = self.kill(signal.SIGTERM)
            if code != 0:
                raise AssertionError(f'the server ended with {code}: {self.log.decode()}')

    def raw(self, method, path, body=None, headers=(), key=True):
        c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=DEADLINE_S)
        h = dict(headers)
        key = self.key if key is True else key
        if key:
            h['Authorization'] = 'Basic ' + base64.b64encode(f'{key[0]}:{key[1]}'.encode()).decode()
        if body is not None:
            h['Content-Type'] = 'application/json'
            body = json.dumps(body)
        c.request(method, path, body, h)
        r = c.getresponse()
        text = r.read()
        c.close()
        return r.status, r.headers, text

    def api(self, method, path, body=None, key=True):
        status, _, text = self.raw(method, '/v2-beta' + path, body, key=key)
        return status, json.loads(text) if text else None

    def ok(self, method, path, body=None, key=True):
        status, o = self.api(method, path, body, key=key)
        if status >= 300:
            raise AssertionError(f'{method} {path}: {status} {o}')
        return o

    def until(self, path, wanted, key=True):
        end = time.monotonic() + DEADLINE_S
        while True:
            o = self.ok('GET', path, key=key)
            if wanted(o):
                return o
            if time.monotonic() > end:
                raise AssertionError(f'{path} stays {o}')
            time.sleep(0.02)

    def subscribe(self, project='1a5', names=('resource.change',), key=True):
        key = self.key if key is True else key or (None, None)
        query = '&'.join('eventNames=' + n for n in names)
        return Socket(self.port, f'/v2-beta/projects/{project}/subscribe?{query}', *key)


class Host:
    """What an agent is to the server."""

    def __init__(self, server, number, project='1a5'):
        self.server, self.uuid = server, f'0000000{number}-0000-4000-8000-00000000000{number}'
        self.epoch = self.rev = 0
        self.gens = {}
        t = server.ok('POST', f'/projects/{project}/registrationtokens', {})
        t = server.until(f'/projects/{project}/registrationtokens/{t["id"]}', lambda o: o['state'] == 'active')
        self.token = t['token']
        key = ('registrationToken', self.token)
        server.ok('POST', '/register', {'key': f'the-secret-key-of-host-{number}'}, key=key)
        row = server.until(f'/register?key=the-secret-key-of-host-{number}', lambda o: o['data'] and o['data'][0].get('accessKey'), key=key)['data'][0]
        self.key = (row['accessKey'], row['secretKey'])
        self.ws = None

    def connect(self):
        self.ws = Socket(self.server.port, '/v3/host/connect', *self.key)
        return self.ws

    def hello(self, **more):
        self.ws.send({'t': 'hello', 'version': 1, 'nodeVersion': 'test', 'epoch': self.epoch, 'rev': self.rev, 'boot': 'b',
                      'host': {'uuid': self.uuid, 'physicalUuid': 'p' + self.uuid, 'hostname': 'h' + self.uuid[7], 'agentIp': '192.0.2.7', 'labels': {}, 'info': {},
                               'memory': 1 << 30}, **more})

    def join(self, containers=()):
        """Connects and says what runs; returns the server's hello."""
        self.connect()
        self.hello()
        h = self.ws.until(lambda m: m['t'] == 'hello')
        self.epoch = h['epoch']
        self.ws.send({'t': 'observed', 'full': True, 'containers': list(containers)})
        return h

    def desired(self):
        m = self.ws.until(lambda m: m['t'] == 'desired')
        self.epoch, self.rev = m['epoch'], m['rev']
        return m

    def desired_entry(self, state):
        """The next entry that shall have this state."""
        while True:
            for e in self.desired()['containers']:
                if e['state'] == state:
                    return e

    def report(self, entry, state, **more):
        self.ws.send({'t': 'observed', 'full': False, 'containers': [
            {'uuid': entry['uuid'], 'gen': entry['gen'], 'state': state, 'dockerId': 'd' * 64, 'ip': '172.17.0.2', 'ports': [], 'startedAt': 1, 'finishedAt': 0,
             'exitCode': 0, 'mounts': [], **more}]})
