// What programs send, and what the terminal of ui/terminal.js shows then.
import assert from 'node:assert/strict';
import { run, test } from './check.mjs';
import { keySequence, pasteSequence, PLAIN, Terminal, wide } from '../../ui/terminal.js';

const term = (cols = 10, rows = 4) => { const out = [], t = new Terminal(cols, rows, { reply: s => out.push(s) }); t.out = out; return t; };
const shown = t => Array.from({ length: t.rows }, (_, y) => t.text(t.top + y));
const at = t => [t.x, t.y];

test('text, line ends, and the line that is full', () => {
  const t = term();
  t.write('abc\r\nde');
  assert.deepEqual(shown(t), ['abc', 'de', '', '']);
  t.write('\r\n0123456789');
  assert.deepEqual(at(t), [9, 2], 'the cursor waits in the last column');
  t.write('\r\nX');
  assert.deepEqual(shown(t), ['abc', 'de', '0123456789', 'X']);
  t.write('\x1b[H0123456789Z');
  assert.deepEqual(shown(t).slice(0, 2), ['0123456789', 'Ze']);
});

test('without autowrap the last column is overwritten', () => {
  const t = term(5, 2);
  t.write('\x1b[?7labcdefgh');
  assert.deepEqual(shown(t), ['abcdh', '']);
});

test('what leaves the screen is kept, and only the newest of it', () => {
  const t = term(10, 2);
  t.write('1\r\n2\r\n3\r\n4');
  assert.deepEqual(shown(t), ['3', '4']);
  assert.equal(t.text(0), '1');
  for (let i = 0; i < 4000; i++) t.write(`\r\nl${i}`);
  assert.equal(t.top, 3000);
  assert.equal(t.text(t.length - 1), 'l3999');
  t.write('\x1b[3J');
  assert.equal(t.top, 0);
});

test('cursor addressing', () => {
  const t = term();
  t.write('\x1b[2;3Hx\x1b[A\x1b[2Cy\x1b[10;99Hz\x1b[Hh\x1b[3;1f\x1b[4Gg\x1b[2dd\x1b[1E>\x1b[1F<');
  assert.deepEqual(shown(t), ['h    y', '< x d', '>  g', '         z']);
  t.write('\x1b[s\x1b[1;1H\x1b[u');
  assert.deepEqual(at(t), [1, 1]);
  t.write('\x1b7\x1b[4;4H\x1b8');
  assert.deepEqual(at(t), [1, 1]);
});

test('tabs and backspace', () => {
  const t = term(30, 2);
  t.write('a\tb\x08c\x1b[I\x1b[Z|');
  assert.equal(t.text(0), 'a       |');
  t.write('\r\x1b[3g\tz');
  assert.equal(t.text(0).length, 30, 'without stops a tab goes to the end');
});

test('erasing lines and the screen', () => {
  const t = term();
  const fill = () => t.write('\x1b[2J\x1b[Haaaa\r\nbbbb\r\ncccc\r\ndddd\x1b[2;3H');
  fill(); t.write('\x1b[K'); assert.deepEqual(shown(t), ['aaaa', 'bb', 'cccc', 'dddd']);
  fill(); t.write('\x1b[1K'); assert.deepEqual(shown(t), ['aaaa', '   b', 'cccc', 'dddd']);
  fill(); t.write('\x1b[2K'); assert.deepEqual(shown(t), ['aaaa', '', 'cccc', 'dddd']);
  fill(); t.write('\x1b[J'); assert.deepEqual(shown(t), ['aaaa', 'bb', '', '']);
  fill(); t.write('\x1b[1J'); assert.deepEqual(shown(t), ['', '   b', 'cccc', 'dddd']);
  fill(); t.write('\x1b[2X'); assert.deepEqual(shown(t)[1], 'bb');
});

test('erased cells take the background', () => {
  const t = term();
  t.write('\x1b[44m\x1b[K');
  assert.equal(t.row(0)[5].s.bg, 4);
  assert.equal(t.row(0)[5].s.bold, false);
});

