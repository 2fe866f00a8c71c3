"""Upgrades of infrastructure stacks by the server itself (spec catalog.md 9, orchestration.md 7.4)."""
import json
import signal
import unittest

import client
from envworld import COMPOSE, Catalog, World


class TestUpgrades(World):
    """Infrastructure stacks of catalog "library" follow its default versions (catalog.md 9)."""
    OLD, NEW = 'sim:old', 'sim:new'

    def setUp(self):
        self.catalog = Catalog()
        self.addCleanup(self.catalog.close)
        self.set('upgrade.manager', 'mandatory')
        self.set('default.schedule.upgrade.delay.minutes', '1440')

    def set(self, name, value):
        self.check(self.admin.put('/settings/' + name, {'value': value}), 200)

    def task(self, name):
        t = [t for t in self.admin.get('/tasks').rows if t['name'] == name][0]
        self.check(self.admin.post('/tasks/%s?action=execute' % t['id']), 200)

    def image(self, name, n, image):
        self.catalog.write('infra-templates/%s/%d/docker-compose.yml' % (name, n), (COMPOSE % 'a').replace('sim:busybox', image))

    def publish(self, name, versions):
        self.catalog.infra(name, {n: 'a' for n in versions})
        for n, image in versions.items():
            self.image(name, n, image)
        self.check(self.admin.put('/settings/catalog.url', {'value': json.dumps({'catalogs': {'library': {'url': self.catalog.dir}}})}), 200)
        self.check(self.admin.at('/v1-catalog').post('/templates?action=refresh'), 204)

    def environment(self, *names):
        p = self.project(self.template([{'templateId': 'library:infra*' + n, 'answers': {'KEPT': 'yes'}} for n in names]))
        self.add_host(p)
        self.until(lambda: [s['state'] for s in self.services(p)] == ['active'] * len(names), lambda: self.admin.get('/projects/' + p['id'])['transitioningMessage'])
        return p

    def planned(self, p):
        return {u['id']: u['state'] for u in self.admin.get('/projects/%s/scheduledUpgrades' % p['id']).rows}

    def stack(self, p, name):
        return [s for s in self.stacks(p) if s['name'] == name][0]

    def test_nothing_is_planned_unless_it_is_mandatory_or_all_shall_be(self):
        self.publish('ipsec', {0: self.OLD})
        p = self.environment('ipsec')
        self.publish('ipsec', {0: self.OLD, 1: self.NEW})
        self.until(lambda: self.admin.at('/v1-catalog').get('/templates/library:infra*ipsec')['defaultVersion'] == 'v0.1', 'the new version')
        for mode in ('mandatory', 'none'):
            self.set('upgrade.manager', mode)
            self.task('upgrade.schedule')
            self.assertEqual(self.planned(p), {}, mode)
        self.set('upgrade.manager', 'all')
        self.task('upgrade.schedule')
        self.assertEqual(list(self.planned(p).values()), ['scheduled'])
        self.task('upgrade.schedule')
        self.assertEqual(len(self.planned(p)), 1)
        self.task('run.scheduled')                      # a day's delay is not over
        self.assertEqual(list(self.planned(p).values()), ['scheduled'])
        self.assertEqual(self.stack(p, 'ipsec')['externalId'], 'catalog://library:infra*ipsec:0')

        # By hand at once.
        one = list(self.planned(p))[0]
        self.check(self.admin.post('/projects/%s/scheduledUpgrades/%s?action=start' % (p['id'], one)), 202)
        self.until(lambda: self.planned(p).get(one) == 'done', lambda: (self.admin.get('/scheduledUpgrades/' + one), self.stack(p, 'ipsec')))
        s = self.stack(p, 'ipsec')
        self.assertEqual((s['state'], s['externalId'], s['environment']), ('active', 'catalog://library:infra*ipsec:1', {'KEPT': 'yes'}))
        self.assertEqual(self.services(p)[0]['launchConfig']['imageUuid'], 'docker:' + self.NEW)
        self.assertEqual(self.services(p)[0]['state'], 'active')
        self.task('run.scheduled')
        self.until(lambda: one not in self.planned(p) or self.planned(p)[one] in ('removed', 'removing'), 'the record to go')
        self.task('upgrade.schedule')
        self.assertEqual([s for s in self.planned(p).values() if s not in ('removing', 'removed')], [])

    def test_broken_network_services_go_at_once_and_first_and_one_at_a_time(self):
        self.publish('network-services', {18: self.OLD})
        self.publish('vxlan', {0: self.OLD})
        p = self.environment('network-services', 'vxlan')
        self.set('upgrade.manager', 'all')
        self.set('default.schedule.upgrade.delay.minutes', '0')
        self.publish('vxlan', {0: self.OLD, 1: self.NEW})
        self.publish('network-services', {18: self.OLD, 19: self.NEW})
        self.until(lambda: len(self.planned(p)) == 2, lambda: self.planned(p))
        self.task('run.scheduled')
        self.assertEqual(sorted(self.planned(p).values()), ['running', 'scheduled'])
        self.until(lambda: self.stack(p, 'network-services')['externalId'].endswith(':19') and self.stack(p, 'network-services')['state'] == 'active',
                   lambda: self.stack(p, 'network-services'))
        self.assertTrue(self.stack(p, 'vxlan')['externalId'].endswith(':0'))
        self.until(lambda: 'done' in self.planned(p).values(), lambda: self.planned(p))
        self.task('run.scheduled')
        self.until(lambda: self.stack(p, 'vxlan')['externalId'].endswith(':1') and self.stack(p, 'vxlan')['state'] == 'active', lambda: self.stack(p, 'vxlan'))

    def test_no_more_at_once_than_the_setting_says(self):
        self.publish('log', {0: self.OLD})
        both = [self.environment('log') for _ in range(2)]
        self.set('upgrade.manager', 'all')
        self.set('default.schedule.upgrade.delay.minutes', '0')
        self.set('concurrent.scheduled.upgrades', '1')
        self.publish('log', {0: self.OLD, 1: self.NEW})
        self.until(lambda: all(self.planned(p) for p in both), lambda: [self.planned(p) for p in both])
        states = lambda: sorted(s for p in both for s in self.planned(p).values())
        self.task('run.scheduled')
        self.assertEqual(states(), ['running', 'scheduled'])
        self.until(lambda: 'done' in states(), states)
        self.task('run.scheduled')
        self.until(lambda: all(self.stack(p, 'log')['externalId'].endswith(':1') and self.stack(p, 'log')['state'] == 'active' for p in both), states)
        self.set('concurrent.scheduled.upgrades', '5')

    def test_who_may_not_change_infrastructure_starts_nothing(self):
        self.publish('dns', {0: self.OLD})
        user, who = self.new_user()
        p = self.environment('dns')
        members = [{'externalId': '1a1', 'externalIdType': 'rancher_id', 'role': 'owner'}, {'externalId': user, 'externalIdType': 'rancher_id', 'role': 'restricted'}]
        self.check(self.admin.post('/projects/%s?action=setmembers' % p['id'], {'members': members}), 200)
        self.set('upgrade.manager', 'all')
        self.publish('dns', {0: self.OLD, 1: self.NEW})
        one = self.until(lambda: list(self.planned(p)), 'an upgrade')[0]
        path = '/projects/%s/scheduledUpgrades/%s' % (p['id'], one)
        self.check(who.post(path + '?action=start'), 403, 'Forbidden')
        self.check(who.post(path + '?action=remove'), 403, 'Forbidden')
        self.check(self.admin.post(path + '?action=remove'), 202)
        self.until(lambda: self.gone(path), 'it to go')

    def test_what_is_planned_for_a_stack_goes_with_it(self):
        self.publish('bad', {0: self.OLD})
        p = self.environment('bad')
        self.set('upgrade.manager', 'all')
        self.publish('bad', {0: self.OLD, 1: self.NEW})
        one = self.until(lambda: list(self.planned(p)), 'an upgrade')[0]
        path = '/projects/' + p['id']
        self.check(self.admin.delete('%s/stacks/%s' % (path, self.stack(p, 'bad')['id'])), 200)
        self.until(lambda: not [s for s in self.stacks(p) if s['state'] not in ('removed', 'removing')], 'the stack to go')
        self.task('run.scheduled')
        self.until(lambda: self.gone('%s/scheduledUpgrades/%s' % (path, one)), lambda: self.planned(p))


