// termview.js: a terminal (terminal.js) on the page: lines of text, a cursor, keys, paste, the size that fits.
import { keySequence, pasteSequence, PLAIN, Terminal } from './terminal.js';

const CUBE = [0, 95, 135, 175, 215, 255];
function colour(c) {
  if (typeof c === 'string') return c;
  if (c < 16) return `var(--t${c})`;
  if (c >= 232) { const v = 8 + (c - 232) * 10; return `rgb(${v},${v},${v})`; }
  return `rgb(${CUBE[Math.floor((c - 16) / 36)]},${CUBE[Math.floor((c - 16) / 6) % 6]},${CUBE[(c - 16) % 6]})`;
}

export class TermView {
  // send(text): what was typed. resized(cols, rows).
  constructor(root, { send, resized, label }) {
    Object.assign(this, { root, send, resized });
    this.box = root.appendChild(document.createElement('div'));
    this.box.className = 'terminal';
    this.screen = this.box.appendChild(document.createElement('div'));
    this.screen.className = 'terminal-lines';
    this.screen.setAttribute('aria-hidden', 'true');
    this.input = this.box.appendChild(document.createElement('textarea'));
    for (const [k, v] of Object.entries({ 'aria-label': label, autocapitalize: 'off', autocomplete: 'off', autocorrect: 'off', spellcheck: 'false', rows: 1, 'aria-describedby': 'terminal-help' })) this.input.setAttribute(k, v);
    this.probe = this.box.appendChild(document.createElement('span'));
    this.probe.className = 'terminal-probe';
    this.probe.textContent = 'M'.repeat(20);
    this.probe.setAttribute('aria-hidden', 'true');
    // For those who hear the page: the last lines, a moment after they came.
    this.heard = this.box.appendChild(document.createElement('div'));
    this.heard.className = 'unseen';
    this.heard.setAttribute('role', 'log');
    this.terminal = new Terminal(80, 24, { reply: text => send(text) });
    this.lines = [];
    this.listen();
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.box);
    this.fit();
  }

  listen() {
    const { input } = this;
    this.box.addEventListener('mouseup', () => { if (getSelection().isCollapsed) input.focus({ preventScroll: true }); });
    input.addEventListener('keydown', e => {
      if (e.isComposing) return;
      if (e.key === 'F6' && e.shiftKey) { e.preventDefault(); this.leave?.(); return; }
      if (e.shiftKey && (e.key === 'PageUp' || e.key === 'PageDown')) { e.preventDefault(); this.screen.scrollBy(0, (e.key === 'PageUp' ? -1 : 1) * this.screen.clientHeight * 0.9); return; }
      const s = keySequence(e, this.terminal);
      if (s === null || (!e.ctrlKey && !e.altKey && [...e.key].length === 1)) return;  // text comes as input, also from other keyboards
      e.preventDefault();
      this.type(s);
    });
    input.addEventListener('input', e => {
      if (e.isComposing) return;
      const text = input.value;
      input.value = '';
      if (text) this.type(text.replace(/\n/g, '\r'));
    });
    input.addEventListener('compositionend', () => { const text = input.value; input.value = ''; if (text) this.type(text); });
    input.addEventListener('paste', e => { e.preventDefault(); this.type(pasteSequence(e.clipboardData.getData('text'), this.terminal)); });
    input.addEventListener('focus', () => { this.box.classList.add('focused'); this.dirty(); });
    input.addEventListener('blur', () => { this.box.classList.remove('focused'); this.dirty(); });
  }
  type(text) {
    if (!text) return;
    this.toEnd = true;
    this.send(text);
  }

  fit() {
    const r = this.probe.getBoundingClientRect(), w = r.width / 20, hgt = r.height;
    if (!w || !hgt) return;
    this.lineHeight = hgt;
    const cols = Math.max(10, Math.floor((this.screen.clientWidth - 16) / w)), rows = Math.max(4, Math.floor((this.box.clientHeight - 8) / hgt));
    if (cols === this.terminal.cols && rows === this.terminal.rows && this.fitted) return;
    this.fitted = true;
    this.terminal.resize(cols, rows);
    this.all = true;
    this.toEnd = true;
    this.dirty();
    this.resized(cols, rows);
  }

  write(bytes) { this.terminal.write(bytes); this.dirty(); }
  dirty() {
    if (this.frame) return;
    this.frame = true;
    const go = () => { if (this.frame) { this.frame = false; this.paint(); } };
    if (document.hidden) setTimeout(go, 100); else requestAnimationFrame(go);
  }

  paint() {
    const t = this.terminal, { rows, dropped } = t.changes(), atEnd = this.toEnd || this.screen.scrollHeight - this.screen.scrollTop - this.screen.clientHeight < this.lineHeight * 2;
    this.toEnd = false;
    if (this.all || this.lines.length > t.length || dropped >= this.lines.length) {
      this.all = false;
      this.screen.textContent = '';
      this.lines = [];
    } else if (dropped && t.length - dropped < this.lines.length) {     // what went into the scrollback moved up; the oldest are forgotten
      const forgotten = this.lines.length + dropped - t.length;
      for (let i = 0; i < forgotten; i++) this.lines.shift().remove();
    }
    const known = this.lines.length;
    for (let n = known; n < t.length; n++) this.lines.push(this.screen.appendChild(document.createElement('div')));
    const redo = new Set(rows.map(y => t.top + y));
    for (let n = known; n < t.length; n++) redo.add(n);
    for (let y = 0; dropped && y < t.rows; y++) redo.add(t.top + y);
    for (let i = 1; i <= dropped; i++) redo.add(t.top - i);
    if (this.cursorAt !== undefined) redo.add(this.cursorAt);
    this.cursorAt = t.top + t.y;
    redo.add(this.cursorAt);
    for (const n of redo) if (this.lines[n]) this.paintLine(n);
    if (atEnd) this.screen.scrollTop = this.screen.scrollHeight;
    this.place();
    this.speak();
  }

  paintLine(n) {
    const t = this.terminal, el = this.lines[n], cursor = t.cursorShown && n === t.top + t.y ? t.x : -1;
    el.textContent = '';
    if (cursor < 0) { for (const r of t.line(n)) el.append(this.run(r.text, r.style)); return; }
    const cells = t.row(n);
    let text = '', style = null, end = cells.length;
    while (end > cursor + 1 && cells[end - 1].c === ' ' && cells[end - 1].s === PLAIN) end--;
    const flush = () => { if (text) el.append(this.run(text, style)); text = ''; };
    for (let i = 0; i < end; i++) {
      if (i === cursor) {
        flush();
        const c = this.run(cells[i].c || ' ', cells[i].s);
        const span = document.createElement('span');
        span.className = 'terminal-cursor';
        span.append(c);
        el.append(span);
        continue;
      }
      if (cells[i].s !== style) { flush(); style = cells[i].s; }
      text += cells[i].c;
    }
    flush();
  }

  run(text, s) {
    if (s === PLAIN || !s) return document.createTextNode(text);
    const el = document.createElement('span');
    el.textContent = text;
    let fg = s.fg, bg = s.bg;
    if (s.bold && typeof fg === 'number' && fg < 8) fg += 8;
    fg = fg === null ? null : colour(fg);
    bg = bg === null ? null : colour(bg);
    if (s.inverse) [fg, bg] = [bg || 'var(--term-bg)', fg || 'var(--term-fg)'];
    if (fg) el.style.color = fg;
    if (bg) el.style.backgroundColor = bg;
    if (s.bold) el.style.fontWeight = 'bold';
    if (s.dim) el.style.opacity = 0.7;
    if (s.italic) el.style.fontStyle = 'italic';
    if (s.hidden) el.style.visibility = 'hidden';
    if (s.underline || s.strike) el.style.textDecoration = [s.underline && 'underline', s.strike && 'line-through'].filter(Boolean).join(' ');
    return el;
  }

  // The input sits at the cursor, so that composition windows and screen readers are at the right place.
  place() {
    const line = this.lines[this.cursorAt], c = line?.querySelector('.terminal-cursor');
    if (!c) return;
    this.input.style.left = `${c.offsetLeft}px`;
    this.input.style.top = `${Math.max(0, line.offsetTop - this.screen.scrollTop)}px`;
  }
  speak() {
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => {
      const t = this.terminal, from = Math.max(this.spoken ?? 0, t.length - 40), end = t.top + t.y, out = [];
      for (let n = from; n < end; n++) out.push(t.text(n));
      if (end > (this.spoken ?? 0)) { this.heard.textContent = out.filter(Boolean).slice(-10).join('\n'); }
      this.spoken = end;
    }, 500);
  }
  focus() { this.input.focus({ preventScroll: true }); }
  close() { this.observer.disconnect(); clearTimeout(this.speaking); }
}
