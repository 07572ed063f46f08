/** For tests: valid data of every event type; the compiler names a type that is missing. */
import type { EventType, Fact } from '@travessia/schemas/events'
import { newId } from '@travessia/schemas/ids'

const id = newId()
const at = '2026-11-24T12:00:00.000Z'
const body = { bytes: 3, digest: 'sha256:00' }
const totals = { requests: 1, bytesIn: 2, bytesOut: 3 }
const device = {
  ...{ name: 'Catraca', slug: 'catraca', kind: 'turnstile', driver: 'control-id' },
  ...{ baseUrl: 'http://192.168.1.50', viaAgent: true, ports: [8080], recording: 'strict' },
  ...{ capture: 'heads', maxConcurrent: 6, hasCredentials: true },
  timeouts: { connectMs: 1, firstByteMs: 2, idleMs: 3 },
} as const satisfies Fact<'DeviceRegistered'>['data']
const installation = { name: 'Matriz', slug: 'matriz', customer: 'Escola' }

export const sampleData = {
  SessionRequested: {
    purpose: 'visita',
    ttlSeconds: 600,
    mode: 'host',
    clientIp: '192.0.2.1',
    userAgent: 'x',
  },
  SessionOpened: {
    expiresAt: at,
    endsAtLatest: at,
    mode: 'host',
    recordingLevel: 'heads',
    targetOrigin: 'http://d',
  },
  SessionDenied: { errorCode: 'AGENT_OFFLINE' },
  SessionExtended: { expiresAt: at },
  SessionClosed: { reason: 'user', totals },
  SessionExpired: { reason: 'expiry', totals },
  SessionRevoked: { reason: 'access-changed', totals },
  HttpRequestForwarded: { requestId: id, method: 'GET', path: '/a', headers: [] },
  HttpResponseReceived: {
    ...{ requestId: id, status: 200, headers: [], requestBody: body, responseBody: body },
    ...{ durationMs: 1.5, firstByteMs: 1 },
  },
  HttpExchangeFailed: { requestId: id, stage: 'device', errorCode: 'DEVICE_TIMEOUT' },
  WebSocketOpened: { requestId: id, path: '/ws', headers: [] },
  WebSocketClosed: {
    requestId: id,
    code: 1000,
    framesIn: 1,
    framesOut: 2,
    bytesIn: 3,
    bytesOut: 4,
  },
  CommandIssued: {
    ...{ command: 'OpenGate', args: { direction: 'both' }, safety: 'physical', expiresAt: at },
    ...{ seq: 1, idempotencyKey: '' },
  },
  CommandDelivered: { agentTime: at },
  CommandStarted: { agentTime: at },
  CommandSucceeded: { confirmed: true, agentTime: at, durationMs: 12 },
  CommandFailed: { errorCode: 'DEVICE_TIMEOUT', agentTime: at },
  CommandRefused: { errorCode: 'AGENT_OFFLINE' },
  CommandExpired: { errorCode: 'COMMAND_EXPIRED' },
  CommandUnknown: { errorCode: 'COMMAND_UNKNOWN' },
  CommandOutcomeLearned: { outcome: 'succeeded', agentTime: at },
  PairingCodeIssued: { expiresAt: at },
  AgentEnrolled: { name: 'Pi', hostname: 'pi', version: '1', ip: '192.0.2.1', keyThumbprint: 'x' },
  AgentConnected: { version: '1', ip: '192.0.2.1', bootId: id, hostname: 'pi' },
  AgentDisconnected: { reason: 'connection-lost' },
  AgentTokenRenewed: { reason: 'user' },
  AgentPaused: { until: '2026-11-24T14:00:00.000Z' },
  AgentResumed: {},
  AgentRevoked: { reason: 'user' },
  DeviceRegistered: device,
  DeviceChanged: device,
  DeviceRemoved: {},
  DeviceStateChanged: { status: 'printing', file: 'peca.gcode' },
  CameraViewOpened: { mode: 'stream' },
  CameraViewClosed: { reason: 'viewer', frames: 600, bytes: 1_000_000, durationMs: 120_000 },
  CameraSnapshotRequested: {},
  PassageConfirmed: { direction: 'clockwise', way: 'entry', deviceTime: at, agentTime: at },
  PassageGivenUp: { agentTime: at, deviceUserId: '6' },
  PassageDenied: { reason: 'denied', deviceTime: at, agentTime: at },
  PassagesMissed: { list: 'access_events', count: 3, agentTime: at },
  InstallationCreated: installation,
  InstallationChanged: installation,
  InstallationRemoved: {},
  TenantCreated: { name: 'Escola' },
  UserRegistered: { userId: id, name: 'Rui' },
  UserSignedIn: { userId: id, clientIp: '192.0.2.1' },
  SignInFailed: { clientIp: '192.0.2.1' },
  PasswordChanged: { userId: id },
  UserSignedOut: { userId: id },
  RoleGranted: { userId: id, role: 'manager' },
  RoleRevoked: { userId: id },
  AccessDenied: { errorCode: 'PERMISSION_DENIED', method: 'GET', path: '/x' },
  AuditExported: { format: 'csv', filter: {} },
  ServerStarted: { version: '0.1.0', nodeId: id },
  RecordingGapDetected: { cause: 'disk', from: at, to: at },
} as const satisfies { [T in EventType]: Fact<T>['data'] }
