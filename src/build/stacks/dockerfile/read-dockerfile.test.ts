import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readDockerfile } from './read-dockerfile.ts'

const names = (text: string, args = {}) => readDockerfile(text, { args }).images.map(one => one.name)

test('images of FROM, COPY --from and RUN --mount are found, stages and scratch are not images', () => {
  const text = `FROM --platform=$BUILDPLATFORM node:24 AS build
RUN --mount=type=bind,from=tools:1,target=/t make
FROM scratch as empty
FROM build
COPY --from=build /a /a
COPY --from=0 /a /a
COPY --chown=1 --from=caddy:2 /usr/bin/caddy /
`
  assert.deepEqual(readDockerfile(text).images, [
    { name: 'node:24', line: 1 },
    { name: 'tools:1', line: 2 },
    { name: 'caddy:2', line: 7 },
  ])
})

test('global ARGs are filled in, with their defaults', () => {
  assert.deepEqual(names('ARG V=24\nARG OS="trixie"\nFROM node:${V}-$OS'), ['node:24-trixie'])
  assert.deepEqual(names('FROM debian:${V:-trixie}'), ['debian:trixie'])
  assert.deepEqual(names('FROM a\nARG V=1\nFROM b:${V:-2}'), ['a', 'b:2'])
})

test('continued lines, comments in them and here-documents hide no image and make none', () => {
  const text = `FROM \\
# which one?
  debian:trixie
RUN <<EOF
FROM nothing
EOF
RUN echo a && \\
  FROM=x
FROM node:24
`
  assert.deepEqual(readDockerfile(text).images, [
    { name: 'debian:trixie', line: 1 },
    { name: 'node:24', line: 9 },
  ])
})

test('another escape character is respected', () => {
  assert.deepEqual(names('# escape=`\nFROM `\n  a:1\nCOPY c:\\ d\nFROM b:1'), ['a:1', 'b:1'])
})

test('a syntax line becomes a comment, the directives beside it stay', () => {
  const { text } = readDockerfile('# syntax=docker/dockerfile:1\n# escape=`\n\nFROM a\n')
  assert.equal(text, "# escape=`\n# BuildKit's own front end reads this file.\n\nFROM a\n")
  assert.equal(readDockerfile('FROM a\n# syntax=x\n').text, 'FROM a\n# syntax=x\n')
})

test('an ARG before FROM has the value that lading.yaml gives it', () => {
  const text = 'ARG RELEASE=bookworm\nFROM debian:$RELEASE\n'
  assert.deepEqual([names(text), names(text, { RELEASE: 'trixie' })], [['debian:bookworm'], ['debian:trixie']])
})
