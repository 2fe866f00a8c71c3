"""Metadata topics as a host gets them (docs/host-protocol.md, "Metadata"; spec metadata.md 6, 9): objects, revisions, changes, limits."""
import json
import os
import random
import signal
import unittest

import client
import wsclient

KINDS = {
    'container': {'name', 'uuid', 'primary_ip', 'ips', 'ports', 'service_name', 'stack_name', 'stack_uuid', 'labels', 'create_index', 'host_uuid', 'hostname',
                  'health_state', 'start_count', 'service_index', 'state', 'external_id', 'primary_mac_address', 'memory_reservation', 'milli_cpu_reservation',
                  'network_uuid', 'network_from_container_uuid', 'system', 'dns', 'dns_search', 'health_check_hosts', 'environment_uuid', 'links', 'host_ip',
                  'health_check', 'metadata_kind'},
    'service': {'name', 'uuid', 'stack_name', 'stack_uuid', 'kind', 'hostname', 'vip', 'create_index', 'external_ips', 'sidekicks', 'ports', 'labels', 'metadata',
                'scale', 'fqdn', 'expose', 'health_check', 'system', 'lb_config', 'primary_service_name', 'environment_uuid', 'state', 'token', 'metadata_kind'},
    'stack': {'environment_name', 'environment_uuid', 'name', 'uuid', 'system', 'metadata_kind'},
    'host': {'agent_ip', 'name', 'labels', 'hostId', 'uuid', 'hostname', 'state', 'agent_state', 'milli_cpu', 'memory', 'local_storage_mb', 'environment_uuid',
             'metadata_kind'},
    'network': {'name', 'uuid', 'environment_uuid', 'is_default', 'host_ports', 'metadata', 'default_policy_action', 'policy', 'metadata_kind'},
    'serviceContainerLink': {'service_uuid', 'service_name', 'container_uuid', 'metadata_kind'},
    'serviceLink': {'service_uuid', 'key', 'value', 'metadata_kind'},
    'containerLink': {'container_uuid', 'key', 'value', 'metadata_kind'},
    'environment': {'name', 'uuid', 'region_name', 'metadata_kind'},
    'defaultData': {'version', 'self', 'metadata_kind'},
}


class Host(wsclient.Agent):
    """A host that keeps what it is told, as an agent does."""
    hello_more = {'metadata': True}

    def __init__(self, *args, **kw):
        self.topics, self.synced, self.messages, self.asked, self.pieces, self.wrong = {}, 0, [], 0, {}, []
        super().__init__(*args, **kw)

    def resume(self, topics=None):
        self.asked += 1
        self.say({'t': 'metadata.resume', 'topics': self.revisions() if topics is None else topics})

    def revisions(self):
        return {name: t['rev'] for name, t in self.topics.items()}

    def other(self, m, size):
        with self.lock:
            if m['t'] == 'hello':
                self.epoch = m['epoch']
                self.greeted = True
            if m['t'] == 'metadata':
                self.messages.append((m, size))
                self.apply(m)
            self.lock.notify_all()

    def apply(self, m):
        if m.get('sync'):
            self.synced += 1
            return
        name = m['topic']
        if m.get('gone'):
            self.topics.pop(name, None)
            return
        if m['base'] == 0:
            self.pieces[name] = {'rev': m['rev'], 'objects': dict(m['set'])}
        elif name in self.pieces:
            if m['base'] != self.pieces[name]['rev']:
                self.wrong.append(m)
            self.pieces[name]['objects'].update(m['set'])
        else:
            if self.topics.get(name, {'rev': 0})['rev'] != m['base']:
                self.wrong.append((name, m['rev'], m['base'], self.topics.get(name, {'rev': None})['rev']))
                return
            t = self.topics[name]
            t['rev'] = m['rev']
            t['objects'].update(m['set'])
            for key in m['del']:
                t['objects'].pop(key)
            return
        if not m.get('more'):
            self.topics[name] = self.pieces.pop(name)

    def run(self, ws):
        self.greeted = False
        super().run(ws)

    def follow(self):
        """Asks with what it has and waits until it has everything."""
        self.wait(lambda: self.greeted, 'hello')
        n = self.synced
        self.resume()
        self.wait(lambda: self.synced > n, 'sync')
        return self

    def objects(self, kind=None):
        return {key: o for t in self.topics.values() for key, o in t['objects'].items() if kind in (None, o['metadata_kind'])}

    def named(self, kind, name):
        found = [o for o in self.objects(kind).values() if o['name'] == name]
        return found[0] if found else None

    def reconnect(self):
        self.close()
        self.wait(lambda: self.closed, 'the end of the connection')
        self.pieces = {}
        self.connect()


