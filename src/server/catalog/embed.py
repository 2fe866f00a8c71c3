#!/usr/bin/env python3
"""embed.py ROOT OUT DEPFILE: writes the files of the catalog in ROOT as a table of C constants, catalog_builtin_files.

Only what a server would read out of a folder is taken: below templates/ and BASE-templates/, no links, no names with a dot in front."""
import os
import sys

FILE_BYTES_MAX = 1 << 20

root, out, depfile = sys.argv[1:]
seen, files = [root], []
for name in sorted(os.listdir(root)):
    top = os.path.join(root, name)
    if not os.path.isdir(top) or not (name == 'templates' or name.endswith('-templates')):
        continue
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(f for f in folders if not f.startswith('.'))
        seen.append(folder)
        for n in sorted(names):
            path = os.path.join(folder, n)
            if n.startswith('.') or os.path.islink(path):
                continue
            if os.path.getsize(path) > FILE_BYTES_MAX:
                sys.exit('%s is longer than a server would read' % path)
            files.append(path)


def literal(data):
    for i in range(0, len(data), 100):
        text = ''.join(chr(b) if 32 <= b < 127 and b not in b'"\\?' else '\\%03o' % b for b in data[i:i + 100])
        yield '        "%s"\n' % text


with open(out, 'w', encoding='ascii') as f:
    f.write('#include <stddef.h>\nstruct builtin_file { const char *path, *data; size_t len; };\nextern const struct builtin_file catalog_builtin_files[];\n')
    f.write('const struct builtin_file catalog_builtin_files[] = {\n')
    for path in files:
        with open(path, 'rb') as source:
            data = source.read()
        f.write('        { "%s",\n%s        , %d },\n' % (os.path.relpath(path, root), ''.join(literal(data)) or '        ""\n', len(data)))
    f.write('        { NULL, NULL, 0 },\n};\n')
with open(depfile, 'w', encoding='utf-8') as f:
    f.write('%s: %s\n' % (out, ' '.join(p.replace(' ', '\\ ') for p in seen + files)))
