// Every view, against a server with simulated hosts and access control off.
import assert from 'node:assert/strict';
import { faults } from './a11y.mjs';
import { run, test } from './check.mjs';
import { browser, failing, open, Server, shot, until, well } from './harness.mjs';

const server = await new Server().start(), b = await browser();
await server.useCatalog();
const front = await server.service('web', 'front', { ports: ['8080:80/tcp'], environment: { COLOUR: 'blue' } }, { scale: 2 });
const bad = await server.service('bad', 'fails', { imageUuid: 'sim:compute.instance.activate::fail' });
await server.wait('services', front.id, s => s.state === 'active' && s.currentScale === 2);
const home = `${server.url}/#/env/1a5`;
const dialog = page => page.locator('dialog[open]').last();
const menu = async (page, label, item) => { await page.locator(`summary[aria-label="${label}"]`).first().click(); await page.locator('details.menu[open] .menu-items button', { hasText: item }).click(); };

test('the page is for browsers, the API for everybody else', async () => {
  const ask = (path, headers) => fetch(server.url + path, { headers });
  const page = await ask('/', { Accept: 'text/html,*/*' });
  assert.match(page.headers.get('content-type'), /^text\/html/);
  assert.match(await page.text(), /<title>drover/);
  const policy = page.headers.get('content-security-policy');
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|\*/);
  for (const headers of [{}, { Accept: '*/*' }, { Accept: 'application/json', 'User-Agent': 'Mozilla/5.0' }]) assert.equal((await (await ask('/?_format=json', headers)).json()).resourceType, 'apiVersion');
  assert.equal((await (await ask('/?_format=json', { Accept: 'text/html' })).json()).resourceType, 'apiVersion');
  assert.equal((await (await ask('/', { Accept: '*/*' })).json()).resourceType, 'apiVersion');
  assert.match(await (await ask('/v2-beta', { Accept: 'text/html,*/*', 'User-Agent': 'Mozilla/5.0' })).text(), /var data = /, 'the API browser stays where it was');
  const js = await ask('/ui/main.js', {}), tag = js.headers.get('etag');
  assert.match(js.headers.get('content-type'), /^text\/javascript/);
  assert.equal((await ask('/ui/main.js', { 'If-None-Match': tag })).status, 304);
  for (const wrong of ['/ui/nothing.js', '/ui/', '/ui/views/../main.js', '/ui/%2e%2e/main.js', '/ui/a/b/c', `/ui/${'x'.repeat(500)}`]) assert.ok([404, 400].includes((await ask(wrong, {})).status) || wrong.includes('/../'), wrong);
  assert.equal((await fetch(`${server.url}/ui/main.js`, { method: 'POST' })).status, 405);
});

test('stacks: live states, scale by buttons, why a service fails', async () => {
  const page = await open(b, `${home}/stacks`);
  const row = page.locator('.row', { has: page.getByRole('link', { name: 'front', exact: true }) });
  await row.getByText('2/2').waitFor();
  for (let i = 0; i < 1; i++) await row.getByRole('button', { name: 'More containers of front' }).click();
  await row.getByText('3/3').waitFor();
  assert.equal((await server.get(`services/${front.id}`)).scale, 3);
  await row.getByRole('button', { name: 'Fewer containers of front' }).click();
  await row.getByText('2/2').waitFor();
  await page.locator('.row-why', { hasText: 'Failing [compute.instance.activate]' }).waitFor();
  await server.put(`services/${front.id}`, { scale: 1 });       // by somebody else
  await row.getByText('1/1').waitFor();
  await server.put(`services/${front.id}`, { scale: 2 });
  await row.getByText('2/2').waitFor();
  assert.match(await row.locator('a.port').first().getAttribute('href'), /^http:\/\/127\.0\.0\.1:8080\/$/);
  await page.fill('input[type=search]', 'fail');
  await page.locator('section[aria-label="Stack web"]').waitFor({ state: 'detached' });
  await page.fill('input[type=search]', '');
  await page.locator('section[aria-label="Stack web"]').waitFor();
  await shot(page, 'stacks-light');
  await well(page, 'stacks');
  await page.done();
});

