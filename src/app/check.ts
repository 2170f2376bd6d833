// Journey: an operator asks whether anything is unsafe or unwell.
import { CHAIN_START, followChain } from '../domain/audit.ts';
import { checkAssignable } from '../domain/pool.ts';
import type { Store } from '../store/store.ts';
import type { Vendors } from '../vendors/vendors.ts';

export type Finding = {
  readonly level: 'well' | 'warning' | 'fault';
  readonly what: string;
  /** What to do about it; null when it is well. */
  readonly remedy: string | null;
};

type Checked = {
  readonly store: Store;
  readonly vendors: Vendors;
  readonly now: () => Date;
  /** How phones reach the phones' door. */
  readonly publicUrl: string;
};

const ENTRIES_AT_ONCE = 1_000;

/** Follows the audit's chain from its first entry to its end. @returns how many entries there are, and what is wrong */
export async function verifyAudit({
  store,
}: Pick<Checked, 'store'>): Promise<{ entries: number; fault: string | null }> {
  return store.snapshot(async (reads) => {
    let reached = { id: 0, hash: CHAIN_START };
    for (;;) {
      const entries = await reads.audit.after(reached.id, ENTRIES_AT_ONCE);
      if (entries.length === 0) break;
      const { fault, ...next } = followChain(reached, entries);
      if (fault !== null) return { entries: next.id, fault };
      reached = next;
    }
    const end = await reads.audit.end().catch(() => null);
    if (end === null) return { entries: reached.id, fault: 'the end of the chain was rewritten without the key' };
    if (end.id !== reached.id)
      return { entries: reached.id, fault: `entries ${reached.id + 1} to ${end.id} are missing` };
    return { entries: reached.id, fault: end.hash === reached.hash ? null : `entry ${reached.id} was changed` };
  });
}

async function auditFinding(house: Checked): Promise<Finding> {
  const { entries, fault } = await verifyAudit(house);
  if (fault === null) return { level: 'well', what: `the audit is whole: ${entries} entries`, remedy: null };
  const remedy = 'compare the database with a backup: somebody has changed it behind the program';
  return { level: 'fault', what: `the audit is not whole: ${fault}`, remedy };
}

async function poolFindings({ store }: Checked): Promise<Finding[]> {
  return (await store.pools.list()).flatMap((pool) => {
    const { refusals, warnings } = checkAssignable(pool);
    const remedy = `change pool ${pool.name}`;
    return [
      ...refusals.map((what): Finding => ({ level: 'warning', what, remedy })),
      ...warnings.map((what): Finding => ({ level: 'warning', what, remedy })),
    ];
  });
}

const templateFindings = ({ vendors }: Checked): Finding[] =>
  vendors
    .ownTemplates()
    .flatMap(({ file, fault }): Finding[] =>
      fault === null
        ? []
        : [{ level: 'fault', what: `the own template ${file} is not used: ${fault}`, remedy: 'mend it' }],
    );

const DAY_MS = 86_400_000;

/** The mode of the key file in use is not among these: the database is not opened with a key that others can read. */
async function keyFindings({ store, now }: Checked): Promise<Finding[]> {
  const { file, since, besideDatabase, replaceable, unfinished, old } = await store.keyFacts();
  const days = Math.max(0, Math.floor((now().getTime() - Date.parse(since)) / DAY_MS));
  const what = `the key file ${file} fits and is for its owner alone; in use since ${since.slice(0, 10)}, ${days} days`;
  const findings: Finding[] = [{ level: 'well', what, remedy: null }];
  const warn = (fault: string, remedy: string) => void findings.push({ level: 'warning', what: fault, remedy });
  if (besideDatabase) {
    warn(
      'the key file is in the folder of the database: whoever takes a copy of that folder has every password',
      'move it to a folder that is not copied along, and set HOMEPORT_KEY_FILE',
    );
  }
  if (replaceable) {
    warn('others may write in the folder of the key file, and so remove or replace it', 'chmod go-w the folder');
  }
  if (unfinished !== null) {
    warn(
      `${unfinished} holds a key that is not in use: a rotation is going on, or one was cut off`,
      'when no rotation is going on, delete it',
    );
  }
  for (const key of old.filter(({ openToOthers }) => openToOthers)) {
    warn(`the old key ${key.file} can be read by others, and it opens old backups`, `chmod 600 ${key.file}`);
  }
  return findings;
}

async function ownerFinding({ store }: Checked): Promise<Finding[]> {
  const owners = (await store.users.list()).filter(({ enabled, role }) => enabled && role === 'owner');
  if (owners.length > 0) return [];
  const what = 'nobody is an owner by name, so only HOMEPORT_API_KEY and this command line can let people in';
  return [{ level: 'warning', what, remedy: 'homeport user add <name> --role owner' }];
}

/** The public URL stands in the files of phones: one that changes changes all of them. */
function urlFindings({ publicUrl }: Checked): Finding[] {
  const { hostname, protocol } = new URL(publicUrl);
  const isAddress = /^[\d.]+$|^\[/.test(hostname);
  const remedy = 'set HOMEPORT_PUBLIC_URL to an https URL with a name, for the server and for this command alike';
  if (isAddress)
    return [{ level: 'warning', what: `phones are sent to an address, ${hostname}, that may change`, remedy }];
  if (protocol === 'https:') return [];
  return [
    { level: 'warning', what: 'phones fetch their passwords without encryption: the public URL is http', remedy },
  ];
}

/** Everything that an operator should know, faults first. */
export async function checkHouse(house: Checked): Promise<Finding[]> {
  const findings = [
    await auditFinding(house),
    ...(await keyFindings(house)),
    ...(await poolFindings(house)),
    ...urlFindings(house),
    ...templateFindings(house),
    ...(await ownerFinding(house)),
  ];
  const order = ['fault', 'warning', 'well'];
  return findings.sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level));
}
