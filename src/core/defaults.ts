import { MiB } from '../lib/format.ts'
import type { Settings } from './release.ts'

/**
 * The one table of defaults (decision: one-table-of-defaults): code reads it, docs/reference/defaults.md is generated
 * from it.
 */
export const defaults = {
  settings: {
    healthPath: null,
    protocol: 'h1',
    bootSeconds: 60,
    drainSeconds: 30,
    stopSeconds: 30,
    firstByteSeconds: 30,
    idleSeconds: 55,
    memory: 512 * MiB,
    cpus: 1,
  } satisfies Settings,
  /** Old processes stay warm for so long after the switch, and the new release is watched (ms). */
  warmMs: 10_000,
  /** A node has room for a process when this share of its limit is free of other reservations: limits may overlap. */
  reservedMemoryShare: 0.25,
  /** Processes and threads in one container. */
  pids: 512,
  tmpBytes: 64 * MiB,
  /** What an engine gives to each container by itself. */
  shmBytes: 64 * MiB,
  /** An engine without CAP_SYS_RESOURCE (nested, LXC) cannot give more than its own hard limit; 20,000 was met. */
  openFiles: 16_384,
  logBytes: 10 * MiB,
  logFiles: 3,
  /** Of each environment on each node: lines of all its processes, past ones too, and of the router. The oldest go first. */
  logKeptBytes: 64 * MiB,
  /** Retained logs lie in files of about this length; the oldest file goes as a whole. */
  logSegmentBytes: 4 * MiB,
  /** Of one container, and of the router; what comes faster is counted and left out. A line of more than 1 KiB counts as several. */
  logLinesPerSecond: 10_000,
  /** So many lines at once are kept before that holds. */
  logLinesBurst: 100_000,
  /** Requests of strangers (unknown hosts, refusals): sampled, in a log of their own of logKeptBytes. */
  logStrangersPerSecond: 5,
  logStrangersBurst: 1000,
  /** Free on the disk; below it no line is kept. */
  logFreeBytes: 512 * MiB,
  /** Retained logs of an environment of which nothing runs go when there was no line for so long (ms). */
  logIdleMs: 30 * 24 * 60 * 60_000,
  /** All of them together with the request line; the edge answers 400 above it. */
  requestHeaderBytes: 15 * 1024,
  /** Of one source address (IPv6: a /64) at one edge, open at once. A tenth of what an edge takes; a NAT has many people. */
  sourceConnections: 2000,
  /** Of one source address, on average over ten seconds. About a third of what one core of the edge serves. */
  sourceRequestsPerSecond: 5000,
  pushBytes: 1024 * MiB,
  /** What a push becomes, beside what it weighs: one file of a commit, all of them, and the app's repository on disk. */
  fileBytes: 512 * MiB,
  treeBytes: 2048 * MiB,
  /** Files and folders of a commit. */
  treePaths: 100_000,
  repositoryBytes: 4096 * MiB,
  /** Free on the disk of the repositories; no push takes what would leave less. */
  pushFreeBytes: 512 * MiB,
  /** Folders within folders, and bytes of one path: above both, tools begin to fail. */
  treeDepth: 64,
  pathBytes: 1024,
  /** Of all paths of a commit together. */
  treePathBytes: 16 * MiB,
  /** A commit, a tag, or one folder: git holds each in memory. */
  gitObjectBytes: 16 * MiB,
  /** Of one git process: what a small pack expands to is not held above it. */
  gitMemoryBytes: 384 * MiB,
  /** Branches and tags in one push. */
  refsOfPush: 2000,
  /** Files of a commit that the platform itself reads; longer ones are refused before they are parsed. */
  ladingYamlBytes: 64 * 1024,
  /** Keys, values and signs of lading.yaml; comments, blanks and lines in all, with these. */
  ladingYamlTokens: 1024,
  ladingYamlPieces: 10_000,
  procfileBytes: 64 * 1024,
  processTypes: 64,
  dockerfileBytes: 256 * 1024,
  dockerfileImages: 100,
  imageNameCharacters: 512,
  /** What ARGs and FROMs come to, once variables are filled in. */
  dockerfileArgCharacters: 64 * 1024,
  dockerignoreBytes: 64 * 1024,
  /** `_redirects` and `_headers` of static pages, each. */
  siteRulesBytes: 64 * 1024,
  packageJsonBytes: 1 * MiB,
  /** Of package.json, of an image's own documents and of a request's body. */
  jsonDepth: 64,
  jsonValues: 50_000,
  /** Manifest and config of an image, each. */
  imageDocumentBytes: 4 * MiB,
  /** Free on the engine's disk; below it the app that has written most is stopped (docs/design/disk-guard.md). */
  guardFreeBytes: 768 * MiB,
  /** What an app has written at least before it is stopped for it. */
  guardAppBytes: 256 * MiB,
  buildSeconds: 30 * 60,
  buildMemory: 2048 * MiB,
  buildCpus: 1.5,
  buildPids: 4096,
  buildsAtOnce: 2,
  /** Free on the disk; below it no build begins. */
  buildDiskBytes: 1024 * MiB,
  /** Of each environment the last so many different images that were live: as far as a rollback goes back. */
  imagesKept: 10,
  /** Of each environment the last so many runs keep their lines, and their commits their pins; rows stay for ever. */
  runsKept: 200,
  /** Between two cleanings of images that nothing needs (ms). */
  cleaningMs: 60 * 60_000,
  builderIdleSeconds: 5 * 60,
  configBytes: 64 * 1024,
  /** Of the output of a build, and of a release phase; the rest is left out. */
  outputLines: 2000,
  outputCharactersOfLine: 1000,
  releasePhaseSeconds: 60 * 60,
  /** Of `verify:`, under way on the whole platform; of one step, in its container. */
  stepsAtOnce: 2,
  stepMemory: 1024 * MiB,
  stepCpus: 1,
  /** Of a step that says no `timeout`. */
  stepSeconds: 10 * 60,
  /** Of one plan, each combination of a matrix counted. */
  verifySteps: 64,
  /** Of a report of JUnit or TAP. */
  reportBytes: 1 * MiB,
  /** A crash of the same process type this often before proof fails the rollout. */
  crashesBeforeFailure: 2,
  leaseMs: 10_000,
  /** So long a new control plane may take to prove itself in an upgrade; then the one before comes back. */
  provingSeconds: 120,
} as const
