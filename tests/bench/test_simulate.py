"""drover simulate against a real server: hosts join, run what they are told, fail as drawn, and leave nothing behind."""
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Simulate(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.port = free_port()
        log = open(os.path.join(self.dir.name, 'log'), 'wb')
        self.addCleanup(log.close)
        self.server = subprocess.Popen([os.environ['DROVER_SERVER'], '--listen', '127.0.0.1:%d' % self.port, '--data', self.dir.name, '--no-auth'],
                                       stdout=log, stderr=log)
        self.addCleanup(self.stop)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen('http://127.0.0.1:%d/ping' % self.port, timeout=5).close()
                return
            except OSError:
                self.assertIsNone(self.server.poll(), 'the server ended')
                time.sleep(0.02)
        self.fail('the server did not answer')

    def stop(self):
        self.server.terminate()
        self.server.wait(20)

    def simulate(self, *args):
        env = {k: v for k, v in os.environ.items() if not k.startswith(('RANCHER_', 'DROVER_'))}
        env['HOME'] = self.dir.name
        return subprocess.Popen([os.environ['DROVER'], 'simulate', '--server', 'http://127.0.0.1:%d' % self.port, *args], env=env,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, process, code=0):
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, code, out + err)
        return out, err

    def get(self, path):
        with urllib.request.urlopen('http://127.0.0.1:%d/v2-beta/projects/1a5%s' % (self.port, path), timeout=10) as r:
            return json.load(r)['data']

    def test_hosts_join_and_end_by_themselves(self):
        out, _ = self.finish(self.simulate('--hosts', '12', '--idle', '--duration', '200ms'))
        self.assertIn('ready: 12 hosts are connected', out)
        self.assertIn('hosts: 12 registered, 12 connected, 0 refused, 0 connections lost', out)
        self.assertEqual(sorted(h['hostname'] for h in self.get('/hosts')), sorted('simulated-%d' % i for i in range(1, 13)))

    def test_containers_start_on_the_hosts_and_are_gone_at_the_end(self):
        process = self.simulate('--hosts', '5', '--containers', '40', '--duration', '60s', '--delay', '20ms')
        for line in process.stdout:
            if line.startswith('running: 40 containers'):
                break
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and [c for c in self.get('/containers') if c['state'] != 'running']:
            time.sleep(0.02)
        containers = self.get('/containers')
        self.assertEqual([c['state'] for c in containers], ['running'] * 40)
        per_host = [sum(c['hostId'] == h['id'] for c in containers) for h in self.get('/hosts')]
        self.assertEqual(per_host, [8] * 5)
        process.send_signal(signal.SIGTERM)
        out, _ = self.finish(process)
        self.assertIn('containers: 0 on hosts, 0 running', out)
        self.assertEqual([s['name'] for s in self.get('/stacks')], [])

    def test_drawn_failures_are_counted_and_tried_again(self):
        process = self.simulate('--hosts', '4', '--containers', '30', '--duration', '60s', '--fail', '300')
        for line in process.stdout:
            if line.startswith('running: 30 containers'):
                break
        process.send_signal(signal.SIGTERM)
        out, _ = self.finish(process)
        failed = int(re.search(r'(\d+) failed', out).group(1))
        self.assertGreater(failed, 0)

    def test_more_hosts_than_open_files_is_an_error_that_says_so(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith(('RANCHER_', 'DROVER_'))}
        process = subprocess.run(['sh', '-c', 'ulimit -n 400; exec "$0" "$@"', os.environ['DROVER'], 'simulate', '--server',
                                  'http://127.0.0.1:%d' % self.port, '--hosts', '1000'], env=env, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(process.returncode, 1)
        self.assertIn('1000 hosts need 1300 open files and the limit is 400', process.stderr)


if __name__ == '__main__':
    unittest.main()
