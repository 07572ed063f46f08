import type { AuditEvent } from '@travessia/schemas/api'
import { afterEach, expect, test } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import EventRow from './event-row.svelte'

afterEach(() => cleanup())

const at = '2026-11-24T12:00:00.000Z'
const event = (type: string, logIndex: number) =>
  ({ id: type, type, logIndex, at, summary: `sentence of ${type}`, data: {} }) as AuditEvent

test('the details of a fact have the sentences that its row does not say, and each fact as it is', async () => {
  const types = ['CommandIssued', 'CommandDelivered', 'CommandSucceeded']
  await render(EventRow, { props: { events: types.map(event) } })
  await page.getByText(m.audit_details()).click()
  await expect.poll(() => document.querySelectorAll('pre').length).toBe(3)
  const text = document.body.textContent ?? ''
  for (const type of types) expect(text.split(`sentence of ${type}`), type).toHaveLength(2)
})
