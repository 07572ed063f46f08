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

/** A schema that tells how often it was looked at. */
function watchedSchema() {
  const seen = { times: 0 }
  const schema = {
    type: 'object',
    properties: { name: { type: 'string' } },
    get required() {
      seen.times += 1
      return ['name']
    },
  }
  return { seen, schema }
}

test.each([
  [
    'validator',
    (schema: object) =>
      lateSchemas.buildValidator({}, { customOptions: {}, plugins: [] } as never)({
        schema,
      } as never),
  ],
  [
    'serializer',
    (schema: object) => lateSchemas.buildSerializer({}, {} as never)({ schema } as never),
  ],
])('a %s is compiled at its first value, and never again', (_what, build) => {
  const { seen, schema } = watchedSchema()
  const use = build(schema) as (value: unknown) => unknown
  expect(seen.times).toBe(0)
  expect(use({ name: 'a' })).toBeTruthy()
  const { times } = seen
  expect(times).toBeGreaterThan(0)
  for (let i = 0; i < 3; i += 1) use({ name: 'b' })
  expect(seen.times).toBe(times)
})
