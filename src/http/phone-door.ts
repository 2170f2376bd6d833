// The phones' door: GET, HEAD and PUT of files. It is plain node:http, because a boot storm passes here (DECISIONS.md).
// Everything that cannot be had gets one answer; a fault of ours gets another, and the two are never confused.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import { type Readable, Stream } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { acceptUpload } from '../app/accept-upload.ts';
import { findFirmware } from '../app/find-firmware.ts';
import type { FetchRecorder } from '../app/record-fetches.ts';
import { type FileRequest, type House, type KnownPhone, type Stranger, serveFile } from '../app/serve-file.ts';
import type { Firmware, FirmwareFile } from '../firmware/firmware.ts';
import { log } from '../log.ts';
import type { AnswerKind, Metrics } from '../metrics.ts';
import { clientAddress } from './address.ts';
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

export type PhoneDoor = House & {
  readonly fetches: FetchRecorder;
  readonly metrics: Metrics;
  readonly firmware: Firmware;
  readonly now: () => Date;
};

type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: Buffer | Readable | null;
  readonly phone: KnownPhone | null;
  readonly stranger?: Stranger | null;
  readonly digest: string | null;
  readonly kind: AnswerKind;
};

const plain = (status: number, phone: KnownPhone | null, headers = {}): Answer => ({
  status,
  headers: { 'Content-Length': 0, ...headers },
  body: null,
  phone,
  digest: null,
  kind: 'other',
});

const notThere = (phone: KnownPhone | null) => plain(404, phone);
const unwell = () => plain(503, null, { 'Retry-After': RETRY_AFTER_S });

/** A request on its way: what is needed of it also when its connection is gone. */
type Visit = {
  /** The name under which its lines stand in the log. */
  readonly id: string;
  readonly method: string;
  readonly address: string;
  readonly asked: FileRequest | null;
};

/** The request listener of the phones' door. */
export function phoneDoor(door: PhoneDoor): RequestListener {
  return (request, response) => {
    const began = performance.now();
    const { method = '' } = request;
    const visit = { id: newRequestId(), method, address: clientAddress(request), asked: fileRequest(request) };
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

function fileRequest(request: IncomingMessage): FileRequest | null {
  const groups = PATH.exec(request.url ?? '')?.groups;
  if (groups?.file === undefined) return null;
  const token = groups.token?.toLowerCase() ?? null;
  return { token, file: groups.file, userAgent: request.headers['user-agent'] ?? '' };
}

async function answer(door: PhoneDoor, request: IncomingMessage, asked: FileRequest | null): Promise<Answer> {
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

async function give(door: PhoneDoor, request: IncomingMessage, asked: FileRequest): Promise<Answer> {
  const { phone, stranger, file, kind } = await serveFile(door, asked);
  if (file === null) {
    const image = phone === null ? await findFirmware(door, asked) : null;
    return image === null ? { ...notThere(phone), stranger } : giveImage(request, image);
  }
  const { body, contentType, digest } = file;
  const known = { ETag: `"${digest}"`, 'Cache-Control': 'private, no-store' };
  if (matches(request.headers['if-none-match'], digest)) {
    return { status: 304, headers: known, body: null, phone, digest, kind };
  }
  const headers = { ...known, 'Content-Type': contentType, 'Content-Length': body.length };
  return request.method === 'HEAD'
    ? { status: 200, headers, body: null, phone, digest: null, kind }
    : { status: 200, headers, body, phone, digest, kind };
}

/** An image, or the part of it that is asked for. */
async function giveImage(request: IncomingMessage, image: FirmwareFile): Promise<Answer> {
  const { range: asked, 'if-range': onlyIf, 'if-none-match': had } = request.headers;
  const known = { ETag: `"${image.tag}"`, 'Accept-Ranges': 'bytes', 'Content-Type': 'application/octet-stream' };
  const range = onlyIf === undefined || onlyIf === known.ETag ? rangeOf(asked, image.bytes) : null;
  const nothing = { body: null, phone: null, digest: null, kind: 'firmware' } as const;
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

async function take(door: PhoneDoor, request: IncomingMessage, asked: FileRequest): Promise<Answer> {
  const uploads = door.vendors.identify(asked.file).some(({ spec }) => spec.kind === 'uploaded');
  if (!uploads || asked.token === null) return notThere(null);
  const content = await readBody(request);
  if (content === null) return plain(413, null, { Connection: 'close' });
  const { phone, outcome } = await acceptUpload(door, asked, content);
  if (outcome === 'too_large') return plain(413, phone);
  return outcome === 'kept' ? { ...plain(200, phone), kind: 'uploaded' } : notThere(phone);
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
  const seen = { file: asked.file, address, userAgent: asked.userAgent };
  if (given.stranger) door.fetches.meet(given.stranger, seen);
  if (given.phone === null) return;
  const { mac, tenant } = given.phone;
  door.fetches.add({ mac, tenant, method, ...seen, status: given.status, digest: given.digest });
}

/** Whose phone asks, as far as file name and user agent say, for phones that have not proven themselves. */
function guess({ vendors }: PhoneDoor, asked: FileRequest | null) {
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
  const known = given.phone && { vendor: given.phone.vendor, file: asked?.file ?? null };
  const { vendor, file } = known ?? guess(door, asked);
  const { status, kind } = given;
  door.metrics.phoneAnswered({ method, vendor, kind, status, seconds: ms / 1_000 });
  if (given.stranger) door.metrics.strangerSeen(vendor);
  if (!log.isLevelEnabled('debug')) return;
  const line = { request: id, method, vendor, file, kind, status, ms: Math.round(ms * 10) / 10, address };
  log.debug(line, 'phone request');
}
