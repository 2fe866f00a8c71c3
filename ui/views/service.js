// service.js: one service: scale, containers, upgrade, log.
import { act, can, list } from '../api.js';
import { h } from '../dom.js';
import { formDialog } from '../form.js';
import { ago, badge, button, clock, empty, endpoints, facts, heading, image, menu, pairs, reason, states, table } from '../parts.js';
import { View } from './view.js';
import { containerLink, containersOf, containerTable, isGlobal, kindText, run, scaleControl, serviceActions, serviceLink, stackLink, upgradeButtons, whyBox } from './workload.js';

const lines = map => Object.entries(map || {}).map(([k, v]) => `${k}=${v}`).join('\n');
const unlines = text => Object.fromEntries(text.split('\n').map(l => l.trim()).filter(Boolean).map(l => { const i = l.indexOf('='); return i < 0 ? [l, ''] : [l.slice(0, i), l.slice(i + 1)]; }));
const rowsOf = text => text.split('\n').map(l => l.trim()).filter(Boolean);
const imageUuid = text => /^(docker|sim):/.test(text.trim()) ? text.trim() : `docker:${text.trim()}`;

// The dialog for a new definition of the containers. Everything that it does not show stays as it is.
function upgradeService(view, s) {
  const old = s.launchConfig || {}, others = (s.secondaryLaunchConfigs || []).filter(c => c.imageUuid);
  return formDialog(`Upgrade ${s.name}`, [
    { name: 'imageUuid', label: 'Image', required: true, aliases: ['launchConfig'] }, { name: 'command', label: 'Command', help: 'One argument a line; empty: what the image says', type: 'textarea', rows: 2, code: true },
    { name: 'environment', label: 'Environment variables', help: 'NAME=VALUE, one a line', type: 'textarea', code: true },
    { name: 'ports', label: 'Ports', help: 'PUBLIC:PRIVATE/tcp, one a line', type: 'textarea', rows: 2, code: true, aliases: ['port', 'targetPort'] },
    ...others.map(c => ({ name: `image ${c.name}`, label: `Image of sidekick ${c.name}`, required: true })),
    { name: 'batchSize', label: 'Containers at a time', type: 'number', whole: true, min: 1, required: true, group: 'How' }, { name: 'interval', label: 'Pause between them, in seconds', type: 'number', min: 0.1, required: true, aliases: ['intervalMillis'], group: 'How' },
    { name: 'startFirst', label: 'Start the new container before the old one is stopped', type: 'checkbox', group: 'How' },
  ], {
    label: 'Upgrade', wide: true,
    values: { imageUuid: image(old.imageUuid), command: (old.command || []).join('\n'), environment: lines(old.environment), ports: (old.ports || []).join('\n'), batchSize: '1', interval: '2', startFirst: false, ...Object.fromEntries(others.map(c => [`image ${c.name}`, image(c.imageUuid)])) },
    submit: async v => {
      const fresh = { ...old, imageUuid: v.imageUuid === image(old.imageUuid) ? old.imageUuid : imageUuid(v.imageUuid), environment: unlines(v.environment), ports: rowsOf(v.ports) };
      const command = rowsOf(v.command);
      if (command.length) fresh.command = command; else delete fresh.command;
      const secondary = (s.secondaryLaunchConfigs || []).map(c => c.imageUuid && v[`image ${c.name}`] !== image(c.imageUuid) ? { ...c, imageUuid: imageUuid(v[`image ${c.name}`]) } : c);
      await view.live.from(() => act(s, 'upgrade', { inServiceStrategy: { batchSize: Number(v.batchSize), intervalMillis: Math.round(Number(v.interval) * 1000), startFirst: v.startFirst, launchConfig: fresh, secondaryLaunchConfigs: secondary } }));
    },
  });
}

