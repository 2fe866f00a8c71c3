// main.js: the frame of the page: session, environment, address behind '#', navigation. A view is one file in views/.
import { get, list, loadSession, logOut, session } from './api.js';
import { draw, h, onceAFrame } from './dom.js';
import { closeDialogs } from './form.js';
import { Live } from './live.js';
import { announce, badge, button, toast } from './parts.js';
import Audit from './views/audit.js';
import Catalog from './views/catalog.js';
import Catalogs from './views/catalogs.js';
import Container from './views/container.js';
import Containers from './views/containers.js';
import Environments from './views/environments.js';
import Host from './views/host.js';
import Hosts from './views/hosts.js';
import Import from './views/import.js';
import Login from './views/login.js';
import Members from './views/members.js';
import Processes from './views/processes.js';
import Service from './views/service.js';
import Stack from './views/stack.js';
import Stacks from './views/stacks.js';
import Template from './views/template.js';

// In an environment / outside: first part of the address, then how many parts follow, to the view.
const INSIDE = {
  'stacks/0': Stacks, 'stacks/1': Stack, 'stacks/2': Template, 'services/1': Service, 'containers/0': Containers, 'containers/1': Container, 'containers/2': Container,
  'hosts/0': Hosts, 'hosts/1': Host, 'catalog/0': Catalog, 'catalog/1': Template, 'catalogs/0': Catalogs, 'import/0': Import, 'members/0': Members,
};
const OUTSIDE = { 'environments/0': Environments, 'processes/0': Processes, 'audit/0': Audit };
const NAV = [['stacks', 'Stacks'], ['containers', 'Containers'], ['hosts', 'Hosts'], ['catalog', 'Catalog']];
const PART_OF = { services: 'stacks', import: 'stacks', catalogs: 'catalog', members: 'environments' };

const app = { projects: [], live: null, projectId: null, view: null, route: null, failed: null, offers: new Map(), reloadProjects, forgetOffers: () => app.offers.clear() };
const root = document.getElementById('app');
const redraw = onceAFrame(show);
app.redraw = redraw;

const remembered = () => { try { return localStorage.getItem('environment'); } catch { return null; } };
const remember = id => { try { localStorage.setItem('environment', id); } catch { /* a private window */ } };

