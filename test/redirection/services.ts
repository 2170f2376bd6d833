// Redirection services on this machine that hold callers to the documented contract: whatever is not in it is written down
// as a violation and refused. Faults can be put in the way of the next requests.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { App } from '../support/app.ts';

export type Seen = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
};

/** Answers in the place of the service; undefined lets the service answer. */
export type Fault = (seen: Seen, response: ServerResponse) => true | undefined;

export type Service = {
  readonly url: string;
  readonly seen: Seen[];
  readonly violations: string[];
  /** What stands in the way of the next requests, in their order; null lets one pass. */
  readonly faults: (Fault | null)[];
};

type Reply = { readonly status: number; readonly body?: unknown };
type Rules = (seen: Seen, violation: (why: string) => Reply) => Reply;

export const answering =
  (status: number, headers: Record<string, string> = {}, body = ''): Fault =>
  (_seen, response) => {
    response.writeHead(status, headers).end(body);
    return true;
  };

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return pieces.length === 0 ? undefined : JSON.parse(Buffer.concat(pieces).toString('utf8'));
}

/** Whatever tells when the service is not needed any more. */
type Until = { after(work: () => void): void };

async function startService(context: Until, rules: Rules): Promise<Service> {
  const service: Service = { url: '', seen: [], violations: [], faults: [] };
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '', 'http://localhost');
    const { method = '', headers } = request;
    const seen = { method, path: url.pathname, query: url.searchParams, headers, body: await bodyOf(request) };
    service.seen.push(seen);
    if (service.faults.shift()?.(seen, response)) return;
    const violation = (why: string): Reply => {
      service.violations.push(`${method} ${url.pathname}: ${why}`);
      return { status: 400, body: { code: '900400', message: why } };
    };
    const isJson = seen.body === undefined || headers['content-type'] === 'application/json';
    const reply =
      headers.accept === 'application/json' && isJson ? rules(seen, violation) : violation('is not about JSON');
    const content = reply.body === undefined ? '' : JSON.stringify(reply.body);
    response.writeHead(reply.status, { 'content-type': 'application/json' }).end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(service, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

const hasExactly = (value: unknown, required: string[], optional: string[] = []): value is Record<string, unknown> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  required.every((name) => name in value) &&
  Object.keys(value).every((name) => [...required, ...optional].includes(name));

const isMac = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{12}$/.test(value);

export const YMCS_CREDENTIALS = { accessKeyId: 'key-id-0123', accessKeySecret: 'key-secret-4567' };

export type Ymcs = Service & {
  /** Phones of this account: MAC address → URL. */
  readonly devices: Map<string, string>;
  /** Phones of other accounts. */
  readonly foreign: Set<string>;
  /** Phones that the service will not let go. */
  readonly stuck: Set<string>;
  readonly tokens: Set<string>;
};

/** A service that speaks `ymcs`. */
export async function startYmcs(context: Until): Promise<Ymcs> {
  const state = {
    devices: new Map<string, string>(),
    foreign: new Set<string>(),
    stuck: new Set<string>(),
    tokens: new Set<string>(),
  };
  const nonces = new Set<string>();
  const { accessKeyId, accessKeySecret } = YMCS_CREDENTIALS;
  const basic = `Basic ${Buffer.from(`${accessKeyId}:${accessKeySecret}`).toString('base64')}`;
  const unauthorized: Reply = { status: 401, body: { code: '900401', message: 'Not logged in', requestId: 'r' } };
  const isFresh = ({ timestamp, nonce }: IncomingMessage['headers']) => {
    const isNew = typeof nonce === 'string' && /^\w{1,32}$/.test(nonce) && !nonces.has(nonce);
    nonces.add(String(nonce));
    return isNew && /^\d{13}$/.test(String(timestamp)) && Math.abs(Number(timestamp) - Date.now()) < 300_000;
  };
  const counted = (total: number, errors: unknown[]): Reply => ({
    status: 200,
    body: { total, successCount: total - errors.length, failureCount: errors.length, errors },
  });
  const add = (body: unknown, violation: (why: string) => Reply): Reply => {
    if (!Array.isArray(body) || body.length < 1 || body.length > 100) return violation('1 to 100 phones');
    const errors: unknown[] = [];
    for (const one of body) {
      if (!hasExactly(one, ['mac'], ['serverId', 'uniqueServerUrl', 'authName', 'password', 'remark'])) {
        return violation('unknown field');
      }
      const { mac, uniqueServerUrl: url } = one;
      if (!isMac(mac) || typeof url !== 'string' || url.length > 512) return violation('MAC or URL');
      const why = state.foreign.has(mac) ? 'Device already managed by another organization' : 'Device already exists.';
      if (state.foreign.has(mac) || state.devices.has(mac)) errors.push({ mac, sn: '', errorInfo: why });
      else state.devices.set(mac, url);
    }
    return counted(body.length, errors);
  };
  const list = (body: unknown, violation: (why: string) => Reply): Reply => {
    if (!hasExactly(body, ['skip', 'limit', 'autoCount'], ['filter'])) return violation('unknown field');
    const { skip, limit, filter = {} } = body as { skip: number; limit: number; filter?: { mac?: string } };
    if (!hasExactly(filter, [], ['mac']) || limit < 1 || limit > 100) return violation('filter or limit');
    const found = [...state.devices].filter(([mac]) => mac.includes(filter.mac ?? ''));
    const data = found.slice(skip, skip + limit).map(([mac, uniqueServerUrl], index) => {
      return { id: `id-${skip + index}`, mac, sn: null, serverId: null, serverUrl: null, uniqueServerUrl };
    });
    return { status: 200, body: { skip, limit, total: found.length, data } };
  };
  const remove = (body: unknown, violation: (why: string) => Reply): Reply => {
    if (!hasExactly(body, ['deviceIdType', 'deviceIds']) || body.deviceIdType !== 'mac') return violation('id type');
    const macs = body.deviceIds as string[];
    if (!macs.every(isMac) || macs.length > 100) return violation('MAC');
    const errors = macs.flatMap((mac) => {
      if (!state.stuck.has(mac) && state.devices.delete(mac)) return [];
      return [{ field: mac, msg: state.stuck.has(mac) ? 'Device is busy' : 'Device does not exist' }];
    });
    return counted(macs.length, errors);
  };
  const service = await startService(context, ({ method, path, headers, body }, violation) => {
    if (method !== 'POST') return violation('only POST');
    if (!isFresh(headers)) return violation('timestamp or nonce');
    if (path === '/v2/token') {
      if (headers.authorization !== basic) return unauthorized;
      if (!hasExactly(body, ['grant_type']) || body.grant_type !== 'client_credentials') return violation('grant');
      const token = `token-${state.tokens.size}-${nonces.size}`;
      state.tokens.add(token);
      return { status: 200, body: { access_token: token, token_type: 'bearer', expires_in: 86_400 } };
    }
    const token = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
    if (!state.tokens.has(token)) return unauthorized;
    if (path === '/v2/rps/addDevicesByMac') return add(body, violation);
    if (path === '/v2/rps/listDevices') return list(body, violation);
    if (path === '/v2/rps/delDevices') return remove(body, violation);
    return violation('no such path');
  });
  return Object.assign(service, state);
}

/** Gives a house an account at a service of its own, which ends with the process. */
export async function giveAccount(app: App): Promise<Ymcs> {
  const service = await startYmcs({ after: () => undefined });
  const account = { service: 'ymcs', baseUrl: service.url, credentials: YMCS_CREDENTIALS };
  await app.house.store.transaction((tx) => tx.redirections.put(account));
  return service;
}

export const ZTP_CREDENTIALS = { apiKey: 'ztp-api-key-0123456789' };

type ZtpProfile = { id: string; name: string; enabled: boolean; template: Record<string, unknown> };

export type Ztp = Service & {
  readonly profiles: Map<string, ZtpProfile>;
  /** Phones of this account: MAC address → profile. */
  readonly devices: Map<string, string>;
  readonly foreign: Set<string>;
};

/** A service that speaks `ztp`, below `/v1`. */
export async function startZtp(context: Until): Promise<Ztp> {
  const state = {
    profiles: new Map<string, ZtpProfile>(),
    devices: new Map<string, string>(),
    foreign: new Set<string>(),
  };
  const notFound: Reply = { status: 404, body: { message: 'Not Found' } };
  const isProfile = (body: unknown): body is ZtpProfile =>
    hasExactly(body, ['name', 'enabled', 'template'], ['custom']) &&
    hasExactly(body.template, ['provisioning'], ['software', 'dhcp', 'localization']) &&
    hasExactly(body.template.provisioning, ['server'], ['polling', 'quickSetup']) &&
    hasExactly(body.template.provisioning.server, ['address'], ['username', 'password']);
  const page = (items: readonly unknown[], query: URLSearchParams, violation: (why: string) => Reply): Reply => {
    const limit = Number(query.get('limit') ?? 50);
    const from = Number(query.get('cursor') ?? 0);
    if (!(limit >= 1 && limit <= 100) || Number.isNaN(from)) return violation('limit or cursor');
    const next = from + limit < items.length ? String(from + limit) : null;
    return { status: 200, body: { results: items.slice(from, from + limit), next } };
  };
  const profilesAt = ({ method, body, query }: Seen, id: string, violation: (why: string) => Reply): Reply => {
    if (method === 'GET' && id === '') return page([...state.profiles.values()], query, violation);
    if (method === 'GET') return state.profiles.has(id) ? { status: 200, body: state.profiles.get(id) } : notFound;
    if (!isProfile(body)) return violation('not a profile');
    const isNew = method === 'POST' && id === '';
    if (!isNew && !(method === 'PUT' && state.profiles.has(id))) return violation('method');
    const made = { ...body, id: isNew ? `profile-${state.profiles.size + 1}` : id };
    state.profiles.set(made.id, made);
    return { status: 200, body: made };
  };
  const devicesAt = ({ method, body, query }: Seen, mac: string, violation: (why: string) => Reply): Reply => {
    if (method === 'GET' && mac === '') {
      return page(
        [...state.devices].map(([id, profileid]) => ({ id: id.toUpperCase(), profileid })),
        query,
        violation,
      );
    }
    if (method === 'POST' && mac === '') {
      if (!hasExactly(body, ['id', 'profile']) || !isMac(body.id)) return violation('not a phone');
      if (!state.profiles.has(String(body.profile))) return { status: 400, body: { error: 'Unknown profile' } };
      if (state.devices.has(body.id) || state.foreign.has(body.id)) {
        return { status: 409, body: { message: 'Device is registered already' } };
      }
      state.devices.set(body.id, String(body.profile));
      return { status: 200, body: { id: body.id, profileid: body.profile } };
    }
    if (!isMac(mac)) return violation('MAC');
    if (method === 'DELETE' && state.foreign.has(mac)) return { status: 409, body: { message: 'Another account' } };
    if (!state.devices.has(mac)) return notFound;
    if (method === 'GET') return { status: 200, body: { id: mac, profileid: state.devices.get(mac) } };
    if (method !== 'DELETE') return violation('method');
    state.devices.delete(mac);
    return { status: 200, body: {} };
  };
  const service = await startService(context, (seen, violation) => {
    if (seen.headers['api-key'] !== ZTP_CREDENTIALS.apiKey) return { status: 401, body: { message: 'Unauthorized' } };
    if (seen.headers.authorization !== undefined) return violation('another header with credentials');
    const [, room, id = ''] = /^\/v1\/(profiles|devices)(?:\/([^/]+))?$/.exec(seen.path) ?? [];
    if (room === 'profiles') return profilesAt(seen, id, violation);
    if (room === 'devices') return devicesAt(seen, id, violation);
    return violation('no such path');
  });
  return Object.assign(service, state, { url: `${service.url}/v1` });
}
