#!/usr/bin/env python3
"""What may happen to hosts, engines and containers, and what drover makes of it. See harness.py."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import main_job
from harness import until

CUT_S = 60          # the bar: longer than the 30 s after which a silent host is reconnecting


class Failures(main_job.Reboot, harness.Case):
    def identity(self):
        return {c['name']: (c['id'], c['uuid'], c['externalId'], c['hostId']) for c in self.world.containers()}

    def test_a_host_cut_off_and_healed_is_reconnecting_then_active_and_nothing_is_doubled(self):
        w = self.world
        service = w.simple('cut', 'web', 6)
        w.simple('cut', 'everywhere', 1, labels={'io.rancher.scheduler.global': 'true'})
        w.settle()
        before = self.identity()
        host2 = w.host('host2')['id']
        w.lab('cut', 'host2')
        start = time.monotonic()
        w.wait_host('host2', 'reconnecting')
        # Work for the others, and for the one that is away: a container of it is not wanted any more.
        w.scale(service, 8)
        until(lambda: sum(c['state'] == 'running' for c in w.service_containers('cut/web')) >= 8, 'two more containers on the hosts that are there')
        new = [c for c in w.service_containers('cut/web') if c['name'] not in before]
        self.assertNotIn(host2, [c['hostId'] for c in new])
        while time.monotonic() - start < CUT_S:         # the length of the cut is what is asked for
            self.assertEqual(w.host('host2')['state'], 'reconnecting')
            time.sleep(1)
        away = sorted(e['id'] for e in w.engine_containers('host2'))
        w.lab('heal', 'host2')
        w.wait_host('host2', 'active')
        w.settle()
        self.assertEqual(sorted(e['id'] for e in w.engine_containers('host2')), away)
        after = self.identity()
        self.assertEqual({n: after.get(n) for n in before}, before)
        self.assertEqual(len(w.api.list('hosts')), 3)

    def test_a_host_reboots_while_the_server_is_down(self):
        w = self.world
        w.simple('down', 'web', 6)
        w.compose('pair', main_job.COMPOSE.replace('8090', '8092'), rancher=main_job.RANCHER)
        w.settle()
        before = self.identity()
        running = {e['id'] for e in w.engine_containers('host3') if e['state'] == 'running'}
        self.assertGreaterEqual(len(running), 3)
        w.server.kill9()
        w.lab('kill', 'host3')
        w.lab('reboot', 'host3')
        # Its agent knows what was desired, without the server.
        until(lambda: {e['id'] for e in w.engine_containers('host3') if e['state'] == 'running'} == running, 'the containers of host3 run again')
        w.server.start()
        w.wait_hosts()
        w.settle()
        self.assertEqual(self.identity(), before)

    def test_a_container_removed_behind_our_back_comes_back_with_name_and_index(self):
        w = self.world
        w.simple('back', 'web', 3)
        w.settle()
        before = {c['name']: c for c in w.service_containers('back/web')}
        victim = next(e for e in w.engine_containers('host2') if 'back-web-' in e['name'])
        w.lab('docker', 'host2', 'rm', '-f', victim['id'])
        until(lambda: victim['id'] not in [c['externalId'] for c in w.containers()], 'the loss is seen')
        w.settle()
        after = {c['name']: c for c in w.service_containers('back/web')}
        self.assertEqual(sorted(after), sorted(before))
        for name, c in after.items():
            self.assertEqual(c['externalId'] == before[name]['externalId'], before[name]['externalId'] != victim['id'], name)

    def test_a_container_that_is_stopped_behind_our_back_runs_again(self):
        w = self.world
        w.simple('stopped', 'web', 3)
        w.settle()
        before = sorted(c['name'] for c in w.containers())
        victim = w.engine_containers('host1')[0]
        w.lab('docker', 'host1', 'kill', victim['id'])
        until(lambda: sum(e['state'] == 'running' for e in w.engines()) == 3, 'three running containers')
        w.settle()
        self.assertEqual(sorted(c['name'] for c in w.containers()), before)

    def test_removing_a_host_moves_its_service_containers_and_the_machine_can_join_again(self):
        w = self.world
        w.simple('move', 'web', 6)
        w.simple('move', 'everywhere', 1, labels={'io.rancher.scheduler.global': 'true'})
        w.settle()
        names = sorted(c['name'] for c in w.service_containers('move/web'))
        others = {w.host(h)['id'] for h in ('host1', 'host2')}
        old = w.host('host3')['id']
        # First through the command line's words: deactivate keeps new containers off.
        w.drover('hosts', 'deactivate', 'host3', '-w')
        w.wait_host('host3', 'inactive')
        kept = [c['id'] for c in w.containers(hostId=old)]
        self.assertEqual(len(kept), 3)
        w.api.action(f'hosts/{old}', 'remove')
        until(lambda: w.host('host3') is None, 'the host is removed')
        w.expect_removed = ['host3']
        w.settle()
        self.assertEqual(sorted(c['name'] for c in w.service_containers('move/web')), names)
        self.assertEqual({c['hostId'] for c in w.containers()}, others)
        self.assertEqual(w.engine_containers('host3'), [])
        w.expect_removed = []
        w.join()
        self.assertNotEqual(w.host('host3')['id'], old)
        w.settle()
        self.assertEqual(len(w.service_containers('move/everywhere')), 3)

    def test_a_dead_host_can_be_removed(self):
        w = self.world
        service = w.simple('dead', 'web', 3)
        w.settle()
        w.lab('kill', 'host2')
        w.drover('hosts', 'rm', 'host2')
        until(lambda: w.host('host2') is None, 'the host is removed')
        until(lambda: [c['state'] for c in w.service_containers('dead/web')] == ['running'] * 3, 'its container runs elsewhere')
        self.assertEqual(len({c['name'] for c in w.service_containers('dead/web')}), 3)
        w.lab('reboot', 'host2')
        w.join()
        w.settle()
        self.assertEqual(w.api.get(f'services/{service["id"]}')['state'], 'active')

    def test_a_frozen_engine_blocks_only_its_own_host(self):
        w = self.world
        service = w.simple('frozen', 'web', 3)
        w.settle()
        ids = {h: w.host(h)['id'] for h in w.hosts}
        self.signal_engine('host1', 'STOP')
        try:
            w.scale(service, 9)
            until(lambda: all(sum(c['state'] == 'running' for c in w.containers(hostId=ids[h])) >= 3 for h in ('host2', 'host3')),
                  lambda: 'the new containers of the other hosts: ' + str([(c['name'], c['hostId'], c['state']) for c in w.containers()]))
            # And everything else of them works: removal, a second service, the API.
            w.simple('other', 'web', 2, labels={'io.rancher.scheduler.affinity:host_label_ne': 'x=y'}, requestedHostId=ids['host2'])
            until(lambda: [c['state'] for c in w.service_containers('other/web')] == ['running'] * 2, 'another service on a healthy host')
            w.drover('rm', '--type', 'stack', 'other', '-w')
        finally:
            self.signal_engine('host1', 'CONT')
        w.settle()
        self.assertEqual(len(w.service_containers('frozen/web')), 9)

    def signal_engine(self, host, name):
        self.world.lab('exec', host, '--', 'sh', '-c', f'kill -{name} $(busybox pidof dockerd)')

    def test_a_frozen_host_blocks_nobody_else_either(self):
        w = self.world
        service = w.simple('hang', 'web', 3)
        w.settle()
        ids = {h: w.host(h)['id'] for h in w.hosts}
        w.lab('freeze', 'host1')
        try:
            w.scale(service, 9)
            until(lambda: all(sum(c['state'] == 'running' for c in w.containers(hostId=ids[h])) >= 3 for h in ('host2', 'host3')),
                  lambda: 'the new containers of the other hosts: ' + str([(c['name'], c['hostId'], c['state']) for c in w.containers()]))
        finally:
            w.lab('thaw', 'host1')
        w.wait_host('host1', 'active')
        w.settle()
        self.assertEqual(len(w.service_containers('hang/web')), 9)

    def test_an_engine_that_restarts_gets_its_containers_back(self):
        w = self.world
        service = w.simple('engine', 'web', 6)
        w.settle()
        before = self.identity()
        for name in ('TERM', 'KILL'):
            old = w.lab('exec', 'host2', '--', 'busybox', 'pidof', 'dockerd').stdout
            self.signal_engine('host2', name)
            until(lambda o=old: w.lab('exec', 'host2', '--', 'busybox', 'pidof', 'dockerd', check=False).stdout not in ('', o), 'a new dockerd')
            until(lambda: w.lab('docker', 'host2', 'ps', check=False).returncode == 0, 'its answer')
            w.settle()
            self.assertEqual(self.identity(), before)
        w.scale(service, 9)
        w.settle()

    def test_an_agent_that_is_killed_adopts_what_runs(self):
        w = self.world
        service = w.simple('agent', 'web', 6)
        w.settle()
        before = self.identity()
        for host in w.hosts:
            pids = w.lab('exec', host, '--', 'busybox', 'pidof', 'drover-node').stdout.split()
            self.assertTrue(pids)
            w.lab('exec', host, '--', 'sh', '-c', 'kill -9 ' + ' '.join(pids))
        w.scale(service, 9)
        w.settle()
        after = self.identity()
        self.assertEqual({n: after.get(n) for n in before}, before)


if __name__ == '__main__':
    harness.main()
