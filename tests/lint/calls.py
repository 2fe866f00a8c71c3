"""Banned calls: each row says what to use instead. Exceptions are the rows of allow.txt, each with a reason."""
import re

import tree

BANNED = {
    'strcpy strcat stpcpy sprintf vsprintf gets': 'sbuf, snprintf or memcpy with a checked size',
    'atoi atol atoll atof strtol strtoul strtoll strtoull strtod': 'base/parse.h',
    'system popen': 'an argument vector and fork/exec or the child interface of net',
    'alloca': 'a fixed array or the heap with a limit',
    'strtok': 'strtok_r or a loop over a span',
    'tmpnam tempnam mktemp tmpfile': 'mkstemp, mkdtemp',
    'sleep usleep': 'the event that is waited for, with a deadline',
    'rand srand random srandom drand48': 'base/rng.h (seeded, so that a run can be repeated)',
    'localtime gmtime asctime ctime': 'base/times.h or the _r form',
    'readdir_r gethostbyname gethostbyaddr': 'readdir, the lookups of net',
}
# The clock is an argument everywhere else.
CLOCKS = {'clock_gettime gettimeofday time uv_hrtime': 'base/times.h at the edge, now_ms as an argument inside'}
CLOCK_ROOMS = ('src/formats/', 'src/model/', 'src/engine/', 'src/store/', 'src/core/', 'src/server/')
CALL = re.compile(r'(?<![\w.>])([a-z_0-9]+)\s*\(')


def allowed(root, path_of='tests/lint/allow.txt'):
    """Rows "CALL PATH reason"; a row that nothing needs any more is reported."""
    rows = {}
    for path, text in tree.files(root, path_of):
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith('#'):
                continue
            words = line.split(None, 2)
            rows[tuple(words[:2])] = (number, words[2] if len(words) > 2 else '')
    return rows


def check(root):
    banned = {name: instead for names, instead in BANNED.items() for name in names.split()}
    clocks = {name: instead for names, instead in CLOCKS.items() for name in names.split()}
    allow, used = allowed(root), set()
    for row, (number, reason) in allow.items():
        if len(reason) < 10:
            yield 'tests/lint/allow.txt:%d: "%s" has no reason' % (number, ' '.join(row))
    for path, text in tree.files(root, 'src/'):
        if not path.endswith(('.c', '.h')):
            continue
        rules = dict(banned)
        if path.startswith(CLOCK_ROOMS):
            rules.update(clocks)
        for number, line in enumerate(tree.without_comments(text, strings=True).splitlines(), 1):
            for name in CALL.findall(line):
                if name not in rules:
                    continue
                if (name, path) in allow:
                    used.add((name, path))
                    continue
                yield '%s:%d: %s() is banned; use %s' % (path, number, name, rules[name])
    for row in sorted(set(allow) - used):
        yield 'tests/lint/allow.txt:%d: "%s" allows what no longer happens' % (allow[row][0], ' '.join(row))
