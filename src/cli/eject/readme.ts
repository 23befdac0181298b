import type { EjectDocument } from '../../api/documents.ts'
import { firstPort, overrideName, releaseService } from './compose.ts'

/** What lies in the folder, and the commands that run it. */
export function readme(app: EjectDocument, { hasRepository }: { readonly hasRepository: boolean }): string {
  const serves = app.services.some(({ port, count }) => port !== null && count > 0)
  const lines = [
    `# ${app.app} v${app.release}`,
    '',
    `Ejected from Lading${app.commit === null ? '' : `, commit ${app.commit}`}. It needs a Docker engine (20.10 or newer) with Compose, and nothing of Lading.`,
    '',
    '```',
    'docker load --input image.tar',
    ...(app.releasePhase ? [`docker compose run --rm ${releaseService(app)}`] : []),
    'docker compose up --detach',
    ...(serves ? [`curl http://127.0.0.1:${firstPort}/`] : []),
    '```',
    '',
    ...(app.releasePhase
      ? ['The second is the release phase: run it once before each new version, never twice at a time.', '']
      : []),
    'Where there is no `docker compose`: `apt-get install docker-compose` (Debian), and type `docker-compose`.',
    '',
    '| file | what |',
    '|---|---|',
    '| `image.tar` | the image of every process |',
    '| `compose.yaml` | the processes, with the limits they had; no secret in it |',
    `| \`${overrideName}\` | the config; secret, readable by its owner only. Compose reads it by itself |`,
    ...(hasRepository
      ? [`| \`repository.bundle\` | the git repository: \`git clone repository.bundle ${app.app}\` |`]
      : []),
    '',
    'What Lading did and is now yours:',
    '',
    ...(serves
      ? [
          `- \`web\` listens on this machine only, at port ${firstPort}${many(app)}. A proxy before it (Caddy, nginx, HAProxy) brings the address, TLS and \`X-Forwarded-*\`.`,
        ]
      : []),
    '- A new version is: build the image, change its name in `compose.yaml`, `docker compose up --detach`. Requests are dropped meanwhile.',
    '- What a process writes into its container is gone with it, as before. Databases are where the config says.',
    '',
  ]
  return lines.join('\n')
}

function many({ services }: EjectDocument): string {
  const count = services.find(({ port }) => port !== null)?.count ?? 1
  return count > 1 ? ` and the ${count - 1} after it, a process each` : ''
}
