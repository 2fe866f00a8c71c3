"""What tests of environments share: templates, environments made from them, simulated hosts, people, and a catalog in a folder."""
import os
import shutil
import tempfile
import threading
import time
import uuid

import client

WAIT_S = client.WAIT_S
COMPOSE = "version: '2'\nservices:\n  %s:\n    image: sim:busybox\n    labels:\n      io.rancher.container.pull_image: never\n"


class World(client.Case):
    args = ('--simulator', '--sim-hosts', '1')
    serial = 0

    def name(self, stem):
        World.serial += 1
        return '%s%d' % (stem, World.serial)

    def until(self, look, what):
        end = time.monotonic() + WAIT_S
        while True:
            got = look()
            if got:
                return got
            if time.monotonic() > end:
                raise AssertionError('not in time: %s' % (what() if callable(what) else what))
            threading.Event().wait(0.05)

    def template(self, stacks, by=None, **more):
        body = {'name': self.name('template'), 'stacks': stacks}
        body.update(more)
        t = self.check((by or self.admin).post('/projectTemplates', body), 201)
        return self.admin.wait('/projectTemplates/' + t['id'], 'active')

    def project(self, template=None, by=None, **more):
        body = {'name': self.name('env'), 'projectTemplateId': template and template['id']}
        body.update(more)
        p = self.check((by or self.admin).post('/projects', body), 201)
        self.made = p
        return self.admin.wait('/projects/' + p['id'], 'active')

    def inline(self, *names):
        return [{'name': n, 'dockerCompose': COMPOSE % ('of-' + n)} for n in names]

    def stacks(self, project):
        return self.admin.get('/projects/%s/stacks' % project['id']).rows

    def services(self, project):
        return self.admin.get('/projects/%s/services' % project['id']).rows

    def add_host(self, project):
        a = self.check(self.admin.post('/agents', {'uri': 'sim://' + uuid.uuid4().hex, 'agentResourcesAccountId': project['id']}), 201)
        path = '/projects/%s/hosts' % project['id']
        self.until(lambda: [h for h in self.admin.get(path).rows if h['state'] == 'active'], 'a simulated host')
        return a

    def new_user(self, kind='user', secret='geheim'):
        name = self.name('user')
        a = self.check(self.admin.post('/accounts', {'name': name, 'kind': kind}), 201)
        self.admin.wait('/accounts/' + a['id'], 'active')
        p = self.check(self.admin.post('/passwords', {'publicValue': name, 'secretValue': secret, 'accountId': a['id']}), 201)
        self.admin.wait('/passwords/' + p['id'], 'active')
        t = self.check(self.server.client().post('/token', {'code': '%s:%s' % (name, secret)}), 201)
        return a['id'], self.server.client(headers={'Authorization': 'Bearer ' + t['jwt']})

    def gone(self, path):
        a = self.admin.get(path)
        return a.status == 404 or a.get('state') in ('removed', 'purged')


class Catalog:
    """A folder with infrastructure templates (name -> images of its versions) and project templates (name -> project.yml of its versions)."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='drover-catalog-')

    def write(self, path, text):
        path = os.path.join(self.dir, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as f:
            f.write(text)

    def infra(self, name, versions, default=None, extra=''):
        """versions: revision -> service's name."""
        default = max(versions) if default is None else default
        self.write('infra-templates/%s/config.yml' % name, 'name: %s\nversion: v0.%d\n' % (name, default))
        for n, service in versions.items():
            self.write('infra-templates/%s/%d/docker-compose.yml' % (name, n), COMPOSE % service)
            self.write('infra-templates/%s/%d/rancher-compose.yml' % (name, n),
                       '.catalog:\n  name: %s\n  version: v0.%d\n%s' % (name, n, extra))

    def project(self, name, versions):
        self.write('project-templates/%s/config.yml' % name, 'name: %s\nversion: v0.%d\n' % (name, max(versions)))
        for n, text in versions.items():
            self.write('project-templates/%s/%d/project.yml' % (name, n), text)
            self.write('project-templates/%s/%d/rancher-compose.yml' % (name, n), '.catalog:\n  version: v0.%d\n' % n)

    def close(self):
        shutil.rmtree(self.dir, ignore_errors=True)
