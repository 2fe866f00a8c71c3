#!/usr/bin/env python3
"""The network of the Cattle template on three hosts with real engines: stacks network-services, vxlan and healthcheck from the built-in catalog, then containers on
different hosts reach each other by address and by name, and published ports answer on their host."""
import json
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))
import harness
from harness import until

IMAGE = 'docker:' + harness.IMAGE
STACKS = 'network-services', 'vxlan', 'healthcheck'


@unittest.skipIf(harness.why_not(), harness.why_not())
class Cattle(harness.Case):
    hosts = 3

    def setUp(self):
        super().setUp()
        self.api = self.world.api

    def states(self):
        return [(s['name'], s['state'], s.get('healthState'), s.get('transitioningMessage')) for s in self.api.list('services')]

    def install(self):
        for name in STACKS:
            self.world.drover('catalog', 'install', 'library:infra*' + name, '--name', name)
        until(lambda: self.api.list('services') and all(s['state'] == 'active' for s in self.api.list('services')), lambda: f'all services active: {self.states()}')

    def in_host(self, host, *command, check=True):
        return self.world.lab('exec', host, '--', *command, check=check).stdout

    def overlay(self, host):
        try:
            return json.loads(self.in_host(host, 'cat', '/var/lib/rancher/state/overlay.json', check=False))
        except ValueError:
            return {'state': 'absent', 'peers': []}

    def exec(self, container, *command, check=True):
        host = next(h for h in self.api.list('hosts') if h['id'] == container['hostId'])
        return self.world.lab('docker', host['hostname'], 'exec', container['externalId'], *command, check=check, timeout=30)

    def test_three_hosts_are_one_network(self):
        self.install()
        until(lambda: all(self.overlay(h)['state'] == 'ok' and len(self.overlay(h)['peers']) == 2 for h in self.world.hosts), lambda: str([self.overlay(h) for h in self.world.hosts]))
        stack = self.api.post('stacks', {'name': 'app', 'dockerCompose': (
            f"version: '2'\nservices:\n  web:\n    image: {harness.IMAGE}\n    command: [sh, -c, 'mkdir /w; hostname > /w/index.html; exec httpd -f -p 8080 -h /w']\n"
            "    ports: ['9080:8080']\n    labels: {io.rancher.scheduler.global: 'true'}\n"), 'startOnCreate': True})
        until(lambda: len(self.world.containers(state='running')) and
              len([c for c in self.world.containers(state='running') if c['name'].startswith('app-web')]) == 3, lambda: f'three web containers: {self.states()}')
        web = sorted((c for c in self.world.containers() if c['name'].startswith('app-web')), key=lambda c: c['name'])
        self.assertEqual(len({c['hostId'] for c in web}), 3)
        self.assertTrue(all(c['primaryIpAddress'].startswith('10.42.') for c in web), [c['primaryIpAddress'] for c in web])
        for c in web:
            c['hostname'] = self.exec(c, 'hostname').stdout.strip()
        for a in web:
            for b in web:
                until(lambda: self.exec(a, 'wget', '-qO-', f'http://{b["primaryIpAddress"]}:8080/', check=False).stdout.strip() == b['hostname'], f'{a["name"]} reaches {b["name"]} by address')
        names = {c['hostname'] for c in web}
        self.assertEqual((len(names), '' in names), (3, False))
        for a in web:
            until(lambda: self.exec(a, 'wget', '-qO-', 'http://web:8080/', check=False).stdout.strip() in names, f'{a["name"]} reaches web by name')
            until(lambda: a['name'] in self.exec(a, 'wget', '-qO-', 'http://rancher-metadata/latest/self/container/name', check=False).stdout, f'{a["name"]} asks metadata')
        self.assertEqual([n['name'] for n in self.api.list('networks') if n['kind'] == 'cni'], ['vxlan'])
        addresses = self.world.addresses()
        for host in self.world.hosts:
            for other in self.world.hosts:
                until(lambda: self.in_host(host, 'busybox', 'wget', '-qO-', f'http://{addresses[other]}:9080/', check=False).strip() in names, f'{host} reaches the port of {other}')
            for c in web:                               # also those of other hosts
                until(lambda: self.in_host(host, 'busybox', 'wget', '-qO-', f'http://{c["primaryIpAddress"]}:8080/', check=False).strip() == c['hostname'], f'{host} reaches {c["name"]}')

        # The service that made the network goes; what it made stays, and a new one takes over.
        vxlan = next(c for c in self.world.containers() if c['name'] == 'vxlan-vxlan-1')
        host = next(h['hostname'] for h in self.api.list('hosts') if h['id'] == vxlan['hostId'])
        before = self.overlay(host)['started']
        self.world.lab('docker', host, 'rm', '-f', vxlan['externalId'])
        for a in web:
            for b in web:
                self.assertEqual(self.exec(a, 'wget', '-qO-', f'http://{b["primaryIpAddress"]}:8080/').stdout.strip(), b['hostname'])
        until(lambda: self.overlay(host)['started'] > before and self.overlay(host)['state'] == 'ok', lambda: str(self.overlay(host)))


if __name__ == '__main__':
    unittest.main(verbosity=2)