test('a stack that others make and delete comes and goes', async () => {
  const page = await open(b, `${home}/stacks`), s = await server.service('passing', 'by');
  await page.locator('section[aria-label="Stack passing"] .row').waitFor();
  await server.wait('services', s.id, x => x.state === 'active');
  await menu(page, 'Actions of passing', 'Delete');
  await dialog(page).getByRole('button', { name: 'Cancel' }).click();
  assert.equal((await server.get(`stacks/${s.stackId}`)).state, 'active', 'asked first');
  await menu(page, 'Actions of passing', 'Delete');
  await dialog(page).getByRole('button', { name: 'Delete', exact: true }).click();
  await page.locator('section[aria-label="Stack passing"]').waitFor({ state: 'detached' });
  await page.done();
});

test('a service: containers, its log, upgrade with finish and rollback, stop and start', async () => {
  const page = await open(b, `${home}/services/${front.id}`);
  await page.getByRole('link', { name: 'web-front-1', exact: true }).first().waitFor();
  await page.getByText('Creating extra service instance web-front-1').first().waitFor();
  await well(page, 'service');
  await shot(page, 'service-light');
  const upgrade = async image => {
    await page.locator('.heading').getByRole('button', { name: 'Upgrade' }).click();
    const d = dialog(page);
    assert.equal(await d.getByLabel('Environment variables').inputValue(), 'COLOUR=blue');
    await d.getByLabel('Image').fill('');
    await d.getByRole('button', { name: 'Upgrade' }).click();
    await d.getByText('Image is required').waitFor();
    assert.equal(await d.getByLabel('Image').getAttribute('aria-invalid'), 'true');
    await well(page, 'upgrade dialog with an error');
    await d.getByLabel('Image').fill(image);
    await d.getByLabel('Pause between them').fill('0');
    await d.getByRole('button', { name: 'Upgrade' }).click();
    await d.getByText('has to be at least 0.1').waitFor();
    await d.getByLabel('Pause between them').fill('0.1');
    await d.getByRole('button', { name: 'Upgrade' }).click();
    await page.locator('.heading').getByRole('button', { name: 'Finish upgrade' }).waitFor();
    await server.wait('services', front.id, s => s.state === 'upgraded');
  };
  await upgrade('sim:newer');
  await page.locator('.heading').getByRole('button', { name: 'Roll back' }).click();
  await dialog(page).getByRole('button', { name: 'Roll back' }).click();
  await server.wait('services', front.id, s => s.state === 'active' && s.launchConfig.imageUuid === 'sim:anything');
  await upgrade('sim:newest');
  await page.locator('.heading').getByRole('button', { name: 'Finish upgrade' }).click();
  await dialog(page).getByRole('button', { name: 'Finish' }).click();
  const s = await server.wait('services', front.id, x => x.state === 'active');
  assert.equal(s.launchConfig.imageUuid, 'sim:newest');
  assert.deepEqual(s.launchConfig.environment, { COLOUR: 'blue' }, 'what the form did not change stays');
  await menu(page, 'Actions of front', 'Stop');
  await dialog(page).getByRole('button', { name: 'Stop' }).click();
  await page.locator('.heading .badge[data-state=inactive]').waitFor();
  await page.locator('.heading').getByRole('button', { name: 'Start' }).click();
  await page.locator('.heading .badge[data-state=active]').waitFor();
  await server.wait('services', front.id, x => x.state === 'active' && x.currentScale === 2);
  await page.done();
});

test('why a container fails, on its service', async () => {
  const page = await open(b, `${home}/services/${bad.id}`);
  await page.locator('.why', { hasText: 'Failing [compute.instance.activate]' }).waitFor();
  await page.locator('td', { hasText: 'Failing [compute.instance.activate]' }).first().waitFor();
  await shot(page, 'failing-light');
  await well(page, 'failing service');
  await page.done();
});

test('containers: filter, details, restart, stop', async () => {
  const page = await open(b, `${home}/containers`);
  await page.locator('tbody tr', { hasText: 'web-front-2' }).waitFor();
  await page.getByPlaceholder('Name, image').fill('front-1');
  await page.locator('tbody tr', { hasText: 'web-front-2' }).waitFor({ state: 'detached' });
  await well(page, 'containers');
  await page.getByRole('link', { name: 'web-front-1', exact: true }).click();
  await page.locator('dt', { hasText: 'Engine id' }).waitFor();
  await well(page, 'container');
  await shot(page, 'container-light');
  await menu(page, 'Actions of web-front-1', 'Restart');
  await dialog(page).getByRole('button', { name: 'Restart' }).click();
  await page.locator('.heading .badge[data-state=running]').waitFor();
  await page.getByRole('link', { name: 'front', exact: true }).click();
  await page.waitForURL(/services/);
  await page.done();
});

