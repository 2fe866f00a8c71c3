#!/usr/bin/env python3
"""vxlan.py BIN_DIR STREAM: drover's overlay beside a raw link and Docker's own overlay, between the same two lab hosts, alternating in one run.

Single samples differ by a third from run to run: what counts are ratios of medians. Budget: 0.95 of Docker's throughput."""
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BIN, STREAM = (os.path.abspath(p) for p in sys.argv[1:3])
ROUNDS, SECONDS, TRIPS, PORT = int(sys.argv[3]) if len(sys.argv) > 3 else 7, 1, 3000, 7007
os.environ['DROVER_BIN_DIR'] = BIN
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), 'host', 'e2e'))
sys.path.insert(0, os.path.dirname(HERE))
import harness
from figures import figure, note
from harness import until


class Pair:
    """Two lab hosts; in each three places that stream runs in: the host itself, a container on Docker's overlay, one on drover's."""

    def __init__(self):
        self.world = harness.World(2, join=False)
        self.hosts = self.world.hosts
        self.ip = self.world.addresses()
        self.pid = {h: self.world.pid1(h) for h in self.hosts}
        self.processes = []

    def inside(self, host, *command, flags='-m -u -n -p'):
        return ['nsenter', '-t', str(self.pid[host]), *flags.split(), '--', *map(str, command)]

    def run(self, host, *command, **more):
        r = subprocess.run(self.inside(host, *command), capture_output=True, text=True, timeout=120, **more)
        if r.returncode:
            raise RuntimeError(f'{host}: {command}: {r.stderr}')
        return r.stdout.strip()

    def docker(self, host, *args):
        return self.run(host, 'docker', '-H', 'unix:///run/docker.sock', *args)

    def docker_overlay(self):
        first, second = self.hosts
        self.docker(first, 'swarm', 'init', '--advertise-addr', self.ip[first])
        self.docker(second, 'swarm', 'join', '--token', self.docker(first, 'swarm', 'join-token', '-q', 'worker'), self.ip[first] + ':2377')
        self.docker(first, 'network', 'create', '-d', 'overlay', '--attachable', 'beside')
        self.addresses = {'docker': {}, 'drover': {}, 'raw': self.ip}
        for h in self.hosts:
            self.container(h, 'docker', '--network', 'beside')
            self.addresses['docker'][h] = json.loads(self.docker(h, 'inspect', 'docker'))[0]['NetworkSettings']['Networks']['beside']['IPAddress']

    def container(self, host, name, *options):
        self.docker(host, 'run', '-d', '--name', name, '-v', f'{STREAM}:/stream:ro', *options, '--entrypoint', '/stream', harness.IMAGE, 'serve', PORT)

    def drover_overlay(self):
        objects = [{'metadata_kind': 'network', 'uuid': 'n', 'name': 'vxlan', 'metadata': {'cniConfig': {'1.conf': {'bridge': 'docker0', 'mtu': 1500, 'linkMTUOverhead': 50}}}}]
        for i, h in enumerate(self.hosts, 1):
            mac, ip = f'02:42:00:00:00:0{i}', f'10.42.0.1{i}'
            self.container(h, 'drover', '--network', 'none')
            pid = self.docker(h, 'inspect', '-f', '{{.State.Pid}}', 'drover')
            for line in ('ip addr add 10.42.0.1/16 dev docker0', 'ip link set docker0 up',
                         f'ip link add v0 mtu 1450 master docker0 type veth peer name eth0 address {mac} mtu 1450 netns {pid}', 'ip link set v0 up',
                         f'nsenter -t {pid} -n ip addr add {ip}/16 dev eth0', f'nsenter -t {pid} -n ip link set eth0 up'):
                self.run(h, *line.split())
            self.addresses['drover'][h] = ip
            objects += [{'metadata_kind': 'host', 'uuid': h, 'name': h, 'agent_ip': self.ip[h]},
                        {'metadata_kind': 'container', 'uuid': 'c-' + h, 'name': h, 'host_uuid': h, 'network_uuid': 'n', 'state': 'running', 'primary_ip': ip, 'primary_mac_address': mac}]
        for h in self.hosts:
            feed, state = f'{self.world.dir}/{h}.jsonl', f'{self.world.dir}/{h}.json'
            with open(feed, 'w', encoding='utf-8') as f:
                f.writelines(json.dumps(o) + '\n' for o in objects + [{'metadata_kind': 'defaultData', 'version': '1', 'self': {'host': {'uuid': h}}}])
            self.processes.append(subprocess.Popen(self.inside(h, os.path.join(BIN, 'drover-node'), 'net', 'vxlan', '--file', feed, '--state-file', state, '--listen', '', flags='-n'),
                                                   stderr=subprocess.DEVNULL))
            self.processes.append(subprocess.Popen(self.inside(h, STREAM, 'serve', PORT, flags='-n')))
        until(lambda: all(json.load(open(f'{self.world.dir}/{h}.json', encoding='utf-8'))['state'] == 'ok' and
                          json.load(open(f'{self.world.dir}/{h}.json', encoding='utf-8'))['peers'][0]['state'] == 'ok' for h in self.hosts), 'drover\'s overlay is well')

    def measure(self, way, kind, amount):
        first, second = self.hosts
        command = [kind, self.addresses[way][second], PORT, amount]
        out = self.docker(first, 'exec', way, '/stream', *command) if way != 'raw' else subprocess.run(self.inside(first, STREAM, *command, flags='-n'), capture_output=True, text=True,
                                                                                                      check=True, timeout=120).stdout
        return float(out)

    def close(self):
        for p in self.processes:
            p.kill()
            p.wait()
        self.world.close()


def main():
    pair = Pair()
    ways = 'raw', 'docker', 'drover'
    gbits, trips = {w: [] for w in ways}, {w: [] for w in ways}
    try:
        pair.docker_overlay()
        pair.drover_overlay()
        for _ in range(ROUNDS):
            for w in ways:
                gbits[w].append(pair.measure(w, 'send', SECONDS))
                trips[w].append(pair.measure(w, 'trip', TRIPS))
    finally:
        pair.close()
    note(f'medians of {ROUNDS} alternating rounds between two lab hosts')
    for w in ways:
        note('%-8s %s Gbit/s   %s us' % (w, ' '.join('%5.1f' % g for g in gbits[w]), ' '.join('%6.1f' % t for t in trips[w])))
    g, t = ({w: statistics.median(x[w]) for w in ways} for x in (gbits, trips))
    figure('overlay: TCP throughput, one stream', g['drover'], 'Gbit/s')
    figure('overlay: TCP round trip', t['drover'], 'us')
    figure('overlay: throughput, drover\'s share of a raw link\'s', g['drover'] / g['raw'], 'times')
    figure('overlay: round trip, drover\'s against a raw link\'s', t['drover'] / t['raw'], 'times')
    figure('overlay: round trip, drover\'s against Docker\'s', t['drover'] / t['docker'], 'times')
    return figure('overlay: throughput, Docker\'s against drover\'s', g['docker'] / g['drover'], 'times', 1 / 0.95)


if __name__ == '__main__':
    sys.exit(0 if main() else 1)
