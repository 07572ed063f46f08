/** What is missing of a recorded screen, or was never seen on it (ADR 29): forged, refused, too large, lost on the way. The log tells. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Route } from 'playwright'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../rig/eventually.ts'
import { type RecordedPages, replayed, startRecordedPages } from './recorded-pages.ts'
import { look, newPhone, phone, violations } from './screens.ts'

let pages: RecordedPages

beforeAll(async () => {
  pages = await startRecordedPages()
})

afterAll(() => pages?.stop())

/** What a script of a device's page may try: a description of its own, sent to a session. */
const forge = (url: string, count: number) => `(async () => {
  const body = JSON.stringify({ page: 'forged', events: [{ type: 4, timestamp: 1, data: 'forjado' }] })
  const statuses = []
  for (let n = 0; n < ${count}; n += 1)
    statuses.push(await fetch(${JSON.stringify(url)}, { method: 'POST', mode: 'no-cors', body, credentials: 'include' })
      .then((answer) => answer.status, () => 0))
  return statuses
})()`
const dom = '/__travessia/dom'

test('a page cannot put a recording into another session, though the browser has its cookie', async () => {
  const victim = await pages.visit('host')
  const page = await victim.page.context().newPage()
  const attacker = await pages.visit('host', page)
  await page.goto(`${attacker.base}/loose`)
  const refused = page.waitForResponse((answer) => answer.url() === victim.base + dom)
  await page.evaluate(forge(victim.base + dom, 1))
  expect((await refused).status()).toBe(403)
  await page.evaluate(forge(attacker.base + dom, 1))
  await expect
    .poll(async () => (await pages.recordings(attacker.sessionId)).join(''))
    .toContain('forjado')
  expect((await pages.recordings(victim.sessionId)).join('')).not.toContain('forjado')
  await attacker.end()
})

test('a page that floods the recorder fills nothing, the refusals are in the log, and it goes on working', async () => {
  const visit = await pages.visit('host')
  await visit.page.goto(`${visit.base}/loose`)
  const begun = performance.now()
  const statuses = await visit.page.evaluate<number[]>(forge(visit.base + dom, 200))
  // 20 at once, and 2 with each second that it took.
  const most = 20 + 2 * Math.ceil((performance.now() - begun) / 1_000)
  const kept = statuses.filter((status) => status === 204).length
  expect(kept).toBeLessThanOrEqual(most)
  expect(statuses.filter((status) => status === 429)).toHaveLength(200 - kept)
  await visit.page.goto(visit.base)
  expect((await visit.press('ligado')).looks.state).toBe('ligado')
  await eventually(async () =>
    (await pages.gaps(visit.sessionId)).some(({ cause }) => cause === 'rate'),
  )
  await visit.end()
})

test('a page that is larger than a message is recorded in pieces, and one that is too large for that is a gap to read', async () => {
  const visit = await pages.visit('host')
  await visit.page.goto(`${visit.base}/large`)
  const pieces = async () =>
    (await pages.recordings(visit.sessionId)).filter((text) => text.includes('"piece":{'))
  await eventually(async () => {
    const [first, ...more] = (await pieces()).map((text) => JSON.parse(text).piece)
    return first?.count > 2 && more.length === first.count - 1
  })
  expect(await pages.gaps(visit.sessionId)).toEqual([])
  await visit.page.goto(`${visit.base}/huge`)
  await eventually(async () => (await pages.gaps(visit.sessionId)).length > 0)
  expect(await pages.gaps(visit.sessionId)).toMatchObject([{ cause: 'too-large', parts: 1 }])
  expect(visit.said).toEqual([])
  await visit.end()
  const { desk } = pages
  await pages.openReplay(visit.sessionId, 600)
  await desk.getByText('Lacuna na gravação da tela de Bomba: a página é grande demais').waitFor()
  await desk.getByText('Partes da tela não foram gravadas').waitFor()
  const paragraphs = `${replayed}?.querySelectorAll('p').length`
  await expect.poll(() => desk.evaluate<number>(paragraphs), { timeout: 20_000 }).toBe(5_000)
  expect(await violations(desk, 'lacuna na gravação')).toEqual([])
})

