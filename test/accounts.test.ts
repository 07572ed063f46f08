/** Accounts from outside: registering, signing in and out, limits, changing the password. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, factsOf } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { type Stack, startStack } from '../rig/stack.ts'

let stack: Stack
beforeAll(async () => {
  stack = await startStack()
})
afterAll(() => stack.stop())

const password = 'uma-senha-comprida'
let people = 0

/** A new customer with one person. */
async function registered(): Promise<{ email: string; api: Api }> {
  people += 1
  const email = `pessoa${people}@conta.example`
  const api = new Api(stack.httpUrl)
  const { status, body } = await api.call<{ token: string }>('POST', '/api/auth/register', {
    ...{ email, password, name: 'Pessoa', tenantName: `Cliente ${people}` },
  })
  expect(status).toBe(201)
  api.token = body.token
  return { email, api }
}

const signIn = (email: string, with_: string) =>
  new Api(stack.httpUrl).call('POST', '/api/auth/login', { email, password: with_ })

test('who registers is signed in as the administrator of a customer of their own', async () => {
  const { email, api } = await registered()
  expect((await api.call('GET', '/api/auth/me')).body).toMatchObject({ email, role: 'admin' })
  expect(await api.get('/api/installations')).toEqual({ items: [] })
})

test('each account of the demo has the name that the sign-in page offers it by', async () => {
  type Offered = { accounts: Array<Record<'email' | 'name' | 'role', string>> }
  const { accounts } = await new Api(stack.httpUrl).get<Offered>('/api/demo')
  expect(accounts.length).toBeGreaterThan(4)
  for (const { email, name, role } of accounts) {
    const person = await new Api(stack.httpUrl).signIn(email)
    expect(await person.get('/api/auth/me')).toMatchObject({ email, name, role })
  }
})

test('an address that has an account cannot be registered again, and a weak password not at all', async () => {
  const { email } = await registered()
  const other = new Api(stack.httpUrl)
  const again = await other.call('POST', '/api/auth/register', {
    email: email.toUpperCase(),
    password,
  })
  expect([again.status, again.body['code']]).toEqual([409, 'EMAIL_TAKEN'])
  const weak = await other.call('POST', '/api/auth/register', {
    ...{ email: 'fraca@conta.example', password: '1234567890' },
  })
  expect([weak.status, weak.body['code']]).toEqual([400, 'PASSWORD_WEAK'])
})

test('unknown people and wrong passwords get the same answer', async () => {
  const { email } = await registered()
  const [wrong, nobody] = [await signIn(email, 'x'), await signIn('ninguem@conta.example', 'x')]
  expect([wrong.status, nobody.status]).toEqual([401, 401])
  const { correlationId: _a, ...one } = wrong.body
  const { correlationId: _b, ...two } = nobody.body
  expect(one).toEqual(two)
})

test('after ten wrong passwords the account waits, also for the right one, and says how long; others do not wait', async () => {
  const { email } = await registered()
  const tries = await Promise.all(Array.from({ length: 14 }, () => signIn(email, 'errada')))
  expect(tries.filter(({ status }) => status === 401)).toHaveLength(10)
  const right = await signIn(email, password)
  expect([right.status, right.body['code']]).toEqual([429, 'RATE_LIMITED'])
  expect(Number(right.headers.get('retry-after'))).toBeGreaterThan(60)
  const other = await registered()
  expect((await signIn(other.email, password)).status).toBe(200)
})

test('signing out ends the token and the cookie at once', async () => {
  const { api } = await registered()
  expect((await api.call('POST', '/api/auth/logout')).status).toBe(204)
  expect((await api.call('GET', '/api/auth/me')).status).toBe(401)
})

test('a cookie counts from our own pages only, and for what changes something only with a header that no form sends', async () => {
  const { email } = await registered()
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ email, password })
  const signedIn = await fetch(`${stack.httpUrl}/api/auth/login`, { method: 'POST', headers, body })
  const set = String(signedIn.headers.get('set-cookie'))
  expect(set).toMatch(/^__Host-[\w-]+=[^;]+;.*HttpOnly; Secure; SameSite=Lax/)
  const [cookie = ''] = set.split(';')
  const ask = async (method: string, path: string, other: Record<string, string> = {}) => {
    const answer = await fetch(stack.httpUrl + path, { method, headers: { cookie, ...other } })
    const problem = answer.ok ? {} : ((await answer.json()) as { code?: string })
    return [answer.status, problem.code]
  }
  const me = (site: string) => ask('GET', '/api/auth/me', { 'sec-fetch-site': site })
  expect(await ask('GET', '/api/auth/me')).toEqual([200, undefined])
  for (const site of ['same-origin', 'none']) expect(await me(site)).toEqual([200, undefined])
  for (const site of ['cross-site', 'same-site'])
    expect(await me(site)).toEqual([403, 'ORIGIN_REFUSED'])
  const own = { 'x-travessia': '1' }
  const foreign = { ...own, 'sec-fetch-site': 'cross-site' }
  for (const other of [{}, { 'x-travessia': '0' }, foreign])
    expect(await ask('POST', '/api/auth/logout', other)).toEqual([403, 'ORIGIN_REFUSED'])
  expect(await ask('POST', '/api/auth/logout', own)).toEqual([204, undefined])
  expect(await ask('GET', '/api/auth/me')).toEqual([401, 'TOKEN_EXPIRED'])
})

test('a changed password ends every other sign-in, and only who knows the old one can change it', async () => {
  const { email, api } = await registered()
  const elsewhere = await new Api(stack.httpUrl).signIn(email, password)
  const change = (old: string, next: string) =>
    api.call('POST', '/api/auth/password', { password: old, newPassword: next })
  expect((await change('errada', 'outra-senha-boa')).status).toBe(401)
  expect((await change(password, 'curta')).body['code']).toBe('PASSWORD_WEAK')
  expect((await elsewhere.call('GET', '/api/auth/me')).status).toBe(200)
  expect((await change(password, 'outra-senha-boa')).status).toBe(204)
  expect((await elsewhere.call('GET', '/api/auth/me')).status).toBe(401)
  expect((await api.call('GET', '/api/auth/me')).status).toBe(200)
  expect((await signIn(email, password)).status).toBe(401)
  expect((await signIn(email, 'outra-senha-boa')).status).toBe(200)
  const types = (await factsOf(api, '&kind=access')).map(({ type }) => type)
  expect(types.filter((type) => type === 'PasswordChanged')).toHaveLength(1)
})

test('what somebody may not do is in the log of their own customer, with what they tried', async () => {
  const gestor = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  expect((await gestor.call('GET', '/api/users')).status).toBe(403)
  const denied = await eventually(
    async () => (await factsOf(gestor, '&type=AccessDenied')).at(-1),
    { what: 'the denial' },
  )
  expect(denied.data).toEqual({ errorCode: 'PERMISSION_DENIED', method: 'GET', path: '/api/users' })
  expect(denied.summary).toContain('tentou GET /api/users')
})
