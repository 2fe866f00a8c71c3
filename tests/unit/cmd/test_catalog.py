#!/usr/bin/env python3
"""Catalog, export and upgrades of the drover program against a double of the API. Usage: test_catalog.py PROGRAM"""
import io
import json
import os
import pty
import select
import signal
import stat
import subprocess
import tarfile
import time
import unittest

from test_drover import PROGRAM, Case

COMPOSE = '''version: '2'
services:
  web: {image: 'nginx:%s', scale: 3}
  db: {image: 'postgres:1'}
'''
ASKING = '''version: '2'
catalog:
  questions:
  - {variable: TAG, label: Tag, type: string, required: true}
  - {variable: SIZE, label: Size, type: int, default: 2, min: 1, max: 5}
'''
WAIT_S = 30     # of a loaded machine; nothing is asserted about it


class Terminal:
    """A program at a terminal of its own."""

    def __init__(self, args, env, cwd):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execve(PROGRAM, [PROGRAM, *args], dict(env, TERM='dumb'))
        self.text = ''

    def read(self):
        if not select.select([self.fd], [], [], WAIT_S)[0]:
            raise AssertionError('nothing came after: ' + self.text)
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.text += data.decode()
        return bool(data)

    def until(self, words):
        """What came up to the words; the rest is kept."""
        while words not in self.text:
            if not self.read():
                raise AssertionError('it ended without "%s": %s' % (words, self.text))
        at = self.text.index(words) + len(words)
        seen, self.text = self.text[:at], self.text[at:]
        return seen

    def answer(self, prompt, line):
        seen = self.until(prompt)
        os.write(self.fd, (line + '\n').encode())
        return seen

    def end(self):
        while self.read():
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status), self.text


class Listing(Case):
    def test_templates_are_listed_without_infrastructure(self):
        out = self.run_drover('catalog', 'ls').stdout
        self.assertRegex(out, r'library:hello +Hello page +0\.2\.0 +Examples +A Hello page')
        self.assertNotIn('infra', out)
        self.assertEqual(self.run_drover('catalog', 'ls', '--system', '-q').stdout, 'library:infra*net\n')
        self.assertEqual(self.run_drover('catalog', '-q', '--catalog', 'extra').stdout, 'extra:hello\n')
        self.assertEqual(self.run_drover('catalog', '-q', '-a', '--catalog', 'extra').stdout, 'extra:hello\nextra:swarm-only\n')
        self.assertEqual(self.run_drover('catalog', 'ls', '-q', '--category', 'examples').stdout, 'library:hello\nextra:hello\n')
        self.assertEqual(json.loads(self.run_drover('catalog', 'ls', '--system', '--format', 'json').stdout)['Template']['name'], 'Net')
        queries = [q for m, p, q, b in self.fake.log if p.startswith('/v1-catalog')]
        self.assertEqual({(q['projectId'], q['rancherVersion']) for q in queries}, {('1a5', 'v1.6.30')})

    def test_a_template_is_shown_with_its_questions(self):
        out = self.run_drover('catalog', 'show', 'library/hello').stdout
        for line in ('id          library:hello', 'version     0.2.0 (library:hello:1)', 'versions    0.1.0, 0.2.0',
                     '  GREETING (string), required, characters, at most 10, default: Hello', '  PORT (int), required, at least 1, at most 65535',
                     '  SIZE (enum), required, one of: small, big, default: small'):
            self.assertIn(line, out)
        self.assertIn('no questions', self.run_drover('catalog', 'show', 'infra*net').stdout)
        self.assertEqual(json.loads(self.run_drover('catalog', 'show', 'library:hello:0', '--answers').stdout), {'GREETING': 'Hello', 'PORT': ''})
        self.assertIn('==> rancher-compose.yml\nrancher 0.1.0\n', self.run_drover('catalog', 'show', 'library/hello:0.1.0', '--files').stdout)
        self.assertEqual(json.loads(self.run_drover('catalog', 'show', 'net', '--format', 'json').stdout)['Version']['version'], '1.0')

    def test_templates_are_completed(self):
        self.assertEqual(self.run_drover('__complete', 'catalog-template').stdout, 'library/hello\nlibrary/infra*net\nextra/hello\nextra/swarm-only\n')
        self.assertIn('catalog-template', self.run_drover('completion', 'bash').stdout)

    def test_names_that_fit_none_or_several(self):
        self.assertIn('"hello" names several templates: library:hello, extra:hello', self.run_drover('catalog', 'show', 'hello', code=1).stderr)
        self.assertIn('no catalog has a template "nothing"', self.run_drover('catalog', 'show', 'nothing', code=1).stderr)
        self.assertIn('catalog "library" has no template "nothing"', self.run_drover('catalog', 'show', 'library:nothing:1', code=1).stderr)
        self.assertIn('has no version "9" (it has 0.1.0, 0.2.0)', self.run_drover('catalog', 'show', 'library:hello', '--version', '9', code=1).stderr)

    def test_catalogs_are_added_refreshed_and_removed(self):
        self.run_drover('catalog', 'refresh')
        self.assertEqual(self.fake.catalog.refreshed, 1)
        self.assertEqual(self.run_drover('catalog', 'add', 'mine', 'https://example.com/r.git', '--branch', 'main').stdout, 'mine\n')
        self.assertEqual(self.fake.catalog.refreshed, 2)
        self.assertRegex(self.run_drover('catalog', 'sources').stdout, r'mine +https://example.com/r.git +main')
        self.assertIn('Catalog name mine already exists', self.run_drover('catalog', 'add', 'mine', 'x', code=1).stderr)
        self.assertEqual(self.run_drover('catalog', 'rm', 'mine').stdout, 'mine\n')
        self.assertIn('Catalog not found', self.run_drover('catalog', 'rm', 'mine', code=1).stderr)


