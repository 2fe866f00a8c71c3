#!/usr/bin/env python3
"""The main job with each agent behind a relay that makes its engine look like a newer one: API 1.44, 1.48 and 1.52 (engine_relay.py)."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import engine_relay
import harness
import main_job

# One version per host; the first and the last that must work, and one between drawn from the seed.
VERSIONS = ['1.44', f'1.{45 + harness.SEED % 7}', '1.52']


class Relayed(harness.World):
    """Hosts see the machine's /tmp, so a relay outside serves a socket in there; its way to the engine is a link that follows reboots."""

    def __init__(self, *args):
        self.relays = {}
        super().__init__(*args, join=False)
        try:
            for host, version in zip(self.hosts, VERSIONS):
                self.point(host)
                self.relays[host] = engine_relay.Relay(self.path(host, 'engine'), self.path(host, 'relay'), version)
            self.join_with(f'export DOCKER_HOST=unix://{self.dir}/relay-$(hostname).sock; ')
        except BaseException:
            self.close(failed=True)
            raise

    def path(self, host, what):
        return os.path.join(self.dir, f'{what}-{host}.sock')

    def point(self, host):
        link = self.path(host, 'engine')
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink(f'/proc/{self.pid1(host)}/root/run/docker.sock', link)

    def lab(self, verb, *args, **more):
        r = super().lab(verb, *args, **more)
        if verb == 'reboot':
            self.point(args[0])
        return r

    def close(self, failed=False):
        for relay in self.relays.values():
            relay.close()
        super().close(failed)


class NewerEngines(main_job.MainJob, main_job.Reboot, harness.Case):
    @classmethod
    def make_world(cls):
        return Relayed(cls.hosts, cls.cgroup2)

    def test_the_agents_speak_what_the_engines_claim(self):
        w = self.world
        w.simple('spoken', 'web', 3)
        w.settle()
        for host, version in zip(w.hosts, VERSIONS):
            relay = w.relays[host]
            self.assertGreater(relay.requests, 0)
            self.assertEqual(relay.refused, [], f'paths of versions that an engine of {version} refuses')


if __name__ == '__main__':
    print('engine API versions:', ' '.join(VERSIONS), file=sys.stderr)
    harness.main()
