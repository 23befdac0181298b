/** Lines that the stacks' own Dockerfiles share. */

/** The context's `.dockerignore` says what a Dockerfile may see; here the platform decides. */
export const withoutGit = '.git\n'

/** Root's home is not there in the end; what is in these folders saves a later build of the same app its downloads. */
export function cached(...folders: readonly string[]): string {
  return folders.map(folder => `--mount=type=cache,target=${folder}`).join(' ')
}

const aptCache = '--mount=type=cache,target=/var/cache/apt,sharing=locked'
const aptLists = '--mount=type=cache,target=/var/lib/apt/lists,sharing=locked'

/** Mounts for a step that calls `apt`. */
export const aptMounts = `${aptCache} ${aptLists}`

/** Without apt's tale of each package; its errors stay. */
export function apt(packages: readonly string[]): string {
  const install = `apt-get install -qq --yes --no-install-recommends ${packages.join(' ')}`
  return `apt-get update -qq && DEBIAN_FRONTEND=noninteractive ${install} >/dev/null`
}

/** The user that every app runs as; it has these ids in the platform's Node image too. */
export const addUser = 'groupadd --gid 1000 app && useradd --uid 1000 --gid 1000 --create-home --shell /bin/bash app'

/** Files with one time, so that equal content gives an equal layer; as a tar on disk, for a pipe would hide an error. */
export function pack(name: string, what: string): string {
  return `RUN tar -cf /${name}.tar --mtime=@0 ${what} && mkdir /${name} && tar -xf /${name}.tar -C /${name} && touch -d @0 /${name} && rm /${name}.tar`
}

/** By COPY, because a layer that RUN makes also holds the time at which it ran. `from`: a stage. */
export function take(name: string, to = '/app', from = 'build'): string {
  return `COPY --from=${from} --chown=1000:1000 /${name} ${to}`
}

/** What an app of these stacks finds besides, from its base. */
export const plainPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
