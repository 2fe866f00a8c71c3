// containers.js: all containers of the environment.
import { h } from '../dom.js';
import { empty, heading } from '../parts.js';
import { View } from './view.js';
import { containerTable, hostName } from './workload.js';

const SHOWN = 300;

export default class Containers extends View {
  title = 'Containers';
  filter = '';
  state = '';
  draw() {
    const all = this.live.all('instance').sort((a, b) => (a.name || '').localeCompare(b.name || '', undefined, { numeric: true })), words = this.filter.toLowerCase();
    const list = all.filter(c => (this.system || !c.system) && (!this.state || c.state === this.state || (this.state === 'trouble' && c.transitioning === 'error')) &&
      (!words || [c.name, c.imageUuid, c.primaryIpAddress, hostName(this.live.get('host', c.hostId)), c.id].some(t => (t || '').toLowerCase().includes(words))));
    return [
      heading('Containers'),
      h('div', { class: 'filters' }, h('label', {}, h('span', { class: 'unseen' }, 'Filter'), h('input', { type: 'search', placeholder: 'Name, image, address or host', value: '', oninput: e => { this.filter = e.target.value; this.redraw(); } })),
        h('label', {}, h('span', { class: 'unseen' }, 'State'), h('select', { value: '', onchange: e => { this.state = e.target.value; this.redraw(); } }, h('option', { value: '' }, 'any state'), h('option', { value: 'trouble' }, 'in trouble'),
          [...new Set(all.map(c => c.state))].sort().map(s => h('option', { value: s, key: s }, s)))),
        h('label', { class: 'inline' }, h('input', { type: 'checkbox', checked: false, onchange: e => { this.system = e.target.checked; this.redraw(); } }), ' System containers'), h('span', { class: 'muted', role: 'status' }, `${list.length} of ${all.length}`)),
      list.length ? h('section', { class: 'card' }, containerTable(this, list.slice(0, SHOWN), { service: true })) : empty(all.length ? 'No container is like that.' : 'There are no containers yet.'),
      list.length > SHOWN && h('p', { class: 'muted' }, `The first ${SHOWN} are shown: filter to find others.`),
    ];
  }
}
