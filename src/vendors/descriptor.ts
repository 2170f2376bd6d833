// A vendor's descriptor, `vendor.json`: everything that makes its phones different, as data.
import { z } from 'zod';
import { dhcpOptionSchema } from '../domain/dhcp.ts';
import { KEY_TYPES } from '../domain/keys.ts';
import { baseUrlFault, SERVICE_KINDS } from '../domain/redirection.ts';
import { settingsLevelSchema } from '../domain/settings.ts';
import { srvBehaviourSchema } from '../domain/simulation.ts';
import { FORMATS } from './encode.ts';

/** A file name with placeholders: `{mac}`, `{model}` (letters and digits) and `{nn}` (two digits). */
const fileNamePattern = z.string().regex(/^(?:[A-Za-z0-9._-]|\{mac\}|\{model\}|\{nn\})+$/);

/** Phones read lines or XML; tables are for people. */
const phoneFormat = z.enum(FORMATS).exclude(['csv']);

const templateFile = z.string().regex(/^(?:[a-z0-9.-]|\{family\})+\.hbs$/);

const renderedFile = z.strictObject({
  name: fileNamePattern,
  kind: z.literal('rendered'),
  /** The template in the vendor's folder; `{family}` stands for the family of the phone's model. */
  template: templateFile,
  format: phoneFormat,
  contentType: z.string(),
  /** Does the file hold a secret? */
  secret: z.boolean(),
  /** The binary form of the file, only for models that read no other (`packed` in the model). */
  packed: z.boolean().default(false),
  /** How the file is encrypted for tenants with a file key, as these phones understand it. */
  sealing: z.enum(['none', 'password', 'blocks']).default('none'),
  /** What the file is made of where its name holds no MAC address: nothing of anybody, or the tenant's phonebook. */
  of: z.enum(['nobody', 'phonebook']).default('nobody'),
});

const uploadedFile = z.strictObject({
  name: fileNamePattern,
  kind: z.literal('uploaded'),
  contentType: z.string(),
  /** A log comes in pieces that belong together; everything else replaces what was there. */
  append: z.boolean().default(false),
  bytesMax: z.number().int().min(1024).max(1_048_576),
  /** What people changed on the phone itself: it wins over what is served, so it is checked. */
  override: z
    .strictObject({
      format: phoneFormat,
      /** What the phone gets once an operator has cleared its changes. */
      cleared: z.string(),
    })
    .nullable()
    .default(null),
  /** Which file the phone gets instead of what it uploaded, while it shows its tenant's phonebook. */
  phonebook: fileNamePattern.nullable().default(null),
});

/** A file that phones ask for and that we never have: known, so that it is not taken for something else. */
const absentFile = z.strictObject({ name: fileNamePattern, kind: z.literal('absent') });

export const fileSpecSchema = z.discriminatedUnion('kind', [renderedFile, uploadedFile, absentFile]);
export type FileSpec = z.output<typeof fileSpecSchema>;
export type RenderedSpec = z.output<typeof renderedFile>;
export type UploadedSpec = z.output<typeof uploadedFile>;

const expansionSchema = z.strictObject({
  modules: z.number().int().min(1).max(10),
  /** The keys of one module. */
  keys: z.number().int().min(1).max(200),
});

/** The main screen, in pixels: `480x272 colour`, `132x64 grey`; `none` for adapters and bases. */
const screenSchema = z.string().regex(/^(?:none|[1-9][0-9]{1,3}x[1-9][0-9]{1,3} (?:colour|grey))$/);

const quirkName = z.string().regex(/^[a-z0-9-]+$/);

/** What one model can do, as far as it is known. Where the sources differ, the smaller number stands here. */
export const modelSchema = z.strictObject({
  /** Models that share their templates. */
  family: z.string().regex(/^[a-z0-9-]+$/),
  /** How many SIP lines the model can hold. */
  lines: z.number().int().min(1).max(250),
  /** Programmable line keys on the set itself; 0 when there are none or their number is not established. */
  keys: z.number().int().min(0).max(200).default(0),
  /** The most expansion modules that can be attached; null when there are none or their number is not established. */
  expansion: expansionSchema.nullable().default(null),
  /** Null when its size is not established. */
  screen: screenSchema.nullable().default(null),
  /** The firmware line that the model takes, and the name of its image where that is known; null when neither is. */
  firmware: z.string().min(1).max(40).nullable().default(null),
  /** Other names for the same model: variants that differ in nothing we configure, and what a user agent may write. */
  aliases: z.array(z.string().min(1)).default([]),
  /** What is peculiar to the model; `quirks` of the descriptor says what each word means. */
  quirks: z.array(quirkName).default([]),
  /** Does the model read the binary form of its file only? */
  packed: z.boolean().default(false),
  /** What is uncertain about this model; M: from one source or deduced, L: weak. */
  notes: z.string().max(90).nullable().default(null),
});

export type Model = z.output<typeof modelSchema>;

const namedPattern = z.string().refine((source) => {
  try {
    new RegExp(source);
    return true;
  } catch {
    return false;
  }
}, 'is not a regular expression');

/** A pattern that finds a MAC address in a certificate's subject: a group `mac`, nothing else is asked of it. */
const macPattern = namedPattern.refine((source) => source.includes('(?<mac>'), 'needs a group named mac');

