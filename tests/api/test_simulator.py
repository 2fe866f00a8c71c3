"""Simulated agents, tasks and process tables over the API (spec simulator.md): what scale tests of existing clients rely on."""
import time
import unittest
import uuid

import client

SCOPE = 'io.cattle.platform.agent.connection.simulator.AgentConnectionSimulator'
ACTIVATE = 'io.cattle.platform.process.agent.AgentActivate'


class Simulator(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = client.Server(['--simulator', '--no-auth']).start()
        cls.api = cls.server.client()
        cls.env = cls.server.client(prefix='/v2-beta/projects/1a5')

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def ping(self):
        task = self.api.get('/tasks?name=agent.ping').rows
        self.assertEqual(len(task), 1)
        a = self.api.post('/tasks/%s/?action=execute' % task[0]['id'])
        self.assertEqual(a.status, 200, repr(a))
        return a

    def until(self, what, look):
        end = time.monotonic() + client.WAIT_S
        while True:
            found = look()
            if found:
                return found
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.05)

    def agent(self, **kw):
        kw.setdefault('uri', 'sim://' + uuid.uuid4().hex)
        kw.setdefault('agentResourcesAccountId', '1a5')
        a = self.api.post('/agents', kw)
        self.assertEqual(a.status, 201, repr(a))
        return a

    def hosts(self, agent, n=1):
        self.ping()

        def look():
            rows = self.api.get('/agents/%s/hosts' % agent['id']).rows
            return rows if len(rows) == n and all(h['state'] == 'active' for h in rows) else None
        return self.until('%d hosts of %s' % (n, agent['uri']), look)

    def container(self, host, name='c', image='sim:foo', **kw):
        a = self.env.post('/containers', dict({'name': name, 'imageUuid': image, 'requestedHostId': host['id']}, **kw))
        self.assertEqual(a.status, 201, repr(a))
        return a

    def test_a_container_that_nobody_asked_for_is_adopted(self):
        host = self.hosts(self.agent())[0]
        self.settled(self.container(host, name='simCreateAnother_stranger'))
        self.ping()

        def look():
            return [c for c in self.env.get('/containers?hostId=%s' % host['id']).rows if c['nativeContainer'] and c['state'] == 'running']
        c = self.until('its adoption', look)[0]
        self.assertEqual((c['externalId'], c['imageUuid']), ('stranger', 'sim:foo'))
        self.assertEqual(self.env.post('/containers/%s/?action=stop' % c['id'], {}).status, 202)
        self.env.wait('/containers/' + c['id'], 'stopped')
        self.assertEqual(self.env.delete('/containers/' + c['id']).status, 200)
        self.env.wait('/containers/' + c['id'], 'removed')

    def settled(self, c):
        def look():
            a = self.env.get('/containers/' + c['id'])
            return a if a['transitioning'] != 'yes' else None
        return self.until('an end of what %s does' % c['name'], look)

    def test_registering_as_upstreams_scale_tests_do(self):
        token = self.env.post('/registrationtokens')
        token = self.env.wait('/registrationtokens/' + token['id'], 'active')
        key = str(uuid.uuid4())
        a = self.api.post('/register?_role=service', {'key': key, 'accountId': '1a5', 'agentUriFormat': 'sim://%s'})
        self.assertEqual(a.status, 201, repr(a))
        self.api.wait('/register/%s?_role=service' % a['id'], 'active')
        holder = self.server.client(('registrationToken', token['token']), headers={'X-ENFORCE-AUTHENTICATION': 'true'})
        row = self.until('keys', lambda: holder.get('/register?key=' + key).rows)[0]
        mine = self.server.client((row['accessKey'], row['secretKey']), headers={'X-ENFORCE-AUTHENTICATION': 'true'})
        agents = mine.get('/agents').rows
        self.assertEqual(len(agents), 1)
        agent = self.api.get('/agents/' + agents[0]['id'])
        self.assertTrue(agent['uri'].startswith('sim://'), agent['uri'])
        host = self.hosts(agent)[0]
        self.assertIsNotNone(host['agentIpAddress'])
        other = self.api.put('/agents/' + agent['id'], {'uri': 'sim://' + key})
        self.assertEqual((other.status, other['uri']), (200, 'sim://' + key))

    def test_one_agent_with_several_hosts_shares_a_machine(self):
        agent = self.agent(data={SCOPE: {'hosts': 3, 'externalId': 'machine-of-three'}})
        hosts = self.hosts(agent, 3)
        self.assertEqual(len({h['physicalHostId'] for h in hosts}), 1)
        physical = self.env.get('/physicalhosts/' + hosts[0]['physicalHostId'])
        self.assertEqual(physical['externalId'], 'machine-of-three')
        pools = [p for p in self.env.get('/storagepools?limit=-1').rows if p['state'] == 'active']
        self.assertGreaterEqual(len(pools), 3)
        same = self.api.post('/agents', {'uri': agent['uri']})
        self.assertEqual((same.status, same['code'], same['fieldName']), (422, 'NotUnique', 'uri'))

    def test_activation_may_wait_for_the_first_ping(self):
        agent = self.agent(data={ACTIVATE: {'waitForPing': True}})
        self.ping()
        self.api.wait('/agents/' + agent['id'], 'active')
        self.assertEqual(len(self.hosts(agent)), 1)

    def test_a_container_starts_stops_and_goes(self):
        host = self.hosts(self.agent())[0]
        c = self.env.wait('/containers/' + self.container(host)['id'], 'running')
        self.assertRegex(c['externalId'], '^[0-9a-f-]{36}$')
        self.assertRegex(c['primaryIpAddress'], '^10[.]42[.]')
        self.env.post('/containers/%s/?action=stop' % c['id'], {'timeout': 0})
        self.env.wait('/containers/' + c['id'], 'stopped')
        self.env.delete('/containers/' + c['id'])
        self.env.wait('/containers/' + c['id'], 'removed')

    def test_sim_images_are_for_simulated_hosts(self):
        self.hosts(self.agent())
        a = self.env.post('/containers', {'name': 'anywhere', 'imageUuid': 'sim:foo'})
        host = self.env.wait('/containers/' + a['id'], 'running')['hostId']
        self.assertEqual(self.env.get('/hosts/' + host)['kind'], 'sim')

    def test_a_start_that_fails_says_so(self):
        host = self.hosts(self.agent())[0]
        for event in ('compute.instance.activate', 'storage.image.activate'):
            c = self.settled(self.container(host, event.replace('.', '-'), environment={'WHY': event + '::fail'}))
            self.assertIn(c['state'], ('error', 'removed'), repr(c))
            self.assertIn('Failing [%s]' % event, c['transitioningMessage'])

    def test_one_that_is_forgotten_is_noticed(self):
        host = self.hosts(self.agent())[0]
        c = self.container(host, 'forgotten', labels={'simForgetImmediately': 'true'})

        def gone():
            self.ping()
            return self.env.get('/containers/' + c['id'])['state'] in ('removed', 'removing', 'purged', 'stopped')
        self.until('the server notices', gone)

    def test_one_that_shuts_down_is_noticed(self):
        host = self.hosts(self.agent())[0]
        c = self.container(host, 'short', environment={'simShutdownAfter': '1'})
        self.until('the server notices', lambda: self.env.get('/containers/' + c['id'])['state'] in ('removed', 'removing', 'purged', 'stopped'))

    def test_an_agent_that_disconnects_answers_nothing_more(self):
        self.api.put('/settings/agent.ping.reconnect.after.failed.count', {'value': '1'})
        agent = self.agent()
        host = self.hosts(agent)[0]
        self.container(host, 'cuts', labels={'simDisconnectAgent': 'true'})
        self.until('the agent is missed', lambda: self.api.get('/agents/' + agent['id'])['state'] in ('reconnecting', 'disconnected'))
        self.api.delete('/settings/agent.ping.reconnect.after.failed.count')

    def test_tasks_and_their_instances(self):
        before = len(self.api.get('/taskinstances?limit=-1').rows)
        self.ping()
        rows = self.until('a row', lambda: (lambda r: r if len(r) > before else None)(self.api.get('/taskinstances?limit=-1').rows))
        self.assertEqual(rows[-1]['name'], 'agent.ping')
        task = self.api.get('/tasks/' + rows[-1]['taskId'])
        self.assertEqual(task['name'], 'agent.ping')
        for t in self.api.get('/tasks').rows:
            self.assertEqual(self.api.post('/tasks/%s/?action=execute' % t['id']).status, 200, t['name'])

    def test_process_tables(self):
        rows = {r['name']: r for r in self.api.get('/processdefinitions').rows}
        start = rows['instance.start']
        self.assertEqual(start['id'], '1pd!instance.start')
        self.assertIn(('stopped', 'starting'), [(t['fromState'], t['toState']) for t in start['stateTransitions']])
        one = self.api.get('/processdefinitions/1pd!instance.start')
        self.assertEqual((one.status, one['resourceType']), (200, 'instance'))
        self.assertEqual(self.api.get('/processdefinitions/1pd!nothing').status, 404)
        self.assertEqual(self.api.get('/processpools').rows[0]['name'], 'core')
        self.assertEqual(self.api.get('/processsummary').status, 200)
        host = self.hosts(self.agent())[0]
        c = self.container(host, 'failing', environment={'WHY': 'compute.instance.activate::fail'})
        self.settled(c)
        done = self.until('history', lambda: [p for p in self.api.get('/processinstances?limit=-1&resourceType=instance').rows
                                              if p['resourceId'] == c['id'] and p['endTime']])
        log = self.api.get('/processinstances/%s/processexecutions' % done[0]['id'])
        self.assertEqual(log.status, 200, repr(log))
        self.assertTrue([r for r in log.rows if r['processInstanceId'] == done[0]['id'] and r['log']['resourceType'] == 'instance'])


if __name__ == '__main__':
    unittest.main()
