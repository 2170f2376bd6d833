// Real Asterisk servers. Debian's stable releases have none, so one of Debian's unstable release is set up once in a folder
// that is kept between runs, and several run from it side by side, each with its own configuration and loopback address.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { needsPrograms } from './system-packages.ts';

const LAB = resolve(import.meta.dirname, '../../.lab');
const ROOT = join(LAB, 'asterisk');
const MIRROR = 'http://deb.debian.org/debian';
const SETUP_MS_MAX = 600_000;
const START_MS_MAX = 30_000;

export const AMI_PORT = 5038;
export const AMI_TLS_PORT = 5039;
export const AMI_USER = 'homeport';
export const AMI_SECRET = 'secret-of-the-lab';

// A mirror that stands still for a while is good enough for a test.
const SETUP = `set -e
test ! -x "$1/usr/sbin/asterisk" || exit 0
rm -rf "$1.new"
debootstrap --variant=minbase sid "$1.new" ${MIRROR}
printf '#!/bin/sh\\nexit 101\\n' > "$1.new/usr/sbin/policy-rc.d"
chmod +x "$1.new/usr/sbin/policy-rc.d"
chroot "$1.new" apt-get -q -o Acquire::Check-Valid-Until=false update
chroot "$1.new" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends asterisk asterisk-modules
mv "$1.new" "$1"
`;

/**
 * Sees to it that Asterisk is there; the first time takes minutes.
 * @returns false when it is, else why the test is left out: what `skip` wants
 */
export function needsAsterisk(): false | string {
  if (process.getuid?.() !== 0) return 'needs root to set up Asterisk in a folder of its own';
  const program = join(ROOT, 'usr/sbin/asterisk');
  if (existsSync(program)) return false;
  const missing = needsPrograms({ debootstrap: 'debootstrap', flock: 'util-linux' });
  if (missing !== false) return missing;
  mkdirSync(LAB, { recursive: true });
  const lock = [join(LAB, 'asterisk.lock'), 'sh', '-c', SETUP, 'sh', ROOT];
  const set = spawnSync('flock', lock, { encoding: 'utf8', timeout: SETUP_MS_MAX });
  return existsSync(program) ? false : `Asterisk could not be set up: ${(set.stderr ?? '').trim().split('\n').at(-1)}`;
}

/** A server as a test wants it. */
export type AsteriskWish = {
  readonly name: string;
  readonly address: string;
  readonly accounts: readonly Account[];
  /** The certificate of its manager interface over TLS, PEM; left out, it has none. */
  readonly tls?: { readonly cert: string; readonly key: string };
};

/** A line as Asterisk knows it. */
export type Account = { readonly user: string; readonly password: string };

export type Asterisk = {
  readonly name: string;
  /** The loopback address of its SIP port 5060 and its manager port. */
  readonly address: string;
  /** Runs a command of its console. */
  console(command: string): string;
  /** Stops it as a power cut does. */
  kill(): Promise<void>;
  start(): Promise<void>;
};

const MODULES = [
  ...[
    'res_pjsip',
    'res_pjsip_registrar',
    'res_pjsip_session',
    'res_pjsip_authenticator_digest',
    'res_pjsip_notify',
    'res_pjsip_nat',
  ],
  ...[
    'res_pjsip_endpoint_identifier_user',
    'res_pjsip_sdp_rtp',
    'res_pjsip_caller_id',
    'res_pjsip_outbound_authenticator_digest',
  ],
  ...[
    'res_pjproject',
    'res_sorcery_config',
    'res_sorcery_memory',
    'res_sorcery_astdb',
    'res_rtp_asterisk',
    'bridge_simple',
  ],
  ...[
    'chan_pjsip',
    'func_pjsip_endpoint',
    'func_pjsip_contact',
    'pbx_config',
    'app_dial',
    'app_echo',
    'codec_ulaw',
    'res_timing_timerfd',
  ],
  ...['res_pjsip_pubsub', 'res_pjsip_rfc3326', 'res_pjsip_dtmf_info', 'bridge_native_rtp', 'bridge_holding'],
  'res_manager_devicestate',
];

const tlsLines = (address: string, folder: string) => `tlsenable = yes
tlsbindaddr = ${address}:${AMI_TLS_PORT}
tlscertfile = ${folder}/etc/manager.pem
tlsprivatekey = ${folder}/etc/manager.key
`;

