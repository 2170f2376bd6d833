// The phones' door: GET, HEAD and PUT of files. It is plain node:http, because a boot storm passes here (DECISIONS.md).
// Everything that cannot be had gets one answer; a fault of ours gets another, and the two are never confused.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import { type Readable, Stream } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { keepUpload, mayUpload } from '../app/accept-upload.ts';
import type { FileRequest } from '../app/admit.ts';
import { findFirmware } from '../app/find-firmware.ts';
import type { FetchRecorder } from '../app/record-fetches.ts';
import { type Admitted, type PhoneHouse, serveFile } from '../app/serve-file.ts';
import type { Seen } from '../app/watch-sweeps.ts';
import type { CertificateProof } from '../domain/proof.ts';
import type { FirmwareFile } from '../firmware/firmware.ts';
import { log } from '../log.ts';
import type { AnswerKind, Metrics } from '../metrics.ts';
import { clientAddress, isSecure } from './address.ts';
import { type Authorization, openAuthorization, type Read, type Scheme } from './authorization.ts';
import { newRequestId } from './follow.ts';
import { rangeOf } from './range.ts';

const UPLOAD_BYTES_MAX = 1_048_576;
const THROWN_AWAY_BYTES_MAX = 8 * UPLOAD_BYTES_MAX;
const RETRY_AFTER_S = 30;
/** What stands for the status where a phone hung up while it was sending. */
const WENT_AWAY = 499;

// Matched against the raw path, before any decoding: no phone needs a percent sign. A bare /<file> is for phones that
// carry their own proof. Some phones write the slash of their URL twice.
const PATH = /^\/(?:p\/(?<token>[A-Za-z0-9]{1,64})\/+)?(?<file>[A-Za-z0-9._-]{1,80})$/;

export type PhoneDoor = PhoneHouse & {
  readonly fetches: FetchRecorder;
  readonly metrics: Metrics;
  /** The phone that a request's client certificate proves; null for none, or one that is not good. */
  readonly certificateOf?: (request: IncomingMessage) => CertificateProof | null;
  /** May a phone send its password where others can listen? */
  readonly basicWithoutTls?: boolean;
  /** Is told of every request for a file once it is decided. It must not throw and must not take long. */
  readonly observe?: (seen: Seen) => void;
};

type Means = PhoneDoor & { readonly authorization: Authorization };

type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number | string[]>>;
  readonly body: Buffer | Readable | null;
  /** Null where nobody has looked at what was asked for. */
  readonly admitted: Admitted | null;
  readonly digest: string | null;
  readonly kind: AnswerKind;
};

const plain = (status: number, admitted: Admitted | null, headers = {}): Answer => ({
  status,
  headers: { 'Content-Length': 0, ...headers },
  body: null,
  admitted,
  digest: null,
  kind: 'other',
});

const notThere = (admitted: Admitted | null) => plain(404, admitted);
const unwell = () => plain(503, null, { 'Retry-After': RETRY_AFTER_S });

/** A request on its way: what is needed of it also when its connection is gone. */
type Visit = {
  /** The name under which its lines stand in the log. */
  readonly id: string;
  readonly method: string;
  readonly address: string;
  readonly asked: Request | null;
};

/** What a phone asks for, and how it may be asked to prove itself. */
type Request = FileRequest & { readonly credential: Read | null; readonly schemes: readonly Scheme[] };

/**
 * The request listener of the phones' door. The house is looked at with every request: parts of it are settled after the
 * door has opened.
 */
export function phoneDoor(house: PhoneDoor): RequestListener {
  const authorization = openAuthorization(house);
  return (request, response) => {
    const began = performance.now();
    const { method = '' } = request;
    const door = { ...house, authorization };
    const visit = { id: newRequestId(), method, address: clientAddress(request), asked: fileRequest(door, request) };
    answer(door, request, visit.asked)
      .catch((error: unknown): Answer => {
        if (request.destroyed && !request.complete) return plain(WENT_AWAY, null);
        log.error({ error, request: visit.id, method }, 'a phone could not be answered');
        return unwell();
      })
      .then(async (given) => {
        record(door, visit, given);
        try {
          await send(response, given);
        } finally {
          follow(door, visit, given, performance.now() - began);
        }
      })
      .catch((error: unknown) => {
        // A phone may hang up in the middle of an image; it comes again.
        const level = (error as { code?: unknown }).code === 'ERR_STREAM_PREMATURE_CLOSE' ? 'debug' : 'error';
        log[level]({ error, request: visit.id }, 'an answer to a phone could not be sent');
      });
  };
}

