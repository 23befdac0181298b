import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { AppError } from '../core/errors.ts'
import { Terminal } from './terminal.ts'

const hostile = 'a\u001b]52;c;ZXZpbA==\u0007b\u001b[2J\u009b2Jc\rd\u202ee\u001b[8mf\u0000'
const obeyed = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/

/** Everything that a terminal can be told to print, with what others have written in every place. */
function printAll(terminal: Terminal): void {
  terminal.print(hostile)
  terminal.say(hostile)
  terminal.sayUnlessSpoken(hostile)
  terminal.json({ [hostile]: hostile })
  terminal.jsonLine({ [hostile]: [hostile] })
  terminal.table([hostile, 'state'], [[hostile, hostile]])
  terminal.print(terminal.paint(hostile, 'green'))
  const error = new AppError('conflict', hostile, { hint: hostile, details: [hostile], cause: new Error(hostile) })
  terminal.error(error, true)
}

function written(isTTY: boolean, hasColor: boolean, act: (terminal: Terminal) => void): string {
  let all = ''
  const stream = { isTTY, write: (text: string) => (all += text) }
  act(new Terminal({ out: stream, err: stream, hasColor }))
  return all
}

void suite('the printer', () => {
  test('obeys nothing of what others have written, on a terminal or not', () => {
    for (const isTTY of [true, false])
      for (const hasColor of [true, false]) {
        const all = written(isTTY, hasColor, printAll)
        assert.doesNotMatch(all.replace(/\u001b\[(?:31|32|2|0)m/g, ''), obeyed)
        if (!isTTY || !hasColor) assert.doesNotMatch(all, obeyed)
        assert.match(all, /␛\]52;c;ZXZpbA==␇/)
      }
  })

  test('keeps an app in its colours where there are any, and its own lines out of them', () => {
    const log = '\u001b[33mwarning'
    assert.equal(
      written(true, true, terminal => terminal.print(log)),
      '\u001b[33mwarning\u001b[0m\n',
    )
    assert.equal(
      written(true, false, terminal => terminal.print(log)),
      'warning\n',
    )
    assert.equal(
      written(false, true, terminal => terminal.print(log)),
      'warning\n',
    )
  })

  test('lets no name begin a line of its own in a table or an error', () => {
    const all = written(true, false, terminal => {
      terminal.table(['name'], [['shop\nblog']])
      terminal.error(new AppError('conflict', 'no\nlading: yes'), false)
    })
    assert.equal(all, 'name\nshop␊blog\nlading: no␊lading: yes\n')
  })

  test("gives a user's own value to programs as it is, and shows it to a terminal", () => {
    assert.equal(
      written(false, false, terminal => terminal.value('a\r\n\u001b[1m')),
      'a\r\n\u001b[1m\n',
    )
    assert.doesNotMatch(
      written(true, true, terminal => terminal.value(hostile)),
      obeyed,
    )
  })
})
