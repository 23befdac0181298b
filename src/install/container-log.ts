import { runProgram } from './run-program.ts'

const tail = '15'

/** The last lines of a container, for a person who must find out why it does not serve. */
export async function lastLogLines(container: string, signal: AbortSignal): Promise<readonly string[]> {
  return linesOf(['logs', '--tail', tail, container], signal)
}

/** The last lines of a swarm service, and Swarm's own words when no task runs. */
export async function lastServiceLines(service: string, signal: AbortSignal): Promise<readonly string[]> {
  const state = ['service', 'ps', '--no-trunc', '--format', '{{.CurrentState}} {{.Error}}', service]
  return [
    ...(await linesOf(state, signal)).slice(0, 2),
    ...(await linesOf(['service', 'logs', '--raw', '--tail', tail, service], signal)),
  ]
}

async function linesOf(args: readonly string[], signal: AbortSignal): Promise<string[]> {
  const lines: string[] = []
  await runProgram('docker', args, { say: line => lines.push(line) }, signal)
  return lines
}
