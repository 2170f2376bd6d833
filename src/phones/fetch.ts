// Fetches as a phone does: with its user agent, and with its name and password where it is asked for them (RFC 7616).
import { type Credential, challengeAmong, digestAnswer } from '../sip/digest.ts';

const TIMEOUT_MS = 30_000;
const FILE_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Fetches a file.
 * @returns its text; null for any answer but a good one
 * @throws Error when nobody answers in time, or with more than a phone can hold
 */
export async function fetchAsPhone(
  url: string,
  userAgent: string,
  { credential, unique }: { readonly credential: Credential | null; readonly unique: () => string },
): Promise<string | null> {
  const ask = async (more: Record<string, string>) => {
    const answer = await fetch(url, {
      headers: { 'User-Agent': userAgent, ...more },
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await answer.text();
    if (text.length > FILE_BYTES_MAX) throw new Error(`${new URL(url).host} answers with more than a phone can hold`);
    return { answer, text };
  };
  const first = await ask({});
  const challenge = challengeAmong(
    (first.answer.headers.get('www-authenticate') ?? '').split(/,\s*(?=(?:Digest|Basic)\s)/),
  );
  if (first.answer.status !== 401 || challenge === null || credential === null) {
    return first.answer.status === 200 ? first.text : null;
  }
  const { pathname, search } = new URL(url);
  const asked = { method: 'GET', uri: pathname + search, cnonce: unique() };
  const second = await ask({ Authorization: digestAnswer(challenge, credential, asked) });
  return second.answer.status === 200 ? second.text : null;
}
