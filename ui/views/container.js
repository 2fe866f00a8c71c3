// container.js: one container: what it is, why it does not run, its log, a shell in it.
import { can } from '../api.js';
import { h } from '../dom.js';
import { logPane } from '../logs.js';
import { ago, bytes, empty, facts, heading, image, menu, pairs, reason, states } from '../parts.js';
import { shellPane } from '../shell.js';
import { View } from './view.js';
import { containerActions, hostLink, portsOf, serviceLink, stackLink } from './workload.js';

export default class Container extends View {
  title = () => [this.container()?.name || 'Container', this.params[1]].filter(Boolean).join(' – ');
  container() { return this.live.get('instance', this.params[0]); }
  stop() { this.pane?.close(); }

  draw() {
    const c = this.container(), tab = this.params[1];
    if (!c) return [heading('Container'), empty('This container is gone.', h('a', { href: `${this.home}/containers` }, 'All containers')), this.pane && this.content(tab)];
    const service = this.live.get('service', c.serviceId), stack = this.live.get('stack', c.stackId), to = `${this.home}/containers/${c.id}`;
    const tabs = [[null, 'Details', true], ['logs', 'Logs', can(c, 'logs')], ['shell', 'Shell', can(c, 'execute')]];
    return [
      h('p', { class: 'way' }, stack ? [h('a', { href: `${this.home}/stacks` }, 'Stacks'), ' / ', stackLink(this, stack), service && [' / ', serviceLink(this, service)]] : h('a', { href: `${this.home}/containers` }, 'Containers')),
      heading(c.name || c.id, states(c), menu(`Actions of ${c.name}`, containerActions(this, c, service ? `${this.home}/services/${service.id}` : `${this.home}/containers`))),
      c.transitioning === 'error' ? h('section', { class: 'box bad why', 'aria-label': 'What is wrong' }, h('h2', {}, 'What is wrong'), h('p', {}, c.transitioningMessage || 'It failed without saying why.')) : reason(c),
      h('nav', { class: 'tabs', 'aria-label': 'Parts of the container' }, tabs.filter(t => t[2] || t[0] === tab).map(([name, text]) => h('a', { key: text, href: name ? `${to}/${name}` : to, 'aria-current': (tab || null) === name ? 'page' : null }, text))),
      this.content(tab, c),
    ];
  }
  content(tab, c) {
    if (tab === 'logs' || tab === 'shell') {
      if (!this.pane && c && c.state !== 'running' && tab === 'shell') return empty('A shell needs a running container.');
      this.pane = this.pane || (tab === 'logs' ? logPane : shellPane)(c, () => this.container());
      return h('section', { key: tab, class: 'pane', own: el => this.pane.mount(el) });
    }
    return c && h('section', { class: 'card', key: 'details' }, facts([['Id', h('code', {}, c.id)], ['Image', h('code', {}, image(c.imageUuid))], ['Host', hostLink(this, this.live.get('host', c.hostId))], ['Address', c.primaryIpAddress && h('code', {}, c.primaryIpAddress)],
      ['Ports', portsOf(this, c)], c.command && ['Command', h('code', {}, c.command.join(' '))], ['Created', ago(c.created)], c.firstRunning && ['First running', ago(c.firstRunning)], ['Starts', String(c.startCount ?? '–')],
      c.memory && ['Memory limit', bytes(c.memory)], c.externalId && ['Engine id', h('code', {}, c.externalId.slice(0, 12))], (c.mounts || []).length && ['Volumes', h('ul', { class: 'pairs' }, c.mounts.map(m => h('li', { key: m.path }, h('code', {}, m.path), ` ${m.volumeName || m.volumeId || ''}`)))],
      c.environment && ['Environment', pairs(c.environment)], ['Labels', pairs(c.labels)]]));
  }
}
