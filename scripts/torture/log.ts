/** The log after the torture: as the API gives it to an auditor, and whether the store itself left nothing out. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Api } from '../../rig/api.ts'
import { eventually } from '../../rig/eventually.ts'
import type { Check, Fact } from './judge.ts'

/** All facts of a kind, oldest first. */
export async function readFacts(api: Api, kind: 'command' | 'session'): Promise<Fact[]> {
  const facts: Fact[] = []
  let query = ''
  for (;;) {
    // A node that has too much to do says so, and is asked again.
    const body = await eventually(() => pageOf(api, `kind=${kind}&limit=200${query}`), {
      what: 'an answer of the log',
    })
    facts.push(...body.items)
    if (body.nextCursor === undefined) return facts.toReversed()
    query = `&cursor=${body.nextCursor}`
  }
}

type Page = { readonly items: Fact[]; readonly nextCursor?: string }

async function pageOf(api: Api, query: string): Promise<Page | undefined> {
  const { status, body } = await api.call<Page>('GET', `/api/audit/events?${query}`)
  if (status === 503) return undefined
  if (status !== 200) throw new Error(`the log answered ${status} ${JSON.stringify(body)}`)
  return body
}

const gaps = {
  'positions of the log are dense': `select 'positions ' || min(position) || '-' || max(position) as problem
    from event having count(*) <> max(position) - min(position) + 1`,
  'numbers of each tenant are dense': `select 'tenant ' || tenant_key || ' ' || count(*) as problem from event
    group by tenant_key having count(*) <> max(log_index) - min(log_index) + 1`,
  'versions of each stream are dense and in the order of the log': `select 'stream ' || stream_key as problem
    from (select stream_key, version, row_number() over (partition by stream_key order by position) as place
      from event) where version <> place`,
}

/** Reads the stopped node's own file. */
export function checkStore(directory: string): Check[] {
  const database = new DatabaseSync(join(directory, 'events.db'), { readOnly: true })
  try {
    return Object.entries(gaps).map(([title, sql]) => ({
      title,
      problems: database
        .prepare(sql)
        .all()
        .map(({ problem }) => String(problem)),
    }))
  } finally {
    database.close()
  }
}
