"""Every recorded query of the original service, asked of drover-node dns: equal, but for what its line says under "drover" and what the README of
tests/data/dns allows for all."""
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import message
import world

DOMAINS = ('.rancher.internal.', '.cluster.local.')


def recordings():
    with open(os.path.join(world.DATA, 'dns', 'queries.jsonl')) as f:
        return [json.loads(line) for line in f]


def addresses_sorted(records):
    k = 0
    while k < len(records) and records[k][2] == 'CNAME':
        k += 1
    return records[:k] + sorted(records[k:])


def without_serial(records):
    out = []
    for owner, ttl, rtype, data in records:
        words = data.split()
        if rtype == 'SOA' and owner == 'rancher.internal.':
            words[2] = '<serial>'
        out.append([owner, ttl, rtype, ' '.join(words) if rtype == 'SOA' else data])
    return out


def ttl_ok(mine, theirs, option):
    """Local records carry --ttl (upstream's may be older, from its cache); of others never more than was received."""
    if mine[0].endswith(DOMAINS) or (mine[2] == 'SOA' and mine[0] == 'rancher.internal.'):
        return mine[1] == option
    return mine[1] >= theirs[1] or theirs[1] >= option       # upstream caps at --ttl and rounds down


def differences(mine, theirs, option, ignore=()):
    out = []
    for key in ('rcode', 'opcode', 'flags', 'counts', 'question', 'edns', 'id_same'):
        if key not in ignore and mine[key] != theirs[key]:
            out.append('%s: %r instead of %r' % (key, mine[key], theirs[key]))
    for key in ('answer', 'authority', 'additional'):
        a, b = without_serial(addresses_sorted(mine[key])), addresses_sorted([list(r) for r in theirs[key]])
        if key in ignore:
            continue
        if [r[:1] + r[2:] for r in a] != [r[:1] + r[2:] for r in b]:
            out.append('%s: %r instead of %r' % (key, a, b))
        elif not all(ttl_ok(x, y, option) for x, y in zip(a, b)):
            out.append('%s times: %r instead of %r' % (key, a, b))
    return out


def in_domain(line):
    return line['name'].lower().endswith('.rancher.internal.')


def missing(mine, line):
    """The name does not exist here: denied inside the domain, asked of the recursers else."""
    wanted = ('NXDOMAIN',) if in_domain(line) else ('REFUSED', 'NXDOMAIN', 'SERVFAIL')
    return [] if mine['rcode'] in wanted and not mine['answer'] else ['%s %r instead of %s' % (mine['rcode'], mine['answer'], wanted)]


def ipv6(mine, line):
    wanted = [r for r in line['answer'] if not r[3].startswith('0.0.0.')]
    if [r[3] for r in addresses_sorted(mine['answer'])] != [r[3] for r in wanted]:
        return ['%r instead of %r' % (mine['answer'], wanted)]
    return [] if mine['rcode'] in ('NOERROR', 'NXDOMAIN') and (wanted or mine['authority']) else ['rcode %s' % mine['rcode']]


def no_address(mine, line):
    if line['id'].startswith('n') and line['name'].startswith('noip.'):
        return [] if [r[3] for r in mine['answer']] == ['10.42.4.21'] and mine['rcode'] == 'NOERROR' else ['%r' % mine['answer']]
    return missing(mine, line)


def healthy_remote(mine, line):
    changed = dict(line, answer=[r for r in line['answer'] if r[3] == '10.50.0.1'], counts=[1, 1, 0, 0])
    return differences(mine, changed, line['ttl_option'])


def with_opt(mine, line):
    limit = max(line['options'].get('edns', 512), 512)
    if line['size'] <= limit < line['size'] + 11 and not line['options'].get('tcp'):
        return differences(mine, line, line['ttl_option'])      # no room for it: the addresses are worth more
    if not mine['edns'] or mine['edns']['version'] != 0 or mine['edns']['do'] != bool(line['options'].get('do')):
        return ['edns %r' % mine['edns']]
    counts = line['counts'][:3] + [line['counts'][3] + 1]
    return differences(mine, dict(line, counts=counts), line['ttl_option'], ('edns',))


