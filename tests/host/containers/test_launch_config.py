#!/usr/bin/env python3
"""Each row of the launch-config table (spec agent.md 8) and of the names, labels and environment set by the platform (9), from the API
to `docker inspect` on a real engine: for containers of POST containers and again for those of a service.

ROWS is the table. A test counts its rows against the fields that the API's types have, so a new field without a row fails.
"""
import json
import os
import re
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))
import harness
from harness import until

IMAGE = 'docker:' + harness.IMAGE
SLEEP = ['sh', '-c', harness.IMAGE_CMD]
G = 'io.rancher.container.'


class Row:
    """fields: of the request. want: path in the inspect document to its value or a check of it. warns: word of the engine's warning when this
    kernel does not have the knob: it shows that the engine was asked. refused: text of its error then. services: false where a service has no such field."""

    def __init__(self, group, fields, want=None, warns=None, refused=None, services=True):
        self.group, self.fields, self.want, self.warns, self.refused, self.services = group, fields, want or {}, warns, refused, services
        self.name = '+'.join(fields)


def has(*items):
    return lambda v: set(items) <= set(v or [])


def within(**items):
    return lambda v: all((v or {}).get(k) == x for k, x in items.items())


def NONE(value):
    return not value


UNSET = ('', 'no')


def disk():
    """A real block device of this machine, for limits per device."""
    for name in sorted(os.listdir('/sys/class/block')):
        if os.path.exists(f'/dev/{name}') and not name.startswith(('loop', 'ram')) and os.path.exists(f'/sys/class/block/{name}/queue'):
            return f'/dev/{name}'
    return '/dev/loop0'


