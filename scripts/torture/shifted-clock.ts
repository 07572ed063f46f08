/**
 * Loaded before an agent's own code (`NODE_OPTIONS=--import`): moves the agent's wall clock, and nothing else,
 * by the milliseconds that a file holds, as a wrong battery clock or a step by NTP does. The monotonic clock
 * and timers stay true, as they do then. It survives a restart of the agent like the host's clock.
 */
import { readFileSync } from 'node:fs'

const file = process.env['TORTURE_CLOCK_FILE'] ?? ''
const lookEveryMs = 50
const TrueDate = Date
const trueNow = Date.now
let offsetMs = readOffset()

TrueDate.now = () => trueNow() + offsetMs
globalThis.Date = new Proxy(TrueDate, {
  construct: (target, args) => Reflect.construct(target, args.length > 0 ? args : [target.now()]),
  apply: (target) => new target(target.now()).toString(),
})
setInterval(() => {
  offsetMs = readOffset()
}, lookEveryMs).unref()

function readOffset(): number {
  try {
    return Number(readFileSync(file, 'utf8')) || 0
  } catch {
    return 0
  }
}