class Install(Case):
    def stack(self):
        return self.fake.rows['stacks'][-1]

    def test_without_a_terminal_every_missing_answer_is_named(self):
        p = self.run_drover('catalog', 'install', 'library:hello', '--set', 'SIZE=huge', '--set', 'TOKEN=ab', code=1)
        self.assertIn('3 questions are not answered: PORT, SIZE, TOKEN', p.stderr)
        for variable in ('PORT: ', 'SIZE: ', 'TOKEN: '):
            self.assertIn('\n' + variable, p.stderr)
        self.assertEqual(self.writes(), [])

    def test_a_stack_is_made_of_answers_from_file_and_options(self):
        self.write('a.yml', 'GREETING: Hi\nPORT: 80\nDEBUG: true\n')
        p = self.run_drover('catalog', 'install', 'library:hello', '--answers', 'a.yml', '--set', 'PORT=81', '--set', 'MORE=x')
        self.assertEqual(p.stdout, self.stack()['id'] + '\n')
        self.assertIn('no question asks for "MORE"', p.stderr)
        s = self.stack()
        self.assertEqual((s['name'], s['externalId'], s['system'], s['startOnCreate']), ('Hello', 'catalog://library:hello:1', False, True))
        self.assertEqual((s['dockerCompose'], s['rancherCompose']), ('compose 0.2.0', 'rancher 0.2.0'))
        answers = s['environment']
        self.assertEqual({k: answers[k] for k in ('GREETING', 'PORT', 'SIZE', 'DEBUG', 'MORE')},
                         {'GREETING': 'Hi', 'PORT': '81', 'SIZE': 'small', 'DEBUG': True, 'MORE': 'x'})

    def test_it_waits_until_the_containers_run(self):
        self.run_drover('catalog', 'install', 'library:hello:0.1.0', '-y', '--set', 'PORT=1', '--name', 'one')
        self.assertEqual(self.fake.rows['services'][-1]['state'], 'active')
        self.assertEqual((self.stack()['name'], self.stack()['externalId']), ('one', 'catalog://library:hello:0'))
        self.fake.never_place.add('web')
        self.run_drover('catalog', 'install', 'library:hello', '-d', '--set', 'PORT=1', '-n', 'two')

    def test_infrastructure_is_a_system_stack(self):
        self.run_drover('catalog', 'install', 'infra*net', '--no-start', '-d')
        self.assertEqual((self.stack()['name'], self.stack()['system'], self.stack()['startOnCreate']), ('Net', True, False))

    def test_questions_are_asked_on_a_terminal(self):
        self.service('cache')
        t = Terminal(['catalog', 'install', 'library:hello'], self.env, self.home)
        self.assertIn('What it says', t.answer('Greeting (GREETING) [Hello]: ', 'much too long a text'))
        t.answer('Greeting (GREETING) [Hello]: ', 'Hi')
        t.answer('Port (PORT): ', '')
        t.answer('Port (PORT): ', '70000')
        self.assertIn('65535', t.answer('Port (PORT): ', '8080'))
        self.assertIn('2) big', t.answer('Size (SIZE) [small]: ', '2'))
        t.answer('Debug (DEBUG) yes/no [false]: ', 'yes')
        t.answer('Token (TOKEN): ', 'secret')
        seen = t.answer('Beside (BESIDE): ', '1')
        self.assertNotIn('secret', seen)
        self.assertIn('1) demo/cache', seen)
        code, rest = t.end()
        self.assertEqual(code, 0, rest)
        self.assertEqual(self.stack()['environment'],
                         {'GREETING': 'Hi', 'PORT': '8080', 'SIZE': 'big', 'DEBUG': True, 'TOKEN': 'secret', 'BESIDE': 'demo/cache'})

    def test_a_name_in_use_says_what_to_do(self):
        self.fake.new('stacks', {'name': 'Net', 'state': 'active'})
        p = self.run_drover('catalog', 'install', 'infra*net', code=1)
        self.assertIn('choose another name with --name', p.stderr)


