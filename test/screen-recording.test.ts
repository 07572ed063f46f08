/**
 * A device's page as a person used it, and as an auditor sees it again: through a node, a paired agent and Chromium, on a host of
 * its own and under a path (ADR 29). What is typed is nowhere, and the page does not notice.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { readDirectory, readEntry } from '@travessia/schemas/evidence/unzip'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dataFiles } from '../rig/data-files.ts'
import { eventually } from '../rig/eventually.ts'
import {
  type Mode,
  type Pressed,
  type RecordedPages,
  replayed,
  startRecordedPages,
} from './recorded-pages.ts'
import { violations } from './screens.ts'

const typed = ['nome-digitado', 'senha-digitada', 'nota-digitada', 'livre-digitado']
const idleMs = 8_000
let pages: RecordedPages

beforeAll(async () => {
  pages = await startRecordedPages()
  // Both at once: most of it is time in which nothing happens.
  ;[used.host, used.path] = await Promise.all([use('host'), use('path')])
})

afterAll(() => pages?.stop())

type Used = { sessionId: string; on: Pressed; off: Pressed; said: readonly string[] }
const used = {} as Record<Mode, Used>

async function use(mode: Mode): Promise<Used> {
  const visit = await pages.visit(mode)
  const labels = ['Nome', 'Senha', 'Nota', 'Livre']
  for (const [index, label] of labels.entries())
    await visit.page.getByLabel(label).pressSequentially(String(typed[index]))
  await visit.page.getByLabel('Sentido').selectOption('direita')
  const on = await visit.press('ligado')
  await sleep(idleMs)
  const off = await visit.press('desligado')
  // Each press leaves a line. What a page sends while it goes away may be lost with its browser.
  await eventually(
    async () => (await pages.recordings(visit.sessionId)).join().split('feito').length > 2,
    { what: 'the last of the screen' },
  )
  await visit.end()
  return { sessionId: visit.sessionId, on, off, said: visit.said }
}

describe.each<Mode>(['host', 'path'])('%s mode', (mode) => {
  let sessionId: string
  let on: Pressed
  let off: Pressed
  let said: readonly string[]

  beforeAll(() => {
    ;({ sessionId, on, off, said } = used[mode])
  })

  /** Where this is in the replay, in seconds. */
  async function instantOf(ms: number): Promise<number> {
    const [first] = await pages.facts(sessionId)
    return (ms - Date.parse(String(first?.['at']))) / 1_000
  }

  test('the page works as without the recorder, and neither it nor its policy notices', () => {
    expect(on.looks).toEqual({
      ...{ title: 'Bomba do poço', color: 'rgb(1, 2, 3)', state: 'ligado', signs: ['feito'] },
      ...{ pictures: [1, 1], background: true, pressure: '4 bar', direction: 'direita' },
      ...{ filled: [true, true, true, true], disturbed: '' },
    })
    expect(off.looks).toMatchObject({ state: 'desligado', signs: ['feito', 'feito'] })
    expect(said).toEqual([])
  })

  test('the auditor sees the page as the manager saw it, its frame and its pictures too, at the instant of a link', async () => {
    await pages.openReplay(sessionId, await instantOf((on.at + off.at) / 2))
    await expect.poll(() => pages.looksAgain()).toEqual(on.looks)
    expect(await violations(pages.desk, `tela gravada, ${mode}`)).toEqual([])
    // The recording lies later by what its quickest batch took to the node; after the end of the session is its end.
    await pages.openReplay(sessionId, await instantOf(off.at + idleMs / 2))
    await expect.poll(() => pages.looksAgain()).toEqual(off.looks)
  })

  test('it plays sixteen times as fast, and skips what nobody did', async () => {
    await pages.openReplay(sessionId, 0)
    const state = async () => (await pages.looksAgain())?.state
    await pages.desk.getByLabel('Velocidade').selectOption('16')
    await pages.desk.getByLabel('Pular inatividade').uncheck()
    const play = pages.desk.getByRole('button', { name: 'Reproduzir' })
    const seen = pages.desk.evaluate(untilOff)
    let startedAt = Date.now()
    await play.click()
    await seen
    await play.waitFor()
    expect(Date.now() - startedAt).toBeLessThan(idleMs / 2)
    await pages.openReplay(sessionId, await instantOf(on.at + 1_000))
    await expect.poll(state).toBe('ligado')
    startedAt = Date.now()
    await play.click()
    await expect.poll(state).toBe('desligado')
    expect(Date.now() - startedAt).toBeLessThan(idleMs - 2_000)
  })

  test('what was typed is nowhere: not in the log, its files, the copies, the bundle, nor how long it was', async () => {
    const recorded = await pages.recordings(sessionId)
    const answered = (await pages.facts(sessionId)).flatMap(({ data }) => {
      const bodies = [data['requestBody'], data['responseBody']] as Array<{ ref?: string }>
      return bodies.flatMap((body) => body?.ref ?? [])
    })
    const copies = await Promise.all(answered.map((ref) => pages.body(sessionId, ref)))
    const files = dataFiles(pages.node.dataDir).map(({ bytes }) => bytes.toString('latin1'))
    const all = [...recorded, ...copies, ...files, ...(await bundled(sessionId))].join('\n')
    expect(all).toContain('Bomba do poço')
    expect(typed.filter((text) => all.includes(text))).toEqual([])
    expect(recorded.join('')).not.toContain('lote-oculto')
    expect(recorded.join('')).not.toMatch(/\*{4}|•{7}/)
  })

  test('a page whose own mark forbids every connection is recorded too, undisturbed', async () => {
    const visit = await pages.visit(mode)
    await visit.page.goto(`${visit.base}/silent`)
    await eventually(async () =>
      (await pages.recordings(visit.sessionId)).join('').includes('Calada'),
    )
    expect(await visit.page.evaluate('document.documentElement.dataset.disturbed')).toBeUndefined()
    expect(visit.said).toEqual([])
    await visit.end()
  })
})

/** It is on and then off again: looked at in the replay itself, since so fast it is on for less than a look from here takes. */
const untilOff = `new Promise((done) => {
  let wasOn = false
  const look = () => {
    const state = ${replayed}?.getElementById('state')?.textContent
    wasOn ||= state === 'ligado'
    if (wasOn && state === 'desligado') done()
    else requestAnimationFrame(look)
  }
  look()
})`

/** Every file of the session's bundle. */
async function bundled(sessionId: string): Promise<string[]> {
  const path = `/api/audit/export?format=bundle&sessionId=${sessionId}`
  const headers = { authorization: `Bearer ${pages.node.admin.token}` }
  const bytes = new Uint8Array(
    await (await fetch(pages.node.httpUrl + path, { headers })).arrayBuffer(),
  )
  const file = {
    size: bytes.length,
    read: async (from: number, to: number) => bytes.subarray(from, to),
  }
  const texts: string[] = []
  for (const entry of (await readDirectory(file)).values()) {
    const chunks: Uint8Array[] = []
    for await (const chunk of readEntry(file, entry)) chunks.push(chunk)
    texts.push(Buffer.concat(chunks).toString())
  }
  return texts
}
