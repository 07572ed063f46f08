/** For tests: appends without end and says on stdout, a line each, what was acknowledged. Meant to be killed. */
import { append } from './conformance-events.ts'
import { createSqliteStore } from './sqlite.ts'

const [path = ''] = process.argv.slice(2)
const store = await createSqliteStore(path)

async function write(): Promise<never> {
  for (;;) {
    const one = append()
    const { position } = await store.append(one)
    process.stdout.write(`${position} ${one.tenantId} ${one.streamId}\n`)
  }
}
await Promise.all(Array.from({ length: 16 }, write))
