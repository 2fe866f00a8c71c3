#!/usr/bin/env python3
"""drover lab on this machine: real namespaces, real engines. Runs as root; each class has a lab of its own.

DROVER_BIN_DIR: the folder that drover is in.
"""
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BIN_DIR = os.environ.get('DROVER_BIN_DIR', 'build/bin')
DEADLINE_S = 60
NAMESPACES = ('net', 'mnt', 'pid', 'uts', 'ipc')


def program():
    path = os.path.abspath(os.path.join(BIN_DIR, 'drover'))
    if os.access(path, os.X_OK):
        return path
    raise SystemExit(f'no drover in {BIN_DIR}: set DROVER_BIN_DIR')


def why_not():
    if os.geteuid() != 0:
        return 'needs root'
    for tool in ('ip', 'nft', 'dockerd', 'containerd', 'runc', 'docker', 'busybox'):
        if not shutil.which(tool, path=os.environ['PATH'] + ':/usr/sbin:/usr/local/bin:/sbin'):
            return f'needs the program {tool}'
    return None


def machine_has_cgroup_v1():
    return not os.path.exists('/sys/fs/cgroup/cgroup.controllers')


def until(check, what):
    """Waits for a state that no event announces to us."""
    end = time.monotonic() + DEADLINE_S
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f'not within {DEADLINE_S} s: {what}')
        time.sleep(0.05)


def mounts():
    with open('/proc/self/mountinfo', encoding='utf-8') as f:
        return {line.split()[4] for line in f}


def named_namespaces():
    return set(os.listdir('/run/netns')) if os.path.isdir('/run/netns') else set()


def cgroups(lab_id):
    found = set()
    for folder, names, _ in os.walk('/sys/fs/cgroup'):
        found.update(os.path.join(folder, n) for n in names if lab_id in n)
    return found


def namespaces(pid):
    return {os.readlink(f'/proc/{pid}/ns/{kind}') for kind in NAMESPACES}


def processes_in(inside):
    """Processes that live in one of these namespaces, as (pid, command line)."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            if namespaces(pid) & inside:
                with open(f'/proc/{pid}/cmdline', 'rb') as f:
                    found.append((pid, f.read().replace(b'\0', b' ')))
        except OSError:
            pass
    return found


class Quiet(http.server.BaseHTTPRequestHandler):
    body = b'reached the machine\n' * 1000

    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Length', str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *args):
        pass


class Tokens(http.server.BaseHTTPRequestHandler):
    """The API calls that end in a registration token's command, which names the Host that was asked for."""
    keys = 'Basic YWNjZXNzOnNlY3JldA=='        # access:secret
    polls, out = 0, None

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == '/join':
            self.answer(200, 'joining')
        elif self.headers.get('Authorization') != self.keys:
            self.answer(401, {'type': 'error', 'code': 'Unauthorized'})
        elif self.path.startswith('/v2-beta/projects?'):
            self.answer(200, {'data': [{'id': '1a9', 'state': 'removed', 'name': 'old'}, {'id': '1a5', 'state': 'active', 'name': 'Default'}]})
        else:
            Tokens.polls += 1
            url = f'http://{self.headers["Host"]}/join'
            active = {'state': 'active', 'command': f'(busybox wget -qO- {url}; echo " {url} $CATTLE_AGENT_IP") | sudo tee {self.out}-$(hostname)'}
            self.answer(200, {'id': '1c7', 'state': 'registering'} if Tokens.polls < 3 else dict(active, id='1c7'))

    def do_POST(self):
        self.rfile.read(int(self.headers.get('Content-Length', 0)))
        good = self.path == '/v2-beta/projects/1a5/registrationtokens'
        self.answer(201 if good else 404, {'id': '1c7', 'state': 'registering'})

    def log_message(self, *args):
        pass


