#!/usr/bin/env python3
"""Every recorded answer of the original metadata service (tests/data/metadata) against drover-node metadata.

usage: metadata_golden.py DROVER_NODE [ID...]; the ids of recordings to look at, all without. Differences allowed are those of
tests/data/metadata/README.md, and those a line says under "drover"."""
import concurrent.futures, copy, http.client, json, os, signal, subprocess, sys, tempfile, time, urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, '../../data/metadata')


def lines(name):
    with open(os.path.join(DATA, name), encoding='utf-8') as f:
        return [json.loads(line) for line in f]


def key_of(o):
    kind = o['metadata_kind']
    if kind in ('environment', 'defaultData'):
        return kind
    if kind == 'serviceContainerLink':
        return f"{kind}/{o['service_uuid']}/{o['service_name']}/{o['container_uuid']}"
    if kind in ('serviceLink', 'containerLink'):
        return f"{kind}/{o.get('service_uuid') or o.get('container_uuid')}/{o['key']}"
    if kind == 'service' and o['name'] != o['primary_service_name']:
        return f"{kind}/{o['uuid']}/{o['name']}"
    return f"{kind}/{o['uuid']}"


def objects_of(name):
    return {key_of(o): o for o in lines(name) if o['metadata_kind'] != 'credential'}


def variant(objects, changes):
    """The objects after a variant of dataset.json."""
    objects = copy.deepcopy(objects)
    for kind, uuid, path, value in changes.get('set', []):
        at = objects[f'{kind}/{uuid}']
        *parents, last = path.split('.')
        for p in parents:
            at = at[p]
        at[last] = value
    if changes.get('empty'):
        default = objects['defaultData']
        objects = {k: o for k, o in objects.items() if o['metadata_kind'] in ('environment', 'host')}
        objects['defaultData'] = default
    return objects


class World:
    """What the service is told: one topic per environment, each feed a new snapshot."""
    def __init__(self):
        with open(os.path.join(DATA, 'dataset.json'), encoding='utf-8') as f:
            self.variants = json.load(f)['variants']
        self.base = objects_of('stream-base.jsonl')
        self.remotes = {name: objects_of(f'stream-{name}.jsonl') for name in ('shared', 'dr')}
        self.rev = 0

    def messages(self, name):
        self.rev += 1
        if name == 'nodata':
            return []
        changes = {} if name in ('base', 'wait', 'xff', 'answerfile', 'reload', 'version') else self.variants[name]
        out = [{'topic': 'env', 'rev': self.rev, 'base': 0, 'set': variant(self.base, changes)}]
        if not changes.get('empty') and name != 'answerfile':
            for i, (remote, objects) in enumerate(self.remotes.items()):
                out.append({'topic': f'remote/{i}-{remote}/env', 'rev': self.rev, 'base': 0, 'set': objects})
        return out + [{'sync': True}]


