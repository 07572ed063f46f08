import type { AuditEvent, EventProof } from '@travessia/schemas/api/audit'
import { checkEvent } from '@travessia/schemas/evidence/event-check'
import { proofIn } from '@travessia/schemas/evidence/event-proof.fixture'
import { newSigner } from '@travessia/schemas/evidence/signer.fixture'
import decodeQr from 'qr/decode.js'
import { afterEach, expect, test, vi } from 'vitest'
import { page } from 'vitest/browser'
import { cleanup, render } from 'vitest-browser-svelte'
import { m } from '../paraglide/messages.js'
import EventProofPage from './event-proof.svelte'

afterEach(() => {
  vi.unstubAllGlobals()
  return cleanup()
})

const event = {
  ...{ id: 'e4', logIndex: 4, type: 'UserSignedIn', at: '2026-11-24T12:00:00.000Z' },
  ...{ summary: 'Ana entrou', data: { clientIp: '203.0.113.9' }, actor: { name: 'Ana' } },
} as unknown as AuditEvent
const texts = Array.from({ length: 7 }, (_, n) =>
  JSON.stringify({ ...event, id: `e${n}`, data: { clientIp: 'sealed:1:x' } }),
)
const proven: EventProof = { ...proofIn(texts, 'travessia/node/tenant', newSigner()), event }
const { hash } = checkEvent(proven, null)

async function open(
  change: Partial<EventProof> | Response = {},
  less: ReadonlyArray<keyof EventProof> = [],
  cited: string | null = null,
): Promise<void> {
  const found = { ...proven, ...change }
  for (const name of less) delete found[name]
  vi.stubGlobal('fetch', async () => (change instanceof Response ? change : Response.json(found)))
  await render(EventProofPage, { index: '4', cited })
}
const shown = (text: string) => expect.element(page.getByText(text, { exact: true })).toBeVisible()
const citation = () => page.getByRole('heading', { name: m.cite_title() }).query()
const change = (text = '') => (text.startsWith('A') ? 'B' : 'A') + text.slice(1)

test('an event is checked here and shown with its text, and cited by its place and hash', async () => {
  await open({}, [], hash)
  await shown(m.event_proven())
  await shown('Ana entrou')
  await page.getByText(m.event_text()).click()
  await shown(texts[4] ?? '')
  await shown(m.event_sealed())
  const url = `${location.origin}/auditoria/eventos/4?hash=${hash}`
  const what = `${event.at}: ${event.summary}`
  await shown(m.cite_text({ origin: proven.origin, index: 4, what, url }))
  expect(document.body.textContent).not.toContain(m.event_other())
})

test('the code of a citation is read back as its address', async () => {
  await open()
  await shown(m.cite_title())
  const svg = document.querySelector('svg[role="img"]') as SVGElement
  const picture = new Image()
  const text = new XMLSerializer().serializeToString(svg)
  picture.src = `data:image/svg+xml,${encodeURIComponent(text.replace('<svg', '<svg width="570" height="570"'))}`
  await picture.decode()
  const canvas = Object.assign(document.createElement('canvas'), { width: 570, height: 570 })
  const context = canvas.getContext('2d')
  context?.drawImage(picture, 0, 0)
  const pixels = context?.getImageData(0, 0, 570, 570)
  expect(pixels && decodeQr(pixels)).toBe(`${location.origin}/auditoria/eventos/4?hash=${hash}`)
})

test.each([
  ['its text', { text: `${proven.text} ` }, m.event_altered()],
  ['its hash', { leaf: change(proven.leaf) }, m.event_altered()],
  [
    'the proof',
    { proof: { ...proven.proof, path: proven.proof?.path.map(change) } },
    m.event_unproven(),
  ],
  [
    'the signature',
    { proof: { ...proven.proof, note: proven.proof?.note.replace(/....\n$/, 'AAA=\n') } },
    m.event_unproven(),
  ],
] as Array<[string, Partial<EventProof>, string]>)(
  'a byte that was changed in %s is told, and nothing of the event is shown or cited',
  async (_what, wrong, said) => {
    await open(wrong)
    await shown(said)
    expect(document.body.textContent).not.toContain('Ana entrou')
    expect(document.body.textContent).not.toContain(m.event_proven())
    expect(citation()).toBeNull()
  },
)

test('cited by another hash it says first that this is not the event that was cited, and cites nothing', async () => {
  await open({}, [], change(hash))
  await shown(m.event_other())
  await shown('Ana entrou')
  expect(document.querySelectorAll('.notice.good')).toHaveLength(0)
  expect(citation()).toBeNull()
})

test('an event that is not signed yet says so, and is checked again', async () => {
  await open({}, ['proof'])
  await shown(m.event_unsigned())
  vi.stubGlobal('fetch', async () => Response.json(proven))
  await page.getByRole('button', { name: m.event_check_again() }).click()
  await shown(m.event_proven())
})

test('of an event that has expired the hash is proven and can be cited', async () => {
  await open({}, ['text', 'event'])
  await shown(m.event_expired())
  await shown(hash)
  expect(citation()).not.toBeNull()
})

test('an event that was taken out is said to be, and cannot be cited', async () => {
  await open({}, ['text', 'event', 'leaf'])
  await shown(m.event_missing())
  expect(citation()).toBeNull()
})

test('of an erased person it says what was erased, and that the proof holds', async () => {
  await open({ event: { ...event, data: { clientIp: '[erased]' } } })
  await shown(m.event_erased())
  await shown(m.event_proven())
})

test('without network, and when it is not there, that is said with what to do', async () => {
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('no network')))
  await render(EventProofPage, { index: '4', cited: null })
  await shown(m.error_no_network())
  vi.stubGlobal('fetch', async () => Response.json(proven))
  await page.getByRole('button', { name: m.retry() }).click()
  await shown(m.event_proven())
  await cleanup()
  await open(Response.json({ status: 404, code: 'NOT_FOUND', title: '' }, { status: 404 }))
  await shown(m.event_not_found())
  expect(document.body.textContent).not.toContain(m.retry())
})
