// A generated fleet in a house: servers in a ring, a pool for each with the next one as its backup, tenants unevenly placed.
import type { App } from './app.ts';

export type FleetSize = { readonly servers: number; readonly tenants: number; readonly capacity?: number };

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');

/** Tenants t000, t001, … of one to six phones; two thirds of them stand on the first half of the pools. */
export function fleetState({ servers, tenants, capacity = 500 }: FleetSize) {
  const name = (index: number) => `s${index % servers}`;
  const list = Array.from({ length: tenants }, (_, index) => ({
    code: `t${String(index).padStart(3, '0')}`,
    phones: 1 + ((index * 7) % 6),
    pool: `p${index % 3 === 0 ? index % servers : index % Math.ceil(servers / 2)}`,
  }));
  return {
    homeport: 1,
    servers: Array.from({ length: servers }, (_, index) => ({
      ...{ name: name(index), host: `${name(index)}.example.com`, capacity },
    })),
    pools: Array.from({ length: servers }, (_, index) => ({
      ...{ name: `p${index}`, domain: `p${index}.example.com` },
      targets: [
        { server: name(index), priority: 10 },
        { server: name(index + 1), priority: 20 },
      ],
    })),
    tenants: list.map(({ code, pool }) => ({ code, pool, name: code, proof: 'token' })),
    phones: list.flatMap(({ code, phones }, tenant) =>
      Array.from({ length: phones }, (_, phone) => ({
        ...{ mac: `805ec0${hex(tenant, 4)}${hex(phone, 2)}`, tenant: code, vendor: 'yealink', model: 'T46U' },
        lines: [{ user: `${phone + 1}`, password: 'not shown' }],
      })),
    ),
  };
}

/** Fills an empty house with a fleet. */
export async function bringFleet(app: App, size: FleetSize): Promise<void> {
  await app.api('post', 'imports/state?apply=1').send(fleetState(size)).expect(200);
}
