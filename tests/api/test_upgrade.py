"""Upgrades of services over HTTP with simulated hosts (orchestration.md 2, scenarios of section 8)."""
import os
import signal
import socket
import subprocess
import threading
import time
import unittest

import client

IN = 'inServiceStrategy'


HOSTS = 3
CLI = os.environ.get('DROVER_CLI')


class Services(client.Case):
    args = ('--simulator', '--sim-hosts', str(HOSTS))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.wait_for_hosts()

    @classmethod
    def wait_for_hosts(cls):
        end = time.monotonic() + client.WAIT_S
        while len(cls.server.admin().get('/projects/1a5/hosts?state=active').rows) < HOSTS and time.monotonic() < end:
            threading.Event().wait(0.05)

    def stack(self, name):
        return self.check(self.admin.post(self.p + '/stacks', {'name': name}), 201)['id']

    def service(self, name, scale=2, lc=None, kind='services', stack=None, wait='active', **kw):
        body = dict({'name': name, 'stackId': stack or self.stack(name), 'startOnCreate': True, 'scale': scale, 'launchConfig': dict({'imageUuid': 'sim:one'}, **(lc or {}))}, **kw)
        s = self.check(self.admin.post('%s/%s' % (self.p, kind), body), 201)
        return self.at(s, wait) if wait else s

    def path(self, s):
        return self.p + '/services/' + s['id']

    def at(self, s, state):
        return self.admin.wait(self.path(s), state)

    def until(self, s, message):
        """Until the service's message has this in it."""
        end = time.monotonic() + client.WAIT_S
        while True:
            a = self.admin.get(self.path(s))
            if message in str(a.get('transitioningMessage')):
                return a
            self.assertLess(time.monotonic(), end, a)
            threading.Event().wait(0.02)

    def act(self, s, action, body=None):
        return self.admin.post(self.path(s) + '?action=' + action, body)

    def upgrade(self, s, **strategy):
        strategy.setdefault('intervalMillis', 100)
        return self.act(s, 'upgrade', {IN: strategy})

    def containers(self, s):
        return self.admin.get(self.path(s) + '/instances?limit=-1').rows

    def check(self, answer, *a, **kw):
        super().check(answer, *a, **kw)
        return answer


