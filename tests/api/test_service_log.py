"""What was done for a service, as its log tells (orchestration.md 1.19)."""
import time
import unittest

import client


class ServiceLog(client.Case):
    args = ('--simulator', '--sim-hosts', '2')

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        end = time.monotonic() + client.WAIT_S
        while len(cls.server.admin().get('/projects/1a5/hosts?state=active').rows) < 2 and time.monotonic() < end:
            time.sleep(0.05)

    def logs(self, service, at_least):
        end = time.monotonic() + client.WAIT_S
        while True:
            rows = self.admin.get('%s/services/%s/servicelogs?limit=-1' % (self.p, service['id'])).rows
            if len(rows) >= at_least or time.monotonic() > end:
                return rows
            time.sleep(0.05)

    def service(self, name, **kw):
        stack = self.check(self.admin.post(self.p + '/stacks', {'name': name}), 201)
        s = self.check(self.admin.post(self.p + '/services', dict({'name': name, 'stackId': stack['id'], 'startOnCreate': True, 'scale': 2,
                                                                   'launchConfig': {'imageUuid': 'sim:foo'}}, **kw)), 201)
        return self.admin.wait(self.p + '/services/' + s['id'], 'active')

    def test_a_service_tells_what_was_done_for_it(self):
        s = self.service('told')
        rows = self.logs(s, 3)
        self.assertEqual([r['eventType'] for r in rows], ['service.activate', 'create', 'create'])
        self.assertEqual({r['transactionId'] for r in rows}, {rows[0]['transactionId']})
        self.assertEqual([r['subLog'] for r in rows], [False, True, True])
        self.assertEqual({r['level'] for r in rows}, {'info'})
        for r in rows:
            self.assertEqual((r['serviceId'], r['type'], r['accountId']), (s['id'], 'serviceLog', '1a5'))
            self.assertTrue(r['created'] and r['endTime'] and r['description'], r)
        self.assertEqual(self.admin.get('%s/servicelogs/%s/instance' % (self.p, rows[1]['id'])).status, 200)
        self.admin.put(self.p + '/services/' + s['id'], {'scale': 1})
        self.admin.wait(self.p + '/services/' + s['id'], 'active')
        rows = self.logs(s, 5)[3:]
        self.assertEqual([r['eventType'] for r in rows[:2]], ['service.update', 'delete'])
        self.assertNotEqual(rows[0]['transactionId'], self.logs(s, 1)[0]['transactionId'])
        every = self.admin.get(self.p + '/servicelogs?serviceId=%s&limit=-1' % s['id']).rows
        self.assertEqual([r['id'] for r in every][:5], [r['id'] for r in self.logs(s, 5)][:5])
        newest = self.admin.get(self.p + '/servicelogs?sort=id&order=desc&limit=1').rows
        self.assertEqual(len(newest), 1)

    def test_many_make_one_line(self):
        s = self.service('many', scale=30)
        rows = self.logs(s, 2)
        self.assertLessEqual(len(rows), 10)
        self.assertTrue([r for r in rows if r['eventType'] == 'create' and 'instances' in r['description']], rows)

    def test_what_fails_is_told_with_its_reason(self):
        stack = self.admin.post(self.p + '/stacks', {'name': 'fails'})
        s = self.admin.post(self.p + '/services', {'name': 'fails', 'stackId': stack['id'], 'startOnCreate': True, 'scale': 1,
                                                   'launchConfig': {'imageUuid': 'sim:foo', 'environment': {'X': 'compute.instance.activate::fail'}}})
        end = time.monotonic() + client.WAIT_S
        while True:
            bad = [r for r in self.logs(s, 1) if r['level'] == 'error']
            if bad:
                break
            self.assertLess(time.monotonic(), end, self.logs(s, 1))
            time.sleep(0.1)
        self.assertIn('Failing [compute.instance.activate]', ' '.join(r['description'] for r in bad))
        self.admin.delete(self.p + '/stacks/' + stack['id'])

    def test_other_environments_logs_are_not_told(self):
        self.service('mine')
        other = self.admin.post('/projects', {'name': 'other'})
        self.admin.wait('/projects/' + other['id'], 'active')
        self.assertEqual(self.admin.get('/projects/%s/servicelogs' % other['id']).rows, [])


if __name__ == '__main__':
    client.main()
