#!/usr/bin/env node
// The door to every command. Plain JavaScript that any Node can read: it finds a Node that can run the program (this
// one, or the Node 24 that comes with the packages) and hands the command over, or says in one sentence what is missing.
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import module from 'node:module';
import { COMPILE_CACHE, ensureInstalled, ensureNode, PINNED_NODE } from './setup.js';

/** Runs the command in the pinned Node, passing signals on, and ends as it ends. */
function handOver() {
  const child = spawn(PINNED_NODE, process.argv.slice(1), { stdio: 'inherit' });
  const forward = (/** @type {NodeJS.Signals} */ signal) => child.kill(signal);
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGINT', 'SIGHUP'])) process.on(signal, forward);
  child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
}

if (!ensureInstalled({ withDev: false }) || !ensureNode()) {
  process.exitCode = 1;
} else if (!existsSync(PINNED_NODE) || realpathSync(process.execPath) === realpathSync(PINNED_NODE)) {
  // What Node has compiled once it finds again: a command starts in a third of the time. Where the directory cannot be
  // written, it compiles again.
  module.enableCompileCache?.(COMPILE_CACHE);
  await import('./cli/cli.ts').then(({ runCli }) => runCli(process.argv.slice(2)));
} else {
  handOver();
}
