"""Stacks that the server makes from compose text: create, upgrade, rollback, export; what goes wrong; who may (spec compose.md 8, 9, 12)."""
import io
import json
import signal
import threading
import time
import unittest
import zipfile

import client

EXAMPLE = """web:
  image: nginx:1
  command: sh -c 'echo ${MSG}'
  ports: ["8080:80"]
  mem_limit: 64m
  links: [db]
  labels: {io.rancher.sidekicks: logs, a: 1}
  volumes_from: [logs]
logs: {image: busybox, volumes: [/data], net: none}
db: {image: postgres}
"""
EXAMPLE_RANCHER = """.catalog:
  name: Example
  version: v1
  questions:
  - {variable: I, type: int, default: 2000}
web:
  scale: "2"
  health_check: {port: 80, interval: "${I}", response_timeout: 2000, healthy_threshold: 2, unhealthy_threshold: 3}
"""
HASH = 'io.rancher.service.hash'


def bare(o):
    """Without what is empty, and without the values of hashes: as a request looks on the wire."""
    if isinstance(o, dict):
        return {k: 'H' if k == HASH else bare(v) for k, v in o.items() if v not in (None, {}, [])}
    return [bare(v) for v in o] if isinstance(o, list) else o


def many(n, tag, extra=''):
    """n services in three waves."""
    out = ["version: '2'", 'services:']
    for i in range(n):
        links = '' if i < n // 3 else ', links: [s%d]' % (i % (n // 3)) if i < 2 * n // 3 else ', links: [s%d]' % (n // 3 + i % (n // 3))
        out.append("  s%d: {image: 'sim:x%s'%s}" % (i, tag if i % 2 else '', links))
    return '\n'.join(out) + '\n' + extra


class Stacks(client.Case):
    args = ('--simulator', '--sim-hosts', '2')
    serial = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.until(lambda: len(cls.server.admin().get(cls.p + '/hosts?state=active').rows) == 2, 'two hosts')

    @classmethod
    def until(cls, check, what):
        end = time.monotonic() + client.WAIT_S
        while not check():
            if time.monotonic() > end:
                raise AssertionError('not in time: ' + what)
            threading.Event().wait(0.05)

    def stack(self, docker, rancher=None, by=None, p=None, **kw):
        type(self).serial += 1
        body = dict({'name': 'st%d' % self.serial, 'dockerCompose': docker, 'startOnCreate': True}, **kw)
        if rancher is not None:
            body['rancherCompose'] = rancher
        return self.check((by or self.admin).post((p or self.p) + '/stacks', body), 201)['id']

    def rest(self, stack, p=None):
        """Until nothing of the stack is under way."""
        path = (p or self.p) + '/stacks/' + stack
        self.until(lambda: self.admin.get(path)['transitioning'] != 'yes', 'stack %s: %r' % (stack, self.admin.get(path)))
        return self.admin.get(path)

    def services(self, stack):
        return {s['name']: s for s in self.admin.get('%s/services?stackId=%s&limit=-1' % (self.p, stack)).rows}

    def settled(self, stack):
        def quiet():
            return all(s['transitioning'] != 'yes' for s in self.services(stack).values())
        self.until(quiet, 'services of ' + stack)
        return self.services(stack)

    def act(self, stack, action, body=None, status=202, by=None):
        return self.check((by or self.admin).post('%s/stacks/%s?action=%s' % (self.p, stack, action), body or {}), status)

    def export(self, stack, **kw):
        a = self.act(stack, 'exportconfig', kw, 200)
        return a['dockerComposeConfig'], a['rancherComposeConfig']


