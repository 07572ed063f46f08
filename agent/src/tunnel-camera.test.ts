import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AgentDevice } from '@travessia/schemas/devices'
import { encodePart, MultipartReader } from '@travessia/schemas/multipart'
import { pictureTypeOf } from '@travessia/schemas/picture'
import { ResetCode } from '@travessia/schemas/tunnel-frame'
import { CompactEncrypt, exportJWK, generateKeyPair } from 'jose'
import { expect, onTestFinished, test } from 'vitest'
import { deviceAt, eventually, listening } from './fixtures.ts'
import { createCamera } from './simulators/camera.ts'
import { answerOf, type Exchange, tunnelTo } from './tunnel.fixture.ts'

type Faults = Readonly<Record<string, boolean | number>>

async function cameraAt(options: { login?: string; password?: string } = {}) {
  const camera = createCamera({ port: 0, ...options })
  onTestFinished(() => camera.stop())
  const { url } = await camera.start()
  const fail = (faults: Faults) =>
    fetch(`${url}/__simulator/faults`, { method: 'POST', body: JSON.stringify(faults) })
  return { camera, fail, device: deviceAt(url, { driver: 'camera' }) }
}

/** A camera that sends such parts as fast as they are taken. */
async function fastCamera(part: (count: number) => Uint8Array): Promise<AgentDevice> {
  const server = createServer(async (_request, response) => {
    response.writeHead(200, { 'content-type': 'multipart/x-mixed-replace; boundary=x' })
    for (let count = 0; !response.destroyed; count += 1) {
      if (!response.write(part(count))) await sleep(1)
    }
  })
  return deviceAt(`http://127.0.0.1:${await listening(server)}`, { driver: 'camera' })
}

async function pictures({ next }: Exchange, count: number): Promise<Uint8Array[]> {
  const reader = new MultipartReader()
  const found: Uint8Array[] = []
  while (found.length < count) {
    const chunk = await next()
    if (!chunk) break
    found.push(...reader.push(chunk).map(({ body }) => body))
  }
  return found
}

test('a snapshot comes whole, from the first address that gives a picture', async () => {
  const { device } = await cameraAt()
  const { status, body } = await tunnelTo(device).get({ camera: 'snapshot' })
  expect([status, pictureTypeOf(await body())]).toEqual([200, 'image/png'])
})

test('the sign-in is added here, from credentials that only this agent can open', async () => {
  const { device } = await cameraAt({ login: 'admin', password: 'segredo' })
  const { publicKey, privateKey } = await generateKeyPair('ECDH-ES', {
    crv: 'X25519',
    extractable: true,
  })
  const secret = new TextEncoder().encode('{"login":"admin","password":"segredo"}')
  const sealedCredentials = await new CompactEncrypt(secret)
    .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM' })
    .encrypt(publicKey)
  const tunnel = tunnelTo({ ...device, sealedCredentials })
  tunnel.link.encryptionKey = await exportJWK(privateKey)
  expect((await tunnel.get({ camera: 'snapshot' })).status).toBe(200)
  const without = tunnelTo(device)
  expect((await without.get({ camera: 'snapshot' })).status).toBe(401)
  expect((await without.get({ camera: 'stream' })).status).toBe(401)
})

test.each([
  ['a page instead of a picture', 'snapshot', { noPicture: true }],
  ['a stream that calls itself text', 'stream', { wrongType: true }],
] as const)('%s is none, and nothing of it leaves', async (_name, camera, faults) => {
  const { device, fail } = await cameraAt()
  await fail(faults)
  const { status, body } = await tunnelTo(device).get({ camera })
  expect([status, (await body()).length]).toEqual([404, 0])
})

test('only the driver of cameras serves pictures', async () => {
  const { device } = await cameraAt()
  const stream = tunnelTo({ ...device, driver: 'http' }).open({ camera: 'snapshot' })
  const refused = { name: 'StreamReset', code: ResetCode.targetForbidden }
  await expect(answerOf(stream)).rejects.toMatchObject(refused)
})

test('a picture larger than the bound is none', async () => {
  const server = createServer((_request, response) => {
    response.write('\xff\xd8\xff', 'latin1')
    const more = () => {
      while (response.write(Buffer.alloc(256 * 1024)));
    }
    response.on('drain', more)
    more()
  })
  const device = deviceAt(`http://127.0.0.1:${await listening(server)}`, { driver: 'camera' })
  expect((await tunnelTo(device).get({ camera: 'snapshot' })).status).toBe(404)
})

test.each([[{}], [{ noLength: true }]])(
  'a stream goes on (%j) until the last viewer leaves, and then the camera is left alone',
  async (faults) => {
    const { camera, device, fail } = await cameraAt()
    await fail(faults)
    const stream = tunnelTo(device).open({ camera: 'stream' })
    const seen = await pictures(await answerOf(stream), 3)
    expect(seen.map(pictureTypeOf)).toEqual(['image/png', 'image/png', 'image/png'])
    expect(camera.viewers()).toBe(1)
    stream.reset(ResetCode.cancel)
    await eventually(() => expect(camera.viewers()).toBe(0))
  },
)

test('a link that is too slow loses whole pictures and keeps the newest', async () => {
  const filler = Buffer.alloc(60_000, 7)
  const numbered = (count: number) =>
    encodePart({}, Buffer.concat([Buffer.from(`GIF89a${String(count).padStart(9)}`), filler]))
  const exchange = await tunnelTo(await fastCamera(numbered)).get({ camera: 'stream' })
  // Nothing is read: the credit of the stream is used up.
  await sleep(1_500)
  const counts = (await pictures(exchange, 12)).map((one) => {
    expect(one.length).toBe(60_015)
    return Number(Buffer.from(one.subarray(6, 15)).toString())
  })
  expect(counts).toEqual(counts.toSorted((a, b) => a - b))
  // Without the room for one they would be 0 to 11.
  expect(counts.at(-1)).toBeGreaterThan(50)
})

test('a stream that is none at all ends as broken', async () => {
  const device = await fastCamera(() => Buffer.alloc(20_000, 120))
  const { next } = await tunnelTo(device).get({ camera: 'stream' })
  await expect(next()).rejects.toMatchObject({ code: ResetCode.deviceProtocol })
})
