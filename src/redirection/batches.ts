// Many phones, some at a time: what has happened to the first is told even when the service fails later.
import { AppError } from '../domain/errors.ts';
import type { Mac } from '../domain/mac.ts';
import { failed, type PhoneReport } from '../domain/redirection.ts';

type Batches = {
  /** How many phones the service takes in one call. */
  readonly size: number;
  /** Has something been changed before? Then a failure is never thrown. */
  readonly begun: boolean;
};

/**
 * Works through phones in batches. After a failure no more is tried, and the rest is reported as failed.
 * @throws AppError when the very first batch fails and nothing had been changed before
 */
export async function inBatches(
  macs: readonly Mac[],
  { size, begun }: Batches,
  work: (batch: readonly Mac[]) => Promise<readonly PhoneReport[]>,
): Promise<PhoneReport[]> {
  const reports: PhoneReport[] = [];
  for (let at = 0; at < macs.length; at += size) {
    try {
      reports.push(...(await work(macs.slice(at, at + size))));
    } catch (error) {
      if (!(error instanceof AppError) || (!begun && reports.length === 0)) throw error;
      return [...reports, ...macs.slice(at).map((mac) => failed(mac, error.message))];
    }
  }
  return reports;
}

/** The same, one phone after the other. */
export const oneByOne = (macs: readonly Mac[], begun: boolean, work: (mac: Mac) => Promise<PhoneReport>) =>
  inBatches(macs, { size: 1, begun }, async (batch) => {
    const reports: PhoneReport[] = [];
    for (const mac of batch) reports.push(await work(mac));
    return reports;
  });
