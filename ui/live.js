// live.js: the resources of one environment, kept as they are by the server's events: nothing is polled and nothing reloaded.
//
// A subscription is opened first, then the collections are read, so that no change falls between the two; what events said meanwhile is laid over
// what was read. When the connection is lost it is opened again (with growing pauses) and everything is read anew.
import { get, list, webSocket } from './api.js';

const SILENCE_MS = 11000, PAUSE_MIN_MS = 500, PAUSE_MAX_MS = 15000;
const GONE = new Set(['removed', 'purged', 'purging']);
const TYPES = { stack: 'stacks', service: 'services', instance: 'containers', host: 'hosts' };

const number = id => Number(/\d+$/.exec(id)?.[0] || 0);

export class Live {
  // changed(): something is different. state: 'loading', 'live', 'lost'. account: the user's own account instead of an environment (no collections).
  constructor(base, changed, { types = TYPES, onEvent = null, onLogout = null } = {}) {
    Object.assign(this, { base, changed, types, onEvent, onLogout, state: 'loading', error: null, pause: PAUSE_MIN_MS, over: false, byType: {}, heard: null, count: 0, heardAt: new Map(), cache: new Map() });
    for (const t in types) this.byType[t] = new Map();
    this.open();
  }

  stop() {
    this.over = true;
    clearTimeout(this.again);
    clearTimeout(this.silence);
    this.ws?.close();
  }

  get(type, id) { return this.byType[type].get(id); }
  all(type) { return [...this.kept(`all ${type}`, () => [...this.byType[type].values()].sort((a, b) => number(a.id) - number(b.id)))]; }
  // Those of a type that belong to a key: keys(r) tells whose r is. Grouped once, until something changes.
  of(type, name, keys, key) {
    return this.kept(`${name} ${type}`, () => {
      const groups = new Map();
      for (const r of this.all(type)) for (const k of new Set(keys(r))) {
        if (!groups.has(k)) groups.set(k, []);
        groups.get(k).push(r);
      }
      return groups;
    }).get(key) || [];
  }
  kept(name, make) {
    if (!this.cache.has(name)) this.cache.set(name, make());
    return this.cache.get(name);
  }

  open() {
    const ws = this.ws = webSocket(`${this.base}/subscribe?eventNames=resource.change`);
    let opened = false;
    ws.onopen = () => { opened = true; this.alive(); this.load(); };
    ws.onmessage = m => { this.alive(); this.take(JSON.parse(m.data)); };
    ws.onclose = () => { if (ws !== this.ws) return; this.lost(); if (!opened) this.ask(); };
  }

  alive() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => { const ws = this.ws; this.ws = null; ws?.close(); this.lost(); }, SILENCE_MS);
  }

  lost() {
    clearTimeout(this.silence);
    if (this.over) return;
    this.state = 'lost';
    this.changed();
    clearTimeout(this.again);
    this.again = setTimeout(() => this.open(), this.pause);
    this.pause = Math.min(this.pause * 2, PAUSE_MAX_MS);
  }

  // A refused websocket says nothing of why: an ordinary request does.
  async ask() {
    try { await get(this.base); } catch (e) {
      if (this.over || !(e.status === 403 || e.status === 404)) return;
      this.stop();
      this.state = 'refused';
      this.changed();
    }
  }

  async load() {
    const heard = this.heard = new Map(), ws = this.ws;
    try {
      const names = Object.keys(this.types);
      const lists = await Promise.all(names.map(t => list(`${this.base}/${this.types[t]}`)));
      if (this.over || ws !== this.ws) return;
      names.forEach((t, i) => { this.byType[t] = new Map(lists[i].map(r => [r.id, r])); });
      this.cache.clear();
      this.heard = null;
      for (const r of heard.values()) this.put(r);
      this.state = 'live';
      this.error = null;
      this.pause = PAUSE_MIN_MS;
    } catch (e) {
      if (this.over || ws !== this.ws) return;
      this.error = e;
      if (e.status === 403 || e.status === 404) { this.state = 'refused'; this.over = true; }
      ws?.close();
    }
    this.changed();
  }

  take(event) {
    if (event.name === 'logout') { this.stop(); this.onLogout?.(); return; }
    const r = event.data?.resource;
    if (event.name !== 'resource.change' || !r) return;
    this.heardAt.set(r.id, ++this.count);
    if (this.heard) this.heard.set(r.id, r);
    const old = this.byType[r.baseType]?.get(r.id) || this.byType[r.type]?.get(r.id);
    this.put(r);
    this.onEvent?.(r, old);
    this.changed();
  }

  // Asks the server for something that answers with the resource. An event may overtake the answer: then it knows more.
  async from(ask) {
    const mark = this.count, r = await ask();
    if (r?.id && !(this.heardAt.get(r.id) > mark)) this.put(r);
    return r;
  }

  put(r) {
    const of = this.byType[r.baseType] ? r.baseType : r.type;
    if (!this.byType[of]) return;
    this.cache.clear();
    if (GONE.has(r.state) || r.removed) this.byType[of].delete(r.id);
    else this.byType[of].set(r.id, r);
  }
}
