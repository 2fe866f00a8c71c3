"""One drover-server in a folder of its own, and a client for it. Standard library only; every wait has an end."""
import base64
import http.client
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

SERVER = os.environ.get('DROVER_SERVER')
WAIT_S = 60     # of a loaded machine; nothing is asserted about it


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.raw = status, headers, body
        try:
            self.body = json.loads(body) if body else None
        except ValueError:
            self.body = None

    def __getitem__(self, key):
        return self.body[key]

    def get(self, key):
        return self.body.get(key) if isinstance(self.body, dict) else None

    @property
    def rows(self):
        return self.body['data']

    def __repr__(self):
        return '%s %s' % (self.status, self.raw[:600])


class Client:
    """user and secret: an access key pair; without, nobody."""

    def __init__(self, port, key=None, prefix='/v2-beta', headers=None, agent='drover-test'):
        self.port, self.prefix, self.headers = port, prefix, dict(headers or {})
        self.headers.setdefault('User-Agent', agent)
        if key:
            self.headers['Authorization'] = 'Basic ' + base64.b64encode(('%s:%s' % key).encode()).decode()

    def at(self, prefix):
        c = Client(self.port)
        c.headers, c.prefix = self.headers, prefix
        return c

    def raw(self, method, path, body=None, headers=None):
        c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=WAIT_S)
        try:
            h = dict(self.headers)
            h.update(headers or {})
            c.request(method, path, body, h)
            r = c.getresponse()
            data = r.read()
            a = Answer(r.status, r.headers, data.decode(errors='replace'))
            a.bytes = data
            return a
        finally:
            c.close()

    def ask(self, method, path, body=None, headers=None):
        h = {'Content-Type': 'application/json'}
        h.update(headers or {})
        data = body if body is None or isinstance(body, str) else json.dumps(body)
        return self.raw(method, self.prefix + path, data, h)

    def get(self, path, **h):
        return self.ask('GET', path, **h)

    def post(self, path, body=None, **h):
        return self.ask('POST', path, {} if body is None else body, **h)

    def put(self, path, body, **h):
        return self.ask('PUT', path, body, **h)

    def delete(self, path, **h):
        return self.ask('DELETE', path, **h)

    def wait(self, path, state, gone_is=None):
        """Until the resource is in this state: asks again, each time a little later, up to an end."""
        end, pause = time.monotonic() + WAIT_S, 0.01
        while True:
            a = self.get(path)
            if a.get('state') == state or (gone_is and a.status == gone_is):
                return a
            if time.monotonic() > end:
                raise AssertionError('%s did not become %s but %s (%s): %r' % (path, state, a.get('state'), a.get('transitioningMessage'), a))
            threading.Event().wait(pause)
            pause = min(pause * 1.5, 0.5)


class Server:
    def __init__(self, args=(), data=None, env=None):
        self.own = data is None
        self.data = data or tempfile.mkdtemp(prefix='drover-api-')
        self.args, self.env, self.process, self.port = list(args), env, None, None
        self.log_file = None

    def start(self):
        """Starts it on a free port and waits until it serves."""
        self.log_file = open(os.path.join(self.log_dir(), 'server.log'), 'ab+')
        begin = self.log_file.seek(0, os.SEEK_END)
        self.process = subprocess.Popen([SERVER, '--listen', '127.0.0.1:0', '--data', self.data] + self.args, stdin=subprocess.DEVNULL,
                                        stdout=self.log_file, stderr=self.log_file, env=self.env)
        end = time.monotonic() + WAIT_S
        while True:
            text = self.log()[begin:]
            for line in text.splitlines():
                if 'msg=serving' in line:
                    self.port = int(line.split('port=')[1].split()[0])
                    return self
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError('the server did not start (%s): %s' % (self.process.poll(), text[-2000:]))
            threading.Event().wait(0.01)

    def log_dir(self):
        d = self.data + '.log'
        os.makedirs(d, exist_ok=True)
        return d

    def log(self):
        with open(os.path.join(self.log_dir(), 'server.log'), errors='replace') as f:
            return f.read()

    def end(self, signum=signal.SIGTERM):
        """Ends it and gives its exit code."""
        if self.process is None:
            return None
        self.process.send_signal(signum)
        try:
            code = self.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError('the server did not end: ' + self.log()[-2000:])
        finally:
            self.process = None
            self.log_file.close()
        return code

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
            self.log_file.close()
        shutil.rmtree(self.data + '.log', ignore_errors=True)
        if self.own:
            shutil.rmtree(self.data, ignore_errors=True)

    def admin_file(self):
        with open(os.path.join(self.data, 'admin.json')) as f:
            return json.load(f)

    def admin(self, prefix='/v2-beta'):
        a = self.admin_file()
        return Client(self.port, (a['accessKey'], a['secretKey']), prefix)

    def client(self, key=None, prefix='/v2-beta', **kw):
        return Client(self.port, key, prefix, **kw)


