#!/usr/bin/env python3
"""Runs the drover program against a double of the API. Usage: test_drover.py PROGRAM"""
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fake_api import KEY, SECRET, Fake  # noqa: E402

PROGRAM = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else 'drover'

COMPOSE = '''version: '2'
services:
  web:
    image: nginx:1
    links: [db]
    ports: ["8080:80"]
    labels: {io.rancher.sidekicks: log}
  log: {image: busybox}
  db: {image: postgres}
'''
RANCHER = '''version: '2'
services:
  web: {scale: 2, metadata: {color: blue}}
'''


class Case(unittest.TestCase):
    def setUp(self):
        self.fake = Fake()
        self.dir = tempfile.TemporaryDirectory()
        self.home = self.dir.name
        self.config = os.path.join(self.home, '.drover', 'cli.json')
        self.env = {'HOME': self.home, 'PATH': os.environ['PATH'], 'RANCHER_URL': self.fake.url, 'RANCHER_ACCESS_KEY': KEY, 'RANCHER_SECRET_KEY': SECRET}

    def tearDown(self):
        self.fake.stop()
        self.dir.cleanup()

    def run_drover(self, *args, code=0, env=None, cwd=None, text=None):
        p = subprocess.run([PROGRAM, *args], env=env if env is not None else self.env, cwd=cwd or self.home, input=text,
                           capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(p.returncode, code, (args, p.stdout, p.stderr))
        return p

    def write(self, name, text):
        path = os.path.join(self.home, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        return path

    def writes(self):
        return [(m, p.replace('/v2-beta/projects/1a5', '')) for m, p, q, b in self.fake.log if m != 'GET']

    def service(self, name, **more):
        stack = next((s for s in self.fake.rows['stacks'] if s['name'] == 'demo'), None) or self.fake.new('stacks', {'name': 'demo', 'state': 'active'})
        return self.fake.new('services', {'name': name, 'state': 'active', 'stackId': stack['id'], 'scale': 1, 'instanceIds': ['1i1'],
                                          'healthState': 'healthy', 'launchConfig': {'imageUuid': 'docker:nginx'}, **more})


class Login(Case):
    def check_config(self, access, secret):
        mode = os.stat(self.config).st_mode
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(self.config)).st_mode), 0o700)
        with open(self.config, encoding='utf-8') as f:
            saved = json.load(f)
        self.assertEqual((saved['url'], saved['accessKey'], saved['secretKey'], saved['environment']), (self.fake.url, access, secret, '1a5'))

    def test_a_password_becomes_a_key_that_later_commands_use(self):
        env = {'HOME': self.home}
        self.run_drover('login', self.fake.url, '-u', 'admin', '--password-stdin', env=env, text='secret\n')
        self.check_config('B' * 20, 't' * 40)
        self.service('web')
        self.assertIn('demo/web', self.run_drover('ps', env=env).stdout)

    def test_the_admin_file_is_taken_as_it_is(self):
        path = self.write('data/admin.json', json.dumps({'url': self.fake.url, 'username': 'admin', 'password': 'p', 'accessKey': KEY, 'secretKey': SECRET}))
        self.run_drover('login', '--admin-file', path, env={'HOME': self.home})
        self.check_config(KEY, SECRET)

    def test_a_wrong_password_leaves_the_remembered_key(self):
        self.write('.drover/cli.json', '{"url":"http://x"}')
        p = self.run_drover('login', self.fake.url, '-u', 'admin', '--password-stdin', env={'HOME': self.home}, text='wrong\n', code=1)
        self.assertIn('does not accept user "admin" with this password', p.stderr)
        with open(self.config, encoding='utf-8') as f:
            self.assertEqual(f.read(), '{"url":"http://x"}')

    def test_a_key_that_others_can_read_is_refused(self):
        path = self.write('.drover/cli.json', json.dumps({'url': self.fake.url, 'accessKey': KEY, 'secretKey': SECRET}))
        os.chmod(path, 0o644)
        self.assertIn('chmod 600', self.run_drover('ps', env={'HOME': self.home}, code=1).stderr)

    def test_without_server_the_error_says_how_to_get_one(self):
        p = self.run_drover('ps', env={'HOME': self.home}, code=1)
        self.assertIn('no server is configured', p.stderr)
        self.assertIn('drover login', p.stderr)

    def test_wrong_keys_and_other_environments_have_their_hints(self):
        p = self.run_drover('ps', env=dict(self.env, RANCHER_SECRET_KEY='x'), code=1)
        self.assertIn('does not accept these keys (401)', p.stderr)
        self.assertIn('hint: ', p.stderr)
        p = self.run_drover('--env', 'Other', 'ps', code=1)
        self.assertIn('environment "Other" does not exist or these keys may not use it: there is Default', p.stderr)

    def test_drovers_own_variables_win_over_ranchers(self):
        self.service('web')
        self.run_drover('ps', env=dict(self.env, RANCHER_URL='http://127.0.0.1:1', DROVER_URL=self.fake.url))

    def test_the_secret_is_not_printed(self):
        p = self.run_drover('--debug', 'config', '--print')
        self.assertNotIn(SECRET, p.stdout + p.stderr)
        self.assertIn(KEY, p.stdout)


