"""Scripts parse and can be started: shell and Python syntax, and the executable bit of shell scripts."""
import os
import re
import subprocess

import tree


def check(root):
    for path, text in tree.files(root):
        first = text.split('\n', 1)[0]
        shell = re.match(r'#!\S*/(?:env )?(bash|sh)\b', first)
        if shell and not path.startswith(('tests/data/', 'catalog/')) and not os.access(os.path.join(root, path), os.X_OK):
            yield '%s: has a #! line but is not executable' % path
        if shell:
            done = subprocess.run([shell.group(1), '-n', os.path.join(root, path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if done.returncode:
                yield '%s: %s' % (path, done.stdout.strip().replace(root, '.'))
        elif path.endswith('.py') or first.startswith('#!') and 'python' in first:
            try:
                compile(text, path, 'exec', dont_inherit=True)
            except SyntaxError as e:
                yield '%s:%s: %s' % (path, e.lineno, e.msg)