DISK = disk()
ROWS = [
    # ---- Config
    Row('a', {'imageUuid': IMAGE}, {'Config.Image': harness.IMAGE}),
    Row('a', {'command': ['-c', harness.IMAGE_CMD, 'with blank', '']}, {'Config.Cmd': ['-c', harness.IMAGE_CMD, 'with blank', '']}),
    Row('a', {'entryPoint': ['/bin/sh']}, {'Config.Entrypoint': ['/bin/sh']}),
    Row('a', {'environment': {'A': '1', 'EMPTY': '', 'SPACE': 'a b=c'}}, {'Config.Env': has('A=1', 'EMPTY=', 'SPACE=a b=c')}),
    Row('a', {'workingDir': '/tmp/work'}, {'Config.WorkingDir': '/tmp/work'}),
    Row('a', {'user': '1000:1000'}, {'Config.User': '1000:1000'}),
    Row('a', {'stopSignal': 'SIGINT'}, {'Config.StopSignal': 'SIGINT'}),
    Row('a', {'domainName': 'example.org'}, {'Config.Domainname': 'example.org'}),
    Row('a', {'hostname': 'named'}, {'Config.Hostname': 'named'}),
    Row('a', {'tty': True}, {'Config.Tty': True}),
    Row('a', {'stdinOpen': True}, {'Config.OpenStdin': True}),
    Row('a', {'stopTimeout': 7}, {'Config.StopTimeout': 7}),
    Row('a', {'labels': {'own': 'x', 'IO.Rancher.Own': 'low'}}, {'Config.Labels': within(own='x', **{'io.rancher.own': 'low'})}),
    Row('a', {'healthCmd': ['CMD', 'true'], 'healthInterval': 5, 'healthTimeout': 2, 'healthRetries': 3},
        {'Config.Healthcheck': within(Test=['CMD', 'true'], Interval=5000000000, Timeout=2000000000, Retries=3)}),
    Row('a', {'expose': ['9999']}, {'Config.ExposedPorts': lambda v: '9999/tcp' not in (v or {})}),
    Row('a', {'ports': ['18080:80/tcp', '18081:80', '127.0.0.1:18053:53/udp', '90/tcp']}, {
        # One without a public port gets the engine's choice; of a service, the environment's.
        'HostConfig.PortBindings': lambda v: v.pop('90/tcp')[0]['HostIp'] == '' and v == {
            '80/tcp': [{'HostIp': '', 'HostPort': '18080'}, {'HostIp': '', 'HostPort': '18081'}], '53/udp': [{'HostIp': '127.0.0.1', 'HostPort': '18053'}]},
        'Config.ExposedPorts': {'80/tcp': {}, '53/udp': {}, '90/tcp': {}}}),
    # ---- HostConfig
    Row('a', {'capAdd': ['NET_ADMIN']}, {'HostConfig.CapAdd': has('NET_ADMIN')}),
    Row('a', {'capDrop': ['MKNOD']}, {'HostConfig.CapDrop': has('MKNOD')}),
    Row('a', {'dns': ['10.9.9.9']}, {'HostConfig.Dns': ['10.9.9.9']}),
    Row('a', {'dnsSearch': ['own.example']}, {'HostConfig.DnsSearch': lambda v: v[0] == 'own.example'}),
    Row('a', {'dnsOpt': ['ndots:2']}, {'HostConfig.DnsOptions': ['ndots:2']}),
    Row('a', {'extraHosts': ['db:10.1.2.3']}, {'HostConfig.ExtraHosts': ['db:10.1.2.3']}),
    Row('a', {'devices': ['/dev/null:/dev/nix:r', '/dev/zero']}, {'HostConfig.Devices': [
        {'PathOnHost': '/dev/null', 'PathInContainer': '/dev/nix', 'CgroupPermissions': 'r'},
        {'PathOnHost': '/dev/zero', 'PathInContainer': '/dev/zero', 'CgroupPermissions': 'rwm'}]}),
    Row('a', {'securityOpt': ['no-new-privileges']}, {'HostConfig.SecurityOpt': ['no-new-privileges']}),
    Row('a', {'groupAdd': ['20']}, {'HostConfig.GroupAdd': ['20']}),
    Row('a', {'restartPolicy': {'name': 'on-failure', 'maximumRetryCount': 3}}, {'HostConfig.RestartPolicy': {'Name': 'on-failure', 'MaximumRetryCount': 3}}, services=False),
    Row('a', {'logConfig': {'driver': 'json-file', 'config': {'max-size': '1m'}}}, {'HostConfig.LogConfig': {'Type': 'json-file', 'Config': {'max-size': '1m'}}}),
    Row('a', {'memory': 134217728, 'memorySwap': 268435456}, {'HostConfig.Memory': 134217728, 'HostConfig.MemorySwap': 268435456}, warns='swap'),
    Row('a', {'memoryReservation': 67108864}, {'HostConfig.MemoryReservation': 67108864}, warns='memory soft limit'),
    Row('a', {'memorySwappiness': 10}, {'HostConfig.MemorySwappiness': 10}, warns='swappiness'),
    Row('a', {'oomKillDisable': True}, {'HostConfig.OomKillDisable': True}, warns='OomKillDisable'),
    Row('a', {'oomScoreAdj': 100}, {'HostConfig.OomScoreAdj': 100}),
    Row('a', {'shmSize': 33554432}, {'HostConfig.ShmSize': 33554432}),
    Row('a', {'cpuShares': 512}, {'HostConfig.CpuShares': 512}),
    Row('a', {'cpuSet': '0'}, {'HostConfig.CpusetCpus': '0'}),
    Row('a', {'cpuSetMems': '0'}, {'HostConfig.CpusetMems': '0'}),
    Row('a', {'cpuPeriod': 50000, 'cpuQuota': 25000}, {'HostConfig.CpuPeriod': 50000, 'HostConfig.CpuQuota': 25000}),
    Row('a', {'pidsLimit': 64}, {'HostConfig.PidsLimit': 64}, warns='PIDs limit'),
    Row('a', {'diskQuota': 1073741824}, {'HostConfig.DiskQuota': lambda v: v in (None, 1073741824)}),       # engines after 1.13 do not know it
    Row('a', {'ulimits': [{'name': 'nofile', 'soft': 100, 'hard': 200}]}, {'HostConfig.Ulimits': [{'Name': 'nofile', 'Soft': 100, 'Hard': 200}]}),
    Row('a', {'sysctls': {'net.ipv4.ip_forward': '1'}}, {'HostConfig.Sysctls': {'net.ipv4.ip_forward': '1'}}),
    Row('a', {'tmpfs': {'/scratch': 'size=1m'}}, {'HostConfig.Tmpfs': {'/scratch': 'size=1m'}}),
    Row('a', {'blkioWeight': 300}, {'HostConfig.BlkioWeight': 300}, warns='I/O weight'),
    Row('a', {'dataVolumes': ['/anonymous', '/tmp:/bound', 'named:/named:ro']}, {
        'Config.Volumes': {'/anonymous': {}, '/bound': {}, '/named': {}}, 'HostConfig.Binds': ['/tmp:/bound:rw', 'named:/named:ro']}),
    Row('blkio', {'blkioDeviceOptions': {DISK: {'readIops': 1000, 'writeIops': 1001, 'readBps': 1048576, 'writeBps': 1048577}}}, {
        'HostConfig.BlkioDeviceReadIOps': [{'Path': DISK, 'Rate': 1000}], 'HostConfig.BlkioDeviceWriteIOps': [{'Path': DISK, 'Rate': 1001}],
        'HostConfig.BlkioDeviceReadBps': [{'Path': DISK, 'Rate': 1048576}], 'HostConfig.BlkioDeviceWriteBps': [{'Path': DISK, 'Rate': 1048577}]}, warns='Block I/O'),
    Row('b', {'privileged': True}, {'HostConfig.Privileged': True}),
    Row('b', {'readOnly': True}, {'HostConfig.ReadonlyRootfs': True}),
    Row('b', {'publishAllPorts': True}, {'HostConfig.PublishAllPorts': True}),
    Row('b', {'pidMode': 'host'}, {'HostConfig.PidMode': 'host'}),
    Row('b', {'ipcMode': 'host'}, {'HostConfig.IpcMode': 'host'}),
    Row('b', {'uts': 'host'}, {'HostConfig.UTSMode': 'host'}),
    Row('b', {'usernsMode': 'host'}, {'HostConfig.UsernsMode': 'host'}),
    Row('b', {'cgroupParent': '/drover-test-parent'}, {'HostConfig.CgroupParent': '/drover-test-parent'}),
    Row('b', {'milliCpuReservation': 1500, 'cpuShares': 512}, {'HostConfig.CpuShares': 1536}),
    Row('b', {'runInit': True}, {'HostConfig.Init': True}),
    Row('b', {'networkMode': 'bridge'}, {'HostConfig.NetworkMode': lambda v: v in ('default', 'bridge')}),
    # ---- what the kernel or the storage may refuse: the engine's words are the container's error then
    Row('kernel', {'kernelMemory': 67108864}, {'HostConfig.KernelMemory': 67108864}, warns='kernel memory', refused='kernel memory'),
    Row('rt', {'cpuRealtimePeriod': 1000000, 'cpuRealtimeRuntime': 1000}, {'HostConfig.CpuRealtimePeriod': 1000000, 'HostConfig.CpuRealtimeRuntime': 1000}, refused=r'real-time|cpu\.rt_'),
    Row('quota', {'storageOpt': {'size': '1G'}}, {'HostConfig.StorageOpt': {'size': '1G'}}, refused='pquota'),
    # ---- networks: what shares no ports has none, and no hostname where the namespace is another's
    Row('net-host', {'networkMode': 'host', 'hostname': 'ignored', 'ports': ['18082:80'], 'publishAllPorts': True}, {
        'HostConfig.NetworkMode': 'host', 'HostConfig.PortBindings': NONE, 'Config.ExposedPorts': lambda v: not v, 'HostConfig.PublishAllPorts': False,
        'Config.Hostname': lambda v: v != 'ignored'}),
    Row('net-none', {'networkMode': 'none', 'hostname': 'kept', 'ports': ['18083:80']}, {
        'HostConfig.NetworkMode': 'none', 'Config.NetworkDisabled': True, 'Config.Hostname': 'kept', 'HostConfig.PortBindings': NONE}),
    Row('mac', {'labels': {G + 'mac_address': '02:11:22:33:44:55'}}, {'NetworkSettings.MacAddress': '02:11:22:33:44:55'}),
    # ---- not sent on Linux
    Row('b', {'lxcConf': {'lxc.x': 'y'}, 'ip': '10.0.0.9', 'ip6': 'fe80::9', 'netAlias': ['alias'], 'isolation': 'hyperv', 'cpuCount': 2, 'cpuPercent': 50,
              'ioMaximumIOps': 5, 'ioMaximumBandwidth': 6}, {
        'HostConfig.Isolation': '', 'HostConfig.CpuCount': 0, 'HostConfig.CpuPercent': 0, 'HostConfig.IOMaximumIOps': 0, 'HostConfig.IOMaximumBandwidth': 0,
        'NetworkSettings.Networks.bridge.Aliases': None}),
]
# Rows with a test of their own below: they need other containers, an image that is missing, or a state.
OWN_TEST = {
    'networkContainerId', 'dataVolumesFrom', 'dataVolumeMounts', 'volumeDriver', 'instanceLinks', 'build', 'startOnCreate', 'requestedHostId', 'name',
    'registryCredentialId',             # test_registry.py
}
# Fields that do not reach the engine, each with the reason.
NOT_FOR_ENGINE = {
    'count': 'how many', 'description': 'the API only', 'stackId': 'the API only', 'instanceTriggeredStop': 'what the platform does when it ends',
    'networkIds': 'the managed network', 'requestedIpAddress': 'the managed network', 'healthCheck': 'the platform\'s checks',
    'memoryMb': 'virtual machines', 'userdata': 'virtual machines', 'vcpu': 'virtual machines', 'disks': 'virtual machines',
    'dataVolumesFromLaunchConfigs': 'sidekicks: e2e', 'networkLaunchConfig': 'sidekicks: e2e', 'drainTimeoutMs': 'load balancers',
    'kind': 'the API only', 'secrets': 'files of a storage driver; the agent says so (tests/unit/node/test-create-body.c)',
}


