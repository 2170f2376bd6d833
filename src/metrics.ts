// The numbers that Prometheus reads. Labels come from closed lists, so neither a phone nor a stranger can make new series:
// no MAC address, tenant, file or path is ever a label.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { HouseCount } from './app/count-phones.ts';
import { log } from './log.ts';

/** What a phone was given: a file made for it, one that it uploaded (coming or going), an image, or something else. */
export type AnswerKind = 'rendered' | 'uploaded' | 'firmware' | 'other';

export type PhoneAnswer = {
  /** As GET, HEAD or PUT. */
  readonly method: string;
  /** Null when nobody knows. */
  readonly vendor: string | null;
  readonly kind: AnswerKind;
  /** The HTTP status. */
  readonly status: number;
  readonly seconds: number;
};

export type AdminAnswer = { readonly operation: string; readonly status: number; readonly seconds: number };

/** What somebody who was not let in came with, and whether it was wrong or had to wait. */
export type SignInFailure = { readonly by: 'password' | 'key'; readonly reason: 'wrong' | 'waiting' };

export type Metrics = {
  phoneAnswered(answer: PhoneAnswer): void;
  /** A phone that nobody has claimed asked with a tenant's token. */
  strangerSeen(vendor: string | null): void;
  adminAnswered(answer: AdminAnswer): void;
  signInFailed(failure: SignInFailure): void;
  /** Everything, in the text format of Prometheus. Never fails because the database does. */
  read(): Promise<{ readonly contentType: string; readonly text: string }>;
};

type Sources = {
  readonly vendors: readonly string[];
  /** How many fetch records wait for the database, and how many were given up since the start. */
  readonly records: () => { readonly waiting: number; readonly dropped: number };
  /** Counts in the database; asked at most every 15 seconds, however often somebody reads. */
  readonly count: () => Promise<HouseCount>;
  readonly now: () => Date;
};

const COUNTED_MS = 15_000;
// A file is rendered within milliseconds; a boot storm queues; an image over a thin line takes minutes.
const PHONE_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120];
const ADMIN_BUCKETS_S = [0.005, 0.025, 0.1, 0.5, 2.5, 10, 60];
const UNKNOWN = 'unknown';

/** `2xx` and the like. */
const statusClass = (status: number) => `${Math.floor(status / 100)}xx`;

const UPLOAD_RESULTS: Readonly<Record<number, string>> = { 200: 'kept', 404: 'refused', 413: 'too_large', 499: 'cut' };

/** The process is one, however many houses are opened in it (tests open several). */
let processNumbers: Registry | null = null;

function ofProcess(): Registry {
  if (processNumbers === null) {
    processNumbers = new Registry();
    collectDefaultMetrics({ register: processNumbers });
  }
  return processNumbers;
}

/** Begins to count. */
export function openMetrics({ vendors, records, count, now }: Sources): Metrics {
  const registry = new Registry();
  const phones = phoneNumbers(registry);
  const admin = adminNumbers(registry);
  const house = houseNumbers(registry, records);
  const counted = remembered(count, now);
  const vendorOf = (vendor: string | null) => (vendor !== null && vendors.includes(vendor) ? vendor : UNKNOWN);
  const ownProcess = ofProcess();
  return {
    phoneAnswered({ method, vendor: named, kind, status, seconds }) {
      const vendor = vendorOf(named);
      phones.seconds.observe({ kind }, seconds);
      if (method === 'PUT') phones.uploads.inc({ vendor, result: UPLOAD_RESULTS[status] ?? 'failed' });
      else phones.fetches.inc({ vendor, result: status === 404 ? 'not_found' : statusClass(status) });
    },
    strangerSeen: (vendor) => phones.strangers.inc({ vendor: vendorOf(vendor) }),
    adminAnswered({ operation, status, seconds }) {
      admin.requests.inc({ operation, status: statusClass(status) });
      admin.seconds.observe({ operation }, seconds);
    },
    signInFailed: ({ by, reason }) => admin.failures.inc({ by, reason }),
    async read() {
      const found = await counted().catch((error: unknown) => {
        log.warn({ error }, 'phones could not be counted for the metrics');
        return null;
      });
      house.show(found);
      const text = `${await registry.metrics()}\n${await ownProcess.metrics()}`;
      return { contentType: registry.contentType, text };
    },
  };
}

