// PBX servers that say what a test tells them to say, behind the same contract as the real ones.
import { AppError } from '../../src/domain/errors.ts';
import type { PbxConnection } from '../../src/domain/pbx-connection.ts';
import type { Contact, Notified } from '../../src/domain/registration.ts';
import type { OpenPbx, PbxListener } from '../../src/pbx/pbx.ts';

export type FakePbx = {
  readonly connection: PbxConnection;
  readonly listener: PbxListener;
  contacts: Contact[];
  inUse: Set<string> | null;
  /** Lists are refused with this reason. */
  refuses: string | null;
  /** Runs while a list is on its way. */
  meanwhile: () => void;
  readonly asked: { readonly uri: string; readonly event: string }[];
  became: Notified;
  reads: number;
  isClosed: boolean;
};

/** All connections that were opened, by server; the last one of each. */
export function fakePbxes() {
  const opened = new Map<string, FakePbx>();
  let count = 0;
  const openPbx: OpenPbx = (connection, listener) => {
    count++;
    const fake: FakePbx = {
      ...{ connection, listener, contacts: [], inUse: new Set(), refuses: null, meanwhile: () => undefined },
      ...{ asked: [], became: { kind: 'sent', answered: false }, reads: 0, isClosed: false },
    };
    opened.set(connection.server, fake);
    return {
      state: () => ({ kind: 'up' }),
      async contacts() {
        fake.reads++;
        const told = [...fake.contacts];
        fake.meanwhile();
        await Promise.resolve();
        if (fake.refuses !== null) throw new AppError('unavailable', fake.refuses);
        return told;
      },
      async usersInUse() {
        if (fake.inUse === null) throw new AppError('unavailable', 'it does not tell of calls');
        return new Set(fake.inUse);
      },
      async notify({ uri }, { event }) {
        fake.asked.push({ uri, event });
        return fake.became;
      },
      async close() {
        fake.isClosed = true;
      },
    };
  };
  return {
    openPbx,
    count: () => count,
    get(server: string): FakePbx {
      const fake = opened.get(server);
      if (fake === undefined) throw new Error(`nobody has connected to ${server}`);
      return fake;
    },
  };
}