class Create(Stacks):
    def test_the_worked_example_gives_exactly_its_services(self):
        st = self.stack(EXAMPLE, EXAMPLE_RANCHER, environment={'MSG': 'hi'})
        self.assertEqual(self.rest(st)['state'], 'active')
        s = self.services(st)
        self.assertEqual(sorted(s), ['db', 'web'])
        web, lc = s['web'], s['web']['launchConfig']
        self.assertEqual((web['type'], web['scale'], list(web['metadata'])), ('service', 2, [HASH]))
        self.assertEqual((lc['imageUuid'], lc['command'], lc['ports'], lc['memory'], lc['networkMode'], lc['dataVolumesFromLaunchConfigs']),
                         ('docker:nginx:1', ['sh', '-c', 'echo hi'], ['8080:80/tcp'], 67108864, 'managed', ['logs']))
        self.assertEqual({k: v for k, v in lc['labels'].items() if k != HASH}, {'io.rancher.sidekicks': 'logs', 'a': '1'})
        self.assertTrue(lc['labels'][HASH])
        h = lc['healthCheck']
        self.assertEqual((h['port'], h['interval'], h['responseTimeout'], h['healthyThreshold'], h['unhealthyThreshold']), (80, 2000, 2000, 2, 3))
        self.assertEqual(len(web['secondaryLaunchConfigs']), 1)
        logs = web['secondaryLaunchConfigs'][0]
        self.assertEqual((logs['name'], logs['imageUuid'], logs['networkMode'], logs['dataVolumes'], list(logs['labels'])),
                         ('logs', 'docker:busybox', 'none', ['/data'], [HASH]))
        self.assertEqual(list(web['linkedServices'].values()), [s['db']['id']])
        self.assertEqual((s['db']['launchConfig']['imageUuid'], s['db']['scale']), ('docker:postgres', 1))
        self.assertEqual(self.settled(st)['web']['state'], 'active')
        asked = [json.loads(r['requestObject']) for r in self.admin.get('/auditlogs?eventType=api.service.create&limit=-1&sort=id').rows]
        asked = [bare(o) for o in asked if o.get('stackId') == st]
        self.assertEqual(asked, [
            {'stackId': st, 'name': 'db', 'scale': 1, 'metadata': {HASH: 'H'},
             'launchConfig': {'imageUuid': 'docker:postgres', 'networkMode': 'managed', 'labels': {HASH: 'H'}}},
            {'stackId': st, 'name': 'web', 'scale': 2, 'metadata': {HASH: 'H'},
             'launchConfig': {'imageUuid': 'docker:nginx:1', 'command': ['sh', '-c', 'echo hi'], 'ports': ['8080:80'], 'memory': 67108864,
                              'networkMode': 'managed', 'dataVolumesFromLaunchConfigs': ['logs'],
                              'labels': {'io.rancher.sidekicks': 'logs', 'a': '1', HASH: 'H'},
                              'healthCheck': {'port': 80, 'interval': 2000, 'responseTimeout': 2000, 'healthyThreshold': 2, 'unhealthyThreshold': 3}},
             'secondaryLaunchConfigs': [{'name': 'logs', 'imageUuid': 'docker:busybox', 'networkMode': 'none', 'dataVolumes': ['/data'], 'labels': {HASH: 'H'}}]}])

    def test_variables_of_the_environment_go_before_defaults(self):
        st = self.stack(EXAMPLE, EXAMPLE_RANCHER, environment={'MSG': 'a b', 'I': '7000'}, startOnCreate=False)
        self.assertEqual(self.rest(st)['state'], 'active')
        lc = self.services(st)['web']['launchConfig']
        self.assertEqual((lc['healthCheck']['interval'], lc['command']), (7000, ['sh', '-c', 'echo a b']))
        self.assertEqual({s['state'] for s in self.services(st).values()}, {'inactive'})

    def test_templates_are_rendered_with_what_the_stack_is_called(self):
        text = "version: '2'\nservices:\n  a:\n    image: 'sim:{{ .Stack.Name }}'\n    labels: {v: '{{ .Release.Version }}', e: '{{ .Environment.Name }}'}\n" \
               "{{- if eq .Values.MORE \"yes\" }}\n  b: {image: 'sim:b'}\n{{- end }}\n"
        st = self.stack(text, '.catalog: {version: v3}\n', environment={'MORE': 'yes'})
        a = self.rest(st)
        self.assertEqual((a['state'], a['transitioningMessage']), ('active', None))
        s = self.services(st)
        self.assertEqual(sorted(s), ['a', 'b'])
        self.assertEqual((s['a']['launchConfig']['imageUuid'], s['a']['launchConfig']['labels']['v'], s['a']['launchConfig']['labels']['e']),
                         ('docker:sim:' + a['name'], 'v3', 'Default'))

    def test_a_binding_replaces_labels_and_ports(self):
        st = self.stack("version: '2'\nservices:\n  a: {image: 'sim:a', labels: {x: 'old'}, ports: ['81:80']}\n", startOnCreate=False,
                        binding={'services': {'a': {'labels': {'y': 'new'}, 'ports': ['82:80']}}})
        self.assertEqual(self.rest(st)['state'], 'active')
        lc = self.services(st)['a']['launchConfig']
        self.assertEqual(({k: v for k, v in lc['labels'].items() if k != HASH}, lc['ports']), ({'y': 'new'}, ['82:80/tcp']))

    def test_volumes_secrets_and_names_of_other_things(self):
        self.check(self.admin.post(self.p + '/secrets', {'name': 'given', 'value': 'YWJj'}), 201)
        other = self.stack("version: '2'\nservices:\n  cache: {image: 'sim:c'}\n")
        name = self.rest(other)['name']
        st = self.stack("version: '2'\nservices:\n  a:\n    image: 'sim:a'\n    volumes: ['data:/data']\n    secrets: [given]\n    external_links: ['%s/cache:redis']\n"
                        "volumes: {data: {driver: local, per_container: true}}\nsecrets: {given: {external: 'true'}}\n" % name)
        a = self.rest(st)
        self.assertEqual(a['state'], 'active', a)
        s = self.services(st)['a']
        self.assertEqual(s['linkedServices'], {'redis': list(self.services(other).values())[0]['id']})
        self.assertEqual(len(s['launchConfig']['secrets']), 1)
        v = [t for t in self.admin.get(self.p + '/volumetemplates').rows if t['stackId'] == st]
        self.assertEqual([(t['name'], t['driver'], t['perContainer']) for t in v], [('data', 'local', True)])

    def test_what_is_wrong_is_said_in_full(self):
        for docker, rancher, message in (
                ('web: {image: x, nope: 1}\nb: {image: z, port: 1}\n', None,
                 "Unsupported config option for b service: 'port' (did you mean 'ports'?)\nUnsupported config option for web service: 'nope'"),
                ('web: {image: x, env_file: /etc/passwd}\n', None, '/etc/passwd'),
                ('web: {extends: {service: a, file: /etc/passwd}}\n', None, '/etc/passwd'),
                ("version: '2'\nservices: {a: {image: x, secrets: [s]}}\nsecrets: {s: {file: /etc/passwd}}\n", None, '/etc/passwd'),
                ("version: '2'\nservices: {a: {image: x, secrets: [lost]}}\nsecrets: {lost: {external: 'true'}}\n", None, 'lost'),
                ('web: {image: "{{ .Values.A"}\n', 'web: {scale: "{{ template }}"}\n', None),
                ('web: [\n', None, 'error parsing yaml, please check: line 2, column 1: ')):
            a = self.rest(self.stack(docker, rancher))
            self.assertEqual((a['state'], a['transitioning']), ('error', 'error'), (docker, a['transitioningMessage']))
            if message and '\n' in message:
                self.assertEqual(a['transitioningMessage'], message)
            elif message:
                self.assertIn(message, a['transitioningMessage'])
            self.assertTrue(a['transitioningMessage'])
            self.assertEqual(self.check(self.admin.delete(self.p + '/stacks/' + a['id']), 200)['state'], 'removing')

    def test_what_the_api_refuses_is_said_of_each_service(self):
        st = self.stack("version: '2'\nservices:\n  a: {image: 'p q'}\n  b: {image: 'sim:b'}\n  c: {image: 'x y'}\n")
        a = self.rest(st)
        self.assertEqual(a['state'], 'error')
        lines = a['transitioningMessage'].split('\n')
        self.assertEqual([ln.split(':')[0] for ln in lines], ['could not create service "a"', 'could not create service "c"'])
        self.assertEqual(list(self.services(st)), ['b'])

    def test_a_stack_that_is_removed_on_the_way_goes(self):
        st = self.stack(many(30, ''))
        self.check(self.admin.delete(self.p + '/stacks/' + st), 200)
        self.admin.wait(self.p + '/stacks/' + st, 'removed', 404)
        self.assertEqual(self.services(st), {})

    def test_outputs_are_added(self):
        st = self.stack('')
        self.rest(st)
        self.act(st, 'addoutputs', {'outputs': {'a': '1'}}, 200)
        self.assertEqual(self.act(st, 'addoutputs', {'outputs': {'b': '2'}}, 200)['outputs'], {'a': '1', 'b': '2'})


