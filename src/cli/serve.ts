// `homeport serve`: opens the doors, says where they are, and stays until it is told to stop.
import type { Config } from '../config.ts';
import { ALL_TENANTS } from '../domain/access.ts';
import { FIRST_PAGE } from '../domain/page.ts';
import { provisioningUrl } from '../domain/tenant.ts';
import { log } from '../log.ts';
import { type Serving, serve } from '../main.ts';
import { print, table } from './print.ts';

/** Serves until SIGTERM or SIGINT, then drains. The line that begins with `ready` is for programs. */
export async function serveUntilStopped(config: Config): Promise<void> {
  const serving = await serve(config);
  print(`ready phones=${serving.phonesUrl} admin=${serving.adminUrl}`);
  if (serving.demoLoaded) await greet(serving);
  await stopSignal();
  log.info('stopping: letting requests in flight end');
  await serving.close();
}

/** Tells somebody who has just started for the first time where to point a phone. */
async function greet({ house, publicUrl }: Serving): Promise<void> {
  const tenants = await house.store.tenants.list(ALL_TENANTS, FIRST_PAGE);
  const rows = tenants.map(({ code, pool, token }) => [code, pool, provisioningUrl(publicUrl, token)]);
  print(`\nThe demo world is loaded. Point a phone at its tenant's provisioning URL:\n`);
  print(table(['tenant', 'pool', 'provisioning URL'], rows));
  print(`\n"npx homeport tenants" shows this again, "npx homeport phones" the phones.`);
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve());
  });
}
