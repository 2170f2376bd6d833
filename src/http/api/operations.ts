// Every operation of the API.
import { importOperations } from './imports.ts';
import type { Operation } from './operation.ts';
import { auditOperations, sessionOperations, userOperations } from './people.ts';
import { phoneFileOperations, phoneOperations, unclaimedOperations } from './phones.ts';
import { redirectionOperations } from './redirections.ts';
import { revealOperations } from './reveal.ts';
import { failoverOperations, poolOperations, serverOperations } from './servers-and-pools.ts';
import { settingOperations } from './settings.ts';
import { contactOperations, moveOperations, tenantOperations } from './tenants.ts';

export const OPERATIONS: readonly Operation[] = [
  ...serverOperations,
  ...poolOperations,
  ...failoverOperations,
  ...settingOperations,
  ...tenantOperations,
  ...moveOperations,
  ...contactOperations,
  ...phoneOperations,
  ...phoneFileOperations,
  ...revealOperations,
  ...unclaimedOperations,
  ...redirectionOperations,
  ...importOperations,
  ...sessionOperations,
  ...userOperations,
  ...auditOperations,
];
