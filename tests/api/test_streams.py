"""Logs, commands, sockets, figures and proxies of hosts: who may open them, what goes through, and that one client never holds up another."""
import base64
import hashlib
import hmac
import http.client
import json
import os
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

import client
import wsclient
from wsclient import CONTROL, DATA, END


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def claims_of(token):
    part = token.split('.')[1]
    return json.loads(base64.urlsafe_b64decode(part + '=' * (-len(part) % 4)))


class Streams(client.Case):
    def access(self, path, action, body=None):
        return self.check(self.admin.post('%s/?action=%s' % (path, action), body), 200)

    def open(self, access, protocol=None, status=101):
        ws = wsclient.open_access(self.server, access, protocol)
        self.addCleanup(ws.close)
        self.assertEqual(ws.status, status, ws.head)
        return ws

    def refused(self, path, token):
        ws = wsclient.Socket(self.server.port, '%s?token=%s' % (path, urllib.parse.quote(token)))
        self.addCleanup(ws.close)
        return ws.status


class Simulated(Streams):
    args = ('--simulator', '--sim-hosts', '2')

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        admin = cls.server.admin()
        for h in ('1h1', '1h2'):
            admin.wait(cls.p + '/hosts/' + h, 'active')
        stack = admin.post(cls.p + '/stacks', {'name': 'st'})
        service = admin.post(cls.p + '/services', {'name': 'web', 'stackId': stack['id'], 'scale': 3, 'startOnCreate': True,
                                                   'launchConfig': {'imageUuid': 'sim:x'}})
        assert service.status == 201, service
        cls.service = admin.wait(cls.p + '/services/' + service['id'], 'active')
        a = admin.post(cls.p + '/containers', {'name': 'one', 'imageUuid': 'sim:x'})
        assert a.status == 201, a
        cls.container = admin.wait(cls.p + '/containers/' + a['id'], 'running')
        cls.path = cls.p + '/containers/' + a['id']

    def test_logs_are_lines_with_their_origin_and_the_end_is_in_order(self):
        a = self.access(self.path, 'logs', {'follow': False, 'lines': 3, 'timestamps': False})
        self.assertEqual(a['type'], 'hostAccess')
        self.assertEqual(a['url'], 'ws://127.0.0.1:%d/v1/logs/' % self.server.port)
        lines, code, reason = self.open(a).end()
        self.assertEqual(code, 1000)
        self.assertEqual([x.decode() for x in lines], ['01 line %d of simulated container %s\n' % (i, self.container['uuid']) for i in (1, 2, 3)])

    def test_a_command_gets_base64_and_answers_so(self):
        ws = self.open(self.access(self.path, 'execute', {'command': ['cat'], 'tty': True}))
        ws.text(base64.b64encode(b'hello \xff\n').decode())
        op, payload = ws.read()
        self.assertEqual((op, base64.b64decode(payload)), (1, b'hello \xff\n'))
        ws.text(':resizeTTY:80,24')
        ws.text(base64.b64encode(b'\x04').decode())
        self.assertEqual(ws.end()[1], 1000)

    def test_subprotocol_binary_gives_the_bytes_themselves(self):
        ws = self.open(self.access(self.path, 'execute', {'command': ['cat']}), 'binary')
        self.assertIn('sec-websocket-protocol: binary', ws.head.lower())
        ws.binary(b'\x00\xff')
        self.assertEqual(ws.read(), (2, b'\x00\xff'))

    def test_drovers_own_protocol_tells_the_exit_code(self):
        ws = self.open(self.access(self.path, 'execute', {'command': ['exit', '7'], 'tty': False}), 'drover.v1')
        seen, code, reason = ws.end()
        self.assertEqual(seen[0], bytes([CONTROL]) + b'{"exitCode":7}')
        self.assertEqual((seen[-1][0], json.loads(seen[-1][1:]), code), (END, {'code': '', 'message': ''}, 1000))

    def test_end_of_input_goes_through_drovers_own_protocol(self):
        ws = self.open(self.access(self.path, 'execute', {'command': ['cat'], 'tty': False}), 'drover.v1')
        ws.binary(bytes([DATA]) + b'x' * 100)
        ws.binary(bytes([CONTROL]) + b'{"eof":true}')
        seen, code, reason = ws.end()
        self.assertEqual(seen[0], bytes([DATA]) + b'x' * 100)
        self.assertEqual(code, 1000)

    def test_what_is_not_base64_ends_the_stream(self):
        ws = self.open(self.access(self.path, 'execute', {'command': ['cat']}))
        ws.text('***')
        self.assertEqual(ws.end()[1], 1008)

    def stats(self, link, ids, kind):
        a = self.check(self.admin.get(link), 200)
        self.assertEqual(a['type'], 'statsAccess')
        ws, seen = self.open(a), {}
        while set(seen) != set(ids):
            op, payload = ws.read()
            self.assertEqual(op, 1, payload)
            for s in json.loads(payload.decode()):
                self.assertEqual(s['resourceType'], kind)
                seen[s['id']] = s
        for s in seen.values():
            self.assertEqual(set(s), {'id', 'resourceType', 'memLimit', 'timestamp', 'cpu', 'memory', 'network'})
        return a

    def test_figures_of_one_container(self):
        a = self.stats(self.path + '/containerstats', [self.container['id']], 'container')
        self.assertTrue(a['url'].endswith('/v1/containerstats/' + self.container['externalId']), a['url'])
        self.assertEqual(claims_of(a['token'])['containerIds'], {self.container['externalId']: self.container['id']})
        self.stats(self.path + '/stats', [self.container['id']], 'container')

    def test_figures_of_a_host_and_of_its_containers(self):
        host = self.container['hostId']
        a = self.stats(self.p + '/hosts/%s/hoststats' % host, [host], 'host')
        self.assertEqual(claims_of(a['token'])['resourceId'], host)
        on_host = [c['id'] for c in self.admin.get(self.p + '/hosts/%s/instances' % host).rows]
        self.stats(self.p + '/hosts/%s/containerstats' % host, on_host, 'container')
        self.stats(self.p + '/hosts/%s/stats' % host, [host], 'host')

    def test_figures_of_a_service_and_of_an_environment_are_merged(self):
        ids = [c['id'] for c in self.admin.get(self.p + '/services/%s/instances' % self.service['id']).rows]
        self.assertEqual(len(ids), 3)
        self.stats(self.p + '/services/%s/containerstats' % self.service['id'], ids, 'container')
        link = self.admin.get('/projects/1a5')['links']['hostStats'].split('/v2-beta')[1]
        a = self.stats(link, ['1h1', '1h2'], 'host')
        self.assertTrue(a['url'].endswith('/v1/hoststats/project/'), a['url'])

    def test_the_second_version_of_the_api_has_the_same_paths(self):
        a = self.access(self.path, 'logs', {'follow': False})
        ws = wsclient.Socket(self.server.port, '/v2-beta/logs/', {'Authorization': 'Bearer ' + a['token']})
        self.addCleanup(ws.close)
        self.assertEqual(ws.end()[1], 1000)

    def test_the_claims_are_those_of_upstream(self):
        host = self.admin.get(self.p + '/hosts/' + self.container['hostId'])
        c = claims_of(self.access(self.path, 'logs', {'lines': 5})['token'])
        self.assertEqual(c['logs'], {'Container': self.container['externalId'], 'Lines': 5, 'Follow': True, 'Timestamps': True, 'Since': ''})
        self.assertEqual((c['iss'], c['sub'], c['kid'], c['exp'] - c['iat']), ('http://cattle.io', 'cattle', 'default', 300))
        c = claims_of(self.access(self.path, 'execute', {'command': ['sh', '-c', 'x']})['token'])
        self.assertEqual(c['exec'], {'Container': self.container['externalId'], 'AttachStdin': True, 'AttachStdout': True, 'Tty': True,
                                     'Cmd': ['sh', '-c', 'x']})
        c = claims_of(self.access(self.path, 'proxy', {})['token'])
        self.assertEqual(c['proxy'], {'Container': self.container['externalId'], 'scheme': 'http',
                                      'address': '%s:80' % self.container['primaryIpAddress']})
        self.assertEqual(c['exp'] - c['iat'], 57600)
        self.assertTrue(c['hostUuid'])
        self.assertEqual(host['state'], 'active')

    def test_input_that_cannot_be_is_refused(self):
        self.check(self.admin.post(self.path + '/?action=execute', {}), 422, 'MissingRequired', 'command')
        self.check(self.admin.post(self.path + '/?action=execute', {'command': []}), 422, 'MissingRequired', 'command')
        self.check(self.admin.post(self.path + '/?action=logs', {'lines': -1}), 422, 'MinLimitExceeded', 'lines')
        self.check(self.admin.post(self.path + '/?action=proxy', {'scheme': 'ftp'}), 422, 'InvalidOption', 'scheme')

    def test_a_container_that_was_never_on_a_host_has_no_logs(self):
        a = self.admin.post(self.p + '/containers', {'name': 'none', 'imageUuid': 'sim:x', 'startOnCreate': False})
        self.admin.wait(self.p + '/containers/' + a['id'], 'stopped')
        self.assertEqual(self.admin.post('%s/containers/%s/?action=logs' % (self.p, a['id']), {}).status, 404)

    def test_a_proxy_carries_requests_to_the_container(self):
        a = self.access(self.path, 'proxy', {'port': 8123})
        self.assertEqual(a['url'], 'http://127.0.0.1:%d/v1/container-proxy/' % self.server.port)
        for path, headers in (('/v1/container-proxy/a%2Fb?x=1&token=' + a['token'] + '&y=2', {}),
                              ('/v1/container-proxy/a%2Fb?x=1&y=2', {'Authorization': 'Bearer ' + a['token']}),
                              ('/v1/container-proxy/a%2Fb?x=1&y=2', {'Cookie': 'a=b; token=' + a['token']})):
            got = client.Client(self.server.port, prefix='').raw('GET', path, headers=headers)
            self.assertEqual((got.status, got.raw),
                             (200, 'simulated container %s, port 8123, GET /a%%2Fb?x=1&y=2\n' % self.container['uuid']))
        got = client.Client(self.server.port, prefix='').raw('GET', '/v1/container-proxy/x')
        self.assertEqual((got.status, got.headers['Location']), (302, '/login?redirectTo=%2Fv1%2Fcontainer-proxy%2Fx'))
        got = client.Client(self.server.port, prefix='').raw('GET', '/v1/container-proxy/x?token=x')
        self.assertEqual((got.status, got.raw), (401, 'Failed authentication'))

    def test_a_service_proxy_leads_to_its_first_container(self):
        for name in ('web', 'WEB.st'):
            a = self.check(self.admin.post(self.p + '/serviceproxies', {'service': name, 'port': 81}), 201)
            self.assertEqual((a['type'], a['service'], a['port'], a['scheme']), ('serviceProxy', name, 81, 'http'))
            got = client.Client(self.server.port, prefix='').raw('GET', '/v1/container-proxy/p?token=' + a['token'])
            self.assertIn(', port 81, GET /p', got.raw)
        self.check(self.admin.post(self.p + '/serviceproxies', {'service': 'nothing'}), 404)
        self.check(self.admin.post(self.p + '/serviceproxies', {}), 422, 'MissingRequired', 'service')

    def test_a_services_own_page_is_reached_below_r(self):
        for path, name in (('/r/projects/1a5/web/a/b?x=1', ', port 80, GET /a/b?x=1'), ('/r/projects/1a5/web.st:8080', ', port 8080, GET /'),
                           ('/r/projects/1a5/web//a%2Fb/?token=x&y=2', ', port 80, GET //a%2Fb/?y=2'),
                           ('/r/projects/1a5/web/' + 'a/' * 40, ', port 80, GET /' + 'a/' * 40)):
            got = self.server.admin('').raw('GET', path)
            self.assertEqual(got.status, 200, got)
            self.assertTrue(got.raw.endswith(name + '\n'), got.raw)
        a = self.server.admin_file()
        wrapped = base64.b64encode(b'Basic ' + base64.b64encode(('%s:%s' % (a['accessKey'], a['secretKey'])).encode())).decode()
        nobody = client.Client(self.server.port, prefix='')
        self.assertEqual(nobody.raw('POST', '/r/projects/1a5/web/p', '{not JSON', {'Authorization': 'Bearer ' + wrapped}).status, 200)
        got = nobody.raw('GET', '/r/projects/1a5/web/p?q=1')
        self.assertEqual((got.status, got.headers['Location']), (302, '/login?redirectTo=%2Fr%2Fprojects%2F1a5%2Fweb%2Fp#'))
        self.assertEqual(nobody.raw('GET', '/r/projects/1a5/web/p', headers={'Authorization': 'Basic eDp5'}).status, 401)
        for path, status in (('/r/projects/1a5/nothing/', 503), ('/r/projects/1a99/web/', 403), ('/r/projects/1a5/web:0/', 404), ('/r/web/', 403), ('/r', 404)):
            self.assertEqual(self.server.admin('').raw('GET', path).status, status, path)

    def test_a_token_that_is_not_the_servers_is_refused(self):
        a = self.access(self.path, 'logs', {'follow': False})
        head, body, sig = a['token'].split('.')
        claims = claims_of(a['token'])
        pem = client.Client(self.server.port, prefix='').raw('GET', '/v1/scripts/api.crt').raw
        self.assertTrue(pem.startswith('-----BEGIN PUBLIC KEY-----'), pem)
        none, hs = b64url(b'{"alg":"none"}'), b64url(b'{"alg":"HS256","kid":"default"}')
        by_key = b64url(hmac.new(pem.encode(), (hs + '.' + body).encode(), hashlib.sha256).digest())
        later = b64url(json.dumps(dict(claims, exp=claims['exp'] + 1)).encode())
        bad = ['', 'x', 'a.b', 'a.b.c', '..', none + '.' + body + '.', none + '.' + body + '.' + sig, hs + '.' + body + '.' + by_key,
               head + '.' + later + '.' + sig, head + '.' + body + '.' + sig[:-4] + 'AAAA', head + '.' + body + '.', a['token'] + '.',
               a['token'] + 'A', head + '=.' + body + '.' + sig, 'x' * 7000]
        for token in bad:
            self.assertEqual(self.refused('/v1/logs/', token), 401, token[:60])
        self.assertEqual(self.refused('/v1/logs/', a['token']), 101)

    def test_a_token_opens_only_what_it_is_for(self):
        logs, stats = self.access(self.path, 'logs', {}), self.admin.get(self.path + '/containerstats')
        socket = self.access(self.p + '/hosts/1h1', 'dockersocket')
        for path in ('exec', 'console', 'dockersocket', 'stats', 'hoststats', 'hoststats/project', 'containerstats', 'containerstats/service', 'container-proxy'):
            self.assertEqual(self.refused('/v1/' + path, logs['token']), 401, path)
        for path in ('logs', 'exec', 'dockersocket', 'hoststats', 'containerstats/other'):
            self.assertEqual(self.refused('/v1/' + path, stats['token']), 401, path)
        for path in ('logs', 'exec', 'stats', 'hoststats', 'containerstats'):
            self.assertEqual(self.refused('/v1/' + path, socket['token']), 401, path)

    def test_what_a_simulated_host_does_not_have_ends_with_its_reason(self):
        seen, code, reason = self.open(self.access(self.p + '/hosts/1h1', 'dockersocket')).end()
        self.assertEqual((seen, code), ([], 1011))
        self.assertTrue(reason.startswith('NotSupported: '), reason)

    def test_a_plain_request_is_told_to_upgrade(self):
        a = self.access(self.path, 'logs', {})
        got = client.Client(self.server.port, prefix='').raw('GET', '/v1/logs/?token=' + a['token'])
        self.assertIn(got.status, (400, 426))


