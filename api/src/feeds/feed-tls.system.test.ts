/** Feeds by TLS: what Node trusts, under its own name; anybody else gets nothing. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { createServer, type TLSSocket } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { type Certificate, newCertificate, trust } from '../certificate.fixture.ts'
import { connectFeed, feedAddress } from './feed-address.ts'
import { sendFrames } from './syslog.ts'

const { signal } = new AbortController()
const event = { at: '2026-11-29T12:00:00.000Z', type: 'SessionOpened', json: '{}' }

/** A syslog server that reads to the end. */
async function receiver(certificate: Certificate) {
  const taken: string[] = []
  const server = createServer(
    { ...certificate, allowHalfOpen: true },
    async (socket: TLSSocket) => {
      taken.push(await text(socket))
      socket.end()
    },
  )
  server.on('tlsClientError', () => undefined)
  server.listen(0, 'localhost')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return { url: `syslog+tls://localhost:${(server.address() as AddressInfo).port}`, taken }
}

async function send(url: string): Promise<void> {
  const socket = await connectFeed(feedAddress(url, true), { isDemo: true, signal })
  await sendFrames([event], { socket, signal })
}

test('a receiver whose authority nobody knows, or that has another name, gets nothing', async () => {
  const [unknown, other] = [newCertificate(), newCertificate('siem.example')]
  trust(other)
  for (const certificate of [unknown, other]) {
    const { url, taken } = await receiver(certificate)
    await expect(send(url)).rejects.toEqual(expect.objectContaining({ code: 'FEED_UNREACHABLE' }))
    expect(taken).toEqual([])
  }
})

test('one that is trusted gets its frames', async () => {
  const certificate = newCertificate()
  trust(certificate)
  const { url, taken } = await receiver(certificate)
  await send(url)
  expect(taken).toEqual([
    '72 <109>1 2026-11-29T12:00:00.000Z travessia travessia - SessionOpened - {}',
  ])
})
