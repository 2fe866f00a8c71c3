// environments.js: make, change and remove environments.
import { act, can, call, list, post, put } from '../api.js';
import { h } from '../dom.js';
import { ask, formDialog } from '../form.js';
import { ago, attempt, button, empty, heading, menu, reason, states } from '../parts.js';
import { View } from './view.js';

export default class Environments extends View {
  title = 'Environments';
  init() { this.load('templates', () => list('/v2-beta/projecttemplates')); }

  create() {
    const all = (this.templates.value || []).filter(t => t.state === 'active' || !t.state);
    formDialog('New environment', [{ name: 'name', label: 'Name', required: true }, { name: 'description', label: 'Description' },
      { name: 'projectTemplateId', label: 'Template', type: 'choice', help: 'Which infrastructure stacks run in it', options: [...all.map(t => [t.id, t.name, [t.description, (t.stacks || []).map(s => s.name).join(', ')].filter(Boolean).join(' – ')]), ['', 'None', 'no infrastructure stacks']] }], {
      label: 'Create', wide: true, values: { projectTemplateId: all[0]?.id || '' },
      submit: async v => { await post('/v2-beta/projects', { name: v.name.trim(), description: v.description || null, ...(v.projectTemplateId ? { projectTemplateId: v.projectTemplateId } : {}) }); await this.app.reloadProjects(); },
    });
  }
  edit(p) {
    formDialog(`Edit ${p.name}`, [{ name: 'name', label: 'Name', required: true }, { name: 'description', label: 'Description' }], {
      values: { name: p.name || '', description: p.description || '' },
      submit: async v => { await put(p.links.self, { name: v.name.trim(), description: v.description || null }); await this.app.reloadProjects(); },
    });
  }
  async run(p, action) { if (await attempt(() => act(p, action), p.name)) await this.app.reloadProjects(); }
  async drop(p) {
    const done = await formDialog(`Delete environment ${p.name}?`, [{ name: 'name', label: `Type its name (${p.name}) to confirm`, required: true, check: v => (v === p.name ? '' : 'This is not its name') }], {
      label: 'Delete', danger: true, above: () => h('p', {}, 'All its stacks, containers and keys are lost, and its hosts are forgotten.'),
      submit: async () => { await call('DELETE', p.links.self); await this.app.reloadProjects(); },
    });
    if (done) this.redraw();
  }
  draw() {
    const all = this.app.projects, template = p => (this.templates.value || []).find(t => t.id === p.projectTemplateId)?.name;
    return [
      heading('Environments', button('New environment', () => this.create(), { kind: 'primary', sign: 'plus' })),
      all.length ? h('ul', { class: 'grid' }, all.map(p => h('li', { class: 'card', key: p.id },
        h('div', { class: 'card-head' }, h('h2', {}, p.state === 'active' ? h('a', { href: `#/env/${p.id}/stacks` }, p.name || p.id) : p.name || p.id), states(p), h('span', { class: 'push' }),
          menu(`Actions of ${p.name}`, [can(p, 'update') && ['Edit', () => this.edit(p)], ['Members', () => this.go(`#/env/${p.id}/members`)], can(p, 'activate') && ['Activate', () => this.run(p, 'activate')],
            can(p, 'deactivate') && ['Deactivate', async () => { if (await ask(`Deactivate ${p.name}?`, 'Only its owners see it then; what runs there goes on.', 'Deactivate')) this.run(p, 'deactivate'); }],
            (can(p, 'delete') || can(p, 'remove')) && ['Delete', () => this.drop(p), 'danger']])),
        p.description && h('p', {}, p.description), reason(p), h('p', { class: 'muted' }, [template(p) && `Template ${template(p)}`, p.orchestration, ['made ', ago(p.created)]].filter(Boolean).map((x, i) => [i ? ' · ' : '', x]))))) : empty('You are a member of no environment.'),
    ];
  }
}
