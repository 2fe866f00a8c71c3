// stack.js: one stack: its services, its origin in the catalog, what is wrong.
import { h } from '../dom.js';
import { ago, empty, facts, heading, linkButton, menu, pairs, reason, states } from '../parts.js';
import { stackActions } from './stacks.js';
import { View } from './view.js';
import { catalogId, containersOfStack, containerTable, offersOf, serviceRow, servicesOf, upgradeBadge, upgradeButtons, whyBox } from './workload.js';

// Passwords are not for everybody who looks over a shoulder.
const masked = (answers, questions) => Object.fromEntries(Object.entries(answers).map(([k, v]) => [k, v && ['password', 'masked'].includes((questions || []).find(q => q.variable === k)?.type) ? '••••••••' : v]));

export default class Stack extends View {
  title = () => this.live.get('stack', this.params[0])?.name || 'Stack';
  draw() {
    const s = this.live.get('stack', this.params[0]);
    if (!s) return [heading('Stack'), empty('This stack is gone.', h('a', { href: `${this.home}/stacks` }, 'All stacks'))];
    const services = servicesOf(this.live, s), containers = containersOfStack(this.live, s), id = catalogId(s), offers = offersOf(this, s), wrong = whyBox(this, s, containers);
    const alone = containers.filter(c => !c.serviceId && !(c.serviceIds || []).length);
    return [
      h('p', { class: 'way' }, h('a', { href: `${this.home}/stacks` }, 'Stacks')),
      heading(s.name, states(s), upgradeBadge(this, s), upgradeButtons(this, s), s.state === 'error' && s.dockerCompose && linkButton('Edit and try again', `${this.home}/import?from=${s.id}`, { kind: 'primary', sign: 'edit' }), offers?.newer.length && s.actions.upgrade ? linkButton('Upgrade', `${this.home}/stacks/${s.id}/upgrade`, { sign: 'up' }) : null, menu(`Actions of ${s.name}`, stackActions(this, s, `${this.home}/stacks`))),
      wrong || reason(s), s.description && h('p', {}, s.description),
      h('section', { class: 'card' }, h('div', { class: 'card-head' }, h('h2', {}, 'Services')), services.length ? h('ul', { class: 'rows' }, services.map(x => serviceRow(this, x))) : empty('This stack has no services.')),
      alone.length > 0 && h('section', {}, h('h2', {}, 'Containers without a service'), containerTable(this, alone)),
      h('section', { class: 'card' }, h('div', { class: 'card-head' }, h('h2', {}, 'About')), facts([['Id', h('code', {}, s.id)], ['Created', ago(s.created)],
        id && ['From catalog', [h('a', { href: `${this.home}/catalog/${encodeURIComponent(id.split(':').slice(0, 2).join(':'))}` }, id), offers?.version && ` version ${offers.version.version}`, offers === null ? ' (this version is in no catalog any more)' : '']],
        s.system && ['Kind', 'system stack'], s.environment && Object.keys(s.environment).length && ['Answers', pairs(masked(s.environment, offers?.version?.questions))], s.outputs && Object.keys(s.outputs).length && ['Outputs', pairs(s.outputs)]])),
    ];
  }
}
