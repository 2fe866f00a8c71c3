#!/usr/bin/env python3
"""Containers with an account of their own, on a real engine (spec agent.md 9, orchestrators.md 1): what they find in their environment is all they
need to list their stack, subscribe, and answer an event; another environment refuses them; a foreign client in Python reads their logs and runs
commands in them. The client in the container is the image's shell with busybox's wget and nc."""
import base64
import json
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))
import harness
from harness import until

try:
    import requests
    import websocket
except ImportError:
    sys.path.append('/usr/lib/python3/dist-packages')   # another python3 than Debian's: both packages are plain Python
    import requests
    import websocket

IMAGE = 'docker:' + harness.IMAGE
G = 'io.rancher.container.'
EVENT = 'compute.instance.providelabels'
# Reads frames as text between what is not printable. Answers each event with a label; the word behind each fact is looked for by the tests.
PROVIDER = r'''
rest=${CATTLE_URL#http://}; at=${rest%%/*}; api=http://$at/v2-beta
user=$CATTLE_AGENT_INSTANCE_ENVIRONMENT_AUTH; agent=$CATTLE_AGENT_INSTANCE_AGENT_AUTH
get() { wget -q -O - --header "Authorization: $1" "$api/$2" 2>&1; }
echo "stacks: $(get "$user" stacks | tr '{,' '\n\n' | grep '^"name"' | tr '\n' ' ')"
echo "foreign project: $(get "$user" "projects/$FOREIGN/stacks")"
echo "foreign stack: $(get "$user" "stacks/$FOREIGN_STACK")"
echo "agent as user: $(get "$agent" "projects/$FOREIGN/stacks")"
answer() {
    wget -q -O /dev/null --header "Authorization: $agent" --header 'Content-Type: application/json' --post-data "{\"name\":\"reply.$1\",\"previousIds\":[\"$1\"],
        \"data\":{\"instance\":{\"+data\":{\"+fields\":{\"+labels\":{\"provided\":\"by-$HOSTNAME\"}}}}}}" "$api/publish" && echo "answered $1"
}
{ printf 'GET /v2-beta/subscribe?eventNames=%s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' "$EVENT" "$at"
  printf 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: %s\r\n\r\n' "$agent"; sleep 600; } |
nc "${at%:*}" "${at##*:}" | tr -c '\040-\176' '\n' | while read -r line; do
    case $line in
    *'"name":"ping"'*) [ -z "$seen" ] && echo subscribed; seen=1 ;;
    *'"name":"'"$EVENT"'"'*) id=${line#*'"id":"'}; answer "${id%%'"'*}" ;;
    esac
done &
trap 'exit 0' TERM
while :; do sleep 1000 & wait $!; done
'''


