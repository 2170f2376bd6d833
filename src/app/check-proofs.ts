// What `homeport check` says of how phones prove themselves.
import { type Finding, ok, warning } from '../domain/finding.ts';
import { FIRST_PAGE } from '../domain/page.ts';
import type { Store } from '../store/store.ts';

type Checked = { readonly store: Store; readonly now: () => Date };

const NAMED_MAX = 5;

const named = (codes: readonly string[]) =>
  `${codes.slice(0, NAMED_MAX).join(', ')}${codes.length > NAMED_MAX ? ` and ${codes.length - NAMED_MAX} more` : ''}`;

async function weakTenants({ store }: Checked): Promise<string[]> {
  const weak: string[] = [];
  for (let after: string | null = null; ; ) {
    const page = await store.tenants.list({ kind: 'all' }, { ...FIRST_PAGE, after });
    weak.push(...page.filter(({ proof }) => proof === 'token').map(({ code }) => code));
    after = page.length === FIRST_PAGE.limit ? (page.at(-1)?.code ?? null) : null;
    if (after === null) return weak;
  }
}

/** Tenants whose token alone opens their phones' files, and enrolment windows that are open. */
async function proofFindings(house: Checked): Promise<Finding[]> {
  const weak = await weakTenants(house);
  const at = house.now().toISOString();
  const windows = (await house.store.enrolments.list(null, at)).filter(({ opensAt }) => opensAt <= at);
  return [
    weak.length === 0
      ? ok('proof.tenants', 'every tenant’s phones must prove themselves')
      : warning(
          'proof.tenants',
          `${weak.length} tenants give their phones’ files, passwords and all, to whoever has the tenant’s token: ${named(weak)}`,
          'open an enrolment window (homeport enrol open), then set the tenant’s proof to credential',
        ),
    ...windows.map(({ id, tenant, phones, closesAt, networks }) =>
      warning(
        'proof.window',
        `enrolment window ${id} of tenant ${tenant} is open for ${phones === null ? 'all phones that have not proven themselves' : `${phones.length} phones`} from ${networks.length === 0 ? 'anywhere' : networks.join(', ')} until ${closesAt}`,
        `when they have come: homeport enrol close ${tenant} ${id}`,
      ),
    ),
  ];
}

export const proofQuestions = [{ code: 'proof', about: 'how phones prove themselves', ask: proofFindings }] as const;