class Upgrade(Stacks):
    TEXT = "version: '2'\nservices:\n  web: {image: 'sim:web${TAG}', links: [db], metadata: {size: '${SIZE}'}}\n  db: {image: 'sim:db'}\n"
    MORE = TEXT + "  cache: {image: 'sim:cache'}\n"

    def made(self, **kw):
        st = self.stack(self.TEXT, environment={'TAG': '1', 'SIZE': 's'}, externalId='catalog://library:x:0', **kw)
        self.assertEqual(self.rest(st)['state'], 'active')
        s = self.settled(st)
        self.check(self.admin.put(self.p + '/services/' + s['web']['id'], {'scale': 3}), 200)
        self.settled(st)
        return st

    def upgraded(self, st, **kw):
        self.act(st, 'upgrade', dict({'dockerCompose': self.MORE, 'environment': {'TAG': '2'}, 'externalId': 'catalog://library:x:1'}, **kw))
        a = self.rest(st)
        self.assertEqual((a['state'], a['transitioningMessage']), ('upgraded', None))
        return a

    def test_new_answers_then_finish(self):
        st = self.made()
        before = self.services(st)
        a = self.upgraded(st)
        self.assertEqual((a['environment'], a['externalId']), ({'TAG': '2', 'SIZE': 's'}, 'catalog://library:x:1'))
        self.assertEqual((a['previousEnvironment'], a['previousExternalId']), ({'TAG': '1', 'SIZE': 's'}, 'catalog://library:x:0'))
        s = self.settled(st)
        self.assertEqual(sorted(s), ['cache', 'db', 'web'])
        self.assertEqual((s['web']['launchConfig']['imageUuid'], s['web']['scale'], s['web']['state'], s['web']['id']),
                         ('docker:sim:web2', 3, 'upgraded', before['web']['id']))
        self.assertEqual((s['db']['state'], s['db']['launchConfig']['version']), ('active', before['db']['launchConfig']['version']))
        self.assertEqual(s['cache']['state'], 'active')
        self.act(st, 'finishupgrade')
        a = self.rest(st)
        self.assertEqual((a['state'], a['previousEnvironment'], a['previousExternalId']), ('active', None, None))
        self.assertEqual({x['state'] for x in self.settled(st).values()}, {'active'})
        self.check(self.admin.post('%s/stacks/%s?action=rollback' % (self.p, st)), 422, 'ActionNotAvailable')

    def test_rollback(self):
        st = self.made()
        self.upgraded(st)
        self.act(st, 'rollback')
        a = self.rest(st)
        self.assertEqual((a['state'], a['environment'], a['externalId'], a['previousEnvironment'], a['previousExternalId']),
                         ('active', {'TAG': '1', 'SIZE': 's'}, 'catalog://library:x:0', None, None))
        s = self.settled(st)
        self.assertEqual((s['web']['launchConfig']['imageUuid'], s['web']['scale'], s['web']['state']), ('docker:sim:web1', 3, 'active'))
        self.assertEqual(a['dockerCompose'], self.TEXT)

    def test_metadata_is_updated_without_an_upgrade(self):
        st = self.made()
        self.upgraded(st, dockerCompose=self.TEXT, environment={'SIZE': 'l'})
        s = self.settled(st)
        self.assertEqual((s['web']['metadata']['size'], s['web']['state'], s['web']['scale']), ('l', 'active', 3))

    def test_without_text_the_answers_are_new(self):
        st = self.made()
        self.act(st, 'upgrade', {'environment': {'TAG': '7'}})
        a = self.rest(st)
        self.assertEqual((a['state'], a['externalId']), ('upgraded', 'catalog://library:x:0'))
        self.assertEqual(self.services(st)['web']['launchConfig']['imageUuid'], 'docker:sim:web7')

    def test_an_inactive_service_is_started(self):
        st = self.made()
        s = self.services(st)
        self.check(self.admin.post('%s/services/%s?action=deactivate' % (self.p, s['db']['id'])), 202)
        self.admin.wait('%s/services/%s' % (self.p, s['db']['id']), 'inactive')
        self.upgraded(st)
        self.assertEqual(self.settled(st)['db']['state'], 'active')

    def test_an_upgraded_service_is_finished_first(self):
        st = self.made()
        web = self.services(st)['web']
        lc = dict(web['launchConfig'], imageUuid='docker:sim:by-hand')
        self.check(self.admin.post('%s/services/%s?action=upgrade' % (self.p, web['id']), {'inServiceStrategy': {'launchConfig': lc}}), 202)
        self.admin.wait('%s/services/%s' % (self.p, web['id']), 'upgraded')
        self.upgraded(st)
        self.assertEqual(self.settled(st)['web']['launchConfig']['imageUuid'], 'docker:sim:web2')
        self.act(st, 'rollback')
        self.assertEqual(self.rest(st)['state'], 'active')
        self.assertEqual(self.settled(st)['web']['launchConfig']['imageUuid'], 'docker:sim:by-hand')

    def test_a_text_that_cannot_be_read_ends_in_a_state_with_its_reason(self):
        st = self.made()
        self.act(st, 'upgrade', {'dockerCompose': 'web: {image: x, nope: 1}\n'})
        a = self.rest(st)
        self.assertEqual((a['state'], a['transitioning'], a['transitioningMessage']),
                         ('canceled-upgrade', 'error', "Unsupported config option for web service: 'nope'"))
        self.assertEqual(self.services(st)['web']['launchConfig']['imageUuid'], 'docker:sim:web1')
        self.upgraded(st)                       # another try goes on from there

    def test_a_new_volume_driver_is_refused(self):
        text = "version: '2'\nservices:\n  a: {image: 'sim:a', volumes: ['d:/d']}\nvolumes: {d: {driver: %s}}\n"
        st = self.stack(text % 'local')
        self.assertEqual(self.rest(st)['state'], 'active')
        self.settled(st)
        self.act(st, 'upgrade', {'dockerCompose': text % 'other'})
        a = self.rest(st)
        self.assertEqual((a['state'], a['transitioningMessage']), ('canceled-upgrade', 'Volume "d" needs to be recreated - driver has changed'))

    def test_cancel_and_roll_back(self):
        st = self.made()
        self.act(st, 'upgrade', {'dockerCompose': self.TEXT.replace('sim:db', 'sim:db2').replace("'sim:db2'", "'sim:db2', environment: {X: 'compute.instance.activate::fail'}"),
                                 'environment': {'TAG': '2'}})
        self.until(lambda: self.services(st)['db']['state'] == 'upgrading', 'the upgrade of db')
        self.act(st, 'cancelupgrade')
        self.assertEqual(self.rest(st)['state'], 'canceled-upgrade')
        self.assertEqual(self.services(st)['db']['state'], 'canceled-upgrade')
        self.act(st, 'rollback')
        self.assertEqual(self.rest(st)['state'], 'active')
        s = self.settled(st)
        self.assertEqual((s['db']['state'], s['db']['launchConfig']['imageUuid'], s['web']['launchConfig']['imageUuid']), ('active', 'docker:sim:db', 'docker:sim:web1'))


