/**
 * `/docs`: the OpenAPI document of the routes and a page to read it. The page's library weighs 4 MB and a third of
 * the node's start, so it is loaded at the first visit, into an instance of its own.
 */
import swagger from '@fastify/swagger'
import { TravessiaError } from '@travessia/schemas/errors'
import Fastify, { type FastifyInstance } from 'fastify'
import type { App } from '../routes/route.ts'

const prefix = '/docs'

/** Scalar starts from an inline script; nothing else is allowed there. */
const docsPolicy = [
  "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:",
  "frame-ancestors 'none'",
].join('; ')

export async function addDocumentation(app: App): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Travessia',
        version: '0.1.0',
        description: 'Errors are problem details with a stable code.',
      },
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer' },
          cookie: { type: 'apiKey', in: 'cookie', name: '__Host-travessia' },
        },
      },
      security: [{ bearer: [] }, { cookie: [] }],
    },
  })
  let reader: Promise<FastifyInstance> | undefined
  for (const url of [prefix, `${prefix}/*`]) {
    const schema = { hide: true }
    app.get(url, { config: { permission: 'public' }, schema }, async (request, reply) => {
      reader ??= createReader(() => ({ ...app.swagger() }))
      const answer = await (await reader).inject({ url: request.url, remoteAddress: request.ip })
      if (answer.statusCode === 404) throw new TravessiaError('NOT_FOUND')
      return reply
        .code(answer.statusCode)
        .headers({ ...answer.headers, 'content-security-policy': docsPolicy })
        .send(answer.rawPayload)
    })
  }
}

async function createReader(content: () => Record<string, unknown>): Promise<FastifyInstance> {
  const { default: scalar } = await import('@scalar/fastify-api-reference')
  const reader = Fastify()
  await reader.register(scalar, {
    routePrefix: prefix,
    configuration: {
      content,
      withDefaultFonts: false,
      hideClientButton: true,
      telemetry: false,
      agent: { disabled: true },
    },
  })
  return reader
}