class Upgrade(Case):
    def install(self, version='0.1.0'):
        self.run_drover('catalog', 'install', 'library:hello', '--version', version, '--name', 'demo', '--set', 'GREETING=Hi', '--set', 'PORT=80')
        self.fake.log.clear()
        return self.fake.rows['stacks'][-1]

    def test_listing_shows_what_a_stack_can_be_upgraded_to(self):
        self.install()
        self.assertRegex(self.run_drover('stacks').stdout, r'demo +active +catalog://library:hello:0 +0\.2\.0 ')
        self.fake.rows['stacks'][-1]['externalId'] = 'catalog://library:away:1'
        self.assertRegex(self.run_drover('stacks').stdout, r'catalog://library:away:1 +gone ')

    def test_upgrade_keeps_answers_then_finish(self):
        s = self.install()
        p = self.run_drover('catalog', 'upgrade', 'demo', '--set', 'SIZE=big')
        self.assertIn('upgrade to 0.2.0', p.stderr)
        self.assertIn('drover catalog upgrade --rollback demo', p.stderr)
        self.assertEqual((s['state'], s['externalId'], s['dockerCompose']), ('upgraded', 'catalog://library:hello:1', 'compose 0.2.0'))
        self.assertEqual({k: s['environment'][k] for k in ('GREETING', 'PORT', 'SIZE')}, {'GREETING': 'Hi', 'PORT': '80', 'SIZE': 'big'})
        self.run_drover('catalog', 'upgrade', 'demo', '--finish')
        self.assertEqual(s['state'], 'active')
        self.assertIn('there is no newer version', self.run_drover('catalog', 'upgrade', 'demo').stderr)

    def test_rollback_and_confirm(self):
        s = self.install()
        self.run_drover('catalog', 'upgrade', 'demo')
        self.run_drover('catalog', 'upgrade', 'demo', '--rollback')
        self.assertEqual((s['state'], s['externalId']), ('active', 'catalog://library:hello:0'))
        self.run_drover('catalog', 'upgrade', 'demo', '--confirm')
        self.assertEqual((s['state'], s['externalId']), ('active', 'catalog://library:hello:1'))

    def test_only_versions_that_are_offered_unless_forced(self):
        s = self.install('0.2.0')
        p = self.run_drover('catalog', 'upgrade', 'demo', '--to', '0.1.0', code=1)
        self.assertIn('stack "demo" (0.2.0) cannot be upgraded to "0.1.0": possible are none', p.stderr)
        self.run_drover('catalog', 'upgrade', 'demo', '--to', '0.1.0', '--force')
        self.assertEqual(s['externalId'], 'catalog://library:hello:0')
        self.fake.new('stacks', {'name': 'own', 'state': 'active'})
        self.assertIn('was not installed from a catalog', self.run_drover('catalog', 'upgrade', 'own', code=1).stderr)
        self.run_drover('catalog', 'upgrade', 'demo', '--finish', '--rollback', code=1)

    def test_before_answers_are_the_defaults_on_a_terminal(self):
        s = self.install()
        t = Terminal(['catalog', 'upgrade', 'demo'], self.env, self.home)
        t.answer('Greeting (GREETING) [Hi]: ', '')
        t.answer('Port (PORT) [80]: ', '81')
        for prompt in ('Size (SIZE) [small]: ', 'Debug (DEBUG) yes/no [false]: ', 'Token (TOKEN): ', 'Beside (BESIDE): '):
            t.answer(prompt, '')
        self.assertEqual(t.end()[0], 0)
        self.assertEqual((s['environment']['GREETING'], s['environment']['PORT']), ('Hi', '81'))

    def test_interrupt_leaves_the_upgrade_and_says_how_to_go_on(self):
        s = self.install()
        self.fake.stuck.add('demo')
        p = subprocess.Popen([PROGRAM, 'catalog', 'upgrade', 'demo'], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            end = time.monotonic() + WAIT_S
            while len([1 for m, path, q, b in self.fake.log if m == 'GET' and path.endswith('/stacks/' + s['id'])]) < 2:
                self.assertLess(time.monotonic(), end, 'it never looked at the upgrade')
                time.sleep(0.01)
            p.send_signal(signal.SIGINT)
            out, err = p.communicate(timeout=WAIT_S)
        finally:
            p.kill()
            p.communicate()
        self.assertEqual(p.returncode, 130)
        self.assertIn('The upgrade goes on without this command', err)
        self.assertIn('drover catalog upgrade --finish demo', err)
        self.assertEqual(s['state'], 'upgrading')


class StackVerbs(Case):
    def test_upgrade_finish_rollback_cancel(self):
        s = self.fake.new('stacks', {'name': 'demo', 'state': 'active', 'externalId': None})
        self.write('docker-compose.yml', 'new')
        p = self.run_drover('stack', 'upgrade', 'demo', '--set', 'A=b')
        self.assertIn('drover stack finish demo', p.stderr)
        self.assertEqual((s['state'], s['dockerCompose'], s['environment']), ('upgraded', 'new', {'A': 'b'}))
        self.run_drover('stack', 'rollback', 'demo')
        self.assertEqual((s['state'], s.get('dockerCompose')), ('active', None))
        self.run_drover('stack', 'upgrade', 'demo', '--confirm')
        self.assertEqual(s['state'], 'active')
        self.fake.stuck.add('demo')
        self.run_drover('stack', 'upgrade', 'demo', '-d')
        self.assertEqual(s['state'], 'upgrading')
        self.run_drover('stack', 'cancel', 'demo')
        self.assertEqual(s['state'], 'canceled-upgrade')
        self.assertIn('finishupgrade', self.run_drover('stack', 'finish', 'demo', code=1).stderr)

    def test_export_writes_folders_that_only_their_owner_reads(self):
        self.fake.new('stacks', {'name': 'demo', 'state': 'active'})
        self.fake.new('stacks', {'name': 'infra', 'state': 'active', 'system': True})
        self.assertEqual(self.run_drover('export').stdout, 'demo\n')
        path = os.path.join(self.home, 'demo/docker-compose.yml')
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path, encoding='utf-8') as f:
            self.assertEqual(f.read(), 'docker of demo')
        self.assertFalse(os.path.exists(os.path.join(self.home, 'infra')))

    def test_export_writes_a_tar_archive(self):
        for name in ('a', 'b'):
            self.fake.new('stacks', {'name': name, 'state': 'active'})
        self.run_drover('export', 'a', 'b', '-f', 'all.tar')
        data = subprocess.run([PROGRAM, 'export', 'a', '-f', '-'], env=self.env, capture_output=True, check=True, timeout=WAIT_S).stdout
        self.assertEqual(tarfile.open(fileobj=io.BytesIO(data)).getnames(), ['a/docker-compose.yml', 'a/rancher-compose.yml'])
        with tarfile.open(os.path.join(self.home, 'all.tar')) as tar:
            self.assertEqual(len(tar.getnames()), 4)
            self.assertEqual(tar.extractfile('b/docker-compose.yml').read(), b'docker of b')
            self.assertEqual(tar.getmember('b/rancher-compose.yml').mode, 0o600)


