"""A small double of the API for tests of the command line: projects, stacks, services, containers, hosts, tokens, keys.

Transitions take one look: a resource rests at the second GET after it was changed. Every request is appended to `log`.
Subscribe answers 400, so that the command line polls, unless `websocket` is set: then publish() sends events.
"""
import base64
import hashlib
import json
import queue
import struct
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fake_catalog import Catalog

KEY, SECRET = 'A' * 20, 's' * 40
PREFIX = {'stacks': '1st', 'services': '1s', 'containers': '1i', 'hosts': '1h', 'projects': '1a', 'registrationtokens': '1c', 'apikeys': '1c'}
TYPE = {'stacks': 'stack', 'services': 'service', 'containers': 'container', 'hosts': 'host', 'projects': 'project',
        'registrationtokens': 'registrationToken', 'apikeys': 'apiKey'}


class Fake:
    def __init__(self):
        self.log, self.number, self.page = [], 10, 2
        self.rows = {plural: [] for plural in PREFIX}
        self.keys = {KEY: SECRET}
        self.websocket, self.events = False, queue.Queue()
        self.subscribed, self.looked = threading.Event(), threading.Event()     # looked: a single service was read
        self.fail = {}                  # "METHOD /path" -> (status, body)
        self.never_place = set()        # names of services whose containers find no host
        self.rows['projects'].append({'id': '1a5', 'type': 'project', 'name': 'Default', 'state': 'active', 'orchestration': 'cattle'})
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            disable_nagle_algorithm = True

            def log_message(self, *args):
                pass

            def handle_one_request(self):
                try:
                    super().handle_one_request()
                except ConnectionResetError:        # of a program that was ended in the middle
                    self.close_connection = True

            def do(self):
                length = int(self.headers.get('Content-Length') or 0)
                body = json.loads(self.rfile.read(length) or b'{}')
                url = urllib.parse.urlsplit(self.path)
                if fake.websocket and url.path.endswith('/subscribe'):
                    self.subscribe()
                    return
                status, answer = fake.answer(self.command, url.path, dict(urllib.parse.parse_qsl(url.query)), body, self.headers)
                data = b'' if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def subscribe(self):
                accept = hashlib.sha1((self.headers['Sec-WebSocket-Key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode()).digest()
                self.wfile.write(('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n'
                                  % base64.b64encode(accept).decode()).encode())
                self.close_connection = True
                fake.subscribed.set()
                while (event := fake.events.get()) is not None:
                    data = json.dumps(event).encode()
                    head = struct.pack('!BB', 0x81, len(data)) if len(data) < 126 else struct.pack('!BBH', 0x81, 126, len(data))
                    self.wfile.write(head + data)

            do_GET = do_POST = do_PUT = do_DELETE = do

        self.server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.url = 'http://127.0.0.1:%d' % self.server.server_address[1]
        self.catalog = Catalog(self.url)
        self.stuck = set()              # names of what stays in its transition until it is cancelled
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def publish(self, event):
        self.events.put(event)

    def stop(self):
        self.publish(None)
        self.server.shutdown()
        self.server.server_close()

    def error(self, status, code, message=None, field=None):
        return status, {'type': 'error', 'status': status, 'code': code, 'message': message, 'detail': None, 'fieldName': field}

    def allowed(self, headers):
        auth = headers.get('Authorization', '')
        if auth == 'Bearer session':
            return True
        if not auth.startswith('Basic '):
            return False
        user, _, password = base64.b64decode(auth[6:]).decode().partition(':')
        return self.keys.get(user) == password

    def new(self, plural, row):
        self.number += 1
        row = {'id': PREFIX[plural] + str(self.number), 'type': TYPE[plural], 'transitioning': 'no', 'transitioningMessage': None, **row}
        self.rows[plural].append(row)
        return row

    def move(self, row, through, to):
        row['state'], row['transitioning'], row['next'] = through, 'yes', [to, 1]

    def look(self, row):
        """What a GET shows, after one step of time."""
        if row.get('next'):
            if row['next'][1] > 0 or row.get('name') in self.stuck:
                row['next'][1] -= 1
            else:
                row['state'], row['transitioning'] = row.pop('next')[0], 'no'
                if row['state'] == 'removed':
                    for rows in self.rows.values():
                        if row in rows:
                            rows.remove(row)
                self.place(row)
        shown = {k: v for k, v in row.items() if k != 'next'}
        shown['actions'] = {a: '%s/v2-beta/projects/1a5/%ss/%s/?action=%s' % (self.url, row['type'], row['id'], a) for a in self.actions(row)}
        shown['links'] = {'self': '%s/v2-beta/projects/1a5/%ss/%s' % (self.url, row['type'], row['id'])}
        return shown

    def place(self, service):
        if service['type'] != 'service':
            return
        up = service['state'] in ('active', 'upgraded') and service['name'] not in self.never_place
        service['healthState'] = 'healthy' if up else 'unhealthy'
        if service['state'] == 'active':
            service['instanceIds'] = ['1i%s%d' % (service['id'][2:], i) for i in range(service.get('scale', 1) if up else 0)]

    def actions(self, row):
        if row['type'] == 'service':
            return {'inactive': ['activate', 'setservicelinks', 'upgrade'], 'active': ['deactivate', 'setservicelinks', 'restart', 'upgrade'],
                    'upgraded': ['finishupgrade', 'rollback', 'setservicelinks'], 'upgrading': ['cancelupgrade', 'rollback'],
                    'canceled-upgrade': ['continueupgrade', 'rollback']}.get(row['state'], [])
        if row['type'] == 'host':
            return {'active': ['deactivate'], 'inactive': ['activate', 'remove']}.get(row['state'], [])
        if row['type'] == 'stack':
            return ['activateservices', 'deactivateservices', 'exportconfig'] + {
                'active': ['upgrade'], 'upgraded': ['finishupgrade', 'rollback'], 'upgrading': ['cancelupgrade', 'rollback']}.get(row['state'], [])
        return {'container': ['stop', 'restart']}.get(row['type'], [])

    def answer(self, method, path, query, body, headers):
        self.log.append((method, path, query, body))
        if (method + ' ' + path) in self.fail:
            return self.fail[method + ' ' + path]
        parts = [urllib.parse.unquote(p) for p in path.split('/') if p]
        if parts[0] == 'v1-catalog' and self.allowed(headers):
            return self.catalog.answer(method, parts[1:], query, body)
        if parts[0] != 'v2-beta':
            return self.error(404, 'Not Found', 'Not Found')
        parts = parts[1:]
        if parts == ['token'] and method == 'POST':
            if body.get('code') != 'admin:secret':
                return self.error(401, 'Unauthorized', 'Unauthorized')
            return 201, {'type': 'token', 'jwt': 'session'}
        if not self.allowed(headers):
            return self.error(401, 'Unauthorized', 'Unauthorized')
        if parts == ['settings', 'rancher.server.version']:
            return 200, {'type': 'setting', 'value': 'v1.6.30'}
        if parts[:1] == ['projects'] and len(parts) > 2:
            if parts[1] not in [p['id'] for p in self.rows['projects']]:
                return self.error(403, 'Forbidden', 'Forbidden')
            parts = parts[2:]
        plural = parts[0].rstrip('s') + 's'
        if parts == ['subscribe']:
            return self.error(400, 'Bad Request', 'Bad Request')
        if plural not in self.rows:
            return self.error(404, 'Not Found', 'Not Found')
        if len(parts) == 1:
            return self.create(plural, body) if method == 'POST' else self.collection(plural, path, query)
        row = next((r for r in self.rows[plural] if r['id'] == parts[1]), None)
        if row is None:
            return self.error(404, 'Not Found', 'Not Found')
        if len(parts) == 3 and parts[2] == 'instances':
            return 200, {'type': 'collection', 'data': [self.look(c) for c in self.rows['containers'] if row['id'] in (c.get('serviceId'), c.get('hostId'))]}
        if plural == 'services':
            self.looked.set()
        if method == 'POST':
            return self.act(row, query.get('action'), body)
        if method == 'PUT':
            row.update(body)
            self.place(row)
            return 200, self.look(row)
        if method == 'DELETE':
            if row['type'] == 'host' and row['state'] == 'active':
                return self.error(405, 'Method not allowed', 'Method not allowed')
            self.move(row, 'removing', 'removed')
        return 200, self.look(row)

    def collection(self, plural, path, query):
        rows = [r for r in self.rows[plural] if all(str(r.get(k, v)) == v for k, v in query.items() if k in ('name', 'stackId'))]
        start = int(query.get('marker', 'm0')[1:])
        more = len(rows) > start + self.page
        following = dict(query, marker='m%d' % (start + self.page))
        return 200, {'type': 'collection', 'data': [self.look(r) for r in rows[start:start + self.page]],
                     'pagination': {'next': 'http://elsewhere:1%s?%s' % (path, urllib.parse.urlencode(following)) if more else None}}

    def create(self, plural, body):
        if plural in ('stacks', 'services') and any(r['name'] == body.get('name') and r.get('stackId') == body.get('stackId') for r in self.rows[plural]):
            return self.error(422, 'NotUnique', None, 'name')
        row = self.new(plural, dict(body))
        if plural == 'apikeys':
            row.update(publicValue='B' * 20, secretValue='t' * 40)
            self.keys['B' * 20] = 't' * 40
        if plural == 'registrationtokens':
            row['command'] = 'curl -fsSL %s/v1/scripts/TOKEN/join | sudo sh' % self.url
        if plural == 'services':
            row.update(instanceIds=[], healthState='unhealthy', linkedServices=None)
            row.setdefault('scale', 1)
        self.move(row, 'registering', 'inactive' if plural == 'services' else 'active')
        if plural == 'stacks' and body.get('dockerCompose'):
            service = self.new('services', {'name': 'web', 'stackId': row['id'], 'scale': 2, 'instanceIds': [], 'launchConfig': {'imageUuid': 'docker:x'}})
            self.move(service, 'activating', 'active')
        return 201, self.look(row)

    def act(self, row, action, body):
        if action not in self.actions(row):
            return self.error(422, 'ActionNotAvailable', None, 'action')
        if action == 'setservicelinks':
            row['linkedServices'] = {link.get('name') or 'x/' + link['serviceId']: link['serviceId'] for link in body['serviceLinks']}
        elif action == 'exportconfig':
            return 200, {'type': 'composeConfig', 'dockerComposeConfig': 'docker of %s' % row['name'], 'rancherComposeConfig': 'rancher'}
        elif action in ('upgrade', 'continueupgrade'):
            self.upgrade(row, body)
        elif action in ('finishupgrade', 'rollback', 'cancelupgrade'):
            through = {'finishupgrade': 'finishing-upgrade', 'rollback': 'rolling-back', 'cancelupgrade': 'canceling-upgrade'}[action]
            self.stuck.discard(row['name'])
            if action == 'rollback' and row.get('before'):
                row.update(row.pop('before'))
            self.move(row, through, 'canceled-upgrade' if action == 'cancelupgrade' else 'active')
        elif action in ('activate', 'deactivate'):
            self.move(row, action[:-1] + 'ing', 'active' if action == 'activate' else 'inactive')
            if row.get('name') in self.never_place:
                row.update(state='activating', transitioning='error', next=None,
                           transitioningMessage='Allocation failed: No healthy hosts with sufficient resources available')
        return 202, self.look(row)

    def upgrade(self, row, body):
        strategy = (body or {}).get('inServiceStrategy') or {}
        changed = {k: body[k] for k in ('externalId', 'environment', 'dockerCompose', 'rancherCompose') if body and k in body}
        changed.update({k: v for k, v in strategy.items() if k in ('launchConfig', 'secondaryLaunchConfigs')})
        row['before'] = {k: row.get(k) for k in changed}
        row.update(changed)
        self.move(row, 'upgrading', 'upgraded')