def no_data(mine, line):
    soa = [['rancher.internal.', line['ttl_option'], 'SOA', 'rancher.internal. rancher.internal. <serial> 60 10 86400 1']]
    return differences(mine, dict(line, rcode='NOERROR', answer=[], authority=soa), line['ttl_option'])


def rcode(*wanted):
    return lambda mine, line: [] if mine['rcode'] in wanted and not mine['answer'] else ['%s %r instead of %s' % (mine['rcode'], mine['answer'], wanted)]


def own_recurser(mine, line):
    direct = message.ask('192.168.77.54', line['name'], line['type'])
    if line['type'] == 'AAAA' and direct['rcode'] == 'NXDOMAIN':
        direct['rcode'] = 'NOERROR'
    return differences(dict(mine, answer=[[r[0], 0] + r[2:] for r in mine['answer']]), dict(direct, answer=[[r[0], 0] + r[2:] for r in direct['answer']]),
                       line['ttl_option'], ('id_same', 'authority'))


# Beginning of the line's "drover" text -> what is wrong, else [].
DROVER = {
    'upstream cuts an IPv6 external ip': ipv6,
    'upstream sends an A record with no data': no_address,
    'NXDOMAIN or recursion': missing,
    'only 10.50.0.1': healthy_remote,
    'the same with an OPT record': with_opt,
    'NOERROR, no answer, same SOA': no_data,
    'BADVERS': rcode('BADVERS'),
    'NOTIMP': rcode('NOTIMP'),
    'REFUSED or NOTIMP': rcode('REFUSED', 'NOTIMP'),
    'SERVFAIL': rcode('SERVFAIL'),
    'the answer of its own recurser': own_recurser,
}


def compare(line):
    mine = message.ask(world.SERVER, line['name'], line['type'], client=line['client'], **line['options'])
    if mine is None:
        return [] if not line['answered'] else ['no answer']
    if not line['answered']:
        return ['an answer where there was none: %r' % mine]
    if 'drover' in line:
        for text, check in DROVER.items():
            if line['drover'].startswith(text):
                return check(mine, line)
        return ['nobody knows what this means: %r' % line['drover']]
    seen = line.get('varies') or [line]
    found = [differences(mine, dict(line, **one), line['ttl_option']) for one in seen]
    return min(found, key=len)


class Golden(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lines = [line for line in recordings() if 'facts' not in line]
        world.addresses(*sorted({line['client'] for line in cls.lines}))
        cls.w = world.World()
        cls.addClassCleanup(cls.w.close)
        cls.w.swallower()
        cls.dnsmasq = cls.w.dnsmasq()
        cls.w.unbound()
        cls.data = world.dataset()

    def phase(self, letter):
        lines = [line for line in self.lines if line['id'].startswith(letter)]
        self.assertGreater(len(lines), 2)
        wrong = []
        for line in lines:
            for d in compare(line):
                wrong.append('%s %s %s from %s %s: %s' % (line['id'], line['name'], line['type'], line['client'], line['options'] or '', d))
        self.assertEqual(wrong, [], '%d of %d:\n%s' % (len(wrong), len(lines), '\n'.join(wrong)))

    def test_base(self):
        self.w.drover(self.data)
        self.phase('d')

    def test_big(self):
        self.w.drover(world.apply_variant(self.data, 'big'))
        self.phase('b')

    def test_long_times(self):
        self.w.drover(self.data, ttl=600)
        self.phase('t')

    def test_without_address(self):
        self.w.drover(world.apply_variant(self.data, 'noiprun'))
        self.phase('n')

    def test_recurser_down(self):           # last but for z: dnsmasq comes back
        self.w.drover(self.data)
        self.w.stop(Golden.dnsmasq)
        self.phase('r')
        Golden.dnsmasq = self.w.dnsmasq()

    def test_alias_loops_and_missing_targets(self):
        for variant, name in (('aliasloop', 'loopa.alias'), ('dangling', 'dangle.alias')):
            self.w.drover(world.apply_variant(self.data, variant))
            self.assertEqual(message.ask(world.SERVER, name + '.rancher.internal.', 'A')['rcode'], 'NXDOMAIN')
            self.assertEqual(len(message.ask(world.SERVER, 'web.shop.rancher.internal.', 'A')['answer']), 2)


if __name__ == '__main__':
    world.enter()
    world.programs('dnsmasq', 'unbound')
    unittest.main()
