import { DatabaseSync } from 'node:sqlite'
import type { AuditEvent } from '@travessia/schemas/api'
import type { RecordedEvent } from '@travessia/schemas/events'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SessionsView } from '../views/sessions.ts'
import { csvCell, exportHead, exportLine, sessionsToExport } from './export.ts'
import { sampleData } from './sample-data.fixture.ts'

const event = {
  ...{ position: 7, logIndex: 3, id: 'i', type: 'SessionClosed', at: '2026-11-24T12:00:00Z' },
  ...{ streamId: 's', version: 1, correlationId: 'c', summary: 'Sessão terminou: "fim", ponto' },
  actor: { type: 'user', id: 'u', name: '=cmd|calc' },
  data: { reason: 'linha 1\r\nlinha 2' },
} as unknown as AuditEvent

test.each([
  ['=1+1', "'=1+1"],
  ['+1', "'+1"],
  ['-1', "'-1"],
  ['@SUM(A1)', "'@SUM(A1)"],
  [' =1+1', "' =1+1"],
  ['\t=1', "'\t'=1"],
  ['\r=1', `"'\r'=1"`],
  ['\n=1', `"'\n'=1"`],
  ['x;=1+1; -1;y', "x;'=1+1;' -1;y"],
  ['x\t@a', "x\t'@a"],
  ['a-b; c=d', 'a-b; c=d'],
  ['＝1+1', "'＝1+1"],
  ['a,b', '"a,b"'],
  ['say "hi"', '"say ""hi"""'],
  ['=a,"b"', `"'=a,""b"""`],
  ['plain', 'plain'],
  [undefined, ''],
  [null, ''],
  [12, '12'],
])('the cell of %j is %j: no formula, no second cell', (value, cell) => {
  expect(csvCell(value)).toBe(cell)
})

/** Cells of one CSV line [RFC 4180]. */
function parse(line: string): string[] {
  const cells = line.match(/("(?:[^"]|"")*"|[^,]*)(,|\r\n)/g) ?? []
  return cells.map((cell) => {
    const text = cell.replace(/(,|\r\n)$/, '')
    return text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text
  })
}

test('a CSV line has a cell for each column, whatever is in the event', () => {
  const columns = parse(exportHead('csv'))
  const cells = parse(exportLine('csv', event))
  expect(cells).toHaveLength(columns.length)
  const row = Object.fromEntries(columns.map((column, i) => [column, cells[i]]))
  expect(row).toMatchObject({
    position: '7',
    logIndex: '3',
    actorName: "'=cmd|calc",
    installationId: '',
  })
  expect(row['summary']).toBe(event.summary)
  expect(JSON.parse(row['data'] ?? '')).toEqual(event.data)
})

test('no text makes a formula or a line of its own in CSV, nor a second line in JSON lines', () => {
  fc.assert(
    fc.property(
      fc.string({
        unit: fc.constantFrom(
          '=',
          '＠',
          '+',
          '-',
          '@',
          '"',
          ',',
          '\r',
          '\n',
          '\t',
          'a',
          ' ',
          '\u2028',
        ),
      }),
      (text) => {
        const one = { ...event, summary: text, data: { text } } as unknown as AuditEvent
        const cells = parse(exportLine('csv', one))
        expect(cells).toHaveLength(15)
        for (const cell of cells) expect(cell).not.toMatch(/^[=＠+\-@\t\r\n]/)
        const line = exportLine('jsonl', one)
        expect(line.indexOf('\n')).toBe(line.length - 1)
        expect(JSON.parse(line)).toMatchObject({ summary: text })
      },
    ),
  )
})

test('JSON lines have no head', () => {
  expect(exportHead('jsonl')).toBe('')
})

test('events of up to 200 sessions are exported at once, and more are refused, not left out', async () => {
  const sessions = new SessionsView(new DatabaseSync(':memory:'))
  const filter = { tenantId: 't', installationIds: null }
  const request = (position: number) =>
    sessions.apply({
      ...{ position, streamId: `s${position}`, tenantId: 't', at: '', actor: { id: 'u' } },
      ...{ type: 'SessionRequested', data: sampleData.SessionRequested },
    } as unknown as RecordedEvent)
  for (let position = 1; position <= 200; position += 1) request(position)
  expect((await sessionsToExport(sessions, filter)).length).toBe(200)
  request(201)
  const refused = expect.objectContaining({ code: 'MESSAGE_INVALID' })
  await expect(sessionsToExport(sessions, filter)).rejects.toEqual(refused)
})
