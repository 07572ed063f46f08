import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { newId } from '@travessia/schemas/ids'
import type { SitePolicy } from '@travessia/schemas/site-policy'
import { tokenKinds } from '@travessia/schemas/token-claims'
import {
  compactVerify,
  decodeJwt,
  decodeProtectedHeader,
  importJWK,
  type JWK,
  jwtVerify,
} from 'jose'
import { expect, onTestFinished, test, vi } from 'vitest'
import { closedPort, listening, noProxies } from './fixtures.ts'
import { pair, renewToken, requireSafeUrl } from './identity.ts'
import { claimOf } from './site-policy.ts'

type Seen = { readonly path: string; readonly body: Record<string, unknown> }
type Answer = { readonly status?: number; readonly body: unknown }

const token = (port: number) => ({
  ...{ agentId: newId(), tenantId: newId(), installationId: newId(), token: 'jwt' },
  expiresAt: '2030-01-01T00:00:00.000Z',
  serverTime: 1,
  endpoints: {
    apiUrl: `http://127.0.0.1:${port}`,
    wsUrl: `ws://127.0.0.1:${port}/ws/connectors`,
  },
  serverKeys: [{ kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43), kid: newId() }],
})

async function server(answer: (port: number, seen: Seen) => Answer) {
  const seen: Seen[] = []
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const body = JSON.parse(await text(request)) as Record<string, unknown>
    const one = { path: String(request.url), body }
    seen.push(one)
    const { status = 200, body: value } = answer(port, one)
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(typeof value === 'string' ? value : JSON.stringify(value))
  }
  const port: number = await listening(
    createServer((request, response) => void handle(request, response)),
  )
  return { seen, apiUrl: `http://127.0.0.1:${port}` }
}

const wanted = (apiUrl: string) => ({
  ...{ code: 'ABCD-EFGH', apiUrl, name: 'Portaria', hostname: 'pi', version: '0.1.0' },
  ...{ os: 'Linux 6', allowLoopback: false },
})

test('pairing sends the code with two public keys, and no private part ever', async () => {
  const { seen, apiUrl } = await server((port) => ({ body: token(port) }))
  const config = await pair(wanted(apiUrl), noProxies)
  expect(seen).toHaveLength(1)
  const { path, body } = seen[0] as Seen
  expect(path).toBe('/api/agents/pair')
  expect(body).toMatchObject({ code: 'ABCD-EFGH', name: 'Portaria' })
  expect(Object.keys(body['publicKey'] as object).sort()).toEqual(['crv', 'kty', 'x'])
  expect(Object.keys(body['encryptionKey'] as object).sort()).toEqual(['crv', 'kty', 'x'])
  for (const secret of [config.privateKey['d'], config.encryptionKey['d']])
    expect(JSON.stringify(seen)).not.toContain(secret)
  expect(config).toMatchObject({ token: 'jwt', tokenExpiresAt: Date.parse('2030-01-01') })
  expect(config.devices).toMatchObject({ version: 0, devices: [] })
})

test('a policy goes with the pairing, its digest signed with the key that was just made', async () => {
  const { seen, apiUrl } = await server((port) => ({ body: token(port) }))
  const policy: SitePolicy = { methods: ['GET'], commands: [] }
  const config = await pair({ ...wanted(apiUrl), policy }, noProxies)
  const { body } = seen[0] as Seen
  expect(body['policy']).toEqual(policy)
  expect(config).toMatchObject({ policy, policyProof: body['policyProof'] })
  const key = await importJWK(body['publicKey'] as JWK, 'EdDSA')
  const { payload, protectedHeader } = await compactVerify(String(body['policyProof']), key)
  expect(protectedHeader.typ).toBe(tokenKinds.policy.typ)
  expect(payload).toEqual(claimOf(policy))
  expect((await pair(wanted(apiUrl), noProxies)).policy).toBeUndefined()
})

test('each pairing makes new keys', async () => {
  const { apiUrl } = await server((port) => ({ body: token(port) }))
  const [one, two] = [await pair(wanted(apiUrl), noProxies), await pair(wanted(apiUrl), noProxies)]
  expect(one.privateKey['d']).not.toBe(two.privateKey['d'])
})

