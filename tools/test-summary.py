#!/usr/bin/env python3
"""Sums up meson's test logs: test-summary.py SUITE=LOG.json...

A cmocka program holds many tests, and meson counts it as one; here each counts. The last line is
"N passed, N failed" with ", N skipped" when there are any. Exit status 1 when a test failed or when
a suite that should have run left no log.
"""
import json
import os
import re
import sys

CMOCKA = {word: re.compile(r'^\[\s*%s\s*\] (\d+) test\(s\)' % word, re.M) for word in ('PASSED', 'FAILED', 'SKIPPED')}
RAN = re.compile(r'^\[=+\].*? (\d+) test\(s\) run', re.M)
UNITTEST = re.compile(r'^Ran (\d+) tests? in .*\n+(?:OK|FAILED)(?: \((.*)\))?$', re.M)
SUMMARY = re.compile(r'^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$', re.M)
TELLING = ('sim', 'seeds', 'host', 'host-asan')         # what their tests print when they pass is worth reading: seeds, counts
GOOD = ('OK', 'EXPECTEDFAIL')


def count(row):
    """One meson test: (passed, failed, skipped). What the program says is believed only as far as its exit status agrees."""
    text = (row.get('stdout') or '') + '\n' + (row.get('stderr') or '')
    if row['result'] == 'SKIP':
        return 0, 0, 1
    said = {word: sum(int(n) for n in regex.findall(text)) for word, regex in CMOCKA.items()}
    if RAN.search(text) or said['PASSED'] or said['FAILED']:
        passed, failed, skipped = said['PASSED'], said['FAILED'], said['SKIPPED']
    elif UNITTEST.search(text):                         # Python's unittest
        passed = failed = skipped = 0
        for ran, rest in UNITTEST.findall(text):
            parts = {k: int(v) for k, v in re.findall(r'(\w+)=(\d+)', rest)}
            bad = parts.get('failures', 0) + parts.get('errors', 0)
            passed, failed, skipped = passed + int(ran) - bad - parts.get('skipped', 0), failed + bad, skipped + parts.get('skipped', 0)
    else:
        lines = SUMMARY.findall(text)                   # a script that counts its own cases
        passed, failed, skipped = ((int(n or 0) for n in lines[-1]) if lines else (0, 0, 0))
    if row['result'] in GOOD:
        return (max(passed, 0 if skipped else 1), failed, skipped)
    return passed, max(failed, 1), skipped              # crashed, timed out, or failed at exit (a leak)


def main(arguments):
    if not arguments:
        print('test-summary: name at least one SUITE=LOG', file=sys.stderr)
        return 2
    total = [0, 0, 0]
    bad, skips, notes = [], [], []
    for argument in arguments:
        suite, _, path = argument.partition('=')
        if not os.path.exists(path):
            bad.append('%s: no test ran (no such suite, or its programs were not built)' % suite)
            total[1] += 1
            continue
        sums = [0, 0, 0]
        with open(path, encoding='utf-8', errors='replace') as log:
            for line in log:
                row = json.loads(line)
                counts = count(row)
                sums = [a + b for a, b in zip(sums, counts)]
                if suite in TELLING and row['result'] in GOOD:
                    notes += ['%s: %s' % (row['name'].split(' / ')[-1], l) for l in (row.get('stdout') or '').splitlines()
                              if l.strip() and not l.startswith('[') and not SUMMARY.match(l)][:10]
                if counts[1]:
                    bad.append('%s: %s: %s' % (suite, row['name'].split(' / ')[-1], row['result'].lower()))
                if row['result'] == 'SKIP':
                    reason = [l for l in ((row.get('stdout') or '') + (row.get('stderr') or '')).splitlines() if l.strip()]
                    skips.append('%s: %s: %s' % (suite, row['name'].split(' / ')[-1], reason[-1].strip() if reason else 'no reason given'))
        print('%-10s %d passed, %d failed, %d skipped' % ((suite + ':',) + tuple(sums)))
        total = [a + b for a, b in zip(total, sums)]
    for line in notes:
        print('note: ' + line)
    for line in skips:
        print('skipped: ' + line)
    for line in bad:
        print('failed: ' + line)
    print('%d passed, %d failed' % (total[0], total[1]) + (', %d skipped' % total[2] if total[2] else ''))
    return 1 if total[1] else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
