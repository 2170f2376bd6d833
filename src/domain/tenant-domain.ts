// A tenant's own SRV name: what it is called, and the pool as that tenant's phones find it.
import { createHash } from 'node:crypto';
import type { Pool } from './pool.ts';
import type { Server } from './server.ts';
import { type DnsRecord, recordsOf } from './srv.ts';

const LABEL_MAX = 63;
const HASH_LETTERS = 12;
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** Twelve letters, 60 bits, of SHA-256. */
function hashLetters(text: string): string {
  const bytes = createHash('sha256').update(text).digest();
  return [...bytes.subarray(0, HASH_LETTERS)].map((byte) => BASE32[byte % BASE32.length]).join('');
}

const isLabel = (code: string): boolean => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(code);
/** Two hyphens there are reserved, for example for international names (RFC 5890). */
const isReserved = (code: string): boolean => /^..--/.test(code);
const looksMade = (code: string): boolean => /-x-[a-z2-7]{12}$/.test(code);

/**
 * The label that a tenant has in DNS. A code that is a lower-case label stands for itself. DNS does not tell cases apart and
 * knows no "_" in names of hosts, so any other code gets what is left of it and letters of its hash behind: `ACME_1` →
 * `acme-1-x-…`. It depends on the code alone, so no tenant's name ever changes because of another tenant.
 */
export function tenantLabel(code: string): string {
  if (isLabel(code) && !isReserved(code) && !looksMade(code)) return code;
  const end = `-x-${hashLetters(code)}`;
  const plain = code.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  return `${plain.slice(0, LABEL_MAX - end.length).replace(/-+$/, '')}${end}`;
}

/** The SRV name of a tenant under the installation's base domain. */
export const tenantDomainOf = (code: string, base: string): string => `${tenantLabel(code)}.${base}`;

/** The pool as a tenant's phones call it: by the tenant's own name where there are such names. */
export const poolAsCalled = <Some extends Pool>(pool: Some, code: string, base: string | null): Some =>
  base === null ? pool : { ...pool, domain: tenantDomainOf(code, base) };

/** The records of a tenant's own name: those of its pool under another name. */
export const tenantRecordsOf = (code: string, base: string, pool: Pool, servers: readonly Server[]): DnsRecord[] =>
  recordsOf(poolAsCalled(pool, code, base), servers);

/** Tenants whose codes would have the same name in DNS, as pairs; to be expected never, and refused then. */
export function sameLabels(codes: readonly string[]): readonly [string, string][] {
  const owners = new Map<string, string>();
  return codes.flatMap((code): [string, string][] => {
    const label = tenantLabel(code);
    const owner = owners.get(label);
    owners.set(label, owner ?? code);
    return owner === undefined ? [] : [[owner, code]];
  });
}

/** What stands under the base domain and must not: it would be taken for a tenant. */
export const strangersUnder = (base: string, names: readonly string[]): string[] =>
  names.filter((name) => name.endsWith(`.${base}`));
