"""What an operator relies on: figures, logs, backups that restore, TLS."""
import json
import math
import os
import re
import shutil
import socket
import sqlite3
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

import client
import wsclient

NAME = r'[a-zA-Z_:][a-zA-Z0-9_:]*'
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"')
SAMPLE = re.compile(r'(%s)(?:\{(.*)\})? (\S+)' % NAME)


def until(check, what, pause=0.05):
    end = time.monotonic() + client.WAIT_S
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError('not within %d s: %s' % (client.WAIT_S, what() if callable(what) else what))
        threading.Event().wait(pause)


def parse_metrics(text):
    """Prometheus' text form 0.0.4, strictly: {(name, labels): value}, and {family: type}."""
    if not text.endswith('\n'):
        raise ValueError('the last line has no end')
    samples, types, helps, family, done = {}, {}, set(), None, set()
    for line in text[:-1].split('\n'):
        if line.startswith('# HELP '):
            name, words = re.fullmatch(r'# HELP (%s) (.+)' % NAME, line).groups()
            if name in helps or not words:
                raise ValueError('second HELP of ' + name)
            if family:
                done.add(family)
            helps.add(name)
            family = name
            continue
        if line.startswith('# TYPE '):
            name, kind = re.fullmatch(r'# TYPE (%s) (counter|gauge|histogram|summary|untyped)' % NAME, line).groups()
            if name != family or name in types:
                raise ValueError('TYPE of %s is out of place' % name)
            types[name] = kind
            continue
        m = SAMPLE.fullmatch(line)
        if not m:
            raise ValueError('no sample: %r' % line)
        name, inside, value = m.groups()
        labels = []
        while inside:
            one = LABEL.match(inside)
            if not one:
                raise ValueError('labels: %r' % line)
            labels.append(one.groups())
            inside = inside[one.end():]
            if inside and not inside.startswith(','):
                raise ValueError('labels: %r' % line)
            inside = inside[1:]
        base = family if types.get(family) == 'histogram' and name in (family + '_bucket', family + '_sum', family + '_count') else name
        if base != family or base in done or types.get(base) is None:
            raise ValueError('%s is not below its own TYPE' % name)
        if len(dict(labels)) != len(labels) or (name, tuple(sorted(labels))) in samples:
            raise ValueError('twice: %r' % line)
        number = float(value)
        if types[base] == 'counter' and (not name.endswith('_total') or number < 0 or not math.isfinite(number)):
            raise ValueError('counter: %r' % line)
        samples[name, tuple(sorted(labels))] = number
    for f, kind in types.items():
        if kind == 'histogram':
            check_histogram(f, samples)
    return samples, types


def check_histogram(f, samples):
    series = {}
    for (name, labels), value in samples.items():
        rest = tuple(x for x in labels if x[0] != 'le')
        if name == f + '_bucket':
            series.setdefault(rest, []).append((float(dict(labels)['le']), value))
    for rest, buckets in series.items():
        if buckets != sorted(buckets) or [v for _, v in buckets] != sorted(v for _, v in buckets):
            raise ValueError('buckets of %s %s' % (f, rest))
        if buckets[-1][0] != math.inf or buckets[-1][1] != samples[f + '_count', rest] or samples[f + '_sum', rest] < 0:
            raise ValueError('end of %s %s' % (f, rest))


