// parts.js: small things that views are made of: icons, states by colour and text, times, ports, menus, messages.
import { h } from './dom.js';

const ICONS = {
  play: 'M5 3l9 5-9 5z', stop: 'M4 4h8v8H4z', again: 'M13 8a5 5 0 1 1-1.6-3.7M13 2v3.2H9.8', trash: 'M3 5h10M6 5V3h4v2M4.5 5l.6 8h5.8l.6-8', plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10', up: 'M8 13V4M4 7.5L8 3.5l4 4', edit: 'M3 13l.6-2.8L10.8 3 13 5.2 5.8 12.4z', copy: 'M6 6h7v7H6zM3 10V3h7', more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  search: 'M7 11.5a4.5 4.5 0 1 1 0-9 4.5 4.5 0 0 1 0 9zM10.3 10.3L14 14', text: 'M3 4h10M3 7h7M3 10h10M3 13h6', shell: 'M3 4l4 4-4 4M8.5 12H13', back: 'M13 8H4M7.5 4L3.5 8l4 4',
  link: 'M6.5 3H3v10h10V9.5M9 3h4v4M13 3L7.5 8.5', key: 'M10 6a3 3 0 1 1-2.2-2.9M9 7l4.5 4.5M12 10l-1.5 1.5',
};
export function icon(name) {
  return h('svg', { viewBox: '0 0 16 16', class: 'icon', 'aria-hidden': 'true', focusable: 'false' },
    h('path', { d: ICONS[name], fill: 'none', stroke: 'currentColor', 'stroke-width': name === 'more' ? 2.4 : 1.6, 'stroke-linecap': 'round', 'stroke-linejoin': 'round' }));
}

// ---- states ----
const GOOD = new Set(['active', 'running', 'healthy', 'started-once', 'done', 'success', 'finished', 'info']);
const BAD = new Set(['error', 'erroring', 'unhealthy', 'updating-unhealthy', 'disconnected', 'disconnecting', 'refused', 'lost', 'canceled']);
const REST = new Set(['inactive', 'stopped', 'removed', 'purged', 'requested']);
export function tone(state, r) {
  if (r?.transitioning === 'error' || BAD.has(state)) return 'bad';
  if (GOOD.has(state)) return 'good';
  if (REST.has(state)) return 'rest';
  return state === 'degraded' || state === 'upgraded' || state === 'initializing' || state === 'reinitializing' ? 'warn' : 'busy';
}
const SIGNS = { good: '●', bad: '▲', rest: '○', warn: '◆', busy: '◌' };
export function badge(state, r) {
  const t = tone(state, r);
  return h('span', { class: `badge ${t}`, 'data-state': state }, h('span', { 'aria-hidden': 'true', class: 'sign' }, SIGNS[t]), String(state || 'unknown').replace(/-/g, ' '));
}
// Health next to a state: what a state alone does not say.
export function states(r) {
  const more = r.healthState && !['stopped', 'inactive', 'removing', 'error'].includes(r.state) && r.healthState !== 'started-once' && !(r.healthState === 'healthy' && r.baseType !== 'instance');
  return h('span', { class: 'states' }, badge(r.state, r), more && badge(r.healthState));
}
export function reason(r) {
  if (!r.transitioningMessage || r.transitioning === 'no' || (r.transitioning === 'yes' && r.transitioningMessage === 'In Progress')) return null;
  return h('span', { class: r.transitioning === 'error' ? 'reason bad-text' : 'reason' }, r.transitioningMessage);
}

// ---- texts ----
export const plural = (n, one, many) => `${n} ${n === 1 ? one : many || one + 's'}`;
export function image(uuid) { return String(uuid || '').replace(/^docker:/, ''); }
export function bytes(n) {
  let i = 0;
  for (n = Number(n) || 0; n >= 1024 && i < 4; i++) n /= 1024;
  return `${i && n < 10 ? n.toFixed(1) : Math.round(n)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][i]}`;
}
export function ago(text) {
  if (!text) return '–';
  const t = new Date(text), s = Math.max(0, (Date.now() - t) / 1000);
  const say = s < 60 ? 'just now' : s < 3600 ? `${Math.floor(s / 60)} min ago` : s < 86400 ? `${Math.floor(s / 3600)} h ago` : `${plural(Math.floor(s / 86400), 'day')} ago`;
  return h('time', { datetime: text, title: t.toLocaleString() }, say);
}
export const clock = text => text ? h('time', { datetime: text }, new Date(text).toLocaleString()) : '–';
export function address(a) { return a.includes(':') ? `[${a}]` : a; }

// Published ports as links. endpoints: publicEndpoint.
export function endpoints(list) {
  const seen = new Set();
  return (list || []).filter(e => { const k = `${e.ipAddress}:${e.port}`; return !seen.has(k) && seen.add(k); }).map(e => portLink(e.ipAddress, e.port));
}
export function portLink(ip, port) {
  const url = `${/443$/.test(port) ? 'https' : 'http'}://${address(ip)}:${port}/`;
  return h('a', { class: 'port', href: url, target: '_blank', rel: 'noreferrer noopener', title: url }, `${address(ip)}:${port}`, icon('link'));
}

// ---- buttons ----
export function button(label, onclick, { kind = '', sign = null, only = false, ...props } = {}) {
  return h('button', { type: 'button', class: `button ${kind} ${only ? 'only' : ''}`, onclick, 'aria-label': only ? label : undefined, title: only ? label : undefined, ...props },
    sign && icon(sign), !only && label);
}
export const linkButton = (label, href, { kind = '', sign = null, ...props } = {}) => h('a', { class: `button ${kind}`, href, ...props }, sign && icon(sign), label);

