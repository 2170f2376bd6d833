// Every operation × every role × what is one's own, another tenant's, or nobody's key. The table below says again, by hand,
// what each operation needs; a new operation without an entry fails.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import request from 'supertest';
import { ROLES, type Role } from '../../src/domain/access.ts';
import { OPERATIONS } from '../../src/http/api/operations.ts';
import { giveAccount } from '../redirection/services.ts';
import { type App, startApp, temporaryFolder } from '../support/app.ts';

/** A body that is a text is a table. */
type Asked = { readonly path: string; readonly body?: object | string };
type Prepare = (app: App, tenant: string, unique: string) => Promise<Asked> | Asked;
type Least = 'everybody' | 'look' | 'fleet' | 'tend' | 'operate' | 'own';

const MAY: Record<Role, readonly Least[]> = {
  owner: ['everybody', 'look', 'fleet', 'tend', 'operate', 'own'],
  operator: ['everybody', 'look', 'fleet', 'tend', 'operate'],
  viewer: ['everybody', 'look', 'fleet'],
  tenantAdmin: ['everybody', 'look', 'tend'],
  tenantViewer: ['everybody', 'look'],
};

const line = { user: '1', password: 'not shown' };
const PHONES: Record<string, string> = { acme: '805ec0a00001', globex: '805ec0a00002' };
const phoneOf = (tenant: string) => PHONES[tenant] ?? '';

/** A MAC address that is like no other. */
const macOf = (unique: string) => `805e${unique.padStart(8, '0')}`;

