"""Documents say what is there: make targets, paths and links that they name exist."""
import os
import re

import tree

TARGET = re.compile(r'^([a-z][a-z-]*):', re.M)
MAKE = re.compile(r'`(?:[A-Z_]+=\S+ )*make ((?:[a-z][a-z-]*)(?:,? [a-z][a-z-]*)*)(?: [A-Z_]+=\S+)*`|^ {4,}(?:[A-Z_]+=\S+ )*make ([a-z][a-z-]*)|^(?:[A-Z_]+=\S+ )*make ([a-z][a-z-]*)', re.M)
PATH = re.compile(r'`((?:src|tests|tools|docs|packaging|images|examples|catalog|ui)/[A-Za-z0-9_./-]*[A-Za-z0-9_/-])`')
LINK = re.compile(r'\]\(([^)#:\s]+)(?:#[^)]*)?\)')


def check(root):
    with open(os.path.join(root, 'Makefile'), encoding='utf-8') as f:
        targets = set(TARGET.findall(f.read()))
    listed = set(tree.listed(root))
    for path, text in tree.files(root):
        if not path.endswith('.md') or path.startswith(('tests/data/', 'catalog/')):
            continue
        for groups in MAKE.findall(text):
            for name in re.findall(r'[a-z][a-z-]*', ' '.join(groups)):
                if name not in targets:
                    yield '%s: "make %s" is no target of the Makefile' % (path, name)
        for name in set(PATH.findall(text)):
            if 'NAME' in name or 'ROOM' in name or any(w.isupper() and len(w) > 2 for w in re.split(r'[/._-]', name) if w not in ('README',)):
                continue                                # a pattern, not a path
            full = os.path.join(root, name)
            if not os.path.exists(full) and not any(n.startswith(name.rstrip('/') + '/') for n in listed):
                yield '%s: names "%s", which is not there' % (path, name)
        for link in LINK.findall(text):
            if not os.path.exists(os.path.normpath(os.path.join(root, os.path.dirname(path), link))):
                yield '%s: links to "%s", which is not there' % (path, link)
