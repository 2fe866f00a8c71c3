"""What /v1-catalog says of whole catalogs, compared with a reading of the same folders by another program and library.

DROVER_CORPORA=DIR: the two public catalogs in DIR; without it the catalogs of this tree and one that is made here."""
import json
import os
import re
import unittest

import yaml

import client
from catalog_tree import Tree

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
SEMVER = re.compile(r'v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?v?$')


def load(path):
    """Scalars stay the text they are written as: the catalog takes versions so."""
    with open(path, encoding='utf-8') as f:
        return yaml.load(f, Loader=yaml.BaseLoader) or {}


def read_version(folder, name):
    out = {'folder': name, 'version': name, 'min': '', 'max': '', 'from': '', 'questions': []}
    out['files'] = {}
    for n in sorted(os.listdir(folder)):
        with open(os.path.join(folder, n), 'rb') as f:
            out['files'][n] = f.read()
    if 'rancher-compose.yml' in out['files']:
        try:
            doc = load(os.path.join(folder, 'rancher-compose.yml'))
        except yaml.YAMLError:
            return None
        section = doc.get('catalog') or doc.get('.catalog') or (doc.get('services') or {}).get('.catalog') or {}
        out['version'] = section.get('version') or name
        out['min'], out['max'], out['from'] = (section.get(k) or '' for k in ('minimum_rancher_version', 'maximum_rancher_version', 'upgrade_from'))
        out['questions'] = [(q.get('variable', ''), q.get('type', ''), q.get('label', ''), len(q.get('options') or [])) for q in section.get('questions') or []]
    return out


def read_catalog(root):
    """{template id without its catalog: (config, {version folder: version})}"""
    found = {}
    for top in sorted(os.listdir(root)):
        if not (top == 'templates' or top.endswith('-templates')):
            continue
        base = top[:top.index('-')] if '-' in top else ''
        for folder in sorted(os.listdir(os.path.join(root, top))):
            at = os.path.join(root, top, folder)
            if not os.path.isfile(at + '/config.yml'):
                continue
            versions = {}
            for v in sorted(os.listdir(at)):
                if os.path.isdir(at + '/' + v) and (v.isdigit() or SEMVER.match(v)):
                    read = read_version(at + '/' + v, v)
                    if read:
                        versions[v] = read
            if versions:
                found[(base + '*' if base else '') + folder] = (load(at + '/config.yml'), versions)
    return found


class Corpora(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = Tree()
        corpora = os.environ.get('DROVER_CORPORA')
        if corpora:
            cls.roots = {n.split('-')[0]: os.path.join(corpora, n) for n in ('rancher-catalog', 'community-catalog')}
        else:
            for base in ('', 'infra', 'machine'):
                for t in range(20):
                    cls.made.template('t%d' % t, 'T %d' % t, {str(v): '\n'.join(['version: v1.%d.0' % v, 'minimum_rancher_version: v1.%d.0' % (v % 8), 'questions:'] + [
                        '- {variable: V%d, label: Level %d, type: %s, default: %d, options: [a, 1]}' % (q, q, ('string', 'enum', 'int')[q % 3], q) for q in range(v)] + [
                        '- {variable: X, type: boolean, required: true, default: true}', '']) for v in range(t % 12 + 1)}, base=base)
            cls.roots = {'made': cls.made.dir, 'library': os.path.join(TOP, 'catalog')}
        cls.server = client.Server().start()
        cls.c = cls.server.admin('/v1-catalog')
        cls.server.admin().put('/settings/catalog.url', {'value': json.dumps({'catalogs': {n: {'url': os.path.realpath(d)} for n, d in cls.roots.items()}})})
        a = cls.c.post('/templates?action=refresh')
        assert a.status == 204, repr(a)
        cls.shown = {t['id']: t for t in cls.c.get('/templates').rows}

    @classmethod
    def tearDownClass(cls):
        cls.server.close()
        cls.made.close()

    def test_the_same_templates_and_versions_are_found(self):
        want = {'%s:%s' % (n, t): data for n, root in self.roots.items() for t, data in read_catalog(root).items()}
        self.assertGreater(len(want), 5)
        self.assertEqual(sorted(self.shown), sorted(want))
        for name, (config, versions) in want.items():
            shown = self.shown[name]
            self.assertEqual((shown['name'], shown['defaultVersion'], shown['description'] or ''), (config.get('name', ''), config.get('version', ''), config.get('description', '') or ''), name)
            last = {}
            for v in sorted(versions.values(), key=lambda v: (v['folder'].isdigit(), int(v['folder']) if v['folder'].isdigit() else 0)):
                last[v['version']] = v['folder']
            got = {v: url.rsplit(':', 1)[1] for v, url in shown['versionLinks'].items()}
            self.assertEqual({v: int(n) if n.isdigit() else n for v, n in got.items()}, {v: int(n) if n.isdigit() else v for v, n in last.items()}, name)

    def test_every_version_says_what_its_files_say(self):
        n = 0
        for catalog, root in self.roots.items():
            for t, (_, versions) in read_catalog(root).items():
                for v in versions.values():
                    last = v['folder'] if v['folder'].isdigit() else v['version']
                    a = self.c.get('/templateversions/%s:%s:%s' % (catalog, t, last))
                    self.assertEqual(a.status, 200, repr(a))
                    name = a['id']
                    self.assertEqual((a['version'], a['minimumRancherVersion'], a['maximumRancherVersion'], a['upgradeFrom']), (v['version'], v['min'], v['max'], v['from']), name)
                    self.assertEqual({k: x.encode() for k, x in a['files'].items()}, v['files'], name)
                    self.assertEqual([(q['variable'], q['type'], q['label'], len(q['options'] or [])) for q in a['questions']], v['questions'], name)
                    n += 1
        self.assertGreater(n, 20)


if __name__ == '__main__':
    unittest.main()
