#!/usr/bin/env python3
"""Runs drover-server: its start and end, host sessions, events, downloads. Usage: test_server.py PROGRAM NODE_PROGRAM"""
import hashlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from client import DEADLINE_S, Host, Server, Socket  # noqa: E402

PROGRAM, NODE = (os.path.abspath(sys.argv.pop(1)) for _ in range(2))


def run(*args):
    p = subprocess.run([PROGRAM, '--config', '/dev/null', *args], capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    return p.returncode, p.stdout + p.stderr


class Case(unittest.TestCase):
    options = ()

    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.data = os.path.join(self.dir.name, 'data')
        self.s = Server(PROGRAM, self.data, os.path.dirname(NODE), *self.options)

    def tearDown(self):
        for ws in list(Socket.all):
            ws.close()
        self.s.stop()
        self.dir.cleanup()

    def service(self, name='web', stack=None, **more):
        if not stack:
            stack = self.s.ok('POST', '/projects/1a5/stacks', {'name': 'stack-of-' + name})['id']
        return self.s.ok('POST', '/projects/1a5/services', {'name': name, 'stackId': stack, 'scale': 1, 'startOnCreate': True,
                                                             'launchConfig': {'imageUuid': 'docker:box:1'}, **more})


class Program(Case):
    def test_ping_needs_no_key_and_everything_else_does(self):
        self.assertEqual(self.s.raw('GET', '/ping', key=None)[2], b'pong')
        self.assertEqual(self.s.api('GET', '/projects', key=None)[0], 401)
        self.assertEqual(self.s.api('GET', '/projects')[0], 200)

    def test_the_first_start_writes_the_keys_for_the_owner_alone(self):
        self.assertEqual(os.stat(os.path.join(self.data, 'admin.json')).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(os.path.join(self.data, 'master.key')).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(self.data).st_mode & 0o777, 0o700)
        self.assertNotIn(self.s.key[1].encode(), self.s.log)

    def test_a_folder_in_use_and_a_port_in_use_are_told_and_end_with_4(self):
        code, text = run('--listen', '127.0.0.1:0', '--data', self.data)
        self.assertEqual((code, 'in use' in text), (4, True), text)
        other = os.path.join(self.dir.name, 'other')
        code, text = run('--listen', f'127.0.0.1:{self.s.port}', '--data', other)
        self.assertEqual((code, 'already in use' in text), (4, True), text)

    def test_wrong_options_end_with_2(self):
        self.assertEqual(run('--bogus')[0], 2)
        self.assertEqual(run('--listen', 'nowhere')[0], 2)
        self.assertEqual(run('--db', 'postgres://x')[0], 2)

    def test_what_was_answered_is_there_after_a_kill(self):
        stack = self.s.ok('POST', '/projects/1a5/stacks', {'name': 'kept'})
        self.s.restart()
        self.assertEqual(self.s.ok('GET', f'/projects/1a5/stacks/{stack["id"]}')['name'], 'kept')

    def test_sigterm_says_goodbye_to_sockets_and_ends_with_0(self):
        ws = self.s.subscribe()
        ws.until(lambda m: m['name'] == 'ping')
        self.s.p.send_signal(signal.SIGTERM)
        while ws.receive():
            pass
        self.assertEqual(ws.closed[0], 1001)
        self.assertEqual(self.s.wait(), 0)

    def test_the_service_manager_is_told_of_start_and_end(self):
        path = os.path.join(self.dir.name, 'notify')
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as n:
            n.bind(path)
            n.settimeout(DEADLINE_S)
            with subprocess.Popen([PROGRAM, '--config', '/dev/null', '--listen', '127.0.0.1:0', '--data', os.path.join(self.dir.name, 'n')],
                                  env={**os.environ, 'NOTIFY_SOCKET': path}, stderr=subprocess.DEVNULL) as p:
                self.assertEqual(n.recv(100), b'READY=1')
                p.send_signal(signal.SIGTERM)
                self.assertEqual(n.recv(100), b'STOPPING=1')
                self.assertEqual(p.wait(DEADLINE_S), 0)

    def test_refusals_below_the_api_have_its_form(self):
        with socket.create_connection(('127.0.0.1', self.s.port), timeout=DEADLINE_S) as c:
            c.sendall(b'GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n')
            answer = c.makefile('rb').read()
        self.assertIn(b' 400 ', answer.split(b'\r\n')[0])
        self.assertIn(b'"type":"error"', answer)


class Downloads(Case):
    def test_the_node_program_is_served_whole_and_in_parts_with_its_digest(self):
        with open(NODE, 'rb') as f:
            program = f.read()
        machine = os.uname().machine
        for version in ('latest', run('--version')[1].split()[1]):
            status, head, body = self.s.raw('GET', f'/v1/node/{machine}/{version}', key=None)
            self.assertEqual((status, body == program, int(head['Content-Length'])), (200, True, len(program)))
            self.assertEqual(head['X-Content-SHA256'], hashlib.sha256(program).hexdigest())
        path, size = f'/v1/node/{machine}/latest', len(program)
        for text, status, part in (('bytes=0-9', 206, program[:10]), ('bytes=-5', 206, program[-5:]), (f'bytes={size - 3}-', 206, program[-3:]),
                                   (f'bytes=5-{size + 5}', 206, program[5:]), (f'bytes={size}-', 416, b''), ('bytes=9-3', 200, program), ('lines=1-2', 200, program),
                                   ('bytes=0-1,4-5', 200, program)):
            got = self.s.raw('GET', path, headers={'Range': text}, key=None)
            self.assertEqual((got[0], got[2] == part), (status, True), text)
        self.assertEqual(self.s.raw('GET', path, headers={'Range': 'bytes=0-9', 'If-Range': '"old"'}, key=None)[0], 200)

    def test_other_architectures_versions_and_tricks_are_not_found(self):
        for path in ('/v1/node/riscv64/latest', f'/v1/node/{os.uname().machine}/0.0.0', '/v1/node/..%2f..%2fetc%2fpasswd/latest', '/v1/node/x/..%2flatest'):
            self.assertEqual(self.s.raw('GET', path, key=None)[0], 404, path)
        self.assertEqual(self.s.raw('POST', f'/v1/node/{os.uname().machine}/latest', {}, key=None)[0], 405)


class Scripts(Case):
    def test_a_token_gives_the_four_exports_and_the_installer(self):
        h = Host(self.s, 1)
        status, _, text = self.s.raw('GET', f'/v1/scripts/{h.token}', key=None)
        self.assertEqual(status, 200)
        self.assertEqual(text.decode(), '#!/bin/sh\nexport CATTLE_REGISTRATION_ACCESS_KEY="registrationToken"\n'
                         f'export CATTLE_REGISTRATION_SECRET_KEY="{h.token}"\nexport CATTLE_URL="http://127.0.0.1:{self.s.port}/v1"\n'
                         'export DETECTED_CATTLE_AGENT_IP="127.0.0.1"\n')
        _, _, join = self.s.raw('GET', f'/v1/scripts/{h.token}/join', key=None)
        with open(NODE, 'rb') as f:
            self.assertIn(hashlib.sha256(f.read()).hexdigest().encode(), join)
        self.assertIn(f"TOKEN='{h.token}'".encode(), join)
        self.assertNotIn(b'@TOKEN@', join)
        self.assertEqual(subprocess.run(['sh', '-n'], input=join, check=False).returncode, 0)

    def test_the_setting_api_host_decides_the_address(self):
        h = Host(self.s, 1)
        self.s.ok('PUT', '/settings/api.host', {'value': 'https://cloud.example.com'})
        text = self.s.raw('GET', f'/v1/scripts/{h.token}', key=None)[2]
        self.assertIn(b'export CATTLE_URL="https://cloud.example.com/v1"', text)

    def test_unknown_tokens_are_not_found(self):
        h = Host(self.s, 1)
        for token in ('x', h.token + 'x', h.token[:-1], 'api.key', '', 'ca.pem'):
            for tail in ('', '/join'):
                self.assertEqual(self.s.raw('GET', f'/v1/scripts/{token}{tail}', key=None)[0], 404, token + tail)


class Hosts(Case):
    def test_a_container_runs_on_a_host_and_is_gone_after_its_removal(self):
        h = Host(self.s, 1)
        hello = h.join()
        self.assertEqual(hello['heartbeatMs'], 5000)
        with open(NODE, 'rb') as f:
            self.assertEqual(hello['nodeSha256'], hashlib.sha256(f.read()).hexdigest())
        first = h.desired()
        self.assertEqual((first['full'], first['containers'], first['epoch']), (True, [], hello['epoch']))
        service = self.service()
        e = h.desired_entry('running')
        self.assertEqual(e['spec']['imageUuid'], 'docker:box:1')
        self.assertEqual(e['spec']['labels']['io.rancher.container.uuid'], e['uuid'])
        h.report(e, 'running')
        got = self.s.until(f'/projects/1a5/services/{service["id"]}/instances', lambda o: o['data'] and o['data'][0]['state'] == 'running')['data'][0]
        self.assertEqual((got['uuid'], got['externalId']), (e['uuid'], 'd' * 64))
        self.s.ok('DELETE', f'/projects/1a5/services/{service["id"]}')
        stop = h.desired_entry('stopped')
        h.report(stop, 'stopped')
        gone = h.desired_entry('absent')
        self.assertEqual(gone['uuid'], e['uuid'])
        h.report(gone, 'absent')
        self.s.until('/projects/1a5/services', lambda o: not o['data'])

    def test_after_a_kill_the_host_gets_a_higher_epoch_and_a_snapshot(self):
        h = Host(self.s, 1)
        h.join()
        h.desired()
        self.service()
        e = h.desired_entry('running')
        h.report(e, 'running')
        self.s.until('/projects/1a5/containers', lambda o: o['data'] and o['data'][0]['state'] == 'running')
        epoch = h.epoch
        self.s.restart()
        self.assertGreater(h.join([{'uuid': e['uuid'], 'gen': e['gen'], 'state': 'running', 'dockerId': 'd' * 64}])['epoch'], epoch)
        m = h.desired()
        self.assertTrue(m['full'])
        self.assertEqual([(c['uuid'], c['gen'], c['state']) for c in m['containers']], [(e['uuid'], e['gen'], 'running')])

    def test_a_short_break_needs_no_snapshot(self):
        h = Host(self.s, 1)
        h.join()
        h.desired()
        h.ws.close()
        h.join()
        self.service()
        self.assertFalse(h.desired()['full'])

    def test_a_second_connection_replaces_the_first(self):
        h = Host(self.s, 1)
        h.join()
        old = h.ws
        h.join()
        self.assertEqual(old.until(lambda m: m['t'] == 'bye')['reason'], 'replaced')
        self.assertIsNone(old.receive())

    def test_a_removed_host_is_told_and_its_key_is_refused(self):
        h = Host(self.s, 1)
        host = h.join()['hostId']
        self.s.until(f'/projects/1a5/hosts/{host}', lambda o: o['state'] == 'active')
        self.s.ok('POST', f'/projects/1a5/hosts/{host}?action=deactivate', {})
        self.s.until(f'/projects/1a5/hosts/{host}', lambda o: o['state'] == 'inactive')
        self.s.ok('DELETE', f'/projects/1a5/hosts/{host}')
        self.assertEqual(h.ws.until(lambda m: m['t'] == 'bye')['reason'], 'removed')
        self.s.until('/agents', lambda o: not o['data'])
        self.assertEqual(h.connect().status, 401)

    def test_wrong_keys_and_those_of_people_are_refused(self):
        h = Host(self.s, 1)
        for key in ((None, None), (h.key[0], 'wrong'), ('wrong', h.key[1]), self.s.key):
            self.assertEqual(Socket(self.s.port, '/v3/host/connect', *key).status, 401)

    def test_what_is_no_conversation_is_ended_with_its_reason(self):
        hello = {'t': 'hello', 'version': 1, 'host': {'uuid': 'u'}}
        cases = (([b'{'], 1002), ([{'t': 'hello', 'version': 2, 'host': {}}], 1008), ([{'t': 'heartbeat', 'rev': 0}], 1008), ([hello, hello], 1008),
                 ([{'t': 'hello', 'version': 1, 'host': {}}], 1008), ([dict(hello, host={'uuid': 'v'}), {'t': 'observed', 'containers': [{'state': 'odd'}]}], 1002))
        for i, (messages, code) in enumerate(cases):      # a host that was cut off has to wait: each is another
            ws = Host(self.s, i + 1).connect()
            for m in messages:
                ws.send(m)
            while ws.receive():
                pass
            self.assertEqual(ws.closed[0], code, messages)
        self.assertEqual(self.s.raw('GET', '/ping')[2], b'pong')


class Events(Case):
    def project(self, name):
        p = self.s.ok('POST', '/projects', {'name': name})
        return self.s.until('/projects/' + p['id'], lambda o: o['state'] == 'active')['id']

    def test_changes_are_told_as_a_get_would_show_them(self):
        ws = self.s.subscribe()
        self.assertEqual(ws.receive()['name'], 'ping')
        stack = self.s.ok('POST', '/projects/1a5/stacks', {'name': 'told'})['id']
        m = ws.until(lambda m: m['name'] == 'resource.change' and m['resourceId'] == stack and m['data']['resource']['state'] == 'active')
        self.assertEqual(m['resourceType'], 'stack')
        self.assertEqual(m['data']['resource'], self.s.ok('GET', f'/projects/1a5/stacks/{stack}'))
        self.s.ok('DELETE', f'/projects/1a5/stacks/{stack}')
        gone = ws.until(lambda m: m['resourceId'] == stack and m['data']['resource']['state'] == 'removed')
        self.assertIsNotNone(gone['data']['resource']['removed'])

    def test_each_environment_hears_of_its_own_only(self):
        other = self.project('other')
        a, b = self.s.subscribe('1a5'), self.s.subscribe(other)
        here = self.s.ok('POST', '/projects/1a5/stacks', {'name': 'here'})['id']
        there = self.s.ok('POST', f'/projects/{other}/stacks', {'name': 'there'})['id']
        seen = {}
        for ws, mine in ((a, here), (b, there)):
            seen[mine] = set()
            while mine not in seen[mine]:
                m = ws.receive()
                if m['resourceType'] == 'stack':
                    seen[mine].add(m['resourceId'])
        self.assertEqual(seen, {here: {here}, there: {there}})

    def test_subscribing_needs_a_key_a_name_and_a_websocket(self):
        self.assertEqual(self.s.subscribe(key=None).status, 401)
        self.assertEqual(self.s.subscribe(names=()).status, 422)
        self.assertEqual(self.s.subscribe(names=('bad%20name',)).status, 422)
        self.assertGreaterEqual(self.s.api('GET', '/projects/1a5/subscribe?eventNames=x')[0], 400)

    def test_only_replies_and_service_events_can_be_published(self):
        self.assertEqual(self.s.api('POST', '/publish', {'name': 'reply.123', 'previousIds': ['1']})[0], 201)
        self.assertEqual(self.s.api('POST', '/publish', {'name': 'anything.else'})[0], 403)
        self.assertEqual(self.s.api('POST', '/publish', {})[0], 422)

    def test_a_service_event_reaches_those_who_listen_in_its_environment(self):
        h = Host(self.s, 1)
        ws, deaf = self.s.subscribe(names=('service.kubernetes.*',)), self.s.subscribe(names=('service.other',))
        self.assertEqual(self.s.api('POST', '/publish', {'name': 'service.kubernetes.change', 'data': {'a': 1}}, key=h.key)[0], 201)
        self.assertEqual(ws.until(lambda m: m['name'] != 'ping')['data'], {'a': 1})
        self.s.p.send_signal(signal.SIGTERM)
        self.assertEqual({m['name'] for m in iter(deaf.receive, None)}, {'ping'})
        self.assertEqual(self.s.wait(), 0)


class NoAuth(Case):
    options = ('--no-auth',)

    def test_everybody_is_the_administrator(self):
        self.assertFalse(os.path.exists(os.path.join(self.data, 'admin.json')))
        self.assertEqual(self.s.api('POST', '/projects/1a5/stacks', {'name': 'x'}, key=None)[0], 201)
        self.assertEqual(self.s.subscribe(key=None).receive()['name'], 'ping')


if __name__ == '__main__':
    unittest.main(verbosity=1)
