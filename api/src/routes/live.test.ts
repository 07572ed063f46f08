import { once } from 'node:events'
import { get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Readings } from '../audit/readings.ts'
import type { Services } from '../services.ts'
import { addLiveRoute } from './live.ts'
import { startRoutes } from './node.fixture.ts'

/** Of one person. */
const maxStreams = 64
/** Whoever may not read any more reads on no longer than this. */
const endsWithinMs = 5_000
const never = { onChange: () => () => undefined }

test('whoever is gone while the log is asked leaves no stream behind', async () => {
  const log = Promise.withResolvers<void>()
  let asked = 0
  let gone = 0
  const { app, person } = await startRoutes((app, services) => {
    const { store } = services
    const head = async () => {
      asked += 1
      await log.promise
      return store.head()
    }
    const readTenant = store.readTenant.bind(store)
    const more = { store: { head, readTenant }, presence: never, deviceStates: never }
    app.addHook('onRequest', async (_request, reply) => {
      reply.raw.once('close', () => {
        gone += 1
      })
    })
    const all = { ...services, ...more } as unknown as Services
    addLiveRoute(app, all, new Readings(all))
  })
  const { headers } = await person('operator')
  await app.listen({ port: 0 })
  const { port } = app.server.address() as AddressInfo
  const ask = () => get({ port, path: '/api/events', headers }).on('error', () => undefined)
  const leaving = Array.from({ length: maxStreams }, ask)
  await vi.waitFor(() => expect(asked).toBe(maxStreams), 10_000)
  for (const one of leaving) one.destroy()
  await vi.waitFor(() => expect(gone).toBe(maxStreams), 10_000)
  log.resolve()
  const staying = ask()
  const [response] = await once(staying, 'response')
  expect(response.statusCode).toBe(200)
  staying.destroy()
})

test.each<[string, (services: Pick<Services, 'users' | 'logins'>, userId: string) => void]>([
  ['is disabled', ({ users }, userId) => users.setDisabled(userId, true)],
  ['is signed out', ({ logins }, userId) => logins.endAllOf(userId)],
])('the live stream of whoever %s ends within 5 s', async (_, lose) => {
  const { app, services, person } = await startRoutes((app, services) => {
    const all = { ...services, presence: never, deviceStates: never } as unknown as Services
    addLiveRoute(app, all, new Readings(all))
  })
  const { userId, headers } = await person('operator')
  await app.listen({ port: 0 })
  const { port } = app.server.address() as AddressInfo
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const [response] = await once(get({ port, path: '/api/events', headers }), 'response')
  // Then it has been asked once, at its start.
  await once(response, 'data')
  const end = once(response.resume(), 'end')
  lose(services, userId)
  vi.advanceTimersByTime(endsWithinMs)
  await end
})
