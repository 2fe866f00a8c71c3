#!/usr/bin/env python3
"""drover-node network-manager and its entry wait on a real engine: CNI, published ports, host NAT, repair.

DROVER_BIN_DIR or DROVER_NODE: the program. DROVER_ENTRY_PROGRAM: a static one for the entry wait when the first is not. DROVER_NETWORK_RESTARTS: how many (100).
DROVER_TEST_SEED: seed of the moments at which things are killed (printed).
"""
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import netlab
from netlab import HOST_IP, OUTSIDE_IP, Host, eventually

ECHO = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'echo.py')
RESTARTS = int(os.environ.get('DROVER_NETWORK_RESTARTS', '100'))
SEED = int(os.environ.get('DROVER_TEST_SEED', '0')) or random.randrange(1, 1 << 31)
SLEEP = ('sleep', '1000000')


class Case(unittest.TestCase):
    dockerd = ()

    @classmethod
    def setUpClass(cls):
        cls.host = Host(*cls.dockerd)
        cls.engine = cls.host.engine

    @classmethod
    def tearDownClass(cls):
        cls.host.close()

    def setUp(self):
        self.helpers = []
        self.host.containers.clear()
        self.host.networks['n1']['metadata']['cniConfig'] = {'10-vxlan.conf': dict(netlab.CNI)}
        self.host.write()
        self.host.start()
        self.addCleanup(self.clean)

    def clean(self):
        for p in self.helpers:
            os.killpg(p.pid, signal.SIGKILL)            # nsenter forks
            p.wait()
            p.stdout.close()
        self.engine.remove_all()
        if self.host.manager:
            eventually(lambda: os.listdir(f'{self.host.state}/cni') == [], 'state files of removed containers are gone')
            self.assertEqual(self.host.veths(), [], 'veth ends are left')
            self.assertEqual(self.host.kill(signal.SIGTERM), 0, self.host.text(self.host.mark)[-3000:])
        text = self.host.text(self.host.mark)
        self.assertFalse(re.search('Sanitizer', text), text[-5000:])

    # Programs in a container's network -----------------------------------------------------------------------------------
    def in_net(self, name, *argv, **more):
        """name: a container; None: the host; 'outside'. The program has this machine's files."""
        python = (sys.executable, ECHO)
        if name == 'outside':
            return ['nsenter', '-t', str(self.host.outside.pid), '-n', '--', *python, *argv]
        into = ['nsenter', '-t', str(self.engine.init), '-m', '-n', '-p', '--']
        if name:
            into += ['nsenter', '-t', str(self.engine.inspect(name)['State']['Pid']), '-n', '--']
        return [*into, *python, *argv]

    def helper(self, *argv):
        p = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.helpers.append(p)
        return p

    def serve(self, where, port, name=None):
        p = self.helper(*self.in_net(where, 'serve', name or where, str(port)))
        self.assertEqual(p.stdout.readline(), 'ready\n')

    def ask(self, who, kind, address, port, tries=20):
        r = subprocess.run(self.in_net(who, 'ask', kind, address, str(port), str(tries)), capture_output=True, text=True, timeout=120)
        return r.stdout.strip()

    def server(self, name, ip, port=8080):
        cid = self.host.run(name, ip, *SLEEP)
        self.host.wait_up(cid)
        self.serve(name, port)
        return cid

    def has_rule(self, text):
        return self.host.sh(f"nft list table ip drover 2>/dev/null | grep -qF '{text}'", check=False)