class LabCase:
    cgroup2 = False

    @classmethod
    def setUpClass(cls):
        cls.base = tempfile.mkdtemp(prefix='drover-lab-test-')
        cls.env = dict(os.environ, DROVER_LAB_DIR=cls.base)
        cls.name = 't' + os.path.basename(cls.base).split('-')[-1].replace('_', '0')
        cls.before = (mounts(), named_namespaces())
        try:
            cls.up('--hosts', '3')
            cls.lab('image', 'test/busybox:1', '--from-busybox')
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.lab('down', '--delete', check=False)
        shutil.rmtree(cls.base, ignore_errors=True)

    @classmethod
    def lab(cls, verb, *args, check=True, timeout=120):
        r = subprocess.run([program(), 'lab', '--name', cls.name, verb, *args], env=cls.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=timeout, check=False)
        if check and r.returncode != 0:
            raise AssertionError(f'lab {verb} {args}: code {r.returncode}\n{r.stdout}\n{r.stderr}')
        return r

    @classmethod
    def up(cls, *args):
        return cls.lab('up', *args, *(['--cgroup2'] if cls.cgroup2 else []))

    @classmethod
    def ls(cls):
        rows = [line.split() for line in cls.lab('ls').stdout.splitlines()[1:]]
        return {r[0]: {'address': r[1], 'state': r[2], 'pid': int(r[3])} for r in rows}

    def reaches(self, host, other):
        address = self.ls()[other]['address']
        return self.lab('exec', host, '--', 'busybox', 'ping', '-c', '1', '-W', '1', address, check=False).returncode == 0

    # Each test leaves three running, connected hosts behind.

    def test_hosts_have_their_own_engine_name_address_and_folders(self):
        hosts = self.ls()
        self.assertEqual(sorted(hosts), ['host1', 'host2', 'host3'])
        self.assertEqual(self.lab('ls', '-q').stdout.split(), ['host1', 'host2', 'host3'])
        infos = [self.lab('docker', h, 'info', '-f', '{{.ID}} {{.Name}} {{.CgroupVersion}}').stdout.split() for h in sorted(hosts)]
        self.assertEqual(len({i[0] for i in infos}), 3)
        self.assertEqual([i[1] for i in infos], ['host1', 'host2', 'host3'])
        want = '2' if self.cgroup2 or not machine_has_cgroup_v1() else '1'
        self.assertEqual({i[2] for i in infos}, {want})
        self.assertEqual(len({h['address'] for h in hosts.values()}), 3)
        self.lab('exec', 'host1', '--', 'touch', '/var/lib/only-here')
        self.assertFalse(os.path.exists('/var/lib/only-here'))
        self.assertNotEqual(self.lab('exec', 'host2', '--', 'test', '-e', '/var/lib/only-here', check=False).returncode, 0)

    def test_a_second_up_changes_nothing(self):
        before = self.ls()
        self.up('--hosts', '3')
        self.assertEqual(self.ls(), before)

    def test_a_container_runs_and_gives_its_output(self):
        r = self.lab('docker', 'host2', 'run', '--rm', 'test/busybox:1', 'echo', 'from inside')
        self.assertEqual(r.stdout, 'from inside\n')

    def test_the_image_has_the_same_id_on_every_host(self):
        ids = {self.lab('docker', h, 'inspect', '-f', '{{.Id}}', 'test/busybox:1').stdout for h in self.ls()}
        self.assertEqual(len(ids), 1)

    def test_exec_gives_output_exit_code_and_signal(self):
        self.assertEqual(self.lab('exec', 'host3', '--', 'hostname').stdout, 'host3\n')
        self.assertEqual(self.lab('exec', 'host3', '--', 'sh', '-c', 'exit 7', check=False).returncode, 7)
        self.assertEqual(self.lab('exec', 'host3', '--', 'sh', '-c', 'kill -9 $$', check=False).returncode, 137)
        self.assertEqual(self.lab('exec', 'host3', '--', '/no/such/program', check=False).returncode, 127)

    def test_after_power_loss_a_host_comes_back_with_address_data_and_containers(self):
        self.lab('docker', 'host1', 'run', '-d', '--restart=always', '--name', 'stays', 'test/busybox:1', 'sleep', '10000')
        self.addCleanup(self.lab, 'docker', 'host1', 'rm', '-f', 'stays')
        mac = self.lab('exec', 'host1', '--', 'cat', '/sys/class/net/eth0/address').stdout
        engine = self.lab('docker', 'host1', 'info', '-f', '{{.ID}}').stdout
        self.lab('exec', 'host1', '--', 'sh', '-c', 'mkdir -p /var/lib/rancher && echo kept > /var/lib/rancher/state && echo "1.2.3.4 kept" >> /etc/hosts')
        self.assertTrue(self.reaches('host2', 'host1'))
        pid = self.ls()['host1']['pid']
        inside = namespaces(pid) - namespaces(os.getpid())
        self.lab('kill', 'host1')
        self.assertEqual(self.ls()['host1']['state'], 'down')
        until(lambda: not processes_in(inside), 'the killed processes are gone')
        self.lab('reboot', 'host1')
        self.assertEqual(self.ls()['host1']['state'], 'running')
        until(lambda: self.lab('docker', 'host1', 'ps', '-q', '-f', 'name=stays').stdout, 'the container runs again')
        self.assertEqual(self.lab('exec', 'host1', '--', 'cat', '/sys/class/net/eth0/address').stdout, mac)
        self.assertEqual(self.lab('docker', 'host1', 'info', '-f', '{{.ID}}').stdout, engine)
        self.assertEqual(self.lab('exec', 'host1', '--', 'cat', '/var/lib/rancher/state').stdout, 'kept\n')
        self.assertIn('1.2.3.4 kept', self.lab('exec', 'host1', '--', 'cat', '/etc/hosts').stdout)
        self.assertTrue(self.reaches('host2', 'host1'))

    def test_boot_executables_start_at_once_restart_survive_reboots_and_end(self):
        def running():
            return self.lab('exec', 'host2', '--', 'sh', '-c', 'cat /run/beat 2>/dev/null', check=False).stdout

        script = '#!/bin/sh\\necho $$ > /run/beat\\nexec sleep 10000\\n'
        self.lab('exec', 'host2', '--', 'sh', '-c', f"cd /var/lib/drover/boot.d; printf '{script}' > .new; chmod 755 .new; mv .new agent")
        first = until(running, 'it starts')
        self.lab('exec', 'host2', '--', 'sh', '-c', f'kill -9 {first}')
        second = until(lambda: running() if running() != first else None, 'it is started again')
        self.lab('reboot', 'host2')
        until(running, 'it runs after a reboot')
        self.lab('exec', 'host2', '--', 'rm', '/var/lib/drover/boot.d/agent')
        until(lambda: self.lab('exec', 'host2', '--', 'sh', '-c', 'kill -0 $(cat /run/beat)', check=False).returncode != 0, 'it ends')
        self.assertTrue(second)

    def test_a_frozen_host_does_not_answer_until_it_is_thawed(self):
        self.lab('freeze', 'host2')
        try:
            self.assertEqual(self.ls()['host2']['state'], 'frozen')
            with self.assertRaises(subprocess.TimeoutExpired):
                self.lab('docker', 'host2', 'ps', timeout=2)
            self.assertEqual(self.lab('docker', 'host1', 'ps').returncode, 0)
            self.assertIn('frozen', self.lab('exec', 'host2', '--', 'true', check=False).stderr)
        finally:
            self.lab('thaw', 'host2')
        self.assertEqual(self.ls()['host2']['state'], 'running')
        self.assertEqual(self.lab('docker', 'host2', 'ps').returncode, 0)

    def test_a_frozen_host_can_be_killed(self):
        self.lab('freeze', 'host3')
        self.lab('kill', 'host3')
        self.assertEqual(self.ls()['host3']['state'], 'down')
        self.lab('reboot', 'host3')
        self.assertEqual(self.lab('docker', 'host3', 'ps').returncode, 0)

    def test_a_cut_host_is_alone_until_healed_even_after_a_reboot(self):
        self.assertTrue(self.reaches('host1', 'host2'))
        self.lab('cut', 'host1')
        try:
            self.assertFalse(self.reaches('host1', 'host2'))
            self.assertTrue(self.reaches('host3', 'host2'))
            self.lab('reboot', 'host1')
            self.assertEqual(self.ls()['host1']['state'], 'cut')
            self.assertFalse(self.reaches('host1', 'host2'))
        finally:
            self.lab('heal', 'host1')
        until(lambda: self.reaches('host1', 'host2'), 'it is reached again')

    def test_a_cut_pair_still_sees_everybody_else(self):
        self.lab('cut', 'host1', 'host3')
        try:
            self.assertFalse(self.reaches('host1', 'host3'))
            self.assertFalse(self.reaches('host3', 'host1'))
            self.assertTrue(self.reaches('host1', 'host2'))
            self.assertTrue(self.reaches('host2', 'host3'))
        finally:
            self.lab('heal')
        until(lambda: self.reaches('host1', 'host3'), 'they see each other again (once ARP has asked again)')

    def test_a_join_command_reaches_a_server_on_loopback_through_the_relay(self):
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Quiet)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        url = f'http://127.0.0.1:{server.server_port}'
        out = os.path.join(self.base, 'join')
        script = f'busybox wget -qO- {url}/x > {out}-$(hostname) && echo "$CATTLE_AGENT_IP $CATTLE_URL_OVERRIDE" >> {out}-$(hostname)'
        self.up('--join-command', script)
        for name, host in self.ls().items():
            with open(f'{out}-{name}', encoding='utf-8') as f:
                text = f.read()
            self.assertTrue(text.startswith(Quiet.body.decode()))
            net = host['address'].rsplit('.', 1)[0]
            self.assertEqual(text[len(Quiet.body):], f'{host["address"]} http://{net}.1:{server.server_port}/v1\n')
        # The same way can be cut alone.
        fetch = ['exec', 'host1', '--', 'busybox', 'wget', '-qO-', f'http://{net}.1:{server.server_port}/']
        self.assertEqual(self.lab(*fetch).stdout, Quiet.body.decode())
        self.lab('cut', 'host1', 'server')
        try:
            with self.assertRaises(subprocess.TimeoutExpired):
                self.lab(*fetch, timeout=2)
            self.assertTrue(self.reaches('host1', 'host2'))
        finally:
            self.lab('heal')
        self.assertEqual(self.lab(*fetch).stdout, Quiet.body.decode())

    def test_server_and_keys_are_enough_to_join(self):
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Tokens)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        url = f'http://127.0.0.1:{server.server_port}'
        r = self.lab('up', '--server', url, '--access-key', 'access', '--secret-key', 'wrong', check=False)
        self.assertEqual(r.returncode, 1)
        self.assertIn('refuses these keys', r.stderr)
        out = os.path.join(self.base, 'token')
        Tokens.polls, Tokens.out = 0, out
        self.lab('up', '--server', url + '/v1', '--access-key', 'access', '--secret-key', 'secret')
        for name, host in self.ls().items():
            net = host['address'].rsplit('.', 1)[0]
            with open(f'{out}-{name}', encoding='utf-8') as f:
                self.assertEqual(f.read(), f'"joining" http://{net}.1:{server.server_port}/join {host["address"]}\n')

    def test_a_failing_join_command_is_told_with_its_output(self):
        r = self.lab('up', '--join-command', 'echo http://127.0.0.1:9 refused us; exit 3', check=False)
        self.assertEqual(r.returncode, 1)
        self.assertIn('refused us', r.stderr)
        self.assertIn('code 3', r.stderr)
        self.assertEqual({h['state'] for h in self.ls().values()}, {'running'})

    def test_wrong_use_says_what_is_wrong(self):
        for args, text in ((('kill', 'host9'), 'no host "host9"'), (('kill',), 'HOST'), (('up', '--hosts', '51'), 'hosts'),
                           (('up', '--subnet', '10.0.0.0/8'), 'A.B.C.0/24'), (('cut', 'host1', 'host1'), 'from itself'),
                           (('up', '--nonsense'), 'unknown option'), (('load', 'host1', '/no/such.tar'), 'could not load')):
            r = self.lab(*args, check=False)
            self.assertNotEqual(r.returncode, 0, args)
            self.assertIn(text, r.stderr)

    def test_down_leaves_nothing_and_up_brings_the_same_hosts_back(self):
        self.lab('docker', 'host1', 'run', '-d', '--restart=always', '--name', 'web', 'test/busybox:1', 'sleep', '10000')
        engine = self.lab('docker', 'host1', 'info', '-f', '{{.ID}}').stdout
        with open(os.path.join(self.base, self.name, 'lab.conf'), encoding='utf-8') as f:
            lab_id = dict(line.strip().split('=', 1) for line in f)['id']
        with open(os.path.join(self.base, self.name, 'switch.pid'), encoding='utf-8') as f:
            switch = f.read().split()[0]
        inside = set()
        for pid in [switch] + [h['pid'] for h in self.ls().values()]:
            inside |= namespaces(pid)
        inside -= namespaces(os.getpid())
        self.assertGreaterEqual(len(inside), 1 + 3 * len(NAMESPACES))
        self.assertGreater(len(processes_in(inside)), 7)
        self.lab('down')
        self.assertEqual(processes_in(inside), [])
        self.assertEqual(cgroups(lab_id), set())
        after = (mounts(), named_namespaces())
        self.assertEqual((after[0] - self.before[0], after[1] - self.before[1]), (set(), set()))
        with open('/proc/net/unix', encoding='utf-8') as f:
            self.assertNotIn(self.base, f.read())
        self.lab('down')
        self.up()
        self.assertEqual(sorted(self.ls()), ['host1', 'host2', 'host3'])
        self.assertEqual(self.lab('docker', 'host1', 'info', '-f', '{{.ID}}').stdout, engine)
        until(lambda: self.lab('docker', 'host1', 'ps', '-q', '-f', 'name=web').stdout, 'the container runs again')
        self.lab('docker', 'host1', 'rm', '-f', 'web')