export default class Service extends View {
  title = () => this.live.get('service', this.params[0])?.name || 'Service';
  init() { this.readLog(); }
  readLog() { this.load('log', () => list(`${this.base}/servicelogs?serviceId=${this.params[0]}&sort=id&order=desc`)); }
  // The service log is no event of its own: it is written when service or containers change.
  onEvent(r) {
    if (r.id !== this.params[0] && !(r.serviceIds || []).includes(this.params[0])) return;
    clearTimeout(this.later);
    this.later = setTimeout(() => this.readLog(), 1000);
  }
  stop() { clearTimeout(this.later); }

  draw() {
    const s = this.live.get('service', this.params[0]);
    if (!s) return [heading('Service'), empty('This service is gone.', h('a', { href: `${this.home}/stacks` }, 'All stacks'))];
    const all = containersOf(this.live, s), stack = this.live.get('stack', s.stackId), c = s.launchConfig || {}, wrong = whyBox(this, s, all);
    return [
      h('p', { class: 'way' }, h('a', { href: `${this.home}/stacks` }, 'Stacks'), ' / ', stackLink(this, stack)),
      heading(s.name, states(s), scaleControl(this, s), upgradeButtons(this, s), can(s, 'upgrade') && c.imageUuid && button('Upgrade', () => upgradeService(this, s), { sign: 'up' }),
        can(s, 'activate') && button('Start', () => run(this, s, 'activate'), { sign: 'play', kind: 'primary' }), menu(`Actions of ${s.name}`, serviceActions(this, s))),
      wrong || reason(s),
      h('section', { class: 'card' }, h('div', { class: 'card-head' }, h('h2', {}, 'Containers')), all.length ? containerTable(this, all) : empty(s.state === 'inactive' ? 'No containers: the service is not started.' : 'No containers at the moment.')),
      h('section', { class: 'card' }, h('div', { class: 'card-head' }, h('h2', {}, 'Definition')), facts([['Id', h('code', {}, s.id)], kindText(s) && ['Kind', kindText(s)], c.imageUuid && ['Image', h('code', {}, image(c.imageUuid))],
        c.command && ['Command', h('code', {}, c.command.join(' '))], ['Scale', isGlobal(s) ? 'one on each host' : String(s.scale ?? '–')], (c.ports || []).length && ['Ports', c.ports.join(', ')], (s.publicEndpoints || []).length && ['Reached at', endpoints(s.publicEndpoints)],
        c.environment && ['Environment', pairs(c.environment)], c.labels && Object.keys(c.labels).length && ['Labels', pairs(c.labels)], c.healthCheck && ['Health check', `${c.healthCheck.requestLine || 'TCP'} at port ${c.healthCheck.port}, each ${c.healthCheck.interval} ms`],
        Object.keys(s.linkedServices || {}).length && ['Linked to', Object.entries(s.linkedServices).map(([name, id]) => [serviceLink(this, this.live.get('service', id)) || name, ' '])],
        (s.secondaryLaunchConfigs || []).length && ['Sidekicks', s.secondaryLaunchConfigs.map(x => `${x.name} (${image(x.imageUuid)})`).join(', ')], ['Created', ago(s.created)]])),
      h('section', { class: 'card', key: 'log' }, h('div', { class: 'card-head' }, h('h2', {}, 'Service log')), this.drawLog()),
    ];
  }
  drawLog() {
    const rows = this.log.value;
    if (this.log.error) return empty(`The log could not be read: ${this.log.error.message}`);
    if (!rows) return empty('Loading…');
    return rows.length ? table('Service log', ['Time', 'Level', 'Event', 'What', 'Container'], rows.slice(0, 50).map(l => h('tr', { key: l.id }, h('td', {}, clock(l.created)), h('td', {}, badge(l.level || 'info')), h('td', {}, h('code', {}, l.eventType)),
      h('td', { class: 'text' }, l.description), h('td', {}, l.instanceId && (this.live.get('instance', l.instanceId) ? containerLink(this, this.live.get('instance', l.instanceId)) : l.instanceId))))) : empty('Nothing was written yet.');
  }
}
