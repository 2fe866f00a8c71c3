#!/usr/bin/env python3
"""Containers that somebody starts with `docker run` on a host (agent.md 16, 17): they appear with what the engine says of them, follow what is done to
them there, and are acted on only when somebody asks through the API. Their volumes stay. The host's own and another environment's stay out."""
import json
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))
import harness
from harness import until

G = 'io.rancher.container.'


@unittest.skipIf(harness.why_not(), harness.why_not())
class Adoption(harness.OneHost):
    def docker(self, *args, check=True):
        return super().docker(*args, check=check).strip()

    def run_it(self, name, *options):
        return self.docker('run', '-d', '--name', name, *options, harness.IMAGE)

    def running(self, name):
        return self.docker('inspect', '-f', '{{.State.Running}}', name, check=False)

    def adopted(self, name, state='running'):
        def look():
            c = self.api.one('containers', name=name)
            return c if c and c['state'] == state else None
        return until(look, lambda: f'{name} is {state}: {self.api.one("containers", name=name)}')

    def test_what_the_engine_says_is_told(self):
        docker_id = self.run_it('told', '-p', '18090:80', '-e', 'A=1', '-l', 'own=label', '-l', G + 'display_name=shown', '--user', '1000', '-w', '/tmp',
                                '--cap-add', 'NET_ADMIN', '-m', '64m', '-v', 'told-data:/data')
        c = self.adopted('shown')
        self.assertEqual((c['nativeContainer'], c['externalId'], c['hostId'], c['imageUuid']),
                         (True, docker_id, self.world.host('host1')['id'], 'docker:' + harness.IMAGE))
        self.assertEqual((c['user'], c['workingDir'], c['capAdd'], c['memory'], c['networkMode']), ('1000', '/tmp', ['NET_ADMIN'], 64 << 20, 'bridge'))
        self.assertEqual((c['environment']['A'], c['labels']['own']), ('1', 'label'))
        mounts = until(lambda: self.api.get('containers/' + c['id'])['mounts'], 'its mount')
        self.assertEqual([(m['path'], m['volumeName']) for m in mounts], [('/data', 'told-data')])
        ports = until(lambda: self.api.list(f'containers/{c["id"]}/ports'), 'its port')
        self.assertEqual([(p['publicPort'], p['privatePort'], p['protocol']) for p in ports], [(18090, 80, 'tcp')])
        self.api.action('containers/' + c['id'], 'stop', {'remove': True, 'timeout': 0})
        self.state('containers', c, 'removed', 'purged')
        self.assertEqual(self.docker('ps', '-aq', '--filter', 'name=^told$'), '')
        self.assertIn('told-data', self.docker('volume', 'ls', '-q').split())           # never removed

    def test_it_follows_what_is_done_on_the_host(self):
        self.run_it('followed')
        c = self.adopted('followed')
        self.docker('stop', '-t', '0', 'followed')
        self.state('containers', c, 'stopped')
        self.docker('start', 'followed')
        self.state('containers', c, 'running')
        self.docker('rm', '-f', 'followed')
        self.state('containers', c, 'removed', 'purged')

    def test_it_is_acted_on_when_asked(self):
        self.run_it('asked', '-v', '/anonymous')
        c = self.adopted('asked')
        volume = json.loads(self.docker('inspect', 'asked'))[0]['Mounts'][0]['Name']
        started = self.docker('inspect', '-f', '{{.State.StartedAt}}', 'asked')
        self.api.action('containers/' + c['id'], 'restart')
        until(lambda: self.docker('inspect', '-f', '{{.State.StartedAt}}', 'asked') != started, 'it was restarted')
        self.state('containers', c, 'running')
        self.api.action('containers/' + c['id'], 'stop', {'timeout': 0})
        self.state('containers', c, 'stopped')
        self.assertEqual(self.running('asked'), 'false')
        self.api.action('containers/' + c['id'], 'start')
        self.state('containers', c, 'running')
        self.assertEqual(self.running('asked'), 'true')
        self.assertIn('logs', self.api.get('containers/' + c['id'])['actions'])
        self.api.delete('containers/' + c['id'])
        self.state('containers', c, 'removed', 'purged')
        self.assertEqual(self.docker('ps', '-aq', '--filter', 'name=^asked$'), '')
        self.assertIn(volume, self.docker('volume', 'ls', '-q').split())

    def test_the_hosts_own_and_others_stay_out(self):
        self.run_it('rancher-agent-state')
        self.run_it('foreign', '-l', 'io.rancher.environment.uuid=11111111-2222-4333-8444-555555555555')
        self.run_it('after')
        self.adopted('after')                           # told later than the two
        for name in ('rancher-agent-state', 'foreign'):
            self.assertIsNone(self.api.one('containers', name=name))
            self.assertEqual(self.running(name), 'true')
        self.docker('rm', '-f', 'rancher-agent-state', 'foreign', 'after')

    def test_a_server_that_starts_again_takes_each_once(self):
        self.run_it('once')
        c = self.adopted('once')
        self.world.server.kill9()
        self.docker('stop', '-t', '0', 'once')
        self.world.server.start()
        self.world.wait_hosts()
        self.state('containers', c, 'stopped')
        self.assertEqual(len([x for x in self.api.list('containers') if x['name'] == 'once']), 1)
        self.docker('rm', 'once')
        self.state('containers', c, 'removed', 'purged')

    def test_not_wanted(self):
        setting = '/v2-beta/settings/manage.nonrancher.containers'
        self.api.put(setting, {'value': 'false'})
        self.run_it('unwanted')
        c = self.api.post('containers', {'name': 'ours', 'imageUuid': 'docker:' + harness.IMAGE, 'networkMode': 'none'})
        self.state('containers', c, 'running')
        self.assertIsNone(self.api.one('containers', name='unwanted'))
        self.api.delete('containers/' + c['id'])
        self.state('containers', c, 'removed', 'purged')
        self.api.put(setting, {'value': 'true'})
        self.docker('rm', '-f', 'unwanted')


if __name__ == '__main__':
    harness.main()
