"""Containers that drover did not make (agent.md 16 to 18). The host is one that the test plays."""
import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
import client           # noqa: E402
import wsclient         # noqa: E402


def docker_id(n):
    return ('%02x' % n) * 32


def inspect(cid, name, **host):
    return {'Id': cid, 'Name': '/' + name, 'Image': 'sha256:1', 'State': {'Running': True},
            'Config': {'Hostname': 'h', 'Image': 'busybox:1', 'Cmd': ['sleep', '9'], 'Entrypoint': None, 'Env': ['A=1', 'B=x=y', 'C'], 'WorkingDir': '/w', 'User': 'u',
                       'Tty': True, 'OpenStdin': False, 'Labels': {'a': 'b'}, 'ExposedPorts': {'80/tcp': {}, '90/udp': {}}, 'Volumes': {'/anon': {}}},
            'HostConfig': dict({'NetworkMode': 'bridge', 'Memory': 4194304, 'RestartPolicy': {'Name': 'on-failure', 'MaximumRetryCount': 3}, 'Binds': ['data:/data:ro'],
                                'PortBindings': {'80/tcp': [{'HostIp': '', 'HostPort': '8080'}]}}, **host),
            'NetworkSettings': {'IPAddress': '172.17.0.5'}}


class Host(wsclient.Agent):
    """Has containers of its own, too, by Docker id; does what it is asked to them once."""

    def __init__(self, *a, **kw):
        self.foreign, self.asked, self.inspects, self.claimed = {}, [], 0, {}
        super().__init__(*a, **kw)

    def report(self, full=False):
        mine = [c for c in self.containers.values() if c.get('dockerId') not in self.foreign]
        self.say({'t': 'observed', 'full': full, 'containers': mine + [self.told(c) for c in self.foreign.values()]})

    def told(self, c):
        row = {k: v for k, v in c.items() if k != 'inspect' or self.tells_inspect}
        return row

    tells_inspect = True

    def run_one(self, n, name, state='running', labels=None, **host):
        cid = docker_id(n)
        doc = inspect(cid, name, **host)
        doc['Config']['Labels'] = labels if labels is not None else doc['Config']['Labels']
        self.foreign[cid] = {'uuid': cid, 'gen': 0, 'state': state, 'dockerId': cid, 'ip': '172.17.0.5', 'ports': [{'private': 80, 'public': 8080, 'proto': 'tcp', 'ip': '0.0.0.0'}],
                             'startedAt': 5, 'finishedAt': 0, 'exitCode': 0, 'image': 'busybox:1', 'foreign': True, 'name': name,
                             'labels': doc['Config']['Labels'], 'inspect': doc,
                             'mounts': [{'Type': 'volume', 'Name': 'data', 'Driver': 'local', 'Source': '/v/data', 'Destination': '/data', 'RW': False}]}
        self.report()
        return cid

    def change(self, cid, state):
        row = self.foreign[cid]
        if state == 'absent':
            row['state'] = 'absent'
            self.say({'t': 'observed', 'full': False, 'containers': [{'uuid': cid, 'gen': 0, 'state': 'absent', 'dockerId': '', 'foreign': True}]})
            del self.foreign[cid]
        else:
            row['state'] = state
            self.report()

    def obey(self, m):
        ours, theirs = [d for d in m['containers'] if not d.get('dockerId')], [d for d in m['containers'] if d.get('dockerId')]
        with self.lock:
            self.asked += [(d['dockerId'], d['state']) for d in theirs]
            self.desired_log.append(m)
        for d in theirs:
            if d['dockerId'] in self.foreign:
                self.foreign[d['dockerId']]['state'] = d['state']
            row = dict(self.foreign.get(d['dockerId'], {'state': 'absent'}), uuid=d['uuid'], gen=d['gen'], dockerId=d['dockerId'])
            for k in ('foreign', 'inspect', 'labels', 'name'):
                row.pop(k, None)
            if d['state'] == 'absent':
                self.foreign.pop(d['dockerId'], None)
            self.say({'t': 'observed', 'full': False, 'containers': [row]})
        super().obey(dict(m, containers=ours))

    def say(self, message):
        if message['t'] == 'reply' and str(message['id']).startswith('adopt/'):
            self.inspects += 1
            last = list(self.foreign.values())[-1]
            message = dict(message, data=last['inspect'])
        super().say(message)


