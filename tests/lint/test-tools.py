#!/usr/bin/env python3
"""The project's own tools: the sum of test results, and what deps.sh does on machines of several kinds (all commands are doubles)."""
import json
import os
import subprocess
import sys
import tempfile

ROOT = sys.argv[1]
CMOCKA = '[==========] Running 3 test(s).\n[==========] g: 3 test(s) run.\n[  PASSED  ] %d test(s).\n'


def summary(*logs):
    with tempfile.TemporaryDirectory() as folder:
        arguments = []
        for name, rows in logs:
            path = os.path.join(folder, name + '.json')
            if rows is not None:
                with open(path, 'w', encoding='utf-8') as f:
                    f.writelines(json.dumps({'name': 't', 'stderr': '', **row}) + '\n' for row in rows)
            arguments.append('%s=%s' % (name, path))
        done = subprocess.run([sys.executable, os.path.join(ROOT, 'tools/test-summary.py')] + arguments, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.splitlines()[-1]


def deps(arguments=(), installed=(), root=True, debian=True, engine=False, apt=0):
    """Runs deps.sh where only these commands exist. Returns exit status, output, and what apt-get was asked for."""
    with tempfile.TemporaryDirectory() as folder:
        def script(name, text):
            with open(os.path.join(folder, name), 'w', encoding='utf-8') as f:
                f.write('#!/bin/sh\n' + text)
            os.chmod(os.path.join(folder, name), 0o755)
        for name in ('sed', 'tr', 'sort', 'grep', 'cat', 'rm', 'chmod'):
            for place in ('/usr/bin/', '/bin/'):
                if os.path.exists(place + name):
                    os.symlink(place + name, os.path.join(folder, name))
                    break
        script('id', 'echo %d' % (0 if root else 1000))
        if debian:
            script('dpkg-query', 'for p; do :; done; case " %s $(/usr/bin/cat %s/now 2>/dev/null) " in *" $p "*) echo installed;; *) exit 1;; esac'
                   % (' '.join(installed), folder))
            script('apt-get', 'echo "$@" >>%s/apt\n[ -x %s/policy-rc.d ] || echo "services may start" >>%s/apt\ncase "$*" in *simulate*|update*) exit %d;; esac\n'
                   'for p; do case $p in -*|install) ;; docker.io) : >%s/dockerd; chmod +x %s/dockerd;; *) echo "$p" >>%s/now.l;; esac; done; /usr/bin/tr "\\n" " " <%s/now.l >%s/now\n'
                   % ((folder,) * 3 + (apt,) + (folder,) * 5))
        if engine:
            script('dockerd', 'exit 0')
        done = subprocess.run(['/bin/bash', os.path.join(ROOT, 'tools/deps.sh')] + list(arguments), env={'PATH': folder, 'DROVER_DEPS_SBIN': folder}, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if os.path.exists(folder + '/policy-rc.d'):
            return -1, 'policy-rc.d was left behind', ''
        asked = ''
        if os.path.exists(folder + '/apt'):
            with open(folder + '/apt', encoding='utf-8') as f:
                asked = f.read()
        return done.returncode, done.stdout, asked


def everything():
    done = subprocess.run(['/bin/bash', os.path.join(ROOT, 'tools/deps.sh'), '--list'], capture_output=True, text=True, check=True)
    return done.stdout.split()


def cases():
    ok = {'result': 'OK', 'stdout': CMOCKA % 3}
    yield 'each cmocka test counts', summary(('u', [ok])) == (0, '3 passed, 0 failed')
    yield 'suites are summed', summary(('u', [ok]), ('s', [ok, ok])) == (0, '9 passed, 0 failed')
    yield 'a script counts once', summary(('l', [{'result': 'OK', 'stdout': 'fine\n'}])) == (0, '1 passed, 0 failed')
    yield 'a script that counts is believed', summary(('l', [{'result': 'OK', 'stdout': '26 passed, 0 failed\n'}])) == (0, '26 passed, 0 failed')
    yield 'tests of unittest count', summary(('h', [{'result': 'FAIL', 'stdout': '', 'stderr': 'Ran 9 tests in 1.2s\n\nFAILED (failures=1, errors=1, skipped=2)\n'},
                                                    {'result': 'OK', 'stdout': 'Ran 1 test in 0.1s\n\nOK\n'}])) == (1, '6 passed, 2 failed, 2 skipped')
    yield 'a crash after passed tests is a failure', summary(('u', [{'result': 'FAIL', 'stdout': CMOCKA % 3}])) == (1, '3 passed, 1 failed')
    yield 'a time-out is a failure', summary(('u', [ok, {'result': 'TIMEOUT', 'stdout': ''}])) == (1, '3 passed, 1 failed')
    yield 'failed cmocka tests count', summary(('u', [{'result': 'FAIL', 'stdout': CMOCKA % 1 + '[  FAILED  ] 2 test(s), listed below:\n'}])) == (1, '1 passed, 2 failed')
    yield 'a skipped program is told', summary(('h', [ok, {'result': 'SKIP', 'stdout': 'no engine\n'}])) == (0, '3 passed, 0 failed, 1 skipped')
    yield 'a suite that did not run is a failure', summary(('u', [ok]), ('h', None)) == (1, '3 passed, 1 failed')

    most = [p for p in everything() if p not in ('meson', 'docker.io')]
    status, out, asked = deps(installed=most)
    yield 'only what is missing is installed', status == 0 and 'will install: docker.io meson\n' in out and 'clang' not in asked
    yield 'nothing is removed, nothing recommended comes', all('--no-remove --no-install-recommends' in line for line in asked.splitlines() if line.startswith('install'))
    yield 'no service starts meanwhile', 'services may start' not in asked
    yield 'package lists are fetched only when needed', 'update' not in asked and 'update' in deps(installed=most, apt=100)[2]
    status, out, asked = deps(installed=most, engine=True)
    yield 'an engine that is there stays', status == 0 and 'docker.io' not in asked and 'meson' in asked
    yield 'with everything there nothing happens', deps(installed=most + ['meson'], engine=True) == (0, '', '')
    status, out, asked = deps(installed=most, root=False)
    yield 'without root the list is printed', status == 1 and asked == '' and 'apt-get install --no-remove --no-install-recommends docker.io meson' in out and 'docker build' in out
    yield 'without root but with everything it goes on', deps(installed=most + ['meson'], root=False, engine=True) == (0, '', '')
    status, out, asked = deps(debian=False)
    yield 'off Debian the list is printed', status == 1 and 'a Docker engine' in out and 'libuv1-dev' in out and 'docker build' in out
    yield 'an unknown group is refused', deps(['nonsense'])[0] == 1


def main():
    passed = failed = 0
    for name, held in cases():
        if held:
            passed += 1
        else:
            failed += 1
            print('not so: ' + name)
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed else 0


sys.exit(main())
