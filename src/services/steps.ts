import { buffer } from 'node:stream/consumers'
import type { ServiceHost } from './host.ts'
import type { Step } from './kind.ts'

/** One step of a kind, to its end. */
export async function runStep(host: ServiceHost, object: string, step: Step, signal: AbortSignal): Promise<void> {
  await drain(host.run({ object, command: step.command, input: bytesOf(step.input) }, signal))
}

/** What a program says, as text. */
export async function textOf(said: AsyncIterable<Uint8Array>): Promise<string> {
  return (await buffer(said)).toString('utf8')
}

/** Two numbers (`usage` of a kind); what is none is null. */
export function readUsage(said: string): { readonly bytes: number | null; readonly connections: number | null } {
  const [bytes, connections] = said.trim().split(/\s+/).map(Number)
  return { bytes: wholeOf(bytes), connections: wholeOf(connections) }
}

function wholeOf(number: number | undefined): number | null {
  return number !== undefined && Number.isSafeInteger(number) ? number : null
}

export async function drain(said: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of said) void chunk
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from(text))
}
