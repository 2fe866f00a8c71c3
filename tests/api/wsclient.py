"""Websockets that also send: clients of streams, and an agent that speaks the host protocol (docs/host-protocol.md) as the test wants."""
import base64
import json
import os
import socket
import struct
import threading
import urllib.parse

import client

DATA, END, CREDIT, CONTROL = range(4)
WINDOW = 65536


def mask(data):
    key = os.urandom(4)
    pad = (key * (len(data) // 4 + 1))[:len(data)]
    return key + (int.from_bytes(data, 'big') ^ int.from_bytes(pad, 'big')).to_bytes(len(data), 'big') if data else key


class Socket(client.WebSocket):
    def __init__(self, port, path, headers=None):
        super().__init__(client.Client(port, prefix='', headers=headers), path)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, opcode, payload):
        if isinstance(payload, str):
            payload = payload.encode()
        n = len(payload)
        head = bytes([0x80 | opcode]) + (bytes([0x80 | n]) if n < 126 else bytes([0xfe]) + struct.pack('>H', n) if n < 65536
                                         else bytes([0xff]) + struct.pack('>Q', n))
        self.s.sendall(head + mask(payload))

    def text(self, s):
        self.send(1, s)

    def binary(self, b):
        self.send(2, b)

    def read(self):
        """The next message: (opcode, payload); the close frame too. Pings are answered."""
        while True:
            op, payload = self.frame()
            if op == 9:
                self.send(10, payload)
            elif op != 10:
                return op, payload

    def end(self):
        """Reads up to the close frame: (messages, code, reason)."""
        seen = []
        while True:
            op, payload = self.read()
            if op == 8:
                code = struct.unpack('>H', payload[:2])[0] if payload else 1005
                return seen, code, payload[2:].decode()
            seen.append(payload)

    def bye(self):
        self.send(8, struct.pack('>H', 1000))


def open_access(server, access, protocol=None, extra=''):
    """Opens what an action or link answered: {url, token}."""
    u = urllib.parse.urlsplit(access['url'])
    headers = {'Sec-WebSocket-Protocol': protocol} if protocol else {}
    return Socket(server.port, '%s?token=%s%s' % (u.path, access['token'], extra), headers)


class Agent:
    """A host that a test plays. Reads in a thread: control messages and frames of streams go to handlers by kind of stream."""
    epoch = 0           # of the server that was obeyed last
    hello_more = {}     # what a test's hosts say in hello besides

    def __init__(self, server, admin, name='fake', project='1a5'):
        self.server, self.name = server, name
        token = admin.post('/projects/%s/registrationtokens' % project)
        assert token.status == 201, token
        token = admin.wait('/projects/%s/registrationtokens/%s' % (project, token['id']), 'active')
        register = server.client(('registrationToken', token['token']), prefix='/v1')
        self.uuid = '%s-%s' % (name, os.urandom(6).hex())
        made = register.post('/register', {'key': self.uuid})
        assert made.status == 201, made
        end = client.WAIT_S * 20
        while not made.get('accessKey') and end > 0:
            threading.Event().wait(0.05)
            end -= 1
            found = register.get('/register?key=' + self.uuid)
            made = client.Answer(200, {}, json.dumps(found.rows[0])) if found.status == 200 and found.rows else made
        self.key = (made['accessKey'], made['secretKey'])
        self.lock = threading.Condition()
        self.streams, self.ended, self.opened, self.containers, self.desired_log, self.error = {}, {}, [], {}, [], None
        self.handlers, self.closed, self.requests, self.answers = {}, False, [], True
        self.connect()

    def connect(self):
        basic = 'Basic ' + base64.b64encode(('%s:%s' % self.key).encode()).decode()
        self.ws = Socket(self.server.port, '/v3/host/connect', {'Authorization': basic})
        assert self.ws.status == 101, self.ws.head
        self.closed = False
        self.out = threading.Lock()
        self.say({'t': 'hello', 'version': 1, 'nodeVersion': 'test', 'epoch': self.epoch, 'rev': 0, 'boot': os.urandom(4).hex(),
                  'host': {'uuid': self.uuid, 'physicalUuid': self.uuid, 'hostname': self.name, 'agentIp': '127.0.0.1', 'labels': {}, 'createLabels': {},
                           'info': {}, 'memory': 1 << 33, 'milliCpu': 4000}, **self.hello_more})
        self.report(True)
        self.thread = threading.Thread(target=self.run, args=(self.ws,), daemon=True)
        self.thread.start()
        threading.Thread(target=self.beat, args=(self.ws,), daemon=True).start()

    def beat(self, ws):
        try:
            while self.ws is ws and not self.closed:
                self.say({'t': 'heartbeat', 'rev': 0})
                threading.Event().wait(1)
        except OSError:
            pass                # closed

    def say(self, message):
        with self.out:
            self.ws.text(json.dumps(message))

    def frame(self, stream, kind, payload=b''):
        with self.out:
            self.ws.binary(struct.pack('>IB', stream, kind) + payload)

    def data(self, stream, payload):
        self.frame(stream, DATA, payload)

    def report(self, full=False):
        self.say({'t': 'observed', 'full': full, 'containers': list(self.containers.values())})

    def obey(self, m):
        for d in m['containers']:
            state = {'running': 'running', 'stopped': 'stopped', 'absent': 'absent'}[d['state']]
            self.containers[d['uuid']] = {'uuid': d['uuid'], 'gen': d['gen'], 'state': state, 'dockerId': 'd' * 8 + d['uuid'].replace('-', ''),
                                          'ip': '10.42.0.9', 'ports': [], 'startedAt': 1, 'finishedAt': 0, 'exitCode': 0}
            self.dress(self.containers[d['uuid']])
        self.report(m['full'])

    def dress(self, container):
        """What a test's hosts say of a container besides."""

    def other(self, m, size):
        """Every other message of the server."""

    def run(self, ws):
        try:
            while True:
                op, payload = ws.read()
                if op == 8:
                    break
                if op == 1:
                    m = json.loads(payload.decode())
                    if m['t'] == 'desired':
                        self.obey(m)
                    elif m['t'] == 'request':
                        with self.lock:
                            self.requests.append(m['id'])
                            self.lock.notify_all()
                        if self.answers:
                            self.say({'t': 'reply', 'id': m['id'], 'data': {}})
                    elif m['t'] == 'stream':
                        with self.lock:
                            self.streams[m['id']] = {'kind': m['kind'], 'data': m['data'], 'input': b'', 'credit': WINDOW, 'control': [], 'frames': 0}
                            self.opened.append(m['id'])
                            self.lock.notify_all()
                        if m['kind'] in self.handlers:
                            self.handlers[m['kind']](self, m['id'], m['data'])
                    else:
                        self.other(m, len(payload))
                else:
                    self.take(payload)
        except (EOFError, OSError) as e:
            self.error = e
        with self.lock:
            self.closed = True
            self.lock.notify_all()

    def take(self, payload):
        stream, kind = struct.unpack('>IB', payload[:5])
        body = payload[5:]
        with self.lock:
            s = self.streams[stream]
            s['frames'] += 1
            if kind == DATA:
                s['input'] += body
            elif kind == END:
                self.ended[stream] = body.decode()
            elif kind == CREDIT:
                s['credit'] += struct.unpack('>I', body)[0]
            elif kind == CONTROL:
                s['control'].append(json.loads(body.decode()))
            self.lock.notify_all()

    def wait(self, condition, what='what was expected'):
        with self.lock:
            if not self.lock.wait_for(condition, client.WAIT_S):
                raise AssertionError('%s did not come: streams %r ended %r' % (what, self.streams, self.ended))

    def wait_opened(self, n):
        self.wait(lambda: len(self.opened) >= n, 'stream number %d' % n)
        return self.opened[n - 1]

    def close(self):
        """Breaks the connection."""
        try:
            self.ws.s.shutdown(socket.SHUT_RDWR)        # wakes the thread
        except OSError:
            pass
        self.thread.join(client.WAIT_S)
        self.ws.close()
