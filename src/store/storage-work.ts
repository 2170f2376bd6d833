// Work on whole databases, in a thread of its own: a copy, its encryption, its verification and integrity checks take long
// and are done without pauses, which no phone should notice. This side gives the orders; storage-worker.ts does them.
import { Worker } from 'node:worker_threads';
import type { BackupHeader } from '../domain/backup.ts';
import { AppError, type ErrorCode } from '../domain/errors.ts';

export type Progress = {
  /** A database is copied, sealed and verified; a backup is opened and verified. */
  readonly step: 'copy' | 'seal' | 'open' | 'verify';
  /** Of this step, from 0 to 1. */
  readonly share: number;
};

/** What opens and seals: the key files of the installation, and a passphrase where there is one. */
export type Locks = { readonly keyFile: string; readonly passphrase: string | null };

export type PackOrder = Locks & {
  readonly kind: 'pack';
  readonly database: string;
  /** Where the backup goes; there must be no such file yet. */
  readonly target: string;
  readonly includeKey: boolean;
  readonly product: string;
  /** ISO 8601. */
  readonly at: string;
};

export type UnpackOrder = Locks & {
  readonly kind: 'unpack';
  readonly file: string;
  /** An empty folder for the database and the key that fits it. */
  readonly folder: string;
};

export type CheckOrder = { readonly kind: 'check'; readonly database: string };

export type Packed = { readonly header: BackupHeader; readonly bytes: number };
/** Where the key came from: out of the backup, or from this file. */
export type Unpacked = { readonly header: BackupHeader; readonly keyFrom: string | null };
export type CheckResult = { readonly faults: readonly string[] };

export type Order = PackOrder | UnpackOrder | CheckOrder;
type ResultOf<Given extends Order> = Given extends PackOrder
  ? Packed
  : Given extends UnpackOrder
    ? Unpacked
    : CheckResult;

/** What the other side says. */
export type Report =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'done'; readonly result: Packed | Unpacked | CheckResult }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string };

/**
 * Has an order done. When `stop` is told, the work ends at once and nothing of it stays that could be taken for a backup.
 * @throws AppError with what the work was refused for, Error when it failed unexpectedly
 */
export function work<Given extends Order>(
  order: Given,
  progress: (progress: Progress) => void = () => undefined,
  stop?: AbortSignal,
): Promise<ResultOf<Given>> {
  const worker = new Worker(new URL('./storage-worker.ts', import.meta.url), { workerData: order });
  return new Promise<ResultOf<Given>>((resolve, reject) => {
    const stopped = () => {
      void worker.terminate();
      reject(new AppError('unavailable', 'the program was stopped meanwhile; what was begun is taken away next time'));
    };
    stop?.addEventListener('abort', stopped, { once: true });
    worker.on('message', (report: Report) => {
      if (report.kind === 'progress') progress(report.progress);
      else if (report.kind === 'refused') reject(new AppError(report.code, report.message));
      else resolve(report.result as ResultOf<Given>);
    });
    worker.on('error', reject);
    worker.on('exit', () => {
      stop?.removeEventListener('abort', stopped);
      reject(new Error('assertion failed: the work ended with a result'));
    });
  });
}
