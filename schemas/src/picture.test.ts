import { expect, test } from 'vitest'
import { pictureTypeOf } from './picture.ts'

const bytes = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0))

test.each([
  ['\xff\xd8\xff\xe0', 'image/jpeg'],
  ['\x89PNG\r\n\x1a\n...', 'image/png'],
  ['GIF89a', 'image/gif'],
  ['RIFF\x24\x00\x00\x00WEBPVP8 ', 'image/webp'],
  ['<svg xmlns="http://www.w3.org/2000/svg"><script/>', undefined],
  ['<!doctype html>', undefined],
  ['RIFF\x24\x00\x00\x00WAVE', undefined],
  ['\xff\xd8', undefined],
  ['', undefined],
])('the bytes %j are %s', (text, type) => {
  expect(pictureTypeOf(bytes(text))).toBe(type)
})
