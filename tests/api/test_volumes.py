"""Volumes that people make, and those that hosts have (storage.md 2 to 6). The host is one that the test plays."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
import client           # noqa: E402
import wsclient         # noqa: E402

ANONYMOUS = 'a1' * 32


class Host(wsclient.Agent):
    """Its containers have these volumes."""
    volumes = ()

    def dress(self, container):
        container['mounts'] = [dict(v) for v in self.volumes]


class Volumes(client.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = Host(cls.server, cls.server.admin(), 'volumes')

    @classmethod
    def tearDownClass(cls):
        cls.host.close()
        super().tearDownClass()

    def post(self, **body):
        return self.admin.post(self.p + '/volumes', body)

    def mounts(self, *volumes):
        Host.volumes = [dict({'Type': 'volume', 'Driver': 'local', 'RW': True}, **v) for v in volumes]

    def container(self, name, **kw):
        host = self.admin.get(self.p + '/hosts').rows[0]
        c = self.admin.post(self.p + '/containers', dict({'name': name, 'imageUuid': 'docker:busybox', 'requestedHostId': host['id']}, **kw))
        self.check(c, 201)
        return self.admin.wait(self.p + '/containers/' + c['id'], 'running')

    def remove(self, c):
        self.admin.post('%s/containers/%s/?action=stop' % (self.p, c['id']), {'timeout': 0, 'remove': True})
        self.admin.wait(self.p + '/containers/' + c['id'], 'removed')

    def test_made_by_hand(self):
        v = self.check(self.post(name='data', driver='local', driverOpts={'type': 'tmpfs'}), 201)
        v = self.admin.wait(self.p + '/volumes/' + v['id'], 'inactive')
        self.assertEqual((v['uri'], v['externalId'], v['driverOpts'], v['mounts']), ('local:///data', 'data', {'type': 'tmpfs'}, []))
        self.check(self.post(name='data', driver='local'), 422, 'NotUnique', 'name')
        self.check(self.post(name='other'), 422, 'MissingRequired', 'driver')
        self.check(self.post(driver='local'), 422, 'MissingRequired', 'name')
        self.check(self.post(name='big', driver='local', sizeMb=10), 422, 'InvalidOption', 'sizeMb')
        self.check(self.admin.delete(self.p + '/volumes/' + v['id']), 200)
        self.admin.wait(self.p + '/volumes/' + v['id'], 'removed')
        self.check(self.post(name='data', driver='local'), 201)

    def test_of_a_container(self):
        self.mounts({'Name': 'named', 'Source': '/var/lib/docker/volumes/named/_data', 'Destination': '/data'},
                    {'Name': ANONYMOUS, 'Source': '/var/lib/docker/volumes/x/_data', 'Destination': '/anon', 'RW': False},
                    {'Type': 'bind', 'Name': '', 'Driver': '', 'Source': '/srv/www', 'Destination': '/www'},
                    {'Type': 'tmpfs', 'Name': '', 'Destination': '/tmp'})
        c = self.container('keeps')
        self.assertEqual(sorted((m['path'], m['permission'], m['volumeName']) for m in c['mounts']),
                         [('/anon', 'ro', ANONYMOUS), ('/data', 'rw', 'named'), ('/www', 'rw', '/srv/www')])
        rows = {v['name']: v for v in self.admin.get(self.p + '/volumes').rows}
        for name, path in (('named', False), (ANONYMOUS, False), ('/srv/www', True)):
            v = self.admin.wait(self.p + '/volumes/' + rows[name]['id'], 'active')
            self.assertEqual((v['isHostPath'], v['hostId']), (path, c['hostId']))
            self.assertEqual([m['instanceId'] for m in v['mounts']], [c['id']])
            self.assertEqual(self.admin.delete(self.p + '/volumes/' + v['id']).status, 405)     # it is in use
        listed = self.admin.get('%s/containers/%s/mounts' % (self.p, c['id'])).rows
        self.assertEqual(sorted(m['path'] for m in listed), ['/anon', '/data', '/www'])
        self.assertEqual(len(self.admin.get('%s/containers/%s/volumes' % (self.p, c['id'])).rows), 3)
        pool = next(p for p in self.admin.get(self.p + '/storagepools').rows if p['hostIds'] == [c['hostId']])
        self.assertLessEqual({rows['named']['id'], rows[ANONYMOUS]['id']}, set(pool['volumeIds']))
        self.assertEqual([h['id'] for h in self.admin.get('%s/storagepools/%s/hosts' % (self.p, pool['id'])).rows], [c['hostId']])
        self.remove(c)
        self.admin.wait(self.p + '/volumes/' + rows[ANONYMOUS]['id'], 'removed')
        self.admin.wait(self.p + '/volumes/' + rows['/srv/www']['id'], 'removed')
        self.admin.wait(self.p + '/volumes/' + rows['named']['id'], 'detached')
        again = self.container('again')
        self.assertEqual({v['id'] for v in self.admin.get('%s/containers/%s/volumes' % (self.p, again['id'])).rows} & {rows['named']['id']}, {rows['named']['id']})
        self.remove(again)
        self.admin.wait(self.p + '/volumes/' + rows['named']['id'], 'detached')

    def test_what_is_left_behind_is_a_label(self):
        for strategy, named, anonymous in (('none', 'detached', 'detached'), ('all', 'removed', 'removed')):
            names = 'n-' + strategy, (strategy + 'b' * 64)[:64]
            self.mounts(*[{'Name': n, 'Source': '/x/' + n, 'Destination': '/' + n[:5]} for n in names])
            c = self.container('of-' + strategy, labels={'io.rancher.container.volume_cleanup_strategy': strategy})
            rows = {v['name']: v['id'] for v in self.admin.get(self.p + '/volumes').rows}
            self.remove(c)
            self.admin.wait(self.p + '/volumes/' + rows[names[0]], named)
            self.admin.wait(self.p + '/volumes/' + rows[names[1]], anonymous)

    def test_a_shared_one_stays_with_the_other(self):
        self.mounts({'Name': 'c' * 64, 'Source': '/x', 'Destination': '/x'})
        one, two = self.container('one'), self.container('two')
        v = next(v for v in self.admin.get(self.p + '/volumes').rows if v['name'] == 'c' * 64)
        self.assertEqual(len(v['mounts']), 2)
        self.remove(one)
        self.assertEqual(self.admin.get(self.p + '/volumes/' + v['id'])['state'], 'active')
        self.remove(two)
        self.admin.wait(self.p + '/volumes/' + v['id'], 'removed')

    def test_a_mounted_volume_draws_its_containers_to_its_host(self):
        host = self.admin.get(self.p + '/hosts').rows[0]
        v = self.check(self.post(name='here', driver='local', hostId=host['id']), 201)
        self.admin.wait(self.p + '/volumes/' + v['id'], 'detached')
        self.mounts({'Name': 'here', 'Source': '/x/here', 'Destination': '/here'})
        c = self.check(self.admin.post(self.p + '/containers', {'name': 'drawn', 'imageUuid': 'docker:busybox', 'dataVolumeMounts': {'/here': v['id']}}), 201)
        c = self.admin.wait(self.p + '/containers/' + c['id'], 'running')
        self.assertEqual((c['hostId'], [m['volumeId'] for m in c['mounts']]), (host['id'], [v['id']]))
        self.admin.wait(self.p + '/volumes/' + v['id'], 'active')
        self.remove(c)
        self.admin.wait(self.p + '/volumes/' + v['id'], 'detached')


if __name__ == '__main__':
    client.main()
