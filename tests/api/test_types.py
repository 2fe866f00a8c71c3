"""Types beyond stacks, services and containers: what each checks, keeps and causes; every error code of api.md 1.7; every page in a browser."""
import base64
import io
import json
import re
import subprocess
import tempfile
import unittest
import zipfile

import client
import wsclient

LAUNCH = {'imageUuid': 'docker:busybox'}
BROWSER = {'User-Agent': 'Mozilla/5.0', 'Accept': 'text/html,*/*'}

# api.md 1.7, all of it
CODES = '''MissingRequired NotNullable InvalidOption InvalidFormat InvalidDateFormat InvalidReference NotUnique MinLengthExceeded MaxLengthExceeded
MinLimitExceeded MaxLimitExceeded InvalidCharacters InvalidAction ActionNotAvailable InvalidState InvalidBodyContent InvalidCSRFToken Forbidden
PortWrongFormat PortInvalidPublicPort PortInvalidPrivatePort PortInvalidProtocol DriverConfigExactlyOneRequired DRIVER_IN_USE ServerAddressUsed
EmptySecret InvalidBase64 LastAdminAccount UsernameIsTaken IncorrectPassword UserCredentialCreation InvalidOldPassword NoAuthProvider codeInvalid
JWTNotProvided AuthProviderChanged AuthError MultipleOfUsername MultipleKeys CantVerifyAgent CantVerifyHealthcheck TooManyContainerEvents
HostApiProxyDisabled CantConstructUrl CertGenerationFailed CertCreationError InvalidImageInstanceKind'''.split()

# Codes that no request reaches yet, and why.
NOT_REACHABLE = {
    'UsernameIsTaken': 'two administrators that enable local access control at once: logins are unique before, so NotUnique comes first',
    'UserCredentialCreation': 'storing a login fails with the store, which answers StoreFailed',
    'codeInvalid': 'only external providers of logins hand out codes',
    'JWTNotProvided': 'only external providers of logins check it',
    'AuthProviderChanged': 'there is one provider, so it does not change',
    'MultipleOfUsername': 'logins are unique',
    'MultipleKeys': 'only external providers of logins have several',
    'CantConstructUrl': 'the server knows its own address whenever a request reached it',
    'CertGenerationFailed': 'only when OpenSSL fails',
    'CertCreationError': 'only when OpenSSL fails',
    'InvalidImageInstanceKind': 'images of one kind of instance only are upstream\'s virtual machines of old',
    'TooManyContainerEvents': 'events are done as they come, so 150 of one host do not wait',
    'DRIVER_IN_USE': 'in test_drivers_in_use_stay: needs more than one request',
    'HostApiProxyDisabled': 'in test_streams.py: needs a setting of the whole server',
    'NoAuthProvider': 'in test_no_provider: needs a setting of the whole server',
    'IncorrectPassword': 'in test_auth.py: needs a login',
    'InvalidOldPassword': 'in test_auth.py: needs a login',
    'AuthError': 'in test_auth.py: needs a login',
}


def certificate(name):
    with tempfile.TemporaryDirectory() as d:
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '9', '-subj', '/CN=' + name,
                        '-keyout', d + '/k', '-out', d + '/c'], check=True, capture_output=True, timeout=client.WAIT_S)
        with open(d + '/c') as c, open(d + '/k') as k:
            return c.read(), k.read()


class Silent(wsclient.Agent):
    """Does what it is told until it is to be silent."""
    silent = False

    def obey(self, m):
        if not self.silent:
            super().obey(m)