test('renewal proves the possession of the key with a token of its own kind that lives a minute', async () => {
  const { seen, apiUrl } = await server((port) => ({ body: token(port) }))
  const config = await pair(wanted(apiUrl), noProxies)
  const fresh = await renewToken(config, noProxies)
  await renewToken(config, noProxies)
  expect(fresh).toEqual({ token: 'jwt', tokenExpiresAt: expect.any(Number), wsUrl: config.wsUrl })
  const [paired, renewed, again] = seen as [Seen, Seen, Seen]
  expect(renewed.path).toBe('/api/agents/token')
  const proof = String(renewed.body['proof'])
  const key = await importJWK(paired.body['publicKey'] as JWK, 'EdDSA')
  const { payload } = await jwtVerify(proof, key, { audience: tokenKinds.proof.aud })
  expect(decodeProtectedHeader(proof)).toEqual({ alg: 'EdDSA', typ: tokenKinds.proof.typ })
  expect(payload.sub).toBe(config.agentId)
  expect(Number(payload.exp) - Number(payload.iat)).toBe(60)
  expect(decodeJwt(String(again.body['proof'])).jti).not.toBe(payload.jti)
})

test.each([
  ['PAIRING_CODE_INVALID', 400],
  ['RATE_LIMITED', 429],
  ['AGENT_REVOKED', 401],
  ['AGENT_ALREADY_PAIRED', 409],
])('the answer %s of the server is said as it is', async (code, status) => {
  const { apiUrl } = await server(() => ({ status, body: { code } }))
  await expect(pair(wanted(apiUrl), noProxies)).rejects.toMatchObject({ code })
})

test('an error that is not of ours names the server and its status', async () => {
  const { apiUrl } = await server(() => ({ status: 502, body: '<html>Bad gateway</html>' }))
  await expect(pair(wanted(apiUrl), noProxies)).rejects.toMatchObject({
    code: 'INTERNAL',
    details: { problem: `${apiUrl} answered 502.` },
  })
})

test('a redirect is not followed with the code', async () => {
  const other = await server((port) => ({ body: token(port) }))
  const server302 = createServer((_request, response) =>
    response.writeHead(307, { location: `${other.apiUrl}/api/agents/pair` }).end(),
  )
  const apiUrl = `http://127.0.0.1:${await listening(server302)}`
  await expect(pair(wanted(apiUrl), noProxies)).rejects.toMatchObject({ code: 'INTERNAL' })
  expect(other.seen).toEqual([])
})

test.each([{}, 'nothing', { ...token(1), token: 7 }, 'x'.repeat(300_000)])(
  'an answer that is not a token is refused (%#)',
  async (body) => {
    const { apiUrl } = await server(() => ({ body }))
    await expect(pair(wanted(apiUrl), noProxies)).rejects.toMatchObject({ code: 'MESSAGE_INVALID' })
  },
)

test('a server that sends the agent to an open connection elsewhere is not believed', async () => {
  const { apiUrl } = await server((port) => ({
    body: {
      ...token(port),
      endpoints: { apiUrl: 'https://a.example', wsUrl: 'ws://a.example/ws' },
    },
  }))
  await expect(pair(wanted(apiUrl), noProxies)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})

test('an answer that never ends is given up, however steadily it comes', async () => {
  const limit = new AbortController()
  const timeout = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(limit.signal)
  onTestFinished(() => timeout.mockRestore())
  const dripping = createServer((_request, response) => {
    response.write('{')
    const timer = setInterval(() => response.write(' '), 10)
    response.once('close', () => clearInterval(timer))
    setImmediate(() => limit.abort(new Error('the time is over')))
  })
  const apiUrl = `http://127.0.0.1:${await listening(dripping)}`
  await expect(pair(wanted(apiUrl), noProxies)).rejects.toThrow('the time is over')
  expect(timeout).toHaveBeenCalledWith(60_000)
})

test('a server that does not listen is an error of the network', async () => {
  const apiUrl = `http://127.0.0.1:${await closedPort()}`
  await expect(pair(wanted(apiUrl), noProxies)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('credentials cross a network encrypted, or stay on this host', () => {
  for (const url of ['https://a.example', 'wss://a.example/x', 'http://localhost:8000'])
    expect(requireSafeUrl(url).href).toContain(url)
  for (const url of ['http://127.0.0.1:1', 'http://[::1]:1', 'http://remote.localhost:1'])
    expect(requireSafeUrl(url).href).toContain(url)
  const open = [
    'http://a.example',
    'ws://10.0.0.1/x',
    'mqtt://a.example',
    'http://127.0.0.1.a.example',
  ]
  for (const url of [...open, 'http://localhost.a.example', 'ftp://localhost.x', 'nonsense'])
    expect(() => requireSafeUrl(url), url).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
})