const newPhone = async (app: App, tenant: string, unique: string) => {
  const mac = macOf(unique);
  await app
    .api('post', 'phones')
    .send({ mac, tenant, vendor: 'yealink', model: 'T46U', lines: [line] })
    .expect(201);
  return mac;
};
const newServer = async (app: App, unique: string) => {
  const server = { name: `s${unique}`, host: `s${unique}.example.com` };
  await app.api('post', 'servers').send(server).expect(201);
  return server.name;
};
const newPool = async (app: App, unique: string) => {
  const targets = [{ server: 'voip1', priority: 10 }];
  await app
    .api('post', 'pools')
    .send({ name: `p${unique}`, domain: `p${unique}.example.com`, targets })
    .expect(201);
  return `p${unique}`;
};
const newTenant = async (app: App, unique: string) => {
  await app
    .api('post', 'tenants')
    .send({ code: `t${unique}`, name: 'T', pool: 'pbxA' })
    .expect(201);
  return `t${unique}`;
};
const newUser = async (app: App, unique: string) => {
  const user = { name: `u${unique}`, role: 'viewer', password: 'long enough for this' };
  await app.api('post', 'users').send(user).expect(201);
  return user.name;
};
/** A phone that asks with the tenant's token and that nobody has claimed. */
const newStranger = async (app: App, tenant: string, unique: string) => {
  const mac = macOf(unique);
  await app.phone('get', `${await app.folderOf(tenant)}${mac}.cfg`).expect(404);
  for (let tries = 0; tries < 100; tries++) {
    const { body } = await app.api('get', `unclaimed?tenant=${tenant}&limit=1000`);
    if (body.items.some((one: { mac: string }) => one.mac === mac)) return mac;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${mac} was not taken up`);
};
const DESK = 'yealink/desk.cfg.hbs';
const deskSource = (app: App) => app.house.vendors.templates.find(({ file }) => DESK.endsWith(file))?.source() ?? '';
const newTemplate = async (app: App, file: string) => {
  await app
    .api('put', `templates/${file}`)
    .send({ source: deskSource(app) })
    .expect(200);
  return { path: `templates/${file}` };
};
const newOverride = async (app: App, tenant: string, unique: string) => {
  const mac = macOf(unique);
  const phone = { mac, tenant, vendor: 'polycom', model: 'VVX 450', lines: [line] };
  await app.api('post', 'phones').send(phone).expect(201);
  const folder = await app.folderOf(tenant);
  await app.phone('put', `${folder}${mac}-phone.cfg`).send('<PHONE_CONFIG/>').expect(200);
  return `phones/${mac}/overrides/${mac}-phone.cfg`;
};

/** A plan that the first key proposes: a server that nobody stands on is emptied, or used again. */
const newPlan = async (app: App) => {
  if ((await app.api('get', 'servers')).body.items.every(({ name }: { name: string }) => name !== 'spare')) {
    await app.api('post', 'servers').send({ name: 'spare', host: 'spare.example.com' }).expect(201);
  }
  await app.api('patch', 'servers/voip1').send({ capacity: null }).expect(200);
  const { body } = await app.api('get', 'servers/spare').expect(200);
  const order = body.state === 'active' ? { drain: ['spare'] } : { bringBack: ['spare'] };
  return (
    await app
      .api('post', 'plans')
      .send({ ...order, mode: 'fast', limits: { tenants: 0 } })
      .expect(201)
  ).body;
};

const dnsTarget = { kind: 'powerdns', baseUrl: 'http://127.0.0.1:9', apiKey: 'not-shown' };
const newTarget = async (app: App, unique: string) => {
  await app.api('put', `dns/targets/t${unique}.example.net`).send(dnsTarget).expect(200);
  return `t${unique}.example.net`;
};
/** Where nothing is published, nobody outside is asked. */
const forgetTargets = async (app: App) => {
  const { body } = await app.api('get', 'dns/targets').expect(200);
  for (const { zone } of body.items) await app.api('delete', `dns/targets/${zone}`).expect(204);
};

const connection = { kind: 'sip', host: '127.0.0.1', port: 9 };
const connectedServer = async (app: App, unique: string) => {
  const server = await newServer(app, `c${unique}`);
  await app.api('put', `servers/${server}/connection`).send(connection).expect(200);
  return server;
};

/** Operation → what it needs at least, and a request that succeeds for somebody who may. */
const CASES: Record<string, [Least, Prepare]> = {
  listServers: ['fleet', () => ({ path: 'servers' })],
  addServer: ['operate', (_app, _t, u) => ({ path: 'servers', body: { name: `n${u}`, host: `n${u}.example.com` } })],
  getServer: ['fleet', () => ({ path: 'servers/voip1' })],
  changeServer: ['operate', () => ({ path: 'servers/voip1', body: { capacity: 5 } })],
  removeServer: ['operate', async (app, _t, u) => ({ path: `servers/${await newServer(app, u)}` })],
  getConnection: ['fleet', async (app, _t, u) => ({ path: `servers/${await connectedServer(app, u)}/connection` })],
  putConnection: [
    'own',
    async (app, _t, u) => ({ path: `servers/${await newServer(app, `d${u}`)}/connection`, body: connection }),
  ],
  removeConnection: ['own', async (app, _t, u) => ({ path: `servers/${await connectedServer(app, u)}/connection` })],
  listRegistrations: ['fleet', () => ({ path: 'servers/voip1/registrations' })],
  getPhoneRegistrations: ['look', (_app, t) => ({ path: `phones/${phoneOf(t)}/registrations` })],
  getConvergence: ['look', () => ({ path: 'convergence' })],
  listPools: ['fleet', () => ({ path: 'pools' })],
  addPool: [
    'operate',
    (_app, _t, u) => ({
      path: 'pools',
      body: { name: `q${u}`, domain: `q${u}.example.com`, targets: [{ server: 'voip1', priority: 1 }] },
    }),
  ],
  getPool: ['fleet', () => ({ path: 'pools/pbxA' })],
  changePool: ['operate', () => ({ path: 'pools/pbxA', body: { ttl: 60 } })],
  removePool: ['operate', async (app, _t, u) => ({ path: `pools/${await newPool(app, u)}` })],
  getPoolRecords: ['fleet', () => ({ path: 'pools/pbxA/records' })],
  listRecords: ['fleet', () => ({ path: 'records' })],
  simulate: ['fleet', () => ({ path: 'simulations', body: { pool: 'pbxA', down: ['voip1'] } })],
  listLints: ['fleet', () => ({ path: 'lints' })],
  getInstallation: ['fleet', () => ({ path: 'installation' })],
  changeInstallation: [
    'operate',
    (_app, _t, u) => ({ path: 'installation', body: { promisedMoveS: 1_000 + Number(u) } }),
  ],
  listDnsTargets: ['fleet', () => ({ path: 'dns/targets' })],
  getDnsTarget: ['fleet', async (app, _t, u) => ({ path: `dns/targets/${await newTarget(app, u)}` })],
  putDnsTarget: ['own', (_app, _t, u) => ({ path: `dns/targets/z${u}.example.net`, body: dnsTarget })],
  removeDnsTarget: ['own', async (app, _t, u) => ({ path: `dns/targets/${await newTarget(app, u)}` })],
  getDnsSettings: ['fleet', () => ({ path: 'dns/settings' })],
  putDnsSettings: ['operate', () => ({ path: 'dns/settings', body: { resolvers: [] } })],
  getDnsPlan: ['operate', () => ({ path: 'dns/plan' })],
  publishDns: [
    'operate',
    async (app) => {
      await forgetTargets(app);
      return { path: 'dns/publications', body: { digest: (await app.api('get', 'dns/plan')).body.digest } };
    },
  ],
  getDnsDrift: ['fleet', () => ({ path: 'dns/drift' })],
  listDnsChecks: ['fleet', () => ({ path: 'dns/checks' })],
  checkDns: ['operate', (app) => forgetTargets(app).then(() => ({ path: 'dns/checks' }))],
  getFailover: ['fleet', () => ({ path: 'failover' })],
  getFailoverMatrix: ['fleet', () => ({ path: 'failover/matrix?lost=2&strays=0.1' })],
  getPlanning: ['fleet', () => ({ path: 'planning' })],
  changePlanning: ['operate', (_app, _t, u) => ({ path: 'planning', body: { loadOldAfterH: Number(u) } })],
  listLoads: ['fleet', () => ({ path: 'loads' })],
  putLoads: ['operate', (_app, tenant) => ({ path: 'loads', body: { items: [{ tenant, calls: 3 }] } })],
  getLoad: ['look', (_app, tenant) => ({ path: `tenants/${tenant}/load` })],
  putLoad: ['operate', (_app, tenant) => ({ path: `tenants/${tenant}/load`, body: { calls: 3 } })],
  removeLoad: [
    'operate',
    async (app, tenant) => {
      await app.api('put', `tenants/${tenant}/load`).send({ calls: 3 }).expect(200);
      return { path: `tenants/${tenant}/load` };
    },
  ],
  listPlans: ['fleet', () => ({ path: 'plans' })],
  proposePlan: ['operate', () => ({ path: 'plans', body: { mode: 'fast' } })],
  getPlan: ['fleet', async (app) => ({ path: `plans/${(await newPlan(app)).id}` })],
  approvePlan: [
    'operate',
    async (app) => {
      const { id, digest } = await newPlan(app);
      return { path: `plans/${id}/approval`, body: { digest } };
    },
  ],
  getApplication: [
    'fleet',
    async (app) => {
      const { id, digest } = await newPlan(app);
      await app.api('post', `plans/${id}/application`).send({ digest }).expect(201);
      return { path: `plans/${id}/application` };
    },
  ],
  applyPlan: [
    'operate',
    async (app) => {
      const { id, digest } = await newPlan(app);
      return { path: `plans/${id}/application`, body: { digest } };
    },
  ],
  listSettings: ['look', () => ({ path: 'settings' })],
  listTemplates: ['fleet', () => ({ path: 'templates' })],
  previewTemplate: ['operate', () => ({ path: 'templates/previews', body: { file: DESK, source: null } })],
  getTemplate: ['fleet', () => ({ path: `templates/${DESK}` })],
  putTemplate: ['operate', (app) => ({ path: `templates/${DESK}`, body: { source: deskSource(app) } })],
  removeTemplate: ['operate', (app) => newTemplate(app, DESK)],
  getTenantTemplate: ['fleet', (_app, tenant) => ({ path: `templates/tenants/${tenant}/${DESK}` })],
  putTenantTemplate: [
    'operate',
    (app, tenant) => ({ path: `templates/tenants/${tenant}/${DESK}`, body: { source: deskSource(app) } }),
  ],
  removeTenantTemplate: ['operate', (app, tenant) => newTemplate(app, `tenants/${tenant}/${DESK}`)],
  getInstallationSettings: ['fleet', () => ({ path: 'settings/installation' })],
  changeInstallationSettings: ['operate', () => ({ path: 'settings/installation', body: { settings: { mwi: true } } })],
  getVendorSettings: ['fleet', () => ({ path: 'settings/vendors/yealink' })],
  changeVendorSettings: ['operate', () => ({ path: 'settings/vendors/yealink', body: { settings: { mwi: true } } })],
  getModelSettings: ['fleet', () => ({ path: 'settings/models/yealink/T46U' })],
  changeModelSettings: ['operate', () => ({ path: 'settings/models/yealink/T46U', body: { settings: { mwi: true } } })],
  listTenants: ['look', () => ({ path: 'tenants' })],
  addTenant: ['operate', (_app, _t, u) => ({ path: 'tenants', body: { code: `n${u}`, name: 'N', pool: 'pbxA' } })],
  getTenant: ['look', (_app, tenant) => ({ path: `tenants/${tenant}` })],
  changeTenant: ['tend', (_app, tenant) => ({ path: `tenants/${tenant}`, body: { settings: { mwi: true } } })],
  removeTenant: ['operate', async (app, _t, u) => ({ path: `tenants/${await newTenant(app, u)}` })],
  listMoves: ['look', (_app, tenant) => ({ path: `tenants/${tenant}/moves` })],
  moveTenant: [
    'operate',
    async (app, _t, u) => ({ path: `tenants/${await newTenant(app, u)}/moves`, body: { pool: 'pbxB' } }),
  ],
  moveTenants: [
    'operate',
    async (app, _t, u) => ({ path: 'moves', body: { items: [{ tenant: await newTenant(app, u), pool: 'pbxB' }] } }),
  ],
  addPhones: [
    'tend',
    (_app, tenant, u) => ({
      path: 'phones/batch',
      body: { items: [{ mac: macOf(u), tenant, vendor: 'yealink', model: 'T46U', lines: [line] }] },
    }),
  ],
  listTokens: ['look', (_app, tenant) => ({ path: `tenants/${tenant}/tokens` })],
  rotateToken: ['operate', async (app, _t, u) => ({ path: `tenants/${await newTenant(app, u)}/tokens`, body: {} })],
  endToken: [
    'operate',
    async (app, _t, u) => {
      const tenant = await newTenant(app, u);
      const { body } = await app.api('post', `tenants/${tenant}/tokens`).send({}).expect(201);
      return { path: `tenants/${tenant}/tokens/${body.items[1].id}` };
    },
  ],
  listPhonesWithToken: [
    'look',
    async (app, tenant) => {
      const { body } = await app.api('get', `tenants/${tenant}/tokens`).expect(200);
      return { path: `tenants/${tenant}/tokens/${body.items[0].id}/phones` };
    },
  ],
  listEnrolmentWindows: ['look', (_app, tenant) => ({ path: `tenants/${tenant}/enrolments` })],
  openEnrolmentWindow: ['tend', (_app, tenant) => ({ path: `tenants/${tenant}/enrolments`, body: {} })],
  closeEnrolmentWindow: [
    'tend',
    async (app, tenant) => {
      const { body } = await app.api('post', `tenants/${tenant}/enrolments`).send({}).expect(201);
      return { path: `tenants/${tenant}/enrolments/${body.id}` };
    },
  ],
  listEnrolments: ['look', (_app, tenant) => ({ path: `tenants/${tenant}/credentials` })],
  getEnrolment: ['look', (_app, tenant) => ({ path: `phones/${phoneOf(tenant)}/enrolment` })],
  reopenEnrolment: ['tend', (_app, tenant) => ({ path: `phones/${phoneOf(tenant)}/enrolment`, body: {} })],
  renewCredential: ['tend', (_app, tenant) => ({ path: `phones/${phoneOf(tenant)}/credential` })],
  listContacts: ['look', (_app, tenant) => ({ path: `tenants/${tenant}/contacts` })],
  replaceContacts: ['tend', (_app, tenant) => ({ path: `tenants/${tenant}/contacts`, body: { items: [] } })],
  listPhones: ['look', () => ({ path: 'phones' })],
  addPhone: [
    'tend',
    (_app, tenant, u) => ({
      path: 'phones',
      body: { mac: macOf(u), tenant, vendor: 'yealink', model: 'T46U', lines: [line] },
    }),
  ],
  getPhone: ['look', (_app, tenant) => ({ path: `phones/${phoneOf(tenant)}` })],
  changePhone: ['tend', (_app, tenant) => ({ path: `phones/${phoneOf(tenant)}`, body: { settings: { mwi: true } } })],
  removePhone: ['tend', async (app, tenant, u) => ({ path: `phones/${await newPhone(app, tenant, u)}` })],
  explainPhoneSettings: ['look', (_app, tenant) => ({ path: `phones/${phoneOf(tenant)}/settings` })],
  listPhoneFiles: ['look', (_app, tenant) => ({ path: `phones/${phoneOf(tenant)}/files` })],
  getPhoneFile: ['look', (_app, tenant) => ({ path: `phones/${phoneOf(tenant)}/files/${phoneOf(tenant)}.cfg` })],
  revealPhone: ['own', (_app, tenant) => ({ path: `phones/${phoneOf(tenant)}/reveal` })],
  listUploads: ['look', (_app, tenant) => ({ path: `phones/${phoneOf(tenant)}/uploads` })],
  listOverrides: ['look', (_app, tenant) => ({ path: `phones/${phoneOf(tenant)}/overrides` })],
  clearOverride: ['tend', async (app, tenant, u) => ({ path: await newOverride(app, tenant, u) })],
  listFetches: ['look', () => ({ path: 'fetches' })],
  listSweeps: ['fleet', () => ({ path: 'sweeps' })],
  listUnclaimed: ['look', () => ({ path: 'unclaimed' })],
  adoptPhone: [
    'tend',
    async (app, tenant, u) => ({
      path: `unclaimed/${await newStranger(app, tenant, u)}/adoption`,
      body: { vendor: 'yealink', model: 'T46U', lines: [line] },
    }),
  ],
  forgetUnclaimed: ['tend', async (app, tenant, u) => ({ path: `unclaimed/${await newStranger(app, tenant, u)}` })],
  signIn: [
    'everybody',
    async (app, _t, u) => ({
      path: 'session',
      body: { name: await newUser(app, u), password: 'long enough for this' },
    }),
  ],
  getSession: ['look', () => ({ path: 'session' })],
  signOut: ['look', () => ({ path: 'session' })],
  listUsers: ['own', () => ({ path: 'users' })],
  addUser: [
    'own',
    (_app, _t, u) => ({ path: 'users', body: { name: `v${u}`, role: 'viewer', password: 'long enough for this' } }),
  ],
  getUser: ['own', async (app, _t, u) => ({ path: `users/${await newUser(app, u)}` })],
  changeUser: ['own', async (app, _t, u) => ({ path: `users/${await newUser(app, u)}`, body: { enabled: false } })],
  removeUser: ['own', async (app, _t, u) => ({ path: `users/${await newUser(app, u)}` })],
  listKeys: ['own', () => ({ path: 'keys' })],
  addKey: ['own', (_app, _t, u) => ({ path: 'keys', body: { name: `k${u}`, role: 'viewer' } })],
  removeKey: [
    'own',
    async (app) => {
      const { body } = await app.api('post', 'keys').send({ name: 'k', role: 'viewer' }).expect(201);
      return { path: `keys/${body.id}` };
    },
  ],
  getDhcp: ['tend', (_app, tenant) => ({ path: `tenants/${tenant}/dhcp` })],
  listRedirections: ['fleet', () => ({ path: 'redirections' })],
  getRedirection: ['fleet', () => ({ path: 'redirections/ymcs' })],
  putRedirectionAccount: ['own', () => ({ path: 'redirections/ztp', body: { credentials: { apiKey: 'key' } } })],
  removeRedirectionAccount: ['own', (app) => giveAccount(app).then(() => ({ path: 'redirections/ymcs' }))],
  exportRedirection: ['tend', (_app, tenant) => ({ path: `tenants/${tenant}/redirections/ymcs` })],
  claimPhones: [
    'operate',
    (app, tenant) => giveAccount(app).then(() => ({ path: `tenants/${tenant}/redirections/ymcs`, body: {} })),
  ],
  releasePhones: [
    'operate',
    async (app, tenant) => {
      await giveAccount(app);
      return { path: `tenants/${tenant}/redirections/ymcs`, body: { macs: [phoneOf(tenant)] } };
    },
  ],
  listClaims: [
    'operate',
    (app, tenant) => giveAccount(app).then(() => ({ path: `tenants/${tenant}/redirections/ymcs/claims` })),
  ],
  importTable: [
    'tend',
    (_app, tenant, u) => ({
      path: `imports?tenant=${tenant}`,
      body: `mac,vendor,model,user,password\n${macOf(u)},yealink,T46U,1,x`,
    }),
  ],
  exportPhones: ['look', () => ({ path: 'exports/phones' })],
  exportTenants: ['look', () => ({ path: 'exports/tenants' })],
  exportState: ['fleet', () => ({ path: 'exports/state' })],
  importState: ['operate', () => ({ path: 'imports/state', body: { homeport: 1 } })],
  listChecks: ['own', () => ({ path: 'checks' })],
  listAudit: ['look', () => ({ path: 'audit' })],
  exportAudit: ['look', () => ({ path: 'exports/audit' })],
};

/** Who signs out by a key ends nothing; a document is looked at unless it is to be applied; a simulation is a question. */
const CHANGE_NOTHING = ['signOut', 'importState', 'previewTemplate', 'simulate'];

/** Operations on one tenant's things: for somebody of another tenant those do not exist. */
const isAboutTenant = (path: string) => /tenants\/(?:acme|globex)|phones\/|unclaimed\//.test(path);

test('every operation stands in the table', () => {
  assert.deepEqual(Object.keys(CASES).sort(), OPERATIONS.map(({ id }) => id).sort());
});

async function keyFor(app: App, role: Role): Promise<string> {
  const tenants = role.startsWith('tenant') ? ['acme'] : [];
  const { body } = await app.api('post', 'keys').send({ name: role, role, tenants }).expect(201);
  return body.key as string;
}

/** What an operation must answer to a role, for something of `tenant`, when the role's own tenant is acme. */
function expected(least: Least, role: Role, tenant: string, { path, body }: Asked): 'done' | 401 | 403 | 404 | 422 {
  if (!MAY[role].includes(least)) return 403;
  const foreign = role.startsWith('tenant') && tenant !== 'acme';
  // Of many, each is told by its place that its tenant is not there.
  if (foreign && (path.startsWith('imports') || path === 'phones/batch')) return 422;
  const named = isAboutTenant(path) || (typeof body === 'object' && 'tenant' in body);
  return foreign && named ? 404 : 'done';
}

describe('every operation, every role', () => {
  let count = 0;
  for (const role of [...ROLES, 'nobody'] as const) {
    test(role, async (context) => {
      const app = await startApp(context, { HOMEPORT_TEMPLATES: temporaryFolder(context) });
      const key = role === 'nobody' ? '' : await keyFor(app, role);
      for (const { id, method } of OPERATIONS) {
        for (const tenant of ['acme', 'globex']) {
          const [least, prepare] = CASES[id] ?? assert.fail(id);
          count++;
          const asked = await prepare(app, tenant, String(1_000 + count));
          const what = `${role}: ${id} of ${tenant}`;
          if (role === 'nobody') {
            const answer = await request(app.adminUrl)[method](`/api/v1/${asked.path}`).send(asked.body);
            assert.equal(answer.status, least === 'everybody' ? 201 : 401, what);
            continue;
          }
          const before = (await app.house.store.audit.end()).id;
          const sent = app.api(method, asked.path, key);
          if (typeof asked.body === 'string') sent.set('Content-Type', 'text/csv');
          const answer = await sent.send(asked.body);
          const entries = (await app.house.store.audit.end()).id - before;
          const right = expected(least, role, tenant, asked);
          if (right === 'done') assert.ok(answer.status < 300, `${what}: ${answer.status} ${answer.text}`);
          else assert.equal(answer.status, right, `${what}: ${answer.text}`);
          // Whatever is changed is written down, once; what is refused changes nothing.
          const changes = right === 'done' && method !== 'get' && !CHANGE_NOTHING.includes(id);
          assert.equal(entries, changes ? 1 : 0, `${what}: ${entries} audit entries`);
        }
      }
    });
  }
});

test('who only looks never sees the token that opens the phones’ files', async (context) => {
  const app = await startApp(context, { HOMEPORT_TEMPLATES: temporaryFolder(context) });
  const token = (await app.folderOf('acme')).split('/')[2] ?? '';
  assert.equal(token.length, 26);
  for (const role of ROLES) {
    const key = await keyFor(app, role);
    const mayKnow = MAY[role].includes('tend');
    for (const { id, method } of OPERATIONS) {
      const [least, prepare] = CASES[id] ?? assert.fail(id);
      if (method !== 'get' || !MAY[role].includes(least)) continue;
      const { path } = await prepare(app, 'acme', String(role.length + 5_000));
      const { text = '' } = await app.api('get', path, key).expect(200);
      assert.ok(mayKnow || !text.includes(token), `${role}: ${id}`);
    }
    assert.equal((await app.api('get', 'tenants/acme', key)).text.includes(token), mayKnow, role);
  }
});

test('lists hold one’s own only', async (context) => {
  const app = await startApp(context);
  const key = await keyFor(app, 'tenantViewer');
  await newStranger(app, 'globex', '77');
  await app.phone('get', `${await app.folderOf('globex')}805ec0a00002.cfg`).expect(200);
  await app.api('patch', 'tenants/globex').send({ name: 'Other' }).expect(200);
  for (const path of ['tenants', 'phones', 'fetches', 'unclaimed', 'audit']) {
    const { text } = await app.api('get', path, key).expect(200);
    assert.ok(!/globex/i.test(text), path);
    assert.ok(/globex/i.test((await app.api('get', path).expect(200)).text) || path === 'fetches', path);
  }
  assert.match((await app.api('get', 'tenants', key)).text, /acme/);
});

test('a tenant’s admin may not change where the tenant stands or what it weighs', async (context) => {
  const app = await startApp(context);
  const key = await keyFor(app, 'tenantAdmin');
  for (const change of [
    { name: 'X' },
    { weight: 1 },
    { binding: 'outboundProxy', sipDomain: 'x.example.com' },
    { pool: 'pbxB' },
  ]) {
    const answer = await app.api('patch', 'tenants/acme', key).send(change);
    assert.ok([403, 422].includes(answer.status), JSON.stringify(change));
  }
  const { body } = await app.api('get', 'tenants/acme').expect(200);
  assert.deepEqual(
    [body.name, body.weight, body.binding, body.pool, body.revision],
    ['Acme', 3, 'registrar', 'pbxA', 1],
  );
});
