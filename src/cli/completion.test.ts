import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { CliRig } from '../../test/doubles/cli-rig.ts'

async function script(t: TestContext, shell: string) {
  const rig = await CliRig.make()
  t.after(() => rig.close())
  const { code, out } = await rig.lading(['completion', shell])
  assert.equal(code, 0)
  return { rig, out }
}

test('bash offers commands, those below them, and options, at the place of the cursor', async t => {
  const { rig, out } = await script(t, 'bash')
  const offered = async (...words: readonly string[]) => {
    const ask = 'eval "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _lading; printf "%s\\n" "${COMPREPLY[@]}"'
    const answer = await rig.run('bash', ['-c', ask, 'bash', out, ...words])
    assert.equal(answer.err, '')
    return answer.out.split('\n').filter(Boolean)
  }
  assert.deepEqual(await offered('lading', 'rele'), ['releases'])
  assert.ok((await offered('lading', '')).includes('rollback'))
  assert.deepEqual(await offered('lading', 'releases', 'sh'), ['show'])
  assert.deepEqual(await offered('lading', 'releases', '--json', 'sh'), ['show'])
  assert.deepEqual(await offered('lading', 'logs', '--fol'), ['--follow'])
  assert.deepEqual(await offered('lading', 'config', 'get', 'rele'), [])
})

test('zsh takes the same, fish its own; every command is in both', async t => {
  const [zsh, fish] = [(await script(t, 'zsh')).out, (await script(t, 'fish')).out]
  assert.match(zsh, /^autoload .*bashcompinit/)
  for (const name of ['deploy', 'rollback', 'tokens'])
    assert.match(fish, new RegExp(`-n '__fish_use_subcommand' -a ${name} -d '`))
  assert.match(fish, /-n '__fish_seen_subcommand_from releases' -a show/)
})
