// The numbers that Prometheus reads. Labels come from closed lists, so neither a phone nor a stranger can make new series:
// no MAC address, tenant, file or path is ever a label.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { BackupState } from './app/backup.ts';
import type { DnsCount } from './app/check-dns.ts';
import type { RegistrationCount } from './app/convergence.ts';
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

/** From one place, or with one tenant's token from many. */
export type SweepKind = 'place' | 'tenant';

export type Metrics = {
  phoneAnswered(answer: PhoneAnswer): void;
  /** A phone that nobody has claimed asked with a tenant's token. */
  strangerSeen(vendor: string | null): void;
  adminAnswered(answer: AdminAnswer): void;
  signInFailed(failure: SignInFailure): void;
  /** A phone was given its files in an enrolment window, or somebody else asked for what it had been given. */
  enrolment(result: 'handed_out' | 'refused'): void;
  /** Somebody has begun to walk through MAC addresses. */
  sweepBegan(kind: SweepKind): void;
  /** Everything, in the text format of Prometheus. Never fails because the database does. */
  read(): Promise<{ readonly contentType: string; readonly text: string }>;
};

type Sources = {
  readonly vendors: readonly string[];
  /** How many fetch records wait for the database, and how many were given up since the start. */
  readonly records: () => { readonly waiting: number; readonly dropped: number };
  /** What is known of backups; left out where nobody looks after them. */
  readonly backups?: () => BackupState;
  /** Counts in the database; asked at most every 15 seconds, however often somebody reads. */
  readonly count: () => Promise<HouseCount>;
  /** Pools by what DNS answers for them; null where DNS is not looked at. */
  readonly countDns?: () => Promise<DnsCount | null>;
  /** Walks through MAC addresses that are going on; left out where nobody watches. */
  readonly sweeps?: () => readonly { readonly kind: SweepKind }[];
  /** What PBX servers tell; null where none is connected. */
  readonly countRegistrations?: () => RegistrationCount | null;
  readonly now: () => Date;
};

const COUNTED_MS = 15_000;
// A file is rendered within milliseconds; a boot storm queues; an image over a thin line takes minutes.
const PHONE_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120];
const ADMIN_BUCKETS_S = [0.005, 0.025, 0.1, 0.5, 2.5, 10, 60];
const UNKNOWN = 'unknown';

/** `2xx` and the like. */
const statusClass = (status: number) => `${Math.floor(status / 100)}xx`;

