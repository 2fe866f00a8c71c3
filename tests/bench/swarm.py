"""One service of 100 real containers on three lab hosts, to running: drover, and Docker Swarm on the same engines, in turns.

usage: swarm.py BIN_DIR [CONTAINERS [ROUNDS]]
Needs root and an installed Docker engine; else it is skipped with the reason."""
import os
import random
import shutil
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from agent import IMAGE, SKIPPED, lab  # noqa: E402
from figures import Server, figure, note  # noqa: E402

HOSTS = 3
LIMIT_SECONDS = 300


def until(what, look):
    end = time.monotonic() + LIMIT_SECONDS
    while not look():
        if time.monotonic() > end:
            raise RuntimeError('%s: not within %d s' % (what, LIMIT_SECONDS))
        time.sleep(0.1)


class Swarm:
    def __init__(self, docker, addresses):
        self.docker = docker
        docker('host1', 'swarm', 'init', '--advertise-addr', addresses['host1'])
        token = docker('host1', 'swarm', 'join-token', '-q', 'worker').strip()
        for h in list(addresses)[1:]:
            docker(h, 'swarm', 'join', '--token', token, addresses['host1'] + ':2377')

    def run(self, n):
        began = time.monotonic()
        self.docker('host1', 'service', 'create', '--detach', '--no-resolve-image', '--name', 'bench', '--replicas', str(n), IMAGE)
        until('swarm', lambda: self.docker('host1', 'service', 'ls', '--format', '{{.Replicas}}').strip() == '%d/%d' % (n, n))
        took = time.monotonic() - began
        self.docker('host1', 'service', 'rm', 'bench')
        return took


class Drover:
    def __init__(self, server):
        self.server = server
        self.path = '/v2-beta/projects/%s' % server.call('GET', '/v2-beta/projects')['data'][0]['id']

    def run(self, n):
        call = self.server.call
        stack = call('POST', self.path + '/stacks', {'name': 'bench'})
        began = time.monotonic()
        call('POST', self.path + '/services', {'name': 'bench', 'stackId': stack['id'], 'scale': n, 'startOnCreate': True,
                                               'launchConfig': {'imageUuid': 'docker:' + IMAGE}})
        running = lambda: len(call('GET', self.path + '/containers?limit=-1&state=running')['data'])    # noqa: E731
        until('drover', lambda: running() == n)
        took = time.monotonic() - began
        call('DELETE', self.path + '/stacks/' + stack['id'])
        return took


def measure(bin_dir, work, n, rounds):
    data = os.path.join(work, 'data')
    os.mkdir(data)
    env = {k: v for k, v in os.environ.items() if not k.startswith(('RANCHER_', 'DROVER_'))}
    env.update(HOME=work, DROVER_LAB_DIR=os.path.join(work, 'lab'), DROVER_NODE=os.path.join(bin_dir, 'drover-node'))
    name, net = 'bench%d' % random.randrange(1000), '10.%d.%d' % (random.randrange(100, 200), random.randrange(256))
    server = Server(bin_dir, data, '--node-dir', bin_dir)

    def docker(host, *args):
        return lab(bin_dir, env, name, 'docker', host, *args)

    def empty():
        return not any(docker('host%d' % (i + 1), 'ps', '-aq').strip() for i in range(HOSTS))
    try:
        server.first_ping()
        lab(bin_dir, env, name, 'up', '--hosts', str(HOSTS), '--subnet', net + '.0/24', '--server', 'http://127.0.0.1:%d' % server.port)
        try:
            lab(bin_dir, env, name, 'image', IMAGE, '--from-busybox', '--cmd', 'sleep 100000')
            addresses = {}
            for line in lab(bin_dir, env, name, 'ls').splitlines()[1:]:
                words = line.split()
                addresses[words[0]] = next(w.split('/')[0] for w in words if w.startswith(net + '.'))
            both = {'swarm': Swarm(docker, addresses), 'drover': Drover(server)}
            times = {'swarm': [], 'drover': []}
            for _ in range(rounds):
                for who in ('swarm', 'drover'):
                    times[who].append(both[who].run(n))
                    until('removal', empty)
            ratio = statistics.median(times['drover']) / statistics.median(times['swarm'])
            ok = figure('%d containers on %d hosts to running: drover / swarm, medians of %d' % (n, HOSTS, rounds), ratio, 'times', 1)
            note('drover %s s, swarm %s s' % tuple(' '.join('%.1f' % t for t in times[w]) for w in ('drover', 'swarm')))
            return ok
        finally:
            lab(bin_dir, env, name, 'down', '--delete')
    finally:
        server.stop()


def main():
    bin_dir = os.path.abspath(sys.argv[1])
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    print('swarm: the same service by drover and by Docker Swarm')
    for program in ('dockerd', 'containerd', 'runc', 'ip'):
        if not shutil.which(program):
            note('skipped: %s is not installed' % program)
            return SKIPPED
    if os.geteuid() != 0:
        note('skipped: the lab needs root')
        return SKIPPED
    work = tempfile.mkdtemp(prefix='drover-bench-', dir='/var/tmp')
    try:
        return 0 if measure(bin_dir, work, n, rounds) else 2
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
