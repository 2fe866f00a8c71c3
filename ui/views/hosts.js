// hosts.js: the hosts of the environment, and how another one joins.
import { can, get, list, post, put, session } from '../api.js';
import { h } from '../dom.js';
import { ask, Dialog, Form, formDialog } from '../form.js';
import { bytes, button, copyButton, empty, heading, menu, plural, problem, reason, states } from '../parts.js';
import { View } from './view.js';
import { containersOn, hostLink, hostName, remove, run } from './workload.js';

const parseLabels = text => Object.fromEntries((text || '').split(/[\n,]/).map(l => l.trim()).filter(Boolean).map(l => { const i = l.indexOf('='); return i < 0 ? [l, ''] : [l.slice(0, i).trim(), l.slice(i + 1).trim()]; }));

const GONE = 'The server forgets it and what ran there. Programs on the machine itself stay.';
// An active host cannot be removed: it is deactivated first, and goes when an event says that it is.
async function dropActive(view, x, to) {
  if (!await ask(`Delete host ${hostName(x)}?`, `It is deactivated first. ${GONE}`, 'Delete') || !await run(view, x, 'deactivate')) return;
  for (let i = 0; i < 600 && view.live.get('host', x.id) && !can(view.live.get('host', x.id), 'remove'); i++) await new Promise(r => setTimeout(r, 100));
  const now = view.live.get('host', x.id);
  if (now && await run(view, now, 'remove') && to) view.go(to);
}

export function hostActions(view, x, to) {
  return [
    can(x, 'update') && ['Edit', () => editHost(view, x)],
    can(x, 'activate') && ['Activate', () => run(view, x, 'activate')],
    can(x, 'deactivate') && ['Deactivate', async () => { if (await ask(`Deactivate ${hostName(x)}?`, 'Nothing new is placed on it; what runs there goes on.', 'Deactivate', { danger: false })) run(view, x, 'deactivate'); }],
    can(x, 'evacuate') && ['Evacuate', async () => { if (await ask(`Evacuate ${hostName(x)}?`, 'Its containers are moved to other hosts.', 'Evacuate')) run(view, x, 'evacuate'); }],
    (can(x, 'remove') || can(x, 'deactivate')) && ['Delete', () => (can(x, 'remove') ? remove(view, x, 'host', GONE, to) : dropActive(view, x, to)), 'danger'],
  ];
}
const editHost = (view, x) => formDialog(`Edit ${hostName(x)}`, [{ name: 'name', label: 'Name', help: `Empty: ${x.hostname}` }, { name: 'description', label: 'Description' }, { name: 'labels', label: 'Labels', type: 'textarea', code: true, help: 'NAME=VALUE, one a line' }], {
  values: { name: x.name || '', description: x.description || '', labels: Object.entries(x.labels || {}).map(([k, v]) => `${k}=${v}`).join('\n') },
  submit: async v => { await view.live.from(() => put(x.links.self, { name: v.name || null, description: v.description || null, labels: parseLabels(v.labels) })); view.redraw(); },
});

function hostLabels(labels) {
  const own = Object.entries(labels || {}).filter(([k]) => !k.startsWith('io.rancher.host.'));
  return own.length > 0 && h('ul', { class: 'labels', 'aria-label': 'Labels' }, own.map(([k, v]) => h('li', { key: k }, v ? `${k}=${v}` : k)));
}
const used = info => info?.memoryInfo?.memTotal ? `${bytes((info.memoryInfo.memTotal - (info.memoryInfo.memAvailable ?? info.memoryInfo.memFree ?? 0)) * 1048576)} of ${bytes(info.memoryInfo.memTotal * 1048576)}` : null;
export function hostFigures(x) {
  const i = x.info || {}, cores = i.cpuInfo?.count || (x.milliCpu ? x.milliCpu / 1000 : null), memory = used(i) || (x.memory ? bytes(x.memory) : null);
  return [cores && plural(cores, 'core'), memory && `memory ${memory}`, i.osInfo?.dockerVersion && i.osInfo.dockerVersion.replace(/^Docker version ([^,]*).*/, 'Docker $1'), i.osInfo?.kernelVersion && `Linux ${i.osInfo.kernelVersion}`].filter(Boolean);
}

// An active token of the environment, made when there is none. Its command comes once it is active: told by an event, as any change is.
async function token(base, waiting) {
  const usable = t => t.state === 'active' && t.command;
  const found = (await list(`${base}/registrationtokens`)).find(usable);
  if (found) return found;
  const made = await post(`${base}/registrationtokens`);
  return usable(made) ? made : waiting(made.id);
}