const running = async () => (await server.get('containers')).data.find(c => c.name.startsWith('web-front') && c.state === 'running');

test('logs: follow, search, times', async () => {
  const page = await open(b, `${home}/containers/${(await running()).id}/logs`);
  await page.locator('.log', { hasText: 'tick 2 of' }).waitFor();
  await page.getByPlaceholder('Search in the log').fill('LINE 1');
  await page.getByText('1 of 2').waitFor();
  await page.keyboard.press('Enter');
  await page.getByText('2 of 2').waitFor();
  assert.equal(await page.locator('mark.now').count(), 1);
  assert.equal(await page.getByLabel('Follow').isChecked(), false, 'looking for something stops the following');
  await page.getByLabel('Times').check();
  await page.locator('.log time').first().waitFor();
  await well(page, 'logs');
  await shot(page, 'logs-light');
  await page.done();
});

test('shell: typing, paste, colours, the size, the end', async () => {
  const page = await open(b, `${home}/containers/${(await running()).id}/shell`, { context: { permissions: ['clipboard-read', 'clipboard-write'] } });
  const screen = page.locator('.terminal-lines');
  await page.locator('[data-shell=open]').waitFor();
  await page.keyboard.type('echo \u00e9 ');
  await page.keyboard.press('Enter');
  await screen.getByText('echo \u00e9').waitFor();
  await page.evaluate(() => navigator.clipboard.writeText('pasted text'));
  await page.keyboard.press('Control+Shift+V');
  await screen.getByText('pasted text').waitFor();
  // The simulated command gives back what it gets: escapes, too.
  await page.keyboard.press('Escape');
  await page.keyboard.type('[31mred');
  await screen.locator('span', { hasText: 'red' }).first().waitFor();
  await well(page, 'shell');
  await shot(page, 'shell-light');
  const cols = () => page.evaluate(() => document.querySelector('.terminal-lines').clientWidth);
  const before = await cols();
  await page.setViewportSize({ width: 700, height: 600 });
  await until(async () => (await cols()) < before, 'a smaller terminal');
  await page.keyboard.press('Shift+F6');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Close', 'the keyboard leaves the terminal');
  await page.locator('.terminal').click();
  await page.keyboard.press('Control+D');
  await page.getByRole('button', { name: 'Open another' }).waitFor();
  await page.getByRole('button', { name: 'Open another' }).click();
  await page.locator('[data-shell=open]').waitFor();
  await page.done();
});

test('the picture of a terminal is what it holds, whatever was written', async () => {
  const page = await open(b, `${home}/stacks`);
  const wrong = await page.evaluate(async () => {
    const { TermView } = await import('/ui/termview.js'), el = document.body.appendChild(document.createElement('div')), frame = () => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)));
    const v = new TermView(el, { label: 'tried', send() {}, resized() {} }), t = v.terminal;
    let seed = 4711;
    const next = n => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n;
    const parts = [() => 'text '.repeat(next(30)), () => '\r\n'.repeat(1 + next(60)), () => `\x1b[${next(30)};${next(90)}H`, () => `\x1b[3${next(8)}mcolour\x1b[0m`, () => `\x1b[${next(3)}J`, () => `\x1b[${next(9)}L`, () => `\x1b[${next(9)}M`, () => '\x1bM\x1bM', () => '\x1b[3J', () => '\x1b[?1049h', () => '\x1b[?1049l', () => '\x1b[2;9r', () => '\x1b[r', () => 'long line '.repeat(2000), () => '\x1bc'];
    for (let i = 0; i < 200; i++) {
      for (let k = next(6); k >= 0; k--) v.write(parts[next(i % 50 ? parts.length - 1 : parts.length)]());
      if (next(20) === 0) { v.box.style.height = `${200 + next(400)}px`; v.box.style.width = `${300 + next(600)}px`; }
      await frame();
      const bad = v.lines.length !== t.length ? `${v.lines.length} lines of ${t.length}` : v.lines.findIndex((l, n) => l.textContent.trimEnd() !== t.text(n)), shown = v.screen.childElementCount;
      if (typeof bad === 'string' || bad >= 0 || shown !== t.length) return `after ${i} steps: ${bad} ${typeof bad === 'number' ? JSON.stringify([v.lines[bad]?.textContent, t.text(bad)]) : ''} ${shown}`;
    }
    v.close();
    el.remove();
    return '';
  });
  assert.equal(wrong, '');
  await page.done();
});

