"""Catalogs: folders, git repositories, environments' own ones, and /v1-catalog (spec catalog.md 1, 4, 5). The repositories and their servers are made here."""
import base64
import json
import os
import shutil
import socket
import sqlite3
import tempfile
import threading
import time
import unittest

import client
from catalog_tree import SVG, Daemon, Git, Silent, SmartHttp, Tree

PROJECT = {'x-api-project-id': '1a5'}


class CatalogCase(client.Case):
    args = ('--log-level', 'debug')

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.trees = []
        cls.c = cls.server.admin('/v1-catalog')
        cls.api = cls.server.admin()
        cls.api.put('/settings/catalog.refresh.interval.seconds', {'value': '0'})      # tests say themselves when

    @classmethod
    def tearDownClass(cls):
        try:
            super().tearDownClass()
        finally:
            for t in cls.trees:
                t.close()

    @classmethod
    def tree(cls, kind=Tree, **kw):
        cls.trees.append(kind(**kw))
        return cls.trees[-1]

    def set_catalogs(self, **catalogs):
        value = json.dumps({'catalogs': {n: c if isinstance(c, dict) else {'url': c} for n, c in catalogs.items()}})
        a = self.api.put('/settings/catalog.url', {'value': value})
        self.assertEqual(a.status, 200, repr(a))

    def refresh(self, status=204, c=None, **kw):
        a = (c or self.c).post('/templates?action=refresh', **kw)
        self.assertEqual(a.status, status, repr(a))
        return a

    def catalog(self, name, c=None, **kw):
        rows = [x for x in (c or self.c).get('/catalogs', **kw).rows if x['name'] == name]
        self.assertEqual(len(rows), 1, name)
        return rows[0]

    def ids(self, query='', c=None, **kw):
        a = (c or self.c).get('/templates' + query, **kw)
        self.assertEqual(a.status, 200, repr(a))
        return [t['id'] for t in a.rows]

    def failed(self, answer, status, message):
        self.assertEqual(answer.status, status, repr(answer))
        self.assertEqual((answer['type'], answer['status']), ('error', str(status)))
        self.assertIn(message, answer['message'])