class Upgrade(Services):
    def test_s43_upgrade_and_finish(self):
        s = self.service('s43')
        old = {c['id'] for c in self.containers(s)}
        a = self.check(self.upgrade(s, launchConfig={'imageUuid': 'sim:two'}), 202)
        self.assertEqual((a['state'], a['transitioning'], a['launchConfig']['imageUuid']), ('upgrading', 'yes', 'sim:two'))
        up = self.at(s, 'upgraded')
        self.assertNotIn('cancelupgrade', up['actions'])
        self.assertIn('finishupgrade', up['actions'])
        self.assertEqual(up['upgrade'][IN]['previousLaunchConfig']['imageUuid'], 'sim:one')
        self.assertEqual(up['launchConfig']['version'], up['upgrade'][IN]['launchConfig']['version'])
        self.assertEqual(up['currentScale'], 2)
        states = sorted((c['state'], c['name'], c['id'] in old) for c in self.containers(s))
        self.assertEqual(states, [('running', 's43-s43-1', False), ('running', 's43-s43-2', False), ('stopped', 's43-s43-1', True), ('stopped', 's43-s43-2', True)])
        for m in self.admin.get(self.path(s) + '/serviceexposemaps').rows:
            self.assertEqual((m['managed'], m.get('upgrade', m['instanceId'] in old)), (m['instanceId'] not in old, m['instanceId'] in old))
        self.check(self.act(s, 'finishupgrade'), 202)
        self.at(s, 'active')
        self.assertEqual({c['id'] in old for c in self.containers(s)}, {False})
        self.assertEqual(self.admin.get(self.path(s)).get('upgrade')[IN]['batchSize'], 1)
        events = [r['eventType'] for r in self.admin.get(self.path(s) + '/servicelogs?limit=-1').rows]
        self.assertIn('service.upgrade', events)
        self.assertIn('service.finishupgrade', events)

    def test_s44_rollback_restores_the_same_containers(self):
        s = self.service('s44')
        self.assertEqual(s['launchConfig']['version'], '0')
        old = {c['id'] for c in self.containers(s)}
        self.check(self.upgrade(s, launchConfig={'imageUuid': 'sim:two'}), 202)
        self.at(s, 'upgraded')
        self.check(self.act(s, 'finishupgrade2'), 422)
        a = self.check(self.act(s, 'rollback'), 202)
        self.assertEqual((a['state'], a['launchConfig']['imageUuid']), ('rolling-back', 'sim:one'))
        a = self.at(s, 'active')
        self.assertEqual(a['launchConfig']['version'], '0')
        self.assertEqual({c['id'] for c in self.containers(s)}, old)
        self.assertEqual({c['state'] for c in self.containers(s)}, {'running'})

    def test_s45_cancel_is_quick_and_may_go_on(self):
        s = self.service('s45', 4)
        self.check(self.upgrade(s, launchConfig={'imageUuid': 'sim:two'}, intervalMillis=2500), 202)
        self.until(s, '1 of 4 units')
        a = self.check(self.act(s, 'cancelupgrade'), 202)
        self.assertIn(a['state'], ('canceling-upgrade', 'canceled-upgrade'))
        self.at(s, 'canceled-upgrade')
        self.assertEqual(sorted(c['state'] for c in self.containers(s)), ['running'] * 4 + ['stopped'])
        self.check(self.act(s, 'continueupgrade'), 202)
        self.check(self.act(s, 'cancelupgrade'), 202)
        self.at(s, 'canceled-upgrade')
        self.check(self.act(s, 'rollback'), 202)
        self.at(s, 'active')
        self.assertEqual(sorted(c['state'] for c in self.containers(s)), ['running'] * 4)

    def test_s49_sidekicks(self):
        s = self.service('s49', 1, secondaryLaunchConfigs=[{'name': 'sk1', 'imageUuid': 'sim:one'}])
        old = {c['name']: c['id'] for c in self.containers(s)}
        self.check(self.upgrade(s, launchConfig={'imageUuid': 'sim:two'}, secondaryLaunchConfigs=[{'name': 'sk2', 'imageUuid': 'sim:one'}]), 202)
        up = self.at(s, 'upgraded')
        self.assertEqual([(x['name'], x['version'] == '0') for x in up['secondaryLaunchConfigs']], [('sk1', True), ('sk2', False)])
        running = {c['name']: c['id'] for c in self.containers(s) if c['state'] == 'running'}
        self.assertEqual(running['s49-s49-sk1-1'], old['s49-s49-sk1-1'])
        self.assertIn('s49-s49-sk2-1', running)
        self.check(self.act(s, 'rollback'), 202)
        self.at(s, 'active')
        self.assertEqual({c['name']: c['id'] for c in self.containers(s)}, old)

    def test_s50_a_sidekick_leaves(self):
        s = self.service('s50', 1, secondaryLaunchConfigs=[{'name': 'sk1', 'imageUuid': 'sim:one'}])
        self.check(self.upgrade(s, secondaryLaunchConfigs=[{'name': 'sk1', 'imageUuid': 'docker:rancher/none'}]), 202)
        self.at(s, 'upgraded')
        self.check(self.act(s, 'finishupgrade'), 202)
        a = self.at(s, 'active')
        self.assertFalse(a.get('secondaryLaunchConfigs'))
        self.assertEqual([c['name'] for c in self.containers(s)], ['s50-s50-1'])

    def test_s51_s52_to_another_service(self):
        stack = self.stack('s51')
        a, b = self.service('a', 5, stack=stack), self.service('b', 2, stack=stack)
        x = self.service('x', 1, stack=stack)
        self.check(self.act(x, 'addservicelink', {'serviceLink': {'serviceId': a['id'], 'name': 'db'}}), 200)
        strategy = {'toServiceId': b['id'], 'finalScale': 3, 'batchSize': 100, 'intervalMillis': 100, 'updateLinks': True}
        self.check(self.act(a, 'upgrade', {'toServiceStrategy': strategy}), 202)
        self.assertEqual(self.at(a, 'upgraded')['scale'], 0)
        self.assertEqual((self.at(b, 'active')['scale'], len(self.containers(b))), (3, 3))
        links = {(m['consumedServiceId'], m['name']) for m in self.admin.get(self.p + '/serviceconsumemaps?serviceId=' + x['id']).rows}
        self.assertEqual(links, {(a['id'], 'db'), (b['id'], 'db')})
        self.check(self.act(a, 'finishupgrade'), 202)
        self.assertEqual(self.at(a, 'active')['scale'], 0)
        self.check(self.act(b, 'upgrade', {'toServiceStrategy': {'toServiceId': b['id']}}), 422, 'InvalidReference', 'toServiceId')

    def test_s54_what_is_refused(self):
        s = self.service('s54', 1)
        self.check(self.act(s, 'upgrade', {}), 422, 'MissingRequired')
        self.check(self.upgrade(s), 422, 'InvalidOption')
        self.check(self.act(s, 'upgrade', {IN: {'launchConfig': {'imageUuid': 'sim:two'}}, 'toServiceStrategy': {'toServiceId': s['id']}}), 422, 'MissingRequired')
        self.check(self.upgrade(s, launchConfig={'imageUuid': 'sim:two'}, batchSize=0), 422, 'MinLimitExceeded')
        self.check(self.upgrade(s, launchConfig={'imageUuid': 'sim:two'}, intervalMillis=99), 422, 'MinLimitExceeded')
        self.check(self.upgrade(s, launchConfig={'imageUuid': 'sim:two', 'labels': {'io.rancher.scheduler.global': 'true'}}), 422, 'InvalidOption')
        self.check(self.upgrade(s, launchConfig={'imageUuid': 'sim:two', 'networkLaunchConfig': 'nobody'}), 422, 'InvalidReference')
        self.check(self.upgrade(s, launchConfig={'imageUuid': 'sim:two', 'ports': ['x']}), 422)
        self.check(self.upgrade(s, secondaryLaunchConfigs=[{'imageUuid': 'sim:two'}]), 422, 'MissingRequired')
        for action in ('finishupgrade', 'cancelupgrade', 'continueupgrade', 'rollback'):
            self.check(self.act(s, action), 422, 'ActionNotAvailable')
        self.assertEqual(self.admin.get(self.path(s))['launchConfig']['imageUuid'], 'sim:one')
        r = self.service('s54r', 1, retainIp=True)
        self.check(self.upgrade(r, launchConfig={'imageUuid': 'sim:two'}, startFirst=True), 422, 'InvalidOption')

    def test_s55_random_ports_stay(self):
        s = self.service('s55', 1, {'ports': ['80']})
        public = s['launchConfig']['ports'][0].split(':')[0]
        self.check(self.upgrade(s, launchConfig={'imageUuid': 'sim:two', 'ports': ['80', '8083:83/udp']}), 202)
        up = self.at(s, 'upgraded')
        self.assertEqual(up['launchConfig']['ports'], [public + ':80/tcp', '8083:83/udp'])

    def test_services_without_containers_take_labels(self):
        stack = self.stack('noop')
        d = self.check(self.admin.post(self.p + '/dnsservices', {'name': 'd', 'stackId': stack, 'startOnCreate': True}), 201)
        d = self.admin.wait(self.p + '/dnsservices/' + d['id'], 'active')
        self.check(self.admin.post(self.p + '/dnsservices/%s?action=upgrade' % d['id'], {IN: {'launchConfig': {'labels': {'a': 'b'}}}}), 202)
        up = self.admin.wait(self.p + '/dnsservices/' + d['id'], 'upgraded')
        self.assertEqual(up['launchConfig']['labels'], {'a': 'b'})
        self.check(self.admin.post(self.p + '/dnsservices/%s?action=restart' % d['id'], {'rollingRestartStrategy': {}}), 422)

    def test_what_fails_is_told_and_can_be_taken_back(self):
        s = self.service('fails', 2)
        old = {c['id'] for c in self.containers(s)}
        self.check(self.upgrade(s, launchConfig={'imageUuid': 'sim:two', 'environment': {'X': 'compute.instance.activate::fail'}}), 202)
        a = self.until(s, 'Failing [compute.instance.activate]')
        self.assertIn('upgrading: 0 of 2 units', a['transitioningMessage'])
        self.assertEqual(a['state'], 'upgrading')
        self.check(self.act(s, 'rollback'), 202)
        self.at(s, 'active')
        self.assertEqual({c['id'] for c in self.containers(s)}, old)

    def test_scale_may_change_meanwhile(self):
        s = self.service('scales', 3)
        self.check(self.upgrade(s, launchConfig={'imageUuid': 'sim:two'}, intervalMillis=700), 202)
        a = self.check(self.admin.put(self.path(s), {'scale': 4}), 200)
        self.assertEqual(a['state'], 'upgrading')
        self.at(s, 'upgraded')
        self.assertEqual(len([c for c in self.containers(s) if c['state'] == 'running']), 4)

    def test_restart_in_batches(self):
        s = self.service('again', 3)
        before = {c['id']: c['startCount'] for c in self.containers(s)}
        self.check(self.act(s, 'restart', {}), 422, 'MissingRequired')
        a = self.check(self.act(s, 'restart', {'rollingRestartStrategy': {'batchSize': 2, 'intervalMillis': 100}}), 202)
        self.assertEqual(a['state'], 'restarting')
        self.at(s, 'active')
        self.assertEqual({c['id']: c['startCount'] for c in self.containers(s)}, {i: n + 1 for i, n in before.items()})
        self.check(self.act(s, 'restart', {'rollingRestartStrategy': {}}), 202)

    def test_scale_policy_fills_what_there_is(self):
        s = self.service('policy', 1, {'ports': ['18080:80']}, scalePolicy={'min': 1, 'max': 9, 'increment': 2})
        self.assertEqual(len(self.containers(s)), 3)            # one of each host; nine have no room
        self.assertEqual(self.admin.get(self.path(s))['healthState'], 'healthy')
        self.check(self.admin.put(self.path(s), {'scalePolicy': {'min': 1, 'max': 2, 'increment': 1}}), 200)
        self.at(s, 'active')
        self.assertEqual(len(self.containers(s)), 2)