class Listings(Case):
    def test_all_pages_are_shown_though_links_name_another_host(self):
        for i in range(5):
            self.service('web%d' % i)
        lines = self.run_drover('ps').stdout.splitlines()
        self.assertEqual(len(lines), 6)
        self.assertRegex(lines[0], r'^ID +TYPE +NAME +IMAGE +STATE +SCALE +ENDPOINTS +DETAIL$')
        self.assertRegex(lines[5], r'^1s\d+ +service +demo/web4 +nginx +healthy +1/1$')

    def test_ps_hides_what_is_inactive_unless_asked(self):
        self.service('on')
        self.service('off', state='inactive')
        self.assertNotIn('demo/off', self.run_drover('ps').stdout)
        self.assertIn('demo/off', self.run_drover('ps', '-a').stdout)

    def test_ps_says_why_a_container_is_not_placed(self):
        s = self.service('web', state='activating', healthState='unhealthy', instanceIds=[], transitioning='yes')
        self.fake.new('containers', {'name': 'demo-web-1', 'state': 'starting', 'serviceId': s['id'], 'transitioning': 'yes',
                                     'transitioningMessage': 'Allocation failed: needs host with label size: huge'})
        self.assertIn('demo-web-1: Allocation failed: needs host with label size: huge', self.run_drover('ps').stdout)
        self.assertIn('Allocation failed: needs host with label size: huge', self.run_drover('ps', 'demo/web').stdout)

    def test_containers_show_their_hosts_name(self):
        h = self.fake.new('hosts', {'hostname': 'box1', 'state': 'active', 'agentIpAddress': '10.0.0.2', 'instanceIds': ['1i1'], 'labels': {'a': 'b'}})
        self.fake.new('containers', {'name': 'c1', 'state': 'running', 'hostId': h['id'], 'imageUuid': 'docker:busybox', 'externalId': 'abcdef0123456789'})
        self.assertRegex(self.run_drover('ps', '-c').stdout, r'1i\d+ +c1 +busybox +running +box1 +abcdef012345\n')
        self.assertRegex(self.run_drover('hosts').stdout, r'1h\d+ +box1 +active +1 +10.0.0.2 +a=b\n')
        self.assertIn('c1', self.run_drover('ps', '-c', 'box1').stdout)

    def test_quiet_json_and_templates(self):
        s = self.service('web')
        self.assertEqual(self.run_drover('ps', '-q').stdout, s['id'] + '\n')
        self.assertEqual(json.loads(self.run_drover('ps', '--format', 'json').stdout)['Service']['name'], 'web')
        self.assertEqual(self.run_drover('ps', '--format', '{{.ID}} {{.Stack.Name}}').stdout, s['id'] + ' demo\n')
        self.assertIn('function "ID" not defined', self.run_drover('ps', '--format', '{{ID}}', code=1).stderr)

    def test_inspect_leaves_links_out_unless_asked(self):
        s = self.service('web')
        self.assertNotIn('links', json.loads(self.run_drover('inspect', 'demo/web').stdout))
        self.assertIn('links', json.loads(self.run_drover('inspect', '--links', s['id']).stdout))


