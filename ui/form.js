// form.js: forms of described fields, with what is wrong told at the field; dialogs.
//
// field: { name, label, type, required, help, options, min, max, step, rows, generate, group, show(values), aliases }
//   type: text (default), password, textarea, number, checkbox, yesno, select, date, file, choice
//   options: of select and choice: texts or [value, text, more]. aliases: names that the API uses for it in errors.
import { draw, h } from './dom.js';
import { button, icon } from './parts.js';

let forms = 0;

export class Form {
  constructor(fields, values, redraw) {
    Object.assign(this, { fields, redraw, id: `f${++forms}`, errors: {}, general: null, busy: false, values: { ...values } });
    for (const f of fields) if (!(f.name in this.values)) this.values[f.name] = f.value ?? (f.type === 'checkbox' ? false : '');
  }

  shown() { return this.fields.filter(f => !f.show || f.show(this.values)); }
  set(name, value, again) {
    this.values[name] = value;
    const had = this.errors[name];
    delete this.errors[name];
    if (had || again) this.redraw();
  }

  check() {
    this.errors = {};
    this.general = null;
    for (const f of this.shown()) {
      const v = this.values[f.name], label = f.label || f.name;
      const none = v === '' || v === null || v === undefined;
      if (f.required && none) this.errors[f.name] = `${label} is required`;
      else if (!none && f.type === 'number' && !/^-?\d+(\.\d+)?$/.test(String(v).trim())) this.errors[f.name] = `${label} has to be a number`;
      else if (!none && f.type === 'number' && f.whole && !/^-?\d+$/.test(String(v).trim())) this.errors[f.name] = `${label} has to be a whole number`;
      else if (!none && f.min !== undefined && Number(v) < f.min) this.errors[f.name] = `${label} has to be at least ${f.min}`;
      else if (!none && f.max !== undefined && Number(v) > f.max) this.errors[f.name] = `${label} has to be at most ${f.max}`;
      else if (!none && f.check) { const w = f.check(v); if (w) this.errors[f.name] = w; }
    }
    return !Object.keys(this.errors).length;
  }

  // An error of the API: at its field when the form has it.
  fail(e) {
    const f = e.field && this.fields.find(f => f.name === e.field || f.aliases?.includes(e.field));
    if (f) this.errors[f.name] = `${f.label || f.name}: ${e.message}`;
    else this.general = e.field ? `${e.field}: ${e.message}` : e.message || String(e);
  }

  async submit(fn) {
    if (this.busy) return false;
    let done = false;
    if (this.check()) {
      this.busy = true;
      this.redraw();
      try { await fn(this.values); done = true; } catch (e) { this.fail(e); }
      this.busy = false;
    }
    this.redraw();
    if (!done) {
      const bad = this.shown().find(f => this.errors[f.name]);
      const focus = () => document.getElementById(bad ? this.inputId(bad) : `${this.id}-general`)?.focus();
      requestAnimationFrame(() => requestAnimationFrame(focus));      // once it can take it: fields of a busy form are disabled
    }
    return done;
  }

  inputId(f) { return `${this.id}-${f.name}`; }

  nodes() {
    const out = [this.general && h('div', { class: 'box bad', role: 'alert', id: `${this.id}-general`, tabindex: -1 }, this.general)];
    let group = null;
    for (const f of this.shown()) {
      if (f.group && f.group !== group) out.push(h('h3', { class: 'group', key: `g ${f.group}` }, group = f.group));
      out.push(this.field(f));
    }
    return out;
  }

  field(f) {
    const id = this.inputId(f), error = this.errors[f.name];
    const about = [f.help && `${id}-help`, error && `${id}-error`].filter(Boolean).join(' ') || null;
    const common = { id, name: f.name, 'aria-describedby': about, 'aria-invalid': error ? 'true' : null, 'aria-required': f.required ? 'true' : null, disabled: this.busy || f.fixed };
    const input = e => this.set(f.name, e.target.value, f.again);
    const many = f.type === 'yesno' || f.type === 'choice';
    let control;
    switch (f.type) {
    case 'textarea': control = h('textarea', { ...common, rows: f.rows || 4, spellcheck: 'false', value: this.values[f.name], oninput: input, class: f.code ? 'code' : '' }); break;
    case 'checkbox': control = h('input', { ...common, type: 'checkbox', checked: this.values[f.name], onchange: e => this.set(f.name, e.target.checked, true) }); break;
    case 'select':
      control = h('select', { ...common, value: this.values[f.name], onchange: e => this.set(f.name, e.target.value, true) },
        f.options.map(o => { const [v, t] = Array.isArray(o) ? o : [o, o]; return h('option', { value: v, key: v, selected: String(v) === String(this.values[f.name] ?? '') }, t); }));
      break;
    case 'yesno': control = this.radios(f, id, [[true, 'Yes'], [false, 'No']]); break;
    case 'choice': control = this.radios(f, id, f.options, 'cards'); break;
    case 'file':
      control = h('input', { ...common, type: 'file', onchange: async e => { if (e.target.files[0]) f.take(await e.target.files[0].text(), e.target.files[0].name); } });
      break;
    default:
      control = h('input', { ...common, type: f.type === 'number' ? 'text' : f.type || 'text', inputmode: f.type === 'number' ? (f.whole ? 'numeric' : 'decimal') : null, value: this.values[f.name],
        autocomplete: f.autocomplete || 'off', spellcheck: 'false', placeholder: f.placeholder, oninput: input, list: f.suggest ? `${id}-list` : null });
    }
    if (f.generate)
      control = h('div', { class: 'with-button' }, control, button('Generate', () => {
        const made = f.generate(), el = document.getElementById(id);
        el.value = made;
        el.type = 'text';
        this.set(f.name, made, true);
      }, { sign: 'key' }));
    const label = [f.label || f.name, f.required && h('span', { class: 'required', 'aria-hidden': 'true' }, ' *')];
    return h(many ? 'fieldset' : 'div', { class: `field ${f.type === 'checkbox' ? 'check' : ''} ${error ? 'wrong' : ''}`, key: f.name, ...(many ? { id, tabindex: -1, 'aria-describedby': about } : {}) },
      many ? h('legend', {}, label) : h('label', { for: id }, label), control,
      f.suggest && h('datalist', { id: `${id}-list` }, f.suggest.map(s => h('option', { value: s }))),
      f.help && h('div', { class: 'help', id: `${id}-help` }, f.help), error && h('div', { class: 'error', id: `${id}-error` }, icon('more'), error));
  }

