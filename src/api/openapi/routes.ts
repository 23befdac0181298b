import type { z } from 'zod'
import { scheduleChange } from '../../backup/backups.ts'
import { limitQuery } from '../input.ts'
import { destruction, newApp } from '../routes/apps.ts'
import { auditQuery } from '../routes/audit.ts'
import { fileBody } from '../routes/backups.ts'
import { acmeSettings, givenCertificate } from '../routes/certificates.ts'
import { configChanges } from '../routes/config.ts'
import { deployment, rollback, scaling } from '../routes/deploy.ts'
import { newDomain } from '../routes/domains.ts'
import { limitChanges } from '../routes/limits.ts'
import { logsQuery } from '../routes/logs.ts'
import { grantBody, removal } from '../routes/members.ts'
import { eventsQuery } from '../routes/runs.ts'
import { newAttachment, newService, serviceDestruction } from '../routes/services.ts'
import { newToken } from '../routes/tokens.ts'
import type { Answers } from './answers.ts'

/** What the description says of a route beside what the code says of it. */
export interface RouteDescription {
  readonly summary: string
  /** The schemas that the route itself reads its input by. */
  readonly body?: z.ZodType
  readonly query?: z.ZodType
  /** Of its body, where it is not JSON. */
  readonly takes?: string
  /** Of its answer, where it is not JSON. */
  readonly gives?: string
  /** Statuses of an answer when all is well; without it, 200. */
  readonly statuses?: readonly number[]
}

