"""The whole system for tests: a drover-server on loopback, a lab of real hosts with real engines joined to it, the API and the command line.

Programs come from DROVER_BIN_DIR. Each world has its own data folder, port and lab, so worlds run beside each other and beside a
newcomer's lab. DROVER_TEST_KEEP=1 leaves logs, data and lab behind and prints where.
"""
import base64
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BIN_DIR = os.path.abspath(os.environ.get('DROVER_BIN_DIR', 'build/bin'))
SEED = int(os.environ.get('DROVER_TEST_SEED', '0')) or random.randrange(1, 1 << 31)
KEEP = bool(os.environ.get('DROVER_TEST_KEEP'))
DEADLINE_S = int(os.environ.get('DROVER_TEST_DEADLINE_S', '240'))       # generous: only a hang is ended by it
UUID_LABEL = 'io.rancher.container.uuid'
IMAGE = 'drover-e2e/box:1'
# Ends at once on SIGTERM, which sleep as the first process of a container would ignore.
IMAGE_CMD = 'trap "exit 0" TERM; while :; do sleep 1000 & wait $!; done'
PROJECT = '1a5'
GONE = ('removed', 'purging', 'purged')


def program(name):
    path = os.path.join(BIN_DIR, name)
    if os.access(path, os.X_OK):
        return path
    raise SystemExit(f'no {name} in {BIN_DIR}: set DROVER_BIN_DIR')


def why_not():
    if os.geteuid() != 0:
        return 'needs root'
    for tool in ('ip', 'nft', 'dockerd', 'containerd', 'runc', 'docker', 'busybox'):
        if not shutil.which(tool, path=os.environ['PATH'] + ':/usr/sbin:/usr/local/bin:/sbin'):
            return f'needs the program {tool}'
    return None


def machine_has_cgroup_v1():
    return not os.path.exists('/sys/fs/cgroup/cgroup.controllers')


def until(check, what, deadline_s=DEADLINE_S, pause_s=0.1):
    """Waits until check() is true and returns its value. what: text, or a function that says what is still wrong."""
    end = time.monotonic() + deadline_s
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f'not within {deadline_s} s: {what() if callable(what) else what}')
        time.sleep(pause_s)