  radios(f, id, options, kind = '') {
    return h('div', { class: `radios ${kind}` }, options.map(o => {
      const [v, t, more] = Array.isArray(o) ? o : [o, o], on = String(this.values[f.name]) === String(v);
      return h('label', { key: String(v), class: on ? 'on' : '' }, h('input', { type: 'radio', name: id, value: String(v), checked: on, disabled: this.busy, onchange: () => this.set(f.name, v, true) }),
        h('span', {}, t, more && h('small', {}, more)));
    }));
  }
}

// ---- dialogs ----
const stack = [];
export class Dialog {
  // body(dialog) gives the nodes. The browser keeps the focus inside, and Escape closes; the focus goes back to where it was.
  constructor(title, body, { wide = false, onclose = null } = {}) {
    Object.assign(this, { title, body, onclose, from: document.activeElement });
    const el = this.el = document.createElement('dialog');
    el.className = wide ? 'wide' : '';
    el.setAttribute('aria-labelledby', `dialog-${++forms}`);
    this.titleId = `dialog-${forms}`;
    el.addEventListener('cancel', e => { if (this.locked) e.preventDefault(); });
    el.addEventListener('close', () => this.gone());
    document.body.append(el);
    stack.push(this);
    this.redraw();
    el.showModal();
    (el.querySelector('[autofocus]') || el.querySelector('form input:not([type=hidden]), form select, form textarea') || el.querySelector('button.first') || el.querySelector('button'))?.focus();
  }
  redraw() {
    if (!this.el) return;
    draw(this.el, [h('div', { class: 'dialog-head' }, h('h2', { id: this.titleId }, this.title),
      button('Close', () => this.close(), { only: true, kind: 'plain close' })), this.body(this)]);
    const x = this.el.querySelector('.close');
    if (x && !x.textContent) x.textContent = '×';
  }
  close(value) { this.value = value; this.el?.close(); }
  gone() {
    stack.splice(stack.indexOf(this), 1);
    this.el.remove();
    this.el = null;
    // The browser gave the focus back already, unless what had it is gone.
    if (!document.activeElement || document.activeElement === document.body) (this.from?.isConnected ? this.from : document.getElementById('title'))?.focus();
    this.onclose?.(this.value);
  }
}
export const closeDialogs = () => { for (const d of [...stack]) d.close(); };

export function ask(title, text, confirm, { danger = true, detail = null } = {}) {
  return new Promise(resolve => {
    new Dialog(title, d => [h('p', {}, text), detail, h('div', { class: 'dialog-tools' },
      button('Cancel', () => d.close(false), { kind: danger ? 'first' : '' }), button(confirm, () => d.close(true), { kind: danger ? 'danger' : 'primary first' }))],
    { onclose: v => resolve(!!v) });
  });
}

// A form in a dialog: submit(values) may throw an ApiError; above(form) adds nodes.
export function formDialog(title, fields, { values = {}, submit, label = 'Save', above = null, below = null, wide = false, danger = false } = {}) {
  return new Promise(resolve => {
    let form = null;
    new Dialog(title, d => {
      form = form || new Form(fields, values, () => d.redraw());
      return h('form', { novalidate: true, onsubmit: async e => {
        e.preventDefault();
        d.locked = true;
        const ok = await form.submit(submit);
        d.locked = false;
        if (ok) d.close(form.values);
      } },
        above?.(form, d), form.nodes(), below?.(form, d),
        h('div', { class: 'dialog-tools' }, button('Cancel', () => d.close(null)), h('button', { type: 'submit', class: `button ${danger ? 'danger' : 'primary'}`, disabled: form.busy }, form.busy ? 'Working…' : label)));
    }, { wide, onclose: resolve });
  });
}
