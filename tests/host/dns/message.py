"""DNS messages for the tests: a small codec of its own, so that the one under test does not judge itself."""
import random
import socket
import struct

TYPES = {'A': 1, 'NS': 2, 'CNAME': 5, 'SOA': 6, 'PTR': 12, 'HINFO': 13, 'MX': 15, 'TXT': 16, 'AAAA': 28, 'SRV': 33, 'NAPTR': 35, 'DS': 43, 'SVCB': 64,
         'HTTPS': 65, 'OPT': 41, 'IXFR': 251, 'AXFR': 252, 'ANY': 255, 'CAA': 257, 'RRSIG': 46, 'DNSKEY': 48, 'SPF': 99, 'URI': 256}
CLASSES = {'IN': 1, 'CH': 3, 'HS': 4, 'NONE': 254, 'ANY': 255}
OPCODES = {'QUERY': 0, 'IQUERY': 1, 'STATUS': 2, 'NOTIFY': 4, 'UPDATE': 5}
RCODES = {0: 'NOERROR', 1: 'FORMERR', 2: 'SERVFAIL', 3: 'NXDOMAIN', 4: 'NOTIMP', 5: 'REFUSED', 16: 'BADVERS'}
FLAGS = [('QR', 0x8000), ('AA', 0x400), ('TC', 0x200), ('RD', 0x100), ('RA', 0x80), ('AD', 0x20), ('CD', 0x10)]
TYPE_NAMES = {v: k for k, v in TYPES.items()}
CLASS_NAMES = {v: k for k, v in CLASSES.items()}


def encode_name(name):
    out = b''
    for label in name.rstrip('.').split('.') if name.rstrip('.') else []:
        raw = label.encode('latin-1')
        out += bytes([len(raw)]) + raw
    return out + b'\0'


def query(name, rtype, ident=None, rd=1, cd=0, ad=0, op='QUERY', cls='IN', nq=1, edns=None, ednsver=0, do=0, cookie=0):
    ident = random.randrange(65536) if ident is None else ident
    flags = OPCODES[op] << 11 | (0x100 if rd else 0) | (0x10 if cd else 0) | (0x20 if ad else 0)
    number = TYPES[rtype] if rtype in TYPES else int(rtype.replace('TYPE', ''))
    question = encode_name(name) + struct.pack('>HH', number, CLASSES[cls])
    out = struct.pack('>HHHHHH', ident, flags, nq, 0, 0, 0 if edns is None else 1) + question * nq
    if edns is not None:
        options = struct.pack('>HH', 10, 8) + b'drovertt' if cookie else b''
        out += b'\0' + struct.pack('>HHBBHH', 41, edns, 0, ednsver, 0x8000 if do else 0, len(options)) + options
    return ident, out


def read_name(p, at):
    labels, end, hops = [], None, 0
    while True:
        n = p[at]
        if n >= 0xc0:
            end = at + 2 if end is None else end
            at = (n & 0x3f) << 8 | p[at + 1]
            hops += 1
            if hops > 64:
                raise ValueError('pointers without end')
            continue
        at += 1
        if n == 0:
            break
        labels.append(p[at:at + n].decode('latin-1'))
        at += n
    return ''.join(label + '.' for label in labels) or '.', at if end is None else end


def rdata_text(p, rtype, at, n):
    raw = p[at:at + n]
    if rtype == 1:
        if n != 4:
            raise ValueError('an address of %d bytes' % n)
        return socket.inet_ntoa(raw)
    if rtype == 28:
        return socket.inet_ntop(socket.AF_INET6, raw)
    if rtype in (2, 5, 12):
        return read_name(p, at)[0]
    if rtype == 15:
        return '%d %s' % (struct.unpack('>H', raw[:2])[0], read_name(p, at + 2)[0])
    if rtype == 33:
        return '%d %d %d %s' % (*struct.unpack('>HHH', raw[:6]), read_name(p, at + 6)[0])
    if rtype == 16:
        texts, i = [], 0
        while i < n:
            texts.append('"%s"' % raw[i + 1:i + 1 + raw[i]].decode('latin-1'))
            i += 1 + raw[i]
        return ' '.join(texts)
    if rtype == 6:
        mname, k = read_name(p, at)
        rname, k = read_name(p, k)
        numbers = list(struct.unpack('>IIIII', p[k:k + 20]))
        return '%s %s %s' % (mname, rname, ' '.join(map(str, numbers)))
    return raw.hex()


def decode(p):
    """The fields of queries.jsonl."""
    ident, flags, *counts = struct.unpack('>HHHHHH', p[:12])
    out = {'id': ident, 'size': len(p), 'opcode': flags >> 11 & 15, 'flags': [name for name, bit in FLAGS if flags & bit], 'counts': counts,
           'question': [], 'answer': [], 'authority': [], 'additional': [], 'edns': None}
    rcode, at = flags & 15, 12
    for _ in range(counts[0]):
        name, at = read_name(p, at)
        rtype, cls = struct.unpack('>HH', p[at:at + 4])
        at += 4
        out['question'].append([name, CLASS_NAMES.get(cls, 'CLASS%d' % cls), TYPE_NAMES.get(rtype, 'TYPE%d' % rtype)])
    for section, count in zip(('answer', 'authority', 'additional'), counts[1:]):
        for _ in range(count):
            name, at = read_name(p, at)
            rtype, cls, ttl, n = struct.unpack('>HHIH', p[at:at + 10])
            at += 10
            if at + n > len(p):
                raise ValueError('a record longer than its message')
            if rtype == 41:
                rcode |= ttl >> 24 << 4
                out['edns'] = {'version': ttl >> 16 & 255, 'udp': cls, 'do': bool(ttl & 0x8000), 'options': int(n > 0)}
            else:
                out[section].append([name, ttl, TYPE_NAMES.get(rtype, 'TYPE%d' % rtype), rdata_text(p, rtype, at, n)])
            at += n
    if at != len(p):
        raise ValueError('%d bytes behind the last record' % (len(p) - at))
    out['rcode'] = RCODES.get(rcode, str(rcode))
    return out


def ask(server, name, rtype, client=None, tcp=0, timeout=6, port=53, **options):
    """The decoded reply, or None when none came in time."""
    ident, message = query(name, rtype, **options)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as s:
        s.settimeout(timeout)
        if client:
            s.bind((client, 0))
        try:
            s.connect((server, port))
            if tcp:
                s.sendall(struct.pack('>H', len(message)) + message)
                reply = read_framed(s)
            else:
                s.send(message)
                reply = s.recv(65536)
        except OSError:
            return None
    out = decode(reply)
    out['id_same'] = out.pop('id') == ident
    return out


def read_exactly(s, n):
    out = b''
    while len(out) < n:
        more = s.recv(n - len(out))
        if not more:
            raise OSError('connection ended')
        out += more
    return out


def read_framed(s):
    return read_exactly(s, struct.unpack('>H', read_exactly(s, 2))[0])
