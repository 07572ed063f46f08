import { expect, test } from 'vitest'
import { addAccountRoutes } from './accounts.ts'
import { startRoutes } from './node.fixture.ts'

test('where registration is closed no stranger founds a customer', async () => {
  const { app } = await startRoutes((app, services) =>
    addAccountRoutes(app, { ...services, registration: 'closed' }),
  )
  const payload = { email: 'dona@outra.example', password: 'uma senha bem longa' }
  const { statusCode, body } = await app.inject({
    ...{ method: 'POST', url: '/api/auth/register', payload },
  })
  expect([statusCode, JSON.parse(body).code]).toEqual([403, 'REGISTRATION_CLOSED'])
})