function fileRequest(door: Means, request: IncomingMessage): Request | null {
  const { method = '', url = '' } = request;
  const groups = PATH.exec(url)?.groups;
  if (groups?.file === undefined) return null;
  const { authorization: header, 'user-agent': userAgent = '' } = request.headers;
  const schemes = schemesFor(door, request, groups.file, userAgent);
  return {
    ...{ token: groups.token?.toLowerCase() ?? null, file: groups.file, userAgent, schemes },
    address: clientAddress(request),
    certificate: door.certificateOf?.(request) ?? null,
    credential: door.authorization.read({ method, url, header, schemes }),
    isLookOnly: method === 'HEAD',
  };
}

const SCHEMES: readonly Scheme[] = ['digest-sha-256', 'digest-md5', 'basic'];

/** How the phone that may be asking can prove itself: all that the vendors can that use the name, or that it says it is. */
function schemesFor(door: Means, request: IncomingMessage, file: string, userAgent: string): readonly Scheme[] {
  const { vendors, basicWithoutTls = false } = door;
  const claims = vendors.identify(file).map(({ vendor }) => vendor);
  const agent = vendors.readAgent(userAgent)?.vendor;
  const isOneOfThem = agent !== undefined && (claims.length === 0 || claims.includes(agent));
  const asking = isOneOfThem ? [agent] : claims.length > 0 ? claims : vendors.ids;
  const known = new Set(asking.flatMap((vendor) => vendors.authentication(vendor)));
  const othersListen = !isSecure(request) && !basicWithoutTls;
  return SCHEMES.filter((scheme) => known.has(scheme) && !(scheme === 'basic' && othersListen));
}

async function answer(door: Means, request: IncomingMessage, asked: Request | null): Promise<Answer> {
  if (asked === null) return notThere(null);
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return give(door, request, asked);
    case 'PUT':
      return take(door, request, asked);
    default:
      return notThere(null);
  }
}

/** One answer for everything that is not proven and one for everything that is not there, whatever there is. */
function refuse({ authorization }: Means, { schemes, credential }: Request, admitted: Admitted): Answer {
  if (admitted.outcome !== 'challenge') return notThere(admitted);
  const values = authorization.challenges(schemes, credential?.isStale() === true);
  return plain(401, admitted, { 'WWW-Authenticate': values });
}

async function give(door: Means, request: IncomingMessage, asked: Request): Promise<Answer> {
  const { file, kind, mayBeImage, ...admitted } = await serveFile(door, asked);
  if (file === null) {
    const image = mayBeImage ? await findFirmware(door.firmware, asked.file) : null;
    return image === null ? refuse(door, asked, admitted) : { ...(await giveImage(request, image)), admitted };
  }
  const { body, contentType, digest } = file;
  const known = { ETag: `"${digest}"`, 'Cache-Control': 'private, no-store' };
  if (matches(request.headers['if-none-match'], digest)) {
    return { status: 304, headers: known, body: null, admitted, digest, kind };
  }
  const headers = { ...known, 'Content-Type': contentType, 'Content-Length': body.length };
  return request.method === 'HEAD'
    ? { status: 200, headers, body: null, admitted, digest: null, kind }
    : { status: 200, headers, body, admitted, digest, kind };
}

/** An image, or the part of it that is asked for. */
async function giveImage(request: IncomingMessage, image: FirmwareFile): Promise<Answer> {
  const { range: asked, 'if-range': onlyIf, 'if-none-match': had } = request.headers;
  const known = { ETag: `"${image.tag}"`, 'Accept-Ranges': 'bytes', 'Content-Type': 'application/octet-stream' };
  const range = onlyIf === undefined || onlyIf === known.ETag ? rangeOf(asked, image.bytes) : null;
  const nothing = { body: null, admitted: null, digest: null, kind: 'firmware' } as const;
  if (matches(had, image.tag) || range === 'unsatisfiable' || request.method === 'HEAD' || image.bytes === 0) {
    await image.close();
    if (matches(had, image.tag)) return { ...nothing, status: 304, headers: known };
    if (range !== 'unsatisfiable')
      return { ...nothing, status: 200, headers: { ...known, 'Content-Length': image.bytes } };
    return {
      ...plain(416, null),
      kind: 'firmware',
      headers: { 'Content-Length': 0, 'Content-Range': `bytes */${image.bytes}` },
    };
  }
  const { first, last } = range ?? { first: 0, last: image.bytes - 1 };
  const part = range === null ? {} : { 'Content-Range': `bytes ${first}-${last}/${image.bytes}` };
  const headers = { ...known, ...part, 'Content-Length': last - first + 1 };
  return { ...nothing, status: range === null ? 200 : 206, headers, body: image.read(first, last) };
}

