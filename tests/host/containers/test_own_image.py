#!/usr/bin/env python3
"""Image drover/node on a real engine without any registry: the agent makes it out of its own program when a container needs it."""
import json
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'e2e'))
import harness
from harness import until


@unittest.skipIf(harness.why_not(), harness.why_not())
class OwnImage(harness.OneHost):
    def test_a_missing_image_is_made_and_runs(self):
        c = self.api.post('containers', {'name': 'self', 'imageUuid': 'docker:drover/node:0.1.0', 'networkMode': 'host', 'command': ['net', 'vxlan', '--help'],
                                         'restartPolicy': {'name': 'no'}, 'startOnCreate': True})
        until(lambda: self.api.get('containers/' + c['id'])['externalId'], 'the container is made')
        c = self.api.get('containers/' + c['id'])
        until(lambda: 'Usage: drover-node net vxlan' in self.docker('logs', c['externalId']), 'the program says its usage')
        image = json.loads(self.docker('image', 'inspect', 'drover/node:0.1.0'))[0]
        self.assertEqual(image['Config']['Entrypoint'], ['/bin/drover-node'])
        self.assertIn('io.drover.version', image['Config']['Labels'])


if __name__ == '__main__':
    unittest.main(verbosity=2)
