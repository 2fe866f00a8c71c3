"""Figures of metadata to hosts: one change to 200 subscribers, bytes and time until the last has it; a restart of all of them.

usage: metadata_repl.py BIN_DIR [HOSTS]
Everything runs on loopback with its data in a temporary folder. The subscribers are this process: its own time to read them counts too."""
import base64
import json
import os
import selectors
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.path.abspath(sys.argv[1])
os.environ['DROVER_SERVER'] = os.path.join(BIN, 'drover-server')
sys.path[:0] = [HERE, os.path.join(HERE, '..', 'api')]
import client                           # noqa: E402
import wsclient                         # noqa: E402
from figures import MB, cpu_seconds, figure, note, pss  # noqa: E402

HOSTS = int(sys.argv[2]) if len(sys.argv) > 2 else 200
CHANGES = 20
CONTAINERS = 200


class Subscriber:
    def __init__(self, server, key, n):
        basic = 'Basic ' + base64.b64encode(('%s:%s' % key).encode()).decode()
        self.ws = wsclient.Socket(server.port, '/v3/host/connect', {'Authorization': basic})
        self.n, self.bytes, self.seen, self.synced, self.containers = n, 0, set(), False, {}
        self.say({'t': 'hello', 'version': 1, 'nodeVersion': 'bench', 'epoch': 0, 'rev': 0, 'boot': 'b', 'metadata': True,
                  'host': {'uuid': 'bench-%d' % n, 'physicalUuid': 'bench-%d' % n, 'hostname': 'bench-%d' % n, 'agentIp': '127.0.0.1', 'labels': {}, 'info': {},
                           'createLabels': {}, 'memory': 1 << 33, 'milliCpu': 4000}})
        self.say({'t': 'observed', 'full': True, 'containers': []})

    def say(self, m):
        self.ws.text(json.dumps(m))

    def whole_frame(self):
        b = self.ws.buffer
        if len(b) < 2:
            return False
        n, extra = b[1] & 127, {126: 2, 127: 8}.get(b[1] & 127, 0)
        if len(b) < 2 + extra:
            return False
        return len(b) >= 2 + extra + (int.from_bytes(b[2:2 + extra], 'big') if extra else n)

    def take(self):
        """The next message, and those that came with it."""
        self.take_one()
        while self.whole_frame():
            self.take_one()

    def take_one(self):
        op, payload = self.ws.read()
        if op != 1:
            return
        m = json.loads(payload.decode())
        if m['t'] == 'hello':
            self.say({'t': 'metadata.resume', 'topics': {}})
        elif m['t'] == 'desired':
            for d in m['containers']:
                self.containers[d['uuid']] = {'uuid': d['uuid'], 'gen': d['gen'], 'state': d['state'], 'dockerId': 'd' * 8 + d['uuid'].replace('-', ''),
                                              'ip': '10.42.0.9', 'ports': [], 'startedAt': 1, 'finishedAt': 0, 'exitCode': 0}
            self.say({'t': 'observed', 'full': m['full'], 'containers': list(self.containers.values())})
        elif m['t'] == 'metadata':
            self.bytes += len(payload)
            self.synced |= m.get('sync', False)
            for key, o in m.get('set', {}).items():
                if o['metadata_kind'] == 'service' and 'n' in o['metadata']:
                    self.seen.add((key, o['metadata']['n']))


def pump(sel, done, seconds=60):
    end = time.monotonic() + seconds
    while not done():
        for key, _ in sel.select(0.5):
            key.data.take()
        if time.monotonic() > end:
            raise RuntimeError('it did not come')


def register(server, admin, n):
    token = admin.post('/projects/1a5/registrationtokens')
    token = admin.wait('/projects/1a5/registrationtokens/' + token['id'], 'active')
    r = server.client(('registrationToken', token['token']), prefix='/v1')
    keys = []
    for i in range(n):
        r.post('/register', {'key': 'bench-of-metadata-%06d' % i})
    for i in range(n):
        found = []
        while not found or not found[0].get('accessKey'):
            found = r.get('/register?key=bench-of-metadata-%06d' % i).rows
        keys.append((found[0]['accessKey'], found[0]['secretKey']))
    return keys


def main():
    server = client.Server()
    server.start()
    ok = True
    try:
        admin, p = server.admin(), '/projects/1a5'
        keys = register(server, admin, HOSTS)
        sel = selectors.DefaultSelector()
        subs = [Subscriber(server, key, i) for i, key in enumerate(keys)]
        for s in subs:
            sel.register(s.ws.s, selectors.EVENT_READ, s)
        pump(sel, lambda: all(s.synced for s in subs))
        stack = admin.post(p + '/stacks', {'name': 'bench'})
        service = admin.post(p + '/services', {'name': 'x', 'stackId': stack['id'], 'scale': CONTAINERS, 'startOnCreate': True,
                                               'launchConfig': {'imageUuid': 'docker:busybox'}})
        pump(sel, lambda: sum(len(s.containers) for s in subs) >= CONTAINERS, 120)
        last = time.monotonic()
        while time.monotonic() < last + 2:                      # quiet: what starting them caused has been told
            for key, _ in sel.select(0.2):
                key.data.take()
                last = time.monotonic() if key.data.bytes else last
                key.data.bytes = 0
        times, sizes = [], []
        key = 'service/' + service['uuid']
        for n in range(CHANGES):
            for s in subs:
                s.bytes = 0
            began = time.monotonic()
            admin.put(p + '/services/' + service['id'], {'metadata': {'n': n}})
            pump(sel, lambda n=n: all((key, n) in s.seen for s in subs))
            times.append((time.monotonic() - began) * 1000)
            sizes.append(sum(s.bytes for s in subs) / len(subs))
        ok &= figure('metadata: bytes to each of %d hosts for one change, median' % HOSTS, statistics.median(sizes), 'bytes', 2048)
        ok &= figure('metadata: one change to the last of %d hosts, median' % HOSTS, statistics.median(times), 'ms', 1000)
        for s in subs:
            s.bytes, s.synced = 0, False
        cpu = cpu_seconds(server.process.pid)
        began = time.monotonic()
        for s in subs:
            s.say({'t': 'metadata.resume', 'topics': {}})
        pump(sel, lambda: all(s.synced for s in subs))
        took = time.monotonic() - began
        note('%d containers, everything to %d hosts: %.0f bytes each, %.3f s, CPU of the server %.3f s' % (
            CONTAINERS, HOSTS, sum(s.bytes for s in subs) / len(subs), took, cpu_seconds(server.process.pid) - cpu))
        note('memory of the server (PSS) %.1f MB' % (pss(server.process.pid) / MB))
    finally:
        server.close()
    sys.exit(0 if ok else 1)


if __name__ == '__main__':
    main()
