#!/usr/bin/env python3
"""count_corpora.py PROGRAM: counts the public catalogs' files, questions and versions below DROVER_CORPORA line by line, without a YAML
parser, and compares with what PROGRAM (test-formats-template-corpora) counted. Exit status 77 (skipped) where the folder is not named."""
import collections
import os
import re
import subprocess
import sys

KINDS = ['string', 'int', 'enum', 'boolean', 'multiline', 'password', 'service', 'secret', 'certificate']


def plain(value):
    value = value.split(' #')[0].strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in '\'"' else value


def indent(line):
    return len(line) - len(line.lstrip(' '))


def count_version(text, count):
    questions = block = None
    of_question = None
    bounds = set()
    for line in text.split('\n'):
        line = line.rstrip()
        if not line.strip() or line.lstrip().startswith('#'):
            continue
        if block is not None:
            if indent(line) > block:
                continue
            block = None
        key = re.match(r'^(\s*)(-\s+)?["\']?([A-Za-z_.]+)["\']?\s*:(?:\s+(.*)|)$', line)
        if questions is not None and (indent(line) < questions or (indent(line) == questions and not line.lstrip().startswith('-'))):
            questions = of_question = None
        if not key:
            continue
        name, value = key.group(3), key.group(4) or ''
        if re.match(r'^[|>][-+0-9]*$', value.strip()):
            block = indent(line) + len(key.group(2) or '')
        if questions is None:
            if name == 'questions':
                questions = indent(line)
            elif name in ('minimum_rancher_version', 'maximum_rancher_version', 'upgrade_from') and plain(value):
                bounds.add({'mini': 'minimum', 'maxi': 'maximum', 'upgr': 'upgrade_from'}[name[:4]])     # a key may stand twice
            continue
        depth = indent(line) + len(key.group(2) or '')
        if key.group(2) and (of_question is None or depth == of_question):
            of_question = depth
        if depth != of_question:
            continue
        if name == 'variable':
            count['questions'] += 1
        elif name == 'type':
            count[plain(value) if plain(value) in KINDS else 'unknown'] += 1
        elif name == 'required' and plain(value).lower() in ('true', 'yes', 'on', 'y'):
            count['required'] += 1
        elif name == 'default' and (block is not None or plain(value) not in ('', 'null', '~')):
            count['default'] += 1
        elif name == 'options':
            count['options'] += 1
    count.update(bounds)


def main():
    folder = os.environ.get('DROVER_CORPORA')
    if not folder:
        print('DROVER_CORPORA names no folder')
        return 77
    count = collections.Counter()
    for where, _, names in os.walk(folder):
        depth = len(os.path.relpath(where, folder).split(os.sep))
        for name in names:
            if depth == 3 and name == 'config.yml':
                count['config'] += 1
            elif depth >= 4 and name == 'project.yml':
                count['project'] += 1
            elif depth >= 4 and name == 'rancher-compose.yml':
                count['version'] += 1
                with open(os.path.join(where, name), encoding='utf-8') as f:
                    count_version(f.read().replace('\r\n', '\n'), count)
    out = subprocess.run([sys.argv[1], 'every_file_of'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout
    counted = re.search(r'catalog: (.*)', out)
    if not counted:
        print(out)
        return 1
    there = {k: int(v) for k, v in (word.split('=') for word in counted.group(1).split())}
    wrong = 0
    for key in ['config', 'version', 'project', 'minimum', 'maximum', 'upgrade_from', 'questions', 'required', 'default', 'options'] + KINDS + ['unknown']:
        mark = '' if count[key] == there[key] else '   differs'
        wrong += bool(mark)
        print('%-14s %6d lines say, %6d read%s' % (key, count[key], there[key], mark))
    return 1 if wrong or not count['questions'] else 0


sys.exit(main())