class Verbs(Case):
    def test_scale_changes_and_waits(self):
        s = self.service('web')
        self.assertEqual(self.run_drover('-w', 'scale', 'demo/web=3').stdout, s['id'] + '\n')
        self.assertEqual(s['scale'], 3)

    def test_mistakes_change_nothing(self):
        self.service('web')
        rows = [(('scale', 'web'), 1, 'is not SERVICE=N'), (('scale', 'web=x'), 1, 'is not SERVICE=N'), (('scale', 'nope=2'), 1, 'nothing is called "nope"'),
                (('stop', '--type', 'pod', 'web'), 1, 'cannot be used with this command'), (('stopp', 'web'), 2, 'did you mean "stop"?'),
                (('ps', '--contianers'), 2, 'did you mean "--containers"?'), (('stop',), 2, '"drover stop" needs NAME...')]
        for args, code, words in rows:
            with self.subTest(args=args):
                self.assertIn(words, self.run_drover(*args, code=code).stderr)
        self.assertEqual(self.writes(), [])

    def test_a_name_of_two_things_is_not_guessed(self):
        self.service('web')
        self.fake.new('containers', {'name': 'web', 'state': 'running'})
        self.assertIn('names several things: service 1s', self.run_drover('stop', 'web', code=1).stderr)
        self.assertEqual(self.writes(), [])

    def test_one_failure_does_not_keep_the_others_from_being_done(self):
        s = self.service('web')
        p = self.run_drover('stop', 'nope', s['id'], code=1)
        self.assertEqual(p.stdout, s['id'] + '\n')
        self.assertEqual(s['state'], 'deactivating')

    def test_an_action_that_is_not_offered_names_those_that_are(self):
        self.service('web')
        self.assertIn('possible now: deactivate, setservicelinks, restart', self.run_drover('start', 'demo/web', code=1).stderr)

    def test_an_active_host_is_deactivated_before_it_is_removed(self):
        h = self.fake.new('hosts', {'hostname': 'box1', 'state': 'active'})
        self.run_drover('hosts', 'rm', 'box1')
        self.assertEqual([m for m, p in self.writes()], ['POST', 'DELETE'])
        self.assertEqual(h['state'], 'removing')

    def test_the_join_command_reuses_a_token(self):
        first = self.run_drover('hosts', 'join-command').stdout
        self.assertEqual(first, 'curl -fsSL %s/v1/scripts/TOKEN/join | sudo sh\n' % self.fake.url)
        second = self.run_drover('host', 'create', '--custom', '--ip', '10.1.1.1', '-l', 'a=b').stdout
        self.assertIn("| sudo CATTLE_AGENT_IP='10.1.1.1' CATTLE_HOST_LABELS='a=b' sh", second)
        self.assertEqual(len(self.fake.rows['registrationtokens']), 1)

    def test_wait_ends_with_the_state_or_says_what_is_there(self):
        s = self.service('web')
        self.run_drover('wait', '--wait-state', 'healthy', s['id'])
        p = self.run_drover('wait', '--wait-timeout', '1s', '--wait-state', 'inactive', s['id'], code=1)
        self.assertIn('is not there after 1 s: healthy 1/1', p.stderr)

    def test_a_conflict_is_tried_again_and_then_told(self):
        s = self.service('web')
        self.fake.fail['PUT /v2-beta/projects/1a5/services/' + s['id']] = (409, {'code': 'Conflict', 'message': 'Conflict'})
        self.assertIn('something else is changing it (409)', self.run_drover('scale', 'demo/web=2', code=1).stderr)
        self.assertEqual(len(self.writes()), 4)

    def test_an_answer_that_is_not_json_is_told(self):
        self.fake.fail['GET /v2-beta/projects'] = (200, 'text')
        self.assertIn('does not answer like a drover server', self.run_drover('ps', code=1).stderr)


