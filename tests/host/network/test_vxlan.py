#!/usr/bin/env python3
"""`drover-node net vxlan` between three hosts made of network namespaces: containers and hosts reach each other, MTU, hosts and containers that come
and go, repair of what something else changed, cuts of the underlay that are named and heal, restarts."""
import json
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import overlay_net
from overlay_net import World, run, succeeds, until

LARGEST = 1450 - 28             # of an ICMP echo's data in an IPv4 packet of the containers' MTU


@unittest.skipIf(overlay_net.why_not(), overlay_net.why_not())
class Vxlan(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        try:
            for h in cls.world.hosts:
                h.add(11)
                h.add(12)
            cls.world.publish()
            for h in cls.world.hosts:
                h.start()
            cls.all_ok()
        except BaseException:
            cls.world.close()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def setUp(self):
        self.h1, self.h2, self.h3 = self.world.hosts[:3]

    @classmethod
    def all_ok(cls):
        until(lambda: all(h.state()['state'] == 'ok' and all(p['state'] == 'ok' for p in h.state()['peers']) and len(h.state()['peers']) == len(cls.world.hosts) - 1
                          for h in cls.world.hosts), 60)

    def test_containers_reach_each_other(self):
        everyone = [c for h in self.world.hosts for c in h.containers]
        for a in everyone:
            for b in everyone:
                if a is not b:
                    self.assertTrue(a.reaches(b.ip), f'{a.uuid} to {b.uuid}')

    def test_hosts_and_containers_reach_each_other(self):
        for h in self.world.hosts:
            for other in self.world.hosts:
                self.assertTrue(h.reaches(other.containers[0].ip), f'{h.name} to {other.containers[0].uuid}')
        address = self.h1.state()['address']
        self.assertTrue(self.h2.containers[0].reaches(address), 'a container to another host on its overlay address')
        self.assertTrue(self.h1.containers[0].reaches(address), 'a container to its own host')

    def test_the_source_a_remote_container_sees_is_the_hosts_own(self):
        out = self.h1.exec('ip', 'route', 'get', self.h2.containers[0].ip)
        self.assertIn('src ' + self.h1.state()['address'], out)

    def test_tcp_with_checksums_of_every_kind(self):
        """Large transfers in both directions arrive whole: checksum and segmentation offload survive the device."""
        script = ('import socket,sys,hashlib\n'
                  's=socket.create_connection((sys.argv[1],7000),10);s.sendall(b"x"*3000000);s.shutdown(1)\n'
                  'n=0\nwhile True:\n d=s.recv(65536)\n if not d: break\n n+=len(d)\nprint(n)')
        server = ('import socket\nl=socket.socket();l.setsockopt(1,2,1);l.bind(("",7000));l.listen(5);print("up",flush=True)\n'
                  'while True:\n c,_=l.accept();n=0\n while True:\n  d=c.recv(65536)\n  if not d: break\n  n+=len(d)\n c.sendall(b"y"*n);c.close()')
        import subprocess
        target = self.h2.containers[0]
        p = subprocess.Popen(['ip', 'netns', 'exec', target.ns, 'python3', '-c', server], stdout=subprocess.PIPE, text=True)
        try:
            self.assertEqual(p.stdout.readline().strip(), 'up')
            for ns in self.h1.containers[0].ns, self.h3.containers[1].ns, self.h1.ns, self.h2.ns:
                self.assertEqual(run('ip', 'netns', 'exec', ns, 'python3', '-c', script, target.ip).strip(), '3000000', ns)
        finally:
            p.kill()
            p.wait()
            p.stdout.close()

    def test_mtu(self):
        a, b = self.h1.containers[0], self.h2.containers[0]
        self.assertTrue(a.reaches(b.ip, LARGEST))
        self.assertFalse(a.reaches(b.ip, LARGEST + 1))
        self.assertIn('mtu 1450', run('ip', '-n', self.h1.ns, 'link', 'show', 'vtep1042'))

    def test_nothing_changes_where_nothing_has_to(self):
        before = self.h1.state()
        self.h1.get('/v1/reload')
        until(lambda: self.h1.state()['looks'] > before['looks'])
        after = self.h1.state()
        self.assertEqual(after['repairs'], before['repairs'])

    def test_no_broadcasts_leave(self):
        self.assertNotIn('00:00:00:00:00:00', run('bridge', '-n', self.h1.ns, 'fdb', 'show', 'dev', 'vtep1042'))
        details = run('ip', '-n', self.h1.ns, '-d', 'link', 'show', 'vtep1042')
        for word in 'id 1042', 'dstport 4789', 'nolearning', 'proxy', 'master docker0', 'local 172.28.0.11':
            self.assertIn(word, details)

    def test_containers_come_and_go(self):
        a = self.h1.containers[0]
        new = self.h3.add(33)
        self.assertFalse(a.reaches(new.ip))
        self.world.publish()
        until(lambda: a.reaches(new.ip))
        self.assertTrue(any(new.mac in line for line in self.h1.entries()['fdb']))
        new.state = 'stopped'
        self.world.publish()
        until(lambda: not any(new.mac in line for line in self.h1.entries()['fdb']))
        self.assertNotIn(new.ip, json.dumps(self.h1.entries()))
        self.assertNotIn(new.ip, json.dumps(self.h2.entries()))
        self.h3.remove(new)
        self.world.publish()

    def test_a_container_without_mac_is_reached_through_its_host(self):
        target, a = self.h3.containers[1], self.h1.containers[0]
        target.shown_mac = None
        self.world.publish()
        until(lambda: any(target.ip in line and '0e:00:ac:1c:00:0d' in line for line in self.h1.entries()['neigh']))
        run('ip', '-n', a.ns, 'neigh', 'flush', 'dev', 'eth0')
        until(lambda: a.reaches(target.ip))
        target.shown_mac = target.mac
        self.world.publish()
        until(lambda: any(target.ip in line and target.mac in line for line in self.h1.entries()['neigh']))
        run('ip', '-n', a.ns, 'neigh', 'flush', 'dev', 'eth0')
        until(lambda: a.reaches(target.ip))

    def test_a_host_leaves_and_comes_back(self):
        self.world.publish([self.h1, self.h2])
        until(lambda: len(self.h1.state()['peers']) == 1 and len(self.h2.state()['peers']) == 1)
        entries = json.dumps(self.h1.entries())
        self.assertNotIn(self.h3.ip, entries)
        self.assertNotIn(self.h3.containers[0].mac, entries)
        self.assertFalse(self.h1.containers[0].reaches(self.h3.containers[0].ip))
        self.world.publish()
        self.all_ok()
        self.assertTrue(self.h1.containers[0].reaches(self.h3.containers[0].ip))

    def test_what_others_change_is_put_right(self):
        h, remote = self.h1, self.h2.containers[0]
        want = h.entries()
        n = ['ip', '-n', h.ns]
        damages = {
            'forwarding entry': ['bridge', '-n', h.ns, 'fdb', 'del', remote.mac, 'dev', 'vtep1042', 'dst', self.h2.ip, 'self'],
            'bridge entry': ['bridge', '-n', h.ns, 'fdb', 'del', remote.mac, 'dev', 'vtep1042', 'master'],
            'neighbour': n + ['neigh', 'del', remote.ip, 'dev', 'vtep1042'],
            'neighbour of another MAC': n + ['neigh', 'replace', remote.ip, 'lladdr', '02:00:00:00:00:99', 'dev', 'vtep1042', 'nud', 'permanent'],
            'route': n + ['route', 'del', remote.ip, 'proto', '142'],
            'all routes': n + ['route', 'flush', 'proto', '142'],
            'forwarding entry to another host': ['bridge', '-n', h.ns, 'fdb', 'replace', remote.mac, 'dev', 'vtep1042', 'dst', self.h3.ip, 'self'],
            'flooding': ['bridge', '-n', h.ns, 'fdb', 'append', '00:00:00:00:00:00', 'dev', 'vtep1042', 'dst', self.h3.ip],
            'stranger': n + ['neigh', 'add', '10.42.99.99', 'lladdr', '02:00:00:00:00:98', 'dev', 'vtep1042', 'nud', 'permanent'],
            'address': n + ['addr', 'flush', 'dev', 'vtep1042', 'scope', 'global'],
            'link down': n + ['link', 'set', 'vtep1042', 'down'],
            'out of the bridge': n + ['link', 'set', 'vtep1042', 'nomaster'],
            'MTU': n + ['link', 'set', 'vtep1042', 'mtu', '1400'],
            'device gone': n + ['link', 'del', 'vtep1042'],
            'another device': n + ['link', 'set', 'vtep1042', 'address', '02:00:00:00:00:97'],
        }
        for what, damage in damages.items():
            with self.subTest(what):
                repairs = h.state()['repairs']
                run(*damage)
                until(lambda: h.state()['repairs'] > repairs)
                until(lambda: h.entries() == want)
                details = run('ip', '-n', h.ns, '-d', 'link', 'show', 'vtep1042')
                for word in 'mtu 1450', 'master docker0', ',UP', '0e:00:ac:1c:00:0b':
                    self.assertIn(word, details)
                until(lambda: h.containers[0].reaches(remote.ip))
        self.all_ok()

    def test_the_bridge_goes_and_comes_back(self):
        h, remote = self.h3, self.h1.containers[0]
        run('ip', '-n', h.ns, 'link', 'del', 'docker0')
        until(lambda: h.state()['state'] == 'starting' and 'docker0' in h.state()['message'])
        h.make_bridge()
        for c in h.containers:
            run('ip', '-n', h.ns, 'link', 'set', f'v{c.number}', 'master', 'docker0')
        until(lambda: h.containers[0].reaches(remote.ip))
        self.all_ok()

    def test_a_cut_is_named_and_heals(self):
        self.world.cut(self.h2)
        until(lambda: self.h1.peer(self.h2) == 'unreachable')
        until(lambda: self.h3.peer(self.h2) == 'unreachable')
        until(lambda: self.h2.state()['state'] == 'broken')
        state = self.h1.state()
        self.assertEqual(state['state'], 'degraded')
        self.assertEqual(self.h1.peer(self.h3), 'ok')
        self.assertIn('host-2 (172.28.0.12)', state['message'])
        self.assertNotIn('host-3', state['message'])
        self.assertTrue(self.h1.get('/connectivity').startswith('500 NOT OK'))
        self.assertIn('drover_overlay_peer_up{peer="host-2"} 0', self.h1.get('/metrics'))
        self.world.heal(self.h2)
        self.all_ok()
        self.assertTrue(self.h1.get('/connectivity').startswith('200 OK'))
        self.assertIn('drover_overlay_peer_up{peer="host-2"} 1', self.h1.get('/metrics'))
        until(lambda: self.h1.containers[0].reaches(self.h2.containers[0].ip))

    def test_an_underlay_too_small_is_told_apart(self):
        run('ip', '-n', self.world.switch, 'link', 'set', self.h3.port, 'mtu', '1400')
        try:
            until(lambda: self.h1.peer(self.h3) == 'smallPacketsOnly', 60)
            self.assertIn('packets of 1450 bytes do not arrive at host-3', self.h1.state()['message'])
            self.assertEqual(self.h1.peer(self.h2), 'ok')
        finally:
            run('ip', '-n', self.world.switch, 'link', 'set', self.h3.port, 'mtu', '1500')
        self.all_ok()

    def test_a_host_that_is_away_is_no_fault(self):
        self.h3.extra['agent_state'] = 'disconnected'
        self.world.cut(self.h3)
        self.world.publish()
        until(lambda: self.h1.peer(self.h3) == 'away' and self.h1.state()['state'] == 'ok')
        self.world.heal(self.h3)
        del self.h3.extra['agent_state']
        self.world.publish()
        self.all_ok()

    def test_a_restart_is_not_noticed(self):
        before = self.h1.entries()
        self.assertEqual(self.h1.stop(), 0)
        self.assertEqual(self.h1.entries(), before)
        self.assertTrue(self.h2.containers[0].reaches(self.h1.containers[0].ip))
        os.unlink(self.h1.state_file)
        self.h1.start()
        until(lambda: self.h1.state().get('looks'))
        self.assertEqual(self.h1.entries(), before)
        self.all_ok()
        with open(f'{self.world.dir}/host-1.log', encoding='utf-8') as f:
            last_start = f.read().split('vxlan started')[-1]
        self.assertNotIn('entries set', last_start)

    def test_redirects_are_off(self):
        for link in 'all', 'docker0':
            self.assertEqual(self.h1.exec('cat', f'/proc/sys/net/ipv4/conf/{link}/send_redirects').strip(), '0')


if __name__ == '__main__':
    unittest.main(verbosity=2)
