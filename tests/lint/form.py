"""The form of every file: length, blanks, headers, leftovers, names of machines and hosts."""
import os
import re

import tree

LINES_MAX = 900
BYTES_MAX = 1 << 20
# Data that came from elsewhere keeps its bytes.
FOREIGN = ('tests/data/', 'tests/fuzz/corpus/', 'catalog/', 'LICENSE')
CODE = ('.c', '.h', '.py', '.sh', '.build')
MACHINE = re.compile('(?<![A-Za-z0-9_.*-])/wo' + r'rk/|/home/[a-z]')
LEFTOVER = re.compile(r'\b(TO' + 'DO|FIX' + 'ME|X' + 'XX|HA' + r'CK)\b')
URL = re.compile(r'\b(?:https?|wss?|git)://([A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z]{2,})')


def hosts(root):
    names = set()
    for _, text in tree.files(root, 'tests/lint/hosts.txt'):
        names |= {line.split()[0] for line in text.splitlines() if line.strip() and not line.startswith('#')}
    return names


def host_is_named(host, names):
    host = host.lower().rstrip('.')
    return any(host == n or n.startswith('.') and (host.endswith(n) or host == n[1:]) for n in names)


def check(root):
    names = hosts(root)
    for path in tree.listed(root):
        full = os.path.join(root, path)
        if os.path.isfile(full) and os.path.getsize(full) > BYTES_MAX:
            yield '%s: larger than 1 MiB' % path
    for path, text in tree.files(root):
        if path.startswith(FOREIGN):
            continue
        lines = text.split('\n')
        if path.endswith(CODE) and len(lines) - 1 > LINES_MAX:
            yield '%s: %d lines; split it (at most %d)' % (path, len(lines) - 1, LINES_MAX)
        if text and not text.endswith('\n'):
            yield '%s: no newline at the end' % path
        if text.endswith('\n\n'):
            yield '%s: blank lines at the end' % path
        for number, line in enumerate(lines, 1):
            if line != line.rstrip():
                yield '%s:%d: blanks at the end of the line' % (path, number)
            if '\t' in line and path.endswith(('.c', '.h', '.py')):
                yield '%s:%d: a tab; indent with spaces' % (path, number)
            if MACHINE.search(line) and not path.startswith('tests/lint/'):
                yield '%s:%d: names a path of one machine' % (path, number)
            if path.endswith(CODE) and LEFTOVER.search(line):
                yield '%s:%d: a leftover mark; finish it or file an issue' % (path, number)
            for host in URL.findall(line):
                if not host_is_named(host, names):
                    yield '%s:%d: host "%s" is not in tests/lint/hosts.txt' % (path, number, host)
        if path.endswith('.h') and not re.search(r'^#pragma once$', text, re.M):
            yield '%s: no #pragma once' % path
        if path.startswith('src/') and path.endswith(('.c', '.h')) and os.path.basename(path) in ('utils.c', 'utils.h', 'util.c', 'util.h',
                                                                                                  'misc.c', 'helpers.c', 'common.c'):
            yield '%s: a module is one noun' % path
