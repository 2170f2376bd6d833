// What we are built on: pinned, known by its digest, without install scripts, written down, and without a known hole.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';

const ROOT = resolve(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

const versions = z.record(z.string(), z.string());
const manifest = z
  .object({ dependencies: versions, optionalDependencies: versions, devDependencies: versions })
  .parse(JSON.parse(read('package.json')));
const lock = z
  .object({
    packages: z.record(
      z.string(),
      z.object({
        version: z.string().optional(),
        resolved: z.string().optional(),
        integrity: z.string().optional(),
        dev: z.boolean().optional(),
        devOptional: z.boolean().optional(),
        hasInstallScript: z.boolean().optional(),
      }),
    ),
  })
  .parse(JSON.parse(read('package-lock.json')));
const locked = Object.entries(lock.packages).filter(([path]) => path !== '');
const production = locked.filter(([, { dev, devOptional }]) => !dev && !devOptional);
const page = read('docs/dependencies.md');

test('every package is known by its digest and comes from the npm registry', () => {
  const bad = locked.filter(
    ([, { integrity = '', resolved = '' }]) =>
      !/^sha512-/.test(integrity) || !/^(?:https:\/\/registry\.npmjs\.org\/.*)?$/.test(resolved),
  );
  assert.deepEqual(
    bad.map(([path]) => path),
    [],
  );
});

test('no package for production has an install script', () => {
  assert.ok(production.length > 0);
  assert.deepEqual(
    production.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path),
    [],
  );
});

test('every version that we name is one version, not a range', () => {
  const named = Object.entries({
    ...manifest.dependencies,
    ...manifest.optionalDependencies,
    ...manifest.devDependencies,
  });
  assert.deepEqual(
    named.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version)),
    [],
  );
});

test('docs/dependencies.md names what production needs, and nothing else', () => {
  const table = page.slice(page.indexOf('## Production'), page.indexOf('## Exceptions'));
  const written = [...table.matchAll(/^\| (?<cell>[^|]+)\|/gm)].flatMap(({ groups }) =>
    [...(groups?.cell ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ''),
  );
  const needed = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
  assert.deepEqual(written.sort(), needed.sort());
});

test('the bill of materials has every package that production needs', () => {
  const run = spawnSync('npm', ['sbom', '--sbom-format', 'cyclonedx'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const { components } = z
    .object({
      bomFormat: z.literal('CycloneDX'),
      components: z.array(z.object({ name: z.string(), version: z.string() })),
    })
    .parse(JSON.parse(run.stdout));
  const listed = new Set(components.map(({ name, version }) => `${name}@${version}`));
  const expected = Object.entries(manifest.dependencies).map(([name, version]) => `${name}@${version}`);
  assert.deepEqual(
    expected.filter((one) => !listed.has(one)),
    [],
  );
});

const auditSchema = z.object({
  vulnerabilities: z.record(
    z.string(),
    z.object({
      via: z.array(z.union([z.string(), z.object({ url: z.string(), title: z.string(), severity: z.string() })])),
    }),
  ),
});

/** The exceptions that still hold: the last part of an advisory's address. */
function exceptions(today: string): Set<string> {
  const table = page.slice(page.indexOf('## Exceptions'));
  const rows = [...table.matchAll(/^\| (?<id>GHSA-[\w-]+) \|[^|]+\|(?<why>[^|]+)\| (?<until>\d{4}-\d\d-\d\d) \|/gm)];
  return new Set(
    rows.flatMap(({ groups }) =>
      (groups?.why ?? '').trim().length > 20 && (groups?.until ?? '') >= today ? (groups?.id ?? '') : [],
    ),
  );
}

test('npm audit knows of no hole in what production needs', (context) => {
  const run = spawnSync('npm', ['audit', '--omit=dev', '--json'], { cwd: ROOT, encoding: 'utf8', timeout: 60_000 });
  const report = auditSchema.safeParse(JSON.parse(run.stdout === '' ? 'null' : run.stdout));
  if (!report.success) return context.skip('the registry does not answer npm audit here; run it where it does');
  const allowed = exceptions(new Date().toISOString().slice(0, 10));
  const found = Object.values(report.data.vulnerabilities).flatMap(({ via }) =>
    via.flatMap((one) =>
      typeof one === 'string' || allowed.has(one.url.split('/').at(-1) ?? '')
        ? []
        : `${one.severity}: ${one.title} ${one.url}`,
    ),
  );
  assert.deepEqual(found, []);
});
