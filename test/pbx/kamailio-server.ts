// A real Kamailio as Debian has it: a registrar that counts calls and answers JSON-RPC, on a loopback address of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, globSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryFolder } from '../support/app.ts';
import { findProgram } from '../support/system-packages.ts';

export const KAMAILIO = { kamailio: 'kamailio' };
export const RPC_PORT = 5061;

const START_MS_MAX = 15_000;
const MODULES = [
  ...['tm', 'sl', 'rr', 'pv', 'siputils', 'textops', 'usrloc', 'registrar', 'xhttp', 'jsonrpcs'],
] as const;

const configuration = (address: string, folder: string, dialogs: boolean) => `#!KAMAILIO
debug=0
log_stderror=yes
children=2
tcp_children=2
auto_aliases=no
listen=udp:${address}:5060
listen=tcp:${address}:${RPC_PORT}
mpath="${folder}"
${[...MODULES, ...(dialogs ? ['dialog'] : [])].map((name) => `loadmodule "${name}.so"\n`).join('')}
modparam("usrloc", "db_mode", 0)
modparam("usrloc", "timer_interval", 1)
modparam("registrar", "received_avp", "$avp(RECEIVED)")
modparam("jsonrpcs", "transport", 1)
modparam("tm", "fr_timer", 2000)
tcp_accept_no_cl=yes
request_route {
  if (is_method("REGISTER")) {
    $avp(RECEIVED) = "sip:" + $si + ":" + $sp;
    if (!save("location")) sl_reply_error();
    exit;
  }
  if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
  if (has_totag()) { loose_route(); t_relay(); exit; }
  ${dialogs ? 'if (is_method("INVITE")) dlg_manage();' : ''}
  if (is_method("INVITE")) { record_route(); if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; } }
  if (is_method("NOTIFY")) loose_route();
  t_relay();
  exit;
}
event_route[xhttp:request] {
  if ($hu =~ "^/RPC") jsonrpc_dispatch();
  else xhttp_reply("404", "Not Found", "text/plain", "no");
}
`;

export type Kamailio = { readonly address: string; kill(): Promise<void>; start(): Promise<void> };

const answers = (address: string) =>
  new Promise<boolean>((tell) => {
    const socket = connect({ host: address, port: RPC_PORT });
    socket.once('connect', () => tell(true)).once('error', () => tell(false));
    setTimeout(() => socket.destroy(), 200);
  });

/** Starts one; it ends with the test. */
export async function startKamailio(context: TestContext, address: string, { dialogs = true } = {}): Promise<Kamailio> {
  const [module] = globSync('/usr/lib/{*/,}kamailio/modules/usrloc.so');
  if (module === undefined) throw new Error('the modules of Kamailio are nowhere');
  const folder = temporaryFolder(context);
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, 'run'));
  writeFileSync(join(folder, 'kamailio.cfg'), configuration(address, dirname(module), dialogs));
  let end: () => Promise<void> = async () => undefined;
  const kamailio: Kamailio = {
    address,
    kill: () => end(),
    async start() {
      const args = ['-f', join(folder, 'kamailio.cfg'), '-DD', '-E', '-m', '32', '-Y', join(folder, 'run')];
      // A group of its own: it has children, which go with it.
      const child = spawn(findProgram('kamailio') ?? '', args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
      let said = '';
      child.stderr.on('data', (piece: Buffer) => {
        said = (said + piece.toString()).slice(-2_000);
      });
      const gone = once(child, 'exit');
      end = async () => {
        end = async () => undefined;
        if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
        await gone;
      };
      const until = Date.now() + START_MS_MAX;
      while (!(await answers(address))) {
        if (child.exitCode !== null || Date.now() > until) throw new Error(`Kamailio does not start:\n${said}`);
        await new Promise((done) => setTimeout(done, 50));
      }
    },
  };
  context.after(() => kamailio.kill());
  await kamailio.start();
  return kamailio;
}
