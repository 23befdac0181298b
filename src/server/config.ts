import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { AppError } from '../core/errors.ts'
import { parseEngineTokens } from '../core/engine-tokens.ts'
import { parseHostName, parseImageReference, parseNodeName } from '../core/names.ts'
import { privateNetworksDefault } from '../core/limits.ts'
import { proxyOf, proxyVariables } from '../core/proxy.ts'
import { Secret } from '../core/secret.ts'

/** The control plane's configuration: environment only (factor III). `lading up` writes it into the swarm service. */
const schema = z.object({
  LADING_BASE_DOMAIN: z.string().describe('Apps answer at NAME.<this>, the control plane at lading.<this>'),
  LADING_NODE: z.string().describe('Name of the node this process runs on'),
  LADING_STATE_DIR: z.string().default('/var/lib/lading/control').describe('Database, git repositories, CA'),
  LADING_RUN_DIR: z.string().default('/run/lading').describe('Sockets of the local keeper, and our own'),
  LADING_DATA_KEY_FILE: z.string().describe('32 bytes in hex: encrypts config in store and cluster'),
  LADING_TOKEN_FILE: z.string().describe('The first token'),
  LADING_REGISTRY_TOKEN_FILE: z.string().describe('With it engines read images from the registry'),
  LADING_IMAGE_BASE: z.string().describe('Base image in our registry, by digest'),
  LADING_IMAGE_NODE: z.string().describe('Node image in our registry, by digest'),
  LADING_IMAGE_BUILDER: z.string().describe("The builder's image, by image id"),
  LADING_RELEASE: z.coerce
    .number()
    .int()
    .positive()
    .default(1)
    .describe('Number of this control plane, for its own lane'),
  LADING_HOOKS: z.string().default('/opt/lading/hooks').describe("git's hook of ours, proc-receive"),
  LADING_DNS_HOOKS: z.string().default('/etc/lading/hooks').describe("The operator's programs for DNS-01"),
  LADING_VERSION: z.string().default('0.0.0'),
  LADING_BUILD: z.string().default('unknown').describe("Content key of this control plane's image"),
  LADING_PRIVATE_NETWORKS: z
    .string()
    .default(privateNetworksDefault)
    .describe('What containers may reach of private networks, as given to "lading up"; to be shown'),
  PORT: z.coerce.number().int().default(8080),
})

export type Config = ReturnType<typeof readConfig>

/** Rejects `invalid-input` with the name of the variable that is wrong. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env) {
  const parsed = schema.safeParse(environment)
  if (!parsed.success) {
    const wrong = parsed.error.issues.map(issue => `${issue.path.join('.')}: ${issue.message}`).join('; ')
    throw new AppError('invalid-input', `the control plane's environment is wrong: ${wrong}`, {
      hint: 'Run "lading up" again: it writes this environment.',
    })
  }
  const e = parsed.data
  return Object.freeze({
    baseDomain: parseHostName(e.LADING_BASE_DOMAIN),
    node: parseNodeName(e.LADING_NODE),
    stateDir: e.LADING_STATE_DIR,
    runDir: e.LADING_RUN_DIR,
    dataKey: secretFile(e.LADING_DATA_KEY_FILE),
    tokenFile: e.LADING_TOKEN_FILE,
    registryToken: engineToken(e.LADING_REGISTRY_TOKEN_FILE),
    images: {
      base: parseImageReference(e.LADING_IMAGE_BASE),
      node: parseImageReference(e.LADING_IMAGE_NODE),
      builder: e.LADING_IMAGE_BUILDER,
    },
    release: e.LADING_RELEASE,
    hooks: e.LADING_HOOKS,
    dnsHooks: e.LADING_DNS_HOOKS,
    version: e.LADING_VERSION,
    build: e.LADING_BUILD,
    privateNetworks: e.LADING_PRIVATE_NETWORKS,
    port: e.PORT,
    hostName: hostName(environment),
    proxy: proxyVariables(proxyOf(environment)),
  })
}

/** Of the container: names this holder of the lease, together with its process id. */
function hostName(environment: NodeJS.ProcessEnv): string {
  return `${environment['HOSTNAME'] ?? 'process'}/${process.pid}`
}

/** Read at each use: "lading rotate registry-token" changes it under us. Rejects now what would be rejected then. */
function engineToken(path: string): () => Secret {
  const read = () => parseEngineTokens(secretFile(path).reveal())[0]
  read()
  return read
}

function secretFile(path: string): Secret {
  try {
    return new Secret(readFileSync(path, 'utf8').trim())
  } catch (cause) {
    throw new AppError('invalid-input', `${path} cannot be read`, { hint: 'Run "lading up" again.', cause })
  }
}
