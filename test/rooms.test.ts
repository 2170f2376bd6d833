// The officer: the floor plan of ARCHITECTURE.md, kept by a test. Sizes of files and functions are kept by the linter.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

const SRC = resolve(import.meta.dirname, '../src');

/** What a room may import; `type` rooms only as types. `log.ts` and `config.ts` are rooms of their own. */
const MAY_IMPORT: Record<string, { values: string[]; types?: string[] }> = {
  domain: { values: [] },
  log: { values: [] },
  config: { values: ['domain'] },
  vendors: { values: ['domain', 'log'] },
  store: { values: ['domain', 'log', 'db'] },
  firmware: { values: [] },
  redirection: { values: ['domain', 'log'] },
  solver: { values: ['domain'] },
  dns: { values: ['domain', 'log'] },
  sip: { values: [] },
  pbx: { values: ['domain', 'log', 'sip'] },
  phones: { values: ['domain', 'log', 'sip'] },
  app: { values: ['domain', 'log'], types: ['vendors', 'store', 'firmware', 'redirection', 'dns', 'pbx', 'solver'] },
  metrics: { values: ['log'], types: ['app'] },
  http: { values: ['app', 'domain', 'log'], types: ['store', 'vendors', 'firmware', 'redirection', 'dns', 'metrics'] },
  main: {
    values: [
      'domain',
      'log',
      'config',
      'vendors',
      'store',
      'firmware',
      'redirection',
      'dns',
      'solver',
      'pbx',
      'app',
      'metrics',
      'http',
      'db',
      'package',
    ],
  },
  cli: { values: ['domain', 'log', 'config', 'app', 'phones', 'main'] },
  setup: { values: [] },
  homeport: { values: ['setup', 'cli'] },
};

const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(ts|js)$/.test(file));
const roomOf = (file: string) => (file.split('/')[0] ?? '').replace(/\.(ts|js)$/, '');

type Import = { file: string; room: string; target: string; typeOnly: boolean };

function importsOf(file: string, text: string): Import[] {
  const pattern =
    /^(?:import|export)\s(?<clause>[^;]*?)from\s'(?<path>[^']+)'|\bimport\('(?<dynamic>[^']+)'\)|^import\s'(?<bare>[^']+)'/gms;
  return [...text.matchAll(pattern)].flatMap(({ groups = {} }) => {
    const path = groups.path ?? groups.dynamic ?? groups.bare ?? '';
    if (!path.startsWith('.')) return [];
    const target = relative(SRC, resolve(SRC, dirname(file), path));
    const named = (groups.clause ?? '').replaceAll(/[{}\s]/g, ' ').split(',');
    const typeOnly =
      /^type\s/.test(groups.clause ?? '') ||
      ((groups.clause ?? '').includes('{') &&
        named.every((name) => name.trim() === '' || name.trim().startsWith('type ')));
    // Outside of src there are two rooms: the database's folder, and the package with the product's version.
    const outside = target.startsWith('../db') ? 'db' : target === '../package.json' ? 'package' : null;
    return [{ file, room: roomOf(file), target: outside ?? roomOf(target), typeOnly }];
  });
}

/** Everything that is wrong with a file, as sentences. */
function faultsOf(file: string, text: string, vendorNames: readonly string[]): string[] {
  const faults: string[] = [];
  const may = MAY_IMPORT[roomOf(file)];
  if (may === undefined) return [`${file} stands in no room of the floor plan`];
  for (const { room, target, typeOnly } of importsOf(file, text)) {
    if (target === room || may.values.includes(target)) continue;
    if (may.types?.includes(target)) {
      if (!typeOnly) faults.push(`${file}: ${room} may import types of ${target}, not values`);
    } else faults.push(`${file}: ${room} may not import ${target}`);
  }
  const banned: [RegExp, string][] = [
    [/\bTODO\b|\bFIXME\b|\bXXX\b/, 'unfinished work is an issue, not a comment'],
    [new RegExp(vendorNames.join('|'), 'i'), 'a vendor is data in templates/'],
  ];
  if (roomOf(file) === 'domain') {
    banned.push([
      /Date\.now|new Date\(\)|Math\.random|randomUUID|randomBytes|performance\.now|process\.|node:fs|node:net/,
      'domain has no clock, no randomness and no outside',
    ]);
  }
  if (!['store', 'homeport', 'setup'].includes(roomOf(file))) {
    banned.push([/from '(?:kysely|better-sqlite3)|\bselect\b.+\bfrom\b.+\bwhere\b/, 'only the store speaks SQL']);
  }
  for (const [pattern, why] of banned)
    if (pattern.test(text)) faults.push(`${file}: ${pattern.exec(text)?.[0]}: ${why}`);
  return faults;
}

const vendorNames = readdirSync(resolve(SRC, '../templates'));

test('every file stands in its room and imports only what its room may', () => {
  assert.ok(sources.length > 30, 'the sources are read');
  const faults = sources.flatMap((file) => faultsOf(file, readFileSync(join(SRC, file), 'utf8'), vendorNames));
  assert.deepEqual(faults, []);
});

test('the rooms form no circle', () => {
  const rank = Object.keys(MAY_IMPORT);
  const edges = sources
    .flatMap((file) => importsOf(file, readFileSync(join(SRC, file), 'utf8')))
    .filter(({ typeOnly }) => !typeOnly);
  const reach = (from: string, seen: ReadonlySet<string> = new Set()): string[] =>
    edges
      .filter(({ room, target }) => room === from && target !== from && !seen.has(target))
      .flatMap(({ target }) => [target, ...reach(target, new Set([...seen, target]))]);
  for (const room of rank) assert.ok(!reach(room).includes(room), `${room} reaches itself`);
});

test('the officer sees what it looks for', () => {
  const plant = (file: string, text: string) => faultsOf(file, text, vendorNames).length;
  assert.equal(plant('domain/x.ts', "import { openStore } from '../store/store.ts';"), 1);
  assert.equal(plant('app/x.ts', "import { openStore } from '../store/store.ts';"), 1);
  assert.equal(plant('app/x.ts', "import type { Store } from '../store/store.ts';"), 0);
  assert.equal(plant('app/x.ts', "import { type Store, type Tx } from '../store/store.ts';"), 0);
  assert.equal(plant('app/x.ts', "import {\n  openStore,\n  type Store,\n} from '../store/store.ts';"), 1);
  assert.equal(plant('http/x.ts', "const { openStore } = await import('../store/store.ts');"), 1);
  assert.equal(plant('vendors/x.ts', `if (vendor === '${vendorNames[0]}') return;`), 1);
  assert.equal(plant('domain/x.ts', 'const at = Date.now();'), 1);
  assert.equal(plant('domain/x.ts', 'const id = Math.random();'), 1);
  assert.equal(plant('app/x.ts', "import { sql } from 'kysely';"), 1);
  assert.equal(plant('nowhere/x.ts', ''), 1);
});
