#!/usr/bin/env python3
"""Images on a real engine from real registries (Debian's docker-registry inside the lab host: one open, one with a password): pulls with and without
credentials, digests, a moved tag, a registry that dies; builds; pull tasks; the clean-up of unused images."""
import base64
import crypt
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))
sys.path.insert(0, HERE)
import harness
from harness import until
from test_launch_config import Base

OPEN, LOCKED, FILES = 15000, 15001, 15002       # ports inside the lab host: its network is its own
USER, PASSWORD = 'puller', 'right horse'


def why_not():
    return harness.why_not() or (None if shutil.which('docker-registry') else 'needs the program docker-registry')


class Registry:
    """A docker-registry in host1's namespaces, on 127.0.0.1, which engines take without TLS."""

    def __init__(self, world, port, password_file=None):
        self.world, self.port, self.process = world, port, None
        self.folder = os.path.join(world.dir, f'registry-{port}')
        os.mkdir(self.folder)
        auth = f'auth:\n  htpasswd:\n    realm: test\n    path: {password_file}\n' if password_file else ''
        with open(self.folder + '/config.yml', 'w', encoding='utf-8') as f:
            f.write(f'version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {self.folder}/data\nhttp:\n  addr: 127.0.0.1:{port}\n{auth}')
        self.start()

    def start(self):
        with open(self.folder + '/log', 'ab') as out:
            self.process = subprocess.Popen([harness.program('drover'), 'lab', '--name', self.world.name, 'exec', 'host1', '--', 'sh', '-c',
                                             f'echo $$ >{self.folder}/pid; exec docker-registry serve {self.folder}/config.yml'],
                                            env=self.world.env(), stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        until(lambda: self.process.poll() is None and self.world.lab('exec', 'host1', '--', 'sh', '-c', f'busybox nc 127.0.0.1 {self.port} </dev/null', check=False).returncode == 0,
              'the registry listens')

    def signal(self, name):
        with open(self.folder + '/pid', encoding='utf-8') as f:
            self.world.lab('exec', 'host1', '--', 'kill', '-' + name, f.read().strip(), check=False)

    def kill(self):
        self.signal('KILL')
        self.process.wait(harness.DEADLINE_S)


@unittest.skipIf(why_not(), why_not())
class Images(Base):
    @classmethod
    def make_world(cls):
        w = harness.World(cls.hosts, join=False)
        w.api.put('/v2-beta/settings/drover.host.heartbeat.millis', {'value': '500'})
        w.join()
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', DeprecationWarning)
            line = f'{USER}:' + crypt.crypt(PASSWORD, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)).replace('$2b$', '$2y$')
        with open(os.path.join(w.dir, 'htpasswd'), 'w', encoding='utf-8') as f:
            f.write(line + '\n')
        cls.docker_config = os.path.join(w.dir, 'docker')
        os.mkdir(cls.docker_config)
        with open(cls.docker_config + '/config.json', 'w', encoding='utf-8') as f:
            json.dump({'auths': {f'127.0.0.1:{LOCKED}': {'auth': base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}}}, f)
        cls.open, cls.locked = Registry(w, OPEN), Registry(w, LOCKED, os.path.join(w.dir, 'htpasswd'))
        return w

    @classmethod
    def tearDownClass(cls):
        for r in (cls.open, cls.locked):
            r.kill()
        super().tearDownClass()

    def push(self, name, mark):
        """An image of its own content in a registry, and not on the engine. Returns its digest."""
        self.world.lab('image', name, '--from-busybox', '--cmd', harness.IMAGE_CMD, '--env', f'MARK={mark}')
        self.world.lab('docker', 'host1', '--config', self.docker_config, 'push', name)
        digest = self.docker('inspect', '--format', '{{index .RepoDigests 0}}', name).strip().split('@')[1]
        self.docker('rmi', name)
        return digest

    def mark_of(self, container):
        return next(e for e in self.inspect(container['externalId'])['Config']['Env'] if e.startswith('MARK='))

    def has(self, name):
        return self.world.lab('docker', 'host1', 'image', 'inspect', name, check=False).returncode == 0

    def active(self, path, body):
        o = self.world.api.post(path, body)
        return until(lambda: (lambda n: n if n['state'] == 'active' else None)(self.world.api.get(f'{path}/{o["id"]}')), f'{path} is active')

    def drop(self, path, o):
        for verb in ('deactivate', 'remove'):
            now = self.world.api.get(f'{path}/{o["id"]}')
            if verb in now.get('actions', {}):
                self.world.api.action(f'{path}/{o["id"]}', verb)
                until(lambda: self.world.api.get(f'{path}/{o["id"]}')['transitioning'] == 'no', f'{path} {verb}')

    def registry(self, port=LOCKED):
        r = self.active('registries', {'serverAddress': f'127.0.0.1:{port}'})
        self.addCleanup(self.drop, 'registries', r)
        return r

    def credential(self, registry, password):
        c = self.active('registrycredentials', {'registryId': registry['id'], 'publicValue': USER, 'secretValue': password})
        self.addCleanup(self.drop, 'registrycredentials', c)
        return c

    def fails(self, **fields):
        c = self.wait(self.create(**fields), 'error')
        self.remove(c)
        return c['transitioningMessage']

    # ---- pulls
    def test_an_image_of_an_open_registry_is_pulled_by_tag_and_by_digest(self):
        name = f'127.0.0.1:{OPEN}/team/open'
        digest = self.push(name + ':1', 'open')
        self.assertEqual(self.mark_of(self.run_it(name='tag', imageUuid=f'docker:{name}:1')), 'MARK=open')
        self.clean()
        self.docker('rmi', name + ':1')
        c = self.run_it(name='digest', imageUuid=f'docker:{name}@{digest}')
        self.assertEqual((self.mark_of(c), self.inspect(c['externalId'])['Config']['Image']), ('MARK=open', f'{name}@{digest}'))

    def test_credentials_open_a_registry_and_wrong_ones_do_not(self):
        name = f'127.0.0.1:{LOCKED}/secret:1'
        self.push(name, 'locked')
        text = r'Image \[%s\] failed to pull: .*(no basic auth|unauthorized)' % name
        self.assertRegex(self.fails(name='none', imageUuid='docker:' + name), text)
        registry = self.registry()
        wrong = self.credential(registry, 'wrong horse')
        self.assertRegex(self.fails(name='wrong', imageUuid='docker:' + name), text)
        right = self.credential(registry, PASSWORD)
        self.assertNotIn(PASSWORD, json.dumps(self.world.api.get(f'registrycredentials/{right["id"]}')))
        # The lowest one is taken unless another is named.
        self.assertRegex(self.fails(name='lowest', imageUuid='docker:' + name), text)
        c = self.run_it(name='named', imageUuid='docker:' + name, registryCredentialId=right['id'])
        self.assertEqual(self.mark_of(c), 'MARK=locked')
        self.clean()
        self.docker('rmi', name)
        self.drop('registrycredentials', wrong)
        self.world.simple('locked', 'web', 1, imageUuid='docker:' + name)       # by its server, for a service too
        until(lambda: any(c['state'] == 'running' for c in self.world.service_containers('locked/web')), 'a service container with the image')
        self.world.remove_stacks()
        self.docker('rmi', name)
        self.world.api.action(f'registries/{registry["id"]}', 'deactivate')
        until(lambda: self.world.api.get(f'registries/{registry["id"]}')['state'] == 'inactive', 'the registry is inactive')
        self.assertRegex(self.fails(name='inactive', imageUuid='docker:' + name), text)

    def test_wrong_credentials_do_not_close_an_open_registry(self):
        name = f'127.0.0.1:{OPEN}/free:1'
        self.push(name, 'free')
        self.credential(self.registry(OPEN), 'whatever')
        self.assertEqual(self.mark_of(self.run_it(name='free', imageUuid='docker:' + name)), 'MARK=free')

    def test_a_moved_tag_is_fetched_only_with_the_policy_always(self):
        name = f'127.0.0.1:{OPEN}/moving:1'
        self.push(name, 'first')
        always = {'io.rancher.container.pull_image': 'always'}
        self.assertEqual(self.mark_of(self.run_it(name='first', imageUuid='docker:' + name)), 'MARK=first')
        first = self.docker('inspect', '--format', '{{.Id}}', name).strip()
        self.docker('tag', name, 'kept:1')
        self.docker('rmi', name)
        self.push(name, 'second')
        self.docker('tag', 'kept:1', name)
        self.assertEqual(self.docker('inspect', '--format', '{{.Id}}', name).strip(), first)
        self.assertEqual(self.mark_of(self.run_it(name='same', imageUuid='docker:' + name)), 'MARK=first')
        c = self.run_it(name='fresh', imageUuid='docker:' + name, labels=always)
        self.assertEqual(self.mark_of(c), 'MARK=second')
        self.world.api.action(f'containers/{c["id"]}', 'restart')               # a restart pulls nothing
        self.open.kill()
        try:
            self.wait(c, 'running')
        finally:
            self.open.start()

    def test_a_pull_goes_on_when_the_registry_was_killed(self):
        name = f'127.0.0.1:{OPEN}/broken:1'
        self.push(name, 'whole')
        self.open.signal('STOP')
        c = self.create(name='broken', imageUuid='docker:' + name)
        until(lambda: self.world.api.get(f'containers/{c["id"]}')['transitioningMessage'] == 'Pulling', lambda: str(self.world.api.get(f'containers/{c["id"]}')['transitioningMessage']))
        self.open.kill()
        self.open.start()
        self.assertEqual(self.mark_of(self.wait(c, 'running')), 'MARK=whole')

    def test_a_pull_task_brings_an_image_to_the_hosts(self):
        name = f'127.0.0.1:{OPEN}/task:1'
        self.push(name, 'task')
        task = self.world.api.post('pulltasks', {'image': name, 'mode': 'all'})
        done = until(lambda: (lambda t: t if t['transitioning'] == 'no' and t.get('status') else None)(self.world.api.get(f'pulltasks/{task["id"]}')),
                     lambda: str(self.world.api.get(f'pulltasks/{task["id"]}')))
        self.assertEqual(done['status'], {'host1': 'Done'})
        self.assertTrue(self.has(name))

    # ---- builds
    def test_an_image_that_is_missing_is_built_from_its_context(self):
        folder = os.path.join(self.world.dir, 'context')
        os.makedirs(folder)
        for file, text in (('Dockerfile', f'FROM {harness.IMAGE}\nENV MARK=default\n'), ('Other', f'FROM {harness.IMAGE}\nENV MARK=other\n')):
            with open(f'{folder}/{file}', 'w', encoding='utf-8') as f:
                f.write(text)
        with tarfile.open(f'{folder}/context.tar', 'w') as tar:
            tar.add(f'{folder}/Dockerfile', 'Dockerfile')
            tar.add(f'{folder}/Other', 'Other')
        server = subprocess.Popen([harness.program('drover'), 'lab', '--name', self.world.name, 'exec', 'host1', '--', 'sh', '-c',
                                   f'echo $$ >{folder}/pid; exec python3 -m http.server -d {folder} -b 127.0.0.1 {FILES}'], env=self.world.env(), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until(lambda: self.world.lab('exec', 'host1', '--', 'sh', '-c', f'busybox nc 127.0.0.1 {FILES} </dev/null', check=False).returncode == 0, 'the context is served')
            url = f'http://127.0.0.1:{FILES}/context.tar'
            self.assertEqual(self.mark_of(self.run_it(name='built', imageUuid='docker:built/one:1', build={'context': url})), 'MARK=default')
            c = self.run_it(name='other', imageUuid='docker:built/two:1', build={'remote': url, 'dockerfile': 'Other', 'nocache': True, 'rm': True, 'forcerm': True})
            self.assertEqual(self.mark_of(c), 'MARK=other')
            text = self.fails(name='unbuilt', imageUuid='docker:built/three:1', build={'remote': f'http://127.0.0.1:{FILES}/no-such.tar'})
            self.assertRegex(text, r'Image \[built/three:1\] failed to build: .*404')
        finally:
            with open(f'{folder}/pid', encoding='utf-8') as f:
                self.world.lab('exec', 'host1', '--', 'kill', f.read().strip(), check=False)
            server.wait(harness.DEADLINE_S)

    # ---- clean-up
    def setting(self, name, value):
        self.world.api.put('/v2-beta/settings/drover.host.image.cleanup.' + name, {'value': value})

    def test_unused_images_go_by_policy_but_none_that_is_used_or_a_persons(self):
        names = {k: f'127.0.0.1:{OPEN}/clean/{k}:1' for k in ('unused', 'used', 'stopped', 'person', 'twice')}
        for k, n in names.items():
            self.push(n, k)
        self.docker('pull', names['person'])
        kept = [self.run_it(name=k, imageUuid='docker:' + names[k]) for k in ('used', 'stopped')]
        self.world.api.action(f'containers/{kept[1]["id"]}', 'stop')
        self.wait(kept[1], 'stopped')
        gone = [self.run_it(name=k, imageUuid='docker:' + names[k]) for k in ('unused', 'twice')]
        self.docker('tag', names['twice'], 'second/name:1')
        self.remove(*gone)
        self.assertTrue(self.has(names['unused']))              # nothing is removed by itself
        host = self.world.host('host1')
        try:
            self.world.api.put(f'hosts/{host["id"]}', {'labels': dict(host['labels'], **{'io.rancher.host.image_cleanup.after_seconds': 'off'})})
            self.setting('after.seconds', '1')
            self.run_it(name='meanwhile')                       # a round trip through the agent, which has heard of the setting by then
            self.assertTrue(self.has(names['unused']))
            self.world.api.put(f'hosts/{host["id"]}', {'labels': dict(host['labels'], **{'io.rancher.host.image_cleanup.after_seconds': '1'})})
            until(lambda: not self.has(names['unused']) and not self.has('second/name:1'), lambda: 'unused images are removed: ' + self.docker('images'))
            for k in ('used', 'stopped', 'person'):
                self.assertTrue(self.has(names[k]), k)
            self.setting('scope', 'all')
            until(lambda: not self.has(names['person']), 'with scope all a person\'s goes too')
            for k in ('used', 'stopped'):
                self.assertTrue(self.has(names[k]), k)
        finally:
            self.setting('after.seconds', 'off')
            self.setting('scope', 'pulled')
            self.world.api.put(f'hosts/{host["id"]}', {'labels': {k: v for k, v in host['labels'].items() if 'image_cleanup' not in k}})
            self.world.lab('image', harness.IMAGE, '--from-busybox', '--cmd', harness.IMAGE_CMD)        # scope all took it too


if __name__ == '__main__':
    reason = why_not()
    if reason:
        print(f'skipped: {reason}')
        sys.exit(77)
    harness.main()
