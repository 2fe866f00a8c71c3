"""Who gets in, and as what: keys, sessions, registration tokens, projects (spec api.md 2)."""
import base64
import os
import stat
import unittest

import client


class Auth(client.Case):
    def new_user(self, name, kind='user', secret='pass word é'):
        a = self.check(self.admin.post('/accounts', {'name': name, 'kind': kind}), 201)
        self.admin.wait('/accounts/' + a['id'], 'active')
        p = self.check(self.admin.post('/passwords', {'publicValue': name, 'secretValue': secret, 'accountId': a['id']}), 201)
        self.admin.wait('/passwords/' + p['id'], 'active')
        return a['id'], p['id']

    def login(self, name, secret):
        return self.server.client().post('/token', {'code': '%s:%s' % (name, secret)})

    def bearer(self, jwt, **kw):
        return self.server.client(headers={'Authorization': 'Bearer ' + jwt}, **kw)

    def test_the_first_start_writes_keys_that_only_root_reads_and_the_log_does_not_tell(self):
        path = os.path.join(self.server.data, 'admin.json')
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        a = self.server.admin_file()
        self.assertEqual(sorted(a), ['accessKey', 'password', 'secretKey', 'url', 'username'])
        self.assertEqual(a['url'], 'http://127.0.0.1:%d' % self.server.port)
        for secret in (a['password'], a['secretKey']):
            self.assertNotIn(secret, self.server.log())
            with open(os.path.join(self.server.data, 'drover.db'), 'rb') as db, open(os.path.join(self.server.data, 'drover.db-wal'), 'rb') as wal:
                self.assertNotIn(secret.encode(), db.read() + wal.read())

    def test_without_keys_the_answer_is_401_with_a_challenge_unless_it_is_not_wanted(self):
        c = self.server.client()
        a = self.check(c.get('/projects'), 401, 'Unauthorized')
        self.assertEqual(a.headers['WWW-Authenticate'], 'Basic realm="Enter API access key and secret key as username and password"')
        self.assertTrue(a.headers['X-API-Schemas'].endswith('/v2-beta/schemas'))
        self.assertIsNone(self.check(c.get('/projects', headers={'X-API-No-Challenge': 'true'}), 401).headers['WWW-Authenticate'])
        self.check(c.raw('GET', '/ping'), 200)

    def test_wrong_keys_are_401(self):
        a = self.server.admin_file()
        for key in ((a['accessKey'], 'x'), ('x', a['secretKey']), (a['accessKey'], ''), ('registrationToken', 'x:1:y')):
            self.check(self.server.client(key).get('/projects'), 401)

    def test_the_administrator_key_is_admin_outside_and_owner_inside_a_project(self):
        a = self.check(self.admin.get('/projects'), 200)
        self.assertEqual(a.headers['X-API-User-Id'], '1a1')
        self.assertEqual(a.headers['X-API-Account-Kind'], 'admin')
        a = self.check(self.admin.get(self.p + '/stacks'), 200)
        self.assertEqual(a.headers['X-API-Account-Id'], '1a5')

    def test_a_key_stops_working_when_it_is_deactivated(self):
        k = self.check(self.admin.post('/apikeys', {'name': 'k'}), 201)
        key = (k['publicValue'], k['secretValue'])
        self.admin.wait('/apikeys/' + k['id'], 'active')
        self.check(self.server.client(key).get('/projects'), 200)
        self.check(self.admin.post('/apikeys/%s?action=deactivate' % k['id']), 202)
        self.admin.wait('/apikeys/' + k['id'], 'inactive')
        self.check(self.server.client(key).get('/projects'), 401)
        self.check(self.admin.delete('/apikeys/' + k['id']), 200)
        self.admin.wait('/apikeys/' + k['id'], 'removed')
        self.check(self.server.client(key).get('/projects'), 401)

    def test_an_environment_key_sees_its_environment_only(self):
        other = self.check(self.admin.post('/projects', {'name': 'other'}), 201)['id']
        self.admin.wait('/projects/' + other, 'active')
        k = self.check(self.admin.post(self.p + '/apikeys', {'name': 'env'}), 201)
        self.admin.wait(self.p + '/apikeys/' + k['id'], 'active')
        env = self.server.client((k['publicValue'], k['secretValue']))
        stack = self.check(self.admin.post('/projects/%s/stacks' % other, {'name': 'theirs'}), 201)['id']
        own = self.check(env.post('/stacks', {'name': 'ours'}), 201)
        self.assertEqual(own['accountId'], '1a5')
        self.check(env.get('/stacks/' + stack), 404)
        self.check(env.get(self.p + '/stacks/' + stack), 404)
        self.check(env.put('/stacks/' + stack, {'name': 'mine'}), 404)
        self.check(env.delete('/stacks/' + stack), 404)
        self.check(env.post('/stacks/%s?action=activateservices' % stack), 404)
        self.check(env.get('/projects/%s/stacks' % other), 403)
        self.check(env.post('/services', {'name': 'x', 'stackId': stack, 'launchConfig': {'imageUuid': 'docker:x'}}), 422, 'InvalidReference', 'stackId')
        self.assertEqual([r['name'] for r in env.get('/stacks').rows if r['id'] == stack], [])
        self.check(env.post('/projects', {'name': 'n'}), 405)

    def test_a_login_gives_a_session_that_ends_with_logout(self):
        self.new_user('anna')
        t = self.check(self.login('ANNA', 'pass word é'), 201)
        self.assertEqual((t['type'], t['user'], t['userType'], t['security']), ('token', 'anna', 'user', True))
        self.assertEqual(t['userIdentity']['externalIdType'], 'rancher_id')
        for c in (self.bearer(t['jwt']), self.server.client(headers={'Cookie': 'a=b; token=' + t['jwt']}),
                  self.server.client(headers={'Authorization': t['jwt']}), self.server.client(('X-API-BEARER', t['jwt']))):
            self.assertEqual(self.check(c.get('/projects'), 200).headers['X-API-Account-Name'], 'anna')
        c = self.bearer(t['jwt'])
        self.assertEqual(c.get('/token').rows[0]['user'], 'anna')
        self.assertIsNone(self.server.client().get('/token').rows[0]['user'])
        a = self.check(c.delete('/token/current'), 204)
        self.assertIn('token=;', a.headers['Set-Cookie'])
        self.check(c.get('/projects'), 401)

    def test_a_first_login_without_environment_gets_one_of_its_own(self):
        self.new_user('berta')
        t = self.check(self.login('berta', 'pass word é'), 201)
        c = self.bearer(t['jwt'])
        rows = c.get('/projects').rows
        self.assertEqual([r['name'] for r in rows], ['berta-Default'])
        c.wait('/projects/' + rows[0]['id'], 'active')
        self.assertEqual(self.check(c.get('/projects/%s/stacks' % rows[0]['id']), 200).headers['X-API-Account-Id'], rows[0]['id'])
        self.check(c.get(self.p + '/stacks'), 403)
        self.check(self.server.client(('X-API-BEARER=' + rows[0]['id'], t['jwt'])).get('/stacks'), 200)

    def test_wrong_logins(self):
        self.new_user('carl')
        self.check(self.login('carl', 'wrong'), 401)
        self.check(self.login('nobody', 'wrong'), 401)
        self.check(self.server.client().post('/token', {'code': 'nocolon'}), 403)
        self.check(self.server.client().post('/token', {}), 422, 'MissingRequired', 'code')

    def test_changed_passwords_end_sessions_and_need_the_old_one(self):
        account, password = self.new_user('dora', secret='one')
        t = self.check(self.login('dora', 'one'), 201)
        c = self.bearer(t['jwt'])
        path = '/passwords/%s?action=changesecret' % password
        self.check(c.post(path, {'oldSecret': 'no', 'newSecret': 'two'}), 400, 'InvalidOldPassword')
        self.check(c.post(path, {'oldSecret': 'one', 'newSecret': 'two'}), 200)
        self.check(c.get('/projects'), 401)
        self.check(self.login('dora', 'one'), 401)
        self.check(self.login('dora', 'two'), 201)
        self.check(self.admin.post(path, {'oldSecret': '?', 'newSecret': 'three'}), 200)
        self.check(self.login('dora', 'three'), 201)

    def test_a_login_name_is_unique_without_case(self):
        account, _ = self.new_user('emil')
        self.check(self.admin.post('/passwords', {'publicValue': 'EMIL', 'secretValue': 'x', 'accountId': account}), 422, 'NotUnique', 'publicValue')

    def test_an_inactive_account_has_no_way_in(self):
        account, _ = self.new_user('fred')
        jwt = self.check(self.login('fred', 'pass word é'), 201)['jwt']
        self.check(self.admin.post('/accounts/%s?action=deactivate' % account), 200)
        self.admin.wait('/accounts/' + account, 'inactive')
        self.check(self.bearer(jwt).get('/projects'), 401)
        self.check(self.login('fred', 'pass word é'), 401)

    def test_the_last_administrator_stays(self):
        self.check(self.admin.post('/accounts/1a1?action=deactivate'), 405, 'LastAdminAccount')
        self.check(self.admin.put('/accounts/1a1', {'kind': 'user'}), 405, 'LastAdminAccount')
        self.check(self.admin.delete('/accounts/1a1'), 405, 'LastAdminAccount')

    def test_members_have_the_role_of_their_environment(self):
        account, _ = self.new_user('gerd')
        t = self.check(self.login('gerd', 'pass word é'), 201)
        c = self.bearer(t['jwt'])
        p = self.check(self.admin.post('/projects', {'name': 'shared', 'members': [
            {'externalId': '1a1', 'externalIdType': 'rancher_id', 'role': 'owner'},
            {'externalId': account, 'externalIdType': 'rancher_id', 'role': 'readonly'}]}), 201)['id']
        self.admin.wait('/projects/' + p, 'active')
        self.check(c.get('/projects/%s/stacks' % p), 200)
        self.check(c.post('/projects/%s/stacks' % p, {'name': 'no'}), 405)
        self.check(c.put('/projects/' + p, {'name': 'mine'}), 403)
        self.assertEqual(sorted(m['role'] for m in self.admin.get('/projects/%s/projectmembers' % p).rows), ['owner', 'readonly'])
        self.check(self.admin.post('/projects/%s?action=setmembers' % p, {'members': [
            {'externalId': account, 'externalIdType': 'rancher_id', 'role': 'owner'}]}), 200)
        self.check(c.post('/projects/%s/stacks' % p, {'name': 'yes'}), 201)
        self.check(self.admin.post('/projects', {'name': 'nobody', 'members': [
            {'externalId': account, 'externalIdType': 'rancher_id', 'role': 'member'}]}), 400)

    def test_identities_are_found_by_name_and_id(self):
        account, _ = self.new_user('hugo')
        a = self.check(self.admin.get('/identities?name=hugo'), 200)
        self.assertEqual([r['externalId'] for r in a.rows], [account])
        one = self.check(self.admin.get('/identities/1i!rancher_id:' + account), 200)
        self.assertEqual((one['id'], one['login']), ('1i!rancher_id:' + account, 'hugo'))
        self.check(self.admin.get('/identities/1i!rancher_id:1a9999'), 404)
        self.assertIn(account, [r['externalId'] for r in self.admin.get('/identities?all=UG').rows])

    def test_a_browser_that_sends_the_cookie_must_repeat_it(self):
        a = self.server.admin_file()
        c = self.server.client((a['accessKey'], a['secretKey']), agent='Mozilla/5.0', headers={'Cookie': 'CSRF=0123456789', 'Accept': 'application/json'})
        self.check(c.post(self.p + '/stacks', {'name': 'csrf'}), 403, 'InvalidCSRFToken')
        self.check(c.post(self.p + '/stacks', {'name': 'csrf'}, headers={'X-API-CSRF': '0123456789'}), 201)


