"""The stacks of tests/data/compose/stacks made by a real server: what it shows afterwards, and what export and import make of it (compose.md 4 to 9)."""
import base64
import json
import os
import subprocess
import tempfile
import threading
import time

import client

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'data', 'compose', 'stacks')
HASH = 'io.rancher.service.hash'
ROLE = 'io.rancher.container.agent.role'         # the server adds to a balancer's
# Not for stacks of the API: files that documents name; hosts that need a machine driver.
LEFT_OUT = {'file-secret': 'files', 'extends-base': 'files', 'machines': 'hosts', 'port-ranges': 'the API has single ports only'}
# Fields that the type does not have.
NOT_SHOWN = {'externalservices': ['scale'], 'dnsservices': ['scale'], 'storagedriverservices': ['healthCheck'], 'networkdriverservices': ['healthCheck'],
             'loadbalancerservices': ['healthCheck']}


def text(stack, name):
    path = os.path.join(FOLDER, stack, name)
    if not os.path.exists(path):
        return None
    with open(path, encoding='utf-8', newline='') as f:
        return f.read()


def empty(v):
    return v in (None, False, 0, '', [], {}) or v == {'type': 'logConfig'}


def differences(want, have, ids, path=''):
    """What of the recorded body the API's object does not show. The server completes what it is given, and writes ports its own way."""
    if isinstance(want, dict):
        out = []
        for k, v in want.items():
            if k in (HASH, 'stackId', 'ports') or k == ROLE and have.get('io.rancher.container.create_agent'):
                continue
            out += differences(v, have.get(k) if isinstance(have, dict) else None, ids, path + '/' + k)
        return out
    if isinstance(want, list):
        if not isinstance(have, list) or len(want) != len(have):
            return ['%s: %r, not %r' % (path, have, want)]
        return [d for i, v in enumerate(want) for d in differences(v, have[i], ids, '%s/%d' % (path, i))]
    if isinstance(want, str):
        want = ids.get(want, want)
    return [] if want == have or (empty(want) and empty(have)) else ['%s: %r, not %r' % (path, have, want)]


