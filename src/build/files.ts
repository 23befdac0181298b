/** How much of a file is read. Who reads it says so: a file's name does not tell what it is read for. */
export interface Bound {
  readonly bytes: number
  readonly larger: 'refused' | 'cut'
}

/** Of a file that is parsed, such as package.json: half of it would say something else. */
export function whole(bytes: number): Bound {
  return { bytes, larger: 'refused' }
}

/** Of a file of which a few lines are looked at (lock files, settings of frameworks), and which may be large. */
export const glance: Bound = { bytes: 256 * 1024, larger: 'cut' }

/** The files of a commit, each read when it is asked for and kept. */
export interface Files {
  /** Null: there is no such file. Rejects `invalid-input` for one that its bound refuses. */
  text(path: string, bound: Bound): Promise<string | null>
  /** Of every file. */
  paths(): Promise<ReadonlySet<string>>
}

/** Asks nothing twice. */
export function keepingFiles(files: Files): Files {
  const texts = new Map<string, Promise<string | null>>()
  let paths: Promise<ReadonlySet<string>> | undefined
  return {
    text(path, bound) {
      const question = `${bound.larger} ${bound.bytes} ${path}`
      const text = texts.get(question) ?? files.text(path, bound)
      texts.set(question, text)
      return text
    },
    paths: () => (paths ??= files.paths()),
  }
}

/** The files of a folder, by their paths in it. */
export function below(files: Files, folder: string): Files {
  return keepingFiles({
    text: (path, bound) => files.text(`${folder}/${path}`, bound),
    paths: async () => {
      const all = [...(await files.paths())].filter(path => path.startsWith(`${folder}/`))
      return new Set(all.map(path => path.slice(folder.length + 1)))
    },
  })
}
