#!/usr/bin/env python3
"""drover-node agent against a real Docker engine and a small server that speaks docs/host-protocol.md.

DROVER_BIN_DIR: where drover-node is (build/bin); or DROVER_NODE: the program itself. DROVER_ENGINE_RELAY=1.44: everything runs behind an engine_relay.py that claims that
API version (see there). DROVER_TEST_SEED: seed of the moments at which things are killed (printed).
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import engine as engines
import engine_relay
from engine import until
from fakeserver import FakeServer

NODE = os.path.abspath(os.environ.get('DROVER_NODE') or os.path.join(os.environ.get('DROVER_BIN_DIR', 'build/bin'), 'drover-node'))
RELAY = os.environ.get('DROVER_ENGINE_RELAY', '')
SEED = int(os.environ.get('DROVER_TEST_SEED', '0')) or random.randrange(1, 1 << 31)


class Agent:
    def __init__(self, server, state_dir, socket, **env):
        self.server, self.state_dir, self.socket, self.env = server, state_dir, socket, env
        self.process = None
        self.log = os.path.join(os.path.dirname(state_dir), os.path.basename(state_dir) + '.log')
        self.start()

    def start(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith(('DROVER_', 'CATTLE_', 'DOCKER_'))}
        env.update(self.env)
        out = open(self.log, 'ab')
        self.log_before = os.path.getsize(self.log)
        self.process = subprocess.Popen([NODE, '--config', '/dev/null', '--url', self.server.url, '--token', FakeServer.TOKEN, '--state-dir', self.state_dir,
                                         '--docker-socket', self.socket, 'agent'], env=env, stdout=out, stderr=out)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        # Before its first line a program has no handler yet, and a signal just ends it.
        until(lambda: self.process.poll() is not None or 'msg="agent started"' in self.text(self.log_before), 'the agent starts')
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(20)
        assert code in (0, -signal.SIGKILL), f'the agent ended with {code}: ' + self.text()[-3000:]

    def text(self, start=0):
        with open(self.log) as f:
            f.seek(start)
            return f.read()

    def status(self):
        try:
            with open(os.path.join(self.state_dir, 'agent.status')) as f:
                return dict(line.rstrip('\n').split('=', 1) for line in f)
        except FileNotFoundError:
            return {}


class Case(unittest.TestCase):
    engine = None

    @classmethod
    def setUpClass(cls):
        cls.engine = engines.Engine()
        cls.relay = engine_relay.Relay(cls.engine.socket, os.path.join(cls.engine.dir, 'relay.sock'), RELAY) if RELAY else None
        cls.socket = cls.relay.path if cls.relay else cls.engine.socket

    @classmethod
    def tearDownClass(cls):
        if cls.relay:
            cls.relay.close()
        cls.engine.close()

    def setUp(self):
        self.server = FakeServer(project=f'env-{self.id().rsplit(".", 1)[1]}')
        self.state_dir = os.path.join(self.engine.dir, 'state-' + self.id().rsplit('.', 1)[1])
        self.agent = Agent(self.server, self.state_dir, self.socket, DROVER_ORPHAN_GRACE_S='1')
        self.addCleanup(self.clean)
        self.server.connected()

    def clean(self):
        self.agent.stop()
        self.server.stop()
        self.engine.remove_all()
        if os.environ.get('DROVER_TEST_TRACE'):
            print(self.server.history, self.agent.text(), file=sys.stderr)
        if any('Sanitizer' in line for line in self.agent.text().splitlines()):
            raise AssertionError(self.agent.text()[-5000:])

    def one(self, uuid):
        found = self.engine.by_uuid(uuid)
        self.assertEqual(len(found), 1, f'containers with uuid {uuid}')
        return found[0]

    def engine_restart(self, signum=signal.SIGTERM):
        self.engine.stop(signum)
        self.engine.start()

    def stays(self, uuid, states, rounds=2):
        """Nothing changes over the next full lists, which look at everything again."""
        for _ in range(rounds):
            self.server.session.close()
            self.server.next_full()
            self.assertIn(self.server.seen[uuid]['state'], states)


@unittest.skipIf(engines.why_not(), engines.why_not())
class Lifecycle(Case):
    def test_a_container_is_created_started_stopped_started_again_and_removed(self):
        told = self.server.want('u1', ports=['8080:80/tcp'], networkMode='bridge', environment={'A': '1'}, command=['/bin/sleep', '1000'])
        c = self.one('u1')
        self.assertEqual(c['Name'], '/r-u1')
        self.assertTrue(c['State']['Running'])
        self.assertIn('A=1', c['Config']['Env'])
        self.assertEqual(told['dockerId'], c['Id'])
        self.assertRegex(told['ip'], r'^172\.')
        self.assertIn({'private': 80, 'public': 8080, 'proto': 'tcp', 'ip': '0.0.0.0'}, told['ports'])
        self.server.want('u1', 'stopped')
        self.assertFalse(self.one('u1')['State']['Running'])
        self.server.want('u1')
        self.assertEqual(self.one('u1')['Id'], c['Id'], 'a start does not make a new container')
        self.server.want('u1', 'absent')
        self.assertEqual(self.engine.by_uuid('u1'), [])

    def test_the_server_is_told_who_this_host_is(self):
        host = self.server.host
        self.assertEqual(host['uuid'], open(os.path.join(self.state_dir, '.docker_uuid')).read())
        self.assertEqual(host['physicalUuid'], open(os.path.join(self.state_dir, '.physical_host_uuid')).read())
        self.assertTrue(host['engine']['healthy'])
        self.assertEqual(host['labels']['io.rancher.host.os'], 'linux')
        self.assertGreater(host['memory'], 1 << 20)
        self.assertEqual(os.stat(os.path.join(self.state_dir, '.agent_keys')).st_mode & 0o777, 0o600)
        until(lambda: self.agent.status()['state'] == 'connected', 'the status file')

    def test_a_revision_is_acknowledged_in_heartbeats(self):
        self.server.want('u1')
        rev = self.server.rev
        self.server.wait(lambda: any(m['t'] == 'heartbeat' and m['rev'] == rev for m in self.server.messages), 'a heartbeat with the revision')

    def test_a_container_that_ends_is_reported_stopped_and_left_so(self):
        self.server.want('u1', command=['/bin/sh', '-c', 'exit 7'], wait=False)
        told = self.server.reported('u1', 'stopped')
        self.assertEqual(told['exitCode'], 7)
        self.assertGreater(told['finishedAt'], 0)
        self.stays('u1', ('stopped',))
        self.assertEqual(self.one('u1')['State']['ExitCode'], 7)

    def test_a_killed_container_is_reported_and_a_new_generation_starts_it(self):
        self.server.want('u1')
        self.engine.docker('kill', 'r-u1')
        self.server.reported('u1', 'stopped')
        self.server.want('u1')
        self.assertTrue(self.one('u1')['State']['Running'])

    def test_a_container_removed_behind_the_agents_back_is_absent_until_the_next_generation(self):
        self.server.want('u1')
        before = self.one('u1')['Id']
        self.engine.docker('rm', '-f', 'r-u1')
        self.server.reported('u1', 'absent')
        self.stays('u1', ('absent',))
        self.assertEqual(self.engine.by_uuid('u1'), [])
        self.server.want('u1')
        self.assertNotEqual(self.one('u1')['Id'], before)

    def test_a_container_that_ignores_sigterm_is_killed_after_its_timeout(self):
        self.server.want('u1', command=['/bin/sh', '-c', 'trap "" TERM; while :; do sleep 0.1; done'])
        self.server.want('u1', 'stopped')
        self.assertEqual(self.one('u1')['State']['ExitCode'], 137)

    def test_stopping_or_removing_what_is_not_there_is_absent(self):
        self.server.want('u1', 'stopped')
        self.assertEqual(self.server.seen['u1']['state'], 'absent')
        self.server.want('u2', 'absent')

    def test_a_missing_image_that_cannot_be_pulled_fails_with_the_reason(self):
        self.server.want('u1', imageUuid='docker:127.0.0.1:1/no/such:image', wait=False)
        told = self.server.reported('u1', 'failed')
        self.assertIn('Image [127.0.0.1:1/no/such:image] failed to pull:', told['error'])
        self.stays('u1', ('failed',))
        self.server.want('u1', imageUuid='docker:drover/test:1')

    def test_a_container_that_cannot_start_fails_and_is_not_left_behind(self):
        self.server.want('u1', command=['/no/such/program'], wait=False)
        told = self.server.reported('u1', 'failed')
        self.assertIn('/no/such/program', told['error'])
        self.assertEqual(self.engine.by_uuid('u1'), [])

    def test_a_spec_that_cannot_be_made_fails_with_the_field(self):
        self.server.want('u1', ports=['nonsense'], networkMode='bridge', wait=False)
        self.assertIn('nonsense', self.server.reported('u1', 'failed')['error'])

    def test_a_sidekick_shares_the_network_and_volumes_of_a_container_made_at_the_same_time(self):
        with self.server.changed:
            self.server.want('u2', networkMode='container', networkFromUuid='u1', volumesFromUuids=['u1'], wait=False)
            self.server.want('u1', dataVolumes=['/shared'], wait=False)
        self.server.reported('u1', 'running')
        self.server.reported('u2', 'running')
        one, two = self.one('u1'), self.one('u2')
        self.assertEqual(two['HostConfig']['NetworkMode'], f'container:{one["Id"]}')
        self.assertEqual([m['Destination'] for m in two['Mounts']], ['/shared'])

    def test_a_newer_generation_replaces_one_that_waits(self):
        with self.server.changed:
            for i in range(12):
                self.server.want(f'n{i}', wait=False)
            for i in range(12):
                self.server.want(f'n{i}', 'absent', wait=False)
        for i in range(12):
            self.server.reported(f'n{i}', 'absent')
        self.assertEqual(self.engine.docker('ps', '-aq', '--filter', f'label=io.rancher.environment.uuid={self.server.project}'), '')

    def test_twenty_containers_run_and_the_agent_stays_small(self):
        for i in range(20):
            self.server.want(f'm{i}', wait=False)
        for i in range(20):
            self.server.reported(f'm{i}', 'running')
        self.server.session.close()
        self.server.next_full()
        with open(f'/proc/{self.agent.process.pid}/smaps_rollup') as f:
            pss = next(int(line.split()[1]) for line in f if line.startswith('Pss:'))
        print(f'agent with 20 containers: {pss} kB PSS', file=sys.stderr)
        with open(NODE, 'rb') as f:
            sanitized = b'__asan_init' in f.read()
        if not sanitized:
            self.assertLessEqual(pss, 10 * 1024)


@unittest.skipIf(engines.why_not(), engines.why_not())
class Ownership(Case):
    def test_foreign_containers_are_told_with_their_inspect_document_and_never_touched(self):
        self.engine.docker('run', '-d', '--name', 'theirs', '--network', 'none', '--label', 'a=b', 'drover/test:1')
        theirs = self.engine.inspect('theirs')
        told = self.server.wait(lambda: self.server.seen.get(theirs['Id'], {}).get('state') == 'running' and self.server.seen[theirs['Id']],
                                'the foreign container')
        self.assertTrue(told['foreign'])
        self.assertEqual((told['name'], told['labels'], told['state']), ('theirs', {'a': 'b'}, 'running'))
        self.assertEqual(told['inspect']['Id'], theirs['Id'])
        self.server.push(full=True)
        self.server.next_full()
        self.assertEqual(self.engine.inspect('theirs')['State'], theirs['State'])
        self.engine.docker('rm', '-f', 'theirs')
        self.server.wait(lambda: self.server.seen[theirs['Id']]['state'] == 'absent', 'its end')

    def test_a_foreign_container_that_the_server_addresses_is_stopped_and_removed(self):
        self.engine.docker('run', '-d', '--name', 'adopted', '--network', 'none', 'drover/test:1')
        theirs = self.engine.inspect('adopted')
        self.server.wait(lambda: theirs['Id'] in self.server.seen, 'the foreign container')
        for gen, state in ((1, 'stopped'), (2, 'absent')):
            with self.server.changed:
                self.server.desired['ours'] = {'uuid': 'ours', 'gen': gen, 'state': state, 'stopTimeoutS': 0, 'dockerId': theirs['Id']}
                self.server.push(only=['ours'])
            self.server.reported('ours', state, gen)
        self.assertIsNone(self.engine.inspect('adopted'))

    def test_containers_of_another_environment_are_ignored(self):
        self.engine.docker('run', '-d', '--name', 'other', '--network', 'none', '--label', 'io.rancher.container.uuid=x1',
                           '--label', 'io.rancher.environment.uuid=another', 'drover/test:1')
        self.server.session.close()
        self.server.next_full()
        self.assertNotIn('x1', self.server.seen)
        self.assertNotIn(self.engine.inspect('other')['Id'], self.server.seen)
        self.assertTrue(self.engine.inspect('other')['State']['Running'])

    def test_containers_of_this_environment_that_the_snapshot_lacks_are_removed(self):
        self.server.want('u1')
        self.server.want('u2')
        self.engine.docker('run', '-d', '--name', 'orphan', '--network', 'none', '--label', 'io.rancher.container.uuid=o1',
                           '--label', f'io.rancher.environment.uuid={self.server.project}', 'drover/test:1')
        self.server.forget('u1')
        self.server.session.close()
        until(lambda: not self.engine.by_uuid('u1') and not self.engine.by_uuid('o1'), 'removal of what is not desired')
        self.assertTrue(self.one('u2')['State']['Running'])


@unittest.skipIf(engines.why_not(), engines.why_not())
class Restarts(Case):
    def test_containers_come_back_after_the_engine_was_restarted(self):
        for how in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(how=how.name):
                uuid = f'u-{how.name.lower()}'
                self.server.want(uuid)
                self.server.want(f'{uuid}-ended', command=['/bin/true'], wait=False)
                self.server.reported(f'{uuid}-ended', 'stopped')
                self.server.want(f'{uuid}-once', startOnce=True)
                first = self.one(uuid)
                self.engine_restart(how)
                until(lambda: self.one(uuid)['State']['Running'] and self.one(uuid)['State']['StartedAt'] != first['State']['StartedAt'], 'the container again')
                self.server.reported(uuid, 'running')
                self.server.reported(f'{uuid}-once', 'stopped')
                self.assertEqual(self.one(uuid)['Id'], first['Id'])
                self.stays(f'{uuid}-ended', ('stopped',), 1)
                self.assertEqual(self.one(uuid)['RestartCount'], 0)

    def test_the_engine_is_reported_unhealthy_while_it_is_gone(self):
        self.engine.stop()
        self.server.wait(lambda: not self.server.host['engine']['healthy'], 'the bad news')
        self.assertNotEqual(self.server.host['engine']['message'], '')
        self.engine.start()
        self.server.wait(lambda: self.server.host['engine']['healthy'], 'the good news')

    def test_an_engine_that_hangs_is_reported_and_the_session_goes_on(self):
        self.server.want('u1')
        pid = self.engine.pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            self.server.wait(lambda: not self.server.host['engine']['healthy'], 'the bad news')
            self.server.want('u2', wait=False)
            n = len(self.server.messages)
            self.server.wait(lambda: sum(m['t'] == 'heartbeat' for m in self.server.messages[n:]) >= 3, 'heartbeats')
        finally:
            os.kill(pid, signal.SIGCONT)
            os.kill(self.engine.daemon.pid, signal.SIGCONT)     # nsenter stops together with its child
        self.server.wait(lambda: self.server.host['engine']['healthy'], 'the good news')
        self.server.reported('u2', 'running')
        self.server.reported('u1', 'running')

    def test_an_agent_that_was_away_adopts_what_it_finds(self):
        self.server.want('u1')
        self.server.want('u2')
        self.server.want('u3')
        ids = {u: self.one(u)['Id'] for u in ('u1', 'u2', 'u3')}
        self.agent.kill()
        self.engine.docker('kill', 'r-u2')
        self.engine.docker('rm', '-f', 'r-u3')
        self.agent.start()
        self.server.wait(lambda: self.server.seen['u2']['state'] == 'stopped' and self.server.seen['u3']['state'] == 'absent', 'what happened meanwhile')
        self.server.reported('u1', 'running')
        self.assertEqual(self.one('u1')['Id'], ids['u1'])

    def test_the_whole_machine_goes_down_while_the_server_is_away(self):
        self.server.want('u1')
        self.server.want('u2', startOnce=True)
        self.server.want('u3', 'absent')
        first = self.one('u1')
        self.server.stop()
        self.agent.kill()
        self.engine.power_off()
        self.engine.boot()
        self.agent.start()
        until(lambda: self.one('u1')['State']['Running'], 'the container again, without the server')
        self.assertEqual(self.one('u1')['Id'], first['Id'])
        self.assertFalse(self.one('u2')['State']['Running'])
        self.server.start()
        self.server.connected()
        self.server.reported('u1', 'running')
        self.server.reported('u2', 'stopped')

    def test_without_the_server_nothing_new_is_made_and_what_was_there_is_kept(self):
        self.server.want('u1')
        self.server.stop()
        until(lambda: self.agent.status().get('state') == 'connecting', 'the agent noticing')
        self.engine.docker('rm', '-f', 'r-u1')
        until(lambda: self.engine.by_uuid('u1'), 'the container made again: it existed before')
        self.server.start()
        self.server.connected()
        self.server.reported('u1', 'running')

    def test_an_agent_killed_at_any_moment_ends_where_it_should(self):
        rng = random.Random(SEED)
        print(f'seed {SEED}', file=sys.stderr)
        for i in range(12):
            names = [f'k{i}-{n}' for n in range(3)]
            with self.server.changed:
                for u in names:
                    self.server.want(u, wait=False)
            time.sleep(rng.random() * 0.5)      # the moment of the kill is the random input, nothing is waited for
            self.agent.kill()
            with self.server.changed:
                self.server.want(names[0], 'stopped', wait=False)
                self.server.want(names[1], 'absent', wait=False)
            self.agent.start()
            time.sleep(rng.random() * 0.3)
            self.agent.kill()
            self.agent.start()
            self.server.reported(names[0], ('stopped', 'absent'))
            self.server.reported(names[1], 'absent')
            self.server.reported(names[2], 'running')
            self.assertEqual(self.engine.by_uuid(names[1]), [])
            self.assertTrue(self.one(names[2])['State']['Running'])
            self.assertLessEqual(len(self.engine.by_uuid(names[0])), 1)
        self.assertNotIn('set aside', self.agent.text())

    def test_a_container_whose_start_was_interrupted_runs_once(self):
        """start-once containers write to a volume; a killed agent must not run one twice."""
        rng = random.Random(SEED)
        for i in range(8):
            self.server.want(f's{i}', startOnce=True, dataVolumes=[f'vol{i}:/v'], command=['/bin/sh', '-c', 'echo x >> /v/runs'], wait=False)
            time.sleep(rng.random() * 0.4)      # as above
            self.agent.kill()
            self.agent.start()
            self.server.reported(f's{i}', 'stopped')
            runs = self.engine.docker('run', '--rm', '--network', 'none', '-v', f'vol{i}:/v', 'drover/test:1', '/bin/cat', '/v/runs')
            self.assertEqual(runs, 'x')


@unittest.skipIf(engines.why_not(), engines.why_not())
class Server(Case):
    def test_a_lower_epoch_is_refused_and_the_connection_closed(self):
        self.server.want('u1')
        self.server.stop()
        old, self.server.epoch = self.server.epoch, 0
        self.server.start()
        n = sum(m['t'] == 'hello' for m in self.server.messages)
        self.server.wait(lambda: sum(m['t'] == 'hello' for m in self.server.messages) >= n + 2, 'two refused sessions')
        until(lambda: 'epoch 0 is below 1' in self.agent.text(), 'the reason in the log')
        self.assertEqual(self.agent.status()['state'], 'connecting')
        self.server.epoch = old + 1
        self.server.wait(lambda: self.server.hello['epoch'] == 1 and self.server.session, 'a session')
        self.server.want('u1', 'stopped')
        self.agent.kill()
        self.server.wait(lambda: self.server.session is None, 'end of the session')
        self.agent.start()
        self.server.connected()
        self.assertEqual(self.server.hello['epoch'], old + 1, 'the epoch is kept on disk')

    def test_a_desired_message_of_a_lower_epoch_closes_the_session(self):
        self.server.want('u1')
        session = self.server.session
        session.send({'t': 'desired', 'epoch': 0, 'rev': 99, 'full': True, 'containers': []})
        self.server.wait(lambda: self.server.session is not session, 'end of the session')
        self.server.connected()
        self.server.reported('u1', 'running')
        self.assertTrue(self.one('u1')['State']['Running'])

    def test_a_broken_message_closes_the_session_and_loses_nothing(self):
        self.server.want('u1')
        for data in (b'{', b'[]', b'{"t":"desired","epoch":1,"rev":5,"containers":[{"uuid":"u2"}]}', b'null'):
            session = self.server.session
            session.frame(1, data)
            self.server.wait(lambda: self.server.session is not session, 'end of the session')
            self.server.connected()
        self.server.next_full()
        self.assertTrue(self.one('u1')['State']['Running'])

    def test_a_removed_host_does_not_connect_again_until_it_is_registered_anew(self):
        self.server.want('u1', 'absent')
        self.server.session.send({'t': 'bye', 'reason': 'removed'})
        until(lambda: self.agent.status().get('state') == 'removed', 'the agent giving up')
        self.agent.stop()
        n = len(self.server.messages)
        self.agent.start()
        until(lambda: (self.agent.status().get('state'), self.agent.status().get('pid')) == ('removed', str(self.agent.process.pid)), 'the agent remembering')
        self.assertEqual(len(self.server.messages), n)
        self.agent.stop()
        r = subprocess.run([NODE, '--config', '/dev/null', '--url', self.server.url, '--token', FakeServer.TOKEN, '--state-dir', self.state_dir, 'register'],
                           capture_output=True, text=True)
        self.assertEqual((r.returncode, r.stdout), (0, 'registered\n'), r.stderr)
        self.agent.start()
        self.server.connected()

    def test_a_wrong_token_is_told(self):
        r = subprocess.run([NODE, '--config', '/dev/null', '--url', self.server.url, '--token', 'wrong', '--state-dir', self.state_dir + '-wrong', 'register'],
                           capture_output=True, text=True)
        self.assertEqual(r.returncode, 1)
        self.assertIn('the registration token is not valid', r.stderr)

    def test_keys_that_are_no_longer_valid_are_told_and_tried_again(self):
        self.server.want('u1')
        self.server.refuse = True
        self.server.session.close()
        until(lambda: self.agent.status().get('state') == 'refused', 'the bad news')
        self.assertIn('re-register', self.agent.status()['message'])
        self.assertTrue(self.one('u1')['State']['Running'])
        self.server.refuse = False
        self.server.connected()

    def test_requests_are_answered(self):
        self.server.want('u1')

        def ask(name, **data):
            request_id = f'{name}-{len(self.server.messages)}'
            self.server.session.send({'t': 'request', 'epoch': 1, 'id': request_id, 'name': name, 'data': data, 'deadlineMs': 60000})
            return self.server.wait(lambda: [m for m in self.server.messages if m['t'] == 'reply' and m['id'] == request_id], name)[0]
        self.assertEqual(ask('container.inspect', uuid='u1')['data']['Id'], self.one('u1')['Id'])
        self.assertEqual(ask('container.inspect', id='r-u1')['data']['Id'], self.one('u1')['Id'])
        self.assertEqual(ask('container.inspect', uuid='u9')['error']['code'], 'Not Found')
        self.assertIn('error', ask('container.pull', image='127.0.0.1:1/x/y'))
        self.engine.docker('tag', 'drover/test:1', 'drover/gone:1')
        self.assertEqual(ask('image.remove', image='drover/gone:1')['data'], {})
        self.assertIn('message', ask('image.remove', image='drover/gone:1')['error'])
        self.assertIn('dance', ask('dance')['error']['message'])

    def test_a_state_file_that_was_damaged_is_set_aside_and_the_snapshot_restores_all(self):
        self.server.want('u1')
        first = self.one('u1')['Id']
        self.agent.kill()
        path = os.path.join(self.state_dir, 'drover-desired.json')
        with open(path, 'r+') as f:
            f.truncate(os.path.getsize(path) // 2)
        self.agent.start()
        self.server.wait(lambda: self.server.hello['rev'] == 0, 'a hello without a revision')
        self.server.next_full()
        self.server.reported('u1', 'running')
        self.assertEqual(self.one('u1')['Id'], first)
        self.assertIn('set aside', self.agent.text())
        self.assertTrue(any('.corrupt-' in f for f in os.listdir(self.state_dir)))

    def test_a_state_that_cannot_be_written_stops_new_work_until_it_can(self):
        self.server.want('u1')
        blocker = os.path.join(self.state_dir, 'drover-desired.json.new')
        os.mkdir(blocker)
        rev = self.server.rev
        self.server.want('u2', wait=False)
        until(lambda: 'desired state could not be written' in self.agent.text(), 'the complaint')
        n = len(self.server.messages)
        self.server.wait(lambda: sum(m['t'] == 'heartbeat' for m in self.server.messages[n:]) >= 3, 'heartbeats')
        self.assertEqual({m['rev'] for m in self.server.messages[n:] if m['t'] == 'heartbeat'}, {rev})
        self.assertEqual(self.engine.by_uuid('u2'), [])
        os.rmdir(blocker)
        self.server.reported('u2', 'running')


@unittest.skipIf(engines.why_not() or RELAY, engines.why_not() or 'has relays of its own')
class Facts(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.socket = os.path.join(cls.engine.dir, 'front.sock')

    def setUp(self):
        self.front = None
        self.upgrade('1.44')
        self.addCleanup(lambda: (self.front.kill(), self.front.wait()))
        super().setUp()

    def upgrade(self, version):
        """Another engine on the same socket: a process, so that all connections end with it."""
        if self.front:
            self.front.kill()
            self.front.wait()
            self.server.wait(lambda: not self.server.host['engine']['healthy'], 'the engine is away')
            os.unlink(self.socket)
        self.front = subprocess.Popen([sys.executable, engine_relay.__file__, self.engine.socket, self.socket, version])

    def test_an_upgraded_engine_is_told_at_once_and_spoken_to_in_its_new_version(self):
        self.server.wait(lambda: self.server.host['engine']['apiVersion'] == '1.44', 'the engine of before')
        told = self.server.host['engine']['version']
        self.upgrade('1.52')
        self.server.wait(lambda: self.server.host['engine']['apiVersion'] == '1.52' and self.server.host['engine']['healthy'], 'the engine of now')
        self.assertEqual(self.server.host['engine']['version'], told)
        self.server.want('u1')
        self.assertTrue(self.one('u1')['State']['Running'])
        hosts = [m for m in self.server.messages if m['t'] == 'host']
        self.assertLess(len(hosts), 8)                  # changes, not a message with each look


if __name__ == '__main__':
    unittest.main(verbosity=2)
