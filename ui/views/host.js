// host.js: one host: figures as they come, labels, containers.
import { get, webSocket } from '../api.js';
import { h } from '../dom.js';
import { ago, bytes, empty, facts, heading, menu, pairs, reason, states } from '../parts.js';
import { hostActions, hostFigures } from './hosts.js';
import { View } from './view.js';
import { containersOn, containerTable, hostName } from './workload.js';

const KEPT = 60;

export default class Host extends View {
  title = () => hostName(this.host()) || 'Host';
  figures = [];
  host() { return this.live.get('host', this.params[0]); }
  async init() {
    try {
      const a = await get(`${this.base}/hosts/${this.params[0]}/hoststats`);
      if (this.over) return;
      this.ws = webSocket(`${a.url}?token=${encodeURIComponent(a.token)}`);
      this.ws.onmessage = m => { for (const f of JSON.parse(m.data)) this.take(f); this.redraw(); };
    } catch { /* no figures then */ }
  }
  stop() { this.over = true; this.ws?.close(); }

  take(f) {
    const last = this.last, sum = list => (list || []).reduce((n, x) => n + (x.rx_bytes || 0) + (x.tx_bytes || 0), 0);
    const now = { at: new Date(f.timestamp).getTime(), cpu: f.cpu?.usage?.total || 0, cores: f.cpu?.usage?.per_cpu_usage?.length || 1, memory: f.memory?.usage || 0, net: sum(f.network?.interfaces) || (f.network?.rx_bytes || 0) + (f.network?.tx_bytes || 0) };
    this.last = now;
    if (!last || now.at <= last.at) return;
    const s = (now.at - last.at) / 1000;
    this.figures.push({ cpu: Math.min(100, Math.max(0, (now.cpu - last.cpu) / 1e9 / s / now.cores * 100)), memory: now.memory, net: Math.max(0, (now.net - last.net) / s) });
    if (this.figures.length > KEPT) this.figures.shift();
  }
  chart(label, key, text, top) {
    const last = this.figures.at(-1), max = top || Math.max(1, ...this.figures.map(f => f[key])), step = 200 / (KEPT - 1);
    const points = this.figures.map((f, i) => `${((KEPT - this.figures.length + i) * step).toFixed(1)},${(40 - Math.min(1, f[key] / max) * 38).toFixed(1)}`).join(' ');
    return h('div', { class: 'chart', key }, h('div', {}, h('span', { class: 'muted' }, label), ' ', h('strong', {}, last ? text(last[key]) : '–')), h('svg', { viewBox: '0 0 200 42', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, h('polyline', { points, fill: 'none', stroke: 'currentColor', 'stroke-width': 1.5, 'vector-effect': 'non-scaling-stroke' })));
  }
  draw() {
    const x = this.host();
    if (!x) return [heading('Host'), empty('This host is gone.', h('a', { href: `${this.home}/hosts` }, 'All hosts'))];
    const all = containersOn(this.live, x), total = x.info?.memoryInfo?.memTotal * 1048576 || x.memory || undefined;
    return [
      h('p', { class: 'way' }, h('a', { href: `${this.home}/hosts` }, 'Hosts')), heading(hostName(x), states(x), menu(`Actions of ${hostName(x)}`, hostActions(this, x, `${this.home}/hosts`))), reason(x),
      h('section', { class: 'charts', 'aria-label': 'Load' }, this.chart('Processor', 'cpu', v => `${v.toFixed(0)} %`, 100), this.chart('Memory', 'memory', v => `${bytes(v)}${total ? ` of ${bytes(total)}` : ''}`, total), this.chart('Network', 'net', v => `${bytes(v)}/s`)),
      h('section', { class: 'card' }, h('div', { class: 'card-head' }, h('h2', {}, 'Containers')), all.length ? containerTable(this, all, { service: true, host: false }) : empty('No containers run here.')),
      h('section', { class: 'card' }, h('div', { class: 'card-head' }, h('h2', {}, 'About')), facts([['Id', h('code', {}, x.id)], ['Host name', x.hostname], ['Address', x.agentIpAddress && h('code', {}, x.agentIpAddress)], ['Machine', hostFigures(x).join(' · ')], x.info?.osInfo?.operatingSystem && ['System', x.info.osInfo.operatingSystem], x.description && ['Description', x.description], ['Added', ago(x.created)], ['Labels', pairs(x.labels)]])),
    ];
  }
}
