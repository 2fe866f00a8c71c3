// questions.js: a template's questions as fields of a form, and its answers (spec catalog.md 3.1). No page is needed: tests/ui runs it in Node.

const LETTERS = 'abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
export function password(n = 16) {
  const out = [];
  while (out.length < n) for (const b of crypto.getRandomValues(new Uint8Array(n))) if (b < 256 - 256 % LETTERS.length && out.length < n) out.push(LETTERS[b % LETTERS.length]);
  return out.join('');
}

const yes = v => v === true || v === 'true';

// The first value of a question: what was answered before, else its default.
export function firstValue(q, answers, choices = {}) {
  const had = answers && Object.hasOwn(answers, q.variable) ? answers[q.variable] : undefined;
  const d = had ?? q.default ?? '';
  if (q.type === 'boolean') return yes(d);
  if (q.type === 'service' && d) {
    const all = choices.services || [];
    return all.find(s => s === d) || all.find(s => s.split('/')[1] === d) || '';
  }
  return d === null ? '' : String(d);
}

function lengths(q) {
  return v => {
    if (q.minLength > 0 && v.length < q.minLength) return `has to have at least ${q.minLength} characters`;
    if (q.maxLength > 0 && v.length > q.maxLength) return `may have at most ${q.maxLength} characters`;
    if (q.validChars && [...v].some(c => !charIn(c, q.validChars))) return `may have only these characters: ${q.validChars}`;
    if (q.invalidChars && [...v].some(c => charIn(c, q.invalidChars))) return `may not have these characters: ${q.invalidChars}`;
    return '';
  };
}
function charIn(c, set) {
  try { return new RegExp(`[${set.replace(/[\]\\[]/g, '\\$&')}]`, 'u').test(c); } catch { return set.includes(c); }
}

// choices: { services: ['stack/service'], secrets: [name], certificates: [name] }.
export function fieldOf(q, choices = {}) {
  const f = { name: `q.${q.variable}`, label: q.label || q.variable, help: q.description || '', required: !!q.required && q.type !== 'boolean', group: q.group || undefined, aliases: [q.variable] };
  const limit = n => (n === null || n === undefined || n === 0 && !(q.min || q.max) ? undefined : n);
  const picked = (list, what) => Object.assign(f, { type: 'select', options: [['', list.length ? `Choose a ${what}…` : `There is no ${what} yet`], ...list.map(x => [x, x])] });
  switch (q.type) {
  case 'string': return Object.assign(f, { check: lengths(q) });
  case 'multiline': return Object.assign(f, { type: 'textarea', code: true, check: lengths(q) });
  case 'password': return Object.assign(f, { type: 'password', generate: password, check: lengths(q), autocomplete: 'new-password' });
  case 'masked': return Object.assign(f, { type: 'password', check: lengths(q), autocomplete: 'new-password' });
  case 'boolean': return Object.assign(f, { type: 'yesno' });
  case 'int': return Object.assign(f, { type: 'number', whole: true, min: limit(q.min), max: limit(q.max) });
  case 'float': return Object.assign(f, { type: 'number', min: limit(q.min), max: limit(q.max) });
  case 'date': return Object.assign(f, { type: 'date' });
  case 'enum': return Object.assign(f, { type: 'select', options: [['', 'Choose…'], ...(q.options || []).map(o => [String(o), String(o)])] });
  case 'service': return picked(choices.services || [], 'service');
  case 'secret': return picked(choices.secrets || [], 'secret');
  case 'certificate': return picked(choices.certificates || [], 'certificate');
  default: return Object.assign(f, { required: false, fixed: true, help: `${f.help} (this page does not know questions of type "${q.type}")`.trim() });
  }
}

// What the form holds, as the answers of a stack.
export function answersOf(questions, values) {
  const out = {};
  for (const q of questions) {
    const v = values[`q.${q.variable}`];
    out[q.variable] = q.type === 'boolean' ? yes(v) : q.type === 'int' || q.type === 'float' ? String(v ?? '').trim() : String(v ?? '');
  }
  return out;
}
