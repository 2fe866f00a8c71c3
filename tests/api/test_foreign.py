"""A program that is not ours: Python's requests and websocket (Debian's python3-requests and python3-websocket) find their way by what the
API says about itself (schemas, links, actions), and register, subscribe, create, wait, read logs and run commands."""
import base64
import os
import sys
import threading
import time
import unittest

import client

try:
    import requests
    import websocket
except ImportError:
    sys.path.append('/usr/lib/python3/dist-packages')   # another python3 than Debian's: both packages are plain Python
    try:
        import requests
        import websocket
    except ImportError as e:
        requests, MISSING = None, e

WAIT_S = client.WAIT_S


class Api:
    """As gdapi-python: everything starts with one GET and its X-API-Schemas header."""

    def __init__(self, url, access, secret):
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.auth = (access, secret)
        self.basic = 'Basic ' + base64.b64encode(('%s:%s' % (access, secret)).encode()).decode()
        head = self.session.get(url, timeout=WAIT_S)
        head.raise_for_status()
        found = self.session.get(head.headers['X-API-Schemas'], timeout=WAIT_S)
        found.raise_for_status()
        self.schemas = {s['id']: s for s in found.json()['data']}

    def collection(self, kind):
        return self.schemas[kind]['links']['collection']

    def list(self, kind, **query):
        rows, url = [], self.collection(kind)
        while url:
            r = self.session.get(url, params=query, timeout=WAIT_S)
            r.raise_for_status()
            rows += r.json()['data']
            url, query = (r.json().get('pagination') or {}).get('next'), None
        return rows

    def create(self, kind, **fields):
        assert 'POST' in self.schemas[kind]['collectionMethods'], kind
        r = self.session.post(self.collection(kind), json=fields, timeout=WAIT_S)
        assert r.status_code == 201, (r.status_code, r.text)
        return r.json()

    def reload(self, o):
        r = self.session.get(o['links']['self'], timeout=WAIT_S)
        r.raise_for_status()
        return r.json()

    def action(self, o, name, **fields):
        r = self.session.post(o['actions'][name], json=fields, timeout=WAIT_S)
        assert r.status_code < 300, (r.status_code, r.text)
        return r.json()

    def wait(self, o, state):
        end = time.monotonic() + WAIT_S
        while o['state'] != state:
            assert time.monotonic() < end, (o['state'], state, o.get('transitioningMessage'))
            threading.Event().wait(0.05)
            o = self.reload(o)
        return o

    def subscribe(self, *names):
        url = self.collection('subscribe').replace('http', 'ws', 1) + '?' + '&'.join('eventNames=' + n for n in names)
        return websocket.create_connection(url, header=['Authorization: ' + self.basic], timeout=WAIT_S)


def events(ws):
    import json
    while True:
        text = ws.recv()
        if text:
            yield json.loads(text)


def stream(access, **options):
    return websocket.create_connection('%s?token=%s' % (access['url'], access['token']), timeout=WAIT_S, **options)


