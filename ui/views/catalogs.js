// catalogs.js: where the templates come from: those of the server (setting catalog.url) and those of the environment.
import { call, list, post } from '../api.js';
import { h } from '../dom.js';
import { ask, formDialog } from '../form.js';
import { attempt, badge, button, empty, heading, menu, problem, reason, table } from '../parts.js';
import { View } from './view.js';

export default class Catalogs extends View {
  title = 'Catalogs';
  early = true;
  init() { this.read(); }
  url(name = '') { return `/v1-catalog/catalogs${name && `/${encodeURIComponent(name)}`}?projectId=${this.app.projectId}`; }
  read() { this.load('catalogs', () => list(this.url(), { project: this.app.projectId })); }
  edit(c) {
    const own = { project: this.app.projectId };
    formDialog(c ? `Edit catalog ${c.name}` : 'Add a catalog', [{ name: 'name', label: 'Name', required: true, fixed: !!c }, { name: 'url', label: 'Address of the git repository, or a folder of the server', required: true }, { name: 'branch', label: 'Branch', placeholder: 'master' }], {
      values: c ? { name: c.name, url: c.url, branch: c.branch || '' } : {}, label: c ? 'Save' : 'Add',
      submit: async v => {
        const body = { name: v.name.trim(), url: v.url.trim(), branch: v.branch.trim() || 'master', kind: '' };
        await (c ? call('PUT', this.url(c.name), body, own) : post(this.url(), body, own));
        await post(`/v1-catalog/templates?action=refresh&projectId=${this.app.projectId}`, undefined, own);
        this.read();
      },
    });
  }
  async drop(c) {
    if (!await ask(`Remove catalog ${c.name}?`, 'Its templates are not offered any more. Stacks that came from it stay.', 'Remove')) return;
    await attempt(() => call('DELETE', this.url(c.name), undefined, { project: this.app.projectId }), c.name);
    this.read();
  }
  draw() {
    const { value: all, error } = this.catalogs;
    return [
      h('p', { class: 'way' }, h('a', { href: `${this.home}/catalog` }, 'Catalog')), heading('Catalogs', button('Add catalog', () => this.edit(), { kind: 'primary', sign: 'plus' })), problem(error),
      all && (all.length ? h('section', { class: 'card' }, table('Catalogs', ['Name', 'Address', 'Branch', 'Commit', 'State', ''], all.map(c => h('tr', { key: c.id }, h('td', { class: 'name' }, c.name, h('small', {}, c.environmentId && c.environmentId !== 'global' ? 'of this environment' : 'of the server')),
        h('td', {}, h('code', {}, c.url)), h('td', {}, c.branch || '–'), h('td', {}, c.commit ? h('code', {}, c.commit.slice(0, 10)) : '–'), h('td', {}, c.state && badge(c.state, c), reason(c), c.skippedCount > 0 && h('details', {}, h('summary', {}, `${c.skippedCount} left out`), h('ul', { class: 'pairs' }, (c.skipped || []).map(t => h('li', { key: t }, t))))),
        h('td', { class: 'tools' }, c.environmentId && c.environmentId !== 'global' && menu(`Actions of ${c.name}`, [['Edit', () => this.edit(c)], ['Remove', () => this.drop(c), 'danger']])))))) : empty('There is no catalog.')),
    ];
  }
}
