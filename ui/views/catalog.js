// catalog.js: the templates of all catalogs of the environment.
import { get, list, post } from '../api.js';
import { h } from '../dom.js';
import { attempt, button, empty, heading, linkButton, problem, toast } from '../parts.js';
import { View } from './view.js';
import { versionQuery } from './workload.js';

export const templateIcon = (t, size) => !t.iconFilename ? h('span', { class: `template-icon letter s${size}`, 'aria-hidden': 'true', key: 'letter' }, (t.name || '?')[0]) : h('img', { class: 'template-icon', src: iconOf(t), alt: '', width: size, height: size, loading: 'lazy', onerror: e => { e.target.src = '/ui/icon.svg'; } });
function iconOf(t) {
  try { const u = new URL(t.links.icon, location.href); return u.pathname + u.search; } catch { return '/ui/icon.svg'; }
}
// Some templates are for environments of one orchestration only.
const fits = (t, p) => { const l = t.labels?.['io.rancher.orchestration.supported']; return !l || !p?.orchestration || l.split(',').map(x => x.trim()).includes(p.orchestration); };
export async function serverVersion(app) {
  return app.serverVersion ??= (await get('/v2-beta/settings/rancher.server.version')).value || '';
}

export default class Catalog extends View {
  title = 'Catalog';
  early = true;
  filter = '';
  category = '';
  catalog = '';
  init() { this.read(); }
  read() { this.load('templates', async () => (await list(`/v1-catalog/templates?${versionQuery(this.app, await serverVersion(this.app))}`, { project: this.app.projectId })).filter(t => t.templateBase !== 'project' && fits(t, this.app.projects.find(p => p.id === this.app.projectId)))); }
  async refresh() {
    this.refreshing = true;
    this.redraw();
    if (await attempt(() => post(`/v1-catalog/templates?action=refresh&projectId=${this.app.projectId}`, undefined, { project: this.app.projectId }), 'Refresh')) toast('The catalogs were read again.');
    this.refreshing = false;
    this.app.forgetOffers();
    this.read();
  }
  draw() {
    const { value: all, error } = this.templates, words = this.filter.toLowerCase();
    const tools = [button(this.refreshing ? 'Refreshing…' : 'Refresh', () => this.refresh(), { sign: 'again', disabled: this.refreshing }), linkButton('Catalogs', `${this.home}/catalogs`)];
    if (!all) return [heading('Catalog', tools), problem(error) || h('p', { class: 'loading', role: 'status' }, 'Loading…')];
    const categories = [...new Set(all.flatMap(t => t.categories || []))].sort(), catalogs = [...new Set(all.map(t => t.catalogId))].sort();
    const shown = all.filter(t => (!this.category || (t.categories || []).includes(this.category)) && (!this.catalog || t.catalogId === this.catalog) && (!words || [t.name, t.description, t.folderName].some(x => (x || '').toLowerCase().includes(words))))
      .sort((a, b) => (a.name || '').localeCompare(b.name || ''));
    const pick = (name, none, options) => h('label', {}, h('span', { class: 'unseen' }, none), h('select', { value: '', onchange: e => { this[name] = e.target.value; this.redraw(); } }, h('option', { value: '' }, none), options.map(o => h('option', { key: o, value: o }, o))));
    return [
      heading('Catalog', tools), problem(error),
      h('div', { class: 'filters', role: 'search' }, h('label', {}, h('span', { class: 'unseen' }, 'Search templates'), h('input', { type: 'search', placeholder: 'Search templates', value: '', oninput: e => { this.filter = e.target.value; this.redraw(); } })),
        categories.length > 0 && pick('category', 'All categories', categories), catalogs.length > 1 && pick('catalog', 'All catalogs', catalogs), h('span', { class: 'muted', role: 'status' }, `${shown.length} of ${all.length}`)),
      shown.length ? h('ul', { class: 'grid templates' }, shown.map(t => h('li', { class: 'card template', key: t.id }, templateIcon(t, 48),
        h('div', {}, h('h2', {}, h('a', { class: 'cover', href: `${this.home}/catalog/${encodeURIComponent(t.id)}` }, t.name || t.folderName)), h('p', {}, t.description),
          h('p', { class: 'muted' }, [t.catalogId, t.defaultVersion, t.templateBase === 'infra' && 'infrastructure', ...(t.categories || [])].filter(Boolean).join(' · ')))))) : empty(all.length ? 'No template is like that.' : 'The catalogs are empty.'),
    ];
  }
}
