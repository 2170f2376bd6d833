// Does the time of an answer tell which phones there are? Pairs of requests, one for a phone that is there and one for a
// phone that is not, in random order over the real door of another process; their times are compared as two samples. Only
// numbers come out of it: on a busy machine they say more about the machine.
import { Agent, request } from 'node:http';
import type { TestContext } from 'node:test';
import { serveApart } from '../test/support/apart.ts';
import { startApp } from '../test/support/app.ts';
import { basic } from '../test/support/digest.ts';
import { addInitech, addPhone } from '../test/support/proofs.ts';
import type { Measured } from './run.ts';

export const title = 'uniform answers: time for a phone that is there and one that is not (pairs of requests)';

const PAIRS = 5_000;
const WARM_UP = 500;
const PHONES = 50;

const median = (list: readonly number[]) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;

/** The greatest distance between two empirical distributions, and how likely one as great is by chance. */
function kolmogorovSmirnov(one: readonly number[], other: readonly number[]): { distance: number; likelihood: number } {
  const all = [
    ...one.map((ms) => ({ ms, step: 1 / one.length })),
    ...other.map((ms) => ({ ms, step: -1 / other.length })),
  ];
  let [sum, distance] = [0, 0];
  for (const { step } of all.sort((a, b) => a.ms - b.ms)) {
    sum += step;
    distance = Math.max(distance, Math.abs(sum));
  }
  const size = Math.sqrt((one.length * other.length) / (one.length + other.length));
  const x = (size + 0.12 + 0.11 / size) * distance;
  const terms = Array.from(
    { length: 100 },
    (_, at) => 2 * (at % 2 === 0 ? 1 : -1) * Math.exp(-2 * ((at + 1) * x) ** 2),
  );
  return {
    distance,
    likelihood:
      x < 0.2
        ? 1
        : Math.min(
            1,
            Math.max(
              0,
              terms.reduce((a, b) => a + b, 0),
            ),
          ),
  };
}

/** How long one request takes, in milliseconds, on a connection that stays open. */
function timeOf(agent: Agent, url: string, authorization: string | null): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = authorization === null ? {} : { authorization };
    const began = performance.now();
    const sent = request(url, { agent, headers }, (response) => {
      response.resume();
      response.on('end', () => resolve(performance.now() - began));
    });
    sent.on('error', reject);
    sent.end();
  });
}

async function compare(door: string, folder: string, proofOf: (mac: string) => string | null) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const [there, not]: [number[], number[]] = [[], []];
  for (let pair = -WARM_UP; pair < PAIRS; pair++) {
    const number = Math.floor(Math.random() * PHONES)
      .toString(16)
      .padStart(4, '0');
    const both = [
      { mac: `805ec0c0${number}`, times: there },
      { mac: `805ec0d0${number}`, times: not },
    ];
    if (Math.random() < 0.5) both.reverse();
    for (const { mac, times } of both) {
      const ms = await timeOf(agent, `${door}${folder}${mac}.cfg`, proofOf(mac));
      if (pair >= 0) times.push(ms);
    }
  }
  agent.destroy();
  return { there, not, ...kolmogorovSmirnov(there, not) };
}

export async function measure(): Promise<Measured> {
  const endings: (() => unknown)[] = [];
  const context = { after: (ending: () => unknown) => void endings.push(ending) } as unknown as TestContext;
  const app = await startApp(context);
  try {
    const folder = await addInitech(app);
    for (let at = 0; at < PHONES; at++) await addPhone(app, `805ec0c0${at.toString(16).padStart(4, '0')}`);
    const door = await serveApart(context, app, { HOMEPORT_BASIC_WITHOUT_TLS: '1' });
    const rows: (string | number)[][] = [];
    for (const [what, proofOf] of [
      ['no proof', () => null],
      ['a wrong password', (mac: string) => basic(mac, 'guess')],
    ] as const) {
      const { there, not, distance, likelihood } = await compare(door, folder, proofOf);
      const [one, other] = [median(there), median(not)];
      const difference = `${(((one - other) / other) * 100).toFixed(2)} %`;
      rows.push([
        what,
        PAIRS,
        one.toFixed(4),
        other.toFixed(4),
        difference,
        distance.toFixed(4),
        likelihood.toFixed(4),
      ]);
    }
    const columns = ['asked with', 'pairs', 'there ms', 'not there ms', 'medians differ', 'KS distance', 'KS p'];
    return { columns, rows };
  } finally {
    for (const ending of endings.reverse()) await ending();
  }
}
