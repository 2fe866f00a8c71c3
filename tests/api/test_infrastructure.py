"""The infrastructure of the built-in catalog: its entries parse, render with their defaults and with other answers, and become stacks of an environment."""
import unittest

import client
from envworld import World

NAMES = {'network-services': ['dns', 'metadata', 'network-manager'], 'vxlan': ['vxlan'], 'healthcheck': ['healthcheck']}


class Infrastructure(World):
    def catalog(self, path):
        return self.check(self.server.admin('/v1-catalog').get(path), 200)

    def test_entries_are_there_with_defaults_for_every_question(self):
        for name in NAMES:
            with self.subTest(name):
                t = self.catalog('/templates/library:infra*' + name)
                self.assertEqual((t['templateBase'], t['defaultVersion']), ('infra', '0.1.0'))
                v = self.catalog('/templates/library:infra*%s:0' % name)
                self.assertTrue(all(q['default'] and q['label'] for q in v['questions'] or []), v['questions'])

    def test_the_template_lists_them_and_the_default_stays_without(self):
        rows = {t['name']: t for t in self.admin.get('/projectTemplates').rows}
        self.assertEqual([(s['name'], s['templateId']) for s in rows['Cattle VXLAN']['stacks']], [(n, 'library:infra*' + n) for n in NAMES])
        for p in self.project(), self.admin.get('/projects/1a5'):
            self.assertEqual(self.stacks(p), [])

    def test_an_environment_gets_their_services(self):
        template = [t for t in self.admin.get('/projectTemplates').rows if t['name'] == 'Cattle VXLAN'][0]
        p = self.project(template)
        wanted = sorted(s for names in NAMES.values() for s in names)
        primary = [s for s in wanted if s != 'dns']
        self.until(lambda: sorted(s['name'] for s in self.services(p)) == primary, lambda: [(s['name'], s['state'], s['transitioningMessage']) for s in self.stacks(p)])
        services = {s['name']: s for s in self.services(p)}
        self.assertEqual([c['name'] for c in services['metadata']['secondaryLaunchConfigs']], ['dns'])
        for s in services.values():
            launch = s['launchConfig']
            self.assertRegex(launch['imageUuid'], r'^docker:drover/node:\d+\.\d+\.\d+$')
            self.assertEqual((launch['networkMode'], launch['labels']['io.rancher.scheduler.global']), ('host', 'true'))
        vxlan = services['vxlan']
        self.assertEqual(vxlan['type'], 'networkDriverService')
        driver = vxlan['networkDriver']
        self.assertEqual((driver['defaultNetwork']['name'], driver['defaultNetwork']['hostPorts']), ('vxlan', True))
        self.assertEqual(driver['defaultNetwork']['subnets'][0]['networkAddress'], '10.42.0.0/16')
        conf = driver['cniConfig']['10-drover-vxlan.conf']
        self.assertEqual((conf['type'], conf['bridge'], conf['bridgeSubnet'], conf['mtu'], conf['linkMTUOverhead']), ('drover-bridge', 'docker0', '10.42.0.0/16', 1500, 50))
        self.assertEqual(conf['ipam'], {'type': 'drover-ipam', 'subnetPrefixSize': '/16'})
        self.assertTrue(services['network-manager']['launchConfig']['privileged'])

    def test_other_answers_are_taken(self):
        stacks = [{'name': 'net', 'templateId': 'library:infra*vxlan', 'answers': {'SUBNET': '10.99.0.0/20', 'MTU': '1460', 'HOST_PORTS': 'false', 'DOCKER_BRIDGE': 'br9'}}]
        p = self.project(self.template(stacks))
        self.until(lambda: self.services(p), lambda: self.stacks(p))
        driver = self.services(p)[0]['networkDriver']
        conf = driver['cniConfig']['10-drover-vxlan.conf']
        self.assertEqual((conf['bridge'], conf['bridgeSubnet'], conf['mtu'], conf['ipam']['subnetPrefixSize']), ('br9', '10.99.0.0/20', 1460, '/20'))
        self.assertEqual((driver['defaultNetwork'].get('hostPorts', False), driver['defaultNetwork']['subnets'][0]['networkAddress']), (False, '10.99.0.0/20'))


if __name__ == '__main__':
    unittest.main()
