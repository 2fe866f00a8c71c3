"""A network namespace with what DNS tests need: addresses of all clients, the two recursers of the recordings, one that swallows everything, and
drover-node dns over a variant of the data set. Everything here is started and ended by the test itself."""
import copy
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import message

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, '..', '..', 'data')
BIN = os.environ.get('DROVER_BIN_DIR', os.path.join(HERE, '..', '..', '..', 'build', 'bin'))
SERVER = '169.254.169.250'


def enter():
    """Runs this program again in a namespace of its own, once."""
    if os.environ.get('DNS_WORLD') == '1':
        return
    if os.geteuid() != 0 or not shutil.which('unshare'):
        print('SKIP: needs root and unshare')
        sys.exit(77)
    os.environ['DNS_WORLD'] = '1'
    os.execvp('unshare', ['unshare', '--net', '--mount', sys.executable] + sys.argv)


def programs(*names):
    for name in names:
        if not any(os.access(os.path.join(d, name), os.X_OK) for d in ('/usr/sbin', '/usr/bin', '/sbin', '/bin')):
            print('SKIP: %s is not installed' % name)
            sys.exit(77)


def addresses(*more):
    subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
    for a in (SERVER, '192.168.77.53', '192.168.77.54', '192.168.77.99') + more:
        subprocess.run(['ip', 'address', 'add', a + '/32', 'dev', 'lo'], check=False, stderr=subprocess.DEVNULL)


def dataset():
    with open(os.path.join(DATA, 'metadata', 'dataset.json')) as f:
        return json.load(f)


def apply_variant(data, name):
    data = copy.deepcopy(data)
    variant = data['variants'][name] if name else {}
    for kind, uuid, path, value in variant.get('set', []):
        for o in data[kind + 's']:
            if o['uuid'] != uuid or (kind == 'service' and o['name'] != o['primary_service_name']):
                continue
            *parents, last = path.split('.')
            for p in parents:
                o = o[p]
            o[last] = value
    for stack, service, target in variant.get('alias', []):
        add_service(data, stack, service, 'dnsService')
        data['service_links'].append({'service_uuid': 'sv-%s-%s' % (stack, service), 'key': target, 'value': target.split('/')[-1]})
    for stack, service, count, prefix in variant.get('bulk', []):
        bulk(data, stack, service, count, prefix)
    if variant.get('empty'):
        for k in ('networks', 'stacks', 'services', 'containers', 'service_container_links', 'service_links', 'container_links', 'remote_environments'):
            data[k] = []
    return data


def add_service(data, stack, service, kind='service'):
    template = copy.deepcopy(data['services'][0])
    template.update(name=service, uuid='sv-%s-%s' % (stack, service), stack_name=stack, stack_uuid='st-' + stack, kind=kind, primary_service_name=service,
                    sidekicks=[], health_check=None, vip=None, external_ips=[], hostname=None, ports=[], labels={}, metadata={})
    data['services'].append(template)
    if not any(s['name'] == stack for s in data['stacks']):
        data['stacks'].append(dict(data['stacks'][0], name=stack, uuid='st-' + stack))


