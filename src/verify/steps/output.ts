import { defaults } from '../../core/defaults.ts'
import { reportMark } from './spec.ts'

const { outputLines: mostLines, outputCharactersOfLine: mostCharacters, reportBytes } = defaults
/** So many lines of a step are followed: to follow one that prints without end costs as much as to print. Of the rest only the end is read. */
const mostFollowed = 10_000
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
  #isCut = false
  #lines = 0

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
    this.#lines++
    const line = text.slice(0, mostCharacters)
    this.#run.line(this.#step.name, line)
    if (line.trim() === '') return
    if (this.#tail.push(line) > lastLines) this.#tail.shift()
  }

  /** No one needs to follow it further. A report has a bound of its own, for a step may print its mark itself. */
  get isEnough(): boolean {
    const isInFile = this.#isReport && this.#step.reports !== '-'
    return isInFile ? this.#reported > reportBytes : this.#lines >= mostFollowed
  }

  get tail(): readonly string[] {
    return this.#tail
  }

  /** Null: there is none, or not all of it: half a report would count wrongly. */
  get report(): string | null {
    const isWhole = this.#report.length > 0 && this.#reported <= reportBytes && !this.#isCut
    return isWhole ? this.#report.join('\n') : null
  }

  /** Lines are missing from here on: a report among them is none. */
  leaveOut(): void {
    this.#isCut = this.#step.reports === '-'
  }

  #keep(text: string): void {
    this.#reported += text.length + 1
    if (this.#reported <= reportBytes) this.#report.push(text)
  }
}
