/** What the agent's tests share: keys of a server, a configuration, directories and servers that go with the test. */
import { mkdtempSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo, Server as TcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CommandOrder } from '@travessia/schemas/commands'
import type { AgentDevice } from '@travessia/schemas/devices'
import { newId } from '@travessia/schemas/ids'
import { tokenKinds } from '@travessia/schemas/token-claims'
import { CompactSign, exportJWK, generateKeyPair, type JWK } from 'jose'
import { pino } from 'pino'
import { onTestFinished, vi } from 'vitest'
import { freePort } from '../../rig/free-port.ts'
import type { AgentConfig } from './config.ts'

/** Until it no longer throws. */
export function eventually<T>(check: () => T | Promise<T>, timeout = 30_000): Promise<T> {
  return vi.waitFor(check, { timeout, interval: 10 })
}

export const silent = pino({ level: 'silent' })
export const noProxies = { http: undefined, https: undefined, except: '' }

export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'travessia-agent-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** @returns the port; the server and its connections end with the test */
export async function listening(server: Server | TcpServer): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  onTestFinished(() => {
    server.close()
    if ('closeAllConnections' in server) server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

/** A port that refuses. */
export const closedPort = freePort

export function deviceAt(baseUrl: string, other: Partial<AgentDevice> = {}): AgentDevice {
  return {
    ...{ deviceId: newId(), driver: 'http', baseUrl, ports: [], maxConcurrent: 8 },
    ...other,
  }
}

export function agentConfig(other: Partial<AgentConfig> = {}): AgentConfig {
  const [agentId, tenantId] = [newId(), newId()]
  return {
    ...{ apiUrl: 'http://localhost:1', wsUrl: 'ws://localhost:1/ws/connectors' },
    ...{ agentId, tenantId, installationId: newId(), name: 'Portaria', allowLoopback: true },
    ...{ privateKey: {}, encryptionKey: {}, serverKeys: [] },
    ...{ token: 'token', tokenExpiresAt: Date.now() + 3600_000 },
    devices: { tenantId, agentId, version: 0, devices: [] },
    ...other,
  }
}

export type ServerKey = {
  readonly jwk: JWK
  readonly sign: (
    payload: unknown,
    kind?: 'command' | 'devices' | 'discover' | 'grant',
  ) => Promise<string>
}

export async function serverKey(): Promise<ServerKey> {
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519' })
  const kid = newId()
  return {
    jwk: { ...(await exportJWK(publicKey)), kid },
    sign: (payload, kind = 'command') => {
      const { typ, alg } = tokenKinds[kind]
      return new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
        .setProtectedHeader({ typ, alg, kid })
        .sign(privateKey)
    },
  }
}

/** An OpenGate that was issued just now. */
export function openGate(other: Partial<CommandOrder> = {}): CommandOrder {
  const now = Date.now()
  return {
    ...{ id: newId(), tenantId: newId(), agentId: newId(), deviceId: newId(), subject: newId() },
    ...{ name: 'OpenGate', args: { direction: 'clockwise' }, seq: 1 },
    ...{ notBefore: now, expiresAt: now + 5_000, nonce: newId(), correlationId: newId() },
    ...other,
  }
}
