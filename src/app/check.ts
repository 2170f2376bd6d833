// Journey: an operator asks whether anything is unsafe or unwell. A question is one small function; all are asked, also when
// one of them fails, and what cannot be found out is told as unknown.
import { CHAIN_START, followChain } from '../domain/audit.ts';
import { AppError } from '../domain/errors.ts';
import { error, type Finding, ok, unknown, warning, worstFirst } from '../domain/finding.ts';
import { log } from '../log.ts';
import type { Store } from '../store/store.ts';
import type { Vendors } from '../vendors/vendors.ts';
import { certificateQuestions } from './check-certificates.ts';
import { holderQuestions } from './check-holders.ts';
import { proofQuestions } from './check-proofs.ts';
import { dnsQuestions } from './check-published.ts';
import { storageQuestions } from './check-storage.ts';
import { lintFleet } from './lints.ts';
import type { Surroundings } from './surroundings.ts';

export type Checked = {
  readonly store: Store;
  readonly vendors: Vendors;
  readonly now: () => Date;
  /** How phones reach the phones' door. */
  readonly publicUrl: string;
  readonly surroundings: Surroundings;
};

/** One thing that an operator wants to know. What it throws becomes an `unknown` finding with the code of the question. */
export type Question = {
  readonly code: string;
  /** What it is about: `the audit`. */
  readonly about: string;
  readonly ask: (house: Checked) => Promise<readonly Finding[]> | readonly Finding[];
};

const ENTRIES_AT_ONCE = 1_000;

/**
 * Follows the audit's chain from its first entry to what was its end when this began; entries are only ever added, so
 * nobody has to wait meanwhile. @returns how many entries there are, and what is wrong
 */
export async function verifyAudit({
  store,
}: Pick<Checked, 'store'>): Promise<{ entries: number; fault: string | null }> {
  const end = await store.audit.end().catch((fault: unknown) => {
    if (fault instanceof AppError) return null;
    throw fault;
  });
  if (end === null) return { entries: 0, fault: 'the end of the chain was rewritten without the key' };
  let reached = { id: 0, hash: CHAIN_START };
  while (reached.id < end.id) {
    const entries = await store.audit.after(reached.id, Math.min(ENTRIES_AT_ONCE, end.id - reached.id));
    if (entries.length === 0) break;
    const { fault, ...next } = followChain(reached, entries);
    if (fault !== null) return { entries: next.id, fault };
    reached = next;
  }
  if (end.id !== reached.id)
    return { entries: reached.id, fault: `entries ${reached.id + 1} to ${end.id} are missing` };
  if (end.hash !== reached.hash) return { entries: reached.id, fault: `entry ${reached.id} was changed` };
  const [beyond] = await store.audit.after(end.id, 1);
  const isAhead = beyond !== undefined && (await store.audit.end()).id === end.id;
  return { entries: reached.id, fault: isAhead ? `entry ${beyond.id} stands behind the end of the chain` : null };
}

async function auditFindings(house: Checked): Promise<Finding[]> {
  const { entries, fault } = await verifyAudit(house);
  if (fault === null) return [ok('audit.whole', `the audit is whole: ${entries} entries`)];
  const remedy = 'compare the database with a backup: somebody has changed it behind the program';
  return [error('audit.broken', `the audit is not whole: ${fault}`, remedy)];
}

/** What is worth knowing and no more (`homeport dns lint` has it) is not told here. */
async function poolFindings(house: Checked): Promise<Finding[]> {
  return (await lintFleet(house)).flatMap(({ code, severity, message, remedy }) =>
    severity === 'info' ? [] : [{ code: `pool.${code}`, severity, message, remedy }],
  );
}

const templateFindings = ({ vendors }: Checked): Finding[] =>
  vendors
    .ownTemplates()
    .flatMap(({ file, fault }) =>
      fault === null ? [] : [error('template.unused', `the own template ${file} is not used: ${fault}`, 'mend it')],
    );

const URL_REMEDY = 'set HOMEPORT_PUBLIC_URL to an https URL with a name, for the server and for this command alike';

/** The public URL stands in the files of phones: one that changes changes all of them. */
function urlFindings({ publicUrl, surroundings }: Checked): Finding[] {
  const { hostname, protocol } = new URL(publicUrl);
  if (/^[\d.]+$|^\[/.test(hostname)) {
    const why = surroundings.publicUrlIsSet ? '' : ', the first that this machine has';
    return [warning('url.address', `phones are sent to an address, ${hostname}${why}, that may change`, URL_REMEDY)];
  }
  if (protocol === 'https:') return [];
  const message = 'phones fetch their passwords without encryption: the public URL is http';
  return [warning('url.clear', message, URL_REMEDY)];
}

/** Every question, in the order in which equally bad answers are told. */
const QUESTIONS: readonly Question[] = [
  { code: 'audit', about: 'the audit', ask: auditFindings },
  ...storageQuestions,
  ...holderQuestions,
  { code: 'pool', about: 'pools', ask: poolFindings },
  ...dnsQuestions,
  { code: 'url', about: 'the public URL', ask: urlFindings },
  ...proofQuestions,
  ...certificateQuestions,
  { code: 'template', about: 'own templates', ask: templateFindings },
];

async function answerOf({ code, about, ask }: Question, house: Checked): Promise<readonly Finding[]> {
  try {
    return await ask(house);
  } catch (fault) {
    log.warn({ error: fault, question: code }, 'a check could not be made');
    const why = fault instanceof Error ? fault.message.split('\n', 1)[0] : 'no reason was given';
    return [unknown(code, `${about} could not be looked at: ${why}`, 'mend what it says; the log has the details')];
  }
}

/** Everything that an operator should know, the worst first. */
export async function checkHouse(house: Checked, questions = QUESTIONS): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const question of questions) findings.push(...(await answerOf(question, house)));
  return worstFirst(findings);
}
