"""Environment templates, environments made from them, and the ends of environments (spec catalog.md 8, orchestration.md 7)."""
import json
import os
import signal
import subprocess
import unittest
import uuid

import client
from envworld import COMPOSE, Catalog, World

WAIT_S = client.WAIT_S
CLI = os.environ.get('DROVER_CLI')


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


class TestStacks(World):
    """What an environment makes of its template."""

    def state_of(self, project):
        return {s['name']: (s['state'], s['healthState'], s['system'], s['externalId']) for s in self.stacks(project)}

    def test_two_system_stacks_wait_for_the_first_host_start_with_it_and_go_with_the_environment(self):
        p = self.project(self.template(self.inline('one', 'two')))
        self.until(lambda: [s['state'] for s in self.stacks(p)] == ['active'] * 2, lambda: self.state_of(p))
        for name, (_, _, system, external_id) in self.state_of(p).items():
            self.assertTrue(system, name)
            self.assertRegex(external_id, '^[0-9a-f]{32}$')
        self.assertEqual([s['state'] for s in self.services(p)], ['inactive'] * 2)
        self.add_host(p)
        self.until(lambda: [s['state'] for s in self.services(p)] == ['active'] * 2, lambda: [(s['state'], s['transitioningMessage']) for s in self.services(p)])
        self.assertTrue(all(s['system'] for s in self.services(p)))
        self.until(lambda: [c['state'] for c in self.admin.get('/projects/%s/containers' % p['id']).rows] == ['running'] * 2, 'both containers')

        # What somebody stops later stays stopped, whatever hosts come.
        one = [s for s in self.services(p) if s['name'] == 'of-one'][0]
        self.check(self.admin.post('/projects/%s/services/%s?action=deactivate' % (p['id'], one['id'])), 202)
        self.admin.wait('/projects/%s/services/%s' % (p['id'], one['id']), 'inactive')
        self.add_host(p)
        self.assertEqual(self.admin.get('/projects/%s/services/%s' % (p['id'], one['id']))['state'], 'inactive')

        # A stack that somebody removes is not made again.
        two = [s for s in self.stacks(p) if s['name'] == 'two'][0]
        self.check(self.admin.delete('/projects/%s/stacks/%s' % (p['id'], two['id'])), 200)
        self.until(lambda: self.gone('/projects/%s/stacks/%s' % (p['id'], two['id'])), 'stack two to go')
        self.add_host(p)
        self.assertEqual([s['name'] for s in self.stacks(p)], ['one'])

        other = self.project(self.template(self.inline('kept')))
        self.until(lambda: [s['state'] for s in self.stacks(other)] == ['active'], lambda: self.state_of(other))
        self.check(self.admin.delete('/projects/' + p['id']), 200)
        self.until(lambda: self.gone('/projects/' + p['id']), lambda: self.admin.get('/projects/' + p['id']))
        self.assertEqual([s['name'] for s in self.stacks(other)], ['kept'])
        for kind in ('stacks', 'services', 'containers', 'hosts'):
            rows = [r for r in self.admin.get('/%s?all=true' % kind).rows if r.get('accountId') == p['id'] and r['state'] not in ('removed', 'purged')]
            self.assertEqual(rows, [], kind)

    def network_driver(self, path):
        stack = self.check(self.admin.post(path + '/stacks', {'name': self.name('net')}), 201)
        launch = {'imageUuid': 'docker:sim:net'}
        self.check(self.admin.post(path + '/networkdriverservices', {'name': 'd', 'stackId': stack['id'], 'launchConfig': launch, 'networkDriver': {'name': 'd'}}), 201)
        return self.until(lambda: self.admin.get(path + '/networkdrivers').rows, 'the driver')[0]['id']

    def test_what_stands_beside_stacks_and_hosts_goes_too(self):
        p = self.project()
        path = '/projects/' + p['id']
        stack = self.check(self.admin.post(path + '/stacks', {'name': 'a'}), 201)
        made = [('secrets', {'name': 's', 'value': 'eA=='}), ('apikeys', {'name': 'k'}), ('registrationtokens', {}), ('hosttemplates', {'name': 'h'}),
                ('networks', {'name': 'n', 'networkDriverId': self.network_driver(path)}), ('volumes', {'name': 'v', 'driver': 'local'}), ('volumetemplates', {'name': 'vt', 'stackId': stack['id']})]
        for kind, body in made:
            self.check(self.admin.post('%s/%s' % (path, kind), body), 201)
        self.check(self.admin.delete(path), 200)
        self.until(lambda: self.gone(path), lambda: self.admin.get(path))
        for kind, _ in made:
            rows = [r for r in self.admin.get('/%s?all=true' % kind).rows if r.get('accountId') == p['id'] and r['state'] not in ('removed', 'purged')]
            self.assertEqual(rows, [], kind)

    def test_a_stack_that_cannot_be_read_is_told_by_the_environment_and_stops_no_other(self):
        bad = [{'name': 'bad', 'dockerCompose': 'version: "2"\nservices:\n  a: {imagee: x}\n'}, {'name': 'worse', 'dockerCompose': 'a: [}'}]
        p = self.project(self.template(bad + self.inline('good')))
        path = '/projects/' + p['id']
        self.until(lambda: sorted(s['state'] for s in self.stacks(p)) == ['active', 'error', 'error'], lambda: self.state_of(p))
        self.until(lambda: 'imagee' in (self.admin.get(path)['transitioningMessage'] or ''), lambda: self.admin.get(path))
        self.assertIn('1 more', self.admin.get(path)['transitioningMessage'])
        self.add_host(p)
        self.until(lambda: [s['state'] for s in self.services(p)] == ['active'], lambda: self.services(p))
        for s in self.stacks(p):
            if s['state'] == 'error':
                self.check(self.admin.delete('%s/stacks/%s' % (path, s['id'])), 200)
        self.until(lambda: self.admin.get(path)['transitioning'] == 'no', lambda: self.admin.get(path)['transitioningMessage'])

    def test_the_default_network_is_one_that_can_be_used(self):
        p = self.project()
        path = '/projects/' + p['id']
        default = lambda: self.admin.get(path)['defaultNetworkId']
        self.assertIsNone(default())
        nets, driver = [], self.network_driver(path)
        for kind, name in (('networks', 'a'), ('networks', 'b')):
            n = self.check(self.admin.post('%s/%s' % (path, kind), {'name': name, 'networkDriverId': driver}), 201)
            self.admin.wait('%s/%s/%s' % (path, kind, n['id']), 'active')
            nets.append(n['id'])
            self.until(lambda: default() == nets[0], default)
        self.check(self.admin.post('%s/networks/%s?action=deactivate' % (path, nets[0])), 202)
        self.until(lambda: default() == nets[1], default)
        self.check(self.admin.post('%s/networks/%s?action=deactivate' % (path, nets[1])), 202)
        self.until(lambda: default() is None, default)

    def test_answers_reach_the_stack_and_its_services(self):
        compose = COMPOSE % 'x' + '    environment:\n      WHO: ${who}\n      N: ${n}\n'
        p = self.project(self.template([{'name': 'asked', 'dockerCompose': compose, 'answers': {'who': 'ann', 'n': 7}, 'description': 'for ann'}]))
        self.until(lambda: [s['state'] for s in self.stacks(p)] == ['active'], lambda: self.state_of(p))
        stack = self.stacks(p)[0]
        self.assertEqual((stack['environment'], stack['description']), ({'who': 'ann', 'n': '7'}, 'for ann'))
        self.assertEqual(self.services(p)[0]['launchConfig']['environment'], {'WHO': 'ann', 'N': '7'})