class Registration(client.Case):
    def token(self):
        t = self.check(self.admin.post(self.p + '/registrationtokens'), 201)
        return self.admin.wait(self.p + '/registrationtokens/' + t['id'], 'active')

    def test_a_token_says_how_to_join(self):
        t = self.token()
        base = 'http://127.0.0.1:%d' % self.server.port
        self.assertEqual(t['command'], "curl -fsSL '%s/v1/scripts/%s/join' | sudo sh" % (base, t['token']))
        self.assertEqual(t['registrationUrl'], '%s/v2-beta/projects/1a5/scripts/%s' % (base, t['token']))
        self.assertEqual(t['links']['registrationUrl'], t['registrationUrl'])
        self.assertTrue(t['image'].startswith('rancher/agent:'))
        for hidden in ('publicValue', 'secretValue'):
            self.assertNotIn(hidden, t.body)
        script = self.check(self.server.client().raw('GET', '/v1/scripts/' + t['token']), 200).raw
        self.assertTrue(script.startswith('#!/bin/sh'))
        self.assertIn('export CATTLE_REGISTRATION_ACCESS_KEY="registrationToken"', script)
        self.assertIn('export CATTLE_REGISTRATION_SECRET_KEY="%s"' % t['token'], script)
        self.check(self.server.client().raw('GET', '/v1/scripts/' + t['token'] + 'x'), 404)

    def test_settings_change_the_address_and_the_form(self):
        self.check(self.admin.put('/settings/api.host', {'value': 'http://192.0.2.1:8080/'}), 200)
        self.check(self.admin.put('/settings/docker.register.command', {'value': 'sudo docker run %s%s %s 100%'}), 200)
        try:
            t = self.token()
            self.assertEqual(t['registrationUrl'], 'http://192.0.2.1:8080/v1/scripts/' + t['token'])
            self.assertEqual(t['command'], 'sudo docker run %s %s 100%%' % (t['image'], t['registrationUrl']))
        finally:
            self.check(self.admin.delete('/settings/api.host'), 200)
            self.check(self.admin.delete('/settings/docker.register.command'), 200)

    def register(self, c, key):
        r = self.check(c.post('/register', {'key': key}), 201)
        for name in ('key', 'accessKey', 'secretKey'):
            self.assertIsNone(r[name])
        c.wait('/register/' + r['id'], 'active')
        return self.check(c.get('/register?key=' + key), 200).rows

    def test_a_host_gets_its_keys_by_its_own_key_only(self):
        c = self.server.client(('registrationToken', self.token()['token']), '/v1')
        key = os.urandom(64).hex()
        self.assertEqual(self.check(c.get('/register?key=' + key), 200).rows, [])
        self.check(c.post('/register', {}), 422, 'MissingRequired', 'key')
        row = self.register(c, key)[0]
        self.assertEqual(row['key'], key)
        self.assertEqual((len(row['accessKey']), len(row['secretKey'])), (20, 40))
        for query in ('', '?key_prefix=' + key[:4], '?key_notnull=1', '?key=' + os.urandom(64).hex(), '?sort=key'):
            for r in c.get('/register' + query).rows:
                self.assertEqual((r['key'], r['accessKey'], r['secretKey']), (None, None, None), query)
        self.assertEqual(c.get('/register?key_prefix=' + key[:4]).rows, [])
        again = self.register(c, key)
        self.assertEqual({(r['accessKey'], r['secretKey']) for r in again}, {(row['accessKey'], row['secretKey'])})
        agent = self.server.client((row['accessKey'], row['secretKey']))
        a = self.check(agent.get('/agents'), 200)
        self.assertEqual(a.headers['X-API-Account-Kind'], 'agent')
        self.assertEqual(len(a.rows), 1)
        self.check(agent.get(self.p + '/containers'), 403)

    def test_a_registration_token_sees_nothing_but_registrations(self):
        c = self.server.client(('registrationToken', self.token()['token']))
        for path in ('/containers', '/projects', '/registrationtokens', '/apikeys', '/settings'):
            self.check(c.get(path), 404)

    def test_a_removed_agent_loses_its_key_and_its_host_may_register_again(self):
        c = self.server.client(('registrationToken', self.token()['token']))
        key = os.urandom(64).hex()
        row = self.register(c, key)[0]
        agent = self.server.client((row['accessKey'], row['secretKey']))
        agent_id = agent.get('/agents').rows[0]['id']
        self.admin.wait('/agents/' + agent_id, 'active')
        self.check(self.admin.delete('/agents/' + agent_id), 200)
        self.admin.wait('/agents/' + agent_id, 'removed')
        self.check(agent.get('/agents'), 401)
        self.assertNotEqual(self.register(c, key)[0]['accessKey'], row['accessKey'])

    def test_a_token_ends_with_its_credential(self):
        t = self.token()
        self.check(self.admin.post(self.p + '/registrationtokens/%s?action=deactivate' % t['id']), 202)
        self.admin.wait(self.p + '/registrationtokens/' + t['id'], 'inactive')
        self.check(self.server.client(('registrationToken', t['token'])).get('/register'), 401)
        self.check(self.server.client().raw('GET', '/v1/scripts/' + t['token']), 404)


