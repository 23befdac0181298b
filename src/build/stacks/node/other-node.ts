import type { ImageReference } from '../../../core/names.ts'
import { addUser, cached } from '../generated.ts'
import type { ChosenNode } from './choose-node.ts'

/** Lines that have to stand above, and what FROM names then. */
export interface NodeBase {
  readonly lines: readonly string[]
  readonly name: string
}

export interface NodeImages {
  readonly base: ImageReference
  readonly node: ImageReference
}

/** The platform's image; for another Node a stage that puts it, from npm, on the platform's base with npm beside it. */
export function nodeBase({ version, isPlatforms }: ChosenNode, { base, node }: NodeImages): NodeBase {
  if (isPlatforms) return { lines: [], name: node }
  const npm = npmFor(Number(version.split('.')[0]))
  const get = [`node-linux-$(node -p process.arch)@${version}`, ...(npm === null ? [] : [npm])].join(' ')
  const from = npm === null ? '/usr/local' : '/got'
  const lines = [
    `FROM ${node} AS get`,
    `RUN --mount=type=secret,id=npmrc,target=/root/.npmrc ${cached('/root/.npm')} npm install --global --no-audit --no-fund --prefix /got ${get}`,
    // With one time: an equal layer for every app that asks for this version.
    `RUN mkdir -p /node/bin /node/lib/node_modules && cp /got/lib/node_modules/node-linux-*/bin/node /node/bin/ && cp -R ${from}/lib/node_modules/npm /node/lib/node_modules/ && ln -s ../lib/node_modules/npm/bin/npm-cli.js /node/bin/npm && ln -s ../lib/node_modules/npm/bin/npx-cli.js /node/bin/npx && find /node -exec touch -h -d @0 {} +`,
    '',
    `FROM ${base} AS node`,
    'COPY --from=get /node /usr/local',
    `RUN ${addUser}`,
    '',
  ]
  return { lines, name: 'node' }
}

/** The platform's own npm needs Node 20; null: it does. */
function npmFor(major: number): string | null {
  return major >= 20 ? null : major >= 18 ? 'npm@10.9.4' : 'npm@9.9.4'
}
