import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { readIfThere, writeWhole } from '../../lib/files.ts'
import { paths } from '../paths.ts'

/**
 * What `lading up` decided on this machine, once: /etc/lading/install.json. A decision is written before it is acted
 * upon, so that a run after a crash decides the same.
 */
const schema = z.strictObject({
  version: z.literal(1),
  baseDomain: z.string().describe('Apps answer at NAME.<base domain>.'),
  node: z.string().describe('This node’s name: its host name.'),
  clusterAddress: z.string().describe('IPv4 address that Swarm and published ports are bound to; it never changes.'),
  clusterInterface: z
    .enum(['shared', 'reserved'])
    .describe('reserved: `lading0`, made by us. shared: an interface that was there, with other uses.'),
  addressPool: z.string().describe('Swarm takes its networks from this range.'),
  gatewaySubnet: z.string().describe('docker_gwbridge: this node’s containers towards the outside.'),
  certificates: z
    .string()
    .nullable()
    .describe('Hash of the certificates in the images, where they came from a bundle; null: they are this machine’s.'),
  proxy: z
    .strictObject({
      http: z.string().nullable(),
      https: z.string().nullable(),
      except: z.array(z.string()).readonly().describe('Reached without it, besides this platform’s own names.'),
    })
    .nullable()
    .default(null)
    .describe('The HTTP proxy that leads out, for builds and the control plane; null: none.'),
  privateNetworks: z
    .string()
    .optional()
    .describe('As `lading up --private-networks` was given it; absent: deny-own. Written only where it was given.'),
  balancers: z
    .string()
    .optional()
    .describe('Addresses that the edge does not count, as `lading up --balancers` was given them. Written only then.'),
  helloDeployed: z.boolean().describe('The example was live once; later runs leave it alone.'),
  images: z
    .record(z.string(), z.strictObject({ key: z.string(), id: z.string(), digest: z.string().nullable() }))
    .describe('Platform images: content key, image id on this engine, digest in the registry where it lies there too.'),
})

export type Decisions = z.infer<typeof schema>

/** Null before the first `up`. Rejects `invalid-input` with the path of what is wrong. */
export async function loadDecisions(): Promise<Decisions | null> {
  const text = await readIfThere(paths.install)
  if (text === null) return null
  const parsed = schema.safeParse(JSON.parse(text))
  if (parsed.success) return parsed.data
  throw new AppError('invalid-input', `${paths.install} cannot be read: ${z.prettifyError(parsed.error)}`, {
    hint: 'It is written by "lading up" only; restore it from a backup.',
  })
}

export async function saveDecisions(decisions: Decisions): Promise<void> {
  await writeWhole(paths.install, JSON.stringify(decisions, null, 2) + '\n')
}
