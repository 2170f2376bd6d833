// The protocol `ztp`: an API key, profiles that hold a provisioning URL, and phones that belong to a profile.
import { z } from 'zod';
import type { Mac } from '../domain/mac.ts';
import { type Claimed, failed, type PhoneReport, type RedirectionAccount } from '../domain/redirection.ts';
import { oneByOne } from './batches.ts';
import type { RedirectionService, Target } from './redirection.ts';
import { type Call, type Outside, type Wire, wireTo } from './wire.ts';

const PAGE = 100;
const PAGES_MAX = 500;

const id = z.union([z.string().min(1), z.number()]).transform(String);
const server = z.looseObject({ address: z.string().nullish() });
const provisioning = z.looseObject({ server: server.nullish() });
const template = z.looseObject({ provisioning: provisioning.nullish() });
const profile = z.looseObject({ id, name: z.string().nullish(), template: template.nullish() });
const device = z.object({ id: z.string(), profileid: id.nullish(), profile: id.nullish() });
const created = z.object({ id });
const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ results: z.array(item).nullish(), next: z.union([z.string(), z.number()]).nullish() });

type Profile = z.output<typeof profile>;
type Ask = (method: Call['method'], path: string, body?: unknown) => ReturnType<Wire['call']>;

const profileOf = (found: z.output<typeof device>) => found.profileid ?? found.profile ?? null;
const addressOf = (found: Profile) => found.template?.provisioning?.server?.address ?? null;
const plainMac = (text: string) => text.replaceAll(/[^0-9A-Fa-f]/g, '').toLowerCase() as Mac;

/** All pages of a list. */
async function everything<Item extends z.ZodType>(wire: Wire, ask: Ask, path: string, item: Item) {
  const items: z.output<Item>[] = [];
  let cursor: string | null = null;
  for (let pages = 0; pages < PAGES_MAX; pages++) {
    const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const answer = await ask('GET', `${path}?limit=${PAGE}${query}`);
    if (answer.status !== 200) throw wire.refused(answer);
    const { results, next } = wire.read(pageOf(item), answer);
    items.push(...(results ?? []));
    if (next === null || next === undefined || next === '' || String(next) === cursor) break;
    cursor = String(next);
  }
  return items;
}

/** The profile with our address in it; what else somebody has set there stays. */
const withAddress = ({ id: _id, ...found }: Partial<Profile>, name: string, url: string) => ({
  enabled: true,
  ...found,
  name,
  template: {
    // The address counts even where a network's DHCP offers another one.
    dhcp: { bootServerOption: 'STATIC' },
    ...found.template,
    provisioning: {
      ...found.template?.provisioning,
      server: { ...found.template?.provisioning?.server, address: url },
    },
  },
});

/** The id of a tenant's profile, which is made, or set right, when it has to be. */
async function profileFor(wire: Wire, ask: Ask, { url, tenant }: Target): Promise<string> {
  const name = `homeport-${tenant}`;
  const found = (await everything(wire, ask, '/profiles', profile)).find((one) => one.name === name);
  if (found !== undefined && addressOf(found) === url) return found.id;
  const body = withAddress(found ?? {}, name, url);
  const answer =
    found === undefined
      ? await ask('POST', '/profiles', body)
      : await ask('PUT', `/profiles/${encodeURIComponent(found.id)}`, body);
  if (answer.status !== 200 && answer.status !== 201) throw wire.refused(answer);
  return found?.id ?? wire.read(created, answer).id;
}

/** An account at a service that speaks `ztp`. */
export function ztp(account: RedirectionAccount, outside: Outside): RedirectionService {
  const wire = wireTo(account, outside);
  const ask: Ask = async (method, path, body) => {
    const headers = { 'api-key': account.credentials.apiKey ?? '' };
    const answer = await wire.call({ method, path, headers, ...(body === undefined ? {} : { body }) });
    if (answer.status === 401 || answer.status === 403) throw wire.refused(answer);
    return answer;
  };
  const add = (mac: Mac, profileId: string) => ask('POST', '/devices', { id: mac, profile: profileId });
  const isDone = ({ status }: { status: number }) => status >= 200 && status < 300;
  const claimOne = async (mac: Mac, profileId: string): Promise<PhoneReport> => {
    const added = await add(mac, profileId);
    if (isDone(added)) return { mac, outcome: 'claimed', reason: null };
    const held = await ask('GET', `/devices/${mac}`);
    if (held.status !== 200) return failed(mac, wire.refused(added).message);
    if (profileOf(wire.read(device, held)) === profileId) return { mac, outcome: 'unchanged', reason: null };
    const removed = await ask('DELETE', `/devices/${mac}`);
    if (!isDone(removed)) return failed(mac, wire.refused(removed).message);
    const again = await add(mac, profileId);
    if (isDone(again)) return { mac, outcome: 'moved', reason: null };
    return failed(mac, `was released and then not taken: ${wire.refused(again).message}; claim it again`);
  };
  return {
    claim: async (macs, target) => {
      const profileId = await profileFor(wire, ask, target);
      return oneByOne(macs, false, (mac) => claimOne(mac, profileId));
    },
    list: async () => {
      const profiles = await everything(wire, ask, '/profiles', profile);
      const addresses = new Map(profiles.map((one) => [one.id, addressOf(one)]));
      const devices = await everything(wire, ask, '/devices', device);
      return devices.map(
        (one): Claimed => ({ mac: plainMac(one.id), url: addresses.get(profileOf(one) ?? '') ?? null }),
      );
    },
    release: (macs) =>
      oneByOne(macs, false, async (mac) => {
        const answer = await ask('DELETE', `/devices/${mac}`);
        const isGone = isDone(answer) || answer.status === 404;
        return isGone ? { mac, outcome: 'released', reason: null } : failed(mac, wire.refused(answer).message);
      }),
  };
}
