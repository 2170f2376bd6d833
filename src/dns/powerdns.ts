// A zone at a PowerDNS server, by its HTTP API (/api/v1/servers/{id}/zones/{zone}): whole record sets are replaced or
// deleted. The API knows no prerequisites, so what is about to be changed is read again just before.
import { z } from 'zod';
import { canonicalValues, keyText, type RecordChange, type Rrset } from '../domain/dns-change.ts';
import type { DnsTarget } from '../domain/dns-target.ts';
import { AppError, conflict } from '../domain/errors.ts';
import type { Written, ZoneServer } from './dns.ts';
import type { Outside } from './wire.ts';

type PowerDns = Extract<DnsTarget, { kind: 'powerdns' }>;

const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const SETS_AT_ONCE = 500;
const SAID_MAX = 200;
/** A zone with very many records takes a while; a server that answers no question is found out much sooner. */
const TIMEOUT_FACTOR = 10;

const zoneSchema = z.object({
  rrsets: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      ttl: z.number(),
      records: z.array(z.object({ content: z.string(), disabled: z.boolean().default(false) })),
    }),
  ),
});

type ApiSet = z.output<typeof zoneSchema>['rrsets'][number];

const bare = (name: string) => name.toLowerCase().replace(/\.$/, '');

type Received = { readonly status: number; readonly body: unknown };

async function textOf({ body }: Response): Promise<string | null> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body ?? []) {
    bytes += piece.length;
    if (bytes > ANSWER_BYTES_MAX) return null;
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

const unavailable = (message: string) => new AppError('unavailable', message);

/** One call of the API. @throws AppError `unavailable` when there is no answer that could be understood */
async function call(target: PowerDns, { timeoutMs }: Outside, patch: object | null): Promise<Received> {
  const { baseUrl, serverId, zone, apiKey } = target;
  const url = `${baseUrl}/api/v1/servers/${encodeURIComponent(serverId)}/zones/${encodeURIComponent(`${zone}.`)}`;
  const patience = timeoutMs * TIMEOUT_FACTOR;
  try {
    const response = await fetch(url, {
      method: patch === null ? 'GET' : 'PATCH',
      headers: { 'x-api-key': apiKey, accept: 'application/json', 'content-type': 'application/json' },
      ...(patch === null ? {} : { body: JSON.stringify(patch) }),
      // The key must not follow to another host.
      redirect: 'manual',
      signal: AbortSignal.timeout(patience),
    });
    const text = await textOf(response);
    if (text === null) throw unavailable(`it answers with more than ${ANSWER_BYTES_MAX} bytes`);
    return { status: response.status, body: parsed(text) };
  } catch (error) {
    if (error instanceof AppError) throw unavailable(`${whereText(target)}: ${error.message}`);
    const isLate = error instanceof Error && error.name === 'TimeoutError';
    const code = error instanceof Error ? (error.cause as { code?: unknown } | undefined)?.code : undefined;
    const why = isLate
      ? `did not answer within ${patience / 1_000} s`
      : `cannot be reached (${typeof code === 'string' ? code : 'no way there'})`;
    throw unavailable(`${whereText(target)} ${why}; check the base URL, and look again`);
  }
}

const whereText = ({ zone, baseUrl }: PowerDns) => `the PowerDNS API of zone ${zone} at ${baseUrl}`;

/** What the API says of itself when it refuses, as one short line without its key. */
function saidIn(body: unknown, { apiKey }: PowerDns): string {
  const error = (body as { error?: unknown } | null)?.error;
  if (typeof error !== 'string') return 'without a reason';
  return error
    .replaceAll(apiKey, '[secret]')
    .replaceAll(/[\p{C}\s]+/gu, ' ')
    .slice(0, SAID_MAX);
}

function refusal(target: PowerDns, { status, body }: Received): AppError {
  const where = whereText(target);
  if (status === 401 || status === 403) return conflict(`${where} refuses the API key (${status})`);
  if (status === 404) return conflict(`${where} does not know the zone, or the server id ${target.serverId} (404)`);
  if (status >= 300 && status < 400) return unavailable(`${where} answers with a redirect, which is not followed`);
  const said = saidIn(body, target);
  return status >= 500
    ? unavailable(`${where} has failed (${status}: ${said})`)
    : conflict(`${where} refuses (${status}: ${said})`);
}

const setOf = ({ name, type, ttl, records }: ApiSet): Rrset | null => {
  const values = records.filter(({ disabled }) => !disabled).map(({ content }) => content);
  if (values.length === 0) return null;
  return { name: bare(name), type: type as Rrset['type'], ttl, values: canonicalValues(type, values) };
};

/** All sets of the zone under their keys. */
async function readZone(target: PowerDns, outside: Outside): Promise<Map<string, Rrset>> {
  const received = await call(target, outside, null);
  if (received.status !== 200) throw refusal(target, received);
  const zone = zoneSchema.safeParse(received.body);
  if (!zone.success) throw unavailable(`${whereText(target)} answers something else than a zone; check the base URL`);
  const sets = zone.data.rrsets.map(setOf).filter((set) => set !== null);
  return new Map(sets.map((set) => [keyText(set), set]));
}

const patchOf = ({ name, type, after }: RecordChange) =>
  after === null
    ? { name: `${name}.`, type, changetype: 'DELETE' }
    : {
        ...{ name: `${name}.`, type, ttl: after.ttl, changetype: 'REPLACE' },
        records: after.values.map((content) => ({ content, disabled: false })),
      };

/** The zone at a PowerDNS server. */
export function powerDnsZone(target: PowerDns, outside: Outside): ZoneServer {
  return {
    async read(keys) {
      const zone = await readZone(target, outside);
      for (const { name, type } of keys) {
        const alias = zone.get(`${name} CNAME`);
        if (alias === undefined) continue;
        const where = `${whereText(target)} has ${name} as an alias of ${alias.values.join(', ')}`;
        throw conflict(`${where}, so it can have no ${type}; take the alias out, then publish again`);
      }
      return keys.map((key) => zone.get(keyText(key)) ?? null).filter((set) => set !== null);
    },
    async write(changes): Promise<Written> {
      let done = 0;
      try {
        const now = await readZone(target, outside);
        const isAsSeen = ({ before, ...key }: RecordChange) =>
          JSON.stringify(now.get(keyText(key)) ?? null) === JSON.stringify(before);
        if (!changes.every(isAsSeen)) return { kind: 'raced', done };
        for (let at = 0; at < changes.length; at += SETS_AT_ONCE) {
          const batch = changes.slice(at, at + SETS_AT_ONCE);
          const received = await call(target, outside, { rrsets: batch.map(patchOf) });
          if (received.status !== 204 && received.status !== 200) throw refusal(target, received);
          done += batch.length;
        }
        return { kind: 'done', done };
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        return { kind: error.code === 'conflict' ? 'refused' : 'failed', done, why: error.message };
      }
    },
  };
}
