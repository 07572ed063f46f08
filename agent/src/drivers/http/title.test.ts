import { expect, test } from 'vitest'
import { titleOf } from './title.ts'

test.each([
  ['<html><head><title>Impressora 3D</title>', 'Impressora 3D'],
  ['<TITLE lang="pt">\n  Catraca\r\n  Entrada </TITLE>', 'Catraca Entrada'],
  ['<title>R&amp;D &lt;b&gt; &quot;x&quot; &#233; &#xE7; &nbsp;.</title>', 'R&D <b> "x" é ç .'],
  ['<title>A &unknown; &#9999999; B</title>', 'A &unknown; &#9999999; B'],
  ['<title>zero\u0000\u202eevil\u001b[31m</title>', 'zero evil [31m'],
  ['<title>C\ufffdmera</title>', 'C\ufffdmera'],
  ['<title>lone &#xD800; half</title>', 'lone \ufffd half'],
])('the title of %j is %j', (page, title) => {
  expect(titleOf(page)).toBe(title)
})

test.each(['', '<title>', '<title></title>', '<title>  </title>', '<titl>x</titl>', '{"a":1}'])(
  '%j has no title',
  (page) => {
    expect(titleOf(page)).toBeUndefined()
  },
)

test('a long title is cut between characters', () => {
  const title = titleOf(`<title>${'🖨'.repeat(500)}</title>`) ?? ''
  expect([...title]).toHaveLength(120)
  expect(title).not.toMatch(/\p{Cs}/u)
})

test('a title beyond 64 KiB is not looked for', () => {
  expect(titleOf(`${' '.repeat(70_000)}<title>late</title>`)).toBeUndefined()
})

test('a page made to be slow to read is not', () => {
  const begun = performance.now()
  for (const evil of ['<title', '<title>&', '<title><', '<'.repeat(6)])
    titleOf(evil.repeat(1_000_000 / evil.length))
  expect(performance.now() - begun).toBeLessThan(1_000)
})
