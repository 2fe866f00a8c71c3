"""drover-node dns beside dnsmasq, unbound and a bare UDP echo: the same 10,000 names, one dnsperf run after another, in turns.

usage: dns.py BIN_DIR ECHO [ROUNDS]
Medians of the rounds. Queries per second are what dnsperf got; queries per CPU second are per second that the server's threads ran, so they hold on a busy
machine too. Needs dnsperf, dnsmasq and unbound; else it is skipped with the reason."""
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'host', 'dns'))
import message  # noqa: E402
from figures import cpu_seconds, free_port, note, pss  # noqa: E402

SKIPPED, NAMES, SECONDS = 77, 10000, 2


def at_least(name, value, unit, budget=None):
    ok = budget is None or value >= budget
    limit = 'no budget' if budget is None else 'at least %.6g %s' % (budget, unit)
    print('  %-62s %12.6g %-14s %-26s %s' % (name, value, unit, limit, '-' if budget is None else 'ok' if ok else 'under'), flush=True)
    return ok


def address(i):
    return '10.42.%d.%d' % (i // 250, i % 250 + 1)


def name(i):
    return 'svc-%d.stack%d.rancher.internal' % (i, i % 100)


def metadata(path):
    sets = {'host/h': {'uuid': 'h', 'agent_ip': '192.0.2.1', 'environment_uuid': 'e'}, 'environment': {'uuid': 'e', 'name': 'e'},
            'defaultData': {'version': '1', 'self': {'host': {'uuid': 'h'}}}}
    for i in range(NAMES):
        sets['service/s%d' % i] = {'uuid': 's%d' % i, 'name': 'svc-%d' % i, 'stack_name': 'stack%d' % (i % 100), 'kind': 'externalService', 'primary_service_name': 'svc-%d' % i,
                                   'external_ips': [address(i)], 'environment_uuid': 'e'}
    with open(path, 'w', encoding='ascii') as f:
        f.write(json.dumps({'topic': 'env', 'rev': 1, 'base': 0, 'set': sets}) + '\n{"sync":true}\n')


class Bench:
    def __init__(self, work, bin_dir, echo):
        self.work, self.servers = work, {}
        self.queries = os.path.join(work, 'queries')
        with open(self.queries, 'w', encoding='ascii') as f:
            for i in range(NAMES):
                f.write('%s A\n' % name(i * 7919 % NAMES))
        meta, hosts, local = (os.path.join(work, n) for n in ('metadata.jsonl', 'hosts', 'unbound.conf'))
        metadata(meta)
        with open(hosts, 'w', encoding='ascii') as f:
            f.writelines('%s %s\n' % (address(i), name(i)) for i in range(NAMES))
        ports = [free_port() for _ in range(5)]
        with open(local, 'w', encoding='ascii') as f:
            f.write('server:\n interface: 127.0.0.1\n port: %d\n num-threads: 1\n do-daemonize: no\n username: ""\n chroot: ""\n use-syslog: no\n pidfile: ""\n'
                    ' module-config: "iterator"\n local-zone: "rancher.internal." static\n' % ports[2])
            f.writelines(' local-data: "%s. 1 IN A %s"\n' % (name(i), address(i)) for i in range(NAMES))
            f.write('remote-control:\n control-enable: no\n')
        self.start('drover', ports[0], [os.path.join(bin_dir, 'drover-node'), '--config', '/dev/null', 'dns', '--listen', '127.0.0.1:%d' % ports[0], '--metadata-file', meta,
                                        '--answers=', '--listenReload='])
        self.start('dnsmasq', ports[1], ['/usr/sbin/dnsmasq', '-k', '-C', '/dev/null', '--port=%d' % ports[1], '--listen-address=127.0.0.1', '--bind-interfaces', '--no-resolv',
                                         '--no-hosts', '--addn-hosts=' + hosts, '--local-ttl=1', '--user=root', '--pid-file='])
        self.start('unbound', ports[2], ['/usr/sbin/unbound', '-d', '-c', local])
        self.start('echo', ports[3], [echo, str(ports[3])])
        self.start('echo, a packet at a time', ports[4], [echo, str(ports[4]), 'single'])

    def start(self, label, port, argv):
        log = os.path.join(self.work, label + '.log')
        with open(log, 'ab') as f:
            p = subprocess.Popen(argv, stdout=f, stderr=f)
        self.servers[label] = (p, port)
        until = time.monotonic() + 30
        while message.ask('127.0.0.1', name(1) + '.', 'A', port=port, timeout=0.3) is None:
            if p.poll() is not None or time.monotonic() > until:
                with open(log, encoding='utf-8', errors='replace') as f:
                    raise RuntimeError('%s does not answer: %s' % (label, f.read()[-1000:]))

    def run(self, label):
        p, port = self.servers[label]
        cpu = cpu_seconds(p.pid)
        out = subprocess.run(['dnsperf', '-s', '127.0.0.1', '-p', str(port), '-d', self.queries, '-l', str(SECONDS), '-c', '8', '-q', '500', '-T', '1'],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=True).stdout
        cpu = cpu_seconds(p.pid) - cpu
        done, rate = (float(re.search(pattern, out).group(1)) for pattern in (r'Queries completed:\s+(\d+)', r'Queries per second:\s+([\d.]+)'))
        return rate, done / cpu

    def close(self):
        for p, _ in self.servers.values():
            p.terminate()
            p.wait()


def main():
    bin_dir, echo, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 5
    for program in ('dnsperf', 'dnsmasq', 'unbound'):
        if not shutil.which(program, path='/usr/bin:/usr/sbin:/bin:/sbin'):
            print('SKIP: %s is not installed' % program)
            return SKIPPED
    work = tempfile.mkdtemp(prefix='drover-bench-dns-')
    b = None
    try:
        b = Bench(work, bin_dir, echo)
        labels = list(b.servers)
        got = {label: [] for label in labels}
        for label in labels:
            b.run(label)                        # warm
        for _ in range(rounds):
            for label in labels:
                got[label].append(b.run(label))
        rate = {label: statistics.median(r for r, _ in got[label]) for label in labels}
        per_cpu = {label: statistics.median(c for _, c in got[label]) for label in labels}
        print('dns: %d names, medians of %d rounds of %d s' % (NAMES, rounds, SECONDS))
        for label in labels:
            at_least('%s: answers per second' % label, rate[label], '')
            at_least('%s: answers per CPU second of the server' % label, per_cpu[label], '')
        note('drover holds %.1f MB (PSS)' % (pss(b.servers['drover'][0].pid) / (1 << 20)))
        ok = at_least('drover by dnsmasq, answers per second', rate['drover'] / rate['dnsmasq'], 'times', 1.2)
        ok &= at_least('drover by the echo, answers per second', rate['drover'] / rate['echo'], 'times', 0.85)
        at_least('drover by unbound, answers per second', rate['drover'] / rate['unbound'], 'times')
        at_least('drover by dnsmasq, answers per CPU second', per_cpu['drover'] / per_cpu['dnsmasq'], 'times')
        at_least('drover by the echo, answers per CPU second', per_cpu['drover'] / per_cpu['echo'], 'times')
        return 0 if ok else 1
    finally:
        if b:
            b.close()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
