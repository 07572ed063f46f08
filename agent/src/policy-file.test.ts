import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from './fixtures.ts'
import { problemsOf, readPolicyFile } from './policy-file.ts'

const good = {
  devices: ['192.168.1.50', '192.168.1.60:8080', 'printer.local', '[fd00::1]:80', '/dev/ttyUSB0'],
  methods: ['GET', 'HEAD', 'WEBSOCKET'],
  commands: ['OpenGate'],
  safety: ['read', 'physical'],
  hours: {
    timeZone: 'America/Sao_Paulo',
    open: [
      { days: ['mon', 'fri'], from: '07:00', to: '19:00' },
      { days: ['sat'], from: '22:00', to: '06:00' },
      { days: ['sun'], from: '00:00', to: '24:00' },
    ],
  },
}
const opening = { days: ['mon'], from: '07:00', to: '19:00' }
const withOpening = (change: object) => ({ hours: { open: [{ ...opening, ...change }] } })

test('a good policy has no problem, an empty one neither', () => {
  for (const value of [good, {}, { commands: [] }, { hours: { open: [opening] } }])
    expect(problemsOf(value)).toEqual([])
})

test.each<[unknown, string]>([
  [[], 'must be an object'],
  ['x', 'must be an object'],
  [{ device: [] }, '"device" is no rule'],
  [{ devices: '192.168.1.50' }, '"devices" must be a list'],
  [{ devices: ['http://192.168.1.50'] }, '"http://192.168.1.50" is no address'],
  [{ devices: [5] }, '5 is no address'],
  [{ devices: ['a', 'a'] }, 'names something twice'],
  [{ methods: 'GET' }, '"methods" must be a list'],
  [{ methods: ['get'] }, '"get" is not one of GET'],
  [{ commands: ['OpenGates'] }, '"OpenGates" is not one of OpenGate'],
  [{ safety: ['safe'] }, '"safe" is not one of read'],
  [{ hours: [] }, '"hours" must be an object'],
  [{ hours: { open: [] } }, 'at least one entry'],
  [{ hours: { open: [opening], zone: 'x' } }, 'knows no "zone"'],
  [{ hours: { open: [opening], timeZone: 'Brasilia' } }, '"Brasilia" is no time zone'],
  [withOpening({ days: [] }), '"days" must be a list of mon'],
  [withOpening({ days: ['seg'] }), '"days" must be a list of mon'],
  [withOpening({ days: ['mon', 'mon'] }), '"days" must be a list of mon'],
  [withOpening({ from: '7:00' }), '"from" must be a time'],
  [withOpening({ from: '24:00' }), '"from" must be a time'],
  [withOpening({ to: '25:00' }), '"to" must be a time'],
  [withOpening({ to: '07:00' }), 'are the same'],
  [withOpening({ until: '07:00' }), 'knows no "until"'],
])('%j is wrong: %s', (value, sentence) => {
  const problems = problemsOf(value)
  expect(problems).toHaveLength(1)
  expect(problems[0]).toContain(sentence)
  expect(problems[0]).toMatch(/\.$/)
})

test('a file is read whole or refused with every problem at once', () => {
  const path = join(temporaryDirectory(), 'policy.json')
  const read = (text: string) => {
    writeFileSync(path, text)
    return readPolicyFile(path)
  }
  expect(read(JSON.stringify(good))).toEqual(good)
  const problem = (text: string) =>
    expect.objectContaining({ details: { problem: expect.stringContaining(text) } })
  expect(() => read('{')).toThrow(problem('cannot be read as JSON'))
  expect(() => read(`"${'x'.repeat(65_536)}"`)).toThrow(problem('larger than'))
  const many = Array.from({ length: 101 }, (_, i) => `h${i}`)
  expect(() => read(JSON.stringify({ devices: many }))).toThrow(problem('more than 100'))
  expect(() => read('{"methods":["x"],"hours":1}')).toThrow(problem('"x" is not one of'))
  expect(() => read('{"methods":["x"],"hours":1}')).toThrow(problem('"hours" must be'))
  expect(() => readPolicyFile(`${path}.none`)).toThrow(problem('cannot be read'))
})