class WebSocket:
    """By hand: what the server sends is text, small and not masked."""

    def __init__(self, client, path):
        self.s = socket.create_connection(('127.0.0.1', client.port), timeout=WAIT_S)
        head = ['GET %s HTTP/1.1' % (client.prefix + path), 'Host: 127.0.0.1:%d' % client.port, 'Connection: Upgrade', 'Upgrade: websocket',
                'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: ' + base64.b64encode(os.urandom(16)).decode()]
        head += ['%s: %s' % x for x in client.headers.items()]
        self.s.sendall(('\r\n'.join(head) + '\r\n\r\n').encode())
        self.buffer = b''
        while b'\r\n\r\n' not in self.buffer:
            self._more()
        first, self.buffer = self.buffer.split(b'\r\n\r\n', 1)
        self.status = int(first.split()[1])
        self.head = first.decode()

    def _more(self):
        data = self.s.recv(65536)
        if not data:
            raise EOFError('the server closed the connection: %r' % self.buffer[:300])
        self.buffer += data

    def frame(self):
        while True:
            if len(self.buffer) >= 2:
                op, n, at = self.buffer[0] & 15, self.buffer[1] & 127, 2
                extra = {126: 2, 127: 8}.get(n, 0)
                if len(self.buffer) >= at + extra:
                    if extra:
                        n = struct.unpack('>H' if extra == 2 else '>Q', self.buffer[2:2 + extra])[0]
                    at += extra
                    if len(self.buffer) >= at + n:
                        payload, self.buffer = self.buffer[at:at + n], self.buffer[at + n:]
                        return op, payload
            self._more()

    def message(self):
        while True:
            op, payload = self.frame()
            if op == 1:
                return json.loads(payload.decode())
            if op == 8:
                raise EOFError('closed: %r' % payload)

    def until(self, wanted, limit=500):
        """The first message that wanted() likes."""
        for _ in range(limit):
            m = self.message()
            if wanted(m):
                return m
        raise AssertionError('%d messages without the wanted one' % limit)

    def close(self):
        self.s.close()


class Case(unittest.TestCase):
    """A server for the whole class."""
    args = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(cls.args)
        try:
            cls.server.start()
        except BaseException:
            cls.server.close()
            raise
        cls.p = '/projects/1a5'

    @classmethod
    def tearDownClass(cls):
        try:
            code = cls.server.end()
            if code != 0:
                raise AssertionError('the server ended with %s: %s' % (code, cls.server.log()[-4000:]))
        finally:
            cls.server.close()

    @property
    def admin(self):
        return self.server.admin()

    def check(self, answer, status, code=None, field=None):
        self.assertEqual(answer.status, status, repr(answer))
        if code is not None:
            self.assertEqual(answer.get('code'), code, repr(answer))
        if field is not None:
            self.assertEqual(answer.get('fieldName'), field, repr(answer))
        return answer


def main():
    if not SERVER:
        raise SystemExit('DROVER_SERVER names the program to test')
    unittest.main(verbosity=1)