/** What is known of the certificates that the maker puts into its phones. */
const certificatesSchema = z.strictObject({
  subjects: z
    .array(
      z.strictObject({
        /** Attribute of the subject: `CN`, `serialNumber`, … */
        attribute: z.string().regex(/^[A-Za-z]+$/),
        pattern: macPattern,
        /** How sure it is: H documented, M from one source or deduced, L weak. */
        confidence: z.enum(['H', 'M', 'L']),
        source: z.string().min(1).max(300),
      }),
    )
    .min(1),
  /** The first six digits of its MAC addresses. */
  ouis: z.array(z.string().regex(/^[0-9a-f]{6}$/)),
  /** Are these all of them? */
  ouisComplete: z.boolean(),
  /** What an operator should know: which CA files, which phones have none. */
  note: z.string().min(1).max(500),
});

const keyTypesSchema = z.record(z.string(), z.array(z.enum(KEY_TYPES)).readonly()).default({});

/** How phones can prove themselves by name and password. */
const authenticationSchema = z
  .array(z.enum(['digest-sha-256', 'digest-md5', 'basic']))
  .min(1)
  .readonly();

export const descriptorSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/),
  name: z.string().min(1),
  /** HTTP user agents, tried in order; named groups `model`, `firmware`, `mac`, each optional. */
  userAgents: z.array(namedPattern),
  files: z.array(fileSpecSchema).min(1),
  /** Model name as the phone writes it → what it can do; one line each. */
  models: z.record(z.string(), modelSchema),
  /** The vendor's words for our words. */
  codes: z.record(z.string(), z.record(z.string(), z.string())),
  /** Where this vendor needs another default than the product's. */
  settings: settingsLevelSchema.default({}),
  /** Family → what the programmable keys of its phones can be; a family that is not here has none. */
  keyTypes: keyTypesSchema,
  /** The same for the keys of expansion modules; a family that is not here has the same types there as on the phone. */
  moduleKeyTypes: keyTypesSchema,
  /** What each quirk of a model means to an operator, in a sentence. */
  quirks: z.record(quirkName, z.string().min(1).max(200)).default({}),
  /** Parameters (as patterns of their names) that a phone restarts for when they change, as far as the vendor says. */
  restarts: z.array(namedPattern).default([]),
  /** Family → which raw parameters its files can hold, where a vendor has names of several kinds. */
  rawNames: z.record(z.string(), namedPattern).default({}),
  /** Values with a meaning of their own to these phones, which no text may equal. */
  reservedValues: z.array(z.string()).default([]),
  /** How the phones choose among SRV records of the same priority. */
  srv: srvBehaviourSchema,
  /** How the phones prove themselves by name and password, the most wanted first. */
  authentication: authenticationSchema.default(['digest-md5', 'basic']),
  /** The DHCP options in which phones look for their provisioning URL, in their order. */
  dhcp: z.array(dhcpOptionSchema).readonly().default([]),
  /** The certificates in its phones; null when none is accepted as a proof. */
  certificates: certificatesSchema.nullable().default(null),
});

export type Descriptor = z.output<typeof descriptorSchema>;
export type Authentication = z.output<typeof authenticationSchema>;

/**
 * Quirks that a model has and nobody explains, or that are explained and no model has; families with keys that no model
 * belongs to.
 */
export function unmatched({ models, quirks, keyTypes, moduleKeyTypes }: Descriptor): string[] {
  const all = Object.values(models);
  const used = new Set(all.flatMap((model) => model.quirks));
  const families = new Set(all.map(({ family }) => family));
  const odd = (words: readonly string[], known: { has(word: string): boolean }) => words.filter((w) => !known.has(w));
  return [
    ...odd([...used], new Set(Object.keys(quirks))).map((name) => `no quirk ${name} is explained`),
    ...odd(Object.keys(quirks), used).map((name) => `no model has the quirk ${name}`),
    ...odd([...Object.keys(keyTypes), ...Object.keys(moduleKeyTypes)], families).map(
      (f) => `no model is of family ${f}`,
    ),
  ];
}

/** What the keys of a family can be, on the phone itself and on its modules. */
export const keyTypesOf = ({ keyTypes, moduleKeyTypes }: Descriptor, family: string) => {
  const own = keyTypes[family] ?? [];
  return { keyTypes: own, moduleKeyTypes: moduleKeyTypes[family] ?? own };
};

const baseUrl = z.string().refine((text) => baseUrlFault(text) === null, 'must be an https URL of a host');

/** A file that people upload at a service's portal. */
const uploadFileSchema = z.strictObject({
  template: templateFile,
  format: z.literal('csv'),
  fileName: z.string().regex(/^[a-z0-9-]+\.csv$/),
  /** How sure its columns are: H documented, M deduced, L weak. */
  confidence: z.enum(['H', 'M', 'L']),
  note: z.string().max(300),
});

const redirectionServiceSchema = z.strictObject({
  name: z.string().min(1),
  /** The protocol of its API; null when only its portal takes files. */
  kind: z.enum(SERVICE_KINDS).nullable().default(null),
  /** Where its API answers; the first is the default. */
  baseUrls: z.array(baseUrl).readonly().default([]),
  upload: uploadFileSchema.nullable().default(null),
});

/** `redirection.json`: the maker's redirection services, by the name that stands in paths and commands. */
export const redirectionSchema = z.record(
  z.string().regex(/^[a-z0-9-]+$/),
  redirectionServiceSchema.refine(({ kind, baseUrls }) => kind === null || baseUrls.length > 0, 'kind needs baseUrls'),
);

export type RedirectionFacts = z.output<typeof redirectionServiceSchema>;