test('hosts: the join command, labels, a new host appears, deactivation', async () => {
  const page = await open(b, `${home}/hosts`, { context: { permissions: ['clipboard-read', 'clipboard-write'] } });
  await page.locator('.host').nth(2).waitFor();
  await well(page, 'hosts');
  await shot(page, 'hosts-light');
  await page.getByRole('button', { name: 'Add host' }).click();
  const command = page.locator('#join-command');
  await command.getByText(/^curl -fsSL '.*\/join' \| sudo sh$/).waitFor();
  await dialog(page).getByText('Labels and address').click();
  await dialog(page).getByLabel('Labels of the host').fill('zone=cellar, disk=fast & large');
  await command.getByText("sudo CATTLE_HOST_LABELS='zone=cellar&disk=fast%20%26%20large' sh").waitFor();
  await dialog(page).getByRole('button', { name: 'Copy command' }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await command.textContent());
  await well(page, 'join dialog');
  await shot(page, 'add-host-light');
  await server.post('/v2-beta/agents', { uri: 'sim://newcomer', agentResourcesAccountId: '1a5' });
  await dialog(page).locator('.come .badge[data-state=active]').waitFor();
  await dialog(page).getByRole('button', { name: 'Done' }).click();
  await page.locator('.host').nth(3).waitFor();
  await menu(page, 'Actions of sim-1', 'Edit');
  await dialog(page).getByLabel('Name', { exact: true }).fill('first');
  await dialog(page).getByLabel('Labels').fill('zone=attic');
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await page.locator('.host', { hasText: 'first' }).getByText('zone=attic').waitFor();
  await menu(page, 'Actions of first', 'Deactivate');
  await dialog(page).getByRole('button', { name: 'Deactivate' }).click();
  await page.locator('.host', { hasText: 'first' }).locator('.badge[data-state=inactive]').waitFor();
  await menu(page, 'Actions of first', 'Activate');
  await page.locator('.host', { hasText: 'first' }).locator('.badge[data-state=active]').waitFor();
  await menu(page, 'Actions of sim-4', 'Delete');
  await dialog(page).getByRole('button', { name: 'Delete', exact: true }).click();
  await page.locator('.host', { hasText: 'sim-4' }).waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'first', exact: true }).click();
  await page.locator('.chart', { hasText: '%' }).waitFor();
  await well(page, 'host');
  await shot(page, 'host-light');
  await page.done();
});

