// `homeport simulate phones`: phones of this installation that are not there boot, and if wanted register and obey, so that a
// house can be tried before its phones come. They use the installation's own secrets, so they go to its own door alone.
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import { ALL_TENANTS } from '../domain/access.ts';
import { invalid } from '../domain/errors.ts';
import { isLoopback } from '../domain/network.ts';
import { FIRST_PAGE } from '../domain/page.ts';
import type { Phone } from '../domain/phone.ts';
import { provisioningUrl } from '../domain/tenant.ts';
import { type OpenHouse, simulation } from '../main.ts';
import { fetchAsPhone } from '../phones/fetch.ts';
import { openSimulatedPhone, type Resolver, type SimulatedPhone } from '../phones/simulated-phone.ts';
import { numberFlag } from './pools.ts';
import { show, table } from './print.ts';
import type { Shell } from './shell.ts';

type Flags = {
  json?: boolean;
  url?: string;
  count: number;
  tenant?: string;
  register?: string;
  resolver?: string;
  seconds: number;
};

const COUNT_MAX = 1_000;
const AT_ONCE = 20;
const SIP_PATIENCE_MS = 5_000;
const DNS_PORT = 53;

/** The door that the phones go to. @throws AppError `invalid` for one that is not this installation's */
function doorOf({ publicUrl }: OpenHouse, url: string | undefined): string {
  const door = (url ?? publicUrl).replace(/\/+$/, '');
  if (!URL.canParse(door)) throw invalid('--url must be the URL of the phones’ door, such as http://127.0.0.1:8080');
  const { hostname } = new URL(door);
  if (!isLoopback(hostname) && hostname !== new URL(publicUrl).hostname) {
    throw invalid(
      `simulated phones use the tokens and passwords of this installation and go to its own door alone: ${publicUrl}, or this machine`,
    );
  }
  return door;
}

function resolverOf({ dns }: OpenHouse, given: string): Resolver {
  const [address = '', port = String(DNS_PORT)] = given.split(/:(?=\d+$)/);
  const ask = async (name: string, type: 'SRV' | 'A') => {
    const found = await dns.query({ address, port: Number(port) }, { name, type, of: 'resolver' });
    return found.kind === 'answer' ? found.values : [];
  };
  return {
    srv: async (name) =>
      (await ask(name, 'SRV')).map((value) => {
        const [priority = 0, weight = 0, at = 0] = value.split(' ').map(Number);
        return { priority, weight, port: at, host: (value.split(' ')[3] ?? '').replace(/\.$/, '') };
      }),
    addresses: (host) => ask(host, 'A'),
  };
}

const NOBODY: Resolver = { srv: async () => [], addresses: async () => [] };

async function openOne(house: OpenHouse, phone: Phone, flags: Flags): Promise<SimulatedPhone | null> {
  const kind = simulation.kinds(phone.vendor).find(({ models }) => models.includes(phone.model));
  if (kind === undefined) return null;
  const { token, proof } = await house.store.tenants.get(ALL_TENANTS, phone.tenant);
  const stored = proof === 'credential' ? await house.store.credentials.find(phone.mac) : null;
  const credential = stored && { user: phone.mac, password: stored.password };
  const unique = () => randomUUID().replaceAll('-', '');
  const url = provisioningUrl(doorOf(house, flags.url), token);
  const { choice } = house.vendors.srv(phone.vendor);
  return openSimulatedPhone(
    { mac: phone.mac, model: phone.model, kind, choice, url, local: flags.register ?? null },
    {
      ...{ unique, patienceMs: SIP_PATIENCE_MS, random: Math.random, parametersIn: simulation.parametersIn },
      wait: (ms, signal) => wait(ms, undefined, { signal }).catch(() => undefined),
      fetch: (file, agent) => fetchAsPhone(file, agent, { credential, unique }),
      resolver: flags.resolver === undefined ? NOBODY : resolverOf(house, flags.resolver),
    },
  );
}

type Row = { mac: string; tenant: string; model: string; files: number; boots: number; lines: string; events: number };

const simulatePhones =
  ({ inHouse }: Shell) =>
  ({ json, ...flags }: Flags) =>
    inHouse(async (house) => {
      if ((flags.register === undefined) !== (flags.resolver === undefined)) {
        throw invalid('--register and --resolver belong together: registering needs DNS');
      }
      const filter = flags.tenant === undefined ? {} : { tenant: flags.tenant };
      const phones = await house.store.phones.list(ALL_TENANTS, { ...FIRST_PAGE, ...filter });
      const wanted = phones.filter(({ enabled }) => enabled).slice(0, Math.min(flags.count, COUNT_MAX));
      const open: { phone: Phone; simulated: SimulatedPhone }[] = [];
      for (const phone of wanted) {
        const simulated = await openOne(house, phone, flags);
        if (simulated !== null) open.push({ phone, simulated });
      }
      try {
        for (let at = 0; at < open.length; at += AT_ONCE) {
          await Promise.all(open.slice(at, at + AT_ONCE).map(({ simulated }) => simulated.boot()));
        }
        if (flags.register !== undefined) await wait(flags.seconds * 1_000);
        const rows = open.map(
          ({ phone, simulated }): Row => ({
            ...{ mac: phone.mac, tenant: phone.tenant, model: `${phone.vendor} ${phone.model}` },
            ...{ files: simulated.files(), boots: simulated.boots(), events: simulated.events().length },
            lines: simulated
              .lines()
              .map(({ user, at }) => `${user} at ${at === null ? 'nobody' : at.host}`)
              .join(', '),
          }),
        );
        const isWell = ({ files, lines }: Row) => files > 0 && !lines.includes('at nobody');
        const skipped = wanted.length - open.length;
        show({ phones: rows, skipped }, { json }, () =>
          [
            table(
              ['phone', 'tenant', 'model', 'files', 'boots', 'told to fetch', 'registered'],
              rows.map((row) => [
                row.mac,
                row.tenant,
                row.model,
                `${row.files}`,
                `${row.boots}`,
                `${row.events}`,
                row.lines,
              ]),
            ),
            `${rows.filter(isWell).length} of ${rows.length} phones are well; ${skipped} of models that are not simulated`,
          ].join('\n'),
        );
        if (!rows.every(isWell)) process.exitCode = 1;
      } finally {
        await Promise.all(open.map(({ simulated }) => simulated.close()));
      }
    });

/** Adds `phones` to the command `simulate`. */
export function addPhoneSimulation(program: Command, shell: Shell): void {
  program.commands
    .find((command) => command.name() === 'simulate')
    ?.command('phones')
    .description(
      'let this installation’s phones boot as its makers’ do, at its own door alone; and register, if wanted',
    )
    .option('--url <url>', 'the phones’ door, as this machine reaches it; the public URL otherwise')
    .option('--count <number>', `at most so many phones (up to ${COUNT_MAX})`, numberFlag, 100)
    .option('--tenant <tenant>', 'only phones of this tenant')
    .option('--register <address>', 'register every line, from this address of this machine')
    .option('--resolver <address>', 'the DNS server that is asked for SRV records, as ADDRESS or ADDRESS:PORT')
    .option('--seconds <number>', 'stay registered so long', numberFlag, 30)
    .option('--json', 'print JSON, for programs')
    .action((_options: Flags, command: Command) => simulatePhones(shell)(command.optsWithGlobals()));
}
