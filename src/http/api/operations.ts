// Every operation of the API.

import { checkOperations } from './checks.ts';
import { dnsOperations } from './dns.ts';
import { enrolmentOperations, tokenOperations } from './enrolment.ts';
import { failoverMatrixOperations } from './failover.ts';
import { importOperations } from './imports.ts';
import { installationOperations } from './installation.ts';
import type { Operation } from './operation.ts';
import { auditOperations, sessionOperations, userOperations } from './people.ts';
import { phoneFileOperations, phoneOperations, unclaimedOperations } from './phones.ts';
import { planningOperations } from './planning.ts';
import { planOperations } from './plans.ts';
import { recordOperations } from './records.ts';
import { redirectionOperations } from './redirections.ts';
import { registrationOperations } from './registrations.ts';
import { revealOperations } from './reveal.ts';
import { failoverOperations, poolOperations, serverOperations } from './servers-and-pools.ts';
import { settingOperations } from './settings.ts';
import { simulationOperations } from './simulations.ts';
import { sweepOperations } from './sweeps.ts';
import { templateOperations } from './templates.ts';
import { contactOperations, moveOperations, tenantOperations } from './tenants.ts';

export const OPERATIONS: readonly Operation[] = [
  ...serverOperations,
  ...registrationOperations,
  ...poolOperations,
  ...recordOperations,
  ...dnsOperations,
  ...simulationOperations,
  ...failoverOperations,
  ...failoverMatrixOperations,
  ...planningOperations,
  ...planOperations,
  ...installationOperations,
  ...settingOperations,
  ...templateOperations,
  ...tenantOperations,
  ...moveOperations,
  ...contactOperations,
  ...tokenOperations,
  ...enrolmentOperations,
  ...phoneOperations,
  ...phoneFileOperations,
  ...revealOperations,
  ...unclaimedOperations,
  ...sweepOperations,
  ...redirectionOperations,
  ...importOperations,
  ...sessionOperations,
  ...userOperations,
  ...auditOperations,
  ...checkOperations,
];
