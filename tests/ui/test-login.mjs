// Access control on: login and logout, the end of a session, members; and the whole way with the keyboard alone.
import assert from 'node:assert/strict';
import { run, test } from './check.mjs';
import { browser, failing, focused, open, Server, shot, tabTo, until, well } from './harness.mjs';

const server = await new Server().start({ auth: true }), b = await browser(), { username: login, password } = server.admin;
await server.useCatalog();
const dialog = page => page.locator('dialog[open]').last();
const enter = async (page, name, word, well = true) => {
  await page.getByLabel('Login name').fill(name);
  await page.getByLabel('Password').fill(word);
  await page.getByRole('button', { name: 'Log in' }).click();
  if (well) await page.locator('form.login').waitFor({ state: 'detached' });
};
const account = async (name, kind, word) => {
  const a = await server.post('/v2-beta/accounts', { name, kind });
  await until(async () => (await server.get(`/v2-beta/accounts/${a.id}`)).state === 'active', `account ${name}`);
  await server.post('/v2-beta/passwords', { publicValue: name, secretValue: word, accountId: a.id });
  return a;
};

test('login: empty, wrong, right; the address that was asked for; logout', async () => {
  const page = await open(b, `${server.url}/#/env/1a5/hosts`, { allow: ['401'] });
  await page.getByRole('button', { name: 'Log in' }).waitFor();
  await well(page, 'login');
  await shot(page, 'login-light');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('Login name is required').waitFor();
  await enter(page, login, 'wrong', false);
  await page.getByText('name or password is wrong').waitFor();
  await well(page, 'login refused');
  await enter(page, login, password);
  await page.locator('.host').nth(2).waitFor();
  const [cookie] = (await page.context().cookies()).filter(c => c.name === 'token');
  assert.equal(cookie.sameSite, 'Lax');
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByText('You are logged out.').waitFor();
  assert.equal((await page.context().cookies()).filter(c => c.name === 'token' && c.value).length, 0);
  assert.equal((await fetch(`${server.url}/v2-beta/projects`, { headers: { Authorization: `Bearer ${cookie.value}` } })).status, 401, 'the session is over on the server');
  await page.done();
});

test('a session that ends elsewhere: the page asks again and goes on where it was', async () => {
  const page = await open(b, `${server.url}/#/env/1a5/containers`, { allow: ['401', 'WebSocket'] });
  await enter(page, login, password);
  await page.getByRole('heading', { name: 'Containers' }).waitFor();
  const [cookie] = (await page.context().cookies()).filter(c => c.name === 'token');
  await fetch(`${server.url}/v2-beta/token/current`, { method: 'DELETE', headers: { Cookie: `token=${cookie.value}` } });
  await page.getByText('Your session is over.').waitFor();
  await enter(page, login, password);
  await page.getByRole('heading', { name: 'Containers' }).waitFor();
  await page.done();
});

test('members: add, change, remove; what a member and a reader see', async () => {
  await account('mary', 'user', 'mary-secret');
  const page = await open(b, `${server.url}/#/env/1a5/members`, { allow: ['401'] });
  await enter(page, login, password);
  await page.getByLabel('Login name').fill('nobody');
  await page.getByRole('button', { name: 'Add' }).click();
  await page.getByText('nobody is called "nobody"').waitFor();
  await page.getByLabel('Login name').fill('mary');
  await page.getByLabel('Role', { exact: true }).selectOption('readonly');
  await page.getByRole('button', { name: 'Add' }).click();
  await page.getByRole('button', { name: 'Remove mary' }).waitFor();
  await well(page, 'members');
  await shot(page, 'members-light');

  const stack = await server.service('shared', 'front');
  const other = await open(b, `${server.url}/`, { allow: ['401', '403', '404'] });
  await enter(other, 'mary', 'mary-secret');
  await other.getByLabel('Environment', { exact: true }).selectOption({ label: 'Default' });
  await other.locator('section[aria-label="Stack shared"]').waitFor();
  assert.equal(await other.getByRole('link', { name: 'Processes' }).count(), 0, 'processes are for administrators');
  assert.equal(await other.locator('summary[aria-label="Actions of shared"]').count(), 0, 'a reader is offered nothing');
  assert.equal(await other.getByRole('button', { name: 'More containers of front' }).isDisabled(), true);
  await page.getByLabel('Role of mary').selectOption('member');
  await page.getByText('The members were changed.').first().waitFor();
  await other.getByRole('button', { name: 'More containers of front' }).click();
  await other.getByText('2/2').waitFor();
  await page.getByRole('button', { name: 'Remove mary' }).click();
  await other.getByText('you are no member of it').waitFor();
  await server.post(`stacks/${stack.stackId}/?action=remove`);
  await page.done();
  await other.done();
});

