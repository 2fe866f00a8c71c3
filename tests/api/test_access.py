"""Accounts, members, keys, containers' own accounts, what subscribers get, and the audit log (spec api.md 2, 5.1, 5.2; agent.md 9)."""
import base64
import http.server
import json
import threading
import time
import unittest

import client
import wsclient

WAIT_S = client.WAIT_S
SPEC = 'io.rancher.container.'


class World(client.Case):
    args = ('--simulator', '--sim-hosts', '1')
    serial = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        end = time.monotonic() + WAIT_S
        while '--simulator' in cls.args and not [h for h in cls.server.admin().get(cls.p + '/hosts').rows if h['state'] == 'active']:
            if time.monotonic() > end:
                raise AssertionError('the simulated host did not come')
            threading.Event().wait(0.05)

    def new_user(self, kind='user', secret='geheim'):
        type(self).serial += 1
        name = 'user%d' % self.serial
        a = self.check(self.admin.post('/accounts', {'name': name, 'kind': kind}), 201)
        self.admin.wait('/accounts/' + a['id'], 'active')
        p = self.check(self.admin.post('/passwords', {'publicValue': name, 'secretValue': secret, 'accountId': a['id']}), 201)
        self.admin.wait('/passwords/' + p['id'], 'active')
        return a['id'], name

    def bearer(self, name, secret='geheim'):
        t = self.check(self.server.client().post('/token', {'code': '%s:%s' % (name, secret)}), 201)
        return self.server.client(headers={'Authorization': 'Bearer ' + t['jwt']})

    def new_project(self, members, by=None):
        type(self).serial += 1
        m = [{'externalId': a, 'externalIdType': 'rancher_id', 'role': r} for a, r in members]
        p = self.check((by or self.admin).post('/projects', {'name': 'p%d' % self.serial, 'members': m}), 201)['id']
        self.admin.wait('/projects/' + p, 'active')
        return p

    def key(self, c, path):
        k = self.check(c.post(path + '/apikeys', {'name': 'k'}), 201)
        c.wait('%s/apikeys/%s' % (path, k['id']), 'active')
        return k, self.server.client((k['publicValue'], k['secretValue']))

    def until(self, check, what):
        end = time.monotonic() + WAIT_S
        while not check():
            if time.monotonic() > end:
                raise AssertionError('not in time: ' + what)
            threading.Event().wait(0.05)

    def subscribe(self, c, path='', names='resource.change', extra=''):
        ws = client.WebSocket(c, '%s/subscribe?eventNames=%s%s' % (path, names, extra))
        self.addCleanup(ws.close)
        self.assertEqual(ws.status, 101, ws.head)
        ws.until(lambda m: m['name'] == 'ping')
        return ws

    def cut(self, ws):
        """Until it is cut off: the names of what came last, and the close frame."""
        seen = []
        while True:
            op, payload = ws.frame()
            if op == 8:
                return seen, payload
            if op == 1:
                seen.append(json.loads(payload)['name'])


