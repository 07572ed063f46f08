import { maxDevices } from '@travessia/schemas/devices'
import { newId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import { sampleData } from '../audit/sample-data.fixture.ts'
import { addAccountRoutes } from './accounts.ts'
import { addDeviceRoutes } from './devices.ts'
import { accountParts, startRoutes } from './node.fixture.ts'
import { addRetentionRoutes } from './retention.ts'

type Ask = { readonly method: 'PATCH' | 'POST'; readonly url: string; readonly payload: object }
type Headers = Readonly<Record<string, string>>

test('of devices that are registered at once only as many come in as there is room, each with a name of its own', async () => {
  const { app, services, tenantId, say, person } = await startRoutes(addDeviceRoutes)
  const { headers } = await person('manager')
  const installationId = newId()
  await say(installationId, {
    type: 'InstallationCreated',
    data: sampleData.InstallationCreated,
  })
  const data = sampleData.DeviceRegistered
  const there = Array.from({ length: maxDevices - 2 }, (_, n) => ({ ...data, slug: `d-${n}` }))
  await Promise.all(
    there.map((one) => say(newId(), { type: 'DeviceRegistered', data: one }, installationId)),
  )
  const payload = { name: 'Página', kind: 'http', driver: 'http', baseUrl: 'http://10.0.0.7' }
  const ask = { method: 'POST', url: `/api/installations/${installationId}/devices` } as const
  const answers = await Promise.all(
    Array.from({ length: 5 }, () =>
      app.inject({ ...ask, headers, payload: { ...payload, viaAgent: true } }),
    ),
  )
  const codes = answers.map(({ statusCode, body }) => JSON.parse(body).code ?? statusCode)
  expect(codes.sort()).toEqual([201, 201, 'DEVICE_LIMIT', 'DEVICE_LIMIT', 'DEVICE_LIMIT'])
  const devices = await services.views.devices.list(tenantId, installationId)
  expect(new Set(devices.map(({ slug }) => slug)).size).toBe(maxDevices)
})

const ways: Array<[string, (other: string) => Ask]> = [
  ['demote', (id) => ({ method: 'PATCH', url: `/api/users/${id}`, payload: { role: 'operator' } })],
  ['disable', (id) => ({ method: 'PATCH', url: `/api/users/${id}`, payload: { disabled: true } })],
  [
    'erase',
    (id) => ({ method: 'POST', url: `/api/users/${id}/erase`, payload: { confirm: true } }),
  ],
]

test.each(ways)('of two administrators who %s each other at once one is left', async (_, way) => {
  // Who is disabled before they are let in is nobody any more: both are in before one acts.
  let come = 0
  const both = Promise.withResolvers<void>()
  const { app, services, tenantId, person } = await startRoutes((app, services) => {
    const inTurn: typeof services.inTurn = (key, act) => {
      come += 1
      if (come === 2) both.resolve()
      return services.inTurn(key, () => both.promise.then(act))
    }
    addAccountRoutes(app, { ...accountParts(services), inTurn })
  })
  const [one, two] = [await person('admin'), await person('admin')]
  const ask = (headers: Headers, other: string) => app.inject({ ...way(other), headers })
  const answers = await Promise.all([ask(one.headers, two.userId), ask(two.headers, one.userId)])
  const refused = answers.filter(({ statusCode }) => statusCode === 409)
  expect(refused.map(({ body }) => JSON.parse(body).code)).toEqual(['LAST_ADMIN'])
  const members = await services.views.members.list(tenantId)
  const admins = members.filter(
    ({ role, userId }) => role === 'admin' && services.users.get(userId)?.isDisabled === false,
  )
  expect(admins).toHaveLength(1)
})

test('a legal hold that is placed while an erasure looks for one waits for it, and never stands before what it forbids', async () => {
  const looked = Promise.withResolvers<void>()
  const came = Promise.withResolvers<void>()
  const { app, services, tenantId, person } = await startRoutes((app, services) => {
    const all = accountParts(services)
    const { keepsOf } = all.retention
    all.retention.keepsOf = async (...whose) => {
      const isKept = await keepsOf.apply(all.retention, whose)
      looked.resolve()
      await came.promise
      return isKept
    }
    let turns = 0
    const inTurn: typeof all.inTurn = (key, act) => {
      turns += 1
      if (turns === 2) came.resolve()
      return services.inTurn(key, act)
    }
    addAccountRoutes(app, { ...all, inTurn })
    addRetentionRoutes(app, { ...all, inTurn })
  })
  const [{ headers }, { userId }] = [await person('admin'), await person('operator')]
  const ask = (url: string, payload: object) =>
    app.inject({ method: 'POST', url, headers, payload })
  const erasing = ask(`/api/users/${userId}/erase`, { confirm: true })
  await looked.promise
  const placing = ask('/api/audit/holds', { scope: 'user', id: userId, reason: 'processo' })
  void placing.then(() => came.resolve())
  const answers = [await erasing, await placing]
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([204, 201])
  const types = ['SubjectErased', 'LegalHoldPlaced'] as const
  const { items } = await services.store.query({ tenantId, types, limit: 2 })
  expect(items.toReversed().map(({ type }) => type)).toEqual(types)
})
