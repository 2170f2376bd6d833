// Every operation of the API.
import type { Operation } from './operation.ts';
import { auditOperations, sessionOperations, userOperations } from './people.ts';
import { phoneFileOperations, phoneOperations, unclaimedOperations } from './phones.ts';
import { redirectionOperations } from './redirections.ts';
import { failoverOperations, poolOperations, serverOperations } from './servers-and-pools.ts';
import { settingOperations } from './settings.ts';
import { contactOperations, tenantOperations } from './tenants.ts';

export const OPERATIONS: readonly Operation[] = [
  ...serverOperations,
  ...poolOperations,
  ...failoverOperations,
  ...settingOperations,
  ...tenantOperations,
  ...contactOperations,
  ...phoneOperations,
  ...phoneFileOperations,
  ...unclaimedOperations,
  ...redirectionOperations,
  ...sessionOperations,
  ...userOperations,
  ...auditOperations,
];