class Members(World):
    def test_each_role_may_what_it_may_and_nobody_else_comes_in(self):
        users = {r: self.new_user() for r in ('owner', 'member', 'restricted', 'readonly')}
        p = self.new_project([(a, r) for r, (a, _) in users.items()])
        for role, (_, name) in users.items():
            c = self.bearer(name)
            path = '/projects/' + p
            self.assertEqual(self.check(c.get(path + '/stacks'), 200).headers['X-API-Account-Id'], p)
            made = c.post(path + '/stacks', {'name': 'by-' + role})
            self.check(made, 405 if role == 'readonly' else 201)
            token = c.post(path + '/registrationtokens')
            self.assertEqual(token.status, {'restricted': 404, 'readonly': 404}.get(role, 201), (role, token))
            self.assertEqual(c.put(path, {'description': role}).status, 200 if role == 'owner' else 403, role)
            self.assertEqual('setmembers' in self.check(c.get(path), 200)['actions'], role == 'owner', role)
        _, stranger = self.new_user()
        c = self.bearer(stranger)
        self.check(c.get('/projects/%s/stacks' % p), 403)
        self.check(c.get('/stacks', headers={'X-API-Project-Id': p}), 403)
        self.check(c.get('/stacks?projectId=' + p), 403)
        self.check(c.get('/projects/' + p), 404)

    def test_setting_members_replaces_them_and_keeps_an_owner(self):
        (boss, boss_name), (other, other_name) = self.new_user(), self.new_user()
        p = self.new_project([(boss, 'owner'), (other, 'member')])
        c, url = self.bearer(boss_name), '/projects/%s?action=setmembers' % p
        row = {m['externalId']: m['id'] for m in c.get('/projects/%s/projectmembers' % p).rows}

        def of(*who):
            return {'members': [{'externalId': a, 'externalIdType': 'rancher_id', 'role': r} for a, r in who]}
        self.check(c.post(url, of((other, 'member'))), 400, 'InvalidFormat')
        self.check(c.post(url, {'members': [{'externalIdType': 'rancher_id', 'role': 'owner'}]}), 400, 'InvalidFormat')
        self.check(c.post(url, {}), 422, 'MissingRequired', 'members')
        self.check(c.post(url, of((boss, 'owner'), (other, 'readonly'))), 200)
        now = c.get('/projects/%s/projectmembers' % p).rows
        self.assertEqual(sorted(m['role'] for m in now), ['owner', 'readonly'])
        self.assertIn(row[now[0]['externalId']], [m['id'] for m in now], 'who stays keeps the row')
        self.check(self.bearer(other_name).post('/projects/%s/stacks' % p, {'name': 'x'}), 405)
        self.check(self.bearer(other_name).post(url, of((other, 'owner'))), 422)
        self.check(c.post(url, of((boss, 'owner'))), 200)
        self.check(self.bearer(other_name).get('/projects/%s/stacks' % p), 403)

    def test_who_may_set_members_without_owning_leaves_the_owners_alone(self):
        (boss, _), (other, other_name) = self.new_user(), self.new_user()
        p = self.new_project([(boss, 'owner'), (other, 'member')])
        self.check(self.admin.put('/settings/project.set.member.roles', {'value': 'owner,member'}), 200)
        self.addCleanup(self.admin.delete, '/settings/project.set.member.roles')
        c, url = self.bearer(other_name), '/projects/%s?action=setmembers' % p
        rows = [{'externalId': boss, 'externalIdType': 'rancher_id', 'role': 'owner'}]
        self.check(c.post(url, {'members': rows + [{'externalId': other, 'externalIdType': 'rancher_id', 'role': 'owner'}]}), 400)
        self.check(c.post(url, {'members': rows + [{'externalId': other, 'externalIdType': 'rancher_id', 'role': 'restricted'}]}), 200)

    def test_the_best_of_several_roles_counts(self):
        (boss, _), (other, name) = self.new_user(), self.new_user()
        p = self.new_project([(boss, 'owner'), (other, 'readonly'), (other, 'member')])
        self.check(self.bearer(name).post('/projects/%s/stacks' % p, {'name': 'best'}), 201)

    def test_an_inactive_environment_is_there_for_its_owners_only(self):
        (boss, boss_name), (other, other_name) = self.new_user(), self.new_user()
        p = self.new_project([(boss, 'owner'), (other, 'member')])
        owner, member = self.bearer(boss_name), self.bearer(other_name)
        key, by_key = self.key(owner, '/projects/' + p)
        self.assertIn(self.check(owner.post('/projects/%s?action=deactivate' % p), None or 202).get('state'), ('deactivating', 'inactive'))
        owner.wait('/projects/' + p, 'inactive')
        self.check(member.get('/projects/' + p), 404)
        self.check(member.get('/projects/%s/stacks' % p), 403)
        self.check(by_key.get('/stacks'), 401)
        self.check(owner.post('/projects/%s?action=activate' % p), 202)
        owner.wait('/projects/' + p, 'active')
        self.check(member.get('/projects/%s/stacks' % p), 200)