@unittest.skipIf(requests is None, 'needs the packages requests and websocket')
class Foreign(client.Case):
    args = ('--simulator', '--sim-hosts', '2')

    def setUp(self):
        k = self.check(self.admin.post(self.p + '/apikeys', {'name': 'foreign'}), 201)
        self.admin.wait('%s/apikeys/%s' % (self.p, k['id']), 'active')
        self.base = 'http://127.0.0.1:%d' % self.server.port
        self.api = Api(self.base + '/v2-beta', k['publicValue'], k['secretValue'])
        end = time.monotonic() + WAIT_S
        while len([h for h in self.api.list('host') if h['state'] == 'active']) < 2:
            assert time.monotonic() < end
            threading.Event().wait(0.05)

    def test_registering_a_host(self):
        t = self.api.wait(self.api.create('registrationToken'), 'active')
        script = requests.get(t['registrationUrl'], timeout=WAIT_S)
        given = dict(line[len('export '):].split('=', 1) for line in script.text.splitlines() if line.startswith('export '))
        user, secret, url = (given[k].strip('"') for k in ('CATTLE_REGISTRATION_ACCESS_KEY', 'CATTLE_REGISTRATION_SECRET_KEY', 'CATTLE_URL'))
        register, key = Api(url, user, secret), os.urandom(16).hex()
        made = register.create('register', key=key)
        self.assertIsNone(made['secretKey'])
        end, found = time.monotonic() + WAIT_S, {}
        while not found.get('secretKey'):
            assert time.monotonic() < end
            found = (register.list('register', key=key) or [{}])[0]
        agent = Api(url, found['accessKey'], found['secretKey'])
        self.assertNotIn('stack', agent.schemas)        # an agent is no user
        self.assertIn('publish', agent.schemas)
        ws = agent.subscribe('ping', 'compute.instance.activate')
        self.assertEqual(next(events(ws))['name'], 'ping')
        ws.close()

    def test_creating_and_waiting_by_events(self):
        ws = self.api.subscribe('resource.change')
        self.assertEqual(next(events(ws))['name'], 'ping')
        stack = self.api.create('stack', name='foreign')
        service = self.api.create('service', name='web', stackId=stack['id'], scale=2, startOnCreate=True, launchConfig={'imageUuid': 'sim:web'})
        running, state, end = set(), None, time.monotonic() + WAIT_S
        for e in events(ws):
            r = e['data'].get('resource') or {}
            if e['name'] == 'resource.change' and r.get('type') == 'container' and r['state'] == 'running':
                running.add(r['id'])
            if e['name'] == 'resource.change' and r.get('id') == service['id']:
                state = r['state']
            if len(running) == 2 and state == 'active':
                break
            assert time.monotonic() < end, (running, state)     # pings go on for ever
        ws.close()
        self.assertEqual({c['id'] for c in self.api.list('container', name_prefix='foreign-web-')}, running)
        linked = self.api.session.get(self.api.reload(service)['links']['instances'], timeout=WAIT_S).json()['data']
        self.assertEqual({c['id'] for c in linked}, running)
        service = self.api.wait(self.api.action(self.api.reload(service), 'deactivate'), 'inactive')
        self.api.session.delete(self.api.reload(stack)['links']['self'], timeout=WAIT_S).raise_for_status()
        self.api.wait(self.api.reload(service), 'removed')

    def test_logs_and_commands(self):
        c = self.api.wait(self.api.create('container', name='talker', imageUuid='sim:talker'), 'running')
        log = stream(self.api.action(c, 'logs', lines=5, follow=False))
        lines = []
        try:
            while True:
                text = log.recv()
                if not text:
                    break
                lines.append(text)
        except websocket.WebSocketConnectionClosedException:
            pass
        self.assertTrue(lines)
        self.assertTrue(all(t[:3] in ('00 ', '01 ', '02 ') for t in lines), lines)
        x = stream(self.api.action(c, 'execute', command=['/bin/sh'], attachStdin=True, attachStdout=True, tty=True))
        x.send(base64.b64encode(b'hello\n').decode())
        seen = b''
        while b'hello' not in seen:
            seen += base64.b64decode(x.recv())
        x.close()

    def test_what_is_not_there_and_what_is_not_allowed(self):
        r = self.api.session.get(self.base + '/v2-beta/containers/1i99999', timeout=WAIT_S)
        self.assertEqual((r.status_code, r.json()['code']), (404, 'Not Found'))
        self.assertEqual(requests.get(self.base + '/v2-beta/containers', timeout=WAIT_S).status_code, 401)
        with self.assertRaises(websocket.WebSocketBadStatusException) as e:
            websocket.create_connection(self.base.replace('http', 'ws') + '/v2-beta/subscribe?eventNames=resource.change', timeout=WAIT_S)
        self.assertEqual(e.exception.status_code, 401)


if __name__ == '__main__':
    unittest.main()
