// A second server, a process of its own, over the database of a house that a test has open.
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { App } from './app.ts';
import { cleanEnvironment, ROOT, start } from './commands.ts';

const START_MS = 60_000;

/** Starts it. @returns the URL of its phones' door */
export async function serveApart(
  context: TestContext,
  { folder }: Pick<App, 'folder'>,
  more: Record<string, string> = {},
): Promise<string> {
  const env = cleanEnvironment({
    HOMEPORT_DATABASE_URL: `file:${join(folder, 'homeport.db')}`,
    HOMEPORT_PHONE_LISTEN: '127.0.0.1:0',
    HOMEPORT_ADMIN_LISTEN: '127.0.0.1:0',
    HOMEPORT_DEMO: '0',
    HOMEPORT_LOG_LEVEL: 'error',
    ...more,
  });
  const server = start(process.execPath, ['src/homeport.js', 'serve'], { cwd: ROOT, env });
  context.after(() => server.kill());
  const [, url = ''] = await server.line(/^ready phones=(\S+)/m, START_MS);
  return url;
}
