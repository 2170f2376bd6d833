// Hears a connection to a PBX, and waits for what it tells.
import type { TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { PbxConnection } from '../../src/domain/pbx-connection.ts';
import { pbxConnectionSchema } from '../../src/domain/pbx-connection.ts';
import type { Contact } from '../../src/domain/registration.ts';
import { openPbx, type Pbx, type PbxListener, type PbxState } from '../../src/pbx/pbx.ts';
import { listening, sipOutside } from '../support/sip.ts';

export type Told =
  | { readonly what: 'state'; readonly state: PbxState }
  | { readonly what: 'registered'; readonly contact: Contact }
  | { readonly what: 'unregistered'; readonly user: string; readonly uri: string }
  | { readonly what: 'inUse'; readonly user: string; readonly inUse: boolean };

export function hearing() {
  const told = listening<Told>();
  const listener: PbxListener = {
    state: (state) => told.hear({ what: 'state', state }),
    registered: (contact) => told.hear({ what: 'registered', contact }),
    unregistered: (user, uri) => told.hear({ what: 'unregistered', user, uri }),
    inUse: (user, inUse) => told.hear({ what: 'inUse', user, inUse }),
  };
  const becomes = async (kind: PbxState['kind']) => {
    const found = await told.until((one) => one.what === 'state' && one.state.kind === kind);
    return found.what === 'state' ? found.state : null;
  };
  const hears = (user: string, inUse: boolean) =>
    told.until((one) => one.what === 'inUse' && one.user === user && one.inUse === inUse);
  return { told, listener, becomes, hears };
}

/** Opens a connection as a test wants it; pauses are a hundred times as short, and it goes with the test. */
export function connect(context: TestContext, wish: object, { timeoutMs = 1_000, pausesAreShort = true } = {}) {
  const heard = hearing();
  const connection: PbxConnection = pbxConnectionSchema.parse({ server: 'voip1', host: '127.0.0.1', ...wish });
  const pbx: Pbx = openPbx(connection, heard.listener, {
    ...{ timeoutMs, random: () => 0, unique: sipOutside().unique },
    wait: (ms, signal) => wait(pausesAreShort ? ms / 100 : ms, undefined, { signal }).catch(() => undefined),
  });
  context.after(() => pbx.close());
  return { pbx, ...heard };
}

export const aContact = (changes: Partial<Contact> = {}): Contact => ({
  ...{ user: '101-ACME', uri: 'sip:101-ACME@127.0.0.1:5060', address: null, userAgent: null, expiresAt: null },
  ...changes,
});
