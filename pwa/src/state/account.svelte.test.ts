import { afterEach, expect, test, vi } from 'vitest'
import { account } from './account.svelte.ts'
import { recall, remember } from './snapshot.ts'

afterEach(() => vi.unstubAllGlobals())

test('nothing that comes while somebody signs out is kept; who could not get away is remembered again', async () => {
  const { promise, reject } = Promise.withResolvers<never>()
  const fetch = vi.fn(() => promise)
  vi.stubGlobal('fetch', fetch)
  await remember('/before', 1)
  const leaving = account.signOut()
  await expect.poll(() => fetch.mock.calls.length).toBe(1)
  await remember('/meanwhile', 2)
  expect([await recall('/before'), await recall('/meanwhile')]).toEqual([undefined, undefined])
  reject(new TypeError('network'))
  await expect(leaving).rejects.toMatchObject({ code: 'NO_NETWORK' })
  await remember('/later', 3)
  expect(await recall('/later')).toMatchObject({ value: 3 })
})
