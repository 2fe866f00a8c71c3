#!/usr/bin/env python3
"""The agent's side of a container's network: entry wait, state file, deadlines; with drover's network manager and with another one.

DROVER_BIN_DIR or DROVER_NODE: the program; DROVER_ENTRY_PROGRAM: a static one for the entry wait when the first is not.
"""
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import netlab
from netlab import Host, eventually

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'node'))
from fakeserver import FakeServer
import test_agent

test_agent.NODE = netlab.NODE

# Another manager that keeps the contract: docker, ip and the state file, nothing of ours.
OTHER_MANAGER = r'''#!/bin/sh
# other-manager STATE_DIR DOCKER_SOCKET: every 50 ms gives each container that waits a network.
state=$1; export DOCKER_HOST=unix://$2
while :; do
        for id in $(docker ps -q --no-trunc --filter label=io.rancher.cni.wait=true); do
                set -- $(docker inspect -f '{{.State.StartedAt}} {{.State.Pid}} {{index .Config.Labels "io.rancher.container.ip"}}' "$id")
                [ -n "$3" ] && [ ! -e "$state/cni/$id/$1" ] || continue
                short=$(echo "$id" | cut -c1-8)
                ip link del "o$short" 2>/dev/null
                ip link add "o$short" type veth peer name eth0 netns "/proc/$2/ns/net" || continue
                ip link set "o$short" master docker0 up
                nsenter -t "$2" -n sh -c "ip addr add $3 dev eth0; ip link set eth0 up"
                mkdir -p "$state/cni/$id"
                echo "{\"ip4\":{\"ip\":\"$3\"},\"dns\":{}}" > "$state/cni/$id/tmp"
                mv "$state/cni/$id/tmp" "$state/cni/$id/$1"
        done
        sleep 0.05
done
'''


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = Host()
        cls.engine = cls.host.engine

    @classmethod
    def tearDownClass(cls):
        cls.host.close()

    def setUp(self):
        self.addCleanup(self.clean)
        self.other = None
        self.server = FakeServer(project=f'env-{self.id().rsplit(".", 1)[1]}')
        self.start_agent()
        self.server.connected()
        self.n = 0

    def start_agent(self):
        more = {'DROVER_ENTRY_PROGRAM': netlab.ENTRY} if netlab.ENTRY else {}
        self.agent = test_agent.Agent(self.server, self.host.state, self.engine.socket, DROVER_ORPHAN_GRACE_S='1', **more)

    def clean(self):
        self.agent.stop()
        self.server.stop()
        self.engine.remove_all()
        if self.other:
            os.killpg(self.other.pid, signal.SIGKILL)
            self.other.wait()
        if self.host.manager:
            eventually(lambda: not os.listdir(f'{self.host.state}/cni'), 'no state is left')
            self.assertEqual(self.host.veths(), [])
            self.host.kill(signal.SIGTERM)
        for name in ('drover-desired.json',):
            path = os.path.join(self.host.state, name)
            if os.path.exists(path):
                os.unlink(path)

    def network(self, last, **more):
        return {'cni': True, 'name': 'vxlan', 'uuid': 'n1', 'hostPorts': True, 'ip': f'10.42.7.{last}/16', 'mac': f'02:00:01:00:07:{last:02x}', 'dns': ['169.254.169.250'],
                'dnsSearch': ['rancher.internal'], **more}

    def want(self, uuid, last, state='running', **spec):
        return self.server.want(uuid, state, networkMode='none', network=self.network(last), **{'command': ['/bin/sleep', '1000000'], **spec})

    def want_fails(self, uuid, last, **spec):
        self.server.want(uuid, 'running', wait=False, networkMode='none', network=self.network(last), **{'command': ['/bin/sleep', '1000000'], **spec})
        return self.server.reported(uuid, 'failed')

    def one(self, uuid):
        found = self.engine.by_uuid(uuid)
        self.assertEqual(len(found), 1)
        return found[0]

    def sh(self, uuid, script):
        return self.engine.docker('exec', self.one(uuid)['Id'], 'sh', '-c', script)

    def logs(self, uuid):
        r = subprocess.run(['docker', '-H', f'unix://{self.engine.socket}', 'logs', self.one(uuid)['Id']], capture_output=True, text=True)
        return r.stdout + r.stderr

    def image(self, name, *changes, files=()):
        """A root with busybox, or with only the files given, and these Dockerfile changes."""
        with tempfile.TemporaryDirectory() as root:
            if files:
                for f in files:
                    subprocess.run(['cp', f, root], check=True)
            else:
                os.makedirs(f'{root}/bin')
                subprocess.run(['cp', subprocess.run(['sh', '-c', 'command -v busybox'], capture_output=True, text=True).stdout.strip(), f'{root}/bin/busybox'], check=True)
                for applet in ('sh', 'sleep', 'cat', 'echo', 'env', 'id'):
                    os.symlink('busybox', f'{root}/bin/{applet}')
            argv = [a for c in changes for a in ('-c', c)]
            with subprocess.Popen(['tar', '-C', root, '-c', '.'], stdout=subprocess.PIPE) as tar:
                subprocess.run(['docker', '-H', f'unix://{self.engine.socket}', 'import', *argv, '-', name], stdin=tar.stdout, check=True, capture_output=True)