class Adoption(client.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = Host(cls.server, cls.server.admin(), 'adoption')
        cls.n = 0

    @classmethod
    def tearDownClass(cls):
        cls.host.close()
        super().tearDownClass()

    def run_one(self, name, **kw):
        type(self).n += 1
        return self.host.run_one(self.n, name, **kw)

    def until(self, look, what):
        end = time.monotonic() + client.WAIT_S
        while True:
            found = look()
            if found:
                return found
            self.assertLess(time.monotonic(), end, what)
            threading.Event().wait(0.05)

    def all_of(self, cid):
        return [c for c in self.admin.get(self.p + '/containers?limit=1000').rows if c['externalId'] == cid and c['state'] != 'removed']

    def adopted(self, cid, state='running'):
        c = self.until(lambda: self.all_of(cid), 'adoption of ' + cid)[0]
        return self.admin.wait(self.p + '/containers/' + c['id'], state)

    def settle(self):
        """The server has taken everything said before: what is told behind it is there."""
        self.adopted(self.run_one('marker%d' % self.n))

    def test_its_description_becomes_fields(self):
        c = self.adopted(self.run_one('theirs'))
        want = {'name': 'theirs', 'kind': 'container', 'nativeContainer': True, 'imageUuid': 'docker:busybox:1', 'labels': {'a': 'b'}, 'command': ['sleep', '9'],
                'environment': {'A': '1', 'B': 'x=y', 'C': ''}, 'ports': ['8080:80/tcp'], 'expose': ['90/udp'], 'dataVolumes': ['data:/data:ro', '/anon'], 'workingDir': '/w', 'user': 'u', 'tty': True,
                'memory': 4194304, 'networkMode': 'bridge', 'primaryIpAddress': '172.17.0.5', 'entryPoint': None}
        self.assertEqual({k: c[k] for k in want}, want)
        self.assertEqual((c['restartPolicy']['name'], c['restartPolicy']['maximumRetryCount']), ('on-failure', 3))
        host = next(h for h in self.admin.get(self.p + '/hosts').rows if h['hostname'] == 'adoption')
        self.assertEqual((c['hostId'], c['requestedHostId']), (host['id'], host['id']))
        self.assertIn(c['id'], self.admin.get(self.p + '/hosts/' + host['id'])['instanceIds'])
        self.assertIn('data', [v['name'] for v in self.admin.get(self.p + '/volumes').rows])
        self.assertEqual([(m['path'], m['volumeName'], m['permission']) for m in c['mounts']], [('/data', 'data', 'ro')])

    def test_it_follows_its_host(self):
        cid = self.run_one('follows')
        c = self.adopted(cid)
        self.host.change(cid, 'stopped')
        self.adopted(cid, 'stopped')
        self.host.change(cid, 'running')
        self.assertEqual(self.adopted(cid)['id'], c['id'])
        self.host.change(cid, 'absent')
        self.admin.wait(self.p + '/containers/' + c['id'], 'removed')
        self.assertNotIn(cid, [a for a, _ in self.host.asked])

    def test_one_that_does_not_run_is_adopted_stopped(self):
        self.adopted(self.run_one('ended', state='stopped'), 'stopped')

    def test_actions_are_carried_out_once(self):
        cid = self.run_one('obeys')
        url = self.p + '/containers/' + self.adopted(cid)['id']
        for action, state in (('stop', 'stopped'), ('start', 'running'), ('restart', 'running')):
            self.check(self.admin.post('%s/?action=%s' % (url, action), {}), 202)
            self.admin.wait(url, state)
        self.assertEqual([s for a, s in self.host.asked if a == cid], ['stopped', 'running', 'stopped', 'running'])
        self.host.change(cid, 'stopped')                # somebody on the host: nobody starts it again
        self.admin.wait(url, 'stopped')
        self.check(self.admin.delete(url), 200)
        self.admin.wait(url, 'removed')
        self.assertEqual([s for a, s in self.host.asked if a == cid][-1], 'absent')
        self.assertNotIn(cid, self.host.foreign)

    def test_without_its_description_it_is_asked_for(self):
        self.host.tells_inspect = False
        before = self.host.inspects
        try:
            c = self.adopted(self.run_one('asked'))
        finally:
            del self.host.tells_inspect
        self.assertEqual((c['command'], self.host.inspects), (['sleep', '9'], before + 1))

    def test_labels_and_names(self):
        c = self.adopted(self.run_one('plain', labels={'io.rancher.container.display_name': 'shown', 'io.rancher.container.network': 'true'}))
        self.assertEqual((c['name'], c['networkMode']), ('shown', 'managed'))
        other = self.run_one('shares', NetworkMode='container:' + c['externalId'])
        self.assertEqual((self.adopted(other)['networkMode'], self.adopted(other)['networkContainerId']), ('container', c['id']))
        self.assertEqual(self.adopted(self.run_one('alone', NetworkMode='container:gone'))['networkMode'], 'none')

    def test_who_is_not_adopted(self):
        project = self.admin.get('/projects/1a5')
        kept = [self.run_one('abroad', labels={'io.rancher.environment.uuid': 'another', 'io.rancher.container.uuid': 'x'}),
                self.run_one('left', labels={'io.rancher.environment.uuid': project['uuid'], 'io.rancher.container.uuid': 'was-removed'}),
                self.run_one('rancher-agent'), self.run_one('rancher-agent-upgrade')]
        self.settle()
        for cid in kept:
            self.assertEqual(self.all_of(cid), [])
            self.host.foreign.pop(cid)

    def test_switched_off_nobody_is_adopted(self):
        root = self.server.admin()
        self.addCleanup(root.put, '/settings/manage.nonrancher.containers', {'value': 'true'})
        host = next(h for h in self.admin.get(self.p + '/hosts').rows if h['hostname'] == 'adoption')
        self.check(root.put('/settings/manage.nonrancher.containers', {'value': 'false'}), 200)
        cid = self.run_one('unwanted')
        self.admin.post(self.p + '/containers', {'name': 'sentinel', 'imageUuid': 'docker:busybox', 'requestedHostId': host['id']})
        self.until(lambda: any(c['name'] == 'sentinel' and c['state'] == 'running' for c in self.admin.get(self.p + '/containers?limit=1000').rows), 'the sentinel')
        self.assertEqual(self.all_of(cid), [])
        self.check(root.put('/settings/manage.nonrancher.containers', {'value': 'true'}), 200)
        self.host.report(True)
        self.adopted(cid)

    def test_nothing_doubles_when_host_and_server_come_back(self):
        cid = self.run_one('steady')
        c = self.adopted(cid)
        url = self.p + '/containers/' + c['id']
        self.check(self.admin.post(url + '/?action=stop', {}), 202)
        self.admin.wait(url, 'stopped')
        self.check(self.admin.post(url + '/?action=start', {}), 202)
        self.admin.wait(url, 'running')
        asked = len(self.host.asked)
        self.host.close()
        self.server.end()
        self.server.start()
        self.host.server = self.server
        self.host.connect()
        self.settle()
        self.assertEqual([x['id'] for x in self.all_of(cid)], [c['id']])
        self.assertEqual(self.adopted(cid)['id'], c['id'])
        full = [m for m in self.host.desired_log if m['full']][-1]
        self.assertNotIn(cid, [d.get('dockerId') for d in full['containers']])
        self.assertEqual(len(self.host.asked), asked)

    def test_events_of_agents(self):
        away = Host(self.server, self.server.admin(), 'upstream')       # one that speaks no host protocol
        host = self.until(lambda: next((h for h in self.admin.get(self.p + '/hosts').rows if h['hostname'] == 'upstream' and h['state'] == 'active'), None), 'the host')
        away.close()
        agent = self.server.client(away.key)
        cid = docker_id(0xe1)

        def tell(status, **kw):
            body = {'externalStatus': status, 'externalId': cid, 'externalFrom': 'busybox:1', 'externalTimestamp': 1, 'reportedHostUuid': host['uuid'], 'dockerInspect': inspect(cid, 'told')}
            return self.check(agent.post('/containerevents', dict(body, **kw)), 201)
        made = tell('start')
        c = self.adopted(cid)
        self.assertEqual((c['command'], c['ports'], c['nativeContainer']), (['sleep', '9'], ['8080:80/tcp'], True))
        self.admin.wait(self.p + '/containerevents/' + made['id'], 'created')
        tell('start')
        tell('kill')
        tell('die')
        self.adopted(cid, 'stopped')
        tell('start')
        self.adopted(cid)
        tell('destroy')
        self.admin.wait(self.p + '/containers/' + c['id'], 'removed')
        self.check(agent.post('/containerevents', {'externalStatus': 'start', 'externalId': cid, 'reportedHostUuid': 'nobody'}), 422, 'InvalidReference', 'hostId')

    def test_a_selector_takes_it_into_a_service(self):
        stack = self.check(self.admin.post(self.p + '/stacks', {'name': 'selects'}), 201)
        cid = self.run_one('member', labels={'tier': 'web'})
        c = self.adopted(cid)
        s = self.check(self.admin.post(self.p + '/services', {'name': 'web', 'stackId': stack['id'], 'selectorContainer': 'tier=web', 'startOnCreate': True,
                                                              'launchConfig': {'imageUuid': 'docker:rancher/none'}}), 201)
        url = self.p + '/services/' + s['id']
        self.admin.wait(url, 'active')
        self.assertEqual(self.admin.get(url)['instanceIds'], [c['id']])
        late = self.adopted(self.run_one('late', labels={'tier': 'WEB'}))
        self.until(lambda: self.admin.get(url)['instanceIds'] == [c['id'], late['id']], 'the second')
        maps = self.admin.get(url + '/serviceexposemaps').rows
        self.assertEqual([(m['instanceId'], m['managed']) for m in maps], [(c['id'], False), (late['id'], False)])
        one = self.admin.get(self.p + '/serviceexposemaps/' + maps[0]['id'])
        self.assertEqual((one['instanceId'], one['serviceId'], one['managed']), (c['id'], s['id'], False))
        self.assertEqual([i['id'] for i in self.admin.get(url + '/instances').rows], [c['id'], late['id']])
        self.assertEqual(self.admin.get(self.p + '/containers/' + c['id'])['serviceIds'], [s['id']])
        self.assertEqual(self.admin.get(url)['healthState'], 'healthy')
        self.check(self.admin.put(url, {'selectorContainer': 'tier=db'}), 200)
        self.admin.wait(url, 'active')
        self.until(lambda: self.admin.get(url)['instanceIds'] == [], 'none match')
        self.check(self.admin.put(url, {'selectorContainer': 'tier=web'}), 200)
        self.admin.wait(url, 'active')
        self.until(lambda: len(self.admin.get(url)['instanceIds']) == 2, 'both again')
        self.check(self.admin.post(url + '/?action=remove', {}), 202)
        self.admin.wait(url, 'removed')
        self.assertEqual(self.adopted(cid)['serviceIds'], [])
        self.assertEqual(self.adopted(late['externalId'])['id'], late['id'])


class Leaving(client.Case):
    """Hosts that go: what they had of their own is forgotten and not touched."""

    def test_evacuation_and_removal(self):
        host = Host(self.server, self.server.admin(), 'leaving')
        self.addCleanup(host.close)
        cid = host.run_one(0xaa, 'stays')
        look = lambda: [c for c in self.admin.get(self.p + '/containers').rows if c['externalId'] == cid and c['state'] == 'running']     # noqa: E731
        end = time.monotonic() + client.WAIT_S
        while not look():
            self.assertLess(time.monotonic(), end)
            threading.Event().wait(0.05)
        c = look()[0]
        ours = self.check(self.admin.post(self.p + '/containers', {'name': 'ours', 'imageUuid': 'docker:busybox'}), 201)
        self.admin.wait(self.p + '/containers/' + ours['id'], 'running')
        row = self.admin.get(self.p + '/hosts').rows[0]
        url = self.p + '/hosts/' + row['id']
        self.check(self.admin.post(url + '/?action=evacuate', {}), 200)
        self.admin.wait(self.p + '/containers/' + ours['id'], 'removed')
        self.assertEqual(self.admin.get(self.p + '/containers/' + c['id'])['state'], 'running')
        self.admin.wait(url, 'inactive')
        self.check(self.admin.post(url + '/?action=remove', {}), 202)
        self.admin.wait(url, 'removed')
        self.admin.wait(self.p + '/containers/' + c['id'], 'removed')
        self.assertEqual((host.asked, host.foreign[cid]['state']), ([], 'running'))


class Many(client.Case):
    def test_so_many_a_minute(self):
        host = Host(self.server, self.server.admin(), 'many')
        self.addCleanup(host.close)
        root = self.server.admin()

        def natives():
            return sorted(c['name'] for c in self.admin.get(self.p + '/containers').rows if c['nativeContainer'] and c['state'] == 'running')

        def until(names):
            end = time.monotonic() + client.WAIT_S
            while natives() != names:
                self.assertLess(time.monotonic(), end, repr(natives()))
                threading.Event().wait(0.05)
        self.check(root.put('/settings/container.event.max.size', {'value': '2'}), 200)
        for n in range(4):
            host.run_one(1 + n, 'many%d' % n)
        until(['many0', 'many1'])
        self.assertIn('too many containers to adopt at once', self.server.log())
        self.check(root.put('/settings/container.event.max.size', {'value': '150'}), 200)
        host.report(True)                       # as every minute
        until(['many0', 'many1', 'many2', 'many3'])
        del host.foreign[docker_id(2)]          # gone without a word
        host.report(True)
        until(['many0', 'many2', 'many3'])


if __name__ == '__main__':
    client.main()
