import { newId } from '@travessia/schemas/ids'
import { expect, test } from 'vitest'
import { access } from './access.ts'

const userId = newId()
const conflict = expect.objectContaining({ code: 'CONFLICT' })
const isLast = expect.objectContaining({ code: 'LAST_ADMIN' })
const admin = { role: 'admin' } as const

test('the first user founds the tenant; later ones join it', () => {
  const grant = { userId, role: 'admin' } as const
  const first = access.decide(
    { type: 'RegisterUser', name: 'Ana', grant, tenantName: 'Escola' },
    access.initialState,
  )
  expect(first.map(({ type }) => type)).toEqual(['TenantCreated', 'UserRegistered', 'RoleGranted'])
  const later = access.decide({ type: 'RegisterUser', name: 'Rui', grant }, access.initialState)
  expect(later.map(({ type }) => type)).toEqual(['UserRegistered', 'RoleGranted'])
  expect(first.reduce(access.evolve, access.initialState)).toEqual({ role: 'admin' })
})

test('the last administrator neither loses the role nor leaves', () => {
  const grant = { userId, role: 'auditor' } as const
  expect(() => access.decide({ type: 'GrantRole', grant, isLastAdmin: true }, admin)).toThrow(
    isLast,
  )
  expect(() => access.decide({ type: 'RevokeRole', userId, isLastAdmin: true }, admin)).toThrow(
    isLast,
  )
  const narrower = { userId, role: 'admin' as const, installationIds: [newId()] }
  expect(() =>
    access.decide({ type: 'GrantRole', grant: narrower, isLastAdmin: true }, admin),
  ).toThrow(isLast)
  const besideOthers = { type: 'GrantRole', grant: narrower, isLastAdmin: false } as const
  expect(access.decide(besideOthers, admin)).toHaveLength(1)
  const same = { userId, role: 'admin' } as const
  expect(access.decide({ type: 'GrantRole', grant: same, isLastAdmin: true }, admin)).toHaveLength(
    1,
  )
})

test('a role is lost once', () => {
  const intent = { type: 'RevokeRole', userId, isLastAdmin: false } as const
  const facts = access.decide(intent, admin)
  expect(facts).toEqual([{ type: 'RoleRevoked', data: { userId } }])
  expect(
    access.decide(
      intent,
      facts.reduce<{ role: undefined | 'admin' | 'manager' | 'operator' | 'auditor' }>(
        access.evolve,
        admin,
      ),
    ),
  ).toEqual([])
})

test('who is erased loses the role, is erased once, and gets no role again; the last administrator stays', () => {
  const order = { type: 'EraseSubject', userId, isLastAdmin: false } as const
  const facts = access.decide(order, admin)
  expect(facts.map(({ type }) => type)).toEqual(['RoleRevoked', 'SubjectErased'])
  const erased = facts.reduce(access.evolve, admin)
  expect(access.decide(order, erased)).toEqual([])
  expect(access.decide(order, access.initialState).map(({ type }) => type)).toEqual([
    'SubjectErased',
  ])
  const grant = { userId, role: 'auditor' } as const
  expect(() => access.decide({ type: 'GrantRole', grant, isLastAdmin: false }, erased)).toThrow(
    conflict,
  )
  expect(() => access.decide({ ...order, isLastAdmin: true }, admin)).toThrow(isLast)
})
