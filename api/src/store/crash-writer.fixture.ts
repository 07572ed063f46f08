/** For tests: appends without end and says on stdout, a line each, what was acknowledged. Meant to be killed. */
import { append } from './conformance-events.ts'
import type { EventStore } from './event-store.ts'

const [target = ''] = process.argv.slice(2)
const store = await open()

/** Only what is needed is loaded: it is started hundreds of times. */
async function open(): Promise<EventStore> {
  if (!target.startsWith('postgresql:')) {
    const { createSqliteStore } = await import('./sqlite.ts')
    return createSqliteStore(target)
  }
  const [{ createPostgresStore }, { pino }] = await Promise.all([
    import('./postgres.ts'),
    import('pino'),
  ])
  return createPostgresStore(target, pino({ level: 'silent' }))
}

async function write(): Promise<never> {
  for (;;) {
    const one = append()
    const { position } = await store.append(one)
    process.stdout.write(`${position} ${one.tenantId} ${one.streamId}\n`)
  }
}
await Promise.all(Array.from({ length: 16 }, write))
