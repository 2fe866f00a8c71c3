"""Namespaces for tests of CNI plugins, and a runtime that follows the specification's text.

A World is a host (a network namespace with nothing but lo) and containers (more of them). Nothing outside of them is touched."""
import json
import os
import random
import shutil
import subprocess
import tempfile

VERSIONS = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0']
NAMES = ('drover-bridge', 'rancher-bridge', 'drover-ipam', 'rancher-cni-ipam')
DEBIAN = '/usr/lib/cni'


def missing():
    """Why these tests cannot run here; None when they can."""
    if os.geteuid() != 0:
        return 'needs root'
    for program in ('ip', 'nsenter', 'busybox'):
        if not shutil.which(program):
            return '%s is not installed' % program
    if not os.path.exists(node_program()):
        return 'DROVER_BIN_DIR has no drover-node'
    return None


def node_program():
    return os.path.abspath(os.path.join(os.environ.get('DROVER_BIN_DIR', 'build/bin'), 'drover-node'))


def sh(*words, check=True):
    r = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    if check and r.returncode:
        raise AssertionError('%s: %s' % (' '.join(words), r.stderr.strip()))
    return r.stdout


class Answer:
    """What a plugin said; checks what the specification says of every answer."""
    def __init__(self, command, done):
        self.status, self.text = done.returncode, done.stdout
        self.json = json.loads(done.stdout) if done.stdout.strip() else None
        if self.status == 0 and command in ('ADD', 'VERSION'):
            assert isinstance(self.json, dict), 'success of %s prints an object: %r' % (command, self.text)
        elif self.status == 0:
            assert self.json is None, '%s prints nothing: %r' % (command, self.text)
        else:
            assert isinstance(self.json, dict) and isinstance(self.json['code'], int) and self.json['code'] > 0 and self.json['msg'], \
                'an error has a code and a message: %r %r' % (self.text, done.stderr)
        self.code = 0 if self.status == 0 else self.json['code']
        self.msg = '' if self.status == 0 else self.json['msg']


class World:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='drover-cni-')
        self.bin = os.path.join(self.dir, 'bin')
        self.tag = 'dt%05x' % random.randrange(1 << 20)
        self.boxes = 0
        os.mkdir(self.bin)
        for name in NAMES:
            os.symlink(node_program(), os.path.join(self.bin, name))
        self.state = os.path.join(self.dir, 'leases')
        self.names = []
        self.host = self.namespace('host')
        sh('ip', '-n', self.host, 'link', 'set', 'lo', 'up')

    def namespace(self, what):
        name = '%s-%s' % (self.tag, what)
        sh('ip', 'netns', 'add', name)
        self.names.append(name)
        return name

    def box(self):
        self.boxes += 1
        return self.namespace('box%d' % self.boxes)

    def drop(self, name):
        sh('ip', 'netns', 'del', name)
        self.names.remove(name)

    def close(self):
        for name in self.names:
            sh('ip', 'netns', 'del', name, check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    def config(self, version=None, **keys):
        conf = {'name': 'rancher-cni-network', 'type': 'drover-bridge', 'bridge': 'drbr0', 'bridgeSubnet': '10.42.0.0/16', 'isDebugLevel': 'false', 'isDefaultGateway': True,
                'hostNat': True, 'hairpinMode': False, 'promiscMode': True, 'mtu': 1500, 'linkMTUOverhead': 98, 'stateDir': self.state,
                'ipam': {'type': 'drover-ipam', 'subnetPrefixSize': '/16', 'isDebugLevel': 'false'}}
        if version:
            conf['cniVersion'] = version
        conf.update(keys)
        return {k: v for k, v in conf.items() if v is not None}

    def host_local(self):
        return {'type': 'host-local', 'subnet': '10.42.0.0/16', 'rangeStart': '10.42.100.1', 'rangeEnd': '10.42.100.20', 'dataDir': os.path.join(self.dir, 'host-local')}

    def env(self, command, container=None, netns='', ifname='eth0', args=None, **more):
        env = {'PATH': os.environ['PATH'], 'CNI_COMMAND': command, 'CNI_PATH': '%s:%s' % (self.bin, DEBIAN)}
        env.update({k: v for k, v in os.environ.items() if k.startswith(('ASAN_', 'UBSAN_', 'LSAN_'))})
        if container:
            env.update(CNI_CONTAINERID=container, CNI_NETNS=netns, CNI_IFNAME=ifname)
        if args is not None:
            env['CNI_ARGS'] = args
        env.update(more)
        return env

    def words(self, plugin):
        return ['nsenter', '--net=/run/netns/' + self.host, '--', os.path.join(self.bin if plugin in NAMES else DEBIAN, plugin)]

    def run(self, command, conf, container=None, box=None, ip=None, mac=None, plugin=None, args=None, **more):
        if args is None and (ip or mac):
            args = ';'.join(['IgnoreUnknown=1', 'DOCKER=true'] + (['IPAddress=' + ip] if ip else []) + (['MACAddress=' + mac] if mac else []))
        netns = more.pop('netns', '/run/netns/' + box if box else '')
        done = subprocess.run(self.words(plugin or conf['type']), input=json.dumps(conf), env=self.env(command, container, netns, args=args, **more), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False, timeout=60)
        return Answer(command, done)

    def links(self, name=None):
        return {o['ifname']: o for o in json.loads(sh('ip', '-j', '-d', '-n', name or self.host, 'link') or '[]')}

    def strays(self):
        return [n for n in self.links() if n.startswith('veth')]

    def addresses(self, link, name=None):
        found = json.loads(sh('ip', '-j', '-4', '-n', name or self.host, 'addr', 'show', 'dev', link) or '[]')
        return ['%s/%d' % (a['local'], a['prefixlen']) for o in found if o for a in o['addr_info']]

    def routes(self, name):
        return {(r['dst'], r.get('gateway')) for r in json.loads(sh('ip', '-j', '-n', name, 'route') or '[]')}

    def ping(self, name, ip):
        return subprocess.run(['nsenter', '--net=/run/netns/' + name, '--', 'busybox', 'ping', '-c', '1', '-W', '2', ip], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              check=False).returncode == 0