@unittest.skipIf(netlab.why_not(), netlab.why_not())
class Containers(Case):
    def test_a_started_container_gets_its_address_mac_route_names_and_state(self):
        cid = self.host.run('c-one', '10.42.1.1', *SLEEP)
        state = self.host.wait_up(cid)
        self.assertEqual(state['ip4']['ip'], '10.42.1.1/16')
        self.assertEqual(state['ip4']['gateway'], '10.42.0.1')
        shown = self.engine.docker('exec', 'c-one', 'busybox', 'ip', 'addr', 'show', 'eth0')
        self.assertIn('02:00:01:2a:01:01', shown)
        self.assertIn('10.42.1.1/16', shown)
        self.assertIn('mtu 1450', shown)
        self.assertIn('default via 10.42.0.1', self.engine.docker('exec', 'c-one', 'busybox', 'ip', 'route'))
        self.assertIn('10.42.1.1\tc-one', self.engine.docker('exec', 'c-one', 'cat', '/etc/hosts'))
        self.assertEqual(self.engine.docker('exec', 'c-one', 'cat', '/etc/resolv.conf'), 'nameserver 169.254.169.250\nsearch rancher.internal')
        self.assertEqual(self.engine.docker('exec', 'c-one', 'cat', '/proc/1/cmdline').split('\0')[:2], list(SLEEP))
        self.assertIn('169.254.169.250 dev docker0', self.host.sh('ip route'))

    def test_restarts_leave_one_link_one_state_and_the_same_address(self):
        cid = self.host.run('c-again', '10.42.1.2', *SLEEP)
        self.host.wait_up(cid)
        for _ in range(RESTARTS):
            self.engine.docker('restart', '-t', '0', 'c-again')
            state = self.host.wait_up(cid)
            self.assertEqual(state['ip4']['ip'], '10.42.1.2/16')
        eventually(lambda: os.listdir(f'{self.host.state}/cni/{cid}') == [self.engine.inspect(cid)['State']['StartedAt']], 'only the state of this run')
        self.assertEqual(self.host.veths(), ['vethr' + cid[:10]])
        self.assertIn('02:00:01:2a:01:02', self.engine.docker('exec', 'c-again', 'busybox', 'ip', 'link', 'show', 'eth0'))
        self.assertEqual(self.engine.docker('exec', 'c-again', 'cat', '/etc/hosts').count('10.42.1.2\tc-again'), 1)

    def test_a_manager_killed_at_random_finds_its_way(self):
        print('seed', SEED)
        rng = random.Random(SEED)
        made = {}
        for i in range(20):
            name = f'c-kill{i}'
            made[name] = self.host.run(name, f'10.42.2.{i + 1}', *SLEEP)
            if rng.random() < 0.5:
                time.sleep(rng.random() * 0.15)         # the moment of the kill is the input of this test
                self.host.kill()
                if rng.random() < 0.3 and made:
                    gone = rng.choice(sorted(made))
                    self.engine.docker('rm', '-f', gone)
                    del made[gone]
                self.host.start()
        for name, cid in made.items():
            self.assertIn('ip4', self.host.wait_up(cid), name)
            self.assertIn('/16', self.engine.docker('exec', name, 'busybox', 'ip', 'addr', 'show', 'eth0'))
            self.assertIn('default via', self.engine.docker('exec', name, 'busybox', 'ip', 'route'))
        eventually(lambda: sorted(os.listdir(f'{self.host.state}/cni')) == sorted(made.values()), 'one state folder for each')
        eventually(lambda: len(self.host.veths()) == len(made), 'one link for each')

    def test_a_network_without_configuration_is_named_and_ends_the_container(self):
        cid = self.host.create('c-none', '10.42.1.3', *SLEEP, options=('--label', 'io.rancher.cni.network=nowhere'))
        self.engine.docker('start', 'c-none')
        eventually(lambda: not self.engine.inspect(cid)['State']['Running'], 'end of the container', 60)
        self.assertEqual(self.engine.inspect(cid)['State']['ExitCode'], 125)
        self.assertIn('no CNI configuration for network "nowhere"', subprocess.run(['docker', '-H', f'unix://{self.engine.socket}', 'logs', 'c-none'], capture_output=True, text=True).stderr)

    def test_configuration_that_comes_later_is_used_at_once(self):
        self.host.networks['n2'] = {'name': 'late', 'is_default': False, 'host_ports': True, 'metadata': {}}
        cid = self.host.create('c-late', '10.42.1.4', *SLEEP, options=('--label', 'io.rancher.cni.network=late'))
        self.engine.docker('start', 'c-late')
        eventually(lambda: 'no CNI configuration for network \\"late\\"' in self.host.text(self.host.mark), 'the manager tries')
        conf = dict(netlab.CNI, bridge='__host_label__: bridge', name='late')
        self.host.networks['n2']['metadata'] = {'cniConfig': {'10-late.conf': conf}}
        self.host.write()
        self.assertEqual(self.host.wait_up(cid)['ip4']['ip'], '10.42.1.4/16')
        with open(f'{self.host.cni}/late.d/10-late.conf') as f:
            self.assertEqual(json.load(f)['bridge'], 'docker0')
        self.assertEqual(os.readlink(f'{self.host.cni}/managed.d'), 'vxlan.d')
        del self.host.networks['n2']

    def test_without_metadata_containers_get_their_network_from_labels(self):
        cid = self.host.run('c-first', '10.42.1.5', *SLEEP)
        self.host.wait_up(cid)
        self.host.kill()
        feed = self.host.feed
        self.host.feed = f'{feed}.empty'
        open(self.host.feed, 'w').close()
        try:
            self.host.start()
            cid = self.host.run('c-second', '10.42.1.6', *SLEEP)
            self.assertEqual(self.host.wait_up(cid)['ip4']['ip'], '10.42.1.6/16')
        finally:
            self.host.feed = feed

    def test_plugins_of_others_run_by_their_names_in_the_order_of_the_files(self):
        self.engine.inside('sh', '-c', 'mkdir -p /opt/cni && mount -t tmpfs tmpfs /opt/cni && mkdir /opt/cni/bin').wait()
        plugin = '''#!/bin/sh
# A plugin of version 0.3.1, as a third party would write it: an address on a link of its own.
case $CNI_COMMAND in
ADD) nsenter --net="$CNI_NETNS" sh -c 'ip link add eth0 type bridge 2>/dev/null || exit 1; ip addr add 10.99.0.7/24 dev eth0; ip link set eth0 up' || { echo '{"cniVersion":"0.3.1","code":100,"msg":"eth0 exists"}'; exit 1; }
     echo '{"cniVersion":"0.3.1","interfaces":[{"name":"eth0"}],"ips":[{"version":"4","address":"10.99.0.7/24","gateway":"10.99.0.1","interface":0}],"routes":[],"dns":{}}' ;;
DEL) [ -z "$CNI_NETNS" ] || nsenter --net="$CNI_NETNS" ip link del eth0; exit 0 ;;
esac
'''
        script = f'{self.host.dir}/third-party'
        with open(script, 'w') as f:
            f.write(plugin)
        self.engine.inside('sh', '-c', f'cp {script} /opt/cni/bin/third-party && chmod 755 /opt/cni/bin/third-party').wait()
        self.host.networks['n1']['metadata']['cniConfig'] = {'10-other.conf': {'cniVersion': '0.3.1', 'name': 'other', 'type': 'third-party'}}
        self.host.write()
        eventually(lambda: os.listdir(f'{self.host.cni}/vxlan.d') and '10-vxlan.conf' not in os.listdir(f'{self.host.cni}/vxlan.d'), 'the other configuration')
        cid = self.host.run('c-other', '10.99.0.7', *SLEEP)
        state = self.host.wait_up(cid)
        self.assertEqual(state.get('ip4', state), {'ip': '10.99.0.7/24', 'gateway': '10.99.0.1'})
        started = self.engine.inspect(cid)['State']['StartedAt']
        self.host.kill()
        os.unlink(f'{self.host.state}/cni/{cid}/{started}')      # as if it had died before its word
        self.host.start()
        self.assertEqual(self.host.wait_up(cid)['ip4']['ip'], '10.99.0.7/24')
        self.assertNotIn('eth0 exists', self.host.text(self.host.mark))


