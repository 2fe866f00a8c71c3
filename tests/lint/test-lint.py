#!/usr/bin/env python3
"""The checks find what they are for: each row breaks a small tree in one way and names the finding."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import calls            # noqa: E402
import documents        # noqa: E402
import form             # noqa: E402
import rooms            # noqa: E402
import scripts          # noqa: E402

GOOD = {
    'ARCHITECTURE.md': '# A\n\n| room | holds | may use |\n|---|---|---|\n| `src/base` | b |  |\n| `src/net` | n | `base` |\n| `src/server` | s | `base`, `net` |\n',
    'Makefile': 'run:\n\ttrue\ntest:\n\ttrue\n',
    'README.md': 'Type `make run`, then `make test`. See [the rooms](ARCHITECTURE.md) and `src/net/loop.h`.\n',
    'src/base/base.h': '#pragma once\n',
    'src/net/loop.h': '#pragma once\n#include <uv.h>\n#include "base/base.h"\n',
    'src/net/loop.c': '#include "loop.h"\n/* strcpy() is banned */\nconst char *s = "system(x)";\n',
    'src/server/main.c': '#include "net/loop.h"\nint main(void) { return obj.time(3) + my_atoi("1"); }\n',
    'tests/lint/allow.txt': '# CALL PATH reason\n',
    'tests/lint/hosts.txt': '.example.com\n',
}

BREAKS = [
    ('an include upwards', rooms, {'src/net/loop.c': '#include "server/api.h"\n'}, 'room "net" may not use "server"'),
    ('an include that climbs', rooms, {'src/server/x.c': '#include "../net/loop.h"\n'}, 'climbs'),
    ('an include of nothing', rooms, {'src/server/x.c': '#include "nowhere.h"\n'}, 'neither beside the file nor in a room'),
    ('uv.h outside net', rooms, {'src/server/x.c': '#include <uv.h>\n'}, 'only room "net" includes <uv.h>'),
    ('a folder that is no room', rooms, {'src/extra/x.c': 'int x;\n'}, 'not in the table'),
    ('a table that is gone', rooms, {'ARCHITECTURE.md': '# A\n'}, 'no table of rooms'),
    ('strcpy', calls, {'src/base/x.c': 'void f(void) { strcpy(a, b); }\n'}, 'strcpy() is banned'),
    ('a clock in the server', calls, {'src/server/x.c': 'long f(void) { return time(NULL); }\n'}, 'time() is banned'),
    ('a permission without need', calls, {'tests/lint/allow.txt': 'strcpy src/base/base.h because of nothing\n'}, 'no longer happens'),
    ('a permission without reason', calls, {'src/base/x.c': 'void f(void) { strcpy(a, b); }\n', 'tests/lint/allow.txt': 'strcpy src/base/x.c\n'}, 'has no reason'),
    ('a long file', form, {'src/base/x.c': 'int x;\n' * 901}, '901 lines'),
    ('a blank at a line end', form, {'src/base/x.c': 'int x; \n'}, 'blanks at the end'),
    ('a tab', form, {'src/base/x.c': '\tint x;\n'}, 'a tab'),
    ('a header without pragma', form, {'src/base/x.h': 'int x;\n'}, 'no #pragma once'),
    ('no last newline', form, {'src/base/x.c': 'int x;'}, 'no newline at the end'),
    ('a machine path', form, {'README.md': 'see /wo' + 'rk/main\n'}, 'path of one machine'),
    ('a leftover', form, {'src/base/x.c': '/* TO' + 'DO */\n'}, 'leftover'),
    ('a foreign host', form, {'README.md': 'see http' + 's://packages.nowhere.zz/x\n'}, '"packages.nowhere.zz" is not in'),
    ('a command that is no target', documents, {'README.md': 'Type `make everything`.\n'}, '"make everything" is no target'),
    ('a command in a block', documents, {'README.md': 'Type\n\n    make all\n'}, '"make all" is no target'),
    ('a path that is not there', documents, {'README.md': 'See `src/net/gone.h`.\n'}, '"src/net/gone.h"'),
    ('a broken shell script', scripts, {'tools/x.sh': '#!/bin/sh\nif true; then\n'}, 'tools/x.sh: '),
    ('a broken Python file', scripts, {'tools/x.py': 'def f(:\n'}, 'tools/x.py:1: '),
    ('a script that cannot be started', scripts, {'tools/x.sh': '#!/bin/sh\ntrue\n'}, 'not executable'),
    ('a dead link', documents, {'README.md': 'See [it](docs/gone.md).\n'}, 'links to "docs/gone.md"'),
]


def findings(module, changes):
    with tempfile.TemporaryDirectory() as root:
        for path, text in {**GOOD, **changes}.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)) or root, exist_ok=True)
            with open(os.path.join(root, path), 'w', encoding='utf-8') as f:
                f.write(text)
        return list(module.check(root))


def main():
    passed = failed = 0
    for module in (rooms, calls, form, documents, scripts):
        found = findings(module, {})
        if found:
            print('%s finds fault with a good tree: %s' % (module.__name__, found))
            failed += 1
        else:
            passed += 1
    for name, module, changes, expected in BREAKS:
        found = findings(module, changes)
        if any(expected in f for f in found):
            passed += 1
        else:
            print('%s: "%s" is not among %s' % (name, expected, found))
            failed += 1
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed else 0


sys.exit(main())
