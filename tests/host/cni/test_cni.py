#!/usr/bin/env python3
"""drover-bridge and drover-ipam in real network namespaces, driven by a runtime that follows the CNI specification."""
import contextlib
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import world                                            # noqa: E402
from world import VERSIONS, sh                          # noqa: E402

ID = '4f' * 32
MAC = '02:01:02:03:04:05'


def other(n):
    return '%064x' % (n + (1 << 240))


@unittest.skipIf(world.missing(), world.missing())
class Case(unittest.TestCase):
    def setUp(self):
        self.w = world.World()
        self.addCleanup(self.w.close)

    def ok(self, answer):
        self.assertEqual(answer.code, 0, answer.msg)
        return answer.json

    def refused(self, answer, code, words=''):
        self.assertEqual((answer.status, answer.code), (1, code), answer.text)
        self.assertIn(words, answer.msg)

    def add(self, box, conf=None, container=ID, ip='10.42.17.5/16', mac=MAC, **more):
        return self.w.run('ADD', conf or self.w.config('1.0.0'), container, box, ip, mac, **more)


class Versions(Case):
    def test_results_have_the_form_of_each_version(self):
        for version in [None] + VERSIONS:
            with self.subTest(version=version):
                box, conf = self.w.box(), self.w.config(version, dns={'nameservers': ['169.254.169.250']})
                r = self.ok(self.add(box, conf))
                v = version or '0.1.0'
                self.assertEqual(r['cniVersion'], v)
                self.assertEqual(r['dns'], {'nameservers': ['169.254.169.250']})
                if v < '0.3.0':
                    self.assertEqual(r['ip4'], {'ip': '10.42.17.5/16', 'gateway': '10.42.0.1', 'routes': [{'dst': '0.0.0.0/0', 'gw': '10.42.0.1'}]})
                    self.assertEqual(set(r), {'cniVersion', 'ip4', 'dns'})
                else:
                    ip = {'address': '10.42.17.5/16', 'gateway': '10.42.0.1', 'interface': 2}
                    self.assertEqual(r['ips'], [dict(ip, version='4') if v < '1.0.0' else ip])
                    self.assertEqual([i['name'] for i in r['interfaces']], ['drbr0', 'vethr4f4f4f4f4f', 'eth0'])
                    self.assertEqual(r['interfaces'][2]['mac'], MAC)
                    self.assertEqual([i.get('sandbox') for i in r['interfaces']], [None, None, '/run/netns/' + box])
                    self.assertEqual([i.get('mtu') for i in r['interfaces']], [1500, 1500, 1402] if v >= '1.1.0' else [None] * 3)
                    self.assertEqual(r['routes'], [{'dst': '0.0.0.0/0', 'gw': '10.42.0.1'}])
                check = self.w.run('CHECK', dict(conf, prevResult=r), ID, box, '10.42.17.5/16', MAC)
                if v < '0.4.0':
                    self.refused(check, 1, 'CHECK exists from cniVersion 0.4.0 on')
                else:
                    self.ok(check)
                self.ok(self.w.run('DEL', dict(conf, prevResult=r), ID, box))
                self.assertEqual(self.w.strays(), [])
                for command in ('GC', 'STATUS'):
                    answer = self.w.run(command, dict(conf, **{'cni.dev/valid-attachments': []}))
                    self.assertEqual(answer.code, 0 if v >= '1.1.0' else 1, answer.msg)

    def test_version_lists_what_is_supported_and_wants_no_configuration(self):
        for plugin in world.NAMES:
            r = self.ok(self.w.run('VERSION', {'cniVersion': '9.9.9'}, plugin=plugin))
            self.assertEqual(r, {'cniVersion': '1.1.0', 'supportedVersions': VERSIONS})

    def test_an_unknown_version_is_error_1_and_names_the_known_ones(self):
        answer = self.add(self.w.box(), self.w.config('2.0.0'))
        self.refused(answer, 1, '"2.0.0"')
        self.assertIn('1.1.0', answer.json['details'])