@unittest.skipIf(netlab.why_not(), netlab.why_not())
class Ports(Case):
    def test_a_published_port_is_reached_from_everywhere(self):
        for name, ip in (('p-one', '10.42.3.1'), ('p-two', '10.42.3.2'), ('p-bound', '10.42.3.3')):
            self.server(name, ip)
        self.host.tell('p-one', '10.42.3.1', ['0.0.0.0:8000:8080/tcp', '0.0.0.0:8000:8080/udp'])
        self.host.tell('p-bound', '10.42.3.3', [f'{HOST_IP}:8001:8080/tcp', f'{HOST_IP}:8001:8080/udp'])
        self.host.tell('p-two', '10.42.3.2', ['0.0.0.0:8001:8080/tcp', '0.0.0.0:8001:8080/udp'])
        eventually(lambda: self.has_rule('8001'), 'rules for the ports')
        for kind in ('tcp', 'udp'):
            with self.subTest(kind):
                self.assertEqual(self.ask('outside', kind, HOST_IP, 8000), f'p-one {OUTSIDE_IP}', 'the source address is kept')
                self.assertTrue(self.ask(None, kind, HOST_IP, 8000).startswith('p-one '), 'from the host, its address')
                self.assertTrue(self.ask(None, kind, '127.0.0.1', 8000).startswith('p-one 10.42.0.1'), 'from the host, loopback')
                self.assertTrue(self.ask('p-two', kind, HOST_IP, 8000).startswith('p-one '), 'from a neighbour')
                self.assertTrue(self.ask('p-one', kind, HOST_IP, 8000).startswith('p-one '), 'from the target itself')
                self.assertEqual(self.ask('outside', kind, HOST_IP, 8001), f'p-bound {OUTSIDE_IP}', 'the address it is bound to goes first')
                self.assertTrue(self.ask(None, kind, '127.0.0.1', 8001).startswith('p-two '), 'another address of the host')
        self.host.tell('p-one', '10.42.3.1', [], state='stopped')
        eventually(lambda: not self.has_rule('8000'), 'the port is taken back')
        self.assertEqual(self.ask('outside', 'tcp', HOST_IP, 8000, 1), '')

    def test_containers_go_out_by_the_hosts_address_but_not_to_the_metadata_service(self):
        self.server('p-out', '10.42.3.4')
        self.serve('outside', 7000)
        self.host.out(f'ip route replace 10.42.0.0/16 via {HOST_IP}')
        self.assertEqual(self.ask('p-out', 'tcp', OUTSIDE_IP, 7000), f'outside {HOST_IP}')
        self.host.sh('ip link add meta0 type bridge; ip addr add 169.254.169.250/32 dev meta0; ip link set meta0 up')
        try:
            self.serve(None, 80, 'meta')
            self.assertEqual(self.ask('p-out', 'tcp', '169.254.169.250', 80), 'meta 10.42.3.4')
        finally:
            self.host.sh('ip link del meta0')

    def test_a_udp_flow_moves_to_a_new_target(self):
        self.server('p-old', '10.42.3.5')
        self.server('p-new', '10.42.3.6')
        self.host.tell('p-old', '10.42.3.5', ['0.0.0.0:8003:8080/udp'])
        eventually(lambda: self.has_rule('8003'), 'the port')
        answers = f'{self.host.dir}/answers'
        self.helper(*self.in_net('outside', 'keep', HOST_IP, '8003', answers))

        def last():
            lines = open(answers).read().splitlines() if os.path.exists(answers) else []
            return lines[-1].split() if lines else ['0', '']
        eventually(lambda: last()[1] == 'p-old', 'answers of the first target')
        self.host.containers['p-old']['ports'] = []
        self.host.tell('p-new', '10.42.3.6', ['0.0.0.0:8003:8080/udp'])
        eventually(lambda: last()[1] == 'p-new', 'the flow moves', 10)
        # Nobody has the port for a while: packets go to the host itself. Then somebody has it again.
        self.host.tell('p-new', '10.42.3.6', [])
        eventually(lambda: not self.has_rule('8003'), 'the port is taken back')
        seen = os.path.getsize(answers)
        self.host.tell('p-old', '10.42.3.5', ['0.0.0.0:8003:8080/udp'])
        eventually(lambda: os.path.getsize(answers) > seen and last()[1] == 'p-old', 'the flow is found again', 10)