@unittest.skipIf(netlab.why_not(), netlab.why_not())
class WithTheManager(Case):
    def setUp(self):
        super().setUp()
        self.host.start()

    def test_a_container_runs_when_it_has_its_network(self):
        told = self.want('u1', 1, ports=['8080:80/tcp'], hostname='web')
        self.assertEqual((told['state'], told['ip']), ('running', '10.42.7.1'))
        c = self.one('u1')
        self.assertEqual(c['HostConfig']['NetworkMode'], 'none')
        self.assertEqual(c['Config']['Entrypoint'], ['/.r/r'])
        self.assertEqual(c['Config']['Labels']['io.rancher.cni.wait'], 'true')
        self.assertEqual(c['HostConfig']['PortBindings'] or {}, {})
        self.assertIn('inet 10.42.7.1/16', self.sh('u1', 'busybox ip addr show eth0'))
        self.assertIn('02:00:01:00:07:01', self.sh('u1', 'busybox ip link show eth0'))
        self.assertEqual(sorted(self.sh('u1', 'cat /etc/resolv.conf').splitlines()), ['nameserver 169.254.169.250', 'search rancher.internal'])
        self.assertIn('10.42.7.1\tweb', self.sh('u1', 'cat /etc/hosts'))

    def test_the_command_is_the_one_of_the_image_with_its_user_environment_folder_and_arguments(self):
        self.image('drover/wait:1', 'ENTRYPOINT ["/bin/sh", "-c", "env; id; pwd; echo pid $$ args $0 $@; exec sleep 1000000"]', 'CMD ["a b", "c"]', 'USER 12:34', 'ENV X="y z"', 'WORKDIR /tmp')
        self.want('u2', 2, imageUuid='docker:drover/wait:1', command=None)
        out = eventually(lambda: self.logs('u2') if 'args' in self.logs('u2') else None, 'output')
        for line in ('X=y z', 'uid=12 gid=34', '/tmp', 'pid 1 args a b c'):
            self.assertIn(line, out)
        self.assertNotIn('DROVER', out)

    def test_the_wait_needs_nothing(self):
        rows = {
            'user': {'user': '1234:4321'}, 'read-only': {'readOnly': True}, 'no capabilities': {'capDrop': ['ALL']}, 'no new privileges': {'securityOpt': ['no-new-privileges']},
            'init': {'runInit': True}, 'all': {'user': '1234', 'readOnly': True, 'capDrop': ['ALL'], 'securityOpt': ['no-new-privileges'], 'runInit': True},
        }
        for i, (name, spec) in enumerate(rows.items()):
            with self.subTest(name):
                told = self.want(f'u-need{i}', 10 + i, **spec)
                self.assertEqual((told['state'], told['ip']), ('running', f'10.42.7.{10 + i}'))
                eventually(lambda: any(line.endswith(' /bin/sleep 1000000') and '/.r/r' not in line
                                       for line in self.engine.docker('top', self.one(f'u-need{i}')['Id']).splitlines()), 'the command')

    def test_an_image_of_one_static_file(self):
        busybox = subprocess.run(['sh', '-c', 'command -v busybox'], capture_output=True, text=True).stdout.strip()
        self.image('drover/static:1', 'CMD ["/busybox", "sleep", "1000000"]', files=[busybox])
        self.assertEqual(self.want('u3', 3, imageUuid='docker:drover/static:1', command=None)['state'], 'running')

    def test_a_container_without_any_command_fails_as_the_engine_says(self):
        self.image('drover/none:1', files=['/etc/hostname'])
        told = self.want_fails('u4', 4, imageUuid='docker:drover/none:1', command=None)
        self.assertIn('No command specified', told['error'])

    def test_a_command_that_is_not_there_ends_with_127(self):
        self.server.want('u5', 'running', wait=False, networkMode='none', network=self.network(5), command=['/no/such'])
        eventually(lambda: [c for c in self.engine.by_uuid('u5') if c['State']['ExitCode'] == 127], 'exit status')
        self.assertIn('could not start "/no/such"', self.logs('u5'))

    def test_a_crashing_container_has_its_network_each_time_also_without_the_server_and_the_agent(self):
        self.want('u6', 6, command=['sh', '-c', 'busybox ip addr show eth0 | grep -q 10.42.7.6 && echo has; exit 1'], restartPolicy={'name': 'always'})
        self.server.refuse = True
        self.agent.kill()
        eventually(lambda: self.logs('u6').count('has') >= 4, 'four runs')
        self.assertEqual(set(self.logs('u6').split()), {'has'})
        self.server.refuse = False
        self.start_agent()
        self.server.connected()

    def test_agent_and_manager_killed_at_random_leave_nothing_undone(self):
        seed = int(os.environ.get('DROVER_TEST_SEED', '0')) or random.randrange(1, 1 << 31)
        print('seed', seed)
        rng = random.Random(seed)
        for i in range(12):
            self.server.want(f'u-kill{i}', 'running', wait=False, networkMode='none', network=self.network(100 + i), command=['/bin/sleep', '1000000'])
            time.sleep(rng.random() * 0.3)              # the moment of the kill is the input of this test
            if rng.random() < 0.5:
                self.agent.kill()
                self.start_agent()
            if rng.random() < 0.5:
                self.host.kill()
                self.host.start()
        self.server.connected()
        for i in range(12):
            told = self.server.reported(f'u-kill{i}', 'running')
            self.assertEqual(told['ip'], f'10.42.7.{100 + i}')
            self.assertIn(f'inet 10.42.7.{100 + i}/16', self.sh(f'u-kill{i}', 'busybox ip addr show eth0'))
        eventually(lambda: len(self.host.veths()) == 12, 'one link for each')

    def test_after_a_crash_of_the_machine_networks_are_there_without_server_and_agent(self):
        self.want('u7', 7, restartPolicy={'name': 'always'})
        self.agent.kill()
        self.host.kill()
        self.engine.power_off()
        self.engine.boot()
        self.host.start()
        cid = self.one('u7')['Id']
        self.assertEqual(self.host.wait_up(cid)['ip4']['ip'], '10.42.7.7/16')
        self.assertIn('inet 10.42.7.7/16', self.sh('u7', 'busybox ip addr show eth0'))
        self.start_agent()
        self.server.connected()


