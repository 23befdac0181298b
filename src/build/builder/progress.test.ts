import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Progress } from './progress.ts'

test('a line that a step has begun on stderr does not run together with what it writes to stdout meanwhile', () => {
  const said: string[] = []
  const progress = new Progress(line => said.push(line.trim()))
  const writes = (stream: number, text: string, vertex = 'sha256:a') =>
    progress.push(Buffer.from(`${JSON.stringify({ logs: [{ vertex, stream, data: btoa(text) }] })}\n`))
  writes(2, 'mknod: /node')
  writes(1, 'packet refused\nicmp ')
  writes(1, 'of another step\n', 'sha256:b')
  writes(2, ': Operation not permitted\n')
  writes(1, 'refused\nnode ref')
  writes(2, 'last')
  progress.end()
  assert.deepEqual(said, [
    'packet refused',
    'of another step',
    'mknod: /node: Operation not permitted',
    'icmp refused',
    'last',
    'node ref',
  ])
})