class TestCatalogs(World):
    """Templates whose stacks come from catalogs, and templates that catalogs hold."""

    def setUp(self):
        self.catalog = Catalog()
        self.label = self.name('lib')
        self.addCleanup(self.catalog.close)

    def read(self):
        self.check(self.admin.put('/settings/catalog.url', {'value': json.dumps({'catalogs': {self.label: {'url': self.catalog.dir}}})}), 200)

    def again(self):
        self.check(self.admin.at('/v1-catalog').post('/templates?action=refresh'), 204)

    def test_default_and_pinned_versions(self):
        self.catalog.infra('net', {0: 'old', 1: 'new'})
        self.catalog.infra('dns', {0: 'old', 1: 'new'})
        self.read()
        t = self.template([{'templateId': self.label + ':infra*net'}, {'templateVersionId': self.label + ':infra*dns:0'}])
        p = self.project(t)
        self.until(lambda: [s['state'] for s in self.stacks(p)] == ['active'] * 2, lambda: self.admin.get('/projects/' + p['id'])['transitioningMessage'])
        self.assertEqual({s['name']: s['externalId'] for s in self.stacks(p)},
                         {'net': 'catalog://%s:infra*net:1' % self.label, 'dns': 'catalog://%s:infra*dns:0' % self.label})
        self.assertEqual(sorted(s['name'] for s in self.services(p)), ['new', 'old'])

    def test_an_entry_that_no_catalog_has_is_named_and_made_when_it_comes(self):
        self.catalog.infra('net', {0: 'net'})
        self.read()
        p = self.project(self.template([{'templateId': self.label + ':infra*net'}, {'templateId': self.label + ':infra*late'}]))
        path = '/projects/' + p['id']
        self.until(lambda: len(self.stacks(p)) == 1, 'the stack there is')
        self.until(lambda: 'infra*late' in (self.admin.get(path)['transitioningMessage'] or ''), lambda: self.admin.get(path))
        self.assertEqual((self.admin.get(path)['state'], self.admin.get(path)['transitioning']), ('active', 'error'))
        self.catalog.infra('late', {0: 'late'})
        self.again()
        self.until(lambda: len(self.stacks(p)) == 2, lambda: self.admin.get(path)['transitioningMessage'])
        self.until(lambda: self.admin.get(path)['transitioning'] == 'no', lambda: self.admin.get(path)['transitioningMessage'])

    def test_an_entry_whose_name_is_taken_is_made_when_the_name_is_free(self):
        self.catalog.infra('net', {0: 'net'})
        self.read()
        p = self.project(self.template([{'name': 'wanted', 'templateId': self.label + ':infra*late'}]))
        path = '/projects/' + p['id']
        mine = self.check(self.admin.post(path + '/stacks', {'name': 'wanted'}), 201)
        self.admin.wait('%s/stacks/%s' % (path, mine['id']), 'active')
        self.catalog.infra('late', {0: 'late'})
        self.again()
        self.until(lambda: 'already' in (self.admin.get(path)['transitioningMessage'] or ''), lambda: self.admin.get(path)['transitioningMessage'])
        self.check(self.admin.delete('%s/stacks/%s' % (path, mine['id'])), 200)
        self.until(lambda: [(s['name'], s['system']) for s in self.stacks(p)] == [('wanted', True)], lambda: self.admin.get(path)['transitioningMessage'])
        self.until(lambda: self.admin.get(path)['transitioning'] == 'no', lambda: self.admin.get(path)['transitioningMessage'])

    def test_templates_of_a_catalog_are_public_and_each_version_is_a_record(self):
        title = self.name('Own')
        self.catalog.infra('net', {0: 'net'})
        one = "name: %s\ndescription: first\nstacks:\n  - name: net\n    templateId: '%s:infra*net'\n" % (title, self.label)
        self.catalog.project('own', {0: one})
        self.read()
        mine = lambda: [t for t in self.admin.get('/projectTemplates').rows if t['name'] == title]
        t = self.until(mine, 'the template')[0]
        self.assertEqual((t['externalId'], t['isPublic'], t['accountId'], t['description']), ('catalog://%s:project*own:0' % self.label, True, None, 'first'))
        self.assertEqual([(e['name'], e['templateId']) for e in t['stacks']], [('net', self.label + ':infra*net')])
        self.catalog.project('own', {0: one, 1: one.replace('first', 'second')})
        self.again()
        self.until(lambda: [t['description'] for t in mine()] == ['first', 'second'], lambda: mine())
        self.again()
        self.assertEqual(len(mine()), 2)

    def test_the_first_environment_gets_the_template_that_is_meant_for_it(self):
        title = self.name('First')
        self.catalog.project('first', {0: 'name: %s\nstacks:\n  - name: net\n    templateId: %s:infra*net\n' % (title.upper(), self.label)})
        self.catalog.infra('net', {0: 'net'})
        self.assertIsNone(self.admin.get('/projects/1a5')['projectTemplateId'])
        self.check(self.admin.put('/settings/project.template.default.name', {'value': title}), 200)
        self.read()
        self.until(lambda: 'net' in [s['name'] for s in self.stacks({'id': '1a5'})], lambda: self.admin.get('/projects/1a5')['transitioningMessage'])
        self.assertIsNotNone(self.admin.get('/projects/1a5')['projectTemplateId'])

    def test_installing_and_removing_an_orchestrator_changes_the_environment(self):
        self.catalog.infra('k8s', {0: 'k8s'})
        self.read()
        p = self.project()
        path = '/projects/' + p['id']
        orchestration = lambda: self.admin.get(path)['orchestration']
        self.assertEqual(orchestration(), 'cattle')
        k8s = self.check(self.admin.post(path + '/stacks', {'name': 'k8s', 'system': True, 'externalId': 'catalog://%s:infra*k8s:0' % self.label}), 201)
        plain = self.check(self.admin.post(path + '/stacks', {'name': 'plain', 'externalId': 'catalog://%s:infra*windows:0' % self.label}), 201)
        self.until(lambda: orchestration() == 'kubernetes', orchestration)
        follower = self.check(self.admin.post(path + '/stacks', {'name': 'ks', 'externalId': 'kubernetes://kube-system'}), 201)
        self.admin.wait('%s/stacks/%s' % (path, follower['id']), 'active')
        self.check(self.admin.delete('%s/stacks/%s' % (path, k8s['id'])), 200)
        self.until(lambda: orchestration() == 'cattle', orchestration)
        self.until(lambda: self.gone('%s/stacks/%s' % (path, follower['id'])), 'what stood on Kubernetes to go')
        self.assertEqual(self.admin.get('%s/stacks/%s' % (path, plain['id']))['state'], 'active')


