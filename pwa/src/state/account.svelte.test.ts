import { afterEach, expect, test, vi } from 'vitest'
import { account } from './account.svelte.ts'
import { recall, remember } from './snapshot.ts'

afterEach(() => vi.unstubAllGlobals())

test('a server that fails does not sign anybody out', async () => {
  await remember('/api/auth/me', { name: 'Ana' })
  vi.stubGlobal('fetch', async () => Response.json({ code: 'INTERNAL' }, { status: 500 }))
  await account.load()
  expect(account.user).toMatchObject({ name: 'Ana' })
})

test('nothing that comes while somebody signs out is kept, nor later when they could not get away', async () => {
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
  expect(await recall('/later')).toBeUndefined()
})
