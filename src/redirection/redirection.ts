// Redirection services by their APIs: one contract, one file for each protocol. Knows protocols, never a maker's name.
import type { Mac } from '../domain/mac.ts';
import type { Claimed, PhoneReport, RedirectionAccount, ServiceKind } from '../domain/redirection.ts';
import type { Outside } from './wire.ts';
import { ymcs } from './ymcs.ts';
import { ztp } from './ztp.ts';

export type { Outside };

/** Where phones are sent, and for whom. */
export type Target = { readonly url: string; readonly tenant: string };

/**
 * A redirection service, with the account that it is asked with. What becomes of each phone is told; only what stops
 * everything before the first phone is thrown.
 */
export type RedirectionService = {
  /** @throws AppError `unavailable` when the service does not answer, `conflict` when it refuses the account */
  claim(macs: readonly Mac[], target: Target): Promise<PhoneReport[]>;
  /** All phones that the account holds. @throws as `claim` */
  list(): Promise<Claimed[]>;
  /** @throws as `claim` */
  release(macs: readonly Mac[]): Promise<PhoneReport[]>;
};

export type Redirections = {
  connect(kind: ServiceKind, account: RedirectionAccount): RedirectionService;
};

const KINDS: Readonly<Record<ServiceKind, (account: RedirectionAccount, outside: Outside) => RedirectionService>> = {
  ymcs,
  ztp,
};

/** The services, with the clock, the randomness and the patience that they are given. */
export const openRedirections = (outside: Outside): Redirections => ({
  connect: (kind, account) => KINDS[kind](account, outside),
});
