// terminal.js: what a terminal shows, out of the bytes that a program sends: enough of a VT100 and xterm for shells, pagers and editors.
// No page is needed: tests/ui runs it in Node. ui/termview.js puts it on the page.
//
//   const t = new Terminal(80, 24, { reply: text => ... })      reply: what the program asked the terminal to answer
//   t.write(bytes)   t.resize(cols, rows)   t.line(n) -> [{ text, style }]   n counts from the oldest kept line; t.top is the first of the screen
// A cell is { c: text of 0 (right half of a wide one), 1 or more code points, s: style }. Styles are shared objects: equal looks are one object.

const SCROLLBACK = 3000, COLS_MAX = 500, ROWS_MAX = 300, PARAMS_MAX = 32, OSC_MAX = 4096, COMBINING_MAX = 8;
const GRAPHICS = { '`': '◆', a: '▒', f: '°', g: '±', j: '┘', k: '┐', l: '┌', m: '└', n: '┼', o: '⎺', p: '⎻', q: '─', r: '⎼', s: '⎽', t: '├', u: '┤', v: '┴', w: '┬', x: '│', y: '≤', z: '≥', '{': 'π', '|': '≠', '}': '£', '~': '·' };

const combining = c => (c >= 0x300 && c <= 0x36f) || (c >= 0x1ab0 && c <= 0x1aff) || (c >= 0x20d0 && c <= 0x20ff) || (c >= 0xfe00 && c <= 0xfe0f) || c === 0x200d || c === 0x200b || (c >= 0xe0100 && c <= 0xe01ef);
export const wide = c => c >= 0x1100 && (c <= 0x115f || (c >= 0x2e80 && c <= 0x303e) || (c >= 0x3041 && c <= 0x33ff) || (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x4e00 && c <= 0xa4cf) || (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
  (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) || (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1f64f) || (c >= 0x1f680 && c <= 0x1f6ff) || (c >= 0x1f900 && c <= 0x1f9ff) || (c >= 0x20000 && c <= 0x3fffd));

export const PLAIN = Object.freeze({ fg: null, bg: null, bold: false, dim: false, italic: false, underline: false, inverse: false, hidden: false, strike: false });

const BLANK = Object.freeze({ c: ' ', s: PLAIN });     // cells are never changed, only replaced: one blank serves all

export class Terminal {
  constructor(cols, rows, { reply = () => {} } = {}) {
    Object.assign(this, { reply, decoder: new TextDecoder(), styles: new Map(), title: '' });
    this.cols = Math.max(1, Math.min(cols, COLS_MAX));
    this.rows = Math.max(1, Math.min(rows, ROWS_MAX));
    this.reset();
  }

  reset() {
    Object.assign(this, { style: PLAIN, x: 0, y: 0, pending: false, state: 'text', params: '', inter: '', charset: ['B', 'B'], shift: 0, autowrap: true, origin: false, insert: false, newline: false,
      appCursor: false, appKeypad: false, bracketed: false, cursorShown: true, mouse: 0, other: null, history: [], saved: null, last: '', dropped: 0 });
    this.screen = Array.from({ length: this.rows }, () => this.blank());
    this.tabs = new Set();
    for (let i = 8; i < COLS_MAX; i += 8) this.tabs.add(i);
    this.setRegion(0, this.rows - 1);
    this.touchAll();
  }

  // ---- for those who show it ----
  get top() { return this.history.length; }
  get length() { return this.history.length + this.rows; }
  row(n) { return n < this.history.length ? this.history[n] : this.screen[n - this.history.length]; }
  // Runs of one look; blanks at the end are left out when they have none.
  line(n) {
    const cells = this.row(n), out = [];
    let end = cells.length;
    while (end > 0 && cells[end - 1].c === ' ' && cells[end - 1].s === PLAIN) end--;
    for (let i = 0; i < end; i++) {
      const at = out.at(-1);
      if (at && at.style === cells[i].s) at.text += cells[i].c;
      else out.push({ text: cells[i].c, style: cells[i].s });
    }
    return out;
  }
  text(n) { return this.line(n).map(r => r.text).join('').trimEnd(); }
  all() { return Array.from({ length: this.length }, (_, n) => this.text(n)).join('\n').trimEnd(); }
  touch(y) { this.dirty.add(y); }
  touchAll() { this.dirty = new Set(Array.from({ length: this.rows }, (_, i) => i)); }
  // Rows of the screen that are different since the last call, and how many lines went up into the scrollback.
  changes() {
    const c = { rows: [...this.dirty], dropped: this.dropped };
    this.dirty.clear();
    this.dropped = 0;
    return c;
  }

  resize(cols, rows) {
    cols = Math.max(1, Math.min(cols, COLS_MAX));
    rows = Math.max(1, Math.min(rows, ROWS_MAX));
    if (cols === this.cols && rows === this.rows) return;
    const fit = screen => {
      for (const r of screen) {
        while (r.length < cols) r.push(BLANK);
        r.length = cols;
        if (wideHalf(r, cols)) r[cols - 1] = { c: ' ', s: PLAIN };
      }
    };
    const height = (screen, y, keep) => {
      while (screen.length > rows) {
        if (screen.length - 1 > y && screen.at(-1).every(c => c.c === ' ')) screen.pop();
        else { const up = screen.shift(); if (keep) this.keep(up); y = Math.max(0, y - 1); }
      }
      while (screen.length < rows) {
        if (keep && this.history.length) { screen.unshift(this.history.pop()); y++; } else screen.push(this.blank(cols));
      }
      return y;
    };
    if (this.other) { this.other.y = height(this.other.screen, this.other.y, true); fit(this.other.screen); this.other.x = Math.min(this.other.x, cols - 1); }
    this.y = height(this.screen, this.y, !this.other);
    this.cols = cols;
    this.rows = rows;
    fit(this.screen);
    fit(this.history);
    this.x = Math.min(this.x, cols - 1);
    this.pending = false;
    this.setRegion(0, rows - 1);
    this.touchAll();
  }

  // ---- bytes ----
  write(bytes) {
    const text = typeof bytes === 'string' ? bytes : this.decoder.decode(bytes, { stream: true });
    for (let i = 0; i < text.length;) {
      const c = text.codePointAt(i), ch = String.fromCodePoint(c);
      i += ch.length;
      this.take(ch, c);
    }
  }

  take(ch, c) {
    if (this.state === 'osc' || this.state === 'string') {      // until BEL or ESC \
      if (c === 7) this.endString();
      else if (c === 27) this.state += '-esc';
      else if (this.params.length < OSC_MAX) this.params += ch;
      return;
    }
    if (this.state === 'osc-esc' || this.state === 'string-esc') {
      this.state = this.state.slice(0, -4);
      this.endString();
      if (c !== 92) { this.state = 'esc'; this.inter = ''; this.take(ch, c); }
      return;
    }
    if (c === 27) { this.state = 'esc'; this.inter = ''; return; }
    if (c === 24 || c === 26) { this.state = 'text'; return; }
    if (c < 32) { this.control(c); return; }
    switch (this.state) {
    case 'text': if (c >= 32 && (c < 127 || c >= 160)) this.put(ch, c); break;
    case 'esc': this.escape(ch, c); break;
    case 'csi':
      if (c >= 64 && c < 127) { this.state = 'text'; this.csi(ch); }
      else if (c >= 48 && c < 64) { if (this.params.length < 256) this.params += ch; }
      else if (c < 48) this.inter += ch;
      else this.state = 'text';
      break;
    }
  }

  endString() {
    const m = /^[02];(.*)$/s.exec(this.params);
    if (this.state === 'osc' && m) this.title = m[1].slice(0, 200);
    this.state = 'text';
  }

  control(c) {
    if (c === 8) { this.x = Math.max(0, this.x - 1); this.pending = false; this.touch(this.y); }
    else if (c === 9) { const to = [...this.tabs].filter(t => t > this.x).sort((a, b) => a - b)[0]; this.moveTo(Math.min(to ?? this.cols - 1, this.cols - 1), this.y); }
    else if (c === 10 || c === 11 || c === 12) { this.index(); if (this.newline) this.moveTo(0, this.y); }
    else if (c === 13) this.moveTo(0, this.y);
    else if (c === 14) this.shift = 1;
    else if (c === 15) this.shift = 0;
    else if (c === 7) this.bell = (this.bell || 0) + 1;
  }

  escape(ch, c) {
    if (c < 48) { this.inter += ch; return; }
    this.state = 'text';
    if (this.inter) {
      if (this.inter === '(') this.charset[0] = ch;
      else if (this.inter === ')') this.charset[1] = ch;
      else if (this.inter === '#' && ch === '8') { for (const r of this.screen) r.forEach((_, i) => { r[i] = { c: 'E', s: PLAIN }; }); this.touchAll(); }
      return;
    }
    switch (ch) {
    case '[': this.state = 'csi'; this.params = ''; this.inter = ''; break;
    case ']': this.state = 'osc'; this.params = ''; break;
    case 'P': case 'X': case '^': case '_': this.state = 'string'; this.params = ''; break;
    case '7': this.save(); break;
    case '8': this.restore(); break;
    case 'D': this.index(); break;
    case 'E': this.index(); this.moveTo(0, this.y); break;
    case 'H': this.tabs.add(this.x); break;
    case 'M': if (this.y === this.regionTop) this.scroll(-1); else this.moveTo(this.x, Math.max(0, this.y - 1)); break;
    case 'c': { const { history } = this; this.reset(); this.history = history; break; }
    case '=': this.appKeypad = true; break;
    case '>': this.appKeypad = false; break;
    case 'Z': this.reply('\x1b[?6c'); break;
    }
  }

  csi(ch) {
    const mark = /^[<=>?]/.exec(this.params)?.[0] || '', p = this.params.slice(mark.length).split(';').slice(0, PARAMS_MAX).map(s => (s === '' ? -1 : parseInt(s, 10))), n = (i = 0, d = 1) => (p[i] > 0 ? Math.min(p[i], 9999) : d);
    if (mark === '?' && (ch === 'h' || ch === 'l')) { for (const m of p) this.mode(m, ch === 'h'); return; }
    if (mark === '?' && (ch === 's' || ch === 'r')) return;
    if (mark && ch !== 'c' && ch !== 'J' && ch !== 'K' && ch !== 'n') return;
    if (this.inter) { if (this.inter === '!' && ch === 'p') this.softReset(); return; }
    const top = this.origin ? this.regionTop : 0;
    switch (ch) {
    case '@': this.edit(row => { for (let i = 0; i < Math.min(n(), this.cols - this.x); i++) row.splice(this.x, 0, this.erased()); row.length = this.cols; }); break;
    case 'A': this.moveTo(this.x, Math.max(this.y >= this.regionTop ? this.regionTop : 0, this.y - n())); break;
    case 'B': case 'e': this.moveTo(this.x, Math.min(this.y <= this.regionBottom ? this.regionBottom : this.rows - 1, this.y + n())); break;
    case 'C': case 'a': this.moveTo(this.x + n(), this.y); break;
    case 'D': this.moveTo(this.x - n(), this.y); break;
    case 'E': this.moveTo(0, this.y + n()); break;
    case 'F': this.moveTo(0, this.y - n()); break;
    case 'G': case '`': this.moveTo(n() - 1, this.y); break;
    case 'H': case 'f': this.moveTo(n(1) - 1, this.clampOrigin(n(0) - 1 + top)); break;
    case 'I': for (let i = 0; i < Math.min(n(), this.cols); i++) this.control(9); break;
    case 'Z': for (let i = 0; i < Math.min(n(), this.cols); i++) this.moveTo([...this.tabs].filter(t => t < this.x).sort((a, b) => b - a)[0] || 0, this.y); break;
    case 'J': this.eraseScreen(Math.max(0, p[0])); break;
    case 'K': this.eraseLine(Math.max(0, p[0])); break;
    case 'L': this.inRegion(() => this.scroll(-n(), this.y)); break;
    case 'M': this.inRegion(() => this.scroll(n(), this.y)); break;
    case 'P': this.edit(row => { row.splice(this.x, Math.min(n(), this.cols - this.x)); while (row.length < this.cols) row.push(this.erased()); }); break;
    case 'S': this.scroll(n()); break;
    case 'T': this.scroll(-n()); break;
    case 'X': this.edit(row => { for (let i = this.x; i < Math.min(this.cols, this.x + n()); i++) row[i] = this.erased(); }); break;
    case 'b': if (this.last) for (let i = 0; i < Math.min(n(), this.cols * this.rows); i++) this.put(this.last, this.last.codePointAt(0)); break;
    case 'c': if (mark === '') this.reply('\x1b[?6c'); else if (mark === '>') this.reply('\x1b[>0;0;0c'); break;
    case 'd': this.moveTo(this.x, this.clampOrigin(n() - 1 + top)); break;
    case 'g': if (p[0] === 3) this.tabs.clear(); else this.tabs.delete(this.x); break;
    case 'h': case 'l': for (const m of p) { if (m === 4) this.insert = ch === 'h'; if (m === 20) this.newline = ch === 'h'; } break;
    case 'm': this.look(); break;
    case 'n': if (p[0] === 5) this.reply('\x1b[0n'); else if (p[0] === 6) this.reply(`\x1b[${mark}${this.y - top + 1};${Math.min(this.x, this.cols - 1) + 1}R`); break;
    case 'r': { const a = n(0) - 1, b = n(1, this.rows) - 1; if (a < Math.min(b, this.rows - 1)) { this.setRegion(a, Math.min(b, this.rows - 1)); this.moveTo(0, this.origin ? a : 0); } break; }
    case 's': this.save(); break;
    case 'u': this.restore(); break;
    case 't': if (p[0] === 18) this.reply(`\x1b[8;${this.rows};${this.cols}t`); break;
    }
  }

  mode(m, on) {
    switch (m) {
    case 1: this.appCursor = on; break;
    case 5: break;
    case 6: this.origin = on; this.moveTo(0, on ? this.regionTop : 0); break;
    case 7: this.autowrap = on; break;
    case 25: this.cursorShown = on; this.touch(this.y); break;
    case 47: case 1047: this.alternate(on, false); break;
    case 1048: if (on) this.save(); else this.restore(); break;
    case 1049: this.alternate(on, true); break;
    case 2004: this.bracketed = on; break;
    }
  }

  softReset() { Object.assign(this, { style: PLAIN, insert: false, origin: false, autowrap: true, cursorShown: true, appCursor: false, appKeypad: false, charset: ['B', 'B'], shift: 0 }); this.setRegion(0, this.rows - 1); }

  // The screen of full-screen programs: it has no scrollback, and what was before comes back behind it.
  alternate(on, keepCursor) {
    if (on === !!this.other) return;
    if (on) {
      if (keepCursor) this.save();
      this.other = { screen: this.screen, x: this.x, y: this.y, saved: this.saved };
      this.screen = Array.from({ length: this.rows }, () => this.blank());
    } else {
      const o = this.other;
      this.other = null;
      this.screen = o.screen;
      this.saved = o.saved;
      if (keepCursor) this.restore(); else { this.x = o.x; this.y = o.y; }
      this.setRegion(0, this.rows - 1);
    }
    this.touchAll();
  }

  save() { this.saved = { x: this.x, y: this.y, style: this.style, origin: this.origin, charset: [...this.charset], shift: this.shift, pending: this.pending }; }
  restore() {
    const s = this.saved || { x: 0, y: 0, style: PLAIN, origin: false, charset: ['B', 'B'], shift: 0 };
    Object.assign(this, { style: s.style, origin: s.origin, charset: [...s.charset], shift: s.shift });
    this.moveTo(s.x, s.y);
    this.pending = !!s.pending;
  }

  // ---- cells ----
  blank(cols = this.cols) { return new Array(cols).fill(BLANK); }
  erased() { return this.style.bg === null ? BLANK : { c: ' ', s: this.shared({ ...PLAIN, bg: this.style.bg }) }; }
  erasedRow() { return new Array(this.cols).fill(this.erased()); }
  setRegion(a, b) { this.regionTop = a; this.regionBottom = b; }
  clampOrigin(y) { return this.origin ? Math.max(this.regionTop, Math.min(y, this.regionBottom)) : y; }
  moveTo(x, y) {
    this.touch(this.y);
    this.x = Math.max(0, Math.min(x, this.cols - 1));
    this.y = Math.max(0, Math.min(y, this.rows - 1));
    this.pending = false;
    this.touch(this.y);
  }
  edit(fn) { const row = this.screen[this.y]; fn(row); mend(row); this.pending = false; this.touch(this.y); }
  inRegion(fn) { if (this.y >= this.regionTop && this.y <= this.regionBottom) { fn(); this.moveTo(0, this.y); } }

  index() {
    if (this.y === this.regionBottom) { this.scroll(1); this.pending = false; }
    else this.moveTo(this.x, this.y + 1);
  }
  keep(row) {
    this.history.push(row);
    this.dropped++;
    if (this.history.length > SCROLLBACK) this.history.shift();
  }
  // n lines up (negative: down) from line top to the bottom of the region.
  scroll(n, top = this.regionTop) {
    const height = this.regionBottom - top + 1, up = n > 0;
    for (let i = 0; i < Math.min(Math.abs(n), height); i++) {
      const fresh = this.erasedRow();
      if (up) {
        const [gone] = this.screen.splice(top, 1);
        if (top === 0 && this.regionTop === 0 && !this.other && this.regionBottom === this.rows - 1) this.keep(gone);
        this.screen.splice(this.regionBottom, 0, fresh);
      } else {
        this.screen.splice(this.regionBottom, 1);
        this.screen.splice(top, 0, fresh);
      }
    }
    for (let y = top; y <= this.regionBottom; y++) this.touch(y);
  }
  eraseLine(how) { this.edit(row => { for (let i = how === 0 ? this.x : 0; i < (how === 1 ? this.x + 1 : this.cols); i++) row[i] = this.erased(); }); }
  eraseScreen(how) {
    if (how === 3) { this.history = []; this.touchAll(); return; }
    const clear = y => { this.screen[y] = this.erasedRow(); this.touch(y); };
    if (how === 0) { this.eraseLine(0); for (let y = this.y + 1; y < this.rows; y++) clear(y); }
    else if (how === 1) { this.eraseLine(1); for (let y = 0; y < this.y; y++) clear(y); }
    else if (how === 2) for (let y = 0; y < this.rows; y++) clear(y);
  }

  put(ch, c) {
    if (combining(c)) {
      const last = this.pending ? this.x : this.x - 1, row = this.screen[this.y], at = row[last]?.c === '' ? last - 1 : last;
      if (row[at] && row[at].c.length < COMBINING_MAX) { row[at] = { c: row[at].c + ch, s: row[at].s }; this.touch(this.y); }
      return;
    }
    if (this.charset[this.shift] === '0' && GRAPHICS[ch]) ch = GRAPHICS[ch];
    const w = wide(c) && this.cols > 1 ? 2 : 1;
    if (this.pending || (w === 2 && this.x === this.cols - 1)) {
      if (this.autowrap) { this.pending = false; this.index(); this.x = 0; }
      else this.x = this.cols - w;
    }
    const row = this.screen[this.y];
    if (this.insert) { for (let i = 0; i < w; i++) row.splice(this.x, 0, this.erased()); row.length = this.cols; }
    row[this.x] = { c: ch, s: this.style };
    if (w === 2) row[this.x + 1] = { c: '', s: this.style };
    mend(row, this.x, w);
    this.last = ch;
    this.touch(this.y);
    if (this.x + w >= this.cols) { this.x = this.cols - 1; this.pending = this.autowrap; } else this.x += w;
  }

  // ---- looks ----
  shared(s) {
    const key = JSON.stringify(s);
    if (key === PLAIN_KEY) return PLAIN;
    if (!this.styles.has(key)) { if (this.styles.size > 4096) this.styles.clear(); this.styles.set(key, Object.freeze(s)); }
    return this.styles.get(key);
  }
  look() {
    const s = { ...this.style }, parts = this.params.split(';');
    for (let i = 0; i < parts.length; i++) {
      const [head, ...sub] = parts[i].split(':').map(x => parseInt(x, 10) || 0), colour = [30, 40, 90, 100].find(b => head >= b && head < b + 8);
      if (head === 38 || head === 48) {
        const rest = sub.length ? sub : parts.slice(i + 1).map(x => parseInt(x, 10) || 0), name = head === 38 ? 'fg' : 'bg';
        if (rest[0] === 5) { s[name] = rest[1] & 255; if (!sub.length) i += 2; }
        else if (rest[0] === 2) { const rgb = sub.length > 4 ? rest.slice(2, 5) : rest.slice(1, 4); s[name] = `#${[0, 1, 2].map(k => ((rgb[k] || 0) & 255).toString(16).padStart(2, '0')).join('')}`; if (!sub.length) i += 4; }
      } else if (colour) s[colour === 30 || colour === 90 ? 'fg' : 'bg'] = head - colour + (colour >= 90 ? 8 : 0);
      else if (head === 0) Object.assign(s, PLAIN);
      else if (head === 39) s.fg = null;
      else if (head === 49) s.bg = null;
      else if (head === 22) s.bold = s.dim = false;
      else if (head === 4) s.underline = sub[0] !== 0;
      else if (head === 21) s.underline = true;
      else if (ON[head]) s[ON[head]] = true;
      else if (ON[head - 20]) s[ON[head - 20]] = false;
    }
    this.style = this.shared(s);
  }
}
const ON = { 1: 'bold', 2: 'dim', 3: 'italic', 4: 'underline', 7: 'inverse', 8: 'hidden', 9: 'strike' };
const PLAIN_KEY = JSON.stringify(PLAIN);

const wideHalf = (row, cols) => row[cols - 1] && row[cols - 1].c && wide(row[cols - 1].c.codePointAt(0));
// Halves of wide characters that lost the other one become blanks.
function mend(row, from = 0, n = row.length) {
  const a = Math.max(0, from - 1), b = Math.min(row.length - 1, from + n);
  for (let i = a; i <= b; i++) {
    const big = row[i].c && wide(row[i].c.codePointAt(0));
    if (big && row[i + 1]?.c !== '') row[i] = { c: ' ', s: row[i].s };
    else if (row[i].c === '' && !(i > 0 && row[i - 1].c && wide(row[i - 1].c.codePointAt(0)))) row[i] = { c: ' ', s: row[i].s };
  }
}

// ---- keys ----
const CURSOR = { ArrowUp: 'A', ArrowDown: 'B', ArrowRight: 'C', ArrowLeft: 'D', Home: 'H', End: 'F' };
const TILDE = { Insert: 2, Delete: 3, PageUp: 5, PageDown: 6, F5: 15, F6: 17, F7: 18, F8: 19, F9: 20, F10: 21, F11: 23, F12: 24 };
const PF = { F1: 'P', F2: 'Q', F3: 'R', F4: 'S' };

// What a key sends, or null when it is the browser's. e: { key, ctrlKey, altKey, shiftKey, metaKey }.
export function keySequence(e, t) {
  if (e.metaKey || e.key === 'Dead' || e.key === 'Process') return null;
  const mod = 1 + (e.shiftKey ? 1 : 0) + (e.altKey ? 2 : 0) + (e.ctrlKey ? 4 : 0), alt = e.altKey ? '\x1b' : '';
  if (CURSOR[e.key]) return mod > 1 ? `\x1b[1;${mod}${CURSOR[e.key]}` : `\x1b${t.appCursor ? 'O' : '['}${CURSOR[e.key]}`;
  if (PF[e.key]) return mod > 1 ? `\x1b[1;${mod}${PF[e.key]}` : `\x1bO${PF[e.key]}`;
  if (TILDE[e.key]) return `\x1b[${TILDE[e.key]}${mod > 1 ? `;${mod}` : ''}~`;
  switch (e.key) {
  case 'Enter': return `${alt}\r`;
  case 'Backspace': return `${alt}${e.ctrlKey ? '\b' : '\x7f'}`;
  case 'Tab': return e.shiftKey ? '\x1b[Z' : '\t';
  case 'Escape': return '\x1b';
  }
  if ([...e.key].length !== 1) return null;
  if (e.ctrlKey) {
    if (e.shiftKey && /^[cCvV]$/.test(e.key)) return null;      // copy and paste of the browser
    const c = e.key.toUpperCase().charCodeAt(0);
    if (e.key === ' ' || e.key === '@') return `${alt}\0`;
    if (c >= 64 && c < 96) return alt + String.fromCharCode(c & 31);
    if (e.key === '/' || e.key === '-') return `${alt}\x1f`;
    if (e.key === '?') return `${alt}\x7f`;
    return null;
  }
  return alt + e.key;
}

// Pasted text: line ends as the Enter key sends them, and no way to end the brackets from inside.
export function pasteSequence(text, t) {
  const clean = text.replace(/\r?\n/g, '\r').replace(/[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]/g, '').replace(/\x1b/g, '');
  return t.bracketed ? `\x1b[200~${clean}\x1b[201~` : clean;
}
