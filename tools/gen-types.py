#!/usr/bin/env python3
"""gen-types.py FACTS.json INTERNAL-FIELDS.txt OUT.h OUT.c: writes the resource type tables of src/model.

FACTS is the fact table of the API (its _about key explains it), INTERNAL-FIELDS lists fields that are stored but never
shown ("name kind" lines). OUT.h gets the enums (types, fields, states, processes, roles), OUT.c the constant tables that
src/model/types.h declares. Nothing is computed at run time. Rules that the facts leave out are quoted where used.
"""
import json
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
from gen_types_links import derive_links  # noqa: E402

ROLES = ['superadmin', 'admin', 'readAdmin', 'service', 'user', 'project', 'owner', 'member', 'restricted', 'readonly',
         'environment', 'projectadmin', 'agent', 'agentRegister', 'register', 'token']
READ_ONLY = {'readonly', 'readAdmin'}                           # facts: "readonly and readAdmin never create/update"
NO_ACTIONS = {'readonly', 'agent', 'agentRegister', 'register', 'token'}
# api.md 2.2: "readonly = all reads, no actions but container logs".
EXTRA_ACTION_ROLES = {('container', 'logs'): {'readonly'}, ('virtualMachine', 'logs'): {'readonly'}}
EXTRA_STATES = ['degraded', 'started-once']                     # api.md 4.4: health of services and stacks
MODIFIERS = ['eq', 'ne', 'lt', 'lte', 'gt', 'gte', 'prefix', 'like', 'notlike', 'null', 'notnull']
METHODS = {('c', 'GET'): 'TM_LIST', ('c', 'POST'): 'TM_CREATE',
           ('r', 'GET'): 'TM_GET', ('r', 'PUT'): 'TM_UPDATE', ('r', 'DELETE'): 'TM_DELETE'}
KINDS = {'string': 'FK_STRING', 'password': 'FK_PASSWORD', 'int': 'FK_INT', 'float': 'FK_FLOAT', 'boolean': 'FK_BOOL',
         'date': 'FK_DATE', 'enum': 'FK_ENUM', 'blob': 'FK_BLOB', 'json': 'FK_JSON'}
INTERNAL_KINDS = {'int': 'FK_INT', 'bool': 'FK_BOOL', 'float': 'FK_FLOAT', 'string': 'FK_STRING', 'json': 'FK_JSON'}
VIEW_ROLES = {                                                  # for types of v1 only, whose facts name just one view
        'project': set(ROLES) - {'agent', 'agentRegister', 'register', 'token'},
        'admin': {'admin', 'readAdmin', 'service', 'superadmin'},
        'superadmin': {'superadmin'}}


def q(s):
    return 'NULL' if s is None else json.dumps(s, ensure_ascii=True)


def ident(s):
    return re.sub(r'[^A-Za-z0-9]', '_', s)


def mask(roles):
    return '0x%04x' % sum(1 << i for i, r in enumerate(ROLES) if r in roles)


class Pool:
    """Equal constants are written once; add() gives the C name of the one that holds the body."""
    def __init__(self, ctype, stem, terminator=None):
        self.ctype, self.stem, self.names, self.terminator = ctype, stem, {}, terminator

    def add(self, items):
        if not items:
            return 'NULL'
        body = ', '.join(items + ([self.terminator] if self.terminator else []))
        return self.names.setdefault(body, '%s_%d' % (self.stem, len(self.names)))

    def write(self, out):
        for body, name in self.names.items():
            out.append('static const %s %s[] = { %s };' % (self.ctype, name, body))


