// What all connections to PBX servers share: they keep themselves open, and what became of an order is never guessed.
import { AppError } from '../domain/errors.ts';
import type { Notified } from '../domain/registration.ts';
import type { PbxState } from './pbx.ts';

/** What lies outside: patience and chance. */
export type PbxOutside = {
  /** How long one answer, or one piece of a list, may take. */
  readonly timeoutMs: number;
  /** Waits; ends early when the signal says so. */
  readonly wait: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** A number from 0 up to 1. */
  readonly random: () => number;
};

/** An order left us and nobody knows what became of it; sending it again may do it twice. */
export class UnknownOutcome extends Error {
  override readonly name = 'UnknownOutcome';
}

const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 30_000;

export const unavailable = (message: string) => new AppError('unavailable', message);

export type Kept<Session> = {
  state(): PbxState;
  /** The conversation that goes on now. @throws AppError `unavailable` with the reason when there is none */
  session(): Session;
  close(): Promise<void>;
};

/**
 * Holds one conversation after the other, with growing pauses in between, until it is closed.
 * @param converse talks until the connection ends; says `up` when its session may be used, and returns why it ended, without secrets
 */
export function keepOpen<Session>(
  converse: (up: (session: Session) => void, stop: AbortSignal) => Promise<string>,
  tell: (state: PbxState) => void,
  { wait, random }: PbxOutside,
): Kept<Session> {
  const stop = new AbortController();
  let state: PbxState = { kind: 'connecting' };
  let session: Session | null = null;
  const become = (next: PbxState) => {
    state = next;
    if (!stop.signal.aborted) tell(next);
  };
  const keep = async () => {
    for (let tries = 0; !stop.signal.aborted; tries++) {
      const up = (signedIn: Session) => {
        tries = 0;
        session = signedIn;
        become({ kind: 'up' });
      };
      const reason = await converse(up, stop.signal);
      session = null;
      if (stop.signal.aborted) return;
      become({ kind: 'down', reason });
      const pause = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** tries);
      await wait(pause * (0.5 + random() / 2), stop.signal);
    }
  };
  const ended = keep();
  return {
    state: () => state,
    session() {
      if (session !== null) return session;
      const why = state.kind === 'down' ? state.reason : 'the connection is not open yet';
      throw unavailable(`nothing was sent to the server: ${why}`);
    },
    async close() {
      stop.abort();
      await ended;
    },
  };
}

/** What became of an order to notify. @param hint what to say beside a refusal */
export async function notifiedBy(
  sent: Promise<{ answered: boolean }>,
  hint: (message: string) => string = () => '',
): Promise<Notified> {
  try {
    return { kind: 'sent', ...(await sent) };
  } catch (error) {
    if (error instanceof UnknownOutcome) return { kind: 'unknown', reason: error.message };
    if (!(error instanceof AppError)) throw error;
    if (error.code === 'unavailable') return { kind: 'notSent', reason: error.message };
    return { kind: 'refused', reason: `${error.message}${hint(error.message)}` };
  }
}

/** A question: nobody minds whether it left or was refused, only that there is no answer. @throws AppError `unavailable` */
export async function asked<Answer>(question: Promise<Answer>): Promise<Answer> {
  try {
    return await question;
  } catch (error) {
    if (error instanceof UnknownOutcome) throw unavailable(`the server gave no answer: ${error.message}`);
    if (error instanceof AppError && error.code === 'conflict') throw unavailable(error.message);
    throw error;
  }
}
