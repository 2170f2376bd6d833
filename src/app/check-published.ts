// What `homeport check` asks about DNS: do the pools answer as they should, and is that known of late?
import { error, type Finding, ok, unknown, warning } from '../domain/finding.ts';
import type { Checked, Question } from './check.ts';
import { dnsDrift, dnsWarnings } from './check-dns.ts';
import { someOf } from './check-holders.ts';

const REMEDY = 'homeport dns drift tells the reasons, homeport dns publish what would be changed';

/** Nothing is said where DNS is neither published nor checked from here. */
async function dnsFindings({ store, now }: Checked): Promise<Finding[]> {
  const { resolvers } = await store.dns.settings();
  if (resolvers.length === 0 && (await store.dns.targets()).length === 0) return [];
  const { at, pools } = await dnsDrift({ store });
  if (pools.length === 0) return [];
  const named = (state: (typeof pools)[number]['state']) =>
    pools.filter((one) => one.state === state).map(({ pool }) => pool);
  const [drifted, unread] = [named('drift'), named('unknown')];
  const findings: Finding[] = [];
  if (drifted.length > 0) {
    findings.push(error('dns.drift', `DNS answers something else than intended for pools ${someOf(drifted)}`, REMEDY));
  }
  if (unread.length > 0) {
    findings.push(unknown('dns.unknown', `nobody knows what DNS answers for pools ${someOf(unread)}`, REMEDY));
  }
  const well = pools.find(({ state }) => state === 'fine');
  const [old] = well === undefined ? [] : await store.snapshot((reads) => dnsWarnings(reads, well.pool, now()));
  if (old !== undefined) findings.push(warning('dns.old', old, 'homeport dns check; is the server running?'));
  return findings.length > 0 ? findings : [ok('dns.fine', `DNS answers for ${pools.length} pools as intended (${at})`)];
}

export const dnsQuestions: readonly Question[] = [{ code: 'dns', about: 'DNS', ask: dnsFindings }];
