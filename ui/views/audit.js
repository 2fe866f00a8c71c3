// audit.js: who did what through the API.
import { h } from '../dom.js';
import { button, clock, empty, heading, table, tone } from '../parts.js';
import { Dialog } from '../form.js';
import { list, session } from '../api.js';
import { Paged } from './paged.js';

const pretty = text => { try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text || ''; } };

export default class Audit extends Paged {
  title = 'Audit log';
  // Members see what was done in their environment; administrators see all.
  get plural() { return session.admin ? '/v2-beta/auditlogs' : `/v2-beta/projects/${this.app.projectId || this.app.projects[0]?.id}/auditlogs`; }
  init() { super.init(); this.load('people', async () => new Map((await list('/v2-beta/identities').catch(() => [])).map(i => [i.id, i.name || i.login]))); }
  show(a) {
    new Dialog(a.eventType, () => [['Request', a.requestObject], ['Answer', a.responseObject]].map(([t, x]) => h('section', { key: t }, h('h3', {}, t), x ? h('pre', { class: 'code', tabindex: 0, 'aria-label': t }, pretty(x)) : h('p', { class: 'muted' }, 'empty'))), { wide: true });
  }
  draw() {
    const rows = this.page.value?.data, name = id => this.app.projects.find(p => p.id === id)?.name || id;
    return [
      heading('Audit log', this.again()),
      h('div', { class: 'filters' }, this.text('eventType', 'Event, like api.stack.create'), this.text('resourceType', 'Type of resource'), this.text('resourceId', 'Id of resource'), this.text('clientIp', 'Address of client'),
        this.pick('authType', 'Way in', [['', 'any way in'], ['TokenAuth', 'login'], ['BasicAuth', 'key'], ['AdminAuth', 'access control off'], ['RegistrationToken', 'registration token'], ['TokenAccount', 'before login']])),
      rows && (rows.length ? h('section', { class: 'card' }, table('Audit log', ['Time', 'Event', 'Resource', 'Environment', 'Who', 'From', 'Answer', ''], rows.map(a => h('tr', { key: a.id }, h('td', {}, clock(a.created)), h('td', { class: 'name' }, h('code', {}, a.eventType)),
        h('td', {}, `${a.resourceType || ''} `, a.resourceId && h('code', {}, String(a.resourceId))), h('td', {}, name(a.accountId) || '–'), h('td', {}, this.people.value?.get(a.authenticatedAsIdentityId) || a.authenticatedAsIdentityId || a.authenticatedAsAccountId || '–', h('small', {}, a.authType)), h('td', {}, a.clientIp),
        h('td', {}, h('span', { class: `badge ${a.responseCode >= 400 ? 'bad' : tone('done')}` }, String(a.responseCode ?? '–'))), h('td', { class: 'tools' }, button('Details', () => this.show(a))))))) : empty('Nothing is like that.')),
      this.pager(),
    ];
  }
}