class Up(Case):
    def setUp(self):
        super().setUp()
        self.write('demo/docker-compose.yml', COMPOSE)
        self.write('demo/rancher-compose.yml', RANCHER)
        self.cwd = os.path.join(self.home, 'demo')

    def up(self, *args, **more):
        return self.run_drover('up', *args, cwd=self.cwd, **more)

    def services(self):
        return {s['name']: s for s in self.fake.rows['services']}

    def test_up_creates_in_order_links_starts_and_waits(self):
        p = self.up()
        stack = self.fake.rows['stacks'][0]
        self.assertEqual((stack['name'], p.stdout), ('demo', stack['id'] + '\n'))
        made = [b['name'] for m, path, q, b in self.fake.log if m == 'POST' and path.endswith('/services')]
        self.assertEqual(made, ['db', 'web'])
        web, db = self.services()['web'], self.services()['db']
        self.assertEqual((web['state'], db['state'], web['scale'], web['metadata']['color']), ('active', 'active', 2, 'blue'))
        self.assertEqual([s['name'] for s in web['secondaryLaunchConfigs']], ['log'])
        self.assertEqual(list(web['linkedServices'].values()), [db['id']])
        started = [path.split('/')[-2] for m, path, q, b in self.fake.log if q.get('action') == 'activate']
        self.assertEqual(started, [db['id'], web['id']])
        self.assertIn('2 created, 0 updated, 0 unchanged', p.stderr)

    def test_a_second_up_writes_nothing(self):
        self.up()
        self.fake.log.clear()
        self.assertIn('0 created, 0 updated, 2 unchanged', self.up().stderr)
        self.assertEqual(self.writes(), [])

    def test_changed_scale_is_one_put(self):
        self.up()
        self.fake.log.clear()
        self.write('demo/rancher-compose.yml', RANCHER.replace('scale: 2', 'scale: 4'))
        self.assertIn('0 created, 1 updated, 1 unchanged', self.up().stderr)
        self.assertEqual([(m, b) for m, p, q, b in self.fake.log if m != 'GET'], [('PUT', {'scale': 4})])

    def test_a_changed_image_is_told_and_left(self):
        self.up()
        self.fake.log.clear()
        self.write('demo/docker-compose.yml', COMPOSE.replace('nginx:1', 'nginx:2'))
        p = self.up(code=1)
        self.assertIn('service "web" is out of sync with the files: image nginx:1 -> nginx:2', p.stderr)
        self.assertEqual(self.writes(), [])

    def test_a_stopped_service_is_started_again(self):
        self.up()
        self.services()['db']['state'] = 'inactive'
        self.up()
        self.assertEqual(self.services()['db']['state'], 'active')

    def test_detached_returns_before_the_containers_run(self):
        self.fake.never_place.add('web')
        self.assertIn('2 created', self.up('-d').stderr)

    def test_an_error_that_stays_ends_up_with_its_reason(self):
        self.fake.never_place.add('web')
        p = self.up('--error-grace', '200ms', code=1)
        self.assertIn('service "web" failed: activating 0/2: Allocation failed: No healthy hosts', p.stderr)

    def test_errors_of_the_files_name_file_and_line_and_nothing_is_sent(self):
        self.write('demo/docker-compose.yml', COMPOSE.replace('ports:', 'prots:'))
        p = self.up(code=1)
        self.assertTrue(re.search(r'docker-compose.yml:6.*prots', p.stderr), p.stderr)
        self.assertEqual(self.fake.log, [])
        self.assertIn('could not open "none.yml"', self.up('-f', 'none.yml', code=1).stderr)

    def test_stack_name_files_and_variables_come_from_options(self):
        self.write('other/c.yml', "version: '2'\nservices:\n  a: {image: 'x:${TAG}'}\n")
        self.write('vars', '# comment\nTAG=7\n')
        self.run_drover('up', '-f', 'other/c.yml', '-s', 'Named', '--env-file', 'vars', '-d', '--description', 'text')
        self.assertEqual([(s['name'], s['description']) for s in self.fake.rows['stacks']], [('Named', 'text')])
        self.assertEqual(self.services()['a']['launchConfig']['imageUuid'], 'docker:x:7')

    def test_refusals_of_the_api_name_the_service_and_its_line(self):
        self.fake.fail['POST /v2-beta/projects/1a5/services'] = self.fake.error(422, 'InvalidOption', None, 'launchConfig')
        p = self.up(code=1)
        self.assertIn('could not create service "db" (docker-compose.yml:9): launchConfig has a value that is not allowed (422 InvalidOption)', p.stderr)


