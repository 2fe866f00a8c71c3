"""The main job on real hosts, as tests for any world: also for hosts behind an engine relay and with cgroup2."""
import harness
from harness import IMAGE, IMAGE_CMD, until

COMPOSE = f'''
version: '2'
services:
  web:
    image: {IMAGE}
    command: ["sh", "-c", "busybox httpd -p 80 -h /etc; {IMAGE_CMD.replace('$', '$$').replace('"', "'")}"]
    ports:
    - "8090:80"
    environment:
      GREETING: hello
    links:
    - db
  db:
    image: {IMAGE}
    volumes:
    - /data
    labels:
      io.rancher.sidekicks: backup
  backup:
    image: {IMAGE}
    volumes_from:
    - db
    network_mode: "container:db"
  everywhere:
    image: {IMAGE}
    labels:
      io.rancher.scheduler.global: "true"
'''
RANCHER = '''
version: '2'
services:
  web:
    scale: 3
  db:
    scale: 1
'''


class MainJob:
    def docker_exec(self, container, *argv, check=True):
        host = next(h['hostname'] for h in self.world.api.list('hosts') if h['id'] == container['hostId'])
        return self.world.lab('docker', host, 'exec', container['externalId'], *argv, check=check)

    def serves(self, host, port):
        address = self.world.addresses()[host]
        # From another host, as a user of the port would.
        other = next(h for h in self.world.hosts if h != host)
        return self.world.lab('exec', other, '--', 'busybox', 'wget', '-q', '-O-', f'http://{address}:{port}/hostname', check=False)

    def test_a_compose_file_runs_on_three_hosts_is_scaled_and_removed(self):
        w = self.world
        w.compose('demo', COMPOSE, rancher=RANCHER)
        w.settle()
        web = w.service_containers('demo/web')
        self.assertEqual([c['name'] for c in web], ['demo-web-1', 'demo-web-2', 'demo-web-3'])
        self.assertEqual(len({c['hostId'] for c in web}), 3, 'a port is taken once per host, and spread')
        self.assertEqual(len({c['hostId'] for c in w.service_containers('demo/everywhere')}), 3)
        for host in w.hosts:
            self.assertTrue(until(lambda h=host: self.serves(h, 8090).stdout, f'the published port of {host}').strip())
        # The sidekick: same host, same volume, same network.
        db, = [c for c in w.service_containers('demo/db') if 'backup' not in c['name']]
        backup, = [c for c in w.service_containers('demo/db') if 'backup' in c['name']]
        self.assertEqual((db['name'], backup['name']), ('demo-db-1', 'demo-db-backup-1'))
        self.assertEqual(db['hostId'], backup['hostId'])
        self.docker_exec(db, 'busybox', 'sh', '-c', 'echo from db > /data/f')
        self.assertEqual(self.docker_exec(backup, 'busybox', 'cat', '/data/f').stdout, 'from db\n')
        net = [self.docker_exec(c, 'busybox', 'readlink', '/proc/self/ns/net').stdout for c in (db, backup)]
        self.assertEqual(net[0], net[1])
        self.assertIn('GREETING=hello', self.docker_exec(web[0], 'busybox', 'env').stdout)
        # ps
        rows = {line.split()[2]: line for line in w.drover('ps').stdout.splitlines()[1:]}
        self.assertEqual(sorted(n for n in rows), ['demo/db', 'demo/db/backup', 'demo/everywhere', 'demo/web'])
        self.assertIn('3/3', rows['demo/web'])
        self.assertIn(':8090', rows['demo/web'])
        listed = w.drover('ps', 'demo/web').stdout
        for h in w.hosts:
            self.assertIn(h, listed)
        self.assertEqual(listed.count('running'), 3)
        # A second up changes nothing.
        before = {c['id']: c['externalId'] for c in w.containers()}
        w.compose('demo', COMPOSE, rancher=RANCHER)
        self.assertEqual({c['id']: c['externalId'] for c in w.containers()}, before)
        # Fewer and more.
        kept = {c['name']: c['id'] for c in web if c['name'] != 'demo-web-3'}
        w.drover('scale', 'demo/web=2', '-w')
        w.settle()
        self.assertEqual({c['name']: c['id'] for c in w.service_containers('demo/web')}, kept)
        w.drover('scale', 'demo/web=3', '-w')
        w.settle()
        w.drover('scale', 'demo/db=2', '-w')
        w.settle()
        self.assertEqual(len(w.service_containers('demo/db')), 4)
        # Stop, start, restart.
        w.drover('stop', 'demo/web', '-w')
        until(lambda: {c['state'] for c in w.service_containers('demo/web')} == {'stopped'}, 'stopped containers')
        w.drover('start', 'demo/web', '-w')
        w.settle()
        ids = {c['name']: c['startCount'] for c in w.service_containers('demo/web')}
        w.drover('restart', 'demo-web-1', '-w')
        w.settle()
        self.assertGreater({c['name']: c['startCount'] for c in w.service_containers('demo/web')}['demo-web-1'], ids['demo-web-1'])
        w.drover('rm', '--type', 'stack', 'demo', '-w')
        w.settle()
        self.assertEqual(w.engines(), [])

    def test_host_labels_decide_where_containers_go(self):
        w = self.world
        for name, label in (('host1', 'ssd'), ('host2', 'ssd'), ('host3', 'disk')):
            h = w.host(name)
            w.api.put(f'hosts/{h["id"]}', {'labels': dict(h['labels'] or {}, storage=label)})
        w.simple('labels', 'must', 4, labels={'io.rancher.scheduler.affinity:host_label': 'storage=ssd'})
        w.simple('labels', 'mustnot', 2, labels={'io.rancher.scheduler.affinity:host_label_ne': 'storage=ssd'})
        w.simple('labels', 'likes', 2, labels={'io.rancher.scheduler.affinity:host_label_soft': 'storage=tape'})
        w.settle()
        ids = {n: w.host(n)['id'] for n in w.hosts}
        self.assertEqual({c['hostId'] for c in w.service_containers('labels/must')}, {ids['host1'], ids['host2']})
        self.assertEqual({c['hostId'] for c in w.service_containers('labels/mustnot')}, {ids['host3']})
        self.assertEqual(len(w.service_containers('labels/likes')), 2)

    def test_a_start_once_service_ends_and_is_not_started_again(self):
        w = self.world
        w.simple('once', 'job', 2, command=['busybox', 'true'], labels={'io.rancher.container.start_once': 'true'})
        until(lambda: [c['state'] for c in w.service_containers('once/job')] == ['stopped', 'stopped'], 'two ended containers')
        w.settle()
        before = {c['id']: c['externalId'] for c in w.service_containers('once/job')}
        w.server.stop()
        w.server.start()
        w.wait_hosts()
        w.settle()
        self.assertEqual({c['id']: c['externalId'] for c in w.service_containers('once/job')}, before)
        self.assertEqual({e['state'] for e in w.engines()}, {'exited'})

    def test_a_port_conflict_tells_why(self):
        w = self.world
        service = w.simple('ports', 'web', 4, ports=['8091:80'])
        message = self.told(service, '8091')
        self.assertIn('Allocation failed', message)
        until(lambda: sum(c['state'] == 'running' for c in w.service_containers('ports/web')) == 3, 'three that have found their hosts')
        self.assertIn(message, next(line for line in w.drover('ps').stdout.splitlines() if 'ports/web' in line))
        w.scale(service, 3)
        w.settle()

    def told(self, service, word):
        """What the service says of why it is not done, once it holds this word."""
        def message():
            return self.world.api.get(f'services/{service["id"]}').get('transitioningMessage') or ''
        return until(lambda: message() if word in message() else None, lambda: f'a message with {word}: "{message()}"')

    def test_an_image_that_does_not_exist_is_named(self):
        w = self.world
        service = w.simple('image', 'web', 1, imageUuid='docker:drover-e2e/no-such-image:1')
        message = self.told(service, 'no-such-image')
        self.assertIn(message.split(':')[0], next(line for line in w.drover('ps').stdout.splitlines() if 'image/web' in line))

    def test_the_containers_of_the_api_run_too(self):
        w = self.world
        c = w.api.post('containers', {'name': 'alone', 'imageUuid': 'docker:' + IMAGE, 'networkMode': 'bridge', 'environment': {'A': 'b'}})
        until(lambda: w.api.get(f'containers/{c["id"]}')['state'] == 'running', lambda: 'running: ' + str(w.api.get(f'containers/{c["id"]}')))
        w.settle()
        w.api.action(f'containers/{c["id"]}', 'stop')
        until(lambda: w.api.get(f'containers/{c["id"]}')['state'] == 'stopped', 'stopped')
        w.settle()
        w.api.action(f'containers/{c["id"]}', 'start')
        until(lambda: w.api.get(f'containers/{c["id"]}')['state'] == 'running', 'running again')
        w.api.action(f'containers/{c["id"]}', 'stop')
        until(lambda: w.api.get(f'containers/{c["id"]}')['state'] == 'stopped', 'stopped')
        w.api.delete(f'containers/{c["id"]}')
        until(lambda: w.api.get(f'containers/{c["id"]}')['state'] in harness.GONE, 'removed')
        w.settle()
        self.assertEqual(w.engines(), [])


class Reboot:
    def test_a_host_that_loses_power_comes_back_with_its_containers(self):
        w = self.world
        w.simple('stay', 'web', 6)
        w.settle()
        before = {c['name']: (c['id'], c['externalId'], c['hostId']) for c in w.containers()}
        w.lab('kill', 'host1')
        w.lab('reboot', 'host1')
        until(lambda: sum(e['state'] == 'running' for e in w.engine_containers('host1')) == 2, 'two running containers on host1 again')
        w.wait_hosts()
        w.settle()
        self.assertEqual({c['name']: (c['id'], c['externalId'], c['hostId']) for c in w.containers()}, before)
