#!/usr/bin/env python3
"""A lab host joins over TLS: by the join command, which trusts the authority that has the right fingerprint and no other, and by an agent that keeps to it."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness


class Tls(harness.Case):
    hosts = 1

    @classmethod
    def make_world(cls):
        w = harness.World(cls.hosts, join=False, server_args=['--tls'])
        try:
            # Hosts reach the server by the lab's gateway: the certificate has to have that name too.
            gateway = next(iter(w.addresses().values())).rsplit('.', 1)[0] + '.1'
            w.server.stop()
            w.server.args += ['--tls-name', gateway]
            w.server.start()
            w.api.put('/v2-beta/settings/api.host', {'value': f'https://127.0.0.1:{w.server.port}'})
        except BaseException:
            w.close(failed=True)
            raise
        return w

    def command(self):
        w = self.world
        token = w.api.post('registrationtokens')
        return harness.until(lambda: (lambda t: t.get('command') if t['state'] == 'active' else None)(w.api.get(f'registrationtokens/{token["id"]}')), 'a join command')

    def test_a_wrong_fingerprint_is_refused_and_the_right_one_joins(self):
        w, command = self.world, self.command()
        sha256, sha1 = re.search('CA_SHA256=([0-9a-f]{64})', command).group(1), re.search("CA_FINGERPRINT='([0-9A-F:]*)'", command).group(1)
        wrong = ('0' if sha256[0] != '0' else '1') + sha256[1:]
        for bad in (command.replace(sha256, wrong), command.replace(f'CA_SHA256={sha256}', f'CA_SHA256={wrong}'), command.replace(sha1, 'A' + sha1[1:] if sha1[0] != 'A' else 'B' + sha1[1:])):
            self.assertNotEqual(bad, command)
            r = w.lab('up', '--join-command', bad, *w.lab_options(), check=False)
            self.assertNotEqual(r.returncode, 0)
            self.assertIn('expected certificate authority', r.stderr)
            self.assertEqual(w.api.list('hosts'), [])
        w.lab('up', '--join-command', command, *w.lab_options())
        w.wait_hosts()
        w.simple('tls', 'web', 2)
        w.settle()
        # The agent came over TLS and keeps to the authority.
        conf = w.lab('exec', w.hosts[0], '--', 'cat', '/etc/drover/node.conf').stdout
        self.assertIn('url = "https://', conf)
        self.assertIn('ca-file', conf)


if __name__ == '__main__':
    harness.main()
