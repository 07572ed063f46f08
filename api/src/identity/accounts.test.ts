import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { newId } from '@travessia/schemas/ids'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { startGateway, tenantId } from '../gateway/gateway.fixture.ts'
import type { Principal } from '../plugins/principal.ts'
import type { Services } from '../services.ts'
import { changePassword, signIn, signOut } from './accounts.ts'
import { Attempts, attemptCounters } from './attempts.ts'
import { Logins } from './logins.ts'
import { hashPassword } from './passwords.ts'
import { openSecretsDatabase } from './secrets-database.ts'
import { Users } from './users.ts'

const password = 'uma-senha-comprida'
const email = 'ana@example.com'

async function setUp(ofAddress = 3) {
  const node = await startGateway('http://127.0.0.1:1')
  onTestFinished(() => node.stop())
  const database = openSecretsDatabase(':memory:')
  const [users, logins, logged] = [
    new Users(database),
    new Logins(database, Date.now),
    [] as string[],
  ]
  const { store, sessions } = node.parts
  const services = {
    ...{ store, sessions, users, logins, now: Date.now, ...attemptCounters() },
    addressAttempts: new Attempts({ max: ofAddress, windowMs: 60_000, now: Date.now }),
    log: pino({}, { write: (line) => void logged.push(JSON.parse(line).msg) }),
  } as unknown as Services
  const add = async (id: string) => {
    const hash = await hashPassword(password)
    users.add({ id, tenantId, email, name: 'Ana', language: 'pt-BR', password: hash })
  }
  const caller = (clientIp = '192.0.2.7') => ({ clientIp, correlationId: newId() })
  const trySignIn = (email: string, clientIp?: string) =>
    signIn(services, { email, password: 'errada', caller: caller(clientIp) })
  return { node, services, logged, add, caller, trySignIn }
}
const coded = (code: string) => expect.objectContaining({ code })

test('while the log takes nothing, a wrong password is answered as for nobody, and said in our own log', async () => {
  const { node, logged, add, trySignIn } = await setUp()
  await add(newId())
  const file = new DatabaseSync(join(node.parts.directory, 'events.db'))
  file.exec(`create trigger full before insert on event begin select raise(abort, 'full'); end`)
  file.close()
  for (const who of [email, 'ninguem@example.com'])
    await expect(trySignIn(who)).rejects.toEqual(coded('CREDENTIALS_INVALID'))
  await expect.poll(() => logged).toEqual(['refused sign-in not recorded'])
})

test('as many wrong passwords from an IPv6 network as an address may have, and its other addresses wait too', async () => {
  const { trySignIn } = await setUp()
  for (let at = 1; at <= 3; at += 1)
    await expect(trySignIn(`${at}@example.com`, `2001:db8::${at}`)).rejects.toEqual(
      coded('CREDENTIALS_INVALID'),
    )
  await expect(trySignIn(email, '2001:db8::ffff')).rejects.toEqual(coded('RATE_LIMITED'))
  await expect(trySignIn(email, '2001:db8:0:1::1')).rejects.toEqual(coded('CREDENTIALS_INVALID'))
})

test('guesses that come at once are counted before the slow check', async () => {
  const { trySignIn } = await setUp()
  const tries = Array.from({ length: 8 }, (_, n) => trySignIn(`${n}@example.com`))
  const codes = (await Promise.allSettled(tries)).map((one) => 'reason' in one && one.reason.code)
  expect(codes.filter((code) => code === 'CREDENTIALS_INVALID')).toHaveLength(3)
  expect(codes.filter((code) => code === 'RATE_LIMITED')).toHaveLength(5)
})

test('ten wrong passwords from one network do not lock the owner out elsewhere, a hundred from everywhere do', async () => {
  const { trySignIn, services } = await setUp(1_000)
  for (let n = 1; n <= 10; n += 1)
    await expect(trySignIn(email)).rejects.toEqual(coded('CREDENTIALS_INVALID'))
  await expect(trySignIn(email)).rejects.toEqual(coded('RATE_LIMITED'))
  await expect(trySignIn(email, '192.0.2.8')).rejects.toEqual(coded('CREDENTIALS_INVALID'))
  for (let n = 12; n <= 100; n += 1) services.accountAttempts.failed(email)
  await expect(trySignIn(email, '192.0.2.9')).rejects.toEqual(coded('RATE_LIMITED'))
})

test('a changed password ends the remote sessions of its person', async () => {
  const { node, services, add, caller } = await setUp()
  const { sessions } = node.parts
  const { id } = await node.open(await node.register())
  const userId = sessions.find(id)?.userId ?? ''
  await add(userId)
  const principal = { userId, tenantId, email, name: 'Ana', language: 'pt-BR' } as const
  const place = {
    tenantName: '',
    role: 'operator',
    installationIds: null,
    loginId: newId(),
  } as const
  const change = { newPassword: 'outra-senha-boa', caller: caller() }
  const changed = (password: string) =>
    changePassword(services, { ...principal, ...place }, { password, ...change })
  await expect(changed('errada')).rejects.toEqual(coded('CREDENTIALS_INVALID'))
  expect(sessions.find(id)).toBeDefined()
  await changed(password)
  expect(sessions.find(id)).toBeUndefined()
  expect((await node.factsOf(id, 'SessionRevoked')).at(-1)?.data).toMatchObject({
    reason: 'password-changed',
  })
})

test('signing out ends the remote sessions of that sign-in, not those of another device', async () => {
  const { node, services, caller } = await setUp()
  const { sessions } = node.parts
  const device = await node.register()
  const loginId = newId()
  const here = await node.open(device, { loginId })
  const there = await node.open(device)
  const { userId } = sessions.find(here.id) ?? {}
  await signOut(services, { userId, tenantId, loginId } as Principal, caller())
  expect(sessions.find(here.id)).toBeUndefined()
  expect(sessions.find(there.id)).toBeDefined()
  expect((await node.factsOf(here.id, 'SessionRevoked')).at(-1)?.data).toMatchObject({
    reason: 'signed-out',
  })
})

test('who signs out of a customer whose log is damaged is signed out, and so are their remote sessions', async () => {
  const { node, services, caller } = await setUp()
  const { store, sessions } = node.parts
  const loginId = newId()
  const { id } = await node.open(await node.register(), { loginId })
  const { userId } = sessions.find(id) ?? {}
  store.evidence.refuse(tenantId)
  await signOut(services, { userId, tenantId, loginId } as Principal, caller())
  expect(sessions.find(id)).toBeUndefined()
})
