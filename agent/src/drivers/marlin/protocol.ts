/** Marlin's line protocol: bytes → lines → what each line says. Pure. */

const maxLineBytes = 1_024
/** Marlin's MAX_CMD_SIZE: what is longer is cut by the printer, and would be another command. */
const maxCommandBytes = 96

/** Cuts a byte stream into lines, however it is sliced; a line beyond 1 KiB is noise and left out. */
export class LineSplitter {
  readonly #decoder = new TextDecoder()
  #bytes: number[] = []
  #isTooLong = false

  push(chunk: Uint8Array): string[] {
    const lines: string[] = []
    for (const byte of chunk) {
      if (byte === 0x0a) {
        const line = this.#take()
        if (line !== '') lines.push(line)
      } else if (this.#bytes.length < maxLineBytes) this.#bytes.push(byte)
      else this.#isTooLong = true
    }
    return lines
  }

  #take(): string {
    const text = this.#isTooLong ? '' : this.#decoder.decode(Uint8Array.from(this.#bytes))
    this.#bytes = []
    this.#isTooLong = false
    // A board that resets while it writes leaves NUL and half bytes behind.
    return text.replaceAll('\0', '').trim()
  }
}

export type Line = {
  readonly kind: /** The command in flight is done; `text`: what follows `ok`. */
    | 'ok'
    /** It lives and works on it: wait longer. */
    | 'busy'
    /** The command in flight was not understood, and not done. */
    | 'resend'
    /** The board has just begun: nothing of before is known to it. */
    | 'start'
    /** It stopped itself and answers no more until somebody resets it. */
    | 'halted'
    | 'error'
    /** What the printer tells its host: `paused`, `resume`, … */
    | 'action'
    | 'temperatures'
    /** `wait`, empty keepalives. */
    | 'noise'
    | 'text'
  readonly text: string
}

const patterns: ReadonlyArray<readonly [Line['kind'], RegExp]> = [
  ['ok', /^ok(?![A-Za-z])\s*(.*)$/],
  ['busy', /^(?:echo:\s*)?busy:\s*(.*)$/i],
  ['resend', /^(?:resend:?|rs)\s*(?:N)?(\d+)\b.*$/i],
  ['start', /^start()$/],
  ['halted', /^Error:\s*(.*(?:halted|kill\(\) called|system stopped).*)$/i],
  ['error', /^(?:Error:|!!)\s*(.*)$/i],
  ['action', /^\/\/\s*action:\s*(.*)$/i],
  ['noise', /^(?:wait|\/\/.*)()$/],
  ['temperatures', /^([TB]\d?:\s*-?\d.*)$/],
]

export function readLine(line: string): Line {
  for (const [kind, pattern] of patterns) {
    const text = pattern.exec(line)?.[1]
    if (text !== undefined) return { kind, text: text.trim() }
  }
  return { kind: 'text', text: line.replace(/^echo:\s*/, '') }
}

/** Whether the printer would take `command` as it stands: one line, no comment, no checksum mark, not cut. */
export function isSendable(command: string): boolean {
  return (
    command.length <= maxCommandBytes && /^[\x20-\x7e]+$/.test(command) && !/[;*]/.test(command)
  )
}

export type Temperature = {
  readonly sensor: string
  readonly actual: number
  readonly target: number | null
}

const sensorNames: Readonly<Record<string, string>> = { T: 'nozzle', B: 'bed', C: 'chamber' }
const maxSensors = 16

/** `T:201.3 /210.0 B:60.1 /60.0 T0:201.3 /210.0 T1:24.0 /0.0 @:127` → nozzle, bed, nozzle 1, nozzle 2. */
export function temperaturesOf(text: string): Temperature[] {
  const found = text.matchAll(/\b([TBC])(\d?):\s*(-?\d+(?:\.\d+)?)\s*\/\s*(-?\d+(?:\.\d+)?)/g)
  const all = [...found].map(([, name = '', index = '', actual, target]) => ({
    sensor: `${sensorNames[name]}${index === '' ? '' : ` ${Number(index) + 1}`}`,
    actual: Number(actual),
    // 0: switched off.
    target: Number(target) || null,
  }))
  // With several nozzles, `T:` is the active one once more.
  const hasNumbers = all.some(({ sensor }) => sensor.startsWith('nozzle '))
  return all.filter(({ sensor }) => !hasNumbers || sensor !== 'nozzle').slice(0, maxSensors)
}

/** Of an answer to `M27`; undefined: it prints nothing from its card. */
export function printedBytesOf(
  lines: readonly string[],
): { readonly done: number; readonly of: number } | undefined {
  for (const line of lines) {
    const match = /SD printing byte (\d+)\/(\d+)/.exec(line)
    if (match) return { done: Number(match[1]), of: Number(match[2]) }
  }
  return undefined
}

const maxFiles = 200

/** Of an answer to `M20`: the short names, which are what `M23` takes. */
export function filesOf(lines: readonly string[]): string[] {
  const from = lines.findIndex((line) => /^Begin file list/i.test(line))
  const to = lines.findIndex((line) => /^End file list/i.test(line))
  if (from < 0 || to < from) return []
  return lines
    .slice(from + 1, to)
    .map((line) => (line.split(' ')[0] ?? '').replace(/^\//, ''))
    .filter((name) => isSendable(name) && !name.endsWith('/'))
    .slice(0, maxFiles)
}
