// The tables as types. Text and numbers only; what stands in them is translated in codec.ts.
import type { Generated } from 'kysely';

export type Tables = {
  installation: { name: string; value: string };
  server: {
    name: string;
    host: string;
    /** JSON. */
    addresses: string;
    capacity: string | null;
    state: string;
  };
  pool: { name: string; domain: string; transports: string; deny_other_transports: number; ttl: number };
  pool_target: { pool: string; position: number; server: string; priority: number; weight: number; port: number };
  level: { level: string; of: string; choices_sealed: string; revision: number };
  tenant: {
    code: string;
    name: string;
    pool: string;
    binding: string;
    sip_domain: string | null;
    weight: string | null;
    choices_sealed: string;
    /** The newest token; those before it stand in old_token. */
    token_hash: string;
    token_sealed: string;
    token_made_at: string | null;
    proof: string;
    revision: number;
  };
  phone: {
    mac: string;
    tenant: string;
    vendor: string;
    model: string;
    enabled: number;
    /** The line keys, as JSON. */
    keys: string;
    choices_sealed: string;
    revision: number;
  };
  line: {
    mac: string;
    position: number;
    user: string;
    auth_user: string | null;
    password_sealed: string;
    display_name: string | null;
    label: string | null;
    extension: string | null;
  };
  contact: {
    tenant: string;
    position: number;
    name: string;
    work: string | null;
    mobile: string | null;
    home: string | null;
  };
  move: {
    id: Generated<number>;
    at: string;
    tenant: string;
    from_pool: string;
    to_pool: string;
    phones: number;
    actor: string;
    /** The plan that it was made by. */
    plan: number | null;
    /** By which road its phones were to learn of it. */
    road: string | null;
  };
  tenant_load: {
    tenant: string;
    calls: string | null;
    registrations: string | null;
    source: string;
    measured_at: string;
  };
  plan: {
    id: Generated<number>;
    kind: string;
    belongs_to: number | null;
    digest: string;
    revision: number;
    /** JSON: what it was made from, as long as it may be applied. */
    snapshot: string | null;
    /** JSON. */
    summary: string;
    /** JSON. */
    contents: string;
    proposed_at: string;
    proposed_by: string;
    expires_at: string | null;
    approved_at: string | null;
    approved_by: string | null;
    applied_at: string | null;
    applied_by: string | null;
    /** JSON. */
    outcome: string | null;
  };
  fetch: {
    id: Generated<number>;
    at: string;
    mac: string;
    tenant: string;
    method: string;
    file: string;
    status: number;
    digest: string | null;
    address: string;
    user_agent: string;
    model: string | null;
    firmware: string | null;
    token_id: string | null;
  };
  old_token: { token_hash: string; tenant: string; made_at: string | null; ends_at: string | null };
  enrolment_window: {
    id: Generated<number>;
    tenant: string;
    /** JSON: MAC addresses; null for all phones. */
    phones: string | null;
    opens_at: string;
    closes_at: string;
    /** JSON. */
    networks: string;
    made_at: string;
    made_by: string;
  };
  credential: {
    mac: string;
    /** JSON: the present password and the one before. */
    passwords_sealed: string;
    state: string;
    made_at: string;
    used_at: string | null;
    window_id: number | null;
    handed_out_at: string | null;
    address: string | null;
    /** JSON. */
    files: string;
    contested_at: string | null;
    contested_by: string | null;
  };
  unclaimed: {
    mac: string;
    tenant: string;
    vendor: string | null;
    model: string | null;
    firmware: string | null;
    address: string;
    file: string;
    first_at: string;
    last_at: string;
    requests: number;
  };
  audit: {
    id: number;
    at: string;
    actor: string;
    address: string | null;
    action: string;
    subject: string;
    tenant: string | null;
    /** JSON: what was before and after, secrets masked. */
    changes: string;
    hash: string;
  };
  user: {
    name: string;
    role: string;
    /** JSON: the tenants of a tenant's admin or viewer. */
    tenants: string;
    enabled: number;
    password_hash: string;
    created_at: string;
  };
  api_key: {
    id: string;
    name: string;
    role: string;
    tenants: string;
    secret_hash: string;
    created_at: string;
    created_by: string;
    expires_at: string | null;
    last_used_at: string | null;
  };
  session: { id_hash: string; user: string; created_at: string; seen_at: string; address: string };
  redirection_account: { service: string; base_url: string; credentials_sealed: string };
  upload: { mac: string; file: string; at: string; content: string; bytes: number };
  dns_target: {
    zone: string;
    kind: string;
    /** JSON: the server and what else is no secret. */
    place: string;
    /** JSON. */
    authorities: string;
    secret_sealed: string;
  };
  pbx_connection: {
    server: string;
    kind: string;
    /** JSON: all but the secret. */
    place: string;
    secret_sealed: string;
  };
  dns_published: { name: string; type: string; zone: string; at: string };
  dns_check: {
    id: Generated<number>;
    started_at: string;
    /** Null while it runs. */
    ended_at: string | null;
    fine: number;
    drift: number;
    unknown: number;
    /** JSON. */
    zones: string;
    /** JSON: the pools that were not fine. */
    pools: string;
  };
  dns_verdict: { pool: string; at: string; verdict: string };
};
