"""Metadata through the real agent: server to disk to the socket, with and without the server. No engine is needed."""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import client

NODE = os.environ.get('DROVER_NODE')


class Service:
    """A service of the host: one connection to metadata.sock."""

    def __init__(self, path, resume):
        end = time.monotonic() + client.WAIT_S
        while True:
            self.s = socket.socket(socket.AF_UNIX)
            try:
                self.s.connect(path)
                break
            except OSError:
                self.s.close()
                if time.monotonic() > end:
                    raise
                threading.Event().wait(0.05)
        self.s.settimeout(client.WAIT_S)
        self.s.sendall((json.dumps({'resume': resume}) + '\n').encode())
        self.lines = self.s.makefile('rb')
        self.topics = {}

    def read(self):
        m = json.loads(self.lines.readline())
        if 'topic' not in m:
            return m
        if m.get('gone'):
            self.topics.pop(m['topic'], None)
            return m
        if m['base'] == 0:
            self.topics[m['topic']] = {'rev': 0, 'objects': {}}
        elif self.topics[m['topic']]['rev'] != m['base']:
            raise AssertionError('%r does not follow %r' % (m, self.topics[m['topic']]['rev']))
        t = self.topics[m['topic']]
        t['rev'] = m['rev']
        t['objects'].update(m['set'])
        for key in m['del']:
            t['objects'].pop(key, None)
        return m

    def until(self, condition):
        while not condition(self.read()):
            pass
        return self

    def names(self, kind):
        return {o['name'] for t in self.topics.values() for o in t['objects'].values() if o['metadata_kind'] == kind}

    def close(self):
        self.lines.close()
        self.s.close()


def is_sync(m):
    return m.get('sync', False)


class MetadataAgent(client.Case):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='drover-md-')
        self.token = self.admin.post(self.p + '/registrationtokens')
        self.token = self.admin.wait(self.p + '/registrationtokens/' + self.token['id'], 'active')['token']
        self.agent = None
        self.start_agent()

    def tearDown(self):
        self.end_agent(signal.SIGTERM)
        shutil.rmtree(self.dir)

    def start_agent(self):
        self.log = open(self.dir + '/agent.log', 'ab')
        self.agent = subprocess.Popen([NODE, 'agent', '--url', 'http://127.0.0.1:%d/v1' % self.server.port, '--token', self.token, '--state-dir', self.dir,
                                       '--docker-socket', self.dir + '/no-engine.sock'], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def end_agent(self, signum):
        self.agent.send_signal(signum)
        self.agent.wait(client.WAIT_S)
        self.log.close()

    def service(self, resume=None):
        s = Service(self.dir + '/metadata.sock', resume or {})
        self.addCleanup(s.close)
        return s

    def stack(self, name):
        return self.check(self.admin.post(self.p + '/stacks', {'name': name}), 201)

    def test_services_see_changes_and_what_the_disk_has(self):
        s = self.service()
        while 'default' not in s.names('environment'):
            s.read()
        self.stack('first')
        s.until(lambda m: 'first' in s.names('stack'))
        # The agent is stopped in order: all of it is on the disk, and is there without a server.
        self.end_agent(signal.SIGTERM)
        self.server.end()
        self.start_agent()
        alone = self.service().until(is_sync)
        self.assertEqual(alone.topics, s.topics)
        knows = self.service({name: t['rev'] for name, t in s.topics.items()})
        self.assertTrue(is_sync(knows.read()))
        # The server is there again, elsewhere; the agent is killed at any moment and catches up.
        port = self.server.port
        self.server.args = ['--listen', '127.0.0.1:%d' % port]
        self.server.start()
        for k in range(3):
            self.stack('killed%d' % k)
            alone.until(lambda m, k=k: 'killed%d' % k in alone.names('stack'))
            self.end_agent(signal.SIGKILL)
            self.start_agent()
            alone = self.service()
            while 'killed%d' % k not in alone.names('stack'):
                alone.read()


if __name__ == '__main__':
    if not NODE:
        raise SystemExit('DROVER_NODE names the program to test')
    client.main()
