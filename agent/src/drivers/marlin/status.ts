/** What is known of one printer, from its lines and its answers, in our vocabulary. No I/O, no clock. */
import type { DeviceState } from '@travessia/schemas/device-state'
import { type Line, printedBytesOf, type Temperature, temperaturesOf } from './protocol.ts'

type Printed = { readonly done: number; readonly of: number }

export class PrinterStatus {
  #offline: string | undefined = 'DEVICE_UNREACHABLE'
  #temperatures: readonly Temperature[] = []
  #files: readonly string[] = []
  #file = ''
  #printed: Printed | undefined
  #isPaused = false
  /** Where the pause was seen: a printer that has gone on since then was resumed by somebody at its screen. */
  #pausedAt: number | undefined
  #ending: 'finished' | 'cancelled' | undefined
  #isStopAsked = false
  #stopped: { readonly status: 'estop' | 'error'; readonly detail: string } | undefined
  /** Busy with something that it was told outside of a print, mostly heating. */
  #isBusy = false

  get isPrinting(): boolean {
    return this.#printed !== undefined && !this.#isPaused
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** Of the print that goes on; '' when the printer has not named it. */
  get file(): string {
    return this.#file
  }

  lost(why: string): void {
    this.#offline = why
  }

  heard({ kind, text }: Line): void {
    this.#offline = undefined
    this.#isBusy = kind === 'busy' || kind === 'temperatures'
    if (kind === 'ok' || kind === 'temperatures') this.#heated(temperaturesOf(text))
    else if (kind === 'start') this.#restarted()
    else if (kind === 'halted') this.#halted(text)
    else if (kind === 'action') this.#acted(text)
    else if (kind === 'text') this.#said(text)
  }

  /** `M115` was answered: whatever had stopped, runs. */
  answered(): void {
    this.#stopped = undefined
    this.#isStopAsked = false
  }

  /** @param lines the answer to `M27` */
  progressed(lines: readonly string[]): void {
    const now = printedBytesOf(lines)
    if (now) {
      if (this.#isPaused) this.#pausedAt ??= now.done
      if (this.#pausedAt !== undefined && now.done > this.#pausedAt) this.#goesOn()
      this.#printed = now
      this.#ending = undefined
    } else if (!this.#isPaused || this.#pausedAt !== undefined) this.#ended(this.#ending)
    // Else: firmware that says "Not SD printing" of a paused print.
  }

  listed(files: readonly string[]): void {
    this.#files = files
  }

  named(file: string): void {
    this.#file = file.slice(0, 200)
  }

  paused(): void {
    this.#isPaused = true
    this.#pausedAt = undefined
  }

  resumed(): void {
    this.#goesOn()
  }

  cancelled(): void {
    this.#ended('cancelled')
  }

  stopAsked(): void {
    this.#isStopAsked = true
  }

  stopDenied(): void {
    this.#isStopAsked = false
  }

  state(): DeviceState {
    if (this.#stopped) return this.#stopped
    if (this.#offline !== undefined) return { status: 'offline', detail: this.#offline }
    const printed = this.#printed
    return {
      status: this.#word(),
      ...(printed ? { job: jobOf(this.#file, printed) } : {}),
      ...(this.#temperatures.length > 0 ? { temperatures: [...this.#temperatures] } : {}),
      ...(this.#files.length > 0 ? { files: [...this.#files] } : {}),
    }
  }

  #word(): DeviceState['status'] {
    if (this.#isPaused) return 'paused'
    if (this.#printed) return 'printing'
    return this.#isBusy ? 'preparing' : (this.#ending ?? 'idle')
  }

  #heated(temperatures: readonly Temperature[]): void {
    if (temperatures.length > 0) this.#temperatures = temperatures
  }

  #restarted(): void {
    this.#ended(undefined)
    this.answered()
  }

  #halted(detail: string): void {
    this.#ended(undefined)
    this.#stopped = {
      status: this.#isStopAsked ? 'estop' : 'error',
      detail: detail.slice(0, 200),
    }
  }

  /** What the printer tells its host: somebody is at its screen. */
  #acted(text: string): void {
    if (/^paused?\b/.test(text)) this.paused()
    else if (/^resumed?\b/.test(text)) this.#goesOn()
    else if (/^cancel\b/.test(text)) this.#ended('cancelled')
  }

  #said(text: string): void {
    const opened = /^File opened:\s*(\S.*?)\s+Size:/.exec(text)?.[1]
    if (opened !== undefined) this.named(opened)
    else if (/^Done printing file/.test(text)) this.#ended('finished')
  }

  #goesOn(): void {
    this.#isPaused = false
    this.#pausedAt = undefined
  }

  #ended(ending: 'finished' | 'cancelled' | undefined): void {
    this.#goesOn()
    this.#printed = undefined
    this.#ending = ending
  }
}

function jobOf(file: string, { done, of }: Printed): NonNullable<DeviceState['job']> {
  const progress = of > 0 ? Math.min(100, Math.round((done / of) * 1_000) / 10) : null
  return { file, progress, secondsLeft: null }
}
