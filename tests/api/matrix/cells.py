"""What is tried in each cell of role x type, and what must come of it. Expectations come from facts.py and api.md 1.6 only."""
import json

# Kinds of one table share ids and lists: /instances lists containers too. No rows of their own, or none that lists show.
SPECIAL = {
    'subscribe': 'an upgrade, see test_access', 'publish': 'an act, not a thing', 'schema': 'never paginated, compared with the facts apart',
    'apiVersion': 'no collection', 'token': 'anybody may log in: test_auth', 'typeDocumentation': 'texts about types', 'configContent': 'of agents, by item',
}
# Answered by a handler, not a field or a table (api.md 1.9, 5.4).
SPECIAL_LINKS = {n: ('stats', 'hostStats', 'containerStats') for n in ('host', 'container', 'virtualMachine', 'project')}
SPECIAL_LINKS.update({n: ('containerStats',) for n in ('service', 'dnsService', 'externalService', 'loadBalancerService', 'storageDriverService',
                                                         'networkDriverService', 'kubernetesService', 'composeService')})
SPECIAL_LINKS.update({'stack': ('composeConfig',), 'composeProject': ('composeConfig',), 'kubernetesStack': ('composeConfig',), 'apiKey': ('certificate',),
                      'registrationToken': ('registrationUrl',), 'hostTemplate': ('secretValues',), 'sshKey': ('pem',), 'auditLog': ('resource', 'authenticatedAsIdentity')})
# What a role that may not modify infrastructure is refused although its schema has the method (api.md 2.2).
INFRASTRUCTURE = ('hostTemplate', 'machine', 'registrationToken', 'storageDriverService', 'networkDriverService')
# What DELETE of one in use means is stop or deactivate first, then remove (api.md 1.6).
DELETED_ANYHOW = ('container', 'virtualMachine', 'agent', 'project')
NOT_YET_LINKS = {'composeConfig': 'comes with compose export'}
COMMON = {'id', 'type', 'baseType', 'links', 'actions'}