/** Keeps what was counted for a while; whoever asks while it is counted gets the same. A failure is not kept. */
function remembered(count: () => Promise<HouseCount>, now: () => Date): () => Promise<HouseCount> {
  let last: Promise<HouseCount> | null = null;
  /** In milliseconds; null while it is counted. */
  let countedAt: number | null = null;
  return () => {
    const isFresh = countedAt === null || Math.abs(now().getTime() - countedAt) < COUNTED_MS;
    if (last !== null && isFresh) return last;
    countedAt = null;
    last = count().then(
      (found) => {
        countedAt = now().getTime();
        return found;
      },
      (error: unknown) => {
        last = null;
        throw error;
      },
    );
    return last;
  };
}

function phoneNumbers(registry: Registry) {
  const registers = [registry];
  return {
    fetches: new Counter({
      name: 'homeport_fetches_total',
      help: 'Requests for files at the phone door, by the vendor of the phone and the class of the answer.',
      labelNames: ['vendor', 'result'],
      registers,
    }),
    uploads: new Counter({
      name: 'homeport_uploads_total',
      help: 'Files that phones brought.',
      labelNames: ['vendor', 'result'],
      registers,
    }),
    strangers: new Counter({
      name: 'homeport_unclaimed_requests_total',
      help: 'Requests of phones that came with a tenant’s token and that nobody has claimed.',
      labelNames: ['vendor'],
      registers,
    }),
    seconds: new Histogram({
      name: 'homeport_phone_answer_seconds',
      help: 'From the request of a phone to the end of the answer.',
      labelNames: ['kind'],
      buckets: PHONE_BUCKETS_S,
      registers,
    }),
  };
}

function adminNumbers(registry: Registry) {
  const registers = [registry];
  const failures = new Counter({
    name: 'homeport_sign_in_failures_total',
    help: 'Passwords and keys that were wrong, or not looked at because too many were.',
    labelNames: ['by', 'reason'],
    registers,
  });
  // A series that begins with its first failure has no increase to alarm about.
  for (const by of ['password', 'key']) for (const reason of ['wrong', 'waiting']) failures.inc({ by, reason }, 0);
  return {
    failures,
    requests: new Counter({
      name: 'homeport_admin_requests_total',
      help: 'Requests at the admin door, by operation and the class of the answer.',
      labelNames: ['operation', 'status'],
      registers,
    }),
    seconds: new Histogram({
      name: 'homeport_admin_request_seconds',
      help: 'From a request at the admin door to the end of the answer.',
      labelNames: ['operation'],
      buckets: ADMIN_BUCKETS_S,
      registers,
    }),
  };
}

function houseNumbers(registry: Registry, records: Sources['records']) {
  const registers = [registry];
  const perVendor = (name: string, help: string) => new Gauge({ name, help, labelNames: ['vendor'], registers });
  const gauges = {
    total: perVendor('homeport_phones', 'Phones.'),
    enabled: perVendor('homeport_phones_enabled', 'Phones that are enabled.'),
    fetched: perVendor('homeport_phones_fetched_24h', 'Enabled phones that asked for a file in the last 24 hours.'),
    silent: perVendor('homeport_phones_silent', 'Enabled phones that have asked for nothing for 48 hours.'),
  };
  const unclaimed = new Gauge({ name: 'homeport_unclaimed_phones', help: 'Phones nobody has claimed.', registers });
  const up = new Gauge({ name: 'homeport_database_up', help: 'Could the database be asked? 1 or 0.', registers });
  new Gauge({
    name: 'homeport_fetch_records_waiting',
    help: 'Fetch records that are not written yet.',
    registers,
    collect() {
      this.set(records().waiting);
    },
  });
  new Counter({
    name: 'homeport_fetch_records_dropped_total',
    help: 'Fetch records that were given up because the database was away for too long.',
    registers,
    collect() {
      this.reset();
      this.inc(records().dropped);
    },
  });
  return {
    /** Shows what was counted; with null there are no numbers, rather than old ones. */
    show(found: HouseCount | null) {
      for (const gauge of Object.values(gauges)) gauge.reset();
      unclaimed.remove();
      up.set(found === null ? 0 : 1);
      if (found === null) return;
      unclaimed.set(found.unclaimed);
      for (const { vendor, ...numbers } of found.phones) {
        for (const [name, gauge] of Object.entries(gauges)) gauge.set({ vendor }, numbers[name as keyof typeof gauges]);
      }
    },
  };
}
