// template.js: one template: its versions, its questions as a form, its files; makes a stack of it, or takes a stack to another version.
import { act, get, list, path, post } from '../api.js';
import { h } from '../dom.js';
import { Form } from '../form.js';
import { copyButton, empty, heading, linkButton, problem, toast } from '../parts.js';
import { answersOf, fieldOf, firstValue } from '../questions.js';
import { serverVersion, templateIcon } from './catalog.js';
import { View } from './view.js';
import { catalogId, versionQuery } from './workload.js';

const nameOf = t => (t.folderName || t.id.split(':')[1] || '').replace(/^.*\*/, '').replace(/[^a-zA-Z0-9-]+/g, '-').replace(/^-+|-+$/g, '');

export default class Template extends View {
  early = true;
  title = () => (this.upgrading() ? `Upgrade ${this.stack()?.name || 'stack'}` : this.template?.value?.name || 'Template');
  upgrading() { return this.params.length === 2; }
  stack() { return this.live.get('stack', this.params[0]); }

  init() {
    if (!this.upgrading()) this.readTemplate(this.params[0]);
  }
  async url(link) { return `${path(link).split('?')[0]}?${versionQuery(this.app, await serverVersion(this.app))}`; }
  fetch(link) { return this.url(link).then(u => get(u, { project: this.app.projectId })); }

  readTemplate(id) {
    this.started = true;
    this.load('template', async () => {
      const t = await this.fetch(`/v1-catalog/templates/${encodeURIComponent(id)}`);
      const links = t.versionLinks || {};
      this.readVersion(links[t.defaultVersion] || links[Object.keys(links)[0]]);
      return t;
    });
  }
  // Of a stack: the version that it has, then the template, then the newest that it may go to.
  readUpgrade(stack) {
    this.started = true;
    const id = catalogId(stack);
    this.load('template', async () => {
      if (!id) throw new Error('this stack came from no catalog');
      const t = await this.fetch(`/v1-catalog/templates/${encodeURIComponent(id.split(':').slice(0, 2).join(':'))}`);
      let links = {};
      try { this.current = await this.fetch(`/v1-catalog/templateversions/${encodeURIComponent(id)}`); links = { ...this.current.upgradeVersionLinks }; } catch (e) { if (e.status !== 404) throw e; links = { ...t.versionLinks }; }
      if (this.current?.version) links[this.current.version] ??= this.current.links.self;
      const newer = Object.keys(links).filter(v => v !== this.current?.version);
      this.readVersion(links[newer.includes(t.defaultVersion) ? t.defaultVersion : newer.sort((a, b) => b.localeCompare(a, undefined, { numeric: true }))[0] || this.current?.version]);
      return { ...t, versionLinks: links };
    });
  }

  readVersion(link) {
    if (!link) return;
    const turn = this.turn = (this.turn || 0) + 1, kept = this.form?.values || {};
    this.load('version', async () => {
      const v = await this.fetch(link), choices = await this.choices(v.questions || []);
      if (turn !== this.turn) return this.version.value;
      this.makeForm(v, choices, kept);
      return v;
    });
  }
  async choices(questions) {
    const has = t => questions.some(q => q.type === t), names = async plural => (await list(`${this.base}/${plural}`)).filter(x => x.name && x.state === 'active').map(x => x.name).sort();
    const stacks = new Map(this.live.all('stack').map(s => [s.id, s.name]));
    return {
      services: this.live.all('service').filter(s => stacks.has(s.stackId)).map(s => `${stacks.get(s.stackId)}/${s.name}`).sort(),
      secrets: has('secret') ? await names('secrets').catch(() => []) : [], certificates: has('certificate') ? await names('certificates').catch(() => []) : [],
    };
  }
  makeForm(v, choices, kept) {
    const questions = v.questions || [], answers = this.upgrading() ? this.stack()?.environment : null, fields = questions.map(q => fieldOf(q, choices)), values = {};
    questions.forEach((q, i) => { const n = fields[i].name; values[n] = n in kept ? kept[n] : firstValue(q, answers, choices); });
    if (!this.upgrading()) {
      fields.unshift({ name: 'name', label: 'Name of the stack', required: true }, { name: 'description', label: 'Description' });
      fields.push({ name: 'startOnCreate', label: 'Start its services when it is made', type: 'checkbox' });
      Object.assign(values, { name: kept.name ?? nameOf(this.template.value || v), description: kept.description ?? '', startOnCreate: kept.startOnCreate ?? true });
    }
    // What the API says of a stack's fields belongs to no question.
    this.form = new Form(fields, values, this.redraw);
  }

