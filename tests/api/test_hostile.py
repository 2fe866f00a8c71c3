"""Clients and hosts that mean ill: each is refused in its way, and others are served meanwhile."""
import base64
import json
import socket
import threading
import time

import client
import wsclient


class Raw:
    """A TCP connection by hand."""

    def __init__(self, port):
        self.s = socket.create_connection(('127.0.0.1', port), timeout=client.WAIT_S)

    def send(self, data):
        self.s.sendall(data if isinstance(data, bytes) else data.encode())

    def answer(self):
        """Status of what comes back, 0 when the connection is closed without a word."""
        data = b''
        try:
            while b'\r\n' not in data:
                more = self.s.recv(65536)
                if not more:
                    return 0
                data += more
        except ConnectionError:
            return 0
        return int(data.split()[1])

    def close(self):
        self.s.close()


def median_s(ask, n=30):
    times = []
    for _ in range(n):
        t = time.perf_counter()
        ask()
        times.append(time.perf_counter() - t)
    return sorted(times)[n // 2]


class Clients(client.Case):
    """Each test holds its attack open and asks for the same thing that it asked for before."""

    def served(self, attack_is_on):
        """Answers come, and come before anything of the attack ends."""
        before = median_s(lambda: self.check(self.admin.get('/projects/1a5/stacks'), 200))
        attack_is_on()
        meanwhile = median_s(lambda: self.check(self.admin.get('/projects/1a5/stacks'), 200))
        # A ratio, and a generous one: neighbours share the machine. Waiting for one of the attackers would be thousands of times as long.
        self.assertLess(meanwhile, 200 * before)
        made = self.check(self.admin.post('/projects/1a5/stacks', {'name': 'meanwhile%d' % time.monotonic_ns()}), 201)
        self.admin.wait('/projects/1a5/stacks/' + made['id'], 'active')

    def test_slow_heads_keep_nobody_waiting_and_are_answered_408(self):
        slow = [Raw(self.server.port) for _ in range(100)]
        self.addCleanup(lambda: [r.close() for r in slow])

        def drip():
            for i, r in enumerate(slow):
                r.send('GET /ping HTTP/1.1\r\nHost: x\r\nX-%d: ' % i)
        self.served(drip)
        self.assertIn(slow[0].answer(), (408, 0))

    def test_slow_bodies_keep_nobody_waiting(self):
        slow = [Raw(self.server.port) for _ in range(100)]
        self.addCleanup(lambda: [r.close() for r in slow])

        def drip():
            for r in slow:
                r.send('POST /v2-beta/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"a')
        self.served(drip)
        self.assertEqual(slow[0].answer(), 408)

    def test_connections_that_say_nothing_keep_nobody_waiting(self):
        silent = []
        self.addCleanup(lambda: [r.close() for r in silent])
        self.served(lambda: silent.extend(Raw(self.server.port) for _ in range(600)))

    def test_half_closed_connections_keep_nobody_waiting(self):
        half = [Raw(self.server.port) for _ in range(200)]
        self.addCleanup(lambda: [r.close() for r in half])

        def shut():
            for i, r in enumerate(half):
                r.send('GET /v2-beta HTTP/1.1\r\nHost: x\r\n' if i % 2 else 'GET /ping HTTP/1.1\r\nHost: x\r\n\r\n')
                r.s.shutdown(socket.SHUT_WR)
        self.served(shut)
        self.assertEqual(half[0].answer(), 200)         # a whole request is answered although nothing more can come
        self.assertEqual(half[1].answer(), 0)

    def test_readers_that_do_not_read_keep_nobody_waiting(self):
        key = self.server.admin_file()
        basic = base64.b64encode(('%s:%s' % (key['accessKey'], key['secretKey'])).encode()).decode()
        lazy = [Raw(self.server.port) for _ in range(40)]
        self.addCleanup(lambda: [r.close() for r in lazy])

        def ask():
            for r in lazy:
                r.s.setblocking(False)
                try:
                    for _ in range(50):
                        r.s.send(('GET /v2-beta/schemas HTTP/1.1\r\nHost: x\r\nAuthorization: Basic %s\r\n\r\n' % basic).encode())
                except BlockingIOError:
                    pass
        self.served(ask)

    def refused(self, data, *statuses):
        r = Raw(self.server.port)
        self.addCleanup(r.close)
        try:
            r.send(data)
        except ConnectionError:
            pass                # refused before all of it was sent
        self.assertIn(r.answer(), statuses, data[:80])
        self.check(self.admin.get('/projects/1a5/stacks'), 200)

    def test_heads_beyond_the_limits_are_refused(self):
        self.refused('GET /%s HTTP/1.1\r\nHost: x\r\n\r\n' % ('a' * 100000), 414, 431, 0)
        self.refused('GET / HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n' % ('a' * 200000), 431, 0)
        self.refused('GET / HTTP/1.1\r\nHost: x\r\n%s\r\n' % ''.join('X-%d: y\r\n' % i for i in range(5000)), 431, 0)
        self.refused('GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n', 400)
        self.refused('GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400)
        self.refused('\x16\x03\x01\x02\x00' + 'x' * 20 + '\r\n\r\n', 400, 501)

    def test_bodies_beyond_the_limits_are_refused(self):
        head = 'POST /v2-beta/token HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n'
        self.refused(head % ('application/json', 1 << 40), 413)
        deep = '[' * 100000 + ']' * 100000
        self.refused(head % ('application/json', len(deep)) + deep, 400, 422)
        wide = '{' + ','.join('"k%d":%d' % (i, i) for i in range(200000)) + '}'
        self.refused(head % ('application/json', len(wide)) + wide, 401, 400, 413, 422)
        parts = ''.join('--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nx\r\n' % i for i in range(50000)) + '--b--\r\n'
        self.refused(head % ('multipart/form-data; boundary=b', len(parts)) + parts, 400, 401, 413, 415, 422)

    def test_chunks_without_end_are_refused_at_the_limit(self):
        r = Raw(self.server.port)
        self.addCleanup(r.close)
        r.send('POST /v2-beta/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n')
        chunk = b'10000\r\n' + b'x' * 65536 + b'\r\n'
        try:
            for _ in range(12 << 4):            # 12 MiB; a body may have 8
                r.send(chunk)
        except ConnectionError:
            pass
        self.assertEqual(r.answer(), 413)


class Limits(client.Case):
    args = ('--rate-limit', '20', '--rate-limit-local', '--address-connections', '10')

    def test_an_address_that_asks_too_often_is_told_when_to_come_again(self):
        answers = [self.server.client().raw('GET', '/ping') for _ in range(100)]
        refused = [a for a in answers if a.status == 429]
        self.assertGreaterEqual(len([a for a in answers if a.status == 200]), 40)
        self.assertTrue(refused)
        self.assertGreaterEqual(int(refused[0].headers['Retry-After']), 1)
        self.assertEqual(refused[0].get('type'), 'error')
        end = time.monotonic() + client.WAIT_S
        while self.server.client().raw('GET', '/ping').status != 200:
            self.assertLess(time.monotonic(), end)
            threading.Event().wait(0.1)

    def test_connections_beyond_the_limit_of_an_address_are_closed_and_those_before_stay(self):
        first = [Raw(self.server.port) for _ in range(10)]
        more = [Raw(self.server.port) for _ in range(5)]
        self.addCleanup(lambda: [r.close() for r in first + more])
        for r in more:
            self.assertEqual(r.answer(), 0)
        first[0].send('GET /ping HTTP/1.1\r\nHost: x\r\n\r\n')
        self.assertIn(first[0].answer(), (200, 429))


class Hosts(client.Case):
    """One host lies, another is honest: the honest one's session and containers stay as they are."""

    def setUp(self):
        self.honest = wsclient.Agent(self.server, self.admin, 'honest')
        self.liar = wsclient.Agent(self.server, self.admin, 'liar%d' % time.monotonic_ns())
        self.honest_id, self.liar_id = self.host(self.honest), self.host(self.liar)
        made = self.check(self.admin.post(self.p + '/containers', {'imageUuid': 'docker:x', 'name': 'c%d' % time.monotonic_ns(), 'requestedHostId': self.honest_id}), 201)
        self.path = self.p + '/containers/' + made['id']
        self.container = self.admin.wait(self.path, 'running')
        self.assertEqual(self.container['hostId'], self.honest_id)

    def tearDown(self):
        for path in (self.p + '/hosts/' + self.liar_id, self.p + '/hosts/' + self.honest_id):
            self.admin.post(path + '?action=deactivate')
        self.honest.close()
        self.liar.close()

    def host(self, agent):
        end = time.monotonic() + client.WAIT_S
        while True:
            for h in self.admin.get(self.p + '/hosts').rows:
                if h['hostname'] == agent.name and h['state'] == 'active' and h.get('agentState') in (None, 'active'):
                    return h['id']
            self.assertLess(time.monotonic(), end, agent.name)
            threading.Event().wait(0.02)

    def cut_off(self, *words):
        """The liar's connection ends, the liar is named in log and API, and the honest host has noticed nothing."""
        self.liar.wait(lambda: self.liar.closed, 'end of the connection')
        end = time.monotonic() + client.WAIT_S
        while True:
            h = self.admin.get(self.p + '/hosts/' + self.liar_id)
            if h.get('transitioning') == 'error':
                break
            self.assertLess(time.monotonic(), end, repr(h))
            threading.Event().wait(0.02)
        lines = [x for x in self.server.log().splitlines() if 'host is cut off' in x and 'host=%s ' % self.liar_id in x]
        self.assertEqual(len(lines), 1, lines)
        for word in words:
            self.assertIn(word, h['transitioningMessage'])
            self.assertIn(word, lines[0])
        self.assertFalse(self.honest.closed)
        self.assertEqual(self.admin.get(self.p + '/hosts/' + self.honest_id)['transitioning'], 'no')
        self.unharmed()
        # It is kept out for a while, and told for how long.
        basic = 'Basic ' + base64.b64encode(('%s:%s' % self.liar.key).encode()).decode()
        again = wsclient.Socket(self.server.port, '/v3/host/connect', {'Authorization': basic})
        self.assertEqual(again.status, 429)
        self.assertIn('Retry-After', again.head)
        again.close()

    def unharmed(self):
        c = self.admin.get(self.path)
        for key in ('state', 'hostId', 'externalId', 'primaryIpAddress', 'startCount'):
            self.assertEqual(c.get(key), self.container.get(key), key)
        # And it still obeys.
        made = self.check(self.admin.post(self.p + '/containers', {'imageUuid': 'docker:x', 'name': 'd%d' % time.monotonic_ns(), 'requestedHostId': self.honest_id}), 201)
        self.admin.wait(self.p + '/containers/' + made['id'], 'running')

    def test_a_report_about_another_hosts_container(self):
        self.liar.say({'t': 'observed', 'full': False, 'containers': [
            {'uuid': self.container['uuid'], 'gen': 1 << 40, 'state': 'stopped', 'dockerId': 'bad', 'ip': '6.6.6.6', 'exitCode': 1}]})
        self.cut_off("another host's", self.container['uuid'])

    def test_a_full_report_with_another_hosts_container(self):
        self.liar.say({'t': 'observed', 'full': True, 'containers': [{'uuid': self.container['uuid'], 'gen': 1, 'state': 'running', 'dockerId': 'bad'}]})
        self.cut_off("another host's")

    def test_a_frame_on_a_stream_that_was_never_opened(self):
        self.liar.frame(4711, wsclient.DATA, b'x')
        self.cut_off('never opened')

    def test_a_frame_that_is_too_large_for_a_stream(self):
        self.liar.frame(1, wsclient.DATA, b'x' * 70000)
        self.cut_off('more than')

    def test_a_frame_too_short_for_its_head(self):
        with self.liar.out:
            self.liar.ws.binary(b'xy')
        self.cut_off('too short')

    def test_a_message_larger_than_any_may_be(self):
        try:
            self.liar.say({'t': 'observed', 'full': False, 'containers': [], 'x': 'x' * (9 << 20)})
        except OSError:
            pass                # closed while it was sent
        self.cut_off()

    def test_text_that_is_no_message(self):
        with self.liar.out:
            self.liar.ws.text('{"t":"observed","containers":' + '[' * 10000)
        self.cut_off()

    def test_a_flood_of_messages(self):
        frame = self.flood_frame()
        try:
            for _ in range(400):
                with self.liar.out:
                    self.liar.ws.s.sendall(frame)
                if self.liar.closed:
                    break
        except OSError:
            pass
        self.cut_off('too much')

    def flood_frame(self):
        """Two hundred heartbeats in one write."""
        payload = b'{"t":"heartbeat","rev":0}'
        return b''.join(bytes([0x81, 0x80 | len(payload)]) + wsclient.mask(payload) for _ in range(200))

    def test_an_answer_to_a_request_of_another_host(self):
        self.honest.answers = False
        self.check(self.admin.post(self.p + '/pulltasks', {'image': 'docker:busybox', 'mode': 'all'}), 201)
        request = self.honest_request()
        self.liar.say({'t': 'reply', 'id': request, 'data': {}})
        self.cut_off("another host's")

    def honest_request(self):
        """The id of a request that the server sent to the honest host."""
        self.honest.wait(lambda: self.honest.requests, 'a request')
        return self.honest.requests[0]

    def test_an_epoch_that_no_server_had(self):
        self.liar.close()
        basic = 'Basic ' + base64.b64encode(('%s:%s' % self.liar.key).encode()).decode()
        ws = wsclient.Socket(self.server.port, '/v3/host/connect', {'Authorization': basic})
        ws.text(json.dumps({'t': 'hello', 'version': 1, 'nodeVersion': 'test', 'epoch': 1 << 50, 'rev': 0, 'boot': 'b',
                            'host': {'uuid': self.liar.uuid, 'physicalUuid': self.liar.uuid, 'hostname': self.liar.name, 'agentIp': '127.0.0.1', 'labels': {},
                                     'createLabels': {}, 'info': {}, 'memory': 1 << 33, 'milliCpu': 4000}}))
        _, code, reason = ws.end()
        self.assertEqual(code, 1008)
        self.assertIn('epoch', reason)
        self.cut_off('epoch')

    def test_who_was_cut_off_and_then_behaves_is_named_no_longer(self):
        self.liar.frame(4711, wsclient.DATA, b'x')
        self.cut_off('never opened')
        basic = 'Basic ' + base64.b64encode(('%s:%s' % self.liar.key).encode()).decode()
        end = time.monotonic() + client.WAIT_S
        while True:
            probe = wsclient.Socket(self.server.port, '/v3/host/connect', {'Authorization': basic})
            probe.close()
            if probe.status == 101:
                break
            self.assertLess(time.monotonic(), end)
            threading.Event().wait(0.5)
        self.liar.connect()
        while self.admin.get(self.p + '/hosts/' + self.liar_id)['transitioning'] != 'no':
            self.assertLess(time.monotonic(), end)
            threading.Event().wait(0.05)


if __name__ == '__main__':
    client.main()