def bulk(data, stack, service, count, prefix, host='h-2'):
    add_service(data, stack, service)
    for i in range(1, count + 1):
        c = copy.deepcopy(data['containers'][0])
        name = '%s-%s-%d' % (stack, service, i)
        ip = prefix + str(i) if prefix.count('.') == 3 else '%s%d.%d' % (prefix, i // 250, i % 250 + 1)
        c.update(name=name, uuid='c-' + name, primary_ip=ip, ips=[ip], host_uuid=host, health_state='healthy', state='running', health_check=None,
                 network_from_container_uuid=None, labels={})
        data['containers'].append(c)
        data['service_container_links'].append({'service_uuid': 'sv-%s-%s' % (stack, service), 'service_name': service, 'container_uuid': c['uuid']})


def objects(data):
    """topic -> key -> object, as the server's messages have them."""
    topics = {'env': {}}
    stack_of = {s['uuid']: s['stack_uuid'] for s in data['services']}
    container_stack = {l['container_uuid']: stack_of.get(l['service_uuid']) for l in data['service_container_links']}

    def put(topic, key, kind, o):
        topics.setdefault(topic, {})[key] = dict(o, metadata_kind=kind)
    for kind, plural in (('host', 'hosts'), ('network', 'networks'), ('stack', 'stacks')):
        for o in data[plural]:
            put('env', '%s/%s' % (kind, o['uuid']), kind, o)
    for o in data['services']:
        primary = o['name'] == o['primary_service_name']
        put('env', 'service/%s%s' % (o['uuid'], '' if primary else '/' + o['name']), 'service', o)
    for o in data['service_links']:
        put('env', 'serviceLink/%s/%s' % (o['service_uuid'], o['key']), 'serviceLink', o)
    for o in data['containers']:
        put('stack/%s' % (container_stack.get(o['uuid']) or '-'), 'container/' + o['uuid'], 'container', o)
    for o in data['service_container_links']:
        put('stack/%s' % (stack_of.get(o['service_uuid']) or '-'), 'serviceContainerLink/%s/%s/%s' % (o['service_uuid'], o['service_name'], o['container_uuid']),
            'serviceContainerLink', o)
    for o in data['container_links']:
        put('stack/%s' % (container_stack.get(o['container_uuid']) or '-'), 'containerLink/%s/%s' % (o['container_uuid'], o['key']), 'containerLink', o)
    put('env', 'environment', 'environment', data['environment'])
    host = next(h for h in data['hosts'] if h['uuid'] == data['self_host'])
    put('env', 'defaultData', 'defaultData', {'version': '1-src0', 'self': {'host': host}})
    return topics


def messages(data):
    out = []
    for topic, keys in objects(data).items():
        out.append({'topic': topic, 'rev': 1, 'base': 0, 'set': keys})
    for remote in data.get('remote_environments', []):
        for topic, keys in objects(remote).items():
            out.append({'topic': 'remote/%s/%s' % (remote['environment']['name'], topic), 'rev': 1, 'base': 0, 'set': keys})
    return out + [{'sync': True}]


class World:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='drover-dns-')
        self.running = []
        self.dns = None
        self.swallow = []

    def swallower(self, address='192.168.77.99'):
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            s = socket.socket(socket.AF_INET, kind)
            s.bind((address, 53))
            if kind == socket.SOCK_STREAM:
                s.listen(16)
            self.swallow.append(s)

    def start(self, argv, address, port=53):
        path = os.path.join(self.dir, os.path.basename(argv[0]) + '.log')
        with open(path, 'ab') as log:
            p = subprocess.Popen(argv, stdout=log, stderr=log, cwd=self.dir)
        self.running.append(p)
        until = time.monotonic() + 60
        while message.ask(address, 'ready.invalid.', 'A', timeout=0.3, port=port) is None:
            if p.poll() is not None or time.monotonic() > until:
                with open(path) as f:
                    raise RuntimeError('%s does not answer: %s' % (argv[0], f.read()[-2000:]))
            time.sleep(0.02)
        return p

    def stop(self, p):
        if p in self.running:
            self.running.remove(p)
        p.terminate()
        try:
            code = p.wait(20)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
            raise RuntimeError('a process did not end at SIGTERM')
        if p is self.dns and code != 0:         # a sanitizer's findings end so
            with open(os.path.join(self.dir, 'drover-node.log'), encoding='utf-8', errors='replace') as f:
                raise RuntimeError('drover-node ended with %d: %s' % (code, f.read()[-4000:]))

    def dnsmasq(self):
        for name in ('recursor-53.dnsmasq.conf', 'recursor-53.hosts'):
            shutil.copy(os.path.join(DATA, 'dns', name), self.dir)
        return self.start(['/usr/sbin/dnsmasq', '-C', os.path.join(self.dir, 'recursor-53.dnsmasq.conf'), '-k'], '192.168.77.53')

    def unbound(self):
        return self.start(['/usr/sbin/unbound', '-d', '-c', os.path.join(DATA, 'dns', 'recursor-54.unbound.conf')], '192.168.77.54')

    def drover(self, data, *options, ttl=1, wait=True):
        if self.dns:
            self.stop(self.dns)
        path = os.path.join(self.dir, 'metadata.jsonl')
        with open(path, 'w') as f:
            for m in messages(data):
                f.write(json.dumps(m) + '\n')
        self.dns = self.start([os.path.join(BIN, 'drover-node'), '--config', '/dev/null', 'dns', '--listen', SERVER + ':53', '--metadata-file', path, '--ttl', str(ttl),
                               '--answers', os.path.join(self.dir, 'answers.json'), '--resolv-conf', os.path.join(DATA, 'dns', 'resolv.conf'), *options], SERVER)
        return self.dns

    def close(self):
        for p in list(self.running):
            self.stop(p)
        for s in self.swallow:
            s.close()
        shutil.rmtree(self.dir, ignore_errors=True)