class OwnCgroups(LabCase, unittest.TestCase):
    """On the cgroup version that the machine has."""


@unittest.skipUnless(machine_has_cgroup_v1(), 'the machine has cgroup2: the other class has tested it')
class Cgroup2(LabCase, unittest.TestCase):
    """With cgroup2 at the hosts' /sys/fs/cgroup."""
    cgroup2 = True


class TwoLabs(unittest.TestCase):
    def test_labs_of_the_same_network_do_not_meet(self):
        base = tempfile.mkdtemp(prefix='drover-lab-test-')
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)

        def lab(name, *args):
            return subprocess.run([program(), 'lab', '--name', name, *args], env=dict(os.environ, DROVER_LAB_DIR=base), stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=120, check=False)

        for name, count in (('one', '1'), ('two', '2')):
            r = lab(name, 'up', '--hosts', count, '--subnet', '192.168.77.0/24')
            self.addCleanup(lab, name, 'down', '--delete')
            self.assertEqual(r.returncode, 0, r.stderr)
        ping = ['--', 'busybox', 'ping', '-c', '1', '-W', '1', '192.168.77.12']
        self.assertEqual(lab('two', 'exec', 'host1', *ping).returncode, 0)
        self.assertNotEqual(lab('one', 'exec', 'host1', *ping).returncode, 0)
        self.assertEqual(lab('one', 'down').returncode, 0)
        self.assertEqual(lab('two', 'exec', 'host1', *ping).returncode, 0)


