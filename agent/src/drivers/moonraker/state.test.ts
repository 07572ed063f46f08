import { compile } from '@travessia/schemas/compile'
import { deviceStateSchema } from '@travessia/schemas/device-state'
import { expect, test } from 'vitest'
import { filesOf, merged, stateOf } from './state.ts'

const isState = compile(deviceStateSchema)
const ready = { webhooks: { state: 'ready', state_message: 'Printer is ready' } }

test.each([
  ['disconnected', '', 'disconnected', 'disconnected'],
  ['startup', 'Printer is not ready', 'disconnected', 'Printer is not ready'],
  ['error', "mcu 'mcu': Unable to connect", 'error', "mcu 'mcu': Unable to connect"],
  ['shutdown', 'Shutdown due to webhooks request', 'estop', 'Shutdown due to webhooks request'],
  ['shutdown', 'Shutdown due to M112 command', 'estop', 'Shutdown due to M112 command'],
  [
    'shutdown',
    "MCU 'mcu' shutdown: ADC out of range",
    'error',
    "MCU 'mcu' shutdown: ADC out of range",
  ],
  ['new word', '', 'unknown', 'new word'],
])('Klipper in %s (%s) is %s, whatever it printed', (state, reason, status, detail) => {
  const objects = { webhooks: { state, state_message: reason }, print_stats: { state: 'printing' } }
  expect(stateOf(objects)).toEqual({ status, detail })
})

test.each([
  ['standby', 'idle'],
  ['printing', 'printing'],
  ['paused', 'paused'],
  ['complete', 'finished'],
  ['cancelled', 'cancelled'],
  ['error', 'error'],
  ['constructor', 'unknown'],
])('a print in %s is %s', (state, status) => {
  const objects = { ...ready, print_stats: { state, filename: 'x.gcode' } }
  expect(stateOf(objects)).toMatchObject({ status, detail: state })
  const hasJob = ['printing', 'paused', 'finished'].includes(status)
  expect(stateOf(objects).job?.file).toBe(hasJob ? 'x.gcode' : undefined)
})

test('a whole print says what, how far, which layer, how long still and how hot', () => {
  const objects = {
    ...ready,
    print_stats: {
      ...{ state: 'printing', filename: 'a/x.gcode', print_duration: 300, message: '' },
      info: { total_layer: 120, current_layer: 30 },
    },
    virtual_sdcard: { progress: 0.25 },
    extruder: { temperature: 214.84, target: 220 },
    extruder1: {},
    heater_bed: { temperature: 59.96, target: 0 },
  }
  expect(stateOf(objects)).toEqual({
    ...{ status: 'printing', detail: 'printing' },
    job: { file: 'a/x.gcode', progress: 25, secondsLeft: 900, layer: 30, layers: 120 },
    temperatures: [
      { sensor: 'nozzle', actual: 214.8, target: 220 },
      { sensor: 'bed', actual: 60, target: null },
    ],
  })
})

test.each([
  [0.001, 0.1, null],
  [0.5, 50, 100],
  [1, 100, 0],
  [1.5, 100, null],
  [-1, 0, null],
  [undefined, null, null],
])(
  'of the share %s of a print of 100 s, %s %% and %s s left are told',
  (progress, percent, left) => {
    const print_stats = { state: 'printing', print_duration: 100, info: { total_layer: null } }
    const { job } = stateOf({ ...ready, print_stats, virtual_sdcard: { progress } })
    expect(job).toEqual({ file: '', progress: percent, secondsLeft: left })
  },
)

test('what changed is merged field by field, and the rest stays', () => {
  const before = { ...ready, extruder: { temperature: 20, target: 200 } }
  const after = merged(before, { extruder: { temperature: 30 }, heater_bed: { target: 60 } })
  expect(after).toEqual({
    ...ready,
    extruder: { temperature: 30, target: 200 },
    heater_bed: { target: 60 },
  })
  expect(before.extruder.temperature).toBe(20)
  expect(merged(before, null)).toEqual(before)
  expect(merged(before, 'text')).toMatchObject(before)
})

test.each([
  [{}],
  [{ webhooks: 7 }],
  [{ ...ready, print_stats: 'x', extruder: [] }],
  [
    {
      ...ready,
      print_stats: { state: 'printing', filename: 'y'.repeat(900), message: 'z'.repeat(900) },
    },
  ],
  [
    {
      ...ready,
      print_stats: { state: 'paused', info: { current_layer: 1.5 } },
      virtual_sdcard: { progress: 'half' },
    },
  ],
])('whatever Klipper says (case %#), the state is a state', (objects) => {
  expect(isState(stateOf(objects))).toBe(true)
})

test('files are listed by path, the newest first, no more than two hundred', () => {
  const files = [
    { path: 'old.gcode', modified: 1 },
    { path: 'a/new.gcode', modified: 9.5 },
    { path: 'x'.repeat(201), modified: 9 },
    { modified: 9 },
    null,
  ]
  expect(filesOf(files)).toEqual(['a/new.gcode', 'old.gcode'])
  expect(filesOf({ error: 'x' })).toEqual([])
  const many = Array.from({ length: 900 }, (_, n) => ({ path: `${n}.gcode`, modified: n }))
  expect(filesOf(many)).toHaveLength(200)
})
