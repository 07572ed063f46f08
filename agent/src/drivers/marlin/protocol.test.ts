import { expect, test } from 'vitest'
import {
  filesOf,
  isSendable,
  LineSplitter,
  printedBytesOf,
  readLine,
  temperaturesOf,
} from './protocol.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

/** The same numbers in each run (LCG of Numerical Recipes). */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

test('any slicing of the byte stream gives the same lines', () => {
  const stream = bytes(
    'start\r\necho:Marlin 2.1.2\n\n\0\0ok T:201.3 /210.0\nFile opened: peça_número_1.gcode Size: 12\n' +
      `${'x'.repeat(1_500)}\nok\n//action:paused\r\nok P15 B3\nunfinished`,
  )
  const whole = new LineSplitter().push(stream)
  expect(whole).toEqual([
    ...['start', 'echo:Marlin 2.1.2', 'ok T:201.3 /210.0'],
    ...['File opened: peça_número_1.gcode Size: 12', 'ok', '//action:paused', 'ok P15 B3'],
  ])
  for (let seed = 0; seed < 300; seed += 1) {
    const next = numbers(seed)
    const splitter = new LineSplitter()
    const lines: string[] = []
    for (let at = 0; at < stream.length; ) {
      const length = 1 + next(seed % 3 === 0 ? 2 : 60)
      lines.push(...splitter.push(stream.subarray(at, at + length)))
      at += length
    }
    expect(lines, `seed ${seed}`).toEqual(whole)
  }
})

test('a line without an end costs a kilobyte, and what follows it is read', () => {
  const splitter = new LineSplitter()
  for (let i = 0; i < 1_000; i += 1) expect(splitter.push(bytes('x'.repeat(1_000)))).toEqual([])
  expect(splitter.push(bytes('\nok\n'))).toEqual(['ok'])
  expect(splitter.push(bytes(`${'y'.repeat(1_024)}\n${'z'.repeat(1_025)}\n`))).toEqual([
    'y'.repeat(1_024),
  ])
})

test('bytes that are no text are read as such and stop nothing', () => {
  const splitter = new LineSplitter()
  const lines = splitter.push(Uint8Array.from([0xff, 0xc3, 0x0a, ...bytes('ok\n')]))
  expect(lines).toEqual(['\ufffd\ufffd', 'ok'])
})

test.each([
  ['ok', 'ok', ''],
  ['ok P15 B3', 'ok', 'P15 B3'],
  ['ok T:201.3 /210.0 B:60.1 /60.0 @:127 B@:64', 'ok', 'T:201.3 /210.0 B:60.1 /60.0 @:127 B@:64'],
  ['okay then', 'text', 'okay then'],
  ['echo:busy: processing', 'busy', 'processing'],
  ['busy: paused for user', 'busy', 'paused for user'],
  ['Resend: 12', 'resend', '12'],
  ['rs 12', 'resend', '12'],
  ['rs N12', 'resend', '12'],
  ['rsomething', 'text', 'rsomething'],
  ['start', 'start', ''],
  ['started', 'text', 'started'],
  ['Error:Printer halted. kill() called!', 'halted', 'Printer halted. kill() called!'],
  [
    ...['Error:Heating failed, system stopped! Heater_ID: 0', 'halted'],
    'Heating failed, system stopped! Heater_ID: 0',
  ],
  ['Error:checksum mismatch, Last Line: 7', 'error', 'checksum mismatch, Last Line: 7'],
  ['!! Move out of range', 'error', 'Move out of range'],
  ['//action:paused', 'action', 'paused'],
  ['// action:resume', 'action', 'resume'],
  ['// some comment', 'noise', ''],
  ['wait', 'noise', ''],
  ['T:25.1 /210.0 B:22 /60 @:127 W:?', 'temperatures', 'T:25.1 /210.0 B:22 /60 @:127 W:?'],
  ['T0:25.1 /210.0', 'temperatures', 'T0:25.1 /210.0'],
  ['echo:Unknown command: "M999"', 'text', 'Unknown command: "M999"'],
  ['Not SD printing', 'text', 'Not SD printing'],
] as const)('the line %j is %s', (line, kind, text) => {
  expect(readLine(line)).toEqual({ kind, text })
})

test('a command that would be two commands, a comment or half a command is not sendable', () => {
  expect(isSendable('M23 PART_1.GCO')).toBe(true)
  expect(isSendable('M23 my part (2).gco')).toBe(true)
  for (const bad of ['M23 A\nM112', 'M23 A\rM112', 'M23 A;B', 'M23 A*12', 'M23 peça', ''])
    expect(isSendable(bad), bad).toBe(false)
  expect(isSendable(`M23 ${'a'.repeat(92)}`)).toBe(true)
  expect(isSendable(`M23 ${'a'.repeat(93)}`)).toBe(false)
})

test('temperatures have names, and a heater that is off has no target', () => {
  expect(temperaturesOf('T:201.3 /210.0 B:60.1 /0.0 C:31 /0 @:127 B@:64')).toEqual([
    { sensor: 'nozzle', actual: 201.3, target: 210 },
    { sensor: 'bed', actual: 60.1, target: null },
    { sensor: 'chamber', actual: 31, target: null },
  ])
  expect(temperaturesOf('P15 B3')).toEqual([])
})

test('of several nozzles each is named once', () => {
  const text = 'T:201.3 /210.0 B:60.1 /60.0 T0:201.3 /210.0 T1:24.0 /0.0 @:127'
  expect(temperaturesOf(text)).toEqual([
    { sensor: 'bed', actual: 60.1, target: 60 },
    { sensor: 'nozzle 1', actual: 201.3, target: 210 },
    { sensor: 'nozzle 2', actual: 24, target: null },
  ])
})

test('the printed bytes are read from the answer to M27', () => {
  expect(printedBytesOf(['SD printing byte 123/12345'])).toEqual({ done: 123, of: 12_345 })
  expect(printedBytesOf(['Not SD printing'])).toBeUndefined()
  expect(printedBytesOf([])).toBeUndefined()
})

test('files are what M23 takes: short names, without folders and without names that cannot be sent', () => {
  const lines = ['Begin file list', 'A.GCO 120', 'B~1.GCO 4 b long.gcode', '/SUB/C.GCO 7']
  expect(filesOf([...lines, 'X;Y.GCO 1', 'End file list'])).toEqual([
    ...['A.GCO', 'B~1.GCO', 'SUB/C.GCO'],
  ])
  expect(filesOf(lines)).toEqual([])
  expect(filesOf(['No media'])).toEqual([])
  const many = Array.from({ length: 300 }, (_, index) => `F${index}.GCO 1`)
  expect(filesOf(['Begin file list', ...many, 'End file list'])).toHaveLength(200)
})
