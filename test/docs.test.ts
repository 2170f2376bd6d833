// docs/models.md is what the vendors' folders say; `npm run golden` writes it anew, and nobody types it.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Descriptor, descriptorSchema } from '../src/vendors/descriptor.ts';
import { readPhone } from './support/readers.ts';
import { renderAll, TEMPLATES, vendors } from './support/world.ts';

const DOCUMENT = join(TEMPLATES, '../docs/models.md');

const descriptorOf = (vendor: string): Descriptor =>
  descriptorSchema.parse(JSON.parse(readFileSync(join(TEMPLATES, vendor, 'vendor.json'), 'utf8')));

/** How a model returns to its primary, read from what it is really served. */
function failback(vendor: string, model: string, family: string): string {
  const [line] = readPhone(vendor, family, renderAll({ phone: { vendor, model } }));
  if (line?.failbackS === null || line === undefined) return 'the phone’s own way';
  return line.failbackS === 'srv ttl' ? 'when the SRV records expire' : 'after a set time';
}

function tableOf(vendor: string): string {
  const { name, models } = descriptorOf(vendor);
  const rows = Object.entries(models).map(([model, { family, lines, keys, expansion, notes }]) => {
    const modules = expansion === null ? '' : `${expansion.modules} × ${expansion.keys}`;
    return `| ${[model, family, lines, keys || '', modules, failback(vendor, model, family), notes ?? ''].join(' | ')} |`;
  });
  const head =
    '| model | family | lines | keys | expansion modules × keys | returns to its primary | uncertain |\n|---|---|---|---|---|---|---|';
  return `## ${name}: ${rows.length} models\n\n${head}\n${rows.join('\n')}\n`;
}

test('docs/models.md is what the data says', () => {
  const text = `# Models\n\nGenerated from \`templates/*/vendor.json\` and from the files that each model is served. Every model finds its pool by SRV,\nover UDP, TCP or TLS, with the pool as registrar or as outbound proxy. An empty cell is not established.\n\n${vendors.ids.map(tableOf).join('\n')}`;
  if (process.env.GOLDEN === 'write') writeFileSync(DOCUMENT, text);
  assert.equal(readFileSync(DOCUMENT, 'utf8'), text, 'npm run golden writes it anew');
});