@unittest.skipIf(netlab.why_not(), netlab.why_not())
class WithoutTheManager(Case):
    def test_a_signal_ends_the_wait(self):
        self.server.want('u8', 'running', networkMode='none', network=self.network(8), command=['/bin/sleep', '1000000'], wait=False)
        cid = eventually(lambda: [c['Id'] for c in self.engine.by_uuid('u8') if c['State']['Running']], 'the container waits')[0]
        begun = time.monotonic()
        self.engine.docker('stop', '-t', '20', cid)
        self.assertLess(time.monotonic() - begun, 15, 'it did not hear the signal')
        self.assertEqual(self.engine.inspect(cid)['State']['ExitCode'], 128 + signal.SIGTERM)

    def test_nobody_answers_and_the_reason_is_told(self):
        told = self.want_fails('u9', 9)
        self.assertIn('Timeout getting IP address', told['error'])
        cid = self.one('u9')['Id']
        eventually(lambda: self.engine.inspect(cid)['State']['ExitCode'] == 125, 'the wait ends')
        self.assertIn('the network manager of this host has not answered', self.logs('u9'))

    def test_another_manager_takes_its_place(self):
        path = f'{self.host.dir}/other-manager'
        with open(path, 'w') as f:
            f.write(OTHER_MANAGER)
        self.other = self.engine.inside('sh', path, self.host.state, self.engine.socket, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        told = self.want('u10', 20)
        self.assertEqual((told['state'], told['ip']), ('running', '10.42.7.20'))
        self.assertEqual(self.sh('u10', 'cat /proc/1/cmdline').split('\0')[0], '/bin/sleep')


if __name__ == '__main__':
    unittest.main(verbosity=2)
