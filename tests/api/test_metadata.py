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

    def told(self, m, size):
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
    hosts = ()

    def host(self, name='md', project='1a5'):
        h = Host(self.server, self.admin, name, project)
        h.wait(lambda: h.greeted, 'hello')
        self.hosts = list(self.hosts) + [h]
        return h

    def tearDown(self):
        for h in self.hosts:
            self.assertEqual(h.wrong, [])
            h.close()
        Metadata.hosts = ()

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
        for _ in range(100):
            fresh.resume({})
            n = fresh.synced
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


if __name__ == '__main__':
    client.main()
