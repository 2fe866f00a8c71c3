"""Every role x type: lists, gets its own and a foreign object, creates, changes each field, calls each action, follows each link, subscribes."""
import os
import sys
import unittest

sys.path[:0] = [os.path.dirname(__file__), os.path.join(os.path.dirname(__file__), '..')]
import cells            # noqa: E402
import client           # noqa: E402
import facts            # noqa: E402
import world            # noqa: E402


# Actions that answer 501, and why. Nothing else may.
NOT_YET = {
    ('container', 'migrate'): 'a running container cannot be moved to another host',
    ('stack', 'exportconfig'): 'comes with compose export',
}


class Matrix(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = world.World()
        cls.facts = facts.Facts()

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def test_1_every_cell(self):
        cells.Cells.NOT_YET = NOT_YET
        m = cells.Cells(self.facts, self.world).run()
        print('\nroles %d, types %d, cells tried: %d\n%s' % (len(m.roles), len(m.types), sum(m.tried.values()), cells.summary(m.tried)))
        print('not made here: %s' % self.world.not_made)
        print('no object of their own: %s' % ', '.join('%s (%d roles)' % (n, len(r)) for n, r in sorted(m.without.items())))
        self.assertEqual(m.wrong, [], '\n%d wrong:\n%s' % (len(m.wrong), '\n'.join(m.wrong[:400])))


    def test_2_a_broken_row_is_noticed(self):
        def method(d, role, where, name):
            for g in d['roles']:
                if role in g['roles']:
                    g['roles'].remove(role)
                    d['roles'].append({'roles': [role], 'collectionMethods': list(g['collectionMethods']), 'resourceMethods': list(g['resourceMethods'])})
                    break
            mine = d['roles'][-1][where]
            (mine.remove if name in mine else mine.append)(name)

        broken = {
            'a method more': ('readonly', 'secret', lambda d: method(d, 'readonly', 'resourceMethods', 'PUT')),
            'a method less': ('member', 'stack', lambda d: method(d, 'member', 'collectionMethods', 'POST')),
            'no list': ('owner', 'container', lambda d: method(d, 'owner', 'collectionMethods', 'GET')),
            'a type hidden': ('project', 'apiKey', lambda d: [g['roles'].remove('project') for g in d['roles'] if 'project' in g['roles']]),
            'a field hidden': ('member', 'stack', lambda d: d['fields']['group'].update(visibleTo=['admin'])),
            'a field shown': ('member', 'stack', lambda d: d['fields'].update(surprise={'type': 'string'})),
            'a field not writable': ('owner', 'stack', lambda d: d['fields']['description'].update(update=False)),
            'a field writable': ('owner', 'stack', lambda d: d['fields']['createIndex' if 'createIndex' in d['fields'] else 'healthState'].update(update=True)),
            'a field not creatable': ('owner', 'stack', lambda d: d['fields']['group'].update(create=False)),
            'an action not for it': ('member', 'container', lambda d: d['actions']['stop'].update(visibleTo=['admin'])),
            'an action that there is not': ('member', 'stack', lambda d: d['actions'].update(fly={})),
            'a link that there is not': ('member', 'stack', lambda d: d['links'].pop('services')),
            'told again': ('projectadmin' if 'projectadmin' in self.world.callers else 'owner', 'apiKey', lambda d: d['fields']['publicValue'].update(readOnCreateOnly=True)),
        }
        for what, (role, name, breaks) in broken.items():
            with self.subTest(what):
                f = self.facts.altered()
                breaks(f.types[name])
                m = cells.Cells(f, self.world, [role], [name]).run()
                self.assertTrue(m.wrong, '%s of %s for %s was not noticed' % (what, name, role))

    def test_2_a_foreign_object_that_is_seen_is_noticed(self):
        for role in ('member', 'project', 'readonly'):
            with self.subTest(role):
                there = self.world.callers[role]
                real, there.accounts = there.accounts, {self.world.B}       # as if the other environment were its own
                m = cells.Cells(self.facts, self.world, [role], ['stack', 'secret']).run()
                there.accounts = real
                self.assertTrue([x for x in m.wrong if ' list: shows' in x], m.wrong)
                self.assertTrue([x for x in m.wrong if ' get: expected' in x], m.wrong)

    def test_3_events_are_of_what_the_role_may_see(self):
        w, tried = self.world, 0
        for role, caller in sorted(w.callers.items()):
            if caller.everything or not self.facts.visible('subscribe', role) or role in ('agent', 'register', 'token'):
                continue
            with self.subTest(role):
                ws = client.WebSocket(caller.http, '/subscribe?eventNames=resource.change')
                self.assertEqual(ws.status, 101, ws.head)
                ws.until(lambda e: e['name'] == 'ping')
                for kind in ('stack', 'service', 'container', 'apiKey', 'secret', 'registry'):
                    for project in (w.B, w.A):
                        if (kind, project) in w.made:
                            w.super.put('/%s/%s' % (kind, w.made[(kind, project)]), {'description': 'of %s for %s' % (project, role)})
                            tried += 1
                last = w.made[('stack', w.A)] if w.A in caller.accounts else self.key_of(caller)
                w.super.put('/%s/%s' % ('stack' if w.A in caller.accounts else 'apikey', last), {'description': 'the last for ' + role})
                seen = []

                def stop(e):
                    if e['name'] == 'resource.change':
                        seen.append(e['data']['resource'])
                    return e['name'] == 'resource.change' and e['resourceId'] == last and e['data']['resource']['description'] == 'the last for ' + role
                ws.until(stop, 2000)
                ws.close()
                for r in seen:
                    self.assertTrue(self.facts.visible(r['type'], role), r)
                    if r['type'] not in ('account', 'project'):
                        self.assertIn(r['accountId'], caller.accounts | {None}, r)
                    hidden = set(r) - set(self.facts.fields(r['type'], role)) - cells.COMMON
                    self.assertEqual({h for h in hidden if not h.endswith('TS')}, set(), r['type'])
        print('changes whose events were looked for: %d' % tried)

    def key_of(self, caller):
        return next(iter(self.world.super.get('/apikeys?accountId=' + next(iter(caller.accounts))).rows))['id']


if __name__ == '__main__':
    unittest.main()