class Api(CatalogCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        t = cls.t = cls.tree()
        t.template('wordpress', 'WordPress', {'0': '1.0.0', '1': '1.1.0', '2': 'version: "2.0.0"\nminimum_rancher_version: v1.6.0\nupgrade_from: ">=1.1.0"\n',
                                              '3': 'version: "3.0.0"\nminimum_rancher_version: v9.0.0\n'}, default='3.0.0', config='category: Blog\nprojectURL: http://wp.example.org\n')
        t.put('templates/wordpress/README.md', '# Read me')
        t.put('templates/wordpress/1/README.md', '# Version one')
        t.put('templates/wordpress/1/sub/deep.txt', 'deep')
        t.template('db', 'Db', {'1.0.0': '1.0.0', 'v1.2.0-rc1': '1.2.0-rc1', '1.10.0': '1.10.0'}, config='categories:\n- Data\n- System\nlabels:\n  io.rancher.certified: rancher\n')
        t.template('ipsec', 'Net', {'0': 'v0.1', '10': 'v0.3', '2': 'v0.2'}, base='infra', default='v0.2', config='category: Networking\n')
        t.template('future', 'Future', {'0': 'version: "1"\nminimum_rancher_version: v2.0.0\n'})
        t.template('old', 'Old', {'0': 'version: "1"\nmaximum_rancher_version: v1.5.99\n'})
        t.template('asks', 'Asks', {'0': '\n'.join(['version: "1"', 'questions:', '- variable: N', '  label: Number', '  type: int', '  default: 3', '  required: true',
                                                    '- variable: E', '  type: enum', '  options: [a, 1, true]', ''])})
        cls.other = cls.tree()
        cls.other.template('app', 'Other', {'0': 'x'})
        case = cls('set_catalogs')
        case.set_catalogs(main=t.dir, other='file://' + cls.other.dir)
        case.refresh()

    def test_root_and_schemas(self):
        a = self.c.get('')
        self.assertEqual((a.status, a['id'], a['links']['templates']), (200, 'v1-catalog', 'http://127.0.0.1:%d/v1-catalog/templates' % self.server.port))
        names = [s['id'] for s in self.c.get('/schemas').rows]
        self.assertEqual(sorted(names), sorted(['apiVersion', 'schema', 'catalog', 'template', 'question', 'templateVersion', 'error']))
        a = self.c.get('/schemas/templateVersion')
        self.assertEqual(a['resourceFields']['questions']['type'], 'array[question]')
        for name in names:
            self.assertEqual(self.c.get('/schemas/' + name)['id'], name)
        self.failed(self.c.get('/schemas/nonsense'), 404, 'Schema not found')
        self.failed(self.c.get('/nonsense'), 404, 'Not found')
        self.failed(self.c.post('/templates'), 405, 'Method')

    def test_nobody_is_not_let_in(self):
        for path in ('', '/templates', '/catalogs', '/templates/main:db?image'):
            self.assertEqual(self.server.client(prefix='/v1-catalog').get(path).status, 401, path)

    def test_all_templates_with_ids_by_base_folder_and_catalog(self):
        self.assertEqual(self.ids(), ['main:infra*ipsec', 'main:asks', 'main:db', 'main:future', 'main:old', 'main:wordpress', 'other:app'])
        a = self.c.get('/templates')
        self.assertEqual((a['type'], a['resourceType'], a['actions']['refresh']), ('collection', 'template', 'http://127.0.0.1:%d/v1-catalog/templates?action=refresh' % self.server.port))

    def test_filters(self):
        for query, want in (
                ('?catalogId=other', ['other:app']), ('?catalog=other', ['other:app']), ('?catalogId=none', []),
                ('?templateBase_eq=infra', ['main:infra*ipsec']), ('?templateBase_eq=', self.ids()),
                ('?category=Data', ['main:db']), ('?category=Data&category=System', ['main:db']), ('?category=Data&category=Blog', []), ('?category=data', []),
                ('?category_ne=System', [i for i in self.ids() if i != 'main:db']), ('?category_ne=System&category_ne=Blog&catalogId=main&templateBase_eq=infra', ['main:infra*ipsec']),
                ('?rancherVersion=v1.6.30', [i for i in self.ids() if i not in ('main:future', 'main:old')]),
                ('?minimumRancherVersion_lte=v1.6.30', [i for i in self.ids() if i not in ('main:future', 'main:old')]),
                ('?rancherVersion=v1.2.0&catalogId=main', ['main:infra*ipsec', 'main:asks', 'main:db', 'main:old', 'main:wordpress'])):
            self.assertEqual(self.ids(query), want, query)

    def test_a_template_says_what_its_files_say(self):
        a = self.c.get('/templates/main:wordpress')
        base = 'http://127.0.0.1:%d/v1-catalog/templates/main:wordpress' % self.server.port
        self.assertEqual(a['links'], {'self': base, 'icon': base + '?image', 'readme': base + '?readme', 'project': 'http://wp.example.org'})
        self.assertEqual((a['id'], a['type'], a['name'], a['description'], a['catalogId'], a['templateBase'], a['folderName'], a['environmentId'], a['categories']),
                         ('main:wordpress', 'template', 'WordPress', 'about WordPress', 'main', '', 'wordpress', 'global', ['Blog']))
        self.assertEqual(a['versionLinks'], {'1.0.0': base + ':0', '1.1.0': base + ':1', '2.0.0': base + ':2', '3.0.0': base + ':3'})
        self.assertEqual((a['defaultVersion'], a['defaultTemplateVersionId']), ('3.0.0', 'main:wordpress:3'))
        self.assertEqual(a['iconFilename'], 'catalogIcon-wordpress.svg')
        a = self.c.get('/templates/main:infra*ipsec')
        self.assertEqual((a['templateBase'], a['defaultTemplateVersionId'], list(a['versionLinks'])), ('infra', 'main:infra*ipsec:2', ['v0.1', 'v0.2', 'v0.3']))
        self.assertEqual(self.c.get('/templates/main:db')['labels'], {'io.rancher.certified': 'rancher'})
        self.assertEqual(self.c.get('/templates/main%3Ainfra%2Aipsec')['id'], 'main:infra*ipsec')

    def test_what_a_server_is_too_old_for_is_not_offered(self):
        a = self.c.get('/templates/main:wordpress?rancherVersion=v1.6.30')
        self.assertEqual((sorted(a['versionLinks']), a['defaultTemplateVersionId']), (['1.0.0', '1.1.0', '2.0.0'], 'main:wordpress:2'))
        a = self.c.get('/templates/main:wordpress?rancherVersion=v1.2.0')
        self.assertEqual((sorted(a['versionLinks']), a['defaultTemplateVersionId']), (['1.0.0', '1.1.0'], 'main:wordpress:1'))

    def test_versions_by_number_and_by_semantic_version(self):
        a = self.c.get('/templateversions/main:wordpress:1')
        self.assertEqual((a['id'], a['type'], a['revision'], a['version'], a['templateId']), ('main:wordpress:1', 'templateVersion', 1, '1.1.0', 'main:wordpress'))
        self.assertEqual(sorted(a['files']), ['README.md', 'deep.txt', 'docker-compose.yml', 'rancher-compose.yml'])
        self.assertIn('app:1', a['files']['docker-compose.yml'])
        self.assertEqual((a['bindings'], a['questions'], a['labels']), (None, [], {}))
        self.assertTrue(a['links']['template'].endswith('/templates/main:wordpress'))
        a = self.c.get('/templates/main:db:1.10.0')
        self.assertEqual((a['id'], a['version'], a['revision']), ('main:db:1.10.0', '1.10.0', None))
        self.assertEqual(list(self.c.get('/templates/main:db')['versionLinks']), ['1.0.0', '1.2.0-rc1', '1.10.0'])
        self.assertEqual(self.c.get('/templates/main:infra*ipsec:10')['version'], 'v0.3')

    def test_upgrades_are_offered_by_version_range_and_server(self):
        def links(which, server):
            return sorted(self.c.get('/templateversions/main:wordpress:%s%s' % (which, '?rancherVersion=' + server if server else ''))['upgradeVersionLinks'])
        self.assertEqual(links('0', 'v1.6.30'), ['1.1.0'])        # 2.0 wants >=1.1
        self.assertEqual(links('1', 'v1.6.30'), ['2.0.0'])
        self.assertEqual(links('1', 'v1.5.0'), [])
        self.assertEqual(links('1', ''), ['2.0.0', '3.0.0'])
        self.assertEqual(links('3', ''), [])

    def test_questions_keep_type_default_as_text_and_options(self):
        q = self.c.get('/templates/main:asks:0')['questions']
        self.assertEqual([(x['variable'], x['type'], x.get('default'), x.get('required'), x.get('options')) for x in q],
                         [('N', 'int', '3', True, None), ('E', 'enum', '', False, ['a', '1', 'true'])])

    def test_icons_and_readmes(self):
        a = self.c.get('/templates/main:wordpress?image&projectId=1a5')
        self.assertEqual((a.status, a.raw, a.headers['Content-Type']), (200, SVG, 'image/svg+xml'))
        self.assertIn('sandbox', a.headers['Content-Security-Policy'])
        self.assertEqual(a.headers['X-Content-Type-Options'], 'nosniff')
        a = self.c.get('/templates/main:wordpress?readme')
        self.assertEqual((a.raw, a.headers['Content-Type'].split(';')[0]), ('# Read me', 'text/plain'))
        self.assertEqual(self.c.get('/templates/main:wordpress:1?readme').raw, '# Version one')
        self.failed(self.c.get('/templates/main:db?readme'), 404, 'readme')

    def test_what_is_not_there(self):
        for path, message in (('main:none', 'Template not found'), ('none:db', 'Template not found'), ('nonsense', 'Template not found'), ('main:infra*db', 'Template not found'),
                              ('main:wordpress:99', 'Version not found'), ('main:wordpress:7.7', 'Version not found'), ('main:a*b*c', 'Template not found'),
                              ('main:..%2Fx', 'Template not found'), ('a:b:c:d', 'Template not found')):
            self.failed(self.c.get('/templates/' + path), 404, message)
            self.failed(self.c.get('/templateversions/' + path), 404, message)

    def test_the_list_of_catalogs(self):
        a = self.catalog('main')
        self.assertEqual((a['id'], a['type'], a['environmentId'], a['url'], a['state'], a['transitioning'], a['templateCount'], a['versionCount']),
                         ('main', 'catalog', 'global', self.t.dir, 'active', 'no', 6, 13))
        self.assertTrue(a['links']['self'].endswith('/v1-catalog/catalogs/main?projectId=global'))
        self.failed(self.c.get('/catalogs/main'), 400, 'environment')
        self.assertEqual(self.c.get('/catalogs/main', headers=PROJECT)['name'], 'main')
        self.failed(self.c.get('/catalogs/none', headers=PROJECT), 404, 'Catalog not found')
        self.assertEqual(self.c.get('/catalogs?projectId=global').status, 200)


class Folders(CatalogCase):
    def test_the_built_in_catalog_is_there_without_any_setting(self):
        self.api.delete('/settings/catalog.url')
        self.refresh()
        a = self.catalog('library')
        self.assertEqual((a['url'], a['state'], a['skipped']), ('builtin:library', 'active', []))
        v = self.c.get('/templates/library:project*minimal:0')
        self.assertIn('project.yml', v['files'])

    def test_the_old_form_of_the_setting(self):
        t = self.tree().template('a', 'A', {'0': '1'})
        self.api.put('/settings/catalog.url', {'value': 'one=%s,two=%s' % (t.dir, t.dir)})
        self.refresh()
        self.assertEqual(self.ids(), ['one:a', 'two:a'])
        self.assertEqual(self.catalog('one')['branch'], 'master')

    def test_nonsense_in_the_setting_leaves_the_good_parts(self):
        t = self.tree().template('a', 'A', {'0': '1'})
        self.set_catalogs(**{'good': t.dir, 'b:ad': t.dir, 'nourl': {}, 'odd': 'ftp://h.example/x', 'helm': {'url': t.dir, 'kind': 'helm'}, 'option': '--upload-pack=touch /tmp/x'})
        self.refresh(500)
        self.assertEqual(self.ids(), ['good:a'])
        self.assertEqual(self.catalog('odd')['transitioning'], 'error')
        self.assertIn('neither a folder nor a git repository', self.catalog('odd')['transitioningMessage'])
        self.assertIn('native', self.catalog('helm')['transitioningMessage'])
        for value in ('{"catalogs":', '[]', '{"x":1}', '', '=,=,,', '{"catalogs":{"a":1}}'):
            self.api.put('/settings/catalog.url', {'value': value})
            self.refresh()
            self.assertEqual(self.c.get('/catalogs').rows, [], value)

    def test_a_changed_file_is_seen_at_the_next_refresh(self):
        t = self.tree().template('a', 'A', {'0': '1'})
        self.set_catalogs(live=t.dir)
        self.refresh()
        before = self.catalog('live')
        self.refresh()
        self.assertEqual(self.catalog('live')['loaded'], before['loaded'])
        t.template('a', 'A', {'0': '1', '1': '2'})
        self.refresh()
        self.assertEqual(sorted(self.c.get('/templates/live:a')['versionLinks']), ['1', '2'])
        self.assertNotEqual(self.catalog('live')['commit'], before['commit'])

    def test_a_changed_file_is_seen_by_itself(self):
        t = self.tree().template('a', 'A', {'0': '1'})
        self.set_catalogs(live=t.dir)
        self.refresh()
        self.api.put('/settings/catalog.refresh.interval.seconds', {'value': '5'})
        try:
            t.template('a', 'A', {'0': '1', '1': '2'})
            end = time.monotonic() + client.WAIT_S
            while len(self.c.get('/templates/live:a')['versionLinks']) != 2:
                self.assertLess(time.monotonic(), end)
                threading.Event().wait(0.2)
        finally:
            self.api.put('/settings/catalog.refresh.interval.seconds', {'value': '0'})

    def test_what_is_broken_is_left_out_with_its_reason(self):
        t = self.tree().template('good', 'Good', {'0': '1'})
        t.template('noconfig', 'X', {'0': '1'})
        os.unlink(t.dir + '/templates/noconfig/config.yml')
        t.template('badconfig', 'X', {'0': '1'})
        t.put('templates/badconfig/config.yml', 'name: [')
        t.template('badversion', 'X', {'0': '1', '1': '2'})
        t.put('templates/badversion/1/rancher-compose.yml', 'catalog:\n  version: 2\n   x: [')
        t.template('twice', 'X', {'1': '1', '01': '2'})
        t.put('templates/good/notes/x.txt', 'neither number nor version')
        t.put('scripts/tool/0/rancher-compose.yml', 'catalog: {version: 1}')
        self.set_catalogs(some=t.dir)
        self.refresh()
        self.assertEqual(self.ids(), ['some:badversion', 'some:good', 'some:twice'])
        self.assertEqual(list(self.c.get('/templates/some:badversion')['versionLinks']), ['1'])
        skipped = '\n'.join(self.catalog('some')['skipped'])
        for text in ('templates/noconfig: the template is left out: it has no config.yml', 'templates/badconfig: the template is left out: config.yml:',
                     'templates/badversion/1/rancher-compose.yml: the version is left out: rancher-compose.yml:3:', 'templates/twice: folder'):
            self.assertIn(text, skipped)

    def test_nothing_outside_the_folder_is_ever_read(self):
        secret = self.tree()
        secret.put('secret.yml', 'TOP SECRET')
        secret.template('stolen', 'Stolen', {'0': '1'})
        t = self.tree().template('good', 'Good', {'0': '1'})
        os.symlink(secret.dir + '/secret.yml', t.dir + '/templates/good/0/secret.yml')
        os.symlink(secret.dir + '/templates/stolen', t.dir + '/templates/link')
        os.symlink(secret.dir + '/templates', t.dir + '/infra-templates')
        os.symlink('/dev/zero', t.dir + '/templates/good/0/zero')
        os.mkfifo(t.dir + '/templates/good/0/fifo')
        os.symlink('/etc/passwd', t.dir + '/templates/good/README.md')
        t.put('templates/good/0/huge.txt', b'x' * ((1 << 20) + 1))
        t.put('templates/good/0/' + '/'.join('abcdefghij') + '/deep.txt', 'x')
        t.put('templates/good/0/.hidden', 'x')
        t.put('templates/good/0/binary', b'\0\1\2')
        self.set_catalogs(some=t.dir)
        self.refresh()
        self.assertEqual(self.ids(), ['some:good'])
        self.assertEqual(sorted(self.c.get('/templates/some:good:0')['files']), ['docker-compose.yml', 'rancher-compose.yml'])
        self.failed(self.c.get('/templates/some:good?readme'), 404, 'readme')
        skipped = '\n'.join(self.catalog('some')['skipped'])
        for text in ('good/0/secret.yml: a symbolic link', 'good/0/zero: a symbolic link', 'good/0/fifo: no regular file', 'good/0/huge.txt: longer than', 'good/README.md: a symbolic link', 'deeper than'):
            self.assertIn(text, skipped)

    def test_too_many_files_are_refused_and_the_old_state_stays(self):
        t = self.tree(where='/dev/shm' if os.access('/dev/shm', os.W_OK) else None).template('good', 'Good', {'0': '1'})
        self.set_catalogs(some=t.dir)
        self.refresh()
        folder = t.dir + '/templates/good/0'
        for i in range(100):
            os.mkdir('%s/%d' % (folder, i))
            for k in range(1000):
                os.close(os.open('%s/%d/%d' % (folder, i, k), os.O_CREAT | os.O_WRONLY))
        a = self.refresh(500)
        self.assertIn('catalog \\"some\\"', a.raw)
        self.assertIn('more than 50000 files', a['message'])
        self.assertIn('more than 50000 files', self.catalog('some')['transitioningMessage'])
        self.assertEqual(self.ids(), ['some:good'])
        for i in range(100):
            shutil.rmtree('%s/%d' % (folder, i))
        self.refresh()
        self.assertEqual(self.catalog('some')['transitioning'], 'no')

    def test_a_folder_that_goes_away_keeps_what_was_read(self):
        t = self.tree().template('good', 'Good', {'0': '1'})
        self.set_catalogs(some=t.dir, none=t.dir + '/none')
        self.refresh(500)
        os.rename(t.dir, t.dir + '.away')
        try:
            self.refresh(500)
            self.assertEqual(self.ids(), ['some:good'])
            self.assertIn('No such file', self.catalog('some')['transitioningMessage'])
            self.assertIn('No such file', self.catalog('none')['transitioningMessage'])
        finally:
            os.rename(t.dir + '.away', t.dir)
        self.assertIn('catalog could not be read', self.server.log())


class Environments(CatalogCase):
    def setUp(self):
        self.a, self.b = (self.api.post('/projects', {'name': n})['id'] for n in ('A', 'B'))
        for p in (self.a, self.b):
            self.api.wait('/projects/' + p, 'active')
        self.in_a, self.in_b = ({'x-api-project-id': p} for p in (self.a, self.b))
        self.set_catalogs()
        self.refresh()

    def add(self, headers, status=200, c=None, **body):
        a = (c or self.c).post('/catalogs', body, headers=headers)
        self.assertEqual(a.status, status, repr(a))
        return a

    def test_a_catalog_of_an_environment_is_seen_there_only(self):
        t = self.tree().template('mine', 'Mine', {'0': '1'})
        a = self.add(self.in_a, name='own', url=t.dir)
        self.assertEqual((a['id'], a['type'], a['environmentId'], a['url']), ('own', 'catalog', self.a, t.dir))
        self.refresh(headers=self.in_a)
        self.assertEqual(self.ids(headers=self.in_a), ['own:mine'])
        self.assertEqual(self.ids('?projectId=' + self.a), ['own:mine'])
        self.assertEqual(self.c.get('/templates/own:mine:0', headers=self.in_a).status, 200)
        for headers in (self.in_b, {}):
            self.assertEqual(self.ids(headers=headers), [])
            self.failed(self.c.get('/templates/own:mine', headers=headers), 404, 'Template not found')
        self.failed(self.c.get('/catalogs/own', headers=self.in_b), 404, 'Catalog not found')
        self.assertEqual(self.c.get('/catalogs/own', headers=self.in_a)['templateCount'], 1)
        icon = self.c.get('/templates', headers=self.in_a).rows[0]['links']['icon']
        self.assertTrue(icon.endswith('?image&projectId=' + self.a), icon)
        self.assertEqual(self.c.raw('GET', icon[icon.index('/v1-catalog'):]).raw, SVG)

    def test_names_are_unique_and_global_ones_win(self):
        t, u = self.tree().template('x', 'X', {'0': '1'}), self.tree().template('y', 'Y', {'0': '1'})
        self.add(self.in_a, name='own', url=t.dir)
        self.failed(self.add(self.in_a, 422, name='own', url=u.dir), 422, 'Catalog name own already exists')
        self.add(self.in_b, name='own', url=u.dir)
        self.set_catalogs(shared=u.dir)
        self.refresh()
        self.failed(self.add(self.in_a, 422, name='shared', url=t.dir), 422, 'already exists')
        self.set_catalogs(own=u.dir)
        self.refresh()
        self.assertEqual(self.ids(headers=self.in_a), ['own:y'])
        self.set_catalogs()
        self.refresh()
        self.assertEqual(self.ids(headers=self.in_a), ['own:x'])

    def test_change_and_removal(self):
        t, u = self.tree().template('x', 'X', {'0': '1'}), self.tree().template('y', 'Y', {'0': '1'})
        self.add(self.in_a, name='own', url=t.dir)
        self.add(self.in_a, name='two', url=t.dir)
        self.failed(self.c.put('/catalogs/own', {'name': 'two', 'url': u.dir}, headers=self.in_a), 422, 'already exists')
        self.failed(self.c.put('/catalogs/own', {'name': 'own', 'url': u.dir}, headers=self.in_b), 404, 'Catalog not found')
        a = self.c.put('/catalogs/own', {'name': 'renamed', 'url': u.dir, 'branch': 'b'}, headers=self.in_a)
        self.assertEqual((a.status, a['name'], a['branch']), (200, 'renamed', 'b'))
        self.refresh(headers=self.in_a)
        self.assertEqual(self.ids(headers=self.in_a), ['renamed:y', 'two:x'])
        for _ in range(2):
            self.assertEqual(self.c.delete('/catalogs/two', headers=self.in_a).status, 204)
        self.failed(self.c.delete('/catalogs/two'), 400, 'environment')
        self.assertEqual(self.ids(headers=self.in_a), ['renamed:y'])

    def test_a_global_one_that_is_deleted_comes_back_with_the_next_refresh(self):
        t = self.tree().template('x', 'X', {'0': '1'})
        self.set_catalogs(shared=t.dir)
        self.refresh()
        self.assertEqual(self.c.delete('/catalogs/shared', headers=self.in_a).status, 204)
        self.assertEqual(self.ids(), [])
        self.refresh()
        self.assertEqual(self.ids(), ['shared:x'])

    def test_missing_and_impossible_fields(self):
        self.failed(self.c.post('/catalogs', {'name': 'x', 'url': '/tmp'}), 400, 'environment')
        self.failed(self.add(self.in_a, 400, url='/tmp'), 400, "Missing field 'name'")
        self.failed(self.add(self.in_a, 400, name='x'), 400, "Missing field 'url'")
        for body in (dict(name='a:b', url='/x'), dict(name='a b', url='/x'), dict(name='a' * 64, url='/x'), dict(name='x', url='ext::sh -c id'), dict(name='x', url='-x'),
                     dict(name='x', url='ssh://-oProxyCommand=id/x'), dict(name='x', url='https://h.example/x', branch='--upload-pack=id'), dict(name='x', url='a\nb'),
                     dict(name='x', url='https://h.example/x', branch='a..b'), dict(name='x', url='h.example:x'), dict(name='x', url='/x', kind='helm')):
            self.assertEqual(self.c.post('/catalogs', body, headers=self.in_a).status, 422, body)

    def test_what_is_stored_outlives_the_server(self):
        t = self.tree().template('x', 'X', {'0': '1'})
        self.add(self.in_a, name='own', url=t.dir)
        self.assertEqual(self.server.end(), 0)
        self.server.start()
        type(self).c, type(self).api = self.server.admin('/v1-catalog'), self.server.admin()
        self.refresh(headers=self.in_a)
        self.assertEqual(self.ids(headers=self.in_a), ['own:x'])

    def test_an_environment_that_is_deleted_takes_its_catalogs_with_it(self):
        g = self.tree(Git)
        g.template('x', 'X', {'0': '1'}).commit()
        self.add(self.in_a, name='own', url=g.dir)
        self.refresh(headers=self.in_a)
        copies = os.path.join(self.server.data, 'catalogs')
        self.assertEqual(len([n for n in os.listdir(copies) if n != 'gitconfig']), 1)
        self.api.post('/projects/%s?action=deactivate' % self.a)
        self.api.wait('/projects/' + self.a, 'inactive')
        self.api.delete('/projects/' + self.a)
        end = time.monotonic() + client.WAIT_S
        while [n for n in os.listdir(copies) if n != 'gitconfig']:
            self.assertLess(time.monotonic(), end)
            threading.Event().wait(0.05)

    def test_members_and_strangers(self):
        users = {}
        for name in ('owner', 'member', 'readonly', 'restricted', 'stranger'):
            account = self.api.post('/accounts', {'name': name, 'kind': 'user'})
            self.api.wait('/accounts/' + account['id'], 'active')
            key = self.api.post('/apikeys', {'accountId': account['id']})
            self.assertEqual(key.status, 201, repr(key))
            self.api.wait('/apikeys/' + key['id'], 'active')
            users[name] = (account['id'], self.server.client((key['publicValue'], key['secretValue']), '/v1-catalog'))
        members = [{'externalId': users[n][0], 'externalIdType': 'rancher_id', 'role': n} for n in ('owner', 'member', 'readonly', 'restricted')]
        a = self.api.post('/projects/%s?action=setmembers' % self.a, {'members': members + [{'externalId': '1a1', 'externalIdType': 'rancher_id', 'role': 'owner'}]})
        self.assertEqual(a.status, 200, repr(a))
        t = self.tree().template('x', 'X', {'0': '1'})
        self.add(self.in_a, name='own', url=t.dir)
        self.refresh(headers=self.in_a)
        url = 'http://u:pw@127.0.0.1:1/x'
        for name, (_, c) in users.items():
            stranger = name == 'stranger'
            self.assertEqual(c.get('/templates').status, 200)
            self.assertEqual(c.get('/templates', headers=self.in_a).status, 403 if stranger else 200, name)
            self.assertEqual(c.get('/templates/own:x?image', headers=self.in_a).status, 403 if stranger else 200, name)
            may = name in ('owner', 'member')
            self.assertEqual(c.post('/catalogs', {'name': name, 'url': url}, headers=self.in_a).status, 200 if may else 403, name)
            if may:         # the server's own folders and keys are not theirs
                for local in (t.dir, 'file://' + t.dir, 'ssh://git@127.0.0.1/x', 'git@127.0.0.1:x'):
                    self.failed(c.post('/catalogs', {'name': 'more', 'url': local}, headers=self.in_a), 403, 'administrators')
            self.assertEqual(c.delete('/catalogs/own', headers=self.in_b).status, 403, name)
        # Passwords are told to nobody, and stay when what is shown is written back.
        shown = self.catalog('owner', users['owner'][1], headers=self.in_a)['url']
        self.assertEqual(shown, 'http://u:xxxxx@127.0.0.1:1/x')
        self.assertEqual(users['owner'][1].put('/catalogs/owner', {'name': 'kept', 'url': shown}, headers=self.in_a).status, 200)
        db = sqlite3.connect(os.path.join(self.server.data, 'drover.db'))
        stored = [t for t, in db.execute("SELECT body FROM resource WHERE body LIKE '%catalogSources%'")]
        db.close()
        self.assertTrue([t for t in stored if 'kept' in t and 'u:pw@' in t], stored)
        rows = [r for r in self.api.get('/auditlogs?limit=1000').rows if r['resourceType'] == 'catalog']
        self.assertEqual({r['eventType'] for r in rows}, {'api.catalog.create', 'api.catalog.update', 'api.catalog.delete'})
        self.assertLessEqual({'200', '403'}, {str(r['responseCode']) for r in rows})
        self.assertNotIn('u:pw', json.dumps(rows))
        self.assertNotIn('u:pw', self.server.log())


class Remotes(CatalogCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.closing = []

    @classmethod
    def tearDownClass(cls):
        for x in cls.closing:
            x.close()
        super().tearDownClass()

    def serve(self, thing):
        self.closing.append(thing)
        return thing

    def repository(self, **kw):
        g = self.tree(Git, **kw)
        g.template('app', 'App', {'0': '1'})
        g.commit()
        return g

    def test_a_repository_by_path_with_its_branches(self):
        g = self.repository()
        g.git('checkout', '--quiet', '-b', 'v1.6-release')
        g.template('app', 'App', {'0': '1', '1': '2'})
        release = g.commit()
        g.git('checkout', '--quiet', 'master')
        self.set_catalogs(m={'url': g.dir, 'branch': 'master'}, r={'url': 'file://' + g.dir, 'branch': '${RELEASE}'}, d=g.dir)
        self.refresh()
        self.assertEqual([len(self.c.get('/templates/%s:app' % n)['versionLinks']) for n in 'mrd'], [1, 2, 1])
        a = self.catalog('r')
        self.assertEqual((a['commit'], a['branch'], a['transitioning']), (release, 'v1.6-release', 'no'))
        self.set_catalogs(m={'url': g.dir, 'branch': 'v1.6-release'}, none={'url': g.dir, 'branch': 'none'})
        self.assertIn('no branch \\"none\\"', self.refresh(500).raw)
        self.assertEqual(self.catalog('m')['commit'], release)

    def test_a_tag_and_a_default_branch_of_another_name(self):
        g = self.repository(branch='trunk')
        g.git('tag', '-a', '-m', 'x', 'v1')
        g.template('app', 'App', {'0': '1', '1': '2'}).commit()
        self.set_catalogs(t={'url': g.dir, 'branch': 'v1'}, d=g.dir)
        self.refresh()
        self.assertEqual([len(self.c.get('/templates/%s:app' % n)['versionLinks']) for n in 'td'], [1, 2])
        self.assertEqual(self.catalog('t')['commit'], g.git('rev-parse', 'v1^{commit}').strip())

    def test_a_new_commit_is_read_and_an_unchanged_one_is_not(self):
        g = self.repository()
        http = self.serve(SmartHttp(os.path.dirname(g.dir)))
        self.set_catalogs(a='http://127.0.0.1:%d/%s/.git' % (http.port, os.path.basename(g.dir)))
        self.refresh()
        self.assertTrue([r for r in http.requests if 'git-upload-pack' in r])
        before = self.catalog('a')
        n = len(http.requests)
        self.refresh()
        self.assertEqual(self.catalog('a')['loaded'], before['loaded'])
        asked = http.requests[n:]
        self.assertTrue(asked)
        new = g.template('app', 'App', {'0': '1', '1': '2'}).commit()
        self.refresh()
        self.assertEqual(self.catalog('a')['commit'], new)
        self.assertEqual(len(self.c.get('/templates/a:app')['versionLinks']), 2)

    def test_git_and_http_with_a_password(self):
        g = self.repository()
        folder, name = os.path.split(g.dir)
        daemon = self.serve(Daemon(folder))
        http = self.serve(SmartHttp(folder, 'Basic ' + base64.b64encode(b'u:pa ss').decode()))
        self.set_catalogs(g='git://127.0.0.1:%d/%s' % (daemon.port, name), h='http://u:pa%%20ss@127.0.0.1:%d/%s/.git' % (http.port, name))
        self.refresh()
        self.assertEqual(self.ids(), ['g:app', 'h:app'])
        self.set_catalogs(h='http://127.0.0.1:%d/%s/.git' % (http.port, name), w='http://u:wr0ng@127.0.0.1:%d/%s/.git' % (http.port, name))
        a = self.refresh(500)
        self.assertNotIn('wr0ng', a.raw)
        for n in 'hw':          # nobody is asked for a password
            self.assertEqual(self.catalog(n)['transitioning'], 'error')
            self.assertTrue(self.catalog(n)['transitioningMessage'].startswith('git: '), self.catalog(n))
        self.assertNotIn('wr0ng', self.server.log())

    def test_a_broken_commit_keeps_the_old_one_also_over_a_restart(self):
        g = self.repository()
        self.set_catalogs(a=g.dir)
        self.refresh()
        good = self.catalog('a')['commit']
        g.git('rm', '-r', '--quiet', 'templates')
        bad = g.commit()
        for _ in range(2):
            self.assertIn('there is no template in it', self.refresh(500)['message'])
            a = self.catalog('a')
            self.assertEqual((a['commit'], a['transitioning']), (good, 'error'))
            self.assertIn(bad[:12], a['transitioningMessage'])
        self.assertEqual(self.server.end(), 0)
        self.server.start()
        type(self).c, type(self).api = self.server.admin('/v1-catalog'), self.server.admin()
        self.refresh(500)
        self.assertEqual((self.catalog('a')['commit'], self.ids()), (good, ['a:app']))
        mended = g.template('app', 'App', {'0': '1', '1': '2'}).commit()
        self.refresh()
        a = self.catalog('a')
        self.assertEqual((a['commit'], a['transitioning'], a['transitioningMessage']), (mended, 'no', None))

    def test_without_the_remote_the_copy_is_served_after_a_restart(self):
        g = self.repository()
        self.set_catalogs(a='file://' + g.dir + '/.git')
        self.refresh()
        os.rename(g.dir, g.dir + '.away')
        try:
            self.assertEqual(self.server.end(), 0)
            self.server.start()
            type(self).c, type(self).api = self.server.admin('/v1-catalog'), self.server.admin()
            self.refresh(500)
            self.assertEqual(self.ids(), ['a:app'])
            self.assertEqual(self.catalog('a')['transitioning'], 'error')
        finally:
            os.rename(g.dir + '.away', g.dir)

    def test_with_execution_off_nothing_is_fetched_before_somebody_asks(self):
        g = self.repository()
        http = self.serve(SmartHttp(os.path.dirname(g.dir)))
        self.set_catalogs()
        self.refresh()
        self.api.put('/settings/catalog.execute', {'value': 'false'})
        try:
            self.set_catalogs(a='http://127.0.0.1:%d/%s/.git' % (http.port, os.path.basename(g.dir)))
            end = time.monotonic() + client.WAIT_S
            while not self.c.get('/catalogs').rows:
                self.assertLess(time.monotonic(), end)
            self.assertEqual((self.catalog('a')['transitioning'], self.ids(), http.requests), ('no', [], []))
            self.refresh()
            self.assertEqual(self.ids(), ['a:app'])
            n = len(http.requests)
            self.assertEqual(self.server.end(), 0)
            self.server.start()
            type(self).c, type(self).api = self.server.admin('/v1-catalog'), self.server.admin()
            while not self.ids():
                self.assertLess(time.monotonic(), end)
            self.assertEqual(len(http.requests), n)
        finally:
            self.api.put('/settings/catalog.execute', {'value': 'true'})

    def test_remotes_that_hang_are_given_up_and_hold_nobody_else_up(self):
        g = self.repository()
        silent, half = self.serve(Silent()), self.serve(Silent(b'HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\n001e# servi'))
        self.api.put('/settings/drover.catalog.deadline.seconds', {'value': '2'})
        try:
            self.set_catalogs(a=g.dir, h1='http://127.0.0.1:%d/x' % silent.port, h2='git://127.0.0.1:%d/x' % silent.port, h3='http://127.0.0.1:%d/x' % half.port)
            g.template('app', 'App', {'0': '1', '1': '2'}).commit()
            self.refresh(500)
            self.assertEqual(len(self.c.get('/templates/a:app')['versionLinks']), 2)
            for n in ('h1', 'h2', 'h3'):
                self.assertIn('gave up after 2 s', self.catalog(n)['transitioningMessage'])
            self.assertEqual(self.catalog('a')['transitioning'], 'no')
        finally:
            self.api.put('/settings/drover.catalog.deadline.seconds', {'value': '120'})
        # Nothing that was started for them lives on.
        end = time.monotonic() + client.WAIT_S
        while self.children():
            self.assertLess(time.monotonic(), end, self.children())
            threading.Event().wait(0.05)

    def children(self):
        """git and its helpers, by the folder they run in."""
        found = []
        for pid in os.listdir('/proc'):
            try:
                if pid.isdigit() and os.readlink('/proc/%s/cwd' % pid).startswith(self.server.data + '/catalogs'):
                    found.append((pid, open('/proc/%s/cmdline' % pid).read()))
            except OSError:
                pass
        return found

    def test_the_server_ends_while_a_remote_hangs_and_a_client_that_waited_has_left(self):
        silent = self.serve(Silent())
        self.set_catalogs(h='git://127.0.0.1:%d/x' % silent.port)
        self.assertTrue(silent.came.wait(client.WAIT_S))
        with socket.create_connection(('127.0.0.1', self.server.port)) as s:
            s.sendall(('POST /v1-catalog/templates?action=refresh HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nAuthorization: %s\r\n\r\n' % self.c.headers['Authorization']).encode())
            self.assertEqual(self.catalog('h')['transitioning'], 'yes')
        self.assertEqual(self.c.get('').status, 200)
        self.assertEqual(self.server.end(), 0)
        self.assertEqual(self.children(), [])
        self.server.start()
        type(self).c, type(self).api = self.server.admin('/v1-catalog'), self.server.admin()
        self.set_catalogs()

    def test_links_submodules_and_impossible_names_of_a_remote_stay_in_git(self):
        g = self.repository()
        os.symlink('/etc/passwd', g.dir + '/templates/app/0/passwd')
        os.symlink('../../../../../../etc', g.dir + '/templates/app/1')
        g.git('add', '--all')
        g.git('update-index', '--add', '--cacheinfo', '160000,%s,templates/app/2/module' % ('1' * 40))
        tree = g.git('write-tree').strip()
        # A tree that git itself would never write: "..", and an absolute name.
        blob = g.git('hash-object', '-w', '--stdin', input=b'escaped').strip()
        sub = g.git('rev-parse', tree + ':templates').strip()
        raw = b''.join(mode + b' ' + name + b'\0' + bytes.fromhex(i) for mode, name, i in (
            (b'100644', b'/tmp/drover-escaped', blob), (b'40000', b'..', sub), (b'40000', b'templates', sub)))
        evil = g.git('hash-object', '-t', 'tree', '-w', '--literally', '--stdin', input=raw).strip()
        commit = g.git('commit-tree', evil, '-m', 'evil').strip()
        g.git('update-ref', 'refs/heads/evil', commit)
        self.set_catalogs(e={'url': g.dir, 'branch': 'evil'})
        self.refresh()
        self.assertEqual(self.ids(), ['e:app'])
        self.assertEqual(sorted(self.c.get('/templates/e:app:0')['files']), ['docker-compose.yml', 'rancher-compose.yml'])
        self.assertEqual(list(self.c.get('/templates/e:app')['versionLinks']), ['1'])
        skipped = '\n'.join(self.catalog('e')['skipped'])
        self.assertIn('templates/app/0/passwd: a symbolic link', skipped)
        self.assertIn('templates/app/2/module: a submodule', skipped)
        self.assertFalse(os.path.exists('/tmp/drover-escaped'))

    def test_a_tree_without_end_is_refused(self):
        g = self.repository()
        old = g.git('rev-parse', 'HEAD').strip()
        self.set_catalogs(a={'url': g.dir, 'branch': 'master'})
        self.refresh()
        node = g.git('hash-object', '-w', '--stdin', input=b'x').strip()
        kind = '100644 blob'
        for _ in range(10):                     # ten to the power of ten files in eleven objects
            node = g.git('mktree', input=''.join('%s %s\tf%d\n' % (kind, node, i) for i in range(10)).encode()).strip()
            kind = '40000 tree'
        top = g.git('mktree', input=('40000 tree %s\ttemplates\n' % node).encode()).strip()
        g.git('update-ref', 'refs/heads/master', g.git('commit-tree', top, '-m', 'bomb').strip())
        self.assertIn('too many files', self.refresh(500)['message'])
        self.assertEqual((self.catalog('a')['commit'], self.ids()), (old, ['a:app']))

    def test_a_hundred_thousand_files_are_refused(self):
        g = self.repository()
        old = g.git('rev-parse', 'HEAD').strip()
        self.set_catalogs(a={'url': g.dir, 'branch': 'master'})
        self.refresh()
        blob = g.git('hash-object', '-w', '--stdin', input=b'x').strip()
        version = g.git('mktree', input=''.join('100644 blob %s\tf%06d\n' % (blob, i) for i in range(100000)).encode()).strip()
        for name in ('0', 'app', 'templates'):
            version = g.git('mktree', input=('40000 tree %s\t%s\n' % (version, name)).encode()).strip()
        g.git('update-ref', 'refs/heads/master', g.git('commit-tree', version, '-m', 'many').strip())
        self.assertIn('more than 50000 files', self.refresh(500)['message'])
        self.assertEqual((self.catalog('a')['commit'], self.ids()), (old, ['a:app']))

    def test_hooks_filters_and_configuration_of_a_repository_are_not_run(self):
        g = self.repository()
        mark = os.path.join(self.server.data, 'ran')
        for hook in ('post-checkout', 'pre-receive', 'post-merge', 'reference-transaction'):
            os.chmod(g.put('.git/hooks/' + hook, '#!/bin/sh\ntouch %s\n' % mark), 0o755)
        g.put('.gitattributes', '* filter=evil\n')
        g.git('config', 'filter.evil.smudge', 'touch ' + mark)
        g.git('config', 'core.fsmonitor', 'touch ' + mark)
        g.git('-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null', 'add', '--all')
        g.git('-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null', 'commit', '--quiet', '-m', 'x')
        if os.path.exists(mark):
            os.unlink(mark)
        self.set_catalogs(a=g.dir)
        self.refresh()
        self.assertEqual(self.ids(), ['a:app'])
        self.assertFalse(os.path.exists(mark))


class WithoutGit(unittest.TestCase):
    def test_a_server_without_git_says_so_and_serves_the_rest(self):
        t, empty = Tree().template('a', 'A', {'0': '1'}), tempfile.mkdtemp()
        server = client.Server(env={'PATH': empty})
        try:
            c = server.start().admin('/v1-catalog')
            server.admin().put('/settings/catalog.url', {'value': json.dumps({'catalogs': {'f': {'url': t.dir}, 'g': {'url': 'https://h.invalid/x'}}})})
            a = c.post('/templates?action=refresh')
            self.assertEqual(a.status, 500)
            self.assertIn('the program git cannot be run', a['message'])
            self.assertEqual([x['id'] for x in c.get('/templates').rows], ['f:a'])
            self.assertEqual(server.end(), 0)
        finally:
            server.close()
            t.close()
            shutil.rmtree(empty)


if __name__ == '__main__':
    unittest.main()
