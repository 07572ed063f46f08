-- The same events, smaller (ADR 33): types are integers as other ids are, times are milliseconds, and no index repeats the position,
-- which stands at the end of each of its entries anyway. The leaf comes before the text, so that reading it never reads a long one.
insert or ignore into ref(id) select distinct type from event;

create table narrow_event(
  position integer primary key,
  tenant_key integer not null,
  log_index integer not null,
  stream_key integer not null,
  version integer not null,
  type_key integer not null,
  at integer not null,
  actor_key integer not null,
  installation_key integer,
  device_key integer,
  session_key integer,
  leaf_hash blob not null,
  body text not null
);
insert into narrow_event
  select position, tenant_key, log_index, stream_key, version, (select key from ref where id = type),
    coalesce(cast(round(unixepoch(at, 'subsec') * 1000) as integer), 0),
    actor_key, installation_key, device_key, session_key, leaf_hash, body
  from event order by position;

drop trigger expired_leaf_is_said_by_a_fact;
drop table event;
alter table narrow_event rename to event;

create unique index event_stream on event(stream_key, version);
create index event_tenant on event(tenant_key);
create index event_installation on event(tenant_key, installation_key) where installation_key is not null;
create index event_actor on event(tenant_key, actor_key);
create index event_device on event(tenant_key, device_key) where device_key is not null;
create index event_session on event(tenant_key, session_key) where session_key is not null;
create index event_type on event(tenant_key, type_key);

-- As before (migration 0006). What a fact is says the text that was hashed.
create trigger event_is_never_changed before update on event begin select raise(abort, 'append only'); end;
create trigger event_is_never_removed before delete on event
when json_extract(old.body, '$.type') = 'RetentionApplied' or not exists (
    select 1 from expired_leaf where tenant_key = old.tenant_key and position = old.position
      and log_index = old.log_index and leaf_hash = old.leaf_hash)
begin select raise(abort, 'append only'); end;
create trigger expired_leaf_is_said_by_a_fact before insert on expired_leaf
when not exists (
    select 1 from event where position = new.position and tenant_key = new.tenant_key
      and log_index = new.log_index and leaf_hash = new.leaf_hash)
  or not exists (
    select 1 from event as fact, json_each(fact.body, '$.data.spans') as span
      where fact.position = new.applied_position and fact.tenant_key = new.tenant_key
        and json_extract(fact.body, '$.type') = 'RetentionApplied'
        and new.log_index between json_extract(span.value, '$[0]') and json_extract(span.value, '$[1]'))
begin select raise(abort, 'no retention says so'); end;
