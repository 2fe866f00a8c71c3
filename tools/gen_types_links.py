"""Links of a type: the facts give names and, for reference links, the field; what collection links follow is derived here.

A collection link is a child link when the listed type has a field that points back, a map link when a *Map table joins the
two (api.md 1.9). The few that no rule finds, and the special links of api.md 1.9 and 5.4, are rows below.
"""
import re

# (base type, link) -> (kind, target, field, via, far): field points back to us, in target (child) or in via (map).
FIXED = {
    ('service', 'consumedservices'): ('map', 'service', 'serviceId', 'serviceConsumeMap', 'consumedServiceId'),
    ('service', 'consumedbyservices'): ('map', 'service', 'consumedServiceId', 'serviceConsumeMap', 'serviceId'),
    ('service', 'instances'): ('map', 'instance', 'serviceId', 'serviceExposeMap', 'instanceId'),
    ('instance', 'services'): ('map', 'service', 'instanceId', 'serviceExposeMap', 'serviceId'),
    ('instance', 'instanceLabels'): ('map', 'label', 'instanceId', 'instanceLabelMap', 'labelId'),
    ('instance', 'instances'): ('child', 'instance', 'networkContainerId', None, None),
    ('instance', 'hosts'): ('map', 'host', 'instanceId', 'instanceHostMap', 'hostId'),
    ('host', 'instances'): ('map', 'instance', 'hostId', 'instanceHostMap', 'instanceId'),
    ('instance', 'targetInstanceLinks'): ('child', 'instanceLink', 'targetInstanceId', None, None),
    ('host', 'hostLabels'): ('map', 'label', 'hostId', 'hostLabelMap', 'labelId'),
    ('host', 'clusters'): ('map', 'host', 'hostId', 'clusterHostMap', 'clusterId'),
    ('host', 'hosts'): ('map', 'host', 'clusterId', 'clusterHostMap', 'hostId'),
    ('ipAddress', 'publicPorts'): ('child', 'port', 'publicIpAddressId', None, None),
    ('ipAddress', 'privatePorts'): ('child', 'port', 'privateIpAddressId', None, None),
    ('storagePool', 'credentials'): ('child', 'credential', 'registryId', None, None),
    ('credential', 'images'): ('child', 'image', 'registryCredentialId', None, None),
}
# api.md 1.9 and 5.4; a handler of the server answers these. Only v2-beta and v1 types that exist get them.
SPECIAL = {
    'host': ['config', 'containerStats', 'hostStats', 'stats'],
    'machine': ['config'],
    'container': ['containerStats', 'stats'],
    'virtualMachine': ['containerStats', 'stats'],
    'service': ['containerStats'],
    'project': ['hostStats'],
    'stack': ['composeConfig'],
    'environment': ['composeConfig'],
    'apiKey': ['certificate'],
    'hostTemplate': ['secretValues'],
    'registrationToken': ['registrationUrl'],
    'haConfig': ['dbdump'],
    'auditLog': ['authenticatedAsIdentity', 'resource'],
    'sshKey': ['pem'],
}


def element(text):
    m = re.match(r'^reference\[(.*)\]$', text)
    return m.group(1) if m else None


def row(name, kind, target, field=None, via=None, far=None):
    return {'name': name, 'kind': 'LINK_' + kind.upper(), 'target': target, 'field': field, 'via': via, 'far': far}


def back_field(defs, lineage, target):
    """The field of target that points to the first of lineage it can: containerId, instanceId ..."""
    fields = defs[target]['fields']
    for x in lineage:
        if element(fields.get(x + 'Id', {}).get('type', '')):
            return x + 'Id'
    return None


def map_row(defs, d, name, target):
    for via in sorted(defs, key=len):
        if not via.endswith('Map'):
            continue
        near, far = back_field(defs, d['lineage'], via), back_field(defs, defs[target]['lineage'], via)
        if near and far and near != far:
            return row(name, 'map', target, near, via, far)
    return None


def collection_link(defs, d, name, plurals):
    base = 'stack' if d['base'] == 'environment' else d['base']
    if (base, name) in FIXED:
        kind, target, field, via, far = FIXED[(base, name)]
        known = target in defs and (via is None or via in defs)
        return row(name, kind, target, field, via, far) if known else None
    target = plurals.get(name) or plurals.get(name.lower())
    if not target:
        return None                                             # the target is not part of this API version
    field = back_field(defs, d['lineage'], target)
    if field:
        return row(name, 'child', target, field)
    return map_row(defs, d, name, target)


def derive_links(defs, d):
    plurals = {}
    for n, x in defs.items():
        plurals.setdefault(x['plural'].lower(), n)
        plurals[x['plural']] = n
    rows = []
    for name, field in sorted(d['links'].items()):
        if field:
            f = d['fields'].get(field)
            target = f and element(f['type'])
            if target in defs:
                rows.append(row(name, 'reference', target, field))
            continue
        found = collection_link(defs, d, name, plurals)
        if found:
            rows.append(found)
    names = {r['name'] for r in rows}
    kinds = [d['name']] + (['service'] if d['base'] == 'service' and d['name'] != 'service' else [])
    for kind in kinds:
        for name in SPECIAL.get(kind, []):
            if name not in names:
                rows.append(row(name, 'special', None))
    return sorted(rows, key=lambda r: r['name'])
