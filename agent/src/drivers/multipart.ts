/** A form with one file [RFC 7578], sent as it is read: its length is known before its bytes. */
import { newId } from '@travessia/schemas/ids'
import type { CommandFile, StreamedBody } from './driver.ts'

export function multipartOf(
  fields: Readonly<Record<string, string>>,
  file: CommandFile,
): { readonly headers: Readonly<Record<string, string>>; readonly body: StreamedBody } {
  const boundary = `travessia-${newId()}`
  const plain = Object.entries(fields).map(
    ([name, value]) => `${start(boundary)}; name="${name}"\r\n\r\n${value}\r\n`,
  )
  const head = Buffer.from(
    `${plain.join('')}${start(boundary)}; name="file"; filename="${quotable(file.name)}"\r\n` +
      'Content-Type: application/octet-stream\r\n\r\n',
  )
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
  async function* read(): AsyncGenerator<Uint8Array> {
    yield head
    yield* file.read()
    yield tail
  }
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: { length: head.length + file.length + tail.length, read },
  }
}

function start(boundary: string): string {
  return `--${boundary}\r\nContent-Disposition: form-data`
}

/** As browsers write it. */
function quotable(name: string): string {
  return name.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}
