// `homeport reveal`, `homeport secrets rotate`: secrets in clear, and a new key for all of them.
import type { Command } from 'commander';
import { revealPhone } from '../app/reveal.ts';
import { rotateSecrets } from '../app/rotate-secrets.ts';
import { macSchema } from '../domain/mac.ts';
import { parseWith } from '../domain/parse.ts';
import type { OpenHouse } from '../main.ts';
import { progressBar, show, table } from './print.ts';
import type { Shell } from './shell.ts';

type Output = { json?: boolean };

const reveal = (macText: string, options: Output, { inHouse, actor }: Shell) =>
  inHouse(async (house) => {
    const revealed = await revealPhone(house, parseWith(macSchema, macText, 'the MAC address'), actor());
    show(revealed, options, ({ lines, provisioning, settings, parameters }) =>
      table(
        ['secret', 'of', 'in clear'],
        [
          ...lines.map(({ user, password }, at) => ['password', `line ${at + 1}, ${user}`, password]),
          ...(provisioning === null ? [] : [['password', `fetching, ${provisioning.user}`, provisioning.password]]),
          ...Object.entries(settings).map(([name, value]) => [name, 'setting', value]),
          ...parameters.map(({ name, value }) => [name, 'raw parameter', value]),
        ],
      ),
    );
  });

type Progress = Parameters<NonNullable<Parameters<typeof rotateSecrets>[2]>>[0];

/** Preparing takes about so much of the time. */
const PREPARE_SHARE = 0.85;

function shareOf({ step, done, total }: Progress): number {
  const part = total === 0 ? 1 : done / total;
  if (step === 'prepare') return part * PREPARE_SHARE;
  return step === 'seal' ? PREPARE_SHARE + part * (1 - PREPARE_SHARE) : 1;
}

async function rotate(house: OpenHouse, options: Output, actor: ReturnType<Shell['actor']>): Promise<void> {
  const bar = progressBar();
  const rotation = await rotateSecrets(house, actor, (progress) => bar.show(shareOf(progress))).finally(bar.end);
  show(rotation, options, ({ values, keyFile, oldKeyFile }) =>
    [
      `${values} values are sealed with a new key in ${keyFile}`,
      `the old key is kept in ${oldKeyFile}: backups from before need it; delete it with the last of them`,
      'put a copy of the new key where you keep copies of keys',
    ].join('\n'),
  );
}

export function addSecretCommands(homeport: Command, shell: Shell): void {
  homeport
    .command('reveal <mac>')
    .description('print the secrets of a phone in clear; that is written down')
    .option('--json', 'print JSON, for programs')
    .action((mac: string, options: Output) => reveal(mac, options, shell));
  const secrets = homeport.command('secrets').description('the key of all passwords and tokens in the database');
  secrets
    .command('rotate')
    .description('seal everything anew with a new key; a running server takes it up by itself')
    .option('--json', 'print JSON, for programs')
    .action((options: Output) => shell.inHouse((house) => rotate(house, options, shell.actor())));
}
