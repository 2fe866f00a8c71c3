"""Secrets, certificates, registries with their credentials, pull tasks (spec api.md 3, agent.md 10)."""
import base64
import os
import sqlite3
import subprocess
import tempfile
import time
import unittest

import client

HOSTS = 3


def openssl(*args, **kw):
    return subprocess.run(['openssl'] + list(args), check=True, capture_output=True, timeout=client.WAIT_S, **kw).stdout


class Kept(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = client.Server(['--simulator', '--sim-hosts', str(HOSTS)]).start()
        cls.env = cls.server.admin('/v2-beta/projects/1a5')
        cls.folder = tempfile.TemporaryDirectory(prefix='drover-certs-')
        cls.cert, cls.key = cls.make('one', ['req', '-newkey', 'rsa:2048'])
        cls.other, cls.other_key = cls.make('two', ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'])

    @classmethod
    def tearDownClass(cls):
        cls.server.close()
        cls.folder.cleanup()

    @classmethod
    def make(cls, name, way):
        cert, key = (cls.folder.name + '/' + name + end for end in ('.pem', '.key'))
        openssl(*way, '-x509', '-nodes', '-days', '30', '-subj', '/O=Drovers/CN=%s.example' % name, '-keyout', key, '-out', cert,
                '-addext', 'subjectAltName=DNS:%s.example,DNS:*.%s.example,IP:10.0.0.1' % (name, name))
        with open(cert) as c, open(key) as k:
            return c.read(), k.read()

    def refused(self, answer, status, code, field):
        self.assertEqual((answer.status, answer.get('code'), answer.get('fieldName')), (status, code, field), repr(answer))

    def in_database(self, text):
        db = sqlite3.connect(os.path.join(self.server.data, 'drover.db'))
        rows = []
        tables = [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for t in tables:
            rows += db.execute('SELECT * FROM "%s"' % t).fetchall()
        db.close()
        return any(text.encode() in (c if isinstance(c, bytes) else str(c).encode()) for r in rows for c in r)

    # ---- secrets ----
    def test_a_secret_is_told_once_and_kept_sealed(self):
        value = base64.b64encode(b'very secret words').decode()
        a = self.env.post('/secrets', {'name': 'pw', 'value': value})
        self.assertEqual((a.status, a['value']), (201, value))
        a = self.env.wait('/secrets/' + a['id'], 'active')
        self.assertIsNone(a['value'])
        self.assertIsNone(self.env.get('/secrets').rows[0]['value'])
        self.assertFalse(self.in_database(value))
        self.assertFalse(self.in_database('very secret words'))
        self.refused(self.env.post('/secrets', {'name': 'pw', 'value': value}), 422, 'NotUnique', 'name')
        b = self.env.put('/secrets/' + a['id'], {'description': 'of the database', 'value': base64.b64encode(b'x').decode()})
        self.assertEqual((b.status, b['description'], b['value']), (200, 'of the database', None))
        self.env.delete('/secrets/' + a['id'])
        self.env.wait('/secrets/' + a['id'], 'removed')

    def test_values_that_are_none(self):
        for value, code in ((None, 'EmptySecret'), ('', 'EmptySecret'), ('%%%', 'InvalidBase64'), ('YQ', 'InvalidBase64'), ('YQ==x', 'InvalidBase64')):
            body = {'name': 'bad'} if value is None else {'name': 'bad', 'value': value}
            self.refused(self.env.post('/secrets', body), 422, code, 'value')
        self.refused(self.env.post('/secrets', {'value': 'YQ=='}), 422, 'MissingRequired', 'name')

    # ---- certificates ----
    def test_a_certificate_says_what_it_is(self):
        a = self.env.post('/certificates', {'name': 'one', 'cert': self.cert, 'key': self.key})
        self.assertEqual(a.status, 201, repr(a))
        self.assertEqual(a['key'], self.key)
        a = self.env.wait('/certificates/' + a['id'], 'active')
        self.assertIsNone(a['key'])
        self.assertEqual((a['CN'], a['algorithm'], a['version'], a['keySize']), ('one.example', 'SHA256withRSA', '3', 2048))
        self.assertEqual(a['subjectAlternativeNames'], ['one.example', '*.one.example', '10.0.0.1'])
        path = self.folder.name + '/one.pem'
        self.assertEqual(a['certFingerprint'], openssl('x509', '-in', path, '-noout', '-fingerprint', '-sha1').decode().strip().split('=')[1])
        self.assertEqual(int(a['serialNumber']), int(openssl('x509', '-in', path, '-noout', '-serial').decode().strip().split('=')[1], 16))
        self.assertIn('O=Drovers', a['issuer'])
        self.assertFalse(self.in_database(self.key.splitlines()[5]))
        b = self.env.put('/certificates/' + a['id'], {'cert': self.other, 'key': self.other_key})
        self.assertEqual(b.status, 200, repr(b))
        b = self.env.wait('/certificates/' + a['id'], 'active')
        self.assertEqual((b['CN'], b['algorithm'], b['keySize'], b['key']), ('two.example', 'SHA256withECDSA', 256, None))
        self.refused(self.env.put('/certificates/' + a['id'], {'cert': self.cert}), 422, 'InvalidFormat', 'key')
        self.assertFalse(self.in_database(self.other_key.splitlines()[1]))

    def test_certificates_that_are_none(self):
        self.refused(self.env.post('/certificates', {'name': 'x', 'cert': 'nonsense', 'key': self.key}), 422, 'InvalidFormat', 'cert')
        self.refused(self.env.post('/certificates', {'name': 'x', 'cert': self.cert, 'key': 'nonsense'}), 422, 'InvalidFormat', 'key')
        self.refused(self.env.post('/certificates', {'name': 'x', 'cert': self.cert, 'key': self.other_key}), 422, 'InvalidFormat', 'key')
        self.refused(self.env.post('/certificates', {'name': 'x', 'cert': self.cert, 'key': self.key, 'certChain': 'x'}), 422, 'InvalidFormat', 'certChain')
        self.refused(self.env.post('/certificates', {'name': 'x', 'cert': self.cert}), 422, 'MissingRequired', 'key')

    # ---- registries ----
    def test_registries_and_their_credentials(self):
        a = self.env.post('/registries', {'serverAddress': 'registry.example:5000'})
        self.assertEqual(a.status, 201, repr(a))
        a = self.env.wait('/registries/' + a['id'], 'active')
        self.refused(self.env.post('/registries', {'serverAddress': 'Registry.example:5000'}), 400, 'ServerAddressUsed', None)
        c = self.env.post('/registrycredentials', {'registryId': a['id'], 'publicValue': 'tim', 'secretValue': 'hunter2hunter2'})
        self.assertEqual((c.status, c['secretValue']), (201, 'hunter2hunter2'))
        c = self.env.wait('/registrycredentials/' + c['id'], 'active')
        self.assertEqual((c['publicValue'], c['secretValue'], c['registryId']), ('tim', None, a['id']))
        c = self.env.put('/registrycredentials/' + c['id'], {'secretValue': 'changedchanged'})
        self.assertEqual((c.status, c['secretValue']), (200, None))
        self.assertFalse(self.in_database('hunter2hunter2') or self.in_database('changedchanged'))
        self.assertEqual([r['id'] for r in self.env.get('/registries/%s/credentials' % a['id']).rows], [c['id']])
        self.refused(self.env.post('/registrycredentials', {'registryId': '1sp99', 'publicValue': 'x'}), 422, 'InvalidReference', 'registryId')
        self.env.post('/registrycredentials/%s/?action=deactivate' % c['id'])
        self.env.wait('/registrycredentials/' + c['id'], 'inactive')
        self.assertEqual(self.env.delete('/registrycredentials/' + c['id']).status, 200)
        self.env.post('/registries/%s/?action=deactivate' % a['id'])
        self.env.wait('/registries/' + a['id'], 'inactive')
        self.assertEqual(self.env.delete('/registries/' + a['id']).status, 200)
        self.env.wait('/registries/' + a['id'], 'removed')
        again = self.env.post('/registries', {'serverAddress': 'registry.example:5000'})
        self.assertEqual(again.status, 201, repr(again))

    # ---- pull tasks ----
    def hosts(self):
        """The simulated ones register themselves."""
        end = time.monotonic() + client.WAIT_S
        while True:
            hosts = self.env.get('/hosts').rows
            if len(hosts) == HOSTS and all(h['state'] == 'active' for h in hosts):
                return hosts
            self.assertLess(time.monotonic(), end, hosts)
            time.sleep(0.05)

    def test_a_pull_task_asks_every_host(self):
        hosts = self.hosts()
        a = self.env.post('/pulltasks', {'image': 'busybox:1.35', 'mode': 'all', 'labels': {}})
        self.assertEqual((a.status, a['type']), (201, 'pullTask'), repr(a))
        a = self.env.wait('/pulltasks/' + a['id'], 'active')
        self.assertEqual(a['status'], {h['hostname']: 'Done' for h in hosts})
        host = hosts[0]
        self.env.put('/hosts/' + host['id'], {'labels': {'disk': 'ssd'}})
        self.env.wait('/hosts/' + host['id'], 'active')
        b = self.env.post('/pulltasks', {'image': 'busybox', 'labels': {'io.rancher.scheduler.affinity:host_label': 'disk=ssd'}})
        b = self.env.wait('/pulltasks/' + b['id'], 'active')
        self.assertEqual((b['status'], b['mode']), ({host['hostname']: 'Done'}, 'all'))

    def test_pull_tasks_that_are_none(self):
        self.refused(self.env.post('/pulltasks', {'mode': 'all'}), 422, 'MissingRequired', 'image')
        self.refused(self.env.post('/pulltasks', {'image': 'busybox', 'mode': 'some'}), 422, 'InvalidOption', 'mode')
        self.refused(self.env.post('/pulltasks', {'image': 'not an image'}), 422, 'InvalidReference', 'image')


if __name__ == '__main__':
    unittest.main()
