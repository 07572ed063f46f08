import { TravessiaError } from '@travessia/schemas/errors'
import { expect, test } from 'vitest'
import { endingOfFetch } from './command-endings.ts'

test('a file for which there is no room refuses its command, one that did not come whole has failed it', () => {
  expect(endingOfFetch(new TravessiaError('TUNNEL_BUSY'))).toEqual({
    ...{ status: 'refused', errorCode: 'TUNNEL_BUSY' },
  })
  const broken = new TravessiaError('FILE_BROKEN', { problem: 'not what was signed' })
  expect(endingOfFetch(broken)).toEqual({
    ...{ status: 'failed', errorCode: 'FILE_BROKEN', detail: 'not what was signed' },
  })
})

test('a fault of ours is none of the file’s', () => {
  expect(() => endingOfFetch(new TypeError('x'))).toThrow('x')
})