class Life(Case):
    def test_add_twice_gives_the_same_result_and_one_link(self):
        box = self.w.box()
        first = self.ok(self.add(box))
        links = self.w.links()
        self.assertEqual(self.ok(self.add(box)), first)
        self.assertEqual(sorted(self.w.links()), sorted(links))
        self.assertEqual(self.w.links()['vethr4f4f4f4f4f']['ifindex'], links['vethr4f4f4f4f4f']['ifindex'])
        self.assertEqual(self.w.addresses('eth0', box), ['10.42.17.5/16'])

    def test_add_mends_what_is_left_of_an_attachment(self):
        box = self.w.box()
        first = self.ok(self.add(box))
        sh('ip', '-n', box, 'link', 'set', 'eth0', 'down', 'address', '02:00:00:00:00:99', 'mtu', '1300')
        sh('ip', '-n', box, 'addr', 'flush', 'dev', 'eth0')
        sh('ip', '-n', self.w.host, 'link', 'set', 'vethr4f4f4f4f4f', 'nomaster', 'down', 'alias', '')
        self.assertEqual(self.ok(self.add(box)), first)
        self.assertTrue(self.w.ping(box, '10.42.0.1'))
        conf = self.w.config('1.0.0')
        self.ok(self.w.run('CHECK', dict(conf, prevResult=first), ID, box))

    def test_del_succeeds_when_there_is_less_and_less(self):
        box, conf = self.w.box(), self.w.config('1.0.0')
        self.ok(self.add(box))
        for _ in range(2):
            self.ok(self.w.run('DEL', conf, ID, box))
            self.assertEqual(self.w.strays(), [])
        self.ok(self.w.run('DEL', conf, ID))
        self.ok(self.add(box))
        self.w.drop(box)                                # the container died
        self.ok(self.w.run('DEL', conf, ID, netns='/run/netns/' + box))
        self.ok(self.w.run('DEL', conf, ID, netns='/proc/999999999/ns/net'))
        self.ok(self.w.run('DEL', conf, ID))
        self.assertEqual(self.w.strays(), [])

    def test_del_without_a_namespace_spares_a_container_that_runs_again(self):
        box, conf = self.w.box(), self.w.config('1.0.0')
        self.ok(self.add(box))
        # exec: the process that is known here is the one inside
        with subprocess.Popen(['nsenter', '--net=/run/netns/' + box, '--', 'sleep', '1000']) as process:
            try:
                deadline = time.monotonic() + 10
                while os.stat('/proc/%d/ns/net' % process.pid).st_ino != os.stat('/run/netns/' + box).st_ino:
                    self.assertLess(time.monotonic(), deadline)
                self.ok(self.w.run('DEL', conf, ID))
                self.assertEqual(self.w.strays(), ['vethr4f4f4f4f4f'])
                self.assertTrue(self.w.ping(box, '10.42.0.1'))
            finally:
                process.kill()
        self.ok(self.w.run('DEL', conf, ID))            # nobody lives there now
        self.assertEqual(self.w.strays(), [])

    def test_a_hundred_restarts_keep_address_and_mac_and_leave_nothing(self):
        conf = self.w.config('1.0.0')
        results = set()
        for n in range(100):
            box = self.w.box()
            r = self.ok(self.add(box))
            results.add((r['ips'][0]['address'], r['interfaces'][2]['mac'], r['interfaces'][1]['name']))
            self.w.drop(box)
            if n % 3:                                   # DEL may be late, or never come
                self.ok(self.w.run('DEL', conf, ID))
        self.assertEqual(results, {('10.42.17.5/16', MAC, 'vethr4f4f4f4f4f')})
        self.ok(self.w.run('DEL', conf, ID))
        self.assertEqual(self.w.strays(), [])

    def test_a_plugin_killed_at_any_time_leaves_nothing_that_del_does_not_take(self):
        conf, box = self.w.config('1.0.0'), self.w.box()
        for n in range(40):
            p = subprocess.Popen(self.w.words('drover-bridge'), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 env=self.w.env('ADD', ID, '/run/netns/' + box, args='IPAddress=10.42.17.5/16;MACAddress=' + MAC))
            p.stdin.write(json.dumps(conf).encode())
            p.stdin.close()
            try:
                p.wait(timeout=n * 0.0005)              # a different moment each time; not a wait for anything
            except subprocess.TimeoutExpired:
                p.send_signal(signal.SIGKILL)
            p.wait()
            if n % 2:
                self.ok(self.add(box))
            self.ok(self.w.run('DEL', conf, ID, box))
            self.assertEqual(self.w.strays(), [])
            self.assertNotIn('eth0', self.w.links(box))

    def test_adds_at_once_on_a_bridge_that_is_not_there_all_succeed(self):
        boxes = [self.w.box() for _ in range(8)]
        answers = [None] * len(boxes)

        def start(n):
            answers[n] = self.add(boxes[n], container=other(n << 230), ip='10.42.5.%d/16' % (n + 1), mac='02:00:00:00:05:%02x' % n)
        threads = [threading.Thread(target=start, args=(n,)) for n in range(len(boxes))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for a in answers:
            self.ok(a)
        self.assertEqual(len(self.w.strays()), len(boxes))
        self.assertTrue(self.w.ping(boxes[0], '10.42.5.8'))
        self.assertEqual(self.w.addresses('drbr0'), ['10.42.0.1/16'])


class Bridge(Case):
    def test_containers_reach_each_other_the_gateway_and_the_host_reaches_them(self):
        a, b = self.w.box(), self.w.box()
        self.ok(self.add(a))
        self.ok(self.add(b, container=other(1 << 230), ip='10.42.17.6/16', mac='02:01:02:03:04:06'))
        for where, ip in ((a, '10.42.17.6'), (b, '10.42.17.5'), (a, '10.42.0.1'), (self.w.host, '10.42.17.6')):
            self.assertTrue(self.w.ping(where, ip), (where, ip))
        self.assertIn(('default', '10.42.0.1'), self.w.routes(a))
        self.assertEqual(sh('nsenter', '--net=/run/netns/' + self.w.host, '--', 'cat', '/proc/sys/net/ipv4/ip_forward').strip(), '1')

    def test_a_bridge_that_is_there_is_adopted_with_its_address_and_mtu(self):
        sh('ip', '-n', self.w.host, 'link', 'add', 'docker0', 'address', '02:42:00:00:00:01', 'type', 'bridge')
        sh('ip', '-n', self.w.host, 'link', 'set', 'docker0', 'mtu', '1400')
        sh('ip', '-n', self.w.host, 'addr', 'add', '172.17.0.1/16', 'dev', 'docker0')
        box = self.w.box()
        self.ok(self.add(box, self.w.config('1.0.0', bridge='docker0', mtu=1400)))
        self.assertEqual(sorted(self.w.addresses('docker0')), ['10.42.0.1/16', '172.17.0.1/16'])
        bridge = self.w.links()['docker0']
        self.assertEqual((bridge['mtu'], bridge['address']), (1400, '02:42:00:00:00:01'))
        self.assertIn('UP', bridge['flags'])
        self.assertEqual(bridge['promiscuity'], 1)
        self.assertEqual(self.w.links(box)['eth0']['mtu'], 1302)
        self.assertTrue(self.w.ping(box, '10.42.0.1'))

    def test_a_bridge_with_another_address_only_is_a_conflict_with_the_gateway(self):
        sh('ip', '-n', self.w.host, 'link', 'add', 'drbr0', 'type', 'bridge')
        sh('ip', '-n', self.w.host, 'addr', 'add', '172.17.0.1/16', 'dev', 'drbr0')
        box = self.w.box()
        self.refused(self.add(box, self.w.config('1.0.0', bridgeSubnet=None)), 101, 'has address 172.17.0.1/16 and not the gateway')
        self.assertEqual(self.w.strays(), [])
        self.assertNotIn('eth0', self.w.links(box))
        # The bridge's own address as gateway: its containers are in that network.
        self.ok(self.add(box, self.w.config('1.0.0', bridgeSubnet=None, useBridgeIPAsGateway=True), ip='172.17.9.9/16'))
        self.assertIn(('default', '172.17.0.1'), self.w.routes(box))

    def test_a_bridge_without_any_address_gets_the_gateways(self):
        self.ok(self.add(self.w.box(), self.w.config('1.0.0', bridgeSubnet=None)))
        self.assertEqual(self.w.addresses('drbr0'), ['10.42.0.1/16'])

    def test_a_flat_network_leaves_the_bridge_alone_and_takes_its_routes_from_the_configuration(self):
        box = self.w.box()
        conf = self.w.config('1.0.0', skipBridgeConfigureIP=True, isDefaultGateway=False, linkMTUOverhead=0,
                             ipam={'type': 'rancher-cni-ipam', 'subnetPrefixSize': '/16', 'routes': [{'dst': '0.0.0.0/0', 'gw': '10.42.255.1'}, {'dst': '169.254.169.250/32'}]})
        self.ok(self.add(box, conf))
        self.assertEqual(self.w.addresses('drbr0'), [])
        self.assertEqual(self.w.routes(box), {('default', '10.42.255.1'), ('10.42.0.0/16', None), ('169.254.169.250', None)})

    def test_mtu_mac_and_the_overhead_that_a_label_overrides(self):
        for args, mtu in (('', 1402), (';LinkMTUOverhead=0', 1500), (';LinkMTUOverhead=50', 1450)):
            box = self.w.box()
            self.ok(self.add(box, args='IgnoreUnknown=1;IPAddress=10.42.17.5/16;MACAddress=%s%s' % (MAC, args)))
            eth = self.w.links(box)['eth0']
            self.assertEqual((eth['mtu'], eth['address']), (mtu, MAC))
            self.assertEqual(self.w.links()['vethr4f4f4f4f4f']['mtu'], 1500)
            self.ok(self.w.run('DEL', self.w.config('1.0.0'), ID, box))
        self.refused(self.add(self.w.box(), self.w.config('1.0.0', mtu=100)), 7, 'leaves nothing')

    def test_the_link_has_its_mac_from_birth_and_comes_up_with_its_address(self):
        box = self.w.box()
        with subprocess.Popen(['ip', '-n', box, '-o', 'monitor', 'link', 'address'], stdout=subprocess.PIPE, text=True) as monitor:
            try:
                # A link of the test's own tells when the monitor listens.
                sh('ip', '-n', box, 'link', 'set', 'lo', 'up')
                for k in range(100):
                    sh('ip', '-n', box, 'link', 'set', 'lo', 'mtu', str(60000 + k))
                    if select_line(monitor):
                        break
                self.ok(self.add(box))
                sh('ip', '-n', box, 'addr', 'add', '192.0.2.77/32', 'dev', 'lo')       # the end
                lines = []
                for line in monitor.stdout:
                    lines.append(line)
                    if '192.0.2.77' in line:
                        break
            finally:
                monitor.kill()
        seen = [line for line in lines if 'eth0' in line]
        macs = set(re.findall(r'link/ether (\S+)', ''.join(seen)))
        self.assertEqual(macs, {MAC})
        address = next(i for i, line in enumerate(seen) if '10.42.17.5' in line)
        up = next(i for i, line in enumerate(seen) if re.search(r'<[^>]*\bUP\b', line))
        self.assertLess(address, up)

    def test_hairpin_lets_a_container_reach_itself_through_the_bridge(self):
        box = self.w.box()
        conf = self.w.config('1.0.0', promiscMode='false', hairpinMode='true')
        r = self.ok(self.add(box, conf))
        self.assertIn('hairpin on', sh('ip', '-d', '-n', self.w.host, 'link', 'show', 'vethr4f4f4f4f4f'))
        self.assertNotIn('PROMISC', self.w.links()['drbr0']['flags'])
        self.ok(self.w.run('CHECK', dict(conf, prevResult=r), ID, box))
        self.refused(self.add(box, self.w.config('1.0.0', hairpinMode=True)), 7, 'cannot both be true')

    def test_transmit_checksum_offload_is_off_where_the_configuration_says_so(self):
        # ETHTOOL_GTXCSUM, from inside
        ask = 'import array,fcntl,socket,struct;v=array.array("I",[0x16,9]);' \
              'fcntl.ioctl(socket.socket(),0x8946,struct.pack("16sP8x",b"eth0",v.buffer_info()[0]));print(v[1])'
        for value, offload in ((None, '1'), (False, '0'), ('false', '0')):
            box = self.w.box()
            self.ok(self.add(box, self.w.config('1.0.0', txChecksumOffload=value)))
            self.assertEqual(sh('nsenter', '--net=/run/netns/' + box, '--', sys.executable, '-c', ask).strip(), offload)

    def test_neighbours_learn_a_new_mac_of_an_old_address_at_once(self):
        a, b = self.w.box(), self.w.box()
        self.ok(self.add(a))
        self.ok(self.add(b, container=other(1 << 230), ip='10.42.17.6/16', mac='02:01:02:03:04:06'))
        self.assertTrue(self.w.ping(b, '10.42.17.5'))
        self.ok(self.w.run('DEL', self.w.config('1.0.0'), ID, a))
        time.sleep(1.1)                                 # the kernel keeps an entry that is younger than a second (locktime)
        self.ok(self.add(self.w.box(), container=other(2 << 230), mac='02:01:02:03:04:77'))
        self.assertIn('02:01:02:03:04:77', sh('ip', '-n', b, 'neigh', 'show', '10.42.17.5'))


def select_line(process):
    import select
    ready, _, _ = select.select([process.stdout], [], [], 0.2)
    return bool(ready) and bool(process.stdout.readline())


class Refusals(Case):
    def test_each_refusal_has_its_code_and_leaves_nothing(self):
        box = self.w.box()
        sh('ip', '-n', self.w.host, 'link', 'add', 'plain', 'type', 'vxlan', 'id', '7', 'dstport', '4789', 'dev', 'lo')
        taken = self.w.box()
        sh('ip', '-n', taken, 'link', 'add', 'eth0', 'type', 'bridge')
        rows = [
            ('no such namespace', dict(netns='/run/netns/' + self.w.tag + '-none'), {}, 3, 'could not open network namespace'),
            ('a file that is none', dict(netns='/etc/hostname'), {}, 3, 'is no network namespace'),
            ("the host's own", dict(netns='/run/netns/' + self.w.host), {}, 4, "the host's own"),
            ('a link that is no bridge', dict(box=box), dict(bridge='plain'), 101, 'is no bridge but of kind vxlan'),
            ('an eth0 of somebody else', dict(box=taken), {}, 101, 'has an interface "eth0" already'),
            ('both modes', dict(box=box), dict(hairpinMode=True), 7, 'cannot both be true'),
            ('no address management', dict(box=box), dict(ipam=None), 7, '"ipam"'),
            ('one that is not there', dict(box=box), dict(ipam={'type': 'nowhere'}), 7, '"nowhere" is in none of the folders'),
            ('one outside', dict(box=box), dict(ipam={'type': '../x'}), 7, 'no name of a plugin'),
            ('masquerading', dict(box=box), dict(ipMasq=True), 2, 'ipMasq'),
            ('a default route elsewhere', dict(box=box), dict(ipam={'type': 'drover-ipam', 'routes': [{'dst': '0.0.0.0/0', 'gw': '10.42.0.9'}]}), 7, 'default route via 10.42.0.9'),
            ('a gateway that cannot be reached', dict(box=box), dict(ipam={'type': 'drover-ipam', 'routes': [{'dst': '10.9.0.0/16', 'gw': '192.0.2.1'}]}), 100, 'could not add route 10.9.0.0/16 via 192.0.2.1'),
        ]
        for what, how, keys, code, words in rows:
            with self.subTest(what):
                conf = self.w.config('1.0.0', **keys)
                self.refused(self.w.run('ADD', conf, ID, how.get('box'), '10.42.17.5/16', MAC, **({'netns': how['netns']} if 'netns' in how else {})), code, words)
                self.assertEqual(self.w.strays(), [])
                self.assertNotIn('eth0', self.w.links(box))

    def test_a_second_container_does_not_get_into_the_first_ones_namespace(self):
        box = self.w.box()
        first = self.ok(self.add(box))
        self.refused(self.add(box, container=other(5 << 230)), 101, 'already')
        self.ok(self.w.run('DEL', self.w.config('1.0.0'), other(5 << 230), box))        # and its DEL does not harm it
        self.ok(self.w.run('CHECK', self.w.config('1.0.0', prevResult=first), ID, box))

    def test_check_finds_each_thing_that_changed(self):
        steps = [
            ('-n BOX addr del 10.42.17.5/16 dev eth0', 'lost its address 10.42.17.5/16'), ('-n BOX route del default', 'lost its route to 0.0.0.0/0'),
            ('-n BOX link set eth0 address 02:00:00:00:00:09', 'has MAC address 02:00:00:00:00:09 instead of ' + MAC), ('-n BOX link set eth0 down', 'is down'),
            ('-n HOST link set vethr4f4f4f4f4f nomaster', 'is not on bridge'), ('-n HOST link del vethr4f4f4f4f4f', 'has no interface "eth0"'),
        ]
        conf = self.w.config('1.1.0')
        for step, words in steps:
            with self.subTest(step):
                box = self.w.box()
                r = self.ok(self.add(box, conf))
                conf_checked = dict(conf, prevResult=r)
                self.ok(self.w.run('CHECK', conf_checked, ID, box))
                sh('ip', *step.replace('BOX', box).replace('HOST', self.w.host).split())
                self.refused(self.w.run('CHECK', conf_checked, ID, box), 102, words)
                self.ok(self.w.run('DEL', conf, ID, box))
        self.refused(self.w.run('CHECK', conf, ID, box), 7, 'prevResult')
        self.refused(self.w.run('CHECK', conf_checked, ID, netns='/run/netns/none'), 3)

    def test_gc_removes_what_is_not_valid_of_its_own_network_only(self):
        conf, foreign = self.w.config('1.1.0'), self.w.config('1.1.0', name='other-network')
        for n, c in ((1, conf), (2, conf), (3, foreign)):
            self.ok(self.add(self.w.box(), c, container=other(n << 230), ip='10.42.1.%d/16' % n, mac='02:00:00:00:00:0%d' % n))
        sh('ip', '-n', self.w.host, 'link', 'add', 'vethx', 'type', 'veth', 'peer', 'name', 'vethy')
        before = set(self.w.strays())
        self.ok(self.w.run('GC', dict(conf, **{'cni.dev/valid-attachments': [{'containerID': other(2 << 230), 'ifname': 'eth0'}]})))
        gone = before - set(self.w.strays())
        self.assertEqual(gone, {'vethr' + other(1 << 230)[:10]})
        self.refused(self.w.run('GC', conf), 7, 'valid-attachments')

    def test_status_says_when_add_cannot_work(self):
        self.ok(self.w.run('STATUS', self.w.config('1.1.0')))
        sh('ip', '-n', self.w.host, 'link', 'add', 'drbr0', 'type', 'vxlan', 'id', '7', 'dstport', '4789', 'dev', 'lo')
        self.refused(self.w.run('STATUS', self.w.config('1.1.0')), 50, 'is no bridge')


class Metadata(Case):
    """Address and MAC of a container whose labels nobody gave: from the agent's socket, or from the service."""
    CONTAINER = {'uuid': 'u-1', 'name': 'web-1', 'external_id': ID, 'primary_ip': '10.42.9.9', 'primary_mac_address': '02:aa:bb:cc:dd:ee'}

    def agent(self, *lines):
        path = os.path.join(self.w.dir, 'metadata.sock')
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(8)
        asked = []

        def serve():
            while True:
                try:
                    c, _ = listener.accept()
                except OSError:
                    return
                with c, contextlib.suppress(BrokenPipeError, ConnectionResetError):     # whoever found it hangs up
                    asked.append(json.loads(c.makefile().readline()))
                    for line in lines:
                        c.sendall(json.dumps(line).encode() + b'\n')
        thread = threading.Thread(target=serve)
        thread.start()
        # In this order: a descriptor that is closed under accept() may be the next test's.
        self.addCleanup(listener.close)
        self.addCleanup(thread.join)
        self.addCleanup(listener.shutdown, socket.SHUT_RDWR)
        return path, asked

    def test_the_agents_socket_is_asked(self):
        path, asked = self.agent({'topic': 'stack/s', 'rev': 4, 'base': 0, 'set': {'container/u-0': dict(self.CONTAINER, uuid='u-0', external_id='x', primary_ip='10.42.0.8')}},
                                 {'topic': 'stack/t', 'rev': 4, 'base': 0, 'set': {'container/u-1': self.CONTAINER}}, {'sync': True})
        for args in ('RancherContainerUUID=u-1', 'RancherContainerUUID=u-1;IgnoreUnknown=1'):
            box = self.w.box()
            r = self.ok(self.w.run('ADD', self.w.config('1.0.0'), ID, box, args=args, DROVER_METADATA_SOCKET=path))
            self.assertEqual((r['ips'][0]['address'], r['interfaces'][2]['mac']), ('10.42.9.9/16', '02:aa:bb:cc:dd:ee'))
            self.ok(self.w.run('DEL', self.w.config('1.0.0'), ID, box))
        self.assertEqual(asked[0], {'resume': {}})

    def test_a_container_that_metadata_does_not_know_is_try_again_later_at_once(self):
        path, _ = self.agent({'sync': True})
        box = self.w.box()
        self.refused(self.w.run('ADD', self.w.config('1.0.0'), ID, box, args='RancherContainerUUID=u-1', DROVER_METADATA_SOCKET=path), 11, 'does not know container u-1 yet')
        self.assertEqual(self.w.strays(), [])

    def test_labels_need_no_metadata(self):
        self.ok(self.add(self.w.box(), args='RancherContainerUUID=u-1;IPAddress=10.42.17.5/16;MACAddress=' + MAC, DROVER_METADATA_SOCKET='/nowhere', RANCHER_METADATA_ADDRESS='127.0.0.1:1'))

    def test_the_service_is_asked_where_its_address_is_given(self):
        containers = [dict(self.CONTAINER, uuid='u-0', external_id='y'), self.CONTAINER]

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps(containers).encode() if self.path == '/2015-12-19/containers' and 'json' in self.headers.get('Accept', '') else b'nothing'
                self.send_response(200)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass
        service = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        threading.Thread(target=service.serve_forever, daemon=True).start()
        self.addCleanup(service.server_close)
        self.addCleanup(service.shutdown)
        conf = {'cniVersion': '0.3.1', 'name': 'n', 'type': 'x', 'ipam': {'type': 'drover-ipam', 'subnetPrefixSize': '/20'}}

        def ask(container, **env):
            done = subprocess.run([os.path.join(self.w.bin, 'rancher-cni-ipam')], input=json.dumps(conf), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                                  env=self.w.env('ADD', container, '/n', **env))
            return world.Answer('ADD', done)
        address = '127.0.0.1:%d' % service.server_address[1]
        self.assertEqual(self.ok(ask(ID, RANCHER_METADATA_ADDRESS=address))['ips'], [{'version': '4', 'address': '10.42.9.9/20'}])
        self.refused(ask('unknown-1', RANCHER_METADATA_ADDRESS=address), 11, 'does not know container unknown-1')
        self.refused(ask(ID, RANCHER_METADATA_ADDRESS='127.0.0.1:1'), 11, 'could not ask metadata')


@unittest.skipUnless(os.path.exists(world.DEBIAN + '/host-local'), 'containernetworking-plugins is not installed')
class Foreign(Case):
    """Beside Debian's plugins: theirs manage addresses for ours, ours for theirs."""
    def leases(self):
        found = []
        for root, _, files in os.walk(os.path.join(self.w.dir, 'host-local')):
            found += [f for f in files if re.match(r'\d+\.', f)]
        return found, [f for _, _, files in os.walk(self.w.state) for f in files]

    def test_host_local_gives_an_address_once_per_container_and_gets_it_back(self):
        for version in ('0.2.0', '0.3.1', '1.0.0'):
            with self.subTest(version):
                conf, box = self.w.config(version, ipam=self.w.host_local()), self.w.box()
                first = self.ok(self.w.run('ADD', conf, ID, box))
                self.assertEqual(self.ok(self.w.run('ADD', conf, ID, box)), first)
                self.assertEqual([len(x) for x in self.leases()], [1, 1])
                self.assertTrue(self.w.ping(box, '10.42.0.1'))
                if version == '1.0.0':
                    self.ok(self.w.run('CHECK', dict(conf, prevResult=first), ID, box))
                for _ in range(2):
                    self.ok(self.w.run('DEL', conf, ID, box))
                self.assertEqual(self.leases(), ([], []))

    def test_an_address_that_a_killed_add_left_is_given_back_and_a_failing_add_keeps_none(self):
        conf, box = self.w.config('1.0.0', ipam=self.w.host_local()), self.w.box()
        done = subprocess.run([world.DEBIAN + '/host-local'], input=json.dumps(conf), text=True, env=self.w.env('ADD', ID, '/n'), stdout=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 0)            # as if the plugin had been killed here
        self.ok(self.w.run('ADD', conf, ID, box))
        self.assertEqual([len(x) for x in self.leases()], [1, 1])
        self.ok(self.w.run('DEL', conf, ID, box))
        broken = dict(conf, ipam=dict(self.w.host_local(), routes=[{'dst': '10.9.0.0/16', 'gw': '192.0.2.1'}]))
        self.refused(self.w.run('ADD', broken, ID, box), 100, 'could not add route')
        self.assertEqual(self.leases(), ([], []))

    def test_gc_gives_back_addresses_of_containers_that_are_gone(self):
        conf = self.w.config('1.1.0', ipam=dict(self.w.host_local()))
        older = dict(conf, cniVersion='1.0.0')          # Debian's plugin knows no 1.1.0
        for n in (1, 2):
            self.ok(self.w.run('ADD', older, other(n << 230), self.w.box()))
        self.assertEqual([len(x) for x in self.leases()], [2, 2])
        answer = self.w.run('GC', dict(conf, **{'cni.dev/valid-attachments': [{'containerID': other(2 << 230), 'ifname': 'eth0'}]}))
        self.refused(answer, 1)                         # it refuses this version for its own part
        self.assertEqual(len(self.w.strays()), 1)       # the link went all the same

    def test_exhaustion_is_the_other_plugins_own_error(self):
        ipam = dict(self.w.host_local(), rangeStart='10.42.100.1', rangeEnd='10.42.100.1')
        conf = self.w.config('1.0.0', ipam=ipam)
        self.ok(self.w.run('ADD', conf, other(1 << 230), self.w.box()))
        answer = self.w.run('ADD', conf, other(2 << 230), self.w.box())
        self.assertNotEqual(answer.code, 0)
        self.assertIn('host-local: ', answer.msg)
        self.assertEqual(len(self.w.strays()), 1)

    def test_debians_bridge_takes_its_addresses_from_drover_ipam(self):
        box = self.w.box()
        conf = {'cniVersion': '0.4.0', 'name': 'n', 'type': 'bridge', 'bridge': 'cni9', 'isGateway': True, 'ipam': {'type': 'drover-ipam', 'subnetPrefixSize': '/16', 'routes': [{'dst': '0.0.0.0/0'}]}}
        r = self.ok(self.w.run('ADD', conf, ID, box, args='IgnoreUnknown=1;IPAddress=10.42.3.3'))
        self.assertEqual(self.w.addresses('eth0', box), ['10.42.3.3/16'])
        self.ok(self.w.run('CHECK', dict(conf, prevResult=r), ID, box, args='IgnoreUnknown=1;IPAddress=10.42.3.3'))
        self.ok(self.w.run('DEL', conf, ID, box, args='IgnoreUnknown=1;IPAddress=10.42.3.3'))


@unittest.skipUnless(os.path.isdir('/usr/share/gocode/src/github.com/containernetworking/cni/libcni') and os.path.exists('/usr/bin/go'), 'golang-github-appc-cni-dev is not installed')
class Library(Case):
    def test_libcni_drives_the_plugins_through_add_check_and_del(self):
        program = os.path.join(self.w.dir, 'libcni')
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'libcni.go')
        env = dict(os.environ, GOPATH='/usr/share/gocode', GO111MODULE='off', CGO_ENABLED='0', GOCACHE=os.path.join(self.w.dir, 'go-cache'), GOFLAGS='')
        subprocess.run(['go', 'build', '-o', program, source], env=env, check=True, timeout=300)

        def call(command, conf, box):
            return subprocess.run(['nsenter', '--net=/run/netns/' + self.w.host, '--', program, command, conf, ID, '/run/netns/' + box, 'eth0', 'IgnoreUnknown=1', 'IPAddress=10.42.17.5/16',
                                   'MACAddress=' + MAC], env={'PATH': os.environ['PATH'], 'CNI_PATH': '%s:%s' % (self.w.bin, world.DEBIAN), 'CACHE_DIR': os.path.join(self.w.dir, 'cache')},
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
        for version in ('0.1.0', '0.3.1', '0.4.0', '1.0.0'):
            for plugin, ipam in (('rancher-bridge', 'rancher-cni-ipam'), ('drover-bridge', 'drover-ipam')):
                with self.subTest(version=version, plugin=plugin):
                    box = self.w.box()
                    path = os.path.join(self.w.dir, 'list.conflist')
                    plugins = [dict(self.w.config(), type=plugin, ipam={'type': ipam, 'subnetPrefixSize': '/16'})]
                    if version >= '0.3.0' and os.path.exists(world.DEBIAN + '/tuning'):
                        plugins.append({'type': 'tuning', 'sysctl': {'net.ipv4.conf.eth0.arp_notify': '1'}})
                    for p in plugins:
                        p.pop('name', None)
                    with open(path, 'w', encoding='utf-8') as f:
                        json.dump({'cniVersion': version, 'name': 'rancher-cni-network', 'plugins': plugins}, f)
                    r = call('ADD', path, box)
                    self.assertEqual(r.returncode, 0, r.stderr)
                    result = json.loads(r.stdout)
                    self.assertEqual(result['ip4']['ip'] if version < '0.3.0' else result['ips'][0]['address'], '10.42.17.5/16')
                    if version >= '0.4.0':
                        r = call('CHECK', path, box)
                        self.assertEqual(r.returncode, 0, r.stderr)
                        sh('ip', '-n', box, 'route', 'del', 'default')
                        self.assertIn('lost its route', call('CHECK', path, box).stderr)
                    for _ in range(2):
                        r = call('DEL', path, box)
                        self.assertEqual(r.returncode, 0, r.stderr)
                    self.assertEqual(self.w.strays(), [])


if __name__ == '__main__':
    unittest.main()
