// The lab: a house with its two doors, a DNS server with its records, two real Asterisk servers, and phones of every maker that
// boot, register and obey. Everything runs on this machine; every part but the phones is a real one.
import type { TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { ALL_TENANTS } from '../../src/domain/access.ts';
import { FIRST_PAGE } from '../../src/domain/page.ts';
import type { Phone } from '../../src/domain/phone.ts';
import type { SimulatedKind } from '../../src/domain/simulated-phone.ts';
import { openSimulatedPhone, type Resolver, type SimulatedPhone } from '../../src/phones/simulated-phone.ts';
import { parametersIn, simulatedKinds } from '../../src/vendors/simulated.ts';
import { type Server, startBind, ZONE } from '../dns/servers.ts';
import { type App, startApp } from '../support/app.ts';
import { AMI_PORT, AMI_SECRET, AMI_USER, type Asterisk, startAsterisk } from '../support/asterisk.ts';
import { sipOutside } from '../support/sip.ts';
import { TEMPLATES } from '../support/world.ts';

/** Phones that nobody waits for renew, fail over and come back within seconds. */
const HASTE = { renewMs: 1_500, failbackMs: 2_500, patienceMs: 700 };
const HOSTS = { voip1: '127.0.64.1', voip2: '127.0.64.2' } as const;
export type ServerName = keyof typeof HOSTS;
const MODELS = [
  ['yealink', 'T46U', '805ec0'],
  ['polycom', 'VVX 450', '64167f'],
  ['grandstream', 'GRP2614', 'c074ad'],
  ['snom', 'D785', '000413'],
] as const;

export type LabPhone = SimulatedPhone & {
  readonly tenant: string;
  readonly user: string;
  readonly kind: SimulatedKind;
};

export type Lab = {
  readonly app: App;
  readonly asterisks: Readonly<Record<ServerName, Asterisk>>;
  readonly phones: readonly LabPhone[];
  of(tenant: string): readonly LabPhone[];
  /** User → how many contacts, as Asterisk itself prints them. */
  registeredAt(server: ServerName): ReadonlyMap<string, number>;
};

const kindOf = ({ vendor, model }: Pick<Phone, 'vendor' | 'model'>): SimulatedKind => {
  const kind = simulatedKinds(TEMPLATES, vendor).find(({ models }) => models.includes(model));
  if (kind === undefined) throw new Error(`no data say how a ${vendor} ${model} is simulated`);
  return kind;
};

/** Adds phones until each tenant has this many, of every maker in turn. */
async function addPhones(app: App, perTenant: number): Promise<void> {
  for (const [digit, tenant] of ['acme', 'globex'].entries()) {
    for (let at = 3; at < perTenant; at++) {
      const [vendor, model, oui] = MODELS[at % MODELS.length] ?? MODELS[0];
      const mac = `${oui}${digit + 1}${at.toString(16).padStart(5, '0')}`;
      const line = { user: `${101 + at}-${tenant.toUpperCase()}`, password: `secret-${tenant}-${at}` };
      await app
        .api('post', 'phones')
        .send({ mac, tenant, vendor, model, lines: [line] })
        .expect(201);
    }
  }
}

/** The records that the house says to publish, in a zone of a real DNS server. */
async function publish(context: TestContext, app: App): Promise<Server> {
  const lines = new Set<string>();
  for (const [server, address] of Object.entries(HOSTS)) {
    await app
      .api('patch', `servers/${server}`)
      .send({ addresses: [address] })
      .expect(200);
  }
  const records = await app.api('get', 'records').set('Accept', 'text/dns').expect(200);
  for (const line of records.text.split('\n')) if (/^[^;$\s]/.test(line)) lines.add(line);
  const text = `$TTL 60\n@ IN SOA ns1 admin 1 3600 600 86400 60\n@ IN NS ns1\nns1 IN A 127.0.0.1\n${[...lines].join('\n')}\n`;
  return startBind(context, { zones: [{ name: ZONE, text }] });
}

const resolverOf = ({ house }: App, server: Server): Resolver => {
  const ask = async (name: string, type: 'SRV' | 'A') => {
    const found = await house.dns.query(server, { name, type, of: 'authority' });
    return found.kind === 'answer' ? found.values : [];
  };
  return {
    srv: async (name) =>
      (await ask(name, 'SRV')).map((value) => {
        const [priority = 0, weight = 0, port = 0] = value.split(' ').map(Number);
        return { priority, weight, port, host: (value.split(' ')[3] ?? '').replace(/\.$/, '') };
      }),
    addresses: (host) => ask(host, 'A'),
  };
};

const fetchAs = async (url: string, userAgent: string): Promise<string | null> => {
  const answer = await fetch(url, { headers: { 'User-Agent': userAgent } });
  const text = await answer.text();
  return answer.status === 200 ? text : null;
};

/** Opens the lab; all of it goes with the test. Phones are switched on by the test. */
export async function openLab(context: TestContext, perTenant: number): Promise<Lab> {
  const app = await startApp(context);
  await addPhones(app, perTenant);
  const resolver = resolverOf(app, await publish(context, app));
  const stored = await app.house.store.phones.list(ALL_TENANTS, FIRST_PAGE);
  const accounts = stored.flatMap(({ lines }) => lines.map(({ user, password }) => ({ user, password })));
  const open = (name: ServerName) => startAsterisk(context, { name, address: HOSTS[name], accounts });
  const asterisks = { voip1: await open('voip1'), voip2: await open('voip2') };
  for (const [name, host] of Object.entries(HOSTS)) {
    const connection = { kind: 'asterisk', host, port: AMI_PORT, user: AMI_USER, secret: AMI_SECRET };
    await app.api('put', `servers/${name}/connection`).send(connection).expect(200);
  }
  const phones: LabPhone[] = [];
  for (const phone of stored) {
    const kind = kindOf(phone);
    const url = `${app.phonesUrl}${await app.folderOf(phone.tenant)}`;
    const choice = app.house.vendors.srv(phone.vendor).choice;
    const outside = { ...sipOutside(HASTE.patienceMs), resolver, fetch: fetchAs, parametersIn, random: Math.random };
    const simulated = openSimulatedPhone({ ...phone, ...HASTE, kind, choice, url, local: '127.0.0.1' }, outside);
    context.after(() => simulated.close());
    phones.push({ ...simulated, tenant: phone.tenant, user: phone.lines[0]?.user ?? '', kind });
  }
  return {
    ...{ app, asterisks, phones },
    of: (tenant) => phones.filter((phone) => phone.tenant === tenant),
    registeredAt(server) {
      const found = new Map<string, number>();
      const text = asterisks[server].console('pjsip show contacts');
      for (const [, user = ''] of text.matchAll(/Contact:\s+([^/\s]+)\/sip:/g)) {
        found.set(user, (found.get(user) ?? 0) + 1);
      }
      return found;
    },
  };
}

const STEP_MS_MAX = 60_000;

/** Waits for a state of the world. @throws Error with what was waited for, when it does not come */
export async function becomes(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const until = performance.now() + STEP_MS_MAX;
  while (!(await isSo())) {
    if (performance.now() > until) throw new Error(`has not come within ${STEP_MS_MAX / 1_000} s: ${what}`);
    await wait(100);
  }
}

/** A table as text. */
export function asTable(rows: readonly (readonly (string | number)[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => String(row[at] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, at) => String(cell).padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