export const describedRoutes: Readonly<Record<Exclude<keyof Answers, 'problem'>, RouteDescription>> = {
  'GET /v1/healthz': { summary: 'Whether the store answers; needs no token' },
  'GET /v1/openapi.json': { summary: 'This description' },
  'GET /v1/info': { summary: 'The platform: its names, its CA, and who you are to it' },
  'GET /v1/version': { summary: 'Versions of the platform and of what runs on its nodes' },
  'GET /v1/metrics': { summary: 'Numbers for Prometheus (operators)', gives: 'text/plain' },
  'POST /v1/clean': { summary: 'Remove the images that no release needs; 409 while a build runs' },
  'GET /v1/limits': { summary: 'The limits of the platform' },
  'PATCH /v1/limits': { summary: 'Set limits (RFC 7396: null takes one back)', body: limitChanges },
  'GET /v1/backups': { summary: 'The schedule of backups, and what became of the last' },
  'GET /v1/backups/kept': { summary: "The backups at the schedule's place, oldest first" },
  'POST /v1/backups': { summary: 'Do now what the schedule does' },
  'PATCH /v1/backups/schedule': { summary: 'Change the schedule; what is not named stays', body: scheduleChange },
  'POST /v1/backups/file': { summary: 'One backup, encrypted', body: fileBody, gives: 'application/octet-stream' },
  'POST /v1/backups/verify': {
    summary: 'Restore a backup into a throwaway place',
    takes: 'application/octet-stream',
  },
  'GET /v1/apps': { summary: 'The apps that you see' },
  'POST /v1/apps': { summary: 'Make an app', body: newApp, statuses: [201] },
  'GET /v1/apps/:app': { summary: 'An app and what of it serves' },
  'DELETE /v1/apps/:app': {
    summary: 'Remove an app for good; 202 while it still drains: ask until 404',
    body: destruction,
    statuses: [200, 202],
  },
  'GET /v1/apps/:app/environments/:environment/releases': { summary: 'Releases, newest first', query: limitQuery },
  'GET /v1/apps/:app/environments/:environment/releases/:number': {
    summary: 'A release (47 or v47): its bill of lading',
  },
  'POST /v1/apps/:app/environments/:environment/deploy': {
    summary: "Deploy a commit that was pushed; without one, the branch's head",
    body: deployment,
    statuses: [202],
  },
  'POST /v1/apps/:app/environments/:environment/rollback': {
    summary: 'Make a new release of the parts of an old one',
    body: rollback,
    statuses: [202],
  },
  'POST /v1/apps/:app/environments/:environment/scale': {
    summary: 'Run so many processes of each type',
    body: scaling,
    statuses: [202],
  },
  'GET /v1/apps/:app/environments/:environment/config': { summary: 'The newest config' },
  'PATCH /v1/apps/:app/environments/:environment/config': {
    summary: 'Change config (RFC 7396); 202 when a run makes a release of it',
    body: configChanges,
    statuses: [200, 202],
  },
  'GET /v1/apps/:app/environments/:environment/processes': { summary: 'What runs' },
  'GET /v1/apps/:app/environments/:environment/logs': {
    summary: 'The log, a line of JSON each; an empty line every 15 s',
    query: logsQuery,
    gives: 'application/x-ndjson',
  },
  'GET /v1/apps/:app/environments/:environment/runs': { summary: 'Runs, newest first', query: limitQuery },
  'GET /v1/apps/:app/environments/:environment/eject': { summary: 'All that an app needs to run elsewhere' },
  'GET /v1/apps/:app/environments/:environment/releases/:number/image': {
    summary: 'The image of a release, for docker load',
    gives: 'application/x-tar',
  },
  'GET /v1/apps/:app/repository': { summary: 'The repository as a git bundle', gives: 'application/x-git-bundle' },
  'GET /v1/services': { summary: 'The backing services that you see' },
  'POST /v1/services': { summary: 'Create a service, empty or from a backup', body: newService, statuses: [202] },
  'GET /v1/services/:service': { summary: 'A service, and who is attached to it' },
  'DELETE /v1/services/:service': {
    summary: 'Destroy a service; its data stay on the server for 7 days',
    body: serviceDestruction,
  },
  'GET /v1/service-backups': { summary: 'The backups of services at the place of backups' },
  'POST /v1/services/:service/backups': { summary: 'Back a service up now', statuses: [201] },
  'POST /v1/apps/:app/environments/:environment/services': {
    summary: 'Attach a service: a release with its URL; again: what was left undone is done',
    body: newAttachment,
    statuses: [202],
  },
  'DELETE /v1/apps/:app/environments/:environment/services/:service': {
    summary: 'Detach a service; its credentials end when no release needs them',
    statuses: [202],
  },
  'GET /v1/domains': { summary: 'The domains of all apps that you see' },
  'GET /v1/certificates': { summary: 'Every host with its certificate' },
  'POST /v1/certificates': { summary: 'Give a certificate and its key', body: givenCertificate, statuses: [201] },
  'DELETE /v1/certificates/:certificate': { summary: 'Take back a certificate that was given' },
  'GET /v1/acme': { summary: 'Certificates by ACME: account and orders' },
  'PUT /v1/acme': { summary: 'Turn ACME on', body: acmeSettings },
  'DELETE /v1/acme': { summary: 'Turn ACME off' },
  'GET /v1/apps/:app/environments/:environment/domains': { summary: 'The domains of an environment' },
  'POST /v1/apps/:app/environments/:environment/domains': {
    summary: 'Add a domain; again: what was left undone is done',
    body: newDomain,
    statuses: [201],
  },
  'DELETE /v1/apps/:app/environments/:environment/domains/:domain': { summary: 'Remove a domain' },
  'GET /v1/runs/:run': { summary: 'A run with its lines' },
  'GET /v1/runs/:run/events': {
    summary: 'Lines from the first, or after Last-Event-ID, then the outcome',
    query: eventsQuery,
    gives: 'text/event-stream',
  },
  'POST /v1/runs/:run/cancel': { summary: 'Cancel a run; 409 past the point of no return' },
  'GET /v1/tokens': { summary: 'The tokens that you may manage; never the secrets' },
  'POST /v1/tokens': { summary: 'Make a token; only this answer holds it', body: newToken, statuses: [201] },
  'DELETE /v1/tokens/:token': { summary: 'Revoke a token, and cut what is open with it' },
  'GET /v1/members': { summary: 'Who is known, and what each may do' },
  'PUT /v1/members/:member': { summary: 'Give a role; makes the member where there is none', body: grantBody },
  'DELETE /v1/members/:member': { summary: 'Take a role back; without a role, the whole member', body: removal },
  'GET /v1/audit': {
    summary: 'Who did what, oldest first, a line of JSON each',
    query: auditQuery,
    gives: 'application/x-ndjson',
  },
}