class Keys(World):
    def test_a_key_is_removed_after_it_is_deactivated(self):
        k, c = self.key(self.admin, self.p)
        self.assertEqual(self.check(c.get('/stacks'), 200).headers['X-API-Account-Id'], '1a5')
        path = '%s/apikeys/%s' % (self.p, k['id'])
        self.check(self.admin.delete(path), 405)
        self.assertIsNone(self.admin.get(path)['secretValue'])
        self.check(self.admin.post(path + '?action=deactivate'), 202)
        self.admin.wait(path, 'inactive')
        self.check(c.get('/stacks'), 401)
        self.check(self.admin.delete(path), 200)

    def test_a_key_of_an_account_works_where_its_user_may(self):
        account, name = self.new_user()
        p = self.new_project([('1a1', 'owner'), (account, 'member')])
        _, c = self.key(self.bearer(name), '')
        self.assertEqual(c.get('/projects/%s/stacks' % p).headers['X-API-User-Id'], account)
        self.check(c.get(self.p + '/stacks'), 403)
        k, _ = self.key(self.bearer(name), '/projects/' + p)
        got = self.check(c.get('/stacks', headers={'X-API-Client-Access-Key': k['publicValue']}), 200)
        self.assertEqual(got.headers['X-API-Account-Id'], p)

    def test_a_login_works_as_basic_credentials(self):
        account, name = self.new_user()
        for _ in range(2):              # the second time it is remembered
            self.assertEqual(self.check(self.server.client((name, 'geheim')).get('/projects'), 200).headers['X-API-User-Id'], account)
        self.check(self.server.client((name, 'falsch')).get('/projects'), 401)
        p = [x for x in self.admin.get('/passwords').rows if x['publicValue'] == name][0]
        self.check(self.admin.post('/passwords/%s?action=changesecret' % p['id'], {'oldSecret': '?', 'newSecret': 'anders'}), 200)
        self.check(self.server.client((name, 'geheim')).get('/projects'), 401)
        self.check(self.server.client((name, 'anders')).get('/projects'), 200)

    def test_an_administrator_may_look_as_another_role(self):
        self.check(self.admin.get('/accounts'), 200)
        self.check(self.admin.get('/localauthconfigs?_role=user'), 404)
        _, name = self.new_user()
        self.check(self.bearer(name).get('/localauthconfigs?_role=admin'), 404)

    def test_service_accounts_see_everything(self):
        a = self.check(self.admin.post('/accounts', {'name': 'svc', 'kind': 'service'}), 201)
        self.admin.wait('/accounts/' + a['id'], 'active')
        k = self.check(self.admin.post('/apikeys', {'accountId': a['id']}), 201)
        self.admin.wait('/apikeys/' + k['id'], 'active')
        c = self.server.client((k['publicValue'], k['secretValue']))
        self.assertEqual(self.check(c.get('/accounts'), 200).headers['X-API-Account-Kind'], 'service')
        self.check(c.get(self.p + '/stacks'), 200)

    def test_the_operators_program_judges_new_passwords(self):
        asked = []

        class Judge(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                secret = json.loads(self.rfile.read(int(self.headers['Content-Length'])))['secret']
                asked.append(secret)
                body = b'' if len(secret) > 5 else json.dumps({'type': 'error', 'message': 'too short'}).encode()
                self.send_response(200 if len(secret) > 5 else 422)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *a):
                pass
        judge = http.server.HTTPServer(('127.0.0.1', 0), Judge)
        threading.Thread(target=judge.serve_forever, daemon=True).start()
        self.addCleanup(judge.server_close)
        self.addCleanup(judge.shutdown)
        self.check(self.admin.put('/settings/api.auth.local.validate.url', {'value': 'http://127.0.0.1:%d/' % judge.server_port}), 200)
        self.addCleanup(self.admin.delete, '/settings/api.auth.local.validate.url')
        a = self.check(self.admin.post('/accounts', {'name': 'judged', 'kind': 'user'}), 201)
        self.admin.wait('/accounts/' + a['id'], 'active')
        no = self.check(self.admin.post('/passwords', {'publicValue': 'judged', 'secretValue': 'kurz', 'accountId': a['id']}), 422)
        self.assertIn('too short', repr(no))
        self.check(self.admin.post('/passwords', {'publicValue': 'judged', 'secretValue': 'lang genug', 'accountId': a['id']}), 201)
        self.assertEqual(asked, ['kurz', 'lang genug'])


class Doors(client.Case):
    """Access control turned on and off while the server runs."""
    args = ('--no-auth',)

    def test_it_is_turned_on_and_off_without_a_restart(self):
        c = self.server.client()
        self.assertEqual(self.check(c.get('/projects'), 200).headers['X-API-Account-Kind'], 'admin')
        self.check(c.get('/projects', headers={'X-ENFORCE-AUTHENTICATION': 'true'}), 401)
        ws = client.WebSocket(c, self.p + '/subscribe?eventNames=resource.change')
        self.check(c.post('/localauthconfigs', {'username': 'chief', 'password': 'geheim', 'enabled': True, 'accessMode': 'nonsense'}), 422, 'InvalidOption')
        self.check(c.post('/localauthconfigs', {'username': 'chief', 'password': 'geheim', 'enabled': True}), 201)
        ws.until(lambda m: m['name'] == 'logout')       # who came through the open door goes
        self.check(c.get('/projects'), 401)
        t = self.check(c.post('/token', {'code': 'chief:geheim'}), 201)
        self.assertTrue(t['security'] and t['enabled'])
        admin = self.server.client(headers={'Authorization': 'Bearer ' + t['jwt']})
        self.check(admin.post('/localauthconfigs', {'username': 'chief', 'password': 'falsch', 'enabled': False}), 401, 'IncorrectPassword')
        self.check(admin.post('/localauthconfigs', {'username': 'chief', 'password': 'geheim', 'enabled': False}), 201)
        self.check(c.get('/projects'), 200)
        self.check(c.post('/token', {'code': 'chief:geheim'}), 500, 'NoAuthProvider')


