// Journey: a phone without proof gets its files in an enrolment window, once, and its credential with them.
import { type Actor, ALL_TENANTS } from '../domain/access.ts';
import { handedOut } from '../domain/enrolment.ts';
import type { Decision } from '../domain/proof.ts';
import { tokenText } from '../domain/token.ts';
import type { Claimant } from '../store/enrolments.ts';
import type { Reads, Store, Tx } from '../store/store.ts';
import { type Admission, type Admitting, type Asked, admit, type FileRequest } from './admit.ts';
import { note } from './audit.ts';

/** As base32 26 characters: letters and digits that every phone takes, within the 32 that some allow. */
export const CREDENTIAL_BYTES = 16;

export type HandingOut = Admitting & {
  readonly store: Store;
  readonly random: (bytes: number) => Buffer;
};

/** The password of a phone: 128 random bits. */
export const newPassword = ({ random }: Pick<HandingOut, 'random'>): string => tokenText(random(CREDENTIAL_BYTES));

const phoneActor = ({ mac, tenant }: Claimant, address: string): Actor => ({
  name: `phone:${mac}`,
  role: 'tenantViewer',
  scope: { kind: 'tenants', codes: [tenant] },
  address,
});

type Given<Made> = { readonly admission: Admission; readonly made: Made | null };

/**
 * Hands out what `make` makes, in the transaction that takes the turn: of many who ask at once, one has it.
 * @returns the decision as it was under the lock; nothing is made unless it is `enrol`
 */
export async function handOut<Made>(
  house: HandingOut,
  asked: Asked,
  request: FileRequest,
  make: (tx: Tx, claimant: Claimant) => Promise<Made | null>,
): Promise<Given<Made>> {
  return house.store.transaction(async (tx) => {
    // What the credential proved has been seen, and it was not enough.
    const admission = await admit(house, tx, asked, { ...request, credential: null });
    const { decision, claimant } = admission;
    if (decision.kind !== 'enrol' || claimant === null) return { admission, made: null };
    if (!(await takeTurn(tx, house, admission, request))) {
      const refused: Decision = { kind: 'challenge', reason: 'no proof' };
      return { admission: { ...admission, decision: refused }, made: null };
    }
    return { admission, made: await make(tx, claimant) };
  });
}

async function takeTurn(tx: Tx, house: HandingOut, admission: Admission, request: FileRequest) {
  const { claimant, turn } = admission;
  if (claimant === null || turn === null) return false;
  const { mac, tenant, credential } = claimant;
  const { address } = request;
  const file = request.file.toLowerCase();
  if (turn.kind === 'goOn') {
    const files = credential?.handOut?.files ?? [];
    return files.includes(file) || tx.credentials.goOn(mac, turn.window, files, file);
  }
  const begun = { window: turn.window, at: house.now().toISOString(), address, files: [file] };
  if (!(await tx.credentials.begin(mac, handedOut(credential, newPassword(house), begun)))) return false;
  const [before, after] = [{ state: credential?.state ?? 'pending' }, { state: 'handedOut', window: turn.window }];
  const deed = { action: 'phone.handOut', subject: mac, tenant, before, after };
  await note(tx, house, phoneActor(claimant, address), deed);
  return true;
}

/** The phone that a decision is about, in full. @throws Error when it is gone, which one moment of the store rules out */
export async function phoneOf(reads: Pick<Reads, 'phones'>, { mac }: Claimant) {
  const phone = await reads.phones.find(ALL_TENANTS, mac);
  if (phone === null) throw new Error(`assertion failed: phone ${mac} is there`);
  return phone;
}