class Failures(client.Case):
    def test_many_wrong_logins_are_slowed_down_but_keys_go_on(self):
        codes = [self.server.client().post('/token', {'code': 'admin:%d' % i}).status for i in range(40)]
        self.assertEqual(codes[0], 401)
        self.assertIn(429, codes)
        self.assertEqual(self.server.client(('a', 'b')).get('/projects').status, 429)
        self.check(self.admin.get('/projects'), 200)


class NoAuth(client.Case):
    args = ('--no-auth',)

    def test_everybody_is_the_administrator_until_it_is_turned_on(self):
        c = self.server.client()
        self.assertFalse(os.path.exists(os.path.join(self.server.data, 'admin.json')))
        t = self.check(c.get('/token'), 200).rows[0]
        self.assertEqual((t['security'], t['enabled'], t['user']), (False, False, None))
        self.assertEqual(c.get('/settings/api.security.enabled')['activeValue'], 'false')
        for key in (None, ('wrong', 'key')):
            a = self.check(self.server.client(key).get('/projects'), 200)
            self.assertEqual((a.headers['X-API-User-Id'], [r['id'] for r in a.rows]), ('1a1', ['1a5']))
        a = self.check(self.server.client(('wrong', 'key'), headers={'X-ENFORCE-AUTHENTICATION': 'true'}).get('/projects'), 401)
        self.assertIsNone(a.headers['WWW-Authenticate'])
        self.check(c.post('/token', {'code': 'a:b'}), 500, 'NoAuthProvider')
        config = {'username': 'root', 'password': 'secret', 'enabled': True}
        a = self.check(c.post('/localauthconfig', config), 201)
        self.assertEqual((a['enabled'], a['accessMode'], a['password']), (True, 'unrestricted', ''))
        self.check(c.get('/projects'), 401)
        t = self.check(c.post('/token', {'code': 'root:secret'}), 201)
        admin = self.server.client(headers={'Authorization': 'Bearer ' + t['jwt']})
        self.assertEqual(self.check(admin.get('/projects'), 200).headers['X-API-Account-Kind'], 'admin')
        self.check(admin.post('/localauthconfig', {'username': 'root', 'password': 'wrong', 'enabled': True}), 401, 'IncorrectPassword')
        self.check(admin.post('/localauthconfig', {'username': '', 'password': '', 'enabled': False}), 201)
        self.check(self.server.client().get('/projects'), 200)


if __name__ == '__main__':
    client.main()
