// `homeport backup`, `homeport restore`: everything into one encrypted file, and back.
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { backupFile, type RestoreReport, takeBackup } from '../app/backup.ts';
import { type Config, readConfig } from '../config.ts';
import type { BackupHeader } from '../domain/backup.ts';
import { backupPassphrase, PRODUCT, restoreHouse } from '../main.ts';
import { progressBar, show } from './print.ts';
import type { Shell } from './shell.ts';

type Output = { json?: boolean };
type BackupOptions = Output & { passphraseFile?: string; includeKey?: boolean };
type RestoreOptions = Output & { passphraseFile?: string; force?: boolean; yes?: boolean; check?: boolean };

type Progress = Parameters<NonNullable<Parameters<typeof takeBackup>[1]['progress']>>[0];

/** Where each step begins, of the whole. */
const STEPS: Readonly<Record<'backup' | 'restore', Readonly<Record<Progress['step'], number>>>> = {
  backup: { copy: 0, seal: 0.3, open: 0.6, verify: 0.9 },
  restore: { copy: 0, seal: 0, open: 0, verify: 0.7 },
};

function shareOf(what: 'backup' | 'restore', { step, share }: Progress): number {
  const steps = STEPS[what];
  const next = Math.min(1, ...Object.values(steps).filter((from) => from > steps[step]));
  return steps[step] + share * (next - steps[step]);
}

const isDirectory = (place: string) =>
  place.endsWith('/') || statSync(place, { throwIfNoEntry: false })?.isDirectory() === true;

/** Where a backup goes that nobody has given a place: where the server puts its own, or beside the database. */
const placeOf = ({ backups, databaseUrl }: Config) =>
  backups?.directory ?? join(dirname(databaseUrl.slice('file:'.length)), 'backups');

const countsText = ({ counts }: BackupHeader) =>
  `${counts.tenants} tenants, ${counts.phones} phones with ${counts.lines} lines, ${counts.users} people`;

const neededText = ({ sealedWith, includesKey }: BackupHeader) => {
  if (sealedWith.kind === 'keyFile') return 'a restore needs the key file, which is not in it: keep a copy elsewhere';
  return includesKey
    ? 'a restore needs the passphrase and nothing else'
    : 'a restore needs the passphrase and the key file, which is not in it: keep copies elsewhere';
};

async function backup(place: string | undefined, options: BackupOptions, { inHouse, actor }: Shell): Promise<void> {
  const config = readConfig(process.env);
  await inHouse(async (house) => {
    const to = place ?? placeOf(config);
    const file = backupFile(to, place === undefined || isDirectory(to), house.now());
    const passphrase = backupPassphrase(options.passphraseFile ?? config.backupKeyFile);
    const includeKey = options.includeKey ?? (options.passphraseFile === undefined && config.backupIncludesKey);
    const bar = progressBar();
    const progress = (one: Progress) => bar.show(shareOf('backup', one));
    const wish = { file, passphrase, includeKey, product: PRODUCT, progress };
    const made = await takeBackup(house, wish, actor()).finally(bar.end);
    const { header, bytes } = made;
    const { salt: _salt, keyCheck: _check, ...facts } = header;
    show({ file, bytesOfFile: bytes, ...facts }, options, () =>
      [`${file} is written and verified: ${countsText(header)}, ${bytes} bytes`, neededText(header)].join('\n'),
    );
  });
}

const restoredText = (file: string, { header, keyFrom, oldDatabase, oldKey, auditEntries }: RestoreReport) =>
  [
    `${file} of ${header.at} is restored: ${countsText(header)}, an audit of ${auditEntries} entries`,
    keyFrom === null ? 'the key file came out of it' : `the key of that time is in ${keyFrom}`,
    ...(oldDatabase === null ? [] : [`the database that was there is kept as ${oldDatabase}`]),
    ...(oldKey === null ? [] : [`the key that was in use is kept as ${oldKey}: that database needs it`]),
    'sessions have ended; people, keys and tokens are those of that time: run homeport check',
  ].join('\n');

const checkedText = (file: string, { header, auditEntries, auditFault }: RestoreReport) =>
  [
    `${file} of ${header.at} can be restored: ${countsText(header)}`,
    auditFault === null ? `its audit is whole: ${auditEntries} entries` : `its audit is not whole: ${auditFault}`,
    'nothing was put in place',
  ].join('\n');

async function restore(file: string, options: RestoreOptions, { actor }: Shell): Promise<void> {
  const config = readConfig(process.env);
  const passphrase = backupPassphrase(options.passphraseFile ?? config.backupKeyFile);
  const bar = progressBar();
  const progress = (one: Progress) => bar.show(shareOf('restore', one));
  const { force = false, yes = false, check: checkOnly = false } = options;
  const wish = { file, passphrase, force: force || yes, checkOnly, progress };
  const report = await restoreHouse(config, wish, actor()).finally(bar.end);
  const { salt: _salt, keyCheck: _check, ...facts } = report.header;
  const shown = { ...report, header: facts, file, restored: !checkOnly };
  show(shown, options, () => (checkOnly ? checkedText(file, report) : restoredText(file, report)));
}

export function addBackupCommands(homeport: Command, shell: Shell): void {
  homeport
    .command('backup [place]')
    .description(
      'write everything into one encrypted file (or into a directory, under a name of its own), while it serves',
    )
    .option('--passphrase-file <file>', 'seal it with the passphrase in this file instead of the key file')
    .option('--include-key', 'put the key file in, so that backup and passphrase restore everything')
    .option('--json', 'print JSON, for programs')
    .action((place: string | undefined, options: BackupOptions) => backup(place, options, shell));
  homeport
    .command('restore <file>')
    .description('put a backup in the place of the database; the server must be stopped')
    .option('--passphrase-file <file>', 'the passphrase that it was sealed with')
    .option('--force', 'also where there is an installation already, which is kept aside')
    .option('--yes', 'the same as --force')
    .option('--check', 'tell whether it could be restored, and change nothing')
    .option('--json', 'print JSON, for programs')
    .action((file: string, options: RestoreOptions) => restore(file, options, shell));
}
