"""drover's catalog, upgrades and export against a real server with simulated hosts and its built-in catalog."""
import json
import os
import subprocess
import tempfile
import unittest

import client

DROVER = os.environ.get('DROVER_CLI')
UP = '''version: '2'
services:
  web:
    image: nginx:%s
    scale: 4
    upgrade_strategy: {start_first: true}
  db: {image: 'postgres:1'}
'''


class CatalogOfTheServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = client.Server(['--simulator', '--sim-hosts', '3']).start()
        cls.folder = tempfile.TemporaryDirectory(prefix='drover-cli-')
        cls.env = dict(os.environ, DROVER_CONFIG=cls.folder.name + '/cli.json', HOME=cls.folder.name)
        cls.drover('login', 'http://127.0.0.1:%d' % cls.server.port, '--admin-file', cls.server.data + '/admin.json')
        cls.api = cls.server.admin('/v2-beta/projects/1a5')

    @classmethod
    def tearDownClass(cls):
        cls.server.close()
        cls.folder.cleanup()

    @classmethod
    def call(cls, *args, cwd=None):
        return subprocess.run([DROVER] + list(args), env=cls.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=client.WAIT_S,
                              cwd=cwd or cls.folder.name)

    @classmethod
    def drover(cls, *args, cwd=None):
        done = cls.call(*args, cwd=cwd)
        if done.returncode != 0:
            raise AssertionError('drover %s: %d %s%s' % (' '.join(args), done.returncode, done.stdout, done.stderr))
        return done.stdout

    def one(self, plural, **match):
        return next((o for o in self.api.get('/%s?limit=-1' % plural).rows if o['state'] not in ('removed', 'purged', 'purging')
                     and all(o.get(k) == v for k, v in match.items())), None)

    def images(self, stack):
        ids = [s['id'] for s in self.api.get('/services?limit=-1&stackId=' + self.one('stacks', name=stack)['id']).rows]
        return sorted(c['imageUuid'] for i in ids for c in self.api.get('/services/%s/instances' % i).rows if c['state'] == 'running')

    def test_the_built_in_catalog(self):
        self.assertTrue({'library:hello', 'library:notes', 'library:beacon'} <= set(self.drover('catalog', 'ls', '-q').split()))
        for name in ('hello', 'notes', 'beacon'):
            one = json.loads(self.drover('catalog', 'show', name, '--format', 'json'))
            self.assertGreaterEqual(len(one['Template']['versionLinks']), 2)
            self.assertTrue(one['Version']['questions'])
        self.assertIn('library', self.drover('catalog', 'sources', '-q'))
        self.drover('catalog', 'refresh')

    def test_install_upgrade_rollback_finish(self):
        missing = self.call('catalog', 'install', 'library:notes')
        self.assertIn('1 question is not answered: TOKEN', missing.stderr)
        self.drover('catalog', 'install', 'library:notes:0.1.0', '--name', 'memo', '--set', 'TOKEN=abcdefgh', '--set', 'BACKUP=true')
        self.assertEqual(self.images('memo'), ['docker:drover-demo/db:1'] * 3)       # store, files, backup
        self.assertRegex(self.drover('stacks'), r'memo .*catalog://library:notes:0 +0\.2\.0 ')
        # Without its sidekick, which rollback brings back.
        self.drover('catalog', 'upgrade', 'memo', '--set', 'BACKUP=false')
        s = self.one('stacks', name='memo')
        self.assertEqual((s['state'], s['externalId'], s['environment']['TOKEN'], s['environment']['BACKUP']), ('upgraded', 'catalog://library:notes:1', 'abcdefgh', 'false'))
        self.assertEqual(self.images('memo'), ['docker:drover-demo/db:1', 'docker:drover-demo/db:2'])       # files is not touched
        self.drover('catalog', 'upgrade', 'memo', '--rollback')
        self.assertEqual(self.images('memo'), ['docker:drover-demo/db:1'] * 3)       # store, files, backup
        self.drover('catalog', 'upgrade', 'memo', '--confirm')
        self.assertEqual((self.one('stacks', name='memo')['state'], self.images('memo')), ('active', ['docker:drover-demo/db:1'] + ['docker:drover-demo/db:2'] * 2))
        self.assertIn('there is no newer version', self.call('catalog', 'upgrade', 'memo').stderr)
        refused = self.call('catalog', 'upgrade', 'memo', '--to', '0.1.0')
        self.assertIn('possible are none', refused.stderr)
        self.drover('catalog', 'upgrade', 'memo', '--to', '0.1.0', '--force', '--confirm')
        self.assertEqual(self.one('stacks', name='memo')['externalId'], 'catalog://library:notes:0')
        self.drover('rm', '-w', '--type', 'stack', 'memo')

    def test_all_templates_run_with_their_defaults(self):
        for name, more in (('hello', ()), ('beacon', ('--set', 'BESIDE=other/thing')), ('notes', ('--set', 'TOKEN=abcdefgh'))):
            for version in ('0.1.0', '0.2.0'):
                self.drover('catalog', 'install', 'library/%s:%s' % (name, version), '--name', 'all', *more)
                self.drover('rm', '-w', '--type', 'stack', 'all')

    def test_up_upgrades_and_what_is_exported_is_the_same_again(self):
        folder = os.path.join(self.folder.name, 'shop')
        os.makedirs(folder)

        def files(tag):
            with open(os.path.join(folder, 'docker-compose.yml'), 'w', encoding='utf-8') as f:
                f.write(UP % tag)
        files('1')
        self.drover('up', cwd=folder)
        before = {c['id'] for c in self.api.get('/services/%s/instances' % self.one('services', name='web')['id']).rows}
        files('2')
        self.assertEqual(self.call('up', cwd=folder).returncode, 1)
        self.drover('up', '-u', '--interval', '100', cwd=folder)
        web = self.one('services', name='web')
        strategy = web['upgrade']['inServiceStrategy']
        self.assertEqual((web['state'], strategy['batchSize'], strategy['intervalMillis'], strategy['startFirst']), ('upgraded', 2, 100, True))
        self.assertEqual(self.images('shop'), ['docker:nginx:2'] * 4 + ['docker:postgres:1'])
        self.drover('up', '--rollback', cwd=folder)
        self.assertEqual({c['id'] for c in self.api.get('/services/%s/instances' % web['id']).rows if c['state'] == 'running'}, before)
        self.drover('up', '--upgrade', '--confirm-upgrade', '--pull', '--interval', '100', cwd=folder)
        self.assertEqual((self.one('services', name='web')['state'], self.images('shop')), ('active', ['docker:nginx:2'] * 4 + ['docker:postgres:1']))
        self.drover('export', 'shop')
        again = self.call('up', '-s', 'shop', cwd=folder + '/../shop')
        self.assertIn('0 created, 0 updated, 2 unchanged', again.stderr)
        with open(os.path.join(folder, 'docker-compose.yml'), 'w', encoding='utf-8') as f:
            f.write("version: '2'\nservices:\n  db: {image: 'postgres:1'}\n")
        os.remove(os.path.join(folder, 'rancher-compose.yml'))
        self.drover('up', '--prune', '-s', 'shop', cwd=folder)
        self.assertIsNone(self.one('services', name='web'))
        self.drover('rm', '-w', '--type', 'stack', 'shop')

    def test_stack_and_service_verbs(self):
        for tag in ('1', '2'):
            with open(os.path.join(self.folder.name, 'c%s.yml' % tag), 'w', encoding='utf-8') as f:
                f.write("version: '2'\nservices:\n  a: {image: 'x:%s', environment: {V: '${V}'}}\n" % tag)
        self.drover('stack', 'create', 'verbs', '-f', 'c1.yml', '--wait-state', 'healthy')
        self.drover('stack', 'upgrade', 'verbs', '-f', 'c2.yml', '--set', 'V=new')
        self.assertEqual((self.one('stacks', name='verbs')['state'], self.images('verbs')), ('upgraded', ['docker:x:2']))
        self.assertEqual(self.one('services', name='a')['launchConfig']['environment'], {'V': 'new'})
        self.drover('stack', 'rollback', 'verbs')
        self.assertEqual(self.images('verbs'), ['docker:x:1'])
        self.drover('stack', 'upgrade', 'verbs', '-f', 'c2.yml', '--set', 'V=new', '--confirm')
        self.assertEqual((self.one('stacks', name='verbs')['state'], self.images('verbs')), ('active', ['docker:x:2']))
        self.drover('services', 'upgrade', 'verbs/a', '--image', 'x:3', '-e', 'W=1')
        self.assertEqual(self.one('services', name='a')['launchConfig']['environment'], {'V': 'new', 'W': '1'})
        self.drover('services', 'rollback', 'verbs/a')
        self.assertEqual(self.images('verbs'), ['docker:x:2'])
        self.drover('services', 'upgrade', 'verbs/a', '--image', 'x:4', '--confirm')
        self.assertEqual(self.images('verbs'), ['docker:x:4'])
        self.drover('rm', '-w', '--type', 'stack', 'verbs')


if __name__ == '__main__':
    unittest.main()
