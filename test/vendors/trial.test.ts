// F7: a template is tried in a thread that has little time and memory; what happens to the thread happens to nobody else.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTrials } from '../../src/vendors/trial.ts';
import { TEMPLATES } from '../support/world.ts';

const good = readFileSync(join(TEMPLATES, 'yealink/desk.cfg.hbs'), 'utf8');
const order = (source: string) => ({ vendor: 'yealink', file: 'desk.cfg.hbs', source });

test('a trial that does not end is stopped and told by its time, and the next one is tried', async () => {
  const trials = openTrials(TEMPLATES, new URL('../support/endless-trial.ts', import.meta.url));
  assert.match((await trials.faultOf(order('endless'))) ?? '', /more than 500 milliseconds/);
  assert.match((await trials.faultOf(order('greedy'))) ?? '', /megabytes/);
  assert.match((await trials.faultOf(order('exit'))) ?? '', /broke off/);
  assert.equal(await trials.faultOf(order('fine')), null);
});

test('templates that are tried at once are each judged', async () => {
  const trials = openTrials(TEMPLATES);
  const [fine, broken, again] = await Promise.all([
    trials.faultOf(order(good)),
    trials.faultOf(order(`${good}{{nothing}}`)),
    trials.faultOf(order(good)),
  ]);
  assert.deepEqual([fine, again], [null, null]);
  assert.match(broken ?? '', /the context has no nothing/);
});
