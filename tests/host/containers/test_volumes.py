#!/usr/bin/env python3
"""Volumes of containers on a real engine (storage.md 5, 6): what a container has is told with rows and mounts, and when it goes the engine keeps or
loses just what its label volume_cleanup_strategy says. A path of the host and what another container still has are never removed."""
import os
import re
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))
import harness
from harness import until

IMAGE = 'docker:' + harness.IMAGE
STRATEGY = 'io.rancher.container.volume_cleanup_strategy'


@unittest.skipIf(harness.why_not(), harness.why_not())
class Volumes(harness.OneHost):
    def engine(self):
        return set(self.docker('volume', 'ls', '-q').split())

    def run_it(self, name, volumes, **fields):
        c = self.api.post('containers', dict({'name': name, 'imageUuid': IMAGE, 'networkMode': 'none', 'dataVolumes': volumes}, **fields))
        self.state('containers', c, 'running')
        return until(lambda: (lambda x: x if len(x['mounts']) >= len(volumes) else None)(self.api.get('containers/' + c['id'])), name + ' has mounts')

    def remove(self, c):
        self.api.action('containers/' + c['id'], 'stop', {'remove': True, 'timeout': 0})
        self.state('containers', c, 'removed')

    def volume_of(self, c, path):
        return next(m for m in c['mounts'] if m['path'] == path)

    def of_strategy(self, strategy, keeps_named, keeps_anonymous):
        named = 'kept-' + strategy
        labels = {STRATEGY: strategy} if strategy != 'default' else {}
        c = self.run_it('of-' + strategy, [named + ':/named', '/anonymous', '/tmp:/path:ro'], labels=labels)
        anonymous = self.volume_of(c, '/anonymous')['volumeName']
        self.assertTrue(re.fullmatch('[0-9a-f]{64}', anonymous), anonymous)
        self.assertEqual((self.volume_of(c, '/named')['volumeName'], self.volume_of(c, '/path')['volumeName']), (named, '/tmp'))
        self.assertEqual(self.volume_of(c, '/path')['permission'], 'ro')
        self.assertLessEqual({named, anonymous}, self.engine())
        self.docker('exec', c['externalId'], 'sh', '-c', 'echo data > /named/file')
        rows = {m['path']: {'id': m['volumeId']} for m in c['mounts']}
        self.remove(c)
        for path, name, keeps in (('/named', named, keeps_named), ('/anonymous', anonymous, keeps_anonymous)):
            self.state('volumes', rows[path], *(('detached', ) if keeps else ('removed', 'purged')))
            self.assertEqual(name in self.engine(), keeps, (strategy, path))
        self.assertTrue(os.path.isdir('/tmp'))
        if keeps_named:                                 # with what is in it
            again = self.run_it('again-' + strategy, [named + ':/named'])
            self.assertEqual(self.docker('exec', again['externalId'], 'cat', '/named/file').strip(), 'data')
            self.assertEqual(self.volume_of(again, '/named')['volumeId'], rows['/named']['id'])
            self.remove(again)

    def test_by_default_the_unnamed_go(self):
        self.of_strategy('default', True, False)

    def test_unnamed(self):
        self.of_strategy('unnamed', True, False)

    def test_none(self):
        self.of_strategy('none', True, True)

    def test_all(self):
        self.of_strategy('all', False, False)

    def test_another_containers_volumes_stay(self):
        one = self.run_it('one', ['/shared', 'both:/both'], labels={STRATEGY: 'all'})
        two = self.api.post('containers', {'name': 'two', 'imageUuid': IMAGE, 'networkMode': 'none', 'dataVolumesFrom': [one['id']], 'labels': {STRATEGY: 'all'}})
        self.state('containers', two, 'running')
        two = until(lambda: (lambda x: x if len(x['mounts']) == 2 else None)(self.api.get('containers/' + two['id'])), 'two has mounts')
        names = {m['volumeName'] for m in one['mounts']}
        self.assertEqual({m['volumeId'] for m in two['mounts']}, {m['volumeId'] for m in one['mounts']})
        self.remove(one)
        self.assertLessEqual(names, self.engine())
        self.remove(two)
        for m in two['mounts']:
            self.state('volumes', {'id': m['volumeId']}, 'removed', 'purged')
        self.assertFalse(names & self.engine())

    def test_one_made_by_hand_and_mounted_by_id(self):
        v = self.api.post('volumes', {'name': 'by-hand', 'driver': 'local', 'driverOpts': {'type': 'tmpfs', 'device': 'tmpfs', 'o': 'size=1m'}})
        self.state('volumes', v, 'inactive')
        c = self.api.post('containers', {'name': 'mounts', 'imageUuid': IMAGE, 'networkMode': 'none', 'dataVolumeMounts': {'/data': v['id']}})
        self.state('containers', c, 'running')
        self.state('volumes', v, 'active')
        c = self.api.get('containers/' + c['id'])
        self.assertEqual([m['volumeId'] for m in c['mounts']], [v['id']])
        self.assertIn('tmpfs on /data', self.docker('exec', c['externalId'], 'mount'))
        self.remove(c)
        self.state('volumes', v, 'detached')
        self.assertIn('by-hand', self.engine())
        self.api.delete('volumes/' + v['id'])
        self.state('volumes', v, 'removed', 'purged')
        self.assertNotIn('by-hand', self.engine())


if __name__ == '__main__':
    harness.main()
