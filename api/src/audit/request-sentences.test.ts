import { expect, test } from 'vitest'
import { requestText } from './request-sentences.ts'

const names = { actor: 'Ana', device: 'Catraca', driver: 'control-id' }

test('a call of a known device that acts is told as what it does, with the call behind it', () => {
  const call = { method: 'POST', path: '/execute_actions.fcgi?session=[redacted]' }
  expect(requestText(call, names)?.[0]).toBe(
    'Ana acionou Catraca pela página (POST /execute_actions.fcgi?session=[redacted])',
  )
  expect(
    requestText({ method: 'POST', path: '/api/job' }, { ...names, driver: 'octoprint' })?.[1],
  ).toBe('Ana commanded the print on Catraca from its page (POST /api/job)')
})

test('reading, other drivers and unknown calls are not dressed up', () => {
  expect(requestText({ method: 'GET', path: '/execute_actions.fcgi' }, names)).toBeUndefined()
  expect(requestText({ method: 'POST', path: '/load_objects.fcgi' }, names)).toBeUndefined()
  expect(
    requestText({ method: 'POST', path: '/execute_actions.fcgi' }, { ...names, driver: 'http' }),
  ).toBeUndefined()
  expect(requestText({ method: 'POST', path: '/x/execute_actions.fcgi' }, names)).toBeUndefined()
})
