// Makes a fresh clone ready: installs the locked packages when node_modules is missing or older than the lock file.
// Plain JavaScript without dependencies, because it runs before anything is installed and on any Node from 20 on.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** @typedef {{ version?: string, optional?: boolean, dev?: boolean, devOptional?: boolean, peer?: boolean }} LockedPackage */

/**
 * @param {string} file
 * @returns {Record<string, LockedPackage>}
 */
function lockedPackages(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : {};
}

/**
 * The locked packages that are missing from node_modules or stand there in another version. Optional packages do not
 * count: most of them are made for another platform.
 * @param {{ withDev: boolean, root?: string }} options
 * @returns {string[]} paths below the root, such as `node_modules/express`
 */
export function missingPackages({ withDev, root = ROOT }) {
  const wanted = lockedPackages(join(root, 'package-lock.json'));
  const present = lockedPackages(join(root, 'node_modules/.package-lock.json'));
  return Object.keys(wanted).filter((path) => {
    const entry = wanted[path] ?? {};
    const needed = path !== '' && !entry.optional && !entry.devOptional && (withDev || !entry.dev);
    return needed && present[path]?.version !== entry.version;
  });
}

/**
 * Runs `npm ci` when packages are missing.
 * @param {{ withDev: boolean }} options
 * @returns {boolean} false when the installation failed; npm has then said why
 */
export function ensureInstalled({ withDev }) {
  const missing = missingPackages({ withDev });
  if (missing.length === 0) return true;
  console.error(`homeport: installing ${missing.length} missing packages with npm ci …`);
  // The development packages come along always, so that `npm start` and `npm test` share one installation.
  const args = ['ci', '--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund'];
  const npm = spawnSync('npm', [...args, '--loglevel=error'], { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (npm.status !== 0) console.error('homeport: npm ci failed; mend what it says above and start again.');
  return npm.status === 0;
}

/** The Node that comes with the packages, where there is one for this platform. */
export const PINNED_NODE = join(ROOT, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');

/** Where Node keeps what it has compiled; it goes with the packages. */
export const COMPILE_CACHE = join(ROOT, 'node_modules', '.cache', 'compiled');

/** Node 22.18 is the first that runs TypeScript as it is; better-sqlite3 13 needs 22. */
function canRun(/** @type {string} */ version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 22 || (major === 22 && minor >= 18);
}

/**
 * Is there a Node that can run the program: the one that comes along, or this one?
 * @returns {boolean} false after saying in one sentence what is missing
 */
export function ensureNode() {
  if (existsSync(PINNED_NODE) || canRun(process.versions.node)) return true;
  console.error(
    `homeport: Node ${process.versions.node} is too old and the Node 24 that comes with the packages is not there ` +
      `(no package for ${process.platform}-${process.arch}, or optional packages were left out); install Node 24 and start again.`,
  );
  return false;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (!ensureInstalled({ withDev: process.argv.includes('--dev') }) || !ensureNode()) process.exit(1);
}
