import { runProgram } from '../host/run-program.ts'

const tail = '15'

/** The last lines of a container, for a person who must find out why it does not serve. */
export async function lastLogLines(container: string, signal: AbortSignal): Promise<readonly string[]> {
  return linesOf(['logs', '--tail', tail, container], signal)
}

/** Swarm's own text about a service's last tasks, and the last lines of the newest that had a process. */
export async function lastServiceLines(service: string, signal: AbortSignal): Promise<readonly string[]> {
  const format = '{{.ID}} {{.CurrentState}} {{.Error}}'
  const tasks = await linesOf(['service', 'ps', '--no-trunc', '--format', format, service], signal)
  const began = tasks.find(task => /^\S+ (Running|Failed|Complete|Shutdown) /.test(task))
  const words = tasks.slice(0, 2).map(task => task.slice(task.indexOf(' ') + 1))
  if (began === undefined) return words
  const [id = ''] = began.split(' ')
  return [...words, ...(await linesOf(['service', 'logs', '--raw', '--tail', tail, id], signal))]
}

async function linesOf(args: readonly string[], signal: AbortSignal): Promise<string[]> {
  const lines: string[] = []
  await runProgram('docker', args, { say: line => lines.push(line) }, signal)
  return lines
}
