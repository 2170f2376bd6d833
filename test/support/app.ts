// A whole house on a temporary database, with both doors open on free ports.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import request from 'supertest';
import { readConfig } from '../../src/config.ts';
import type { Method } from '../../src/http/api/operation.ts';
import { type Serving, serve } from '../../src/main.ts';
import { checkAnswer } from './openapi.ts';

export const API_KEY = 'test-key-with-the-owner-role';

/** A new empty folder that goes with the test. */
export function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'homeport-test-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export type App = Serving & {
  readonly folder: string;
  /** A request at the admin door, with the first API key or another one; the answer must be as the document says. */
  api(method: Method, path: string, key?: string): request.Test;
  /** A request at the phones' door. */
  phone(method: 'get' | 'head' | 'put' | 'post' | 'delete', path: string): request.Test;
  /** Where the phones of a tenant fetch, as a path that ends in a slash. */
  folderOf(tenant: string): Promise<string>;
};

/** Starts the demo world, or an empty house. */
export async function startApp(
  context: TestContext,
  { demo = '1', ...environment }: Record<string, string> = {},
  clock?: () => Date,
): Promise<App> {
  const folder = temporaryFolder(context);
  const serving = await serve(
    readConfig({
      HOMEPORT_DATABASE_URL: `file:${join(folder, 'homeport.db')}`,
      HOMEPORT_PHONE_LISTEN: '127.0.0.1:0',
      HOMEPORT_ADMIN_LISTEN: '127.0.0.1:0',
      HOMEPORT_API_KEY: API_KEY,
      HOMEPORT_DEMO: demo,
      HOMEPORT_LOG_LEVEL: 'silent',
      ...environment,
    }),
    clock,
  );
  context.after(() => serving.close());
  const api: App['api'] = (method, path, key = API_KEY) =>
    request(serving.adminUrl)
      [method](`/api/v1/${path}`)
      .set('Authorization', `Bearer ${key}`)
      .expect((answer) => checkAnswer(method, `/${path.split('?')[0]}`, answer));
  return {
    ...serving,
    folder,
    api,
    phone: (method, path) => request(serving.phonesUrl)[method](path).buffer(true).parse(asBuffer),
    async folderOf(tenant) {
      const { body } = await api('get', `tenants/${tenant}`).expect(200);
      return new URL(body.provisioningUrl).pathname;
    },
  };
}

/** Bytes as they are, whatever the content type. */
function asBuffer(response: request.Response, done: (error: Error | null, body: Buffer) => void): void {
  const pieces: Buffer[] = [];
  const stream = response as unknown as NodeJS.ReadableStream;
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  stream.on('end', () => done(null, Buffer.concat(pieces)));
}
