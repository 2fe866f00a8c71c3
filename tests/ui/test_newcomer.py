#!/usr/bin/env python3
"""The whole way of a newcomer in a browser, on a real host: login, the shown join command, a template of the built-in catalog by its form, a shell in its
container, scale, upgrade, and why a container fails, on one page that is never reloaded. The browser's half is newcomer.mjs."""
import json
import os
import shutil
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, 'tests/host/e2e'))
import harness

CHROMIUM = os.environ.get('DROVER_CHROMIUM', '/usr/bin/chromium')


def why_not():
    if not shutil.which('node'):
        return 'needs the program node'
    if not os.access(CHROMIUM, os.X_OK):
        return "needs Debian's chromium"
    if not os.path.isdir(os.path.join(HERE, 'node_modules/playwright-core')):
        return 'needs playwright-core: tools/test.sh ui installs it'
    return harness.why_not()


class Newcomer(unittest.TestCase):
    def test_a_newcomer_needs_no_reload(self):
        world = harness.World(hosts=2, join=False)
        failed = True
        try:
            drover = harness.program('drover')
            engines = [f'{drover} lab --name {world.name} docker {h}' for h in world.hosts]
            subprocess.run([os.path.join(ROOT, 'examples/demo/images.sh'), drover, *engines], env=world.env(), stdin=subprocess.DEVNULL, check=True, timeout=harness.DEADLINE_S)
            env = dict(os.environ, NEWCOMER=json.dumps({
                'url': world.server.url, 'login': world.server.admin['username'], 'password': world.server.admin['password'],
                'lab': [drover, 'lab', '--name', world.name], 'env': world.env()}))
            done = subprocess.run(['node', os.path.join(HERE, 'newcomer.mjs')], env=env, stdin=subprocess.DEVNULL, timeout=harness.DEADLINE_S, check=False)
            self.assertEqual(done.returncode, 0)
            failed = False
        finally:
            world.close(failed=failed)


if __name__ == '__main__':
    reason = why_not()
    if reason:
        print(f'skipped: {reason}')
        sys.exit(77)
    unittest.main(verbosity=2)
