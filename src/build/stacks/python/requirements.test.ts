import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAppName } from '../../../core/names.ts'
import { readSource } from '../../source.ts'
import { readRequirements, requires } from './requirements.ts'

const read = async (files: Readonly<Record<string, string>>) =>
  readRequirements(
    await readSource(parseAppName('shop'), {
      text: path => Promise.resolve(files[path] ?? null),
      paths: () => Promise.resolve(new Set(Object.keys(files))),
    }),
  )

test('a package is found by its name as PyPI compares names, and not in a longer one', () => {
  const has = (text: string, name: string) => requires({ text }, name)
  assert.ok(has('Flask==3.1.3', 'flask'))
  assert.ok(has('"fastapi[standard]>=0.1",', 'fastapi'))
  assert.ok(has('flask_login\nFlask\n', 'flask'))
  assert.ok(!has('flask-login==1', 'flask'))
  assert.ok(!has('# nothing\nmyflask', 'flask'))
})

test('a lock file says more than what it was made from; requirements.txt brings what it includes', async () => {
  assert.equal((await read({ 'pyproject.toml': '', 'uv.lock': '', 'requirements.txt': '' }))?.program, 'uv')
  assert.equal((await read({ 'pyproject.toml': '[tool.poetry]\n' }))?.program, 'poetry')
  assert.equal(await read({ 'main.py': '' }), null)
  const pip = await read({
    'requirements.txt': '-r requirements/base.txt\na==1',
    'requirements/base.txt': '-r more.txt',
  })
  assert.deepEqual(pip?.manifests, ['requirements.txt', 'requirements/base.txt', 'requirements/more.txt'])
})

test('paths of the repository among the requirements need its code, and open versions are told from pinned ones', async () => {
  const of = async (text: string) => {
    const found = await read({ 'requirements.txt': text })
    return [found?.needsCode, found?.locked]
  }
  assert.deepEqual(await of('a==1\nb==2 # c\n--index-url https://x\n'), [false, true])
  assert.deepEqual(await of('a>=1'), [false, false])
  assert.deepEqual(await of('-e .'), [true, true])
  assert.deepEqual(await of('./lib\na==1'), [true, false])
  assert.deepEqual(await of('-r ../x.txt'), [true, true])
})
