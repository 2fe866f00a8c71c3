// processes.js: what the server does and did: process instances, for administrators.
import { act, can, get } from '../api.js';
import { h } from '../dom.js';
import { Dialog } from '../form.js';
import { attempt, badge, button, clock, empty, heading, table, toast } from '../parts.js';
import { Paged } from './paged.js';

export default class Processes extends Paged {
  title = 'Processes';
  plural = '/v2-beta/processinstances';
  async details(p) {
    const e = await attempt(() => get(`${p.links.self}/processexecutions`), p.processName);
    if (e) new Dialog(`${p.processName} of ${p.resourceType} ${p.resourceId}`, () => (e.data || []).length ? e.data.map(x => h('pre', { class: 'code', key: x.id, tabindex: 0, 'aria-label': 'Record of a run' }, JSON.stringify(x.log || x, null, 2))) : empty('No run of it is recorded.'), { wide: true });
  }
  async replay(p) { if (await attempt(() => act(p, 'replay'), p.processName)) { toast('It runs again now.'); this.read(); } }
  draw() {
    const rows = this.page.value?.data;
    return [
      heading('Processes', this.again()),
      h('div', { class: 'filters' }, this.text('processName', 'Process, like instance.start'), this.text('resourceType', 'Type of resource'), this.text('resourceId', 'Id of resource'), this.pick('endTime_null', 'Which', [['', 'running and done'], ['true', 'running']]),
        this.pick('result', 'Result', [['', 'any result'], ['SUCCESS', 'success'], ['CANCELED', 'canceled']])),
      rows && (rows.length ? h('section', { class: 'card' }, table('Processes', ['Process', 'Resource', 'State', 'Runs', 'Started', 'Ended', ''], rows.map(p => h('tr', { key: p.id }, h('td', { class: 'name' }, h('code', {}, p.processName)), h('td', {}, `${p.resourceType} `, h('code', {}, p.resourceId)),
        h('td', {}, badge(p.endTime ? (p.result || 'done').toLowerCase() : 'running now'), p.exitReason && h('span', { class: 'reason' }, p.exitReason)), h('td', {}, String(p.executionCount ?? '–')), h('td', {}, clock(p.startTime)), h('td', {}, clock(p.endTime)),
        h('td', { class: 'tools' }, button('Record', () => this.details(p)), can(p, 'replay') && !p.endTime && button('Run now', () => this.replay(p))))))) : empty('No process is like that.')),
      this.pager(),
    ];
  }
}
