import assert from 'node:assert/strict'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { suite, test } from 'node:test'
import { VirtualClock } from '../../test/simulation/virtual-clock.ts'
import { sendLines } from './api.ts'

const never = new AbortController().signal

/** A response whose reader takes the first piece and then nothing. */
function slowlyRead(): { readonly response: ServerResponse; readonly written: string[] } {
  const written: string[] = []
  const response = new ServerResponse(new IncomingMessage(new Socket()))
  const write = (chunk: Buffer, _encoding: string, done: () => void) => {
    if (written.push(chunk.toString()) === 1) done()
  }
  response.assignSocket(new Duplex({ read: () => undefined, write }) as Socket)
  return { response, written }
}

void suite('lines of a stream', () => {
  test('nothing is written after the end, however slow the reader is', async () => {
    const clock = new VirtualClock()
    const { response } = slowlyRead()
    const items = async function* () {
      yield { line: 1 }
    }
    await sendLines({ response, signal: never }, items(), clock)
    await clock.pass(60_000)
    assert.equal(response.writableEnded, true)
    assert.equal(response.errored, null)
  })

  test('a stream without news shows every five seconds that it lives', async () => {
    const clock = new VirtualClock()
    const { response, written } = slowlyRead()
    const own = new AbortController()
    const silence = async function* () {
      await clock.sleep(60_000, own.signal).catch(() => undefined)
      yield* []
    }
    const sending = sendLines({ response, signal: own.signal }, silence(), clock)
    await clock.pass(5000)
    assert.equal(written.at(-1), '\n')
    own.abort()
    await sending
  })
})
