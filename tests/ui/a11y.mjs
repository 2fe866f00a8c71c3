// a11y.mjs: what can be found wrong with a page for those who do not see it, or see it badly, or have no mouse: names, labels, headings, ids, contrast, width.
// Runs inside the page; gives a list of texts, empty when all is well.

export async function faults(page) { return page.evaluate(look); }

function look() {
  const out = [], seen = el => { const r = el.getBoundingClientRect(), s = getComputedStyle(el); return r.width > 0 && r.height > 0 && s.visibility !== 'hidden' && s.display !== 'none' && !el.closest('[aria-hidden=true]'); };
  const where = el => `<${el.tagName.toLowerCase()}${el.id ? ` id=${el.id}` : ''}${el.className && typeof el.className === 'string' ? ` class="${el.className}"` : ''}> "${(el.textContent || el.value || '').trim().slice(0, 40)}"`;
  const dialog = document.querySelector('dialog[open]'), scope = dialog || document.body, all = sel => [...scope.querySelectorAll(sel)].filter(seen);
  const nameOf = el => (el.getAttribute('aria-label') || (el.getAttribute('aria-labelledby') || '').split(' ').map(id => document.getElementById(id)?.textContent || '').join(' ').trim() || [...(el.labels || [])].map(l => l.textContent).join(' ').trim() || el.textContent.trim() || el.getAttribute('alt') || el.getAttribute('title') || '').trim();

  for (const el of all('a[href], button, summary, [role=button], [role=link]')) if (!nameOf(el) && ![...el.querySelectorAll('img')].some(i => i.alt)) out.push(`no name: ${where(el)}`);
  for (const el of all('input, select, textarea')) {
    if (el.type === 'hidden') continue;
    const label = [...(el.labels || [])].map(l => l.textContent.trim()).join('') || el.getAttribute('aria-label') || el.getAttribute('aria-labelledby');
    if (!label) out.push(`no label: ${where(el)} name=${el.name}`);
  }
  for (const el of all('img')) if (!el.hasAttribute('alt')) out.push(`no alt: ${where(el)}`);
  const ids = new Map();
  for (const el of document.querySelectorAll('[id]')) ids.set(el.id, (ids.get(el.id) || 0) + 1);
  for (const [id, n] of ids) if (n > 1) out.push(`id "${id}" is there ${n} times`);
  for (const el of document.querySelectorAll('[aria-describedby], [aria-labelledby], [aria-controls]'))
    for (const a of ['aria-describedby', 'aria-labelledby', 'aria-controls']) for (const id of (el.getAttribute(a) || '').split(' ').filter(Boolean)) if (!document.getElementById(id)) out.push(`${a} names "${id}", which is not there: ${where(el)}`);
  for (const el of all('[tabindex]')) if (el.tabIndex > 0) out.push(`its own place in the order: ${where(el)}`);
  if (!dialog) {
    const h1 = all('h1');
    if (h1.length !== 1) out.push(`${h1.length} h1`);
    if (!document.querySelector('main')) out.push('no main');
    let last = 0;
    for (const el of all('h1, h2, h3, h4')) { const n = Number(el.tagName[1]); if (last && n > last + 1) out.push(`heading leaps from h${last} to h${n}: ${where(el)}`); last = n; }
  }
  if (!document.documentElement.lang) out.push('no language');
  if (!document.title) out.push('no title');
  for (const el of all('table')) { if (!el.caption && !el.getAttribute('aria-label')) out.push(`table without a name: ${where(el)}`); for (const th of el.querySelectorAll('th')) if (!th.textContent.trim()) out.push('column without a name'); }
  for (const el of all('ul, ol')) for (const kid of el.children) if (kid.tagName !== 'LI') out.push(`<${kid.tagName}> in a list`);

  // Contrast (WCAG 2.1, 1.4.3): of texts with what is behind them.
  const parse = c => { const m = /^rgba?\(([\d.]+)[, ]+([\d.]+)[, ]+([\d.]+)(?:[,/ ]+([\d.]+))?/.exec(c); return m ? [Number(m[1]), Number(m[2]), Number(m[3]), m[4] === undefined ? 1 : Number(m[4])] : [0, 0, 0, 0]; };
  const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
  const light = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = el => { const layers = []; for (let e = el; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > 0) layers.push(c); if (c[3] === 1) break; } let c = matchMedia('(prefers-color-scheme: dark)').matches ? [0, 0, 0, 1] : [255, 255, 255, 1]; for (const l of layers.reverse()) c = over(l, c); return c; };
  const told = new Set();
  const walk = document.createTreeWalker(scope, NodeFilter.SHOW_TEXT);
  for (let n = walk.nextNode(); n; n = walk.nextNode()) {
    const el = n.parentElement;
    if (!n.data.trim() || !el || !seen(el) || el.closest('.unseen, :disabled, option, [aria-disabled=true], noscript, script, style')) continue;
    const s = getComputedStyle(el), bg = behind(el), fg = over(parse(s.color), bg), a = light(fg), b = light(bg), ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), size = parseFloat(s.fontSize), large = size >= 24 || (size >= 18.66 && Number(s.fontWeight) >= 700);
    const key = `${s.color} on ${bg.map(Math.round).slice(0, 3)}`;
    if (ratio < (large ? 3 : 4.5) && !told.has(key)) { told.add(key); out.push(`contrast ${ratio.toFixed(2)}: ${where(el)} ${key}`); }
  }
  if (document.documentElement.scrollWidth > innerWidth + 1) out.push(`wider than the window: ${document.documentElement.scrollWidth} > ${innerWidth}`);
  return out;
}
