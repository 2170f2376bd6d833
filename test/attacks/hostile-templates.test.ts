// F7: hostile templates among the operator's own are refused or stopped, and phones are served meanwhile with the last good one.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { test } from 'node:test';
import { startApp, temporaryFolder } from '../support/app.ts';
import { TEMPLATES } from '../support/world.ts';

const DESK = 'yealink/desk.cfg.hbs';
const product = readFileSync(join(TEMPLATES, DESK), 'utf8');
const good = `${product}features.power_saving.enable = 0\n`;
const nest = (open: string, close: string, times: number) => open.repeat(times) + close.repeat(times);

/** What has been used against Handlebars, and what takes time or memory. */
const HOSTILE: Readonly<Record<string, string>> = {
  'a look-up of the constructor': `{{#with (lookup . "constructor")}}{{this}}{{/with}}`,
  'the constructor’s constructor': `{{#with "s" as |string|}}{{#with (string.sub.apply 0 codelist)}}{{this}}{{/with}}{{/with}}`,
  'a prototype': '{{__proto__}}',
  'a prototype of a prototype': '{{phone.__proto__.constructor}}',
  'the root': '{{@root.phone.mac}}',
  'the partial that calls': '{{> @partial-block}}',
  'an inline partial': '{{#*inline "x"}}{{> x}}{{/inline}}{{> x}}',
  'a partial by name': '{{> (lookup . "partial")}}',
  'a decorator': '{{* x}}',
  'a helper': '{{log "x"}}{{helperMissing}}{{blockHelperMissing}}',
  'raw output': '{{{phone.mac}}}{{&phone.mac}}',
  'a syntax tree': JSON.stringify({ type: 'Program', body: [{ type: 'MustacheStatement', path: 0 }] }),
  'a syntax tree within the template': `${product}{{#each {"type":"Program","body":[]} }}{{/each}}`,
  'lists in lists': nest('{{#each lines}}', '{{/each}}', 30),
  'conditions in conditions, 200 kB': nest('{{#if phone}}', '{{/if}}', 9_000),
  'else behind else': `{{#if phone}}${'{{else if phone}}'.repeat(9_000)}{{/if}}`,
  'open braces, 200 kB': '{'.repeat(199_000),
  'open blocks, 200 kB': '{{#'.repeat(66_000),
  'paths without end': `{{${'phone.'.repeat(30_000)}mac}}`,
  'up and up': `{{${'../'.repeat(60_000)}phone.mac}}`,
  'many parts': `${product}${'{{phone.mac}}'.repeat(14_000)}`,
  'sub-expressions': `{{${'(lookup '.repeat(20_000)}`,
  comments: `{{!--${'-'.repeat(199_000)}`,
  'loops over all keys': `${product}{{#each lines}}{{#each ../lines}}{{#each ../../lines}}${'{{user}}'.repeat(500)}{{/each}}{{/each}}{{/each}}`,
  'too long': `${product}${'#'.repeat(300_000)}`,
};

test(`F7: ${Object.keys(HOSTILE).length} hostile templates are not used, and no phone waits for them`, {
  timeout: 280_000,
}, async (context) => {
  const own = temporaryFolder(context);
  const write = (source: string) => {
    mkdirSync(dirname(join(own, DESK)), { recursive: true });
    writeFileSync(join(own, DESK), source);
  };
  write(good);
  const app = await startApp(context, { HOMEPORT_TEMPLATES: own });
  const file = `${await app.folderOf('acme')}805ec0a00001.cfg`;
  const serve = async () => ((await app.phone('get', file).expect(200)).body as Buffer).toString();
  const expected = await serve();
  assert.match(expected, /power_saving\.enable = 0\n/);
  const states: Record<string, string> = {};
  let served = 0;
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  for (const [name, source] of Object.entries(HOSTILE)) {
    write(source);
    let isTried = false;
    const trial = app.house.vendors.refresh().finally(() => {
      isTried = true;
    });
    while (!isTried) {
      assert.equal(await serve(), expected, `while ${name} is tried`);
      served++;
    }
    await trial;
    const [{ state = '', fault = '' } = {}] = app.house.vendors.ownTemplates();
    states[name] = state;
    assert.ok((fault ?? '') !== '', `${name}: a fault is told`);
    assert.equal(await serve(), expected, name);
  }
  delay.disable();
  context.diagnostic(`${served} answers meanwhile; the loop stood still for ${Math.round(delay.max / 1e6)} ms at most`);
  assert.deepEqual(new Set(Object.values(states)), new Set(['last good']), JSON.stringify(states));
  assert.ok(served > Object.keys(HOSTILE).length);
  write(`${good}features.x = 1\n`);
  await app.house.vendors.refresh();
  assert.deepEqual(app.house.vendors.ownTemplates(), [{ file: DESK, state: 'served', fault: null }]);
  assert.match(await serve(), /features\.x = 1\n/);
});
