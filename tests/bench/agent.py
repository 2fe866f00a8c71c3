"""Memory of drover-node on a lab host (a real Docker engine) that runs 20 containers.

usage: agent.py BIN_DIR [CONTAINERS]
Needs root and an installed Docker engine; else it is skipped with the reason."""
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from figures import MB, Server, figure, note, pss  # noqa: E402

SKIPPED = 77
RUNNING_SECONDS = 180
SETTLE_SECONDS = 10
IMAGE = 'drover/bench:1'


def lab(bin_dir, env, name, *args):
    # the lab's name goes before the verb's own arguments
    r = subprocess.run([os.path.join(bin_dir, 'drover'), 'lab', args[0], '--name', name, *args[1:]], env=env, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    if r.returncode:
        raise RuntimeError('drover lab %s: %s' % (' '.join(args), r.stderr.strip() or r.stdout.strip()))
    return r.stdout


def agents(pid_one):
    """Processes of drover-node in the pid namespace of a lab host."""
    space = os.readlink('/proc/%s/ns/pid' % pid_one)
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/comm' % pid, encoding='ascii') as f:
                if f.read().strip() == 'drover-node' and os.readlink('/proc/%s/ns/pid' % pid) == space:
                    found.append(int(pid))
        except OSError:
            pass
    return found


def wait_running(server, path, n):
    deadline = time.monotonic() + RUNNING_SECONDS
    states = []
    while time.monotonic() < deadline:
        states = [c['state'] for c in server.call('GET', path + '/containers?limit=1000')['data']]
        if states.count('running') == n:
            return
        time.sleep(0.5)
    raise RuntimeError('not all containers run: %s' % states)


def measure(bin_dir, work, n):
    data = os.path.join(work, 'data')
    os.mkdir(data)
    env = {k: v for k, v in os.environ.items() if not k.startswith(('RANCHER_', 'DROVER_'))}
    env.update(HOME=work, DROVER_LAB_DIR=os.path.join(work, 'lab'), DROVER_NODE=os.path.join(bin_dir, 'drover-node'))
    name = 'bench%d' % random.randrange(1000)
    server = Server(bin_dir, data, '--node-dir', bin_dir)
    try:
        server.first_ping()
        lab(bin_dir, env, name, 'up', '--hosts', '1', '--subnet', '10.%d.%d.0/24' % (random.randrange(100, 200), random.randrange(256)),
            '--server', 'http://127.0.0.1:%d' % server.port)
        try:
            lab(bin_dir, env, name, 'image', IMAGE, '--from-busybox', '--cmd', 'sleep 100000')
            project = server.call('GET', '/v2-beta/projects')['data'][0]['id']
            path = '/v2-beta/projects/%s' % project
            stack = server.call('POST', path + '/stacks', {'name': 'bench'})
            server.call('POST', path + '/services', {'name': 'sleep', 'stackId': stack['id'], 'scale': n, 'startOnCreate': True, 'launchConfig': {'imageUuid': 'docker:' + IMAGE}})
            wait_running(server, path, n)
            time.sleep(SETTLE_SECONDS)
            hosts = [line.split() for line in lab(bin_dir, env, name, 'ls').splitlines()[1:]]
            pids = agents(next(word for word in hosts[0] if word.isdigit()))
            if not pids:
                raise RuntimeError('no drover-node runs on the lab host')
            ok = figure('drover-node: memory (PSS) with %d containers' % n, sum(pss(p) for p in pids) / MB, 'MB', 10)
            note('%d process%s on a real engine' % (len(pids), '' if len(pids) == 1 else 'es'))
            return ok
        finally:
            lab(bin_dir, env, name, 'down', '--delete')
    finally:
        server.stop()


def main():
    bin_dir = os.path.abspath(sys.argv[1])
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    print('agent: drover-node of %s on a lab host' % bin_dir)
    for program in ('dockerd', 'containerd', 'runc', 'ip'):
        if not shutil.which(program):
            note('skipped: %s is not installed' % program)
            return SKIPPED
    if os.geteuid() != 0:
        note('skipped: the lab needs root')
        return SKIPPED
    work = tempfile.mkdtemp(prefix='drover-bench-', dir='/var/tmp')
    try:
        return 0 if measure(bin_dir, work, n) else 2
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
