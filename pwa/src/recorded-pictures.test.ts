import { expect, test } from 'vitest'
import { picturesOf, putPictures } from './recorded-pictures.ts'
import type { ScreenEvent } from './screen-recording.ts'

const host = 'http://s.remote.localhost:8002'
const session = 'a'.repeat(26)
const captured = new Map([['/logo.png?x=1', 'data:image/png;base64,AAAA']])

/** What becomes of it in a page's first picture, and the paths that are asked for. */
function shown(node: unknown): { node: unknown; asked: string[] } {
  const data = { node }
  const events: ScreenEvent[] = [{ type: 2, timestamp: 1, data }]
  const asked = [...picturesOf(events)]
  putPictures(events, captured)
  return { node: data.node, asked }
}
const image = (src: string, more = {}) => ({ tagName: 'img', attributes: { src, ...more } })

test.each([
  ['on a host of its own', `${host}/logo.png?x=1`],
  ['under a path', `http://remote.localhost/remote/s/${session}/logo.png?x=1`],
  ['without a host', '/logo.png?x=1'],
])('a picture %s is what was captured of it', (_where, src) => {
  const { node, asked } = shown({ childNodes: [image(src, { srcset: `${src} 2x` })] })
  expect(asked).toEqual(['/logo.png?x=1'])
  expect(node).toEqual({ childNodes: [image('data:image/png;base64,AAAA')] })
})

test('a picture that was not captured leads nowhere, one that stands in the page stays', () => {
  expect(shown(image(`${host}/fora.png`)).node).toEqual(image(''))
  expect(shown(image('data:image/gif;base64,R0lG')).node).toEqual(
    image('data:image/gif;base64,R0lG'),
  )
})

test('style sheets, attributes and what is changed later show pictures too; what a page says in words does not', () => {
  const events: ScreenEvent[] = [
    {
      type: 3,
      timestamp: 1,
      data: { source: 0, attributes: [{ id: 1, attributes: { src: `${host}/logo.png?x=1` } }] },
    },
    {
      type: 3,
      timestamp: 2,
      data: {
        source: 0,
        adds: [
          { node: { attributes: { _cssText: `b { background: url("${host}/logo.png?x=1") }` } } },
        ],
      },
    },
    {
      type: 3,
      timestamp: 3,
      data: {
        source: 0,
        attributes: [{ id: 1, attributes: { style: { background: `url(${host}/fora.png)` } } }],
      },
    },
    { type: 3, timestamp: 4, data: { source: 0, texts: [{ id: 2, value: 'url(x)' }] } },
  ]
  putPictures(events, captured)
  const said = events.map(({ data }) => JSON.stringify(data))
  expect(said[0]).toContain('"src":"data:image/png;base64,AAAA"')
  expect(said[1]).toContain('url(\\"data:image/png;base64,AAAA\\")')
  expect(said[2]).toContain('url(\\"\\")')
  expect(said[3]).toContain('url(x)')
})
