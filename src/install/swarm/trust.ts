import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { engine, filters } from './engine-call.ts'
import { isMissing, isSystemError, readIfThere, writeWhole } from '../../lib/files.ts'
import { paths } from '../paths.ts'
import { runProgram } from '../host/run-program.ts'
import type { Step } from '../steps/steps.ts'
import { platformLabels } from './swarm.ts'

export const dataKeyName = 'lading-data-key'

/** What everybody trusts and is trusted by: folders, data key, first token, certificate authority. */
export function trustSteps(): Step[] {
  return [
    folders(),
    dataKey(),
    token('first token', paths.token),
    token('token of engines', paths.registryToken),
    authority(),
  ]
}

/** They hold keys, sources and everybody's traffic. */
function folders(): Step {
  return {
    title: 'folders',
    check: async () => {
      const modes = await Promise.all(platformFolders.map(([path]) => modeOf(path)))
      return platformFolders.every(([, mode], at) => modes[at] === mode)
        ? `${paths.etc}, ${paths.state}, ${paths.run}`
        : null
    },
    act: makeFolders,
  }
}

/** HAProxy, which is not root, passes through `run` to the registry's socket; each socket guards itself. */
const platformFolders = [
  // Whoever logs in by ssh reads the CA's certificate here, also where root's umask is 077. The secrets in it are 0600.
  [paths.etc, 0o755],
  [paths.hooks, 0o755],
  [paths.control, 0o700],
  [paths.keeper, 0o700],
  [paths.registry, 0o700],
  [paths.logs, 0o700],
  [paths.backups, 0o755],
  [paths.run, 0o711],
  [paths.registryRun, 0o700],
  [paths.logsRun, 0o700],
  [paths.routerRun, 0o700],
] as const

/** Before the engine starts: tasks whose folders are missing are rejected by Swarm. /run is empty after a boot. */
export async function makeFolders(): Promise<void> {
  for (const [path, mode] of platformFolders) {
    await mkdir(path, { recursive: true })
    await chmod(path, mode)
  }
  // One from before there were folders is still at work, or its link is there.
  await symlink(paths.logsSocket, paths.logsSocketBefore).catch((error: unknown) => {
    if (!isSystemError(error, 'EEXIST')) throw error
  })
}

async function modeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).mode & 0o777
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

/** The id of the secret; null when there is none. */
export async function dataKeyId(signal: AbortSignal): Promise<string | null> {
  const query = filters({ name: [dataKeyName] })
  const list = await engine.json({ method: 'GET', path: '/secrets', query }, signal)
  const secrets = z.array(z.object({ ID: z.string(), Spec: z.object({ Name: z.string() }) })).parse(list)
  return secrets.find(secret => secret.Spec.Name === dataKeyName)?.ID ?? null
}

/**
 * The key that encrypts config in store and cluster. It lies in Swarm alone; until its owner has seen it once (the end
 * of the first `up`) also in a file, so that a kill in between does not lose it. Into the same file the owner writes it
 * when the swarm was lost.
 */
function dataKey(): Step {
  return {
    title: 'data key',
    check: async signal => ((await dataKeyId(signal)) === null ? null : `swarm secret ${dataKeyName}`),
    act: async (_say, signal) => {
      const code = (await readIfThere(paths.unshownCode))?.trim() ?? null
      const key = dataKeyFor({ code, hasDatabase: (await modeOf(paths.database)) !== null })
      await writeWhole(paths.unshownCode, key + '\n', 0o600)
      const body = { Name: dataKeyName, Labels: platformLabels, Data: Buffer.from(key).toString('base64') }
      await engine.json({ method: 'POST', path: '/secrets/create', body }, signal)
    },
  }
}

/**
 * The key of the recovery code, else a new one: 32 bytes as hexadecimal digits. Rejects `conflict` where a database is
 * there, for a new key would not open it, and `invalid-input` when the code is none.
 */
export function dataKeyFor(found: { readonly code: string | null; readonly hasDatabase: boolean }): string {
  const hint = `Write the recovery code into ${paths.unshownCode} (mode 0600), then run "lading up" again.`
  const wayOut = 'Without it: "lading down --purge --yes" removes the rest; docs/design/secrets.md says more.'
  if (found.code === null) {
    if (!found.hasDatabase) return randomBytes(32).toString('hex')
    throw new AppError('conflict', `${paths.database} was sealed with a data key that the swarm no longer has`, {
      hint: `${hint} ${wayOut}`,
    })
  }
  if (/^[0-9a-f]{64}$/.test(found.code)) return found.code
  throw new AppError('invalid-input', `${paths.unshownCode} does not hold 64 hexadecimal digits`, { hint })
}

function token(title: string, path: string): Step {
  return {
    title,
    check: async () => ((await readIfThere(path)) === null ? null : path),
    act: () => writeWhole(path, randomBytes(32).toString('base64url') + '\n', 0o600),
  }
}

/** ECDSA P-256, ten years, for end certificates only. The key never leaves its folder. */
function authority(): Step {
  const certificate = join(paths.ca, 'ca.pem')
  return {
    title: 'certificate authority',
    check: async () => {
      const made = await readIfThere(certificate)
      return made !== null && made === (await readIfThere(paths.caCertificate)) ? paths.caCertificate : null
    },
    act: async (say, signal) => {
      if ((await readIfThere(certificate)) === null) await makeAuthority(say, signal)
      await writeWhole(paths.caCertificate, await readFile(certificate, 'utf8'))
    },
  }
}

async function makeAuthority(say: (line: string) => void, signal: AbortSignal): Promise<void> {
  const folder = `${paths.ca}.new`
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const argv = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-sha256']
  argv.push('-days', '3650', '-subj', '/O=Lading/CN=Lading platform CA')
  argv.push('-addext', 'basicConstraints=critical,CA:TRUE,pathlen:0')
  argv.push('-addext', 'keyUsage=critical,keyCertSign,cRLSign')
  argv.push('-keyout', join(folder, 'ca.key'), '-out', join(folder, 'ca.pem'))
  await runProgram('openssl', argv, { say }, signal)
  await chmod(join(folder, 'ca.key'), 0o600)
  await rename(folder, paths.ca)
}
