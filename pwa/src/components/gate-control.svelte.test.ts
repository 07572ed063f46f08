import type { Device } from '@travessia/schemas/api'
import { afterEach, expect, test, vi } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import { DeviceCommands } from '../state/device-commands.svelte.ts'
import { serverTime } from '../state/server-time.ts'
import GateControl from './gate-control.svelte'

const device = { id: 'a'.repeat(26), name: 'Entrada' } as Device

afterEach(() => {
  vi.unstubAllGlobals()
  return cleanup()
})

/** Shows the control over a network that gives these answers, one per command; undefined: the answer is lost. */
async function show(answers: Array<Response | undefined>, obstacle?: string) {
  const sent: Array<{ key: string; body: string }> = []
  vi.stubGlobal('fetch', async (_path: string, { method, headers, body }: RequestInit) => {
    if (method === 'GET') return Response.json({ items: [] })
    sent.push({ key: new Headers(headers).get('idempotency-key') ?? '', body: String(body) })
    const answer = answers.shift()
    if (!answer) throw new TypeError('network')
    return answer
  })
  serverTime.forget()
  serverTime.heard(Date.now())
  const commands = new DeviceCommands(device.id)
  await render(GateControl, { control: { device, place: 'Matriz', obstacle, commands } })
  return { sent, commands }
}

/** The two steps of the keyboard, until the answer is there. */
async function release(commands: DeviceCommands): Promise<void> {
  page.getByRole('button').element().focus()
  await userEvent.keyboard('{Enter}{Enter}')
  await expect.poll(() => commands.isPending).toBe(false)
}

const issued = () => Response.json({ commandId: 'c', expiresAt: '' }, { status: 202 })

test('a lost answer keeps the idempotency key, so trying again is the same command', async () => {
  const { sent, commands } = await show([undefined, issued()])
  await release(commands)
  expect(commands.error).toMatchObject({ code: 'NO_NETWORK' })
  await release(commands)
  expect(sent).toHaveLength(2)
  expect(sent[0]?.key).toMatch(/^[0-9a-f-]{36}$/)
  expect(sent[1]).toEqual(sent[0])
})

test.each([
  ['its command was over', 5_000, 5_000],
  ['the phone slept', 0, 30_000],
])(
  'a lost answer is forgotten when %s: the next tap is a command of its own',
  async (_what, monotonic, wall) => {
    const { sent, commands } = await show([undefined, issued()])
    await release(commands)
    const now = { monotonic: performance.now() + monotonic, wall: Date.now() + wall }
    vi.spyOn(performance, 'now').mockReturnValue(now.monotonic)
    vi.spyOn(Date, 'now').mockReturnValue(now.wall)
    serverTime.heard(now.wall)
    await commands.run(JSON.parse(String(sent[0]?.body)))
    vi.restoreAllMocks()
    expect(sent).toHaveLength(2)
    expect(sent[1]?.body).toBe(sent[0]?.body)
    expect(sent[1]?.key).not.toBe(sent[0]?.key)
  },
)

test('after a lost answer another direction is another command, with a key of its own', async () => {
  const { sent, commands } = await show([undefined, issued()])
  await release(commands)
  await userEvent.click(page.getByRole('radio').nth(1), { force: true })
  await release(commands)
  expect(sent).toHaveLength(2)
  expect(sent[1]?.body).not.toBe(sent[0]?.body)
  expect(sent[1]?.key).not.toBe(sent[0]?.key)
})

test('the next command after an answer has a key of its own', async () => {
  const { sent, commands } = await show([issued(), issued()])
  await release(commands)
  await release(commands)
  expect(sent).toHaveLength(2)
  expect(sent[1]?.key).not.toBe(sent[0]?.key)
})

test('a refusal is an answer: trying again is a new command', async () => {
  const problem = {
    title: 'Agente offline',
    status: 503,
    code: 'AGENT_OFFLINE',
    correlationId: 'r',
  }
  const { sent, commands } = await show([Response.json(problem, { status: 503 }), issued()])
  await release(commands)
  expect(commands.error).toMatchObject({ code: 'AGENT_OFFLINE' })
  await release(commands)
  expect(sent[1]?.key).not.toBe(sent[0]?.key)
})

test('with an obstacle nothing can be sent', async () => {
  const { sent, commands } = await show([issued()], 'offline')
  await expect.element(page.getByRole('button')).toBeDisabled()
  await release(commands)
  expect(sent).toEqual([])
})

test('the rotations are named entry and exit as the device has them', async () => {
  const control = {
    device,
    place: 'Matriz',
    obstacle: undefined,
    commands: new DeviceCommands('d'),
  }
  await render(GateControl, { control, entry: 'anticlockwise' })
  const names = page
    .getByRole('radio')
    .elements()
    .map((one) => one.parentElement?.textContent?.trim())
  expect(names).toEqual([
    m.gate_exit({ rotation: m.gate_clockwise() }),
    m.gate_entry({ rotation: m.gate_anticlockwise() }),
    m.gate_both(),
  ])
})

test('a reason is for one passage: it goes with the command, and stays only while that is not out', async () => {
  const { sent, commands } = await show([undefined, issued()])
  const reason = page.getByRole('textbox')
  await userEvent.fill(reason, 'visitante')
  await release(commands)
  await expect.element(reason).toHaveValue('visitante')
  await release(commands)
  await expect.element(reason).toHaveValue('')
  expect(sent.map(({ body }) => JSON.parse(body).args.reason)).toEqual(['visitante', 'visitante'])
})
