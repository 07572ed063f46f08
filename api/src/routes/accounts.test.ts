import { expect, test } from 'vitest'
import { addAccountRoutes } from './accounts.ts'
import { accountParts, startRoutes } from './node.fixture.ts'

async function setUp() {
  const ended: string[] = []
  const routes = await startRoutes((app, services) =>
    addAccountRoutes(app, accountParts(services, ended)),
  )
  const { app, services, tenantId, say, person } = routes
  const [admin, other] = [await person('admin'), await person('admin')]
  const { headers } = admin
  const change = async (userId: string, payload: object) => {
    const url = `/api/users/${userId}`
    const { statusCode, body } = await app.inject({ method: 'PATCH', url, headers, payload })
    return JSON.parse(body).code ?? statusCode
  }
  // As a kill leaves it between the fact and the account.
  const { userId } = other
  await say(userId, { type: 'AccessSuspended', data: { userId } })
  const facts = async () => {
    const types = ['AccessSuspended', 'AccessRestored'] as const
    return (await services.store.query({ tenantId, types, limit: 9 })).items.map(({ type }) => type)
  }
  const me = async () => {
    const asked = { method: 'GET', url: '/api/auth/me', headers: other.headers } as const
    return (await app.inject(asked)).statusCode
  }
  return { services, ended, admin, userId, change, facts, me }
}

test('a suspension that a kill cut off after its fact can be taken back', async () => {
  const { userId, change, facts, me } = await setUp()
  expect(await me()).toBe(401)
  expect(await change(userId, { disabled: false })).toBe(200)
  expect(await facts()).toEqual(['AccessRestored', 'AccessSuspended'])
  expect(await me()).toBe(200)
})

test('a suspension that a kill cut off after its fact is carried out by the same word again, and is no second fact', async () => {
  const { services, ended, userId, change, facts } = await setUp()
  expect(await change(userId, { disabled: true })).toBe(200)
  expect(await facts()).toEqual(['AccessSuspended'])
  expect(services.users.get(userId)?.isDisabled).toBe(true)
  expect(ended).toEqual(['access-changed'])
})

test('an administrator who is suspended in the log only is none: the other one stays', async () => {
  const { admin, change } = await setUp()
  for (const last of [{ role: 'operator' }, { disabled: true }])
    expect(await change(admin.userId, last)).toBe('LAST_ADMIN')
})