async function addHost(view) {
  let command = null, error = null;
  const form = new Form([
    { name: 'labels', label: 'Labels of the host', help: 'NAME=VALUE, separated by commas; may stay empty', placeholder: 'zone=cellar, disk=fast' },
    { name: 'ip', label: 'Address that other hosts reach it by', help: 'Only if it is not the one by which it reaches this server', placeholder: 'found by itself' },
  ], {}, () => dialog.redraw());
  const full = () => {
    const labels = Object.entries(parseLabels(form.values.labels)).map(([k, v]) => `${encodeURIComponent(k)}=${encodeURIComponent(v)}`).join('&'), ip = form.values.ip.trim();
    const env = [labels && `CATTLE_HOST_LABELS='${labels}'`, /^[0-9a-fA-F.:]+$/.test(ip) && `CATTLE_AGENT_IP=${ip}`].filter(Boolean).join(' ');
    return env ? command.replace(/sudo /, `sudo ${env} `) : command;
  };
  const here = () => /^https?:\/\/(localhost|127\.|\[::1\]|0\.0\.0\.0)/.test(/'(https?:[^']*)'/.exec(command)?.[1] || '');
  const change = async () => {
    if (!await formDialog('Address of this server', [{ name: 'url', label: 'Address that hosts reach this server by', required: true, placeholder: 'http://192.0.2.10:8080', check: v => /^https?:\/\/[^/\s]+$/.test(v.trim()) ? '' : 'Like http://192.0.2.10:8080, without a path' }], {
      values: { url: location.origin }, submit: async v => { await put('/v2-beta/settings/api.host', { value: v.url.trim() }); await fetchToken(); },
    })) return;
    dialog.redraw();
  };
  const waiting = id => new Promise((done, fail) => {
    const look = r => { if (r.id === id && r.state === 'active') { view.onEvent = null; get(r.links.self).then(done, fail); } };
    view.onEvent = look;
    get(`${view.base}/registrationtokens/${id}`).then(look, fail);
  });
  const fetchToken = async () => { try { command = (await token(view.base, waiting)).command; error = null; } catch (e) { error = e; } dialog?.redraw(); };
  const before = new Set(view.live.all('host').map(x => x.id));
  let dialog = null;
  const follow = { redraw: () => dialog?.redraw() };
  view.follow = follow;
  dialog = new Dialog('Add a host', () => {
    const come = view.live.all('host').filter(x => !before.has(x.id));
    return [
      h('p', {}, 'A host is any Linux machine with a Docker engine. Run this on it, as somebody who may become root:'), problem(error),
      command ? h('div', { class: 'command' }, h('pre', { tabindex: 0, 'aria-label': 'Command that joins a host', id: 'join-command' }, full()), copyButton(full(), 'Copy command')) : !error && h('p', { class: 'loading', role: 'status' }, 'Making a token…'),
      command && here() && h('div', { class: 'box warn' }, 'The command names this server as other machines cannot reach it. ', session.admin && button('Set the address', change)),
      h('details', {}, h('summary', {}, 'Labels and address'), form.nodes()),
      h('div', { class: 'come', role: 'status' }, come.length ? h('ul', { class: 'rows' }, come.map(x => h('li', { key: x.id, class: 'row' }, hostLink(view, x), states(x), reason(x)))) : h('span', { class: 'muted' }, 'Hosts that join appear here.')),
      h('div', { class: 'dialog-tools' }, button(come.length ? 'Done' : 'Close', () => dialog.close(), { kind: come.length ? 'primary' : '' })),
    ];
  }, { wide: true, onclose: () => { view.follow = null; view.onEvent = null; } });
  fetchToken();
}

export default class Hosts extends View {
  title = 'Hosts';
  draw() {
    const all = this.live.all('host').sort((a, b) => hostName(a).localeCompare(hostName(b), undefined, { numeric: true }));
    this.follow?.redraw();
    return [
      heading('Hosts', button('Add host', () => addHost(this), { kind: 'primary', sign: 'plus' })),
      all.length ? h('ul', { class: 'grid' }, all.map(x => this.host(x))) : empty('This environment has no hosts yet, so nothing can run in it.', button('Add the first host', () => addHost(this), { kind: 'primary', sign: 'plus' })),
    ];
  }
  host(x) {
    const containers = containersOn(this.live, x);
    return h('li', { class: 'card host', key: x.id }, h('div', { class: 'card-head' }, h('h2', {}, hostLink(this, x)), states(x), h('span', { class: 'push' }), menu(`Actions of ${hostName(x)}`, hostActions(this, x))), reason(x),
      h('p', { class: 'muted' }, h('code', {}, x.agentIpAddress || '–'), hostFigures(x).map(t => [' · ', t])), hostLabels(x.labels),
      h('p', {}, containers.length ? h('a', { href: `${this.home}/hosts/${x.id}` }, plural(containers.length, 'container')) : h('span', { class: 'muted' }, 'no containers')));
  }
}
