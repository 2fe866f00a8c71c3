"""Rooms depend downwards only: every #include in src/ is allowed by the table of ARCHITECTURE.md."""
import os
import re

import tree

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)
ROW = re.compile(r'^\| `src/([a-z0-9-]+)` \|[^|]*\| ([^|]*) \|', re.M)

# Headers of outside libraries that one room only may know; what it is wrapped in is in that room's headers.
ONLY_IN = {
    'uv.h': 'net', 'http_parser.h': 'net', 'openssl/ssl.h': 'net', 'openssl/bio.h': 'net',
    'sqlite3.h': 'store', 'libpq-fe.h': 'store', 'yaml.h': 'formats',
}


def table(root):
    with open(os.path.join(root, 'ARCHITECTURE.md'), encoding='utf-8') as f:
        text = f.read()
    rooms = {name: set(re.findall(r'`([a-z0-9-]+)`', may)) for name, may in ROW.findall(text)}
    return rooms


def check(root):
    rooms = table(root)
    if len(rooms) < 2:
        yield 'ARCHITECTURE.md: no table of rooms found (rows like "| `src/net` | … | `base`, `formats` |")'
        return
    for name, may in rooms.items():
        for other in sorted(may - set(rooms)):
            yield 'ARCHITECTURE.md: room "%s" may use "%s", which is no room' % (name, other)
    known = set(tree.listed(root))
    for path, text in tree.files(root, 'src/'):
        if not path.endswith(('.c', '.h')):
            continue
        room = path.split('/')[1]
        if room not in rooms:
            yield '%s: folder "src/%s" is not in the table of ARCHITECTURE.md' % (path, room)
            continue
        for kind, name in INCLUDE.findall(tree.without_comments(text)):
            if kind == '<' or name in ONLY_IN:
                owner = ONLY_IN.get(name)
                if owner and owner != room:
                    yield '%s: only room "%s" includes <%s>' % (path, owner, name)
                continue
            if '..' in name.split('/'):
                yield '%s: include "%s" climbs; write it relative to src/' % (path, name)
                continue
            beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
            inside = beside in known or os.path.exists(os.path.join(root, beside))
            target = name.split('/')[0]
            if inside or target == room:
                continue
            if target not in rooms:
                yield '%s: include "%s" is neither beside the file nor in a room' % (path, name)
            elif target not in rooms[room]:
                yield '%s: room "%s" may not use "%s" (include "%s")' % (path, room, target, name)