class Metadata(client.Case):
    def setUp(self):
        """An environment for each test: hosts that are gone hold nothing up."""
        p = self.check(self.admin.post('/projects', {'name': 'Of %s' % self.id().split('.test_')[1]}), 201)
        self.admin.wait('/projects/' + p['id'], 'active')
        self.project, self.p, self.hosts = p['id'], '/projects/' + p['id'], []

    def host(self, name='md', project=None):
        h = Host(self.server, self.admin, name, project or self.project)
        h.wait(lambda: h.greeted, 'hello')
        self.hosts.append(h)
        return h

    def tearDown(self):
        for h in self.hosts:
            self.assertEqual(h.wrong, [])
            h.close()

    def stack(self, name):
        return self.check(self.admin.post(self.p + '/stacks', {'name': name}), 201)

    def service(self, stack, name, **fields):
        body = {'name': name, 'stackId': stack['id'], 'launchConfig': {'imageUuid': 'docker:busybox'}, 'startOnCreate': True, 'scale': 1}
        body.update(fields)
        return self.check(self.admin.post(self.p + '/services', body), 201)

    def active(self, service):
        return self.admin.wait(self.p + '/services/' + service['id'], 'active')

    def agree(self, h, fresh=None):
        """What h has come to by changes is what a new subscriber is given."""
        fresh = fresh or self.host('fresh')
        for _ in range(30):
            n = fresh.synced
            fresh.resume({})
            fresh.wait(lambda: fresh.synced > n, 'sync')
            with h.lock:
                if {k: v for k, v in h.revisions().items() if k != 'self'} == {k: v for k, v in fresh.revisions().items() if k != 'self'}:
                    break
                h.lock.wait(0.2)
        for name, t in fresh.topics.items():
            if name != 'self':
                self.assertEqual(h.topics[name], t, name)
        self.assertEqual(set(h.topics), set(fresh.topics))

    # ---- objects ----
    def test_objects_have_upstreams_form(self):
        h = self.host('form-1').follow()
        st = self.stack('Form')
        db = self.service(st, 'db')
        web = self.service(st, 'web', scale=2, metadata={'app': {'mode': 'prod', 'replicas': 3, 'big': 9007199254740993}},
                           launchConfig={'imageUuid': 'docker:busybox', 'ports': ['8099:80/tcp'], 'expose': ['9090/tcp'], 'labels': {'com.example/tier': 'front'},
                                         'memoryReservation': 134217728, 'milliCpuReservation': 500},
                           secondaryLaunchConfigs=[{'name': 'logger', 'imageUuid': 'docker:busybox'}])
        self.check(self.admin.post(self.p + '/services/%s?action=addservicelink' % web['id'], {'serviceLink': {'serviceId': db['id'], 'name': 'mydb'}}), 200)
        self.active(db)
        alone = self.check(self.admin.post(self.p + '/containers', {'name': 'alone', 'imageUuid': 'docker:busybox', 'hostname': 'my-host'}), 201)
        self.admin.wait(self.p + '/containers/' + alone['id'], 'running')
        h.wait(lambda: (h.named('container', 'alone') or {}).get('state') == 'running' and (h.named('container', 'Form-db-1') or {}).get('state') == 'running',
               'the containers in metadata')
        h.wait(lambda: h.objects('serviceLink'), 'the link')
        for key, o in h.objects().items():
            kind = o['metadata_kind']
            self.assertEqual(set(o), KINDS[kind], key)
            self.assertEqual(key.split('/')[0], kind)
        db_o, web_o, logger = h.named('service', 'db'), h.named('service', 'web'), h.named('service', 'logger')
        self.assertEqual(web_o['metadata'], {'app': {'mode': 'prod', 'replicas': 3, 'big': 9007199254740993}})
        self.assertEqual((web_o['ports'], web_o['expose'], web_o['scale'], web_o['kind']), (['8099:80/tcp'], ['9090/tcp'], 2, 'service'))
        self.assertEqual((logger['uuid'], logger['primary_service_name'], logger['sidekicks'], web_o['sidekicks']), (web_o['uuid'], 'web', ['logger'], ['logger']))
        self.assertEqual(list(h.objects('serviceLink')), ['serviceLink/%s/Form/db' % web_o['uuid']])
        self.assertEqual(list(h.objects('serviceLink').values())[0], {'service_uuid': web_o['uuid'], 'key': 'Form/db', 'value': 'mydb', 'metadata_kind': 'serviceLink'})
        c = h.named('container', 'Form-db-1')
        self.assertIn('serviceContainerLink/%s/db/%s' % (db_o['uuid'], c['uuid']), h.objects())
        self.assertEqual((c['service_name'], c['stack_name'], c['links'], c['service_index'], c['host_ip']), (None, None, {}, '1', '127.0.0.1'))
        self.assertEqual(c['labels']['io.rancher.stack_service.name'], 'Form/db')
        a = h.named('container', 'alone')
        self.assertEqual((a['service_index'], a['create_index'], a['hostname'], a['uuid']), (None, None, 'my-host', alone['uuid']))
        self.assertIn('container/' + alone['uuid'], h.topics['stack/-']['objects'])
        self.assertIn('container/' + c['uuid'], h.topics['stack/' + st['uuid']]['objects'])
        own = h.topics['self']['objects']['defaultData']['self']['host']
        self.assertEqual(own, h.objects('host')['host/' + own['uuid']])
        self.assertEqual(own['name'], 'form-1')
        self.assertEqual([o['uuid'] for o in h.objects('environment').values()], [own['environment_uuid']])


    # ---- changes ----
    def test_a_change_is_small_and_the_same_for_all(self):
        st = self.stack('small')
        hosts = [self.host('small-%d' % i) for i in range(3)]
        db = self.service(st, 'db', scale=3)
        self.active(db)
        for h in hosts:
            h.follow()
        self.agree(hosts[0])
        for h in hosts:
            with h.lock:
                h.messages.clear()
        c = self.admin.get(self.p + '/containers?name=small-db-2').rows[0]
        self.check(self.admin.put(self.p + '/containers/' + c['id'], {'description': 'not shown'}), 200)
        s = self.check(self.admin.put(self.p + '/services/' + db['id'], {'metadata': {'said': 'now'}}), 200)
        for h in hosts:
            h.wait(lambda h=h: h.objects()['service/' + s['uuid']]['metadata'] == {'said': 'now'}, 'the new metadata')
        for h in hosts:
            with h.lock:
                told = [(m, size) for m, size in h.messages if m.get('topic') == 'env' and 'service/' + s['uuid'] in m['set']]
                said = [(m, size) for m, size in told if m['set']['service/' + s['uuid']]['metadata']]
                self.assertLess(said[0][1], 2048, said[0])
                self.assertLessEqual({k for k in said[0][0]['set'] if not k.startswith('host/')}, {'service/' + s['uuid']})

    def test_random_changes_come_out_as_a_fresh_snapshot(self):
        rng = random.Random(int(os.environ.get('DROVER_SEED', '20')))
        stays, comes_back = self.host('prop-a').follow(), self.host('prop-b').follow()
        stacks, services, alone = [], [], []
        for step in range(60):
            what = rng.randrange(9)
            if what == 0 or not stacks:
                stacks.append(self.stack('prop%d' % step))
            elif what == 1 or not services:
                services.append(self.service(rng.choice(stacks), 's%d' % step, scale=rng.randrange(1, 4), secondaryLaunchConfigs=[
                    {'name': 'side%d' % step, 'imageUuid': 'docker:busybox'}] if rng.random() < 0.3 else []))
            elif what == 2:
                self.admin.put(self.p + '/services/' + rng.choice(services)['id'], {'scale': rng.randrange(1, 5)})
            elif what == 3:
                self.admin.post(self.p + '/services/%s?action=addservicelink' % rng.choice(services)['id'],
                                {'serviceLink': {'serviceId': rng.choice(services)['id'], 'name': rng.choice(['', 'a', 'b'])}})
            elif what == 4:
                self.admin.put(self.p + '/stacks/' + rng.choice(stacks)['id'], {'name': 'renamed%d' % step})
            elif what == 5:
                c = self.admin.post(self.p + '/containers', {'name': 'alone%d' % step, 'imageUuid': 'docker:busybox'})
                alone.append(c)
            elif what == 6 and alone:
                self.admin.delete(self.p + '/containers/' + alone.pop()['id'])
            elif what == 7 and len(services) > 2:
                self.admin.delete(self.p + '/services/' + services.pop(rng.randrange(len(services)))['id'])
            elif what == 8 and len(stacks) > 2 and rng.random() < 0.5:
                gone = stacks.pop(rng.randrange(len(stacks)))
                services = [s for s in services if s['stackId'] != gone['id']]
                self.admin.delete(self.p + '/stacks/' + gone['id'])
            if rng.random() < 0.15:
                comes_back.reconnect()
                comes_back.follow()
        fresh = self.host('prop-fresh')
        self.agree(stays, fresh)
        self.agree(comes_back, fresh)
        self.assertGreater(len(stays.objects()), 10)

    def test_who_comes_back_gets_only_what_changed(self):
        st = self.stack('back')
        db = self.service(st, 'db')
        self.active(db)
        h, watch = self.host('back-1').follow(), self.host('back-2').follow()
        self.agree(h, watch)
        h.close()
        h.wait(lambda: h.closed, 'the end')
        self.check(self.admin.put(self.p + '/services/' + db['id'], {'metadata': {'while': 'away'}}), 200)
        watch.wait(lambda: watch.named('service', 'db')['metadata'] == {'while': 'away'}, 'the change')
        h.messages.clear()
        h.connect()
        h.follow()
        bases = [m['base'] for m, _ in h.messages if m.get('topic') == 'env']
        self.assertNotIn(0, bases)
        self.assertTrue(bases)
        self.agree(h)

    def test_a_wrong_revision_is_answered_with_a_snapshot(self):
        h = self.host('wrong').follow()
        h.messages.clear()
        n = h.synced
        h.resume({'env': 12345, 'stack/no-such': 7})
        h.wait(lambda: h.synced > n, 'sync')
        got = {m['topic']: m for m, _ in h.messages if 'topic' in m}
        self.assertEqual(got['env']['base'], 0)
        self.assertTrue(got['stack/no-such']['gone'])
        for bad in ([], 'x', {'env': 'x'}, {'env': -1}, {'env': 1.5}, {'': 3}, None):
            n = h.synced
            h.say({'t': 'metadata.resume', 'topics': bad})
            h.wait(lambda: h.synced > n, 'sync after %r' % (bad,))

    def test_hosts_that_do_not_ask_are_told_nothing(self):
        class Old(Host):
            hello_more = {}
        old = Old(self.server, self.admin, 'old', self.project)
        self.hosts.append(old)
        old.wait(lambda: old.greeted, 'hello')
        old.resume({})
        self.stack('unheard')
        new = self.host('new').follow()
        self.agree(new)
        self.assertEqual(old.messages, [])

    def test_a_new_environment_is_another_one(self):
        p = self.check(self.admin.post('/projects', {'name': 'Other One'}), 201)
        self.admin.wait('/projects/' + p['id'], 'active')
        there, here = self.host('there', p['id']).follow(), self.host('here').follow()
        self.assertEqual([o['name'] for o in there.objects('environment').values()], ['other one'])
        n = len(there.messages)
        self.service(self.stack('onlyhere'), 'x')
        here.wait(lambda: here.named('stack', 'onlyhere'), 'the stack')
        self.assertIsNone(there.named('stack', 'onlyhere'))
        self.assertEqual({o['name'] for o in there.objects('host').values()}, {'there'})
        self.assertLess(len(there.messages) - n, 5)

    def test_a_server_that_starts_again_sends_what_is_different(self):
        h, fresh = self.host('restart-1').follow(), self.host('restart-2').follow()
        for k in range(2):
            self.active(self.service(self.stack('restart%d' % k), 'x'))
        for signum in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(signal=signum):
                self.agree(h, fresh)
                before = {name: dict(t['objects']) for name, t in h.topics.items()}
                self.server.end(signum)
                self.server.start()
                for x in (h, fresh):
                    x.wait(lambda x=x: x.closed, 'the end')
                    x.pieces = {}
                    x.messages.clear()
                    x.connect()
                    x.follow()
                snapshots = {m['topic'] for m, _ in h.messages if m.get('topic', '').startswith('stack/') and m['base'] == 0}
                self.assertFalse([t for t in snapshots if before.get(t) == h.topics[t]['objects']], 'equal topics came again')
                self.agree(h, fresh)

    def test_hosts_of_a_large_environment_follow_what_concerns_them(self):
        self.check(self.admin.put('/settings/drover.metadata.everything.hosts', {'value': '1'}), 200)
        try:
            one, two = self.host('large-1').follow(), self.host('large-2').follow()
            ids = {h['hostname']: h['id'] for h in self.admin.get(self.p + '/hosts').rows}
            a, b, c = self.stack('a'), self.stack('b'), self.stack('c')
            for st, host in ((a, 'large-1'), (b, 'large-2'), (c, 'large-2')):
                s = self.service(st, 'x', launchConfig={'imageUuid': 'docker:busybox', 'requestedHostId': ids[host]})
                self.active(s)
            ta, tb, tc = ('stack/' + x['uuid'] for x in (a, b, c))
            one.wait(lambda: ta in one.topics, 'its own stack')
            two.wait(lambda: tb in two.topics and tc in two.topics, 'its own stacks')
            self.assertNotIn(tb, one.topics)
            self.assertNotIn(ta, two.topics)
            sa = self.admin.get(self.p + '/stacks/%s/services' % a['id']).rows[0]
            sb = self.admin.get(self.p + '/stacks/%s/services' % b['id']).rows[0]
            self.check(self.admin.post(self.p + '/services/%s?action=addservicelink' % sa['id'], {'serviceLink': {'serviceId': sb['id']}}), 200)
            one.wait(lambda: tb in one.topics, 'the stack that its stack links to')
            self.assertEqual(one.topics[tb], two.topics[tb])
            self.assertNotIn(tc, one.topics)
            self.check(self.admin.put('/settings/drover.metadata.everything.hosts', {'value': '1000'}), 200)
            one.wait(lambda: tc in one.topics, 'everything')
            self.agree(one, two)
        finally:
            self.admin.put('/settings/drover.metadata.everything.hosts', {'value': '1000'})


if __name__ == '__main__':
    client.main()
