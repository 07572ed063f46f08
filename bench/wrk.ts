/** Debian's `wrk`: one thread, kept-alive connections, each with one request under way. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parseStat } from './proc.ts'

const script = join(import.meta.dirname, 'wrk.lua')

type Load = {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly connections: number
  readonly seconds: number
}

type Loaded = {
  readonly requests: number
  readonly seconds: number
  readonly bytes: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  /** Answers other than 2xx and 3xx, broken and overdue ones. */
  readonly failed: number
  /** Processor time of wrk itself. */
  readonly cpuSeconds: number
}

export async function wrk({ url, headers, connections, seconds }: Load): Promise<Loaded> {
  const fields = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const size = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s']
  // The shell has waited for wrk, so its own line in /proc holds what wrk used.
  const counted = ['-c', '"$@"; read line < /proc/$$/stat; echo "$line"', 'sh']
  const { stdout } = await promisify(execFile)('sh', [
    ...counted,
    ...['wrk', ...size, '-s', script, ...fields, url],
  ])
  const [figures = '', stat = ''] = stdout.trim().split('\n').slice(-2)
  const cpuSeconds = parseStat(stat).childSeconds
  return { ...(JSON.parse(figures) as Omit<Loaded, 'cpuSeconds'>), cpuSeconds }
}
