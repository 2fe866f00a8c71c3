"""What /schemas tells each role is what the fact table says: types, methods, fields with their rights and limits, actions, filters; and what /v1 changes."""
import os
import sys
import unittest

sys.path[:0] = [os.path.dirname(__file__), os.path.join(os.path.dirname(__file__), '..')]
import client           # noqa: E402
import facts            # noqa: E402
import world            # noqa: E402

ATTRIBUTES = ('type', 'create', 'update', 'nullable', 'required', 'unique', 'default', 'options', 'min', 'max', 'minLength', 'maxLength', 'validChars', 'invalidChars')


class Comparison:
    def __init__(self, table):
        self.facts, self.compared, self.wrong = table, 0, []

    def same(self, where, got, wanted):
        self.compared += 1
        if got != wanted:
            self.wrong.append('%s: is %r, not %r' % (where, got, wanted))

    def types(self, role, rows):
        shown = {r['id']: r for r in rows}
        wanted = {n for n in self.facts.types if self.facts.visible(n, role)}
        self.same('%s types' % role, sorted(set(shown) ^ wanted), [])
        for name in sorted(wanted & set(shown)):
            self.one(role, name, shown[name])

    def one(self, role, name, row):
        here = '%s %s ' % (role, name)
        self.same(here + 'pluralName', row['pluralName'], self.facts.plural(name))
        self.same(here + 'collectionMethods', sorted(row['collectionMethods'] or []), sorted(self.facts.collection_methods(name, role)))
        self.same(here + 'resourceMethods', sorted(row['resourceMethods'] or []), sorted(self.facts.resource_methods(name, role)))
        self.same(here + 'actions', sorted(row['resourceActions'] or {}), sorted(self.facts.actions(name, role)))
        for action, x in self.facts.actions(name, role).items():
            told = (row['resourceActions'] or {}).get(action) or {}
            if x.get('input') is None or self.facts.visible(x['input'], role):
                self.same(here + action + ' input', told.get('input'), x.get('input'))
        wanted = self.facts.fields(name, role)
        own = set(self.facts.types[name].get('internalFields') or ()) if role == 'superadmin' else set()
        self.same(here + 'fields', sorted(set(row['resourceFields']) - own ^ set(wanted) - own), [])
        self.same(here + 'internal fields', sorted(own - set(row['resourceFields'])), [])
        for field in sorted(set(wanted) & set(row['resourceFields'])):
            for a in ATTRIBUTES:                # an absent key is false, none or no limit
                self.same('%s%s %s' % (here, field, a), row['resourceFields'][field].get(a) or None, wanted[field].get(a) or None)
        if 'GET' in self.facts.collection_methods(name, role):
            filters = self.facts.types[name].get('filters') or {}
            told = {f: sorted(x['modifiers']) for f, x in (row.get('collectionFilters') or {}).items() if f in wanted}
            self.same(here + 'filters', told, {f: sorted(m) for f, m in filters.items() if f in wanted})


class Schemas(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = world.World()
        cls.facts = facts.Facts()

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def rows(self, role, prefix=None):
        http = self.world.callers[role].http
        keep = http.prefix
        try:
            if prefix:
                http.prefix = prefix
            a = http.get('/schemas')
        finally:
            http.prefix = keep
        self.assertEqual(a.status, 200, repr(a))
        self.assertIsNone(a.get('pagination'))
        return a.rows

    def test_each_role_is_told_what_it_may_do(self):
        c = Comparison(self.facts)
        told = [r for r in self.facts.roles() if self.facts.visible('schema', r) and r != 'token']      # nobody has the role token but at /token
        for role in told:
            c.types(role, self.rows(role))
        print('\nroles %d, compared: %d; without: %s' % (len(told), c.compared, sorted(set(self.facts.roles()) - set(told))))
        self.assertEqual(c.wrong, [], '\n%d wrong:\n%s' % (len(c.wrong), '\n'.join(c.wrong[:200])))

    def test_an_altered_row_is_noticed(self):
        rows = self.rows('member')
        before = Comparison(self.facts)
        before.types('member', rows)

        def method(d):
            next(g for g in d['roles'] if 'member' in g['roles'])['resourceMethods'].remove('PUT')
        altered = {
            'method': ('stack', method), 'type': ('stack', lambda d: d['fields']['description'].update(type='int')),
            'right': ('stack', lambda d: d['fields']['description'].update(update=False)), 'limit': ('stack', lambda d: d['fields']['name'].update(maxLength=7)),
            'field': ('stack', lambda d: d['fields'].pop('description')), 'action': ('stack', lambda d: d['actions'].update(fly={})),
            'required': ('stack', lambda d: d['fields']['description'].update(required=True)), 'filter': ('service', lambda d: d['filters']['name'].pop()),
            'hidden': ('secret', lambda d: [g['roles'].remove('member') for g in d['roles'] if 'member' in g['roles']]),
        }
        for what, (name, alter) in altered.items():
            with self.subTest(what):
                table = self.facts.altered()
                alter(table.types[name])
                c = Comparison(table)
                c.types('member', rows)
                self.assertGreater(len(set(c.wrong) - set(before.wrong)), 0)

    def test_v1_differs_as_the_table_says(self):
        rows = {r['id']: r for r in self.rows('project', '/v1')}
        now = {r['id']: r for r in self.rows('project', '/v2-beta')}
        c = Comparison(self.facts)
        for name, d in sorted(self.facts.types.items()):
            v1 = d.get('v1', {})
            if not self.facts.visible(name, 'project'):
                continue
            if v1 is None:
                c.same(name + ' hidden from /v1', name in rows, False)
                continue
            shown = rows.get(v1.get('name', name))
            c.same(name + ' in /v1', shown is not None, True)
            if shown is None:
                continue
            for field in v1.get('fieldsNotInV1', ()):
                c.same('%s.%s in /v1' % (name, field), field in shown['resourceFields'], False)
            for field in v1.get('fieldsOnlyInV1', ()):
                c.same('%s.%s in /v1' % (name, field), field in shown['resourceFields'], True)
                c.same('%s.%s in /v2-beta' % (name, field), field in now[name]['resourceFields'], False)
            for action in v1.get('actionsNotInV1', ()):
                c.same('%s action %s in /v1' % (name, action), action in (shown['resourceActions'] or {}), False)
            for key in ('collectionMethods', 'resourceMethods'):
                if key in v1:
                    c.same('%s %s in /v1' % (name, key), sorted(shown[key] or []), sorted(v1[key] or []))
        print('\ncompared in /v1: %d' % c.compared)
        self.assertEqual(c.wrong, [], '\n%d wrong:\n%s' % (len(c.wrong), '\n'.join(c.wrong[:200])))


if __name__ == '__main__':
    if not client.SERVER:
        raise SystemExit('DROVER_SERVER names the program to test')
    unittest.main(verbosity=1)
