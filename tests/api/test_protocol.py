"""Requests and answers: collections, fields, errors, schemas, versions (spec api.md 1)."""
import http.client
import re

import client


class Protocol(client.Case):
    def stack(self, name):
        return self.check(self.admin.post(self.p + '/stacks', {'name': name}), 201)

    def service(self, stack, name, **fields):
        body = {'name': name, 'stackId': stack, 'launchConfig': {'imageUuid': 'docker:busybox'}, 'startOnCreate': False}
        body.update(fields)
        return self.admin.post(self.p + '/services', body)

    # ---- bodies ----
    def test_malformed_bodies_are_400(self):
        for body in ('{', '{"name":}', '[1,', '{"name":"a"} x', '{"name":"\x01"}', '{"a":1e999x}', '\xff'):
            self.check(self.admin.ask('POST', self.p + '/stacks', body.encode('latin-1').decode('latin-1')), 400, 'InvalidBodyContent')
        self.check(self.admin.ask('POST', self.p + '/stacks', '[' * 200 + ']' * 200), 400, 'InvalidBodyContent')

    def test_bodies_that_are_no_object_count_as_empty(self):
        for body in ('[]', '"x"', '5', 'null', ''):
            self.check(self.admin.ask('POST', self.p + '/stacks', body), 422, 'MissingRequired', 'name')

    def test_a_body_above_the_limit_is_413(self):
        c = http.client.HTTPConnection('127.0.0.1', self.server.port, timeout=client.WAIT_S)
        try:
            c.putrequest('POST', '/v2-beta/projects/1a5/stacks')
            for name, value in self.admin.headers.items():
                c.putheader(name, value)
            c.putheader('Content-Length', str(1 << 30))
            c.endheaders()
            self.assertEqual(c.getresponse().status, 413)
        finally:
            c.close()

    def test_query_parameters_are_merged_into_the_body(self):
        a = self.check(self.admin.post(self.p + '/stacks?name=fromquery&description=d', {'description': 'body'}), 201)
        self.assertEqual((a['name'], a['description']), ('fromquery', 'body'))

    def test_the_method_may_be_overridden(self):
        s = self.stack('override')
        self.check(self.admin.post(self.p + '/stacks/%s?_method=PUT' % s['id'], {'description': 'new'}), 200)
        self.assertEqual(self.admin.get(self.p + '/stacks/' + s['id'])['description'], 'new')

    # ---- paths ----
    def test_unknown_things_are_404_and_wrong_methods_405(self):
        for path in ('/nothings', self.p + '/stacks/1st999', self.p + '/stacks/7', self.p + '/stacks/2st1', self.p + '/stacks/1st1/nolink'):
            self.check(self.admin.get(path), 404, 'Not Found')
        self.check(self.admin.raw('GET', '/v9/stacks'), 404)
        self.check(self.admin.delete(self.p + '/stacks'), 405, 'Method not allowed')
        self.check(self.admin.ask('PATCH', self.p + '/stacks'), 405)
        self.check(self.admin.get('/projects/1a999/stacks'), 403, 'Forbidden')
        self.check(self.admin.get('/projects/1st1/stacks'), 403, 'Forbidden')

    def test_names_of_types_may_be_singular_in_any_case_and_slashes_run(self):
        s = self.stack('cases')
        for path in ('/Stack/', '//STACKS///', '/stack/'):
            self.assertEqual(self.check(self.admin.get(self.p + path + s['id']), 200)['name'], 'cases')

    # ---- resources ----
    def test_a_resource_has_its_envelope(self):
        s = self.stack('envelope')
        base = 'http://127.0.0.1:%d/v2-beta/projects/1a5/stacks/%s' % (self.server.port, s['id'])
        self.assertEqual(s['links']['self'], base)
        self.assertEqual((s['type'], s['baseType'], s['accountId'], s['description']), ('stack', 'stack', '1a5', None))
        self.assertRegex(s['created'], r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$')
        self.assertIsInstance(s['createdTS'], int)
        s = self.admin.wait(self.p + '/stacks/' + s['id'], 'active')
        self.assertEqual((s['transitioning'], s['transitioningMessage']), ('no', None))
        self.assertIn('remove', s['actions'])
        self.assertEqual(s['actions']['remove'], base + '/?action=remove')
        self.assertIn('\\/', s.raw)

    def test_headers_name_the_caller_and_the_schemas(self):
        a = self.admin.get(self.p + '/stacks')
        self.assertTrue(a.headers['X-API-Schemas'].endswith('/v2-beta/projects/1a5/schemas'))
        self.assertEqual((a.headers['X-API-Account-Id'], a.headers['X-API-User-Id'], a.headers['X-API-Client-IP']), ('1a5', '1a1', '127.0.0.1'))
        self.assertEqual(a.headers['Content-Type'], 'application/json; charset=utf-8')

    def test_links_follow_proxies(self):
        a = self.admin.get(self.p + '/stacks', headers={'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'drover.example.com, other'})
        self.assertEqual(a['links']['self'], 'https://drover.example.com/v2-beta/projects/1a5/stacks')

    def test_removing_shows_the_state_and_removed_rows_are_found_by_id_only(self):
        s = self.stack('gone')
        path = self.p + '/stacks/' + s['id']
        self.admin.wait(path, 'active')
        self.assertEqual(self.check(self.admin.delete(path), 200)['state'], 'removing')
        self.admin.wait(path, 'removed')
        self.assertEqual(self.admin.get(self.p + '/stacks?name=gone').rows, [])
        self.assertEqual([r['id'] for r in self.admin.get(self.p + '/stacks?name=gone&_removed=true').rows], [s['id']])
        self.check(self.admin.put(path, {'description': 'x'}), 404)

    # ---- validation ----
    def test_values_that_do_not_fit_have_their_codes(self):
        s = self.stack('values')['id']
        rows = [
            ('/stacks', {}, 'MissingRequired', 'name'),
            ('/stacks', {'name': 'a b'}, 'InvalidCharacters', 'name'),
            ('/stacks', {'name': '-a'}, 'InvalidCharacters', 'name'),
            ('/stacks', {'name': 'x' * 64}, 'MaxLengthExceeded', 'name'),
            ('/stacks', {'name': 'values'}, 'NotUnique', 'name'),
            ('/services', {'name': 'a'}, 'MissingRequired', 'stackId'),
            ('/services', {'name': 'a', 'stackId': '1st99999'}, 'InvalidReference', 'stackId'),
            ('/services', {'name': 'a', 'stackId': 'nonsense!'}, 'InvalidReference', 'stackId'),
            ('/services', {'name': 'a', 'stackId': s, 'scale': 'many', 'launchConfig': {'imageUuid': 'docker:x'}}, 'InvalidFormat', 'scale'),
            ('/services', {'name': 'a--b', 'stackId': s, 'launchConfig': {'imageUuid': 'docker:x'}}, 'InvalidCharacters', 'name'),
            ('/services', {'name': 'a', 'stackId': s, 'launchConfig': {'imageUuid': 'docker:x', 'ports': ['1:2:3:4:5']}}, 'PortWrongFormat', None),
            ('/services', {'name': 'a', 'stackId': s, 'launchConfig': {'imageUuid': 'docker:x', 'ports': ['99999:80']}}, 'PortInvalidPublicPort', None),
            ('/services', {'name': 'a', 'stackId': s, 'launchConfig': {'imageUuid': 'docker:x', 'ports': ['80/sctp']}}, 'PortInvalidProtocol', None),
            ('/services', {'name': 'a', 'stackId': s, 'launchConfig': {'imageUuid': 'docker:x', 'networkLaunchConfig': 'no'}}, 'InvalidReference', None),
            ('/services', {'name': 'a', 'stackId': s, 'launchConfig': {'imageUuid': 'docker:x'},
                           'secondaryLaunchConfigs': [{'name': 'A', 'imageUuid': 'docker:x'}]}, 'NotUnique', 'name'),
            ('/containers', {'name': 'a'}, 'MissingRequired', 'imageUuid'),
            ('/containers', {'imageUuid': 'docker:x', 'requestedHostId': '1h77'}, 'InvalidReference', 'requestedHostId'),
            ('/containers', {'imageUuid': 'docker:x', 'networkContainerId': '1i77'}, 'InvalidReference', 'networkContainerId'),
        ]
        for path, body, code, field in rows:
            with self.subTest(body=body):
                self.check(self.admin.post(self.p + path, body), 422, code, field)
        self.check(self.service(s, 'Dup'), 201)
        self.check(self.service(s, 'dUP'), 422, 'NotUnique', 'name')

    def test_unknown_fields_and_those_of_others_are_dropped(self):
        a = self.check(self.admin.post(self.p + '/stacks', {'name': 'dropped', 'state': 'active', 'nonsense': 1, 'id': '1st55', 'accountId': '1a1'}), 201)
        self.assertEqual((a['accountId'], a.get('nonsense')), ('1a5', None))
        self.assertNotEqual(a['id'], '1st55')

    def test_actions_are_known_then_found_then_available(self):
        s = self.stack('actions')
        path = self.p + '/stacks/'
        self.check(self.admin.post(path + s['id'] + '?action=fly'), 422, 'InvalidAction', 'action')
        self.check(self.admin.post(path + '1st999?action=remove'), 404)
        svc = self.check(self.service(s['id'], 'quiet'), 201)
        self.admin.wait(self.p + '/services/' + svc['id'], 'inactive')
        self.check(self.admin.post(self.p + '/services/%s?action=deactivate' % svc['id']), 422, 'ActionNotAvailable', 'action')

    def test_links_between_services_are_set_added_and_removed(self):
        s = self.stack('links')['id']
        a, b, c = (self.check(self.service(s, n), 201)['id'] for n in 'abc')
        path = self.p + '/services/' + a
        self.check(self.admin.post(path + '?action=setservicelinks', {'serviceLinks': [{'serviceId': b, 'name': 'db'}]}), 200)
        self.assertEqual(self.admin.get(path)['linkedServices'], {'db': b})
        self.check(self.admin.post(path + '?action=addservicelink', {'serviceLink': {'serviceId': c}}), 200)
        self.check(self.admin.post(path + '?action=addservicelink', {'serviceLink': {'serviceId': c}}), 422, 'NotUnique')
        self.assertEqual(self.admin.get(path)['linkedServices'], {'db': b, 'links/c': c})
        self.check(self.admin.post(path + '?action=addservicelink', {'serviceLink': {'serviceId': '1s999'}}), 422, 'InvalidReference')
        self.check(self.admin.post(path + '?action=removeservicelink', {'serviceLink': {'serviceId': b}}), 200)
        self.assertEqual(self.admin.get(path)['linkedServices'], {'links/c': c})

    def test_an_update_does_not_touch_the_launch_config_and_upgrades_do_not_make_it_other_than_global(self):
        s = self.stack('global')['id']
        g = self.check(self.service(s, 'everywhere', launchConfig={'imageUuid': 'docker:x', 'labels': {'io.rancher.scheduler.global': 'true'}}), 201)
        path = self.p + '/services/' + g['id']
        self.admin.wait(path, 'inactive')
        self.check(self.admin.put(path, {'launchConfig': {'imageUuid': 'docker:y', 'labels': {}}}), 200)
        self.assertEqual(self.admin.get(path)['launchConfig']['imageUuid'], 'docker:x')
        self.check(self.admin.post(path + '?action=upgrade', {'inServiceStrategy': {'launchConfig': {'imageUuid': 'docker:y'}}}), 422, 'InvalidOption')         # one on each host stays that

    # ---- collections ----
    def test_lists_filter_sort_and_page(self):
        s = self.stack('lists')['id']
        for i in range(7):
            self.check(self.service(s, 'svc%d' % i, description='odd' if i % 2 else 'even'), 201)
        base = self.p + '/services?stackId=' + s
        names = lambda q: [r['name'] for r in self.check(self.admin.get(base + q), 200).rows]
        self.assertEqual(names(''), ['svc%d' % i for i in range(7)])
        self.assertEqual(names('&sort=name&order=desc&limit=2'), ['svc6', 'svc5'])
        self.assertEqual(names('&name=svc3'), ['svc3'])
        self.assertEqual(names('&name_ne=svc3&limit=2'), ['svc0', 'svc1'])
        self.assertEqual(names('&name_prefix=svc&description=odd'), ['svc1', 'svc3', 'svc5'])
        self.assertEqual(names('&name_like=%25c4'), ['svc4'])
        self.assertEqual(names('&name_notlike=%25c4&description=even'), ['svc0', 'svc2', 'svc6'])
        self.assertEqual(names('&description_null=1'), [])
        self.assertEqual(names('&nonsense=1&name_nonsense=2&limit=1'), ['svc0'])
        self.assertEqual(self.admin.get(self.p + '/services?stackId=nope!').rows, [])
        got, path = [], base + '&limit=3'
        while path:
            a = self.check(self.admin.get(path), 200)
            got += [r['name'] for r in a.rows]
            self.assertEqual(a['pagination']['partial'], bool(a['pagination']['next']))
            path = a['pagination']['next'] and a['pagination']['next'].split('/v2-beta', 1)[1]
        self.assertEqual(got, ['svc%d' % i for i in range(7)])
        a = self.admin.get(base + '&name=svc1')
        self.assertEqual(a['filters']['name'], [{'value': 'svc1', 'modifier': 'eq'}])
        self.assertEqual(a['resourceType'], 'service')

    def test_linked_things_are_included_on_request(self):
        s = self.stack('included')['id']
        self.check(self.service(s, 'one'), 201)
        rows = self.admin.get(self.p + '/services?stackId=%s&include=STACK' % s).rows
        self.assertEqual(rows[0]['stack']['id'], s)
        rows = self.admin.get(self.p + '/stacks?name=included&include=services').rows
        self.assertEqual([x['name'] for x in rows[0]['services']], ['one'])
        self.assertEqual([x['name'] for x in self.admin.get(self.p + '/stacks/%s/services' % s).rows], ['one'])

    # ---- order of checks, query options, browsers ----
    def nobody(self):
        return self.server.client(headers={'X-ENFORCE-AUTHENTICATION': 'true'})

    def test_checks_come_in_their_order(self):
        browser = {'User-Agent': 'Mozilla/5.0', 'Accept': 'application/json', 'Cookie': 'CSRF=0123456789'}
        u = self.check(self.admin.post('/accounts', {'name': 'order', 'kind': 'user'}), 201)
        k = self.check(self.admin.post('/apikeys', {'accountId': u['id']}), 201)
        self.admin.wait('/accounts/' + u['id'], 'active')
        self.admin.wait('/apikeys/' + k['id'], 'active')
        user = self.server.client((k['publicValue'], k['secretValue']))
        path = '/projects/1a999/nothings/9zz?action=fly'
        self.check(self.nobody().ask('POST', path, '{'), 400, 'InvalidBodyContent')                 # body, then who
        self.check(self.nobody().post(path), 401, 'Unauthorized')
        self.check(user.post('/projects/1a5/nothings/9zz', headers=browser), 403, 'Forbidden')      # the environment, then CSRF
        self.check(self.admin.post('/nothings/9zz', headers=browser), 403, 'InvalidCSRFToken')
        for bad in ('9zz', '7', '1', '1st'):                                                        # the id, then action and method
            self.check(self.admin.post('/stacks/%s?action=fly' % bad), 404)
            self.check(self.admin.put('/auditLogs/' + bad, {}), 404)
            self.check(self.admin.get('/stacks/%s/services' % bad), 404)
        self.check(self.admin.put('/auditLogs/1al1', {}), 405)
        self.check(self.admin.post('/stacks/1st999?action=fly'), 422, 'InvalidAction')              # the action, then the thing
        self.check(self.admin.post('/stacks/1st999?action=activateservices'), 404)
        self.check(self.admin.put(self.p + '/stacks/1st999', {'name': 'a b'}), 404)                 # the thing, then its fields
        self.check(self.admin.put(self.p + '/stacks/' + self.stack('order')['id'], {'name': 'a b'}), 422, 'InvalidCharacters', 'name')

    def test_browsers_repeat_their_csrf_cookie(self):
        mozilla = {'User-Agent': 'Mozilla/5.0', 'Accept': 'application/json'}
        cookies = self.admin.get(self.p + '/stacks', headers=mozilla).headers.get_all('Set-Cookie') or []
        self.assertTrue([c for c in cookies if re.match(r'CSRF=[0-9A-Fa-f]{10}; Path=/', c)], cookies)
        self.assertFalse([c for c in self.admin.get(self.p + '/stacks').headers.get_all('Set-Cookie') or [] if c.startswith('CSRF')])
        have = dict(mozilla, Cookie='CSRF=0123456789')
        post = lambda name, path='', **h: self.admin.post(self.p + '/stacks' + path, {'name': name}, headers=dict(have, **h))       # noqa: E731
        self.check(post('csrf'), 403, 'InvalidCSRFToken')
        self.check(post('csrf', **{'X-API-CSRF': '0123456780'}), 403, 'InvalidCSRFToken')
        self.check(post('csrf-header', **{'X-API-CSRF': '0123456789'}), 201)
        self.check(post('csrf-parameter', '?CSRF=0123456789'), 201)
        self.check(self.admin.post(self.p + '/stacks', {'name': 'csrf-others'}, headers={'Cookie': 'CSRF=0123456789'}), 201)
        self.check(self.admin.get(self.p + '/stacks', headers=have), 200)
        self.assertEqual(self.admin.get(self.p + '/stacks?name=csrf').rows, [])

    def test_methods_are_overridden_both_ways(self):
        s = self.stack('override-both')['id']
        self.check(self.admin.get(self.p + '/stacks/%s?_method=PUT&description=changed' % s), 200)
        self.assertEqual(self.admin.get(self.p + '/stacks/' + s)['description'], 'changed')
        self.assertEqual(self.check(self.admin.post(self.p + '/stacks?_method=GET'), 200)['type'], 'collection')
        self.check(self.admin.get(self.p + '/stacks?_method=PATCH'), 405, 'Method not allowed')

    def test_forms_and_repeated_parameters_are_bodies(self):
        def form(value):
            return self.admin.raw('POST', '/v2-beta' + self.p + '/stacks', '--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n%s\r\n--b--\r\n' % value,
                                  {'Content-Type': 'multipart/form-data; boundary=b'})
        self.assertEqual(self.check(form('multipart'), 201)['name'], 'multipart')
        self.check(form('x' * (100 * 1024 + 1)), 413)
        a = self.check(self.admin.post(self.p + '/containers?imageUuid=docker:x&dns=1.1.1.1&dns=2.2.2.2', {'startOnCreate': False}), 201)
        self.assertEqual(a['dns'], ['1.1.1.1', '2.2.2.2'])

    def test_several_containers_at_once_are_a_collection(self):
        a = self.check(self.admin.post(self.p + '/containers', {'imageUuid': 'docker:x', 'count': 3, 'startOnCreate': False}), 201)
        self.assertEqual((a['type'], len({r['id'] for r in a.rows})), ('collection', 3))

    def test_actions_are_named_action_links_on_request(self):
        path = self.p + '/stacks/' + self.stack('action-links')['id']
        for a in (self.admin.get(path, headers={'X-API-Action-Links': 'actionLinks'}), self.admin.get(path + '?_actionLinks=1')):
            self.assertIn('remove', a['actionLinks'])
            self.assertNotIn('actions', a.body)

    def test_collections_have_their_envelope(self):
        s = self.stack('envelopes')['id']
        a = self.check(self.admin.get(self.p + '/stacks/%s/services' % s), 200)
        self.assertEqual((a['createDefaults'], a['pagination']), ({'stackId': s}, None))
        child = self.check(self.admin.post(self.p + '/stacks/%s/services' % s, {'name': 'child', 'launchConfig': {'imageUuid': 'docker:x'}, 'startOnCreate': False}), 201)
        self.assertEqual(child['stackId'], s)
        self.assertIsNotNone(self.admin.get(self.p + '/services/%s/instances' % child['id'])['pagination'])
        a = self.admin.get(self.p + '/services?sort=name&order=desc')
        self.assertEqual(set(a['sortLinks']), set(a['filters']))
        self.assertIn('sort=name', a['sortLinks']['name'])
        self.assertEqual((a['sort']['name'], a['sort']['order']), ('name', 'desc'))
        self.assertIn('order=asc', a['sort']['reverse'])
        self.assertIsNone(self.admin.get(self.p + '/services?sort=nothing')['sort'])
        limits = [self.admin.get(self.p + '/services?limit=' + x)['pagination']['limit'] for x in ('0', '-1', '99999', 'abc', '7')]
        self.assertEqual(limits, [3000, 3000, 3000, 100, 7])
        self.assertIn('container', self.admin.get(self.p + '/instances')['createTypes'])
        self.assertEqual(self.admin.get(self.p + '/secrets')['createTypes'], {})
        for path in ('/settings', '/projects', '/projectMembers', '/identities'):
            self.assertIsNone(self.check(self.admin.get(path), 200)['pagination'], path)

    def test_only_the_first_include_counts_and_unknown_ones_do_not(self):
        s = self.stack('first-include')['id']
        self.check(self.service(s, 'one'), 201)
        row = self.admin.get(self.p + '/services?stackId=%s&include=stack&include=instances' % s).rows[0]
        self.assertEqual((row['stack']['id'], row.get('instances')), (s, None))
        row = self.admin.get(self.p + '/services?stackId=%s&include=INSTANCES' % s).rows[0]
        self.assertEqual(row['instances'], [])
        self.check(self.admin.get(self.p + '/services?include=nothing'), 200)

    def test_events_take_include_and_action_links(self):
        s = self.stack('event-options')['id']
        service = self.check(self.service(s, 'one'), 201)['id']
        self.admin.wait(self.p + '/services/' + service, 'inactive')
        ws = client.WebSocket(self.admin, self.p + '/subscribe?eventNames=resource.change&include=stack&_actionLinks=1')
        try:
            ws.until(lambda e: e['name'] == 'ping')
            self.check(self.admin.put(self.p + '/services/' + service, {'description': 'told'}), 200)
            e = ws.until(lambda e: e['name'] == 'resource.change' and e['resourceId'] == service and e['data']['resource']['description'] == 'told')
            self.assertEqual(e['data']['resource']['stack']['id'], s)
            self.assertIn('remove', e['data']['resource']['actionLinks'])
        finally:
            ws.close()

    def test_types_are_documented(self):
        rows = self.check(self.admin.get('/typeDocumentations'), 200).rows
        self.assertIn('container', [r['id'] for r in rows])
        one = self.check(self.admin.get('/typeDocumentations/container'), 200)
        self.assertEqual(one['id'], 'container')
        self.assertIn('imageUuid', one['resourceFields'])
        self.check(self.admin.get('/typeDocumentations/nothing'), 404)

    def test_errors_have_the_envelope_and_headers_of_answers(self):
        a = self.check(self.admin.get(self.p + '/stacks/1st999'), 404)
        self.assertLessEqual({'id', 'type', 'baseType', 'links', 'actions', 'status', 'code', 'message', 'detail'}, set(a.body))
        for name in ('Schemas', 'Account-Id', 'User-Id', 'Account-Kind', 'Account-Name', 'Client-IP'):
            self.assertTrue(a.headers['X-API-' + name], name)
        self.assertTrue(a.headers['X-Rancher-Version'])

    def test_forwarded_ports_and_addresses_are_believed(self):
        a = self.admin.get(self.p + '/stacks', headers={'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'h.example:99', 'X-Forwarded-Port': '443',
                                                       'X-Forwarded-For': '192.0.2.7:123, 198.51.100.1'})
        self.assertEqual(a['links']['self'], 'https://h.example/v2-beta/projects/1a5/stacks')
        self.assertEqual(a.headers['X-API-Client-IP'], '192.0.2.7')
        a = self.admin.get(self.p + '/stacks', headers={'X-API-request-url': 'https://e.example/v2-beta/projects/1a5/stacks'})
        self.assertNotIn('e.example', a['links']['self'])

    # ---- schemas and versions ----
    def test_schemas_are_complete_for_the_role(self):
        ids = {r['id'] for r in self.check(self.admin.get(self.p + '/schemas'), 200).rows}
        self.assertTrue({'stack', 'service', 'container', 'host', 'registrationToken', 'launchConfig'} <= ids)
        one = self.check(self.admin.get(self.p + '/schemas/Stacks'), 200)
        self.assertEqual((one['id'], one['pluralName']), ('stack', 'stacks'))
        self.assertTrue(one['resourceFields']['name']['required'])
        self.check(self.admin.get(self.p + '/schemas/nothing'), 404)
        reg = {r['id'] for r in self.check(self.server.client().get('/token'), 200).rows}
        self.assertEqual(reg, {None})

    def test_the_root_names_the_versions(self):
        a = self.check(self.admin.raw('GET', '/'), 200)
        self.assertEqual([r['id'] for r in a.rows], ['v1', 'v2-beta'])
        self.assertTrue(a['links']['latest'].endswith('/v2-beta'))
        self.assertEqual(self.check(self.admin.raw('GET', '/v2-beta'), 200)['type'], 'apiVersion')

    def test_v1_speaks_of_environments(self):
        s = self.stack('old')
        v1 = self.admin.at('/v1')
        env = self.check(v1.get('/projects/1a5/environments?name=old'), 200).rows[0]
        self.assertEqual((env['type'], env['id']), ('environment', s['id'].replace('1st', '1e')))
        self.assertIn('/environments/', env['links']['self'])
        svc = self.check(v1.post('/projects/1a5/services', {'name': 'o', 'environmentId': env['id'], 'startOnCreate': False,
                                                            'launchConfig': {'imageUuid': 'docker:x'}}), 201)
        self.assertEqual(svc['environmentId'], env['id'])
        self.assertIn('environment', svc['links'])
        self.assertEqual(self.admin.get(self.p + '/services/' + svc['id'])['stackId'], s['id'])

    def test_browsers_get_a_page(self):
        a = self.admin.get(self.p + '/stacks', headers={'User-Agent': 'Mozilla/5.0', 'Accept': '*/*'})
        self.assertIn('text/html', a.headers['Content-Type'])
        self.assertIsNotNone(self.admin.get(self.p + '/stacks?_format=json', headers={'User-Agent': 'Mozilla/5.0', 'Accept': '*/*'}).body)

    # ---- settings ----
    def test_settings_are_set_by_name_and_go_back_to_their_default(self):
        path = '/settings/agent.disconnect.after.seconds'
        a = self.check(self.admin.get(path), 200)
        self.assertEqual((a['type'], a['id'], a['activeValue'], a['inDb']), ('activeSetting', 'agent.disconnect.after.seconds', '180', False))
        self.assertEqual(self.check(self.admin.put(path, {'value': '99'}), 200)['activeValue'], '99')
        self.assertTrue(self.admin.get(path)['inDb'])
        self.assertEqual(self.check(self.admin.delete(path), 200)['activeValue'], '180')
        self.check(self.admin.post('/settings', {'name': 'my.own', 'value': '1'}), 201)
        self.check(self.admin.post('/settings', {'name': 'my.own', 'value': '2'}), 201)
        self.assertEqual(self.admin.get('/settings/my.own')['value'], '2')
        self.check(self.admin.delete('/settings/my.own'), 200)
        self.check(self.admin.get('/settings/my.own'), 404)
        k = self.check(self.admin.post(self.p + '/apikeys', {}), 201)
        self.admin.wait(self.p + '/apikeys/' + k['id'], 'active')
        env = self.server.client((k['publicValue'], k['secretValue']))
        self.check(env.get(path), 404)
        self.check(env.put('/settings/api.host', {'value': 'x'}), 405)


if __name__ == '__main__':
    client.main()
