// An operator's own templates: a directory searched before the product's, for the whole installation or for one tenant.
// A template of theirs may say everything but what makes a phone find its pool: every reserved parameter must come out as
// the product's template gives it. A template that is broken, or says something else there, is not used; the last good
// one is, and the fault is shown. Phones never wait for anybody to mend a template.
import { type Dirent, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import type { Template } from './template.ts';

/** What a directory of own templates is checked against. */
export type OverlayRules = {
  /** Compiles and checks a template that shall stand in for the vendor's file. @throws Error saying what is wrong */
  accept(vendor: string, file: string, source: string): Template;
};

export type OverlayFile = {
  /** Below the directory: `acme/phone.cfg.hbs` or `tenants/<code>/acme/phone.cfg.hbs`. */
  readonly file: string;
  /** `served`: as it stands; `last good`: an earlier version of it; `not used`: it never was good. */
  readonly state: 'served' | 'last good' | 'not used';
  readonly fault: string | null;
};

type Entry = { readonly seen: string; readonly good: Template | null; readonly fault: string | null };

export type Overlay = {
  /** The template that stands in for a vendor's file: the tenant's, else the installation's, else none. */
  find(tenant: string, vendor: string, file: string): Template | null;
  /** Looks for changed files. */
  refresh(): void;
  /** Notes what a template did wrong when it was used; it is not used again until it changes. */
  reject(tenant: string, vendor: string, file: string, fault: string): void;
  files(): readonly OverlayFile[];
};

const FILE_BYTES_MAX = 200_000;
const FILES_MAX = 2_000;

/** An overlay that has nothing. */
export const NO_OVERLAY: Overlay = {
  find: () => null,
  refresh: () => undefined,
  reject: () => undefined,
  files: () => [],
};

/**
 * Opens a directory of own templates.
 * @throws Error when the directory does not exist
 */
export function openOverlay(directory: string, rules: OverlayRules): Overlay {
  if (!existsSync(directory)) throw new Error(`the template directory ${directory} does not exist`);
  const entries = new Map<string, Entry>();
  const keysFor = (tenant: string, vendor: string, file: string) => [
    `tenants/${tenant}/${vendor}/${file}`,
    `${vendor}/${file}`,
  ];
  const overlay: Overlay = {
    find(tenant, vendor, file) {
      for (const key of keysFor(tenant, vendor, file)) {
        const good = entries.get(key)?.good;
        if (good) return good;
      }
      return null;
    },
    refresh() {
      const present = templatesBelow(directory);
      for (const key of entries.keys()) if (!present.has(key)) entries.delete(key);
      for (const [key, seen] of present) {
        const before = entries.get(key);
        if (before?.seen !== seen) entries.set(key, load(directory, key, seen, before?.good ?? null, rules));
      }
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
  };
  overlay.refresh();
  return overlay;
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

function load(directory: string, key: string, seen: string, lastGood: Template | null, rules: OverlayRules): Entry {
  try {
    const match = /^(?:tenants\/[^/]+\/)?(?<vendor>[^/]+)\/(?<file>[^/]+)$/.exec(key);
    if (!match?.groups) throw new Error('a template stands in <vendor>/ or in tenants/<code>/<vendor>/');
    const source = readFileSync(join(directory, key), 'utf8');
    if (source.length > FILE_BYTES_MAX) throw new Error(`a template has at most ${FILE_BYTES_MAX} characters`);
    return { seen, good: rules.accept(match.groups.vendor ?? '', match.groups.file ?? '', source), fault: null };
  } catch (error) {
    return { seen, good: lastGood, fault: error instanceof Error ? error.message : String(error) };
  }
}
