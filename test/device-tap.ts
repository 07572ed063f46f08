/**
 * In front of a simulated turnstile: asks for a password of the test's own, and keeps what only agent and device may
 * know: the sessions that the device gave out, and who asked for them.
 */
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { buffer } from 'node:stream/consumers'
import { listen } from '../rig/own-device.ts'

export type DeviceTap = {
  readonly url: string
  /** Tokens of the device, oldest first. */
  readonly sessions: string[]
  /** Turns of the arm, as the device itself counts what it was told. */
  actions(): Promise<number>
  /** The device forgets its sessions. */
  reboot(): Promise<void>
  stop(): Promise<void>
}

export async function startDeviceTap(deviceUrl: string, password: string): Promise<DeviceTap> {
  const sessions: string[] = []
  const server = createServer((request, response) => {
    pass(request, response).catch(() => response.destroy())
  })
  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = String(await buffer(request))
    const isLogin = request.url?.startsWith('/login.fcgi') ?? false
    const body = isLogin ? asked.replace(password, 'admin') : asked
    const answer = await ask(request, body)
    const text = await buffer(answer)
    const session = isLogin && /"session":"([^"]+)"/.exec(String(text))?.[1]
    if (session) sessions.push(session)
    response.writeHead(answer.statusCode ?? 502, answer.headers).end(text)
  }
  function ask({ method, url, headers }: IncomingMessage, body: string): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const sent = { ...headers, 'content-length': Buffer.byteLength(body) }
      const request = httpRequest(
        new URL(url ?? '/', deviceUrl),
        { method, headers: sent },
        resolve,
      )
      request.once('error', reject).end(body)
    })
  }
  const url = await listen(server)
  return {
    ...{ url, sessions },
    async actions() {
      const state = await (await fetch(`${deviceUrl}/__simulator/state`)).json()
      return (state as { actions: unknown[] }).actions.length
    },
    async reboot() {
      const faults = { method: 'POST', body: '{"rebootNow":true}' }
      await fetch(`${deviceUrl}/__simulator/faults`, faults)
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}
