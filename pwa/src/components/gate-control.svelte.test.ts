import type { Device } from '@travessia/schemas/api'
import { afterEach, expect, test, vi } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import GateControl from './gate-control.svelte'

const device = { id: 'a'.repeat(26), name: 'Entrada' } as Device

afterEach(() => {
  vi.unstubAllGlobals()
  return cleanup()
})

/** Shows the control over a network that gives these answers, one per request; undefined: the answer is lost. */
async function show(answers: Array<Response | undefined>, obstacle?: string) {
  const keys: string[] = []
  vi.stubGlobal('fetch', async (_path: string, { headers }: RequestInit) => {
    keys.push(new Headers(headers).get('idempotency-key') ?? '')
    const answer = answers.shift()
    if (!answer) throw new TypeError('network')
    return answer
  })
  const onissued = vi.fn()
  const props = { device, installationName: 'Matriz', obstacle, pending: undefined, onissued }
  await render(GateControl, props)
  return { keys, onissued }
}

/** The two steps of the keyboard. */
async function release(): Promise<void> {
  page.getByRole('button').element().focus()
  await userEvent.keyboard('{Enter}{Enter}')
}

const issued = () => Response.json({ commandId: 'c', expiresAt: '' }, { status: 202 })

test('a lost answer keeps the idempotency key, so trying again is the same command', async () => {
  const { keys, onissued } = await show([undefined, issued()])
  await release()
  await expect.element(page.getByText(m.error_no_network())).toBeVisible()
  await release()
  await expect.poll(() => onissued.mock.calls.length).toBe(1)
  expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/)
  expect(keys[1]).toBe(keys[0])
})

test('the next command after an answer has a key of its own', async () => {
  const { keys, onissued } = await show([issued(), issued()])
  await release()
  await expect.poll(() => onissued.mock.calls.length).toBe(1)
  await release()
  await expect.poll(() => onissued.mock.calls.length).toBe(2)
  expect(keys[1]).not.toBe(keys[0])
})

test('a refusal is an answer: trying again is a new command', async () => {
  const problem = {
    title: 'Agente offline',
    status: 503,
    code: 'AGENT_OFFLINE',
    correlationId: 'r',
  }
  const { keys, onissued } = await show([Response.json(problem, { status: 503 }), issued()])
  await release()
  await expect.element(page.getByText('Agente offline')).toBeVisible()
  await release()
  await expect.poll(() => onissued.mock.calls.length).toBe(1)
  expect(keys[1]).not.toBe(keys[0])
})

test('with an obstacle nothing can be sent', async () => {
  const { keys } = await show([issued()], 'offline')
  await expect.element(page.getByRole('button')).toBeDisabled()
  await release()
  expect(keys).toEqual([])
})
