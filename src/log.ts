// The one logger, with the one list of what is never written. Logs go to standard error: standard output belongs to what
// commands print. Rendered files, request bodies, queries and paths are never logged at all; what stands here is the
// second lock, for the day on which somebody hands a secret to the log by mistake.
import pino from 'pino';

const MASK = '[secret]';

/** Fields that are never written, at any depth. */
const SECRET_NAME = /password|passwd|passphrase|secret|token|authorization|cookie|credential|sealed|session|key$/i;

/** Secrets that are known by their shape, wherever they stand in a line. */
const SECRET_SHAPES: readonly [RegExp, string][] = [
  // A tenant's token in a provisioning URL.
  [/\/p\/[A-Za-z0-9]+/g, `/p/${MASK}`],
  // A program's key: its id may be known.
  [/\bhp_([a-z2-7]{8})_[a-z2-7]+/g, `hp_$1_${MASK}`],
  [/\b(Bearer|Basic) +[^\s"\\]+/gi, `$1 ${MASK}`],
  // Tokens, keys and sessions by themselves: base32, 128 bits or more.
  [/\b[a-z2-7]{26,}\b/g, MASK],
];

const DEPTH_MAX = 6;
const LIST_MAX = 100;

/** JSON.parse quotes what it could not read, and that may have been anything. */
const withoutQuote = (text: string) =>
  text.replace(/(?:\.{3})?".*"(?:\.{3})? is not valid JSON/s, '"…" is not valid JSON');

/** What is told of an error: never the fields that libraries hang on it, such as the body of a request. */
function describe(error: Error, depth: number): object {
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return {
    type: error.name,
    message: withoutQuote(error.message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    stack: withoutQuote(error.stack ?? ''),
    ...(cause instanceof Error && depth < DEPTH_MAX ? { cause: describe(cause, depth + 1) } : {}),
  };
}

function clean(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return describe(value, depth);
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return '[bytes]';
  if (depth >= DEPTH_MAX) return '[deep]';
  if (Array.isArray(value)) return value.slice(0, LIST_MAX).map((one) => clean(one, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, SECRET_NAME.test(name) ? MASK : clean(inner, depth + 1)]),
  );
}

/** A logger that writes to `destination`. */
export const openLog = (destination: pino.DestinationStream): pino.Logger =>
  pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { log: (fields) => clean(fields, 0) as Record<string, unknown> },
      hooks: {
        streamWrite: (line) => SECRET_SHAPES.reduce((text, [shape, instead]) => text.replace(shape, instead), line),
      },
    },
    destination,
  );

/** So much of the log waits for a disk that is full; what comes on top of it is let go. */
const WAITING_BYTES_MAX = 1_048_576;

const standardError = pino.destination({ fd: 2, sync: true, maxLength: WAITING_BYTES_MAX });
// A log that cannot be written (a full disk, a reader that has gone) must not end the program; there is nobody left to tell.
standardError.on('error', () => undefined);

export const log = openLog(standardError);