const configuration = ({ address, accounts, tls }: AsteriskWish, folder: string): Record<string, string> => ({
  'asterisk.conf': `[directories]
astetcdir => ${folder}/etc
astmoddir => /usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/asterisk/modules
astvarlibdir => /usr/share/asterisk
astdbdir => ${folder}/db
astkeydir => ${folder}/keys
astdatadir => /usr/share/asterisk
astagidir => ${folder}/agi
astspooldir => ${folder}/spool
astrundir => ${folder}/run
astlogdir => ${folder}/log
`,
  'modules.conf': `[modules]\nautoload = no\n${MODULES.map((name) => `load = ${name}.so\n`).join('')}`,
  'logger.conf': '[general]\n[logfiles]\nfull => notice,warning,error\n',
  'manager.conf': `[general]
enabled = yes
port = ${AMI_PORT}
bindaddr = ${address}
${tls === undefined ? '' : tlsLines(address, folder)}[${AMI_USER}]
secret = ${AMI_SECRET}
read = system,call,reporting
write = system,reporting
`,
  ...(tls === undefined ? {} : { 'manager.pem': tls.cert, 'manager.key': tls.key }),
  'rtp.conf': '[general]\nrtpstart=20000\nrtpend=29999\n',
  'pjsip_notify.conf': '[fetch]\nEvent = check-sync\\;reboot=false\n',
  'extensions.conf': `[phones]\nexten => echo,1,Answer()\n same => n,Echo()\nexten => _X.,1,Dial(PJSIP/\${EXTEN},20)\n`,
  'pjsip.conf': `[global]
type = global
default_outbound_endpoint = homeport-notify
[udp]
type = transport
protocol = udp
bind = ${address}:5060
[homeport-notify]
type = endpoint
[phone](!)
type = endpoint
context = phones
disallow = all
allow = ulaw
direct_media = no
rewrite_contact = yes
[account](!)
type = aor
max_contacts = 1
remove_existing = yes
minimum_expiration = 10
${accounts
  .map(
    ({ user, password }) => `[${user}](phone)
aors = ${user}
auth = ${user}
[${user}](account)
[${user}]
type = auth
auth_type = userpass
username = ${user}
password = ${password}
`,
  )
  .join('')}`,
});

const answers = (address: string, port: number) =>
  new Promise<boolean>((tell) => {
    const socket = connect({ host: address, port });
    socket.once('connect', () => tell(true)).once('error', () => tell(false));
    socket.once('close', () => tell(false));
    setTimeout(() => socket.destroy(), 200);
  });

/** Starts a server with these accounts on a loopback address of its own; it goes with the test. */
export async function startAsterisk(context: TestContext, wish: AsteriskWish): Promise<Asterisk> {
  const { name, address } = wish;
  const folder = `/srv/${name}-${process.pid}`;
  for (const part of ['etc', 'db', 'keys', 'agi', 'spool', 'run', 'log']) {
    mkdirSync(join(ROOT, folder, part), { recursive: true });
  }
  for (const [file, text] of Object.entries(configuration(wish, folder))) {
    writeFileSync(join(ROOT, folder, 'etc', file), text);
  }
  spawnSync('chroot', [ROOT, 'chown', '-R', 'asterisk:asterisk', folder]);
  const program = ['asterisk', '-C', `${folder}/etc/asterisk.conf`];
  let child: ChildProcess | null = null;
  const asterisk: Asterisk = {
    name,
    address,
    console: (command) => spawnSync('chroot', [ROOT, ...program, '-rx', command], { encoding: 'utf8' }).stdout,
    async kill() {
      const running = child;
      child = null;
      if (running === null || running.exitCode !== null || running.signalCode !== null) return;
      const gone = new Promise((done) => running.once('exit', done));
      running.kill('SIGKILL');
      await gone;
    },
    async start() {
      child = spawn('chroot', [ROOT, ...program, '-f', '-U', 'asterisk', '-G', 'asterisk'], {
        stdio: 'ignore',
        cwd: '/',
      });
      const until = Date.now() + START_MS_MAX;
      while (!(await answers(address, AMI_PORT)) || !/fully booted/i.test(asterisk.console('core waitfullybooted'))) {
        if (Date.now() > until || child.exitCode !== null) {
          const log = join(ROOT, folder, 'log/full');
          throw new Error(
            `${name} does not start: ${existsSync(log) ? readFileSync(log, 'utf8').slice(-2_000) : 'no log'}`,
          );
        }
        await new Promise((done) => setTimeout(done, 100));
      }
    },
  };
  context.after(async () => {
    await asterisk.kill();
    rmSync(join(ROOT, folder), { recursive: true, force: true });
  });
  await asterisk.start();
  return asterisk;
}
