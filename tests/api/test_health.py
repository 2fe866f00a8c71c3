"""Health checks over HTTP: who checks, what reports do and which are refused (orchestration.md 4), with hosts that this test plays."""
import json
import os
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import client
import wsclient

SPEC = 'io.rancher.container.'
CHECK = {'port': 80, 'requestLine': 'GET / HTTP/1.0', 'interval': 2000, 'strategy': 'none'}


NODE = os.environ.get('DROVER_NODE')


class Web:
    """What is checked: answers each request with its status; None closes at once."""

    def __init__(self):
        self.status, self.asked = 200, []
        self.s = socket.create_server(('127.0.0.1', 0))
        self.port = self.s.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                c, _ = self.s.accept()
            except OSError:
                return
            with c:
                try:
                    if self.status is not None:
                        self.asked.append(c.recv(4096))
                        c.sendall(b'HTTP/1.0 %d x\r\n\r\n' % self.status)
                except OSError:
                    pass


class Host(wsclient.Agent):
    def __init__(self, *args, **kw):
        self.specs = {}
        super().__init__(*args, **kw)

    def obey(self, m):
        for d in m['containers']:
            if d.get('spec'):
                self.specs[d['uuid']] = d['spec']
        super().obey(m)


class Health(client.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hosts = [Host(cls.server, cls.server.admin(), 'host%d' % n) for n in range(3)]
        admin = cls.server.admin()
        stack = admin.post(cls.p + '/stacks', {'name': 'healthcheck', 'system': True})
        assert stack.status == 201, stack
        s = admin.post(cls.p + '/services', {'name': 'healthcheck', 'stackId': stack['id'], 'startOnCreate': True, 'launchConfig': {
            'imageUuid': 'docker:drover/healthcheck', 'labels': {'io.rancher.scheduler.global': 'true', SPEC + 'create_agent': 'true'}}})
        assert s.status == 201, s
        cls.checkers = admin.wait(cls.p + '/services/' + s['id'], 'active')
        rows = admin.get(cls.p + '/services/%s/instances' % s['id']).rows
        cls.key = cls.keys(rows[0])

    @classmethod
    def keys(cls, container):
        env = [h.specs[container['uuid']] for h in cls.hosts if container['uuid'] in h.specs][0]['environment']
        return env['CATTLE_ACCESS_KEY'], env['CATTLE_SECRET_KEY']

    @classmethod
    def tearDownClass(cls):
        for h in cls.hosts:
            h.close()
        super().tearDownClass()

    def setUp(self):
        self.checker = self.server.client(self.key)

    def service(self, name, **check):
        stack = self.check(self.admin.post(self.p + '/stacks', {'name': name}), 201)
        s = self.check(self.admin.post(self.p + '/services', {'name': 'web', 'stackId': stack['id'], 'startOnCreate': True, 'scale': 1, 'launchConfig': {
            'imageUuid': 'docker:busybox', 'healthCheck': dict(CHECK, **check)}}), 201)
        s = self.admin.wait(self.p + '/services/' + s['id'], 'active')
        return s, self.admin.get(self.p + '/services/%s/instances' % s['id']).rows[0]

    def host_uuid(self, host_id):
        return self.admin.get('%s/hosts/%s' % (self.p, host_id))['uuid']

    def report(self, container, host_id, health, start=1, at=None):
        return self.checker.post('/serviceevents', {'healthcheckUuid': '%s_%s_%d' % (self.host_uuid(host_id), container['uuid'], start), 'reportedHealth': health,
                                                    'externalTimestamp': int(time.time()) if at is None else at})

    def until(self, read, wanted):
        end = time.monotonic() + client.WAIT_S
        while read() != wanted:
            self.assertLess(time.monotonic(), end, '%r instead of %r' % (read(), wanted))
            threading.Event().wait(0.02)

    def health(self, container):
        return self.admin.get('%s/containers/%s' % (self.p, container['id'])).get('healthState')

    def test_three_hosts_check_and_their_checks_are_rows_with_ids_that_stay(self):
        s, c = self.service('rows')
        c = self.admin.get('%s/containers/%s' % (self.p, c['id']))
        self.assertEqual(c['healthState'], 'initializing')
        states = c['healthcheckStates']
        self.assertEqual(sorted(x['hostId'] for x in states), sorted(h['id'] for h in self.admin.get(self.p + '/hosts').rows))
        self.assertEqual({x['healthState'] for x in states}, {'initializing'})
        maps = self.admin.get('%s/containers/%s/healthcheckinstancehostmaps' % (self.p, c['id'])).rows
        self.assertEqual(len(maps), 3)
        self.assertEqual({m['instanceId'] for m in maps}, {c['id']})
        for m in maps:
            again = self.admin.get('%s/healthcheckinstancehostmaps/%s' % (self.p, m['id']))
            self.assertEqual((again['uuid'], again['hostId'], again['state'], again['healthState']), (m['uuid'], m['hostId'], 'active', 'initializing'))
        host = self.admin.get('%s/hosts/%s' % (self.p, maps[0]['hostId']))
        self.assertEqual(len({m['uuid'] for m in maps}), 3)
        at = int(time.time())
        a = self.check(self.checker.post('/serviceevents', {'healthcheckUuid': maps[1]['uuid'], 'reportedHealth': 'UP', 'externalTimestamp': at}), 201)
        self.assertEqual(a['type'], 'serviceEvent')
        self.until(lambda: self.health(c), 'healthy')
        m = self.admin.get('%s/healthcheckinstancehostmaps/%s' % (self.p, maps[1]['id']))
        self.assertEqual((m['healthState'], m['uuid'], host['state']), ('healthy', maps[1]['uuid'], 'active'))
        self.until(lambda: self.admin.get('%s/services/%s' % (self.p, s['id']))['healthState'], 'healthy')

    def test_reports_by_host_container_and_start(self):
        s, c = self.service('reports')
        hosts = [x['hostId'] for x in self.admin.get('%s/containers/%s' % (self.p, c['id']))['healthcheckStates']]
        self.check(self.report(c, hosts[0], 'INIT'), 201)
        self.check(self.report(c, hosts[0], 'DOWN'), 201)
        self.check(self.report(c, hosts[0], 'UP'), 201)
        self.until(lambda: self.health(c), 'healthy')
        self.check(self.report(c, hosts[0], 'DOWN', at=1), 201)        # older than what is known
        self.check(self.report(c, hosts[1], 'UP'), 201)
        self.check(self.report(c, hosts[0], 'DOWN 1/2'), 201)
        self.until(lambda: sorted(x['healthState'] for x in self.admin.get('%s/containers/%s' % (self.p, c['id']))['healthcheckStates']),
                   ['healthy', 'initializing', 'unhealthy'])
        self.assertEqual(self.health(c), 'healthy')
        self.check(self.report(c, hosts[1], 'DOWN'), 201)
        self.until(lambda: self.health(c), 'unhealthy')
        self.until(lambda: self.admin.get('%s/services/%s' % (self.p, s['id']))['healthState'], 'unhealthy')
        self.until(lambda: self.admin.get('%s/stacks/%s' % (self.p, s['stackId']))['healthState'], 'unhealthy')
        self.check(self.report(c, hosts[2], 'UP'), 201)
        self.until(lambda: self.health(c), 'healthy')

    def test_what_is_refused(self):
        s, c = self.service('refused')
        host = self.admin.get('%s/containers/%s' % (self.p, c['id']))['healthcheckStates'][0]['hostId']
        uuid = '%s_%s_1' % (self.host_uuid(host), c['uuid'])
        self.check(self.checker.post('/serviceevents', {'healthcheckUuid': uuid, 'reportedHealth': 'UP'}), 422, 'MissingRequired', 'externalTimestamp')
        for bad in ('x', '', uuid.upper()[:36], '%s_%s_1' % (c['uuid'], c['uuid']), '%s_%s_1' % (uuid[:36], uuid[:36]), uuid[:73].replace('_', '-'), '_' * 80):
            self.check(self.checker.post('/serviceevents', {'healthcheckUuid': bad, 'reportedHealth': 'UP', 'externalTimestamp': 1}), 403, 'CantVerifyHealthcheck')
        other = self.check(self.admin.post('/projects', {'name': 'other'}), 201)['id']
        self.admin.wait('/projects/' + other, 'active')
        stranger = Host(self.server, self.admin, 'stranger', other)
        self.addCleanup(stranger.close)
        a = self.server.client(stranger.key).post('/serviceevents', {'healthcheckUuid': uuid, 'reportedHealth': 'UP', 'externalTimestamp': int(time.time())})
        self.check(a, 403, 'CantVerifyHealthcheck')
        self.assertEqual(self.health(c), 'initializing')

    def test_down_waits_while_the_network_is_exchanged_and_its_own_containers_are_up(self):
        stack = self.check(self.admin.post(self.p + '/stacks', {'name': 'net', 'system': True}), 201)
        driver = self.check(self.admin.post(self.p + '/networkdriverservices', {
            'name': 'driver', 'stackId': stack['id'], 'startOnCreate': True, 'scale': 1, 'networkDriver': {'name': 'test'},
            'launchConfig': {'imageUuid': 'docker:net', 'healthCheck': CHECK}}), 201)
        at = self.p + '/networkdriverservices/' + driver['id']
        self.admin.wait(at, 'active')
        own = self.admin.get(at + '/instances').rows[0]
        host = self.admin.get('%s/containers/%s' % (self.p, own['id']))['healthcheckStates'][0]['hostId']
        self.check(self.report(own, host, 'DOWN'), 201)
        self.until(lambda: self.health(own), 'healthy')        # taken as UP
        _, c = self.service('beside')
        host = self.admin.get('%s/containers/%s' % (self.p, c['id']))['healthcheckStates'][0]['hostId']
        self.check(self.report(c, host, 'UP'), 201)
        self.until(lambda: self.health(c), 'healthy')
        new = dict(self.admin.get(at)['launchConfig'], imageUuid='docker:net:2')
        self.check(self.admin.post(at + '?action=upgrade', {'inServiceStrategy': {'launchConfig': new, 'intervalMillis': 100}}), 202)
        self.check(self.report(c, host, 'DOWN'), 409)
        self.check(self.report(c, host, 'UP'), 201)
        self.assertEqual(self.health(c), 'healthy')
        fresh = lambda: [i for i in self.admin.get(at + '/instances').rows if i['id'] != own['id'] and i['healthState'] == 'initializing']
        self.until(lambda: len(fresh()), 1)
        new = fresh()[0]
        self.check(self.report(new, self.admin.get('%s/containers/%s' % (self.p, new['id']))['healthcheckStates'][0]['hostId'], 'UP'), 201)
        self.admin.wait(at, 'upgraded')
        self.check(self.report(c, host, 'DOWN'), 409)
        self.check(self.admin.post(at + '?action=finishupgrade'), 202)
        self.admin.wait(at, 'active')
        self.check(self.report(c, host, 'DOWN'), 201)
        self.until(lambda: self.health(c), 'unhealthy')
        self.check(self.admin.delete(self.p + '/stacks/' + stack['id']), 200)
        self.admin.wait(self.p + '/stacks/' + stack['id'], 'removed', 404)

    def test_an_unhealthy_container_is_exchanged(self):
        s, c = self.service('again', strategy='recreate')
        for x in self.admin.get('%s/containers/%s' % (self.p, c['id']))['healthcheckStates']:
            self.check(self.report(c, x['hostId'], 'UP'), 201)
        self.until(lambda: self.health(c), 'healthy')
        for x in self.admin.get('%s/containers/%s' % (self.p, c['id']))['healthcheckStates']:
            self.check(self.report(c, x['hostId'], 'DOWN'), 201)
        rows = lambda: [(i['id'] == c['id'], i['state']) for i in self.admin.get('%s/services/%s/instances' % (self.p, s['id'])).rows]
        self.until(rows, [(False, 'running')])

    @unittest.skipUnless(NODE, 'DROVER_NODE names the program that checks')
    def test_the_real_checker_tells_the_real_server(self):
        web = Web()
        self.addCleanup(web.s.close)
        s, c = self.service('real', port=web.port, interval=200, responseTimeout=1000, requestLine='GET "/ping" "HTTP/1.0"', strategy='none')
        host = self.admin.get('%s/containers/%s' % (self.p, c['id']))['healthcheckStates'][0]['hostId']
        uuid = self.host_uuid(host)
        d = tempfile.TemporaryDirectory()
        self.addCleanup(d.cleanup)
        with open(d.name + '/metadata', 'w') as f:
            for topic, things in (('self', {'defaultData': {'metadata_kind': 'defaultData', 'version': '1-drover', 'self': {'host': {'uuid': uuid}}}}),
                                  ('stack/-', {'container/' + c['uuid']: {
                                      'metadata_kind': 'container', 'uuid': c['uuid'], 'name': c['name'], 'state': 'running', 'primary_ip': '127.0.0.1', 'start_count': 1,
                                      'health_check_hosts': [uuid], 'health_check': {'port': web.port, 'request_line': 'GET "/ping" "HTTP/1.0"', 'interval': 200,
                                                                                     'response_timeout': 1000, 'healthy_threshold': 2, 'unhealthy_threshold': 2}}})):
                f.write(json.dumps({'topic': topic, 'rev': 1, 'base': 0, 'set': things}) + '\n')
        checker = subprocess.Popen([NODE, 'healthcheck', '--file', d.name + '/metadata', '--url', 'http://127.0.0.1:%d/v1' % self.server.port],
                                   env=dict(os.environ, CATTLE_ACCESS_KEY=self.key[0], CATTLE_SECRET_KEY=self.key[1]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(checker.wait)
        self.addCleanup(checker.terminate)
        self.until(lambda: self.health(c), 'healthy')
        self.assertTrue(web.asked[0].startswith(b'GET /ping HTTP/1.0\r\n'), web.asked[0])
        web.status = 500
        self.until(lambda: self.health(c), 'unhealthy')
        web.status = 302
        self.until(lambda: self.health(c), 'healthy')
        web.status = None
        self.until(lambda: self.health(c), 'unhealthy')


if __name__ == '__main__':
    client.main()
