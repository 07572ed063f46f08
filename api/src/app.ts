/** The Fastify instance: limits, security headers, OpenAPI, health, then the routes in written order, then the PWA. */
import { existsSync } from 'node:fs'
import cookie from '@fastify/cookie'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import fastifyStatic from '@fastify/static'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { TravessiaError } from '@travessia/schemas/errors'
import { newId } from '@travessia/schemas/ids'
import Fastify, { type FastifyBaseLogger, LogController } from 'fastify'
import fastifyMetrics from 'fastify-metrics'
import { Readings } from './audit/readings.ts'
import { problemOf } from './gateway/request-checks.ts'
import { addAuthentication } from './plugins/authentication.ts'
import { addAuthorization } from './plugins/authorization.ts'
import { limitBodies } from './plugins/bodies.ts'
import { answerClientError } from './plugins/client-error.ts'
import { addDocumentation } from './plugins/documentation.ts'
import { addErrorHandler, answerError, sendProblem } from './plugins/error-handler.ts'
import { lateSchemas } from './plugins/late-schemas.ts'
import { refuseWhileLate } from './plugins/lateness.ts'
import { addAccountRoutes } from './routes/accounts.ts'
import { addAgentRoutes } from './routes/agents.ts'
import { addAliases, rewriteAlias } from './routes/aliases.ts'
import { addApprovalRoutes } from './routes/approvals.ts'
import { addAuditRoutes } from './routes/audit.ts'
import { addExportRoute } from './routes/audit-export.ts'
import { addAuditScreenRoutes } from './routes/audit-screens.ts'
import { addBodyRoutes } from './routes/bodies.ts'
import { addCameraRoutes } from './routes/cameras.ts'
import { addCommandRoutes } from './routes/commands.ts'
import { addDemoRoute } from './routes/demo.ts'
import { addDeviceStateRoutes } from './routes/device-states.ts'
import { addDeviceRoutes } from './routes/devices.ts'
import { addDiscoveryRoutes } from './routes/discoveries.ts'
import { addEventProofRoute } from './routes/event-proofs.ts'
import { addFeedRoutes } from './routes/feeds.ts'
import { addFileRoutes } from './routes/files.ts'
import { addFixedAddressRoutes } from './routes/fixed-addresses.ts'
import { addInstallationRoutes } from './routes/installations.ts'
import { addLiveRoute } from './routes/live.ts'
import { addOperationRoutes } from './routes/operations.ts'
import { addPassageRoutes } from './routes/passages.ts'
import { addRetentionRoutes } from './routes/retention.ts'
import type { App } from './routes/route.ts'
import { addSessionRoutes } from './routes/sessions.ts'
import type { Services } from './services.ts'
import { stagePath, stagePolicy } from './stage-policy.ts'
import { requireKeepable } from './store/keepable-text.ts'

const bodyBytes = 64 * 1024
const requestsPerMinute = 3_000
const maxLagMs = 2_000
const bodyWithinMs = 60_000

/** The page that checks evidence without network. Its own policy names the one script and style that it has. */
const verifierFile = 'verificar.html'
const verifierPolicy =
  "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

type AppOptions = { readonly trustedProxies: readonly string[]; readonly pwaDir: string }

export async function createApp(services: Services, options: AppOptions): Promise<App> {
  const app = Fastify({
    loggerInstance: services.log as FastifyBaseLogger,
    bodyLimit: bodyBytes,
    trustProxy: options.trustedProxies.length > 0 ? [...options.trustedProxies] : false,
    ajv: { customOptions: { removeAdditional: false, coerceTypes: 'array' } },
    schemaController: { compilersFactory: lateSchemas },
    genReqId: () => newId(),
    rewriteUrl: rewriteAlias,
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 200 },
    clientErrorHandler: answerClientError,
    frameworkErrors: answerError,
  }).withTypeProvider<TypeBoxTypeProvider>()
  addErrorHandler(app)
  addFormChecks(app)
  limitBodies(app, bodyWithinMs)
  addAliases(app)
  await addSafety(app, services)
  await addDocumentation(app)
  await app.register(fastifyMetrics.default, { endpoint: null, clearRegisterOnInit: true })
  openLibraryRoutes(app)
  addAuthentication(app, services)
  addAuthorization(app, services)
  addRoutes(app, services)
  await addPwa(app, services, options.pwaDir)
  return app
}

