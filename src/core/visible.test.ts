import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { visible, visibleJson, visibleLine } from './visible.ts'

/** What a terminal obeys: nothing of it may be left. */
const obeyed = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/
const payloads = [
  '\u001b]52;c;ZXZpbA==\u0007',
  '\u001b]0;title\u001b\\',
  '\u001b[2J\u001b[H',
  '\u001bc',
  '\u001b[?1049h',
  '\u001b[6n',
  '\u001b]8;;http://evil\u001b\\here\u001b]8;;\u001b\\',
  '\u001bP$q m\u001b\\',
  '\u001b_payload\u001b\\',
  '\u009b31m',
  '\u009d52;c;ZXZpbA==\u009c',
  '\u0090q\u009c',
  'kept\rgone',
  'over\b\b\b\bwrite',
  '\u0007\u0000\u000e\u000f\u007f',
  '\u202eoverride\u2066isolate\u2028line',
  '\u001b[38;5;1',
  '\u001b[1;m\u001b[>4;1m\u001b[?25l\u001b[1 q\u001b[3 m',
  '\u001b[31\u0007m',
  '\u001b\u001b[31m',
]

void suite('what others have written', () => {
  test('is shown and never obeyed', () => {
    for (const payload of payloads) {
      assert.doesNotMatch(visible(payload), obeyed, JSON.stringify(payload))
      assert.doesNotMatch(visible(payload, { colours: true }).replace(/\u001b\[[\d;]*m/g, ''), obeyed)
    }
    assert.equal(visible('\u001b]52;c;ZXZpbA==\u0007 \u009b2J'), '␛]52;c;ZXZpbA==␇ \\x9b2J')
    assert.equal(visible('a\u202eb\u007f'), 'a\\u202eb␡')
  })

  test('keeps its lines and tabs, and every plain letter', () => {
    for (const text of ['a\tb\n\tc\n', 'ü € 漢字 👩‍💻 ‏שלום', '', '\n\n']) assert.equal(visible(text), text)
    assert.equal(visible('from\r\nWindows\r\n'), 'from\nWindows\n')
    assert.equal(visibleLine('one\nlading: two'), 'one␊lading: two')
  })

  test('keeps well-formed colours where there are any, and no line paints the next', () => {
    const colours = { colours: true }
    assert.equal(visible('\u001b[32mok\u001b[0m'), 'ok')
    assert.equal(visible('\u001b[32mok\u001b[0m', colours), '\u001b[32mok\u001b[0m')
    assert.equal(visible('\u001b[1;38;5;8mred', colours), '\u001b[1;38;5;8mred\u001b[0m')
    assert.equal(visible('\u001b[38;2;8;8;8mx\u001b[m', colours), '\u001b[38;2;8;8;8mx\u001b[m')
    assert.equal(visible('\u001b[31mone\ntwo', colours), '\u001b[31mone\u001b[0m\ntwo')
  })

  test('hides nothing', () => {
    for (const text of ['\u001b[8mx', '\u001b[0;08mx', '\u001b[38;5;1;8mx', '\u001b[1;8;38;5;8mx'])
      assert.match(visible(text, { colours: true }), /^␛\[[\d;]+mx$/)
  })

  test('is the same value in JSON, whoever looks at it', () => {
    for (const payload of payloads) {
      assert.doesNotMatch(visibleJson({ payload }), obeyed)
      assert.deepEqual(JSON.parse(visibleJson({ payload }, 2)), { payload })
    }
  })
})
