import { scryptSync } from 'node:crypto'
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
import { verifyPassword } from './passwords.ts'
import { openSecretsDatabase } from './secrets-database.ts'
import { Tokens } from './tokens.ts'
import { Users } from './users.ts'
import { Vault } from './vault.ts'

const password = 'uma-senha-comprida'
const salt = Buffer.alloc(16)
const hash = scryptSync(password, salt, 32, { N: 16, r: 1, p: 1 })
/** Checked in no time. */
const cheap = `scrypt$16$1$1$${salt.toString('base64url')}$${hash.toString('base64url')}`
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
  const { store, sessions, views } = node.parts
  const tokens = await Tokens.create(new Vault(database, '00'.repeat(32)), Date.now)
  const services = {
    ...{ store, views, sessions, tokens, users, logins, now: Date.now, ...attemptCounters() },
    addressAttempts: new Attempts({ max: ofAddress, windowMs: 60_000, now: Date.now }),
    log: pino({}, { write: (line) => void logged.push(JSON.parse(line).msg) }),
  } as unknown as Services
  const add = async (id: string, as = email) => {
    users.add({ id, tenantId, email: as, name: 'Ana', language: 'pt-BR', password: cheap })
    const data = { userId: id, role: 'operator' } as const
    const actor = { type: 'user', id } as const
    const context = { actor, at: new Date().toISOString(), correlationId: newId() }
    const { position } = await store.append({
      ...{ tenantId, streamKind: 'access', streamId: id, expected: 'any' },
      events: [{ ...context, type: 'RoleGranted', data }],
    })
    await views.until(position)
  }
  const caller = (clientIp = '192.0.2.7') => ({ clientIp, correlationId: newId() })
  const trySignIn = (email: string, clientIp?: string) =>
    signIn(services, { email, password: 'errada', caller: caller(clientIp) })
  const signInRightly = (email: string) => signIn(services, { email, password, caller: caller() })
  return { node, services, logged, add, caller, trySignIn, signInRightly }
}
const codeOf = (asked: Promise<unknown>): Promise<unknown> =>
  asked.then(
    () => undefined,
    (error) => error.code ?? error,
  )
const coded = (code: string) => expect.objectContaining({ code })

test('while the log takes nothing, a wrong password is answered as for nobody, and said in our own log', async () => {
  const { node, logged, add, trySignIn } = await setUp()
  await add(newId())
  const file = new DatabaseSync(join(node.parts.directory, 'events.db'), { timeout: 5_000 })
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

test.each([
  ['from one network', () => '192.0.2.7', 10],
  ['from everywhere', (n: number) => `192.0.2.${n}`, 12],
])(
  'guesses at an account that come at once %s are counted before the slow check',
  async (_where, ipOf, most) => {
    const { trySignIn, services, add } = await setUp(1_000)
    await add(newId())
    for (let n = 0; n < 88; n += 1) services.accountAttempts.failed(email)
    const tries = Array.from({ length: 15 }, (_, n) => trySignIn(email, ipOf(n)))
    const codes = await Promise.all(tries.map(codeOf))
    expect(codes.filter((code) => code === 'CREDENTIALS_INVALID')).toHaveLength(most)
    expect(codes.filter((code) => code === 'RATE_LIMITED')).toHaveLength(15 - most)
  },
)

test('guesses at many accounts that come at once from one address are as many as may wait, and all of them count', async () => {
  const { trySignIn, add } = await setUp(50)
  const people = Array.from({ length: 70 }, (_, n) => `${n}@example.com`)
  for (const one of people) await add(newId(), one)
  const codes = await Promise.all(people.map((one) => codeOf(trySignIn(one))))
  expect(codes.filter((code) => code === 'CREDENTIALS_INVALID')).toHaveLength(62)
  expect(codes.filter((code) => code === 'NODE_BUSY')).toHaveLength(8)
  await expect(trySignIn(email)).rejects.toEqual(coded('RATE_LIMITED'))
})

test('people of one office who sign in at once with the right password all come in', async () => {
  const { add, signInRightly } = await setUp(3)
  const people = Array.from({ length: 60 }, (_, n) => `${n}@example.com`)
  for (const one of people) await add(newId(), one)
  const codes = await Promise.all(people.map((one) => codeOf(signInRightly(one))))
  expect(codes).toEqual(people.map(() => undefined))
})

test('a password that a busy node did not look at is no wrong one, of whoever signs in or changes it', async () => {
  const { services, add, caller, signInRightly } = await setUp(3)
  const userId = newId()
  await add(userId)
  const principal = { userId, tenantId, email, loginId: newId() } as Principal
  const change = { newPassword: 'outra-senha-boa', caller: caller() }
  const flood = Array.from({ length: 62 }, () => verifyPassword('x', cheap))
  for (let n = 1; n <= 11; n += 1) {
    expect(await codeOf(signInRightly(email))).toBe('NODE_BUSY')
    expect(await codeOf(changePassword(services, principal, { password, ...change }))).toBe(
      'NODE_BUSY',
    )
  }
  await Promise.all(flood)
  expect(await codeOf(signInRightly(email))).toBeUndefined()
  expect(await codeOf(changePassword(services, principal, { password, ...change }))).toBeUndefined()
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
