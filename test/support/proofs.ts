// A tenant whose phones must prove themselves, its phones, and requests as those phones make them.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import type { App } from './app.ts';
import { answerDigest, readChallenge } from './digest.ts';
import { readAttributes, readElements, readLinesFormat } from './readers.ts';

export type Answered = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
};

type Asking = {
  readonly method?: string;
  /** The address on this machine from which the request comes. */
  readonly from?: string;
  readonly authorization?: string;
  readonly agent?: string;
  readonly body?: string;
};

/** One request at the phones' door, from an address of choice. */
export function ask(door: string, path: string, asking: Asking = {}): Promise<Answered> {
  const { method = 'GET', from = '127.0.0.1', authorization, agent, body } = asking;
  const headers = {
    ...(authorization === undefined ? {} : { authorization }),
    ...(agent === undefined ? {} : { 'user-agent': agent }),
    ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
  };
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, door), { method, localAddress: from, headers, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(pieces).toString(),
        }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

export const challengeOf = ({ headers }: Answered) => {
  const value = [headers['www-authenticate'] ?? ''].flat()[0] ?? '';
  return readChallenge(value.replace(/, Basic realm=.*$/, ''));
};

type Own = { readonly user: string; readonly password: string };

/** As a phone does it: asks, is challenged, and answers by Digest. */
export async function askAs(door: string, path: string, own: Own, asking: Asking = {}): Promise<Answered> {
  const first = await ask(door, path, asking);
  if (first.status !== 401) return first;
  const { method = 'GET' } = asking;
  const authorization = answerDigest(challengeOf(first), { ...own, method, uri: path });
  return ask(door, path, { ...asking, authorization });
}

export type Kind = {
  readonly vendor: string;
  readonly model: string;
  readonly mac: string;
  readonly agent: string;
  /** What the phone asks for when it boots, and what it gets. */
  readonly boot: readonly (readonly [file: string, status: number])[];
  /** The file with its secrets, and what stands there. */
  readonly secretFile: string;
  readonly read: (text: string) => ReadonlyMap<string, string>;
  readonly user: string;
  readonly password: string;
};

/** One phone of each maker, as it boots. */
export const KINDS: readonly Kind[] = [
  {
    ...{ vendor: 'yealink', model: 'T46U', mac: '805ec0b00001', secretFile: '805ec0b00001.cfg' },
    agent: 'Yealink SIP-T46U 108.86.0.20 80:5e:c0:b0:00:01',
    boot: [
      ['805ec0b00001.boot', 200],
      ['805ec0b00001.cfg', 200],
      ['805ec0b00001-local.cfg', 404],
    ],
    read: readLinesFormat,
    ...{ user: 'static.auto_provision.server.username', password: 'static.auto_provision.server.password' },
  },
  {
    ...{ vendor: 'polycom', model: 'VVX 450', mac: '64167fb00001', secretFile: '64167fb00001-lines.cfg' },
    agent: 'FileTransport PolycomVVX-VVX_450-UA/6.4.3.4747 Type/Application',
    boot: [
      ['64167fb00001.cfg', 200],
      ['sip.ld', 404],
      ['64167fb00001.cfg', 200],
      ['64167fb00001-lines.cfg', 200],
      ['64167fb00001-settings.cfg', 200],
      ['64167fb00001-phone.cfg', 404],
      ['64167fb00001-license.cfg', 404],
    ],
    read: readAttributes,
    ...{ user: 'device.prov.user', password: 'device.prov.password' },
  },
  {
    ...{ vendor: 'grandstream', model: 'GRP2614', mac: 'c074adb00001', secretFile: 'cfgc074adb00001.xml' },
    agent: 'Grandstream Model HW GRP2614 SW 1.0.9.103 DevId c074adb00001',
    boot: [
      ['cfgc074adb00001', 404],
      ['cfgc074adb00001.xml', 200],
      ['cfggrp2614.xml', 404],
      ['cfg.xml', 404],
    ],
    read: readElements,
    ...{ user: 'provisioning.config.username', password: 'provisioning.config.password' },
  },
  {
    ...{ vendor: 'snom', model: 'D785', mac: '000413b00001', secretFile: '000413b00001-settings.xml' },
    agent: 'Mozilla/4.0 (compatible; snomD785-SIP 10.1.152.12 000413b00001)',
    boot: [
      ['000413b00001.xml', 200],
      ['000413b00001-settings.xml', 200],
      ['000413b00001-keys.xml', 200],
    ],
    read: (text) =>
      new Map(
        [...text.matchAll(/<(\w+)(?: idx="(\d+)")? perm="[^"]*">([^<]*)</g)].map(
          ([, name = '', at = '', value = '']) => [`${name}${at}`, value],
        ),
      ),
    ...{ user: 'http_client_user', password: 'http_client_pass' },
  },
];

export const SIP_PASSWORD = 'sip-password-of-initech';

/** Adds the tenant initech with a phone of each kind. @returns where its phones fetch, as a path */
export async function addInitech(app: App, proof = 'credential'): Promise<string> {
  await app.api('post', 'tenants').send({ code: 'initech', name: 'Initech', pool: 'pbxA', proof }).expect(201);
  for (const { mac, vendor, model } of KINDS) await addPhone(app, mac, vendor, model);
  return app.folderOf('initech');
}

export async function addPhone(app: App, mac: string, vendor = 'yealink', model = 'T46U'): Promise<void> {
  const lines = [{ user: `user-${mac}`, password: SIP_PASSWORD, extension: '201' }];
  await app.api('post', 'phones').send({ mac, tenant: 'initech', vendor, model, lines }).expect(201);
}

export const openWindow = async (app: App, order: object = {}): Promise<{ id: number }> =>
  (await app.api('post', 'tenants/initech/enrolments').send(order).expect(201)).body;

/** Enrols a phone by a window and its own boot. @returns what it proves itself with from then on */
export async function enrol(app: App, folder: string, kind: Kind): Promise<Own> {
  await openWindow(app, { phones: [kind.mac] });
  const { status, body } = await ask(app.phonesUrl, folder + kind.secretFile, { agent: kind.agent });
  assert.equal(status, 200, body);
  const said = kind.read(body);
  const own = { user: said.get(kind.user) ?? '', password: said.get(kind.password) ?? '' };
  assert.equal((await askAs(app.phonesUrl, folder + kind.secretFile, own)).status, 200);
  await stateOf(app, kind.mac, 'enrolled');
  return own;
}

/** Waits until a phone has come so far: what phones prove is written down in batches. */
export async function stateOf(app: App, mac: string, state: string) {
  for (let tries = 0; tries < 250; tries++) {
    const { body } = await app.api('get', `phones/${mac}/enrolment`).expect(200);
    if (body.state === state && !body.renewing) return body;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`phone ${mac} is not ${state}`);
}