class Over(Streams):
    """Tokens end."""
    args = ('--simulator', '--sim-hosts', '1')

    def test_a_token_is_over_after_its_time(self):
        self.admin.wait(self.p + '/hosts/1h1', 'active')
        self.check(self.admin.put('/settings/jwt.default.expiration.seconds', {'value': '1'}), 200)
        a = self.access(self.p + '/hosts/1h1', 'dockersocket')
        end = time.monotonic() + client.WAIT_S
        while self.refused('/v1/dockersocket', a['token']) != 401:
            self.assertLess(time.monotonic(), end)
            threading.Event().wait(0.1)
        self.assertGreaterEqual(time.time(), claims_of(a['token'])['exp'])

    def test_another_address_can_be_set_for_clients(self):
        self.admin.wait(self.p + '/hosts/1h1', 'active')
        for value, url in (('proxy.example:8443', 'ws://proxy.example:8443/v1/dockersocket/'),
                           ('https://proxy.example', 'wss://proxy.example/v1/dockersocket/')):
            self.check(self.admin.put('/settings/host.api.proxy.host', {'value': value}), 200)
            self.assertEqual(self.access(self.p + '/hosts/1h1', 'dockersocket')['url'], url)
        self.check(self.admin.put('/settings/host.api.proxy.host', {'value': ''}), 200)
        a = self.check(self.admin.post(self.p + '/hosts/1h1/?action=dockersocket', headers={'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'front'}), 200)
        self.assertEqual(a['url'], 'wss://front/v1/dockersocket/')

    def test_without_a_proxy_there_is_no_access(self):
        self.admin.wait(self.p + '/hosts/1h1', 'active')
        self.check(self.admin.put('/settings/host.api.proxy.mode', {'value': 'off'}), 200)
        self.check(self.admin.post(self.p + '/hosts/1h1/?action=dockersocket'), 501, 'HostApiProxyDisabled')
        self.check(self.admin.get(self.p + '/hosts/1h1/hoststats'), 501, 'HostApiProxyDisabled')
        self.check(self.admin.put('/settings/host.api.proxy.mode', {'value': 'embedded'}), 200)

    def test_the_environment_of_the_server_can_turn_the_proxy_off(self):
        server = client.Server(self.args, env=dict(os.environ, CATTLE_HOST_API_PROXY_MODE='off'))
        self.addCleanup(server.close)
        server.start()
        server.admin().wait('/projects/1a5/hosts/1h1', 'active')
        self.check(server.admin().post('/projects/1a5/hosts/1h1/?action=dockersocket'), 501, 'HostApiProxyDisabled')

    def test_the_key_outlives_a_restart(self):
        server = client.Server(self.args)
        self.addCleanup(server.close)
        server.start()
        server.admin().wait('/projects/1a5/hosts/1h1', 'active')
        a = server.admin().post('/projects/1a5/hosts/1h1/?action=dockersocket')
        self.assertEqual(server.end(), 0)
        server.start()
        server.admin().wait('/projects/1a5/hosts/1h1', 'active')
        end = time.monotonic() + client.WAIT_S
        while True:                             # its host comes back a moment later
            ws = wsclient.Socket(server.port, '/v1/dockersocket/?token=' + a['token'])
            ws.close()
            if ws.status == 101:
                break
            self.assertLess(time.monotonic(), end)
            threading.Event().wait(0.05)


class Hosts(Streams):
    """Against an agent that the test plays."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agent = wsclient.Agent(cls.server, cls.server.admin())
        admin = cls.server.admin()
        end = time.monotonic() + client.WAIT_S
        while not admin.get(cls.p + '/hosts').rows and time.monotonic() < end:
            threading.Event().wait(0.05)
        cls.host = admin.wait(cls.p + '/hosts/' + admin.get(cls.p + '/hosts').rows[0]['id'], 'active')
        a = admin.post(cls.p + '/containers', {'name': 'c', 'imageUuid': 'docker:busybox'})
        cls.container = admin.wait(cls.p + '/containers/' + a['id'], 'running')
        cls.path = cls.p + '/containers/' + a['id']

    @classmethod
    def tearDownClass(cls):
        cls.agent.close()
        super().tearDownClass()

    def start(self, action, body, protocol=None):
        """Opens a stream: (client's socket, its number at the agent)."""
        n = len(self.agent.opened)
        ws = self.open(self.access(self.path, action, body), protocol)
        return ws, self.agent.wait_opened(n + 1)

    def test_the_agent_is_told_what_to_open(self):
        ws, s = self.start('logs', {'lines': 7, 'follow': True, 'timestamps': False, 'since': '5'})
        self.assertEqual(self.agent.streams[s]['kind'], 'logs')
        self.assertEqual(self.agent.streams[s]['data'], {'container': self.container['externalId'], 'uuid': self.container['uuid'], 'lines': 7,
                                                         'follow': True, 'timestamps': False, 'since': '5'})
        ws, s = self.start('execute', {'command': ['a', 'b'], 'attachStdin': False, 'tty': False})
        self.assertEqual(self.agent.streams[s]['data'], {'container': self.container['externalId'], 'uuid': self.container['uuid'], 'attachStdin': False,
                                                         'attachStdout': True, 'tty': False, 'cmd': ['a', 'b']})

    def test_bytes_that_are_no_text_do_not_break_a_log(self):
        ws, s = self.start('logs', {})
        self.agent.data(s, b'01 a\xff\xc3\xa4b\n')
        self.assertEqual(ws.read(), (1, '01 a\ufffd\u00e4b\n'.encode()))

    def test_the_clients_leaving_sends_end_of_transmission_and_ends_the_stream(self):
        ws, s = self.start('execute', {'command': ['sh']})
        ws.text(':resizeTTY:100,30')
        ws.bye()
        self.agent.wait(lambda: s in self.agent.ended, 'the end')
        self.assertEqual(self.agent.streams[s]['input'], b'\x04')
        self.assertEqual(self.agent.streams[s]['control'], [{'resize': {'cols': 100, 'rows': 30}}])

    def test_a_client_that_vanishes_ends_its_stream(self):
        ws, s = self.start('logs', {})
        ws.s.shutdown(2)
        ws.close()
        self.agent.wait(lambda: s in self.agent.ended, 'the end')

    def test_the_hosts_reason_reaches_the_client(self):
        ws, s = self.start('logs', {})
        self.agent.frame(s, END, b'{"code":"NotFound","message":"no such container"}')
        self.assertEqual(ws.end()[1:], (1011, 'NotFound: no such container'))
        ws, s = self.start('logs', {}, 'drover.v1')
        self.agent.frame(s, END, b'not JSON')
        seen, code, reason = ws.end()
        self.assertEqual((seen, code), ([bytes([END]) + b'{"code":"","message":""}'], 1000))

    def test_input_waits_for_the_hosts_credit_and_comes_in_order(self):
        ws, s = self.start('execute', {'command': ['cat'], 'tty': False}, 'drover.v1')
        whole = bytes(range(256)) * 1024            # four times the credit
        done = threading.Thread(target=lambda: [ws.binary(bytes([DATA]) + whole[i:i + 30000]) for i in range(0, len(whole), 30000)] +
                                [ws.binary(bytes([CONTROL]) + b'{"eof":true}')], daemon=True)
        done.start()
        state = self.agent.streams[s]
        got = 0
        while got < len(whole):
            want = min(got + wsclient.WINDOW, len(whole))
            self.agent.wait(lambda: len(state['input']) >= want, 'input')
            self.assertEqual(len(state['input']), want)         # never more than there is credit for
            if want < len(whole):
                self.assertEqual(state['control'], [])
            self.agent.frame(s, wsclient.CREDIT, struct.pack('>I', want - got))
            got = want
        self.agent.wait(lambda: state['control'], 'eof')
        self.assertEqual(state['control'], [{'eof': True}])
        self.assertEqual(state['input'], whole)
        done.join(client.WAIT_S)

    def test_a_host_that_sends_more_than_its_credit_loses_the_stream(self):
        ws, s = self.start('logs', {})
        for _ in range(2000):           # the client reads nothing, so no credit comes back for long
            self.agent.data(s, b'01 ' + b'x' * 60000)
            if s in self.agent.ended:
                break
        self.agent.wait(lambda: s in self.agent.ended, 'the end')
        self.assertEqual(json.loads(self.agent.ended[s])['code'], 'WindowExceeded')
        self.assertEqual(ws.end()[1], 1011)
        ws, s = self.start('logs', {})
        self.agent.frame(s, wsclient.CREDIT, struct.pack('>I', 1))
        self.agent.wait(lambda: s in self.agent.ended, 'the end')
        self.assertEqual(json.loads(self.agent.ended[s])['code'], 'WindowExceeded')
        self.assertFalse(self.agent.closed)

    def test_a_slow_client_holds_up_only_itself(self):
        slow, a = self.start('logs', {})
        fast, b = self.start('logs', {})
        line = b'01 ' + b'y' * 4000 + b'\n'
        sent = 0
        while self.agent.streams[a]['credit'] - sent >= len(line):      # until the server gives no more back
            self.agent.data(a, line)
            sent += len(line)
            if self.agent.streams[a]['credit'] - sent < len(line):
                with self.agent.lock:
                    self.agent.lock.wait_for(lambda: self.agent.streams[a]['credit'] - sent >= len(line), 1)
        total = 0
        while total < 4 << 20:          # beside it another takes 4 MB
            credit = self.agent.streams[b]['credit']
            if total + len(line) > credit:
                self.agent.wait(lambda: self.agent.streams[b]['credit'] >= total + len(line), 'credit for the fast one')
                continue
            self.agent.data(b, line)
            total += len(line)
            op, payload = fast.read()
            self.assertEqual(payload, line)
        self.assertLess(self.agent.streams[a]['credit'] - sent, len(line))      # the slow one still waits, and lost nothing:
        got = 0
        while got < sent:
            op, payload = slow.read()
            self.assertEqual(payload, line)
            got += len(payload)
        self.agent.wait(lambda: self.agent.streams[a]['credit'] - sent >= wsclient.WINDOW - 4096, 'credit')

    def test_two_hundred_streams_and_the_host_stays_heard(self):
        a = self.access(self.path, 'logs', {})
        first = len(self.agent.opened)
        sockets = [self.open(a) for _ in range(200)]
        self.agent.wait_opened(first + 200)
        for s in self.agent.opened[first:]:
            self.agent.data(s, b'01 %d\n' % s)
        seen = sorted(int(ws.read()[1][3:]) for ws in sockets)
        self.assertEqual(seen, sorted(self.agent.opened[first:]))
        self.agent.say({'t': 'heartbeat', 'rev': 0})
        c = self.admin.post(self.p + '/containers', {'name': 'beside', 'imageUuid': 'docker:busybox'})
        self.admin.wait(self.p + '/containers/' + c['id'], 'running')
        for ws in sockets:
            ws.bye()
        self.agent.wait(lambda: all(s in self.agent.ended for s in self.agent.opened[first:first + 200]), 'the ends')

    # ---- HTTP to a container: the test is the container ----
    def proxy(self, body=None):
        return self.access(self.path, 'proxy', body or {})['token']

    def request(self, head, body=b'', token=None, container=True):
        """Sends a request as bytes: (socket, the stream's number)."""
        n = len(self.agent.opened)
        s = socket.create_connection(('127.0.0.1', self.server.port), timeout=client.WAIT_S)
        self.addCleanup(s.close)
        s.sendall((head + '\r\nHost: front\r\nAuthorization: Bearer %s\r\n' % (token or self.proxy())).encode() + body)
        return (s, self.agent.wait_opened(n + 1)) if container else s

    def heard(self, s, text):
        self.agent.wait(lambda: text in self.agent.streams[s]['input'], repr(text))
        return self.agent.streams[s]['input']

    def send_all(self, s, data):
        """As much as there is credit for, until all is sent."""
        sent, state = 0, self.agent.streams[s]
        while sent < len(data):
            self.agent.wait(lambda: state['credit'] > state.setdefault('sent', 0), 'credit')
            n = min(state['credit'] - state['sent'], 61440, len(data) - sent)
            self.agent.data(s, data[sent:sent + n])
            sent += n
            state['sent'] += n

    def test_a_request_reaches_the_container_without_the_credentials_of_this_side(self):
        s, n = self.request('POST /v1/container-proxy/p/?a=%20b HTTP/1.1', b'Cookie: x=1; token=secret; y=2\r\nX-Mine: 1\r\nContent-Length: 5\r\n\r\nhello')
        text = self.heard(n, b'hello').decode()
        self.assertEqual(self.agent.streams[n]['data'], {'container': self.container['externalId'], 'uuid': self.container['uuid'], 'port': 80})
        self.assertTrue(text.startswith('POST /p/?a=%20b HTTP/1.1\r\n'), text)
        for part in ('Host: front\r\n', 'Cookie: x=1; y=2\r\n', 'X-Mine: 1\r\n', 'Content-Length: 5\r\n'):
            self.assertIn(part, text)
        for part in ('Bearer', 'secret'):
            self.assertNotIn(part, text)
        self.agent.data(n, b'HTTP/1.1 404 Nothing\r\nX-Answer: 2\r\nContent-Length: 3\r\n\r\nabc')
        r = http.client.HTTPResponse(s)
        r.begin()
        self.assertEqual((r.status, r.getheader('X-Answer'), r.read()), (404, '2', b'abc'))
        self.agent.wait(lambda: n in self.agent.ended, 'the end')

    def test_a_long_answer_comes_through_a_slow_client(self):
        s, n = self.request('GET /v1/container-proxy/ HTTP/1.1', b'\r\n')
        self.heard(n, b'\r\n\r\n')
        body = bytes(range(256)) * 40000                        # 10 MB
        sender = threading.Thread(target=self.send_all, args=(n, b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n' + body), daemon=True)
        sender.start()
        with self.agent.lock:                                   # until nothing more is taken
            while self.agent.lock.wait(0.3):
                pass
        self.assertTrue(sender.is_alive())
        r = http.client.HTTPResponse(s)
        r.begin()
        got = b''
        while len(got) < len(body):
            got += r.read(min(65536, len(body) - len(got)))
        self.assertEqual(got, body)
        sender.join(client.WAIT_S)
        self.agent.frame(n, END)                                # the length was not told: the end of the connection is that of the answer
        self.assertEqual(r.read(), b'')

    def test_a_container_that_says_nothing_or_nonsense_is_unavailable(self):
        for answer in (b'', b'SSH-2.0-x\r\n', b'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'):
            s, n = self.request('GET /v1/container-proxy/ HTTP/1.1', b'\r\n')
            self.heard(n, b'\r\n\r\n')
            if answer:
                self.agent.data(n, answer)
            self.agent.frame(n, END, b'{"code":"ConnectionLost"}')
            r = http.client.HTTPResponse(s)
            r.begin()
            self.assertEqual((r.status, r.read()), (503, b'Service unavailable'))

    def test_an_answer_that_breaks_off_does_not_look_complete(self):
        s, n = self.request('GET /v1/container-proxy/ HTTP/1.1', b'\r\n')
        self.heard(n, b'\r\n\r\n')
        self.agent.data(n, b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
        r = http.client.HTTPResponse(s)
        r.begin()
        self.assertEqual(r.read(3), b'abc')
        self.agent.frame(n, END)
        with self.assertRaises((http.client.IncompleteRead, ConnectionError)):
            r.read()
            raise AssertionError('the answer looked complete')

    def test_a_client_that_leaves_in_the_middle_ends_the_connection_to_the_container(self):
        s, n = self.request('GET /v1/container-proxy/ HTTP/1.1', b'\r\n')
        self.heard(n, b'\r\n\r\n')
        self.agent.data(n, b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc')
        self.assertTrue(s.recv(10))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        s.close()                                               # a reset
        self.agent.wait(lambda: n in self.agent.ended, 'the end')

    def test_an_upgrade_is_carried_with_its_headers_and_both_ways(self):
        s, n = self.request('GET /v1/container-proxy/ws HTTP/1.1', b'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: abc\r\n'
                            b'Sec-WebSocket-Version: 13\r\n\r\nearly')
        text = self.heard(n, b'\r\n\r\n').decode().lower()
        self.assertIn('upgrade: websocket\r\n', text)
        self.assertIn('sec-websocket-key: abc\r\n', text)
        self.agent.data(n, b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: xyz\r\n\r\nfirst')
        got = b''
        while b'first' not in got:
            got += s.recv(65536)
        self.assertTrue(got.startswith(b'HTTP/1.1 101 '), got)
        self.assertIn(b'Sec-WebSocket-Accept: xyz\r\n', got)
        s.sendall(b' later')
        self.heard(n, b'early later')
        whole = bytes(range(256)) * 4096                        # 1 MB back
        sender = threading.Thread(target=self.send_all, args=(n, whole), daemon=True)
        self.agent.streams[n]['sent'] = got.index(b'first') and len(b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
                                                                    b'Sec-WebSocket-Accept: xyz\r\n\r\nfirst')
        sender.start()
        back = b''
        while len(back) < len(whole):
            back += s.recv(65536)
        self.assertEqual(back, whole)
        s.shutdown(socket.SHUT_WR)                              # the container may still have something to say
        self.agent.wait(lambda: self.agent.streams[n]['control'] == [{'eof': True}], 'end of input')
        self.agent.data(n, b'bye')
        self.agent.frame(n, END)
        self.assertEqual(s.recv(10), b'bye')
        self.assertEqual(s.recv(10), b'')

    def test_an_upgrade_that_the_container_does_not_want_is_an_ordinary_answer(self):
        s, n = self.request('GET /v1/container-proxy/ws HTTP/1.1', b'Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
        self.heard(n, b'\r\n\r\n')
        self.agent.data(n, b'HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno')
        r = http.client.HTTPResponse(s)
        r.begin()
        self.assertEqual((r.status, r.read()), (403, b'no'))

    def test_https_to_a_container_is_tls_through_the_stream(self):
        with tempfile.TemporaryDirectory() as d:
            made = subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=c', '-keyout', d + '/k', '-out', d + '/c'],
                                  capture_output=True)
            self.assertEqual(made.returncode, 0, made.stderr)
            ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            ctx.load_cert_chain(d + '/c', d + '/k')
        s, n = self.request('GET /v1/container-proxy/t HTTP/1.1', b'\r\n', self.proxy({'scheme': 'https', 'port': 443}))
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls, used, plain = ctx.wrap_bio(incoming, outgoing, server_side=True), 0, b''
        while b'\r\n\r\n' not in plain:
            self.agent.wait(lambda: len(self.agent.streams[n]['input']) > used, 'bytes')
            with self.agent.lock:
                new = self.agent.streams[n]['input'][used:]
            used += len(new)
            incoming.write(new)
            try:
                tls.do_handshake()
                plain += tls.read(65536)
            except ssl.SSLWantReadError:
                pass
            out = outgoing.read()
            if out:
                self.agent.data(n, out)
        self.assertTrue(plain.startswith(b'GET /t HTTP/1.1\r\n'), plain)
        tls.write(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
        self.agent.data(n, outgoing.read())
        r = http.client.HTTPResponse(s)
        r.begin()
        self.assertEqual((r.status, r.read()), (200, b'ok'))

    def test_more_streams_than_a_host_takes_are_refused(self):
        a = self.access(self.path, 'logs', {})
        first = len(self.agent.opened)
        sockets, code, reason = [], None, ''
        while code is None and len(sockets) < 600:
            ws = wsclient.open_access(self.server, a)
            sockets.append(ws)
            self.assertEqual(ws.status, 101)
            with self.agent.lock:
                opened = self.agent.lock.wait_for(lambda: len(self.agent.opened) - first >= len(sockets), 0.5)
            if not opened:
                code, reason = ws.end()[1:]
        self.assertEqual((code, reason.split(':')[0]), (1011, 'TooManyStreams'))
        self.assertLessEqual(len(sockets), 513)
        for ws in sockets:
            ws.close()
        self.agent.wait(lambda: all(s in self.agent.ended for s in self.agent.opened[first:]), 'the ends')


class Lost(Streams):
    def test_when_the_host_is_lost_its_clients_are_told(self):
        agent = wsclient.Agent(self.server, self.admin)
        end = time.monotonic() + client.WAIT_S
        while not self.admin.get(self.p + '/hosts').rows and time.monotonic() < end:
            threading.Event().wait(0.05)
        host = self.admin.wait(self.p + '/hosts/' + self.admin.get(self.p + '/hosts').rows[0]['id'], 'active')
        a = self.access(self.p + '/hosts/' + host['id'], 'dockersocket')
        ws = self.open(a, 'binary')
        s = agent.wait_opened(1)
        self.assertEqual((agent.streams[s]['kind'], agent.streams[s]['data']), ('dockerSocket', {}))
        ws.binary(b'GET / HTTP/1.0\r\n\r\n')
        agent.wait(lambda: agent.streams[s]['input'] == b'GET / HTTP/1.0\r\n\r\n', 'input')
        agent.data(s, b'HTTP/1.0 200 OK\r\n\r\n')
        self.assertEqual(ws.read(), (2, b'HTTP/1.0 200 OK\r\n\r\n'))
        agent.close()
        seen, code, reason = ws.end()
        self.assertEqual(code, 1011)
        self.assertTrue(reason.startswith('HostUnavailable: '), reason)
        self.assertEqual(self.refused('/v1/dockersocket/', a['token']), 401)


if __name__ == '__main__':
    client.main()