class Service:
    def __init__(self, program, world, phase, dir):
        self.file = os.path.join(dir, f'{phase}.jsonl')
        self.world = world
        self.write(phase)
        self.log = open(os.path.join(dir, f'{phase}.log'), 'w+')
        self.process = subprocess.Popen([program, 'metadata', '--listen', '127.0.0.1:0', '--listen-reload', '127.0.0.1:0', '--xff', '--file', self.file],
                                        stderr=self.log, stdin=subprocess.DEVNULL)
        self.port = None
        deadline = time.monotonic() + 20
        while self.port is None:
            with open(self.log.name) as f:
                for line in f:
                    if 'metadata service listens' in line:
                        self.port = int(line.split('127.0.0.1:')[1].split('"')[0].split()[0])
            if self.port is None and (self.process.poll() is not None or time.monotonic() > deadline):
                raise SystemExit('service did not start: ' + open(self.log.name).read())

    def write(self, name):
        with open(self.file + '.new', 'w', encoding='utf-8') as f:
            for m in self.world.messages(name):
                f.write(json.dumps(m) + '\n')
        os.rename(self.file + '.new', self.file)

    def feed(self, name):
        self.write(name)
        self.process.send_signal(signal.SIGHUP)

    def ask(self, method, path, client, accept=None, headers=()):
        c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=150)
        c._encode_request = lambda text: text.encode('latin-1')         # paths are recorded so where they are not ASCII
        c.putrequest(method, path, skip_accept_encoding=True)
        if accept is not None:
            c.putheader('Accept', accept)
        given = {k.lower(): v for k, v in headers}
        if not given.get('x-forwarded-for'):
            c.putheader('X-Forwarded-For', client)
        for k, v in headers:
            if v:
                c.putheader(k, v)
        c.endheaders()
        r = c.getresponse()
        body = r.read().decode('utf-8')
        c.close()
        return r.status, {k.lower(): v for k, v in r.getheaders()}, body

    def end(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


# Normalization ----------------------------------------------------------------------------------------------------------

def sort_key(o):
    return (o.get('name') or '', o.get('uuid') or '', o.get('primary_service_name') or '')


EMPTY_LISTS = {'containers', 'services', 'stacks', 'hosts', 'networks', 'ports', 'environments'}


def normal(v, key=None):
    if isinstance(v, dict):
        local = 'region_name' in v and '-src' not in str(v.get('version'))      # a remote environment's version is the stream's
        return {k: '<version>' if k == 'version' and local else normal(x, k) for k, x in v.items()}
    if isinstance(v, list):
        out = [normal(x) for x in v]
        if out and all(isinstance(x, dict) and ('metadata_kind' in x or 'region_name' in x) for x in out):
            out.sort(key=sort_key)
        return out
    if v is None and key in EMPTY_LISTS:
        return []
    return v


def listing(body):
    out = sorted((line.split('=', 1)[1] if '=' in line else line for line in body.split('\n') if line), key=lambda s: s.encode())
    return out


def same_json(a, b):
    return type(a) is type(b) and a == b                # 1 is not true


SELF_HOST = ('agent_ip\nagent_state\nenvironment_uuid\nhostId\nhostname\nlabels/\nlocal_storage_mb\nmemory\nmetadata_kind\nmilli_cpu\nname\n'
             'state\nuuid\n')
# What drover answers where a line says so in words.
FORCED = {'m0705': (404, '404 page not found\n'), 'm0707': (404, '404 page not found\n'), 'x0084': (200, SELF_HOST),
          'm0060': (200, '["10.42.1.11"]'), 'm0061': (200, '["10.42.1.11"]'), 'm0106': (200, '1'), 'm0168': (200, '1'), 'm0342': (200, 'sv-shop-web'), 'm0368': (404, 'Not found\n'), 'm0574': (404, 'Not found\n'),
          'm0580': (200, '0/\n'), 'm0892': (200, 'tok-web-SECRET'), 'm0896': (200, 'tok-web-SECRET'), 'm0900': (200, 'tok-ipsec-PSK')}


def compare(r, status, headers, body):
    """None, or what is different."""
    want_status, want = r['status'], r.get('body')
    if r['id'] in FORCED:
        want_status, want = FORCED[r['id']]
    if status != want_status:
        return f'status {status}, not {want_status}'
    if r['method'] == 'HEAD':
        length = (r.get('headers') or {}).get('content-length')
        if body or (length is not None and headers.get('content-length') != length):
            return f"length {headers.get('content-length')}, not {length}"
        return None
    for name in () if r['id'] in FORCED else ('access-control-allow-origin', 'x-content-type-options', 'location'):
        if (r.get('headers') or {}).get(name) != headers.get(name):
            return f'header {name} is {headers.get(name)}'
    given, accept = headers.get('content-type'), (r.get('accept') or '').lower()
    if (given is None) != (r.get('content_type') is None) and r['id'] not in FORCED and body:
        return f'content type {given}'
    if want_status == 301:
        return None
    normalized = r.get('normalized') or []
    if r.get('varies_body') and want is None:
        if body in r['varies_body'] or (r['id'] not in FORCED and any(listing(body) == listing(v) for v in r['varies_body'])):
            return None
        return f"body {body!r} is none of {r['varies_body']!r}"
    if 'body_json' in r or (want is not None and given == 'application/json' and status == 200):
        got = normal(json.loads(body))
        expected = normal(r['body_json'] if 'body_json' in r else json.loads(want))
        if r.get('client_is') == 'unknown' and r['path'].startswith('/2015'):         # decision 14: the host id is in the default tree too
            for at in (got, got.get('self'), got.get('host'), (got.get('self') or {}).get('host')) if isinstance(got, dict) else ():
                if isinstance(at, dict) and at.get('metadata_kind') == 'host' and at.get('uuid') == 'h-1':
                    at.pop('hostId', None)
                    expected_host = expected.get('self', {}).get('host') if 'self' in expected else expected.get('host', expected)
                    expected_host.pop('hostId', None)
        for pointer, values in (r.get('varies') or {}).items():
            for tree in (got, expected):
                at = tree
                *parents, last = [p.replace('~1', '/').replace('~0', '~') for p in pointer.split('/')[1:]]
                try:
                    for p in parents:
                        at = at[int(p)] if isinstance(at, list) else at[p]
                    if isinstance(at, list):
                        at[int(last)] = '<varies>'
                    else:
                        at[last] = '<varies>'
                except (KeyError, IndexError, TypeError):
                    pass
        if isinstance(expected, str) and expected == '<version>':
            return None if isinstance(got, str) else f'version {got!r}'
        if same_json(got, expected) or (expected is None and got == []):
            return None
        return difference(got, expected)
    if want == '<version>':
        return None if len(body) == 36 else f'version {body!r}'
    if 'sorted' in normalized and listing(body) == listing(want):
        return None
    return None if body == want else f'body {body[:600]!r}, not {want[:600]!r}'


def difference(got, want, path=''):
    if isinstance(got, dict) and isinstance(want, dict):
        for k in sorted(set(got) | set(want)):
            if k not in got or k not in want:
                return f'{path}/{k} only in ' + ('the recording' if k in want else 'the answer')
            if got[k] != want[k]:
                return difference(got[k], want[k], f'{path}/{k}')
    if isinstance(got, list) and isinstance(want, list) and len(got) == len(want):
        for i, (a, b) in enumerate(zip(got, want)):
            if a != b:
                return difference(a, b, f'{path}/{i}')
    return f'{path}: {str(got)[:300]!r}, not {str(want)[:300]!r}'


# The phases -------------------------------------------------------------------------------------------------------------

def run_wait(program, world, r, dir):
    """A long poll in a service of its own: the data change that was made meanwhile, and the time it may take."""
    s = Service(program, world, 'wait', tempfile.mkdtemp(dir=dir))
    try:
        if '{CURRENT}' in r['path']:
            current = s.ask('GET', '/latest/version', r['client'])[2]
            r = dict(r, path=r['path'].replace('{CURRENT}', current))
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            began = time.monotonic()
            answer = pool.submit(s.ask, r['method'], r['path'], r['client'], r.get('accept'))
            if r.get('feed'):
                time.sleep(0.3)                 # the recording's moment: the request is there, its answer is not
                s.feed(r['feed']['variant'])
            status, headers, body = answer.result()
            took = time.monotonic() - began
    finally:
        s.end()
    found = compare(r, status, headers, body)
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(r['path']).query, keep_blank_values=True))
    limit = int(query['maxWait']) if query.get('maxWait', '').isdigit() and int(query['maxWait']) else 60
    expired = r['seconds'] >= 3
    if not found and expired and took < min(limit, 120) - 0.05:
        found = f'answer after {took:.2f} s, before the time was over'
    if not found and not expired and took >= min(limit, 120):
        found = 'answer only at the end of the wait'
    return found


