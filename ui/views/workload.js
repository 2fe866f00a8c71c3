// workload.js: what stacks, services, containers and hosts show of each other: rows, scale, actions, reasons.
import { act, can, del, get, put } from '../api.js';
import { h } from '../dom.js';
import { ask, Dialog } from '../form.js';
import { ago, attempt, badge, button, copyButton, endpoints, image, menu, plural, portLink, reason, states, table, toast, tone } from '../parts.js';

export const servicesOf = (live, stack) => live.of('service', 'stack', s => [s.stackId], stack.id);
export const containersOf = (live, service) => live.of('instance', 'service', c => [c.serviceId, ...(c.serviceIds || [])], service.id);
export const containersOfStack = (live, stack) => live.of('instance', 'stack', c => [c.stackId], stack.id);
export const containersOn = (live, host) => live.of('instance', 'host', c => [c.hostId], host.id);
export const isGlobal = s => s.launchConfig?.labels?.['io.rancher.scheduler.global'] === 'true';
const SCALED = new Set(['service', 'loadBalancerService']);
const hasScale = s => SCALED.has(s.type) && !isGlobal(s);

// ---- scale ----
// What was asked for and is not told to the server yet: quick clicks are one request, and a service that is busy is asked again when it changes.
const wanted = new Map();
const scaleOf = s => wanted.get(s.id)?.to ?? s.scale;
export function scale(view, s, by) {
  const w = wanted.get(s.id) || { to: s.scale };
  w.to = Math.max(0, w.to + by);
  wanted.set(s.id, w);
  clearTimeout(w.timer);
  w.timer = setTimeout(() => sendScale(view, s.id, 20), 250);
  view.redraw();
}
async function sendScale(view, id, tries) {
  const w = wanted.get(id), s = view.live.get('service', id);
  if (!w || !s) { wanted.delete(id); return; }
  const to = w.to;
  try {
    await view.live.from(() => put(s.links.self, { scale: to }));
    if (w.to === to) wanted.delete(id);
  } catch (e) {
    if (e.status === 409 && tries > 0) { w.timer = setTimeout(() => sendScale(view, id, tries - 1), 500); return; }
    wanted.delete(id);
    toast(`Scale of ${s.name}: ${e.message}`, 'bad');
  }
  view.redraw();
}
export function scaleControl(view, s) {
  if (isGlobal(s)) return h('span', { class: 'muted' }, `${plural(s.currentScale || 0, 'container')}, one a host`);
  if (!hasScale(s)) return null;
  const n = scaleOf(s), may = can(s, 'update') || wanted.has(s.id) || s.state === 'updating-active';
  return h('span', { class: 'scale', role: 'group', 'aria-label': `Scale of ${s.name}` },
    button(`Fewer containers of ${s.name}`, () => scale(view, s, -1), { sign: 'minus', only: true, disabled: !may || n <= 0 }),
    h('span', { class: 'count', title: 'running of wanted' }, `${s.currentScale ?? 0}/${n}`), button(`More containers of ${s.name}`, () => scale(view, s, 1), { sign: 'plus', only: true, disabled: !may }));
}

// ---- reasons ----
// Why something does not run: its own message and those of its containers, each once.
export function why(live, r, containers) {
  const seen = new Map(), put = (text, c) => { if (text && text !== 'In Progress') seen.set(text, [...(seen.get(text) || []), c].filter(Boolean)); };
  if (r.transitioning === 'error') put(r.transitioningMessage);
  for (const c of containers) if (c.transitioning === 'error' || (c.transitioning === 'yes' && c.transitioningMessage && /fail|error|could not|cannot|no such|not found|no host/i.test(c.transitioningMessage))) put(c.transitioningMessage, c);
  if (r.transitioning === 'yes' && /fail|error|could not|cannot|no host|no such|not found/i.test(r.transitioningMessage || '')) put(r.transitioningMessage);
  return [...seen];
}
export function whyBox(view, r, containers) {
  const all = why(view.live, r, containers);
  return all.length > 0 && h('section', { class: 'box bad why', 'aria-label': 'What is wrong', key: 'why' }, h('h2', {}, 'What is wrong'), h('ul', {}, all.slice(0, 6).map(([text, who]) =>
    h('li', { key: text }, text, who.length > 0 && h('span', { class: 'muted' }, ' (', who.slice(0, 3).map((c, i) => [i ? ', ' : '', containerLink(view, c)]), who.length > 3 && ` and ${who.length - 3} more`, ')')))));
}

