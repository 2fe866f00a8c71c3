// newcomer.mjs: the browser's half of test_newcomer.py. NEWCOMER: JSON of url, login, password, lab (the command of the lab), env (of that command).
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { run, test } from './check.mjs';
import { browser, failing, open, shot, well } from './harness.mjs';

const given = JSON.parse(process.env.NEWCOMER), b = await browser();
const lab = (...args) => promisify(execFile)(given.lab[0], [...given.lab.slice(1), ...args], { env: given.env, timeout: 120000 });
const LONG = { timeout: 90000 };         // real engines, on a busy machine

test('login, host, template, shell, scale, upgrade, a failing container: one page', async () => {
  const page = await open(b, given.url, { context: { permissions: ['clipboard-read', 'clipboard-write'] } }), dialog = page.locator('dialog[open]').last(), form = page.locator('form.form');
  await page.getByLabel('Login name').fill(given.login);
  await page.getByLabel('Password').fill(given.password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('Nothing runs here yet.').waitFor();

  // A host, by the command as it is shown.
  await page.getByRole('link', { name: 'add a host' }).click();
  await page.getByRole('button', { name: 'Add the first host' }).click();
  await page.locator('#join-command', { hasText: 'curl' }).waitFor();
  await dialog.getByRole('button', { name: 'Copy command' }).click();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  await lab('up', '--join-command', command);
  await dialog.locator('.come .badge[data-state=active]').nth(1).waitFor(LONG);
  await shot(page, 'lab-joined');
  await dialog.getByRole('button', { name: 'Done' }).click();
  await page.locator('.host .badge[data-state=active]').nth(1).waitFor();
  await well(page, 'real hosts');
  await shot(page, 'lab-hosts');

  // A template of the built-in catalog, in its older version, by its form.
  await page.getByRole('link', { name: 'Catalog', exact: true }).click();
  await page.getByRole('link', { name: 'Hello page' }).click();
  await form.waitFor();
  await page.getByLabel('Version').selectOption({ label: '0.1.0' });
  await page.getByText('Files of version 0.1.0').waitFor();
  await form.getByLabel('Greeting').fill('Good morning');
  await form.getByLabel('Containers').fill('1');
  await form.getByRole('button', { name: 'Launch' }).click();
  await page.getByText('1/1').waitFor(LONG);
  await page.locator('.row .badge[data-state=active]').waitFor(LONG);
  await page.locator('.row a.port').first().waitFor(LONG);
  const [, address] = /http:\/\/([^/]+)\//.exec(await page.locator('.row a.port').first().getAttribute('href'));
  assert.match((await lab('exec', 'host1', '--', 'busybox', 'wget', '-q', '-O-', `http://${address}/`)).stdout, /Good morning/);

  // A shell in its container.
  await page.locator('.row-name a').click();
  await page.locator('tbody .badge[data-state=running]').first().waitFor(LONG);
  await page.getByRole('link', { name: /^Shell in/ }).first().click();
  await page.locator('[data-shell=open]').waitFor(LONG);
  const screen = page.locator('.terminal-lines');
  await page.keyboard.type('stty size; echo "$GREETING" | tr a-z A-Z');
  await page.keyboard.press('Enter');
  await screen.getByText('GOOD MORNING').waitFor(LONG);
  const size = await page.evaluate(() => /(\d+) (\d+)/.exec([...document.querySelectorAll('.terminal-lines > div')].map(d => d.textContent).find(t => /^\d+ \d+\s*$/.test(t)) || '')?.slice(1).map(Number));
  assert.ok(size && size[1] > 90, `the program knows the size of the terminal: ${size}`);
  await page.keyboard.type("printf '\\033[2J\\033[3;5Hat five\\033[1;1H\\033[7mtop\\033[0m'");
  await page.keyboard.press('Enter');
  await screen.locator('div', { hasText: /^ {4}at five/ }).waitFor(LONG);
  await shot(page, 'lab-shell');
  await page.keyboard.type('exit 3');
  await page.keyboard.press('Enter');
  await page.getByText('The shell ended with 3.').waitFor(LONG);
  await page.getByRole('link', { name: 'Logs', exact: true }).click();
  await page.locator('.log').waitFor();

  // Scale.
  await page.getByRole('link', { name: 'hello', exact: true }).click();
  await page.getByRole('button', { name: 'More containers of web' }).click();
  await page.getByText('2/2').waitFor(LONG);

  // Upgrade by the form, its answers filled in already.
  await page.getByRole('link', { name: 'upgrade available' }).click();
  await form.waitFor();
  assert.equal(await form.getByLabel('Greeting').inputValue(), 'Good morning');
  await form.getByLabel('Greeting').fill('Good evening');
  await form.getByRole('button', { name: 'Upgrade' }).click();
  await page.locator('.heading').getByRole('button', { name: 'Finish upgrade' }).waitFor(LONG);
  await shot(page, 'lab-upgraded');
  await page.locator('.heading').getByRole('button', { name: 'Finish upgrade' }).click();
  await dialog.getByRole('button', { name: 'Finish' }).click();
  await page.locator('.heading .badge[data-state=active]').waitFor(LONG);
  await page.getByText('2/2').waitFor(LONG);
  assert.match((await lab('exec', 'host1', '--', 'busybox', 'wget', '-q', '-O-', `http://${address}/`)).stdout, /Good evening/);

  // An image that does not exist: the page says why nothing runs.
  await page.getByRole('link', { name: 'Stacks', exact: true }).first().click();
  await page.getByRole('link', { name: 'Import compose' }).click();
  await form.getByLabel('Name of the stack').fill('broken');
  await form.locator('textarea[name=dockerCompose]').fill("version: '2'\nservices:\n  web:\n    image: 127.0.0.1:1/there-is-none:1\n");
  await form.getByRole('button', { name: 'Create' }).click();
  await page.locator('.row-why', { hasText: 'there-is-none' }).waitFor(LONG);
  await page.locator('.row-name a').click();
  await page.locator('.why', { hasText: 'there-is-none' }).waitFor(LONG);
  await shot(page, 'lab-failing');
  await well(page, 'failing on a real host');
  await page.done();
});

run({ failing, after: () => b.close() });