test('inserting and deleting characters and lines', () => {
  const t = term(6, 4);
  t.write('abcdef\x1b[1;3H\x1b[2@'); assert.equal(shown(t)[0], 'ab  cd');
  t.write('\x1b[3P'); assert.equal(shown(t)[0], 'abd');
  t.write('\x1b[4hXY\x1b[4l'); assert.equal(shown(t)[0], 'abXYd');
  t.write('\x1b[2J\x1b[H1\r\n2\r\n3\r\n4\x1b[2;1H\x1b[L'); assert.deepEqual(shown(t), ['1', '', '2', '3']);
  t.write('\x1b[M'); assert.deepEqual(shown(t), ['1', '2', '3', '']);
  assert.equal(t.top, 0, 'deleted lines are no scrollback');
});

test('a scroll region moves alone', () => {
  const t = term(5, 4);
  t.write('1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[3;1H\nX');
  assert.deepEqual(shown(t), ['1', '3', 'X', '4']);
  t.write('\x1b[2;1H\x1bMY');
  assert.deepEqual(shown(t), ['1', 'Y', '3', '4']);
  assert.equal(t.top, 0);
  t.write('\x1b[S'); assert.deepEqual(shown(t), ['1', '3', '', '4']);
  t.write('\x1b[T'); assert.deepEqual(shown(t), ['1', '', '3', '4']);
  t.write('\x1b[?6h\x1b[1;1Ho'); assert.deepEqual(shown(t)[1], 'o', 'in origin mode the first line is that of the region');
});

test('colours and looks', () => {
  const t = term(40, 2);
  t.write('\x1b[1;31mr\x1b[38;5;208mo\x1b[38;2;1;2;255mt\x1b[48:2::9:8:7mb\x1b[0;7mi\x1b[27;4;9mu\x1b[22;24;29;90;107mg\x1b[39;49mp');
  const s = t.row(0).map(c => c.s);
  assert.equal(s[0].fg, 1); assert.equal(s[0].bold, true);
  assert.equal(s[1].fg, 208);
  assert.equal(s[2].fg, '#0102ff');
  assert.equal(s[3].bg, '#090807');
  assert.equal(s[4].inverse, true); assert.equal(s[4].bold, false); assert.equal(s[4].fg, null);
  assert.deepEqual([s[5].underline, s[5].strike, s[5].inverse], [true, true, false]);
  assert.deepEqual([s[6].fg, s[6].bg, s[6].underline], [8, 15, false]);
  assert.equal(s[7], PLAIN, 'plain is one object');
  assert.equal(t.line(0).length, 8);
});

test('the other screen comes and goes', () => {
  const t = term();
  t.write('shell$ vi\x1b[?1049h\x1b[2J\x1b[HEDITOR');
  assert.deepEqual(shown(t)[0], 'EDITOR');
  for (let i = 0; i < 9; i++) t.write('\r\n');
  assert.equal(t.top, 0, 'it has no scrollback');
  t.write('\x1b[?1049l');
  assert.deepEqual(shown(t)[0], 'shell$ vi');
  assert.deepEqual(at(t), [9, 0]);
});

test('UTF-8 in pieces, wide characters, marks, line drawing', () => {
  const t = term(6, 3), bytes = new TextEncoder().encode('aé漢e\u0301');
  for (const b of bytes) t.write(new Uint8Array([b]));
  assert.equal(t.text(0), 'aé漢e\u0301');
  assert.deepEqual(at(t), [5, 0]);
  t.write('字');
  assert.equal(t.text(1), '字', 'a wide one does not fit into the last column');
  t.write('\x1b[2;2Hx');
  assert.equal(t.text(1), ' x', 'half of a wide one is a blank');
  t.write('\r\n\x1b(0lqk\x1b(B');
  assert.equal(t.text(2), '┌─┐');
  assert.ok(wide('漢'.codePointAt(0)) && !wide('é'.codePointAt(0)));
  t.write(new Uint8Array([0xff, 0x41]));
  assert.match(t.text(2), /\ufffdA$/);
});

test('answers to questions', () => {
  const t = term();
  t.write('\x1b[3;4H\x1b[6n\x1b[5n\x1b[c\x1b[>c\x1b[18t');
  assert.deepEqual(t.out, ['\x1b[3;4R', '\x1b[0n', '\x1b[?6c', '\x1b[>0;0;0c', '\x1b[8;4;10t']);
});

test('titles and strings are not shown', () => {
  const t = term(20, 2);
  t.write('\x1b]0;root@box\x07a\x1b]2;other\x1b\\b\x1bPq#1\x1b\\c\x1b_x\x1b\\d\x1b[>4;1m\x1b[?1;2$pe');
  assert.equal(t.text(0), 'abcde');
  assert.equal(t.title, 'other');
});

