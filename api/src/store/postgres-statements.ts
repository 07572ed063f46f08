/** What the writer says to PostgreSQL: each prepared once on each connection. */
export const writerStatements = {
  lockHead: 'select next_position from log_head where id = 1 for update',
  refs: `with wanted as (select unnest($1::text[]) as id),
    added as (insert into ref(id) select id from wanted on conflict (id) do nothing returning key, id)
    select key, id from added union all select ref.key, ref.id from ref join wanted using (id)`,
  // Where a stream stands its events say, and its own row once events of it have expired.
  streams: `select tenant_key, stream_key, bucket::text, greatest(version, (select max(event.version) from event
      where event.stream_key = stream.stream_key and event.bucket = stream.bucket)) as version
    from stream join unnest($1::bigint[], $2::bigint[]) as wanted(t, s) on tenant_key = t and stream_key = s`,
  tenants:
    'select tenant_key, next_log_index from tenant_head where tenant_key = any($1::bigint[])',
  // Texts each on a line, which canonical JSON never breaks: an array of them would have every quote escaped and undone.
  addEvents: `insert into event select position, tenant, log_index, stream, version, type, at, actor, installation, device, session,
      body, decode(leaf, 'hex'), bucket
    from unnest($1::bigint[], $2::int[], $3::bigint[], $4::int[], $5::int[], $6::int[], $7::bigint[], $8::int[], $9::int[],
      $10::int[], $11::int[], string_to_array($12, E'\\n'), $13::text[], $14::date[])
      as row(position, tenant, log_index, stream, version, type, at, actor, installation, device, session, body, leaf, bucket)`,
  addStreams: `insert into stream select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::int[], $5::date[])
    on conflict (tenant_key, stream_key) do nothing`,
  setTenants: `insert into tenant_head select * from unnest($1::bigint[], $2::bigint[])
    on conflict (tenant_key) do update set next_log_index = excluded.next_log_index`,
  setHours: `insert into event_hour select * from unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[])
    on conflict (tenant_key, hour) do update set
      first_position = least(excluded.first_position, event_hour.first_position),
      last_position = greatest(excluded.last_position, event_hour.last_position)`,
  setHead: `with moved as (update log_head set next_position = $1::bigint where id = 1 returning next_position)
    select pg_notify('audit', (next_position - 1)::text) from moved`,
  // Without a row to move, since another node has written, the whole transaction fails.
  moveHead: `with moved as (update log_head set next_position = $2::bigint
      where id = 1 and next_position = $1 returning next_position)
    select 1 / count(*), pg_notify('audit', ($2::bigint - 1)::text) from moved`,
  standing: `select position, body from event where stream_key = $1 and version > $2 order by version limit $3`,
  at: 'select body from event where position = $1',
  keep: `insert into checkpoint select * from unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::text[], $5::text[])
    on conflict (tenant_key, size) do nothing`,
  witness: `insert into cosignature values ($1, $2, $3, $4, $5, $6)
    on conflict (tenant_key, agent_key, size) do nothing`,
  expire: `insert into expired_leaf select tenant_key, position, log_index, leaf_hash, $1::bigint from event
    where tenant_key = $2 and position between $3 and $4`,
  keepVersions: `update stream set version = gone.version from (select stream_key, max(version) as version from event
      where tenant_key = $1 and position between $2 and $3 group by stream_key) as gone
    where stream.tenant_key = $1 and stream.stream_key = gone.stream_key and stream.version < gone.version`,
  remove: 'delete from event where tenant_key = $1 and position between $2 and $3',
  kept: `select tenant_key, size, root from checkpoint
    join unnest($1::bigint[], $2::bigint[]) as wanted(t, s) on tenant_key = t and size = s`,
} as const
