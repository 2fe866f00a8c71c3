"""Hosts for tests of what carries packets between hosts: network namespaces with an underlay, a bridge, and namespaces as containers."""
import json
import os
import shutil
import subprocess
import tempfile
import time

SUBNET = '10.42'
PING = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'ping.py')


def run(*args, check=True, text=None):
    r = subprocess.run([str(a) for a in args], input=text, capture_output=True, text=True, timeout=60)
    if check and r.returncode:
        raise RuntimeError(f'{" ".join(map(str, args))}: {r.stderr or r.stdout}')
    return r.stdout


def succeeds(*args):
    return subprocess.run([str(a) for a in args], capture_output=True, timeout=60).returncode == 0


def until(what, seconds=30, every=0.1):
    """Polls what() until it is true and returns that; the deadline is generous, nothing is measured by it."""
    end = time.monotonic() + seconds
    while True:
        got = what()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f'not within {seconds} s: {what.__doc__ or getattr(what, "__name__", what)}')
        time.sleep(every)


def why_not():
    if os.geteuid() != 0:
        return 'needs root'
    return None if shutil.which('ip') and shutil.which('bridge') else 'needs iproute2'


def node_program():
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(here))), 'build')
    folder = os.environ.get('DROVER_BIN_DIR')
    return os.environ.get('DROVER_NODE') or (os.path.join(folder, 'drover-node') if folder else os.path.join(root, 'bin', 'drover-node'))


class Container:
    def __init__(self, host, number, network='n-1'):
        self.host, self.number = host, number
        self.ns = f'{host.ns}c{number}'
        self.ip = f'{SUBNET}.{host.number}.{number}'
        self.mac = f'02:42:00:00:{host.number:02x}:{number:02x}'
        self.uuid = f'c-{host.number}-{number}'
        self.network = network
        self.shown_mac = self.mac
        self.state = 'running'
        run('ip', 'netns', 'add', self.ns)
        run('ip', '-n', host.ns, 'link', 'add', f'v{number}', 'mtu', host.world.mtu, 'master', 'docker0', 'type', 'veth', 'peer', 'name', 'eth0', 'address', self.mac,
            'mtu', host.world.mtu, 'netns', self.ns)
        run('ip', '-n', host.ns, 'link', 'set', f'v{number}', 'up')
        run('ip', '-n', self.ns, 'addr', 'add', self.ip + '/16', 'dev', 'eth0')
        for link in 'lo', 'eth0':
            run('ip', '-n', self.ns, 'link', 'set', link, 'up')
        run('ip', '-n', self.ns, 'route', 'add', 'default', 'via', f'{SUBNET}.0.1')

    def object(self):
        o = {'metadata_kind': 'container', 'uuid': self.uuid, 'name': self.uuid, 'primary_ip': self.ip, 'host_uuid': self.host.uuid, 'state': self.state,
             'network_uuid': self.network}
        if self.shown_mac:
            o['primary_mac_address'] = self.shown_mac
        return o

    def reaches(self, ip, size=None):
        return succeeds('ip', 'netns', 'exec', self.ns, 'python3', PING, ip, *([size] if size else []))


