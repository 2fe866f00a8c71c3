"""One host of a lab for the network manager: a real Docker engine in its own namespaces, a client outside of it, metadata from a file."""
import json
import os
import signal
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'node'))
import engine as engines
from engine import until

NODE = os.path.abspath(os.environ.get('DROVER_NODE') or os.path.join(os.environ.get('DROVER_BIN_DIR', 'build/bin'), 'drover-node'))


def is_static(path):
    """No interpreter among the program headers (ELF, 64 bits)."""
    with open(path, 'rb') as f:
        head = f.read(64)
        offset, size, n = struct.unpack_from('<Q', head, 32)[0], *struct.unpack_from('<HH', head, 54)
        f.seek(offset)
        table = f.read(size * n)
    return all(struct.unpack_from('<I', table, i * size)[0] != 3 for i in range(n))


def find_entry():
    """The entry wait runs in containers that have nothing: a program that needs libraries (sanitized) cannot be it, so its plain form is."""
    if os.environ.get('DROVER_ENTRY_PROGRAM'):
        return os.environ['DROVER_ENTRY_PROGRAM']
    if not os.path.exists(NODE) or is_static(NODE):
        return ''
    plain = os.path.join(os.path.dirname(os.path.dirname(NODE)), 'bin', 'drover-node')
    return plain if os.path.exists(plain) and is_static(plain) else None


ENTRY = find_entry()
HOST_IP, OUTSIDE_IP = '192.0.2.1', '192.0.2.2'
CNI = {'name': 'rancher-cni-network', 'type': 'rancher-bridge', 'bridge': 'docker0', 'bridgeSubnet': '10.42.0.0/16', 'isDebugLevel': 'false', 'isDefaultGateway': True,
       'hostNat': True, 'hairpinMode': True, 'promiscMode': False, 'mtu': 1500, 'linkMTUOverhead': 50, 'ipam': {'type': 'rancher-cni-ipam', 'subnetPrefixSize': '/16'}}


def why_not():
    if engines.why_not():
        return engines.why_not()
    if ENTRY is None:
        return 'needs a static drover-node for the entry wait: set DROVER_ENTRY_PROGRAM'
    for tool in ('nft', 'iptables-nft', 'iptables-legacy', 'conntrack', 'busybox'):
        if subprocess.run(['sh', '-c', f'PATH=$PATH:/usr/sbin:/sbin command -v {tool}'], capture_output=True).returncode:
            return f'needs the program {tool}'
    return None


class Engine(engines.Engine):
    """more: further arguments of dockerd."""
    more = ()

    def start(self):
        inside, more = self.inside, self.more

        def with_more(*argv, **kw):
            return inside(*argv, *(more if argv[0] == 'dockerd' else ()), **kw)
        self.inside = with_more
        try:
            super().start()
        finally:
            self.inside = inside


