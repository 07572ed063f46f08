-- As before (migrations 0007 and 0010), also where a text holds a NUL, as older nodes wrote it: jsonb has none, and one such event held
-- up every retention. What is read here is never in the text; another escape in its place leaves all else readable, `\\u0000` too.
create or replace function require_retention() returns trigger language plpgsql as $$
declare
  gone jsonb;
  fact jsonb;
  days bigint;
begin
  select replace(body, '\u0000', '\u0001')::jsonb into gone from event where position = new.position
    and tenant_key = new.tenant_key and log_index = new.log_index and leaf_hash = new.leaf_hash;
  select replace(body, '\u0000', '\u0001')::jsonb into fact from event where position = new.applied_position
    and position > new.position and tenant_key = new.tenant_key;
  select (changed.fact #>> '{data,days}')::bigint into days
    from (select position, replace(body, '\u0000', '\u0001')::jsonb as fact from event where tenant_key = new.tenant_key
      and position < new.applied_position and type_key = (select key from ref where id = 'RetentionChanged')) as changed
    where changed.fact ->> 'type' = 'RetentionChanged' order by position desc limit 1;
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
create or replace function require_expired_leaf() returns trigger language plpgsql as $$ begin
  if replace(old.body, '\u0000', '\u0001')::jsonb ->> 'type' = 'RetentionApplied' or not exists (
      select from expired_leaf where tenant_key = old.tenant_key and position = old.position
        and log_index = old.log_index and leaf_hash = old.leaf_hash)
  then raise exception 'append only'; end if;
  return old;
end $$;
