/**
 * The rows as they lie in the database. Times are milliseconds since the epoch, booleans 0 or 1, lists and nouns JSON
 * text: what SQLite and PostgreSQL both hold. The columns' laws stand in migrations.ts.
 */
export interface Tables {
  apps: { app: string; created_at: number; created_by: string; destroyed_at: number | null }
  environments: { app: string; environment: string; branch: string }
  runs: RunColumns
  run_steps: { run: string; step: string; result: string }
  run_lines: { run: string; seq: number; at: number; text: string }
  releases: ReleaseColumns
  config_versions: ConfigColumns
  domains: { name: string; app: string; environment: string; created_by: string; created_at: number }
  certificates: CertificateColumns
  orders: OrderColumns
  /** One row at most, `id` 1. `sealed`: the account's key. */
  acme: { id: number; settings: string; sealed: string }
  images: { app: string; build_key: string; image: string; saved_at: number }
  settings: { name: string; sealed: string }
  /** Steps of verify that passed, by what they ran; `step`: its verdict. */
  passed_steps: { app: string; step_key: string; step: string; passed_at: number }
  members: { name: string; created_by: string; created_at: number }
  /** `scope`: the app, or empty for the platform. */
  grants: { member: string; role: string; app: string | null; scope: string }
  tokens: TokenColumns
  audit: AuditColumns
  services: ServiceColumns
  attachments: AttachmentColumns
}

export interface RunColumns {
  id: string
  /** The order of insertion. Clocks jump, and no two runs share a place. */
  place: number
  app: string
  environment: string
  intent: string
  state: string
  reason: string
  details: string
  created_by: string
  created_at: number
  changed_at: number
  release_phase_started: number
}

export interface ReleaseColumns {
  app: string
  environment: string
  number: number
  run: string
  image: string
  commit_id: string | null
  author: string
  config: number
  formation: string
  verdict: string
  description: string
  created_by: string
  created_at: number
}

export interface ConfigColumns {
  app: string
  environment: string
  version: number
  /** JSON: key → sealed value (seal.ts). */
  sealed: string
  created_by: string
  created_at: number
}

export interface CertificateColumns {
  id: string
  source: string
  names: string
  issuer: string
  not_before: number
  not_after: number
  /** Chain and key in one PEM text (seal.ts). */
  sealed: string
  created_by: string
  created_at: number
}

export interface OrderColumns {
  name: string
  state: string
  reason: string
  attempts: number
  next_at: number
  changed_at: number
}

export interface TokenColumns {
  id: string
  name: string
  hash: string
  holder: string
  member: string | null
  app: string | null
  environment: string | null
  created_by: string
  created_at: number
  expires_at: number | null
  used_at: number | null
}

export interface AuditColumns {
  seq: number
  at: number
  who: string
  credential: string
  address: string
  action: string
  target: string
  status: number
  note: string
}

export interface ServiceColumns {
  id: string
  name: string
  kind: string
  /** A backup; empty: none. */
  origin: string
  /** Empty: not made yet. */
  image: string
  state: string
  reason: string
  created_by: string
  created_at: number
  destroyed_at: number | null
}

export interface AttachmentColumns {
  id: string
  service: string
  app: string
  environment: string
  app_since: number
  variable: string
  user_name: string
  sealed: string
  wanted: number
  created_by: string
  created_at: number
}
