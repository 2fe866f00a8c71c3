"""A small server that speaks docs/host-protocol.md to one agent at a time: test equipment, standard library only."""
import base64
import hashlib
import http.server
import json
import os
import socketserver
import struct
import threading
import time
import urllib.parse

DEADLINE_S = int(os.environ.get("DROVER_TEST_DEADLINE_S", "90"))


class Session:
    def __init__(self, handler):
        self.handler = handler
        self.lock = threading.Lock()
        self.open = True
        self.on_binary = lambda data: None

    def send(self, message):
        self.frame(1, json.dumps(message).encode())

    def frame(self, opcode, data):
        n = len(data)
        head = bytes([0x80 | opcode]) + (bytes([n]) if n < 126 else b'\x7e' + struct.pack('>H', n) if n < 65536 else b'\x7f' + struct.pack('>Q', n))
        with self.lock:
            try:
                self.handler.wfile.write(head + data)
                self.handler.wfile.flush()
            except OSError:
                self.open = False

    def close(self):
        self.open = False
        try:
            self.handler.connection.shutdown(2)
        except OSError:
            pass

    def read_exactly(self, n):
        data = self.handler.rfile.read(n)
        if data is None or len(data) < n:
            raise ConnectionError
        return data

    def messages(self):
        whole = b''
        while True:
            head = self.read_exactly(2)
            opcode, n = head[0] & 15, head[1] & 127
            if n == 126:
                n = struct.unpack('>H', self.read_exactly(2))[0]
            elif n == 127:
                n = struct.unpack('>Q', self.read_exactly(8))[0]
            assert head[1] & 0x80, 'a client masks its frames'
            mask = self.read_exactly(4)
            data = bytearray(self.read_exactly(n))
            for i in range(n):
                data[i] ^= mask[i & 3]
            if opcode == 8:
                self.frame(8, bytes(data[:2]))
                return
            if opcode == 9:
                self.frame(10, bytes(data))
            elif opcode == 2:
                self.on_binary(bytes(data))
            elif opcode in (0, 1):
                whole += bytes(data)
                if head[0] & 0x80:
                    yield json.loads(whole)
                    whole = b''


