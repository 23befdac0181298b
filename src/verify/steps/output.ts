import { defaults } from '../../core/defaults.ts'
import { reportMark } from './spec.ts'

const { outputLines: mostLines, outputCharactersOfLine: mostCharacters, reportBytes } = defaults
/** The last lines of each step: they say why it failed, shown or not. */
const lastLines = 20

/** What the steps of a run print together, as it is shown: with each step's name, and bounded like a build's. */
export class RunOutput {
  readonly #say: (line: string) => void
  readonly #width: number
  #lines = 0

  constructor(say: (line: string) => void, names: readonly string[]) {
    this.#say = say
    this.#width = Math.max(...names.map(name => name.length))
  }

  /** A line of ours. */
  note(text: string): void {
    this.#say(`       ${text}`)
  }

  line(step: string, text: string): void {
    if (this.#lines++ < mostLines) this.note(`${step.padEnd(this.#width)} | ${text}`)
    else if (this.#lines === mostLines + 1) this.note(`… ${mostLines} lines of steps shown; the rest is left out`)
  }
}

/** The lines of one attempt: shown, the last ones kept, and the report taken out of them. */
export class StepOutput {
  readonly #step: { readonly name: string; readonly reports: string | null }
  readonly #mark: string
  readonly #run: RunOutput
  readonly #tail: string[] = []
  readonly #report: string[] = []
  #reported = 0
  #isReport: boolean

  constructor(step: { readonly name: string; readonly reports: string | null }, container: string, run: RunOutput) {
    this.#step = step
    this.#mark = reportMark(container)
    this.#run = run
    this.#isReport = step.reports === '-'
  }

  take(text: string): void {
    if (!this.#isReport && this.#step.reports !== null && text === this.#mark) {
      this.#isReport = true
      return
    }
    if (this.#isReport) this.#keep(text)
    if (this.#isReport && this.#step.reports !== '-') return
    const line = text.slice(0, mostCharacters)
    this.#run.line(this.#step.name, line)
    if (line.trim() === '') return
    if (this.#tail.push(line) > lastLines) this.#tail.shift()
  }

  get tail(): readonly string[] {
    return this.#tail
  }

  /** Null: there is none. */
  get report(): string | null {
    return this.#report.length === 0 ? null : this.#report.join('\n')
  }

  #keep(text: string): void {
    this.#reported += text.length + 1
    // Of TAP in the output the beginning counts for nothing without its end; of a file `head` has cut it already.
    if (this.#reported <= reportBytes + 1) this.#report.push(text)
  }
}
