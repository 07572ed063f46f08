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

async function setUp() {
  const pairing = new Pairing(openSecretsDatabase(':memory:'), Date.now)
  const app = Fastify() as unknown as App
  onTestFinished(() => app.close())
  addErrorHandler(app)
  addAgentRoutes(app, { pairing, ...attemptCounters() } as unknown as Services)
  const enter = async (remoteAddress: string, code = wrong): Promise<string> => {
    const publicKey = { kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43) }
    const payload = { code, publicKey, hostname: 'a' }
    const url = '/api/agents/pair'
    return (await app.inject({ method: 'POST', url, remoteAddress, payload })).json().code
  }
  const place = { tenantId: newId(), installationId: newId(), userId: newId() }
  return { enter, right: () => pairing.issue(place).code }
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