/** `If-None-Match` (RFC 9110 section 13.1.2): a list of tags, compared weakly, or `*`. */
function matches(header: string | undefined, digest: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === `"${digest}"`);
}

async function take(door: Means, request: IncomingMessage, asked: Request): Promise<Answer> {
  const { taking, ...admitted } = await mayUpload(door, asked);
  if (taking === null) return refuse(door, asked, admitted);
  const content = await readBody(request);
  if (content === null) return plain(413, null, { Connection: 'close' });
  const outcome = await keepUpload(door, taking, content);
  if (outcome === 'too_large') return plain(413, admitted);
  return outcome === 'kept' ? { ...plain(200, admitted), kind: 'uploaded' } : notThere(admitted);
}

/**
 * The body, or null when it is longer than a phone's file can be. What is too much is read and thrown away for a while:
 * a phone that is sending hears no answer.
 */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes <= UPLOAD_BYTES_MAX) pieces.push(piece);
    else pieces.length = 0;
    if (bytes > THROWN_AWAY_BYTES_MAX) break;
  }
  return bytes > UPLOAD_BYTES_MAX ? null : Buffer.concat(pieces);
}

async function send(response: ServerResponse, { status, headers, body }: Answer): Promise<void> {
  response.writeHead(status, headers);
  if (body instanceof Stream) await pipeline(body, response);
  else response.end(body ?? undefined);
}

function record(door: PhoneDoor, { asked, address, method }: Visit, given: Answer): void {
  if (asked === null) return;
  const { admitted } = given;
  const { mac = null, tenant = null, isKnown = false, outcome = 'fault' } = admitted ?? {};
  door.observe?.({ address, mac, tenant, isKnown, outcome });
  if (admitted === null) return;
  const seen = { file: asked.file, address, userAgent: asked.userAgent };
  const { stranger, contest, used, phone, tokenId } = admitted;
  if (stranger) door.fetches.meet(stranger, seen);
  if (contest) door.fetches.contest(contest, address);
  if (used) door.fetches.prove(used);
  if (outcome === 'enrol' || contest) door.metrics.enrolment(contest ? 'refused' : 'handed_out');
  if (phone === null) return;
  const of = { mac: phone.mac, tenant: phone.tenant, tokenId };
  door.fetches.add({ ...of, ...seen, method, status: given.status, digest: given.digest });
}

/** Whose phone asks, as far as file name and user agent say, for phones that have not proven themselves. */
function guess({ vendors }: PhoneDoor, asked: Request | null) {
  if (asked === null) return { vendor: null, file: null };
  const claims = vendors.identify(asked.file);
  const [first] = claims;
  const isSure = first !== undefined && claims.every(({ vendor }) => vendor === first.vendor);
  const vendor = isSure ? first.vendor : (vendors.readAgent(asked.userAgent)?.vendor ?? null);
  // A name that no vendor uses may be anything, even a token at the wrong place.
  return { vendor, file: first === undefined ? null : asked.file };
}

/** Counts what a phone was given after `ms` milliseconds, and writes it in the log for whoever looks closely. */
function follow(door: PhoneDoor, { id, method, address, asked }: Visit, given: Answer, ms: number): void {
  const phone = given.admitted?.phone ?? null;
  const known = phone && { vendor: phone.vendor, file: asked?.file ?? null };
  const { vendor, file } = known ?? guess(door, asked);
  const { status, kind } = given;
  door.metrics.phoneAnswered({ method, vendor, kind, status, seconds: ms / 1_000 });
  if (given.admitted?.stranger) door.metrics.strangerSeen(vendor);
  if (!log.isLevelEnabled('debug')) return;
  const line = { request: id, method, vendor, file, kind, status, ms: Math.round(ms * 10) / 10, address };
  log.debug(line, 'phone request');
}
