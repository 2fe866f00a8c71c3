// Questions of templates as fields, and the answers that are sent (spec catalog.md 3.1).
import assert from 'node:assert/strict';
import { run, test } from './check.mjs';
import { answersOf, fieldOf, firstValue, password } from '../../ui/questions.js';

const choices = { services: ['web/front', 'db/master'], secrets: ['s1'], certificates: ['c1'] };

test('every type has its field', () => {
  const kind = q => { const f = fieldOf({ variable: 'X', ...q }, choices); return [f.type || 'text', f.whole, f.options?.map(o => o[0])]; };
  assert.deepEqual(kind({ type: 'string' }), ['text', undefined, undefined]);
  assert.deepEqual(kind({ type: 'multiline' }), ['textarea', undefined, undefined]);
  assert.deepEqual(kind({ type: 'password' }), ['password', undefined, undefined]);
  assert.deepEqual(kind({ type: 'masked' }), ['password', undefined, undefined]);
  assert.deepEqual(kind({ type: 'boolean' }), ['yesno', undefined, undefined]);
  assert.deepEqual(kind({ type: 'int' }), ['number', true, undefined]);
  assert.deepEqual(kind({ type: 'float' }), ['number', undefined, undefined]);
  assert.deepEqual(kind({ type: 'date' }), ['date', undefined, undefined]);
  assert.deepEqual(kind({ type: 'enum', options: ['a', 'b'] }), ['select', undefined, ['', 'a', 'b']]);
  assert.deepEqual(kind({ type: 'service' }), ['select', undefined, ['', 'web/front', 'db/master']]);
  assert.deepEqual(kind({ type: 'secret' }), ['select', undefined, ['', 's1']]);
  assert.deepEqual(kind({ type: 'certificate' }), ['select', undefined, ['', 'c1']]);
  const odd = fieldOf({ variable: 'X', type: 'colour', required: true }, choices);
  assert.ok(odd.fixed && !odd.required, 'an unknown type is shown and stops nobody');
});

test('defaults, and answers that were given before', () => {
  assert.equal(firstValue({ variable: 'A', type: 'boolean', default: 'true' }), true);
  assert.equal(firstValue({ variable: 'A', type: 'boolean', default: 'yes' }), false);
  assert.equal(firstValue({ variable: 'A', type: 'int', default: '3' }, { A: '5' }), '5');
  assert.equal(firstValue({ variable: 'A', type: 'string', default: 'x' }, { A: '' }), '', 'an empty answer is an answer');
  assert.equal(firstValue({ variable: 'A', type: 'boolean', default: 'true' }, { A: 'false' }), false);
  assert.equal(firstValue({ variable: 'A', type: 'service', default: 'master' }, null, choices), 'db/master');
  assert.equal(firstValue({ variable: 'A', type: 'service', default: 'gone/one' }, null, choices), '');
  assert.equal(firstValue({ variable: 'A', type: 'string' }), '');
});

test('answers as they are sent', () => {
  const questions = [{ variable: 'A', type: 'boolean' }, { variable: 'B', type: 'int' }, { variable: 'C', type: 'string' }, { variable: 'D', type: 'date' }];
  assert.deepEqual(answersOf(questions, { 'q.A': true, 'q.B': ' 7 ', 'q.C': ' kept ', 'q.D': '2026-01-02', name: 'not an answer' }), { A: true, B: '7', C: ' kept ', D: '2026-01-02' });
});

test('limits of questions', () => {
  const f = fieldOf({ variable: 'A', type: 'string', minLength: 2, maxLength: 4, validChars: 'a-z', invalidChars: 'x' });
  assert.match(f.check('a'), /at least 2/);
  assert.match(f.check('abcde'), /at most 4/);
  assert.match(f.check('aB'), /only these/);
  assert.match(f.check('ax'), /may not have/);
  assert.equal(f.check('abc'), '');
  const n = fieldOf({ variable: 'A', type: 'int', min: 1, max: 9 });
  assert.deepEqual([n.min, n.max], [1, 9]);
});

test('made passwords', () => {
  const many = new Set(Array.from({ length: 200 }, () => password()));
  assert.equal(many.size, 200);
  for (const p of many) assert.match(p, /^[a-zA-Z0-9]{16}$/);
});

run();
