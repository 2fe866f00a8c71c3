// logs.js: the log of a container: follow, search in it, pause, download.
import { act, webSocket } from './api.js';
import { draw, h, onceAFrame } from './dom.js';
import { button } from './parts.js';

const LINES_MAX = 5000, ANSI = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])/g, TIME = /^(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)) ?/;

export function logPane(container, now) { return new LogPane(container, now); }

class LogPane {
  constructor(container, now) { Object.assign(this, { container, now, lines: [], fresh: [], follow: true, times: false, wrap: true, words: '', at: 0, count: 300, state: 'connecting' }); this.redraw = onceAFrame(() => this.paint()); }

  mount(el) {
    this.el = el;
    this.bar = el.appendChild(document.createElement('div'));
    this.out = el.appendChild(document.createElement('div'));
    this.out.className = 'log wrap';
    for (const [k, v] of Object.entries({ tabindex: 0, role: 'log', 'aria-label': `Log of ${this.container.name}`, 'aria-live': 'off' })) this.out.setAttribute(k, v);
    this.out.addEventListener('scroll', () => {
      const end = this.out.scrollHeight - this.out.scrollTop - this.out.clientHeight < 30;
      if (end !== this.follow && !this.moving) { this.follow = end; this.redraw(); }
    });
    this.open();
    this.paint();
  }
  close() { this.over = true; this.ws?.close(); }

  async open() {
    this.ws?.close();
    this.state = 'connecting';
    this.redraw();
    let access;
    try { access = await act(this.now() || this.container, 'logs', { follow: true, lines: this.count, timestamps: true }); } catch (e) { this.state = 'ended'; this.reason = e.message; this.redraw(); return; }
    if (this.over) return;
    const ws = this.ws = webSocket(`${access.url}?token=${encodeURIComponent(access.token)}`);
    ws.onopen = () => { this.state = 'open'; this.lines = []; this.fresh = []; this.repaint = true; this.redraw(); };
    ws.onmessage = m => { for (const l of String(m.data).replace(/\n$/, '').split('\n')) this.take(l); };
    ws.onclose = e => { if (ws !== this.ws || this.over) return; this.state = 'ended'; this.reason = e.reason || 'The log ended.'; this.redraw(); };
  }
  take(message) {
    const m = /^(0[0-2]) (.*)$/s.exec(message), kind = m?.[1] || '01';
    let text = (m ? m[2] : message).replace(/\r$/, '');
    const time = TIME.exec(text)?.[1] || '';
    text = text.replace(TIME, '').replace(ANSI, '');
    this.fresh.push({ kind, time, text });
    this.redraw();
  }

  node(l) {
    const el = document.createElement('div');
    if (l.kind === '02') el.className = 'err';
    if (this.times && l.time) { const t = el.appendChild(document.createElement('time')); t.textContent = `${l.time.replace('T', ' ').slice(0, 23)} `; }
    const words = this.words.toLowerCase();
    if (!words) { el.append(l.text); return el; }
    const low = l.text.toLowerCase();
    let from = 0;
    for (let i = low.indexOf(words); i >= 0; i = low.indexOf(words, from)) {
      el.append(l.text.slice(from, i));
      const mark = el.appendChild(document.createElement('mark'));
      mark.textContent = l.text.slice(i, from = i + words.length);
    }
    el.append(l.text.slice(from));
    return el;
  }

  paint() {
    if (!this.el) return;
    const fresh = this.fresh;
    this.fresh = [];
    if (this.repaint) { this.repaint = false; this.out.textContent = ''; for (const l of this.lines) this.out.append(this.node(l)); }
    for (const l of fresh) { this.lines.push(l); this.out.append(this.node(l)); }
    const extra = this.lines.length - LINES_MAX;
    if (extra > 0) { this.lines.splice(0, extra); for (let i = 0; i < extra; i++) this.out.firstChild.remove(); }
    this.out.className = `log ${this.wrap ? 'wrap' : ''}`;
    if (this.follow) this.toEnd();
    this.marks = this.words ? [...this.out.querySelectorAll('mark')] : [];
    const check = (label, name, then) => h('label', { class: 'inline', key: name }, h('input', { type: 'checkbox', checked: this[name], force: true, onchange: e => { this[name] = e.target.checked; then?.(); this.redraw(); } }), ` ${label}`);
    draw(this.bar, h('div', { class: 'filters' },
      h('form', { class: 'find', role: 'search', onsubmit: e => { e.preventDefault(); this.find(1); } }, h('label', {}, h('span', { class: 'unseen' }, 'Search in the log'), h('input', { type: 'search', placeholder: 'Search in the log', value: '', oninput: e => this.search(e.target.value), onkeydown: e => { if (e.key === 'Enter' && e.shiftKey) { e.preventDefault(); this.find(-1); } } })),
        this.words && [h('span', { class: 'muted', role: 'status' }, this.marks.length ? `${Math.min(this.at + 1, this.marks.length)} of ${this.marks.length}` : 'nothing found'), button('Previous match', () => this.find(-1), { sign: 'up', only: true, disabled: !this.marks.length }), button('Next match', () => this.find(1), { sign: 'up', only: true, kind: 'turned', disabled: !this.marks.length })]),
      check('Follow', 'follow', () => this.follow && this.toEnd()), check('Times', 'times', () => { this.repaint = true; }), check('Wrap', 'wrap'),
      h('label', { class: 'inline' }, 'Last ', h('select', { value: String(this.count), onchange: e => { this.count = Number(e.target.value); this.open(); } }, [100, 300, 1000, 5000].map(n => h('option', { value: String(n) }, String(n)))), ' lines'),
      button('Download', () => this.download()), button('Clear', () => { this.lines = []; this.repaint = true; this.redraw(); }),
      h('span', { class: 'push muted', role: 'status' }, this.state === 'open' ? plain(this.lines.length) : this.state === 'connecting' ? 'Connecting…' : this.reason), this.state === 'ended' && button('Read again', () => this.open(), { sign: 'again', kind: 'primary' })));
    for (const m of this.marks) m.classList.remove('now');
    if (this.marks.length) this.marks[this.at = Math.min(this.at, this.marks.length - 1)].classList.add('now');
  }
  toEnd() {
    this.moving = true;
    this.out.scrollTop = this.out.scrollHeight;
    requestAnimationFrame(() => { this.moving = false; });
  }
  search(text) { this.words = text; this.at = 0; this.repaint = true; this.redraw(); }
  find(by) {
    if (!this.marks?.length) return;
    this.follow = false;
    this.at = (this.at + by + this.marks.length) % this.marks.length;
    this.paint();
    this.moving = true;
    this.marks[this.at].scrollIntoView({ block: 'center' });
    requestAnimationFrame(() => { this.moving = false; });
  }
  download() {
    const a = document.createElement('a');
    a.href = URL.createObjectURL(new Blob([this.lines.map(l => `${l.time} ${l.text}`.trim()).join('\n') + '\n'], { type: 'text/plain' }));
    a.download = `${this.container.name}.log`;
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 1000);
  }
}
const plain = n => `${n} ${n === 1 ? 'line' : 'lines'}`;
