/** The simulated camera's picture as PNG: a bar that wanders over a gradient, the time, and a number that grows. */
import { crc32, deflateSync } from 'node:zlib'

const width = 320
const height = 180
const rowBytes = width * 3 + 1
const scale = 4

/** Three by five, a number of three bits for each row. */
const digits: Readonly<Record<string, readonly number[]>> = {
  '0': [7, 5, 5, 5, 7],
  '1': [2, 6, 2, 2, 7],
  '2': [7, 1, 7, 4, 7],
  '3': [7, 1, 7, 1, 7],
  '4': [5, 5, 7, 1, 1],
  '5': [7, 4, 7, 1, 7],
  '6': [7, 4, 7, 5, 7],
  '7': [7, 1, 1, 2, 2],
  '8': [7, 5, 7, 5, 7],
  '9': [7, 5, 7, 1, 7],
  ':': [0, 2, 0, 2, 0],
  '#': [5, 7, 5, 7, 5],
}

/** @param count of pictures so far */
export function picture(at: number, count: number): Buffer {
  const rows = Buffer.alloc(height * rowBytes)
  const bar = Math.floor(at / 25) % width
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const isBar = Math.abs(x - bar) < 8
      const shade = isBar ? [240, 160, 40] : [40 + y / 2, 60 + y / 2, 80 + x / 4]
      rows.set(shade, offsetOf(x, y))
    }
  }
  write(rows, new Date(at).toLocaleTimeString('pt-BR'), [12, 12])
  write(rows, `#${count}`, [12, height - 12 - 5 * scale])
  return png(rows)
}

function write(rows: Buffer, text: string, [left, top]: readonly [number, number]): void {
  for (const [place, sign] of [...text].entries()) {
    for (const [y, bits] of (digits[sign] ?? []).entries())
      for (const x of [0, 1, 2])
        if (bits & (4 >> x)) fill(rows, left + (place * 4 + x) * scale, top + y * scale)
  }
}

function fill(rows: Buffer, left: number, top: number): void {
  for (let y = top; y < top + scale; y += 1)
    for (let x = left; x < Math.min(left + scale, width); x += 1)
      rows.fill(255, offsetOf(x, y), offsetOf(x, y) + 3)
}

function offsetOf(x: number, y: number): number {
  return y * rowBytes + 1 + x * 3
}

function png(rows: Buffer): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2, 0, 0, 0], 8)
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  const body = deflateSync(rows, { level: 1 })
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', body),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type), data])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  const check = Buffer.alloc(4)
  check.writeUInt32BE(crc32(named))
  return Buffer.concat([length, named, check])
}
