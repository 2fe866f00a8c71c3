"""Networks of a system stack's driver, addresses of containers, and what hosts are told (networking.md 2 to 4; api.md 3.3)."""
import json
import signal
import unittest

import client
import wsclient
from envworld import World

WAIT_S = client.WAIT_S
DRIVER = '''version: '2'
services:
  cni-driver:
    image: sim:driver
    network_mode: host
    labels: {io.rancher.scheduler.global: 'true', io.rancher.container.pull_image: never}
    network_driver:
      name: Rancher %(name)s
      default_network:
        name: %(name)s
        host_ports: true
        subnets: [{network_address: %(subnet)s, start_address: '', end_address: ''}]
        dns: [169.254.169.250]
        dns_search: [rancher.internal]
      cni_config:
        '10-rancher.conf':
          name: rancher-cni-network
          type: rancher-bridge
          bridgeSubnet: %(subnet)s
          isDebugLevel: 'false'
          isDefaultGateway: true
          mtu: 1500
          ipam: {type: rancher-cni-ipam, subnetPrefixSize: /16}
'''


class Host(wsclient.Agent):
    def obey(self, m):
        for d in m['containers']:
            if d.get('spec'):
                self.specs[d['uuid']] = d['spec']
        super().obey(m)

    def __init__(self, *a, **kw):
        self.specs = {}
        super().__init__(*a, **kw)

    def dress(self, container):
        container.pop('ip')


