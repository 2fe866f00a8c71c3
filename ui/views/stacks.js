// stacks.js: all stacks of the environment with their services.
import { can } from '../api.js';
import { h } from '../dom.js';
import { empty, heading, linkButton, menu, plural, reason, states, tone } from '../parts.js';
import { View } from './view.js';
import { catalogId, containersOfStack, remove, run, serviceRow, servicesOf, showFiles, stackLink, upgradeBadge, upgradeButtons } from './workload.js';

export function stackActions(view, s, to) {
  return [
    can(s, 'activateservices') && ['Start all services', () => run(view, s, 'activateservices')],
    can(s, 'deactivateservices') && ['Stop all services', () => run(view, s, 'deactivateservices')],
    catalogId(s) && can(s, 'upgrade') && ['Change version or answers', () => view.go(`${view.home}/stacks/${s.id}/upgrade`)],
    can(s, 'exportconfig') && ['Compose files', () => showFiles(s)],
    can(s, 'remove') && ['Delete', () => remove(view, s, 'stack', 'All its services and containers are lost. Volumes that were made for it may go too.', to), 'danger'],
  ];
}

export default class Stacks extends View {
  title = 'Stacks';
  filter = '';
  draw() {
    const all = this.live.all('stack').sort((a, b) => a.name.localeCompare(b.name)), words = this.filter.toLowerCase();
    const shown = all.filter(s => (this.system || !s.system) && (!words || s.name.toLowerCase().includes(words) || servicesOf(this.live, s).some(x => x.name.toLowerCase().includes(words))));
    const alone = this.live.all('instance').filter(c => !c.stackId && !c.system).length, system = all.filter(s => s.system).length;
    return [
      heading('Stacks', linkButton('Add from catalog', `${this.home}/catalog`, { kind: 'primary', sign: 'plus' }), linkButton('Import compose', `${this.home}/import`)),
      all.length > 0 && h('div', { class: 'filters' }, h('label', {}, h('span', { class: 'unseen' }, 'Filter by name'), h('input', { type: 'search', placeholder: 'Filter by name', value: '', oninput: e => { this.filter = e.target.value; this.redraw(); } })),
        system > 0 && h('label', { class: 'inline' }, h('input', { type: 'checkbox', checked: false, onchange: e => { this.system = e.target.checked; this.redraw(); } }), ` System stacks (${system})`)),
      !all.filter(s => !s.system).length && !this.system && empty('Nothing runs here yet.', this.live.all('host').length ? h('p', {}, 'Choose an application from the ', h('a', { href: `${this.home}/catalog` }, 'catalog'), ' or ', h('a', { href: `${this.home}/import` }, 'import compose files'), '.')
        : h('p', {}, 'First ', h('a', { href: `${this.home}/hosts` }, 'add a host'), ', then choose an application from the ', h('a', { href: `${this.home}/catalog` }, 'catalog'), '.')),
      shown.map(s => this.stack(s)), words && !shown.length && empty('No stack has such a name.'),
      alone > 0 && h('p', { class: 'muted' }, h('a', { href: `${this.home}/containers` }, plural(alone, 'container')), ' without a stack.'),
    ];
  }
  stack(s) {
    const services = servicesOf(this.live, s);
    return h('section', { class: `card stack ${tone(s.state, s)}`, key: s.id, 'aria-label': `Stack ${s.name}` },
      h('div', { class: 'card-head' }, h('h2', {}, stackLink(this, s)), states(s), upgradeBadge(this, s), reason(s),
        h('span', { class: 'muted push' }, `${plural(services.length, 'service')}, ${plural(containersOfStack(this.live, s).length, 'container')}`), upgradeButtons(this, s), menu(`Actions of ${s.name}`, stackActions(this, s))),
      services.length > 0 && h('ul', { class: 'rows' }, services.map(x => serviceRow(this, x))));
  }
}
