/**
 * How far the passages of each device are in the log of the cloud, and the path at which it may tell of more. Written
 * whole; lost or damaged: passages begin with the newest, what came before is the device's.
 */
import { readFileSync } from 'node:fs'
import { checkJson } from '@travessia/schemas/check'
import { compile } from '@travessia/schemas/compile'
import { idPattern } from '@travessia/schemas/ids'
import { type Static, Type } from 'typebox'
import { replaceFile } from './durable-file.ts'

const cursor = Type.Optional(Type.String({ maxLength: 64 }))
const memorySchema = Type.Object({
  /** Random: who does not know it is not heard. */
  path: Type.String({ pattern: `^travessia/${idPattern.slice(1)}` }),
  /** Of each list: the newest row that is in the log, `id@seconds`; `''`: the list was empty. */
  access_events: cursor,
  access_logs: cursor,
})
const isFile = compile(Type.Record(Type.String({ pattern: idPattern }), memorySchema))

export type DeviceMemory = Static<typeof memorySchema>

export class PassageMemory {
  readonly #path: string
  readonly #devices: Map<string, DeviceMemory>

  constructor(path: string) {
    this.#path = path
    this.#devices = new Map(Object.entries(read(path)))
  }

  of(deviceId: string): DeviceMemory | undefined {
    return this.#devices.get(deviceId)
  }

  /** Durable when it returns. */
  keep(deviceId: string, memory: DeviceMemory): void {
    this.#devices.set(deviceId, memory)
    this.#write()
  }

  keepOnly(deviceIds: ReadonlySet<string>): void {
    const gone = [...this.#devices.keys()].filter((id) => !deviceIds.has(id))
    for (const id of gone) this.#devices.delete(id)
    if (gone.length > 0) this.#write()
  }

  #write(): void {
    replaceFile(this.#path, `${JSON.stringify(Object.fromEntries(this.#devices))}\n`)
  }
}

function read(path: string): Readonly<Record<string, DeviceMemory>> {
  try {
    return checkJson(isFile, readFileSync(path, 'utf8'))
  } catch {
    return {}
  }
}