def value_at(doc, path):
    for key in path.split('.'):
        if doc is None:
            return None
        doc = doc.get(key)
    return doc


class Base(harness.Case):
    hosts = 1
    maxDiff = None

    def inspect(self, container_id):
        return json.loads(self.world.lab('docker', 'host1', 'inspect', container_id).stdout)[0]

    def create(self, **fields):
        body = dict({'imageUuid': IMAGE, 'networkMode': 'bridge'}, **fields)
        return self.world.api.post('containers', body)

    def wait(self, c, *states):
        def there():
            now = self.world.api.get(f'containers/{c["id"]}')
            return now if now['state'] in states else None
        return until(there, lambda: f'{c["name"]} {"/".join(states)}: ' + str({k: self.world.api.get(f'containers/{c["id"]}').get(k) for k in
                                                                             ('state', 'transitioning', 'transitioningMessage')}))

    def run_it(self, **fields):
        return self.wait(self.create(**fields), 'running')

    def docker(self, *args):
        return self.world.lab('docker', 'host1', *args).stdout

    def agent_log(self):
        folder = os.path.join(self.world.dir, self.world.name, 'hosts', 'host1')
        text = ''
        for top, _, names in os.walk(os.path.join(folder, 'log')):
            for name in names:
                if 'drover' in name:
                    with open(os.path.join(top, name), encoding='utf-8', errors='replace') as f:
                        text += f.read()
        return text

    def remove(self, *containers):
        for c in containers:
            self.world.api.delete(f'containers/{c["id"]}')
        for c in containers:
            self.wait(c, *harness.GONE)

    def clean(self):
        alone = [c for c in self.world.containers() if 'io.rancher.stack_service.name' not in (c.get('labels') or {}) and not c.get('serviceIds')]
        for c in alone:
            if c['state'] not in ('removing', 'stopping'):
                self.world.api.delete(f'containers/{c["id"]}')
        for c in alone:
            self.wait(c, *harness.GONE)
        super().clean()


