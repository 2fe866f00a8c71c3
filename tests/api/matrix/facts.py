"""The fact table of the API, read as its own `_about` says: what each role sees and may do. Knows nothing of how the server reads it."""
import copy
import json
import os

FILE = os.path.join(os.path.dirname(__file__), '..', '..', 'data', 'api', 'api-types.json')
READERS = ('readonly', 'readAdmin')                     # never create or update
WITHOUT_ACTIONS = ('readonly', 'agent', 'agentRegister', 'register', 'token')     # unless visibleTo names them


class Facts:
    def __init__(self, table=None):
        if table is None:
            with open(FILE) as f:
                table = json.load(f)
        self.table = table
        self.types = table['types']

    def altered(self):
        """A copy to break rows of."""
        return Facts(copy.deepcopy(self.table))

    def roles(self):
        return sorted({r for d in self.types.values() for g in d['roles'] for r in g['roles']})

    def group(self, name, role):
        for g in self.types[name]['roles']:
            if role in g['roles']:
                return g
        return None

    def visible(self, name, role):
        return self.group(name, role) is not None

    def collection_methods(self, name, role):
        g = self.group(name, role)
        return g['collectionMethods'] if g else []

    def resource_methods(self, name, role):
        g = self.group(name, role)
        return g['resourceMethods'] if g else []

    def fields(self, name, role):
        """{field: attributes} of what this role sees."""
        d, found = self.types[name], {}
        for field, x in d['fields'].items():
            if 'visibleTo' in x and role not in x['visibleTo']:
                continue
            diff = x.get('roleDiff', {}).get(role, {})
            if diff is None:
                continue
            x = dict(x, **{k: v for k, v in diff.items()})
            if role in READERS:
                x['create'] = x['update'] = False
            if not self.type_visible(x['type'], role):
                continue
            found[field] = x
        return found

    def type_visible(self, grammar, role):
        """Fields whose nested type is hidden from the role are pruned (api.md 1.8)."""
        while '[' in grammar:
            head, rest = grammar.split('[', 1)
            if head == 'reference':
                return True
            grammar = rest[:-1]
        return grammar not in self.types or self.visible(grammar, role)

    def actions(self, name, role):
        found = {}
        for action, x in self.types[name]['actions'].items():
            x = x or {}
            allowed = role in x['visibleTo'] if 'visibleTo' in x else role not in WITHOUT_ACTIONS or (role == 'readonly' and action == 'logs')   # api.md 3
            if allowed:
                found[action] = x
        return found

    def removable(self, name, state):
        """May DELETE begin in this state? By the table of processes; a type without one is deleted in any."""
        base = name
        while self.types[base].get('parent'):
            base = self.types[base]['parent']
        p = self.table['processes'].get(base.lower() + '.remove')
        return p is None or state in p['start']

    def links(self, name):
        return self.types[name]['links']

    def plural(self, name):
        return self.types[name]['pluralName']
