import type { CommandState } from '@travessia/schemas/api'
import { errorText } from '@travessia/schemas/errors'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import { getLocale, overwriteGetLocale } from '../paraglide/runtime.js'
import CommandOutcome from './command-outcome.svelte'

afterEach(() => cleanup())

const states: Array<[CommandState['status'], boolean | null, () => string]> = [
  ['succeeded', false, m.command_accepted_note],
  ['succeeded', true, m.command_confirmed_note],
  ['failed', null, m.command_failed_note],
  ['refused', null, m.command_refused_note],
  ['expired', null, m.command_expired_note],
  ['unknown', null, m.command_unknown_note],
]
const notes = new Set(states.map(([, , note]) => note))

async function show(
  status: CommandState['status'],
  confirmed: boolean | null = null,
  changes: Partial<CommandState> = {},
) {
  const expiresAt = new Date(Date.now() + 5_000).toISOString()
  const plain = { command: 'OpenGate', detail: null, errorCode: null, expiresAt }
  await render(CommandOutcome, { command: { ...plain, status, confirmed, ...changes } })
  return page.getByRole('status').element().textContent ?? ''
}

test.each(states)(
  '%s (confirmed: %s) says what is known and nothing of the other outcomes',
  async (...row) => {
    const [status, confirmed, note] = row
    const text = await show(status, confirmed)
    expect([...notes].filter((one) => text.includes(one()))).toEqual([note])
  },
)

test.each(['issued', 'delivered', 'running'] as const)(
  '%s claims no outcome yet',
  async (status) => {
    const text = await show(status)
    expect([...notes].filter((one) => text.includes(one()))).toEqual([])
    expect(text).not.toContain(m.command_succeeded())
  },
)

test.each([
  ['succeeded', 4],
  ['refused', 2],
  ['expired', 2],
  ['unknown', 2],
] as const)('%s marks only the steps that are known to have happened', async (status, marked) => {
  await show(status)
  expect(document.querySelectorAll('li.done')).toHaveLength(marked)
})

test('what waits for a second person has not been sent, and says how long it waits', async () => {
  const text = await show('awaiting')
  expect(text).toMatch(/0:0\d/)
  // Not read aloud each second.
  expect(page.getByRole('timer').element().textContent).toMatch(/0:0\d/)
  expect([...notes].filter((one) => text.includes(one()))).toEqual([])
  expect(document.querySelectorAll('li.done')).toHaveLength(0)
})

test.each([
  ['refused', 'APPROVAL_REJECTED'],
  ['expired', 'APPROVAL_LAPSED'],
] as const)('%s by %s says so, and no step happened', async (status, errorCode) => {
  const text = await show(status, null, { errorCode })
  expect(text).toContain(errorText(errorCode, getLocale()))
  expect(text).not.toContain(m.command_expired_note())
  expect(document.querySelectorAll('li.done')).toHaveLength(1)
})

test('the device’s own words stand apart from the sentence, as code', async () => {
  await show('unknown', null, { errorCode: 'COMMAND_UNKNOWN', detail: 'no answer' })
  expect(document.querySelector('.notice')?.textContent).not.toContain('no answer')
  expect(document.querySelector('.mono')?.textContent).toBe('COMMAND_UNKNOWN · no answer')
})

test('a refusal for a reason of ours says it in the reader’s language', async () => {
  const text = await show('refused', null, { errorCode: 'AGENT_PAUSED' })
  expect(text).toContain(errorText('AGENT_PAUSED', getLocale()))
})

test.each([
  ['refused', 'COMMAND_REFUSED', 'DEVICE_SIGN_IN_REFUSED'],
  ['refused', 'COMMAND_UNSUPPORTED', 'SERIAL_MISSING'],
  ['failed', 'DEVICE_ANSWER', 'DEVICE_ANSWER'],
  ['unknown', 'COMMAND_UNKNOWN', 'DEVICE_TIMEOUT'],
] as const)('%s because of %s, %s is said in the language of the person', async (...row) => {
  const [status, errorCode, detail] = row
  const locale = getLocale()
  onTestFinished(() => overwriteGetLocale(() => locale))
  for (const language of ['pt-BR', 'en'] as const) {
    overwriteGetLocale(() => language)
    await cleanup()
    await show(status, null, { errorCode, detail })
    const note = page.getByRole('status').element().querySelector('.notice')?.textContent
    expect(note).toContain(errorText(detail, language))
    // What is not known stays so, whatever the reason is.
    if (status === 'unknown') expect(note).toContain(m.command_unknown_note())
  }
})

test('a printer that is not heard of again does not say that something was opened', async () => {
  const text = await show('unknown', null, { command: 'PausePrint' })
  expect(text).toContain(m.command_unclear_note())
  expect(text).not.toContain(m.command_unknown_note())
})

test.each([
  ['succeeded', 'passed', m.command_passed_note],
  ['succeeded', 'gave-up', m.command_gave_up_note],
  ['unknown', 'passed', m.command_passed_note],
] as const)('%s, and then the device wrote %s: that is said', async (status, passage, note) => {
  const plain = { command: 'OpenGate', detail: null, errorCode: null, confirmed: false }
  await render(CommandOutcome, { command: { ...plain, status }, passage })
  const text = page.getByRole('status').element().textContent ?? ''
  expect(text).toContain(note())
  expect([...notes].filter((one) => text.includes(one()))).toEqual([])
})