function addRoutes(app: App, services: Services): void {
  const readings = new Readings(services)
  addOperationRoutes(app, services)
  addAccountRoutes(app, services)
  addInstallationRoutes(app, services)
  addAgentRoutes(app, services)
  addDeviceRoutes(app, services)
  addDiscoveryRoutes(app, services)
  addDeviceStateRoutes(app, services)
  addCameraRoutes(app, services)
  addPassageRoutes(app, services)
  addSessionRoutes(app, services)
  addApprovalRoutes(app, services)
  addCommandRoutes(app, services)
  addFileRoutes(app, services)
  addAuditRoutes(app, services, readings)
  addExportRoute(app, services)
  addFeedRoutes(app, services)
  addRetentionRoutes(app, services)
  addAuditScreenRoutes(app, services)
  addEventProofRoute(app, services, readings)
  addBodyRoutes(app, services, readings)
  addLiveRoute(app, services, readings)
  addFixedAddressRoutes(app, services)
  if (services.isDemo) addDemoRoute(app)
}

/** What Node's parser and the validator let through: HTTP/0.9, doubled heads, `?limit=1e999` (read as Infinity), NUL in texts. */
function addFormChecks(app: App): void {
  app.addHook('onRequest', async ({ raw }) => {
    const { method = '', httpVersion, url: target = '', rawHeaders } = raw
    const problem = problemOf({ method, httpVersion, target, rawHeaders })
    if (problem) throw new TravessiaError(problem)
  })
  app.addHook('preHandler', async ({ query, body }) => {
    requireKeepable(query)
    requireKeepable(body)
    for (const [name, value] of Object.entries(query ?? {}))
      if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY)
        throw new TravessiaError('MESSAGE_INVALID', { at: `/${name}` })
  })
}

/** Those of `@fastify/static`, which knows nothing of permissions. */
function openLibraryRoutes(app: App): void {
  app.addHook('onRoute', (route) => {
    const isOwn = route.url.startsWith('/api/')
    if (!isOwn) route.config = { permission: 'public', ...route.config }
  })
}

async function addSafety(app: App, { endpoints, now }: Services): Promise<void> {
  const self = ["'self'"]
  const isSecure = endpoints().httpUrl.startsWith('https:')
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        ...{ defaultSrc: self, scriptSrc: self, styleSrc: self, connectSrc: self, workerSrc: self },
        ...{ imgSrc: ["'self'", 'data:'], manifestSrc: self, fontSrc: self, formAction: self },
        ...{ baseUri: ["'none'"], objectSrc: ["'none'"], frameAncestors: ["'none'"] },
      },
    },
    strictTransportSecurity: isSecure,
    referrerPolicy: { policy: 'same-origin' },
    crossOriginEmbedderPolicy: false,
  })
  app.addHook('onSend', async ({ url }, reply) => {
    // What a tap is dated by (ADR 42): `Date` has whole seconds, and a proxy may put its own.
    if (url.startsWith('/api/')) reply.header('x-travessia-now', now())
  })
  await app.register(cookie)
  await app.register(rateLimit, {
    max: requestsPerMinute,
    timeWindow: '1 minute',
    cache: 20_000,
    errorResponseBuilder: (_request, { ttl }) =>
      new TravessiaError('RATE_LIMITED', { retryAfterSeconds: Math.ceil(ttl / 1000) }),
  })
  await refuseWhileLate(app, maxLagMs)
}

/** The PWA's files; every other page address is the PWA's own. Session pages live on the remote host only. */
async function addPwa(app: App, { endpoints }: Services, pwaDir: string): Promise<void> {
  const isBuilt = existsSync(pwaDir)
  if (isBuilt) {
    await app.register(fastifyStatic, {
      root: pwaDir,
      preCompressed: true,
      setHeaders: (reply, path) => {
        if (path.endsWith(verifierFile)) reply.header('content-security-policy', verifierPolicy)
        const isHashed = path.includes('/assets/')
        reply.header('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache')
        if (path.endsWith(stagePath)) reply.header('content-security-policy', stagePolicy)
      },
    })
  }
  if (isBuilt)
    app.get(
      '/verificar',
      { config: { permission: 'public' }, schema: { hide: true } },
      (_request, reply) => reply.header('cache-control', 'no-cache').sendFile(verifierFile),
    )
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, (request, reply) => {
    const { pathname } = new URL(request.url, 'http://host')
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    if (isRead && pathname.startsWith('/remote/s/'))
      return reply.redirect(endpoints().remoteUrl + request.url, 302)
    const isPage = isRead && !pathname.startsWith('/api/') && !/\.\w+$/.test(pathname)
    if (isPage && isBuilt) return reply.header('cache-control', 'no-cache').sendFile('index.html')
    return sendProblem(reply, 'NOT_FOUND')
  })
}
