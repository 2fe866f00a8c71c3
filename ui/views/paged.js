// paged.js: a long list that the server keeps: filters and pages, newest first. Read on demand, not followed.
import { get, path } from '../api.js';
import { h } from '../dom.js';
import { button, problem } from '../parts.js';
import { View } from './view.js';

const LIMIT = 50;

export class Paged extends View {
  early = true;
  filters = {};
  trail = [];           // addresses of the pages before
  init() { this.at = this.first(); this.read(); }
  first() {
    const q = new URLSearchParams({ limit: LIMIT, sort: 'id', order: 'desc' });
    for (const [k, v] of Object.entries(this.filters)) if (v) q.set(k, v);
    return `${this.plural}?${q}`;
  }
  read() {
    const turn = this.turn = (this.turn || 0) + 1;
    return this.load('page', async () => { const p = await get(this.at); return turn === this.turn ? p : this.page.value; });
  }
  filter(name, value) {
    this.filters[name] = value;
    this.trail = [];
    this.at = this.first();
    clearTimeout(this.later);
    this.later = setTimeout(() => this.read(), 250);
  }
  stop() { clearTimeout(this.later); }
  text(name, label, list) {
    return h('label', { key: name }, h('span', { class: 'unseen' }, label), h('input', { type: 'search', placeholder: label, value: '', list: list && `${name}-list`, oninput: e => this.filter(name, e.target.value.trim()) }), list && h('datalist', { id: `${name}-list` }, list.map(x => h('option', { value: x }))));
  }
  pick(name, label, options) {
    return h('label', { key: name }, h('span', { class: 'unseen' }, label), h('select', { value: '', onchange: e => this.filter(name, e.target.value) }, options.map(([v, t]) => h('option', { value: v, key: v }, t))));
  }
  again() { return button('Refresh', () => this.read(), { sign: 'again', disabled: !!this.page.busy }); }
  pager() {
    const next = this.page.value?.pagination?.next;
    return [problem(this.page.error), h('div', { class: 'pager' }, button('Newer', () => { this.at = this.trail.pop(); this.read(); }, { disabled: !this.trail.length }), h('span', { class: 'muted', role: 'status' }, `Page ${this.trail.length + 1}`), button('Older', () => { this.trail.push(this.at); this.at = path(next); this.read(); }, { disabled: !next }))];
  }
}
