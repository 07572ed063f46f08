import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { RevokedAgents } from './revoked-agents.ts'

const day = 24 * 3_600_000

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'travessia-revoked-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

test('a revocation outlives the process, and an older word does not take it back', () => {
  const directory = newDirectory()
  const first = new RevokedAgents(directory, () => 2_000)
  const isNews = [2_000, 1_000, 2_000].map((at) => first.add('one', at))
  expect(isNews).toEqual([true, false, false])
  const second = new RevokedAgents(directory, () => 2_000)
  expect([second.at('one'), second.at('two')]).toEqual([2_000, undefined])
})

test('a revocation is forgotten once no token of its time can be good', () => {
  let now = 0
  const revoked = new RevokedAgents(newDirectory(), () => now)
  revoked.add('old', now)
  now = 6 * day
  revoked.add('new', now)
  expect(revoked.at('old')).toBe(0)
  now = 8 * day
  revoked.add('newer', now)
  expect([revoked.at('old'), revoked.at('new')]).toEqual([undefined, 6 * day])
})

test('a list that cannot be read stops the start', () => {
  const directory = newDirectory()
  writeFileSync(join(directory, 'revoked-agents.json'), '[["one",')
  expect(() => new RevokedAgents(directory, Date.now)).toThrow(SyntaxError)
})
