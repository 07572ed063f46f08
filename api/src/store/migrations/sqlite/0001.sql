-- Tables of STORE 3.2 in SQLite's words. Integers are keys inside the store only; outside, ids are 26 characters.
create table ref(key integer primary key, id text not null unique);

create table log_head(id integer primary key check (id = 1), next_position integer not null);
insert into log_head values (1, 1);
create table tenant_head(tenant_key integer primary key, next_log_index integer not null);

create table stream(
  tenant_key integer not null,
  stream_key integer not null,
  kind text not null,
  version integer not null,
  primary key (tenant_key, stream_key)
) without rowid;

create table event(
  position integer primary key,
  tenant_key integer not null,
  log_index integer not null,
  stream_key integer not null,
  version integer not null,
  type text not null,
  at text not null,
  actor_key integer not null,
  installation_key integer,
  device_key integer,
  session_key integer,
  body text not null,
  leaf_hash blob not null,
  unique (stream_key, version)
);
create index event_tenant on event(tenant_key, position);
create index event_installation on event(tenant_key, installation_key, position) where installation_key is not null;
create index event_actor on event(tenant_key, actor_key, position);
create index event_device on event(tenant_key, device_key, position) where device_key is not null;
create index event_session on event(tenant_key, session_key, position) where session_key is not null;

create trigger event_is_never_changed before update on event begin select raise(abort, 'append only'); end;
create trigger event_is_never_removed before delete on event begin select raise(abort, 'append only'); end;
