import { AppError } from '../../../core/errors.ts'
import type { ImageReference } from '../../../core/names.ts'
import { glance } from '../../files.ts'
import { addUser, apt, aptMounts, cached, pack, plainPath, take, withoutGit } from '../generated.ts'
import type { Built, Stack } from '../stack.ts'
import { readCargo, version, type Cargo } from './cargo.ts'

/** A Cargo.toml at the root: every program of the package or workspace, on the platform's base without any toolchain. */
export const rustStack: Stack = {
  name: 'rust',

  async detect({ files }) {
    const has = (await files.text('Cargo.toml', glance)) !== null
    return has ? { what: `Rust ${version}`, because: 'Cargo.toml is in the repository' } : null
  },

  async recipe(source, { base }): Promise<Built> {
    const cargo = await readCargo(source.files)
    if (!cargo || cargo.programs.length === 0) {
      throw new AppError(
        'build-failed',
        'Cargo.toml is in the repository, but no program: no src/main.rs, src/bin or [[bin]]',
        {
          hint: 'A library has nothing to run: add src/main.rs, or push the example that serves it.',
        },
      )
    }
    const isSaid = (source.procfile?.processes ?? []).length > 0
    const start = isSaid ? null : startOf(chooseWeb(cargo), cargo)
    const names = cargo.programs.map(({ name }) => name)
    return {
      method: 'built',
      stack: 'rust',
      title: `Building a Rust ${version} app with Cargo`,
      dockerfile: rustDockerfile(cargo, start, base),
      dockerignore: `${withoutGit}target\n`,
      bases: [{ name: base, instead: null }],
      notes: [
        ...(names.length > 1 ? [`Programs in PATH: ${names.join(', ')}`] : []),
        ...(cargo.locked
          ? []
          : ['Warning: there is no Cargo.lock: another build may get other versions than you tried. Commit it']),
      ],
      start,
      tells: ['cargo'],
    }
  },
}

/** Which of them is `web`, when no Procfile says it. */
function chooseWeb({ programs, defaultRun }: Cargo): string {
  const known = ['web', 'server', 'api', 'app']
  const [first] = programs
  const chosen = programs.find(({ name }) => name === defaultRun) ?? programs.find(({ name }) => known.includes(name))
  if (programs.length === 1 && first) return first.name
  if (chosen) return chosen.name
  const names = programs.map(({ name }) => name).join(', ')
  throw new AppError('build-failed', `there are several programs (${names}), and nothing says which one is web`, {
    hint: `Write a Procfile: "web: ${first?.name ?? 'NAME'}", or default-run in Cargo.toml.`,
  })
}

/** Rocket reads a port of its own name. */
function startOf(name: string, { has }: Cargo): readonly string[] {
  return has('rocket') ? ['/bin/sh', '-c', `ROCKET_ADDRESS=0.0.0.0 ROCKET_PORT=$PORT exec ${name}`] : [name]
}

/** What is not Rust goes into the image too: templates, pages, migrations. */
const rustOnly = ['*.rs', 'Cargo.toml', 'Cargo.lock', 'rust-toolchain*'].map(name => `-name '${name}'`).join(' -o ')

function rustDockerfile(cargo: Cargo, start: readonly string[] | null, base: ImageReference): string {
  const [run, build] = systemPackages(cargo)
  const programs = cargo.programs.map(({ name }) => `target/release/${name}`).join(' ')
  const caches = cached('/root/.cargo/registry', '/root/.cargo/git', '/app/target')
  // Cargo looks at times, and those of a commit's files are older than what an earlier commit built.
  const touch = 'find . -type f -exec touch {} +'
  return [
    `FROM ${base} AS rust`,
    `RUN ${run.length > 0 ? `${aptMounts} ${apt(run)} && ` : ''}${addUser}`,
    '',
    `FROM ${base} AS build`,
    `RUN ${aptMounts} ${apt(['rustc-web', 'cargo-web', 'gcc', 'libc6-dev', 'pkg-config', 'git', ...build])}`,
    'WORKDIR /app',
    'ENV CARGO_HTTP_CAINFO=/etc/ssl/certs/ca-certificates.crt CARGO_NET_GIT_FETCH_WITH_CLI=true CARGO_TERM_COLOR=never',
    'COPY . .',
    `RUN ${touch}`,
    `RUN ${caches} cargo build --release${cargo.locked ? ' --locked' : ''} --workspace --bins && mkdir -p /programs/bin && cp ${programs} /programs/bin/`,
    `RUN rm -rf target vendor && find . -type f \\( ${rustOnly} \\) -delete && find . -mindepth 1 -type d -empty -delete`,
    pack('code', '. -C /programs bin'),
    '',
    'FROM rust',
    take('code'),
    'WORKDIR /app',
    `ENV PATH=/app/bin:${plainPath}`,
    'USER app',
    ...(start ? [`CMD ${JSON.stringify(start)}`] : []),
    '',
  ].join('\n')
}

/** Of Debian, for crates that need more than Rust: to run, and to build. */
function systemPackages({ has }: Cargo): readonly [run: readonly string[], build: readonly string[]] {
  const known: readonly (readonly [crate: string, run: readonly string[], build: readonly string[]])[] = [
    ['openssl-sys', ['libssl3t64'], ['libssl-dev']],
    ['pq-sys', ['libpq5'], ['libpq-dev']],
    ['mysqlclient-sys', ['libmariadb3'], ['libmariadb-dev']],
    ['libsqlite3-sys', ['libsqlite3-0'], ['libsqlite3-dev']],
    ['cmake', [], ['cmake', 'g++']],
    ['aws-lc-sys', [], ['cmake', 'g++']],
    ['cxx', [], ['g++']],
    ['bindgen', [], ['libclang-dev']],
    ['prost-build', [], ['protobuf-compiler']],
  ]
  const found = known.filter(([crate]) => has(crate))
  return [found.flatMap(([, run]) => run), [...new Set(found.flatMap(([, , build]) => build))]]
}