@unittest.skipUnless(os.environ.get('DROVER_CORPORA'), 'DROVER_CORPORA names the folder with public catalogs')
class TestPublicTemplates(World):
    def test_what_the_public_templates_list_comes_up_on_three_hosts(self):
        folder = os.environ['DROVER_CORPORA']
        catalogs = {'library': {'url': folder + '/rancher-catalog'}, 'community': {'url': folder + '/community-catalog'}}
        self.check(self.admin.put('/settings/catalog.url', {'value': json.dumps({'catalogs': catalogs})}), 200)
        wanted = {'Cattle': ('cattle', 4), 'Kubernetes': ('kubernetes', 4), 'Mesos': ('mesos', 5), 'Swarm': ('swarm', 6), 'Windows': ('windows', 2)}
        there = lambda: {t['name']: t for t in self.admin.get('/projectTemplates').rows if t['name'] in wanted}
        self.until(lambda: set(there()) == set(wanted), there)
        for name, (orchestration, stacks) in wanted.items():
            with self.subTest(template=name):
                p = self.project(there()[name])
                for _ in range(3):
                    self.add_host(p)
                self.until(lambda: [s['state'] for s in self.stacks(p)] == ['active'] * stacks, lambda: [(s['name'], s['state'], s['transitioningMessage']) for s in self.stacks(p)])
                waiting = lambda: [(s['name'], s['state'], s['transitioningMessage']) for s in self.services(p) if s['state'] != 'active']
                self.until(lambda: not waiting(), waiting)
                self.assertEqual(self.admin.get('/projects/' + p['id'])['orchestration'], orchestration)
                self.check(self.admin.delete('/projects/' + p['id']), 200)
                self.until(lambda: self.gone('/projects/' + p['id']), lambda: self.admin.get('/projects/' + p['id']))


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

    def test_roles_of_an_environment(self):
        """Who may make, upgrade and remove infrastructure, and who may change the environment itself (orchestration.md 7.2, api.md 2.5)."""
        ids = [self.new_user() for _ in range(3)]
        roles = dict(zip(('member', 'restricted', 'readonly'), ids))
        members = [{'externalId': self.ann_id, 'externalIdType': 'rancher_id', 'role': 'owner'}]
        members += [{'externalId': i, 'externalIdType': 'rancher_id', 'role': r} for r, (i, _) in roles.items()]
        p = self.project(self.template(self.inline('one'), by=self.ann), by=self.ann, members=members)
        path = '/projects/' + p['id']
        self.until(lambda: [s['state'] for s in self.stacks(p)] == ['active'], lambda: self.admin.get(path)['transitioningMessage'])
        system = '%s/stacks/%s' % (path, self.stacks(p)[0]['id'])
        for role, (_, who) in roles.items():
            with self.subTest(role=role):
                may = role == 'member'
                made = who.post(path + '/stacks', {'name': 'infra-' + role, 'system': True})
                self.assertEqual((made.status, made.get('system')), (201, False) if role != 'readonly' else (405, None), made)  # not theirs to say: the field is ignored
                self.assertEqual(who.put(system, {'description': role}).status, 200 if may else 403 if role == 'restricted' else 405)
                self.assertIn('upgrade' in self.check(who.get(system), 200)['actions'], (may,))
                self.assertEqual(set(self.check(who.get(path), 200)['actions']) - {'defaultNetworkId'}, set())
                self.check(who.put(path, {'description': 'x'}), 403, 'Forbidden')
                self.assertIn(who.delete(path).status, (403, 405))
                self.assertEqual(self.admin.get(path)['state'], 'active')
        self.check(self.bob.get(path), 404)
        mine = self.check(self.ann.post(path + '/stacks', {'name': 'infra-owner', 'system': True}), 201)
        self.assertTrue(mine['system'])
        self.check(self.ann.put(path, {'description': 'hers', 'name': p['name'] + '-new'}), 200)
        for role, (_, who) in roles.items():
            if role != 'member':
                self.assertIn(who.delete(system).status, (403, 405), role)

        # Out of use: its owner sees it, others do not, and nobody works in it.
        self.check(self.ann.post(path + '?action=deactivate'), 202)
        self.admin.wait(path, 'inactive')
        self.check(self.ann.get(path), 200)
        self.assertIn(roles['member'][1].get(path).status, (403, 404))
        self.check(self.ann.get(path + '/stacks'), 403)
        self.check(self.ann.post(path + '?action=activate'), 202)
        self.admin.wait(path, 'active')
        self.check(roles['member'][1].delete(system), 200)