def environment(**more):
    """Without anything a person has set for the programs."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(('DROVER_', 'RANCHER_', 'CATTLE_', 'DOCKER_', 'COMPOSE_'))}
    env.update(more)
    return env


class ApiError(Exception):
    def __init__(self, status, body, what):
        self.status, self.body, self.code = status, body, body.get('code') if isinstance(body, dict) else None
        super().__init__(f'{what}: {status} {json.dumps(body)[:600]}')


class Api:
    """One connection at a time and per call, so that a server's death is seen at once: OSError or HTTPException, never a hang."""

    def __init__(self, port, access='', secret=''):
        self.port = port
        self.auth = 'Basic ' + base64.b64encode(f'{access}:{secret}'.encode()).decode() if access else None

    def call(self, method, path, body=None, timeout=60):
        if not path.startswith('/'):
            path = f'/v2-beta/projects/{PROJECT}/{path}'
        c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=timeout)
        try:
            headers = {'Accept': 'application/json'}
            if self.auth:
                headers['Authorization'] = self.auth
            data = None
            if body is not None:
                data, headers['Content-Type'] = json.dumps(body), 'application/json'
            c.request(method, path, body=data, headers=headers)
            r = c.getresponse()
            raw = r.read()
            value = json.loads(raw) if raw and r.getheader('Content-Type', '').startswith('application/json') else raw.decode()
            if r.status >= 300:
                raise ApiError(r.status, value, f'{method} {path}')
            return value
        finally:
            c.close()

    def get(self, path):
        return self.call('GET', path)

    def post(self, path, body=None):
        return self.call('POST', path, body or {})

    def put(self, path, body):
        return self.call('PUT', path, body)

    def delete(self, path):
        return self.call('DELETE', path)

    def action(self, path, name, body=None):
        return self.call('POST', f'{path}/?action={name}', body or {})

    def list(self, path):
        return self.get(path + ('&' if '?' in path else '?') + 'limit=-1')['data']

    def unfinished(self):
        return self.list('/v2-beta/processinstances?endTime_null=1')

    def one(self, plural, **match):
        """The live resource with these field values, or None."""
        for o in self.list(plural):
            if o['state'] not in GONE and all(o.get(k) == v for k, v in match.items()):
                return o
        return None


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, folder, args=()):
        self.args = list(args)
        self.data, self.log, self.port = os.path.join(folder, 'server'), os.path.join(folder, 'server.log'), free_port()
        self.url, self.process, self.starts = f'http://127.0.0.1:{self.port}', None, 0

    def start(self):
        with open(self.log, 'ab') as out:
            self.process = subprocess.Popen([program('drover-server'), '--listen', f'127.0.0.1:{self.port}', '--data', self.data, *self.args], stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=out, env=environment(**{k: v for k, v in os.environ.items() if k == 'DROVER_LOG_LEVEL'}))
        self.starts += 1
        until(self.answers, 'answer of /ping', pause_s=0.02)
        with open(os.path.join(self.data, 'admin.json'), encoding='utf-8') as f:
            self.admin = json.load(f)
        self.api = Api(self.port, self.admin['accessKey'], self.admin['secretKey'])

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f'the server ended with {self.process.returncode}:\n{self.tail()}')
        try:
            return Api(self.port).call('GET', '/ping', timeout=2).startswith('pong')
        except (OSError, http.client.HTTPException, ApiError):
            return False

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """A clean end. The tests fail when it is not."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            code = self.process.wait(DEADLINE_S)
            if code != 0:
                raise AssertionError(f'the server ended with {code}:\n{self.tail()}')

    def tail(self, lines=40):
        with open(self.log, encoding='utf-8', errors='replace') as f:
            return ''.join(f.readlines()[-lines:])


class World:
    def __init__(self, hosts=3, cgroup2=False, join=True, server_args=()):
        self.dir = tempfile.mkdtemp(prefix='drover-e2e-')
        os.chmod(self.dir, 0o755)
        self.name = 'e' + os.path.basename(self.dir).split('-')[-1].replace('_', '0')
        self.cgroup2, self.hosts = cgroup2, [f'host{n}' for n in range(1, hosts + 1)]
        self.server = Server(self.dir, server_args)
        self.expect_removed = []        # hosts of the lab that are no hosts of the server any more
        try:
            self.server.start()
            self.lab('up', '--hosts', str(hosts), *self.lab_options())
            self.lab('image', IMAGE, '--from-busybox', '--cmd', IMAGE_CMD)
            if join:
                self.join()
        except BaseException:
            self.close(failed=True)
            raise

    @property
    def api(self):
        return self.server.api

    def env(self):
        a = self.server.admin
        return environment(DROVER_LAB_DIR=self.dir, DROVER_CONFIG=os.path.join(self.dir, 'cli.json'), RANCHER_URL=self.server.url,
                           RANCHER_ACCESS_KEY=a['accessKey'], RANCHER_SECRET_KEY=a['secretKey'])

    def lab_options(self):
        return ['--cgroup2'] if self.cgroup2 else []

    def drover(self, *args, check=True, timeout=DEADLINE_S, cwd=None):
        r = subprocess.run([program('drover'), *args], env=self.env(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False,
                           cwd=cwd or self.dir)
        if check and r.returncode != 0:
            raise AssertionError(f'drover {" ".join(args)}: code {r.returncode}\n{r.stdout}\n{r.stderr}')
        return r

    def lab(self, verb, *args, check=True, timeout=DEADLINE_S):
        return self.drover('lab', '--name', self.name, verb, *args, check=check, timeout=timeout)

    def join(self):
        """As a newcomer does: keys and address are enough."""
        self.lab('up', '--server', self.server.url, *self.lab_options())
        self.wait_hosts()

    def join_with(self, prefix):
        """The normal join command with something before it, run on each host."""
        token = self.api.post('registrationtokens')
        token = until(lambda: (lambda t: t if t.get('command') and t['state'] == 'active' else None)(self.api.get(f'registrationtokens/{token["id"]}')),
                      'a registration token with its command')
        self.lab('up', '--join-command', prefix + token['command'], *self.lab_options())
        self.wait_hosts()

    def wait_hosts(self):
        want = len(self.hosts) - len(self.expect_removed)
        until(lambda: sum(h['state'] == 'active' for h in self.api.list('hosts')) == want,
              lambda: f'{want} active hosts: ' + str([(h['hostname'], h['state']) for h in self.api.list('hosts')]))

    def addresses(self):
        """Of the lab hosts, by name."""
        return {r.split()[0]: r.split()[1] for r in self.lab('ls').stdout.splitlines()[1:]}

    def pid1(self, host):
        return {r.split()[0]: int(r.split()[3]) for r in self.lab('ls').stdout.splitlines()[1:]}[host]

    def host(self, name):
        """The live API host of a lab host."""
        return next((h for h in self.api.list('hosts') if h['hostname'] == name and h['state'] not in GONE), None)

    def wait_host(self, name, *states):
        until(lambda: (self.host(name) or {}).get('state') in states, lambda: f'{name} {"/".join(states)}, is {(self.host(name) or {}).get("state")}')

    # ---- what really runs ----
    def engine_containers(self, host):
        """All containers of a host's engine: dicts of uuid, name, state, id, image."""
        out = self.lab('docker', host, 'ps', '-a', '--no-trunc', '--format', '{{.Label "%s"}}\t{{.Names}}\t{{.State}}\t{{.ID}}' % UUID_LABEL, timeout=60).stdout
        keys = ('uuid', 'name', 'state', 'id')
        return [dict(zip(keys, line.split('\t')), host=host) for line in out.splitlines()]

    def engines(self):
        return [c for h in self.hosts for c in self.engine_containers(h)]

    def containers(self, **match):
        return [c for c in self.api.list('containers') if c['state'] not in GONE and all(c.get(k) == v for k, v in match.items())]

    def service_containers(self, name):
        """Live containers of a service, by name; sidekicks too. name: stack/service."""
        prefix = name.replace('/', '-') + '-'
        return sorted((c for c in self.containers() if c['name'].startswith(prefix)), key=lambda c: c['name'])

    def service(self, name):
        stack, service = name.split('/')
        s = self.api.one('stacks', name=stack)
        return s and self.api.one(f'services?stackId={s["id"]}', name=service)

    def differences(self):
        """Everything in which the API, its own rules and the engines do not agree; empty when all is at rest and well."""
        wrong = []
        hosts = {h['id']: h for h in self.api.list('hosts') if h['state'] not in GONE}
        listed = self.containers()
        engine = {}
        for c in self.engines():
            if not c['uuid']:
                wrong.append(f'{c["host"]}: {c["name"]} has no {UUID_LABEL}')
            engine.setdefault(c['uuid'], []).append(c)
        for c in listed:
            found = engine.pop(c['uuid'], [])
            host = hosts.get(c.get('hostId'), {}).get('hostname')
            told = f'{c["name"]} ({c["id"]}, {c["state"]}, {host})'
            if c['state'] not in ('running', 'stopped'):
                wrong.append(f'{told} is not at rest: {c.get("transitioningMessage")}')
            if len(found) != 1:
                wrong.append(f'{told} is on the engines {len(found)} times: {[f["host"] for f in found]}')
                continue
            e = found[0]
            if e['host'] != host:
                wrong.append(f'{told} is on {e["host"]}')
            if e['name'] != f'r-{c["name"]}-{c["uuid"][:8]}':
                wrong.append(f'{told} is called {e["name"]}')
            if (e['state'] == 'running') != (c['state'] == 'running'):
                wrong.append(f'{told} is {e["state"]} on its engine')
            if c.get('externalId') != e['id']:
                wrong.append(f'{told} has externalId {c.get("externalId")}, its engine says {e["id"]}')
        for rest in engine.values():
            wrong += [f'{e["host"]}: {e["name"]} ({e["state"]}) is not in the API' for e in rest]
        names = [c['name'] for c in listed]
        wrong += [f'name {n} is there {names.count(n)} times' for n in sorted(set(names)) if names.count(n) > 1]
        wrong += self.index_differences(listed, len([h for h in hosts.values() if h['state'] == 'active']))
        wrong += [f'process {p["processName"]} {p["resourceType"]} {p["resourceId"]} is not finished: {p.get("exitReason")} {p.get("phase")}'
                  for p in self.api.unfinished()]
        return wrong

    def index_differences(self, listed, hosts):
        wrong = []
        stacks = {s['id']: s['name'] for s in self.api.list('stacks')}
        for s in self.api.list('services'):
            if s['state'] in GONE:
                continue
            full = f'{stacks.get(s["stackId"])}-{s["name"]}'
            is_global = (s.get('launchConfig') or {}).get('labels', {}).get('io.rancher.scheduler.global') == 'true'
            if s['state'] not in ('active', 'inactive'):
                wrong.append(f'service {full} is {s["state"]}: {s.get("transitioningMessage")}')
            scale = hosts if is_global else s['scale']
            if s['state'] == 'inactive':
                continue
            for prefix in [full] + [f'{full}-{lc["name"]}' for lc in s.get('secondaryLaunchConfigs') or []]:
                have = sorted(int(c['name'][len(prefix) + 1:]) for c in listed
                              if c['name'].startswith(prefix + '-') and c['name'][len(prefix) + 1:].isdigit())
                # A global service's index goes with its host.
                if have != list(range(1, scale + 1)) and not (is_global and len(set(have)) == len(have) == scale):
                    wrong.append(f'service {prefix} of scale {scale} has the indexes {have}')
        return wrong

    def settle(self, deadline_s=DEADLINE_S):
        """Waits until API and engines agree and nothing is under way."""
        last = []

        def calm():
            try:
                last[:] = self.differences()
            except subprocess.TimeoutExpired as e:
                last[:] = [str(e)]
            return not last
        until(calm, lambda: 'API and engines agree:\n  ' + '\n  '.join(last[:25]), deadline_s, pause_s=0.3)

    # ---- stacks ----
    def compose(self, stack, text, *args, rancher=None, check=True):
        folder = os.path.join(self.dir, 'compose-' + stack)
        os.makedirs(folder, exist_ok=True)
        for name, content in (('docker-compose.yml', text), ('rancher-compose.yml', rancher)):
            if content:
                with open(os.path.join(folder, name), 'w', encoding='utf-8') as f:
                    f.write(content)
        return self.drover('up', '-s', stack, *args, check=check, cwd=folder)

    def simple(self, stack, service, scale, **launch):
        """A stack with one service by the API. Returns the service."""
        s = self.api.one('stacks', name=stack) or self.api.post('stacks', {'name': stack})
        config = dict({'imageUuid': 'docker:' + IMAGE, 'networkMode': 'bridge'}, **launch)
        return self.api.post('services', {'name': service, 'stackId': s['id'], 'scale': scale, 'startOnCreate': True, 'launchConfig': config})

    def scale(self, service, n):
        return self.api.put(f'services/{service["id"]}', {'scale': n})

    def remove_stacks(self):
        for s in self.api.list('stacks'):
            if s['state'] not in GONE + ('removing',):
                self.api.action(f'stacks/{s["id"]}', 'remove')
        until(lambda: all(s['state'] in GONE for s in self.api.list('stacks')), lambda: 'removal of ' + str([(s['name'], s['state']) for s in self.api.list('stacks')]))
        for h in self.hosts:
            if h not in self.expect_removed:
                self.wait_host(h, 'active')
        self.settle()

    # ---- end ----
    def evidence(self):
        print(f'\n==== server log (end) ====\n{self.server.tail(60)}', file=sys.stderr)
        for h in self.hosts:
            folder = os.path.join(self.dir, self.name, 'hosts', h, 'log')
            for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
                if 'drover' in name or name == 'join.log':
                    with open(os.path.join(folder, name), encoding='utf-8', errors='replace') as f:
                        print(f'==== {h} {name} (end) ====\n' + ''.join(f.readlines()[-25:]), file=sys.stderr)

    def sanitizer_reports(self):
        found = []
        for folder, _, names in os.walk(self.dir):
            for name in names:
                path = os.path.join(folder, name)
                if name.endswith('.log') and '/varlib/docker' not in path and os.path.getsize(path) < 1 << 26:
                    with open(path, encoding='utf-8', errors='replace') as f:
                        text = f.read()
                    if 'Sanitizer' in text or 'runtime error:' in text:
                        found.append(f'{path}:\n{text[-6000:]}')
        return found

    def close(self, failed=False):
        reports = []
        try:
            if failed:
                self.evidence()
            if KEEP:
                print(f'kept: {self.dir} (DROVER_LAB_DIR), lab {self.name}, server {self.server.url}', file=sys.stderr)
            else:
                self.lab('down', check=False)
            if KEEP and failed:
                return
            self.server.stop()
            reports = self.sanitizer_reports()
        finally:
            if self.server.process and self.server.process.poll() is None and not KEEP:
                self.server.kill9()
            if not KEEP:
                self.lab('down', '--delete', check=False)
                shutil.rmtree(self.dir, ignore_errors=True)
        if reports:
            raise AssertionError('\n'.join(reports))