@unittest.skipIf(harness.why_not(), harness.why_not())
class Table(Base):
    def groups(self, services):
        groups = {}
        for row in ROWS:
            if row.services or not services:
                groups.setdefault(row.group, []).append(row)
        return groups

    def merged(self, rows):
        fields = {}
        for row in rows:
            for k, v in row.fields.items():
                fields[k] = v
        return fields

    def check(self, rows, doc, log):
        wrong = []
        for row in rows:
            for path, want in row.want.items():
                got = value_at(doc, path)
                if want(got) if callable(want) else got == want:
                    continue
                if row.warns and any('engine warns' in line and row.warns.lower() in line.lower() for line in log.splitlines()):
                    continue
                wrong.append(f'{row.name}: {path} is {json.dumps(got)}' + ('' if callable(want) else f', not {json.dumps(want)}'))
        return wrong

    def ended_well(self, rows, state, message):
        """Refused is a pass only for what this kernel does not have, in the engine's own words."""
        texts = [r.refused for r in rows if r.refused]
        return state == 'running' or any(re.search(t, message or '', re.I) for t in texts)

    def test_each_row_reaches_the_engine_from_a_container(self):
        made = {g: self.create(name='row-' + g, **self.merged(rows)) for g, rows in self.groups(False).items()}
        wrong = []
        for g, rows in self.groups(False).items():
            c = self.wait(made[g], 'running', 'error')
            if not self.ended_well(rows, c['state'], c['transitioningMessage']):
                wrong.append(f'group {g} is {c["state"]}: {c["transitioningMessage"]}')
            elif c['state'] == 'running':
                doc = self.inspect(c['externalId'])
                wrong += self.check(rows, doc, self.agent_log())
                self.check_platform(c, doc)
        self.assertEqual(wrong, [])

    def check_platform(self, c, doc):
        """Names and labels of agent.md 9."""
        labels = doc['Config']['Labels']
        self.assertEqual(doc['Name'], f'/r-{c["name"]}-{c["uuid"][:8]}')
        self.assertEqual(labels['io.rancher.container.uuid'], c['uuid'])
        self.assertEqual(labels['io.rancher.container.name'], c['name'])
        self.assertEqual(labels['io.rancher.environment.uuid'], self.world.api.get(f'/v2-beta/projects/{harness.PROJECT}')['uuid'])
        self.assertNotIn('io.rancher.container.system', labels)
        self.assertFalse(doc['HostConfig']['AutoRemove'])

    def test_each_row_reaches_the_engine_from_a_service(self):
        w = self.world
        stack = w.api.post('stacks', {'name': 'rows'})
        groups = {g: rows for g, rows in self.groups(True).items() if g not in ('kernel', 'rt', 'quota')}
        for g, rows in groups.items():
            config = dict({'imageUuid': IMAGE, 'networkMode': 'bridge'}, **self.merged(rows))
            w.api.post('services', {'name': g, 'stackId': stack['id'], 'scale': 1, 'startOnCreate': True, 'launchConfig': config})
        wrong = []
        for g, rows in groups.items():
            c = until(lambda: next((x for x in w.service_containers(f'rows/{g}') if x['state'] == 'running'), None),
                      lambda: f'rows/{g} runs: ' + str([(x['name'], x['state'], x['transitioningMessage']) for x in w.service_containers(f'rows/{g}')]))
            doc = self.inspect(c['externalId'])
            wrong += [f'service {x}' for x in self.check(rows, doc, self.agent_log())]
            self.assertIn(doc['HostConfig']['RestartPolicy']['Name'], UNSET)      # services restart by reconciliation
            self.assertEqual(doc['Config']['Labels']['io.rancher.stack_service.name'], f'rows/{g}')
        self.assertEqual(wrong, [])

    def test_no_field_of_the_launch_config_is_without_a_row(self):
        tree = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
        with open(os.path.join(tree, 'src/model/facts/api-types.json'), encoding='utf-8') as f:
            types = json.load(f)['types']
        fields = {name for t in ('container', 'launchConfig') for name, d in types[t]['fields'].items() if d.get('create')}
        tested = {name for row in ROWS for name in row.fields} | OWN_TEST
        self.assertEqual(fields - tested - set(NOT_FOR_ENGINE), set(), 'fields without a row')
        self.assertEqual((tested | set(NOT_FOR_ENGINE)) - fields, set(), 'rows for fields that the API does not have')
        print(f'# {len(ROWS)} rows, {len(fields)} fields', file=sys.stderr)

    def test_a_container_without_settings_gets_the_engines_defaults(self):
        c = self.run_it(name='plain')
        host = self.inspect(c['externalId'])['HostConfig']
        self.assertEqual((host['CpuShares'], host['Memory'], host['RestartPolicy']['Name'] in UNSET, host['Privileged'], host['Binds']), (0, 0, True, False, None))

    def test_what_cannot_be_read_is_refused_by_the_api_or_told_as_the_containers_error(self):
        for fields, word in (({'imageUuid': ''}, None), ({'imageUuid': 'docker:UPPER case'}, None), ({'ports': ['70000']}, None), ({'ports': ['80/xtp']}, None),
                             ({'devices': ['dev/null']}, 'devices'), ({'dataVolumes': ['a:b']}, 'dataVolumes'), ({'memory': 1}, 'memory')):
            try:
                c = self.create(name='bad', **fields)
            except harness.ApiError as e:
                self.assertEqual(e.status, 422, fields)
                continue
            self.assertIsNotNone(word, f'{fields} was taken')
            c = self.wait(c, 'error')
            self.assertIn({'devices': 'device "dev/null"', 'dataVolumes': 'volume "a:b"', 'memory': 'emory limit'}[word], c['transitioningMessage'])
            self.remove(c)


