-- Tables of STORE 3.2, with the names that SQLite's have. Integers are keys inside the store only; outside, ids are 26 characters.
create table ref(key bigint generated always as identity primary key, id text collate "C" not null unique);

create table log_head(id integer primary key check (id = 1), next_position bigint not null);
insert into log_head values (1, 1);
create table tenant_head(tenant_key bigint primary key, next_log_index bigint not null);

-- bucket: the month in which the stream opened; all its events are in that partition.
create table stream(
  tenant_key bigint not null,
  stream_key bigint not null,
  kind text not null,
  version integer not null,
  bucket date not null,
  primary key (tenant_key, stream_key)
);

create table event(
  position bigint not null,
  tenant_key bigint not null,
  log_index bigint not null,
  stream_key bigint not null,
  version integer not null,
  type text not null,
  at timestamptz not null,
  actor_key bigint not null,
  installation_key bigint,
  device_key bigint,
  session_key bigint,
  body text not null,
  leaf_hash bytea not null,
  bucket date not null,
  primary key (position, bucket),
  unique (stream_key, version, bucket)
) partition by range (bucket);
create index event_tenant on event(tenant_key, position);
create index event_installation on event(tenant_key, installation_key, position) where installation_key is not null;
create index event_actor on event(tenant_key, actor_key, position);
create index event_device on event(tenant_key, device_key, position) where device_key is not null;
create index event_session on event(tenant_key, session_key, position) where session_key is not null;

create function refuse_change() returns trigger language plpgsql as $$ begin raise exception 'append only'; end $$;
create trigger event_is_never_changed before update or delete on event
  for each row execute function refuse_change();
create trigger event_is_never_emptied before truncate on event
  for each statement execute function refuse_change();

-- A second fence behind the condition of each query: a connection sees the tenant that it said, or says that it reads the whole log.
alter table event enable row level security;
alter table event force row level security;
create policy tenant_sees on event for select using (
  (select current_setting('travessia.tenant', true)) = 'all'
  or tenant_key = (select key from ref where id = (select current_setting('travessia.tenant', true)))
);
create policy all_append on event for insert with check (true);
