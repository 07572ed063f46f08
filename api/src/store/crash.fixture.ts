/** For tests and torture: what was acknowledged, and whether the log has it after a crash. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { TravessiaError } from '@travessia/schemas/errors'
import { append } from './conformance-events.ts'
import type { EventStore } from './event-store.ts'

const writers = 16
const retryMs = 20
const pageEvents = 5_000

/** `position tenant stream` of each append that got its answer. */
export type Ledger = { readonly acknowledged: string[]; readonly refused: string[] }

/**
 * Writes in a process of its own until it is killed in the middle.
 * @param target path of an SQLite file or address of a PostgreSQL database
 */
export async function writeAndKill(target: string, afterLines: number): Promise<string[]> {
  const program = join(import.meta.dirname, 'crash-writer.fixture.ts')
  const child = spawn(process.execPath, [program, target], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  const output = createInterface({ input: child.stdout })
  output.on('line', (line) => {
    lines.push(line)
    if (lines.length === afterLines) child.kill('SIGKILL')
  })
  await Promise.all([once(child, 'exit'), once(output, 'close')])
  return lines.filter((line) => /^\d+ \w{26} \w{26}$/.test(line))
}

/** Writes while `work` does its harm, and goes on where it is refused, as people do. */
export async function writeDuring(
  store: EventStore,
  work: (ledger: Ledger) => Promise<void>,
): Promise<Ledger> {
  const ledger: Ledger = { acknowledged: [], refused: [] }
  let isOver = false
  const write = async () => {
    while (!isOver) {
      const one = append({ expected: 'none' })
      const place = `${one.tenantId} ${one.streamId}`
      try {
        const { position } = await store.append(one)
        ledger.acknowledged.push(`${position} ${place}`)
      } catch (error) {
        if (!(error instanceof TravessiaError && error.code === 'STORE_UNAVAILABLE')) throw error
        ledger.refused.push(place)
        await sleep(retryMs)
      }
    }
  }
  const writing = Promise.all(Array.from({ length: writers }, write))
  await work(ledger).finally(() => {
    isOver = true
  })
  await writing
  return ledger
}

/** What is wrong with the log: lost, written though refused, out of order. Nothing: []. */
export async function problemsOf(store: EventStore, ledger: Ledger): Promise<string[]> {
  const problems: string[] = []
  const there = new Map<string, number>()
  for (let position = 0; ; ) {
    const page = await store.readAll(position, pageEvents)
    if (page.length === 0) break
    for (const event of page) {
      position += 1
      if (event.position !== position) problems.push(`position ${position} is missing`)
      position = event.position
      there.set(`${event.tenantId} ${event.streamId}`, position)
    }
  }
  for (const line of ledger.acknowledged) {
    const [position = '', ...place] = line.split(' ')
    if (there.get(place.join(' ')) !== Number(position)) problems.push(`lost: ${line}`)
  }
  for (const place of ledger.refused)
    if (there.has(place)) problems.push(`refused, and written: ${place}`)
  return problems
}
