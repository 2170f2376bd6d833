// The phones' door: GET, HEAD and PUT of files. It is plain node:http, because a boot storm passes here (DECISIONS.md).
// Everything that cannot be had gets one answer; a fault of ours gets another, and the two are never confused.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { type Readable, Stream } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { acceptUpload } from '../app/accept-upload.ts';
import { findFirmware } from '../app/find-firmware.ts';
import type { FetchRecorder } from '../app/record-fetches.ts';
import { type FileRequest, type House, type KnownPhone, type Stranger, serveFile } from '../app/serve-file.ts';
import type { Firmware, FirmwareFile } from '../firmware/firmware.ts';
import { log } from '../log.ts';
import { clientAddress } from './address.ts';
import { rangeOf } from './range.ts';

const UPLOAD_BYTES_MAX = 1_048_576;
const RETRY_AFTER_S = 30;

// Matched against the raw path, before any decoding: no phone needs a percent sign. A bare /<file> is for phones that
// carry their own proof. Some phones write the slash of their URL twice.
const PATH = /^\/(?:p\/(?<token>[A-Za-z0-9]{1,64})\/+)?(?<file>[A-Za-z0-9._-]{1,80})$/;

export type PhoneDoor = House & {
  readonly fetches: FetchRecorder;
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
};

const plain = (status: number, phone: KnownPhone | null, headers = {}): Answer => ({
  status,
  headers: { 'Content-Length': 0, ...headers },
  body: null,
  phone,
  digest: null,
});

const notThere = (phone: KnownPhone | null) => plain(404, phone);
const unwell = () => plain(503, null, { 'Retry-After': RETRY_AFTER_S });

/** The request listener of the phones' door. */
export function phoneDoor(door: PhoneDoor): RequestListener {
  return (request, response) => {
    const asked = fileRequest(request);
    answer(door, request, asked)
      .catch((error: unknown): Answer => {
        log.error({ error, method: request.method }, 'a phone could not be answered');
        return unwell();
      })
      .then(async (given) => {
        record(door, request, asked, given);
        await send(response, given);
      })
      .catch((error: unknown) => log.error({ error }, 'an answer to a phone could not be sent'));
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
  const { phone, stranger, file } = await serveFile(door, asked);
  if (file === null) {
    const image = phone === null ? await findFirmware(door, asked) : null;
    return image === null ? { ...notThere(phone), stranger } : giveImage(request, image);
  }
  const { body, contentType, digest } = file;
  const known = { ETag: `"${digest}"`, 'Cache-Control': 'private, no-store' };
  if (matches(request.headers['if-none-match'], digest)) {
    return { status: 304, headers: known, body: null, phone, digest };
  }
  const headers = { ...known, 'Content-Type': contentType, 'Content-Length': body.length };
  return request.method === 'HEAD'
    ? { status: 200, headers, body: null, phone, digest: null }
    : { status: 200, headers, body, phone, digest };
}

/** An image, or the part of it that is asked for. */
async function giveImage(request: IncomingMessage, image: FirmwareFile): Promise<Answer> {
  const { range: asked, 'if-range': onlyIf, 'if-none-match': had } = request.headers;
  const known = { ETag: `"${image.tag}"`, 'Accept-Ranges': 'bytes', 'Content-Type': 'application/octet-stream' };
  const range = onlyIf === undefined || onlyIf === known.ETag ? rangeOf(asked, image.bytes) : null;
  const nothing = { body: null, phone: null, digest: null };
  if (matches(had, image.tag) || range === 'unsatisfiable' || request.method === 'HEAD' || image.bytes === 0) {
    await image.close();
    if (matches(had, image.tag)) return { ...nothing, status: 304, headers: known };
    if (range !== 'unsatisfiable')
      return { ...nothing, status: 200, headers: { ...known, 'Content-Length': image.bytes } };
    return { ...plain(416, null), headers: { 'Content-Length': 0, 'Content-Range': `bytes */${image.bytes}` } };
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
  return outcome === 'kept' ? plain(200, phone) : notThere(phone);
}

/** The body, or null when it is longer than a phone's file can be. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > UPLOAD_BYTES_MAX) return null;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

async function send(response: ServerResponse, { status, headers, body }: Answer): Promise<void> {
  response.writeHead(status, headers);
  if (body instanceof Stream) await pipeline(body, response);
  else response.end(body ?? undefined);
}

function record(door: PhoneDoor, request: IncomingMessage, asked: FileRequest | null, given: Answer): void {
  if (asked === null) return;
  const seen = { file: asked.file, address: clientAddress(request), userAgent: asked.userAgent };
  if (given.stranger) door.fetches.meet(given.stranger, seen);
  if (given.phone === null) return;
  door.fetches.add({
    ...given.phone,
    method: request.method ?? '',
    ...seen,
    status: given.status,
    digest: given.digest,
  });
}
