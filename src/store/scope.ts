// Tenancy in SQL: every query for tenants or what belongs to them passes here.
import { type RawBuilder, sql } from 'kysely';
import type { Scope } from '../domain/access.ts';

/** The condition that keeps a query within a scope; `column` holds the tenant's code. */
export function inScope(
  column: 'tenant.code' | 'phone.tenant' | 'fetch.tenant' | 'unclaimed.tenant' | 'audit.tenant',
  scope: Scope,
): RawBuilder<boolean> {
  if (scope.kind === 'all') return sql<boolean>`1 = 1`;
  if (scope.codes.length === 0) return sql<boolean>`1 = 0`;
  return sql<boolean>`${sql.ref(column)} in (${sql.join([...scope.codes])})`;
}
