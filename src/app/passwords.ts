// Passwords of people: argon2id (RFC 9106), written down in the usual PHC form, so that its costs can grow later.
import { argon2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

// What OWASP names as the least for argon2id: 19 MiB, two passes, one lane.
const COSTS = { memory: 19_456, passes: 2, parallelism: 1 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

const derive = promisify(argon2);

type Costs = { readonly memory: number; readonly passes: number; readonly parallelism: number };

const hashWith = (password: string, nonce: Buffer, costs: Costs, tagLength: number): Promise<Buffer> =>
  derive('argon2id', { ...costs, message: password, nonce, tagLength });

const unpadded = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '');

/** The hash of a password with a new salt. */
export async function hashPassword(password: string, random: (bytes: number) => Buffer): Promise<string> {
  const salt = random(SALT_BYTES);
  const hash = await hashWith(password, salt, COSTS, HASH_BYTES);
  const { memory, passes, parallelism } = COSTS;
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(hash)}`;
}

const PHC =
  /^\$argon2id\$v=19\$m=(?<memory>\d+),t=(?<passes>\d+),p=(?<parallelism>\d+)\$(?<salt>[\w+/]+)\$(?<hash>[\w+/]+)$/;

/** Compared against when there is no such user, so that the answer takes as long. */
const NOBODY = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** Is this the password? Takes as long for a user that does not exist (null). */
export async function isPassword(password: string, stored: string | null): Promise<boolean> {
  const { memory, passes, parallelism, salt = '', hash = '' } = PHC.exec(stored ?? NOBODY)?.groups ?? {};
  if (memory === undefined) throw new Error('a stored password has an unknown form');
  const expected = Buffer.from(hash, 'base64');
  const costs = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) };
  const given = await hashWith(password, Buffer.from(salt, 'base64'), costs, expected.length);
  return timingSafeEqual(given, expected) && stored !== null;
}