class Subscribers(World):
    def test_who_loses_membership_key_session_or_account_is_cut_off(self):
        (boss, boss_name), (other, other_name) = self.new_user(), self.new_user()
        p = self.new_project([(boss, 'owner'), (other, 'member')])
        owner, member = self.bearer(boss_name), self.bearer(other_name)
        path = '/projects/' + p
        k, by_key = self.key(owner, path)
        stays = self.subscribe(owner, path)
        ws = self.subscribe(member, path)
        rows = [{'externalId': boss, 'externalIdType': 'rancher_id', 'role': 'owner'}]
        less = {'externalId': other, 'externalIdType': 'rancher_id', 'role': 'readonly'}
        self.check(owner.post(path + '?action=setmembers', {'members': rows + [less]}), 200)
        self.assertEqual(self.cut(ws)[0][-1], 'logout')         # another role sees other things
        ws = self.subscribe(member, path)
        self.check(owner.post(path + '?action=setmembers', {'members': rows}), 200)
        seen, why = self.cut(ws)
        self.assertEqual((seen[-1], int.from_bytes(why[:2], 'big')), ('logout', 1008))
        self.assertIn(b'no longer', why)

        ws = self.subscribe(by_key)
        self.check(owner.post('%s/apikeys/%s?action=deactivate' % (path, k['id'])), 202)
        self.assertEqual(self.cut(ws)[0][-1], 'logout')

        session = self.bearer(boss_name)
        ws = self.subscribe(session, path)
        self.check(session.delete('/token/current'), 204)
        self.assertEqual(self.cut(ws)[0][-1], 'logout')

        self.check(owner.post(path + '/stacks', {'name': 'still-told'}), 201)
        stays.until(lambda m: m['name'] == 'resource.change' and m['resourceType'] == 'stack')
        self.check(self.admin.post('/accounts/%s?action=deactivate' % boss), 200)
        self.assertEqual(self.cut(stays)[0][-1], 'logout')

    def test_a_new_session_ends_older_ones_when_only_one_is_allowed(self):
        account, name = self.new_user()
        p = self.new_project([(account, 'owner')])
        self.check(self.admin.put('/settings/api.auth.restrict.concurrent.sessions', {'value': 'true'}), 200)
        self.addCleanup(self.admin.delete, '/settings/api.auth.restrict.concurrent.sessions')
        first = self.bearer(name)
        ws = self.subscribe(first, '/projects/' + p)
        second = self.bearer(name)
        self.assertEqual(self.cut(ws)[0][-1], 'logout')
        self.check(first.get('/projects'), 401)
        self.check(second.get('/projects'), 200)

    def test_a_session_ends_with_its_time(self):
        _, name = self.new_user()
        self.check(self.admin.put('/settings/api.auth.jwt.token.expiry', {'value': '60000'}), 200)
        self.addCleanup(self.admin.delete, '/settings/api.auth.jwt.token.expiry')
        self.check(self.bearer(name).get('/projects'), 200)

    def test_linked_things_come_along_and_views_have_events(self):
        s = self.check(self.admin.post(self.p + '/stacks', {'name': 'events'}), 201)
        ws = self.subscribe(self.admin, self.p, extra='&include=services&include=nonsense')
        self.check(self.admin.post(self.p + '/services', {
            'name': 'web', 'stackId': s['id'], 'scale': 1, 'startOnCreate': True,
            'launchConfig': {'imageUuid': 'sim:web', 'ports': ['8099:80/tcp']}}), 201)
        kinds = {}

        def complete(m):
            if m['name'] != 'resource.change':
                return False
            kinds.setdefault(m['resourceType'], []).append(m['data']['resource'])
            return {'port', 'serviceExposeMap', 'container', 'stack'} <= set(kinds) and \
                kinds['container'][-1]['state'] == 'running' and kinds['port'][-1]['state'] == 'active' and any(r.get('services') for r in kinds['stack'])
        ws.until(complete, 2000)
        self.assertEqual(kinds['port'][-1]['publicPort'], 8099)
        self.assertEqual([x['name'] for x in kinds['stack'][-1]['services']], ['web'])
        self.assertEqual(kinds['port'][-1]['instanceId'], kinds['container'][-1]['id'])

    def test_action_links_have_another_place_on_request(self):
        ws = self.subscribe(self.admin, self.p, extra='&_actionLinks=true')
        self.check(self.admin.post(self.p + '/stacks', {'name': 'links'}), 201)
        m = ws.until(lambda x: x['name'] == 'resource.change' and x['resourceType'] == 'stack')
        self.assertIn('remove', m['data']['resource']['actionLinks'])

    def test_a_change_is_told_once_a_second(self):
        s = self.check(self.admin.post(self.p + '/stacks', {'name': 'busy'}), 201)
        self.admin.wait('%s/stacks/%s' % (self.p, s['id']), 'active')
        ws = self.subscribe(self.admin, self.p, names='resource.*')
        began, n = time.monotonic(), 0
        while n < 40:
            self.check(self.admin.put('%s/stacks/%s' % (self.p, s['id']), {'description': 'd%d' % n}), 200)
            n += 1
        took = time.monotonic() - began
        told = []

        def last(m):
            if m['name'] == 'resource.change' and m['resourceId'] == s['id']:
                told.append(m['data']['resource']['description'])
            return told and told[-1] == 'd39'
        ws.until(last)
        self.assertLessEqual(len(told), 3 + int(took), told)

    def test_who_does_not_read_is_cut_off_with_a_reason_and_others_are_told(self):
        ws = self.subscribe(self.admin, self.p)
        good = self.subscribe(self.admin, self.p)
        names = []
        done = threading.Event()

        def read():
            while not done.is_set():
                try:
                    m = good.message()
                except (EOFError, OSError):
                    return
                if m['name'] == 'resource.change' and m['resourceType'] == 'stack':
                    names.append(m['data']['resource']['name'])
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        for i in range(220):            # 13 MB: what the kernel's buffers and the server's queue hold together is less
            self.check(self.admin.post(self.p + '/stacks', {'name': 'big%d' % i, 'environment': {'x': 'y' * 60000}}), 201)
        self.until(lambda: 'big219' in names, 'the last stack is told to who reads')
        seen, why = self.cut(ws)
        done.set()
        self.assertEqual((int.from_bytes(why[:2], 'big'), why[2:]), (1008, b'too slow'))

    def test_one_account_has_only_so_many(self):
        account, name = self.new_user()
        p = self.new_project([(account, 'owner')])
        self.check(self.admin.put('/settings/drover.subscribers.per.account.max', {'value': '2'}), 200)
        self.addCleanup(self.admin.delete, '/settings/drover.subscribers.per.account.max')
        c = self.bearer(name)
        kept = [self.subscribe(c, '/projects/' + p) for _ in range(2)]
        refused = client.WebSocket(c, '/projects/%s/subscribe?eventNames=resource.change' % p)
        self.assertEqual(refused.status, 429, refused.head)
        kept.pop().close()


