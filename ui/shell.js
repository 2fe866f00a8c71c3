// shell.js: a shell in a container: the command's stream (docs/streams.md, dialect drover.v1) and a terminal.
import { act, webSocket } from './api.js';
import { draw, h } from './dom.js';
import { button, copyButton } from './parts.js';
import { TermView } from './termview.js';

const DATA = 0, END = 1, CONTROL = 3, PIECE = 16384;
const COMMAND = ['/bin/sh', '-c', 'TERM=xterm-256color; export TERM; if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi'];

export function shellPane(container, now) { return new ShellPane(container, now); }

class ShellPane {
  constructor(container, now) { Object.assign(this, { container, now, state: 'connecting', encoder: new TextEncoder(), decoder: new TextDecoder() }); }
  mount(el) {
    this.el = el;
    this.bar = el.appendChild(document.createElement('div'));
    this.view = new TermView(el, { label: `Shell in ${this.container.name}`, send: text => this.send(text), resized: (cols, rows) => this.resize(cols, rows) });
    this.view.leave = () => this.bar.querySelector('button')?.focus();
    this.open();
  }
  close() { this.over = true; this.ws?.close(); this.view?.close(); }

  async open() {
    this.exit = null;
    this.set('connecting');
    let access;
    try { access = await act(this.now() || this.container, 'execute', { attachStdin: true, attachStdout: true, tty: true, command: COMMAND }); } catch (e) { this.set('ended', e.message); return; }
    if (this.over) return;
    const ws = this.ws = webSocket(`${access.url}?token=${encodeURIComponent(access.token)}`, 'drover.v1');
    ws.binaryType = 'arraybuffer';
    ws.onopen = () => { this.set('open'); this.resize(this.view.terminal.cols, this.view.terminal.rows); this.view.focus(); };
    ws.onmessage = m => { if (typeof m.data !== 'string') this.take(new Uint8Array(m.data)); };
    ws.onclose = e => { if (ws === this.ws && !this.over) this.set('ended', this.ending || e.reason || (this.exit === null ? 'The shell ended.' : `The shell ended with ${this.exit}.`)); };
  }
  take(b) {
    if (b[0] === DATA) this.view.write(b.subarray(1));
    else if (b[0] === CONTROL) { const c = JSON.parse(this.decoder.decode(b.subarray(1))); if ('exitCode' in c) this.exit = c.exitCode; }
    else if (b[0] === END) { const e = JSON.parse(this.decoder.decode(b.subarray(1)) || '{}'); this.ending = e.code ? `${e.message || e.code}` : null; }
  }
  message(kind, bytes) {
    if (this.ws?.readyState !== 1) return;
    const b = new Uint8Array(bytes.length + 1);
    b[0] = kind;
    b.set(bytes, 1);
    this.ws.send(b);
  }
  send(text) {
    const bytes = this.encoder.encode(text);
    for (let i = 0; i < bytes.length; i += PIECE) this.message(DATA, bytes.subarray(i, i + PIECE));
  }
  resize(cols, rows) { this.message(CONTROL, this.encoder.encode(JSON.stringify({ resize: { cols, rows } }))); }
  again() { this.ending = null; this.view.write('\r\n\x1b[0m'); this.view.terminal.softReset(); this.open(); this.view.focus(); }

  set(state, reason) {
    this.state = state;
    this.reason = reason;
    draw(this.bar, h('div', { class: 'filters' }, state === 'ended' ? button('Open another', () => this.again(), { sign: 'again', kind: 'primary' }) : button('Close', () => this.ws?.close(), { disabled: state !== 'open' }),
      button('Copy all', async e => { copyButton(this.view.terminal.all()).props.onclick(e); }, { sign: 'copy' }),
      h('span', { class: 'muted', role: 'status', 'data-shell': state }, state === 'open' ? 'Connected' : state === 'connecting' ? 'Connecting…' : reason),
      h('span', { class: 'muted push', id: 'terminal-help' }, 'Shift+F6 leaves the terminal, Ctrl+Shift+V pastes, Shift+PageUp looks back')));
  }
}
