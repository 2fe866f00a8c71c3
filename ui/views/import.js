// import.js: a stack of compose files that somebody brings along.
import { del, get, post } from '../api.js';
import { h } from '../dom.js';
import { Form } from '../form.js';
import { heading, linkButton, problem } from '../parts.js';
import { View } from './view.js';

function answers(text) {
  const out = {};
  for (const line of text.split('\n').map(l => l.trim()).filter(l => l && !l.startsWith('#'))) {
    const i = line.indexOf('=');
    if (i < 1) throw new Error(`"${line}" is no NAME=VALUE`);
    out[line.slice(0, i).trim()] = line.slice(i + 1).trim().replace(/^(["'])(.*)\1$/, '$2');
  }
  return out;
}

export default class Import extends View {
  title = 'Import compose files';
  init() {
    const file = (name, to, label) => ({ name, label, type: 'file', take: (text, from) => this.take(to, text, from) });
    this.form = new Form([
      { name: 'name', label: 'Name of the stack', required: true }, { name: 'description', label: 'Description' }, file('file1', 'dockerCompose', 'Load docker-compose.yml from a file'),
      { name: 'dockerCompose', label: 'docker-compose.yml', type: 'textarea', rows: 14, code: true, required: true }, file('file2', 'rancherCompose', 'Load rancher-compose.yml from a file'),
      { name: 'rancherCompose', label: 'rancher-compose.yml', type: 'textarea', rows: 8, code: true, help: 'Scale, health checks and what else docker-compose.yml cannot say; may stay empty' },
      { name: 'environment', label: 'Variables', type: 'textarea', rows: 3, code: true, help: 'NAME=VALUE, one a line, for ${NAME} in the files; may stay empty', aliases: ['answers'], check: v => { try { answers(v); return ''; } catch (e) { return e.message; } } },
      { name: 'startOnCreate', label: 'Start its services when it is made', type: 'checkbox' },
    ], { startOnCreate: true }, this.redraw);
    if (this.query.get('from')) this.load('old', () => this.again());
  }
  // A stack that could not be made: its files come back, to be mended.
  async again() {
    const s = await get(`${this.base}/stacks/${encodeURIComponent(this.query.get('from'))}`);
    Object.assign(this.form.values, { name: s.name, description: s.description || '', dockerCompose: s.dockerCompose || '', rancherCompose: s.rancherCompose || '', environment: Object.entries(s.environment || {}).map(([k, v]) => `${k}=${v}`).join('\n') });
    return s;
  }
  async dropOld() {
    const old = this.old?.value;
    if (!old || !this.live.get('stack', old.id)) return;
    await this.live.from(() => del(old.links.self));
    for (let i = 0; i < 300 && this.live.get('stack', old.id); i++) await new Promise(r => setTimeout(r, 100));    // until an event says that it is gone
  }
  take(to, text, from) {
    this.form.set(to, text, true);
    document.getElementById(this.form.inputId({ name: to })).value = text;
    const name = /^([a-zA-Z0-9-]+)\.ya?ml$/.exec(from)?.[1];
    if (!this.form.values.name && name && !/compose/.test(name)) { this.form.set('name', name); document.getElementById(this.form.inputId({ name: 'name' })).value = name; }
  }
  async submit(v) {
    await this.dropOld();
    const s = await this.live.from(() => post(`${this.base}/stacks`, { name: v.name.trim(), description: v.description || null, dockerCompose: v.dockerCompose, rancherCompose: v.rancherCompose, environment: answers(v.environment), startOnCreate: v.startOnCreate }));
    this.go(`${this.home}/stacks/${s.id}`);
  }
  draw() {
    return [h('p', { class: 'way' }, h('a', { href: `${this.home}/stacks` }, 'Stacks')), heading('Import compose files'), problem(this.old?.error), this.old?.busy && h('p', { class: 'loading' }, 'Loading…'), this.old?.value && h('p', {}, `In place of the stack ${this.old.value.name}, which could not be made: `, h('span', { class: 'bad-text reason' }, this.old.value.transitioningMessage)),
      h('form', { class: 'card form', novalidate: true, key: this.old?.value ? 'again' : 'form', onsubmit: e => { e.preventDefault(); this.form.submit(v => this.submit(v)); } }, this.form.nodes(),
        h('div', { class: 'dialog-tools' }, linkButton('Cancel', `${this.home}/stacks`), h('button', { type: 'submit', class: 'button primary', disabled: this.form.busy }, this.form.busy ? 'Working…' : 'Create')))];
  }
}
