#!/usr/bin/env python3
"""embed_ui.py OUT ROOT FILE...: writes the files of the web page, plain and compressed, as the C table ui_files (src/server/ui.h).

A file's name is its path below ROOT; its tag is the start of its SHA-256, so that an answer is as old as its bytes.
"""
import gzip
import hashlib
import os
import sys

TYPES = {'.html': 'text/html; charset=utf-8', '.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.svg': 'image/svg+xml'}
LINE = 100


def literal(data):
    """C string literals: every byte that is not plain text in octal, three digits, so that nothing behind it joins in."""
    out = []
    for at in range(0, len(data), LINE):
        text = ''.join(chr(b) if 32 <= b < 127 and b not in b'"\\?' else f'\\{b:03o}' for b in data[at:at + LINE])
        out.append(f'        "{text}"')
    return '\n'.join(out) or '        ""'


def main():
    out, root, *files = sys.argv[1:]
    rows = []
    for path in sorted(files):
        with open(path, 'rb') as f:
            data = f.read()
        name = os.path.relpath(path, root).replace(os.sep, '/')
        packed = gzip.compress(data, 9, mtime=0)
        rows.append((name, TYPES[os.path.splitext(name)[1]], hashlib.sha256(data).hexdigest()[:20], data, packed))
    with open(out, 'w', encoding='ascii') as f:
        f.write('#include "server/ui.h"\n\nconst struct ui_file ui_files[] = {\n')
        for name, kind, tag, data, packed in rows:
            f.write(f'        {{ "{name}", "{kind}", "{tag}", {len(data)}, {len(packed)},\n{literal(data)},\n{literal(packed)} }},\n')
        f.write('};\nconst size_t ui_files_n = sizeof ui_files / sizeof *ui_files;\n')


main()