class Case(unittest.TestCase):
    """One world per class; every test leaves it with three active hosts and no stacks."""
    world = None
    hosts, cgroup2 = 3, False

    @classmethod
    def make_world(cls):
        return World(cls.hosts, cls.cgroup2)

    @classmethod
    def setUpClass(cls):
        cls.broken = False
        cls.world = cls.make_world()

    @classmethod
    def tearDownClass(cls):
        cls.world.close(failed=cls.broken)

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            type(self).broken = True
        return result

    def setUp(self):
        print(f'# {time.strftime("%H:%M:%S")} {self.id()}', file=sys.stderr, flush=True)
        self.addCleanup(self.clean)

    def clean(self):
        w = self.world
        if w.server.process.poll() is not None:
            w.server.start()
        w.lab('heal', check=False)
        w.remove_stacks()


class OneHost(Case):
    """A world of one host whose engine the tests look at; what a test makes is its own to remove."""
    hosts = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.world.api

    def clean(self):
        pass

    def docker(self, *args, check=True):
        return self.world.lab('docker', 'host1', *args, check=check).stdout

    def state(self, kind, r, *states):
        return until(lambda: (lambda x: x if x['state'] in states else None)(self.api.get(f'{kind}/{r["id"]}')),
                     lambda: f'{kind} {r["id"]} is {states}: {self.api.get(kind + "/" + r["id"])}')


def main():
    reason = why_not()
    if reason:
        print(f'skipped: {reason}')
        sys.exit(77)
    for p in ('drover', 'drover-server', 'drover-node'):
        program(p)
    print(f'DROVER_TEST_SEED={SEED}', file=sys.stderr)
    unittest.main(verbosity=2)