class Rules:
    """What holds whatever the engine and the administrator did to the host's rules."""
    def check(self):
        self.assertEqual(self.ask('outside', 'tcp', HOST_IP, 8000), f'r-one {OUTSIDE_IP}')
        self.assertTrue(self.ask('r-two', 'udp', '10.42.4.1', 8080).startswith('r-one 10.42.4.2'), 'neighbours')
        self.assertTrue(self.ask('r-two', 'tcp', OUTSIDE_IP, 7000).startswith(f'outside {HOST_IP}'), 'the way out')

    def publish(self):
        self.server('r-one', '10.42.4.1')
        self.server('r-two', '10.42.4.2')
        self.serve('outside', 7000)
        self.host.tell('r-one', '10.42.4.1', ['0.0.0.0:8000:8080/tcp'])
        eventually(lambda: self.has_rule('8000'), 'the port')

    def test_flushed_rules_come_back(self):
        self.publish()
        self.check()
        self.host.sh('nft flush ruleset')
        eventually(lambda: self.has_rule('8000'), 'rules after a flush', 10)
        self.check()
        self.host.sh('nft delete chain ip drover prerouting 2>/dev/null || nft flush chain ip drover prerouting')
        eventually(lambda: self.host.sh("nft list chain ip drover prerouting | grep -q ports_any", check=False), 'rules after a chain was emptied', 10)
        self.check()

    def test_a_policy_of_drop_before_and_after(self):
        self.publish()
        for tool in ('iptables-nft', 'iptables-legacy'):
            with self.subTest(tool):
                self.host.sh(f'{tool} -P FORWARD DROP')
                try:
                    eventually(lambda: self.ask('outside', 'tcp', HOST_IP, 8000, 1) == f'r-one {OUTSIDE_IP}', f'{tool}: the port is open again', 30)
                    self.check()
                    self.host.sh(f'{tool} -F FORWARD')
                    eventually(lambda: self.ask('outside', 'tcp', HOST_IP, 8000, 1) == f'r-one {OUTSIDE_IP}', f'{tool}: the port is open again after a flush', 30)
                    self.host.kill()
                    self.host.sh(f'{tool} -F FORWARD; {tool} -F CATTLE_FORWARD')
                    self.assertEqual(self.ask('outside', 'tcp', HOST_IP, 8000, 1), '')
                    self.host.start()
                    eventually(lambda: self.ask('outside', 'tcp', HOST_IP, 8000, 1) == f'r-one {OUTSIDE_IP}', f'{tool}: the port is open after a start', 30)
                    self.check()
                finally:
                    self.host.sh(f'{tool} -P FORWARD ACCEPT')

    def test_rules_stay_the_same_over_many_changes_of_metadata_and_of_the_engine(self):
        self.engine.stop()                              # other tests flushed what the engine had made
        self.engine.start()
        self.publish()

        def rules():
            return self.host.sh('nft -s list table ip drover; iptables-nft-save -t filter | grep CATTLE')
        before = rules()
        for i in range(20):
            self.host.tell('far', f'10.42.200.{i + 1}', ['0.0.0.0:9999:80/tcp'], host_uuid='h2')
            self.engine.docker('network', 'create', f'net{i}')
        for i in range(20):
            self.engine.docker('network', 'rm', f'net{i}')
        self.host.tell('far', '10.42.200.1', host_uuid='h2')
        eventually(lambda: rules() == before, 'the same rules')
        self.assertNotIn('changed by somebody else', self.host.text(self.host.mark))
        self.check()

    def test_a_firewall_of_its_own_that_drops_is_named(self):
        self.publish()
        self.host.sh('nft add table inet fw; nft "add chain inet fw chain1 { type filter hook forward priority 0; policy drop; }"')
        try:
            eventually(lambda: 'inet fw chain1' in self.host.text(self.host.mark), 'the reason in the log')
        finally:
            self.host.sh('nft delete table inet fw')
        eventually(lambda: 'packet rules are as they should be' in self.host.text(self.host.mark), 'the end of it in the log')
        self.check()

    def test_uninstalling_takes_everything_away(self):
        self.publish()
        self.host.kill(signal.SIGTERM)
        p = self.engine.inside(netlab.NODE, '--config', '/dev/null', '--state-dir', self.host.state, 'network-manager', '--uninstall', '--run-dir', self.host.run_dir)
        self.assertEqual(p.wait(60), 0)
        self.assertFalse(self.host.sh('nft list table ip drover 2>/dev/null', check=False))
        self.assertNotIn('CATTLE', self.host.sh('iptables-nft-save'))
        self.assertNotIn('169.254.169.250', self.host.sh('ip route'))
        self.host.start()


@unittest.skipIf(netlab.why_not(), netlab.why_not())
class RulesBesideTheEngines(Rules, Case):
    pass


@unittest.skipIf(netlab.why_not(), netlab.why_not())
class RulesWithoutTheEngines(Rules, Case):
    dockerd = ('--iptables=false',)


if __name__ == '__main__':
    unittest.main(verbosity=2)
