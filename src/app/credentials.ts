// Journeys: how far phones have come with their credentials, and a new one for a phone. The password itself is shown by
// revealing, on record, and in no answer here.
import type { Actor } from '../domain/access.ts';
import { type Credential, type EnrolmentState, renewed } from '../domain/enrolment.ts';
import { conflict } from '../domain/errors.ts';
import type { Mac } from '../domain/mac.ts';
import type { Page } from '../domain/page.ts';
import type { Store } from '../store/store.ts';
import { note } from './audit.ts';
import { newPassword } from './hand-out.ts';

type House = {
  readonly store: Store;
  readonly now: () => Date;
  readonly random: (bytes: number) => Buffer;
};

/** How far a phone has come. */
export type Enrolment = {
  readonly mac: Mac;
  readonly tenant: string;
  readonly state: EnrolmentState;
  /** When its present password was made; null when it has none. */
  readonly madeAt: string | null;
  /** When it used that password first. */
  readonly usedAt: string | null;
  /** The last hand-out, and the address that had it. */
  readonly handedOutAt: string | null;
  readonly address: string | null;
  /** Somebody else asked while it was handed out and not used. */
  readonly contested: { readonly at: string; readonly address: string } | null;
  /** Is its old password good until it has used the new one? */
  readonly renewing: boolean;
};

const shown = (mac: Mac, tenant: string, credential: Credential | null): Enrolment => ({
  ...{ mac, tenant, state: credential?.state ?? 'pending' },
  madeAt: credential?.madeAt ?? null,
  usedAt: credential?.usedAt ?? null,
  handedOutAt: credential?.handOut?.at ?? null,
  address: credential?.handOut?.address ?? null,
  contested: credential?.contested ?? null,
  renewing: credential !== null && credential.old !== null,
});

/** How far one phone has come. @throws AppError `not_found` for a phone outside the actor's scope */
export async function enrolmentOf({ store }: Pick<House, 'store'>, mac: Mac, actor: Actor): Promise<Enrolment> {
  return store.snapshot(async (reads) => {
    const { tenant } = await reads.phones.get(actor.scope, mac);
    return shown(mac, tenant, await reads.credentials.find(mac));
  });
}

/** How far the phones of a tenant have come, in the order of their MAC addresses. */
export async function listEnrolments(
  { store }: Pick<House, 'store'>,
  tenant: string,
  page: Page,
  actor: Actor,
): Promise<Enrolment[]> {
  return store.snapshot(async (reads) => {
    const { code } = await reads.tenants.get(actor.scope, tenant);
    const phones = await reads.credentials.list(code, page);
    return phones.map(({ mac, credential }) => shown(mac, code, credential));
  });
}

/**
 * Gives a phone a new password. It is in the phone's next file; the one that it uses now stays good until it has used the
 * new one.
 * @throws AppError `not_found` for a phone outside the actor's scope, `conflict` where credentials open nothing
 */
export async function renewCredential(house: House, mac: Mac, actor: Actor): Promise<Enrolment> {
  return house.store.transaction(async (tx) => {
    const { tenant } = await tx.phones.get(actor.scope, mac);
    const { proof } = await tx.tenants.get(actor.scope, tenant);
    if (proof === 'certificate') {
      throw conflict(
        `the phones of tenant ${tenant} prove themselves by their certificates; there is nothing to renew`,
      );
    }
    const before = await tx.credentials.find(mac);
    const after = renewed(before, newPassword(house), house.now().toISOString());
    await tx.credentials.put(mac, after);
    const [was, is] = [shown(mac, tenant, before), shown(mac, tenant, after)];
    await note(tx, house, actor, {
      ...{ action: 'credential.renew', subject: mac, tenant },
      before: before === null ? null : { madeAt: was.madeAt, renewing: was.renewing },
      after: { madeAt: is.madeAt, renewing: is.renewing },
    });
    return is;
  });
}