class FakeServer:
    KEY, SECRET, TOKEN = 'AGENTKEY', 'agent-secret', 'public:1:sig'

    def __init__(self, port=0, project='env-1', epoch=1):
        self.project, self.epoch, self.rev = project, epoch, 1
        self.desired = {}               # uuid -> entry
        self.seen = {}                  # uuid -> last report
        self.history = []               # (uuid, gen, state) in order
        self.messages = []
        self.registered = {}            # key -> polls until it has keys
        self.heartbeat_ms = 500
        self.push_on_hello = True
        self.fulls = 0
        self.host = None
        self.hello = None
        self.refuse = False
        self.files = {}                 # path -> bytes, served to anybody
        self.clock_skew_s = 0
        self.changed = threading.Condition()
        self.session = None
        self.port = port
        self.start()

    # HTTP -----------------------------------------------------------------------------------------------------------
    def start(self):
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def log_message(self, *_):
                pass

            def date_time_string(self, timestamp=None):
                return super().date_time_string(time.time() + fake.clock_skew_s)

            def basic(self):
                kind, _, value = self.headers.get('Authorization', '').partition(' ')
                return base64.b64decode(value).decode() if kind == 'Basic' else ''

            def answer(self, status, body):
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers.get('Content-Length', 0))) or '{}')
                if self.path != '/v1/register' or self.basic() != f'registrationToken:{fake.TOKEN}':
                    return self.answer(401, {'type': 'error', 'status': 401, 'code': 'Unauthorized', 'message': 'Unauthorized'})
                fake.registered[body['key']] = 2
                self.answer(201, {'type': 'register', 'key': body['key'], 'state': 'activating'})

            def do_GET(self):
                url = urllib.parse.urlparse(self.path)
                if url.path == '/ping' or url.path in fake.files:
                    data = fake.files.get(url.path, b'pong')
                    self.send_response(200)
                    self.send_header('Content-Length', str(len(data)))
                    self.end_headers()
                    return self.wfile.write(data)
                if url.path == '/v3/host/connect':
                    return fake.serve(self)
                if url.path != '/v1/register' or self.basic() != f'registrationToken:{fake.TOKEN}':
                    return self.answer(401, {'type': 'error', 'status': 401, 'code': 'Unauthorized', 'message': 'Unauthorized'})
                key = urllib.parse.parse_qs(url.query)['key'][0]
                if key not in fake.registered:
                    return self.answer(200, {'type': 'collection', 'data': []})
                fake.registered[key] -= 1
                row = {'type': 'register', 'key': key, 'state': 'activating', 'transitioning': 'yes'}
                if fake.registered[key] <= 0:
                    row.update(state='active', transitioning='no', accessKey=fake.KEY, secretKey=fake.SECRET)
                self.answer(200, {'type': 'collection', 'data': [row]})

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            allow_reuse_address = True

        self.http = Server(('127.0.0.1', self.port), Handler)
        self.port = self.http.server_address[1]
        self.url = f'http://127.0.0.1:{self.port}/v1'
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        """Not reachable any more: the port is closed and so are connections."""
        self.http.shutdown()
        self.http.server_close()
        if self.session:
            self.session.close()
        self.wait(lambda: self.session is None, 'end of the session')

    def serve(self, handler):
        if self.refuse or handler.basic() != f'{self.KEY}:{self.SECRET}':
            return handler.answer(401, {'type': 'error', 'status': 401, 'code': 'Unauthorized', 'message': 'Unauthorized'})
        key = handler.headers['Sec-WebSocket-Key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
        handler.send_response(101)
        handler.send_header('Upgrade', 'websocket')
        handler.send_header('Connection', 'Upgrade')
        handler.send_header('Sec-WebSocket-Accept', base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        handler.end_headers()
        session = Session(handler)
        try:
            for m in session.messages():
                self.take(session, m)
        except (OSError, ConnectionError, ValueError):
            pass
        session.open = False
        handler.close_connection = True
        with self.changed:
            if self.session is session:
                self.session = None
            self.changed.notify_all()

    # protocol -------------------------------------------------------------------------------------------------------
    def take(self, session, m):
        with self.changed:
            self.messages.append(m)
            if m['t'] == 'hello':
                self.hello, self.host = m, m['host']
                self.session = session
                session.send({'t': 'hello', 'version': 1, 'epoch': self.epoch, 'heartbeatMs': self.heartbeat_ms, 'hostId': '1h1',
                              'projectUuid': self.project, 'serverVersion': 'fake', 'nodeSha256': ''})
                if self.push_on_hello:
                    self.push(full=True)
            elif m['t'] == 'host':
                self.host = m['host']
            elif m['t'] == 'observed':
                listed = {c['uuid'] for c in m['containers']}
                assert len(listed) == len(m['containers']), 'a container is told twice in one message'
                for c in m['containers']:
                    self.history.append((c['uuid'], c['gen'], c['state']))
                    self.seen[c['uuid']] = c
                if m['full']:
                    self.fulls += 1
                    for uuid in set(self.seen) - listed:
                        self.history.append((uuid, self.seen[uuid]['gen'], 'absent'))
                        self.seen[uuid] = dict(self.seen[uuid], state='absent')
            self.changed.notify_all()

    def push(self, full=False, only=None):
        self.rev += 0 if full else 1
        entries = [self.desired[u] for u in (only if only is not None else self.desired)]
        if self.session:
            self.session.send({'t': 'desired', 'epoch': self.epoch, 'rev': self.rev, 'full': full, 'containers': entries})

    def want(self, uuid, state='running', wait=True, **spec):
        """Raises the generation; a spec given replaces the former one."""
        with self.changed:
            before = self.desired.get(uuid, {'gen': 0})
            entry = {'uuid': uuid, 'gen': before['gen'] + 1, 'state': state, 'stopTimeoutS': 1}
            if state == 'running':
                base = {'name': f'r-{uuid}', 'imageUuid': 'docker:drover/test:1', 'networkMode': 'none',
                        'labels': {'io.rancher.container.uuid': uuid, 'io.rancher.environment.uuid': self.project}}
                entry['spec'] = dict(base, **spec) if spec or 'spec' not in before else before['spec']
            elif 'spec' in before:
                entry['spec'] = before['spec']
            self.desired[uuid] = entry
            self.push(only=[uuid])
        if wait:
            return self.reported(uuid, {'running': 'running', 'stopped': ('stopped', 'absent'), 'absent': 'absent'}[state], entry['gen'])
        return None

    def gen(self, uuid):
        return self.desired[uuid]['gen']

    def forget(self, uuid):
        with self.changed:
            del self.desired[uuid]

    # waiting --------------------------------------------------------------------------------------------------------
    def wait(self, check, what, deadline_s=DEADLINE_S):
        end = time.monotonic() + deadline_s
        with self.changed:
            while True:
                value = check()
                if value:
                    return value
                left = end - time.monotonic()
                if left <= 0 or not self.changed.wait(left):
                    raise AssertionError(f'not within {deadline_s} s: {what}; seen: {json.dumps(self.seen)[:3000]}')

    def reported(self, uuid, states, gen=None, deadline_s=DEADLINE_S):
        states = (states,) if isinstance(states, str) else states
        gen = self.gen(uuid) if gen is None else gen

        def check():
            c = self.seen.get(uuid)
            return c if c and c['state'] in states and (c['gen'] >= gen or c.get('foreign')) else None
        return self.wait(check, f'{uuid} {states} at generation {gen}', deadline_s)

    def next_full(self):
        n = self.fulls
        return self.wait(lambda: self.fulls > n, 'a full list')

    def connected(self):
        return self.wait(lambda: self.session, 'a session')