@unittest.skipIf(harness.why_not(), harness.why_not())
class Partners(Base):
    def test_containers_share_network_and_volumes_of_others(self):
        a = self.run_it(name='first', dataVolumes=['/shared'], hostname='first')
        b = self.run_it(name='second', networkMode='container', networkContainerId=a['id'], dataVolumesFrom=[a['id']], hostname='ignored', ports=['18090:80'])
        doc = self.inspect(b['externalId'])
        self.assertEqual(doc['HostConfig']['NetworkMode'], f'container:{a["externalId"]}')
        self.assertEqual(doc['HostConfig']['VolumesFrom'], [a['externalId']])
        self.assertFalse(doc['HostConfig']['PortBindings'])
        self.assertEqual([m['Destination'] for m in doc['Mounts']], ['/shared'])
        self.assertEqual(a['hostId'], b['hostId'])

    def test_a_service_shares_network_and_volumes_of_a_container(self):
        a = self.run_it(name='base', dataVolumes=['/shared'])
        self.world.simple('sharing', 'guest', 1, networkMode='container', networkContainerId=a['id'], dataVolumesFrom=[a['id']])
        c = until(lambda: next((x for x in self.world.service_containers('sharing/guest') if x['state'] == 'running'), None), 'the guest runs')
        doc = self.inspect(c['externalId'])
        self.assertEqual(doc['HostConfig']['NetworkMode'], f'container:{a["externalId"]}')
        self.assertEqual(doc['HostConfig']['VolumesFrom'], [a['externalId']])

    def test_links_become_environment_and_the_users_values_win(self):
        db = self.run_it(name='db', environment={'PASS': 'x', 'PATH': '/bin', 'HOME': '/'}, ports=['18091:3306/tcp'], expose=['53/udp'])
        c = self.run_it(name='web', instanceLinks={'my-Db': db['id']}, environment={'MY_DB_ENV_PASS': 'mine'})
        env = dict(e.split('=', 1) for e in self.inspect(c['externalId'])['Config']['Env'])
        want = {'MY_DB_NAME': '/cattle/my-Db', 'MY_DB_PORT_3306_TCP': 'tcp://my-db:3306', 'MY_DB_PORT_3306_TCP_ADDR': 'my-db', 'MY_DB_PORT_3306_TCP_PORT': '3306',
                'MY_DB_PORT_3306_TCP_PROTO': 'tcp', 'MY_DB_PORT_53_UDP': 'udp://my-db:53', 'MY_DB_ENV_PASS': 'mine'}
        self.assertEqual({k: env.get(k) for k in want}, want)
        self.assertIn(env['MY_DB_PORT'], ('tcp://my-db:3306', 'udp://my-db:53'))
        self.assertNotIn('MY_DB_ENV_PATH', env)
        self.assertNotIn('MY_DB_ENV_HOME', env)
        self.assertIsNone(self.inspect(c['externalId'])['HostConfig']['Links'])

    def test_a_volume_of_a_driver_is_made_before_its_container(self):
        c = self.run_it(name='vol', volumeDriver='local', dataVolumes=['made:/made'])
        self.assertEqual(self.inspect(c['externalId'])['HostConfig']['VolumeDriver'], '')
        self.assertEqual(self.docker('volume', 'inspect', '--format', '{{.Driver}}', 'made').strip(), 'local')

    def test_a_volume_of_the_api_is_mounted_by_its_id(self):
        v = self.world.api.post('volumes', {'name': 'byid', 'driver': 'local'})
        until(lambda: self.world.api.get(f'volumes/{v["id"]}')['transitioning'] == 'no', 'the volume is at rest')
        c = self.run_it(name='mounts', dataVolumeMounts={'/by/id': v['id']})
        doc = self.inspect(c['externalId'])
        self.assertEqual([(m['Name'], m['Destination'], m['Driver']) for m in doc['Mounts']], [('byid', '/by/id', 'local')])
        self.assertEqual(doc['HostConfig']['Binds'], ['byid:/by/id:rw'])

    def test_a_container_goes_to_the_host_that_is_asked_for_and_starts_only_when_told(self):
        host = self.world.host('host1')
        c = self.create(name='later', requestedHostId=host['id'], startOnCreate=False)
        c = self.wait(c, 'stopped')
        self.assertEqual(self.docker('ps', '-aq'), '')
        self.world.api.action(f'containers/{c["id"]}', 'start')
        c = self.wait(c, 'running')
        self.assertEqual(c['hostId'], host['id'])

    def test_system_containers_are_labelled(self):
        stack = self.world.api.post('stacks', {'name': 'sys', 'system': True})
        self.world.api.post('services', {'name': 'one', 'stackId': stack['id'], 'scale': 1, 'startOnCreate': True,
                                         'launchConfig': {'imageUuid': IMAGE, 'networkMode': 'bridge'}})
        c = until(lambda: next((x for x in self.world.service_containers('sys/one') if x['state'] == 'running'), None), 'the system service runs')
        self.assertEqual(self.inspect(c['externalId'])['Config']['Labels']['io.rancher.container.system'], 'true')


