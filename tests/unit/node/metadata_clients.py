#!/usr/bin/env python3
"""What the original giddyup printed (tests/data/metadata/clients.jsonl) against drover-node giddyup, each from the address that it was recorded from.

usage: metadata_clients.py DROVER_NODE. Needs root: it makes a network namespace of its own; skipped (77) where it cannot."""
import json, os, subprocess, sys, time

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../data/metadata')
NOT_HERE = {'elect', 'forward', 'exec', 'dns', 'http://{metadata}/2099-01-01'}        # verbs and a source that drover has none of, and a minute of waiting


def inside(program):
    recorded = [json.loads(line) for line in open(os.path.join(DATA, 'clients.jsonl'), encoding='utf-8')]
    recorded = [r for r in recorded if r.get('args') and r['args'][0] == 'giddyup' and not NOT_HERE & set(r['args'])]
    subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
    for client in {r['client'] for r in recorded}:
        subprocess.run(['ip', 'addr', 'add', client + '/32', 'dev', 'lo'], check=True)
    service = subprocess.Popen([program, 'metadata', '--file', os.path.join(DATA, 'stream-base.jsonl'), '--listen', '0.0.0.0:80', '--listen-reload', ''], stderr=subprocess.PIPE, text=True)
    failed = 0
    try:
        while 'listens' not in service.stderr.readline():
            if service.poll() is not None:
                return 1
        for r in recorded:
            words = [w.replace('{metadata}', r['client']) for w in r['args'][1:]]       # an own address is asked from itself
            got = subprocess.run([program, 'giddyup', *words], capture_output=True, text=True, timeout=60)
            order = lambda text: sorted(text) if 'stringify' in words else text     # the original's order was that of a hash table
            if got.returncode != r['exit'] or (r['exit'] == 0 and order(got.stdout) != order(r['output'])):
                failed += 1
                print(f"{r['args']} from {r['client']}: exit {got.returncode} {got.stdout!r} {got.stderr!r}, not {r['exit']} {r['output']!r}")
    finally:
        service.terminate()
        service.wait(20)
    print(f'{len(recorded)} calls, {failed} differ')
    return failed != 0 or not recorded


if __name__ == '__main__':
    if len(sys.argv) > 2:
        sys.exit(inside(sys.argv[1]))
    if os.geteuid() != 0 or subprocess.run(['unshare', '-n', 'true'], capture_output=True).returncode:
        print('no network namespaces here: skipped')
        sys.exit(77)
    sys.exit(subprocess.run(['unshare', '-n', sys.executable, os.path.abspath(__file__), os.path.abspath(sys.argv[1]), 'inside']).returncode)