  files() {
    const files = this.version.value.files || {}, pick = name => files[name] ?? files[`${name}.tpl`] ?? '';
    return { dockerCompose: pick('docker-compose.yml'), rancherCompose: pick('rancher-compose.yml') };
  }
  async submit(values) {
    const v = this.version.value, common = { ...this.files(), environment: answersOf(v.questions || [], values), externalId: `catalog://${v.id}` };
    if (this.upgrading()) {
      const s = await this.live.from(() => act(this.stack(), 'upgrade', common));
      toast(`${s.name} is being upgraded to ${v.version}.`);
      this.go(`${this.home}/stacks/${s.id}`);
    } else {
      const t = this.template.value;
      const s = await this.live.from(() => post(`${this.base}/stacks`, { name: values.name.trim(), description: values.description || null, startOnCreate: values.startOnCreate, system: t.templateBase === 'infra', ...common }));
      this.go(`${this.home}/stacks/${s.id}`);
    }
  }

  draw() {
    const stack = this.upgrading() && this.stack();
    if (this.upgrading() && this.live.state === 'loading') return [heading('Upgrade'), h('p', { class: 'loading', role: 'status' }, 'Loading…')];
    if (this.upgrading() && !stack) return [heading('Upgrade'), empty('This stack is gone.')];
    if (this.upgrading() && !this.started) this.readUpgrade(stack);
    const t = this.template?.value, v = this.version?.value, way = h('p', { class: 'way' }, this.upgrading() ? [h('a', { href: `${this.home}/stacks` }, 'Stacks'), ' / ', h('a', { href: `${this.home}/stacks/${stack.id}` }, stack.name)] : h('a', { href: `${this.home}/catalog` }, 'Catalog'));
    if (!t) return [way, heading(this.title()), problem(this.template?.error) || h('p', { class: 'loading', role: 'status' }, 'Loading…')];
    const versions = Object.entries(t.versionLinks || {}).sort(([a], [b]) => b.localeCompare(a, undefined, { numeric: true })), chosen = versions.find(([name]) => name === v?.version)?.[1];
    return [
      way, heading([templateIcon(t, 40), ' ', this.title()]), t.description && h('p', { class: 'lead' }, t.description), this.upgrading() && h('p', {}, 'It has version ', h('strong', {}, this.current?.version || catalogId(stack)), ' now.'),
      h('div', { class: 'field', key: 'version' }, h('label', { for: 'version' }, 'Version'), h('select', { id: 'version', value: chosen || '', force: true, onchange: e => this.readVersion(e.target.value) },
        versions.map(([name, link]) => h('option', { value: link, key: name }, name + (name === this.current?.version ? ' (as now: change answers only)' : name === t.defaultVersion ? ' (recommended)' : ''))))),
      problem(this.version?.error), v && this.form && this.drawForm(v), v && this.drawFiles(v), this.drawReadme(t), h('p', { class: 'muted' }, [t.id, t.maintainer && `maintained by ${t.maintainer}`, t.license].filter(Boolean).join(' · ')),
    ];
  }
  drawForm(v) {
    return h('form', { class: 'card form', novalidate: true, key: `form ${v.id}`, onsubmit: e => { e.preventDefault(); this.form.submit(x => this.submit(x)); } },
      h('h2', {}, this.upgrading() ? 'Answers' : 'New stack'), this.form.nodes(), this.upgrading() && !(v.questions || []).length && h('p', { class: 'muted' }, 'This version asks nothing.'),
      h('div', { class: 'dialog-tools' }, linkButton('Cancel', this.upgrading() ? `${this.home}/stacks/${this.params[0]}` : `${this.home}/catalog`), h('button', { type: 'submit', class: 'button primary', disabled: this.form.busy }, this.form.busy ? 'Working…' : this.upgrading() ? 'Upgrade' : 'Launch')));
  }
  drawReadme(t) {
    if (!t.links?.readme) return null;
    const read = e => { if (e.target.open && !this.readme) this.load('readme', () => get(t.links.readme, { text: true, project: this.app.projectId })); };
    return h('details', { class: 'card files', key: 'readme', ontoggle: read }, h('summary', {}, 'About it'), this.readme && (problem(this.readme.error) || h('pre', { class: 'code', tabindex: 0, 'aria-label': 'About it' }, this.readme.value || 'Loading…')));
  }
  drawFiles(v) {
    const names = Object.keys(v.files || {}).sort();
    return names.length > 0 && h('details', { class: 'card files', key: 'files' }, h('summary', {}, `Files of version ${v.version} (${names.length})`), names.map(n => h('section', { key: n }, h('div', { class: 'heading' }, h('h3', {}, n), copyButton(v.files[n])), h('pre', { class: 'code', tabindex: 0, 'aria-label': n }, v.files[n]))));
  }
}