const FETCH_RESULTS: Readonly<Record<number, string>> = { 401: 'challenged', 404: 'not_found' };
const UPLOAD_RESULTS: Readonly<Record<number, string>> = {
  ...{ 200: 'kept', 401: 'challenged', 404: 'refused', 413: 'too_large', 499: 'cut' },
};

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
export function openMetrics(sources: Sources): Metrics {
  const { vendors, records, backups, count, countDns = async () => null, now } = sources;
  const registry = new Registry();
  const phones = phoneNumbers(registry);
  const admin = adminNumbers(registry);
  const house = houseNumbers(registry, records);
  if (backups !== undefined) backupNumbers(registry, backups, now);
  const sweeps = sweepNumbers(registry, sources.sweeps ?? (() => []));
  const counted = remembered(count, now);
  const dns = dnsNumbers(registry);
  const pbx = pbxNumbers(registry);
  const vendorOf = (vendor: string | null) => (vendor !== null && vendors.includes(vendor) ? vendor : UNKNOWN);
  const ownProcess = ofProcess();
  return {
    phoneAnswered({ method, vendor: named, kind, status, seconds }) {
      const vendor = vendorOf(named);
      phones.seconds.observe({ kind }, seconds);
      if (method === 'PUT') phones.uploads.inc({ vendor, result: UPLOAD_RESULTS[status] ?? 'failed' });
      else phones.fetches.inc({ vendor, result: FETCH_RESULTS[status] ?? statusClass(status) });
    },
    enrolment: (result) => phones.enrolments.inc({ result }),
    strangerSeen: (vendor) => phones.strangers.inc({ vendor: vendorOf(vendor) }),
    adminAnswered({ operation, status, seconds }) {
      admin.requests.inc({ operation, status: statusClass(status) });
      admin.seconds.observe({ operation }, seconds);
    },
    sweepBegan: (kind) => sweeps.inc({ kind }),
    signInFailed: ({ by, reason }) => admin.failures.inc({ by, reason }),
    async read() {
      const found = await counted().catch((error: unknown) => {
        log.warn({ error }, 'phones could not be counted for the metrics');
        return null;
      });
      house.show(found);
      dns.show(await countDns().catch(() => null));
      pbx.show(sources.countRegistrations?.() ?? null);
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
    enrolments: new Counter({
      name: 'homeport_enrolment_files_total',
      help: 'Files given in enrolment windows, and requests of others for phones that were handed theirs.',
      labelNames: ['result'],
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

function sweepNumbers(registry: Registry, going: () => readonly { readonly kind: SweepKind }[]) {
  const registers = [registry];
  const kinds: readonly SweepKind[] = ['place', 'tenant'];
  const begun = new Counter({
    name: 'homeport_sweeps_total',
    help: 'Walks through MAC addresses at the phone door, from one place or with one tenant’s token.',
    labelNames: ['kind'],
    registers,
  });
  // A series that begins with its first sweep has no increase to alarm about.
  for (const kind of kinds) begun.inc({ kind }, 0);
  new Gauge({
    name: 'homeport_sweeps',
    help: 'Walks through MAC addresses that are going on.',
    labelNames: ['kind'],
    registers,
    collect() {
      const now = going();
      for (const kind of kinds) this.set({ kind }, now.filter((one) => one.kind === kind).length);
    },
  });
  return begun;
}

function backupNumbers(registry: Registry, state: () => BackupState, now: () => Date): void {
  const registers = [registry];
  new Gauge({
    name: 'homeport_backup_age_seconds',
    help: 'Since the last backup that was verified; without a number when there is none.',
    registers,
    collect() {
      const { lastAt } = state();
      this.remove();
      if (lastAt !== null) this.set((now().getTime() - lastAt.getTime()) / 1_000);
    },
  });
  new Counter({
    name: 'homeport_backup_failures_total',
    help: 'Backups that were due and could not be taken.',
    registers,
    collect() {
      this.reset();
      this.inc(state().failures);
    },
  });
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

function dnsNumbers(registry: Registry) {
  const registers = [registry];
  const pools = new Gauge({
    name: 'homeport_dns_pools',
    help: 'Pools by what DNS answers for them: fine, drift (not what is intended), unknown (nobody knows).',
    labelNames: ['state'],
    registers,
  });
  const age = new Gauge({
    name: 'homeport_dns_check_age_seconds',
    help: 'Seconds since the last check of DNS ended.',
    labelNames: [],
    registers,
  });
  return {
    /** Shows what is known of DNS; with null there are no numbers. */
    show(found: DnsCount | null) {
      pools.reset();
      age.remove();
      if (found === null) return;
      for (const state of ['fine', 'drift', 'unknown'] as const) pools.set({ state }, found[state]);
      if (found.ageS !== null) age.set(found.ageS);
    },
  };
}

function pbxNumbers(registry: Registry) {
  const registers = [registry];
  const connections = new Gauge({
    name: 'homeport_pbx_connections',
    help: 'Connections to PBX servers by state: up, connecting, down.',
    labelNames: ['state'],
    registers,
  });
  const registrations = new Gauge({
    name: 'homeport_pbx_registrations',
    help: 'Registrations at the PBX servers whose connection is up.',
    labelNames: [],
    registers,
  });
  const inUse = new Gauge({
    name: 'homeport_pbx_users_in_use',
    help: 'Users in a call at the PBX servers that tell of calls.',
    labelNames: [],
    registers,
  });
  return {
    /** Shows what servers tell; with null there are no numbers. */
    show(found: RegistrationCount | null) {
      connections.reset();
      for (const gauge of [registrations, inUse]) gauge.remove();
      if (found === null) return;
      for (const state of ['up', 'connecting', 'down'] as const) connections.set({ state }, found[state]);
      registrations.set(found.registrations);
      inUse.set(found.inUse);
    },
  };
}
