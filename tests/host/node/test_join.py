#!/usr/bin/env python3
"""The installer that hosts run (src/server/scripts/join.sh) on a machine in namespaces: private /var/lib, /etc/drover, /run and processes, the
network of this machine, a real Docker engine, and a small server. DROVER_BIN_DIR or DROVER_NODE as for test_agent.py."""
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import engine as engines
from engine import INIT, until
from fakeserver import FakeServer

NODE = os.path.abspath(os.environ.get('DROVER_NODE') or os.path.join(os.environ.get('DROVER_BIN_DIR', 'build/bin'), 'drover-node'))
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../../src/server/scripts/join.sh')
SETUP = '''
set -e
for d in /run /var/lib/rancher /var/lib/drover /etc/drover /var/log; do mkdir -p "$d"; mount -t tmpfs tmpfs "$d"; done
exec python3 -c "$INIT"
'''


class Machine:
    def __init__(self):
        env = dict(os.environ, INIT=INIT)
        self.parent = subprocess.Popen(['unshare', '--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', SETUP], env=env)
        children = f'/proc/{self.parent.pid}/task/{self.parent.pid}/children'
        self.init = int(until(lambda: read(children).split(), 'the first process')[0])
        until(lambda: 'waitpid' in read(f'/proc/{self.init}/cmdline'), 'the machine')

    def run(self, *argv, env=None, data=None):
        env = {'PATH': os.environ['PATH'], **(env or {})}
        return subprocess.run(['nsenter', '-t', str(self.init), '-m', '-p', '--', *argv], env=env, input=data, capture_output=True, text=True)

    def agents(self):
        r = self.run('sh', '-c', 'for p in /proc/[0-9]*; do tr "\\0" " " <$p/cmdline | grep -q "^[^ ]*/drover-node .* agent" && echo ${p#/proc/}; done')
        return r.stdout.split()

    def close(self):
        os.kill(self.init, signal.SIGKILL)
        self.parent.wait(60)


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ''


