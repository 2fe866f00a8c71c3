"""The program and its folder: what lasts over restarts, who may use it, events, a full disk."""
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import unittest

import client


class Restart(unittest.TestCase):
    def setUp(self):
        self.server = client.Server()
        self.addCleanup(self.server.close)

    def test_what_was_answered_is_there_after_a_clean_end_and_after_a_kill(self):
        self.server.start()
        before = self.server.admin_file()
        made = []
        for i, signum in enumerate((signal.SIGTERM, signal.SIGKILL, signal.SIGINT)):
            a = self.server.admin().post('/projects/1a5/stacks', {'name': 'stack%d' % i})
            self.assertEqual(a.status, 201, repr(a))
            made.append((a['id'], a['name'], a['uuid']))
            t = self.server.client().post('/token', {'code': '%s:%s' % (before['username'], before['password'])})
            self.assertEqual(t.status, 201, repr(t))
            code = self.server.end(signum)
            self.assertEqual(code, -signal.SIGKILL if signum == signal.SIGKILL else 0)
            self.server.start()
            self.assertEqual(self.server.admin_file(), before)
            rows = self.server.admin().get('/projects/1a5/stacks').rows
            self.assertEqual([(r['id'], r['name'], r['uuid']) for r in rows], made)
            self.server.admin().wait('/projects/1a5/stacks/' + a['id'], 'active')
            session = self.server.client(headers={'Authorization': 'Bearer ' + t['jwt']})
            self.assertEqual(session.get('/projects').status, 200)


class Folder(unittest.TestCase):
    def setUp(self):
        self.server = client.Server()
        self.addCleanup(self.server.close)

    def run_beside(self):
        return subprocess.run([client.SERVER, '--listen', '127.0.0.1:0', '--data', self.server.data], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=client.WAIT_S)

    def test_a_folder_in_use_is_refused_and_goes_on_working(self):
        self.server.start()
        done = self.run_beside()
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn(str(self.server.process.pid), done.stderr)
        self.assertEqual(self.server.admin().get('/projects').status, 200)

    def test_a_database_of_a_newer_program_is_refused_and_left_as_it_is(self):
        self.server.start()
        self.assertEqual(self.server.end(), 0)
        path = os.path.join(self.server.data, 'drover.db')
        db = sqlite3.connect(path)
        old = db.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()[0]
        set_version = "UPDATE meta SET value = ? WHERE key = 'schema_version'"
        db.execute(set_version, (str(int(old) + 1000),))
        db.commit()
        db.close()
        done = self.run_beside()
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn('newer', done.stderr)
        db = sqlite3.connect(path)
        db.execute(set_version, (old,))
        db.commit()
        db.close()
        self.server.start()
        self.assertEqual(self.server.admin().get('/projects').status, 200)

    def test_a_file_that_is_no_database_is_refused(self):
        with open(os.path.join(self.server.data, 'drover.db'), 'wb') as f:
            f.write(b'this is something else ' * 400)
        done = self.run_beside()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('drover.db', done.stderr)


class Events(client.Case):
    def test_changes_are_told_to_those_who_may_see_them(self):
        other = self.check(self.admin.post('/projects', {'name': 'other'}), 201)['id']
        self.admin.wait('/projects/' + other, 'active')
        ws = client.WebSocket(self.admin, self.p + '/subscribe?eventNames=resource.change')
        self.assertEqual(ws.status, 101, ws.head)
        self.check(self.admin.post('/projects/%s/stacks' % other, {'name': 'theirs'}), 201)
        ours = self.check(self.admin.post(self.p + '/stacks', {'name': 'ours'}), 201)
        seen = []

        def is_ours(m):
            if m.get('name') == 'resource.change':
                seen.append(m)
            return m.get('resourceId') == ours['id'] and m['data']['resource']['state'] == 'active'
        m = ws.until(is_ours)
        ws.close()
        self.assertEqual((m['name'], m['resourceType']), ('resource.change', 'stack'))
        self.assertEqual(m['data']['resource']['name'], 'ours')
        self.assertNotIn('theirs', [x['data']['resource'].get('name') for x in seen if x.get('data', {}).get('resource')])

    def test_pings_come(self):
        ws = client.WebSocket(self.admin, self.p + '/subscribe?eventNames=resource.change')
        m = ws.until(lambda x: x.get('name') == 'ping')
        ws.close()
        self.assertEqual(m['name'], 'ping')

    def test_strangers_get_no_events(self):
        ws = client.WebSocket(self.server.client(), '/subscribe?eventNames=resource.change')
        ws.close()
        self.assertEqual(ws.status, 401, ws.head)


def small_disk():
    """A folder with 4 MiB, or None with the reason."""
    d = tempfile.mkdtemp(prefix='drover-small-')
    done = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=4m,mode=0700', 'none', d], capture_output=True, text=True, timeout=30)
    if done.returncode:
        os.rmdir(d)
        return None, done.stderr.strip()
    return d, None


class FullDisk(unittest.TestCase):
    def test_writes_fail_until_there_is_room_and_nothing_answered_is_lost(self):
        d, why = small_disk()
        if not d:
            self.skipTest('no tmpfs can be mounted here: ' + why)
        server = client.Server(data=d)
        try:
            server.start()
            self.fill_and_free(server, d)
        finally:
            server.close()
            subprocess.run(['umount', '-l', d], timeout=30)
            shutil.rmtree(d, ignore_errors=True)

    def fill_and_free(self, server, d):
        admin, made, failed = server.admin(), [], 0
        ballast = os.path.join(d, 'ballast')
        with open(ballast, 'wb', buffering=0) as f:
            try:
                while True:
                    f.write(b'x' * 4096)
            except OSError:
                pass
        for i in range(200):
            a = admin.post('/projects/1a5/stacks', {'name': 's%d' % i, 'description': 'd' * 1000})
            if a.status == 201:
                made.append(a['name'])
                continue
            self.assertEqual((a.status, a.get('code')), (503, 'StoreFailed'), repr(a))
            failed += 1
            if failed == 3:
                break
        self.assertEqual(failed, 3)
        listed = admin.get('/projects/1a5/stacks?limit=-1')
        self.assertEqual([r['name'] for r in listed.rows], made)
        os.unlink(ballast)
        pid = server.process.pid
        for i in range(100):                    # at once, or with the store's next try
            a = admin.post('/projects/1a5/stacks', {'name': 'after%d' % i})
            if a.status == 201:
                break
            self.assertEqual(a.get('code'), 'StoreFailed', repr(a))
            client.threading.Event().wait(0.05)
        self.assertEqual(a.status, 201, repr(a))
        made.append(a['name'])
        self.assertEqual((server.process.pid, server.process.poll()), (pid, None))
        server.end(signal.SIGKILL)
        server.start()
        self.assertEqual([r['name'] for r in server.admin().get('/projects/1a5/stacks?limit=-1').rows], made)


if __name__ == '__main__':
    client.main()
