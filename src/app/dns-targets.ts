// Journeys: where records are published and who is asked about them. Secrets go in and never come out, and they are only
// ever used at the place that they were given for.
import type { Actor } from '../domain/access.ts';
import {
  type DnsSettings,
  type DnsTarget,
  dnsSettingsSchema,
  dnsTargetSchema,
  type ShownTarget,
  shownTarget,
} from '../domain/dns-target.ts';
import { invalid } from '../domain/errors.ts';
import { parseWith } from '../domain/parse.ts';
import type { Store } from '../store/store.ts';
import { note } from './audit.ts';

type Targets = { readonly store: Store; readonly now: () => Date };

export const listTargets = async ({ store }: Pick<Targets, 'store'>): Promise<ShownTarget[]> =>
  (await store.dns.targets()).map(shownTarget);

/** @throws AppError `not_found` */
export const getTarget = async ({ store }: Pick<Targets, 'store'>, zone: string): Promise<ShownTarget> =>
  shownTarget(await store.dns.target(zone));

const find = (targets: readonly DnsTarget[], zone: string) => targets.find((target) => target.zone === zone) ?? null;

/**
 * Sets the target of a zone as a whole, secret and all.
 * @throws AppError `invalid` with every wrong field
 */
export async function putTarget(house: Targets, zone: string, input: object, actor: Actor): Promise<ShownTarget> {
  const target = parseWith(dnsTargetSchema, { zone, ...input }, 'the target');
  if (target.zone !== zone.toLowerCase()) throw invalid(`the target is for zone ${zone}, not ${target.zone}`);
  await house.store.transaction(async (tx) => {
    const old = find(await tx.dns.targets(), target.zone);
    await tx.dns.putTarget(target);
    const [before, after] = [old && shownTarget(old), { ...shownTarget(target), credentials: 'set anew' }];
    await note(tx, house, actor, { action: 'dns.target', subject: target.zone, before, after });
  });
  return shownTarget(target);
}

/** Forgets a target. What is published there stays. @throws AppError `not_found` */
export async function removeTarget(house: Targets, zone: string, actor: Actor): Promise<void> {
  await house.store.transaction(async (tx) => {
    const before = shownTarget(await tx.dns.target(zone));
    await tx.dns.removeTarget(zone);
    await note(tx, house, actor, { action: 'dns.target', subject: zone, before, after: null });
  });
}

/** Chooses resolvers, and how often is checked. @throws AppError `invalid` with every wrong field */
export async function putDnsSettings(house: Targets, input: object, actor: Actor): Promise<DnsSettings> {
  const settings = parseWith(dnsSettingsSchema, input, 'the DNS settings');
  await house.store.transaction(async (tx) => {
    const before = await tx.dns.settings();
    await tx.dns.putSettings(settings);
    await note(tx, house, actor, { action: 'dns.settings', subject: 'dns', before, after: settings });
  });
  return settings;
}
