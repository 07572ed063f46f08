-- A leaf is kept only of what came before its fact, is of a kind that expires, and is as old as a retention says that was in force and
-- whose days had passed (ADR 41). What cannot be told here, holds and whole streams, the plan has seen to.
create or replace function require_retention() returns trigger language plpgsql as $$
declare
  gone jsonb;
  fact jsonb;
  days bigint;
begin
  select body::jsonb into gone from event where position = new.position and tenant_key = new.tenant_key
    and log_index = new.log_index and leaf_hash = new.leaf_hash;
  select body::jsonb into fact from event where position = new.applied_position and position > new.position
    and tenant_key = new.tenant_key;
  select (body::jsonb #>> '{data,days}')::bigint into days from event where tenant_key = new.tenant_key
    and position < new.applied_position and type_key = (select key from ref where id = 'RetentionChanged')
    and body::jsonb ->> 'type' = 'RetentionChanged' order by position desc limit 1;
  if (gone ->> 'streamKind' in ('session', 'command', 'camera', 'passage', 'audit')
      or gone ->> 'type' in ('UserSignedIn', 'SignInFailed', 'UserSignedOut', 'AccessDenied'))
    and fact ->> 'type' = 'RetentionApplied' and days >= 30 and (fact #>> '{data,days}')::bigint = days
    and (gone ->> 'at')::timestamptz < (fact #>> '{data,until}')::timestamptz
    and extract(epoch from (fact #>> '{data,until}')::timestamptz) + days * 86400
      <= extract(epoch from (fact ->> 'recordedAt')::timestamptz)
    and exists (select from jsonb_array_elements(fact #> '{data,spans}') as span
      where new.log_index between (span ->> 0)::bigint and (span ->> 1)::bigint)
  then return new; end if;
  raise exception 'no retention says so';
end $$;
