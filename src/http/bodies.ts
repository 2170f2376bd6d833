// Bodies at the admin door: which kinds are read, how long and how deep they may be.
import express, { type RequestHandler } from 'express';
import { Refusal } from './errors.ts';

const JSON_BYTES_MAX = 1_048_576;
/** Whoever has not come in yet has little to say. */
const STRANGER_BYTES_MAX = 16_384;
/** A table, or a whole house. */
const LONG_BYTES_MAX = 67_108_864;
const JSON_DEPTH_MAX = 32;

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** How deep lists and objects stand in each other in a JSON text (UTF-8), found without parsing it. */
export function jsonDepth(text: Uint8Array): number {
  let [depth, deepest] = [0, 0];
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const byte = text[at] ?? 0;
    if (byte === QUOTE) quoted = !quoted;
    else if (quoted) at += byte === BACKSLASH ? 1 : 0;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) deepest = Math.max(deepest, ++depth);
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth--;
  }
  return deepest;
}

/** @throws Refusal for JSON in another encoding than UTF-8 (RFC 8259 section 8.1), or nested too deeply */
function verify(_request: unknown, _response: unknown, body: Buffer, encoding: string): void {
  if (encoding !== 'utf-8') throw new Refusal(415, 'Send JSON in UTF-8.');
  if (jsonDepth(body) <= JSON_DEPTH_MAX) return;
  throw new Refusal(400, `The body nests lists and objects more than ${JSON_DEPTH_MAX} deep.`);
}

type Taken = {
  /** Does the operation take JSON, and may it be long? */
  readonly json: boolean;
  readonly long: boolean;
  /** Other content types that it takes. */
  readonly types: readonly string[];
  /** May anybody call it, without having come in? */
  readonly open: boolean;
};

/** What reads the body of an operation. What takes no body reads none. */
export function readersFor({ json, long, types, open }: Taken): RequestHandler[] {
  const limit = open ? STRANGER_BYTES_MAX : long ? LONG_BYTES_MAX : JSON_BYTES_MAX;
  const readers: RequestHandler[] = json ? [express.json({ limit, verify })] : [];
  if (types.length > 0) readers.push(express.text({ type: [...types], limit: LONG_BYTES_MAX }));
  const known = [...(json ? ['application/json'] : []), ...types];
  return known.length === 0 ? [] : [onlyOf(known), ...readers];
}

/** Refuses bodies of other types. */
function onlyOf(known: readonly string[]): RequestHandler {
  return (request, _response, next) => {
    const isThere = request.get('transfer-encoding') !== undefined || Number(request.get('content-length') ?? 0) > 0;
    if (isThere && request.is([...known]) === false) {
      throw new Refusal(415, `Send the body as ${known.join(' or ')}, and say so in Content-Type.`);
    }
    next();
  };
}
