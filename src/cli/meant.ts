const session =
  'There is no session in a process yet; what must be done before traffic stands as "release:" in the Procfile.'
const restart = 'A change of config restarts the processes: lading set RESTARTED=now'

/** Names that people bring from Heroku, Docker, Dokku and Kamal, with what does the same here. */
const commands: Readonly<Record<string, string>> = {
  addons:
    'lading services create postgres NAME, then lading services attach NAME; what runs elsewhere: lading set DATABASE_URL=…',
  audit: 'lading events --audit',
  build: 'git push lading main builds and deploys; "lading detect" says what a push would make of a folder.',
  buildpacks: 'lading detect',
  certificates: 'lading certs',
  console: session,
  'config:edit': 'lading config edit',
  'config:get': 'lading config get KEY',
  'config:set': 'lading set KEY=value',
  'config:show': 'lading config',
  'config:unset': 'lading unset KEY',
  delete: 'lading destroy',
  'domains:add': 'lading domains add NAME',
  'domains:remove': 'lading domains rm NAME',
  down: 'lading scale web=0',
  env: 'lading config',
  exec: session,
  init: 'lading create NAME',
  inspect: 'lading info',
  kill: 'lading scale TYPE=0, or "lading runs cancel ID" for a deploy',
  launch: 'lading create NAME, then git push lading main',
  list: 'lading apps',
  log: 'lading logs',
  ls: 'lading apps',
  new: 'lading create NAME',
  'ps:restart': restart,
  'ps:scale': 'lading scale web=2',
  promote: 'Promotion has no command yet; the other environment is deployed by a push of its branch.',
  push: 'git push lading main',
  redeploy: 'lading deploy',
  release: 'lading releases show vN',
  remove: 'lading destroy',
  'releases:rollback': 'lading rollback vN',
  restart: restart,
  rm: 'lading destroy',
  secrets: 'lading config',
  setenv: 'lading set KEY=value',
  // eslint-disable-next-line no-restricted-syntax -- a word that someone types, no option of a child
  shell: session,
  ssh: session,
  start: 'lading scale web=1',
  stop: 'lading scale web=0 (and worker=0: each type by its name)',
  tail: 'lading logs -f',
  token: 'lading tokens',
  undo: 'lading rollback',
  user: 'lading members',
  users: 'lading members',
  access: 'lading members',
  auth: 'lading login URL',
  whoami: 'lading status',
}

const options: Readonly<Record<string, string>> = {
  '--tail': 'lading logs -f follows; lading logs -n 200 shows the newest 200.',
  '-t': 'lading logs -f follows; lading logs -n 200 shows the newest 200.',
  '--num': 'lading logs -n 200',
  '--env': 'lading set KEY=value; an environment has no option yet, every command is about production.',
  '--environment': 'Every command is about production; other environments have no command yet.',
  '--remote': 'The app is named by --app NAME.',
  '--force': 'There is no --force: what loses something asks, or says which option answers.',
  '--yes': 'There is no --yes here: the command asks for nothing.',
  '--quiet': 'Progress goes to stderr, results to stdout: add 2>/dev/null.',
}

/** What someone meant who knows another platform; null where no one knows. `message` is Commander's, without `error: `. */
export function meant(message: string): string | null {
  const [, kind, word = ''] = /^unknown (command|option) '([^']+)'/.exec(message) ?? []
  if (kind === undefined) return null
  const known = kind === 'command' ? commands : options
  return Object.hasOwn(known, word) ? (known[word] ?? null) : null
}
