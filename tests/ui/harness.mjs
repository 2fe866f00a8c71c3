// harness.mjs: a server with simulated hosts, Debian's Chromium, and pages that may do nothing wrong unnoticed.
//
// DROVER_SERVER is the program; screenshots go to DROVER_UI_SHOTS (build/ui-screenshots). Each server has its own folder and port.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { faults } from './a11y.mjs';

const HERE = path.dirname(new URL(import.meta.url).pathname);
export const CATALOG = path.join(HERE, 'catalog');
const SHOTS = process.env.DROVER_UI_SHOTS || path.join(HERE, '../../build/ui-screenshots');
export const DEADLINE_MS = 60000;       // generous: only a hang is ended by it

export async function until(check, what, deadline = DEADLINE_MS) {
  const end = Date.now() + deadline;
  for (;;) {
    const v = await check();
    if (v) return v;
    if (Date.now() > end) throw new Error(`not within ${deadline / 1000} s: ${typeof what === 'function' ? await what() : what}`);
    await new Promise(r => setTimeout(r, 50));
  }
}
const freePort = () => new Promise(done => { const s = net.createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => done(port)); }); });

export class Server {
  constructor() { this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'drover-ui-')); }
  async start({ auth = false, hosts = 3 } = {}) {
    this.port = this.port || await freePort();
    this.url = `http://127.0.0.1:${this.port}`;
    this.options = { auth, hosts };
    const env = Object.fromEntries(Object.entries(process.env).filter(([k]) => !/^(DROVER|RANCHER|CATTLE)_/.test(k)));
    const log = fs.openSync(path.join(this.dir, 'log'), 'a');
    this.process = spawn(process.env.DROVER_SERVER, ['--listen', `127.0.0.1:${this.port}`, '--data', path.join(this.dir, 'data'), '--simulator', '--sim-hosts', String(hosts), ...(auth ? [] : ['--no-auth'])], { env, stdio: ['ignore', log, log] });
    this.ended = new Promise(done => this.process.on('exit', (code, signal) => { this.code = code ?? signal; done(); }));
    await until(async () => { if (this.code !== undefined) throw new Error(`the server ended with ${this.code}: ${this.tail()}`); return fetch(`${this.url}/ping`).then(r => r.ok, () => false); }, 'answer of /ping');
    if (auth) this.admin = JSON.parse(fs.readFileSync(path.join(this.dir, 'data', 'admin.json'), 'utf8'));
    return this;
  }
  tail() { return fs.readFileSync(path.join(this.dir, 'log'), 'utf8').split('\n').slice(-30).join('\n'); }
  async stop() {
    this.process.kill('SIGTERM');
    await this.ended;
    const code = this.code;
    this.code = undefined;
    if (code !== 0) throw new Error(`the server ended with ${code}: ${this.tail()}`);
  }
  async close() {
    if (this.code === undefined) await this.stop();
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
  async call(method, where, body) {
    const headers = { Accept: 'application/json', 'Content-Type': 'application/json' };
    if (this.admin) headers.Authorization = `Basic ${Buffer.from(`${this.admin.accessKey}:${this.admin.secretKey}`).toString('base64')}`;
    const r = await fetch(this.url + (where.startsWith('/') ? where : `/v2-beta/projects/1a5/${where}`), { method, headers, body: body && JSON.stringify(body) });
    const text = await r.text();
    if (!r.ok) throw new Error(`${method} ${where}: ${r.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }
  get(where) { return this.call('GET', where); }
  post(where, body = {}) { return this.call('POST', where, body); }
  put(where, body) { return this.call('PUT', where, body); }
  async useCatalog() {
    await this.put('/v2-beta/settings/catalog.url', { value: JSON.stringify({ catalogs: { tests: { url: CATALOG, branch: 'master' } } }) });
    await until(async () => (await this.get('/v1-catalog/templates?projectId=1a5')).data.length === 2, 'the catalog of the tests');
  }
  async service(stackName, name, launch = {}, more = {}) {
    const stacks = (await this.get(`stacks?name=${stackName}`)).data.filter(s => !s.removed), stack = stacks[0] || await this.post('stacks', { name: stackName });
    return this.post('services', { name, stackId: stack.id, scale: 1, startOnCreate: true, launchConfig: { imageUuid: 'sim:anything', ...launch }, ...more });
  }
  async wait(plural, id, check) { let last; return until(async () => { last = await this.get(`${plural}/${id}`); return check(last) && last; }, () => `${plural} ${id}: ${JSON.stringify(last).slice(0, 2000)}`); }
}

export async function browser() {
  return chromium.launch({ executablePath: process.env.DROVER_CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
}

// What the pages of a failed test showed.
const pages = new Set();
export async function failing(name) {
  for (const p of pages) { try { fs.mkdirSync(SHOTS, { recursive: true }); await p.screenshot({ path: path.join(SHOTS, `failed-${name}.png`) }); console.log(`at ${p.url()}, wrong: ${JSON.stringify(p.wrong)}`); await p.context().close(); } catch { /* closed already */ } }
  pages.clear();
}

// A page whose errors, requests to elsewhere and reloads make the test fail. allow: texts of console messages that the test causes itself.
export async function open(b, url, { scheme = 'light', width = 1280, height = 850, allow = [], context = {} } = {}) {
  const ctx = await b.newContext({ viewport: { width, height }, colorScheme: scheme, locale: 'en-GB', timezoneId: 'UTC', ...context }), page = await ctx.newPage();
  page.setDefaultTimeout(20000);
  page.wrong = [];
  pages.add(page);
  page.on('console', m => { if ((m.type() === 'error' || m.type() === 'warning') && !allow.some(a => m.text().includes(a) || m.location().url.includes(a))) page.wrong.push(`console: ${m.text()} ${m.location().url}`); });
  page.on('pageerror', e => page.wrong.push(`error: ${e.stack}`));
  page.on('request', r => { if (!r.url().startsWith(new URL(url).origin) && !/^(data|blob):/.test(r.url())) page.wrong.push(`request to elsewhere: ${r.url()}`); });
  page.loads = 0;
  page.on('domcontentloaded', () => { page.loads++; });
  await page.goto(url);
  await page.waitForSelector('h1');
  await page.evaluate(() => { window.sameDocument = true; });
  page.go = async hash => { await page.evaluate(h => { location.hash = h; }, hash); await page.waitForSelector('#title'); };
  page.done = async () => {
    assert.equal(await page.evaluate(() => window.sameDocument), true, 'the page was reloaded');
    assert.equal(page.loads, 1, 'the page was loaded more than once');
    assert.deepEqual(page.wrong, []);
    pages.delete(page);
    await ctx.close();
  };
  return page;
}

// The page at rest: no pictures under way, nothing loading.
export async function rest(page) {
  await page.waitForFunction(() => !document.querySelector('.loading'));
  await page.evaluate(() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r))));
}
export async function shot(page, name, { full = false } = {}) {
  fs.mkdirSync(SHOTS, { recursive: true });
  await rest(page);
  await page.screenshot({ path: path.join(SHOTS, `${name}.png`), fullPage: full, animations: 'disabled' });
}
export async function well(page, what) {
  await rest(page);
  assert.deepEqual(await faults(page), [], what);
}

// ---- the keyboard alone ----
export const focused = page => page.evaluate(() => { const e = document.activeElement; return { tag: e.tagName, text: (e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent || '').trim(), name: e.name || '' }; });
// Tabs on until the element with focus says so; fails when the focus comes round, or is not to be seen.
export async function tabTo(page, match, { back = false, max = 120 } = {}) {
  for (let i = 0; i < max; i++) {
    await page.keyboard.press(back ? 'Shift+Tab' : 'Tab');
    const f = await focused(page);
    if (f.tag !== 'BODY') {
      const visible = await page.evaluate(() => { const e = document.activeElement, s = getComputedStyle(e), card = e.closest('.template'), after = card ? getComputedStyle(e, '::after').outlineStyle : 'none', box = e.closest('.terminal') ? getComputedStyle(e.closest('.terminal')).outlineStyle : 'none'; return [s.outlineStyle, after, box].some(x => x !== 'none'); });
      assert.ok(visible, `focus is not to be seen on ${JSON.stringify(f)}`);
    }
    if (typeof match === 'string' ? f.text.startsWith(match) : match(f)) return f;
  }
  throw new Error(`Tab does not come to ${match}`);
}
