// Programs of the system that tests try ours against. On a Debian machine of ours (root) they are installed; elsewhere the
// test is left out, and says what is missing.
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Servers stand where only root looks. */
const FOLDERS = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/local/sbin'];

/** Where a program stands; null when it is not there. */
export function findProgram(name: string): string | null {
  const isThere = (file: string) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  };
  return FOLDERS.map((folder) => join(folder, name)).find(isThere) ?? null;
}

/** One at a time, and without starting what is installed: a test brings up its own. */
const INSTALL = `set -e
rule=/usr/sbin/policy-rc.d
if [ ! -e $rule ]; then printf '#!/bin/sh\\nexit 101\\n' > $rule; chmod +x $rule; trap 'rm -f $rule' EXIT; fi
export DEBIAN_FRONTEND=noninteractive
get() { apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"; }
get "$@" || { apt-get -q update; get "$@"; }
`;
const INSTALL_MS_MAX = 240_000;

const missingOf = (programs: Readonly<Record<string, string>>) =>
  Object.entries(programs).filter(([program]) => findProgram(program) === null);

/**
 * Sees to it that programs are there.
 * @param programs program → the Debian package that brings it
 * @returns false when all of them are there, else why the test is left out: what `skip` wants
 */
export function needsPrograms(programs: Readonly<Record<string, string>>): false | string {
  const packages = [...new Set(missingOf(programs).map(([, name]) => name))];
  if (packages.length === 0) return false;
  const mayInstall = process.getuid?.() === 0 && existsSync('/etc/debian_version') && findProgram('apt-get') !== null;
  if (!mayInstall) return `needs the Debian packages ${packages.join(', ')}; install them to run this`;
  const lock = [join(tmpdir(), 'homeport-packages.lock'), 'sh', '-c', INSTALL, 'sh', ...packages];
  spawnSync('flock', lock, { stdio: 'ignore', timeout: INSTALL_MS_MAX });
  const still = missingOf(programs).map(([program]) => program);
  return still.length === 0 ? false : `${still.join(', ')} could not be installed from ${packages.join(', ')}`;
}

/** Runs a program to its end. @returns what it printed */
export const runProgram = (name: string, args: readonly string[], input = ''): string =>
  execFileSync(findProgram(name) ?? name, args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
