// DNS servers on this machine: BIND 9, Knot and PowerDNS as Debian has them, each with its own folder and a free port.
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryFolder } from '../support/app.ts';
import { findProgram, runProgram } from '../support/system-packages.ts';

export const BIND = { named: 'bind9', dig: 'bind9-dnsutils', nsupdate: 'bind9-dnsutils' };
export const KNOT = { knotd: 'knot', dig: 'bind9-dnsutils' };
export const POWERDNS = { pdns_server: 'pdns-server', sqlite3: 'sqlite3', dig: 'bind9-dnsutils' };

export const KEY = {
  name: 'homeport-key',
  algorithm: 'hmac-sha256' as 'hmac-sha256' | 'hmac-sha512',
  secret: Buffer.from('a key that tests use, 32 bytes l').toString('base64'),
};

export const ZONE = 'example.com';

/** What stands in the zone before we come, and what must stand there ever after. */
export const ZONE_TEXT = `$TTL 3600
@ IN SOA ns1 admin 1 3600 600 86400 60
@ IN NS ns1
ns1 IN A 127.0.0.1
www IN A 192.0.2.80
@ IN MX 10 www
@ IN TXT "somebody else's"
voip1 IN A 192.0.2.1
voip2 IN A 192.0.2.2
voip2 IN AAAA 2001:db8::2
`;

export type Server = { readonly address: string; readonly port: number };

/** A port that is free for UDP and TCP on 127.0.0.1. */
async function freePort(): Promise<number> {
  for (let tries = 0; tries < 20; tries++) {
    const tcp = createServer().listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    const { port } = tcp.address() as { port: number };
    const udp = createSocket('udp4');
    const isFree = await new Promise<boolean>((resolve) => {
      udp.once('error', () => resolve(false)).bind(port, '127.0.0.1', () => resolve(true));
    });
    if (isFree) udp.close();
    tcp.close();
    await once(tcp, 'close');
    if (isFree) return port;
  }
  throw new Error('no port is free');
}

const READY_MS_MAX = 30_000;

