"""/v1-catalog for the double of the API: two catalogs, a template of two versions whose second asks more."""

QUESTIONS = [
    {'variable': 'GREETING', 'label': 'Greeting', 'type': 'string', 'required': True, 'default': 'Hello', 'maxLength': 10, 'description': 'What it says'},
    {'variable': 'PORT', 'label': 'Port', 'type': 'int', 'required': True, 'default': '', 'min': 1, 'max': 65535},
    {'variable': 'SIZE', 'label': 'Size', 'type': 'enum', 'required': True, 'default': 'small', 'options': ['small', 'big']},
    {'variable': 'DEBUG', 'label': 'Debug', 'type': 'boolean', 'required': False, 'default': 'false'},
    {'variable': 'TOKEN', 'label': 'Token', 'type': 'password', 'required': False, 'default': '', 'minLength': 4, 'validChars': 'a-z'},
    {'variable': 'BESIDE', 'label': 'Beside', 'type': 'service', 'required': False, 'default': ''},
]


def question(**q):
    return dict({'description': '', 'group': '', 'minLength': 0, 'maxLength': 0, 'min': 0, 'max': 0, 'options': None, 'validChars': '', 'invalidChars': ''}, **q)


class Catalog:
    def __init__(self, url):
        self.url = url
        self.sources = [{'id': n, 'type': 'catalog', 'name': n, 'url': 'builtin:' + n, 'branch': 'master', 'commit': 'c0ffee'} for n in ('library', 'extra')]
        self.templates = {}
        self.add('library:hello', 'Hello page', [('0.1.0', QUESTIONS[:2]), ('0.2.0', QUESTIONS)])
        self.add('library:infra*net', 'Net', [('1.0', [])])
        self.add('extra:hello', 'Other', [('7', [])])
        self.add('extra:swarm-only', 'Elsewhere', [('1', [])])
        self.templates['extra:swarm-only']['labels'] = {'io.rancher.orchestration.supported': 'swarm, mesos'}
        self.refreshed = 0

    def add(self, ident, name, versions):
        catalog, path = ident.split(':')
        base, _, folder = path.rpartition('*')
        t = {'id': ident, 'type': 'template', 'name': name, 'catalogId': catalog, 'templateBase': base, 'folderName': folder, 'description': 'A ' + name,
             'categories': ['Examples'], 'defaultVersion': versions[-1][0], 'defaultTemplateVersionId': '%s:%d' % (ident, len(versions) - 1),
             'versionLinks': {v: '%s/v1-catalog/templates/%s:%d?projectId=1a5' % (self.url, ident, i) for i, (v, q) in enumerate(versions)}, 'versions': []}
        for i, (version, questions) in enumerate(versions):
            t['versions'].append({
                'id': '%s:%d' % (ident, i), 'type': 'templateVersion', 'version': version, 'revision': i, 'templateId': ident,
                'files': {'docker-compose.yml': 'plain %s' % version, 'docker-compose.yml.tpl': 'compose %s' % version, 'rancher-compose.yml': 'rancher %s' % version},
                'questions': [question(**q) for q in questions],
                'upgradeVersionLinks': {v: t['versionLinks'][v] for v, q in versions[i + 1:]}})
        self.templates[ident] = t

    def error(self, status, message):
        return status, {'type': 'error', 'status': str(status), 'message': message}

    def answer(self, method, parts, query, body):
        if query.get('projectId') != '1a5':
            return self.error(400, 'the request names no environment')
        if parts == ['templates'] and method == 'POST' and query.get('action') == 'refresh':
            self.refreshed += 1
            return 204, None
        if parts == ['templates']:
            return 200, {'type': 'collection', 'data': [self.shown(t) for t in self.templates.values()]}
        if parts[0] in ('templates', 'templateversions'):
            catalog, path, *revision = parts[1].split(':')
            t = self.templates.get(catalog + ':' + path)
            if not t:
                return self.error(404, 'Template not found')
            if not revision:
                return 200, self.shown(t)
            found = [v for v in t['versions'] if revision[0] in (str(v['revision']), v['version'])]
            return (200, found[0]) if found else self.error(404, 'Version not found')
        if parts == ['catalogs'] and method == 'POST':
            if body['name'] in [s['name'] for s in self.sources]:
                return self.error(422, 'Catalog name %s already exists' % body['name'])
            self.sources.append(dict(body, id=body['name'], type='catalog'))
            return 200, self.sources[-1]
        if parts == ['catalogs']:
            return 200, {'type': 'collection', 'data': self.sources}
        found = [s for s in self.sources if s['name'] == parts[1]]
        if not found:
            return self.error(404, 'Catalog not found')
        if method == 'DELETE':
            self.sources.remove(found[0])
            return 204, None
        return 200, found[0]

    def shown(self, t):
        return {k: v for k, v in t.items() if k != 'versions'}