// ---- links ----
export const containerLink = (view, c) => h('a', { href: `${view.home}/containers/${c.id}` }, c.name || c.id);
export const serviceLink = (view, s) => s && h('a', { href: `${view.home}/services/${s.id}` }, s.name);
export const stackLink = (view, s) => s && h('a', { href: `${view.home}/stacks/${s.id}` }, s.name);
export const hostName = x => x?.name || x?.hostname || x?.id;
export const hostLink = (view, x) => x ? h('a', { href: `${view.home}/hosts/${x.id}` }, hostName(x)) : '–';

// Published ports of one container, as links to its host.
export function portsOf(view, c) {
  const host = view.live.get('host', c.hostId);
  return (c.ports || []).map(p => {
    const m = /^(?:(\[[^\]]*\]|[\d.]*\.[\d.]*):)?(?:(\d*):)?(\d+)(?:\/(\w+))?$/.exec(p);
    const ip = m?.[1]?.replace(/^\[|\]$/g, '');
    return m?.[2] && host && m[4] !== 'udp' ? portLink(ip && ip !== '0.0.0.0' ? ip : host.agentIpAddress || host.hostname, Number(m[2])) : h('span', { class: 'port' }, p);
  });
}

// ---- doing ----
export async function run(view, r, action, body, done) {
  const doit = () => act(r, action, body), answer = await attempt(() => (view.live ? view.live.from(doit) : doit()), r.name || r.id);
  if (answer && done) toast(done);
  view.redraw();
  return answer;
}
export async function remove(view, r, what, text, to) {
  if (!await ask(`Delete ${what} ${r.name || r.id}?`, text, 'Delete')) return;
  const drop = () => del(r.links.self), answer = await attempt(() => (view.live ? view.live.from(drop) : drop()), r.name || r.id);
  view.redraw();
  if (answer && to) view.go(to);
}

export function containerActions(view, c, to) {
  return [
    can(c, 'start') && ['Start', () => run(view, c, 'start')],
    can(c, 'restart') && ['Restart', async () => { if (await ask(`Restart ${c.name}?`, 'Its processes are stopped and started again.', 'Restart', { danger: false })) run(view, c, 'restart'); }],
    can(c, 'stop') && ['Stop', async () => { if (await ask(`Stop ${c.name}?`, c.serviceId ? 'Its service will start it again or replace it.' : 'Its processes are ended; its files stay.', 'Stop')) run(view, c, 'stop', { remove: false, timeout: 10 }); }],
    !['removing', 'removed'].includes(c.state) && ['Delete', () => remove(view, c, 'container', c.serviceId ? 'Its files are lost, and its service puts a new one in its place.' : 'The container and the files in it are lost.', to), 'danger'],
  ];
}
export function containerTable(view, list, { service = false, host = true } = {}) {
  return table('Containers', ['Name', 'State', service && 'Service', host && 'Host', 'Address', 'Ports', 'Created', ''].filter(x => x !== false), list.map(c => h('tr', { key: c.id },
    h('td', { class: 'name' }, containerLink(view, c), h('small', {}, image(c.imageUuid))), h('td', {}, states(c), reason(c)),
    service && h('td', {}, serviceLink(view, view.live.get('service', c.serviceId)) || h('span', { class: 'muted' }, 'alone')), host && h('td', {}, hostLink(view, view.live.get('host', c.hostId))),
    h('td', {}, c.primaryIpAddress ? h('code', {}, c.primaryIpAddress) : '–'), h('td', {}, portsOf(view, c)), h('td', {}, ago(c.created)),
    h('td', { class: 'tools' }, can(c, 'logs') && h('a', { class: 'button only', href: `${view.home}/containers/${c.id}/logs`, 'aria-label': `Logs of ${c.name}`, title: 'Logs' }, 'Logs'),
      can(c, 'execute') && c.state === 'running' && h('a', { class: 'button only', href: `${view.home}/containers/${c.id}/shell`, 'aria-label': `Shell in ${c.name}`, title: 'Shell' }, 'Shell'),
      menu(`Actions of ${c.name}`, containerActions(view, c))))));
}