@unittest.skipIf(harness.why_not(), harness.why_not())
class Agents(harness.OneHost):
    def run_it(self, name, labels, command=None, environment=None):
        fields = {'name': name, 'imageUuid': IMAGE, 'networkMode': 'bridge', 'labels': labels, 'environment': environment or {}}
        if command:
            fields['command'] = ['sh', '-c', command]
        c = self.api.post('containers', fields)
        return until(lambda: (lambda x: x if x['state'] == 'running' else None)(self.api.get('containers/' + c['id'])),
                     lambda: name + ' runs: ' + str(self.api.get('containers/' + c['id']).get('transitioningMessage')))

    def inspect(self, c):
        return json.loads(self.world.lab('docker', 'host1', 'inspect', c['externalId']).stdout)[0]

    def output(self, c):
        r = self.world.lab('docker', 'host1', 'logs', c['externalId'])
        return r.stdout + r.stderr

    def environment(self, c):
        return dict(e.split('=', 1) for e in self.inspect(c)['Config']['Env'])

    def remove(self, c):
        self.api.delete('containers/' + c['id'])

    def provider(self, name, environment=None):
        foreign = self.api.post('/v2-beta/projects', {'name': 'foreign-' + name})
        until(lambda: self.api.get('/v2-beta/projects/' + foreign['id'])['state'] == 'active', 'the other environment')
        stack = self.api.post(f'/v2-beta/projects/{foreign["id"]}/stacks', {'name': 'not-yours'})
        labels = {G + 'create_agent': 'true', G + 'agent.role': 'agent,environment', G + 'agent_service.labels_provider': 'true'}
        return self.run_it(name, labels, PROVIDER, {'FOREIGN': foreign['id'], 'FOREIGN_STACK': stack['id'], 'EVENT': EVENT})

    def test_its_environment_is_enough_and_only_for_its_own(self):
        self.api.post('stacks', {'name': 'ours'})
        c = self.provider('provider')
        try:
            until(lambda: 'subscribed' in self.output(c), lambda: 'the container subscribes: ' + self.output(c))
            said = dict(line.split(': ', 1) for line in self.output(c).splitlines() if ': ' in line and not line.startswith('wget'))
            self.assertIn('"name":"ours"', said['stacks'])
            self.assertNotIn('not-yours', said['stacks'])
            self.assertIn('403', said['foreign project'])
            self.assertIn('404', said['foreign stack'])
            self.assertRegex(said['agent as user'], '40[34]')
            pod = self.run_it('pod', {'io.kubernetes.container.name': 'POD'})
            self.assertEqual(pod['labels']['provided'], 'by-' + self.inspect(c)['Config']['Hostname'])
            self.assertIn('answered ', self.output(c))
            self.assertEqual(self.inspect(pod)['Config']['Labels']['provided'], pod['labels']['provided'])
            self.remove(pod)
        finally:
            self.remove(c)

    def test_keys_stay_over_restarts_and_are_worth_nothing_when_it_is_gone(self):
        c = self.run_it('keys', {G + 'create_agent': 'true', G + 'agent.role': 'environment'})
        env = self.environment(c)
        self.assertTrue(env['CATTLE_URL'].startswith('http://'))
        self.assertEqual(env['CATTLE_URL'], env['CATTLE_CONFIG_URL'])
        self.assertNotIn('CATTLE_SECRET_KEY', json.dumps(self.api.get('containers/' + c['id'])))
        doc = self.inspect(c)
        self.assertIn('/var/lib/rancher/etc:/var/lib/rancher/etc:ro', doc['HostConfig']['Binds'])
        own = harness.Api(self.world.server.port, env['CATTLE_ACCESS_KEY'], env['CATTLE_SECRET_KEY'])
        self.assertEqual(own.get('/v2-beta/containers/' + c['id'])['name'], 'keys')
        self.api.action('containers/' + c['id'], 'restart')
        until(lambda: self.inspect(c)['State']['StartedAt'] != doc['State']['StartedAt'], 'the restart')
        until(lambda: self.api.get('containers/' + c['id'])['state'] == 'running', 'running again')
        self.assertEqual(self.environment(c), env)
        self.remove(c)

        def refused():
            try:
                own.get('/v2-beta/stacks')
            except harness.ApiError as e:
                return e.status == 401
            return False
        until(refused, 'its key is refused')
        until(lambda: not [a for a in self.api.list('/v2-beta/agents') if a['uri'].startswith('event:///')
                           and a['uri'].endswith('=' + c['id'][2:])], 'its agent is removed')

    def test_labels_leave_the_mount_out_and_without_them_there_is_nothing(self):
        skip = self.run_it('skip', {G + 'create_agent': 'true', G + 'agent.volumes_strategy': 'skip'})
        plain = self.run_it('plain', {})
        self.assertFalse(self.inspect(skip)['HostConfig']['Binds'])
        self.assertIn('CATTLE_ACCESS_KEY', self.environment(skip))
        self.assertFalse([k for k in self.environment(plain) if k.startswith('CATTLE')])
        self.remove(skip)
        self.remove(plain)

    def test_a_foreign_client_creates_waits_reads_logs_and_runs_commands(self):
        a = self.world.server.admin
        s = requests.Session()
        s.trust_env, s.auth = False, (a['accessKey'], a['secretKey'])
        base = self.world.server.url + '/v2-beta/projects/' + harness.PROJECT
        basic = 'Authorization: Basic ' + base64.b64encode(f'{a["accessKey"]}:{a["secretKey"]}'.encode()).decode()
        ws = websocket.create_connection(base.replace('http', 'ws', 1) + '/subscribe?eventNames=resource.change', header=[basic], timeout=60)
        r = s.post(base + '/containers', json={'name': 'talker', 'imageUuid': IMAGE, 'networkMode': 'bridge',
                                               'command': ['sh', '-c', 'echo first; echo second >&2; ' + harness.IMAGE_CMD]})
        self.assertEqual(r.status_code, 201, r.text)
        c = r.json()
        while c['state'] != 'running':
            m = json.loads(ws.recv())
            if m['name'] == 'resource.change' and m['resourceId'] == c['id']:
                c = m['data']['resource']
            self.assertNotEqual(c['state'], 'error', c['transitioningMessage'])
        ws.close()
        c = s.get(c['links']['self']).json()
        lines = []

        def logged():
            log = s.post(c['actions']['logs'], json={'lines': 10, 'follow': False}).json()
            stream = websocket.create_connection(f'{log["url"]}?token={log["token"]}', timeout=60)
            lines.clear()
            try:
                while True:
                    text = stream.recv()
                    if not text:
                        break
                    lines.append(text.strip())
            except websocket.WebSocketConnectionClosedException:
                pass
            stream.close()
            return sorted((t[:2], t.split(' ')[-1]) for t in lines) == [('01', 'first'), ('02', 'second')]     # with their times between
        until(logged, lambda: f'its two lines: {lines}')
        x = s.post(c['actions']['execute'], json={'command': ['sh', '-c', 'read a; echo got-$a'], 'attachStdin': True, 'attachStdout': True, 'tty': False}).json()
        stream = websocket.create_connection(f'{x["url"]}?token={x["token"]}', timeout=60)
        stream.send(base64.b64encode(b'that\n').decode())
        seen = b''
        while b'got-that' not in seen:
            seen += base64.b64decode(stream.recv())
        stream.close()
        self.assertEqual(s.delete(c['links']['self']).status_code, 200)


if __name__ == '__main__':
    unittest.main(verbosity=2)