class Types(client.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        a = cls.server.admin()
        stack = a.post(cls.p + '/stacks', {'name': 'types'})
        service = a.post(cls.p + '/services', {'name': 'first', 'stackId': stack['id'], 'launchConfig': LAUNCH})
        registry = a.post(cls.p + '/registries', {'serverAddress': 'taken.example:5000'})
        a.post(cls.p + '/secrets', {'name': 'taken', 'value': 'YQ=='})
        a.post('/userpreferences', {'name': 'taken', 'value': '1'})
        template = a.post(cls.p + '/volumetemplates', {'name': 'taken', 'stackId': stack['id']})
        driver = a.post(cls.p + '/storagedriverservices', {'name': 'drv', 'stackId': stack['id'], 'launchConfig': LAUNCH, 'storageDriver': {'name': 'drv'}})
        cls.restricted, cls.readonly = (cls.key_of(a, 'types-' + role, role) for role in ('restricted', 'readonly'))
        agent = Silent(cls.server, a, 'types-host')
        cls.agent = agent
        cls.names = {'p': cls.p, 'stack': stack['id'], 'service': service['id'], 'registry': registry['id'], 'template': template['id'],
                     'driver': driver['id']}

    @classmethod
    def key_of(cls, a, name, role):
        """The key of a new account that is a member of the environment."""
        account = a.post('/accounts', {'name': name, 'kind': 'user'})['id']
        a.wait('/accounts/' + account, 'active')
        key = a.post('/apikeys', {'accountId': account})
        a.wait('/apikeys/' + key['id'], 'active')
        members = [{k: m[k] for k in ('externalIdType', 'externalId', 'role')} for m in a.get(cls.p + '/projectmembers').rows]
        a.post(cls.p + '/?action=setmembers', {'members': members + [{'externalIdType': 'rancher_id', 'externalId': account, 'role': role}]})
        return key['publicValue'], key['secretValue']

    @classmethod
    def tearDownClass(cls):
        cls.agent.close()
        super().tearDownClass()

    def role(self, name):
        c = self.server.admin()

        def ask(method, path, body=None, headers=None):
            return client.Client.ask(c, method, path + ('&' if '?' in path else '?') + '_role=' + name, body, headers)
        c.ask = ask
        return c

    def post(self, what, body, status=201, code=None, field=None, who=None):
        return self.check((who or self.admin).post(self.p + '/' + what, body), status, code, field)

    def lb(self, name, rule, **more):
        return {'name': name, 'stackId': self.names['stack'], 'launchConfig': dict(LAUNCH, **more), 'lbConfig': {'portRules': [rule]}}

    # ---- every code ----
    def rows(self):
        n, s = self.names, self.names['service']
        svc = lambda **x: dict({'name': 'x', 'stackId': n['stack'], 'launchConfig': LAUNCH}, **x)           # noqa: E731
        lb = lambda **x: self.lb('x', x)                                                                     # noqa: E731
        ports = lambda p: svc(launchConfig=dict(LAUNCH, ports=[p]))                                          # noqa: E731
        here, admin = self.p, None
        return [
            # code, status, fieldName, method, path, body, who
            ('MissingRequired', 422, 'name', 'POST', here + '/stacks', {}, admin),
            ('MissingRequired', 422, 'serverAddress', 'POST', here + '/registries', {}, admin),
            ('MissingRequired', 422, 'url', 'POST', '/machinedrivers', {}, admin),
            ('MissingRequired', 422, 'sourcePort', 'POST', here + '/loadbalancerservices', lb(serviceId=s, targetPort=1), admin),
            ('MissingRequired', 422, 'serviceId', 'POST', here + '/loadbalancerservices', lb(sourcePort=80), admin),
            ('MissingRequired', 422, 'targetPort', 'POST', here + '/loadbalancerservices', lb(sourcePort=80, serviceId=s), admin),
            ('MissingRequired', 422, 'environment', 'POST', here + '/loadbalancerservices', lb(sourcePort=80, selector='a=b', region='r'), admin),
            ('MissingRequired', 422, 'processConfigs', 'POST', '/externalhandlers', {'name': 'x'}, admin),
            ('MissingRequired', 422, 'name', 'POST', here + '/machines', {}, admin),
            ('MissingRequired', 422, 'roles', 'POST', '/dynamicschemas', {'name': 'x', 'definition': '{}'}, 'service'),
            ('InvalidFormat', 422, 'definition', 'POST', '/dynamicschemas', {'name': 'x', 'definition': '{', 'roles': ['owner']}, 'service'),
            ('NotNullable', 422, 'name', 'POST', here + '/backuptargets', {'name': None}, admin),
            ('InvalidOption', 422, 'launchConfig', 'POST', here + '/services', svc(launchConfig={}), admin),
            ('InvalidOption', 422, 'sourcePort', 'POST', here + '/loadbalancerservices', lb(sourcePort=42, serviceId=s, targetPort=1), admin),
            ('InvalidOption', 422, 'serviceId', 'POST', here + '/loadbalancerservices', lb(sourcePort=80, serviceId=s, selector='a=b', targetPort=1), admin),
            ('InvalidOption', 422, 'protocol', 'POST', here + '/loadbalancerservices', lb(sourcePort=80, serviceId=s, targetPort=1, protocol='smoke'), admin),
            ('InvalidOption', 422, 'hostname', 'POST', here + '/externalservices',
             {'name': 'x', 'stackId': n['stack'], 'hostname': 'h', 'externalIpAddresses': ['192.0.2.1']}, admin),
            ('InvalidFormat', 422, None, 'POST', here + '/services', svc(scale='many'), admin),
            ('InvalidFormat', 422, 'cert', 'POST', here + '/certificates', {'name': 'x', 'cert': 'no', 'key': 'no'}, admin),
            ('InvalidFormat', 422, 'selectorLink', 'POST', here + '/services', svc(selectorLink='a=b=c,,'), admin),
            ('InvalidFormat', 400, None, 'POST', '/projects', {'name': 'x', 'members': [{'role': 'owner'}]}, admin),
            ('InvalidReference', 422, 'stackId', 'POST', here + '/services', svc(stackId='1st999'), admin),
            ('InvalidReference', 422, 'registryId', 'POST', here + '/registrycredentials',
             {'registryId': '1sp999', 'publicValue': 'x', 'secretValue': 'y'}, admin),
            ('InvalidReference', 422, 'serviceId', 'POST', here + '/loadbalancerservices', lb(sourcePort=80, serviceId='1s999', targetPort=1), admin),
            ('InvalidReference', 422, 'hostId', 'POST', here + '/externalhostevents', {'eventType': 'host.evacuate', 'hostId': '1h999'}, admin),
            ('InvalidReference', 422, 'serviceId', 'POST', '%s/services/%s?action=removeservicelink' % (here, s), {'serviceLink': {'serviceId': s}}, admin),
            ('InvalidReference', 422, 'imageUuid', 'POST', here + '/containers', {'imageUuid': 'docker:UPPER/case'}, admin),
            ('NotUnique', 422, 'name', 'POST', here + '/services', svc(name='first'), admin),
            ('NotUnique', 422, 'name', 'POST', here + '/volumetemplates', {'name': 'taken', 'stackId': n['stack']}, admin),
            ('NotUnique', 422, 'publicValue', 'POST', '/userpreferences', {'name': 'taken', 'value': '2'}, admin),
            ('MinLengthExceeded', 422, 'name', 'POST', here + '/backuptargets', {'name': ''}, admin),
            ('MaxLengthExceeded', 422, 'name', 'POST', here + '/services', svc(name='a' * 64), admin),
            ('MinLimitExceeded', 422, 'priority', 'POST', here + '/loadbalancerservices', lb(sourcePort=80, serviceId=s, targetPort=1, priority=0), admin),
            ('MinLimitExceeded', 422, 'timeoutMillis', 'POST', '/externalhandlers', {'timeoutMillis': 1, 'processConfigs': [{'name': 'a', 'onError': ''}]}, admin),
            ('MaxLimitExceeded', 422, 'sourcePort', 'POST', here + '/loadbalancerservices', lb(sourcePort=65536, serviceId=s, targetPort=1), admin),
            ('MaxLimitExceeded', 422, 'metadata', 'POST', here + '/services', svc(metadata={'a': 'x' * (1 << 20)}), admin),
            ('InvalidCharacters', 422, 'name', 'POST', here + '/backuptargets', {'name': 'a b'}, admin),
            ('InvalidCharacters', 422, 'name', 'POST', here + '/externalservices', {'name': 'a--b', 'stackId': n['stack'], 'hostname': 'h'}, admin),
            ('InvalidAction', 422, 'action', 'POST', '%s/registries/%s?action=fly' % (here, n['registry']), {}, admin),
            ('ActionNotAvailable', 422, 'action', 'POST', '%s/volumetemplates/%s?action=create' % (here, n['template']), {}, admin),
            ('InvalidState', 422, 'stackId', 'POST', here + '/services', 'gone stack', admin),
            ('InvalidBodyContent', 400, None, 'POST', here + '/genericobjects', '{', admin),
            ('InvalidCSRFToken', 403, None, 'POST', here + '/genericobjects?_format=json', {}, 'browser'),
            ('Forbidden', 403, None, 'POST', here + '/hosttemplates', {'name': 'x', 'driver': 'x'}, 'restricted'),
            ('Forbidden', 403, None, 'POST', here + '/storagedriverservices', svc(storageDriver={'name': 'x'}), 'restricted'),
            ('PortWrongFormat', 422, None, 'POST', here + '/services', ports('a:b:c:d'), admin),
            ('PortInvalidPublicPort', 422, None, 'POST', here + '/services', ports('99999:80'), admin),
            ('PortInvalidPrivatePort', 422, None, 'POST', here + '/services', ports('80:99999'), admin),
            ('PortInvalidProtocol', 422, None, 'POST', here + '/services', ports('80:80/smoke'), admin),
            ('DriverConfigExactlyOneRequired', 422, None, 'POST', here + '/machines', {'name': 'x'}, admin),
            ('DriverConfigExactlyOneRequired', 422, None, 'POST', '/hosts', {'hostname': 'x'}, 'superadmin'),
            ('ServerAddressUsed', 400, None, 'POST', here + '/registries', {'serverAddress': 'taken.example:5000'}, admin),
            ('EmptySecret', 422, 'value', 'POST', here + '/secrets', {'name': 'x', 'value': ''}, admin),
            ('InvalidBase64', 422, 'value', 'POST', here + '/secrets', {'name': 'x', 'value': '*'}, admin),
            ('LastAdminAccount', 405, None, 'DELETE', '/accounts/1a1', None, admin),
            ('CantVerifyHealthcheck', 403, None, 'POST', '/serviceevents', {'healthcheckUuid': 'x', 'externalTimestamp': 1, 'reportedHealth': 'UP'}, 'host'),
            ('MissingRequired', 422, 'externalTimestamp', 'POST', '/serviceevents', {'healthcheckUuid': 'x'}, 'host'),
            ('InvalidReference', 422, 'hostId', 'POST', '/containerevents', {'reportedHostUuid': 'none', 'externalStatus': 'start'}, 'host'),
            ('CantVerifyAgent', 403, None, 'POST', '/containerevents', 'foreign host', 'host'),
            ('InvalidDateFormat', 422, 'created', 'POST', '/sshkeys', {'publicValue': 'ssh-rsa x', 'secretValue': 'y', 'created': 'yesterday'}, 'superadmin'),
        ]

    def asker(self, who):
        if who == 'host':
            return self.server.client(self.agent.key)
        if who == 'restricted':
            return self.server.client(self.restricted)
        if who in ('service', 'superadmin'):
            return self.role(who)
        if who == 'browser':
            c = self.admin
            c.headers.update(BROWSER, Cookie='CSRF=0123456789')
            return c
        return self.admin

    def foreign_host(self):
        b = self.check(self.admin.post('/projects', {'name': 'elsewhere'}), 201)['id']
        self.admin.wait('/projects/' + b, 'active')
        other = wsclient.Agent(self.server, self.server.admin(), 'other-host', b)
        self.addCleanup(other.close)
        return self.row('/projects/%s/hosts' % b, 'hostname', 'other-host')

    def row(self, path, field, value):
        for _ in range(400):
            found = [r for r in self.admin.get(path + '?limit=-1').rows if r.get(field) == value]
            if found:
                return found[0]
            client.threading.Event().wait(0.05)
        self.fail('no %s with %s %s' % (path, field, value))

    def leaving_stack(self):
        """One whose container the host does not remove."""
        host = Silent(self.server, self.server.admin(), 'silent')
        self.addCleanup(host.close)
        row = self.row(self.p + '/hosts', 'hostname', 'silent')
        stack = self.post('stacks', {'name': 'gone'})
        s = self.post('services', {'name': 's', 'stackId': stack['id'], 'startOnCreate': True, 'launchConfig': dict(LAUNCH, requestedHostId=row['id'])})
        self.admin.wait(self.p + '/services/' + s['id'], 'active')
        host.silent = True
        self.check(self.admin.delete(self.p + '/stacks/' + stack['id']), 200)
        return stack

    def test_every_error_code(self):
        seen = set()
        for code, status, field, method, path, body, who in self.rows():
            with self.subTest(code=code, path=path, field=field):
                if body == 'foreign host':
                    body = {'reportedHostUuid': self.foreign_host()['uuid'], 'externalStatus': 'start'}
                elif body == 'gone stack':
                    gone = self.leaving_stack()
                    body = {'name': 'x', 'stackId': gone['id'], 'launchConfig': LAUNCH}
                a = self.asker(who).ask(method, path, body if body is None or isinstance(body, str) else json.dumps(body))
                self.check(a, status, code)
                self.assertEqual(a.get('fieldName'), field if field is not None else a.get('fieldName'))
                self.assertEqual((a['type'], a['status']), ('error', status))
                seen.add(code)
        missing = [c for c in CODES if c not in seen and c not in NOT_REACHABLE]
        self.assertEqual(missing, [])
        self.assertEqual(sorted(seen & set(NOT_REACHABLE)), [], 'reached after all')
        self.assertEqual(sorted((seen | set(NOT_REACHABLE)) - set(CODES)), [])

    # ---- services ----
    def test_a_load_balancer_gets_its_labels_and_check_and_starts_nothing(self):
        a = self.post('loadbalancerservices', dict(self.lb('lb1', {'sourcePort': 80, 'targetPort': 8080, 'serviceId': self.names['service']}, ports=['80']),
                                                   startOnCreate=True))
        lc = a['launchConfig']
        self.assertEqual(lc['labels'], {'io.rancher.container.agent.role': 'environmentAdmin', 'io.rancher.container.create_agent': 'true'})
        self.assertEqual({k: lc['healthCheck'][k] for k in ('port', 'interval', 'responseTimeout', 'healthyThreshold', 'unhealthyThreshold',
                                                            'initializingTimeout', 'reinitializingTimeout')},
                         {'port': 42, 'interval': 2000, 'responseTimeout': 2000, 'healthyThreshold': 2, 'unhealthyThreshold': 3,
                          'initializingTimeout': 60000, 'reinitializingTimeout': 60000})
        self.assertEqual(a['lbConfig']['portRules'][0]['serviceId'], self.names['service'])
        a = self.admin.wait(self.p + '/loadbalancerservices/' + a['id'], 'active')
        self.assertIn('not run by this version', a['transitioningMessage'])
        self.assertEqual((a['transitioning'], a['instanceIds'], a['type'], a['baseType']), ('no', [], 'loadBalancerService', 'service'))

    def test_a_load_balancer_keeps_its_own_role_and_one_that_drains_says_so(self):
        rule = {'sourcePort': 80, 'targetPort': 8080, 'serviceId': self.names['service']}
        a = self.post('loadbalancerservices', self.lb('lb2', rule, labels={'io.rancher.container.agent.role': 'environment'}))
        self.assertEqual(a['launchConfig']['labels'], {'io.rancher.container.agent.role': 'environment'})
        body = self.lb('lb3', rule)
        body['launchConfig'] = {'imageUuid': 'docker:rancher/lb-service-haproxy:v0.7.12'}
        a = self.post('loadbalancerservices', body)
        self.assertEqual(a['launchConfig']['labels']['io.rancher.container.agent.role'], 'environmentAdmin,agent')
        self.assertEqual(a['launchConfig']['labels']['io.rancher.container.agent_service.drain_provider'], 'true')
        body['name'], body['launchConfig'] = 'lb4', {'imageUuid': 'docker:rancher/lb-service-haproxy:v0.7.11'}
        self.assertEqual(self.post('loadbalancerservices', body)['launchConfig']['labels']['io.rancher.container.agent.role'], 'environmentAdmin')

    def test_aliases_and_external_services_run_nothing_and_are_linked(self):
        ext = self.post('externalservices', {'name': 'ext', 'stackId': self.names['stack'], 'externalIpAddresses': ['192.0.2.7'], 'startOnCreate': True})
        dns = self.post('dnsservices', {'name': 'alias', 'stackId': self.names['stack'], 'startOnCreate': True})
        for what, x in (('externalservices', ext), ('dnsservices', dns)):
            a = self.admin.wait('%s/%s/%s' % (self.p, what, x['id']), 'active')
            self.assertEqual((a['instanceIds'], a['healthState']), ([], 'healthy'))
        link = self.p + '/dnsservices/' + dns['id']
        add = {'serviceLink': {'serviceId': ext['id'], 'name': 'other'}}
        a = self.check(self.admin.post(link + '?action=addservicelink', add), 200)
        self.assertEqual(a['linkedServices'], {'other': ext['id']})
        self.check(self.admin.post(link + '?action=addservicelink', add), 422, 'NotUnique', 'serviceId')
        self.assertEqual([r['id'] for r in self.admin.get(link + '/consumedservices').rows], [ext['id']])
        self.assertEqual([r['id'] for r in self.admin.get('%s/services/%s/consumedbyservices' % (self.p, ext['id'])).rows], [dns['id']])
        a = self.check(self.admin.post(link + '?action=setservicelinks', {'serviceLinks': [{'serviceId': self.names['service']}]}), 200)
        self.assertEqual(a['linkedServices'], {'types/first': self.names['service']})
        twice = {'serviceLinks': [{'serviceId': ext['id'], 'name': 'a'}, {'serviceId': ext['id'], 'name': 'a'}]}
        self.check(self.admin.post(link + '?action=setservicelinks', twice), 422, 'NotUnique')
        a = self.check(self.admin.post(link + '?action=removeservicelink', {'serviceLink': {'serviceId': self.names['service']}}), 200)
        self.assertEqual(a['linkedServices'], {})

    def test_stacks_of_other_kinds_say_that_they_start_nothing(self):
        for what, body in (('kubernetesstacks', {'name': 'k8s', 'namespace': 'default'}), ('composeprojects', {'name': 'cp', 'templates': {'docker-compose.yml': 'a: {}'}})):
            a = self.post(what, body)
            a = self.admin.wait('%s/%s/%s' % (self.p, what, a['id']), 'active')
            self.assertIn('not run by this version', a['transitioningMessage'])
            self.check(self.admin.delete('%s/%s/%s' % (self.p, what, a['id'])), 200)

    def test_drivers_in_use_stay(self):
        d = self.row(self.p + '/storagedrivers', 'serviceId', self.names['driver'])
        self.assertEqual((d['name'], d['state'], d['volumeAccessMode']), ('drv', 'active', 'multiHostRW'))
        net = self.post('networkdriverservices', {'name': 'net', 'stackId': self.names['stack'], 'launchConfig': LAUNCH, 'networkDriver': {'name': 'net'}})
        driver = self.row(self.p + '/networkdrivers', 'serviceId', net['id'])
        n = self.post('networks', {'name': 'n', 'networkDriverId': driver['id']})
        self.admin.wait(self.p + '/networks/' + n['id'], 'active')
        a = self.check(self.admin.delete(self.p + '/services/' + net['id']), 409, 'DRIVER_IN_USE')
        self.assertEqual(a['detail'], n['id'])
        self.check(self.admin.post(self.p + '/networks/%s?action=deactivate' % n['id']), 202)
        self.admin.wait(self.p + '/networks/' + n['id'], 'inactive')
        self.check(self.admin.delete(self.p + '/services/' + net['id']), 200)

    def test_certificates_of_services(self):
        s = self.post('services', {'name': 'Secure', 'stackId': self.names['stack'], 'launchConfig': LAUNCH, 'metadata': {'sans': ['IP:192.0.2.9', 'x.example']}})
        path = '/services/%s?action=certificate' % s['id']
        who = self.role('superadmin')       # outside of the environment, where the role counts

        def names(answer):
            self.check(answer, 200)
            self.assertEqual(answer.headers['Content-Disposition'], 'attachment; filename=Secure-certs.zip')
            return zipfile.ZipFile(io.BytesIO(answer.bytes))
        z = names(who.post(path))
        self.assertEqual((z.namelist(), z.testzip()), (['ca.pem', 'cert.pem', 'key.pem'], None))
        cert = z.read('cert.pem')
        text = subprocess.run(['openssl', 'x509', '-noout', '-text'], input=cert, check=True, capture_output=True, timeout=client.WAIT_S).stdout.decode()
        for want in ('CN = secure', 'DNS:secure.types', 'DNS:secure.types.rancher.internal', 'IP Address:192.0.2.9', 'DNS:x.example'):
            self.assertIn(want, text)
        with tempfile.TemporaryDirectory() as d:
            z.extractall(d)
            subprocess.run(['openssl', 'verify', '-CAfile', d + '/ca.pem', d + '/cert.pem'], check=True, capture_output=True, timeout=client.WAIT_S)
        self.assertEqual(names(who.post(path)).read('cert.pem'), cert)
        self.check(self.admin.put(self.p + '/services/' + s['id'], {'metadata': {'sans': ['y.example']}}), 200)
        self.assertNotEqual(names(who.post(path)).read('cert.pem'), cert)
        self.check(self.admin.post(self.p + path), 422, 'InvalidAction')

    # ---- events from outside ----
    def test_names_and_services_from_outside(self):
        who = self.server.client(self.agent.key)
        self.check(who.post('/externaldnsevents', {'eventType': 'dns.update', 'serviceName': 'first', 'stackName': 'types', 'fqdn': 'first.example'}), 201)
        self.assertEqual(self.row(self.p + '/services', 'fqdn', 'first.example')['id'], self.names['service'])
        env = {'name': 'ns', 'externalId': 'kubernetes://1'}
        e = {'externalId': 'uid-1', 'environment': env, 'service': {'kind': 'kubernetesService', 'name': 'pods', 'selectorContainer': 'a=b'}}
        a = self.check(who.post('/externalserviceevents', dict(e, eventType='service.create')), 201)
        a = self.admin.get('/externalserviceevents/' + a['id'])
        self.assertEqual((a['accountId'], a['reportedAccountId']), ('1a5', '1a5'))
        s = self.row(self.p + '/services', 'externalId', 'uid-1')
        self.assertEqual((s['type'], s['name'], s['selectorContainer'], s['accountId']), ('kubernetesService', 'pods', 'a=b', '1a5'))
        self.assertEqual(self.admin.get(self.p + '/stacks/' + s['stackId'])['type'], 'kubernetesStack')
        self.check(who.post('/externalserviceevents', dict(e, eventType='service.create')), 201)
        self.assertEqual(len([r for r in self.admin.get(self.p + '/services?limit=-1').rows if r.get('externalId') == 'uid-1']), 1)
        self.check(who.post('/externalserviceevents', dict(e, eventType='stack.remove')), 201)
        self.admin.wait(self.p + '/services/' + s['id'], 'removed', gone_is=404)

    def test_hosts_are_evacuated_by_label(self):
        h = wsclient.Agent(self.server, self.server.admin(), 'leaving')
        self.addCleanup(h.close)
        row = self.row(self.p + '/hosts', 'hostname', 'leaving')
        self.check(self.admin.put(self.p + '/hosts/' + row['id'], {'labels': {'rack': 'r1'}}), 200)
        self.check(self.admin.post(self.p + '/externalhostevents', {'eventType': 'host.evacuate', 'hostLabel': 'rack=r2'}), 201)
        e = self.check(self.admin.post(self.p + '/externalhostevents', {'eventType': 'host.evacuate', 'hostLabel': 'rack=r1', 'deleteHost': True}), 201)
        self.admin.wait(self.p + '/hosts/' + row['id'], 'removed', gone_is=404)
        self.admin.wait(self.p + '/externalhostevents/' + e['id'], 'created')
        self.assertEqual(self.row(self.p + '/hosts', 'hostname', 'types-host')['state'], 'active')

    # ---- small types ----
    def test_secrets_of_host_templates_are_shown_as_structure(self):
        body = {'name': 't', 'driver': 'x', 'publicValues': {'xConfig': {'size': 1}}, 'secretValues': {'xConfig': {'password': 'hidden-word'}}}
        a = self.post('hosttemplates', body)
        self.assertEqual((a['secretValues'], a['publicValues']), ({'xConfig': {'password': None}}, body['publicValues']))
        self.assertNotIn('hidden-word', self.admin.get(self.p + '/hosttemplates/' + a['id']).raw)
        self.check(self.admin.get(self.p + '/hosttemplates/%s/secretvalues' % a['id']), 404)
        b = self.check(self.role('service').get('/hosttemplates/%s/secretvalues' % a['id']), 200)
        self.assertEqual(b.body, body['secretValues'])

    def test_machine_drivers_and_handlers(self):
        d = self.check(self.admin.post('/machinedrivers', {'url': 'https://none.example/docker-machine-driver-cloud.tar.gz'}), 201)
        self.assertEqual(d['name'], 'cloud')
        self.admin.wait('/machinedrivers/' + d['id'], 'inactive')
        self.check(self.admin.post('/machinedrivers/%s?action=activate' % d['id']), 202)
        for _ in range(400):
            a = self.admin.get('/machinedrivers/' + d['id'])
            if 'machine service' in (a['transitioningMessage'] or ''):
                break
            client.threading.Event().wait(0.02)
        self.assertIn('no machine service', a['transitioningMessage'])
        self.check(self.admin.delete('/machinedrivers/' + d['id']), 200)
        h = self.check(self.admin.post('/externalhandlers', {'name': 'h', 'processConfigs': [{'name': 'instance.start', 'onError': 'x'}, {'name': 'instance.stop', 'onError': ''}]}), 201)
        self.assertEqual(sorted(r['name'] for r in self.admin.get('/externalhandlers/%s/externalhandlerprocesses' % h['id']).rows), ['instance.start', 'instance.stop'])

    def test_preferences_are_the_callers_own_unless_all_are_asked_for(self):
        other = self.check(self.admin.post('/accounts', {'name': 'else', 'kind': 'user'}), 201)
        self.admin.wait('/accounts/' + other['id'], 'active')
        self.check(self.admin.post('/userpreferences', {'name': 'mine', 'value': 'a'}), 201)
        k = self.check(self.admin.post('/apikeys', {'accountId': other['id']}), 201)
        self.admin.wait('/apikeys/' + k['id'], 'active')
        theirs = self.check(self.server.client((k['publicValue'], k['secretValue'])).post('/userpreferences', {'name': 'mine', 'value': 'b'}), 201)
        self.assertIn('mine', [r['name'] for r in self.admin.get('/userpreferences').rows])
        self.assertNotIn(theirs['id'], [r['id'] for r in self.admin.get('/userpreferences').rows])
        self.assertIn(theirs['id'], [r['id'] for r in self.admin.get('/userpreferences?all=true').rows])

    def test_regions_and_generic_objects(self):
        r = self.check(self.admin.post('/regions', {'name': 'north', 'url': 'http://none.example', 'publicValue': 'p', 'secretValue': 'once-only'}), 201)
        self.assertEqual(r['secretValue'], 'once-only')
        self.assertNotIn('once-only', self.admin.get('/regions/' + r['id']).raw)
        g = self.post('genericobjects', {'kind': 'note', 'key': 'k', 'name': 'n', 'resourceData': {'a': {'b': 1}}})
        self.assertEqual((g['kind'], g['key'], g['resourceData']), ('note', 'k', {'a': {'b': 1}}))
        self.check(self.admin.put(self.p + '/genericobjects/' + g['id'], {'resourceData': {'c': 2}, 'key': 'other'}), 200)
        g = self.admin.get(self.p + '/genericobjects/' + g['id'])
        self.assertEqual((g['key'], g['resourceData']), ('k', {'c': 2}))

    def test_ssh_keys_are_sealed_and_their_private_part_is_a_file(self):
        root = self.role('superadmin')
        k = self.check(root.post('/sshkeys', {'name': 'k', 'publicValue': 'ssh-rsa AAAA', 'secretValue': 'private-part'}), 201)
        self.assertNotIn('private-part', root.get('/sshkeys/' + k['id']).raw)
        a = self.check(root.get('/sshkeys/%s/pem' % k['id']), 200)
        self.assertEqual((a.bytes, a.headers['Content-Disposition']), (b'private-part', 'attachment; filename=id_rsa_' + k['id']))
        self.check(root.post('/sshkeys', {'name': 'k'}), 422, 'MissingRequired', 'secretValue')

    def test_one_server_says_that_it_is_one(self):
        a = self.check(self.admin.get('/haconfigs'), 200).rows
        b = self.check(self.admin.get('/haconfigs/haConfig'), 200)
        self.assertEqual((len(a), a[0]['id'], b['enabled'], b['clusterSize']), (1, 'haConfig', False, 1))
        self.check(self.admin.put('/haconfigs/haConfig', {'enabled': True}), 501)
        self.check(self.admin.put('/haconfigs/haConfig', {'enabled': False}), 200)
        self.check(self.admin.get('/haconfigs/other'), 404)

    def test_keys_get_a_certificate(self):
        k = self.post('apikeys', {'name': 'k'})
        a = self.check(self.admin.get(self.p + '/apikeys/%s/certificate' % k['id']), 200)
        self.assertEqual(zipfile.ZipFile(io.BytesIO(a.bytes)).namelist(), ['ca.pem', 'cert.pem', 'key.pem'])
        self.check(self.server.client(self.readonly).get(self.p + '/apikeys/%s/certificate' % k['id']), 404)

    # ---- in a browser ----
    def test_every_page_renders(self):
        seen, wrong = 0, []
        links = self.admin.get('')['links']
        for prefix in ('', self.p):
            links = {k: v for k, v in self.admin.get(prefix)['links'].items() if k not in ('subscribe', 'self')} if prefix != self.p else links
            for name in sorted(links):
                path = prefix + '/' + links[name].rsplit('/', 1)[1]
                if path.endswith(('/subscribe', '/v2-beta')):
                    continue
                seen += self.page(path, wrong)
                a = self.admin.get(path + '?limit=2')
                for r in (a.get('data') or [])[:2] if a.status == 200 else []:
                    for link in [r['links'].get('self')] + [v for k, v in r['links'].items() if k not in ('self', 'registrationUrl')]:
                        if link:
                            seen += self.page(re.sub('^https?://[^/]*/v2-beta', '', link), wrong)
        self.assertEqual(wrong, [])
        self.assertGreater(seen, 100)

    def page(self, path, wrong):
        a = self.admin.get(path, headers=BROWSER)
        if a.status >= 500 and a.status not in (501, 503):
            wrong.append((path, a.status))
        if a.status == 200 and a.headers['Content-Type'].startswith('text/html') and ('<html' not in a.raw or 'var data = ' not in a.raw):
            wrong.append((path, 'no page'))
        return 1

    def test_pages_have_forms_and_filters(self):
        page = self.admin.get(self.p + '/registries', headers=BROWSER)
        self.assertTrue(page.headers['Content-Type'].startswith('text/html'))
        for part in ('var schemas = ', 'id="forms"', 'id="filters"', 'id="json"'):
            self.assertIn(part, page.raw)


class NoProvider(client.Case):
    def test_no_provider(self):
        self.check(self.admin.put('/settings/api.auth.provider.configured', {'value': 'none'}), 200)
        self.check(self.server.client().post('/token', {'code': 'a:b'}), 500, 'NoAuthProvider')


if __name__ == '__main__':
    client.main()
