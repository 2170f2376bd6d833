// The command `failover`: who bears what now, and with servers lost.
import type { Command } from 'commander';
import { matrixNow } from '../app/failover.ts';
import { AppError } from '../domain/errors.ts';
import type { Matrix } from '../domain/failover-matrix.ts';
import type { OpenHouse } from '../main.ts';
import { show, table } from './print.ts';

type Options = { json?: boolean; two?: boolean; strays?: string };
type InHouse = { inHouse: (work: (house: OpenHouse) => Promise<void>) => Promise<void> };

const percent = (ratio: number) => `${Math.round(ratio * 100)} %`;

const text = ({ states, mirrors }: Matrix): string =>
  [
    table(
      ['lost', 'server', 'load', 'capacity', 'ratio', ''],
      states.flatMap(({ lost, cells }) =>
        cells
          .filter(({ server }) => !lost.includes(server))
          .map(({ server, load, capacity, ratio, over }) => [
            ...[lost.join(' and ') || '–', server, String(Math.round(load * 100) / 100)],
            ...[capacity === null ? 'not said' : String(capacity), ratio === null ? '–' : percent(ratio)],
            over === true ? 'TOO MUCH' : '',
          ]),
      ),
    ),
    ...states
      .filter(({ lost, returning }) => lost.length > 0 && returning > 0)
      .map(
        ({ lost, returning }) =>
          `when ${lost.join(' and ')} ${lost.length === 1 ? 'returns' : 'return'}, a load of ${returning} comes back at once`,
      ),
    ...states
      .filter(({ unborne }) => unborne > 0)
      .map(
        ({ lost, unborne }) =>
          `${lost.length === 0 ? 'now' : `with ${lost.join(' and ')} lost`} nobody bears ${unborne}`,
      ),
    ...mirrors.map(({ sentence }) => sentence),
  ].join('\n');

function straysOf(value: string | undefined): number {
  const strays = Number(value ?? 0);
  if (!(strays >= 0 && strays <= 0.5)) throw new AppError('invalid', '--strays is a share from 0 to 0.5, like 0.1');
  return strays;
}

/** Adds `failover` to the program. */
export function addFailoverCommand(homeport: Command, { inHouse }: InHouse): void {
  homeport
    .command('failover')
    .description('print the load of every server now, and with each server lost')
    .option('--two', 'also with any two servers lost')
    .option('--strays <share>', 'the share of phones that normally stands on the second best server, like 0.1')
    .option('--json', 'print JSON, for programs')
    .action((options: Options) =>
      inHouse(async (house) => {
        const order = { lost: options.two ? 2 : 1, strays: straysOf(options.strays) } as const;
        show(await matrixNow(house, order), options, text);
      }),
    );
}