class Model:
    def __init__(self, facts, internal):
        self.types, self.v1only, self.processes = facts['types'], facts['v1OnlyTypes'], facts['processes']
        self.internal = internal
        self.defs = {'v2': {n: self.plain_def(n, t) for n, t in self.types.items()}, 'v1': self.v1_defs()}
        for version in self.defs:
            self.finish(version)

    def plain_def(self, name, t):
        methods = {r: self.method_set(g['collectionMethods'], g['resourceMethods']) for g in t['roles'] for r in g['roles']}
        d = {'name': name, 'id': name, 'plural': t['pluralName'], 'parent': t.get('parent'), 'methods': methods,
             'facts_children': t.get('children', []), 'links': dict(t['links']), 'filters': t['filters'],
             'fields': {}, 'actions': {}}
        for fn, f in t.get('internalFields', {}).items():
            d['fields'][fn] = dict(f, create=False, update=False, required=False, nullable=True, visibleTo=['superadmin'])
        d['fields'].update({fn: dict(f) for fn, f in t['fields'].items()})
        d['actions'].update({an: dict(a) for an, a in t['actions'].items()})
        return d

    @staticmethod
    def method_set(coll, res):
        return {('c', m) for m in coll} | {('r', m) for m in res}

    def v1_defs(self):
        defs = {}
        for n, t in self.types.items():
            if 'v1' in t and t['v1'] is None:
                continue
            v, d = t.get('v1') or {}, self.plain_def(n, t)
            if v.get('name') in self.v1only:
                continue                                        # stackUpgrade: v1OnlyTypes has environmentUpgrade in full
            if 'name' in v:
                d['id'] = d['name'] = v['name']
                d['plural'] = v['name'] + 's'
            for fn in v.get('fieldsNotInV1', []):
                d['fields'].pop(fn, None)
                d['links'] = {ln: lf for ln, lf in d['links'].items() if lf != fn}
            for fn, changed in v.get('fieldsChangedInV1', {}).items():
                if fn in d['fields']:
                    for k, x in changed.items():
                        d['fields'][fn].pop(k, None) if x is None else d['fields'][fn].update({k: x})
            d['fields'].update({fn: dict(f) for fn, f in v.get('fieldsOnlyInV1', {}).items()})
            for an in v.get('actionsNotInV1', []):
                d['actions'].pop(an, None)
            d['actions'].update(v.get('actionsOnlyInV1', {}))
            if 'collectionMethods' in v or 'resourceMethods' in v:
                view = self.method_set(t['collectionMethods'], t['resourceMethods'])
                new = self.method_set(v.get('collectionMethods', t['collectionMethods']),
                                      v.get('resourceMethods', t['resourceMethods']))
                d['methods'] = {r: new if m == view else m & new for r, m in d['methods'].items()}
            defs[d['id']] = d
        for n, t in self.v1only.items():
            every = self.method_set(t['collectionMethods'], t['resourceMethods'])
            reads = every - {('c', 'POST'), ('r', 'PUT'), ('r', 'DELETE')}
            links = {ln: None for ln in t['links']}
            for fn, f in t['fields'].items():                   # these facts give link names in lower case only
                if fn.endswith('Id') and f['type'].startswith('reference') and fn[:-2].lower() in links:
                    del links[fn[:-2].lower()]
                    links[fn[:-2]] = fn
            defs[n] = {'name': n, 'id': n, 'plural': t['pluralName'], 'parent': t['parent'], 'facts_children': [],
                       'methods': {r: reads if r in READ_ONLY else every for r in VIEW_ROLES[t['view']]},
                       'links': links, 'filters': {}, 'fields': {fn: dict(f) for fn, f in t['fields'].items()},
                       'actions': {an: dict(a) for an, a in t['actions'].items()}}
        return {n: self.rename_v1(d) for n, d in defs.items()}

    @staticmethod
    def rename_v1(d):
        """api.md 1.10: v1 says environment where v2-beta says stack."""
        names = {'stack': 'environment', 'stackUpgrade': 'environmentUpgrade'}
        for f in d['fields'].values():
            f['type'] = re.sub(r'\b(stackUpgrade|stack)\b', lambda m: names[m.group(1)], f['type'])
        for a in d['actions'].values():
            for k in ('input', 'output'):
                a[k] = names.get(a.get(k), a.get(k))
        d['parent'] = names.get(d['parent'], d['parent'])
        links = {}
        for ln, lf in d['links'].items():
            if ln == 'stack':
                ln = 'environment'
            if lf == 'stackId' and 'environmentId' in d['fields']:
                lf = 'environmentId'
            links['environments' if ln == 'stacks' else ln] = lf
        if 'environmentId' in d['fields']:
            links['environment'] = 'environmentId'
        d['links'] = links
        if 'environmentId' in d['fields'] and 'stackId' in d['filters']:
            d['filters'] = dict(d['filters'], environmentId=d['filters']['stackId'])
        d['filters'] = {f: m for f, m in d['filters'].items() if f in d['fields']}
        return d

    def finish(self, version):
        defs = self.defs[version]
        for n, d in defs.items():
            if d['parent'] is not None and d['parent'] not in defs:
                d['parent'] = None
        for n, d in defs.items():
            kids = [c for c in d['facts_children'] if c in defs and defs[c]['parent'] == n]
            d['children'] = kids + sorted(c for c, x in defs.items() if x['parent'] == n and c not in kids)
            d['lineage'] = [n]
            while defs[d['lineage'][-1]]['parent']:
                d['lineage'].append(defs[d['lineage'][-1]]['parent'])
            d['base'] = d['lineage'][-1]
            if version == 'v1' and d['name'] in self.defs['v2'] and d['base'] != 'environment':
                d['base'] = self.defs['v2'][d['name']]['base']  # v1 does not show genericObject, but register is one
        for d in defs.values():
            d['link_rows'] = derive_links(defs, d)

    def type_ids(self):
        return sorted(set(self.defs['v2']) | set(self.defs['v1']) | set(self.v1only) | set(self.types))

    def field_names(self):
        names = set(self.internal)
        for defs in self.defs.values():
            for d in defs.values():
                names |= set(d['fields']) | set(d['filters'])
                for row in d['link_rows']:
                    names |= {x for x in (row['field'], row['far']) if x}
        return sorted(names | {p['stateField'] for p in self.processes.values()})

    def state_names(self):
        states = set(EXTRA_STATES)
        for p in self.processes.values():
            for s in (p['start'], p['transitioning'], p['done'], p['transitioning'].values(), p['done'].values()):
                states |= set(s)
        for t in self.types.values():
            for fn in ('state', 'healthState', 'allocationState', 'agentState'):
                states |= set(t['fields'].get(fn, {}).get('options', []))
        return sorted(states - {''})