class Host(wsclient.Agent):
    """Obeys, and keeps what it was told to run."""

    def __init__(self, *args):
        self.specs = {}
        super().__init__(*args)

    def obey(self, m):
        for d in m['containers']:
            if d.get('spec'):
                self.specs[d['uuid']] = d['spec']
        super().obey(m)


class Agents(World):
    """Containers with an account of their own, on a host that the test plays; tests/host/agents has real ones."""
    args = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = Host(cls.server, cls.server.admin())

    @classmethod
    def tearDownClass(cls):
        cls.host.close()
        super().tearDownClass()

    def container(self, labels, create='true', **more):
        """A running container, and the spec that its host got."""
        body = {'imageUuid': 'docker:busybox', 'labels': dict({SPEC + 'create_agent': create}, **labels)}
        body.update(more)
        c = self.check(self.admin.post(self.p + '/containers', body), 201)
        c = self.admin.wait('%s/containers/%s' % (self.p, c['id']), 'running')
        return c, self.host.specs[c['uuid']]

    def agent_of(self, c):
        rows = [a for a in self.admin.get('/agents?limit=-1').rows if a['uri'] == 'event:///instanceId=%s' % c['id'][2:]]
        return rows[0] if rows else None

    def as_role(self, env, middle=''):
        return self.server.client((env['CATTLE_%sACCESS_KEY' % middle], env['CATTLE_%sSECRET_KEY' % middle]))

    def test_without_the_label_there_is_nothing(self):
        c, spec = self.container({}, create='false')
        self.assertIsNone(self.agent_of(c))
        self.assertNotIn('CATTLE', json.dumps(spec))
        self.assertNotIn('/var/lib/rancher/etc', json.dumps(spec))

    def test_one_role_has_the_plain_names_and_the_record_does_not_tell(self):
        c, spec = self.container({SPEC + 'agent.role': 'environment, external-dns'}, environment={'OWN': 'x'})
        env, a = spec['environment'], self.agent_of(c)
        self.assertEqual(sorted(env), ['CATTLE_ACCESS_KEY', 'CATTLE_AGENT_INSTANCE_AUTH', 'CATTLE_SECRET_KEY', 'OWN'])
        pair = '%s:%s' % (env['CATTLE_ACCESS_KEY'], env['CATTLE_SECRET_KEY'])
        self.assertEqual(env['CATTLE_AGENT_INSTANCE_AUTH'], 'Basic ' + base64.b64encode(pair.encode()).decode())
        self.assertIn('/var/lib/rancher/etc:/var/lib/rancher/etc:ro', spec['dataVolumes'])
        self.assertEqual(spec['labels'][SPEC + 'agent_id'], a['id'][2:])
        self.assertEqual(a['state'], 'active')
        shown = self.admin.get('%s/containers/%s' % (self.p, c['id']))
        self.assertEqual(shown['environment'], {'OWN': 'x'})
        self.assertNotIn(env['CATTLE_SECRET_KEY'], shown.text if hasattr(shown, 'text') else repr(shown))

    def test_settings_name_the_address_and_a_label_leaves_the_mount_out(self):
        self.check(self.admin.put('/settings/api.host', {'value': 'http://192.0.2.1:8080/'}), 200)
        self.addCleanup(self.admin.delete, '/settings/api.host')
        _, spec = self.container({SPEC + 'agent.volumes_strategy': 'skip'}, environment={'CATTLE_URL': 'http://mine/v1'})
        self.assertEqual((spec['environment']['CATTLE_URL'], spec['environment']['CATTLE_CONFIG_URL']), ('http://mine/v1', 'http://192.0.2.1:8080/v1'))
        self.assertNotIn('/var/lib/rancher/etc', json.dumps(spec.get('dataVolumes', [])))

    def test_several_roles_have_a_pair_each_and_environment_admin_is_for_system_stacks(self):
        roles = {SPEC + 'agent.role': 'agent,environment,environmentAdmin'}
        _, spec = self.container(roles)
        env = spec['environment']
        self.assertEqual(sorted(k for k in env if k.endswith('_KEY')), ['CATTLE_AGENT_ACCESS_KEY', 'CATTLE_AGENT_SECRET_KEY',
                                                                        'CATTLE_ENVIRONMENT_ACCESS_KEY', 'CATTLE_ENVIRONMENT_SECRET_KEY'])
        self.assertEqual(sorted(k for k in env if k.endswith('_AUTH')), ['CATTLE_AGENT_INSTANCE_AGENT_AUTH', 'CATTLE_AGENT_INSTANCE_ENVIRONMENT_AUTH'])
        self.assertEqual(self.as_role(env, 'AGENT_').get('/agents').headers['X-API-Account-Kind'], 'agent')
        stack = self.check(self.admin.post(self.p + '/stacks', {'name': 'infra', 'system': True}), 201)
        _, spec = self.container(roles, stackId=stack['id'])
        c = self.as_role(spec['environment'], 'ENVIRONMENT_ADMIN_')
        self.assertEqual(self.check(c.get('/stacks'), 200).headers['X-API-Account-Id'], '1a5')

    def test_it_acts_in_its_environment_and_nowhere_else(self):
        other = self.new_project([('1a1', 'owner')])
        self.check(self.admin.post('/projects/%s/stacks' % other, {'name': 'foreign'}), 201)
        foreign = self.admin.get('/projects/%s/stacks' % other).rows[0]
        self.check(self.admin.post(self.p + '/stacks', {'name': 'ours'}), 201)
        _, spec = self.container({SPEC + 'agent.role': 'environment'})
        c = self.as_role(spec['environment'])
        names = [x['name'] for x in self.check(c.get('/stacks'), 200).rows]
        self.assertIn('ours', names)
        self.assertNotIn('foreign', names)
        self.check(c.get('/projects/1a5/stacks'), 200)
        self.check(c.get('/projects/%s/stacks' % other), 403)
        self.check(c.get('/stacks', headers={'X-API-Project-Id': other}), 403)
        self.check(c.get('/stacks/' + foreign['id']), 404)
        self.check(c.get('/accounts/' + other), 404)
        self.check(c.post('/publish', {'name': 'reply.x'}), 404)
        self.check(c.get('/localauthconfigs'), 404)
        ws = self.subscribe(c)
        self.check(self.admin.post('/projects/%s/stacks' % other, {'name': 'foreign2'}), 201)
        self.check(self.admin.post(self.p + '/stacks', {'name': 'ours2'}), 201)
        seen = []

        def stack(m):
            seen.append(json.dumps(m))
            return m['name'] == 'resource.change' and m['data']['resource'].get('name') == 'ours2'
        ws.until(stack)
        self.assertNotIn('foreign2', ''.join(seen))

    def test_its_keys_stay_and_go_with_the_container(self):
        c, spec = self.container({SPEC + 'agent.role': 'environment'})
        path = '%s/containers/%s' % (self.p, c['id'])
        self.check(self.admin.post(path + '?action=restart'), 202)
        self.admin.wait(path, 'running')
        self.assertEqual(self.host.specs[c['uuid']]['environment'], spec['environment'])
        by_key = self.as_role(spec['environment'])
        ws = self.subscribe(by_key)
        self.check(self.admin.delete(path), 200)
        self.assertEqual(self.cut(ws)[0][-1], 'logout')
        self.check(by_key.get('/stacks'), 401)
        self.until(lambda: self.agent_of(c) is None, 'the agent is removed')
        self.assertNotIn('agentAccount%s' % spec['labels'][SPEC + 'agent_id'], repr(self.admin.get('/accounts?limit=-1')))

    def test_its_key_is_no_hosts_key(self):
        _, spec = self.container({})
        env = spec['environment']
        basic = {'Authorization': env['CATTLE_AGENT_INSTANCE_AUTH']}
        self.assertEqual(wsclient.Socket(self.server.port, '/v3/host/connect', basic).status, 401)

    def test_a_provider_answers_what_the_server_asks_and_nobody_answers_for_another(self):
        roles = {SPEC + 'agent.role': 'agent,environment', SPEC + 'agent_service.labels_provider': 'true'}
        _, first = self.container(roles)
        _, other = self.container(dict(roles, **{SPEC + 'agent_service.labels_provider': '5'}))
        agent, stranger = self.as_role(first['environment'], 'AGENT_'), self.as_role(other['environment'], 'AGENT_')
        ws = self.subscribe(agent, names='compute.instance.providelabels')
        mute = self.subscribe(stranger, names='compute.instance.*')
        self.check(self.admin.put('/settings/eventing.timeout.millis', {'value': '60000'}), 200)
        self.addCleanup(self.admin.delete, '/settings/eventing.timeout.millis')
        c = self.check(self.admin.post(self.p + '/containers', {'imageUuid': 'docker:busybox', 'labels': {'io.kubernetes.container.name': 'POD'}}), 201)
        m = ws.until(lambda x: x['name'] == 'compute.instance.providelabels')
        self.assertEqual((m['resourceType'], m['resourceId'], m['replyTo'][:6]), ('instance', c['id'], 'reply.'))
        self.assertEqual(m['data']['instance']['data']['fields']['labels']['io.kubernetes.container.name'], 'POD')
        labels = {'instance': {'+data': {'+fields': {'+labels': {'io.rancher.stack.name': 'ns', 'answered': 'yes'}}}}}
        wrong = {'instance': {'+data': {'+fields': {'+labels': {'answered': 'by another'}}}}}
        reply = {'name': m['replyTo'], 'previousIds': [m['id']], 'resourceType': 'instance', 'resourceId': m['resourceId']}
        self.check(stranger.post('/publish', dict(reply, data=wrong)), 201)
        self.check(agent.post('/publish', {'name': 'compute.instance.providelabels'}), 403)
        self.check(agent.post('/publish', dict(reply, transitioning='yes', transitioningMessage='thinking')), 201)
        self.assertEqual(self.admin.get('%s/containers/%s' % (self.p, c['id']))['state'], 'creating')
        self.check(agent.post('/publish', dict(reply, data=labels)), 201)
        done = self.admin.wait('%s/containers/%s' % (self.p, c['id']), 'running')
        self.assertEqual((done['labels']['answered'], done['labels']['io.rancher.stack.name']), ('yes', 'ns'))
        self.check(agent.post('/publish', {'name': 'service.kubernetes.change', 'data': {}}), 201)
        mute.close()

    def test_an_answer_given_after_a_restart_of_the_server_counts(self):
        server = client.Server()
        self.addCleanup(server.close)
        server.start()
        admin = server.admin()
        host = Host(server, admin)
        self.addCleanup(lambda: host.close())
        body = {'imageUuid': 'docker:busybox', 'labels': {SPEC + 'create_agent': 'true', SPEC + 'agent_service.labels_provider': 'true'}}
        p = self.check(admin.post(self.p + '/containers', body), 201)
        p = admin.wait('%s/containers/%s' % (self.p, p['id']), 'running')
        env = host.specs[p['uuid']]['environment']
        key = (env['CATTLE_ACCESS_KEY'], env['CATTLE_SECRET_KEY'])
        ws = self.subscribe(server.client(key), names='compute.instance.providelabels')
        c = self.check(admin.post(self.p + '/containers', {'imageUuid': 'docker:busybox', 'labels': {'io.kubernetes.container.name': 'POD'}}), 201)
        m = ws.until(lambda x: x['name'] == 'compute.instance.providelabels')
        self.assertEqual(server.end(9), -9)
        host.close()
        server.start()
        host.connect()
        labels = {'instance': {'+data': {'+fields': {'+labels': {'answered': 'late'}}}}}
        self.check(server.client(key).post('/publish', {'name': m['replyTo'], 'previousIds': [m['id']], 'data': labels}), 201)
        done = server.admin().wait('%s/containers/%s' % (self.p, c['id']), 'running')
        self.assertEqual(done['labels']['answered'], 'late')


