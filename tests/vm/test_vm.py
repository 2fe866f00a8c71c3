#!/usr/bin/env python3
"""A whole machine as host: joined by the join command (systemd unit), its containers' limits in cgroup v2, a dead agent, a reboot.
Started by tools/test-vm.sh."""
import os
import re
import shutil
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '../host/e2e')]
import guest
import harness
from harness import until

MEMORY, SWAP, SHARES, PERIOD, QUOTA, PIDS = 64 << 20, 96 << 20, 512, 100000, 50000, 77


class Machine(unittest.TestCase):
    """One boot, and one more after the reboot: the steps are in order."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='drover-vm-')
        self.addCleanup(self.clean)
        self.guest = None
        self.server = harness.Server(self.dir, ['--tls', '--tls-name', guest.SERVER.split(':')[0]])
        self.server.start()
        self.api = self.server.api
        self.api.put('/v2-beta/settings/api.host', {'value': 'https://' + guest.SERVER})

    def clean(self):
        if self.guest:
            self.guest.close()
        if self.server.process and self.server.process.poll() is None:
            self.server.process.kill()
            self.server.process.wait()
        if harness.KEEP:
            print('kept:', self.dir)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def step(self, text):
        print('vm:', text, flush=True)

    def log(self):
        status = self.guest.run('systemctl status --no-pager -l drover-node; journalctl --no-pager -n 40 -u drover-node; docker ps -a', check=False)[1]
        return status + self.server.tail()

    def until(self, check, what):
        try:
            return until(check, what, deadline_s=600, pause_s=1)
        except AssertionError as e:
            raise AssertionError(f'{e}\n{self.log()}') from None

    def host(self):
        rows = [h for h in self.api.list('hosts') if h['state'] not in harness.GONE]
        self.assertLessEqual(len(rows), 1, rows)
        return rows[0] if rows else None

    def wait_active(self):
        return self.until(lambda: (lambda h: h if h and h['state'] == 'active' and h['agentState'] in (None, 'active') else None)(self.host()), 'the host active')

    def wait_running(self, path):
        def look():
            c = self.api.get(path)
            self.assertNotEqual(c.get('transitioning'), 'error', f'{c.get("transitioningMessage")}\n{self.log()}')
            return c if c['state'] == 'running' else None
        return self.until(look, path + ' running')

    def check_limits(self, docker_id):
        scope = f'/sys/fs/cgroup/system.slice/docker-{docker_id}.scope'
        read = lambda name: self.guest.out(f'cat {scope}/{name}')
        self.assertEqual(int(read('memory.max')), MEMORY)
        self.assertEqual(int(read('memory.swap.max')), SWAP - MEMORY)
        self.assertEqual(read('cpu.max'), f'{QUOTA} {PERIOD}')
        self.assertEqual(int(read('cpu.weight')), 1 + (SHARES - 2) * 9999 // 262142)        # runc's conversion of shares
        self.assertEqual(int(read('pids.max')), PIDS)
        # What runs in it is in it.
        pid = self.guest.out(f'docker inspect -f "{{{{.State.Pid}}}}" {docker_id}')
        self.assertIn(pid, read('cgroup.procs').split())
        self.assertIn(f'docker-{docker_id}.scope', self.guest.out(f'cat /proc/{pid}/cgroup'))

    def test_a_machine_with_systemd_joins_limits_its_containers_and_comes_back_from_a_reboot(self):
        self.step('booting the guest')
        self.guest = guest.Guest(os.environ['DROVER_VM_DIR'], self.dir, self.server.port)
        self.assertIn('cpu', self.guest.out('cat /sys/fs/cgroup/cgroup.controllers').split())
        self.guest.run('tar -C /opt/box -c . | docker import - drover-vm/box:1')

        self.step('joining')
        token = self.api.post('registrationtokens')
        token = self.until(lambda: (lambda t: t if t.get('command') and t['state'] == 'active' else None)(self.api.get(f'registrationtokens/{token["id"]}')), 'a token')
        bad = re.sub('= [0-9a-f]{64} ', '= ' + 64 * '0' + ' ', token['command'])
        self.assertNotEqual(bad, token['command'])
        status, output = self.guest.run(bad.replace('sudo ', ''), check=False)
        self.assertNotEqual(status, 0)
        self.assertIn('expected certificate authority', output)
        self.assertIsNone(self.host())
        status, output = self.guest.run(token['command'].replace('sudo ', ''), check=False)
        self.assertEqual(status, 0, output + self.log())
        self.assertIn('connected as', output)
        host = self.wait_active()
        self.assertEqual(host['hostname'], 'drover-guest')
        self.assertEqual(self.guest.out('systemctl is-enabled drover-node'), 'enabled')
        self.assertEqual(self.guest.out('systemctl is-active drover-node'), 'active')
        self.assertEqual(self.guest.run('systemd-analyze verify /etc/systemd/system/drover-node.service')[1].strip(), '')

        self.step('a container with limits')
        made = self.api.post('containers', {
            'name': 'limited', 'imageUuid': 'docker:drover-vm/box:1', 'command': ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1000 & wait $!; done'],
            'memory': MEMORY, 'memorySwap': SWAP, 'cpuShares': SHARES, 'cpuPeriod': PERIOD, 'cpuQuota': QUOTA, 'pidsLimit': PIDS, 'networkMode': 'bridge',
            'restartPolicy': {'name': 'always'}})
        path = f'/v2-beta/projects/{harness.PROJECT}/containers/{made["id"]}'
        first = self.wait_running(path)
        self.check_limits(first['externalId'])

        self.step('the agent is killed: systemd starts it again, the container does not notice')
        started = self.guest.out(f'docker inspect -f "{{{{.State.StartedAt}}}}" {first["externalId"]}')
        old = self.guest.out('systemctl show -p MainPID --value drover-node')
        self.guest.run(f'kill -9 {old}')
        self.until(lambda: self.guest.out('systemctl show -p MainPID --value drover-node') not in (old, '0'), 'another agent')
        self.wait_active()
        self.assertEqual(self.guest.out(f'docker inspect -f "{{{{.State.StartedAt}}}}" {first["externalId"]}'), started)

        self.step('joining once more keeps the host')
        self.guest.run(token['command'].replace('sudo ', ''))
        self.assertEqual(self.wait_active()['id'], host['id'])

        self.step('rebooting')
        self.guest.reboot()
        self.until(lambda: self.guest.run('systemctl is-active drover-node', check=False)[1].strip() == 'active', 'the agent after the reboot')
        self.assertEqual(self.wait_active()['id'], host['id'])
        self.until(lambda: self.guest.run(f'docker inspect -f "{{{{.State.Running}}}}" {first["externalId"]}', check=False)[1].strip() == 'true', 'the container after the reboot')
        again = self.wait_running(path)
        self.assertEqual((again['uuid'], again['externalId']), (first['uuid'], first['externalId']))
        self.check_limits(again['externalId'])

        self.step('a new container after the reboot')
        more = self.api.post('containers', {'name': 'later', 'imageUuid': 'docker:drover-vm/box:1', 'command': ['sleep', '100000'], 'networkMode': 'bridge'})
        self.wait_running(f'/v2-beta/projects/{harness.PROJECT}/containers/{more["id"]}')
        self.assertEqual(self.guest.out('systemctl --failed --no-legend --plain'), '')
        self.server.stop()


if __name__ == '__main__':
    unittest.main(verbosity=1)
