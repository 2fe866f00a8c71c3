"""Standalone containers over the API: what is told of them, and the ways they end (api.md 3.2, 4.3; agent.md 11, 12; orchestration.md 3.9)."""
import time

import client
import wsclient


class Engine(wsclient.Agent):
    """A host whose engine publishes more ports than were asked for."""

    def obey(self, m):
        super().obey(m)
        for c in self.containers.values():
            if c['state'] == 'running':
                c['ports'] = [{'private': 80, 'public': 8083, 'proto': 'tcp', 'ip': '0.0.0.0'}, {'private': 80, 'public': 8083, 'proto': 'tcp', 'ip': '::'},
                              {'private': 81, 'public': 32768, 'proto': 'udp', 'ip': '0.0.0.0'}, {'private': 81, 'public': 32768, 'proto': 'udp', 'ip': '::'},
                              {'private': 82, 'public': 0, 'proto': 'tcp', 'ip': ''}]
        self.report(m['full'])


class Ports(client.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = Engine(cls.server, cls.server.admin(), 'ports')

    @classmethod
    def tearDownClass(cls):
        cls.host.close()
        super().tearDownClass()

    def test_those_the_engine_chose_are_told_once(self):
        host = self.admin.get(self.p + '/hosts').rows[0]
        c = self.check(self.admin.post(self.p + '/containers', {'name': 'chosen', 'imageUuid': 'docker:busybox', 'requestedHostId': host['id'],
                                                                'ports': ['8083:80', '81/udp']}), 201)
        c = self.admin.wait(self.p + '/containers/' + c['id'], 'running')
        self.assertEqual(c['ports'], ['8083:80/tcp', '81/udp'])
        end = time.monotonic() + client.WAIT_S
        while True:
            rows = self.admin.get('%s/containers/%s/ports' % (self.p, c['id'])).rows
            if len(rows) == 2:
                break
            self.assertLess(time.monotonic(), end, rows)
            time.sleep(0.05)
        self.assertEqual([(p['publicPort'], p['privatePort'], p['protocol'], p['bindAddress']) for p in rows], [(8083, 80, 'tcp', None), (32768, 81, 'udp', None)])
        ends = self.admin.get(self.p + '/hosts/' + host['id'])['publicEndpoints']
        self.assertEqual(sorted(e['port'] for e in ends), [8083, 32768])


class Containers(client.Case):
    args = ('--simulator', '--sim-hosts', '3')

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        admin, end = cls.server.admin(), time.monotonic() + client.WAIT_S
        while len(admin.get('/projects/1a5/hosts?state=active').rows) < 3:
            if time.monotonic() > end:
                raise AssertionError('the hosts did not become active')
            time.sleep(0.05)

    def until(self, what, look):
        end = time.monotonic() + client.WAIT_S
        while True:
            found = look()
            if found:
                return found
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.05)

    def get(self, kind, r, link=''):
        return self.admin.get('%s/%s/%s%s' % (self.p, kind, r['id'], link))

    def make(self, name, state='running', **kw):
        c = self.check(self.admin.post(self.p + '/containers', dict({'name': name, 'imageUuid': 'sim:foo'}, **kw)), 201)
        return self.admin.wait(self.p + '/containers/' + c['id'], state)

    def act(self, c, action, body=None):
        return self.admin.post('%s/containers/%s/?action=%s' % (self.p, c['id'], action), body)

    def end(self, *containers):
        for c in containers:
            self.check(self.admin.delete('%s/containers/%s' % (self.p, c['id'])), 200)
            self.admin.wait('%s/containers/%s' % (self.p, c['id']), 'removed')

    def hosts(self):
        return self.admin.get(self.p + '/hosts?state=active').rows

    def test_what_is_told_of_a_running_one(self):
        host = self.hosts()[0]
        c = self.make('told', requestedHostId=host['id'], ports=['8081:80', '127.0.0.1:8082:81/udp'], labels={'a': 'b'})
        self.assertEqual((c['hostId'], c['startCount'], c['nativeContainer'], c['system'], c['transitioning']), (host['id'], 1, False, False, 'no'))
        self.assertTrue(c['firstRunning'] and c['externalId'] and c['primaryIpAddress'], repr(c))
        self.assertEqual(c['labels']['a'], 'b')
        rows = self.get('containers', c, '/ports').rows
        self.assertEqual(sorted((p['publicPort'], p['privatePort'], p['protocol'], p['bindAddress'], p['state']) for p in rows),
                         [(8081, 80, 'tcp', None, 'active'), (8082, 81, 'udp', '127.0.0.1', 'active')])
        for p in rows:
            self.assertEqual(self.get('ports', p)['instanceId'], c['id'])
            self.assertEqual(self.get('ports', p, '/privateipaddress')['address'], c['primaryIpAddress'])
            self.assertEqual(self.get('ports', p, '/publicipaddress')['address'], host['agentIpAddress'])
        self.assertEqual([h['id'] for h in self.get('containers', c, '/hosts').rows], [host['id']])
        self.assertIn(('a', 'b'), [(x['key'], x['value']) for x in self.get('containers', c, '/instancelabels').rows])
        self.assertIn(c['id'], self.get('hosts', host)['instanceIds'])
        ids = sorted(p['id'] for p in rows)
        self.check(self.act(c, 'stop', {'timeout': 0}), 202)
        c = self.admin.wait(self.p + '/containers/' + c['id'], 'stopped')
        rows = self.get('containers', c, '/ports').rows                 # they are the same, and idle
        self.assertEqual((sorted(p['id'] for p in rows), {p['state'] for p in rows}), (ids, {'inactive'}))
        self.end(c)
        self.assertEqual(self.admin.get(self.p + '/ports?instanceId=' + c['id']).rows, [])

    def test_starts_are_counted_and_the_first_is_kept(self):
        c = self.make('counted')
        first, was = c['firstRunning'], c['externalId']
        self.check(self.act(c, 'restart'), 202)
        again = self.until('a second start', lambda: (lambda x: x if x['startCount'] == 2 and x['state'] == 'running' else None)(self.get('containers', c)))
        self.assertEqual((again['firstRunning'], again['externalId'], again['hostId']), (first, was, c['hostId']))
        self.check(self.act(c, 'stop', {'timeout': -1}), 422, 'MinLimitExceeded', 'timeout')
        self.check(self.act(c, 'stop', {'remove': False, 'timeout': 1}), 202)
        self.admin.wait(self.p + '/containers/' + c['id'], 'stopped')
        self.check(self.act(c, 'restart'), 422, 'ActionNotAvailable')   # only of a running one
        self.check(self.act(c, 'start'), 202)
        self.assertEqual(self.admin.wait(self.p + '/containers/' + c['id'], 'running')['startCount'], 3)
        self.end(c)

    def test_several_by_one_request(self):
        a = self.check(self.admin.post(self.p + '/containers', {'name': 'many', 'imageUuid': 'sim:foo', 'count': 3}), 201)
        self.assertEqual(len(a.rows), 3)
        for c in a.rows:
            self.admin.wait(self.p + '/containers/' + c['id'], 'running')
        self.end(*a.rows)

    def test_not_started(self):
        c = self.make('later', 'stopped', startOnCreate=False)
        self.assertEqual((c['startCount'] or 0, c['firstRunning'], c['hostId']), (0, None, None))
        self.check(self.act(c, 'start'), 202)
        self.admin.wait(self.p + '/containers/' + c['id'], 'running')
        self.end(c)

    def test_one_that_shares_anothers_network(self):
        base = self.make('base')
        c = self.make('guest', networkContainerId=base['id'], networkMode='container')
        self.assertEqual((c['hostId'], self.get('containers', c, '/networkcontainer')['id']), (base['hostId'], base['id']))
        self.check(self.act(base, 'stop', {'timeout': 0}), 202)
        self.admin.wait(self.p + '/containers/' + base['id'], 'stopped')
        self.admin.wait(self.p + '/containers/' + c['id'], 'stopped')
        self.end(c, base)

    def test_links_are_rows_that_can_be_turned(self):
        db, other = self.make('db'), self.make('db2')
        web = self.make('web', instanceLinks={'sql': db['id']})
        rows = self.get('containers', web, '/instancelinks').rows
        self.assertEqual([(r['linkName'], r['instanceId'], r['targetInstanceId']) for r in rows], [('sql', web['id'], db['id'])])
        self.admin.wait(self.p + '/instancelinks/' + rows[0]['id'], 'active')
        self.assertEqual([r['id'] for r in self.get('containers', db, '/targetinstancelinks').rows], [rows[0]['id']])
        self.check(self.admin.put(self.p + '/instancelinks/' + rows[0]['id'], {'targetInstanceId': other['id']}), 200)
        self.assertEqual(self.admin.wait(self.p + '/instancelinks/' + rows[0]['id'], 'active')['targetInstanceId'], other['id'])
        self.check(self.admin.put(self.p + '/instancelinks/' + rows[0]['id'], {'targetInstanceId': '1i999'}), 422, 'InvalidReference', 'targetInstanceId')
        self.check(self.admin.post('%s/containers/%s/?action=stop' % (self.p, web['id']), {'remove': True, 'timeout': 0}), 202)
        self.until('the link goes', lambda: self.admin.get(self.p + '/instancelinks/' + rows[0]['id']).status == 404)

    def test_plain_ids_for_those_who_may(self):
        c = self.make('plain')
        a = self.admin.get('/containers/%s?_plainId=true' % c['id'][2:])
        self.assertEqual((a.status, a['id'], a['accountId'], a['hostId']), (200, c['id'][2:], '5', c['hostId'][2:]))
        self.assertEqual(self.admin.get('/containers/%s' % c['id'][2:]).status, 404)
        self.assertEqual(self.admin.get('/containers/%s' % c['id'])['id'], c['id'])

    def test_a_removed_one_can_be_read_but_is_not_listed(self):
        c = self.make('removed')
        self.check(self.act(c, 'purge'), 422, 'ActionNotAvailable')
        self.check(self.act(c, 'stop', {'timeout': 0, 'remove': True}), 202)
        gone = self.admin.wait(self.p + '/containers/' + c['id'], 'removed')
        self.assertTrue(gone['removed'])
        self.assertEqual(gone['externalId'], c['externalId'])
        self.assertNotIn(c['id'], [x['id'] for x in self.admin.get(self.p + '/containers?limit=-1').rows])

    def test_a_first_start_that_fails_ends_in_error(self):
        c = self.make('fails', 'error', environment={'X': 'compute.instance.activate::fail'})
        self.assertEqual((c['transitioning'], c['startCount'] or 0), ('error', 0))
        self.assertIn('Failing [compute.instance.activate]', c['transitioningMessage'])
        self.assertIn('remove', c['actions'])
        self.assertNotIn('start', c['actions'])
        self.end(c)

    def test_evacuation_moves_services_and_ends_what_stands_alone(self):
        host = self.hosts()[0]
        stack = self.check(self.admin.post(self.p + '/stacks', {'name': 'moves'}), 201)
        s = self.check(self.admin.post(self.p + '/services', {'name': 'moves', 'stackId': stack['id'], 'startOnCreate': True, 'scale': 3,
                                                              'launchConfig': {'imageUuid': 'sim:foo'}}), 201)
        self.admin.wait(self.p + '/services/' + s['id'], 'active')
        alone = self.make('alone', requestedHostId=host['id'])
        self.check(self.admin.post('%s/hosts/%s/?action=evacuate' % (self.p, host['id'])), 200)
        self.admin.wait(self.p + '/hosts/' + host['id'], 'inactive')
        self.admin.wait(self.p + '/containers/' + alone['id'], 'removed')

        def moved():
            rows = self.get('services', s, '/instances').rows
            return [c for c in rows if c['state'] == 'running' and c['hostId'] != host['id']] if len(rows) == 3 else None
        rows = self.until('three containers elsewhere', lambda: (lambda r: r if r and len(r) == 3 else None)(moved()))
        self.assertEqual(sorted(c['name'] for c in rows), ['moves-moves-%d' % i for i in (1, 2, 3)])
        self.assertEqual(self.get('hosts', host)['instanceIds'], [])
        self.check(self.admin.post('%s/hosts/%s/?action=activate' % (self.p, host['id'])), 202)
        self.admin.wait(self.p + '/hosts/' + host['id'], 'active')
        self.check(self.admin.delete(self.p + '/stacks/' + stack['id']), 200)

    def test_a_removed_host_takes_its_containers_along(self):
        host = self.hosts()[-1]
        c = self.make('along', requestedHostId=host['id'])
        self.check(self.admin.delete(self.p + '/hosts/' + host['id']), 405)
        self.check(self.admin.post('%s/hosts/%s/?action=deactivate' % (self.p, host['id'])), 202)
        self.admin.wait(self.p + '/hosts/' + host['id'], 'inactive')
        self.assertEqual(self.get('containers', c)['state'], 'running')
        self.check(self.admin.delete(self.p + '/hosts/' + host['id']), 200)
        self.admin.wait(self.p + '/hosts/' + host['id'], 'removed')
        self.assertEqual(self.get('containers', c)['state'], 'removed')
        pools = [p for p in self.admin.get(self.p + '/storagepools?limit=-1').rows if host['id'] in (p['hostIds'] or [])]
        self.assertEqual(pools, [])


if __name__ == '__main__':
    client.main()