export function serviceActions(view, s, more = []) {
  return [
    ...more,
    can(s, 'activate') && ['Start', () => run(view, s, 'activate')],
    can(s, 'restart') && ['Restart', async () => { if (await ask(`Restart service ${s.name}?`, 'Its containers are restarted one after the other.', 'Restart', { danger: false })) run(view, s, 'restart', { rollingRestartStrategy: { batchSize: 1, intervalMillis: 2000 } }); }],
    can(s, 'deactivate') && ['Stop', async () => { if (await ask(`Stop service ${s.name}?`, 'All its containers are stopped.', 'Stop')) run(view, s, 'deactivate'); }],
    can(s, 'remove') && ['Delete', () => remove(view, s, 'service', 'The service and all its containers are lost.', `${view.home}/stacks/${s.stackId}`), 'danger'],
  ];
}
// Buttons of a service or stack whose upgrade is under way or over.
export function upgradeButtons(view, r) {
  return [
    can(r, 'finishupgrade') && button('Finish upgrade', async () => { if (await ask(`Finish the upgrade of ${r.name}?`, 'The old containers are removed; after that there is no way back.', 'Finish', { danger: false })) run(view, r, 'finishupgrade'); }, { kind: 'primary' }),
    can(r, 'rollback') && r.state !== 'active' && button('Roll back', async () => { if (await ask(`Roll ${r.name} back?`, 'The old containers are started again and the new ones removed.', 'Roll back')) run(view, r, 'rollback'); }, { sign: 'again' }),
    can(r, 'cancelupgrade') && r.state === 'upgrading' && button('Cancel upgrade', async () => { if (await ask(`Cancel the upgrade of ${r.name}?`, 'It stops where it is; you can go on or roll back then.', 'Cancel upgrade')) run(view, r, 'cancelupgrade'); }),
    can(r, 'continueupgrade') && button('Continue upgrade', () => run(view, r, 'continueupgrade')),
  ];
}
export function serviceRow(view, s) {
  const all = containersOf(view.live, s), bad = why(view.live, s, all);
  return h('li', { class: `row ${tone(s.state, s)}`, key: s.id },
    h('div', { class: 'row-name' }, serviceLink(view, s), h('small', {}, image(s.launchConfig?.imageUuid) || kindText(s))), h('div', {}, states(s), !bad.length && reason(s)),
    h('div', {}, scaleControl(view, s)), h('div', { class: 'ports' }, endpoints(s.publicEndpoints)),
    h('div', { class: 'tools' }, upgradeButtons(view, s), menu(`Actions of ${s.name}`, serviceActions(view, s))), bad.length > 0 && h('div', { class: 'row-why bad-text' }, bad[0][0]));
}
const KINDS = { loadBalancerService: 'load balancer', dnsService: 'alias', externalService: 'outside address', networkDriverService: 'network driver', storageDriverService: 'storage driver', kubernetesService: 'Kubernetes service' };
export const kindText = s => KINDS[s.type] || '';

// ---- catalog ----
export const catalogId = stack => /^(?:system-)?catalog:\/\/(.+)$/.exec(stack.externalId || '')?.[1] || null;
export const versionQuery = (app, version) => `projectId=${encodeURIComponent(app.projectId)}${version ? `&rancherVersion=${encodeURIComponent(version)}` : ''}`;
// The versions a stack could go to, asked once per version of a template. undefined: not known yet.
export function offersOf(view, stack) {
  const id = catalogId(stack), { app } = view;
  if (!id) return null;
  if (!app.offers.has(id)) {
    app.offers.set(id, undefined);
    (async () => {
      let found = null;
      try {
        const setting = app.serverVersion ??= (await get('/v2-beta/settings/rancher.server.version')).value || '';
        found = await get(`/v1-catalog/templateversions/${encodeURIComponent(id)}?${versionQuery(app, setting)}`);
      } catch { found = null; }
      app.offers.set(id, found);
      view.app.redraw();
    })();
  }
  const v = app.offers.get(id);
  return v === undefined ? undefined : v && { version: v, newer: Object.keys(v.upgradeVersionLinks || {}) };
}
export function upgradeBadge(view, stack) {
  const o = offersOf(view, stack);
  if (!o?.newer.length || !can(stack, 'upgrade')) return null;
  return h('a', { class: 'badge upgrade', href: `${view.home}/stacks/${stack.id}/upgrade` }, h('span', { 'aria-hidden': 'true', class: 'sign' }, '▲'), 'upgrade available');
}

export async function showFiles(stack) {
  const c = await attempt(() => act(stack, 'exportconfig', { serviceIds: [] }), stack.name);
  if (!c) return;
  const files = [['docker-compose.yml', c.dockerComposeConfig], ['rancher-compose.yml', c.rancherComposeConfig]];
  new Dialog(`Compose files of ${stack.name}`, () => files.map(([name, text]) => h('section', { key: name }, h('div', { class: 'heading' }, h('h3', {}, name), copyButton(text || '')), h('pre', { class: 'code', tabindex: 0, 'aria-label': name }, text || ''))), { wide: true });
}
export { badge };
