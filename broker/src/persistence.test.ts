import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import createEngine from 'aedes-persistence-level'
import { Level } from 'level'
import { expect, onTestFinished, test } from 'vitest'
import { type Engine, openPersistence } from './persistence.ts'
import { dropSession } from './revocation.ts'

/** What Aedes calls besides the part that is declared. */
type WholeEngine = Engine & {
  storeRetained(packet: object): Promise<unknown>
  createRetainedStreamCombi(filters: readonly string[]): Readable
  putWill(client: object, packet: object): Promise<unknown>
  delWill(client: object): Promise<unknown>
  getWill(client: object): Promise<object | undefined>
  streamWill(brokers: object): Readable
}

function directory(): string {
  const dataDir = mkdtempSync(join(tmpdir(), 'travessia-persistence-'))
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }))
  return dataDir
}

/** The store as Aedes' own engine sees it. */
async function openPlain(dataDir: string) {
  const level = new Level(join(dataDir, 'broker-sessions'))
  await level.open()
  return { level, engine: createEngine(level) as WholeEngine, close: () => level.close() }
}

const packetOn = (topic: string) => ({ cmd: 'publish', topic, payload: Buffer.from('x'), qos: 1 })

test('B5: retained messages and wills of a store from elsewhere are not given out, and stay untouched', async () => {
  const dataDir = directory()
  const before = await openPlain(dataDir)
  await before.engine.storeRetained(packetOn('a'))
  await before.engine.putWill({ id: 'old' }, packetOn('b'))
  await before.close()

  const { engine, close } = await openPersistence({ dataDir })
  const whole = engine as WholeEngine
  expect(await whole.createRetainedStreamCombi(['#']).toArray()).toEqual([])
  expect(await whole.streamWill({}).toArray()).toEqual([])
  await whole.delWill({ id: 'old' })
  await close()

  const after = await openPlain(dataDir)
  expect(await after.engine.createRetainedStreamCombi(['#']).toArray()).toHaveLength(1)
  expect(await after.engine.getWill({ id: 'old' })).toMatchObject({ topic: 'b' })
  await after.close()
})

test('B5: no retained message and no will gets into the store', async () => {
  const dataDir = directory()
  const { engine, close } = await openPersistence({ dataDir })
  const whole = engine as WholeEngine
  await whole.storeRetained(packetOn('a'))
  await whole.putWill({ id: 'new' }, packetOn('b'))
  await close()
  const after = await openPlain(dataDir)
  expect(await after.engine.createRetainedStreamCombi(['#']).toArray()).toEqual([])
  expect(await after.engine.getWill({ id: 'new' })).toBe(undefined)
  await after.close()
})

test('B8: of a revoked agent no key stays, neither of what waited nor of what was under way', async () => {
  const dataDir = directory()
  const { engine, close } = await openPersistence({ dataDir })
  for (const brokerCounter of [1, 2]) {
    const packet = { ...packetOn('a'), brokerId: 'b', brokerCounter }
    await engine.outgoingEnqueueCombi([{ clientId: 'revoked' }], packet)
    const underWay = { ...packet, messageId: 7 }
    if (brokerCounter === 1) await engine.outgoingUpdate({ id: 'revoked' }, underWay)
  }
  await dropSession(engine, 'revoked')
  await close()
  const after = await openPlain(dataDir)
  expect(await after.level.keys().all()).toEqual([])
  await after.close()
})