class Export(Stacks):
    def test_what_is_exported_makes_the_same_stack(self):
        docker = EXAMPLE.replace('8080:80', '8090:80')
        first = self.stack(docker, EXAMPLE_RANCHER, environment={'MSG': 'a $$ b'}, startOnCreate=False)
        self.assertEqual(self.rest(first)['state'], 'active')
        texts = self.export(first)
        self.assertTrue(texts[0].startswith("version: '2'\r\n"))
        second = self.stack(*texts, startOnCreate=False)
        self.assertEqual(self.rest(second)['state'], 'active')
        self.assertEqual(self.export(second), texts)

        def look(stack):
            out = {}
            for name, s in self.services(stack).items():
                lc = {k: v for k, v in s['launchConfig'].items() if v not in (None, [], {})}
                lc['labels'] = {k: v for k, v in lc.get('labels', {}).items() if k != HASH}
                out[name] = (s['type'], s['scale'], lc, [x['name'] for x in s['secondaryLaunchConfigs'] or []], len(s['linkedServices'] or {}))
            return out
        self.assertEqual(look(first), look(second))

    def test_chosen_services_and_the_zip(self):
        st = self.stack("version: '2'\nservices:\n  a: {image: 'sim:a'}\n  b: {image: 'sim:b'}\n", startOnCreate=False)
        self.rest(st)
        s = self.services(st)
        docker, rancher = self.export(st, serviceIds=[s['b']['id']])
        self.assertIn('  b:', docker)
        self.assertNotIn('  a:', docker)
        link = self.admin.get(self.p + '/stacks/' + st)['links']['composeConfig']
        z = self.admin.raw('GET', link[link.index('/v2-beta'):])
        self.assertEqual((z.status, z.headers['Content-Type'], z.headers['Content-Disposition']), (200, 'application/zip', 'attachment; filename=compose.zip'))
        with zipfile.ZipFile(io.BytesIO(z.bytes)) as f:
            self.assertEqual(sorted(f.namelist()), ['docker-compose.yml', 'rancher-compose.yml'])
            self.assertEqual((f.read('docker-compose.yml').decode(), f.read('rancher-compose.yml').decode()), self.export(st))

    def test_an_empty_stack_is_the_version_line(self):
        st = self.stack('')
        self.rest(st)
        self.assertEqual(self.export(st)[0], "version: '2'\r\n")


