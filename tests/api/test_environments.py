"""Environment templates, environments made from them, and the ends of environments (spec catalog.md 8 and 9, orchestration.md 7)."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import uuid

import client

WAIT_S = client.WAIT_S
CLI = os.environ.get('DROVER_CLI')
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


class TestTemplates(World):
    """The resource itself."""

    def test_entries_are_checked(self):
        rows = [
            ({'name': 'a'}, 'MissingRequired', 'templateId'),
            ({'name': 'a', 'rancherCompose': 'x: {}'}, 'MissingRequired', 'dockerCompose'),
            ({'dockerCompose': 'x: {}'}, 'MissingRequired', 'name'),
            ({'name': 'a', 'templateId': 'nonsense'}, 'InvalidFormat', 'templateId'),
            ({'name': 'a', 'templateId': 'library:infra*ipsec:3'}, 'InvalidFormat', 'templateId'),
            ({'name': 'a', 'templateVersionId': 'library:infra*ipsec'}, 'InvalidFormat', 'templateVersionId'),
            ({'name': 'a', 'templateId': 'catalog://library:infra*ipsec'}, 'InvalidFormat', 'templateId'),
            ({'name': 'a', 'templateId': 'library:infra*ipsec', 'dockerCompose': 'x: {}'}, 'InvalidOption', 'dockerCompose'),
            ({'name': 'not_good', 'templateId': 'library:infra*ipsec'}, 'InvalidCharacters', 'name'),
            ({'name': 'x' * 64, 'templateId': 'library:infra*ipsec'}, 'MaxLengthExceeded', 'name'),
        ]
        for entry, code, field in rows:
            with self.subTest(entry=entry):
                self.check(self.admin.post('/projectTemplates', {'name': self.name('bad'), 'stacks': [entry]}), 422, code, field)
        twice = [{'templateId': 'library:infra*ipsec'}, {'templateId': 'other:infra*ipsec'}]
        self.check(self.admin.post('/projectTemplates', {'name': self.name('bad'), 'stacks': twice}), 422, 'NotUnique', 'name')
        many = [{'name': 's%d' % i, 'templateId': 'library:infra*ipsec'} for i in range(201)]
        self.check(self.admin.post('/projectTemplates', {'name': self.name('bad'), 'stacks': many}), 422, 'MaxLimitExceeded', 'stacks')
        self.check(self.admin.post('/projectTemplates', {'stacks': []}), 422, 'MissingRequired', 'name')

    def test_names_are_unique_and_entries_get_theirs_from_their_template(self):
        t = self.template([{'templateId': 'library:infra*ipsec', 'answers': {'A': 1, 'B': True}}])
        self.assertEqual(t['stacks'][0]['name'], 'ipsec')
        self.assertEqual(t['stacks'][0]['answers'], {'A': 1, 'B': True})
        self.check(self.admin.post('/projectTemplates', {'name': t['name'], 'stacks': []}), 422, 'NotUnique', 'name')
        changed = self.check(self.admin.put('/projectTemplates/' + t['id'], {'description': 'x', 'stacks': [{'templateId': 'library:infra*vxlan'}]}), 200)
        self.assertEqual((changed['description'], changed['stacks'][0]['name'], changed['name']), ('x', 'vxlan', t['name']))
        self.check(self.admin.put('/projectTemplates/' + t['id'], {'stacks': [{'name': 'a'}]}), 422, 'MissingRequired', 'templateId')
        self.check(self.admin.delete('/projectTemplates/' + t['id']), 200)
        self.until(lambda: self.gone('/projectTemplates/' + t['id']), 'the template to go')
        self.check(self.admin.post('/projectTemplates', {'name': t['name'], 'stacks': []}), 201)


class TestOrchestration(World):
    def test_it_is_set_at_once_from_the_template_and_follows_the_system_stacks(self):
        rows = [(['infra*ipsec'], 'cattle'), (['infra*k8s', 'infra*ipsec'], 'kubernetes'), (['infra*mesos', 'infra*k8s'], 'mesos'),
                (['infra*windows', 'infra*swarm'], 'windows')]
        for ids, wanted in rows:
            with self.subTest(ids=ids):
                t = self.template([{'templateId': 'nowhere:' + i} for i in ids])
                p = self.project(t)
                self.assertEqual((self.made['orchestration'], self.made['virtualMachine'], p['orchestration']), (wanted, False, wanted))


class TestAccess(World):
    def setUp(self):
        if not hasattr(World, 'users'):
            World.users = [self.new_user() for _ in range(2)]
        (self.ann_id, self.ann), (self.bob_id, self.bob) = World.users

    def test_own_templates_are_private_and_public_ones_are_for_everybody(self):
        own = self.template([], by=self.ann)
        public = self.template([], isPublic=True)
        asked = self.template([], by=self.ann, isPublic=True)           # not hers to say: the field is ignored
        self.assertEqual(self.bob.get('/projectTemplates/' + own['id']).status, 404)
        self.assertEqual(self.bob.get('/projectTemplates/' + asked['id']).status, 404)
        names = [t['name'] for t in self.bob.get('/projectTemplates').rows]
        self.assertIn(public['name'], names)
        self.assertNotIn(own['name'], names)
        self.assertIn(own['name'], [t['name'] for t in self.ann.get('/projectTemplates').rows])
        self.assertIn(self.bob.put('/projectTemplates/' + public['id'], {'description': 'mine'}).status, (403, 404, 405))
        self.assertIn(self.bob.delete('/projectTemplates/' + public['id']).status, (403, 404, 405))
        self.check(self.bob.post('/projects', {'name': self.name('env'), 'projectTemplateId': own['id']}), 422, 'InvalidReference', 'projectTemplateId')
        self.project(public, by=self.bob)


if __name__ == '__main__':
    client.main()
