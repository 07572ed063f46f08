/** The machine behind the simulated printers: a job that advances with time, heaters that approach their targets. */

type Heater = 'nozzle' | 'bed'
export type Phase = 'idle' | 'printing' | 'paused' | 'finished' | 'cancelled' | 'stopped'
export type Action =
  | 'start'
  | 'pause'
  | 'resume'
  | 'cancel'
  | 'emergencyStop'
  | 'setTarget'
  | 'upload'

export type MachineOptions = {
  /** How long a whole job takes. */
  readonly jobSeconds?: number
  /** Printed from the start. */
  readonly printing?: string
}
type StoredFile = {
  readonly size: number
  readonly modifiedSeconds: number
  /** Of what was uploaded. */
  readonly sha256?: string
}

const roomCelsius = 22
const printTargets = { nozzle: 210, bed: 60 } as const
/** A heater covers 63 % of the way in this time. */
const heatMs = 4_000
const firstFiles = ['suporte.gcode', 'tampa.gcode', 'peças/engrenagem 12.gcode']
const maxFiles = 100

export class PrintingMachine {
  readonly files = new Map<string, StoredFile>(
    firstFiles.map((path, n) => [path, { size: 400_000 + n * 100_000, modifiedSeconds: n }]),
  )
  readonly #jobMs: number
  readonly #counts: Record<Action, number> = {
    ...{ start: 0, pause: 0, resume: 0, cancel: 0 },
    ...{ emergencyStop: 0, setTarget: 0, upload: 0 },
  }
  readonly #heaters = { nozzle: new HeaterModel(), bed: new HeaterModel() }
  #phase: Phase = 'idle'
  #file = ''
  #doneMs = 0
  #runningSince = 0

  constructor({ jobSeconds = 60, printing }: MachineOptions = {}) {
    this.#jobMs = jobSeconds * 1000
    if (printing !== undefined) this.#begin(printing)
  }

  get phase(): Phase {
    if (this.#phase === 'printing' && this.elapsedMs >= this.#jobMs) this.#finish('finished')
    return this.#phase
  }

  get isActive(): boolean {
    return this.phase === 'printing' || this.phase === 'paused'
  }

  /** What was really done, for tests that compare it with the log. */
  get state() {
    const { phase, file, progress } = this
    const uploads = [...this.files].flatMap(([path, { size, sha256 }]) =>
      sha256 === undefined ? [] : [{ path, size, sha256 }],
    )
    return { phase, file, progress, targets: this.targets, counts: { ...this.#counts }, uploads }
  }

  get file(): string {
    return this.#file
  }

  get elapsedMs(): number {
    const running = this.#phase === 'printing' ? performance.now() - this.#runningSince : 0
    return Math.min(this.#jobMs, this.#doneMs + running)
  }

  get jobSeconds(): number {
    return this.#jobMs / 1000
  }

  /** 0-1 */
  get progress(): number {
    return this.elapsedMs / this.#jobMs
  }

  get targets(): Readonly<Record<Heater, number>> {
    return { nozzle: this.#heaters.nozzle.target, bed: this.#heaters.bed.target }
  }

  temperature(heater: Heater): { actual: number; target: number } {
    const { actual, target } = this.#heaters[heater]
    return { actual: Math.round(actual * 10) / 10, target }
  }

  start(file: string): boolean {
    if (this.isActive || this.#phase === 'stopped' || !this.files.has(file)) return false
    this.#counts.start += 1
    this.#begin(file)
    return true
  }

  pause(): boolean {
    if (this.phase !== 'printing') return false
    this.#counts.pause += 1
    this.#doneMs = this.elapsedMs
    this.#phase = 'paused'
    return true
  }

  resume(): boolean {
    if (this.phase !== 'paused') return false
    this.#counts.resume += 1
    this.#run()
    return true
  }

  cancel(): boolean {
    if (!this.isActive) return false
    this.#counts.cancel += 1
    this.#finish('cancelled')
    return true
  }

  /** As if its time were over. */
  complete(): void {
    this.#doneMs = this.#jobMs
    this.#finish('finished')
  }

  /** Nothing moves or heats until `restart`. */
  emergencyStop(): void {
    this.#counts.emergencyStop += 1
    this.#finish('stopped')
  }

  restart(): void {
    this.#phase = 'idle'
    this.#doneMs = 0
  }

  setTarget(heater: Heater, celsius: number): void {
    this.#counts.setTarget += 1
    this.#heaters[heater].heat(celsius)
  }

  upload(path: string, size: number, sha256?: string): boolean {
    if (this.files.size >= maxFiles && !this.files.has(path)) return false
    this.#counts.upload += 1
    const modifiedSeconds = Math.floor(Date.now() / 1000)
    this.files.set(path, { size, modifiedSeconds, ...(sha256 === undefined ? {} : { sha256 }) })
    return true
  }

  #begin(file: string): void {
    this.#file = file
    this.#doneMs = 0
    for (const heater of ['nozzle', 'bed'] as const)
      this.#heaters[heater].heat(printTargets[heater])
    this.#run()
  }

  #run(): void {
    this.#runningSince = performance.now()
    this.#phase = 'printing'
  }

  #finish(phase: Phase): void {
    this.#doneMs = this.elapsedMs
    this.#phase = phase
    for (const heater of Object.values(this.#heaters)) heater.heat(0)
  }
}

class HeaterModel {
  target = 0
  #from = roomCelsius
  #since = 0

  get actual(): number {
    const aim = Math.max(this.target, roomCelsius)
    return aim + (this.#from - aim) * Math.exp((this.#since - performance.now()) / heatMs)
  }

  heat(target: number): void {
    this.#from = this.actual
    this.#since = performance.now()
    this.target = target
  }
}
