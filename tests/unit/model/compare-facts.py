#!/usr/bin/env python3
"""compare-facts.py DUMP-PROGRAM FACTS.json: the compiled tables say what the fact table says, for every role.

Reads the facts straight from their own description (_about), without the generator: every type, field and action of v2-beta
for every role, what v1 changes, every process edge. Prints each difference; exit status 1 when there is one.
"""
import json
import subprocess
import sys

READERS = ('readonly', 'readAdmin')
LIMITS = (('min', 'min'), ('max', 'max'), ('minl', 'minLength'), ('maxl', 'maxLength'), ('valid', 'validChars'))


def field_text(name, f, role):
    """What dump-types prints for a field, or None when the role does not have it."""
    if 'visibleTo' in f and role not in f['visibleTo']:
        return None
    diff = f.get('roleDiff', {}).get(role, {})
    if diff is None:
        return None
    g = {**f, **diff}
    write = role not in READERS

    def letter(on, c):
        return c if on else '-'
    out = ':'.join([name, g['type'],
                    letter(write and g.get('create'), 'c') + letter(write and g.get('update'), 'u') + letter(g.get('required'), 'r') +
                    letter(g.get('nullable'), 'n') + letter(g.get('readOnCreateOnly'), 'o') + letter(g.get('unique'), 'q') +
                    letter(g.get('updateRunsProcess'), 'p') + letter(g.get('includeInList', True), 'l'),
                    json.dumps(g['default']) if g.get('default') is not None else '', str(len(g.get('options', [])))])
    return out + ''.join(':%s%s' % (short, g[key]) for short, key in LIMITS if key in g)


def action_text(name, a):
    return '!%s:%s:%s' % (name, a.get('input') or '', a.get('output') or '')


def action_shown(type_name, name, a, role):
    if 'visibleTo' in a:
        return role in a['visibleTo']
    if role == 'readonly':                                      # api.md 2.2: "no actions but container logs"
        return name == 'logs' and type_name in ('container', 'virtualMachine')
    return role not in ('agent', 'agentRegister', 'register', 'token')


def methods_text(collection, resource):
    return ''.join(c if m in of else '-' for c, m, of in (('L', 'GET', collection), ('C', 'POST', collection), ('G', 'GET', resource),
                                                          ('U', 'PUT', resource), ('D', 'DELETE', resource)))


def words(name, t, role):
    fields = {fn: {**f, 'nullable': True, 'visibleTo': ['superadmin']} for fn, f in t.get('internalFields', {}).items()}
    fields.update(t['fields'])
    found = [field_text(fn, f, role) for fn, f in fields.items()]
    found += [action_text(an, a) for an, a in t['actions'].items() if action_shown(name, an, a, role)]
    return {w for w in found if w}


def spaced(text):
    """Words of a dump line; options and defaults may hold blanks, so a word goes on until one with a colon or '!' begins."""
    out = []
    for part in text.split(' '):
        if out and ':' not in part:
            out[-1] += ' ' + part
        else:
            out.append(part)
    return set(out)


def compare_v2(facts, dumped):
    for name, t in facts['types'].items():
        for group in t['roles']:
            for role in group['roles']:
                got = dumped.pop(('v2', role, name), None)
                if got is None:
                    yield 'v2 %s does not show %s' % (role, name)
                    continue
                plural, methods, have = got
                want = words(name, t, role)
                if plural != t['pluralName']:
                    yield 'v2 %s: plural %s, not %s' % (name, plural, t['pluralName'])
                if methods != methods_text(group['collectionMethods'], group['resourceMethods']):
                    yield 'v2 %s %s: methods %s' % (role, name, methods)
                for w in sorted(want - have):
                    yield 'v2 %s %s: lacks %s' % (role, name, w)
                for w in sorted(have - want):
                    yield 'v2 %s %s: should not have %s' % (role, name, w)


def compare_v1(facts, dumped):
    """Presence of types, fields and actions; renames of stack make the types' text differ."""
    for name, t in facts['types'].items():
        v = t.get('v1', {})
        shown = {'stack': 'environment', 'stackUpgrade': 'environmentUpgrade'}.get(name, name)
        got = dumped.get(('v1', t['view'], shown))
        if (v is None) != (got is None):
            yield 'v1 %s: %s' % (shown, 'should not be there' if v is None else 'is missing')
        if not v or not got or name == 'stackUpgrade':
            continue
        fields = {w.split(':')[0] for w in got[2]}
        for gone in v.get('fieldsNotInV1', []):
            if gone in fields:
                yield 'v1 %s: should not have field %s' % (shown, gone)
        for gone in v.get('actionsNotInV1', []):
            if '!' + gone in fields:
                yield 'v1 %s: should not have action %s' % (shown, gone)
        for new in list(v.get('fieldsOnlyInV1', {})) + ['!' + a for a in v.get('actionsOnlyInV1', {})]:
            if new not in fields:
                yield 'v1 %s: lacks %s' % (shown, new)
        for fn, changed in v.get('fieldsChangedInV1', {}).items():
            word = next((w for w in got[2] if w.split(':')[0] == fn), None)
            for key, index, letter in (('create', 0, 'c'), ('update', 1, 'u'), ('required', 2, 'r'), ('nullable', 3, 'n')):
                if word and key in changed and (word.split(':')[2][index] == letter) != changed[key]:
                    yield 'v1 %s.%s: %s is not %s' % (shown, fn, key, changed[key])
    for name, t in facts['v1OnlyTypes'].items():
        if ('v1', t['view'], name) not in dumped:
            yield 'v1 %s: is missing' % name


def compare_processes(facts, dumped):
    for name, p in facts['processes'].items():
        want = set()
        for s in p['start']:
            via = p['transitioning'].get(s) or p['transitioning']['']
            want.add('%s>%s>%s' % (s, via, p['done'].get(via) or p['done']['']))
        head, have = dumped.pop(name, (None, set()))
        if head is None or head[0].lower() != p['resourceType'].lower() or head[1:] != [p['stateField'], p['delegate'] or '-']:
            yield 'process %s: %s' % (name, head)
        for w in sorted(want ^ have):
            yield 'process %s: edge %s' % (name, w)
    for name in dumped:
        yield 'process %s: not in the facts' % name


def main(program, facts_path):
    with open(facts_path, encoding='utf-8') as f:
        facts = json.load(f)
    types, processes, checked = {}, {}, 0
    for line in subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines():
        kind, rest = line.split(' ', 1)
        parts = rest.split(' ')
        if kind == 'process':
            processes[parts[0]] = (parts[1:4], set(parts[4:]))
        else:
            types[tuple(parts[:3])] = (parts[3], parts[4], spaced(' '.join(parts[5:])) if parts[5:] else set())
            checked += len(parts) - 5
    findings = list(compare_v1(facts, types)) + list(compare_v2(facts, types)) + list(compare_processes(facts, processes))
    findings += ['v2 %s %s: not in the facts' % key[1:] for key in types if key[0] == 'v2']
    for finding in findings:
        print(finding)
    print('%d fields and actions compared, %d differences' % (checked, len(findings)))
    return 1 if findings or checked < 10000 else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