class Host:
    def __init__(self, *dockerd):
        Engine.more = dockerd
        self.engine = Engine()
        self.dir = self.engine.dir
        self.state = os.path.join(self.dir, 'state')
        self.cni, self.run_dir, self.feed = (os.path.join(self.dir, n) for n in ('cni', 'run', 'metadata.jsonl'))
        os.makedirs(self.state)
        self.containers, self.rev, self.manager, self.log = {}, 0, None, os.path.join(self.dir, 'manager.log')
        self.networks = {'n1': {'name': 'vxlan', 'is_default': True, 'host_ports': True, 'metadata': {'cniConfig': {'10-vxlan.conf': dict(CNI)}}}}
        self.outside = subprocess.Popen(['unshare', '--net', 'sleep', '1000000'])
        until(lambda: os.readlink(f'/proc/{self.outside.pid}/ns/net') != os.readlink('/proc/self/ns/net'), 'a namespace outside')
        self.sh(f'ip link add up0 type veth peer name up0 netns {self.nsid()} && ip addr add {HOST_IP}/24 dev up0 && ip link set up0 up')
        self.out(f'ip addr add {OUTSIDE_IP}/24 dev up0; ip link set up0 up; ip link set lo up')
        self.write()

    # Programs on the host and outside of it -----------------------------------------------------------------------------
    def nsid(self):
        """The pid of the process outside, for the host's ip: a name that its mounts see."""
        os.makedirs('/run/netns', exist_ok=True)
        return f'/proc/{self.outside.pid}/ns/net'

    def sh(self, script, check=True, timeout=60):
        # The network of the host with the files of this machine: names of processes here are not those of the host.
        r = subprocess.run(['nsenter', '-t', str(self.engine.init), '-n', '--', 'sh', '-c', script], capture_output=True, text=True, timeout=timeout)
        if check and r.returncode:
            raise AssertionError(f'{script}: {r.stdout}{r.stderr}')
        return r.stdout.strip() if check else r.returncode == 0

    def out(self, script, check=True, timeout=60):
        r = subprocess.run(['nsenter', '-t', str(self.outside.pid), '-n', '--', 'sh', '-c', script], capture_output=True, text=True, timeout=timeout)
        if check and r.returncode:
            raise AssertionError(f'outside: {script}: {r.stdout}{r.stderr}')
        return r.stdout.strip()

    # Metadata ------------------------------------------------------------------------------------------------------------
    def write(self):
        self.rev += 1
        env = {'environment': {'name': 'e', 'uuid': 'env-1'}, 'defaultData': {'version': '1', 'self': {'host': {'uuid': 'h1', 'name': 'h1', 'labels': {'bridge': 'docker0'}}}},
               'host/h1': {'uuid': 'h1', 'name': 'h1', 'labels': {'bridge': 'docker0'}, 'agent_ip': HOST_IP, 'environment_uuid': 'env-1'}}
        for uuid, n in self.networks.items():
            env[f'network/{uuid}'] = {'uuid': uuid, 'environment_uuid': 'env-1', **n}
        for key, o in env.items():
            o['metadata_kind'] = key.split('/')[0]
        topics = {'env': env, 'stack/-': {f'container/{u}': {'metadata_kind': 'container', **c} for u, c in self.containers.items()}}
        with open(self.feed + '.new', 'w') as f:
            for topic, objects in topics.items():
                f.write(json.dumps({'topic': topic, 'rev': self.rev, 'base': 0, 'set': objects}) + '\n')
            f.write('{"sync":true}\n')
        os.rename(self.feed + '.new', self.feed)
        if self.manager:
            pid = self.manager_pid()
            if pid:
                os.kill(pid, signal.SIGHUP)

    def tell(self, uuid, ip, ports=(), state='running', **more):
        self.containers[uuid] = {'uuid': uuid, 'name': uuid, 'primary_ip': ip, 'ips': [ip], 'ports': list(ports), 'state': state, 'host_uuid': 'h1', 'network_uuid': 'n1',
                                 'labels': {}, 'environment_uuid': 'env-1', **more}
        self.write()

    # The manager -----------------------------------------------------------------------------------------------------------
    def start(self, *more):
        env = {k: v for k, v in os.environ.items() if not k.startswith(('DROVER_', 'CATTLE_', 'DOCKER_'))}
        self.mark = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        with open(self.log, 'ab') as out:
            self.manager = self.engine.inside(NODE, '--config', '/dev/null', '--state-dir', self.state, '--docker-socket', self.engine.socket, 'network-manager', '--file', self.feed,
                                              '--cni-dir', self.cni, '--run-dir', self.run_dir, *more, env=env, stdout=out, stderr=out)
        until(lambda: 'network manager started' in self.text(self.mark) or self.manager.poll() is not None, 'start of the manager')
        assert self.manager.poll() is None, self.text()

    def manager_pid(self):
        """nsenter forks into the pid namespace: the manager is its child."""
        try:
            with open(f'/proc/{self.manager.pid}/task/{self.manager.pid}/children') as f:
                pids = f.read().split()
            return int(pids[0]) if pids else None
        except FileNotFoundError:
            return None

    def kill(self, signum=signal.SIGKILL):
        pid = self.manager_pid()
        if pid:
            os.kill(pid, signum)
        code = self.manager.wait(30)
        self.manager = None
        return code

    def text(self, start=0):
        with open(self.log) as f:
            f.seek(start)
            return f.read()

    # Containers ------------------------------------------------------------------------------------------------------------
    def labels(self, ip, uuid='u1'):
        mac = '02:00:01:' + ':'.join(f'{int(x):02x}' for x in ip.split('.')[1:])
        return {'io.rancher.cni.network': 'vxlan', 'io.rancher.cni.wait': 'true', 'io.rancher.container.ip': f'{ip}/16', 'io.rancher.container.mac_address': mac,
                'io.rancher.container.uuid': uuid}

    def create(self, name, ip, *command, options=(), image='drover/test:1', entry=True):
        argv = ['create', '--name', name, '--hostname', name, '--network', 'none', '--dns', '169.254.169.250', '-t']
        for k, v in self.labels(ip, name).items():
            argv += ['--label', f'{k}={v}']
        if entry:
            self.install_entry()
            argv += ['-v', f'{self.state}/entry:/.r:ro', '-v', f'{self.state}/cni:/.r/cni:ro', '--entrypoint', '/.r/r']
        return self.engine.docker(*[a for a in argv if a != '-t'], *options, image, *command)

    def install_entry(self):
        """As the agent does (its own test is in test_agent_network.py)."""
        os.makedirs(f'{self.state}/entry/cni', exist_ok=True)
        os.makedirs(f'{self.state}/cni', exist_ok=True)
        if not os.path.exists(f'{self.state}/entry/r'):
            subprocess.run(['cp', ENTRY or NODE, f'{self.state}/entry/r'], check=True)
            os.chmod(f'{self.state}/entry/r', 0o755)

    def run(self, name, ip, *command, **more):
        cid = self.create(name, ip, *command, **more)
        self.engine.docker('start', name)
        return cid

    def network_state(self, cid):
        started = self.engine.inspect(cid)['State']['StartedAt']
        try:
            with open(f'{self.state}/cni/{cid}/{started}') as f:
                return json.load(f)
        except FileNotFoundError:
            return None

    def wait_up(self, cid, deadline_s=40):
        return until(lambda: self.network_state(cid), f'network state of {cid}: {self.text()[-3000:]}', deadline_s)

    def veths(self):
        return sorted(line.split()[1].split('@')[0] for line in self.sh('ip -o link').splitlines() if ' vethr' in line)

    def http_server(self, name, ip, port=8080, text='hello', **more):
        """A container that answers with its name and who asked."""
        script = f'while :; do nc -l -p {port} -e sh -c "echo {text}; true"; done'
        return self.run(name, ip, 'sh', '-c', script, **more)

    def close(self):
        if self.manager:
            self.kill(signal.SIGTERM)
        self.outside.kill()
        self.outside.wait()
        self.engine.close()


def eventually(check, what, deadline_s=40):
    return until(check, what, deadline_s)
