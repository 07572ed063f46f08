/** Processes of this repository: waited for, ended, found. */
import type { ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export const root = join(import.meta.dirname, '..')

const startMs = 90_000

/** The JSON line with `"msg":"ready"`; an error with what was said instead. */
export async function readyLine(child: ChildProcess): Promise<Record<string, unknown>> {
  let said = ''
  child.stderr?.on('data', (text: Buffer) => {
    said += text.toString()
  })
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ready: ${said}`)), startMs)
    child.once('exit', (code) => {
      clearTimeout(timer)
      reject(new Error(`ended with ${code}: ${said}`))
    })
    if (!child.stdout) return
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.includes('"msg":"ready"')) return
      clearTimeout(timer)
      resolve(JSON.parse(line) as Record<string, unknown>)
    })
  })
}

export async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = new Promise((done) => child.once('exit', done))
    child.kill(signal)
    await exit
  }
  return child.exitCode
}

/** For a promise's `catch`: nothing that was begun stays when the rest fails. */
export function rethrownAfter(cleanUp: () => unknown): (error: unknown) => Promise<never> {
  return async (error) => {
    await cleanUp()
    throw error
  }
}

/** Process ids whose command line holds all of these texts. */
export function pidsOf(...texts: string[]): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
        return texts.every((text) => line.includes(text))
      } catch {
        return false
      }
    })
    .map(Number)
}