class OldClients(Stacks):
    def test_transform(self):
        a = self.check(self.admin.post(self.p + '/scripts/transform', {
            'Name': '/x', 'Config': {'Image': 'nginx:1', 'Cmd': ['a', 'b'], 'Env': ['K=v'], 'Labels': {'l': '1'}},
            'HostConfig': {'Memory': 67108864, 'NetworkMode': '', 'CapAdd': ['ALL'], 'RestartPolicy': {'Name': 'always'}}}), 200)
        self.assertEqual((a['type'], a['imageUuid'], a['command'], a['environment'], a['labels'], a['memory'], a['capAdd'], a['restartPolicy']['name']),
                         ('instance', 'docker:nginx:1', ['a', 'b'], {'K': 'v'}, {'l': '1'}, 67108864, ['ALL'], 'always'))
        a = self.check(self.admin.post(self.p + '/scripts/transform', {'HostConfig': {'NetworkMode': 'container:x'}}), 422, 'InvalidOption')
        self.assertIn('Transformer API does not support container network mode.', a.raw)
        self.check(self.server.client().post(self.p + '/scripts/transform', {}), 401)
        self.check(self.admin.get(self.p + '/scripts/transform'), 405)

    def test_what_they_ask_before_anything_else(self):
        a = self.check(self.admin.get(self.p + '/schemas/schemas'), 200)
        self.assertTrue(a.headers['X-API-Schemas'].endswith(self.p + '/schemas'))
        self.assertTrue(self.check(self.admin.get(self.p + '/settings/lb.instance.image'), 200)['value'])