// ---- address ----
function parse() {
  const [where, query] = location.hash.replace(/^#\/?/, '').split('?');
  const parts = where.split('/').filter(Boolean).map(decodeURIComponent);
  return { parts, query: new URLSearchParams(query || '') };
}
export const go = hash => { if (location.hash === hash) route(); else location.hash = hash; };

function firstPlace() {
  const active = app.projects.filter(p => p.state === 'active');
  const p = active.find(p => p.id === remembered()) || active.find(p => p.id === '1a5') || active[0];
  return p ? `#/env/${p.id}/stacks` : '#/environments';
}

function route() {
  if (!session.signedIn) { leave(); app.view = new Login({ app, redraw, signedIn }); redraw(); return; }
  const { parts, query } = parse();
  if (!parts.length) { location.replace(firstPlace()); return; }
  const inside = parts[0] === 'env', rest = inside ? parts.slice(2) : parts;
  if (inside) enter(parts[1]);
  const View = (inside ? INSIDE : OUTSIDE)[`${rest[0] || 'stacks'}/${Math.max(0, rest.length - 1)}`];
  const first = !app.route;
  closeDialogs();
  app.view?.stop?.();
  app.route = { inside, name: rest[0] || 'stacks', key: parts.join('/') };
  const home = `#/env/${app.projectId}`;
  app.view = View ? new View({ app, live: inside ? app.live : null, base: inside ? app.base : '/v2-beta', home, params: rest.slice(1), query, redraw, go }) : null;
  app.view?.init?.();
  show();
  document.title = `${title()} · drover`;
  document.querySelector('.top nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  if (!first) { document.getElementById('title')?.focus(); window.scrollTo(0, 0); }
}

function leave() {
  closeDialogs();
  app.view?.stop?.();
  app.live?.stop();
  app.own?.stop();
  Object.assign(app, { live: null, own: null, projectId: null, route: null });
}

// ---- environment ----
function enter(id) {
  if (app.projectId === id && app.live && app.live.state !== 'refused') return;
  app.live?.stop();
  Object.assign(app, { projectId: id, base: `/v2-beta/projects/${id}` });
  app.offers.clear();
  remember(id);
  app.live = new Live(app.base, redraw, { onEvent: tell, onLogout: signedOut });
}

const NAMES = { instance: 'container' };
const told = new Map();
// States that a change came to rest in are said aloud, each once.
function tell(r, old) {
  app.view?.onEvent?.(r, old);
  if (r.type === 'project') reloadProjects();
  if (!old || r.transitioning === 'yes' || (old.state === r.state && old.transitioning === r.transitioning)) return;
  told.set(r.id, `${NAMES[r.baseType] || r.baseType} ${r.name || r.hostname} is ${r.transitioning === 'error' ? `in trouble: ${r.transitioningMessage}` : r.state}`);
  clearTimeout(tell.later);
  tell.later = setTimeout(() => {
    const all = [...told.values()];
    told.clear();
    announce(all.length > 3 ? `${all.slice(0, 2).join(', ')} and ${all.length - 2} more changes` : all.join(', '));
  }, 1000);
}

let loadingProjects = null;
function reloadProjects() {
  loadingProjects = loadingProjects || (async () => {
    await new Promise(r => setTimeout(r, 50));          // several events, one look
    loadingProjects = null;
    try { app.projects = (await list(`/v2-beta/projects${session.admin ? '?all=true' : ''}`)).filter(p => p.state !== 'removed' && p.state !== 'purged'); } catch (e) { toast(`Environments: ${e.message}`, 'bad'); }
    redraw();
  })();
  return loadingProjects;
}

// ---- session ----
async function signedIn() {
  await reloadProjects();
  app.own = new Live('/v2-beta', redraw, { types: {}, onEvent: r => { if (r.type === 'project') reloadProjects(); app.view?.onEvent?.(r); }, onLogout: signedOut });
  const to = new URLSearchParams(location.search).get('redirectTo');
  if (location.pathname === '/login' && to && new URL(to, location.origin).origin === location.origin) { location.assign(new URL(to, location.origin)); return; }       // sent here from a page of a container
  app.view = null;
  route();
}
function signedOut() {
  if (!session.signedIn) return;
  leave();
  session.signedIn = !session.enforced && session.signedIn;
  loadSession().catch(() => { session.signedIn = false; }).then(() => {
    app.notice = session.signedIn ? null : 'Your session is over. Log in again to go on where you were.';
    if (session.signedIn) signedIn(); else route();
  });
}
session.onExpired = signedOut;

async function leaveSession() {
  await logOut();
  leave();
  await loadSession().catch(() => {});
  app.notice = 'You are logged out.';
  location.hash = '';
  route();
}

// ---- picture ----
const title = () => (typeof app.view?.title === 'function' ? app.view.title() : app.view?.title) || 'drover';

function chooser() {
  const here = app.projects.find(p => p.id === app.projectId);
  return h('select', { 'aria-label': 'Environment', class: 'chooser', value: app.projectId || '', force: true, onchange: e => go(e.target.value === '+' ? '#/environments' : `#/env/${e.target.value}/stacks`) },
    !here && h('option', { value: app.projectId || '' }, 'Environment…'),
    app.projects.filter(p => p.state === 'active' || p.id === app.projectId).map(p => h('option', { value: p.id, key: p.id }, p.name || p.id)), h('option', { value: '+' }, 'Manage environments…'));
}

function header() {
  const here = PART_OF[app.route?.name] || app.route?.name, env = app.projectId || app.projects.find(p => p.state === 'active')?.id;
  const link = (name, text, href) => h('li', { key: name }, h('a', { href, 'aria-current': here === name ? 'page' : null }, text));
  return h('header', { class: 'top', key: 'top' },
    h('a', { class: 'skip', href: '#', onclick: e => { e.preventDefault(); document.getElementById('main').focus(); } }, 'Skip to content'),
    h('div', { class: 'top-row' }, h('a', { class: 'brand', href: '#/' }, h('img', { src: '/ui/icon.svg', alt: '', width: 26, height: 26 }), 'drover'), chooser(),
      h('nav', { 'aria-label': 'Main' }, h('ul', {}, env && NAV.map(([n, t]) => link(n, t, `#/env/${env}/${n}`)),
        link('environments', 'Environments', '#/environments'), session.admin && link('processes', 'Processes', '#/processes'), link('audit', 'Audit log', '#/audit'))),
      h('div', { class: 'who' }, session.enforced ? [h('span', { class: 'user' }, session.user), button('Log out', leaveSession, { kind: 'plain' })]
        : h('span', { class: 'user', title: 'Anybody who reaches this server is its administrator' }, 'access control off'))));
}

function lostBar() {
  const lost = [app.route?.inside && app.live, app.own].find(l => l?.state === 'lost');
  return lost && h('div', { class: 'box warn lost', role: 'status', key: 'lost' }, lost.error ? `${lost.error.message}. ` : 'The connection to the server is lost. ', 'Trying again; what you see may be old.');
}

function body() {
  const live = app.route?.inside && app.live;
  if (live && live.state === 'refused') {
    const p = app.projects.find(p => p.id === app.projectId);
    return [h('h1', { tabindex: -1, id: 'title' }, p?.name || 'Environment'), h('div', { class: 'box bad' }, p ? 'This environment is not active. ' : 'There is no such environment, or you are no member of it. ',
      p && badge(p.state, p), h('p', {}, h('a', { href: '#/environments' }, 'All environments')))];
  }
  if (!app.view) return [h('h1', { tabindex: -1, id: 'title' }, 'Nothing here'), h('p', {}, 'No page has this address. ', h('a', { href: '#/' }, 'Start'))];
  if (live && live.state === 'loading' && !app.view.early) return [h('h1', { tabindex: -1, id: 'title' }, title()), h('p', { class: 'loading', role: 'status' }, 'Loading…')];
  return app.view.draw();
}

function show() {
  if (app.failed) { draw(root, h('main', { id: 'main', class: 'center' }, h('div', { class: 'box bad', role: 'alert' }, app.failed), button('Try again', start, { kind: 'primary' }))); return; }
  if (!app.view && !app.route) return;
  if (!session.signedIn) { draw(root, app.view.draw()); document.title = 'Log in · drover'; return; }
  draw(root, [header(), lostBar(), h('main', { id: 'main', tabindex: -1, key: `main ${app.route?.key}` }, body())]);
  document.title = `${title()} · drover`;
}

async function start() {
  app.failed = null;
  try {
    await loadSession();
    if (session.signedIn) await signedIn(); else route();
  } catch (e) {
    app.failed = `The server does not answer: ${e.message}`;
    redraw();
  }
}
window.addEventListener('hashchange', route);
start();