class Audit(World):
    def rows(self, c, query=''):
        return self.check(c.get('/auditlogs?sort=id&order=desc&limit=200' + query), 200).rows

    def test_changes_are_written_down_with_who_where_and_what_but_no_secrets(self):
        s = self.check(self.admin.post(self.p + '/stacks', {'name': 'audited'}, headers={'X-Forwarded-For': '192.0.2.7'}), 201)
        self.check(self.admin.put('%s/stacks/%s' % (self.p, s['id']), {'description': 'now'}), 200)
        self.check(self.admin.post('%s/stacks/%s?action=deactivateservices' % (self.p, s['id'])), 200)
        self.check(self.admin.get('%s/stacks/%s' % (self.p, s['id'])), 200)
        self.check(self.admin.delete('%s/stacks/%s' % (self.p, s['id'])), 200)
        rows = self.rows(self.admin, '&resourceType=stack&resourceId=' + s['id'])
        self.assertEqual([r['eventType'] for r in rows], ['api.stack.delete', 'api.stack.deactivateservices', 'api.stack.update', 'api.stack.create'])
        first = rows[-1]
        self.assertEqual((first['clientIp'], first['responseCode'], first['authType'], first['authenticatedAsAccountId'], first['accountId']),
                         ('192.0.2.7', 201, 'BasicAuth', '1a1', '1a5'))
        self.assertEqual(json.loads(first['requestObject']), {'name': 'audited'})
        self.assertEqual(first['authenticatedAsIdentityId'], '1i!rancher_id:1a1')
        self.assertTrue(first['created'])
        who = self.check(self.admin.get('/auditlogs/%s/authenticatedasidentity' % first['id']), 200)
        self.assertEqual((who['type'], who['id']), ('identity', '1i!rancher_id:1a1'))
        other = self.check(self.admin.post(self.p + '/stacks', {'name': 'kept'}), 201)
        row = self.rows(self.admin, '&resourceType=stack&resourceId=' + other['id'])[0]
        self.assertEqual(self.check(self.admin.get('/auditlogs/%s/resource' % row['id']), 200)['id'], other['id'])
        k, _ = self.key(self.admin, self.p)
        _, name = self.new_user(secret='sehr geheim')
        p = self.check(self.admin.post(self.p + '/containers', {'imageUuid': 'sim:x', 'environment': {'DB_PASSWORD': 'hush-hush'}}), 201)
        self.assertTrue(p)
        text = json.dumps(self.rows(self.admin))
        for secret in (k['secretValue'], 'sehr geheim', 'hush-hush'):
            self.assertNotIn(secret, text)
        self.assertIn('DB_PASSWORD', text)

    def test_refused_changes_and_logins_are_written_down_too(self):
        account, name = self.new_user()
        self.check(self.server.client().post('/token', {'code': name + ':falsch'}), 401)
        c = self.bearer(name)
        self.check(c.post(self.p + '/stacks', {'name': 'x'}), 403)
        self.check(c.post('/projects', {'members': [{'role': 'owner'}]}), 400)
        rows = self.rows(self.admin)
        logins = [r for r in rows if r['eventType'] == 'api.token.create' and name in (r['description'] or '')]
        self.assertEqual([r['responseCode'] for r in logins], [201, 401])
        self.assertEqual(logins[0]['authenticatedAsAccountId'], account)
        self.assertNotIn('falsch', json.dumps(rows))
        mine = [r['eventType'] for r in self.rows(c)]
        self.assertIn('api.environment.create', mine)
        self.assertTrue(all(r['accountId'] == account for r in self.rows(c)))

    def test_an_environment_sees_its_own_rows_only(self):
        account, name = self.new_user()
        p = self.new_project([(account, 'owner')])
        c = self.bearer(name)
        self.check(self.admin.post(self.p + '/stacks', {'name': 'not-theirs'}), 201)
        self.check(c.post('/projects/%s/stacks' % p, {'name': 'theirs'}), 201)
        rows = self.check(c.get('/projects/%s/auditlogs?limit=100' % p), 200).rows
        self.assertEqual([r['eventType'] for r in rows], ['api.stack.create'])
        foreign = self.rows(self.admin, '&eventType=api.stack.create&accountId=1a5')[0]
        self.check(c.get('/projects/%s/auditlogs/%s' % (p, foreign['id'])), 404)

    def test_old_rows_go(self):
        self.check(self.admin.post(self.p + '/stacks', {'name': 'old'}), 201)
        self.assertTrue(len(self.rows(self.admin)) > 1)
        self.check(self.admin.put('/settings/audit_log.purge.after.seconds', {'value': '0'}), 200)
        self.addCleanup(self.admin.delete, '/settings/audit_log.purge.after.seconds')
        task = [t for t in self.admin.get('/tasks').rows if t['name'] == 'purge.resources'][0]
        end = time.monotonic() + WAIT_S
        while len(self.rows(self.admin)) > 2 and time.monotonic() < end:
            self.check(self.admin.post('/tasks/%s?action=execute' % task['id']), 200)
            threading.Event().wait(0.2)
        self.assertLessEqual(len(self.rows(self.admin)), 2)


if __name__ == '__main__':
    unittest.main()
