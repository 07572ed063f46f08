import type { FileFact } from '@travessia/schemas/events'
import { expect, test } from 'vitest'
import { sampleData } from '../audit/sample-data.fixture.ts'
import { type FileIntent, file } from './file.ts'

const kept: FileFact = { type: 'FileUploaded', data: sampleData.FileUploaded }
const removed: FileFact = { type: 'FileRemoved', data: { name: kept.data.name, reason: 'sent' } }
const keep: FileIntent = { type: 'KeepFile', kept: kept.data }
const remove: FileIntent = { type: 'RemoveFile', reason: 'sent' }

const decide = (given: readonly FileFact[], intent: FileIntent) =>
  file.decide(intent, given.reduce(file.evolve, file.initialState))

test('a file is kept once and removed once', () => {
  expect(decide([], keep)).toEqual([kept])
  expect(decide([kept], remove)).toEqual([removed])
  expect(decide([kept, removed], remove)).toEqual([])
  expect(decide([], remove)).toEqual([])
})

test('an id that was used keeps no other file', () => {
  for (const given of [[kept], [kept, removed]])
    expect(() => decide(given, keep)).toThrow(expect.objectContaining({ code: 'CONFLICT' }))
})