class Rights(Stacks):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = {}

    def user(self, role, p=None):
        type(self).serial += 1
        name = '%s%d' % (role, self.serial)
        a = self.check(self.admin.post('/accounts', {'name': name, 'kind': 'user'}), 201)
        self.admin.wait('/accounts/' + a['id'], 'active')
        w = self.check(self.admin.post('/passwords', {'publicValue': name, 'secretValue': 'geheim12', 'accountId': a['id']}), 201)
        self.admin.wait('/passwords/' + w['id'], 'active')
        t = self.check(self.server.client().post('/token', {'code': name + ':geheim12'}), 201)
        return a['id'], self.server.client(headers={'Authorization': 'Bearer ' + t['jwt']})

    def project(self, members):
        type(self).serial += 1
        m = [{'externalId': a, 'externalIdType': 'rancher_id', 'role': r} for a, r in members]
        p = self.check(self.admin.post('/projects', {'name': 'p%d' % self.serial, 'members': m}), 201)['id']
        self.admin.wait('/projects/' + p, 'active')
        return '/projects/' + p

    def test_roles(self):
        owner, o = self.user('owner')
        member, m = self.user('restricted')
        reader, r = self.user('readonly')
        p = self.project([(owner, 'owner'), (member, 'restricted'), (reader, 'readonly')])
        text = "version: '2'\nservices:\n  a: {image: 'docker:a'}\n"
        self.check(r.post(p + '/stacks', {'name': 'x', 'dockerCompose': text}), 405)
        self.check(m.post(p + '/stacks', {'name': 'x', 'dockerCompose': text, 'system': True}), 201)        # not his to say: it is left out
        self.assertFalse(m.get(p + '/stacks').rows[0]['system'])
        st = self.stack(text, by=m, p=p, startOnCreate=False)
        self.assertEqual(self.rest(st, p)['state'], 'active')
        for action in ('upgrade', 'exportconfig'):
            self.assertIn(r.post('%s/stacks/%s?action=%s' % (p, st, action)).status, (403, 404, 405, 422))
        sys_stack = self.stack(text, by=o, p=p, startOnCreate=False, system=True)
        self.assertEqual(self.rest(sys_stack, p)['state'], 'active')
        s = [x for x in self.admin.get(p + '/services').rows if x['stackId'] == sys_stack]
        self.assertEqual([x['system'] for x in s], [True])
        self.assertIn(m.post('%s/stacks/%s?action=upgrade' % (p, sys_stack), {'dockerCompose': text}).status, (403, 404, 422))

    def test_hosts_of_a_text_need_the_right_to_make_hosts(self):
        (owner, _), (member, m) = self.user('owner'), self.user('restricted')
        p = self.project([(owner, 'owner'), (member, 'restricted')])
        st = self.stack("version: '2'\nservices: {}\nhosts: {h: {count: 2}}\n", by=m, p=p)
        a = self.rest(st, p)
        self.assertEqual(a['state'], 'error')
        self.assertIn('could not create host "%s-h-1"' % a['name'], a['transitioningMessage'])
        self.assertEqual(self.admin.get(p + '/hosts').rows, [])

    def test_names_of_other_environments_are_not_found(self):
        self.check(self.admin.post(self.p + '/secrets', {'name': 'theirs', 'value': 'YWJj'}), 201)
        owner, o = self.user('owner')
        p = self.project([(owner, 'owner')])
        st = self.stack("version: '2'\nservices: {a: {image: a, secrets: [theirs]}}\nsecrets: {theirs: {external: 'true'}}\n", by=o, p=p)
        a = self.rest(st, p)
        self.assertEqual(a['state'], 'error')
        self.assertIn('theirs', a['transitioningMessage'])
        self.check(o.get(self.p + '/stacks'), 403)

    def test_who_asked_is_in_the_audit_log(self):
        owner, o = self.user('owner')
        p = self.project([(owner, 'owner')])
        st = self.stack("version: '2'\nservices: {a: {image: a}}\n", by=o, p=p, startOnCreate=False)
        self.rest(st, p)
        rows = [x for x in self.admin.get('/auditlogs?eventType=api.service.create&limit=-1').rows if x['authenticatedAsAccountId'] == owner]
        self.assertEqual([json.loads(x['requestObject'])['name'] for x in rows], ['a'])


