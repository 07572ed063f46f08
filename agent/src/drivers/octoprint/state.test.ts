import { compile } from '@travessia/schemas/compile'
import { deviceStateSchema } from '@travessia/schemas/device-state'
import { expect, test } from 'vitest'
import { filesOf, stateOf } from './state.ts'

const isState = compile(deviceStateSchema)
const printer = (flags: object, text = 'x') => ({ state: { text, flags } })
const file = { name: 'x.gcode', path: 'pasta/x.gcode', size: 1_000 }
const job = (progress: object = {}, other: object = {}) => ({ job: { file }, progress, ...other })

test.each([
  [{ error: true, printing: true, ready: true }, 'error'],
  [{ closedOrError: true, printing: true }, 'disconnected'],
  [{ cancelling: true, pausing: true, printing: true }, 'finishing'],
  [{ finishing: true, printing: true }, 'finishing'],
  [{ pausing: true, printing: true }, 'printing'],
  [{ paused: true, printing: true }, 'paused'],
  [{ resuming: true, printing: true }, 'printing'],
  [{ printing: true, ready: false }, 'printing'],
  [{ operational: true, ready: true }, 'idle'],
  [{ operational: true }, 'unknown'],
  [{}, 'unknown'],
])('the flags %o are %s', (flags, status) => {
  expect(stateOf(printer(flags, 'Estado'), job())).toMatchObject({ status, detail: 'Estado' })
})

test.each([
  [{ state: 'Offline' }, 'disconnected', 'Offline'],
  [{ state: 'Error: Heating failed' }, 'error', 'Error: Heating failed'],
  [{ state: 'Offline after error', error: 'No more data' }, 'error', 'No more data'],
  [
    { state: 'Offline after error', error: 'Closing serial port due to emergency stop M112.' },
    'estop',
    'Closing serial port due to emergency stop M112.',
  ],
  [{}, 'disconnected', ''],
])(
  'a printer that OctoPrint is not connected to, with the job %o, is %s',
  (answer, status, detail) => {
    expect(stateOf(undefined, answer)).toEqual({ status, detail })
  },
)

test('a whole print says what, how far, how long still and how hot', () => {
  const answer = {
    ...printer({ printing: true, operational: true }, 'Printing'),
    temperature: {
      tool0: { actual: 214.84, target: 220, offset: 0 },
      bed: { actual: 59.96, target: 60 },
      chamber: { actual: 31, target: null },
      history: [],
    },
  }
  const progress = { completion: 22.98, filepos: 229, printTimeLeft: 912.4 }
  expect(stateOf(answer, job(progress))).toEqual({
    ...{ status: 'printing', detail: 'Printing' },
    job: { file: 'pasta/x.gcode', progress: 22.9, secondsLeft: 912 },
    temperatures: [
      { sensor: 'nozzle', actual: 214.8, target: 220 },
      { sensor: 'bed', actual: 60, target: 60 },
      { sensor: 'chamber', actual: 31, target: null },
    ],
  })
})

test.each([
  [{ completion: 0.2298, filepos: 230 }, 23],
  [{ completion: 41.26 }, 41.3],
  [{ completion: 100.4 }, 100],
  [{ completion: -1 }, 0],
  [{ completion: null, filepos: null }, null],
  [{ completion: 'x' }, null],
])('of the progress %o, %s %% are told', (progress, percent) => {
  const state = stateOf(printer({ printing: true }), job(progress))
  expect(state.job).toMatchObject({ progress: percent, secondsLeft: null })
})

test('a printer that is ready with its file at the end has finished, else it is idle without a job', () => {
  expect(stateOf(printer({ ready: true }), job({ completion: 100 }))).toMatchObject({
    ...{ status: 'finished', job: { file: 'pasta/x.gcode', progress: 100 } },
  })
  const idle = stateOf(printer({ ready: true }), job({ completion: null }))
  expect(idle.status).toBe('idle')
  expect(idle.job).toBeUndefined()
})

test.each([
  [undefined, undefined],
  [null, null],
  [[], 'text'],
  [{ state: 7, temperature: { tool0: 'hot', ['x'.repeat(90)]: { actual: 1 } } }, { job: 7 }],
  [
    printer({ printing: true }, 'x'.repeat(900)),
    job({}, { job: { file: { name: 'y'.repeat(900) } } }),
  ],
  [
    {
      temperature: Object.fromEntries(
        Array.from({ length: 40 }, (_, n) => [`t${n}`, { actual: n }]),
      ),
    },
    {},
  ],
])('whatever OctoPrint answers (case %#), the state is a state', (answer, work) => {
  expect(isState(stateOf(answer, work))).toBe(true)
})

const entry = (path: string, date: number, other = {}) => ({
  ...{ type: 'machinecode', origin: 'local', path, date },
  ...other,
})

test('printable files of the own storage are listed with their folders, the newest first', () => {
  const files = [
    entry('velho.gcode', 1),
    {
      type: 'folder',
      path: 'a',
      children: [entry('a/novo.gcode', 9), { type: 'folder', children: [entry('a/b/c.gcode', 5)] }],
    },
    entry('cartao.gcode', 8, { origin: 'sdcard' }),
    entry('modelo.stl', 8, { type: 'model' }),
    entry(`${'x'.repeat(200)}.gcode`, 8),
    { type: 'machinecode', origin: 'local' },
  ]
  expect(filesOf({ files })).toEqual(['a/novo.gcode', 'a/b/c.gcode', 'velho.gcode'])
  expect(filesOf(undefined)).toEqual([])
  const many = Array.from({ length: 900 }, (_, n) => entry(`${n}.gcode`, n))
  expect(filesOf({ files: many })).toHaveLength(200)
  expect(filesOf({ files: many })[0]).toBe('899.gcode')
})
