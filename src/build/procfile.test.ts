import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../core/errors.ts'
import { parseProcfile } from './procfile.ts'

const refused = (text: string, message: RegExp) =>
  assert.throws(
    () => parseProcfile(text),
    (error: unknown) => error instanceof AppError && error.code === 'invalid-input' && message.test(error.message),
  )

test('types and commands are read in order, release apart', () => {
  assert.deepEqual(parseProcfile('web: node server.js\nworker: node w.js --a=b:c\nrelease: npm run migrate\n'), {
    processes: [
      { type: 'web', command: 'node server.js' },
      { type: 'worker', command: 'node w.js --a=b:c' },
    ],
    releaseCommand: 'npm run migrate',
  })
})

test('blank lines, comments, CRLF, a byte order mark and missing last line break are no problem', () => {
  const { processes } = parseProcfile('\uFEFF# my app\r\n\r\n  web : bin/web -p $PORT  \r\nclock:bin/clock')
  assert.deepEqual(
    processes.map(one => one.command),
    ['bin/web -p $PORT', 'bin/clock'],
  )
})

test('a line that is none is refused with its number and text', () => {
  refused('web: x\n\nnode server.js', /^Procfile line 3 \("node server.js"\): it is not "<type>: <command>"$/)
  refused('web:', /^Procfile line 1 \("web:"\)/)
  refused(': x', /^Procfile line 1/)
})

test('a type that occurs twice is refused, release too', () => {
  refused('web: a\nweb: b', /line 2 \("web: b"\): the process type "web" is there twice/)
  refused('release: a\nweb: c\nrelease: b', /line 3/)
})

test('a type that cannot be a name is refused', () => {
  refused('Web: a', /line 1 \("Web: a"\): "Web" is not a valid process type/)
  refused('my_worker: a', /"my_worker" is not a valid process type/)
  refused('web-: a', /not a valid process type/)
})

test('a Procfile without any type is refused', () => {
  refused('\n# nothing\n', /names no process type/)
})

test('a Procfile with release alone leaves web to the image', () => {
  assert.deepEqual(parseProcfile('release: ./migrate'), { processes: [], releaseCommand: './migrate' })
})