class TestRestart(unittest.TestCase):
    def test_killed_while_infrastructure_is_upgraded(self):
        w = TestUpgrades('setUp')
        w.server = s = client.Server(('--simulator', '--sim-hosts', '0'))
        self.addCleanup(s.close)
        s.start()
        w.catalog = Catalog()
        self.addCleanup(w.catalog.close)
        w.publish('network-services', {0: w.OLD})
        p = w.environment('network-services')
        w.publish('network-services', {0: w.OLD, 1: w.NEW})
        w.until(lambda: w.planned(p), 'an upgrade')
        w.task('run.scheduled')
        for _ in range(5):
            s.end(signal.SIGKILL)
            s.start()
            w.until(lambda: s.admin().get('/projects/' + p['id']).status == 200, 'the server')
        stack = lambda: w.stack(p, 'network-services')
        w.until(lambda: (stack()['state'], stack()['externalId']) == ('active', 'catalog://library:infra*network-services:1'), stack)
        w.until(lambda: set(w.planned(p).values()) <= {'done', 'removing', 'removed'}, lambda: w.planned(p))
        self.assertEqual([x['launchConfig']['imageUuid'] for x in w.services(p)], ['docker:' + w.NEW])
        self.assertEqual(s.end(), 0)


if __name__ == '__main__':
    client.main()