test('with the keyboard alone: login, install, scale, shell, delete', async () => {
  const page = await open(b, `${server.url}/`, { allow: ['401'] }), key = k => page.keyboard.press(k), type = t => page.keyboard.type(t);
  await page.getByRole('button', { name: 'Log in' }).waitFor();
  await page.waitForFunction(() => document.activeElement.name === 'name');
  await type(login);
  await tabTo(page, 'Password');
  await type(password);
  await key('Enter');
  await page.getByRole('heading', { name: 'Stacks' }).waitFor();

  await page.waitForFunction(() => document.activeElement === document.body || document.activeElement.id === 'title');
  await tabTo(page, 'Catalog');
  await key('Enter');
  await page.locator('.template').first().waitFor();
  assert.equal((await focused(page)).tag, 'H1', 'a new view has the focus at its title');
  await tabTo(page, 'Hello page');
  await key('Enter');
  await page.locator('form.form').waitFor();
  await tabTo(page, 'Version');
  await type('1');
  await page.getByText('Files of version 1.0.0').waitFor();
  await tabTo(page, 'Greeting');
  await key('Enter');
  await page.getByText('Greeting is required').waitFor();
  await page.waitForFunction(() => document.activeElement.name === 'q.GREETING');
  await type('by keyboard');
  await tabTo(page, 'Launch');
  await key('Enter');
  await page.getByText('1/1').waitFor();
  await page.waitForFunction(() => document.activeElement.id === 'title');

  await tabTo(page, 'More containers of web');
  await key('Space');
  await page.getByText('2/2').waitFor();
  assert.equal((await focused(page)).text, 'More containers of web', 'the focus stays through every change');
  await tabTo(page, f => f.tag === 'A' && f.text === 'web');
  await key('Enter');
  await page.locator('tbody tr').nth(1).waitFor();
  await tabTo(page, 'Shell in');
  await key('Enter');
  await page.locator('[data-shell=open]').waitFor();
  await type('typed');
  await page.locator('.terminal-lines').getByText('typed').waitFor();
  await key('Tab');
  assert.equal((await focused(page)).tag, 'TEXTAREA', 'Tab is the program\'s');
  await key('Shift+F6');
  assert.equal((await focused(page)).tag, 'BUTTON');

  await tabTo(page, f => f.tag === 'A' && f.text === 'page', { back: true });
  await key('Enter');
  await page.waitForURL(/stacks\/1st\d+$/);
  await page.waitForFunction(() => document.activeElement.id === 'title');
  await tabTo(page, 'Actions of page');
  await key('Enter');
  await key('ArrowUp');
  assert.equal((await focused(page)).text, 'Delete');
  await key('Escape');
  assert.equal((await focused(page)).text, 'Actions of page', 'Escape closes the menu and goes back to its button');
  await key('Enter');
  await key('ArrowUp');
  await key('Enter');
  await dialog(page).waitFor();
  for (let i = 0; i < 8; i++) { await key('Tab'); assert.ok(await page.evaluate(() => document.activeElement === document.body || !!document.activeElement.closest('dialog')), 'the focus stays in the dialog'); }
  await key('Escape');
  await page.waitForFunction(() => document.activeElement.getAttribute('aria-label') === 'Actions of page');
  await key('Enter');
  await key('ArrowUp');
  await key('Enter');
  await dialog(page).waitFor();
  await tabTo(page, 'Delete');
  await key('Enter');
  await page.getByRole('heading', { name: 'Stacks' }).waitFor();
  await page.locator('section[aria-label="Stack page"]').waitFor({ state: 'detached' });
  await page.waitForFunction(() => document.activeElement.id === 'title');
  await key('Shift+Tab');
  await page.done();
});

test('what changes is said to those who do not see it', async () => {
  const page = await open(b, `${server.url}/`, { allow: ['401'] });
  await enter(page, login, password);
  await page.getByRole('heading', { name: 'Stacks' }).waitFor();
  await page.evaluate(() => { window.said = []; new MutationObserver(() => { const t = document.getElementById('news').textContent; if (t) window.said.push(t); }).observe(document.getElementById('news'), { childList: true, characterData: true, subtree: true }); });
  const s = await server.service('spoken', 'front', {}, { startOnCreate: false });
  await page.locator('section[aria-label="Stack spoken"] .row').waitFor();
  await server.wait('services', s.id, x => x.state === 'inactive');
  await server.post(`services/${s.id}/?action=activate`);
  await page.waitForFunction(() => window.said.some(t => /service front is active/.test(t)));
  await page.done();
});

run({ failing, after: async () => { await b.close(); await server.close(); } });
