/** The firmware of a simulated printer: bytes in, lines out, with the faults of real boards on request. */
import { LineSplitter } from '../drivers/marlin/protocol.ts'

type MarlinFault =
  /** Answers late. */
  | 'slow'
  /** Reads and does nothing, says nothing; the emergency stop excepted. */
  | 'hang'
  /** Does what changes something, and the answer is lost. */
  | 'cut'
  /** What would change something never arrives. */
  | 'lost'
  /** Understands no line twice, then the third time. */
  | 'resend'
  /** Never understands a line. */
  | 'noise'
  /** Says that it is busy for a while first. */
  | 'busy'
  /** Another letter arrives than was sent. */
  | 'garbled'
  /** No card in it. */
  | 'no-card'
  /** Knows nothing of `M524`, as firmware before 2.0 (2018). */
  | 'old'
  /** Says nothing to `M112` and goes on: no EMERGENCY_PARSER, and busy. */
  | 'no-parser'

type File = { readonly short: string; readonly long: string; readonly bytes: number }

const card: readonly File[] = [
  { short: 'SUPORT~1.GCO', long: 'suporte.gcode', bytes: 120_000 },
  { short: 'CUBO.GCO', long: 'cubo.gcode', bytes: 40_000 },
]
const bytesPerSecond = 2_000
const room = 22
const slowMs = 150
const busyTimes = 3
const bootMs = 300
const effects = /^M(24|25|524|104|140|112)\b/

type Options = {
  readonly write: (text: string) => void
  readonly now?: () => number
  /** Between two `busy: processing`. */
  readonly busyMs?: number
}

export class MarlinBoard {
  readonly #write: (text: string) => void
  readonly #now: () => number
  readonly #busyMs: number
  readonly #timers = new Set<NodeJS.Timeout>()
  #splitter = new LineSplitter()
  #fault: MarlinFault | undefined
  #refused = 0
  #isBooting = false
  #isKilled = false
  #bootsAtFirstByte = false
  #file: File | undefined
  /** Of the print: what was done until `since`, and whether it goes on. */
  #done = 0
  #since: number | undefined
  #isActive = false
  readonly #targets: Record<'T' | 'B', number> = { T: 0, B: 0 }
  /** Every line that it understood. */
  readonly heard: string[] = []
  /** Commands that did something in the world. */
  readonly effects: string[] = []

  constructor({ write, now = Date.now, busyMs = 500 }: Options) {
    this.#write = write
    this.#now = now
    this.#busyMs = busyMs
  }

  fail(fault: MarlinFault | undefined): void {
    this.#fault = fault
    this.#refused = 0
  }

  /** As a board whose reset is wired to DTR: what the host sends first is lost, then it says `start`. */
  bootAtFirstByte(): void {
    this.#bootsAtFirstByte = true
  }