test('catalog: search, every type of question, launch, upgrade, roll back, finish', async () => {
  await server.post('secrets', { name: 'key-one', value: Buffer.from('x').toString('base64') });
  const page = await open(b, `${home}/catalog`);
  await page.locator('.template').nth(1).waitFor();
  await well(page, 'catalog');
  await shot(page, 'catalog-light');
  await page.getByPlaceholder('Search templates').fill('hello');
  await page.locator('.template', { hasText: 'Everything' }).waitFor({ state: 'detached' });
  await page.getByPlaceholder('Search templates').fill('');
  await page.getByLabel('All categories').selectOption('Tests');
  await page.locator('.template', { hasText: 'Hello' }).waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'Everything asked' }).click();
  const form = page.locator('form.form');
  await form.waitFor();
  await page.getByLabel('Version').selectOption({ label: '1.0' });
  await page.getByText('Files of version 1.0').waitFor();
  await form.getByLabel('Count').fill('12');
  await form.getByRole('button', { name: 'Launch' }).click();
  await form.getByText('Greeting is required').waitFor();
  await form.getByText('Password is required').waitFor();
  await form.getByText('Count has to be at most 9').waitFor();
  await page.waitForFunction(() => document.activeElement.name === 'q.GREETING');        // the first wrong field has the focus
  await well(page, 'question form with errors');
  await shot(page, 'questions-light', { full: true });
  await form.getByLabel('Greeting').fill('hello "there" $X');
  await form.getByRole('button', { name: 'Generate' }).click();
  const password = await form.getByLabel('Password').inputValue();
  assert.match(password, /^[A-Za-z0-9]{16}$/);
  await form.getByLabel('Count').fill('1');
  await form.getByLabel('No', { exact: true }).check();
  await form.getByLabel('Level').selectOption('high');
  await form.getByLabel('Since').fill('2026-03-04');
  await form.getByLabel('Backend').selectOption('web/front');
  await form.getByLabel('Key').selectOption('key-one');
  await page.getByText('Files of version 1.0').click();
  await page.locator('.files pre', { hasText: 'GREETING: ${GREETING}' }).waitFor();
  await form.getByRole('button', { name: 'Launch' }).click();
  await page.waitForURL(/stacks\/1st\d+$/);
  const id = /1st\d+$/.exec(page.url())[0];
  const stack = await server.wait('stacks', id, s => s.state === 'active');
  assert.equal(stack.externalId, 'catalog://tests:everything:0');
  assert.deepEqual(stack.environment, { IMAGE: 'sim:anything', GREETING: 'hello "there" $X', NOTES: 'one\ntwo', PASSWORD: password, TOKEN: '', DEBUG: 'false', COUNT: '1', RATIO: '0.5', SINCE: '2026-03-04', LEVEL: 'high', BACKEND: 'web/front', KEY: 'key-one', CERT: '' });
  await page.getByText('1/1').waitFor();
  await page.getByRole('link', { name: 'upgrade available' }).waitFor();
  await shot(page, 'stack-light');
  await well(page, 'stack of a template');

  const upgrade = async () => {
    await page.getByRole('link', { name: 'upgrade available' }).click();
    await form.waitFor();
    assert.equal(await form.getByLabel('Greeting').inputValue(), 'hello "there" $X', 'answers are there already');
    await form.getByLabel('Greeting').fill('hello again');
    await well(page, 'upgrade form');
    await form.getByRole('button', { name: 'Upgrade' }).click();
    await page.locator('.heading').getByRole('button', { name: 'Finish upgrade' }).waitFor();
  };
  await upgrade();
  await page.locator('.heading').getByRole('button', { name: 'Roll back' }).click();
  await dialog(page).getByRole('button', { name: 'Roll back' }).click();
  await server.wait('stacks', id, s => s.state === 'active' && s.externalId === 'catalog://tests:everything:0');
  await upgrade();
  await page.locator('.heading').getByRole('button', { name: 'Finish upgrade' }).click();
  await dialog(page).getByRole('button', { name: 'Finish' }).click();
  const now = await server.wait('stacks', id, s => s.state === 'active');
  assert.equal(now.externalId, 'catalog://tests:everything:1');
  assert.equal(now.environment.GREETING, 'hello again');
  await page.getByText('GREETING=hello again').waitFor();
  await page.getByText('PASSWORD=••••••••').waitFor();
  await page.getByRole('link', { name: 'upgrade available' }).waitFor({ state: 'detached' });
  await page.done();
});

test('what the API refuses is told at its field', async () => {
  const page = await open(b, `${home}/import`, { allow: ['422'] }), form = page.locator('form.form');
  await form.getByLabel('Name of the stack').fill('web');
  await form.locator('textarea[name=dockerCompose]').fill("version: '2'\nservices:\n  a:\n    image: sim:x\n");
  await form.getByRole('button', { name: 'Create' }).click();
  await form.locator('.field.wrong', { hasText: 'Name of the stack' }).locator('.error').waitFor();
  await page.waitForFunction(() => document.activeElement.name === 'name');
  await well(page, 'refused form');
  await shot(page, 'refused-light');
  await page.done();
});

