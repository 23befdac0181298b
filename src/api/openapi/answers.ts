import type { BackupStatus } from '../../backup/backups.ts'
import type { Result, Verified } from '../../backup/job.ts'
import type { Kept } from '../../backup/storage.ts'
import type { Run } from '../../core/run.ts'
import type { ServiceBackup } from '../../services/services.ts'
import type { CertificateRow, RunLine } from '../../store/store.ts'
import type {
  AcmeDocument,
  AppDocument,
  AttachDocument,
  AuditDocument,
  BillDocument,
  CertificatesDocument,
  CleanedDocument,
  ConfigChangeDocument,
  ConfigDocument,
  DomainDocument,
  EjectDocument,
  InfoDocument,
  LimitDocument,
  LogEntry,
  MemberDocument,
  MemberRemovalDocument,
  ProcessDocument,
  ReleaseDocument,
  ServiceDocument,
  TokenDocument,
  VersionDocument,
} from '../documents.ts'
import type { Problem } from '../problem.ts'

/** A file, or a stream of another form than JSON. */
type Bytes = never

/** What each route answers when all is well (of NDJSON: each line), and `problem` what any answers else. */
export interface Answers {
  readonly problem: Problem
  readonly 'GET /v1/healthz': { readonly status: 'ok' }
  readonly 'GET /v1/openapi.json': { readonly openapi: string }
  readonly 'GET /v1/info': InfoDocument
  readonly 'GET /v1/version': VersionDocument
  readonly 'GET /v1/metrics': Bytes
  readonly 'POST /v1/clean': CleanedDocument
  readonly 'GET /v1/limits': readonly LimitDocument[]
  readonly 'PATCH /v1/limits': readonly LimitDocument[]
  readonly 'GET /v1/backups': BackupStatus
  readonly 'GET /v1/backups/kept': readonly Kept[]
  readonly 'POST /v1/backups': Result
  readonly 'PATCH /v1/backups/schedule': BackupStatus
  readonly 'POST /v1/backups/file': Bytes
  readonly 'POST /v1/backups/verify': Verified
  readonly 'GET /v1/apps': readonly AppDocument[]
  readonly 'POST /v1/apps': AppDocument
  readonly 'GET /v1/apps/:app': AppDocument
  readonly 'DELETE /v1/apps/:app': { readonly app: string; readonly destroyed: boolean }
  readonly 'GET /v1/apps/:app/environments/:environment/releases': readonly ReleaseDocument[]
  readonly 'GET /v1/apps/:app/environments/:environment/releases/:number': BillDocument
  readonly 'POST /v1/apps/:app/environments/:environment/deploy': { readonly run: Run }
  readonly 'POST /v1/apps/:app/environments/:environment/rollback': { readonly run: Run }
  readonly 'POST /v1/apps/:app/environments/:environment/scale': { readonly run: Run }
  readonly 'GET /v1/apps/:app/environments/:environment/config': ConfigDocument
  readonly 'PATCH /v1/apps/:app/environments/:environment/config': ConfigChangeDocument
  readonly 'GET /v1/apps/:app/environments/:environment/processes': readonly ProcessDocument[]
  readonly 'GET /v1/apps/:app/environments/:environment/logs': LogEntry
  readonly 'GET /v1/apps/:app/environments/:environment/runs': readonly Run[]
  readonly 'GET /v1/apps/:app/environments/:environment/eject': EjectDocument
  readonly 'GET /v1/apps/:app/environments/:environment/releases/:number/image': Bytes
  readonly 'GET /v1/apps/:app/repository': Bytes
  readonly 'GET /v1/services': readonly ServiceDocument[]
  readonly 'POST /v1/services': ServiceDocument
  readonly 'GET /v1/services/:service': ServiceDocument
  readonly 'DELETE /v1/services/:service': { readonly service: string; readonly destroyed: boolean }
  readonly 'GET /v1/service-backups': readonly ServiceBackup[]
  readonly 'POST /v1/services/:service/backups': ServiceBackup
  readonly 'POST /v1/apps/:app/environments/:environment/services': AttachDocument
  readonly 'DELETE /v1/apps/:app/environments/:environment/services/:service': AttachDocument
  readonly 'GET /v1/domains': readonly DomainDocument[]
  readonly 'GET /v1/certificates': CertificatesDocument
  readonly 'POST /v1/certificates': CertificateRow
  readonly 'DELETE /v1/certificates/:certificate': { readonly id: string; readonly removed: true }
  readonly 'GET /v1/acme': AcmeDocument
  readonly 'PUT /v1/acme': AcmeDocument
  readonly 'DELETE /v1/acme': AcmeDocument
  readonly 'GET /v1/apps/:app/environments/:environment/domains': readonly DomainDocument[]
  readonly 'POST /v1/apps/:app/environments/:environment/domains': DomainDocument
  readonly 'DELETE /v1/apps/:app/environments/:environment/domains/:domain': {
    readonly name: string
    readonly removed: true
  }
  readonly 'GET /v1/runs/:run': Run & { readonly lines: readonly (RunLine & { readonly seq: number })[] }
  readonly 'GET /v1/runs/:run/events': Bytes
  readonly 'POST /v1/runs/:run/cancel': Run
  readonly 'GET /v1/tokens': readonly TokenDocument[]
  readonly 'POST /v1/tokens': TokenDocument & { readonly token: string }
  readonly 'DELETE /v1/tokens/:token': TokenDocument
  readonly 'GET /v1/members': readonly MemberDocument[]
  readonly 'PUT /v1/members/:member': MemberDocument
  readonly 'DELETE /v1/members/:member': MemberRemovalDocument
  readonly 'GET /v1/audit': AuditDocument
}
