"""drover, the command line, against a real server with simulated hosts: run, logs, exec, docker, secrets, volumes, templates, man pages."""
import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import tempfile
import termios
import time
import unittest

import client

DROVER = os.environ.get('DROVER_CLI')


class CommandLine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = client.Server(['--simulator', '--sim-hosts', '2']).start()
        cls.folder = tempfile.TemporaryDirectory(prefix='drover-cli-')
        cls.env = dict(os.environ, DROVER_CONFIG=cls.folder.name + '/cli.json', HOME=cls.folder.name)
        cls.drover('login', 'http://127.0.0.1:%d' % cls.server.port, '--admin-file', cls.server.data + '/admin.json')
        cls.drover('run', '--wait-state', 'healthy', '--name', 'web/front', '--scale', '2', '-e', 'A=b', '-p', '8081:80', '-l', 'team=red', 'nginx', 'serve', '-v')

    @classmethod
    def tearDownClass(cls):
        cls.server.close()
        cls.folder.cleanup()

    @classmethod
    def call(cls, *args, text=''):
        return subprocess.run([DROVER] + list(args), input=text, env=cls.env, capture_output=True, text=True, timeout=client.WAIT_S)

    @classmethod
    def drover(cls, *args, text=''):
        done = cls.call(*args, text=text)
        if done.returncode != 0:
            raise AssertionError('drover %s: %d %s%s' % (' '.join(args), done.returncode, done.stdout, done.stderr))
        return done.stdout

    def test_run_makes_what_its_options_say(self):
        lc = json.loads(self.drover('inspect', 'web/front'))['launchConfig']
        self.assertEqual((lc['imageUuid'], lc['command'], lc['environment'], lc['labels']['team']), ('docker:nginx', ['serve', '-v'], {'A': 'b'}, 'red'))
        self.assertEqual(lc['ports'], ['8081:80/tcp'])
        one = json.loads(self.drover('ps', '--format', 'json').splitlines()[0])
        self.assertEqual((one['Service']['scale'], one['Service']['name']), (2, 'front'))

    def test_templates(self):
        out = self.drover('ps', '--format', '{{range .Service.launchConfig.ports}}<{{.}}>{{end}}{{if eq .service.state "active"}} is {{upper .Service.Name}}{{end}}')
        self.assertEqual(out, '<8081:80/tcp> is FRONT\n')
        bad = self.call('ps', '--format', '{{nothing .ID}}')
        self.assertEqual(bad.returncode, 1)
        self.assertIn('function "nothing" not defined', bad.stderr)

    def test_logs_of_a_service_carry_names(self):
        lines = self.drover('logs', '--tail', '3', 'web/front').splitlines()
        self.assertEqual(len(lines), 6)
        self.assertEqual({line.split(' | ')[0].strip() for line in lines}, {'web-front-1', 'web-front-2'})
        one = self.drover('logs', '-t', '--tail', '1', 'web-front-1').splitlines()
        self.assertRegex(one[0], r'^\d{4}-\d\d-\d\dT.*Z line ')

    def test_logs_follow(self):
        p = subprocess.Popen([DROVER, 'logs', '-f', 'web-front-1'], env=self.env, stdout=subprocess.PIPE, text=True)
        try:
            while 'tick' not in p.stdout.readline():
                pass
        finally:
            p.kill()
            p.wait()
            p.stdout.close()

    def test_exec_gives_input_output_and_exit_code(self):
        self.assertEqual(self.call('exec', 'web/front', 'exit', '3').returncode, 3)
        big = 'x' * 300000 + '\n'
        self.assertEqual(self.drover('exec', '-i', 'web-front-1', 'cat', text=big), big)
        self.assertEqual(self.call('exec', 'nothing', 'ls').returncode, 1)
        refused = self.call('exec', '-it', 'web/front', 'sh')
        self.assertEqual(refused.returncode, 1)
        self.assertIn('leave out -t', refused.stderr)

    def test_exec_on_a_terminal(self):
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(DROVER, [DROVER, 'exec', '-it', 'web-front-1', 'sh'], self.env)
        out, sent, end = b'', False, time.monotonic() + client.WAIT_S
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 30, 100, 0, 0))
        while time.monotonic() < end:
            if not sent and not termios.tcgetattr(fd)[3] & termios.ICANON:     # raw: it listens
                os.write(fd, b'abc\r')
                sent = True
            if select.select([fd], [], [], 0.1)[0]:
                try:
                    out += os.read(fd, 1000)
                except OSError:
                    break
                if b'abc' in out:
                    os.write(fd, b'\x04')
        self.assertIn(b'abc', out)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        os.close(fd)

    def test_docker_says_why_a_host_has_no_engine(self):
        fake = self.folder.name + '/docker'
        with open(fake, 'w') as f:
            f.write('#!/bin/sh\necho "args: $*"\necho "host: ${DOCKER_HOST%%/*}"\nexit 7\n')
        os.chmod(fake, 0o755)
        env = dict(self.env, PATH=self.folder.name + ':' + os.environ['PATH'])
        done = subprocess.run([DROVER, 'docker', '--host', 'sim-1', 'ps', '-a'], env=env, capture_output=True, text=True, timeout=client.WAIT_S)
        self.assertEqual((done.returncode, done.stdout), (7, 'args: ps -a\nhost: unix:\n'))
        self.assertEqual([f for f in os.listdir(tempfile.gettempdir()) if f.startswith('drover-docker-') and os.listdir(tempfile.gettempdir() + '/' + f) == []], [])

    def test_a_container_becomes_a_service(self):
        env = self.server.admin('/v2-beta/projects/1a5')
        c = env.post('/containers', {'name': 'by-hand', 'imageUuid': 'docker:nginx', 'command': ['a', 'b'], 'environment': {'K': 'V'}, 'ports': ['9090:90'],
                                     'labels': {'team': 'blue'}})
        env.wait('/containers/' + c['id'], 'running')
        self.drover('stacks', 'create', '--empty', 'converted')
        made = self.drover('convert', '--replace', '--scale', '2', '--wait-state', 'healthy', 'by-hand', 'converted/mine').strip()
        s = env.get('/services/' + made)
        lc = s['launchConfig']
        self.assertEqual((s['name'], s['scale'], lc['imageUuid'], lc['command'], lc['environment'], lc['ports'], lc['labels']['team']),
                         ('mine', 2, 'docker:nginx', ['a', 'b'], {'K': 'V'}, ['9090:90/tcp'], 'blue'))
        self.assertEqual(env.get('/containers/' + c['id'])['state'], 'removed')
        self.drover('rm', '-w', '--type', 'stack', 'converted')
        self.assertIn('names no stack', self.call('convert', 'by-hand', 'mine').stderr)
        self.assertIn('belongs to a service', self.call('convert', 'web-front-1', 'web/again').stderr)

    def test_secrets(self):
        made = self.drover('secrets', 'create', '--description', 'of the database', 'pw', '-', text='s3cret').strip()
        listing = self.drover('secrets')
        self.assertIn('of the database', listing)
        self.assertNotIn('s3cret', self.drover('secrets', '--format', 'json'))
        self.assertEqual(self.drover('secrets', 'rm', 'pw').strip(), made)
        self.assertEqual(self.call('secrets', 'rm', 'pw').returncode, 1)

    def test_volumes(self):
        made = self.drover('volumes', 'create', '--opt', 'a=b', 'data1').strip()
        row = json.loads(self.drover('volumes', '-a', '--format', 'json').splitlines()[0])
        self.assertEqual((row['ID'], row['Volume']['driverOpts']), (made, {'a': 'b'}))
        self.assertEqual(self.drover('volumes', 'rm', 'data1').strip(), made)

    def test_pull(self):
        self.assertRegex(self.drover('pull', 'busybox').strip(), '^1go')

    def test_help_man_pages_and_completion(self):
        for verb in ('logs', 'exec', 'docker', 'ssh', 'run', 'pull', 'volumes', 'secrets'):
            self.assertIn('Usage: drover ' + verb, self.drover('help', verb))
        self.assertIn('.TH', self.drover('help', '--man', 'logs'))
        pages = self.folder.name + '/man'
        self.drover('help', '--man-dir', pages)
        names = set(os.listdir(pages))
        self.assertTrue({'drover.1', 'drover-exec.1', 'drover-volumes-create.1'} <= names, names)
        for shell in ('bash', 'zsh'):
            script = self.drover('completion', shell)
            self.assertIn('secrets', script)
            checked = subprocess.run([shell, '-n'], input=script, text=True, capture_output=True, timeout=client.WAIT_S) if shell == 'bash' else None
            self.assertTrue(checked is None or checked.returncode == 0, checked and checked.stderr)


if __name__ == '__main__':
    unittest.main()
