/** `node bench/profile.ts FILE.cpuprofile…`: where a process spent its busy time, by place, most first. */
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

type Node = {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string }
}
type Profile = {
  readonly nodes: readonly Node[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const most = 25
const waiting = new Set(['(idle)', '(program)', '(root)'])

for (const file of process.argv.slice(2)) {
  const times = selfTimes(JSON.parse(readFileSync(file, 'utf8')) as Profile)
  const busy = [...times.values()].reduce((sum, one) => sum + one, 0)
  console.log(`\n${file}: ${(busy / 1e6).toFixed(1)} s busy`)
  for (const [place, time] of [...times].toSorted(([, a], [, b]) => b - a).slice(0, most))
    console.log(`${((100 * time) / busy).toFixed(1).padStart(6)} %  ${place}`)
}

function selfTimes({ nodes, samples, timeDeltas }: Profile): Map<string, number> {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const times = new Map<string, number>()
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id)
    if (!frame || waiting.has(frame.functionName)) continue
    const place = `${frame.functionName || '(anonymous)'}  ${shortened(frame.url)}`
    times.set(place, (times.get(place) ?? 0) + (timeDeltas[index] ?? 0))
  }
  return times
}

function shortened(url: string): string {
  return url.startsWith('file:') ? relative(process.cwd(), fileURLToPath(url)) : url
}
