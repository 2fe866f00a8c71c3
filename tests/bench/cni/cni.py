"""CNI ADD and DEL of drover-bridge with drover-ipam beside Debian's bridge with host-local, alternating in one run.

usage: cni.py BIN_DIR [ROUNDS]
Each round makes a fresh namespace for each plugin and measures from the start of the process to its end, as a runtime waits for it.
Everything happens in namespaces of the benchmark's own. Needs root and containernetworking-plugins; else it is skipped."""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from figures import figure, note  # noqa: E402

SKIPPED = 77
DEBIAN = '/usr/lib/cni'
ROUNDS = 40
RATIO_MAX = 1.0         # not slower than the plugin that everybody uses


def sh(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def call(host, program, command, conf, env, container, box):
    env = dict(env, CNI_COMMAND=command, CNI_CONTAINERID=container, CNI_NETNS='/run/netns/' + box, CNI_IFNAME='eth0')
    began = time.perf_counter()
    # setns in the child: nsenter would be one more program in the figure
    done = subprocess.run([program], input=json.dumps(conf), text=True, env=env, stdout=subprocess.PIPE, check=False, preexec_fn=lambda: os.setns(host, os.CLONE_NEWNET))
    took = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError('%s %s: %s' % (program, command, done.stdout.strip()))
    return took * 1000


def main():
    bin_dir = os.path.abspath(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    print('cni: drover-bridge of %s and %s/bridge, %d rounds' % (bin_dir, DEBIAN, rounds))
    if os.geteuid() != 0 or not shutil.which('ip') or not os.path.exists(DEBIAN + '/bridge'):
        note('skipped: needs root, ip and containernetworking-plugins')
        return SKIPPED
    if not hasattr(os, 'setns'):
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        os.setns, os.CLONE_NEWNET = libc.setns, 0x40000000
    work, tag = tempfile.mkdtemp(prefix='drover-bench-'), 'db%04x' % (os.getpid() & 0xffff)
    drover = os.path.join(work, 'drover-bridge')
    os.symlink(os.path.join(bin_dir, 'drover-node'), drover)
    env = {'PATH': os.environ['PATH'], 'CNI_PATH': '%s:%s' % (work, DEBIAN)}
    common = {'cniVersion': '1.0.0', 'name': 'bench', 'isDefaultGateway': True, 'mtu': 1500}
    sides = {
        'drover': (drover, dict(common, type='drover-bridge', bridge='drbr0', bridgeSubnet='10.42.0.0/16', ipam={'type': 'drover-ipam'})),
        'debian': (DEBIAN + '/bridge', dict(common, type='bridge', bridge='cnibr0', ipam={'type': 'host-local', 'subnet': '10.43.0.0/16', 'dataDir': os.path.join(work, 'host-local')})),
    }
    took = {(side, command): [] for side in sides for command in ('ADD', 'DEL')}
    names = [tag + '-host']
    sh('ip', 'netns', 'add', names[0])
    host = os.open('/run/netns/' + names[0], os.O_RDONLY)
    try:
        for n in range(rounds + 2):                             # the first two make the bridges and fill caches
            for k, side in enumerate(sorted(sides, reverse=bool(n % 2))):
                program, conf = sides[side]
                box, container = '%s-%d-%d' % (tag, n, k), '%064x' % ((n * 2 + k + 1) << 220)
                sh('ip', 'netns', 'add', box)
                names.append(box)
                mine = dict(env, CNI_ARGS='IgnoreUnknown=1;IPAddress=10.42.%d.%d/16;MACAddress=02:01:00:00:%02x:%02x' % (n, k + 2, n, k))
                for command in ('ADD', 'DEL'):
                    ms = call(host, program, command, conf, mine, container, box)
                    if n >= 2:
                        took[side, command].append(ms)
                sh('ip', 'netns', 'del', names.pop())
    finally:
        os.close(host)
        for name in names:
            subprocess.run(['ip', 'netns', 'del', name], check=False)
        shutil.rmtree(work)
    ok = True
    for command in ('ADD', 'DEL'):
        ours, theirs = (statistics.median(took[side, command]) for side in ('drover', 'debian'))
        figure('CNI %s, drover-bridge with drover-ipam (median)' % command, ours, 'ms')
        figure("CNI %s, Debian's bridge with host-local (median)" % command, theirs, 'ms')
        ok &= figure("CNI %s, drover's share of Debian's time" % command, ours / theirs, '', RATIO_MAX)
    return 0 if ok else 2


if __name__ == '__main__':
    sys.exit(main())
