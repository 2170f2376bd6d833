// The one logger, with the one list of fields that are never written. Logs go to standard error: standard output belongs
// to what commands print. Rendered files and request bodies are never logged at all.
import pino from 'pino';

const SECRET_FIELDS = ['password', 'token', 'authorization', 'key', 'sealed'];

export const log = pino(
  {
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { error: pino.stdSerializers.err },
    redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]), censor: '[secret]' },
  },
  pino.destination({ fd: 2, sync: true }),
);
