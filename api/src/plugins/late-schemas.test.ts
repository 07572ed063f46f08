import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { lateSchemas } from './late-schemas.ts'

const schema = {
  querystring: { type: 'object', properties: { limit: { type: 'integer', maximum: 9 } } },
  body: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
  response: { 200: { type: 'object', properties: { name: { type: 'string' } } } },
}

function appWith(options: object) {
  const app = Fastify(options)
  app.post('/', { schema }, async ({ body, query }) => ({ ...(body as object), secret: 1, query }))
  return app
}

test('what is compiled late refuses, converts and serializes as what was compiled at the start, each time', async () => {
  const atStart = appWith({})
  const late = appWith({ schemaController: { compilersFactory: lateSchemas } })
  const requests = [
    { url: '/?limit=10', payload: { name: 'a' } },
    { url: '/?limit=3', payload: {} },
    { url: '/?limit=3', payload: { name: 'a' } },
    { url: '/?limit=x', payload: { name: 'a' } },
  ]
  const seen: string[] = []
  for (const request of [...requests, ...requests]) {
    const answer = await late.inject({ method: 'POST', ...request })
    expect(answer.body).toBe((await atStart.inject({ method: 'POST', ...request })).body)
    seen.push(`${answer.statusCode} ${answer.body}`)
  }
  expect(seen[2]).toBe('200 {"name":"a"}')
  expect(seen.slice(0, 4)).toEqual(seen.slice(4))
})