class Networks(World):
    def environment(self, name='vxlan', subnet='10.42.0.0/16'):
        """An environment whose infrastructure is one network driver, with one fake host."""
        self.p = '/projects/' + self.project(self.template([{'name': 'net', 'dockerCompose': DRIVER % {'name': name, 'subnet': subnet}}]))['id']
        self.net = self.until(lambda: [n for n in self.admin.get(self.p + '/networks').rows if n['state'] == 'active'], 'the network')[0]
        self.host = Host(self.server, self.admin, project=self.p.split('/')[-1])
        self.addCleanup(self.host.close)
        self.until(lambda: [h for h in self.admin.get(self.p + '/hosts').rows if h['state'] == 'active'], 'the host')
        self.app = self.check(self.admin.post(self.p + '/stacks', {'name': 'app'}), 201)['id']

    def check(self, answer, *a, **kw):
        super().check(answer, *a, **kw)
        return answer

    def container(self, state='running', **kw):
        c = self.check(self.admin.post(self.p + '/containers', dict({'imageUuid': 'docker:busybox', 'name': self.name('c')}, **kw)), 201)
        return self.admin.wait('%s/containers/%s' % (self.p, c['id']), state)

    def service(self, name, scale=1, lc=None, wait='active', **kw):
        body = dict({'name': name, 'stackId': self.app, 'startOnCreate': True, 'scale': scale, 'launchConfig': dict({'imageUuid': 'docker:one'}, **(lc or {}))}, **kw)
        s = self.check(self.admin.post(self.p + '/services', body), 201)
        return self.admin.wait('%s/services/%s' % (self.p, s['id']), wait) if wait else s

    def containers(self, s):
        return sorted(self.admin.get('%s/services/%s/instances?limit=-1' % (self.p, s['id'])).rows, key=lambda c: int(c['id'][2:]))

    def gone(self, path):
        a = self.admin.get(path)
        return a.status == 404 or a['state'] in ('removed', 'purged')

    def test_a_system_stack_with_a_driver_makes_the_default_network(self):
        self.environment('ipsec')
        n = self.net
        self.assertEqual((n['name'], n['kind'], n['hostPorts'], n['defaultPolicyAction']), ('ipsec', 'cni', True, 'allow'))
        self.assertEqual((n['dns'], n['dnsSearch']), (['169.254.169.250'], ['rancher.internal']))
        conf = n['metadata']['cniConfig']['10-rancher.conf']
        self.assertEqual((conf['type'], conf['mtu'], conf['ipam']['subnetPrefixSize']), ('rancher-bridge', 1500, '/16'))
        self.until(lambda: self.admin.get(self.p)['defaultNetworkId'] == n['id'], 'the default network')
        driver = self.admin.get(self.p + '/networkdrivers/' + n['networkDriverId'])
        self.assertEqual((driver['name'], driver['state'], driver['defaultNetwork']['name']), ('Rancher ipsec', 'active', 'ipsec'))
        self.assertEqual([r['id'] for r in self.admin.get('%s/networkdrivers/%s/networks' % (self.p, driver['id'])).rows], [n['id']])
        subnet = self.admin.get('%s/networks/%s/subnets' % (self.p, n['id'])).rows
        self.assertEqual(len(subnet), 1)
        self.assertEqual({k: subnet[0][k] for k in ('networkAddress', 'cidrSize', 'gateway', 'startAddress', 'endAddress', 'state', 'networkId')},
                         {'networkAddress': '10.42.0.0', 'cidrSize': 16, 'gateway': '10.42.0.1', 'startAddress': '10.42.0.2', 'endAddress': '10.42.255.250',
                          'state': 'active', 'networkId': n['id']})
        self.assertEqual([s['id'] for s in self.admin.get(self.p + '/subnets').rows], [subnet[0]['id']])

    def test_a_user_stack_makes_none_and_its_containers_stay_on_the_engines_bridge(self):
        self.environment()
        p = self.p
        self.p = '/projects/' + self.project(None)['id']
        host = Host(self.server, self.admin, project=self.p.split('/')[-1])
        self.addCleanup(host.close)
        stack = self.check(self.admin.post(self.p + '/stacks', {'name': 'mine', 'dockerCompose': DRIVER % {'name': 'own', 'subnet': '10.9.0.0/16'}}), 201)
        self.admin.wait('%s/stacks/%s' % (self.p, stack['id']), 'active')
        self.assertEqual([d['name'] for d in self.admin.get(self.p + '/networkdrivers').rows], ['Rancher own'])
        self.assertEqual(self.admin.get(self.p + '/networks').rows, [])
        c = self.container(ports=['8080:80/tcp'])
        spec = host.specs[c['uuid']]
        self.assertEqual((spec['networkMode'], spec['ports'], spec.get('network')), ('managed', ['8080:80/tcp'], None))
        self.assertFalse([k for k in spec['labels'] if k.startswith('io.rancher.cni')])
        self.assertNotEqual(p, self.p)

    def test_hosts_are_told_the_network_of_a_container(self):
        self.environment()
        c = self.container(ports=['8080:80/tcp'], expose=['90'], publishAllPorts=True, dns=['192.0.2.53'])
        self.assertEqual((c['primaryIpAddress'], c['primaryNetworkId']), ('10.42.0.2', self.net['id']))
        self.assertEqual([e['port'] for e in self.admin.get('%s/hosts' % self.p).rows[0]['publicEndpoints']], [8080])
        spec = self.host.specs[c['uuid']]
        self.assertEqual(spec['network'], {'cni': True, 'name': 'vxlan', 'uuid': self.net['uuid'], 'hostPorts': True, 'ip': '10.42.0.2/16', 'mac': '02:00:%s:00:00:02' % spec['network']['mac'][6:8],
                                           'dns': ['169.254.169.250'], 'dnsSearch': ['rancher.internal']})
        self.assertEqual((spec['networkMode'], spec['dns'], spec['dnsSearch']), ('none', ['192.0.2.53', '169.254.169.250'], ['rancher.internal']))
        for key in ('ports', 'publishAllPorts', 'expose'):
            self.assertNotIn(key, spec)
        want = {'io.rancher.cni.network': 'vxlan', 'io.rancher.cni.wait': 'true', 'io.rancher.container.ip': '10.42.0.2/16',
                'io.rancher.container.mac_address': spec['network']['mac'], 'io.rancher.container.uuid': c['uuid']}
        self.assertEqual({k: spec['labels'].get(k) for k in want}, want)

    def test_other_modes_and_labels(self):
        self.environment()
        for mode in ('host', 'none', 'bridge'):
            c = self.container(networkMode=mode)
            spec = self.host.specs[c['uuid']]
            self.assertEqual((spec['networkMode'], spec.get('network'), c['primaryNetworkId']), (mode, None, None), mode)
        by_label = self.container(networkMode='bridge', labels={'io.rancher.container.network': 'true'})
        named = self.container(networkMode='none', labels={'io.rancher.cni.network': 'vxlan', 'io.rancher.container.dns': 'false'})
        for c in (by_label, named):
            self.assertEqual(self.host.specs[c['uuid']]['network']['name'], 'vxlan')
            self.assertEqual(self.host.specs[c['uuid']]['networkMode'], 'none')
        self.assertNotIn('dns', self.host.specs[named['uuid']])
        shared = self.container(networkMode='container', networkContainerId=named['id'])
        spec = self.host.specs[shared['uuid']]
        self.assertEqual((spec['networkMode'], spec['networkFromUuid'], spec.get('network')), ('container', named['uuid'], None))
        lost = self.container('error', networkMode='nowhere')
        self.assertEqual(lost['transitioningMessage'], 'Failed to find network for networkMode nowhere')
        requested = self.container(labels={'io.rancher.container.requested_ip': '10.42.77.7'})
        self.assertEqual(requested['primaryIpAddress'], '10.42.77.7')

    def test_addresses_and_nics_are_shown(self):
        self.environment()
        c = self.container()
        rows = [r for r in self.admin.get(self.p + '/ipaddresses').rows if r['address'] == c['primaryIpAddress']]
        self.assertEqual([(r['networkId'], r['state'], r['accountId']) for r in rows], [(self.net['id'], 'active', self.p.split('/')[-1])])
        self.assertIn(rows[0]['id'], [r['id'] for r in self.admin.get('%s/networks/%s/ipaddresses' % (self.p, self.net['id'])).rows])
        self.assertEqual(self.admin.get('%s/ipaddresses/%s' % (self.p, rows[0]['id']))['address'], '10.42.0.2')
        nics = [r for r in self.admin.get('/nics?_role=superadmin&instanceId=' + c['id']).rows]
        mac = self.host.specs[c['uuid']]['network']['mac']
        self.assertEqual([(r['networkId'], r['macAddress'], r['deviceNumber'], r['state']) for r in nics], [(self.net['id'], mac, 0, 'active')])
        self.assertEqual([r['address'] for r in self.admin.get('/nics/%s/ipaddresses?_role=superadmin' % nics[0]['id']).rows], ['10.42.0.2'])
        self.check(self.admin.delete('%s/containers/%s' % (self.p, c['id'])), 200)
        self.until(lambda: self.gone('%s/containers/%s' % (self.p, c['id'])), 'the container to go')
        self.assertEqual([r for r in self.admin.get(self.p + '/ipaddresses').rows if r['address'] == '10.42.0.2'], [])

    def test_policies_are_changed_and_the_rest_is_not(self):
        self.environment()
        path = '%s/networks/%s' % (self.p, self.net['id'])
        rules = [{'within': 'stack', 'action': 'allow'}, {'between': {'groupBy': 'team'}, 'action': 'deny'}]
        self.check(self.admin.put(path, {'defaultPolicyAction': 'deny', 'policy': rules, 'hostPorts': False, 'subnets': []}), 200)
        n = self.admin.wait(path, 'active')
        self.assertEqual((n['defaultPolicyAction'], n['hostPorts'], len(n['subnets'])), ('deny', True, 1))
        self.assertEqual([(r.get('within'), (r.get('between') or {}).get('groupBy'), r['action']) for r in n['policy']], [('stack', None, 'allow'), (None, 'team', 'deny')])
        self.check(self.admin.put(path, {'defaultPolicyAction': 'maybe'}), 422, 'InvalidOption', 'defaultPolicyAction')
        self.check(self.admin.put(path, {'policy': [{'within': 'planet', 'action': 'allow'}]}), 422, 'InvalidOption')

    def test_networks_that_cannot_be_are_refused(self):
        self.environment()
        driver = self.net['networkDriverId']
        rows = [({'networkDriverId': None}, 'NotNullable', 'networkDriverId'), ({'networkDriverId': '1nd99999'}, 'InvalidReference', 'networkDriverId'),
                ({'subnets': [{'networkAddress': 'ten'}]}, 'InvalidFormat', 'networkAddress'),
                ({'subnets': [{'networkAddress': '10.1.0.0/16', 'gateway': 'x'}]}, 'InvalidFormat', 'gateway'),
                ({'subnets': [{'networkAddress': '10.1.0.0/30'}]}, 'InvalidOption', 'cidrSize'),
                ({'subnets': [{'networkAddress': '10.1.0.0/24', 'startAddress': '10.1.0.9', 'endAddress': '10.1.0.8'}]}, 'InvalidOption', 'startAddress'),
                ({'subnets': [{'networkAddress': '10.1.0.0/16'}, {'networkAddress': '10.1.2.0/24'}]}, 'InvalidOption', 'subnets'),
                ({'subnets': [{'networkAddress': '10.%d.0.0/16' % i} for i in range(65)]}, 'MaxLimitExceeded', 'subnets')]
        for body, code, field in rows:
            with self.subTest(body=str(body)[:90]):
                self.check(self.admin.post(self.p + '/networks', dict({'name': 'x', 'networkDriverId': driver}, **body)), 422, code, field)
        n = self.check(self.admin.post(self.p + '/networks', {'name': 'second', 'networkDriverId': driver, 'subnets': [{'networkAddress': '10.77.0.0/24'}]}), 201)
        n = self.admin.wait('%s/networks/%s' % (self.p, n['id']), 'active')
        self.assertEqual(n['kind'], 'cni')
        c = self.container(networkMode='second')
        self.assertEqual((c['primaryIpAddress'], c['primaryNetworkId']), ('10.77.0.2', n['id']))
        first = self.container()
        self.assertEqual(first['primaryNetworkId'], self.net['id'])
        macs = [self.host.specs[x['uuid']]['network']['mac'][:8] for x in (first, c)]
        self.assertNotEqual(*macs)
        for body, status, code in (({}, 422, 'MissingRequired'), ({'defaultNetworkId': '1n99999'}, 422, 'InvalidReference'), ({'defaultNetworkId': n['id']}, 200, None)):
            self.check(self.admin.post(self.p + '?action=defaultNetworkId', body), status, code, code and 'defaultNetworkId')
        self.assertEqual(self.admin.get(self.p)['defaultNetworkId'], n['id'])
        self.check(self.admin.delete('%s/containers/%s' % (self.p, self.container()['id'])), 200)
        self.assertEqual(first['primaryNetworkId'], self.net['id'])
        self.check(self.admin.delete('%s/containers/%s' % (self.p, c['id'])), 200)
        self.check(self.admin.delete('%s/networks/%s' % (self.p, n['id'])), 200)
        self.until(lambda: self.gone('%s/networks/%s' % (self.p, n['id'])), 'the network to go')
        self.assertEqual([s['networkAddress'] for s in self.admin.get(self.p + '/subnets').rows], ['10.42.0.0'])

    def test_a_driver_in_use_stays_and_goes_with_its_networks_when_it_is_not(self):
        self.environment()
        c = self.container()
        stack = [s for s in self.admin.get(self.p + '/stacks').rows if s['name'] == 'net'][0]
        service = self.admin.get('%s/stacks/%s/services' % (self.p, stack['id'])).rows[0]
        for answer in (self.admin.delete('%s/services/%s' % (self.p, service['id'])), self.admin.delete('%s/stacks/%s' % (self.p, stack['id'])),
                       self.admin.post('%s/services/%s?action=deactivate' % (self.p, service['id']))):
            a = self.check(answer, 409, 'DRIVER_IN_USE')
            self.assertEqual(a['detail'], c['id'])
        self.check(self.admin.delete('%s/containers/%s' % (self.p, c['id'])), 200)
        self.until(lambda: self.gone('%s/containers/%s' % (self.p, c['id'])), 'the container to go')
        self.check(self.admin.delete('%s/stacks/%s' % (self.p, stack['id'])), 200)
        for kind in ('networks', 'networkdrivers', 'subnets'):
            self.until(lambda: not [r for r in self.admin.get('%s/%s' % (self.p, kind)).rows if r['state'] != 'removed'], 'no %s' % kind)
        self.until(lambda: self.admin.get(self.p)['defaultNetworkId'] is None, 'no default network')

    def test_a_changed_configuration_of_a_driver_reaches_its_network(self):
        self.environment()
        stack = [s for s in self.admin.get(self.p + '/stacks').rows if s['name'] == 'net'][0]
        service = self.admin.get('%s/stacks/%s/services' % (self.p, stack['id'])).rows[0]
        driver = dict(service['networkDriver'])
        driver['cniConfig'] = json.loads(json.dumps(driver['cniConfig']))
        driver['cniConfig']['10-rancher.conf']['mtu'] = 1400
        driver['networkMetadata'] = {'more': 1}
        self.check(self.admin.put('%s/networkdriverservices/%s' % (self.p, service['id']), {'networkDriver': driver}), 200)
        path = '%s/networks/%s' % (self.p, self.net['id'])
        self.until(lambda: self.admin.get(path)['metadata']['cniConfig']['10-rancher.conf']['mtu'] == 1400, lambda: self.admin.get(path))
        self.assertEqual(self.admin.get(path)['metadata']['more'], 1)
        self.assertEqual(len(self.admin.get(self.p + '/networks').rows), 1)

    def test_containers_from_before_the_network_stay_where_they_are(self):
        self.p = '/projects/' + self.project(None)['id']
        self.host = Host(self.server, self.admin, project=self.p.split('/')[-1])
        self.addCleanup(self.host.close)
        self.until(lambda: [h for h in self.admin.get(self.p + '/hosts').rows if h['state'] == 'active'], 'the host')
        before = self.container(ports=['8081:80/tcp'])
        stack = self.check(self.admin.post(self.p + '/stacks', {'name': 'net', 'system': True, 'dockerCompose': DRIVER % {'name': 'late', 'subnet': '10.42.0.0/16'}}), 201)
        self.assertTrue(stack['system'])
        self.until(lambda: [n for n in self.admin.get(self.p + '/networks').rows if n['state'] == 'active'], 'the network')
        path = '%s/containers/%s' % (self.p, before['id'])
        self.check(self.admin.post(path + '?action=stop'), 202)
        self.admin.wait(path, 'stopped')
        self.check(self.admin.post(path + '?action=start'), 202)
        again = self.admin.wait(path, 'running')
        self.assertIsNone(again['primaryNetworkId'])
        self.assertEqual(self.host.specs[before['uuid']]['ports'], ['8081:80/tcp'])
        self.assertEqual(self.container()['primaryIpAddress'], '10.42.0.2')

    def test_containers_of_others_get_an_address_when_their_labels_say_so(self):
        self.environment()
        for n, labels in ((1, {'io.rancher.container.network': 'true'}), (2, {})):
            cid = ('%02x' % n) * 32
            row = {'uuid': cid, 'gen': 0, 'state': 'running', 'dockerId': cid, 'ports': [], 'startedAt': 5, 'finishedAt': 0, 'exitCode': 0, 'image': 'busybox', 'foreign': True,
                   'name': 'foreign%d' % n, 'labels': labels, 'inspect': {'Id': cid, 'Name': '/foreign%d' % n, 'Config': {'Image': 'busybox', 'Labels': labels}, 'HostConfig': {'NetworkMode': 'bridge'}}}
            self.host.say({'t': 'observed', 'full': False, 'containers': [row]})
            c = self.until(lambda: [c for c in self.admin.get(self.p + '/containers?name=foreign%d' % n).rows if c['state'] == 'running'], 'foreign%d' % n)[0]
            self.assertEqual((c['primaryIpAddress'], c['primaryNetworkId']), ('10.42.0.2', self.net['id']) if labels else (None, None))

    def test_a_network_that_was_removed_comes_again_with_its_service(self):
        self.environment()
        path = '%s/networks/%s' % (self.p, self.net['id'])
        self.check(self.admin.delete(path), 200)
        self.until(lambda: self.gone(path), 'the network to go')
        self.until(lambda: self.admin.get(self.p)['defaultNetworkId'] is None, 'no default network')
        service = [s for s in self.admin.get(self.p + '/services').rows if s['name'] == 'cni-driver'][0]
        path = '%s/services/%s' % (self.p, service['id'])
        self.admin.wait(path, 'active')
        self.check(self.admin.post(path + '?action=deactivate'), 202)
        self.admin.wait(path, 'inactive')
        self.check(self.admin.post(path + '?action=activate'), 202)
        again = self.until(lambda: [n for n in self.admin.get(self.p + '/networks').rows if n['state'] == 'active'], 'the network')[0]
        self.assertNotEqual(again['id'], self.net['id'])
        self.assertEqual(self.container()['primaryNetworkId'], again['id'])

    def test_an_environment_takes_its_network_with_it(self):
        self.environment()
        self.container()
        account = self.p.split('/')[-1]
        self.check(self.admin.delete(self.p), 200)
        self.until(lambda: self.gone(self.p), lambda: self.admin.get(self.p))
        for kind in ('networks', 'networkdrivers', 'subnets', 'ipaddresses', 'containers'):
            rows = [r for r in self.admin.get('/%s?all=true' % kind).rows if r.get('accountId') == account and r['state'] not in ('removed', 'purged')]
            self.assertEqual(rows, [], kind)

    def test_s33_retained_addresses(self):
        self.environment()
        s = self.service('kept', 2, retainIp=True)
        before = {c['name']: c['primaryIpAddress'] for c in self.containers(s)}
        self.assertEqual(sorted(before.values()), ['10.42.0.2', '10.42.0.3'])
        old = self.containers(s)[0]
        self.check(self.admin.delete('%s/containers/%s' % (self.p, old['id'])), 200)
        self.until(lambda: len([c for c in self.containers(s) if c['state'] == 'running' and c['id'] != old['id']]) == 2, lambda: self.containers(s))
        self.assertEqual({c['name']: c['primaryIpAddress'] for c in self.containers(s)}, before)
        up = {'inServiceStrategy': {'launchConfig': {'imageUuid': 'docker:two'}, 'intervalMillis': 100}}
        path = '%s/services/%s' % (self.p, s['id'])
        self.check(self.admin.post(path + '?action=upgrade', {'inServiceStrategy': dict(up['inServiceStrategy'], startFirst=True)}), 422, 'InvalidOption', 'startFirst')
        self.admin.wait(path, 'active')
        self.check(self.admin.post(path + '?action=upgrade', up), 202)
        self.admin.wait(path, 'upgraded')
        self.assertEqual({c['name']: c['primaryIpAddress'] for c in self.containers(s) if c['state'] == 'running'}, before)
        self.check(self.admin.post(path + '?action=finishupgrade'), 202)
        self.admin.wait(path, 'active')
        self.assertEqual({c['name']: c['primaryIpAddress'] for c in self.containers(s)}, before)

    def test_a_full_network_is_told_and_a_restart_of_the_server_changes_nothing(self):
        self.environment(subnet='10.5.0.0/28')
        s = self.service('full', 9)
        before = {c['id']: c['primaryIpAddress'] for c in self.containers(s)}
        self.assertEqual(sorted(before.values()), sorted('10.5.0.%d' % i for i in range(2, 11)))
        c = self.container('error')
        self.assertEqual(c['transitioningMessage'], 'No free address in network "vxlan": all 9 are in use')
        self.host.close()
        self.server.end(signal.SIGTERM)
        self.server.start()
        self.assertEqual({c['id']: c['primaryIpAddress'] for c in self.containers(s)}, before)
        self.host.connect()
        c = self.container('error')
        self.assertIn('all 9 are in use', c['transitioningMessage'])
        self.assertEqual({c['id']: c['primaryIpAddress'] for c in self.containers(s)}, before)


if __name__ == '__main__':
    client.main()
