import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppError } from '../../core/errors.ts'
import {
  changes,
  debianRelease,
  enginePackages,
  groundPackages,
  installedPackages,
  onlyComing,
  unfinishedPackages,
} from './packages.ts'

test('Debian 12 and 13 are told apart, other systems are not Debian', () => {
  assert.equal(debianRelease('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n'), 12)
  assert.equal(debianRelease('ID=debian\nVERSION_ID="13"\n'), 13)
  assert.equal(debianRelease('ID=debian\nVERSION_ID="11"\n'), null)
  assert.equal(debianRelease('ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n'), null)
})

test('the client of the engine is a package of its own since Debian 13', () => {
  assert.deepEqual(enginePackages(12), ['docker.io'])
  assert.deepEqual(enginePackages(13), ['docker.io', 'docker-cli'])
})

test("AppArmor's parser comes where the kernel has AppArmor, and nowhere else", () => {
  assert.ok(groundPackages({ hasAppArmor: true }).includes('apparmor'))
  assert.ok(!groundPackages({ hasAppArmor: false }).includes('apparmor'))
})

test('a package that was removed but not purged is not installed', () => {
  const status =
    'Package: nftables\nStatus: install ok installed\n\nPackage: docker.io\nStatus: deinstall ok config-files\n'
  assert.deepEqual([...installedPackages(status)], ['nftables'])
})

test('a simulated run of apt tells which packages would come or go', () => {
  const text =
    'Reading package lists...\nInst runc (1.1.15)\nInst docker.io (26.1.5 Debian:13.0/stable [amd64])\nConf runc\n'
  assert.deepEqual(changes(text, 'Inst'), ['runc', 'docker.io'])
  assert.deepEqual(changes(text, 'Remv'), [])
})

test('an installation that would remove a package of the machine is refused, and the package named', () => {
  const text = 'Remv docker-ce [5:28.5.1-1~debian.13]\nInst docker.io (26.1.5 Debian:13.0/stable [amd64])\n'
  assert.throws(
    () => onlyComing(['docker.io'], text),
    (error: AppError) => error.code === 'conflict' && error.details.join() === 'docker-ce',
  )
  assert.deepEqual(onlyComing(['docker.io'], text.replace(/^Remv.*\n/, '')), ['docker.io'])
})

test('a package that an installation upgrades was there before us', () => {
  const text =
    'Inst libssl3 [3.0.15-1~deb12u1] (3.0.17-1~deb12u2 Debian-Security:12/stable-security [amd64])\n' +
    'Inst libnftables1 (1.0.6-2+deb12u2 Debian:12.11/oldstable [amd64]) []\n' +
    'Inst openssl [3.0.15-1~deb12u1] (3.0.17-1~deb12u2 Debian-Security:12/stable-security [amd64])\n'
  assert.deepEqual(onlyComing(['nftables', 'openssl'], text), ['libnftables1'])
})

test('a package that a killed dpkg left half-way is told from one that is there, was removed or never was', () => {
  const of = (state: string) => `Package: docker.io\nStatus: install ok ${state}\n`
  for (const state of ['unpacked', 'half-configured', 'half-installed', 'triggers-pending'])
    assert.ok(unfinishedPackages(of(state)).has('docker.io'))
  for (const state of ['installed', 'config-files', 'not-installed'])
    assert.ok(!unfinishedPackages(of(state)).has('docker.io'))
})