class FailedUp(unittest.TestCase):
    def test_an_engine_that_does_not_start_is_told_and_nothing_stays(self):
        base = tempfile.mkdtemp(prefix='drover-lab-test-')
        self.addCleanup(shutil.rmtree, base, ignore_errors=True)
        tools = os.path.join(base, 'tools')
        os.mkdir(tools)
        with open(os.path.join(tools, 'dockerd'), 'w', encoding='utf-8') as f:
            f.write('#!/bin/sh\necho this engine is broken\nexit 1\n')
        os.chmod(os.path.join(tools, 'dockerd'), 0o755)
        env = dict(os.environ, DROVER_LAB_DIR=base, PATH=tools + ':' + os.environ['PATH'])
        r = subprocess.run([program(), 'lab', 'up', '--hosts', '2'], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                           check=False)
        self.assertEqual(r.returncode, 1)
        self.assertIn('this engine is broken', r.stderr)
        self.assertIn('ended before it answered', r.stderr)
        with open(os.path.join(base, 'lab', 'lab.conf'), encoding='utf-8') as f:
            lab_id = dict(line.strip().split('=', 1) for line in f)['id']
        self.assertEqual(cgroups(lab_id), set())
        self.assertFalse(os.path.exists(os.path.join(base, 'lab', 'switch.pid')))
        for n in (1, 2):
            self.assertFalse(os.path.exists(os.path.join(base, 'lab', 'hosts', f'host{n}', 'pid')))


if __name__ == '__main__':
    reason = why_not()
    if reason:
        print(f'skipped: {reason}')
        sys.exit(77)
    unittest.main(verbosity=2)