test('import of compose files, from files and typed; export', async () => {
  const page = await open(b, `${home}/import`), form = page.locator('form.form');
  await form.getByLabel('Load docker-compose.yml').setInputFiles({ name: 'docker-compose.yml', mimeType: 'text/yaml', buffer: Buffer.from("version: '2'\nservices:\n  one:\n    image: ${IMG}\n") });
  await form.locator('textarea[name=dockerCompose]').and(page.locator('textarea')).waitFor();
  await until(async () => (await form.locator('textarea[name=dockerCompose]').inputValue()).includes('one:'), 'the text of the file');
  await form.locator('textarea[name=rancherCompose]').fill("version: '2'\nservices:\n  one:\n    scale: 2\n");
  await form.getByLabel('Name of the stack').fill('imported');
  await form.getByLabel('Variables').fill('no value');
  await form.getByRole('button', { name: 'Create' }).click();
  await form.getByText('"no value" is no NAME=VALUE').waitFor();
  await form.getByLabel('Variables').fill('# comment\nIMG=sim:imported');
  await form.getByRole('button', { name: 'Create' }).click();
  await page.waitForURL(/stacks\/1st\d+$/);
  await page.getByText('2/2').waitFor();
  await menu(page, 'Actions of imported', 'Compose files');
  await dialog(page).locator('pre', { hasText: 'image: sim:imported' }).waitFor();
  await well(page, 'compose files');
  await page.keyboard.press('Escape');
  await page.done();
});

