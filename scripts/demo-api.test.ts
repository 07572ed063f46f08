import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApi } from './demo-api.ts'

/** What the node answers, one after the other; then 200. */
const answers: Array<[status: number, code: string]> = []
const asked: string[] = []
const server = createServer((request, response) => {
  asked.push(`${request.method} ${request.url}`)
  const [status, code] = answers.shift() ?? [200, 'none']
  response.writeHead(status).end(JSON.stringify({ code, token: 't' }))
})

beforeAll(() => new Promise<void>((done) => server.listen(0, '127.0.0.1', done)))
afterAll(() => server.close())

const api = () => createApi(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)

test('a node that is busy is asked again; an account that is there already is not registered anew', async () => {
  answers.push([503, 'NODE_BUSY'], [503, 'NODE_BUSY'])
  await api().signInOrRegister('ana@exemplo', 'segredo', 'Escola')
  expect(asked.splice(0)).toEqual(Array(3).fill('POST /api/auth/login'))
})

test('every other refusal is an error at once', async () => {
  answers.push([503, 'STORE_UNAVAILABLE'])
  await expect(api().call('GET', '/api/devices')).rejects.toThrow('STORE_UNAVAILABLE')
  expect(asked.splice(0)).toHaveLength(1)
})