// items: [label, function, 'danger'?] or false.
export function menu(label, items) {
  items = items.filter(Boolean);
  if (!items.length) return null;
  const close = e => { const d = e.currentTarget.closest('details'); d.open = false; return d; };
  return h('details', { class: 'menu', key: `menu ${label}`, ontoggle: e => e.target.open && place(e.target), onfocusout: e => { if (!e.currentTarget.contains(e.relatedTarget) && e.relatedTarget) e.currentTarget.open = false; },
    onkeydown: e => {
      if (e.key === 'Escape') { const d = close(e); d.querySelector('summary').focus(); e.stopPropagation(); }
      if (e.key !== 'ArrowDown' && e.key !== 'ArrowUp') return;
      const d = e.currentTarget, all = [...d.querySelectorAll('.menu-items button')], i = all.indexOf(document.activeElement);
      d.open = true;
      place(d);
      all[(i + (e.key === 'ArrowDown' ? 1 : all.length - 1) + (i < 0 && e.key === 'ArrowUp' ? 1 : 0)) % all.length]?.focus({ preventScroll: true });
      e.preventDefault();
    } },
    h('summary', { class: 'button only', 'aria-label': label, title: label }, icon('more')),
    h('div', { class: 'menu-items' }, items.map(([text, fn, kind]) =>
      h('button', { type: 'button', key: text, class: kind || '', onclick: e => { const d = close(e); d.querySelector('summary').focus(); fn(); } }, text))));
}
// Beside its button and inside the window: tables scroll, and would cut it off.
function place(d) {
  const b = d.firstChild.getBoundingClientRect(), m = d.lastChild, w = m.offsetWidth, hgt = m.offsetHeight;
  m.style.left = `${Math.max(8, b.right - w)}px`;
  m.style.top = `${b.bottom + hgt + 8 > innerHeight && b.top > hgt ? b.top - hgt - 8 : b.bottom}px`;
}
const closeMenus = not => { for (const d of document.querySelectorAll('details.menu[open]')) if (!not || !d.contains(not)) d.open = false; };
document.addEventListener('scroll', e => { if (!e.target.closest?.('.log, .terminal')) closeMenus(); }, { capture: true, passive: true });
document.addEventListener('pointerdown', e => {
  closeMenus(e.target);
});

export function copyButton(text, label = 'Copy') {
  return button(label, async e => {
    const b = e.currentTarget;
    let done = true;
    try { await navigator.clipboard.writeText(text); } catch { done = copyOld(text); }
    announce(done ? 'Copied' : 'Could not copy: select the text and copy it');
    b.classList.toggle('done', done);
    setTimeout(() => b.classList.remove('done'), 1500);
  }, { sign: 'copy' });
}
// The clipboard's interface is there on https only, and this page is often served by plain http.
function copyOld(text) {
  const t = document.createElement('textarea'), at = document.activeElement;
  t.value = text;
  t.className = 'unseen';
  (document.querySelector('dialog[open]') || document.body).append(t);
  t.select();
  const done = document.execCommand('copy');
  t.remove();
  at?.focus();
  return done;
}

// ---- messages ----
export function announce(text) {
  const n = document.getElementById('news');
  n.textContent = '';
  setTimeout(() => { n.textContent = text; }, 30);
}
export function toast(text, kind = 'good') {
  const t = document.createElement('div');
  t.className = `toast ${kind}`;
  t.setAttribute('role', kind === 'bad' ? 'alert' : 'status');
  const p = document.createElement('span'), x = document.createElement('button');
  p.textContent = text;
  x.textContent = '×';
  x.setAttribute('aria-label', 'Close this message');
  x.onclick = () => t.remove();
  t.append(p, x);
  document.getElementById('toasts').append(t);
  setTimeout(() => t.remove(), kind === 'bad' ? 15000 : 5000);
}
export const problem = e => e && h('div', { class: 'box bad', role: 'alert' }, e.field ? `${e.field}: ${e.message}` : e.message || String(e));
export const empty = (text, ...more) => h('div', { class: 'empty' }, h('p', {}, text), more);

// Runs something that asks the server; what goes wrong is told.
export async function attempt(fn, what) {
  try { return await fn() ?? true; } catch (e) {
    toast(`${what ? what + ': ' : ''}${e.field ? e.field + ' ' : ''}${e.message}`, 'bad');
    return null;
  }
}

export function heading(title, ...rest) {
  return h('div', { class: 'heading' }, h('h1', { tabindex: -1, id: 'title' }, title), h('div', { class: 'tools' }, rest));
}
export const facts = rows => h('dl', { class: 'facts' }, rows.filter(Boolean).map(([k, v]) => h('div', { key: k }, h('dt', {}, k), h('dd', {}, v === null || v === undefined || v === '' ? '–' : v))));
// head: texts; an empty one heads the column of actions.
export function table(label, head, rows) {
  return h('div', { class: 'scroll' }, h('table', {}, h('caption', { class: 'unseen' }, label),
    h('thead', {}, h('tr', {}, head.map(t => h('th', { scope: 'col' }, t || h('span', { class: 'unseen' }, 'Actions'))))), h('tbody', {}, rows)));
}
export function pairs(map) {
  const all = Object.entries(map || {});
  return all.length ? h('ul', { class: 'pairs' }, all.map(([k, v]) => h('li', { key: k }, h('code', {}, v === '' || v === null ? k : `${k}=${v}`)))) : '–';
}
