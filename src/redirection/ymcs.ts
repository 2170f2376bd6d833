// The protocol `ymcs`: OAuth 2.0 client credentials, then JSON calls below `/v2/rps`, a hundred phones at a time.
import { z } from 'zod';
import { invalid } from '../domain/errors.ts';
import type { Mac } from '../domain/mac.ts';
import { type Claimed, failed, type PhoneReport, type RedirectionAccount } from '../domain/redirection.ts';
import { inBatches, oneByOne } from './batches.ts';
import type { RedirectionService } from './redirection.ts';
import { type Answer, type Outside, wireTo } from './wire.ts';

const PHONES_PER_CALL = 100;
const PHONES_MAX = 50_000;
const URL_MAX = 512;
const NONCE_BYTES = 16;
// What an account's session is called that is over, beside status 401.
const SESSION_OVER = new Set(['900401', '900440']);

const code = z.object({ code: z.coerce.string() });
const tokenAnswer = z.object({ access_token: z.string().min(1).max(8_192) });
const addAnswer = z.object({
  successCount: z.number().int(),
  errors: z.array(z.object({ mac: z.string().nullish(), errorInfo: z.string().nullish() })).nullish(),
});
const deleteAnswer = z.object({
  failureCount: z.number().int(),
  errors: z.array(z.object({ field: z.string().nullish(), msg: z.string().nullish() })).nullish(),
});
const device = z.object({
  mac: z.string(),
  uniqueServerUrl: z.string().nullish(),
  serverUrl: z.string().nullish(),
});
const listAnswer = z.object({ data: z.array(device).nullish() });

const plainMac = (text: string) => text.replaceAll(/[^0-9A-Fa-f]/g, '').toLowerCase();

const toClaimed = ({ mac, uniqueServerUrl, serverUrl }: z.output<typeof device>): Claimed => ({
  mac: plainMac(mac) as Mac,
  url: uniqueServerUrl || serverUrl || null,
});

type Post = (path: string, body: unknown) => Promise<Answer>;

/** An authorized POST that asks for a token first, and once more when the token is refused. */
function poster(account: RedirectionAccount, outside: Outside) {
  const wire = wireTo(account, outside);
  const { accessKeyId, accessKeySecret } = account.credentials;
  const basic = Buffer.from(`${accessKeyId}:${accessKeySecret}`).toString('base64');
  wire.hide(basic);
  let token: string | null = null;
  const send = (path: string, authorization: string, body: unknown) => {
    const timestamp = String(outside.now().getTime());
    const nonce = outside.random(NONCE_BYTES).toString('hex');
    return wire.call({ method: 'POST', path, headers: { authorization, timestamp, nonce }, body });
  };
  const newToken = async () => {
    const answer = await send('/v2/token', `Basic ${basic}`, { grant_type: 'client_credentials' });
    if (answer.status !== 200) throw wire.refused(answer.status < 403 ? { ...answer, status: 401 } : answer);
    const { access_token } = wire.read(tokenAnswer, answer);
    wire.hide(access_token);
    return access_token;
  };
  const isOver = ({ status, body }: Answer) =>
    status === 401 || SESSION_OVER.has(code.safeParse(body).data?.code ?? '');
  const post: Post = async (path, body) => {
    token ??= await newToken();
    let answer = await send(path, `Bearer ${token}`, body);
    if (isOver(answer)) {
      token = await newToken();
      answer = await send(path, `Bearer ${token}`, body);
    }
    if (answer.status !== 200) throw wire.refused(answer);
    return answer;
  };
  return { wire, post };
}

/** An account at a service that speaks `ymcs`. */
export function ymcs(account: RedirectionAccount, outside: Outside): RedirectionService {
  const { wire, post } = poster(account, outside);
  const add = async (macs: readonly Mac[], url: string) => {
    const devices = macs.map((mac) => ({ mac, uniqueServerUrl: url }));
    const { successCount, errors } = wire.read(addAnswer, await post('/v2/rps/addDevicesByMac', devices));
    const named = (errors ?? []).map(
      ({ mac, errorInfo }) => [plainMac(mac ?? ''), wire.said(errorInfo, 'refused')] as const,
    );
    return { successCount, reasons: new Map(named.filter(([mac]) => (macs as readonly string[]).includes(mac))) };
  };
  const page = async (skip: number, limit: number, filter: { mac?: Mac }) => {
    const body = { skip, limit, autoCount: false, ...(filter.mac === undefined ? {} : { filter }) };
    return (wire.read(listAnswer, await post('/v2/rps/listDevices', body)).data ?? []).map(toClaimed);
  };
  const find = async (mac: Mac) => (await page(0, PHONES_PER_CALL, { mac })).find((held) => held.mac === mac) ?? null;
  const remove = async (macs: readonly Mac[]) =>
    wire.read(deleteAnswer, await post('/v2/rps/delDevices', { deviceIdType: 'mac', deviceIds: macs }));
  /** A phone that was not added, or perhaps not: what the service holds decides. */
  const settle = async (mac: Mac, url: string, reason: string | undefined): Promise<PhoneReport> => {
    const held = await find(mac);
    if (held === null) return failed(mac, reason ?? 'was not taken, without a reason');
    if (held.url === url) return { mac, outcome: reason === undefined ? 'claimed' : 'unchanged', reason: null };
    // The API documents no way to change the URL of a phone.
    await remove([mac]);
    const again = await add([mac], url);
    if (again.successCount === 1) return { mac, outcome: 'moved', reason: null };
    const why = again.reasons.get(mac) ?? 'without a reason';
    return failed(mac, `was released from ${held.url ?? 'nowhere'} and then not taken (${why}); claim it again`);
  };
  return {
    claim: async (macs, { url }) => {
      if (url.length > URL_MAX) throw invalid(`${account.service} takes URLs of at most ${URL_MAX} characters`);
      return inBatches(macs, { size: PHONES_PER_CALL, begun: false }, async (batch) => {
        const { successCount, reasons } = await add(batch, url);
        // A 200 is not the success of every phone; where the numbers do not add up, every phone is looked at.
        const isClear = successCount + reasons.size === batch.length;
        const open = isClear ? batch.filter((mac) => reasons.has(mac)) : batch;
        const settled = await oneByOne(open, true, (mac) => settle(mac, url, reasons.get(mac)));
        const byMac = new Map(settled.map((report) => [report.mac, report]));
        return batch.map((mac) => byMac.get(mac) ?? { mac, outcome: 'claimed', reason: null });
      });
    },
    list: async () => {
      const all: Claimed[] = [];
      while (all.length < PHONES_MAX) {
        const some = await page(all.length, PHONES_PER_CALL, {});
        all.push(...some);
        if (some.length < PHONES_PER_CALL) break;
      }
      return all;
    },
    release: (macs) =>
      inBatches(macs, { size: PHONES_PER_CALL, begun: false }, async (batch) => {
        const { failureCount, errors } = await remove(batch);
        if (failureCount === 0) return batch.map((mac) => ({ mac, outcome: 'released', reason: null }));
        const why = (mac: Mac) =>
          errors?.find(({ field, msg }) => plainMac(`${field}${msg}`).includes(mac))?.msg ?? errors?.[0]?.msg;
        return oneByOne(batch, true, async (mac) =>
          (await find(mac)) === null
            ? { mac, outcome: 'released', reason: null }
            : failed(mac, wire.said(why(mac), 'was not released, without a reason')),
        );
      }),
  };
}
