// login.js: name and password of the local provider.
import { logIn, session } from '../api.js';
import { h } from '../dom.js';
import { Form } from '../form.js';

export default class Login {
  title = 'Log in';
  constructor({ app, redraw, signedIn }) {
    Object.assign(this, { app, signedIn });
    this.form = new Form([{ name: 'name', label: 'Login name', required: true, autocomplete: 'username' }, { name: 'password', label: 'Password', type: 'password', required: true, autocomplete: 'current-password' }], {}, redraw);
  }
  async submit({ name, password }) {
    try { await logIn(name, password); } catch (e) {
      if (e.status === 401) throw Object.assign(e, { message: 'name or password is wrong' });
      throw e;
    }
    if (!session.signedIn) throw new Error('the browser did not keep the session: allow cookies for this server');
    this.app.notice = null;
    setTimeout(this.signedIn);
  }
  draw() {
    const other = session.provider && !/^local/i.test(session.provider);
    return h('main', { id: 'main', class: 'center', key: 'login' }, h('form', { class: 'card login', novalidate: true, made: el => el.querySelector('input').focus(), onsubmit: e => { e.preventDefault(); this.form.submit(v => this.submit(v)); } },
      h('img', { src: '/ui/icon.svg', alt: '', width: 48, height: 48 }), h('h1', { id: 'title', tabindex: -1 }, 'Log in to drover'), this.app.notice && h('p', { role: 'status' }, this.app.notice),
      other && h('div', { class: 'box warn' }, `This server asks ${session.provider} who you are; this page knows local names only.`), this.form.nodes(),
      h('button', { type: 'submit', class: 'button primary wide', disabled: this.form.busy }, this.form.busy ? 'Logging in…' : 'Log in')));
  }
}