class Writer:
    def __init__(self, model):
        self.m = model
        self.types, self.fields, self.states = model.type_ids(), model.field_names(), model.state_names()
        self.procs = list(model.processes)
        self.by_lower = {n.lower(): n for n in self.types}
        self.strings = Pool('char *const', 'strings', 'NULL')
        self.ids = Pool('uint16_t', 'ids')
        self.states_pool = Pool('uint16_t', 'states', 'S_NONE')
        self.rules = Pool('struct field_rule', 'rule')
        self.ftypes = {}
        self.arrays, self.array_names = [], {}

    # --- field types and rules

    def ftype(self, text):
        if text in self.ftypes:
            return self.ftypes[text][0]
        m = re.match(r'^(array|map|reference)\[(.*)\]$', text)
        element, target = 'NULL', 'T_NONE'
        if text in KINDS:
            kind = KINDS[text]
        elif text == 'reference':
            kind = 'FK_REFERENCE'
        elif m and m.group(1) == 'reference':
            kind, target = 'FK_REFERENCE', self.tid(m.group(2))
        elif m:
            kind, element = 'FK_' + m.group(1).upper(), '&' + self.ftype(m.group(2))
        else:
            kind, target = 'FK_TYPE', self.tid(text)
        name = 'ftype_%d' % len(self.ftypes)
        self.ftypes[text] = (name, '{ %s, %s, %s, %s }' % (q(text), kind, target, element))
        return name

    def tid(self, name):
        return 'T_NONE' if not name else 'T_' + self.by_lower[name.lower()]

    def rule(self, f):
        parts = []
        if f.get('default') is not None:
            parts.append('.default_json = ' + q(json.dumps(f['default'])))
        if f.get('options'):
            parts.append('.options = ' + self.strings.add([q(o) for o in f['options']]))
            parts.append('.n_options = %d' % len(f['options']))
        for key, member in (('min', 'min'), ('max', 'max'), ('minLength', 'min_length'), ('maxLength', 'max_length')):
            if key in f:
                parts.append('.has_%s = true, .%s = %d' % (member, member, f[key]))
        for key, member in (('validChars', 'valid_chars'), ('invalidChars', 'invalid_chars')):
            if key in f:
                parts.append('.%s = %s' % (member, q(f[key])))
        return '&' + self.rules.add(['{ ' + ', '.join(parts) + ' }']) + '[0]' if parts else '&rule_none'

    def field(self, name, f, type_roles):
        visible = set(f.get('visibleTo', type_roles)) & type_roles
        diff = f.get('roleDiff', {})
        visible -= {r for r, d in diff.items() if d is None}

        def roles_with(key):
            return {r for r in visible if (diff.get(r) or {}).get(key, f.get(key, False))}
        flags = [c for k, c in (('unique', 'FF_UNIQUE'), ('updateRunsProcess', 'FF_UPDATE_PROCESS'))
                 if f.get(k)]
        if f.get('includeInList', True):
            flags.append('FF_IN_LIST')
        if name in self.m.internal:
            flags.append('FF_INTERNAL')
        return '{ F_%s, %s, &%s, %s, %s, %s, %s, %s, %s, %s }' % (
            name, '|'.join(flags) or '0', self.ftype(f['type']), self.rule(f), mask(visible),
            mask(roles_with('create') - READ_ONLY), mask(roles_with('update') - READ_ONLY),
            mask(roles_with('required')), mask(roles_with('nullable')), mask(roles_with('readOnCreateOnly')))

    # --- arrays of rows, equal ones written once

    def array(self, ctype, stem, rows):
        if not rows:
            return 'NULL'
        body = ',\n        '.join(rows)
        if (ctype, body) not in self.array_names:
            name = '%s_%d' % (stem, len(self.array_names))
            self.array_names[(ctype, body)] = name
            self.arrays.append('static const %s %s[] = {\n        %s,\n};' % (ctype, name, body))
        return self.array_names[(ctype, body)]

    def actions(self, d, type_roles):
        rows = []
        for an, a in sorted(d['actions'].items()):
            roles = set(a['visibleTo']) if 'visibleTo' in a else \
                type_roles - NO_ACTIONS | EXTRA_ACTION_ROLES.get((d['name'], an), set())
            when = a.get('onlyWhen', {})
            rows.append('{ %s, %s, %s, %s, %s, %s }' % (
                q(an), self.tid(a.get('input')), self.tid(a.get('output')), mask(roles & type_roles), q(when.get('capability')),
                self.states_pool.add(['S_' + ident(s) for s in when.get('states', [])])))
        return rows

    def type_def(self, d, version):
        roles = set(d['methods'])
        fields = [self.field(fn, d['fields'][fn], roles) for fn in sorted(d['fields'])]
        actions = self.actions(d, roles)
        links = ['{ %s, %s, %s, %s, %s, %s }' % (
            q(r['name']), r['kind'], self.tid(r['target']), 'F_' + (r['field'] or 'NONE'), self.tid(r['via']),
            'F_' + (r['far'] or 'NONE')) for r in d['link_rows']]
        filters = ['{ F_%s, 0x%03x }' % (fn, sum(1 << MODIFIERS.index(m) for m in ms)) for fn, ms in sorted(d['filters'].items())]
        children = self.ids.add([self.tid(c) for c in d['children']])
        # api.md 1.4: first letter of the base type and its upper-case letters; stack and secret are exceptions.
        base = d['base']
        prefix = {'stack': 'st', 'secret': 'se'}.get(base, base[0] + ''.join(c for c in base if c.isupper()).lower())
        table = 'stack' if base == 'environment' else base
        methods = ', '.join('[ROLE_%s] = %s' % (r, '|'.join(['TM_VISIBLE'] + sorted(METHODS[m] for m in d['methods'][r])))
                            for r in ROLES if r in roles)
        return ('{ .id = %s, .base = %s, .parent = %s, .version = %s, .name = %s, .plural = %s, .prefix = %s, .roles = %s,\n'
                '        .fields = %s, .n_fields = %d, .actions = %s, .n_actions = %d, .links = %s, .n_links = %d,\n'
                '        .filters = %s, .n_filters = %d, .children = %s, .n_children = %d,\n        .methods = { %s } }') % (
            self.tid(d['id']), self.tid(table), self.tid(d['parent']), 'API_V1' if version == 'v1' else 'API_V2_BETA',
            q(d['name']), q(d['plural']), q('1' + prefix), mask(roles),
            self.array('struct field_def', 'fields', fields), len(fields),
            self.array('struct action_def', 'actions', actions), len(actions),
            self.array('struct link_def', 'links', links), len(links),
            self.array('struct filter_def', 'filters', filters), len(filters), children, len(d['children']), methods)

    # --- processes

    def process(self, name, p):
        action = name.split('.')[1]
        # api.md 4.3: containerEvent 100, agent.reconnect 200, instance 50, *.purge -100, others 0.
        priority = -100 if action == 'purge' else 200 if name == 'agent.reconnect' else \
            {'containerEvent': 100, 'instance': 50}.get(p['resourceType'], 0)
        edges = []
        vias = dict.fromkeys(p['transitioning'].values())
        for s in dict.fromkeys(p['start']):
            via = p['transitioning'].get(s, p['transitioning'].get(''))
            edges.append((s, via, p['done'].get(via, p['done'].get(''))))
        done = [(v, p['done'].get(v, p['done'].get(''))) for v in dict.fromkeys(list(vias) + [v for v in p['done'] if v])]
        e = self.array('struct process_edge', 'edges', ['{ S_%s, S_%s, S_%s }' % tuple(ident(x) for x in row) for row in edges])
        f = self.array('struct process_done', 'done', ['{ S_%s, S_%s }' % tuple(ident(x) for x in row) for row in done])
        return '[P_%s] = { P_%s, %s, %s, %s, F_%s, %s, %d, %s, %d, %s, %d }' % (
            ident(name), ident(name), q(name), q(action), self.tid(p['resourceType']), p['stateField'],
            'P_' + ident(p['delegate']) if p['delegate'] else 'P_NONE', priority, e, len(edges), f, len(done))

    # --- output

    @staticmethod
    def enum(tag, prefix, names, first=None):
        rows = ([first] if first else []) + [prefix + ident(n) for n in names] + [prefix + 'MAX' if tag != 'role' else 'ROLE_MAX']
        return 'enum %s {\n        %s,\n};\n' % (tag, ',\n        '.join(rows))

    def header(self):
        return '\n'.join([
            '/* Written by tools/gen-types.py from facts/api-types.json and internal-fields.txt; included by types.h. */',
            '#pragma once',
            self.enum('type_id', 'T_', self.types, 'T_NONE'), self.enum('field_id', 'F_', self.fields, 'F_NONE'),
            self.enum('state_id', 'S_', self.states, 'S_NONE'), self.enum('process_id', 'P_', self.procs, 'P_NONE'),
            self.enum('role', 'ROLE_', ROLES)])

    @staticmethod
    def hash_table(cname, keys):
        """Open addressing over FNV-1a; keys are (text, value). types.c probes the same way."""
        size = 1
        while size < 2 * len(keys):
            size *= 2
        slots = [0] * size
        for text, value in keys:
            h = 0x811c9dc5
            for b in text.encode():
                h = (h ^ b) * 0x01000193 & 0xffffffff
            i = h & (size - 1)
            while slots[i]:
                i = (i + 1) & (size - 1)
            slots[i] = value
        rows = [', '.join(map(str, slots[i:i + 24])) for i in range(0, size, 24)]
        return 'const struct id_hash %s = { (const uint16_t[]) {\n        %s\n}, %d };' % (cname, ',\n        '.join(rows), size)

    def source(self):
        defs = {v: {n: self.type_def(d, v) for n, d in sorted(self.m.defs[v].items())} for v in ('v1', 'v2')}
        procs = [self.process(n, p) for n, p in self.m.processes.items()]
        out = ['/* Written by tools/gen-types.py. */', '#include "model/types.h"', '#include "model/types-internal.h"', '',
               'static const struct field_rule rule_none = { 0 };']
        self.strings.write(out)
        self.ids.write(out)
        self.states_pool.write(out)
        self.rules.write(out)
        out += ['static const struct field_type %s = %s;' % row for row in self.ftypes.values()]
        out += self.arrays
        shared = {}
        for v, cname in (('v2', 'type_defs_v2'), ('v1', 'type_defs_v1')):
            for n, body in defs[v].items():
                shared[(v, n)] = 'def_%s_%s' % (v, n)
                out.append('static const struct type_def %s = %s;' % (shared[(v, n)], body))
            rows = ['[T_%s] = &%s' % (n, shared[(v, n)]) for n in defs[v]]
            if v == 'v1':                                       # a record of table stack shows as environment in v1
                rows.append('[T_stack] = &def_v1_environment')
            out.append('const struct type_def *const %s[T_MAX] = {\n        %s,\n};' % (cname, ',\n        '.join(rows)))
        out.append('const struct process_def process_defs[P_MAX] = {\n        %s,\n};' % ',\n        '.join(procs))
        for cname, names in (('type_names', self.types), ('field_names', self.fields), ('state_names', self.states)):
            out.append('const char *const %s[] = { NULL,\n        %s,\n};' % (cname, ',\n        '.join(map(q, names))))
        out.append('const char *const role_names[] = { %s };' % ', '.join(map(q, ROLES)))
        internal = ['[F_%s] = %s' % (n, INTERNAL_KINDS[k]) for n, k in sorted(self.m.internal.items())]
        out.append('const uint8_t field_internal_kinds[F_MAX] = { [F_NONE] = FK_NONE,\n        %s\n};' % ',\n        '.join(internal))
        masks = {}
        for p in self.m.processes.values():
            if p['stateField'] == 'state':
                bits = masks.setdefault(self.tid(p['resourceType']), set())
                bits |= {self.states.index(x) + 1 for x in p['transitioning'].values()}
        rows = ['[%s] = 0x%x' % (t, sum(1 << b for b in bits)) for t, bits in sorted(masks.items())]
        out.append('_Static_assert(S_MAX <= 64, "a set of states is one word");')
        out.append('const uint64_t type_transitioning[T_MAX] = {\n        %s\n};' % ',\n        '.join(rows))
        index = {n: i + 1 for i, n in enumerate(self.types)}
        out.append(self.hash_table('field_hash', [(n, i + 1) for i, n in enumerate(self.fields)]))
        out.append(self.hash_table('state_hash', [(n, i + 1) for i, n in enumerate(self.states)]))
        out.append(self.hash_table('process_hash', [(n, i + 1) for i, n in enumerate(self.procs)]))
        for v in ('v1', 'v2'):
            keys = {}
            for n, d in self.m.defs[v].items():
                keys.setdefault(d['plural'].lower(), index[n])
            for n in self.m.defs[v]:
                keys[n.lower()] = index[n]                      # a name wins over another type's plural
            out.append(self.hash_table('type_hash_' + v, sorted(keys.items())))
        return '\n'.join(out) + '\n'


def main(facts_path, internal_path, header_path, source_path):
    facts = json.loads(Path(facts_path).read_text())
    internal = {}
    for line in Path(internal_path).read_text().splitlines():
        line = line.split('#')[0].strip()
        if line:
            name, kind = line.split()
            if kind not in INTERNAL_KINDS:
                sys.exit('internal field "%s": unknown kind "%s"' % (name, kind))
            internal[name] = kind
    writer = Writer(Model(facts, internal))
    source = writer.source()
    Path(header_path).write_text(writer.header())
    Path(source_path).write_text(source)


if __name__ == '__main__':
    main(*sys.argv[1:])
