import { createServer } from 'node:http'
import { type Grant, grantName } from '@travessia/schemas/grant'
import { newId } from '@travessia/schemas/ids'
import { FrameType, ResetCode } from '@travessia/schemas/tunnel-frame'
import type { RequestHead } from '@travessia/schemas/tunnel-head'
import { beforeAll, expect, test } from 'vitest'
import { deviceAt, listening, type ServerKey, serverKey } from './fixtures.ts'
import { Grants } from './grants.ts'
import { answerOf, tunnelTo } from './tunnel.fixture.ts'

const reset = (code: ResetCode) => expect.objectContaining({ name: 'StreamReset', code })
const agent = { tenantId: newId(), agentId: newId() }
let key: ServerKey

beforeAll(async () => {
  key = await serverKey()
})

/** A device that counts, behind an agent that trusts the key. */
async function device() {
  const reached: string[] = []
  const server = createServer((request, response) => {
    reached.push(`${request.method} ${request.url}`)
    request.resume().on('end', () => response.end('ok'))
  })
  const registered = deviceAt(`http://127.0.0.1:${await listening(server)}`, {
    driver: 'control-id',
  })
  const clock = { now: Date.now() }
  const tunnel = tunnelTo(registered)
  const grants = new Grants({ agent, serverKeys: [key.jwk], now: () => clock.now })
  Object.assign(tunnel.link, { grantOf: (head: RequestHead) => grants.of(head) })
  const grant = (changed: Partial<Grant> = {}, kind: 'grant' | 'devices' = 'grant') =>
    key.sign(
      {
        ...{ ...agent, deviceId: registered.deviceId, sessionId: newId(), access: 'readonly' },
        ...{ signIn: false, expiresAt: clock.now + 60_000, ...changed },
      },
      kind,
    )
  return { ...tunnel, registered, reached, clock, grant }
}

test('a read-only session: the agent lets reading through and refuses what acts, whatever the gateway did', async () => {
  const { get, open, grant, reached } = await device()
  const readOnly = await grant()
  expect((await get({ grant: readOnly, path: '/en_US/html/index.html' })).status).toBe(200)
  const read = open({ grant: readOnly, method: 'POST', path: '/load_objects.fcgi', bodyBytes: 0 })
  read.frame(FrameType.end, undefined, true)
  expect((await answerOf(read)).status).toBe(200)
  const before = [...reached]
  for (const head of [
    { method: 'POST', path: '/execute_actions.fcgi', bodyBytes: 0 },
    { method: 'POST', path: '/execute%5Factions.fcgi' },
    { method: 'POST', path: '/load_objects.fcgi/../execute_actions.fcgi' },
    { method: 'GET', path: '/reboot' },
    { method: 'DELETE', path: '/' },
    { method: 'GET', path: '/', webSocket: { protocols: [] } },
  ])
    await expect(get({ grant: readOnly, ...head })).rejects.toEqual(reset(ResetCode.readOnly))
  expect(reached).toEqual(before)
  const full = await grant({ access: 'full' })
  expect((await get({ grant: full, method: 'POST', path: '/execute_actions.fcgi' })).status).toBe(
    200,
  )
})

test('a grant that was changed, is for another, of another kind or by another key is no grant', async () => {
  const { get, grant, reached, registered } = await device()
  const readOnly = await grant()
  const [head = '', , signature = ''] = readOnly.split('.')
  const full = { ...agent, deviceId: registered.deviceId, access: 'full', signIn: false }
  const payload = { ...full, expiresAt: Date.now() + 60_000 }
  const changed = Buffer.from(JSON.stringify(payload)).toString('base64url')
  const stranger = await serverKey()
  for (const forged of [
    `${head}.${changed}.${signature}`,
    `${Buffer.from('{"alg":"none"}').toString('base64url')}.${changed}.AA`,
    await stranger.sign(payload, 'grant'),
    await grant({ access: 'full' }, 'devices'),
    await grant({ agentId: newId() }),
    await grant({ tenantId: newId() }),
    await grant({ deviceId: newId() }),
    await grant({ access: 'more' as 'full' }),
    'a.b.c',
  ])
    await expect(get({ grant: forged, method: 'POST' })).rejects.toEqual(
      reset(ResetCode.grantRefused),
    )
  expect(reached).toEqual([])
})