class Events(Case):
    def setUp(self):
        super().setUp()
        self.fake.websocket = True

    def start(self, *args):
        p = subprocess.Popen([PROGRAM, *args], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (p.kill(), p.communicate()))
        self.assertTrue(self.fake.subscribed.wait(20))
        return p

    def change(self, resource):
        self.fake.publish({'name': 'resource.change', 'resourceType': 'service', 'resourceId': resource['id'], 'data': {'resource': resource}})

    def test_changes_are_shown_as_they_come_and_pings_are_not(self):
        p = self.start('events')
        self.fake.publish({'name': 'ping', 'data': {}})
        self.change({'id': '1s7', 'type': 'service', 'name': 'web', 'state': 'active', 'healthState': 'degraded', 'transitioningMessage': 'why\n'})
        self.fake.publish(None)
        out, err = p.communicate(timeout=20)
        self.assertEqual(out, 'service 1s7 degraded [web] why \n')
        self.assertIn('the event stream of %s ended' % self.fake.url, err)
        self.assertEqual(p.returncode, 1)

    def test_a_wait_ends_with_the_event_and_not_with_the_next_poll(self):
        s = self.service('web', state='activating', transitioning='yes')
        p = self.start('wait', s['id'])
        self.assertTrue(self.fake.looked.wait(20))
        self.change(dict(s, state='active', transitioning='no'))
        p.communicate(timeout=20)
        self.assertEqual(p.returncode, 0)
        self.assertLessEqual(len([path for m, path, q, b in self.fake.log if path.endswith('/services/' + s['id'])]), 3)


class Texts(Case):
    def test_every_command_has_help(self):
        top = self.run_drover('--help').stdout
        names = re.findall(r'^  ([a-z]+)  ', top.split('Commands:')[1].split('Options:')[0], re.M)
        self.assertGreater(len(names), 15)
        for name in names:
            if name in ('lab', 'doctor'):
                continue
            self.assertIn('Usage: drover ' + name, self.run_drover('help', name).stdout)
            self.assertIn('Usage: drover ' + name, self.run_drover(name, '--help').stdout)

    def test_completion_asks_the_program_for_names(self):
        self.service('web')
        script = self.write('c.bash', self.run_drover('completion', 'bash').stdout)
        words = 'PATH=%s:$PATH; source %s; COMP_WORDS=(drover stop dem); COMP_CWORD=2; _drover; echo "${COMPREPLY[*]}"' % (os.path.dirname(PROGRAM), script)
        p = subprocess.run(['bash', '-c', words], env=self.env, capture_output=True, text=True, check=True)
        self.assertEqual(p.stdout, 'demo/web demo\n')
        self.assertIn('it is there for bash and zsh', self.run_drover('completion', 'fish', code=1).stderr)


if __name__ == '__main__':
    unittest.main()
