#!/usr/bin/env python3
"""The agent replaced in place by the server's program: taken when it works, taken back when it does not, containers untouched; and a host that
lost its key: the same host. Programs are served from a folder of the test's own, so that it can put others there."""
import hashlib
import os
import shutil
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))
import harness
from harness import until

TRIAL_S = 5


@unittest.skipIf(harness.why_not(), harness.why_not())
class Upgrade(harness.Case):
    hosts = 1

    @classmethod
    def make_world(cls):
        cls.bin = tempfile.mkdtemp(prefix='drover-upgrade-')
        for name in ('drover', 'drover-server', 'drover-node'):
            shutil.copy2(harness.program(name), os.path.join(cls.bin, name))
        cls.before, harness.BIN_DIR = harness.BIN_DIR, cls.bin
        w = harness.World(cls.hosts, join=False)
        w.api.put('/v2-beta/settings/drover.host.heartbeat.millis', {'value': '500'})
        w.join()
        return w

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        harness.BIN_DIR = cls.before
        shutil.rmtree(cls.bin, ignore_errors=True)

    def setUp(self):
        super().setUp()
        self.world.lab('exec', 'host1', '--', 'sh', '-c', f'grep -q upgrade-trial /etc/drover/node.conf || echo "upgrade-trial = {TRIAL_S}s" >>/etc/drover/node.conf')

    def publish(self, content):
        """What the server has for hosts from now on. Returns its digest."""
        path = os.path.join(self.bin, 'drover-node')
        with open(path + '.tmp', 'wb') as f:
            f.write(content)
        os.chmod(path + '.tmp', 0o755)
        os.rename(path + '.tmp', path)
        return hashlib.sha256(content).hexdigest()

    def build(self, mark):
        """Another build: the same program with some bytes behind it."""
        with open(os.path.join(self.before, 'drover-node'), 'rb') as f:
            return f.read() + mark.encode()

    def agent(self):
        h = self.world.host('host1')
        return (h.get('info') or {}).get('agentInfo') or {}

    def agents(self):
        return {a['id'] for a in self.world.api.list('/v2-beta/agents') if a['state'] not in harness.GONE and a['state'] != 'removing'}

    def inside(self, *argv):
        return self.world.lab('exec', 'host1', '--', *argv).stdout

    def disk_sha256(self):
        return self.inside('sha256sum', '/var/lib/drover/bin/drover-node').split()[0]

    def log(self):
        path = os.path.join(self.world.dir, self.world.name, 'hosts', 'host1', 'log', 'boot.d-50-drover-node.log')
        with open(path, encoding='utf-8', errors='replace') as f:
            return f.read()

    def runs(self, sha256):
        """It is the program on disk, no trial is under way, and the agent says so."""
        until(lambda: self.disk_sha256() == sha256 and self.inside('ls', '/var/lib/drover/bin') == 'drover-node\n', lambda: f'the file is {sha256}: {self.agent()}')
        until(lambda: self.agent().get('sha256') == sha256 and self.world.host('host1')['state'] == 'active', lambda: f'the agent is {sha256}: {self.agent()}')

    def test_another_build_is_taken_and_containers_do_not_notice(self):
        self.world.simple('up', 'web', 2)
        self.world.settle()
        before = {c['id']: self.world.lab('docker', 'host1', 'inspect', '--format', '{{.State.StartedAt}}', c['id']).stdout for c in self.world.engine_containers('host1')}
        sha256 = self.publish(self.build('second'))
        self.runs(sha256)
        self.world.settle()
        after = {c['id']: self.world.lab('docker', 'host1', 'inspect', '--format', '{{.State.StartedAt}}', c['id']).stdout for c in self.world.engine_containers('host1')}
        self.assertEqual(before, after)
        self.world.scale(self.world.service('up/web'), 3)       # and it works
        self.world.settle()

    def test_one_that_ends_at_once_is_taken_back_and_not_tried_again(self):
        good = self.publish(self.build('good'))
        self.runs(good)
        bad = self.publish(b'#!/bin/sh\nexit 3\n')
        until(lambda: 'ended with code 3' in self.agent().get('upgradeError', ''), lambda: f'the failure is told: {self.agent()}')
        self.runs(good)
        self.assertEqual(self.disk_sha256(), good)
        self.assertIn(bad[:12], self.agent()['upgradeError'])
        tries = self.log().count('trying the new program')
        self.world.server.stop()                                # it is said again with each connection
        self.world.server.start()
        self.world.wait_host('host1', 'active')
        until(lambda: self.agent().get('upgradeError'), 'the host has said what it is')
        again = self.publish(self.build('later'))               # and another one is
        self.runs(again)
        self.assertEqual(self.log().count('trying the new program'), tries + 1)
        until(lambda: 'upgradeError' not in self.agent(), lambda: f'nothing is wrong any more: {self.agent()}')

    def test_one_that_does_not_connect_is_taken_back_even_after_a_power_loss(self):
        good = self.publish(self.build('before the mute one'))
        self.runs(good)
        self.publish(b'#!/bin/sh\nexec sleep 1000\n')
        tries = self.log().count('trying the new program')
        until(lambda: self.log().count('trying the new program') > tries, 'the trial begins')
        self.assertEqual(self.disk_sha256(), good)              # not in place before it has shown that it works
        self.world.lab('reboot', 'host1')
        until(lambda: f'did not connect within {TRIAL_S} s' in self.agent().get('upgradeError', ''), lambda: f'the failure is told: {self.agent()}')
        self.assertEqual(self.disk_sha256(), good)
        self.world.wait_host('host1', 'active')

    def test_nothing_is_taken_while_the_setting_is_off(self):
        good = self.publish(self.build('on'))
        self.runs(good)
        self.addCleanup(self.world.api.put, '/v2-beta/settings/drover.host.upgrade', {'value': 'true'})
        self.world.api.put('/v2-beta/settings/drover.host.upgrade', {'value': 'false'})
        tries = self.log().count('downloading the server')
        other = self.publish(self.build('off'))
        self.world.server.stop()
        self.world.server.start()
        self.world.wait_host('host1', 'active')
        self.world.simple('off', 'web', 1)                      # a round trip through the agent
        self.world.settle()
        self.assertEqual((self.agent()['sha256'], self.log().count('downloading the server')), (good, tries))
        self.world.api.put('/v2-beta/settings/drover.host.upgrade', {'value': 'true'})
        self.runs(other)

    def test_a_host_that_lost_its_key_is_the_same_host(self):
        self.world.simple('lost', 'web', 1)
        self.world.settle()
        before = self.world.host('host1')
        agents = self.agents()
        containers = {c['id'] for c in self.world.engine_containers('host1')}
        self.inside('sh', '-c', 'rm /var/lib/rancher/state/.agent_keys /var/lib/rancher/state/.registration_token /var/lib/rancher/state/drover-desired.json;'
                                ' kill -9 $(sed -n "s/^pid=//p" /var/lib/rancher/state/agent.status)')
        until(lambda: self.agents() and not self.agents() & agents, lambda: f'another agent: {agents} {self.agents()}')
        self.world.wait_host('host1', 'active')
        self.world.settle()
        now = [h for h in self.world.api.list('hosts') if h['state'] not in harness.GONE]
        self.assertEqual([h['id'] for h in now], [before['id']])
        self.assertEqual({c['id'] for c in self.world.engine_containers('host1')}, containers)


if __name__ == '__main__':
    harness.main()
