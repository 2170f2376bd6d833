// Commands as people run them: processes, with what they print and how they end.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

export type Ended = { readonly code: number | null; readonly out: string; readonly err: string };

export type Running = {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Ends the process and everything it has started, at once. */
  kill(): void;
  /** Waits for a line on standard output. */
  line(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray>;
};

/** The environment of a person who has just cloned: nothing of npm, nothing of this test run. */
export function cleanEnvironment(more: Record<string, string> = {}): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|HOMEPORT_|INIT_CWD)/i.test(name));
  const environment = Object.fromEntries(kept) as Record<string, string>;
  const path = (environment.PATH ?? '').split(':').filter((entry) => !/node_modules|node-gyp-bin/.test(entry));
  return { ...environment, PATH: path.join(':'), ...more };
}

export function start(
  command: string,
  args: readonly string[],
  options: { cwd: string; env: Record<string, string> },
): Running {
  // A process group of its own, so that nothing it has started outlives the test.
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let out = '';
  let err = '';
  child.stdout.on('data', (piece: Buffer) => {
    out += piece.toString();
  });
  child.stderr.on('data', (piece: Buffer) => {
    err += piece.toString();
  });
  const ended = once(child, 'close').then(([code]) => ({ code, out, err }));
  return {
    child,
    ended,
    kill() {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended already.
      }
    },
    async line(pattern, timeoutMs) {
      const until = Date.now() + timeoutMs;
      for (;;) {
        const match = pattern.exec(out);
        if (match) return match;
        if (child.exitCode !== null || Date.now() > until) throw new Error(`no line ${pattern}\n${out}\n${err}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}

export const run = (command: string, args: readonly string[], options: { cwd: string; env: Record<string, string> }) =>
  start(command, args, options).ended;
