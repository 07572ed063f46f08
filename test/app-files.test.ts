/** The app's own files, as a browser fetches them. */
import { brotliDecompressSync } from 'node:zlib'
import { request } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { startBareNode } from './bare-node.ts'

test('a script of the app comes compressed to a browser that takes that, plain to others, and is kept for ever', async () => {
  const node = await startBareNode()
  onTestFinished(() => node.stop())
  const ask = async (path: string, encodings: string) => {
    const { headers, body } = await request(node.httpUrl + path, {
      headers: { 'accept-encoding': encodings },
    })
    return { headers, bytes: Buffer.from(await body.arrayBuffer()) }
  }
  const page = await ask('/', 'br')
  expect(page.headers).toMatchObject({ 'cache-control': 'no-cache' })
  const path = /src="(\/assets\/[^"]+\.js)"/.exec(page.bytes.toString())?.[1] ?? ''
  const [small, plain] = [await ask(path, 'gzip, br'), await ask(path, 'gzip')]
  expect(small.headers).toMatchObject({
    'content-encoding': 'br',
    'content-type': expect.stringContaining('javascript'),
    'cache-control': expect.stringContaining('immutable'),
    vary: expect.stringMatching(/accept-encoding/i),
  })
  expect(plain.headers['content-encoding']).toBeUndefined()
  expect(brotliDecompressSync(small.bytes).equals(plain.bytes)).toBe(true)
  expect(small.bytes.length).toBeLessThan(plain.bytes.length / 2)
})