class TestRestart(unittest.TestCase):
    """A server that dies at any moment makes nothing twice and forgets nothing."""

    def test_killed_while_the_stacks_of_a_template_are_made(self):
        w = TestStacks('setUp')
        w.server = s = client.Server(('--simulator', '--sim-hosts', '0'))
        self.addCleanup(s.close)
        s.start()
        names = ['s%02d' % i for i in range(12)]
        t = w.check(s.admin().post('/projectTemplates', {'name': 't', 'stacks': w.inline(*names)}), 201)
        p = w.check(s.admin().post('/projects', {'name': 'p', 'projectTemplateId': t['id']}), 201)
        for i in range(6):
            s.end(signal.SIGKILL)
            s.start()
            if i == 3:                                  # on the way to being started, too
                w.check(s.admin().post('/agents', {'uri': 'sim://' + uuid.uuid4().hex, 'agentResourcesAccountId': p['id']}), 201)
            if i % 2:
                path = '/projects/%s/stacks' % p['id']
                w.until(lambda: s.admin().get(path).status == 200 and len(s.admin().get(path).rows) > 0, 'a stack')
        stacks = lambda: sorted(x['name'] for x in w.stacks(p) if x['state'] == 'active')
        w.until(lambda: len(stacks()) == len(names), stacks)
        self.assertEqual(stacks(), names)
        w.until(lambda: [x['state'] for x in w.services(p)] == ['active'] * len(names), lambda: [x['state'] for x in w.services(p)])
        self.assertEqual(sorted(x['name'] for x in w.services(p)), ['of-' + n for n in names])
        self.assertEqual(s.end(), 0)