/** Starts a server and waits until it says that it is ready; it ends with the test. */
async function startServer(
  context: TestContext,
  program: string,
  args: string[],
  ready: RegExp,
): Promise<ChildProcess> {
  const child = spawn(findProgram(program) ?? program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  context.after(() => child.kill('SIGKILL'));
  let said = '';
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${program} is not ready:\n${said}`)), READY_MS_MAX);
    const take = (piece: Buffer) => {
      said += piece.toString();
      if (!ready.test(said)) return;
      clearTimeout(timer);
      resolve();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('exit', () => {
      clearTimeout(timer);
      reject(new Error(`${program} has ended:\n${said}`));
    });
  });
  return child;
}

type BindZone = { readonly name: string; readonly text: string };
type Bind = Server & { stop(): Promise<void> };

const keyText = ({ name, algorithm, secret }: typeof KEY) =>
  `key "${name}" { algorithm ${algorithm}; secret "${secret}"; };\n`;

/** BIND with a zone that the key may change. `more` stands in the options. */
export async function startBind(
  context: TestContext,
  {
    zones = [{ name: ZONE, text: ZONE_TEXT }],
    keys = [KEY],
    more = '',
  }: { zones?: BindZone[]; keys?: (typeof KEY)[]; more?: string } = {},
): Promise<Bind> {
  const folder = temporaryFolder(context);
  const port = await freePort();
  const statements = zones.map(({ name, text }) => {
    writeFileSync(join(folder, `${name}.db`), text);
    const policy = `update-policy { grant ${KEY.name} zonesub ANY; };`;
    return `zone "${name}" { type primary; file "${name}.db"; ${policy} };\n`;
  });
  const options = `options { directory "${folder}"; pid-file none; session-keyfile "${folder}/session.key";
    listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; dnssec-validation no;
    allow-transfer { 127.0.0.1; }; notify explicit; ${more} };\ncontrols { };\n`;
  return run(context, { folder, port, conf: `${options}${keys.map(keyText).join('')}${statements.join('')}` });
}

/** BIND as a resolver that asks one server for everything. */
export async function startResolver(context: TestContext, { port: authority }: Server): Promise<Bind> {
  const folder = temporaryFolder(context);
  const port = await freePort();
  const conf = `options { directory "${folder}"; pid-file none; session-keyfile "${folder}/session.key";
    listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; }; recursion yes; allow-recursion { 127.0.0.1; };
    dnssec-validation no; forward only; forwarders { 127.0.0.1 port ${authority}; }; };\ncontrols { };\n`;
  return run(context, { folder, port, conf });
}

async function run(
  context: TestContext,
  { folder, port, conf }: { folder: string; port: number; conf: string },
): Promise<Bind> {
  writeFileSync(join(folder, 'named.conf'), conf);
  const child = await startServer(context, 'named', ['-g', '-n', '1', '-c', join(folder, 'named.conf')], /\srunning\n/);
  return {
    ...{ address: '127.0.0.1', port },
    async stop() {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

/** Knot with the zone: as its primary that the key may change, or taken over from another server. */
export async function startKnot(context: TestContext, primary?: Server): Promise<Server> {
  const folder = temporaryFolder(context);
  const port = await freePort();
  for (const name of ['run', 'db']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'zone.db'), `$ORIGIN ${ZONE}.\n${ZONE_TEXT}`);
  const remote = primary === undefined ? '' : `remote:\n  - id: other\n    address: 127.0.0.1@${primary.port}\n`;
  const zone =
    primary === undefined ? `    file: ${folder}/zone.db\n    acl: ours\n` : '    master: other\n    acl: notified\n';
  writeFileSync(
    join(folder, 'knot.conf'),
    `server:\n  rundir: ${folder}/run\n  listen: 127.0.0.1@${port}\n  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n` +
      `log:\n  - target: stderr\n    any: info\ndatabase:\n  storage: ${folder}/db\n` +
      `key:\n  - id: ${KEY.name}\n    algorithm: ${KEY.algorithm}\n    secret: ${KEY.secret}\n${remote}` +
      `acl:\n  - id: ours\n    key: ${KEY.name}\n    action: update\n  - id: notified\n    address: 127.0.0.1\n    action: notify\n` +
      `zone:\n  - domain: ${ZONE}\n    storage: ${folder}/db\n${zone}`,
  );
  await startServer(
    context,
    'knotd',
    ['-c', join(folder, 'knot.conf')],
    /loaded|refresh, .*updated|zone file.*loaded|serial/,
  );
  return { address: '127.0.0.1', port };
}

export type PowerDns = Server & { readonly url: string; readonly apiKey: string };

const SCHEMA = '/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql';

/** PowerDNS with a SQLite database and its HTTP API. */
export async function startPowerDns(context: TestContext): Promise<PowerDns> {
  const folder = temporaryFolder(context);
  const [port, apiPort, apiKey] = [await freePort(), await freePort(), 'an-api-key-that-tests-use'];
  const database = join(folder, 'pdns.sqlite3');
  runProgram('sqlite3', [database], readFileSync(SCHEMA, 'utf8'));
  writeFileSync(
    join(folder, 'pdns.conf'),
    `launch=gsqlite3\ngsqlite3-database=${database}\ngsqlite3-dnssec=no\nlocal-address=127.0.0.1\nlocal-port=${port}\n` +
      `socket-dir=${folder}\napi=yes\napi-key=${apiKey}\nwebserver=yes\nwebserver-address=127.0.0.1\n` +
      `webserver-port=${apiPort}\nwebserver-allow-from=127.0.0.1\nguardian=no\ndaemon=no\nsetuid=\nsetgid=\n`,
  );
  await startServer(context, 'pdns_server', [`--config-dir=${folder}`], /Done launching threads|ready to distribute/);
  const url = `http://127.0.0.1:${apiPort}`;
  const records = (...contents: string[]) => contents.map((content) => ({ content, disabled: false }));
  const rrsets = [
    { name: `www.${ZONE}.`, type: 'A', ttl: 3600, records: records('192.0.2.80') },
    { name: `voip1.${ZONE}.`, type: 'A', ttl: 3600, records: records('192.0.2.1') },
    { name: `voip2.${ZONE}.`, type: 'A', ttl: 3600, records: records('192.0.2.2') },
  ];
  const answer = await fetch(`${url}/api/v1/servers/localhost/zones`, {
    method: 'POST',
    headers: { 'x-api-key': apiKey, 'content-type': 'application/json' },
    body: JSON.stringify({ name: `${ZONE}.`, kind: 'Native', nameservers: [`ns1.${ZONE}.`], rrsets }),
  });
  if (answer.status !== 201) throw new Error(`PowerDNS refuses the zone: ${await answer.text()}`);
  return { address: '127.0.0.1', port, url, apiKey };
}

/** What `dig` is answered: one line for each value, sorted. */
export const dig = ({ port }: Server, name: string, type: string): string[] =>
  runProgram('dig', ['@127.0.0.1', '-p', String(port), '+norecurse', '+short', '+tries=1', name, type])
    .split('\n')
    .filter((line) => line !== '')
    .sort();

/** The whole zone but its SOA, one line for each record, sorted. */
export const zoneOf = ({ port }: Server): string[] =>
  runProgram('dig', ['@127.0.0.1', '-p', String(port), '+noall', '+answer', ZONE, 'AXFR'])
    .split('\n')
    .filter((line) => line !== '' && !/\sSOA\s|\sTSIG\s/.test(line))
    .map((line) => line.replaceAll(/\s+/g, ' '))
    .sort();

/** Somebody changes the zone by hand. */
export const changeByHand = ({ port }: Server, ...lines: string[]): string =>
  runProgram(
    'nsupdate',
    ['-y', `${KEY.algorithm}:${KEY.name}:${KEY.secret}`],
    [`server 127.0.0.1 ${port}`, `zone ${ZONE}`, ...lines, 'send', ''].join('\n'),
  );
