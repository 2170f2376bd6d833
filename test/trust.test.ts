// docs/trust.md names a test for every promise: the files and names that stand there exist, and no row is missing.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..');
const document = readFileSync(join(ROOT, 'docs/trust.md'), 'utf8');
const rows = document.split('\n').flatMap((line) => {
  const [, id, what, figure, tests] = line.split('|').map((cell) => cell.trim());
  return /^F\d+$/.test(id ?? '') ? [{ id: id ?? '', what: what ?? '', figure: figure ?? '', tests: tests ?? '' }] : [];
});

/** The tests of a row: each file with the parts of names that stand behind it. */
const namedIn = (tests: string) =>
  tests
    .split('; ')
    .filter((part) => part !== '')
    .map((part) => ({
      file: /^`(test\/[^`]+\.test\.ts)` /.exec(part)?.[1] ?? part,
      names: [...part.matchAll(/“([^”]*)”/g)].map(([, name = '']) => name),
    }));

/** What stands between the quotes of `test(…)` and `describe(…)`. */
const namesOf = (source: string) =>
  [...source.matchAll(/\b(?:test|describe)\(\s*(['`"])(?<name>.*?)\1,/gs)].map(({ groups }) => groups?.name ?? '');

test('every row from F1 to F25 is there, once, in order', () => {
  assert.deepEqual(
    rows.map(({ id }) => id),
    Array.from({ length: 25 }, (_, at) => `F${at + 1}`),
  );
});

test('every test that is named exists, under the name that is said', () => {
  let count = 0;
  for (const { id, tests } of rows) {
    for (const { file, names } of namedIn(tests)) {
      assert.ok(existsSync(join(ROOT, file)), `${id}: ${file}`);
      assert.ok(names.length > 0, `${id}: ${file} is named with no test of it`);
      const known = namesOf(readFileSync(join(ROOT, file), 'utf8'));
      for (const name of names) {
        assert.ok(name.length >= 10, `${id}: “${name}” says too little`);
        assert.ok(
          known.some((one) => one.includes(name)),
          `${id}: ${file} has no test “${name}”`,
        );
        count++;
      }
    }
  }
  assert.ok(count > 40, `${count} tests are named`);
});

test('a row without a test says that it is not kept yet', () => {
  for (const { id, figure, tests } of rows) if (tests === '') assert.match(figure, /\*\*not yet\*\*/i, id);
});