def other_address():
    """An address of this machine that is none of loopback; None: it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(('192.0.2.1', 9))         # sends nothing
        except OSError:
            return None
        a = s.getsockname()[0]
        return None if a.startswith('127.') or a == '0.0.0.0' else a


def curl(*args):
    r = subprocess.run(['curl', '-sS', '--max-time', '30', *args], capture_output=True, text=True, timeout=client.WAIT_S, check=False)
    return r.returncode, r.stdout, r.stderr


class Metrics(client.Case):
    args = ('--simulator', '--sim-hosts', '2')

    def metrics(self):
        a = self.server.client().raw('GET', '/metrics')
        self.assertEqual(a.status, 200)
        self.assertTrue(a.headers['Content-Type'].startswith('text/plain; version=0.0.4'))
        return parse_metrics(a.raw)[0]

    def test_the_parser_of_this_test_refuses_what_is_wrong(self):
        good = '# HELP a_total x\n# TYPE a_total counter\na_total{b="c"} 1\n'
        self.assertEqual(parse_metrics(good)[0], {('a_total', (('b', 'c'),)): 1.0})
        for bad in (good[:-1], good + 'a_total{b="c"} 2\n', good + 'b 1\n', good.replace('"c"', 'c'), good.replace(' 1', ' -1'), good.replace('# TYPE a_total counter\n', ''),
                    '# HELP h x\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n'):
            with self.assertRaises((ValueError, AttributeError), msg=bad):
                parse_metrics(bad)

    def test_figures_are_there_and_follow_what_happens(self):
        before = self.metrics()
        for name in ('drover_process_runs', 'drover_process_runs_failing', 'drover_queue_length', 'drover_store_size_bytes', 'drover_host_sessions', 'drover_subscribers',
                     'drover_stream_clients', 'drover_slow_readers_closed_total', 'process_resident_memory_bytes', 'drover_store_commits_failed_total'):
            self.assertIn((name, ()), before)
        self.assertTrue(any(n == 'drover_build_info' for n, _ in before))
        for _ in range(3):
            self.check(self.admin.get('/projects/1a5/stacks'), 200)
        self.check(self.server.client().get('/projects/1a5/stacks'), 401)
        made = self.check(self.admin.post('/projects/1a5/stacks', {'name': 'counted'}), 201)
        self.admin.wait('/projects/1a5/stacks/' + made['id'], 'active')
        after = self.metrics()

        def rise(name, **labels):
            key = (name, tuple(sorted(labels.items())))
            return after.get(key, 0) - before.get(key, 0)
        self.assertGreaterEqual(rise('drover_http_requests_total', route='read', code='200'), 3)
        self.assertEqual(rise('drover_http_requests_total', route='read', code='401'), 1)
        self.assertEqual(rise('drover_http_requests_total', route='write', code='201'), 1)
        self.assertEqual(rise('drover_http_request_duration_seconds_count', route='write'), 1)
        self.assertEqual(rise('drover_records', type='stack'), 1)
        self.assertGreaterEqual(rise('drover_store_commits_total'), 1)
        self.assertEqual(rise('drover_store_commit_duration_seconds_count'), rise('drover_store_commits_total'))
        self.assertGreater(after['drover_store_size_bytes', ()], 4096)
        until(lambda: self.metrics().get(('drover_records', (('type', 'host'),)), 0) >= 2, 'the simulated hosts')

    def test_connections_of_each_kind_are_counted(self):
        ws = client.WebSocket(self.admin, '/projects/1a5/subscribe?eventNames=resource.change')
        self.addCleanup(ws.close)
        until(lambda: self.metrics()['drover_subscribers', ()] == 1, 'a subscriber')
        agent = wsclient.Agent(self.server, self.admin, 'counted')
        until(lambda: self.metrics()['drover_host_sessions', ()] == 1, 'a session')
        agent.close()
        until(lambda: self.metrics()['drover_host_sessions', ()] == 0, 'no session')


@unittest.skipUnless(other_address(), 'this machine has no address but loopback')
class MetricsRights(unittest.TestCase):
    def ask(self, *args, key=None):
        server = client.Server(['--listen', '0.0.0.0:0', *args])
        self.addCleanup(server.close)
        server.start()
        a = server.admin_file()
        user = {'admin': (a['accessKey'], a['secretKey']), 'wrong': (a['accessKey'], 'x')}.get(key)
        if key == 'user':
            admin = server.admin()
            made = admin.post('/accounts', {'kind': 'user', 'name': 'u'})
            admin.wait('/accounts/' + made['id'], 'active')
            k = admin.post('/apikeys', {'accountId': made['id']})
            admin.wait('/apikeys/' + k['id'], 'active')
            user = (k['publicValue'], k['secretValue'])
        extra = ['-u', '%s:%s' % user] if user else []
        return int(curl('-o', '/dev/null', '-w', '%{http_code}', *extra, 'http://%s:%d/metrics' % (other_address(), server.port))[1])

    def test_from_elsewhere_they_are_for_administrators_unless_opened(self):
        self.assertEqual(self.ask(), 401)
        self.assertEqual(self.ask(key='wrong'), 401)
        self.assertEqual(self.ask(key='user'), 401)
        self.assertEqual(self.ask(key='admin'), 200)
        self.assertEqual(self.ask('--metrics-open'), 200)


class Log(unittest.TestCase):
    def setUp(self):
        self.server = client.Server(['--log-level', 'debug'])
        self.addCleanup(self.server.close)

    def test_json_lines_are_json_and_text_lines_are_pairs(self):
        self.server.args += ['--log-format', 'json']
        self.server.log_file = open(os.path.join(self.server.log_dir(), 'server.log'), 'ab+')
        self.addCleanup(self.server.log_file.close)
        self.server.process = subprocess.Popen([client.SERVER, '--listen', '127.0.0.1:0', '--data', self.server.data] + self.server.args, stdin=subprocess.DEVNULL,
                                               stdout=self.server.log_file, stderr=self.server.log_file)
        until(lambda: '"msg":"serving"' in self.server.log(), self.server.log)
        lines = [json.loads(x) for x in self.server.log().splitlines()]
        for line in lines:
            self.assertTrue({'time', 'level', 'program', 'msg'} <= set(line), line)
            self.assertIn(line['level'], ('debug', 'info', 'warning', 'error'))

    def test_requests_are_found_by_the_clients_id_and_secrets_are_never_there(self):
        self.server.start()
        a = self.server.admin_file()
        admin = self.server.admin()
        admin.get('/projects', headers={'X-Request-Id': 'find-me-4711'})
        line = [x for x in self.server.log().splitlines() if 'request=find-me-4711' in x]
        self.assertEqual(len(line), 1)
        for word in ('method=GET', 'path=/v2-beta/projects', 'status=200'):
            self.assertIn(word, line[0])
        t = self.server.client().post('/token', {'code': '%s:%s' % (a['username'], a['password'])})
        self.assertEqual(t.status, 201)
        self.server.client().raw('GET', '/v2-beta/projects?token=' + t['jwt'])
        token = admin.post('/projects/1a5/registrationtokens')
        token = admin.wait('/projects/1a5/registrationtokens/' + token['id'], 'active')
        self.server.client().raw('GET', '/v1/scripts/%s/join' % token['token'])
        k = admin.post('/apikeys', {})
        secret = admin.post('/projects/1a5/secrets', {'name': 's', 'value': 'c2VjcmV0LW9mLXRoZS10ZXN0'})
        self.assertEqual(self.server.end(), 0)
        text = self.server.log()
        for what, value in (('key', a['secretKey']), ('password', a['password']), ('session', t['jwt']), ('new key', k['secretValue']), ('value', 'c2VjcmV0LW9mLXRoZS10ZXN0'),
                            ('value', 'secret-of-the-test'), ('registration token', token['token'].split(':')[2])):
            self.assertNotIn(value, text, what)
        self.assertIn(secret.status, (201, 422, 501))


class Host(wsclient.Agent):
    """As drover-node does it: obeys no lower epoch than it has seen, keeps what it has while there is no server, takes a full list as all there is."""

    def __init__(self, *args):
        self.refused = []
        super().__init__(*args)

    def obey(self, m):
        if m['epoch'] < self.epoch:
            self.refused.append(m['epoch'])
            return
        self.epoch = m['epoch']
        wanted = {d['uuid']: d for d in m['containers']}
        gone = []
        for uuid, d in wanted.items():
            if d['state'] == 'absent':
                gone.append({'uuid': uuid, 'gen': d['gen'], 'state': 'absent'})
                self.containers.pop(uuid, None)
            else:
                self.containers[uuid] = {'uuid': uuid, 'gen': d['gen'], 'state': d['state'], 'dockerId': 'd' * 8 + uuid.replace('-', ''), 'ip': '10.42.0.9', 'ports': [],
                                         'startedAt': 1, 'finishedAt': 0, 'exitCode': 0}
        if m['full']:
            for uuid in [u for u in self.containers if u not in wanted]:
                del self.containers[uuid]
            self.report(True)
        else:
            self.say({'t': 'observed', 'full': False, 'containers': gone + [self.containers[u] for u in wanted if u in self.containers]})

    def move(self, server):
        self.server = server
        self.connect()


def tool(*args):
    return subprocess.run([client.SERVER, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=client.WAIT_S, check=False)


class Backup(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='drover-backup-')
        self.addCleanup(shutil.rmtree, self.dir, True)
        self.file = os.path.join(self.dir, 'backup.db')

    def make(self, *args, data=None):
        s = client.Server(args, data=data)
        self.addCleanup(s.close)
        if data:
            self.addCleanup(shutil.rmtree, data + '.log', True)
        return s.start()

    def test_a_backup_under_load_restores_to_a_consistent_state_and_hosts_come_back(self):
        server = self.make()
        admin, p = server.admin(), '/projects/1a5'
        hosts = [Host(server, admin, 'host-%d' % i) for i in range(3)]
        until(lambda: [h for h in admin.get(p + '/hosts').rows if h['state'] == 'active'].__len__() == 3, 'three hosts')
        stack = admin.post(p + '/stacks', {'name': 'load'})
        admin.wait(p + '/stacks/' + stack['id'], 'active')
        stop, made = threading.Event(), []

        def load(n):
            i = 0
            while not stop.is_set():
                i += 1
                try:
                    c = admin.post(p + '/containers', {'name': 'c%d-%d' % (n, i), 'imageUuid': 'docker:x'})
                    if i % 3 == 0 and c.status == 201:
                        admin.delete(p + '/containers/' + c['id'])
                    if i % 10 == 1:
                        s = admin.post(p + '/services', {'name': 's%d-%d' % (n, i), 'stackId': stack['id'], 'scale': 2, 'startOnCreate': True, 'launchConfig': {'imageUuid': 'docker:x'}})
                        if i % 20 == 1 and s.status == 201:
                            admin.put(p + '/services/' + s['id'], {'scale': 4})
                    made.append(c.get('id'))
                except OSError:
                    return              # the server was killed
        threads = [threading.Thread(target=load, args=(n,), daemon=True) for n in range(3)]
        for t in threads:
            t.start()
        for n in range(4):
            until(lambda: len(made) >= 30 * (n + 1), 'load')
            r = tool('backup', self.file, '--data', server.data, '--with-key')
            self.assertEqual(r.returncode, 0, r.stderr)
        taken = len(made)
        until(lambda: len(made) >= taken + 20, 'load after the backup')
        stop.set()
        for t in threads:
            t.join(client.WAIT_S)
        server.process.kill()
        server.process.wait()
        for h in hosts:
            h.wait(lambda h=h: h.closed, 'the end of the session')
        before = {h.name: h.epoch for h in hosts}

        data = os.path.join(self.dir, 'restored')
        r = tool('restore', self.file, '--data', data)
        self.assertEqual(r.returncode, 0, r.stderr)
        again = self.make(data=data)
        admin = client.Client(again.port, (server.admin_file()['accessKey'], server.admin_file()['secretKey']))
        for h in hosts:
            h.move(again)
        self.consistent(again, admin, p, hosts)
        for h in hosts:
            self.assertGreater(h.epoch, before[h.name])
            self.assertEqual(h.refused, [])
        # It goes on from there.
        c = admin.post(p + '/containers', {'name': 'after', 'imageUuid': 'docker:x'})
        self.assertEqual(c.status, 201, repr(c))
        admin.wait(p + '/containers/' + c['id'], 'running')
        for h in hosts:
            h.close()
        self.assertEqual(again.end(), 0)

    def consistent(self, server, admin, p, hosts):
        gone = ('removed', 'purged', 'purging')

        def wrong():
            out, rows = [], [c for c in admin.get(p + '/containers?limit=3000').rows if c['state'] not in gone]
            names = [h['hostname'] for h in admin.get(p + '/hosts').rows if h['state'] == 'active' and h.get('agentState') in (None, 'active')]
            if sorted(names) != sorted(h.name for h in hosts):
                out.append('hosts: %s' % names)
            by_id = {h['id']: h['hostname'] for h in admin.get(p + '/hosts').rows}
            have = {u: h.name for h in hosts for u, c in h.containers.items() if c['state'] == 'running'}
            for c in rows:
                if c['state'] not in ('running', 'stopped'):
                    out.append('%s is %s: %s' % (c['name'], c['state'], c.get('transitioningMessage')))
                if c['state'] == 'running' and have.pop(c['uuid'], None) != by_id.get(c['hostId']):
                    out.append('%s does not run where the API says' % c['name'])
            out += ['%s runs on %s and is not in the API' % x for x in have.items()]
            all_names = [c['name'] for c in rows]
            out += ['name %s is there twice' % n for n in set(all_names) if all_names.count(n) > 1]
            for s in admin.get(p + '/services?limit=1000').rows:
                if s['state'] in gone:
                    continue
                mine = [c for c in rows if c['id'] in (s.get('instanceIds') or [])]
                if s['state'] != 'active' or len(mine) != s['scale'] or any(c['state'] != 'running' for c in mine):
                    out.append('service %s is %s with %d of %d' % (s['name'], s['state'], len(mine), s['scale']))
            out += ['process %s of %s %s is not finished' % (x['processName'], x['resourceType'], x['resourceId'])
                    for x in admin.get('/processinstances?endTime_null=1&limit=100').rows]
            return out
        until(lambda: not wrong(), lambda: '\n'.join(wrong()[:20]) + server.log()[-2000:], pause=0.2)
        db = sqlite3.connect('file:%s?mode=ro' % os.path.join(server.data, 'drover.db'), uri=True)
        self.assertEqual(db.execute('PRAGMA integrity_check').fetchone()[0], 'ok')
        db.close()

    def test_an_old_database_put_back_by_hand_is_not_obeyed_and_the_host_says_why(self):
        server = self.make()
        host = Host(server, server.admin(), 'host-0')
        until(lambda: [h for h in server.admin().get('/projects/1a5/hosts').rows if h['state'] == 'active'], 'the host')
        self.assertEqual(tool('backup', self.file, '--data', server.data).returncode, 0)
        for _ in range(2):
            self.assertEqual(server.end(), 0)
            server.start()
        host.wait(lambda: host.closed, 'the end of the session')
        host.move(server)
        c = server.admin().post('/projects/1a5/containers', {'name': 'c', 'imageUuid': 'docker:x'})
        server.admin().wait('/projects/1a5/containers/' + c['id'], 'running')
        self.assertGreaterEqual(host.epoch, 3)
        self.assertEqual(server.end(), 0)
        for part in ('', '-wal', '-shm'):
            if os.path.exists(os.path.join(server.data, 'drover.db' + part)):
                os.unlink(os.path.join(server.data, 'drover.db' + part))
        shutil.copy(self.file, os.path.join(server.data, 'drover.db'))
        server.start()
        host.wait(lambda: host.closed, 'the end of the session')
        host.move(server)
        host.wait(lambda: host.closed, 'the refusal')
        until(lambda: 'epoch' in str(server.admin().get('/projects/1a5/hosts').rows[0].get('transitioningMessage')), 'the reason')
        self.assertEqual(host.containers[c['uuid']]['state'], 'running')

    def test_what_is_not_whole_or_not_a_backup_is_refused(self):
        server = self.make()
        self.assertEqual(tool('backup', self.file, '--data', server.data, '--with-key').returncode, 0)
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(self.file + '.key').st_mode & 0o777, 0o600)
        with open(self.file, 'rb') as f:
            whole = f.read()
        with open(self.file + '.key', 'rb') as f:
            key = f.read()
        for name, content, code in (('text', b'hello' * 1000, 5), ('empty', b'', 5), ('half', whole[:len(whole) // 2], None), ('damaged', whole[:4096] + b'\xff' * 4096 + whole[8192:], None)):
            bad, data = os.path.join(self.dir, name), os.path.join(self.dir, name + '.data')
            with open(bad, 'wb') as f:
                f.write(content)
            with open(bad + '.key', 'wb') as f:
                f.write(key)
            os.chmod(bad + '.key', 0o600)
            r = tool('restore', bad, '--data', data)
            self.assertIn(r.returncode, (code,) if code else (1, 5), name + r.stderr)
            self.assertIn(name, r.stderr)
            self.assertFalse([x for x in os.listdir(data) if x.startswith('drover.db')], name)

    def test_a_folder_in_use_or_with_a_database_is_refused_and_the_old_one_is_kept_with_force(self):
        server = self.make()
        self.assertEqual(tool('backup', self.file, '--data', server.data).returncode, 0)
        r = tool('restore', self.file, '--data', server.data, '--force')
        self.assertEqual(r.returncode, 4, r.stderr)
        stack = server.admin().post('/projects/1a5/stacks', {'name': 'later'})
        server.admin().wait('/projects/1a5/stacks/' + stack['id'], 'active')
        self.assertEqual(server.end(), 0)
        r = tool('restore', self.file, '--data', server.data)
        self.assertEqual(r.returncode, 1, r.stderr)
        self.assertIn('--force', r.stderr)
        r = tool('restore', self.file, '--data', server.data, '--force')
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertTrue(os.path.exists(os.path.join(server.data, 'drover.db.replaced')))
        server.start()
        self.assertEqual(server.admin().get('/projects/1a5/stacks').rows, [])

    @unittest.skipUnless(os.geteuid() == 0, 'only root can give files away')
    def test_root_restores_for_the_owner_of_the_folder(self):
        server = self.make()
        self.assertEqual(tool('backup', self.file, '--data', server.data, '--with-key').returncode, 0)
        data = os.path.join(self.dir, 'owned')
        os.mkdir(data, 0o700)
        os.chown(data, 65534, 65534)
        self.assertEqual(tool('restore', self.file, '--data', data).returncode, 0)
        for name in os.listdir(data):
            self.assertEqual(os.stat(os.path.join(data, name)).st_uid, 65534, name)

    def test_without_the_key_nothing_is_restored(self):
        server = self.make()
        r = tool('backup', self.file, '--data', server.data)
        self.assertEqual(r.returncode, 0)
        self.assertIn('master.key', r.stderr)
        self.assertFalse(os.path.exists(self.file + '.key'))
        data = os.path.join(self.dir, 'nokey')
        r = tool('restore', self.file, '--data', data)
        self.assertEqual(r.returncode, 1)
        self.assertIn('key', r.stderr)
        self.assertFalse(os.path.exists(os.path.join(data, 'drover.db')))

    def test_backups_by_schedule_are_made_and_the_newest_stay(self):
        folder = os.path.join(self.dir, 'backups')
        self.make('--backup-dir', folder, '--backup-every', '1s', '--backup-keep', '2')
        seen = set()

        def look():
            names = [n for n in (os.listdir(folder) if os.path.isdir(folder) else []) if n.endswith('.db')]
            seen.update(names)
            return len(seen) >= 4 and len(names) == 2 and names
        left = until(look, lambda: 'four backups: %s' % seen)
        self.assertEqual(sorted(left), sorted(seen)[-2:])
        db = sqlite3.connect(os.path.join(folder, left[0]))
        self.assertEqual(db.execute('PRAGMA integrity_check').fetchone()[0], 'ok')
        db.close()


class Tls(unittest.TestCase):
    def start(self, *args):
        s = client.Server(['--tls', *args])
        self.addCleanup(s.close)
        s.start()
        self.ca = os.path.join(s.log_dir(), 'ca.pem')
        with open(self.ca, 'w') as f:
            f.write(s.client().raw('GET', '/v1/scripts/ca.crt').raw)
        return s

    def names(self, server):
        context = ssl.create_default_context(cafile=self.ca)
        context.check_hostname = False
        with socket.create_connection(('127.0.0.1', server.port), timeout=client.WAIT_S) as s, context.wrap_socket(s) as t:
            return {v for _, v in t.getpeercert()['subjectAltName']}

    def test_both_are_served_on_one_port_and_the_authority_is_enough_to_trust_it(self):
        s = self.start('--tls-name', 'drover.example')
        url = 'https://127.0.0.1:%d/ping' % s.port
        self.assertEqual(curl('--cacert', self.ca, url)[:2], (0, 'pong'))
        self.assertEqual(curl('--cacert', self.ca, url.replace('127.0.0.1', 'localhost'))[:2], (0, 'pong'))
        self.assertEqual(curl('--cacert', self.ca, '--resolve', 'drover.example:%d:127.0.0.1' % s.port, url.replace('127.0.0.1', 'drover.example'))[:2], (0, 'pong'))
        self.assertEqual(curl(url.replace('https', 'http'))[:2], (0, 'pong'))
        self.assertNotEqual(curl(url)[0], 0)
        self.assertEqual(s.client().raw('GET', '/v1/scripts/ca.pem').raw, s.client().raw('GET', '/v1/scripts/ca.crt').raw)

    def test_another_servers_authority_does_not_fit(self):
        self.start()
        wrong = self.ca
        s = self.start()
        self.assertNotEqual(curl('--cacert', wrong, 'https://127.0.0.1:%d/ping' % s.port)[0], 0)

    def test_the_authority_stays_over_restarts_and_its_key_is_in_no_file(self):
        s = self.start()
        self.assertEqual(s.end(), 0)
        with open(self.ca) as f:
            old = f.read()
        for folder, _, files in os.walk(s.data):
            for name in files:
                with open(os.path.join(folder, name), 'rb') as f:
                    self.assertNotIn(b'PRIVATE KEY', f.read(), name)
        s.start()
        self.assertEqual(s.client().raw('GET', '/v1/scripts/ca.crt').raw, old)
        self.assertEqual(curl('--cacert', self.ca, 'https://127.0.0.1:%d/ping' % s.port)[1], 'pong')

    def test_the_certificate_follows_the_address_that_hosts_are_told(self):
        s = self.start()
        self.assertNotIn('new.example', self.names(s))
        a = s.admin().put('/settings/api.host', {'value': 'https://new.example:%d' % s.port})
        self.assertEqual(a.status, 200, repr(a))
        until(lambda: 'new.example' in self.names(s), 'the name in the certificate', pause=0.5)

    def test_the_join_command_takes_nothing_that_the_authority_does_not_vouch_for(self):
        nodes = tempfile.mkdtemp(prefix='drover-nodes-')
        self.addCleanup(shutil.rmtree, nodes, True)
        shutil.copy('/bin/true', os.path.join(nodes, 'drover-node'))
        s = self.start('--node-dir', nodes)
        s.admin().put('/settings/api.host', {'value': 'https://127.0.0.1:%d' % s.port})
        t = s.admin().post('/projects/1a5/registrationtokens')
        command = s.admin().wait('/projects/1a5/registrationtokens/' + t['id'], 'active')['command']
        sha256 = subprocess.run(['openssl', 'x509', '-in', self.ca, '-noout', '-fingerprint', '-sha256'], capture_output=True, text=True, check=True).stdout.split('=')[1].strip()
        sha1 = subprocess.run(['openssl', 'x509', '-in', self.ca, '-noout', '-fingerprint', '-sha1'], capture_output=True, text=True, check=True).stdout.split('=')[1].strip()
        self.assertIn("CA_FINGERPRINT='%s'" % sha1, command)
        self.assertIn('CA_SHA256=' + sha256.replace(':', '').lower(), command)
        # What would run as root is shown instead.
        dry = re.sub(r"\| sudo .* sh;", '| head -n 1;', command)
        self.assertNotEqual(dry, command)
        good = subprocess.run(['sh', '-c', dry], capture_output=True, text=True, timeout=client.WAIT_S, check=False)
        self.assertEqual((good.returncode, good.stdout), (0, '#!/bin/sh\n'), good.stderr)
        digit = sha256.replace(':', '').lower()
        bad = subprocess.run(['sh', '-c', dry.replace(digit, ('0' if digit[0] != '0' else '1') + digit[1:])], capture_output=True, text=True, timeout=client.WAIT_S, check=False)
        self.assertNotEqual(bad.returncode, 0)
        self.assertEqual(bad.stdout, '')
        self.assertIn('expected certificate authority', bad.stderr)

    @unittest.skipUnless(other_address(), 'this machine has no address but loopback')
    def test_from_elsewhere_plain_reads_are_sent_to_tls_and_plain_writes_refused(self):
        s = self.start('--listen', '0.0.0.0:0')
        base = '%s:%d' % (other_address(), s.port)
        code, out, _ = curl('-o', '/dev/null', '-w', '%{http_code} %{redirect_url}', 'http://%s/v2-beta/projects?x=1' % base)
        self.assertEqual((code, out), (0, '307 https://%s/v2-beta/projects?x=1' % base))
        self.assertEqual(curl('-o', '/dev/null', '-w', '%{http_code}', '-d', '{}', 'http://%s/v2-beta/token' % base)[1], '403')
        self.assertEqual(curl('http://%s/ping' % base)[1], 'pong')
        self.assertIn('BEGIN CERTIFICATE', curl('http://%s/v1/scripts/ca.crt' % base)[1])
        self.assertEqual(curl('-o', '/dev/null', '-w', '%{http_code}', '--cacert', self.ca, 'https://%s/v2-beta/projects' % base)[1], '401')

    def test_files_of_ones_own_are_served_and_read_again_when_they_change(self):
        d = tempfile.mkdtemp(prefix='drover-tls-')
        self.addCleanup(shutil.rmtree, d, True)
        cert, key = os.path.join(d, 'cert'), os.path.join(d, 'key')

        def make(name):
            subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30', '-subj', '/CN=' + name, '-addext',
                            'subjectAltName=DNS:localhost,DNS:' + name, '-keyout', key + '.new', '-out', cert + '.new'], check=True, capture_output=True)
            os.rename(key + '.new', key)
            os.rename(cert + '.new', cert)
        make('first.example')
        s = client.Server(['--tls-cert', cert, '--tls-key', key, '--tls-ca', cert])
        self.addCleanup(s.close)
        s.start()
        self.ca = os.path.join(d, 'ca')
        shutil.copy(cert, self.ca)
        self.assertIn('first.example', self.names(s))
        make('second.example')
        shutil.copy(cert, self.ca)

        def changed():
            try:
                return 'second.example' in self.names(s)
            except ssl.SSLError:
                return False            # still the first
        until(changed, 'the second certificate', pause=0.5)
        self.assertEqual(s.end(), 0)
        bad = tool('--listen', '127.0.0.1:0', '--data', s.data, '--tls-cert', cert)
        self.assertEqual(bad.returncode, 2)


if __name__ == '__main__':
    client.main()
