#!/usr/bin/env python3
"""Containers that somebody starts with docker on a real host: they appear in the API, follow, obey, and are left alone otherwise (agent.md 16 to 18)."""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'e2e'), os.path.join(HERE, '..', 'streams')]
import harness
import test_streams
from harness import until


@unittest.skipIf(harness.why_not(), harness.why_not())
class Adoption(harness.Case):
    hosts = 1

    def docker(self, *args):
        return self.world.lab('docker', 'host1', *args).stdout.strip()

    def run_one(self, name, *args):
        cid = self.docker('run', '-d', '--name', name, *args)
        self.addCleanup(self.world.lab, 'docker', 'host1', 'rm', '-f', '-v', cid, check=False)
        return cid

    def setUp(self):
        super().setUp()
        self.addCleanup(self.nobody_is_left)

    def nobody_is_left(self):
        until(lambda: not [c for c in self.world.containers() if c.get('nativeContainer')], 'the end of adopted containers')

    def adopted(self, cid, state='running'):
        rows = []

        def there():
            rows[:] = self.world.containers(externalId=cid)
            return len(rows) == 1 and rows[0]['state'] == state
        until(there, lambda: f'{cid[:12]} {state}: {[(c["id"], c["state"]) for c in rows]}')
        return rows[0]

    def state(self, cid):
        return self.world.lab('docker', 'host1', 'inspect', '-f', '{{.State.Status}}', cid, check=False).stdout.strip()

    def test_follows_and_obeys(self):
        cid = self.run_one('theirs', '-l', 'a=b', '-e', 'A=1', '-v', 'kept:/data', '--memory', '67108864', '--restart', 'on-failure:2', harness.IMAGE)
        c = self.adopted(cid)
        self.assertEqual((c['name'], c['nativeContainer'], c['imageUuid'], c['labels']['a'], c['environment']['A'], c['memory'], c['restartPolicy']['name']),
                         ('theirs', True, 'docker:' + harness.IMAGE, 'b', '1', 67108864, 'on-failure'))
        self.assertEqual([(m['path'], m['volumeName']) for m in c['mounts']], [('/data', 'kept')])
        # The host leads.
        self.docker('stop', '-t', '5', 'theirs')
        self.adopted(cid, 'stopped')
        self.docker('start', 'theirs')
        self.assertEqual(self.adopted(cid)['id'], c['id'])
        # So does the API.
        path = f'containers/{c["id"]}'
        self.world.api.action(path, 'stop', {'timeout': 5})
        self.adopted(cid, 'stopped')
        self.assertEqual(self.state(cid), 'exited')
        self.world.api.action(path, 'start')
        self.adopted(cid)
        self.assertEqual(self.state(cid), 'running')
        before = self.docker('inspect', '-f', '{{.State.StartedAt}}', cid)
        self.world.api.action(path, 'restart', {})
        until(lambda: self.state(cid) == 'running' and self.docker('inspect', '-f', '{{.State.StartedAt}}', cid) != before, 'its restart')
        self.adopted(cid)
        # After an order the host leads again.
        self.docker('stop', '-t', '5', 'theirs')
        self.adopted(cid, 'stopped')
        self.docker('start', 'theirs')
        self.adopted(cid)
        # Logs and commands.
        logs = test_streams.Stream(self.world.server, self.world.api.action(path, 'logs', {'follow': True, 'lines': 10}))
        shell = test_streams.Stream(self.world.server, self.world.api.action(path, 'execute', {'command': ['sh', '-c', 'echo seen >/proc/1/fd/1; echo $A'], 'tty': False,
                                                                                              'attachStdin': False, 'attachStdout': True}))
        self.assertIn(b'1', shell.finish())
        logs.until(lambda: b'seen' in logs.data)
        logs.ws.close()
        # Removal by the API: the container goes, its volume stays.
        self.world.api.call('DELETE', path)
        until(lambda: self.state(cid) == '', 'removal of the container')
        until(lambda: not self.world.containers(externalId=cid), 'removal of its row')
        self.assertIn('kept', self.docker('volume', 'ls', '-q').split())
        self.docker('volume', 'rm', 'kept')

    def test_nothing_doubles_and_others_are_ignored(self):
        stays, ended = self.run_one('stays', harness.IMAGE), self.run_one('ended', harness.IMAGE, 'true')
        other = self.run_one('other', '-l', 'io.rancher.environment.uuid=another', '-l', 'io.rancher.container.uuid=11111111-2222-3333-4444-555555555555', harness.IMAGE)
        ids = {self.adopted(stays)['id'], self.adopted(ended, 'stopped')['id']}
        self.world.api.action(f'containers/{self.adopted(stays)["id"]}', 'stop', {'timeout': 5})
        self.adopted(stays, 'stopped')
        self.docker('start', 'stays')
        self.adopted(stays)

        def same():
            self.assertEqual({self.adopted(stays)['id'], self.adopted(ended, 'stopped')['id']}, ids)
            self.assertEqual(self.world.containers(externalId=other), [])
            self.assertEqual((self.state(stays), self.state(ended), self.state(other)), ('running', 'exited', 'running'))
        started = self.docker('inspect', '-f', '{{.State.StartedAt}}', stays)
        self.world.server.stop()
        self.world.server.start()
        self.world.wait_hosts()
        marker = self.run_one('marker1', harness.IMAGE)        # what is told behind the first full report
        self.adopted(marker)
        same()
        pids = self.world.lab('exec', 'host1', '--', 'busybox', 'pidof', 'drover-node').stdout.split()
        self.assertTrue(pids)
        self.world.lab('exec', 'host1', '--', 'busybox', 'kill', '-9', *pids)
        marker = self.run_one('marker2', harness.IMAGE)
        self.adopted(marker)
        same()
        self.assertEqual(self.docker('inspect', '-f', '{{.State.StartedAt}}', stays), started)
        self.docker('rm', '-f', 'stays')
        until(lambda: not self.world.containers(externalId=stays), 'the end of its row')


if __name__ == '__main__':
    harness.main()
