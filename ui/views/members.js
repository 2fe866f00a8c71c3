// members.js: who may do what in an environment.
import { act, get, list } from '../api.js';
import { h } from '../dom.js';
import { button, empty, heading, problem, table, toast } from '../parts.js';
import { View } from './view.js';

const ROLES = [['owner', 'owner: everything, also members'], ['member', 'member: everything but members'], ['restricted', 'restricted: no hosts, no system stacks'], ['readonly', 'readonly: looks, reads logs']];

export default class Members extends View {
  title = 'Members';
  early = true;
  init() {
    this.found = [];
    this.load('members', () => list(`/v2-beta/projects/${this.app.projectId}/projectmembers`));
    this.load('people', () => list('/v2-beta/identities').catch(() => []));
  }
  project() { return this.app.projects.find(p => p.id === this.app.projectId); }
  async add(e) {
    e.preventDefault();
    const input = document.getElementById('who'), name = input.value.trim();
    if (!name) return;
    this.error = null;
    try {
      const all = (await get(`/v2-beta/identities?name=${encodeURIComponent(name)}`)).data;
      if (!all.length) throw new Error(`nobody is called "${name}"`);
      const i = all[0];
      if (this.members.value.some(m => m.externalId === i.externalId && m.externalIdType === i.externalIdType)) throw new Error(`${name} is a member already`);
      await this.save([...this.members.value, { externalId: i.externalId, externalIdType: i.externalIdType, role: document.getElementById('role').value }]);
      input.value = '';
    } catch (x) { this.error = x; }
    this.redraw();
    input.focus();
  }
  async save(members) {
    this.error = null;
    try {
      await act(this.project(), 'setmembers', { members: members.map(({ externalId, externalIdType, role }) => ({ externalId, externalIdType, role })) });
      toast('The members were changed.');
    } catch (e) { this.error = e; }
    await this.load('members', () => list(`/v2-beta/projects/${this.app.projectId}/projectmembers`));
  }
  draw() {
    const p = this.project(), all = this.members.value, may = !!p?.actions?.setmembers, name = m => m.name || m.login || this.people.value?.find(i => i.externalId === m.externalId && i.externalIdType === m.externalIdType)?.name || m.externalId;
    return [
      h('p', { class: 'way' }, h('a', { href: '#/environments' }, 'Environments')), heading(`Members of ${p?.name || 'the environment'}`), problem(this.error), problem(this.members.error),
      may && all && h('form', { class: 'filters', onsubmit: e => this.add(e) }, h('label', { for: 'who' }, 'Login name'), h('input', { id: 'who', value: '', autocomplete: 'off' }), h('label', { for: 'role' }, 'Role'), h('select', { id: 'role', value: 'member' }, ROLES.map(([v, t]) => h('option', { value: v }, t))), h('button', { type: 'submit', class: 'button primary' }, 'Add')),
      all && (all.length ? h('section', { class: 'card' }, table('Members', ['Who', 'Kind', 'Role', ''], all.map(m => h('tr', { key: m.id }, h('td', { class: 'name' }, name(m)), h('td', {}, m.externalIdType),
        h('td', {}, may ? h('select', { 'aria-label': `Role of ${name(m)}`, value: m.role, force: true, onchange: e => this.save(all.map(x => (x === m ? { ...m, role: e.target.value } : x))) }, ROLES.map(([v, t]) => h('option', { value: v }, t))) : m.role),
        h('td', { class: 'tools' }, may && button(`Remove ${name(m)}`, () => this.save(all.filter(x => x !== m)), { sign: 'trash', only: true })))))) : empty('Nobody is a member: only administrators see this environment.')),
    ];
  }
}
