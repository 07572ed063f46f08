import { beforeEach, expect, test } from 'vitest'
import { readLine } from './protocol.ts'
import { PrinterStatus } from './status.ts'

let status: PrinterStatus
const hear = (...lines: string[]) => {
  for (const line of lines) status.heard(readLine(line))
}
const byte = (done: number) => status.progressed([`SD printing byte ${done}/1000`])
const notPrinting = () => status.progressed(['Not SD printing'])
const word = () => status.state().status

beforeEach(() => {
  status = new PrinterStatus()
})

test('a printer that nobody has reached is offline; the first line makes it more', () => {
  expect(status.state()).toEqual({ status: 'offline', detail: 'DEVICE_UNREACHABLE' })
  hear('ok T:20 /0')
  expect(word()).toBe('idle')
  status.lost('DEVICE_LOST')
  expect(status.state()).toEqual({ status: 'offline', detail: 'DEVICE_LOST' })
})

test('progress is of the bytes of the card, and unknown for an empty file', () => {
  hear('File opened: peça 1.gcode Size: 1000')
  byte(333)
  expect(status.state().job).toEqual({ file: 'peça 1.gcode', progress: 33.3, secondsLeft: null })
  status.progressed(['SD printing byte 5/0'])
  expect(status.state().job?.progress).toBeNull()
  byte(2_000)
  expect(status.state().job?.progress).toBe(100)
})

test('a paused print stays paused while its bytes stand still, and goes on when they move', () => {
  hear('ok')
  byte(100)
  status.paused()
  byte(120)
  byte(120)
  expect(word()).toBe('paused')
  byte(140)
  expect(word()).toBe('printing')
})

test('firmware that does not count a paused print as one leaves it paused', () => {
  hear('ok')
  byte(100)
  status.paused()
  notPrinting()
  expect(word()).toBe('paused')
  status.resumed()
  byte(101)
  expect(word()).toBe('printing')
})

test('a paused print that the printer forgot is over', () => {
  hear('ok')
  byte(100)
  status.paused()
  byte(100)
  notPrinting()
  expect(word()).toBe('idle')
})

test('an end is remembered until the next print', () => {
  hear('ok')
  byte(999)
  hear('Done printing file')
  notPrinting()
  expect(word()).toBe('finished')
  byte(1)
  status.cancelled()
  notPrinting()
  expect(word()).toBe('cancelled')
  byte(1)
  expect(word()).toBe('printing')
  notPrinting()
  expect(word()).toBe('idle')
})

test('a stop that was asked for is an emergency stop, another one an error; both end with a restart', () => {
  status.stopAsked()
  hear('Error:Printer halted. kill() called!')
  status.lost('DEVICE_TIMEOUT')
  expect(status.state()).toEqual({ status: 'estop', detail: 'Printer halted. kill() called!' })
  hear('start')
  expect(word()).toBe('idle')
  hear('Error:Printer halted. kill() called!')
  expect(word()).toBe('error')
  status.answered()
  hear('ok')
  expect(word()).toBe('idle')
})

test('a stop that was asked for in vain makes a later fault no emergency stop', () => {
  status.stopAsked()
  status.stopDenied()
  hear('Error:Thermal Runaway, system stopped! Heater_ID: 0')
  expect(word()).toBe('error')
})

test('a printer that is busy without a print is preparing', () => {
  hear('echo:busy: processing')
  expect(word()).toBe('preparing')
  hear('ok')
  expect(word()).toBe('idle')
  byte(1)
  hear('T:25.1 /210.0 B:22 /60 @:127 W:?')
  expect(word()).toBe('printing')
})

test('texts of the printer are cut to what a state may hold', () => {
  hear(`File opened: ${'x'.repeat(500)} Size: 1`)
  byte(1)
  expect(status.state().job?.file).toHaveLength(200)
  hear(`Error:${'y'.repeat(500)} system stopped!`)
  expect(status.state().detail).toHaveLength(200)
})

test('a file name made to be slow to read is not', () => {
  const begun = performance.now()
  for (let i = 0; i < 100; i += 1) hear(`File opened: ${' '.repeat(1_000)}`)
  expect(performance.now() - begun).toBeLessThan(2_000)
})
