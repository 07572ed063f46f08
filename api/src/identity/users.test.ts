import { newId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import { openSecretsDatabase } from './secrets-database.ts'
import { Users } from './users.ts'

function setUp() {
  const users = new Users(openSecretsDatabase(':memory:'))
  const user = {
    id: newId(),
    tenantId: newId(),
    name: 'Ana',
    language: 'pt-BR',
    password: 'h',
  } as const
  users.add({ ...user, email: ' Ana@Example.com ' })
  return { users, user }
}

test('an address is one account, whatever its case and the spaces around it', () => {
  const { users, user } = setUp()
  expect(users.byEmail('ANA@example.COM')).toEqual({
    ...user,
    email: 'ana@example.com',
    isDisabled: false,
  })
  expect(() => users.add({ ...user, id: newId(), email: 'ana@example.com' })).toThrow(
    expect.objectContaining({ code: 'EMAIL_TAKEN' }),
  )
})

test('name and language change alone, and a person is disabled and enabled', () => {
  const { users, user } = setUp()
  users.change(user.id, { language: 'en' })
  users.change(user.id, { name: 'Ana Maria' })
  users.setDisabled(user.id, true)
  expect(users.get(user.id)).toMatchObject({ name: 'Ana Maria', language: 'en', isDisabled: true })
  users.setDisabled(user.id, false)
  expect(users.get(user.id)?.isDisabled).toBe(false)
})

test('a tenant lists its own people only; a removed one frees the address', () => {
  const { users, user } = setUp()
  users.add({ ...user, id: newId(), tenantId: newId(), email: 'other@example.com' })
  expect(users.list(user.tenantId).map(({ id }) => id)).toEqual([user.id])
  users.remove(user.id)
  expect(users.byEmail('ana@example.com')).toBeUndefined()
})

test('of who is erased only the id is left, readers see so in their language, and the address is free', () => {
  const { users, user } = setUp()
  expect(users.nameOf(user.id, 'en')).toBe('Ana')
  users.erase(user.id)
  expect(JSON.stringify(users.get(user.id))).not.toMatch(/ana@|"Ana"|"h"/)
  expect([users.nameOf(user.id, 'en'), users.nameOf(user.id, 'pt-BR')]).toEqual([
    'erased',
    'apagado',
  ])
  users.add({ ...user, id: newId(), email: 'ana@example.com' })
})