class ServiceVerbs(Case):
    def test_a_new_image_keeps_the_rest(self):
        s = self.service('web', launchConfig={'imageUuid': 'docker:nginx:1', 'environment': {'A': 'b'}})
        self.run_drover('services', 'upgrade', 'demo/web', '--image', 'nginx:2', '-e', 'C=d', '--batch-size', '3', '--start-first')
        body = next(b for m, p, q, b in self.fake.log if q.get('action') == 'upgrade')['inServiceStrategy']
        self.assertEqual(body, {'launchConfig': {'imageUuid': 'docker:nginx:2', 'environment': {'A': 'b', 'C': 'd'}}, 'startFirst': True,
                                'batchSize': 3, 'intervalMillis': 2000})
        self.assertEqual(s['state'], 'upgraded')
        self.run_drover('services', 'rollback', 'web')
        self.assertEqual((s['state'], s['launchConfig']['imageUuid']), ('active', 'docker:nginx:1'))
        self.run_drover('services', 'upgrade', 'web', '-i', 'nginx:3', '--confirm')
        self.assertEqual(s['state'], 'active')

    def test_cancel_and_continue(self):
        s = self.service('web')
        self.fake.stuck.add('web')
        self.run_drover('services', 'upgrade', 'web', '-d')
        self.run_drover('services', 'cancel', 'web')
        self.assertEqual(s['state'], 'canceled-upgrade')
        self.run_drover('services', 'continue', 'web')
        self.assertEqual(s['state'], 'upgraded')
        self.run_drover('services', 'finish', 'web')
        self.assertEqual(s['state'], 'active')

    def test_move_to_another_service(self):
        self.service('old', scale=4)
        new = self.service('new')
        self.run_drover('services', 'upgrade', 'old', '--to', 'demo/new', '--no-update-links')
        body = next(b for m, p, q, b in self.fake.log if q.get('action') == 'upgrade')
        self.assertEqual(body, {'toServiceStrategy': {'toServiceId': new['id'], 'finalScale': 4, 'updateLinks': False, 'batchSize': 2, 'intervalMillis': 2000}})


