/** The link by TLS: an authority that Node trusts lets it in, one that nobody knows does not. */
import { type AddressInfo, connect as openSocket } from 'node:net'
import { createServer } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { newCertificate, trust } from '../certificate.fixture.ts'
import { startOwnBroker } from './brokers.fixture.ts'
import { connectAgent, greet, start } from './conformance.ts'
import { plainWorld } from './plain-mqtt.fixture.ts'

/** TLS in front of a port; `refused` counts handshakes that the client ended. */
async function startTls(to: string, certificate: { key: string; cert: string }) {
  const seen = { refused: 0 }
  const server = createServer(certificate, (inlet) => {
    const outlet = openSocket(Number(new URL(to).port), '127.0.0.1')
    for (const socket of [inlet, outlet]) socket.on('error', () => undefined)
    inlet.pipe(outlet).pipe(inlet)
    onTestFinished(() => void inlet.destroy())
  })
  server.on('tlsClientError', () => {
    seen.refused += 1
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => void server.close())
  return { port: (server.address() as AddressInfo).port, seen }
}

test.each(['mqtts', 'wss'] as const)(
  '%s: the link trusts what Node trusts, and nobody else',
  async (scheme) => {
    const broker = await startOwnBroker()
    onTestFinished(broker.stop)
    const certificate = newCertificate()
    const to = scheme === 'wss' ? broker.wsUrl : broker.mqttUrl
    const { port, seen } = await startTls(to, certificate)
    const url = `${scheme}://localhost:${port}${scheme === 'wss' ? '/ws/connectors' : ''}`
    const world = plainWorld(broker.mqttUrl, { url })
    const heard = await start(world)
    await expect.poll(() => seen.refused).toBeGreaterThan(0)
    trust(certificate)
    await greet(await connectAgent(world), heard)
  },
)