test('a request without a grant is not served', async () => {
  const { get, reached } = await device()
  await expect(get({ grant: '' })).rejects.toEqual(reset(ResetCode.protocol))
  expect(reached).toEqual([])
})

test('a grant ends: what begins later is refused, also when it was taken before', async () => {
  const { get, grant, clock } = await device()
  const short = await grant({ access: 'full', expiresAt: clock.now + 30_000 })
  expect((await get({ grant: short })).status).toBe(200)
  clock.now += 40_000
  await expect(get({ grant: short })).rejects.toEqual(reset(ResetCode.grantRefused))
})

test('a request that names its grant is served like one that brings it, and as long', async () => {
  const { get, grant, clock, reached } = await device()
  const readOnly = await grant()
  const name = grantName(readOnly)
  const [brought, named] = await Promise.all([get({ grant: readOnly }), get({ grant: name })])
  expect([brought.status, named.status]).toEqual([200, 200])
  const before = [...reached]
  await expect(get({ grant: name, method: 'DELETE' })).rejects.toEqual(reset(ResetCode.readOnly))
  clock.now += 66_000
  await expect(get({ grant: name })).rejects.toEqual(reset(ResetCode.grantRefused))
  expect(reached).toEqual(before)
})

test('a name that the agent does not know, or only of a forged grant, reaches no device', async () => {
  const { get, grant, reached } = await device()
  const good = await grant({ access: 'full' })
  const forged = `${good.split('.')[0]}.e30.${good.split('.')[2]}`
  const name = grantName(good)
  expect(grantName(forged)).toBe(name)
  await expect(get({ grant: name })).rejects.toEqual(reset(ResetCode.grantUnknown))
  await expect(get({ grant: forged })).rejects.toEqual(reset(ResetCode.grantRefused))
  await expect(get({ grant: name })).rejects.toEqual(reset(ResetCode.grantUnknown))
  expect(reached).toEqual([])
  expect((await get({ grant: good })).status).toBe(200)
  // The same name, but not the same text.
  await expect(get({ grant: forged })).rejects.toEqual(reset(ResetCode.grantRefused))
})

test('of 256 grants the oldest is forgotten first', async () => {
  const grants = new Grants({ agent, serverKeys: [key.jwk], now: Date.now })
  const deviceId = newId()
  const made: string[] = []
  for (let i = 0; i < 257; i += 1) {
    const fields = { ...agent, deviceId, access: 'full', signIn: false }
    made.push(await key.sign({ ...fields, expiresAt: Date.now() + 60_000 + i }, 'grant'))
    await grants.of({ grant: made[i] ?? '', deviceId })
  }
  const named = async (i: number) => grants.of({ grant: grantName(made[i] ?? ''), deviceId })
  await expect(named(0)).rejects.toEqual(reset(ResetCode.grantUnknown))
  for (const i of [1, 256]) expect(await named(i)).toMatchObject({ access: 'full' })
})

test('the signature of a session is checked once, not at each request', async () => {
  let checks = 0
  const counted = new Proxy(key.jwk, {
    get: (jwk, name) => {
      if (name === 'kid') checks += 1
      return Reflect.get(jwk, name)
    },
  })
  const grants = new Grants({ agent, serverKeys: [counted], now: Date.now })
  const deviceId = newId()
  const expiresAt = Date.now() + 60_000
  const fields = { ...agent, deviceId, access: 'full', signIn: false, expiresAt }
  const grant = await key.sign(fields, 'grant')
  await Promise.all([grants.of({ grant, deviceId }), grants.of({ grant, deviceId })])
  const once = checks
  expect(await grants.of({ grant, deviceId })).toMatchObject({ access: 'full' })
  expect(checks).toBe(once)
  expect(() => grants.of({ grant, deviceId: newId() })).toThrow(
    expect.objectContaining({ code: 'GRANT_REFUSED' }),
  )
})
