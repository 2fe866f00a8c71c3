#!/usr/bin/env python3
"""Catalog, upgrades and environment templates on real hosts: a template of the built-in catalog is installed, upgraded while a client polls every published
port, rolled back to the same containers, upgraded and finished; an environment made from a template gets its system stacks with its first host."""
import json
import os
import subprocess
import sys
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))
import harness
from harness import IMAGE, until

PORT, SCALE, BATCH = 8085, 3, 1         # BATCH: upgrade_strategy of templates/hello
STACK = 'hello'


class Poller:
    """Rounds over the published ports from inside the lab's network, kept one by one."""

    def __init__(self, world):
        urls = [f'http://{a}:{PORT}/' for a in world.addresses().values()]
        self.rounds = []
        self.process = subprocess.Popen(['nsenter', '-t', str(world.pid1('host1')), '-n', sys.executable, os.path.join(HERE, 'poller.py'), *urls],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            self.rounds.append([page for page in json.loads(line).values() if page])

    def until_all_answer(self):
        """From here on rounds count. Returns the pages of such a round."""
        until(lambda: self.rounds and len(self.rounds[-1]) == SCALE, lambda: f'{SCALE} answers: {self.rounds[-1:]}')
        pages = self.rounds[-1]
        self.rounds.clear()
        return pages

    def stop(self):
        self.process.stdin.close()
        self.thread.join(harness.DEADLINE_S)
        errors = self.process.stderr.read()
        self.process.wait(harness.DEADLINE_S)
        self.process.stdout.close()
        self.process.stderr.close()
        if errors or self.process.returncode != 0:
            raise AssertionError(f'the poller ended with {self.process.returncode}: {errors}')


def load_images(w):
    """The images of the example templates, made and loaded as `make run` does."""
    drover = harness.program('drover')
    engines = [f'{drover} lab --name {w.name} docker {h}' for h in w.hosts]
    r = subprocess.run([os.path.join(ROOT, 'examples/demo/images.sh'), drover, *engines], env=w.env(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       timeout=harness.DEADLINE_S, check=False)
    if r.returncode != 0:
        raise AssertionError(f'images.sh: {r.stdout}{r.stderr}')


class WithImages(harness.Case):
    join = True

    @classmethod
    def make_world(cls):
        w = harness.World(cls.hosts, join=cls.join)
        try:
            load_images(w)
        except BaseException:
            w.close(failed=True)
            raise
        return w


@unittest.skipIf(harness.why_not(), harness.why_not())
class Catalog(WithImages):
    # ---- what is there ----
    def running(self):
        """Ids of API and engine of the stack's running containers, by name."""
        return {c['name']: (c['id'], c['externalId']) for c in self.world.service_containers(STACK + '/web') if c['state'] == 'running'}

    def stack(self):
        return self.world.api.one('stacks', name=STACK)

    def listed(self):
        return next(line for line in self.world.drover('stacks').stdout.splitlines() if f' {STACK} ' in line)

    def while_polling(self, *command):
        """Runs drover while every published port is asked in rounds, and checks that no round had fewer answers than scale - batch size. Returns the pages of a
        round after it."""
        poller = Poller(self.world)
        try:
            poller.until_all_answer()
            self.world.drover(*command)
            poller.rounds_during = list(poller.rounds)
            pages = poller.until_all_answer()
        finally:
            poller.stop()
        answers = [len(r) for r in poller.rounds_during]
        self.assertGreater(len(answers), 2 * SCALE, 'too few rounds to tell')
        self.assertGreaterEqual(min(answers), SCALE - BATCH, answers)
        print(f'# {" ".join(command[:2])}: {len(answers)} rounds, {answers.count(SCALE)} with {SCALE} answers', file=sys.stderr)
        return pages

    # ---- tests ----
    def test_a_template_is_installed_upgraded_rolled_back_and_upgraded_for_good(self):
        w = self.world
        self.assertIn('library:hello', w.drover('catalog', 'ls').stdout)
        p = w.drover('catalog', 'install', 'library:hello', '--set', 'PORT=0', '--set', 'COLOUR=pink', check=False)
        self.assertEqual((p.returncode, self.stack()), (1, None))
        self.assertIn('2 questions are not answered: COLOUR, PORT', p.stderr)
        answers = os.path.join(w.dir, 'answers.yml')
        with open(answers, 'w', encoding='utf-8') as f:
            f.write(f'GREETING: Good morning\nPORT: {PORT}\nREPLICAS: {SCALE}\n')
        w.drover('catalog', 'install', 'library:hello', '--version', '0.1.0', '--name', STACK, '--answers', answers)
        w.settle()
        first = self.running()
        self.assertEqual(sorted(first), [f'{STACK}-web-{n}' for n in range(1, SCALE + 1)])
        self.assertEqual(self.stack()['environment']['GREETING'], 'Good morning')
        self.assertRegex(self.listed(), r'catalog://library:hello:0 +0\.2\.0 ')

        pages = self.while_polling('catalog', 'upgrade', STACK, '--set', 'COLOUR=green')
        self.assertEqual([('Good morning' in p, 'version    2' in p, 'colour     green' in p) for p in pages], [(True, True, True)] * SCALE)
        self.assertEqual(self.stack()['state'], 'upgraded')
        second = self.running()
        self.assertEqual(len(second), SCALE)
        self.assertFalse(set(first.values()) & set(second.values()))
        self.assertEqual({c['externalId'] for c in w.containers(state='stopped')}, {e for _, e in first.values()})

        pages = self.while_polling('catalog', 'upgrade', STACK, '--rollback')
        self.assertNotIn('version    2', ''.join(pages))
        self.assertEqual((self.stack()['state'], self.stack()['externalId']), ('active', 'catalog://library:hello:0'))
        self.assertEqual(self.running(), first)
        w.settle()

        self.while_polling('catalog', 'upgrade', STACK, '--set', 'COLOUR=orange')
        w.drover('catalog', 'upgrade', STACK, '--finish')
        w.settle()
        self.assertEqual((self.stack()['state'], self.stack()['externalId']), ('active', 'catalog://library:hello:1'))
        self.assertEqual(len(w.engines()), SCALE)
        self.assertFalse({e['id'] for e in w.engines()} & {e for _, e in list(first.values()) + list(second.values())})

    def test_a_volume_and_a_sidekick_live_through_an_upgrade(self):
        w = self.world
        w.drover('catalog', 'install', 'library:notes:0.1.0', '--name', STACK, '--set', 'TOKEN=abcdefgh', '--set', 'PORT=8086')
        w.settle()

        def store():
            """Its host's page, as a curl-like call from inside the lab."""
            c, = [c for c in w.containers(state='running') if 'backup' not in c['name']]
            host = next(h['hostname'] for h in w.api.list('hosts') if h['id'] == c['hostId'])
            return host, w.addresses()[host]

        def ask(path, *options, check=True):
            host, address = store()
            return w.lab('exec', host, '--', 'busybox', 'wget', '-q', '-O-', *options, f'http://{address}:8086/cgi-bin/{path}', check=check)
        until(lambda: ask('kv?list&abcdefgh', '--post-data=milk', check=False).returncode == 0, 'a text that was stored')
        self.assertNotEqual(ask('kv?list&wrong', '--post-data=water', check=False).returncode, 0)
        before, there = {c['id']: c['state'] for c in w.containers()}, store()
        self.assertEqual(sorted(before.values()), ['running', 'running', 'stopped'])
        w.drover('catalog', 'upgrade', STACK, '--set', 'BACKUP=false')
        self.assertEqual(store(), there, 'the sidekick that holds the files keeps the unit on its host')
        self.assertEqual(until(lambda: ask('keys', check=False).stdout, 'what the new version answers').split(), ['list'])
        self.assertEqual(len(w.containers(state='running')), 1)
        self.assertEqual({c['state'] for c in w.containers() if '-files-' in c['name'] and c['id'] in before}, {'stopped'})
        w.drover('catalog', 'upgrade', STACK, '--rollback')
        w.settle()
        self.assertEqual({c['id']: c['state'] for c in w.containers()}, before)
        self.assertEqual(until(lambda: ask('kv?list', check=False).stdout, 'what the old version answers'), 'milk\n')

    def test_an_exported_stack_is_what_up_makes_again(self):
        w = self.world
        w.drover('catalog', 'install', 'library:beacon', '--name', STACK, '--set', 'EVERY=5', '--set', 'NOTE=it said "hi"')
        w.settle()
        before = {c['id']: c['externalId'] for c in w.containers()}
        w.drover('export', STACK)
        folder = os.path.join(w.dir, STACK)
        told = w.drover('up', '-s', STACK, cwd=folder).stderr
        self.assertIn('0 created, 0 updated, 1 unchanged', told)
        w.settle()
        self.assertEqual({c['id']: c['externalId'] for c in w.containers()}, before)
        # The same stack again from its files, then with another image, a batch at a time, and back.
        with open(os.path.join(folder, 'docker-compose.yml'), encoding='utf-8') as f:
            text = f.read()
        with open(os.path.join(folder, 'docker-compose.yml'), 'w', encoding='utf-8') as f:
            f.write(text.replace('drover-demo/web:2', 'drover-demo/web:1'))
        self.assertEqual(w.drover('up', '-s', STACK, cwd=folder, check=False).returncode, 1)
        w.drover('up', '-s', STACK, '--upgrade', '--batch-size', '1', '--interval', '100', cwd=folder)
        self.assertEqual({c['imageUuid'] for c in w.containers(state='running')}, {'docker:drover-demo/web:1'})
        w.drover('up', '-s', STACK, '--rollback', cwd=folder)
        w.settle()
        self.assertEqual({c['id']: c['externalId'] for c in w.containers()}, before)


@unittest.skipIf(harness.why_not(), harness.why_not())
class NewEnvironment(WithImages):
    hosts, join = 1, False

    def clean(self):
        pass                            # there is nothing in the first environment

    def stacks(self):
        return {s['name']: s for s in self.world.api.list(f'/v2-beta/projects/{self.env["id"]}/stacks') if s['state'] not in harness.GONE}

    def engine(self):
        return sorted((e['name'].rsplit('-', 1)[0], e['state']) for e in self.world.engine_containers('host1'))

    def test_an_environment_comes_up_with_its_first_host_and_takes_its_stacks_along(self):
        w = self.world
        compose = f"version: '2'\nservices:\n  agent:\n    image: {IMAGE}\n    labels: {{io.rancher.scheduler.global: 'true'}}\n"
        w.api.post('/v2-beta/projecttemplates', {'name': 'two', 'stacks': [
            {'name': 'watch', 'templateId': 'library:beacon', 'answers': {'EVERY': '5'}},
            {'name': 'own', 'dockerCompose': compose, 'rancherCompose': "version: '2'\n"}]})
        w.drover('env', 'create', '--template', 'two', 'second')
        self.env = until(lambda: next((p for p in w.api.list('/v2-beta/projects') if p['name'] == 'second' and p['state'] == 'active'), None), 'the environment')
        until(lambda: set(self.stacks()) == {'watch', 'own'}, lambda: f'two stacks: {list(self.stacks())}')
        self.assertEqual({s['system'] for s in self.stacks().values()}, {True})
        self.assertEqual(self.stacks()['watch']['externalId'], 'catalog://library:beacon:1')
        self.assertEqual(w.api.list(f'/v2-beta/projects/{self.env["id"]}/containers'), [])

        w.lab('up', '--server', w.server.url, '--environment', 'second', *w.lab_options())
        until(lambda: {s['healthState'] for s in self.stacks().values()} == {'healthy'},
              lambda: f'healthy stacks: {[(s["name"], s["state"], s["healthState"]) for s in self.stacks().values()]}')
        until(lambda: self.engine() == [('r-own-agent-1', 'running'), ('r-watch-beacon-1', 'running')], lambda: f'two running containers: {self.engine()}')

        ids = [s['id'] for s in self.stacks().values()]

        def there():
            return [(s['name'], s['state']) for s in w.api.list('/v2-beta/stacks?all=true') if s['id'] in ids and s['state'] not in harness.GONE]
        self.assertEqual(len(there()), 2)
        w.drover('env', 'rm', 'second', '-w')
        until(lambda: not there(), lambda: f'the stacks went too: {there()}')
        until(lambda: not self.engine(), lambda: f'no containers on the host: {self.engine()}')


if __name__ == '__main__':
    harness.main()