class OwnStacks(client.Case):
    serial = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        admin, cls.known = cls.server.admin(), {}
        for name in ('secret1', 'secret2'):
            cls.known['secret:' + name] = admin.post(cls.p + '/secrets', {'name': name, 'value': base64.b64encode(name.encode()).decode()})['id']
        with tempfile.TemporaryDirectory(prefix='drover-certs-') as d:
            for name in ('cert1', 'cert2'):
                cert, key = d + '/c', d + '/k'
                subprocess.run(['openssl', 'req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-x509', '-nodes', '-days', '30',
                                '-subj', '/CN=%s.example' % name, '-keyout', key, '-out', cert], check=True, capture_output=True, timeout=client.WAIT_S)
                with open(cert) as c, open(key) as k:
                    cls.known['certificate:' + name] = admin.post(cls.p + '/certificates', {'name': name, 'cert': c.read(), 'key': k.read()})['id']
        other = admin.post(cls.p + '/stacks', {'name': 'other', 'dockerCompose': 'db: {image: x}\ncache: {image: x}\nweb: {image: x}\n'})['id']
        cls.rest(other)
        for s in cls.services(other).values():
            cls.known['service:other~' + s['name']] = s['id']

    @classmethod
    def rest(cls, stack):
        end, path = time.monotonic() + client.WAIT_S, cls.p + '/stacks/' + stack
        while True:
            a = cls.server.admin().get(path)
            if a['transitioning'] != 'yes':
                return a
            if time.monotonic() > end:
                raise AssertionError('not in time: %r' % a)
            threading.Event().wait(0.02)

    @classmethod
    def services(cls, stack):
        return {s['name']: s for s in cls.server.admin().get('%s/services?stackId=%s&limit=-1' % (cls.p, stack)).rows}

    def make(self, docker, rancher, answers=None, name=None):
        type(self).serial += 1
        body = {'name': name or 'again-%d' % self.serial, 'dockerCompose': docker, 'environment': answers or {}}
        if rancher is not None:
            body['rancherCompose'] = rancher
        return self.check(self.admin.post(self.p + '/stacks', body), 201)['id']

    def read(self, stack):
        docker = text(stack, 'docker-compose.yml')
        answers = text(stack, 'answers.json')
        return self.make(docker if docker is not None else text(stack, 'docker-compose.yml.tpl'), text(stack, 'rancher-compose.yml'),
                         json.loads(answers) if answers else None, stack)

    def export(self, stack):
        a = self.check(self.admin.post('%s/stacks/%s?action=exportconfig' % (self.p, stack), {}), 200)
        return a['dockerComposeConfig'], a['rancherComposeConfig']

    def stacks(self):
        names = sorted(n for n in os.listdir(FOLDER) if n not in LEFT_OUT)
        self.assertGreater(len(names), 50)
        return names

    def remove(self, *ids):
        for i in ids:
            self.check(self.admin.delete('%s/stacks/%s' % (self.p, i)), 200)

    def made_as_recorded(self, name, stack):
        have = self.services(stack)
        ids = dict(self.known, **{'service:' + n: s['id'] for n, s in have.items()})
        wrong, n = [], 0
        for r in json.loads(text(name, 'expected.json')):
            if 'body' not in r or r.get('action') or not r['path'].endswith('services'):
                continue
            want, n = r['body'], n + 1
            for field in NOT_SHOWN.get(r['path'], ()):      # sent by Rancher's executor all the same
                want.pop(field, None)
            wrong += ['%s%s' % (want['name'], d) for d in differences(want, have.get(want['name'], {}), ids)]
        self.assertEqual((wrong, len(have)), ([], n), name)

    def test_every_stack_is_made_as_recorded_and_comes_back_from_export(self):
        tried = 0
        for name in self.stacks():
            if text(name, 'expected.json') is None:
                continue
            with self.subTest(name):
                st = self.read(name)
                a = self.rest(st)
                self.assertEqual((a['state'], a['transitioningMessage']), ('active', None))
                self.made_as_recorded(name, st)
                first = self.export(st)
                again = self.make(*first)
                a = self.rest(again)
                self.assertEqual((a['state'], a['transitioningMessage']), ('active', None), first)
                self.assertEqual(self.export(again), first)
                self.remove(st, again)
                tried += 1
        print('%d stacks' % tried)

    def test_what_is_refused_has_all_reasons_in_its_message(self):
        tried = 0
        for name in self.stacks():
            if text(name, 'expected.json') is not None:
                continue
            with self.subTest(name):
                st = self.read(name)
                a = self.rest(st)
                self.assertEqual(a['state'], 'error')
                for line in text(name, 'messages.txt').splitlines():
                    kind, _, rest = line.partition(': ')
                    reason = rest.split(': ', 1)[1] if kind == 'error' else rest
                    if kind != 'warning':
                        self.assertIn(reason, a['transitioningMessage'])
                self.remove(st)
                tried += 1
        print('%d stacks that are refused' % tried)

    def test_texts_made_to_cost_time_or_memory_end_in_an_error_and_the_server_goes_on(self):
        laughs = 'w:\n  image: x\n  metadata:\n    a0: &a0 [lol]\n' + ''.join('    a%d: &a%d [%s]\n' % (i, i, ', '.join(['*a%d' % (i - 1)] * 10)) for i in range(1, 30))
        texts = [laughs, 'w:\n  image: x\n  metadata: ' + '[' * 50000 + ']' * 50000 + '\n',
                 'w:\n  image: x\n' + ''.join('  k%d: v\n' % i for i in range(20000)),
                 '{{ range $i := until 100000 }}{{ range $j := until 100000 }}x{{ end }}{{ end }}',
                 'a: {image: x, extends: {service: a}}\n']
        for t in texts:
            st = self.make(t, None)
            a = self.rest(st)
            self.assertEqual(a['state'], 'error')
            self.assertTrue(a['transitioningMessage'])
            self.remove(st)
        self.assertEqual(self.admin.get(self.p).status, 200)


if __name__ == '__main__':
    client.main()
