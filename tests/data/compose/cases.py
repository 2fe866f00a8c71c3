#!/usr/bin/env python3
"""Makes cases.jsonl from a folder of recorded cases: cases.py FOLDER > cases.jsonl (README.md tells what a line holds)."""
import json
import os
import sys


def text(folder, name):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return None
    with open(path, 'rb') as f:
        return f.read().decode('utf-8', 'surrogateescape')


def result(folder, prefix):
    """Requests and warnings, or the error."""
    error = text(folder, prefix + 'error.txt')
    out = {}
    expected = text(folder, prefix + 'expected.json')
    if error is not None:
        out['error'] = error[:-1] if error.endswith('\n') else error
    if expected is not None:
        expected = json.loads(expected)
        out['requests'] = expected['requests']
        if expected.get('warnings'):
            out['warnings'] = expected['warnings']
    return out


def case(folder, name):
    line = {'name': name, 'docker': text(folder, 'docker-compose.yml')}
    for key, file in (('rancher', 'rancher-compose.yml'),):
        if text(folder, file) is not None:
            line[key] = text(folder, file)
    for key, file in (('answers', 'answers.json'), ('options', 'options.json')):
        if text(folder, file) is not None:
            line[key] = json.loads(text(folder, file))
    line.update(result(folder, ''))
    if text(folder, 'upgrade.docker-compose.yml') is not None:
        upgrade = {'docker': text(folder, 'upgrade.docker-compose.yml')}
        if text(folder, 'upgrade.rancher-compose.yml') is not None:
            upgrade['rancher'] = text(folder, 'upgrade.rancher-compose.yml')
        upgrade.update(result(folder, 'upgrade.'))
        line['upgrade'] = upgrade
    return line


def main():
    root = sys.argv[1]
    for name in sorted(os.listdir(root)):
        print(json.dumps(case(os.path.join(root, name), name), sort_keys=False, ensure_ascii=True, separators=(',', ':')))


main()