@unittest.skipIf(engines.why_not(), engines.why_not())
class Join(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.engine = engines.Engine()

    @classmethod
    def tearDownClass(cls):
        cls.engine.close()

    def setUp(self):
        self.server = FakeServer()
        self.machine = Machine()
        self.addCleanup(self.clean)
        with open(NODE, 'rb') as f:
            self.node = f.read()
        self.server.files['/v1/node/x86_64/9.9'] = self.node

    def clean(self):
        self.machine.close()
        self.server.stop()
        self.engine.remove_all()

    def script(self, **values):
        values = {'URL': self.server.url, 'TOKEN': FakeServer.TOKEN, 'SHA256': hashlib.sha256(self.node).hexdigest(), 'VERSION': '9.9', 'CA_PEM': '', **values}
        text = read(SCRIPT)
        for name, value in values.items():
            text = text.replace(f'@{name}@', value)
        self.assertIsNone(re.search('@[A-Z0-9_]+@', text))
        return text

    def join(self, env=None, machine=None, **values):
        env = {'CATTLE_URL_OVERRIDE': self.server.url, 'DOCKER_HOST': f'unix://{self.engine.socket}', **(env or {})}
        return (machine or self.machine).run('sh', env={k: v for k, v in env.items() if v is not None}, data=self.script(**values))

    def refused(self, what, *args, **values):
        r = self.join(*args, **values)
        self.assertEqual(r.returncode, 1, r.stdout + r.stderr)
        self.assertIn('drover: error: ', r.stderr)
        self.assertIn(what, r.stderr)
        self.assertEqual(self.machine.agents(), [])
        self.assertIsNone(self.server.session)

    def test_a_machine_joins_and_joining_again_keeps_the_host_and_one_agent(self):
        r = self.join(env={'CATTLE_AGENT_IP': '192.0.2.7', 'CATTLE_HOST_LABELS': 'zone=a&rack=1 2'})
        self.assertEqual(r.returncode, 0, r.stdout + r.stderr)
        self.assertIn('connected as 1h1', r.stdout)
        self.server.connected()
        self.assertEqual(self.server.host['agentIp'], '192.0.2.7')
        self.assertEqual(self.server.host['createLabels'], {'zone': 'a', 'rack': '1 2'})
        self.server.want('u1')
        uuid, agents = self.server.host['uuid'], self.machine.agents()
        self.assertEqual(self.machine.run('stat', '-c', '%a', '/etc/drover/node.conf').stdout.strip(), '600')
        r = self.join(env={'CATTLE_AGENT_IP': '192.0.2.8'})
        self.assertEqual(r.returncode, 0, r.stdout + r.stderr)
        self.assertIn('is already here', r.stdout)
        self.server.wait(lambda: self.server.session and self.server.host['agentIp'] == '192.0.2.8', 'the new address')
        self.assertEqual(self.server.host['uuid'], uuid)
        self.assertTrue(self.engine.by_uuid('u1')[0]['State']['Running'])
        until(lambda: len(self.machine.agents()) == len(agents) and not set(agents) & set(self.machine.agents()), 'one agent in place of the old')

    def test_a_dead_agent_is_started_again_and_a_second_supervisor_waits_its_turn(self):
        self.assertEqual(self.join().returncode, 0)
        first = self.machine.run('cat', '/run/drover-node.pid').stdout
        second = subprocess.Popen(['nsenter', '-t', str(self.machine.init), '-m', '-p', '--', '/var/lib/drover/boot.d/50-drover-node'], stderr=subprocess.DEVNULL)
        try:
            self.server.connected()
            agent = self.machine.run('sed', '-n', 's/^pid=//p', '/var/lib/rancher/state/agent.status').stdout.strip()
            session = self.server.session
            self.machine.run('kill', '-9', agent)
            self.server.wait(lambda: self.server.session and self.server.session is not session, 'the agent again')
            self.assertEqual(self.machine.run('cat', '/run/drover-node.pid').stdout, first)
            session = self.server.session
            self.machine.run('kill', '-9', first.strip())
            self.server.wait(lambda: self.server.session and self.server.session is not session, 'the agent of the second supervisor')
            self.assertNotEqual(self.machine.run('cat', '/run/drover-node.pid').stdout, first)
        finally:
            second.terminate()
            second.wait(60)

    def test_a_loopback_address_is_refused_with_a_hint(self):
        for url in ('http://localhost:8080/v1', 'http://127.0.0.1/v1', 'https://[::1]:443/v1', 'http://0.0.0.0:80/v1'):
            self.refused('api.host', env={'CATTLE_URL_OVERRIDE': None}, URL=url)

    def test_what_is_missing_or_wrong_is_told_before_anything_is_changed(self):
        self.refused('there is no Docker engine at /nowhere.sock', env={'DOCKER_HOST': 'unix:///nowhere.sock'})
        self.refused('only unix:// sockets', env={'DOCKER_HOST': 'tcp://h:1'})
        self.refused('which is no address', env={'CATTLE_AGENT_IP': 'my-host'})
        self.refused('cannot be reached', env={'CATTLE_URL_OVERRIDE': 'http://127.0.0.1:1/v1'})
        self.server.clock_skew_s = 3600
        self.refused("s off the server's")
        self.server.clock_skew_s = 0
        self.assertEqual(self.machine.run('ls', '/etc/drover', '/var/lib/drover/bin').stdout.split(), ['/etc/drover:', '/var/lib/drover/bin:'])

    def test_a_program_that_is_not_the_promised_one_is_not_installed(self):
        self.refused('is not the one that the server promised', SHA256='0' * 64)
        self.assertEqual(self.machine.run('ls', '/var/lib/drover/bin').stdout, '')
        del self.server.files['/v1/node/x86_64/9.9']
        self.refused('could not be downloaded')

    def test_an_engine_that_does_not_answer_is_told(self):
        if not shutil.which('curl'):
            self.skipTest('needs curl')
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 's')
            import socket
            with socket.socket(socket.AF_UNIX) as s:
                s.bind(path)
            self.refused('does not answer', env={'DOCKER_HOST': f'unix://{path}'})

    def test_a_full_disk_is_told(self):
        self.machine.run('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', '/var/lib/drover')
        self.refused('MB are free')

    def test_a_wrong_token_is_told(self):
        self.refused('the registration token is not valid', TOKEN='wrong')

    def test_someone_who_is_not_root_is_told(self):
        r = subprocess.run(['setpriv', '--reuid', '65534', '--clear-groups', 'sh'], input=self.script(), capture_output=True, text=True)
        self.assertEqual(r.returncode, 1)
        self.assertIn('must run as root', r.stderr)


if __name__ == '__main__':
    unittest.main(verbosity=2)