@unittest.skipUnless(CLI, 'DROVER_CLI names the program')
class TestCommandLine(World):
    def run_cli(self, *words, stdin=None, status=0):
        a = self.server.admin_file()
        env = dict(os.environ, DROVER_URL='http://127.0.0.1:%d' % self.server.port, DROVER_ACCESS_KEY=a['accessKey'], DROVER_SECRET_KEY=a['secretKey'],
                   DROVER_CONFIG=os.path.join(self.server.data, 'cli.json'))
        r = subprocess.run([CLI, *words], env=env, input=stdin, capture_output=True, text=True, timeout=WAIT_S)
        self.assertEqual(r.returncode, status, r.stdout + r.stderr)
        return r.stdout.strip() if status == 0 else r.stderr

    def test_an_environment_from_template_to_clone(self):
        _, who = self.new_user()
        login = 'user%d' % World.serial
        source = 'name: base\ndescription: from a file\nstacks:\n- name: one\n  dockerCompose: |\n    version: "2"\n    services:\n      a: {image: "sim:busybox"}\n'
        t = self.run_cli('env', 'templates', 'import', '-', stdin=source)
        self.assertEqual(self.admin.get('/projectTemplates/' + t)['description'], 'from a file')
        self.assertIn('dockerCompose', self.run_cli('env', 'templates', 'export', 'base'))
        again = self.run_cli('env', 'templates', 'import', '-', '--name', 'base2', stdin=self.run_cli('env', 'templates', 'export', 'BASE') + '\n')
        self.assertEqual(self.admin.get('/projectTemplates/' + again)['stacks'], self.admin.get('/projectTemplates/' + t)['stacks'])
        made = self.run_cli('env', 'templates', 'create', 'named', '--stack', 'library:infra*ipsec', '--stack', 'net=library:infra*vxlan:3')
        self.assertEqual([(e['name'], e.get('templateId'), e.get('templateVersionId')) for e in self.admin.get('/projectTemplates/' + made)['stacks']],
                         [('ipsec', 'library:infra*ipsec', None), ('net', None, 'library:infra*vxlan:3')])
        self.assertIn('base', self.run_cli('env', 'templates'))
        self.assertEqual(self.run_cli('env', 'upgrades', '-q'), '')
        self.run_cli('env', 'templates', 'rm', 'named', 'base2')

        p = self.run_cli('--wait', 'env', 'create', 'first', '-t', 'base', '--description', 'd', '--member', login + '=owner', '--member', 'admin=owner')
        self.until(lambda: [s['state'] for s in self.stacks({'id': p})] == ['active'], lambda: self.admin.get('/projects/' + p)['transitioningMessage'])
        self.assertEqual(len(self.run_cli('env', 'members', 'first', '-q').split()), 2)
        self.run_cli('env', 'update', 'first', '--name', 'renamed', '--member', login + '=readonly')
        roles = {m['name']: m['role'] for m in self.admin.get('/projects/%s/projectMembers' % p).rows}
        self.assertEqual(roles, {login: 'readonly', 'admin': 'owner'})

        twin = self.run_cli('--wait', 'env', 'clone', 'renamed', 'twin')
        self.until(lambda: [s['name'] for s in self.stacks({'id': twin})] == ['one'], lambda: self.admin.get('/projects/' + twin)['transitioningMessage'])
        self.assertEqual({m['name']: m['role'] for m in self.admin.get('/projects/%s/projectMembers' % twin).rows}, roles)
        self.assertEqual(self.admin.get('/projects/' + twin)['description'], 'd')
        copy = self.run_cli('env', 'templates', 'create', 'copy', '--from', 'renamed')
        self.assertEqual([(e['name'], 'sim:busybox' in e['dockerCompose']) for e in self.admin.get('/projectTemplates/' + copy)['stacks']], [('one', True)])
        self.assertIn('no environment template', self.run_cli('env', 'create', 'x', '-t', 'nothing', status=1))
        self.run_cli('--wait', 'env', 'deactivate', 'twin')
        self.assertEqual(self.admin.get('/projects/' + twin)['state'], 'inactive')
        self.run_cli('--wait', 'env', 'activate', 'twin')
        self.run_cli('env', 'update', 'renamed', '--remove-member', login)
        self.run_cli('env', 'rm', 'twin', 'renamed')
        self.until(lambda: self.gone('/projects/' + twin) and self.gone('/projects/' + p), 'both to go')


if __name__ == '__main__':
    client.main()
