// What SIP in tests needs from outside, and phones that say what they heard.
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { openSipPhone, type SipAccount, type SipPhone } from '../../src/phones/sip-phone.ts';
import type { SipOutside } from '../../src/sip/requests.ts';

export const sipOutside = (patienceMs = 3_000): SipOutside => ({
  unique: () => randomUUID().replaceAll('-', ''),
  wait: (ms, signal) => wait(ms, undefined, { signal }).catch(() => undefined),
  patienceMs,
});

/** Values that come one after the other, and a way to wait for one of them. */
export function listening<Value>() {
  const heard: Value[] = [];
  const waiting = new Set<() => void>();
  return {
    heard,
    hear: (value: Value) => {
      heard.push(value);
      for (const look of waiting) look();
    },
    /** Waits until one that has come, or comes, is right. */
    until: (isRight: (value: Value) => boolean) =>
      new Promise<Value>((resolve) => {
        const look = () => {
          const found = heard.find(isRight);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
  };
}

export type TestPhone = SipPhone & {
  readonly events: ReturnType<typeof listening<string>>;
  readonly calls: ReturnType<typeof listening<boolean>>;
};

/** A phone on a loopback address; it goes with the test. */
export async function aSipPhone(
  context: TestContext,
  account: Pick<SipAccount, 'user' | 'password'> & Partial<SipAccount>,
  { local = '127.0.0.1', patienceMs = 3_000 } = {},
): Promise<TestPhone> {
  const [events, calls] = [listening<string>(), listening<boolean>()];
  const whole = { authUser: null, domain: 'pbxa.example.com', userAgent: 'test phone 1.0', ...account };
  const ears = { notified: events.hear, inCall: calls.hear };
  const phone = await openSipPhone(local, whole, ears, sipOutside(patienceMs));
  context.after(() => phone.close());
  return { ...phone, events, calls };
}
