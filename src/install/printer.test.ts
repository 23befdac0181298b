import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

const printer = join(import.meta.dirname, 'printer.ts')
/** Clears the screen, renames the window, fills the clipboard; the last as one byte of C1. */
const hostile = '\u001b[2J\u001b]0;title\u0007\u009b52;c;YQ==\u0007 end'

test('nothing that an app, a program or a server has said on the server is obeyed by the terminal', () => {
  const text = JSON.stringify(hostile)
  const script = `import { printError, print, printJson, progress } from ${JSON.stringify(printer)}
    print(${text} + '\\n')
    printJson({ fact: ${text} })
    printError(${text} + '\\n')
    await using line = progress().begin(${text})
    line.working()
    line.failed(${text}, ${text})`
  const ran = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  assert.equal(ran.status, 0, ran.stderr)
  assert.doesNotMatch(ran.stdout + ran.stderr, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/)
  assert.equal((ran.stdout + ran.stderr).split(' end').length - 1, 7)
  const json = ran.stdout.split('\n')[1] ?? ''
  assert.deepEqual(JSON.parse(json), { fact: hostile })
})
