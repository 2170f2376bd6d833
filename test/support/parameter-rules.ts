// What each vendor's folder knows of parameter names, loaded once for the tests.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadParameterNames, type ParameterRules, reservedParametersSchema } from '../../src/vendors/parameters.ts';
import { TEMPLATES } from './world.ts';

export const VENDORS = ['yealink', 'polycom', 'grandstream', 'snom'] as const;
export type VendorId = (typeof VENDORS)[number];

export const fileOf = (vendor: string, name: string) => readFileSync(join(TEMPLATES, vendor, name), 'utf8');
const rulesOf = (vendor: string): ParameterRules => ({
  names: loadParameterNames(fileOf(vendor, 'parameters.txt')),
  reserved: reservedParametersSchema.parse(JSON.parse(fileOf(vendor, 'reserved.json'))),
});
export const RULES = Object.fromEntries(VENDORS.map((vendor) => [vendor, rulesOf(vendor)])) as Record<
  VendorId,
  ParameterRules
>;
