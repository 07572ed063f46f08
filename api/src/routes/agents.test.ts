import { newId } from '@travessia/schemas/ids'
import Fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { attemptCounters } from '../identity/attempts.ts'
import { Pairing } from '../identity/pairing.ts'
import { openSecretsDatabase } from '../identity/secrets-database.ts'
import { addErrorHandler } from '../plugins/error-handler.ts'
import type { Services } from '../services.ts'
import { addAgentRoutes } from './agents.ts'
import type { App } from './route.ts'

const wrong = 'BBBB-BBBB'
const okp = (crv: string) => ({ kty: 'OKP', crv, x: 'A'.repeat(43) })

async function setUp() {
  const pairing = new Pairing(openSecretsDatabase(':memory:'), Date.now)
  // As the node has it: what does not belong into a body is refused, not dropped.
  const ajv = { customOptions: { removeAdditional: false } } as const
  const app = Fastify({ ajv }) as unknown as App
  onTestFinished(() => app.close())
  addErrorHandler(app)
  addAgentRoutes(app, { pairing, ...attemptCounters() } as unknown as Services)
  const pair = async (remoteAddress: string, more: object = {}) => {
    const payload = { code: wrong, publicKey: okp('Ed25519'), hostname: 'a', ...more }
    const url = '/api/agents/pair'
    return (await app.inject({ method: 'POST', url, remoteAddress, payload })).json()
  }
  const enter = async (remoteAddress: string, code = wrong): Promise<string> =>
    (await pair(remoteAddress, { code })).code
  const place = { tenantId: newId(), installationId: newId(), userId: newId() }
  return { pairing, pair, enter, right: () => pairing.issue(place).code }
}

test('five wrong codes from an IPv6 network, and its other addresses wait too; others do not', async () => {
  const { enter, right } = await setUp()
  for (let host = 1; host <= 5; host += 1)
    expect(await enter(`2001:db8::${host}`)).toBe('PAIRING_CODE_INVALID')
  expect(await enter('2001:db8::ffff:1', right())).toBe('RATE_LIMITED')
  expect(await enter('2001:db8:0:1::1')).toBe('PAIRING_CODE_INVALID')
})

test('after 500 wrong codes from anywhere everybody waits, also with a right one', async () => {
  const { enter, right } = await setUp()
  for (let at = 0; at < 500; at += 1)
    expect(await enter(`198.51.${at >> 8}.${at & 255}`)).toBe('PAIRING_CODE_INVALID')
  expect(await enter('192.0.2.7', right())).toBe('RATE_LIMITED')
})

test.each([
  ['publicKey', 'Ed25519'],
  ['encryptionKey', 'X25519'],
])('a private part in %s is refused, and the code stays live', async (name, crv) => {
  const { pairing, pair, right } = await setUp()
  const code = right()
  const key = { ...okp(crv), d: 'A'.repeat(43) }
  const refused = await pair('192.0.2.7', { code, [name]: key })
  expect(refused).toMatchObject({ code: 'MESSAGE_INVALID', at: `/${name}/d` })
  expect(() => pairing.find(code)).not.toThrow()
})
