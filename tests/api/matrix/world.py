"""Callers of every role and objects of every type that something can make, in two environments: A is the callers' own, B is foreign."""
import base64
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
import client           # noqa: E402
import wsclient         # noqa: E402

IN_PROJECT = ('owner', 'member', 'restricted', 'readonly')
SECRET = base64.b64encode(b'secret').decode()


class Http(client.Client):
    """Keeps its connection."""
    connection = None

    def raw(self, method, path, body=None, headers=None):
        h = dict(self.headers)
        h.update(headers or {})
        for attempt in range(2):
            if self.connection is None:
                self.connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=client.WAIT_S)
            try:
                self.connection.request(method, path, body, h)
                r = self.connection.getresponse()
                return client.Answer(r.status, r.headers, r.read().decode(errors='replace'))
            except (http.client.BadStatusLine, ConnectionError):
                self.connection = None
                if attempt:
                    raise

    def with_role(self, role):
        return Http.of(self, self.prefix, role)

    @staticmethod
    def of(c, prefix, role=None):
        h = Http(c.port)
        h.headers, h.prefix, h.role = dict(c.headers), prefix, role
        return h

    role = None

    def ask(self, method, path, body=None, headers=None):
        if self.role:
            path += ('&' if '?' in path else '?') + '_role=' + self.role
        return super().ask(method, path, body, headers)


class Caller:
    def __init__(self, role, http, accounts, everything=False, project=None):
        self.role, self.http, self.accounts, self.everything, self.project = role, http, accounts, everything, project


def certificate():
    with tempfile.TemporaryDirectory() as d:
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '9', '-subj', '/CN=matrix.example', '-keyout', d + '/k',
                        '-out', d + '/c'], check=True, capture_output=True, timeout=client.WAIT_S)
        with open(d + '/c') as c, open(d + '/k') as k:
            return c.read(), k.read()


class Host(wsclient.Agent):
    """A host whose containers tell what is in their environment."""

    def obey(self, m):
        for d in m['containers']:
            self.environments[d['uuid']] = (d.get('spec') or {}).get('environment') or {}
        super().obey(m)

    environments = {}


