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

test.each([
  ['""', { name: '' }],
  ['0', { name: 0 }],
  ['null', { isOn: null }],
  ['a text of a truth', { isOn: 'true' }],
  ['a number of a truth', { isOn: 1 }],
  ['a list of one', { isOn: [true] }],
])('in a body %s is what it is, in an address a text is what it says', async (_what, payload) => {
  const ajv = { customOptions: { coerceTypes: 'array' } } as const
  const app = Fastify({ ajv, schemaController: { compilersFactory: lateSchemas } })
  const properties = {
    name: { anyOf: [{ type: 'string', minLength: 1 }, { type: 'null' }] },
    isOn: { type: 'boolean' },
  }
  const querystring = { type: 'object', properties: { isOn: { type: 'boolean' } } }
  const body = { type: 'object', properties }
  app.post('/', { schema: { body, querystring } }, async ({ query }) => query)
  expect((await app.inject({ method: 'POST', url: '/', payload })).statusCode).toBe(400)
  const asked = await app.inject({ method: 'POST', url: '/?isOn=true', payload: { name: null } })
  expect([asked.statusCode, asked.json()]).toEqual([200, { isOn: true }])
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