def main():
    program, only = sys.argv[1], set(sys.argv[2:])
    world = World()
    recordings = [r for r in lines('requests.jsonl') if 'path' in r and (not only or r['id'] in only)]
    same = {(r['path'], r['client'], r['accept']): r for r in recordings if r['phase'] == 'base' and r['method'] == 'GET' and 'same_as' not in r}
    failed, done = [], 0
    with tempfile.TemporaryDirectory() as dir:
        for phase in dict.fromkeys(r['phase'] for r in recordings):
            if phase in ('oldfile', 'reload', 'wait'):
                continue                        # files of upstream's form; the reload port has a test of its own; waits follow below
            s = Service(program, world, phase, dir)
            for r in recordings:
                if r['phase'] != phase:
                    continue
                if 'same_as' in r:
                    r = dict(same.get((r['same_as'].split(',')[0], r['client'], r['accept']), {}), id=r['id'], path=r['path'])
                    if 'status' not in r:
                        continue
                headers = [(k, v) for k, v in (r.get('request_headers') or [])]
                client = r['client']
                try:
                    found = compare(r, *s.ask(r['method'], r['path'], client, r.get('accept'), headers))
                except Exception as e:
                    found = f'{type(e).__name__}: {e}'
                done += 1
                if found:
                    failed.append((r, found))
            s.end()
        waits = [r for r in recordings if r['phase'] == 'wait' and (r['seconds'] < 10 or 'maxWait=0' in r['path'] and r.get('feed'))]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for r, found in zip(waits, pool.map(lambda w: run_wait(program, world, w, dir), waits)):
                done += 1
                if found:
                    failed.append((r, found))
    for r, found in failed:
        print(f"{r['id']} {r['phase']} {r['method']} {r['path']} from {r['client']} accept {r.get('accept')}: {found}")
    print(f'{done} recordings, {len(failed)} differ')
    return bool(failed)


if __name__ == '__main__':
    sys.exit(main())