test('a stack that cannot be made: why, and its files to be mended', async () => {
  const page = await open(b, `${home}/import`), form = page.locator('form.form'), files = form.locator('textarea[name=dockerCompose]');
  await form.getByLabel('Name of the stack').fill('mended');
  await files.fill("version: '2'\nservices:\n  a:\n    image: [\n");
  await form.getByRole('button', { name: 'Create' }).click();
  await page.locator('.why', { hasText: 'line' }).waitFor();
  await well(page, 'stack in error');
  await page.getByRole('link', { name: 'Edit and try again' }).click();
  await page.locator('main .reason', { hasText: 'line' }).waitFor();
  assert.match(await files.inputValue(), /image: \[/);
  await files.fill("version: '2'\nservices:\n  a:\n    image: sim:mended\n");
  await form.getByRole('button', { name: 'Create' }).click();
  await page.getByText('1/1').waitFor();
  assert.equal((await server.get('stacks?name=mended')).data.filter(s => s.state === 'active').length, 1);
  await page.done();
});

test('environments: make, edit, switch, deactivate, delete', async () => {
  const page = await open(b, `${server.url}/#/environments`, { allow: ['403'] });
  await page.locator('.card', { hasText: 'Default' }).waitFor();
  await well(page, 'environments');
  await page.getByRole('button', { name: 'New environment' }).click();
  await dialog(page).getByRole('textbox', { name: 'Name' }).fill('Second');
  await well(page, 'new environment');
  await shot(page, 'environment-new-light');
  await dialog(page).getByRole('button', { name: 'Create' }).click();
  const card = page.locator('.card', { hasText: 'Second' });
  await card.locator('.badge[data-state=active]').waitFor();
  await menu(page, 'Actions of Second', 'Edit');
  await dialog(page).getByLabel('Description').fill('for trying');
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await card.getByText('for trying').waitFor();
  await shot(page, 'environments-light');
  await card.getByRole('link', { name: 'Second' }).click();
  await page.getByText('Nothing runs here yet.').waitFor();
  await well(page, 'empty environment');
  await shot(page, 'empty-light');
  await page.getByLabel('Environment', { exact: true }).selectOption({ label: 'Default' });
  await page.locator('section[aria-label="Stack web"]').waitFor();
  await page.go('#/environments');
  await menu(page, 'Actions of Second', 'Deactivate');
  await dialog(page).getByRole('button', { name: 'Deactivate' }).click();
  await card.locator('.badge[data-state=inactive]').waitFor();
  await menu(page, 'Actions of Second', 'Delete');
  await dialog(page).getByLabel('Type its name').fill('second');
  await dialog(page).getByRole('button', { name: 'Delete' }).click();
  await dialog(page).getByText('This is not its name').waitFor();
  await dialog(page).getByLabel('Type its name').fill('Second');
  await dialog(page).getByRole('button', { name: 'Delete' }).click();
  await card.waitFor({ state: 'detached' });
  await page.done();
});

test('processes and audit log: filters, pages, records', async () => {
  const page = await open(b, `${server.url}/#/processes`);
  await page.locator('tbody tr').nth(49).waitFor();
  await page.getByRole('button', { name: 'Older' }).click();
  await page.getByText('Page 2').waitFor();
  await page.getByRole('button', { name: 'Newer' }).click();
  await page.getByText('Page 1').waitFor();
  await page.getByPlaceholder('Process, like').fill('service.create');
  await page.waitForFunction(() => { const r = [...document.querySelectorAll('tbody td:first-child')]; return r.length && r.every(x => x.textContent === 'service.create'); });
  await well(page, 'processes');
  await page.getByRole('button', { name: 'Record' }).first().click();
  await dialog(page).waitFor();
  await page.keyboard.press('Escape');
  await shot(page, 'processes-light');
  await page.go('#/audit');
  await page.getByPlaceholder('Event, like').fill('api.stack.create');
  await page.waitForFunction(() => { const r = [...document.querySelectorAll('tbody td:nth-child(2)')]; return r.length && r.every(x => x.textContent === 'api.stack.create'); });
  await page.getByRole('button', { name: 'Details' }).first().click();
  await dialog(page).locator('pre').first().waitFor();
  await well(page, 'audit record');
  await page.keyboard.press('Escape');
  await well(page, 'audit log');
  await shot(page, 'audit-light');
  await page.done();
});

test('the server goes and comes back: the page says so, and shows what is then', async () => {
  const page = await open(b, `${home}/stacks`, { allow: ['WebSocket', 'ERR_', 'Failed to load'] });
  await page.locator('section[aria-label="Stack web"]').waitFor();
  await server.stop();
  await page.locator('.lost').waitFor();
  await well(page, 'connection lost');
  await shot(page, 'lost-light');
  await server.start(server.options);
  await server.post('stacks', { name: 'made-meanwhile' });
  await page.locator('section[aria-label="Stack made-meanwhile"]').waitFor();
  await page.locator('.lost').waitFor({ state: 'detached' });
  await page.done();
});

test('the checks see what is wrong', async () => {
  const page = await open(b, `${home}/hosts`);
  await page.locator('.host').first().waitFor();
  await page.evaluate(() => {
    const add = (tag, more, text = '') => document.querySelector('main').append(Object.assign(document.createElement(tag), more, { textContent: text }));
    add('input', { name: 'nameless' });
    add('button', {});
    add('p', { id: 'title' }, 'doubled');
    add('p', {}, 'pale');
    document.querySelector('main').lastChild.style.color = getComputedStyle(document.documentElement).getPropertyValue('--line');
    add('h4', {}, 'too deep');
    add('div', {}, '-');
    document.querySelector('main').lastChild.style.width = '3000px';
  });
  const told = (await faults(page)).join('\n');
  for (const word of ['no label', 'no name', 'id "title" is there 2 times', 'contrast', 'leaps', 'wider than the window']) assert.ok(told.includes(word), `${word} in: ${told}`);
  await page.done();
});

const VIEWS = () => [['stacks', 'stacks'], ['stack', `stacks/${front.stackId}`], ['service', `services/${front.id}`], ['failing', `services/${bad.id}`], ['containers', 'containers'], ['hosts', 'hosts'], ['catalog', 'catalog'], ['template', 'catalog/tests%3Aeverything'], ['catalogs', 'catalogs'], ['import', 'import'], ['members', 'members']];
for (const [name, options] of [['dark', { scheme: 'dark' }], ['narrow', { width: 360, height: 740 }], ['narrow-dark', { width: 360, height: 740, scheme: 'dark' }]])
  test(`all views, ${name}: contrast, names, width`, async () => {
    const page = await open(b, `${home}/stacks`, options), id = (await running()).id;
    for (const [view, where] of [...VIEWS(), ['container', `containers/${id}`], ['logs', `containers/${id}/logs`], ['shell', `containers/${id}/shell`], ['host', 'hosts/1h2']]) {
      await page.go(`#/env/1a5/${where}`);
      await well(page, `${view} ${name}`);
      if (name !== 'narrow-dark') await shot(page, `${view}-${name}`);
    }
    for (const view of ['environments', 'processes', 'audit']) {
      await page.go(`#/${view}`);
      await well(page, `${view} ${name}`);
      if (name !== 'narrow-dark') await shot(page, `${view}-${name}`);
    }
    if (name === 'dark') {
      await page.go(`#/env/1a5/services/${front.id}`);
      await page.locator('.heading').getByRole('button', { name: 'Upgrade' }).click();
      await well(page, 'dialog dark');
      await shot(page, 'upgrade-dark');
    }
    await page.done();
  });

run({ failing, after: async () => { await b.close(); await server.close(); } });