class Killed(Stacks):
    """kill -9 in the midst of it, at moments that differ from run to run."""

    def again(self):
        self.server.end(signal.SIGKILL)
        self.server.start()
        self.until(lambda: len(self.admin.get(self.p + '/hosts?state=active').rows) == 2, 'two hosts')

    def test_it_converges(self):
        for when in (0.0, 0.02, 0.1):
            st = self.stack(many(30, '1'))
            threading.Event().wait(when)
            self.again()
            a = self.rest(st)
            self.assertEqual((a['state'], a['transitioningMessage']), ('active', None))
            s = self.settled(st)
            self.assertEqual(sorted(s), sorted('s%d' % i for i in range(30)))
            self.assertEqual({x['state'] for x in s.values()}, {'active'})
            self.assertEqual([n for n, x in s.items() if len(x['linkedServices'] or {}) != (1 if int(n[1:]) >= 10 else 0)], [])
            self.act(st, 'upgrade', {'dockerCompose': many(30, '2', '  more: {image: "sim:m", links: [s0]}\n')})
            threading.Event().wait(when)
            self.again()
            a = self.rest(st)
            self.assertEqual((a['state'], a['transitioningMessage']), ('upgraded', None))
            s = self.settled(st)
            self.assertEqual(len(s), 31)
            for i in range(30):
                x = s['s%d' % i]
                self.assertEqual((x['launchConfig']['imageUuid'], x['state']), ('docker:sim:x2', 'upgraded') if i % 2 else ('docker:sim:x', 'active'), x['name'])
            self.act(st, 'finishupgrade')
            self.again()
            self.assertEqual(self.rest(st)['state'], 'active')
            self.assertEqual({x['state'] for x in self.settled(st).values()}, {'active'})
            self.check(self.admin.delete(self.p + '/stacks/' + st), 200)
            self.admin.wait(self.p + '/stacks/' + st, 'removed', 404)


del Stacks

if __name__ == '__main__':
    client.main()
