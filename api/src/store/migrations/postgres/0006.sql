-- What a retention has removed: the leaf of each event stays (ADR 28). As in SQLite: an event leaves the log only when its very leaf is
-- kept here, and a leaf is kept here only when a fact of its tenant in the log says that it expired.
create table expired_leaf(
  tenant_key bigint not null,
  position bigint not null,
  log_index bigint not null,
  leaf_hash bytea not null,
  applied_position bigint not null,
  primary key (tenant_key, position)
);

create function require_retention() returns trigger language plpgsql as $$ begin
  if not exists (
      select from event where position = new.position and tenant_key = new.tenant_key
        and log_index = new.log_index and leaf_hash = new.leaf_hash)
    or not exists (
      select from event as fact, jsonb_array_elements(fact.body::jsonb #> '{data,spans}') as span
        where fact.position = new.applied_position and fact.tenant_key = new.tenant_key
          and fact.type = 'RetentionApplied'
          and new.log_index between (span ->> 0)::bigint and (span ->> 1)::bigint)
  then raise exception 'no retention says so'; end if;
  return new;
end $$;
create trigger expired_leaf_is_said_by_a_fact before insert on expired_leaf
  for each row execute function require_retention();
create trigger expired_leaf_is_never_changed before update or delete on expired_leaf
  for each row execute function refuse_change();
create trigger expired_leaf_is_never_emptied before truncate on expired_leaf
  for each statement execute function refuse_change();

create function require_expired_leaf() returns trigger language plpgsql as $$ begin
  if old.type = 'RetentionApplied' or not exists (
      select from expired_leaf where tenant_key = old.tenant_key and position = old.position
        and log_index = old.log_index and leaf_hash = old.leaf_hash)
  then raise exception 'append only'; end if;
  return old;
end $$;
drop trigger event_is_never_changed on event;
create trigger event_is_never_changed before update on event
  for each row execute function refuse_change();
create trigger event_is_never_removed before delete on event
  for each row execute function require_expired_leaf();
create policy expired_go on event for delete using ((select current_setting('travessia.tenant', true)) = 'all');

alter table expired_leaf enable row level security;
alter table expired_leaf force row level security;
create policy tenant_sees on expired_leaf for select using (
  (select current_setting('travessia.tenant', true)) = 'all'
  or tenant_key = (select key from ref where id = (select current_setting('travessia.tenant', true)))
);
create policy all_append on expired_leaf for insert with check (true);
