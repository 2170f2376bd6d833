// What `homeport check` asks about who may come in: owners, keys, people, and the door they come by.
import { error, type Finding, warning } from '../domain/finding.ts';
import { isLoopback } from '../domain/network.ts';
import type { Checked, Question } from './check.ts';

const DAY_MS = 86_400_000;
const UNUSED_DAYS = 90;
const NAMED_MAX = 5;

/** Some names, and how many more there are. */
export const someOf = (names: readonly string[]): string =>
  names.length <= NAMED_MAX
    ? names.join(', ')
    : `${names.slice(0, NAMED_MAX).join(', ')} and ${names.length - NAMED_MAX} more`;

const isOlder = (at: string, now: Date, days: number) => now.getTime() - Date.parse(at) > days * DAY_MS;

async function ownerFindings({ store, surroundings }: Checked): Promise<Finding[]> {
  const owners = (await store.users.list()).filter(({ enabled, role }) => enabled && role === 'owner');
  if (owners.length === 0) {
    const message = 'nobody is an owner by name, so only HOMEPORT_API_KEY and this command line can let people in';
    return [warning('owner.missing', message, 'homeport user add <name> --role owner')];
  }
  if (!surroundings.firstKeyIsSet) return [];
  const message = 'HOMEPORT_API_KEY still opens everything, though there are owners by name; it never ends';
  return [warning('key.first', message, 'homeport key add <purpose>, give programs that key, and unset the variable')];
}

async function keyFindings({ store, now }: Checked): Promise<Finding[]> {
  const moment = now();
  const keys = (await store.apiKeys.list()).filter(
    ({ expiresAt }) => expiresAt === null || Date.parse(expiresAt) > moment.getTime(),
  );
  const named = (list: typeof keys) => someOf(list.map(({ id, name }) => `${id} (${name})`));
  const endless = keys.filter(({ expiresAt }) => expiresAt === null);
  const unused = keys.filter(({ lastUsedAt, createdAt }) => isOlder(lastUsedAt ?? createdAt, moment, UNUSED_DAYS));
  const findings: Finding[] = [];
  if (endless.length > 0) {
    const remedy = 'homeport key add <purpose> --expires <time>, then remove the old one';
    findings.push(warning('key.endless', `keys that never end: ${named(endless)}`, remedy));
  }
  if (unused.length > 0) {
    const message = `keys that nobody has used for ${UNUSED_DAYS} days: ${named(unused)}`;
    findings.push(warning('key.unused', message, 'homeport key remove <id>'));
  }
  return findings;
}

/** Who has not signed in for long may have left; whoever finds the password comes in. */
async function userFindings({ store, now }: Checked): Promise<Finding[]> {
  const moment = now();
  const away: string[] = [];
  for (const { name, enabled, createdAt } of await store.users.list()) {
    if (!enabled || !isOlder(createdAt, moment, UNUSED_DAYS)) continue;
    const last = await store.audit.latest({ action: 'session.begin', subject: name });
    if (last === null || isOlder(last.at, moment, UNUSED_DAYS)) away.push(name);
  }
  if (away.length === 0) return [];
  const message = `people who have not signed in for ${UNUSED_DAYS} days: ${someOf(away)}`;
  return [warning('user.away', message, 'homeport user remove <name>')];
}

/** Passwords, keys and sessions pass the admin door; where others can reach it, it needs TLS. */
function doorFindings({ surroundings: { adminHost, adminUrl, adminSpeaksTls } }: Checked): Finding[] {
  if (adminSpeaksTls || isLoopback(adminHost) || adminUrl?.startsWith('https:')) return [];
  const message = `the admin door listens at ${adminHost} without TLS: passwords and keys can be read on their way`;
  const remedy =
    'put a proxy with TLS in front of it, and set HOMEPORT_ADMIN_LISTEN=127.0.0.1:8081 and HOMEPORT_ADMIN_URL';
  return [error('door.clear', message, remedy)];
}

async function demoFindings({ store, surroundings }: Checked): Promise<Finding[]> {
  if (!surroundings.isConfigured) return [];
  const found: string[] = [];
  for (const code of surroundings.demoTenants) if (await store.tenants.exists(code)) found.push(code);
  const isDemo = found.length > 0 && (await store.servers.list()).some(({ host }) => host.endsWith('.example.com'));
  if (!isDemo) return [];
  const message = `the demo world is served beside your own: tenants ${found.join(', ')}`;
  return [warning('demo.present', message, 'remove its phones, tenants, pools and servers')];
}

export const holderQuestions: readonly Question[] = [
  { code: 'door', about: 'the admin door', ask: doorFindings },
  { code: 'owner', about: 'owners', ask: ownerFindings },
  { code: 'api-key', about: 'programs’ keys', ask: keyFindings },
  { code: 'user', about: 'people', ask: userFindings },
  { code: 'demo', about: 'the demo world', ask: demoFindings },
];
