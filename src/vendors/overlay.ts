// An operator's own templates: a directory searched before the product's, for the whole installation or for one tenant.
// A template of theirs may say everything but what makes a phone find its pool: every reserved parameter must come out as
// the product's template gives it. A template that is broken, or says something else there, is not used; the last good
// one is, and the fault is shown. Phones never wait for anybody to mend a template.
import { type Dirent, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { invalid } from '../domain/errors.ts';
import { PLACE_FAULT, placeText, readPlace, type TemplatePlace } from '../domain/own-template.ts';
import { isWritable, replaceBelow } from './replace.ts';
import type { Template } from './template.ts';
import type { TrialOrder } from './trial.ts';

/** What a directory of own templates is checked against. */
export type OverlayRules = {
  /** Is there such a file of the vendor's, that others may stand in for? @throws Error when there is not */
  check(vendor: string, file: string): void;
  /** Tries a template away from here. @returns what is wrong with it; null when it may be used */
  faultOf(order: TrialOrder): Promise<string | null>;
  /** Compiles a template that has been tried. @throws Error saying what is wrong */
  compile(vendor: string, file: string, source: string): Template;
};

export type OverlayFile = {
  /** Below the directory: `acme/phone.cfg.hbs` or `tenants/<code>/acme/phone.cfg.hbs`. */
  readonly file: string;
  /** `served`: as it stands; `last good`: an earlier version of it; `not used`: it never was good. */
  readonly state: 'served' | 'last good' | 'not used';
  readonly fault: string | null;
};

type Entry = { readonly seen: string; readonly good: Template | null; readonly fault: string | null };
type Entries = Map<string, Entry>;

/** File → its source, or null for a template that is to go. */
export type TemplateSources = ReadonlyMap<string, string | null>;

export type Overlay = {
  /** The template that stands in for a vendor's file: the tenant's, else the installation's, else none. */
  find(tenant: string, vendor: string, file: string): Template | null;
  /** Notes what a template did wrong when it was used; it is not used again until it changes. */
  reject(tenant: string, vendor: string, file: string, fault: string): void;
  files(): readonly OverlayFile[];
  /** The same overlay as if these sources stood in the directory. It stays as it is, whatever happens to this one. */
  supposing(sources: TemplateSources): Promise<Overlay>;
};

/** The directory behind an overlay. */
export type OwnDirectory = {
  /** Looks for changed files, and tries those that it finds; until then their last good versions are used. */
  refresh(): Promise<void>;
  /** May templates be written here? */
  isWritable(): boolean;
  /** What stands in the directory; null when nothing does. */
  source(place: TemplatePlace): string | null;
  /** Everything that stands in the directory, also what is no template for any vendor. */
  sources(): ReadonlyMap<string, string>;
  /**
   * Writes or removes (null) a template, in one step that nobody sees half of, and takes it up.
   * @returns what puts back what stood there before
   * @throws AppError `unavailable` when it cannot be written
   */
  put(place: TemplatePlace, source: string | null): Promise<() => Promise<void>>;
};

const FILE_BYTES_MAX = 200_000;
const FILES_MAX = 2_000;

/** An overlay that has nothing. */
export const emptyOverlay = (rules: OverlayRules): Overlay => overlayOf(new Map(), rules);

const keysFor = (tenant: string, vendor: string, file: string) => [
  placeText({ tenant, vendor, file }),
  placeText({ tenant: null, vendor, file }),
];

function overlayOf(entries: Entries, rules: OverlayRules): Overlay {
  return {
    find(tenant, vendor, file) {
      for (const key of keysFor(tenant, vendor, file)) {
        const good = entries.get(key)?.good;
        if (good) return good;
      }
      return null;
    },
    reject(tenant, vendor, file, fault) {
      for (const key of keysFor(tenant, vendor, file)) {
        const entry = entries.get(key);
        if (entry?.good) return void entries.set(key, { ...entry, good: null, fault });
      }
    },
    files: () =>
      [...entries]
        .map(([file, { good, fault }]): OverlayFile => {
          const state = fault === null ? 'served' : good === null ? 'not used' : 'last good';
          return { file, state, fault };
        })
        .sort((a, b) => (a.file < b.file ? -1 : 1)),
    async supposing(sources) {
      const supposed: Entries = new Map(entries);
      for (const [key, source] of sources) {
        const last = entries.get(key)?.good ?? null;
        if (source === null) supposed.delete(key);
        else supposed.set(key, await judge(key, 'supposed', last, rules, () => source));
      }
      return overlayOf(supposed, rules);
    },
  };
}

/**
 * Opens a directory of own templates. Nothing of it is used before it is refreshed for the first time.
 * @throws Error when the directory does not exist
 */
export function openOverlay(
  directory: string,
  rules: OverlayRules,
): { readonly overlay: Overlay; readonly own: OwnDirectory } {
  if (!existsSync(directory)) throw new Error(`the template directory ${directory} does not exist`);
  const entries: Entries = new Map();
  let turn: Promise<unknown> = Promise.resolve();
  const refresh = () => {
    const done = turn.then(lookAgain);
    turn = done.catch(() => undefined);
    return done;
  };
  const lookAgain = async () => {
    const present = templatesBelow(directory);
    for (const key of entries.keys()) if (!present.has(key)) entries.delete(key);
    for (const [key, seen] of present) {
      const before = entries.get(key);
      if (before?.seen === seen) continue;
      const judged = await judge(key, seen, null, rules, () => read(directory, key));
      // What has served meanwhile may have been rejected meanwhile.
      entries.set(key, { ...judged, good: judged.good ?? entries.get(key)?.good ?? null });
    }
  };
  const source = (place: TemplatePlace) => {
    const key = placeText(place);
    return templatesBelow(directory).has(key) ? read(directory, key) : null;
  };
  return {
    overlay: overlayOf(entries, rules),
    own: {
      refresh,
      isWritable: () => isWritable(directory),
      source,
      sources: () => sourcesIn(directory),
      async put(place, text) {
        const before = source(place);
        const parts = placeText(place).split('/');
        replaceBelow(directory, parts, text);
        await refresh();
        return async () => {
          replaceBelow(directory, parts, before);
          await refresh();
        };
      },
    },
  };
}

/**
 * The sources of all templates below any directory, such as a checkout that is not served yet.
 * @throws AppError `invalid` when the directory cannot be read, or a file is too long
 */
export function sourcesIn(directory: string): Map<string, string> {
  try {
    return new Map([...templatesBelow(directory).keys()].map((key) => [key, read(directory, key)]));
  } catch (error) {
    throw invalid(`${directory} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Every template below the directory with a mark that changes when it changes. */
function templatesBelow(directory: string): Map<string, string> {
  const found = new Map<string, string>();
  const entries: Dirent[] = readdirSync(directory, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (!entry.isFile() || !entry.name.endsWith('.hbs') || found.size >= FILES_MAX) continue;
    const path = join(entry.parentPath, entry.name);
    const { mtimeMs, size, ino } = statSync(path);
    found.set(relative(directory, path).split(sep).join('/'), `${mtimeMs} ${size} ${ino}`);
  }
  return found;
}

function read(directory: string, key: string): string {
  const path = join(directory, key);
  if (statSync(path).size > FILE_BYTES_MAX) throw new Error(`${key}: a template has at most ${FILE_BYTES_MAX} bytes`);
  return readFileSync(path, 'utf8');
}

/** What becomes of a template: it is used, or, with its fault, the last good version of it is. */
async function judge(
  key: string,
  seen: string,
  last: Template | null,
  rules: OverlayRules,
  source: () => string,
): Promise<Entry> {
  try {
    const place = readPlace(key);
    if (place === null) throw new Error(`a template's place ${PLACE_FAULT}`);
    const text = source();
    if (text.length > FILE_BYTES_MAX) throw new Error(`a template has at most ${FILE_BYTES_MAX} characters`);
    const { vendor, file } = place;
    rules.check(vendor, file);
    const fault = await rules.faultOf({ vendor, file, source: text });
    if (fault !== null) throw new Error(fault);
    return { seen, good: rules.compile(vendor, file, text), fault: null };
  } catch (error) {
    return { seen, good: last, fault: error instanceof Error ? error.message : String(error) };
  }
}