class Up(Case):
    def setUp(self):
        super().setUp()
        os.makedirs(os.path.join(self.home, 'demo'))
        self.files('1')

    def files(self, tag):
        self.write('demo/docker-compose.yml', COMPOSE % tag)

    def up(self, *args, code=0, **more):
        return self.run_drover('up', *args, cwd=os.path.join(self.home, 'demo'), code=code, **more)

    def services(self):
        return {s['name']: s for s in self.fake.rows['services']}

    def actions(self):
        return [(q['action'], next(s['name'] for s in self.fake.rows['services'] if s['id'] in p.split('/'))) for m, p, q, b in self.fake.log if 'action' in q]

    def test_upgrade_replaces_only_what_differs(self):
        self.up()
        self.files('2')
        self.assertIn('drover up --upgrade', self.up(code=1).stderr)
        self.fake.log.clear()
        p = self.up('--upgrade')
        self.assertEqual(self.actions(), [('upgrade', 'web')])
        strategy = next(b for m, path, q, b in self.fake.log if 'action' in q)['inServiceStrategy']
        self.assertEqual((strategy['batchSize'], strategy['intervalMillis'], strategy['launchConfig']['imageUuid']), (2, 1000, 'docker:nginx:2'))
        self.assertIn('2 unchanged; 1 upgraded', p.stderr)
        self.assertIn('--confirm-upgrade', p.stderr)
        self.assertEqual(self.services()['web']['state'], 'upgraded')
        self.fake.log.clear()
        self.up('-c')
        self.assertEqual(self.actions(), [('finishupgrade', 'web')])

    def test_rollback_goes_back_and_does_nothing_else(self):
        self.up()
        self.files('2')
        self.up('-u', '--batch-size', '1', '--interval', '500')
        self.fake.log.clear()
        self.assertIn('1 rolled back', self.up('--rollback').stderr)
        self.assertEqual(self.actions(), [('rollback', 'web')])
        self.assertEqual(self.services()['web']['launchConfig']['imageUuid'], 'docker:nginx:1')
        self.assertIn('no service of stack "demo" has an upgrade', self.up('-r', code=1).stderr)

    def test_confirm_finishes_before_and_after(self):
        self.up()
        self.files('2')
        self.up('-u')
        self.files('3')
        self.assertIn('neither confirmed nor rolled back', self.up('-u', code=1).stderr)
        self.fake.log.clear()
        self.up('-u', '-c')
        self.assertEqual(self.actions(), [('finishupgrade', 'web'), ('upgrade', 'web'), ('finishupgrade', 'web')])
        self.assertEqual((self.services()['web']['state'], self.services()['web']['launchConfig']['imageUuid']), ('active', 'docker:nginx:3'))

    def test_force_upgrade_replaces_all(self):
        self.up()
        self.fake.log.clear()
        self.up('--force-upgrade', '-d')
        self.assertEqual(sorted(self.actions()), [('upgrade', 'db'), ('upgrade', 'web')])

    def test_prune_removes_what_the_files_do_not_have(self):
        self.up()
        self.write('demo/docker-compose.yml', "version: '2'\nservices:\n  db: {image: 'postgres:1'}\n")
        self.up()
        self.assertEqual(sorted(self.services()), ['db', 'web'])
        self.assertIn('1 removed', self.up('--prune').stderr)
        self.assertEqual(sorted(self.services()), ['db'])

    def test_render_prints_templates_and_sends_nothing(self):
        self.write('demo/docker-compose.yml', "version: '2'\nservices:\n  web:\n    image: x\n{{- if eq .Values.BIG \"yes\"}}\n    mem_limit: 1g\n{{- end}}\n")
        self.write('demo/vars', 'BIG=yes\n')
        self.assertIn('mem_limit: 1g', self.up('--render', '--env-file', 'vars').stdout)
        self.assertNotIn('mem_limit', self.up('--render').stdout)
        self.assertEqual(self.writes(), [])

    def test_questions_are_answered_by_file_environment_or_terminal(self):
        self.write('demo/rancher-compose.yml', ASKING)
        self.write('demo/docker-compose.yml', "version: '2'\nservices:\n  web: {image: 'x:${TAG}', scale: '${SIZE}'}\n")
        p = self.up(code=1)
        self.assertIn('1 question is not answered: TAG', p.stderr)
        self.assertEqual(self.writes(), [])
        self.write('demo/vars.json', '{"TAG": 7}')
        self.up('--env-file', 'vars.json', env=dict(self.env, SIZE='3'))
        web = self.services()['web']
        self.assertEqual((web['launchConfig']['imageUuid'], web['scale']), ('docker:x:7', 3))
        t = Terminal(['up', '-s', 'other'], self.env, os.path.join(self.home, 'demo'))
        t.answer('Tag (TAG): ', 'asked')
        t.answer('Size (SIZE) [2]: ', '9')
        t.answer('Size (SIZE) [2]: ', '')
        self.assertEqual(t.end()[0], 0)
        web = self.fake.rows['services'][-1]
        self.assertEqual((web['launchConfig']['imageUuid'], web['scale']), ('docker:x:asked', 2))


if __name__ == '__main__':
    unittest.main()