test('a broken sequence ends, and nothing grows without end', () => {
  const t = term(20, 2);
  t.write('\x1b[12\x18a\x1b[999999999999Cb');
  assert.equal(t.text(0), `a${' '.repeat(18)}b`);
  t.write(`\x1b]0;${'x'.repeat(1e6)}\x07`);
  assert.ok(t.title.length <= 200);
  t.write(`\x1b[${'1;'.repeat(100000)}m`);
  t.write('\x1b[H\x1b[2Jq\x1b[99999999b\x1b[99999L\x1b[9999999@');
  assert.ok(t.top <= 3000);
  t.write('e' + '\u0301'.repeat(1000));
  assert.ok(Math.max(...Array.from({ length: t.length }, (_, n) => t.row(n)).flat().map(c => c.c.length)) <= 9);
});

test('any bytes at all keep the screen whole', () => {
  const t = term(17, 5);
  let seed = 12345;
  const next = n => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n;
  const parts = ['\x1b', '[', ';', '?', 'h', 'l', 'm', 'H', 'J', 'K', 'L', 'M', 'P', '@', 'r', '漢', '\u0301', '\n', '\r', '\t', '\b', '4', '9', '1049', ']', '\x07', '(0', 'S', 'T', 'X', 'text', '8', '7', 'D'];
  for (let i = 0; i < 30000; i++) {
    t.write(parts[next(parts.length)]);
    if (next(200) === 0) t.resize(2 + next(40), 1 + next(12));
  }
  assert.ok(t.x >= 0 && t.x < t.cols && t.y >= 0 && t.y < t.rows);
  assert.equal(t.screen.length, t.rows);
  for (const r of t.screen) assert.equal(r.length, t.cols);
});

test('resize keeps what is there', () => {
  const t = term(10, 4);
  t.write('1\r\n2\r\n3\r\n4');
  t.resize(10, 2);
  assert.deepEqual(shown(t), ['3', '4']);
  assert.deepEqual(at(t), [1, 1]);
  t.resize(5, 4);
  assert.deepEqual(shown(t), ['1', '2', '3', '4']);
  assert.deepEqual(at(t), [1, 3]);
  t.write('x');
  assert.deepEqual(shown(t)[3], '4x');
  t.resize(12, 8);
  assert.equal(t.screen.length, 8);
});

test('what changed is told once', () => {
  const t = term();
  t.changes();
  t.write('a');
  assert.deepEqual(t.changes().rows, [0]);
  assert.deepEqual(t.changes(), { rows: [], dropped: 0 });
  t.write('\r\n\n\n\n');
  assert.equal(t.changes().dropped, 1);
});

test('keys', () => {
  const t = term(), key = (k, more = {}) => keySequence({ key: k, ...more }, t);
  assert.equal(key('a'), 'a');
  assert.equal(key('ö'), 'ö');
  assert.equal(key('c', { ctrlKey: true }), '\x03');
  assert.equal(key('[', { ctrlKey: true }), '\x1b');
  assert.equal(key(' ', { ctrlKey: true }), '\0');
  assert.equal(key('b', { altKey: true }), '\x1bb');
  assert.equal(key('Enter'), '\r');
  assert.equal(key('Backspace'), '\x7f');
  assert.equal(key('Tab', { shiftKey: true }), '\x1b[Z');
  assert.equal(key('ArrowUp'), '\x1b[A');
  assert.equal(key('ArrowUp', { ctrlKey: true }), '\x1b[1;5A');
  t.write('\x1b[?1h');
  assert.equal(key('ArrowUp'), '\x1bOA');
  assert.equal(key('F5'), '\x1b[15~');
  assert.equal(key('F1'), '\x1bOP');
  assert.equal(key('Delete'), '\x1b[3~');
  assert.equal(key('V', { ctrlKey: true, shiftKey: true }), null, 'the browser pastes');
  assert.equal(key('Shift', { shiftKey: true }), null);
  assert.equal(key('x', { metaKey: true }), null);
});

test('paste', () => {
  const t = term();
  assert.equal(pasteSequence('a\r\nb\nc\td', t), 'a\rb\rc\td');
  t.write('\x1b[?2004h');
  assert.equal(pasteSequence('ls\x1b[201~; rm', t), '\x1b[200~ls[201~; rm\x1b[201~');
});

run();
