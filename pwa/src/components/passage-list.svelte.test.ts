import type { PassageItem } from '@travessia/schemas/api'
import { afterEach, expect, test } from 'vitest'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import PassageList from './passage-list.svelte'

afterEach(() => cleanup())

const at = '2026-11-24T12:00:00.000Z'

async function show(items: Array<Omit<PassageItem, 'id' | 'at'>>, tellsAnother = false) {
  const passages = items.map((item, index) => ({ id: String(index), at, ...item }))
  await render(PassageList, { passages, tellsAnother })
  return [...document.querySelectorAll('li')].map(({ textContent }) => textContent)
}

test('entry, exit and a rotation of which neither is known are told apart', async () => {
  const [entry, exit, turn] = await show([
    { outcome: 'passed', direction: 'clockwise', way: 'entry' },
    { outcome: 'passed', direction: 'anticlockwise', way: 'exit' },
    { outcome: 'passed', direction: 'clockwise' },
  ])
  expect(entry).toContain(m.passage_entry())
  expect(exit).toContain(m.passage_exit())
  expect(turn).toContain(m.rotation_clockwise())
})

test('each outcome has its word, and says by whom', async () => {
  const rows = await show([
    { outcome: 'passed', direction: 'clockwise', commandId: 'c' },
    { outcome: 'gave-up' },
    { outcome: 'denied', deviceUserId: '42' },
    { outcome: 'missed' },
  ])
  const words = [m.passage_passed(), m.passage_gave_up(), m.passage_denied(), m.passage_missed()]
  for (const [index, word] of words.entries()) expect(rows[index]).toContain(word)
  expect(rows[0]).toContain(m.passage_by_command())
  expect(rows[2]).toContain(m.passage_by_user({ user: '42' }))
})

test('a device that tells another server says why passages come later; without any it says so', async () => {
  await show([], true)
  expect(document.body.textContent).toContain(m.passages_tells_another())
  expect(document.body.textContent).toContain(m.no_passages())
})