test('a session of whose screen nothing was recorded says why where the picture would be', async () => {
  const { desk, node } = pages
  const { page } = await newPhone(pages.browser)
  const broken = { postData: JSON.stringify({ page: 'abc', lost: 'broken' }) }
  await page.route('**/__travessia/dom', (route) => route.continue(broken))
  const visit = await pages.visit('host', page)
  await eventually(async () => (await pages.gaps(visit.sessionId)).length > 0)
  await visit.end()
  await desk.setViewportSize(phone)
  await desk.goto(`${node.httpUrl}/auditoria/sessoes/${visit.sessionId}`)
  const screen = desk.getByRole('region', { name: 'Tela' })
  const sentence = 'Lacuna na gravação da tela de Bomba: a página não se deixou gravar'
  await screen.getByText(sentence).waitFor()
  await desk.getByRole('region', { name: 'Linha do tempo' }).getByText(sentence).waitFor()
  await look(desk, 'lacuna-sem-tela')
  await desk.setViewportSize({ width: 1280, height: 720 })
})

/** In a page, before the recorder: its messages, as it sends them and as it hears what became of them. */
const counting = `
  window.counted = { sent: 0, answered: 0 }
  const { fetch } = window
  window.fetch = (...request) => {
    counted.sent += 1
    return fetch(...request).finally(() => { counted.answered += 1 })
  }`

test('a page of which several messages are refused is silent for ten seconds after the last one, and describes itself anew once', async () => {
  const visit = await pages.visit('host')
  const { clock } = visit.page
  const sent: Route[] = []
  const pictures = () => sent.filter((route) => route.request().postData()?.includes('"index":0'))
  /** How many messages the page has sent, and knows the answer of. */
  const known = (what: 'sent' | 'answered') => visit.page.evaluate<number>(`counted.${what}`)
  const refuse = async (route: Route) => {
    const before = await known('answered')
    await route.fulfill({ status: 429 })
    await expect.poll(() => known('answered')).toBe(before + 1)
  }
  // What the first page says as it goes is not waited for.
  await visit.page.goto('about:blank')
  await clock.install()
  await visit.page.addInitScript(counting)
  await visit.page.route('**/__travessia/dom', (route) => void sent.push(route))
  await visit.page.goto(`${visit.base}/large`)
  await eventually(async () => pictures().length === 1)
  // What the page did since then goes out, too: nothing is left to be sent.
  await clock.pauseAt(Date.now() + 60_000)
  await expect.poll(async () => (await known('sent')) === sent.length).toBe(true)
  const refused = [...sent]
  for (const route of refused) {
    await clock.runFor(6_000)
    await refuse(route)
  }
  await clock.runFor(9_000)
  expect(refused.length).toBeGreaterThan(1)
  expect(sent).toHaveLength(refused.length)
  await clock.runFor(1_500)
  await eventually(async () => pictures().length === 2)
  await clock.runFor(30_000)
  await sleep(500)
  expect(pictures()).toHaveLength(2)
  await visit.end()
})

test('what the network lost is a gap, told when it works again', async () => {
  const visit = await pages.visit('host')
  const causes = async () => (await pages.gaps(visit.sessionId)).map(({ cause }) => cause)
  let isCut = false
  await visit.page.route('**/__travessia/dom', (route) => {
    isCut = true
    return route.abort()
  })
  await visit.press('ligado')
  await eventually(async () => isCut)
  await visit.page.unroute('**/__travessia/dom')
  await eventually(async () => (await causes()).includes('unsent'), { withinMs: 25_000 })
  await visit.end()
})

test('a page that goes away before all of it was sent is a gap', async () => {
  const visit = await pages.visit('host')
  let isHeld = false
  await visit.page.route('**/__travessia/dom', (route) => {
    if (!route.request().postData()?.includes('"piece":{')) return route.continue()
    isHeld = true
    return undefined
  })
  await visit.page.goto(`${visit.base}/large`)
  await eventually(async () => isHeld)
  await visit.page.goto(`${visit.base}/loose`)
  await eventually(async () =>
    (await pages.gaps(visit.sessionId)).some(({ cause }) => cause === 'unsent'),
  )
  await visit.end()
})

test('what a page shows as it goes away is a gap where it has more bytes than a last message, whatever it is written in', async () => {
  const visit = await pages.visit('host')
  await visit.page.goto(`${visit.base}/loose`)
  await eventually(async () => (await pages.recordings(visit.sessionId)).join('').includes('Solta'))
  // Fewer characters than that; the event comes right after, so that nothing of it was sent before.
  await visit.page.evaluate(`document.body.append('ã'.repeat(40_000))
    Promise.resolve().then(() => dispatchEvent(new Event('pagehide')))`)
  const isTold = async () =>
    (await pages.gaps(visit.sessionId)).some(({ cause }) => cause === 'unsent')
  // A page that stays tells it 10 s later whatever happens.
  await eventually(isTold, { withinMs: 6_000 })
  await visit.end()
})
