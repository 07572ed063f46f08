import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, expect, test } from 'vitest'
import { requireDense } from './conformance-interleaving.ts'
import { createSqliteStore } from './sqlite.ts'

const directory = mkdtempSync(join(tmpdir(), 'travessia-crash-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** Writes until it is killed in the middle. @returns the lines of what was acknowledged */
async function writeAndKill(path: string, afterLines: number): Promise<string[]> {
  const program = join(import.meta.dirname, 'crash-writer.ts')
  const child = spawn(process.execPath, [program, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  const output = createInterface({ input: child.stdout })
  output.on('line', (line) => {
    lines.push(line)
    if (lines.length === afterLines) child.kill('SIGKILL')
  })
  await Promise.all([once(child, 'exit'), once(output, 'close')])
  return lines.filter((line) => /^\d+ \w{26} \w{26}$/.test(line))
}

test('kill -9 loses no acknowledged event and leaves no hole, round after round (STORE 6)', async () => {
  const path = join(directory, 'events.db')
  const acknowledged: string[] = []
  for (let round = 1; round <= 5; round += 1) {
    acknowledged.push(...(await writeAndKill(path, 40 * round)))
    const store = await createSqliteStore(path)
    const events = await store.readAll(0, 1_000_000)
    requireDense(events)
    const there = new Map(events.map((one) => [one.position, `${one.tenantId} ${one.streamId}`]))
    for (const line of acknowledged) {
      const [position = '', ...place] = line.split(' ')
      expect(there.get(Number(position))).toBe(place.join(' '))
    }
    await store.close()
  }
  expect(acknowledged.length).toBeGreaterThanOrEqual(600)
})