class Host:
    def __init__(self, world, number):
        self.world, self.number = world, number
        self.ns = f'{world.prefix}h{number}'
        self.name, self.uuid, self.ip = f'host-{number}', f'h-{number}', f'172.28.0.1{number}'
        self.containers, self.process, self.extra = [], None, {}
        self.port = f'p{number}'
        run('ip', 'netns', 'add', self.ns)
        run('ip', '-n', self.ns, 'link', 'set', 'lo', 'up')
        run('ip', '-n', self.ns, 'link', 'add', 'eth0', 'address', f'02:ac:1c:00:00:{number:02x}', 'type', 'veth', 'peer', 'name', self.port, 'netns', world.switch)
        run('ip', '-n', world.switch, 'link', 'set', self.port, 'master', 'br0', 'up')
        run('ip', '-n', self.ns, 'addr', 'add', self.ip + '/24', 'dev', 'eth0')
        run('ip', '-n', self.ns, 'link', 'set', 'eth0', 'up')
        run('ip', 'netns', 'exec', self.ns, 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
        self.make_bridge()
        self.state_file = f'{world.dir}/{self.name}.json'
        self.feed = f'{world.dir}/{self.name}.jsonl'

    def make_bridge(self):
        run('ip', '-n', self.ns, 'link', 'add', 'docker0', 'address', f'02:42:ac:11:00:{self.number:02x}', 'type', 'bridge')
        run('ip', '-n', self.ns, 'addr', 'add', '172.17.0.1/16', 'dev', 'docker0')
        run('ip', '-n', self.ns, 'addr', 'add', f'{SUBNET}.0.1/16', 'dev', 'docker0')
        run('ip', '-n', self.ns, 'link', 'set', 'docker0', 'up')

    def object(self):
        return {'metadata_kind': 'host', 'uuid': self.uuid, 'name': self.name, 'agent_ip': self.ip, 'state': 'active', 'agent_state': 'active', **self.extra}

    def add(self, number):
        c = Container(self, number)
        self.containers.append(c)
        return c

    def remove(self, container):
        self.containers.remove(container)
        run('ip', '-n', self.ns, 'link', 'del', f'v{container.number}')
        run('ip', 'netns', 'del', container.ns)

    def exec(self, *args, check=True):
        return run('ip', 'netns', 'exec', self.ns, *args, check=check)

    def reaches(self, ip):
        return succeeds('ip', 'netns', 'exec', self.ns, 'python3', PING, ip)

    def start(self):
        self.log = open(f'{self.world.dir}/{self.name}.log', 'ab')
        self.process = subprocess.Popen(['ip', 'netns', 'exec', self.ns, node_program(), 'net', 'vxlan', '--file', self.feed, '--state-file', self.state_file],
                                        stderr=self.log, stdout=self.log)

    def stop(self):
        if self.process:
            self.process.terminate()
            code = self.process.wait(20)
            self.process = None
            self.log.close()
            return code
        return None

    def state(self):
        try:
            with open(self.state_file, encoding='utf-8') as f:
                return json.load(f)
        except FileNotFoundError:
            return {'state': 'absent', 'peers': []}

    def peer(self, other):
        return next((p for p in self.state()['peers'] if p['uuid'] == other.uuid), {}).get('state')

    def get(self, path):
        text = 'import sys,urllib.request as u\ntry:\n r=u.urlopen("http://127.0.0.1:8111%s");print(r.status,r.read().decode())\nexcept u.HTTPError as e:\n print(e.code,e.read().decode())'
        return self.exec('python3', '-c', (text % path).replace('u.HTTPError', '__import__("urllib.error").error.HTTPError'))

    def entries(self):
        """All that should be there, in a form that does not depend on order."""
        fdb = sorted(line for line in run('bridge', '-n', self.ns, 'fdb', 'show', 'dev', 'vtep1042').splitlines() if 'dst ' in line or ' static' in line)
        neigh = sorted(run('ip', '-n', self.ns, 'neigh', 'show', 'dev', 'vtep1042', 'nud', 'permanent').splitlines())
        routes = sorted(run('ip', '-n', self.ns, 'route', 'show', 'proto', '142').splitlines())
        return {'fdb': fdb, 'neigh': neigh, 'routes': routes, 'addr': run('ip', '-n', self.ns, '-4', '-br', 'addr', 'show', 'dev', 'vtep1042').split()[2:]}


class World:
    def __init__(self, hosts=3, mtu=1450, cni_mtu=1500):
        self.prefix = f'vx{os.getpid() % 100000}'
        self.dir = tempfile.mkdtemp(prefix='drover-vxlan-')
        self.mtu, self.cni_mtu = mtu, cni_mtu
        self.switch = self.prefix + 'sw'
        self.hosts = []
        run('ip', 'netns', 'add', self.switch)
        run('ip', '-n', self.switch, 'link', 'add', 'br0', 'type', 'bridge')
        run('ip', '-n', self.switch, 'link', 'set', 'br0', 'up')
        for i in range(1, hosts + 1):
            self.hosts.append(Host(self, i))

    def publish(self, hosts=None):
        """Writes what every host's metadata says and tells the programs."""
        hosts = self.hosts if hosts is None else hosts
        conf = {'name': 'drover-cni-network', 'type': 'drover-bridge', 'bridge': 'docker0', 'bridgeSubnet': f'{SUBNET}.0.0/16', 'mtu': self.cni_mtu, 'linkMTUOverhead': 50}
        network = {'metadata_kind': 'network', 'uuid': 'n-1', 'name': 'vxlan', 'is_default': True, 'metadata': {'cniConfig': {'10-drover-vxlan.conf': conf}}}
        objects = [h.object() for h in hosts] + [network] + [c.object() for h in hosts for c in h.containers]
        for h in self.hosts:
            with open(h.feed + '.new', 'w', encoding='utf-8') as f:
                for o in objects + [{'metadata_kind': 'defaultData', 'version': '1-t', 'self': {'host': h.object()}}]:
                    f.write(json.dumps(o) + '\n')
            os.rename(h.feed + '.new', h.feed)
            if h.process:
                h.process.send_signal(1)

    def cut(self, host):
        """The underlay loses its frames; the carrier stays."""
        run('ip', '-n', self.switch, 'link', 'set', host.port, 'nomaster')

    def heal(self, host):
        run('ip', '-n', self.switch, 'link', 'set', host.port, 'master', 'br0')

    def close(self):
        codes = {h.name: h.stop() for h in self.hosts}
        for h in self.hosts:
            run('ip', '-n', self.switch, 'link', 'del', h.port, check=False)
            for c in h.containers:
                run('ip', 'netns', 'del', c.ns, check=False)
            run('ip', 'netns', 'del', h.ns, check=False)
        run('ip', 'netns', 'del', self.switch, check=False)
        ended = {name: f'code {code}: ' + open(f'{self.dir}/{name}.log', encoding='utf-8').read()[-4000:] for name, code in codes.items() if code}
        shutil.rmtree(self.dir)
        if ended:
            raise AssertionError(f'programs that did not end well: {ended}')