class World:
    def __init__(self):
        self.server = client.Server(['--simulator', '--sim-hosts', '2']).start()
        try:
            self.build()
        except BaseException:
            self.close()
            raise

    def close(self):
        agent = getattr(self, 'agent', None)
        if agent:
            agent.close()
        self.server.close()

    def build(self):
        self.admin = Http.of(self.server.admin(), '/v2-beta')
        self.super = self.admin.with_role('superadmin')
        self.A, self.B = '1a5', self.admin.post('/projects', {'name': 'foreign'})['id']
        self.admin.wait('/projects/' + self.B, 'active')
        self.cert, self.key = certificate()
        self.callers = {}
        self.members = []
        self.make_callers()
        self.made = {}                  # (type, environment) -> id
        self.not_made = {}              # type -> why
        for project in (self.A, self.B):
            self.fill(project)

    # ---- callers ----
    def user(self, name, kind='user'):
        a = self.admin.post('/accounts', {'name': name, 'kind': kind})
        assert a.status == 201, a
        self.admin.wait('/accounts/' + a['id'], 'active')
        k = self.admin.post('/apikeys', {'accountId': a['id']})
        assert k.status == 201, k
        self.admin.wait('/apikeys/' + k['id'], 'active')
        return a['id'], (k['publicValue'], k['secretValue'])

    def connect(self, key, prefix='/v2-beta'):
        return Http.of(self.server.client(key), prefix)

    def add(self, role, http, accounts, everything=False, project=None):
        self.callers[role] = Caller(role, http, accounts, everything, project)

    def make_callers(self):
        self.add('admin', self.admin, None, True)
        self.add('superadmin', self.super, None, True)
        for role, kind in (('service', 'service'), ('readAdmin', 'readAdmin'), ('user', 'user')):
            account, key = self.user('matrix-' + role, kind)
            self.add(role, self.connect(key), {account}, role == 'service')
        members = [{'externalIdType': 'rancher_id', 'externalId': '1a1', 'role': 'owner'}]
        keys = {}
        for role in IN_PROJECT:
            account, keys[role] = self.user('matrix-' + role)
            members.append({'externalIdType': 'rancher_id', 'externalId': account, 'role': role})
        a = self.admin.post('/projects/%s/?action=setmembers' % self.A, {'members': members})
        assert a.status in (200, 202), a
        for role in IN_PROJECT:
            self.add(role, self.connect(keys[role], '/v2-beta/projects/' + self.A), {self.A}, project=self.A)
        k = self.admin.post('/projects/%s/apikeys' % self.A)
        self.admin.wait('/projects/%s/apikeys/%s' % (self.A, k['id']), 'active')
        self.add('project', self.connect((k['publicValue'], k['secretValue'])), {self.A}, project=self.A)
        t = self.admin.post('/projects/%s/registrationtokens' % self.A)
        t = self.admin.wait('/projects/%s/registrationtokens/%s' % (self.A, t['id']), 'active')
        self.add('register', self.connect(('registrationToken', t['token'])), {self.A})
        self.add_agents()
        self.add('agentRegister', self.admin.with_role('agentRegister'), None, True)
        self.add('token', Http.of(self.server.client(), '/v2-beta'), set())

    def add_agents(self):
        """The key of a host, and those that containers labelled create_agent find in their environment."""
        here = '/projects/' + self.A
        self.agent = Host(self.server, self.server.admin(), 'matrix-host', self.A)
        row = None
        for _ in range(200):
            row = next((h for h in self.admin.get(here + '/hosts?limit=-1').rows if h['hostname'] == 'matrix-host' and h['state'] == 'active'), None)
            if row:
                break
            time.sleep(0.05)
        assert row, 'the host did not come'
        agent = self.admin.get('/agents?limit=-1&uri_prefix=event').rows
        owner = {a['accountId'] for a in agent}
        self.add('agent', self.connect(self.agent.key), owner | {self.A})
        stack = self.admin.post(here + '/stacks', {'name': 'matrix-system', 'system': True})
        assert stack.status == 201 and stack['system'], stack
        for role, label in (('environment', 'environment'), ('projectadmin', 'environmentAdmin')):
            s = self.admin.post(here + '/services', {'name': 'matrix-' + role, 'stackId': stack['id'], 'scale': 1, 'startOnCreate': True, 'launchConfig': {
                'imageUuid': 'docker:matrix', 'requestedHostId': row['id'],
                'labels': {'io.rancher.container.create_agent': 'true', 'io.rancher.container.agent.role': label}}})
            assert s.status == 201, s
            env = None
            for _ in range(400):
                uuids = [c['uuid'] for c in self.admin.get('/services/%s/instances' % s['id']).rows]
                env = next((self.agent.environments[u] for u in uuids if self.agent.environments.get(u)), None)
                if env:
                    break
                time.sleep(0.05)
            assert env, 'no environment came for ' + role
            self.add(role, self.connect((env['CATTLE_ACCESS_KEY'], env['CATTLE_SECRET_KEY'])), {self.A}, project=self.A)

    # ---- objects ----
    def bodies(self, project):
        """(type, path prefix, body) in an order that lets later ones name earlier ones."""
        here = '/projects/' + project
        stack = lambda: self.made.get(('stack', project))               # noqa: E731
        launch = {'imageUuid': 'docker:matrix'}
        n = uuid.uuid4().hex[:8]
        yield 'stack', here, lambda: {'name': 's' + n}
        yield 'service', here, lambda: {'name': 'sv' + n, 'stackId': stack(), 'launchConfig': launch, 'scale': 1, 'startOnCreate': True}
        yield 'dnsService', here, lambda: {'name': 'dns' + n, 'stackId': stack()}
        yield 'externalService', here, lambda: {'name': 'ext' + n, 'stackId': stack(), 'hostname': 'example.com'}
        yield 'loadBalancerService', here, lambda: {'name': 'lb' + n, 'stackId': stack(), 'launchConfig': dict(launch, ports=['80']), 'lbConfig': {
            'portRules': [{'sourcePort': 80, 'targetPort': 80, 'serviceId': self.made.get(('service', project))}]}}
        yield 'storageDriverService', here, lambda: {'name': 'sd' + n, 'stackId': stack(), 'launchConfig': launch, 'storageDriver': {'name': 'sd' + n}}
        yield 'networkDriverService', here, lambda: {'name': 'nd' + n, 'stackId': stack(), 'launchConfig': launch, 'networkDriver': {'name': 'nd' + n}}
        yield 'container', here, lambda: {'name': 'c' + n, 'imageUuid': 'docker:matrix'}
        yield 'secret', here, lambda: {'name': 'se' + n, 'value': SECRET}
        yield 'certificate', here, lambda: {'name': 'ce' + n, 'cert': self.cert, 'key': self.key}
        yield 'registry', here, lambda: {'serverAddress': n + '.example:5000'}
        yield 'registryCredential', here, lambda: {'registryId': self.made.get(('registry', project)), 'publicValue': 'p' + n, 'secretValue': 'x'}
        yield 'pullTask', here, lambda: {'image': 'busybox', 'mode': 'all', 'labels': {}}
        yield 'volume', here, lambda: {'name': 'v' + n, 'driver': 'local'}
        yield 'volumeTemplate', here, lambda: {'name': 'vt' + n, 'stackId': stack()}
        yield 'hostTemplate', here, lambda: {'name': 'ht' + n, 'driver': 'none'}
        yield 'genericObject', here, lambda: {'name': 'go' + n, 'kind': 'matrix', 'key': n}
        yield 'backupTarget', here, lambda: {'name': 'bt' + n}
        yield 'externalHostEvent', here, lambda: {'eventType': 'host.none', 'externalId': n}
        yield 'apiKey', here, lambda: {'name': 'k' + n}
        yield 'registrationToken', here, lambda: {}
        yield 'userPreference', '', lambda: {'name': 'up' + n, 'value': '{}'}
        yield 'externalHandler', '', lambda: {'name': 'eh' + n, 'processConfigs': [{'name': 'instance.none', 'onError': ''}]}
        yield 'machineDriver', '', lambda: {'name': 'md' + n, 'url': 'http://none.example/' + n}
        yield 'projectTemplate', '', lambda: {'name': 'pt' + n, 'stacks': []}
        yield 'region', '', lambda: {'name': 'r' + n, 'publicValue': 'p', 'secretValue': 's', 'url': 'http://none.example'}
        yield 'agent', '', lambda: {'uri': 'sim://' + n, 'agentResourcesAccountId': project}
        yield 'account', '', lambda: {'name': 'acc' + n, 'kind': 'user'}
        yield 'password', '', lambda: {'publicValue': 'login' + n, 'secretValue': 'a good password', 'accountId': self.made.get(('account', project))}
        yield 'project', '', lambda: {'name': 'pr' + n}

    def fill(self, project):
        for name, where, body in self.bodies(project):
            self.make(name, project, where, body, self.admin)
        deadline = time.monotonic() + client.WAIT_S
        while time.monotonic() < deadline:              # so that nothing is on its way while it is looked at
            busy = [r['id'] for p in ('services', 'containers', 'hosts') for r in self.admin.get('/projects/%s/%s?limit=-1' % (project, p)).rows
                    if r['transitioning'] == 'yes']
            if not busy:
                return
            time.sleep(0.1)

    def body_of(self, name, project):
        for n, where, body in self.bodies(project):
            if n == name:
                return where, body()
        return None, None

    def make(self, name, project, where, body, http):
        a = http.post('%s/%s' % (where, name), body())
        if a.status not in (201, 202):
            self.not_made[name] = '%s %s %s' % (a.status, a.get('code'), a.get('message'))
            return None
        self.made[(name, project)] = a['id']
        return a['id']