@unittest.skipUnless(CLI, 'DROVER_CLI names no program')
class Killed(Services):
    """Hosts of another process, since those of the server's own would die with it."""
    @classmethod
    def setUpClass(cls):
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            port = s.getsockname()[1]
        cls.args = ('--listen', '127.0.0.1:%d' % port)
        client.Case.setUpClass.__func__(cls)
        keys = cls.server.admin_file()
        env = dict(os.environ, HOME=cls.server.data, DROVER_URL='http://127.0.0.1:%d' % port, DROVER_ACCESS_KEY=keys['accessKey'], DROVER_SECRET_KEY=keys['secretKey'])
        cls.hosts = subprocess.Popen([CLI, 'simulate', '--hosts', str(HOSTS), '--idle', '--duration', '600s'], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.wait_for_hosts()

    @classmethod
    def tearDownClass(cls):
        cls.hosts.kill()
        cls.hosts.wait()
        super().tearDownClass()

    def kill(self):
        os.kill(self.server.process.pid, signal.SIGKILL)
        self.server.process.wait()
        self.server.log_file.close()
        self.server.start()

    def test_an_upgrade_goes_on_after_the_server_was_killed(self):
        s = self.service('killed', 4, {'imageUuid': 'docker:busybox:1'})
        old = {c['id'] for c in self.containers(s)}
        self.check(self.upgrade(s, launchConfig={'imageUuid': 'docker:busybox:2'}, intervalMillis=1500), 202)
        for part in ('1 of 4', '2 of 4', '3 of 4'):
            self.until(s, part)
            self.kill()
        self.at(s, 'upgraded')
        self.assertEqual(sorted(c['state'] for c in self.containers(s)), ['running'] * 4 + ['stopped'] * 4)
        self.check(self.act(s, 'rollback'), 202)
        self.until(s, '2 of 4')
        self.kill()
        self.at(s, 'active')
        self.assertEqual({c['id'] for c in self.containers(s)}, old)


if __name__ == '__main__':
    client.main()