  reset(): void {
    this.#splitter = new LineSplitter()
    this.#isBooting = true
    this.#isKilled = false
    this.#isActive = false
    this.#file = undefined
    Object.assign(this.#targets, { T: 0, B: 0 })
    this.#later(bootMs, () => {
      this.#isBooting = false
      this.#write('\0start\necho:Marlin 2.1.2\necho: Free Memory: 2840\necho:SD card ok\n')
    })
  }

  /** What somebody does at its screen. */
  touch(what: 'paused' | 'resumed' | 'cancel'): void {
    if (what === 'cancel') this.#stop()
    else this.#run(what === 'resumed')
    this.#write(`//action:${what}\n`)
  }

  say(text: string): void {
    this.#write(text)
  }

  receive(chunk: Uint8Array): void {
    if (this.#bootsAtFirstByte) {
      this.#bootsAtFirstByte = false
      this.reset()
    }
    if (this.#isBooting || this.#isKilled) return
    for (const line of this.#splitter.push(chunk)) this.#take(line)
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer)
  }

  #take(line: string): void {
    // EMERGENCY_PARSER: past everything else.
    if (line === 'M112' && this.#fault !== 'no-parser') return this.#kill()
    switch (this.#fault) {
      case 'hang':
      case 'no-parser':
        return
      case 'lost':
        if (effects.test(line)) return
        break
      case 'cut':
        if (effects.test(line)) return void this.#answer(line)
        break
      case 'slow':
        return this.#later(slowMs, () => this.#write(this.#answer(line)))
      case 'busy':
        return this.#busy(line, busyTimes)
      case 'garbled':
        return this.#write(`echo:Unknown command: "${line.replace(/\d/, '?')}"\nok\n`)
      case 'noise':
        return this.#write('Error:checksum mismatch, Last Line: 0\nResend: 1\nok\n')
      case 'resend':
        if (this.#refused++ % 3 < 2) return this.#write('rs 1\nok\n')
        break
      default:
    }
    this.#write(this.#answer(line))
  }

  #busy(line: string, times: number): void {
    if (times === 0) return this.#write(this.#answer(line))
    this.#write('echo:busy: processing\n')
    this.#later(this.#busyMs, () => this.#busy(line, times - 1))
  }

  #kill(): void {
    this.#note('M112')
    this.#stop()
    this.#isKilled = true
    this.#write('Error:Printer halted. kill() called!\n')
  }

  #note(line: string): void {
    this.heard.push(line)
    if (effects.test(line)) this.effects.push(line)
  }

  #answer(line: string): string {
    const [code = ''] = line.split(' ')
    const isUnknown = !(code in this.#answers) || (code === 'M524' && this.#fault === 'old')
    if (isUnknown) return `echo:Unknown command: "${line}"\nok\n`
    this.#note(line)
    return this.#answers[code]?.(line) ?? 'ok\n'
  }

  readonly #answers: Readonly<Record<string, (line: string) => string>> = {
    M105: () => `ok ${this.#heat('T')} ${this.#heat('B')} @:0 B@:0\n`,
    M115: () =>
      'FIRMWARE_NAME:Marlin 2.1.2 (Nov 24 2026) PROTOCOL_VERSION:1.0 MACHINE_TYPE:Simulada EXTRUDER_COUNT:1\n' +
      'Cap:AUTOREPORT_TEMP:1\nCap:EMERGENCY_PARSER:1\nok\n',
    M20: () => {
      const files = card.map(({ short, bytes }) => `${short} ${bytes}\n`).join('')
      return this.#fault === 'no-card'
        ? 'echo:No media\nok\n'
        : `Begin file list\n${files}End file list\nok\n`
    },
    M23: (line) => {
      const name = line.slice(4)
      const file = card.find(({ short, long }) => [short, long].includes(name))
      if (this.#fault === 'no-card' || !file) return `open failed, File: ${name}.\nok\n`
      this.#file = file
      this.#done = 0
      return `echo:Now fresh file: ${name}\nFile opened: ${name} Size: ${file.bytes}\nFile selected\nok\n`
    },
    M24: () => {
      if (this.#file) this.#run(true)
      return 'ok\n'
    },
    M25: () => {
      this.#run(false)
      return 'ok\n'
    },
    M27: (line) => {
      if (line.includes('C')) return `Current file: ${this.#file?.long ?? '(no file)'}\nok\n`
      const done = this.#progress()
      if (!this.#isActive || !this.#file) return 'Not SD printing\nok\n'
      return `SD printing byte ${done}/${this.#file.bytes}\nok\n`
    },
    M524: () => {
      this.#stop()
      return 'ok\n'
    },
    M104: (line) => this.#set('T', line),
    M140: (line) => this.#set('B', line),
    M110: () => 'ok\n',
  }

  #set(heater: 'T' | 'B', line: string): string {
    this.#targets[heater] = Number(/S(\d+(?:\.\d+)?)/.exec(line)?.[1] ?? 0)
    return 'ok\n'
  }

  #heat(heater: 'T' | 'B'): string {
    const target = this.#targets[heater]
    return `${heater}:${(target || room).toFixed(2)} /${target.toFixed(2)}`
  }

  #run(goesOn: boolean): void {
    this.#done = this.#progress()
    this.#isActive = true
    this.#since = goesOn ? this.#now() : undefined
  }

  #stop(): void {
    this.#isActive = false
    this.#since = undefined
    this.#file = undefined
  }

  #progress(): number {
    const file = this.#file
    if (!file || this.#since === undefined) return this.#done
    const done = this.#done + ((this.#now() - this.#since) / 1_000) * bytesPerSecond
    if (done < file.bytes) return Math.floor(done)
    this.#stop()
    this.#write('Done printing file\n')
    return file.bytes
  }

  #later(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      work()
    }, ms)
    this.#timers.add(timer)
  }
}
