#!/usr/bin/env node
// The door to every command. Plain JavaScript that any Node can read: it finds a Node that can run the program (this
// one, or the Node 24 that comes with the packages) and hands the command over, or says in one sentence what is missing.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled } from './setup.js';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const PINNED = join(ROOT, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');

/** Node 22.18 is the first that runs TypeScript as it is; better-sqlite3 13 needs 22. */
function canRun(/** @type {string} */ version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 22 || (major === 22 && minor >= 18);
}

/** Runs the command in the pinned Node, passing signals on, and ends as it ends. */
function handOver() {
  const child = spawn(PINNED, process.argv.slice(1), { stdio: 'inherit' });
  const forward = (/** @type {NodeJS.Signals} */ signal) => child.kill(signal);
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGINT', 'SIGHUP'])) process.on(signal, forward);
  child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
}

if (!ensureInstalled({ withDev: false })) {
  process.exitCode = 1;
} else if (process.execPath === PINNED || !existsSync(PINNED)) {
  if (canRun(process.versions.node)) {
    await import('./cli/cli.ts').then(({ runCli }) => runCli(process.argv.slice(2)));
  } else {
    console.error(
      `homeport: Node ${process.versions.node} is too old and the Node 24 that comes with the packages is not there ` +
        `(no package for ${process.platform}-${process.arch}, or optional packages were left out); install Node 24 and start again.`,
    );
    process.exitCode = 1;
  }
} else {
  handOver();
}