@unittest.skipIf(harness.why_not(), harness.why_not())
class Life(Base):
    TRAP = {'command': ['sh', '-c', 'trap "" TERM; while :; do sleep 1000 & wait $!; done']}

    def test_stop_start_restart_remove_and_purge(self):
        c = self.run_it(name='life')
        first = self.inspect(c['externalId'])
        self.world.api.action(f'containers/{c["id"]}', 'restart')
        c = until(lambda: (lambda n: n if n['state'] == 'running' and self.inspect(n['externalId'])['State']['StartedAt'] != first['State']['StartedAt'] else None)(
            self.world.api.get(f'containers/{c["id"]}')), 'restarted')
        self.assertEqual(self.inspect(c['externalId'])['Id'], first['Id'])
        self.world.api.action(f'containers/{c["id"]}', 'stop')
        self.wait(c, 'stopped')
        self.assertFalse(self.inspect(c['externalId'])['State']['Running'])
        self.world.api.action(f'containers/{c["id"]}', 'start')
        self.wait(c, 'running')
        self.assertEqual(self.docker('ps', '-q', '--no-trunc').split(), [first['Id']])
        self.world.api.action(f'containers/{c["id"]}', 'stop', {'remove': True})
        self.wait(c, 'removed', 'purged')
        self.assertEqual(self.docker('ps', '-aq'), '')
        gone = self.world.api.get(f'containers/{c["id"]}')
        if gone['state'] == 'removed' and 'purge' in gone.get('actions', {}):
            self.world.api.action(f'containers/{c["id"]}', 'purge')
            self.wait(c, 'purged')

    def test_a_container_that_ignores_the_signal_is_killed_after_the_timeout(self):
        c = self.run_it(name='deaf', **self.TRAP)
        self.world.api.action(f'containers/{c["id"]}', 'stop', {'timeout': 1})
        self.wait(c, 'stopped')
        self.assertEqual(self.inspect(c['externalId'])['State']['ExitCode'], 137)

    def test_start_once_is_not_started_again(self):
        self.world.simple('once', 'job', 1, command=['true'], labels={'io.rancher.container.start_once': 'true'})
        c = until(lambda: next((x for x in self.world.service_containers('once/job') if x['state'] == 'stopped'), None), 'the job has ended')
        started = self.inspect(c['externalId'])['State']['StartedAt']
        self.world.settle()
        self.assertEqual(self.inspect(c['externalId'])['State']['StartedAt'], started)

    def test_a_missing_image_is_the_containers_error_in_the_engines_words(self):
        c = self.wait(self.create(name='lost', imageUuid='docker:127.0.0.1:1/no/such:1'), 'error')
        self.assertRegex(c['transitioningMessage'], r'Image \[127.0.0.1:1/no/such:1\] failed to pull: .*refused')
        self.assertEqual(c['transitioning'], 'error')
        self.assertEqual(self.docker('ps', '-aq'), '')
        self.remove(c)

    def test_a_command_that_cannot_start_is_the_containers_error_and_nothing_is_left(self):
        c = self.wait(self.create(name='nocmd', command=['/no/such/program']), 'error')
        self.assertIn('/no/such/program', c['transitioningMessage'])
        self.assertEqual(self.docker('ps', '-aq'), '')
        self.remove(c)


@unittest.skipIf(harness.why_not() or not harness.machine_has_cgroup_v1(), harness.why_not() or 'the other tests run on cgroup2 here')
class Cgroup2(Base):
    cgroup2 = True

    def test_what_version_2_of_control_groups_does_not_know_is_left_out_and_said(self):
        fields = {'memorySwappiness': 10, 'oomKillDisable': True, 'kernelMemory': 67108864, 'cpuRealtimePeriod': 1000000}
        c = self.run_it(name='two', **fields)
        host = self.inspect(c['externalId'])['HostConfig']
        self.assertEqual([host.get(k) for k in ('MemorySwappiness', 'KernelMemory', 'CpuRealtimePeriod')], [None, 0, 0])
        log = self.agent_log()
        for field in fields:
            self.assertIn(f'{field} is left out: this host has version 2 of control groups', log)


if __name__ == '__main__':
    harness.main()
