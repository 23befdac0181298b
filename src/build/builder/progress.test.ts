import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BuildProgress } from './progress.ts'

test('a character whose bytes come in two pieces is whole', () => {
  const said: string[] = []
  const progress = new BuildProgress(line => said.push(line.trim()))
  const bytes = Buffer.from('grün\n')
  for (const data of [bytes.subarray(0, 3), bytes.subarray(3)])
    progress.push(Buffer.from(`${JSON.stringify({ logs: [{ vertex: 'sha256:a', data: data.toString('base64') }] })}\n`))
  assert.deepEqual(said, ['grün'])
})

test('a line that a step has begun on stderr does not run together with what it writes to stdout meanwhile', () => {
  const said: string[] = []
  const progress = new BuildProgress(line => said.push(line.trim()))
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
