import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApi } from './demo-api.ts'

/** What the node answers, one after the other; then 200. */
const answers: Array<[status: number, code: string]> = []
const asked: string[] = []
const bodies: unknown[] = []
const founder = { email: 'ana@exemplo', password: 'segredo', name: 'Ana', tenantName: 'Escola' }
const server = createServer(async (request, response) => {
  bodies.push(JSON.parse((await text(request)) || 'null'))
  asked.push(`${request.method} ${request.url}`)
  const [status, code] = answers.shift() ?? [200, 'none']
  response.writeHead(status).end(JSON.stringify({ code, token: 't' }))
})

beforeAll(() => new Promise<void>((done) => server.listen(0, '127.0.0.1', done)))
afterAll(() => server.close())

const api = () => createApi(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)

test('a node that is busy is asked again; an account that is there already is not registered anew', async () => {
  answers.push([503, 'NODE_BUSY'], [503, 'NODE_BUSY'])
  await api().signInOrRegister(founder)
  expect(asked.splice(0)).toEqual(Array(3).fill('POST /api/auth/login'))
})

test('an account that is not there yet is registered with the name of its person', async () => {
  answers.push([401, 'CREDENTIALS_INVALID'])
  await api().signInOrRegister(founder)
  expect(asked.splice(0)).toEqual(['POST /api/auth/login', 'POST /api/auth/register'])
  expect(bodies.at(-1)).toEqual(founder)
})

test('every other refusal is an error at once', async () => {
  answers.push([503, 'STORE_UNAVAILABLE'])
  await expect(api().call('GET', '/api/devices')).rejects.toThrow('STORE_UNAVAILABLE')
  expect(asked.splice(0)).toHaveLength(1)
})
