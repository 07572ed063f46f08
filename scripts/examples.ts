/** Makes `examples/` anew: the evidence of one remote session of the demo, and a twin with one byte changed. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { fileNames } from '@travessia/schemas/evidence/manifest'
import { readDirectory, readEntry } from '@travessia/schemas/evidence/unzip'
import { openFile } from '../api/src/audit/open-file.ts'
import { zip } from '../api/src/audit/zip.ts'
import { Api, deviceNamed } from '../rig/api.ts'
import { eventually } from '../rig/eventually.ts'
import { enterSession, fetchPage } from '../rig/pages.ts'
import { root } from '../rig/processes.ts'
import { startStack } from '../rig/stack.ts'

const directory = join(root, 'examples')
const intact = join(directory, 'session.zip')
const altered = join(directory, 'session-altered.zip')

const stack = await startStack()
try {
  const manager = await new Api(stack.httpUrl).signIn('gestor@demo.travessia')
  const turnstile = await eventually(() => deviceNamed(manager, 'Catraca'), { withinMs: 60_000 })
  const session = await eventually(
    () =>
      enterSession(manager, turnstile.id, { reason: 'Horário de verão' }).catch(
        () => false as const,
      ),
    { withinMs: 60_000, what: 'a session' },
  )
  const headers = { cookie: session.cookie }
  for (const path of ['/', '/', '/favicon.ico']) await fetchPage(session.base + path, { headers })
  await manager.call('DELETE', `/api/sessions/${session.sessionId}`)
  const { token } = await new Api(stack.httpUrl).signIn('auditor@demo.travessia')
  const query = `format=bundle&sessionId=${session.sessionId}`
  const response = await fetch(`${stack.httpUrl}/api/audit/export?${query}`, {
    headers: { authorization: `Bearer ${token}` },
  })
  mkdirSync(directory, { recursive: true })
  writeFileSync(intact, Buffer.from(await response.arrayBuffer()))
  writeFileSync(altered, await buffer(zip(withOneByteChanged())))
} finally {
  await stack.stop()
}

/** The status of an answer: 200 becomes 500. */
async function* withOneByteChanged() {
  const file = await openFile(intact)
  for (const [name, entry] of await readDirectory(file)) {
    const bytes = await buffer(readEntry(file, entry))
    if (name === fileNames.events)
      bytes.write('5', bytes.indexOf('"status":200') + '"status":'.length)
    yield {
      name,
      data: (async function* () {
        yield bytes
      })(),
    }
  }
  await file.close()
}
