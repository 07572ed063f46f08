/** Devices of an installation, and one HTTP call to a device by API. */
import {
  changeDeviceBody,
  type Device,
  type DeviceBody,
  deviceBody,
  deviceList,
  deviceSchema,
} from '@travessia/schemas/api/devices'
import { idParams } from '@travessia/schemas/api/fields'
import { proxyAnswer, proxyBody } from '@travessia/schemas/api/proxy'
import { buttonsProblem, type DeviceButton } from '@travessia/schemas/buttons'
import { commandCatalog } from '@travessia/schemas/commands'
import { type Credentials, driverCommands, maxDevices } from '@travessia/schemas/devices'
import { TravessiaError } from '@travessia/schemas/errors'
import { newId } from '@travessia/schemas/ids'
import type { SecondPerson } from '@travessia/schemas/second-person'
import type { FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { needsSecondPerson } from '../domain/approval.ts'
import { type DeviceFields, device as decider } from '../domain/device.ts'
import { slugOf } from '../domain/slug.ts'
import { callDevice } from '../gateway/api-proxy.ts'
import { credentialsId } from '../identity/vault.ts'
import { createTurns } from '../in-turn.ts'
import { requirePrincipal } from '../plugins/authentication.ts'
import { namedOf } from '../plugins/authorization.ts'
import type { Services } from '../services.ts'
import type { DeviceRow } from '../views/devices.ts'
import { type App, answers, contextOf, record } from './route.ts'

const defaultTimeouts = { connectMs: 5_000, firstByteMs: 30_000, idleMs: 60_000 }
const defaultConcurrent = 6
const proxyBodyBytes = 1024 * 1024

const onDevice = (permission: 'read' | 'manage') => ({ permission, scope: 'device' }) as const

export function addDeviceRoutes(app: App, services: Services): void {
  const inTurn = createTurns()
  app.get(
    '/api/installations/:id/devices',
    {
      config: { permission: 'read', scope: 'installation' },
      schema: { params: idParams, response: answers({ 200: deviceList }) },
    },
    async (request) => {
      const { tenantId, id } = namedOf(request, 'installation')
      return { items: (await services.views.devices.list(tenantId, id)).map(toDevice) }
    },
  )
  app.post(
    '/api/installations/:id/devices',
    {
      config: { permission: 'manage', scope: 'installation' },
      schema: { params: idParams, body: deviceBody, response: answers({ 201: deviceSchema }) },
    },
    async (request, reply) => {
      const { id } = namedOf(request, 'installation')
      const row = await inTurn(id, () => register(services, request, request.body))
      reply.code(201)
      return toDevice(row)
    },
  )
  addOneDeviceRoutes(app, services)
}

function addOneDeviceRoutes(app: App, services: Services): void {
  app.get(
    '/api/devices/:id',
    {
      config: onDevice('read'),
      schema: { params: idParams, response: answers({ 200: deviceSchema }) },
    },
    async (request) => {
      const row = namedOf(request, 'device')
      const { secondPerson } = await services.views.policies.get(row.tenantId)
      return { ...toDevice(row), commands: commandsOf(row, secondPerson) }
    },
  )
  app.patch(
    '/api/devices/:id',
    {
      config: onDevice('manage'),
      schema: {
        params: idParams,
        body: changeDeviceBody,
        response: answers({ 200: deviceSchema }),
      },
    },
    async (request) => toDevice(await change(services, request, request.body)),
  )
  app.delete(
    '/api/devices/:id',
    {
      config: onDevice('manage'),
      schema: { params: idParams, response: answers({ 204: Type.Null() }) },
    },
    async (request, reply) => {
      await remove(services, request)
      return reply.code(204).send(null)
    },
  )
  app.post(
    '/api/devices/:id/proxy-http',
    {
      config: onDevice('manage'),
      bodyLimit: proxyBodyBytes,
      schema: { params: idParams, body: proxyBody, response: answers({ 200: proxyAnswer }) },
    },
    async (request) =>
      callDevice(services, namedOf(request, 'device'), {
        call: request.body,
        userId: requirePrincipal(request).userId,
      }),
  )
}

async function register(
  services: Services,
  request: FastifyRequest,
  body: DeviceBody,
): Promise<DeviceRow> {
  const { tenantId, id: installationId } = namedOf(request, 'installation')
  const others = await services.views.devices.list(tenantId, installationId)
  if (others.length >= maxDevices) throw new TravessiaError('DEVICE_LIMIT')
  requireFit(body)
  const id = newId()
  const slug = slugOf(body.name, new Set(others.map((one) => one.slug)))
  keepCredentials(services, { tenantId, id }, body.credentials)
  const fields: DeviceFields = {
    ...{ name: body.name, slug, kind: body.kind, driver: body.driver },
    ...{ baseUrl: originOf(body.baseUrl), viaAgent: body.viaAgent },
    ports: (body.targets ?? []).map(({ port }) => port),
    ...{ recording: body.recording ?? 'strict', capture: body.capture ?? 'heads' },
    maxConcurrent: body.maxConcurrent ?? defaultConcurrent,
    timeouts: { ...defaultTimeouts, ...body.timeouts },
    hasCredentials: Boolean(body.credentials),
    buttons: body.buttons ?? [],
    signIn: body.signIn ?? 'person',
  }
  const place = { tenantId, id, installationId }
  await write(services, request, { place, intent: { type: 'RegisterDevice', fields } })
  return required(services.views.devices.get(tenantId, id))
}

/** A new address without the credentials again: the old ones are dropped, so they never reach another host. */
async function change(
  services: Services,
  request: FastifyRequest,
  body: Static<typeof changeDeviceBody>,
): Promise<DeviceRow> {
  const row = namedOf(request, 'device')
  const { baseUrl, targets, timeouts, credentials, ...plain } = body
  requireFit({ ...row, ...body })
  const moved = baseUrl !== undefined && originOf(baseUrl) !== row.baseUrl
  const secret = moved && credentials === undefined ? null : credentials
  keepCredentials(services, row, secret)
  const changes: Partial<DeviceFields> = {
    ...plain,
    ...(baseUrl === undefined ? {} : { baseUrl: originOf(baseUrl) }),
    ...(targets === undefined ? {} : { ports: targets.map(({ port }) => port) }),
    ...(timeouts === undefined ? {} : { timeouts: { ...row.timeouts, ...timeouts } }),
    ...(secret === undefined ? {} : { hasCredentials: secret !== null }),
  }
  await write(services, request, { place: row, intent: { type: 'ChangeDevice', changes } })
  return required(services.views.devices.get(row.tenantId, row.id))
}

async function remove(services: Services, request: FastifyRequest): Promise<void> {
  const row = namedOf(request, 'device')
  await write(services, request, { place: row, intent: { type: 'RemoveDevice' } })
  keepCredentials(services, row, null)
  services.history.forget(row.id)
  await services.sessions.revokeWhere(({ deviceId }) => deviceId === row.id, 'device-removed')
}

async function write(
  services: Services,
  request: FastifyRequest,
  what: {
    place: Pick<DeviceRow, 'tenantId' | 'id' | 'installationId'>
    intent: Parameters<typeof decider.decide>[0]
  },
): Promise<void> {
  const { tenantId, id, installationId } = what.place
  const stream = { tenantId, streamKind: 'device', streamId: id } as const
  const context = contextOf(services, request, { installationId, deviceId: id })
  await record(services, decider, { stream, intent: what.intent, context })
  const agent = services.views.agents.current(tenantId, installationId)
  if (agent) services.deviceLists.changed(agent)
}

/** null: forget them; undefined: as they are. */
function keepCredentials(
  { vault }: Services,
  { tenantId, id }: { readonly tenantId: string; readonly id: string },
  credentials: Credentials | null | undefined,
): void {
  if (credentials === null) vault.remove(tenantId, credentialsId(id))
  else if (credentials) vault.put(tenantId, credentialsId(id), JSON.stringify(credentials))
}

function toDevice({ ports, buttons = [], signIn = 'person', ...row }: DeviceRow): Device {
  const { tenantId: _tenant, changedAt: _changed, ...shown } = row
  return { ...shown, buttons, signIn, targets: ports.map((port) => ({ port })) }
}

function commandsOf(device: DeviceRow, rule: SecondPerson): NonNullable<Device['commands']> {
  const { id: deviceId, driver, viaAgent, buttons = [] } = device
  if (!viaAgent || (driver === 'http' && buttons.length === 0)) return []
  return driverCommands[driver].map((name) => {
    const { safety, expiresInMs, args } = commandCatalog[name]
    const known = name === 'PressButton' ? pressArgs(buttons) : args
    const needsApproval = needsSecondPerson(rule, { command: name, safety, deviceId })
    return { name, safety, expiresInMs, needsApproval, args: { ...known } }
  })
}

function pressArgs(buttons: readonly DeviceButton[]): object {
  const { properties, ...args } = commandCatalog.PressButton.args
  const button = Type.Enum(buttons.map(({ name }) => name))
  return { ...args, properties: { ...properties, button } }
}

function originOf(baseUrl: string): string {
  if (!URL.canParse(baseUrl)) throw new TravessiaError('MESSAGE_INVALID', { at: '/baseUrl' })
  const url = new URL(baseUrl)
  return url.protocol === 'serial:' ? url.href : url.origin
}

/** A serial port is one of the agent's host, and speaks G-code; nothing else does. Buttons are HTTP, by the agent. */
function requireFit({
  driver,
  baseUrl,
  viaAgent,
  buttons = [],
}: Pick<DeviceRow, 'driver' | 'baseUrl' | 'viaAgent' | 'buttons'>): void {
  const problem = driver === 'http' && viaAgent ? buttonsProblem(buttons) : ''
  if (buttons.length > 0 && problem !== undefined)
    throw new TravessiaError('MESSAGE_INVALID', { at: `/buttons${problem}` })
  const isSerial = baseUrl.startsWith('serial:')
  if (isSerial !== (driver === 'marlin') || (isSerial && !viaAgent))
    throw new TravessiaError('MESSAGE_INVALID', { at: '/baseUrl' })
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new TravessiaError('NOT_FOUND')
  return value
}