class Cells:
    def __init__(self, facts, world, roles=None, types=None):
        self.facts, self.world = facts, world
        self.roles = roles or facts.roles()
        self.types = types or sorted(facts.types)
        self.tried = {}
        self.wrong = []
        self.without = {}               # type -> roles that had no object of it to look at
        self.objects = {}               # (type, environment or account) -> ids

    def count(self, kind, n=1):
        self.tried[kind] = self.tried.get(kind, 0) + n

    def fail(self, role, name, kind, text):
        self.wrong.append('%s %s %s: %s' % (role, name, kind, text))

    def expect(self, role, name, kind, answer, status, code=None):
        self.count(kind)
        statuses = status if isinstance(status, tuple) else (status,)
        if answer.status not in statuses or (code and answer.get('code') != code):
            self.fail(role, name, kind, 'expected %s %s, got %s' % (statuses, code or '', repr(answer)[:300]))
            return False
        return True

    # ---- what there is ----
    def find_objects(self):
        for name in self.types:
            if name in SPECIAL or 'GET' not in self.facts.collection_methods(name, 'superadmin'):
                continue
            a = self.world.super.get('/%s?limit=1000' % self.facts.plural(name))
            if a.status != 200:
                continue
            for row in a.rows:
                if row.get('type') != name:
                    continue
                owner = row.get('accountId') if name not in ('account', 'project') else row['id']
                self.objects.setdefault((name, owner), []).append(row['id'])

    def own(self, caller, name):
        made = self.world.made.get((name, self.world.A))
        if made and (caller.everything or self.world.A in caller.accounts) and made in self.objects.get((name, self.world.A), ()):
            return made
        for (n, owner), ids in sorted(self.objects.items(), key=str):
            if n == name and (caller.everything or owner in (caller.accounts or ())):
                return ids[0]
        return None

    def foreign(self, caller, name):
        if caller.everything:
            return None
        ids = self.objects.get((name, self.world.B))
        return ids[0] if ids else None

    # ---- cells ----
    def run(self):
        self.find_objects()
        for role in self.roles:
            caller = self.world.callers.get(role)
            if not caller:
                continue
            for name in self.types:
                if name in SPECIAL or (name in ('project', 'projectMember') and caller.project and '/projects/' in caller.http.prefix):
                    continue            # the second: these are the user's own, whatever the path (api.md 1.1)
                self.cell(caller, name)
        return self

    def cell(self, caller, name):
        http, role, plural = caller.http, caller.role, self.facts.plural(name)
        if not self.facts.visible(name, role):
            status = 401 if role == 'token' else 404        # without a key there is nobody to hide it from (api.md 2.1)
            self.expect(role, name, 'hidden', http.get('/' + plural), status)
            self.expect(role, name, 'hidden', http.post('/' + plural, {}), status)
            return
        self.listing(caller, name, plural)
        if 'POST' not in self.facts.collection_methods(name, role):
            self.expect(role, name, 'create', http.post('/' + plural, {'name': 'x'}), 405)
        mine, theirs = self.own(caller, name), self.foreign(caller, name)
        if mine:
            self.reading(caller, name, plural, mine)
            self.writing(caller, name, plural, mine)
            self.acting(caller, name, plural, mine)
        self.foreign_project(caller, name, plural)
        if not mine and 'GET' in self.facts.collection_methods(name, caller.role):
            self.without.setdefault(name, []).append(caller.role)
        if theirs:
            self.foreigner(caller, name, plural, theirs)
        if 'POST' in self.facts.collection_methods(name, role):
            self.creating(caller, name, plural)

    def printed(self, caller, name, row, kind):
        wanted = {f for f, x in self.facts.fields(name, caller.role).items() if x.get('includeInList', True)}
        got = {k for k in row if not k.endswith('TS')} - COMMON
        self.count('printed field', len(wanted | got))
        for f in sorted(wanted - COMMON - got):
            self.fail(caller.role, name, kind, 'does not print ' + f)
        for f in sorted(got - wanted) if caller.role != 'superadmin' else ():    # who sees what is stored for the server's own use, too
            self.fail(caller.role, name, kind, 'prints %s = %.80r' % (f, row[f]))

    def is_public(self, name, made):
        """For everybody to see, though the field is hidden from most (api.md 1.5)."""
        return 'isPublic' in self.facts.fields(name, 'superadmin') and (self.world.super.get('/%s/%s' % (self.facts.plural(name), made)).body or {}).get('isPublic')

    def listing(self, caller, name, plural):
        allowed = 'GET' in self.facts.collection_methods(name, caller.role)
        a = caller.http.get('/%s?limit=20' % plural)
        if not self.expect(caller.role, name, 'list', a, 200 if allowed else 405) or not allowed:
            return
        for row in a.rows:
            if not caller.everything and row.get('accountId') is not None and name not in ('account', 'project', 'identity') and \
                    row['accountId'] not in caller.accounts and not self.is_public(name, row['id']):
                self.fail(caller.role, name, 'list', 'shows %s of %s' % (row['id'], row['accountId']))
            if row['type'] not in self.facts.types or not self.facts.visible(row['type'], caller.role):
                self.fail(caller.role, name, 'list', 'shows a %s, which is hidden' % row['type'])

    def reading(self, caller, name, plural, mine):
        a = caller.http.get('/%s/%s' % (plural, mine))
        if not self.expect(caller.role, name, 'get', a, 200 if 'GET' in self.facts.resource_methods(name, caller.role) else 405) or a.status != 200:
            return
        self.printed(caller, name, a.body, 'get')
        for field, x in self.facts.fields(name, caller.role).items():
            if x.get('readOnCreateOnly') and a.body.get(field) is not None:
                self.fail(caller.role, name, 'get', 'tells %s' % field)
        allowed = self.facts.actions(name, caller.role)
        for action in a.body.get('actions') or {}:
            self.count('offered action')
            if action not in allowed:
                self.fail(caller.role, name, 'actions', 'offers ' + action)
        for link, url in (a.body.get('links') or {}).items():
            self.count('link')
            if link != 'self' and link not in self.facts.links(name) and link not in SPECIAL_LINKS.get(name, ()):
                self.fail(caller.role, name, 'links', 'prints ' + link)
            self.follow(caller, name, link, url)
        if name not in ('setting', 'activeSetting'):
            self.expect(caller.role, name, 'get', caller.http.get('/%s/%s/nolink' % (plural, mine)), 404)

    def follow(self, caller, name, link, url):
        path = url.split(str(caller.http.port), 1)[-1]
        prefix, caller.http.prefix = caller.http.prefix, ''
        a = caller.http.get(path)
        caller.http.prefix = prefix
        if a.status not in (200, 404) and not (a.status == 503 and 'tats' in link) and not (a.status == 501 and link in NOT_YET_LINKS):
            self.fail(caller.role, name, 'link ' + link, repr(a)[:200])
        if a.status == 200 and a.body and a.body.get('type') == 'collection' and not caller.everything:
            for row in a.rows:
                if row.get('accountId') is not None and row['accountId'] not in caller.accounts and row.get('type') not in ('account', 'project') and \
                        not self.is_public(row['type'], row['id']):
                    self.fail(caller.role, name, 'link ' + link, 'leads to %s of %s' % (row['id'], row['accountId']))

    def foreign_project(self, caller, name, plural):
        """In path, header and query (api.md 1.6)."""
        if caller.everything or caller.role in ('register', 'token'):
            return
        prefix, caller.http.prefix, B = caller.http.prefix, '/v2-beta', self.world.B
        if name not in ('project', 'projectMember'):    # those two are no context (api.md 1.1)
            self.expect(caller.role, name, 'foreign project', caller.http.get('/projects/%s/%s' % (B, plural)), 403)
        self.expect(caller.role, name, 'foreign project', caller.http.get('/' + plural, headers={'X-API-Project-Id': B}), 403)
        self.expect(caller.role, name, 'foreign project', caller.http.get('/%s?projectId=%s' % (plural, B)), 403)
        caller.http.prefix = prefix

    def foreigner(self, caller, name, plural, theirs):
        http, role = caller.http, caller.role
        methods = self.facts.resource_methods(name, role)
        before = self.world.super.get('/%s/%s' % (plural, theirs)).body
        self.expect(role, name, 'foreign get', http.get('/%s/%s' % (plural, theirs)), 404)
        self.expect(role, name, 'foreign put', http.put('/%s/%s' % (plural, theirs), {'name': 'stolen', 'description': 'stolen'}), 404 if 'PUT' in methods else (404, 405))
        self.expect(role, name, 'foreign delete', http.delete('/%s/%s' % (plural, theirs)), 404 if 'DELETE' in methods else (404, 405))
        for action in self.facts.actions(name, role):
            self.expect(role, name, 'foreign action', http.post('/%s/%s/?action=%s' % (plural, theirs, action)), 404)
        for link in self.facts.links(name):
            self.expect(role, name, 'foreign link', http.get('/%s/%s/%s' % (plural, theirs, link.lower())), (404, 403) if name == 'project' else 404)
        after = self.world.super.get('/%s/%s' % (plural, theirs)).body
        changed = [k for k in before if k in ('name', 'description', 'state', 'removed') and before[k] != (after or {}).get(k)]
        if changed:
            self.fail(role, name, 'foreign', 'changed %s' % changed)

    # ---- changing ----
    def value_for(self, field, x, old, role):
        """Another value of this type, or None when the test has none."""
        t = x['type']
        if x.get('options'):
            others = [o for o in x['options'] if o != old]
            return others[0] if others else None
        if t == 'string':
            return 'm' + role.lower()[:10] if not isinstance(old, str) or old != 'm' + role.lower()[:10] else 'n' + role.lower()[:10]
        if t == 'int':
            low = x.get('min') or 0
            return low + 11 if old != low + 11 else low + 12
        if t == 'boolean':
            return not old
        if t == 'map[string]':
            return {'matrix': role}
        if t == 'array[string]':
            return ['matrix-' + role]
        if t == 'date':
            return '2001-02-03T04:05:06Z'
        return None

    # Writable by the schema, but the type's own rules want more than any value of the kind (api.md 3): tried by tests of these types.
    MEANINGFUL = {
        ('machineDriver', 'url'), ('machineDriver', 'uiUrl'), ('*', 'system'), ('*', 'name'), ('*', 'uuid'), ('*', 'kind'), ('*', 'data'), ('*', 'accountId'), ('certificate', 'cert'), ('certificate', 'key'), ('certificate', 'certChain'),
        ('service', 'scale'), ('*', 'selectorContainer'), ('*', 'selectorLink'), ('externalService', 'externalIpAddresses'), ('externalService', 'hostname'),
        ('setting', 'value'), ('activeSetting', 'value'), ('*', 'publicValue'), ('*', 'secretValue'), ('account', 'externalId'), ('account', 'externalIdType'),
        ('project', 'externalId'), ('project', 'externalIdType'), ('*', 'lbConfig'), ('*', 'projectTemplateId'), ('*', 'definition'), ('*', 'state'), ('projectTemplate', 'isPublic'), ('haConfig', 'enabled'),
    }

    def meaningful(self, name, field):
        return ('*', field) in self.MEANINGFUL or (name, field) in self.MEANINGFUL or (self.facts.types[name].get('parent'), field) in self.MEANINGFUL

    def writing(self, caller, name, plural, mine):
        http, role, path = caller.http, caller.role, '/%s/%s' % (plural, mine)
        if 'PUT' not in self.facts.resource_methods(name, role):
            self.expect(role, name, 'update', http.put(path, {'description': 'x'}), 405)
            return
        if role == 'restricted' and name in INFRASTRUCTURE:
            self.expect(role, name, 'update', http.put(path, {'description': 'x'}), 403, 'Forbidden')
            return
        before = self.world.super.get(path).body
        if before is None or (role == 'superadmin' and not any('PUT' in g['resourceMethods'] for g in self.facts.types[name]['roles'] if 'superadmin' not in g['roles'])):
            return                      # rows that the server alone writes: what nobody else may change is not stored as such here
        seen = self.facts.fields(name, role)
        everything = self.facts.fields(name, 'superadmin')
        # everything that must not change, at once
        body = {}
        for field, x in everything.items():
            if field in seen and seen[field].get('update'):
                continue
            v = self.value_for(field, x, before.get(field), role)
            if v is not None and field not in ('id', 'type', 'data'):
                body[field] = v
        a = http.put(path, body)
        if role == 'restricted' and name in INFRASTRUCTURE:
            self.expect(role, name, 'update', a, 403, 'Forbidden')
            return
        self.expect(role, name, 'update read-only', a, 200)
        after = self.world.super.get(path).body or {}
        for field in body:
            self.count('read-only field')
            if field in before and field not in ('transitioning', 'transitioningMessage', 'transitioningProgress', 'state', 'currentScale', 'healthState', 'instanceIds') and \
                    after.get(field) != before[field]:
                self.fail(role, name, 'read-only', '%s became %r, was %r' % (field, after.get(field), before[field]))
        for field, x in seen.items():
            if not x.get('update') or self.meaningful(name, field):
                continue
            v = self.value_for(field, x, before.get(field), role)
            if v is None:
                continue
            a = http.put(path, {field: v})
            if a.status == 409:         # it is being changed: the update before goes on
                self.settle(path)
                a = http.put(path, {field: v})
            self.count('writable field')
            if a.status != 200:
                self.fail(role, name, 'update ' + field, repr(a)[:200])
                continue
            stored = (self.world.super.get(path).body or {}).get(field)
            if stored != v and not x.get('readOnCreateOnly'):
                self.fail(role, name, 'update ' + field, 'is %r, not %r' % (stored, v))
        self.settle(path)

    def settle(self, path):
        import time
        for _ in range(5 if path.startswith('/machineDrivers') else 200):    # those wait for a machine service, which is not there
            b = self.world.super.get(path).body or {}
            if b.get('transitioning') != 'yes' or 'no machine service' in (b.get('transitioningMessage') or ''):
                return
            time.sleep(0.02)
        if not path.startswith('/machineDrivers'):
            print('does not come to rest: %s %s %s' % (path, b.get('state'), b.get('transitioningMessage')))

    def creating(self, caller, name, plural):
        http, role = caller.http, caller.role
        project = self.world.A
        where, body = self.world.body_of(name, project)
        if body is None or name == 'project' or (name == 'password' and caller.project):    # an environment has no login
            return
        path = '/' + plural if not caller.everything or where == '' else where + '/' + plural
        seen, everything = self.facts.fields(name, role), self.facts.fields(name, 'superadmin')
        body = {k: v for k, v in body.items() if k in seen and (seen[k].get('create') or k not in everything)} | {k: body[k] for k in body if k not in seen}
        if not caller.everything:
            body.pop('accountId', None)
        extra = {}
        for field, x in everything.items():
            if field in body or (field in seen and seen[field].get('create')) or field in ('id', 'type', 'data', 'kind', 'state', 'accountId', 'transitioning'):
                continue
            v = self.value_for(field, x, None, role)
            if v is not None:
                extra[field] = v
        if caller.everything and where:
            caller_role = {'admin': 'owner', 'service': 'owner'}.get(role, role)
            if caller_role != role:
                return                  # inside an environment this caller has another role
        a = http.post(path, dict(extra, **body))
        if role == 'restricted' and name in INFRASTRUCTURE:
            self.expect(role, name, 'create', a, 403, 'Forbidden')
            return
        if not self.expect(role, name, 'create', a, 201):
            return
        stored = self.world.super.get('/%s/%s' % (plural, a['id'])).body or {}
        for field, v in extra.items():
            self.count('field not creatable')
            default = everything[field].get('default')
            if stored.get(field) == v and v != default and not (v is True and everything[field]['type'] == 'boolean'):
                self.fail(role, name, 'create', 'took %s = %r' % (field, v))
        for field, v in body.items():
            if field in seen and isinstance(v, (str, int)) and not everything.get(field, {}).get('readOnCreateOnly') and field not in ('key', 'image'):
                self.count('field creatable')
                if stored.get(field) != v:
                    self.fail(role, name, 'create', '%s is %r, not %r' % (field, stored.get(field), v))
        self.act_on(caller, name, plural, a['id'])
        self.remove(caller, name, plural, a['id'])

    def remove(self, caller, name, plural, made):
        path = '/%s/%s' % (plural, made)
        self.settle(path)
        if 'DELETE' not in self.facts.resource_methods(name, caller.role):
            self.expect(caller.role, name, 'delete', caller.http.delete(path), 405)
            return
        state = (self.world.super.get(path).body or {}).get('state')
        a = caller.http.delete(path)
        if state in ('removed', 'purged', None):
            self.expect(caller.role, name, 'delete of what is gone', a, 404)
        elif name in DELETED_ANYHOW or self.facts.removable(name, state):
            self.expect(caller.role, name, 'delete', a, (200, 204))
        else:
            self.expect(caller.role, name, 'delete in a wrong state', a, 405)

    def acting(self, caller, name, plural, mine):
        """On an object that stays: what the role may not do, and what there is not."""
        allowed = self.facts.actions(name, caller.role)
        path = '/%s/%s/?action=' % (plural, mine)
        self.expect(caller.role, name, 'unknown action', caller.http.post(path + 'nothing'), 422, 'InvalidAction')
        for action in self.facts.types[name]['actions']:
            if action not in allowed:
                self.expect(caller.role, name, 'action not for it', caller.http.post(path + action), 422, 'InvalidAction')

    # Ends what the others need: last.
    LAST = ('deactivate', 'error', 'remove', 'purge', 'delete')
    INPUT = {'stop': {'timeout': 0, 'remove': False}, 'execute': {'command': ['true']}, 'addservicelink': None, 'removeservicelink': None, 'setmembers': None,
             'upgrade': None, 'restart': None, 'addoutputs': {'outputs': {'a': 'b'}}, 'setservicelinks': {'serviceLinks': []}, 'changesecret': None,
             'snapshot': {'name': 'x'}, 'backup': None, 'restorefrombackup': None, 'reverttosnapshot': None}
    NOT_YET = {}                        # (type, action) -> why; filled by the test

    def act_on(self, caller, name, plural, made):
        """On an object of its own: every action that is offered is done, the others are not possible."""
        path = '/%s/%s' % (plural, made)
        allowed = self.facts.actions(name, caller.role)
        order = sorted(allowed, key=lambda a: (self.LAST.index(a) + 1 if a in self.LAST else 0, a))
        for action in order:
            self.settle(path)
            now = caller.http.get(path)
            if now.status != 200 or now.body.get('state') in ('removed', 'purged'):
                return
            offered = action in (now.body.get('actions') or {})
            body = self.INPUT.get(action, {})
            if offered and body is None:
                continue                # needs an input that its own test has
            a = caller.http.post('%s/?action=%s' % (path, action), body)
            if not offered:
                self.expect(caller.role, name, 'action not possible', a, 422, 'ActionNotAvailable')
            elif a.status == 501 and (name, action) in self.NOT_YET:
                self.count('not yet')
            else:
                self.expect(caller.role, name, 'action ' + action, a, (200, 202))


def summary(tried):
    return json.dumps(tried, sort_keys=True)
