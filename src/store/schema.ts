// The tables as types. Text and numbers only; what stands in them is translated in codec.ts.
import type { Generated } from 'kysely';

export type Tables = {
  installation: { name: string; value: string };
  server: { name: string; host: string; capacity: string | null; state: string };
  pool: { name: string; domain: string; transports: string; ttl: number };
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
    token_hash: string;
    token_sealed: string;
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
};
