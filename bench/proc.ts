/** What Linux counts of processes and of the machine (`proc(5)`). */
import { readdirSync, readFileSync } from 'node:fs'

/** USER_HZ, fixed for every Linux that Node runs on. */
const ticksPerSecond = 100

/** Seconds of processor time so far, of processes that live now. */
export function cpuSecondsOf(pids: readonly number[]): number {
  return pids.map(statOf).reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)
}

/** A process and all that descend from it. */
export function familyOf(pid: number): number[] {
  const parents = processIds().map((one) => ({ pid: one, parent: statOf(one).parent }))
  const family = [pid]
  for (const member of family)
    for (const one of parents) if (one.parent === member) family.push(one.pid)
  return family
}

export function memoryMbOf(pids: readonly number[], kind: 'VmRSS' | 'VmHWM'): number {
  const kib = pids.map((pid) => {
    const line = read(`/proc/${pid}/status`).match(new RegExp(`${kind}:\\s+(\\d+)`))
    return Number(line?.[1] ?? 0)
  })
  return kib.reduce((sum, one) => sum + one, 0) / 1024
}

type MachineTime = { readonly busySeconds: number; readonly stealSeconds: number }

export function machineTime(): MachineTime {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, steal = 0] = (
    read('/proc/stat').split('\n')[0] ?? ''
  )
    .split(/\s+/)
    .slice(1)
    .map((ticks) => Number(ticks) / ticksPerSecond)
  return { busySeconds: user + nice + system + irq + softIrq, stealSeconds: steal }
}

/** Fields after the command's name, which may hold anything. */
export function parseStat(text: string): {
  parent: number
  cpuSeconds: number
  childSeconds: number
} {
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const seconds = (place: number) =>
    ((fields[place] ?? 0) + (fields[place + 1] ?? 0)) / ticksPerSecond
  return { parent: fields[1] ?? 0, cpuSeconds: seconds(11), childSeconds: seconds(13) }
}

function statOf(pid: number): ReturnType<typeof parseStat> {
  return parseStat(read(`/proc/${pid}/stat`))
}

function processIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

/** Empty for a process that ended meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
